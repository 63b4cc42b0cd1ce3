"""Measure the accuracy of embeddings of Fashion-MNIST by depth, activation, distance and layers.

Models are the two towers of the lab, see ``systems.fashion_mnist``, and ``SiameseEmbedder`` with
its defaults, of which one at a time is changed, and normalization or shortcuts at depth 8. All
learn from the same 3,000 training images, drawn anew for each seed. Pairs of 1,000 other training
images give the threshold of the accuracy of pairs. Pairs and 5-NN are measured on the test images.
"""

from functools import cache, partial

import numpy as np
from sklearn.metrics.pairwise import paired_distances
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import best_threshold, of_runs
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.systems.fashion_mnist import DEPTHS, fit_lab, ordered_pairs
from sksiamese import SiameseEmbedder
from sksiamese.metrics import pair_accuracy
from sksiamese.towers import ACTIVATIONS

N_TRAIN, N_HELD_OUT = 3000, 1000
"""Number of training images to learn from, and of others for the threshold."""

DEEP = {"depth": 8}
LAB = {f"lab, {depth} layers": depth for depth in DEPTHS}
CHANGES = [
    {},
    *({"depth": depth} for depth in (2, 4, 6, 8)),
    *({"activation": name} for name in sorted(ACTIVATIONS) if name != "relu"),
    *({"distance": name} for name in ("chord", "cosine", "manhattan", "sqeuclidean")),
    *({"normalization": name} for name in ("batch", "layer")),
    *(DEEP | {"normalization": name} for name in ("batch", "layer")),
    DEEP | {"shortcuts": True},
    *(DEEP | {"normalization": name, "shortcuts": True} for name in ("batch", "layer")),
]
"""Parameters that differ from the defaults of the embedder."""


def label(change):
    """Return the name of a model."""
    return ", ".join(f"{name}={value}" for name, value in change.items()) or "defaults"


EMBEDDERS = {label(change): change for change in CHANGES}


load = cache(load_fashion_mnist)


def measure(model, seed, *, folder, rows=None, **options):
    """Return the figures of a model with one seed."""
    X, y, X_test, y_test = load(folder, rows)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))[: N_TRAIN + N_HELD_OUT]
    train, held_out = np.split(order, [min(N_TRAIN, 3 * len(order) // 4)])
    pairs = [ordered_pairs(labels, rng) for labels in (y[train], y[held_out], y_test)]
    if model in LAB:
        embed = fit_lab(X[train], y[train], pairs[0], depth=LAB[model], seed=seed, shuffle=False)
        metric, n_plain = "euclidean", 0
    else:
        change = EMBEDDERS[model]
        embedder = SiameseEmbedder(random_state=seed, device="cpu", **change, **options)
        embed = embedder.fit(X[train], y[train]).transform
        metric = "manhattan" if change.get("distance") == "manhattan" else "euclidean"
        n_plain = len(embedder.tower_[1].offset)
    Z = [embed(part) for part in (X[held_out], X_test)]
    held_out_distance, distance = (
        paired_distances(part[left], part[right], metric=metric)
        for part, (left, right, _) in zip(Z, pairs[1:], strict=True)
    )
    threshold = best_threshold(pairs[1][2], -held_out_distance)
    neighbors, Z_train = KNeighborsClassifier(5, metric=metric), embed(X[train])
    figures = {
        "accuracy of pairs": pair_accuracy(pairs[2][2], -distance, threshold=threshold),
        "5-NN": neighbors.fit(Z_train, y[train]).score(Z[1], y_test),
    }
    if n_plain:
        learned = neighbors.fit(Z_train[:, n_plain:], y[train])
        figures["5-NN, learned part"] = learned.score(Z[1][:, n_plain:], y_test)
    return figures


@benchmark(activations=None)
def activations(data, *, seeds=3, rows=None, max_iter=None, partial_file=""):
    """Return a row for each model, with its figures over all seeds."""
    options = {"max_iter": max_iter} if max_iter else {}
    cases = [(model, seed) for model in (*LAB, *EMBEDDERS) for seed in range(seeds)]
    found = resume(partial_file, cases, partial(measure, folder=data, rows=rows, **options))
    return [
        of_runs([found[model, seed] for seed in range(seeds)], model=model)
        for model in (*LAB, *EMBEDDERS)
    ]


if __name__ == "__main__":
    start(activations)
