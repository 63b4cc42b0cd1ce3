"""Measure how many labels an embedding of unlabeled rows saves.

Embedders learn from at most 4,000 rows, of which 1, 10 or 100 of each class have a label. A
logistic regression of standardized embeddings (the linear probe), and the vote of the nearest rows
(one of 1 label, three of 10, five of 100), learn from the labeled rows, and are tested on at most
2,000 other rows. Images of digits and Fashion-MNIST are augmented by affine maps. "labels alone" is
the default of the embedder, fitted to the labeled rows; it needs two rows of a class.
"""

from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.quality.unseen import PLAIN, load
from sksiamese import SiameseEmbedder
from sksiamese.augment import affine

N_ROWS, N_TEST_ROWS = 4000, 2000
N_NEIGHBORS = {1: 1, 10: 3, 100: 5}
"""Number of neighbors by the number of labels of each class."""

IMAGES = {"digits": (8, 8), "Fashion-MNIST": (28, 28)}
SETS = "digits,Fashion-MNIST,letter,pendigits,satimage"
UNLABELED = -1
VIEWS = {"loss": "n_pairs", "n_views": 2, "unlabeled_label": UNLABELED}
PCA_NAME = "32 principal components"
MODELS = PLAIN | {
    PCA_NAME: make_pipeline(StandardScaler(), PCA(32, random_state=0)),
    "labels alone": SiameseEmbedder(),
    "without labels": SiameseEmbedder(**VIEWS),
    "labels and unlabeled rows": SiameseEmbedder(**VIEWS),
}
PROBES = "linear probe", "neighbors"


def split(name, draw, folder):
    """Return training and test rows, with their classes."""
    X, y = load(name, folder)
    order = np.random.default_rng(draw).permutation(len(y))
    n_rows = min(N_ROWS, 2 * len(y) // 3)
    train, test = order[:n_rows], order[n_rows : n_rows + N_TEST_ROWS]
    return X[train], y[train], X[test], y[test]


def with_few_labels(y, n_labels):
    """Return labels of the first rows of each class, and the mark for the others."""
    codes = np.unique(y, return_inverse=True)[1]
    known = np.concatenate([np.flatnonzero(codes == code)[:n_labels] for code in set(codes)])
    return np.where(np.isin(np.arange(len(y)), known), codes, UNLABELED)


def measure(name, draw, model, *, folder, **options):
    """Return the accuracies of a model by probe and number of labels; None where it fails."""
    X, y, X_test, y_test = split(name, draw, folder)
    y_test = np.searchsorted(np.unique(y), y_test)
    embedder = clone(MODELS[model])
    if isinstance(embedder, SiameseEmbedder):
        shape = IMAGES.get(name)
        embedder.set_params(random_state=draw, device="cpu", input_shape=shape, **options)
        embedder.set_params(augment=affine if shape else None)
    elif model == PCA_NAME:
        embedder.set_params(pca__n_components=min(32, X.shape[1]))
    results = {probe: {} for probe in PROBES}
    for n_labels, n_neighbors in N_NEIGHBORS.items():
        labels = with_few_labels(y, n_labels)
        known = labels != UNLABELED
        if model == "labels alone":
            if n_labels == 1:
                continue
            embedder.fit(X[known], labels[known])
        elif model == "labels and unlabeled rows":
            embedder.fit(X, labels)
        elif n_labels == 1:
            embedder.fit(X)
        Z, Z_test = embedder.transform(X[known]), embedder.transform(X_test)
        probes = (
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            KNeighborsClassifier(n_neighbors),
        )
        for probe, classifier in zip(PROBES, probes, strict=True):
            score = classifier.fit(Z, labels[known]).score(Z_test, y_test)
            results[probe][str(n_labels)] = score
    return results


def columns(results):
    """Return the rows of the table."""
    return [
        {"data": row["data"], "embedding": row["model"]}
        | {
            f"{probe}, {n} label{'s' * (n > 1)}": percent(row["accuracy"][probe].get(str(n)))
            for probe in PROBES
            for n in N_NEIGHBORS
        }
        for row in results
    ]


def percent(values):
    """Return the mean of shares in percent, as text."""
    return "" if values is None else f"{100 * np.mean(values):.1f}"


@benchmark(unlabeled=columns)
def unlabeled(data, *, draws=3, sets=SETS, partial_file="", max_iter=None):
    """Return a row for each data set and model."""
    options = {"max_iter": max_iter} if max_iter else {}
    cases = [(n, draw, model) for n in sets.split(",") for draw in range(draws) for model in MODELS]
    found = resume(partial_file, cases, partial(measure, folder=data, **options))
    results = []
    for name in sets.split(","):
        for model in MODELS:
            draws_of = [found[name, draw, model] for draw in range(draws)]
            accuracy = {
                probe: {n: [one[probe][n] for one in draws_of] for n in draws_of[0][probe]}
                for probe in PROBES
            }
            results.append({"data": name, "model": model, "accuracy": accuracy})
    return results


if __name__ == "__main__":
    start(unlabeled)
