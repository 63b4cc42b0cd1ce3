"""Measure the accuracy of nearest neighbors if known classes have few training rows.

A classifier uses the nearest of 5 or 10 rows per class, or the 5 nearest of 50 rows per class, and
is tested on at most 3,000 of the other rows. The lead of the default is the difference from the
best of both plain distances and ``learned_weight=1.0`` in each draw.
"""

from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.quality.unseen import ALL, DATA_SETS, FIRST_SPLIT, N_NEW_ROWS, PLAIN, lead, load
from sksiamese import SiameseEmbedder

N_NEIGHBORS = {5: 1, 10: 1, 50: 5}
"""Number of neighbors by the number of rows per class."""

MAX_ROWS = dict.fromkeys(DATA_SETS, 50) | {"faces": 5, "signatures": 10, "Omniglot": 0}
"""Maximum number of training rows per class."""

LEARNED, DEFAULT = "learned_weight=1.0", "default"
MODELS = PLAIN | {LEARNED: SiameseEmbedder(learned_weight=1.0), DEFAULT: SiameseEmbedder()}


def measure(name, n_rows, draw, model, *, folder, **options):
    """Return the accuracy of nearest neighbors on the embeddings of a model."""
    seed = FIRST_SPLIT + draw
    X, y = load(name, folder)
    order = np.random.default_rng(seed).permutation(len(y))
    known = np.concatenate([order[y[order] == label][:n_rows] for label in np.unique(y)])
    new = order[~np.isin(order, known)][:N_NEW_ROWS]
    embedder = clone(MODELS[model])
    if model not in PLAIN:
        embedder.set_params(random_state=seed, device="cpu", **options)
    classifier = make_pipeline(embedder, KNeighborsClassifier(N_NEIGHBORS[n_rows]))
    return {"accuracy": classifier.fit(X[known], y[known]).score(X[new], y[new])}


def columns(results):
    """Return the rows of the table."""
    rows = []
    for row in results:
        values, (low, high) = row["accuracy"], row["interval"]
        plain = np.max([values[name] for name in PLAIN], axis=0)
        rows.append(
            {
                "data": row["data"],
                "rows per class": str(row["rows"]),
                "better plain distance": f"{100 * plain.mean():.1f}",
                LEARNED: f"{100 * np.mean(values[LEARNED]):.1f}",
                DEFAULT: f"{100 * np.mean(values[DEFAULT]):.1f}",
                "lead of the default": f"{100 * row['lead']:+.1f} ± {50 * (high - low):.1f}",
            }
        )
    return rows


@benchmark(few_rows=columns)
def few_rows(data, *, draws=3, sets=ALL, partial_file="", max_iter=None):
    """Return a row for each data set and number of rows per class."""
    options = {"max_iter": max_iter} if max_iter else {}
    settings = [(name, n) for name in sets.split(",") for n in N_NEIGHBORS if n <= MAX_ROWS[name]]
    cases = [(*one, draw, model) for one in settings for draw in range(draws) for model in MODELS]
    found = resume(partial_file, cases, partial(measure, folder=data, **options))
    results = []
    for name, n in settings:
        values = {
            model: [found[name, n, draw, model]["accuracy"] for draw in range(draws)]
            for model in MODELS
        }
        others = np.transpose([values[model] for model in MODELS if model != DEFAULT])
        row = {"data": name, "rows": n, "accuracy": values}
        results.append(row | lead(values[DEFAULT], others))
    return results


if __name__ == "__main__":
    start(few_rows)
