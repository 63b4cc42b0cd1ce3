"""Embed rows with numbers, so that distances follow differences of the numbers.

Two thirds of the rows, at most 600, are training rows. ``SiameseRegressor`` learns from pairs of
them, ten pairs for each row, with the absolute difference of their numbers; ``SiameseEmbedder``
learns from the rows and their numbers, for as many epochs. A regression on the ten nearest training
rows predicts the numbers of the other rows: in the embedding, in standardized columns, in principal
components of them, and after the linear map of MLKR, which minimizes the squared error of a kernel
regression (Weinberger and Tesauro 2007). The MLKR of metric-learn fails with current versions of
scikit-learn; its objective is minimized here in the same way, by L-BFGS from the principal
components.
"""

from functools import partial

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes, load_digits, make_friedman1, make_regression
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks._common.figures import of_runs
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from sksiamese import PairView, SiameseEmbedder, SiameseRegressor
from sksiamese.distances import sqeuclidean

N_ROWS, N_POINTS, PAIRS_PER_ROW = 600, 8, 10
DATA_SETS = {
    "diabetes": lambda seed: load_diabetes(return_X_y=True),
    "friedman": lambda seed: make_friedman1(900, noise=0.5, random_state=seed),
    "linear": lambda seed: make_regression(900, 20, n_informative=5, noise=10, random_state=seed),
    "digits": lambda seed: load_digits(return_X_y=True),
}


def plain(X, y, seed):
    """Return a transformer that keeps the standardized columns."""
    return FunctionTransformer()


def principal_components(X, y, seed):
    """Return fitted principal components."""
    return PCA(N_POINTS).fit(X)


def kernel_regression(X, y, seed):
    """Return a transformer by the linear map of MLKR."""
    start = PCA(N_POINTS).fit(X).components_
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    itself = torch.eye(len(X), dtype=torch.bool)

    def error(flat):
        A = torch.from_numpy(flat).view(start.shape).requires_grad_()
        D = sqeuclidean(X @ A.T, X @ A.T).masked_fill(itself, torch.inf)
        loss = (D.neg().softmax(dim=1) @ y - y).square().sum()
        loss.backward()
        return loss.item(), A.grad.numpy().ravel()

    found = minimize(error, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return FunctionTransformer(lambda rows: rows @ found.x.reshape(start.shape).T)


def pairs_of_numbers(X, y, seed, **options):
    """Return a transformer of a regressor that is fitted to pairs with differences of numbers."""
    rng = np.random.default_rng(seed)
    index = rng.integers(len(X), size=(PAIRS_PER_ROW * len(X), 2))
    difference = np.abs(np.subtract(*y[index].T))
    settings = {"head": "distance", "distance": "euclidean", "increasing": False} | options
    regressor = SiameseRegressor(N_POINTS, **settings, random_state=seed, device="cpu")
    return FunctionTransformer(regressor.fit(PairView(X, index), difference).transform_items)


def rows_with_numbers(X, y, seed, *, loss, **options):
    """Return an embedder that is fitted to rows with their numbers."""
    settings = {"max_iter": 50} | options
    embedder = SiameseEmbedder(N_POINTS, loss=loss, **settings, random_state=seed, device="cpu")
    return embedder.fit(X, y)


MODELS = {
    "standardized columns": plain,
    "PCA": principal_components,
    "MLKR": kernel_regression,
    "SiameseRegressor": pairs_of_numbers,
    "SiameseRegressor, linear tower": partial(pairs_of_numbers, depth=1),
    "SiameseEmbedder, kernel regression": partial(rows_with_numbers, loss="kernel_regression"),
    "SiameseEmbedder, rank-n-contrast": partial(rows_with_numbers, loss="rank_n_contrast"),
}


def measure(model, name, seed, *, max_iter):
    """Return the coefficient of determination of the nearest neighbors of new rows."""
    X, y = DATA_SETS[name](seed)
    parts = train_test_split(X, y.astype(float), test_size=1 / 3, random_state=seed)
    X_train, X_test, y_train, y_test = parts
    X_train, y_train = X_train[:N_ROWS], y_train[:N_ROWS]
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    options = {"max_iter": max_iter} if max_iter and model.startswith("Siamese") else {}
    transformer = MODELS[model](X_train, y_train, seed, **options)
    neighbors = KNeighborsRegressor(10, weights="distance")
    neighbors.fit(transformer.transform(X_train), y_train)
    return {name: neighbors.score(transformer.transform(X_test), y_test)}


@benchmark(numbers={"embedding": "model"} | {name: name for name in DATA_SETS})
def numbers(data, *, seeds=3, max_iter=None, partial_file=""):
    """Return a row for each embedding, with its figures on all data sets."""
    cases = [(model, name, seed) for model in MODELS for name in DATA_SETS for seed in range(seeds)]
    found = resume(partial_file, cases, partial(measure, max_iter=max_iter))
    results = []
    for model in MODELS:
        runs = [
            {name: found[model, name, seed][name] for name in DATA_SETS} for seed in range(seeds)
        ]
        results.append(of_runs(runs, model=model))
    return results


if __name__ == "__main__":
    start(numbers)
