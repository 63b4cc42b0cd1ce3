"""Measure whether hard negatives help, and where.

Half of the identities of each data set are learned from, and models are tested on the others, as in
``unseen``. Embedders are trained on balanced batches, or on batches of hard negatives from all
training rows. Verifiers learn from 3,000 random pairs, or from as many pairs with hard negatives by
an embedder that was trained on the same rows. A gain is the difference of the means over splits.
"""

from functools import partial

import numpy as np
from sklearn.metrics.pairwise import paired_euclidean_distances

from benchmarks._common.figures import verification
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.quality.unseen import N_NEW_PAIRS, N_PAIRS, pairs, split
from sksiamese import SiameseEmbedder, SiameseVerifier, batches
from sksiamese.metrics import few_shot_accuracy, recall_at_k

FIRST_SPLIT = 4000
SETS = "letter,mfeat,faces,Fashion-MNIST,Omniglot"
SAMPLERS = {
    "balanced": "balanced",
    "hard negatives": "hard_negatives",
    "hard negatives, ranks 3 to 12": partial(batches.hard_negatives, ranks=(3, 13)),
    "hard negatives, relative margin 0": partial(batches.hard_negatives, relative_margin=0.0),
}
EMBEDDERS = {
    f"{loss}, {name}": SiameseEmbedder(loss=loss, sampler=sampler, learned_weight=1.0)
    for loss in ("triplet", "supcon")
    for name, sampler in SAMPLERS.items()
}
VERIFIERS = {"verifier, random pairs": None, "verifier, hard pairs": SiameseEmbedder()}
MODELS = [*EMBEDDERS, *VERIFIERS]


def measure(name, number, model, *, folder, **options):
    """Return the figures of a model on one split of a data set."""
    seed = FIRST_SPLIT + number
    X, y, X_new, y_new = split(name, folder, seed)
    Q, truth = pairs(X_new, y_new, N_NEW_PAIRS, seed)
    options = {"random_state": seed, "device": "cpu"} | options
    if model in VERIFIERS:
        by = VERIFIERS[model]
        Z = None if by is None else by.set_params(**options).fit_transform(X, y)
        drawn = pairs(X, y, N_PAIRS, seed, Z=Z)
        score = SiameseVerifier(**options).fit(*drawn).decision_function(Q)
        return {"AUC": verification(truth, score)["AUC"]}
    Z = EMBEDDERS[model].set_params(**options).fit(X, y).transform(X_new)
    distance = paired_euclidean_distances(*Z[Q.index.T])
    episodes = {"n_way": min(5, len(np.unique(y_new))), "n_episodes": 1000, "random_state": seed}
    return {
        "AUC": verification(truth, -distance)["AUC"],
        "one-shot": few_shot_accuracy(y_new, Z, **episodes),
        "recall@1": recall_at_k(y_new, Z),
    }


def columns(results):
    """Return the rows of the table: means of the first model of a kind, gains of the others."""
    rows, first = [], {}
    for row in results:
        kind = row["model"].split(",")[0]
        means = {
            (data, key): np.mean(values)
            for data, figures in row["data"].items()
            for key, values in figures.items()
        }
        base = first.setdefault(kind, means)
        for key in sorted({key for _, key in means}, key=str.lower):
            cells = {
                data: f"{means[data, key]:.3f}"
                if base is means
                else f"{means[data, key] - base[data, key]:+.3f}"
                for data in row["data"]
            }
            rows.append({"model": row["model"], "measure": key} | cells)
    return rows


@benchmark(hard_negatives=columns)
def hard_negatives(data, *, splits=3, sets=SETS, partial_file="", max_iter=None):
    """Return a row for each model, with its figures on each data set."""
    options = {"max_iter": max_iter} if max_iter else {}
    names = sets.split(",")
    cases = [(name, n, model) for name in names for n in range(splits) for model in MODELS]
    found = resume(partial_file, cases, partial(measure, folder=data, **options))
    return [
        {
            "model": model,
            "data": {
                name: {
                    key: [found[name, n, model][key] for n in range(splits)]
                    for key in found[name, 0, model]
                }
                for name in names
            },
        }
        for model in MODELS
    ]


if __name__ == "__main__":
    start(hard_negatives)
