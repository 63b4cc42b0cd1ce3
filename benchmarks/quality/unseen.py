"""Compare models on pairs and one-shot episodes of unseen identities.

Half of the identities of each data set are learned from, at most 3,500 rows, and models are tested
on at most 3,000 rows of the others: on 10,000 pairs, and in 1,000 episodes with one example of each
of five identities (three for satimage). Verifiers learn from 3,000 pairs. The plain distances are
Euclidean distances of items, with columns standardized by the training rows or as they are. PCA,
NCA and UMAP have 32 components. NCA learns from 1,000 rows with a total variance of 1; its
gradient vanishes for large distances. A lead is the difference from the better plain distance of
each split.

Splits with seeds 1000 to 1004 were looked at when the default of ``learned_weight`` was chosen;
these have the seeds ``FIRST_SPLIT``, ``FIRST_SPLIT + 1``, ....
"""

from functools import lru_cache, partial
from importlib.util import find_spec

import numpy as np
from scipy.stats import sem, t
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks._common.data import (
    load_fashion_mnist,
    load_mfeat,
    load_omniglot,
    load_svc2004,
    load_uci,
    small_faces,
)
from benchmarks._common.figures import verification
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese.metrics import few_shot_accuracy

FIRST_SPLIT = 2000
N_ROWS, N_NEW_ROWS, N_NCA_ROWS = 3500, 3000, 1000
N_PAIRS, N_NEW_PAIRS = 3000, 10000
N_EPISODES = 1000
N_POINTS = 32
DATA_SETS = {
    "digits": lambda folder: load_digits(return_X_y=True),
    "satimage": partial(load_uci, name="satimage"),
    "pendigits": partial(load_uci, name="pendigits"),
    "letter": partial(load_uci, name="letter"),
    "mfeat": load_mfeat,
    "faces": small_faces,
    "signatures": lambda folder: genuine_signatures(folder),
    "Fashion-MNIST": lambda folder: load_fashion_mnist(folder, 6000)[:2],
    "Omniglot": lambda folder: load_omniglot(folder, n_alphabets=6)[:2],
}
ALL = ",".join(DATA_SETS)
PLAIN = {"columns standardized": StandardScaler(), "unscaled items": FunctionTransformer()}
SIGN = {"AUC": 1, "EER": -1, "one-shot": 1}
"""1 for measures that are better if greater, -1 for the others."""


def genuine_signatures(folder):
    """Return genuine signatures of SVC2004, resampled to N_POINTS, and their writers."""
    signatures, writer, number = load_svc2004(folder)
    genuine = np.flatnonzero(number <= 20)
    return np.stack([resampled(signatures[row]) for row in genuine]), writer[genuine]


def resampled(signature):
    """Return centered and scaled positions and the pressure, at N_POINTS points of time."""
    series = signature[:, [0, 1, 6]].astype(np.float64)
    times = np.linspace(0, len(series) - 1, N_POINTS)
    points = np.stack([np.interp(times, np.arange(len(series)), x) for x in series.T], axis=1)
    points[:, :2] -= points[:, :2].mean(axis=0)
    points[:, :2] /= points[:, :2].std()
    return points.ravel()


@lru_cache(maxsize=1)
def load(name, folder):
    """Return the rows of a data set, and their identities."""
    X, y = DATA_SETS[name](folder)
    return X.astype(np.float32), y


@lru_cache(maxsize=1)
def split(name, folder, seed):
    """Return training rows and rows of unseen identities, both with their identities."""
    X, y = load(name, folder)
    rng = np.random.default_rng(seed)
    identities = rng.permutation(np.unique(y))
    known = np.isin(y, identities[: len(identities) // 2])
    rows = rng.permutation(np.flatnonzero(known))[:N_ROWS]
    new = rng.permutation(np.flatnonzero(~known))[:N_NEW_ROWS]
    return X[rows], y[rows], X[new], y[new]


def contenders(n_features=1, seed=0, **options):
    """Return the models compared, by name; the options are those of ours."""
    n_components = min(32, n_features)
    randomly = {"n_components": n_components, "random_state": seed}
    ours = {"random_state": seed, "device": "cpu"} | options
    alone = ours | {"learned_weight": 1.0}
    unit = FunctionTransformer(lambda Z: Z / np.sqrt(n_features))
    regression = LogisticRegression(max_iter=1000)
    models = PLAIN | {
        "PCA, columns standardized": make_pipeline(StandardScaler(), PCA(**randomly)),
        "PCA, unscaled items": PCA(**randomly),
        "LDA": LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
        "NCA": make_pipeline(StandardScaler(), unit, NeighborhoodComponentsAnalysis(**randomly)),
        "logits of LogisticRegression": make_pipeline(StandardScaler(), regression),
        "SiameseEmbedder": SiameseEmbedder(**ours),
        "SiameseEmbedder, learned_weight=1.0": SiameseEmbedder(**alone),
        "SiameseVerifier": SiameseVerifier(**ours),
        "SiameseVerifier, learned_weight=1.0": SiameseVerifier(**alone),
    }
    if find_spec("umap"):
        from umap import UMAP

        models["supervised UMAP"] = make_pipeline(StandardScaler(), UMAP(n_jobs=1, **randomly))
    return models


def pairs(X, y, n_pairs, seed, **options):
    """Return at most ``n_pairs`` pairs, half of them matches, and whether they match."""
    sizes = np.unique(y, return_counts=True)[1]
    n_pairs = min(n_pairs, int((sizes * (sizes - 1)).sum()))
    return make_pairs(X, y, n_pairs=n_pairs, as_view=True, random_state=seed, **options)[:2]


def measure(name, number, model, *, folder, **options):
    """Return the figures of a model on one split of a data set."""
    seed = FIRST_SPLIT + number
    X, y, X_new, y_new = split(name, folder, seed)
    Q, truth = pairs(X_new, y_new, N_NEW_PAIRS, seed)
    rows = slice(N_NCA_ROWS if model == "NCA" else None)
    model = contenders(X.shape[1], seed, **options)[model]
    if isinstance(model, SiameseVerifier):
        score = model.fit(*pairs(X, y, N_PAIRS, seed)).decision_function(Q)
        return verification(truth, score)
    model.fit(X[rows], y[rows])
    Z = (model.transform if hasattr(model, "transform") else model.decision_function)(X_new)
    distance = paired_euclidean_distances(*Z[Q.index.T])
    n_way = min(5, len(np.unique(y_new)))
    episodes = {"n_way": n_way, "n_episodes": N_EPISODES, "random_state": seed}
    accuracy = few_shot_accuracy(y_new, Z, **episodes)
    return verification(truth, -distance) | {"one-shot": accuracy}


def lead(values, others):
    """Return the mean lead over the best of other models, its standard error and 95 % interval.

    Parameters
    ----------
    values : list of float
        Values of a model in at least two runs; greater is better.

    others : list of list of float
        Values of the models to compare with in each run.
    """
    leads = np.subtract(values, np.max(others, axis=1))
    mean, error = float(leads.mean()), float(sem(leads))
    half_width = float(t.ppf(0.975, len(leads) - 1) * error)
    interval = [mean - half_width, mean + half_width]
    return {"lead": mean, "standard_error": error, "interval": interval}


def against_plain(key, runs, plain):
    """Return the values of a measure in all runs of a model, and its lead over ``plain``."""
    signed, *others = ([SIGN[key] * figures[key] for figures in model] for model in (runs, *plain))
    return {"values": [figures[key] for figures in runs]} | lead(signed, np.transpose(others))


def cell(figures):
    """Return the cell of a mean, and of a lead with half the width of its interval."""
    mean, (low, high) = np.mean(figures["values"]), figures["interval"]
    return f"{mean:.3f} ({figures['lead']:+.3f} ± {(high - low) / 2:.3f})"


def columns(key, results):
    """Return the rows of the table of a measure."""
    rows = []
    for row in results:
        data = {name: figures[key] for name, figures in row["data"].items() if key in figures}
        leads = [figures["lead"] for figures in data.values()]
        if data:
            cells = {name: cell(figures) for name, figures in data.items()}
            summary = {"mean lead": f"{np.mean(leads):+.3f}", "lowest lead": f"{min(leads):+.3f}"}
            rows.append({"model": row["model"]} | cells | summary)
    return rows


@benchmark(unseen_auc=partial(columns, "AUC"), unseen_one_shot=partial(columns, "one-shot"))
def unseen(data, *, splits=10, sets=ALL, partial_file="", max_iter=None):
    """Return a row for each contender, with its figures on each data set."""
    options = {"max_iter": max_iter} if max_iter else {}
    names, models = sets.split(","), list(contenders())
    cases = [
        (name, number, model) for name in names for number in range(splits) for model in models
    ]
    found = resume(partial_file, cases, partial(measure, folder=data, **options))
    results = [{"model": model, "data": {}} for model in models]
    for name in names:
        runs = {model: [found[name, number, model] for number in range(splits)] for model in models}
        plain = [runs[model] for model in PLAIN]
        for row in results:
            own = runs[row["model"]]
            row["data"][name] = {key: against_plain(key, own, plain) for key in own[0]}
    return results


if __name__ == "__main__":
    start(unseen)
