"""Choose the head and the loss of ``SiameseRegressor`` on four data sets.

Items are split into training and test items. Regressors learn from 1,500 pairs of training items,
and predict 2,000 pairs of test items: the difference of two digits, of the disease progression of
two patients, of two values of a function of ten columns (Friedman 1991), and a similarity
``exp(-d / 4)`` of distances d between hidden vectors of twelve columns.
"""

from functools import partial

import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes, load_digits, make_friedman1

from benchmarks._common.figures import of_runs
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from sksiamese import PairView, SiameseRegressor

N_PAIRS, N_NEW_PAIRS = 1500, 2000
MODELS = (
    ("cosine", "cosent"),
    ("cosine", "squared_error"),
    ("cosine", "angle"),
    ("distance", "cosent"),
    ("distance", "squared_error"),
    ("adaptive_distance", "cosent"),
    ("adaptive_distance", "squared_error"),
    ("weighted_l1", "cosent"),
    ("weighted_l1", "squared_error"),
    ("mlp", "cosent"),
    ("mlp", "squared_error"),
)


def differences(X, y):
    """Return items, and a function that returns the difference of the numbers of each pair."""
    return X, lambda left, right: np.abs(y[left] - y[right])


def hidden_vectors(seed):
    """Return items, and a function that returns the similarity of their hidden vectors."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1500, 12))
    hidden = np.tanh(X @ rng.normal(size=(12, 8)) / 2) @ rng.normal(size=(8, 3))
    return X, lambda i, j: np.exp(-np.linalg.norm(hidden[i] - hidden[j], axis=1) / 4)


DATA_SETS = {
    "digits": lambda seed: differences(*load_digits(return_X_y=True)),
    "diabetes": lambda seed: differences(*load_diabetes(return_X_y=True)),
    "friedman": lambda seed: differences(*make_friedman1(1500, noise=0.5, random_state=seed)),
    "hidden vectors": hidden_vectors,
}


def draw_pairs(X, number, rows, n_pairs, rng):
    """Return pairs of different rows, and their numbers."""
    index = rng.choice(rows, size=(2 * n_pairs, 2))
    index = index[index[:, 0] != index[:, 1]][:n_pairs]
    return PairView(X, index), number(*index.T).astype(float)


def measure(head, loss, name, seed, *, n_pairs, max_iter):
    """Return the coefficient of determination and the rank correlation on new pairs."""
    rng = np.random.default_rng(seed)
    X, number = DATA_SETS[name](seed)
    known, new = np.split(rng.permutation(len(X)), [2 * len(X) // 3])
    P, y = draw_pairs(X, number, known, n_pairs, rng)
    Q, z = draw_pairs(X, number, new, N_NEW_PAIRS, rng)
    distance = "cosine" if head == "cosine" else "euclidean"
    options = {"max_iter": max_iter, "random_state": seed, "device": "cpu"}
    regressor = SiameseRegressor(head=head, loss=loss, distance=distance, **options).fit(P, y)
    rank = spearmanr(z, regressor.predict(Q)).statistic
    return {"R2": regressor.score(Q, z), "rank": float(rank)}


COLUMNS = {"head": "head", "loss": "loss"} | {name: name for name in DATA_SETS}


@benchmark(regressor=COLUMNS | {"mean": "mean", "mean R2": "mean R2"})
def regressor(data, *, seeds=2, n_pairs=N_PAIRS, max_iter=50, partial_file=""):
    """Return a row for each head and loss, with its rank correlations on all data sets."""
    cases = [
        (*model, name, seed) for seed in range(seeds) for model in MODELS for name in DATA_SETS
    ]
    found = resume(partial_file, cases, partial(measure, n_pairs=n_pairs, max_iter=max_iter))
    results = []
    for model in MODELS:
        runs = []
        for seed in range(seeds):
            parts = {name: found[*model, name, seed] for name in DATA_SETS}
            figures = {name: part["rank"] for name, part in parts.items()}
            figures["mean"] = float(np.mean(list(figures.values())))
            figures["mean R2"] = float(np.mean([part["R2"] for part in parts.values()]))
            runs.append(figures)
        results.append(of_runs(runs, head=model[0], loss=model[1]))
    return results


if __name__ == "__main__":
    start(regressor)
