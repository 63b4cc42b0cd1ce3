"""Measure the accuracy of embeddings over the seconds of training, compared with other packages.

Each model is fitted anew for each budget of epochs or iterations, to 10,000 training images of
Fashion-MNIST and to 10,000 rows of Letter Recognition. The whole fit is timed. Models take turns,
and the tables show medians of the rounds. The accuracy of 5 nearest neighbors among the embedded
training rows is computed on 5,000 other rows, which no choice depends on, and is not timed. No test
image is used.

- SiameseEmbedder: the defaults; and the learned embedding alone, of 32 components.
- NeighborhoodComponentsAnalysis: 32 components, or 16 of Letter Recognition, on 2,000 rows, as it
  holds matrices of all rows.
- MLPClassifier: the values of its last hidden layer, of 32 units.
- pytorch-metric-learning: the loop of its documentation, supervised contrastive loss.
- skorch: our tower and supervised contrastive loss, its batches shuffled.
- UMAP, supervised, 10 components, and ivis, supervised, 32 components, on standardized columns:
  fitted once by another interpreter, named by ``--python``, or left out. Its environment has
  ``umap-learn ivis tensorflow-cpu tf_keras``; ivis runs with Keras 2 only.

Except for the defaults, networks have the layers 128-128-32 and a step size of 0.002.
"""

import warnings
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._common.data import load_fashion_mnist, load_uci
from benchmarks._common.figures import by_turns, timed
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks.cost._other_environment import fit_elsewhere
from benchmarks.cost.against_peers import OurLoss, PeerLoss, Tower, skorch_net, train_as_documented
from benchmarks.cost.training import LEARNING_RATE
from sksiamese import SiameseEmbedder

EPOCHS = (1, 2, 5, 10, 20)
LEVELS = {"time_to_fashion_mnist": (0.84, 0.86, 0.87), "time_to_letter": (0.92, 0.94, 0.95)}
"""Accuracies in the columns of the tables."""

N_HELD_OUT = 5000


def columns(X, y, budget):
    """Return the standardized columns."""
    return StandardScaler().fit(X).transform


def ours(X, y, budget, **options):
    """Return the embedding of a fitted SiameseEmbedder."""
    embedder = SiameseEmbedder(max_iter=budget, random_state=0, device="cpu", **options)
    return embedder.fit(X, y).transform


def nca(X, y, budget, *, n_rows=2000):
    """Return the embedding of scikit-learn's NCA, fitted to some rows."""
    model = NeighborhoodComponentsAnalysis(min(32, X.shape[1]), max_iter=budget, random_state=0)
    model = make_pipeline(StandardScaler(), model)
    return model.fit(X[:n_rows], y[:n_rows]).transform


def classifier(X, y, budget):
    """Return the last hidden layer of scikit-learn's classifier."""
    sizes = (128, 128, 32)
    model = MLPClassifier(sizes, learning_rate_init=LEARNING_RATE, max_iter=budget, random_state=0)
    model = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    scaler, network = (step for _, step in model.steps)

    def hidden(rows):
        H = scaler.transform(rows)
        for weight, bias in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
            H = np.maximum(H @ weight + bias, 0)
        return H

    return hidden


def peer(X, y, budget):
    """Return the embedding of the documented loop of pytorch-metric-learning."""
    torch.manual_seed(0)
    model, criterion = Tower(X.mean(0), X.std(0) + 1e-6, X.shape[1]), PeerLoss("supcon", "all")
    train_as_documented(model, criterion, X, y, budget)
    return partial(embed, model)


def skorch(X, y, budget):
    """Return the embedding of skorch."""
    torch.manual_seed(0)
    net = skorch_net(X.mean(0), X.std(0) + 1e-6, OurLoss("supcon", "all"), budget, X.shape[1])
    net.fit(X, y.astype(np.int64))
    return partial(embed, net.module_)


def embed(module, rows):
    """Return the embeddings of rows by a bare module."""
    with torch.no_grad():
        return module.eval()(torch.from_numpy(rows)).numpy()


MODELS = {
    "standardized columns": (columns, (0,)),
    "SiameseEmbedder": (ours, EPOCHS),
    "SiameseEmbedder, 32 learned components": (partial(ours, **ALONE), EPOCHS),
    "NeighborhoodComponentsAnalysis, 2,000 rows": (nca, (2, 5, 10, 20, 50)),
    "MLPClassifier, last hidden layer": (classifier, EPOCHS),
    "pytorch-metric-learning": (peer, EPOCHS),
    "skorch": (skorch, EPOCHS),
}
"""Models, and their budgets."""

ELSEWHERE = {"UMAP, supervised": ("umap", (50,)), "ivis, supervised": ("ivis", (2, 5, 10))}
"""Models of other environments, and their budgets."""


def load(data, name, rows):
    """Return training rows, and other rows to measure the accuracy on, with their classes."""
    if name == "time_to_letter":
        X, y = load_uci(data, "letter")
    else:
        X, y, *_ = load_fashion_mnist(data)
        X = X.astype(np.float32)
    return train_test_split(X, y, train_size=rows, test_size=N_HELD_OUT, stratify=y, random_state=0)


def measure(model, budget, split):
    """Return the seconds of a fit, and the accuracy of 5 nearest neighbors."""
    X, X_held_out, y, y_held_out = split
    transform, seconds = timed(model, X, y, budget)
    return point(seconds, transform(X), y, transform(X_held_out), y_held_out)


def measure_elsewhere(name, python, budget, split):
    """Return the same figures of a model of another environment."""
    X, X_held_out, y, y_held_out = split
    transform = columns(X, y, None)
    found = fit_elsewhere(name, python, transform(X), y, budget, transform(X_held_out))
    seconds, Z, Z_held_out, version = found
    return point(seconds, Z, y, Z_held_out, y_held_out) | {"version": version}


def point(seconds, Z, y, Z_held_out, y_held_out):
    """Return a point of a curve from the embeddings of training rows and other rows."""
    neighbors = KNeighborsClassifier().fit(Z, y)
    return {"seconds": seconds, "accuracy": neighbors.score(Z_held_out, y_held_out)}


def curve(runs):
    """Return the points of a curve, budget by budget: median seconds, and accuracy."""
    return [
        {
            **points[0],
            "budget": budget,
            "seconds": float(np.median([point["seconds"] for point in points])),
            "accuracy": float(np.median([point["accuracy"] for point in points])),
        }
        for budget, points in runs.items()
    ]


def seconds_to(level, row):
    """Return the cell of the least seconds with an accuracy of at least ``level``."""
    seconds = [point["seconds"] for point in row["curve"] if point["accuracy"] >= level]
    return f"{min(seconds):.1f}" if seconds else ""


def best(row, cell):
    """Return a cell of the most accurate point of a curve."""
    return cell.format(**max(row["curve"], key=lambda point: point["accuracy"]))


def columns_of(name):
    """Return the columns of the table of a data set."""
    levels = {f"s to {level:.0%}": partial(seconds_to, level) for level in LEVELS[name]}
    ends = {
        "best": partial(best, cell="{accuracy:.1%}"),
        "after s": partial(best, cell="{seconds:.1f}"),
    }
    return {"model": "{name}"} | levels | ends


@benchmark(
    time_to_fashion_mnist=columns_of("time_to_fashion_mnist"),
    time_to_letter=columns_of("time_to_letter"),
)
def time_to_quality(data, *, rounds=3, rows=10_000, python=""):
    """Return the curve of each model, by data set."""
    results = {}
    for name in LEVELS:
        split = load(data, name, rows)
        found = by_turns(fits(split), rounds) | (elsewhere(split, python) if python else {})
        curves = {}
        for (model, budget), points in found.items():
            curves.setdefault(model, {})[budget] = points
        results[name] = [{"name": model, "curve": curve(runs)} for model, runs in curves.items()]
    return results


def fits(split):
    """Return a function without arguments for each model and budget."""
    return {
        (name, budget): partial(measure, model, budget, split)
        for name, (model, budgets) in MODELS.items()
        for budget in budgets
    }


def elsewhere(split, python):
    """Return the point of each model and budget of another environment, fitted once."""
    return {
        (name, budget): [measure_elsewhere(package, python, budget, split)]
        for name, (package, budgets) in ELSEWHERE.items()
        for budget in budgets
    }


if __name__ == "__main__":
    start(time_to_quality)
