"""Fashion-MNIST: the siamese lab that this package grew out of, run again and measured honestly.

The lab trained two towers, 784-128-128-128 and 784-128-128-128-128, on pairs in the order of the
file, and called the share of matching pairs among those nearer than 0.5 its accuracy. Here a
literal replica and ``SiameseEmbedder`` with towers of the same size meet the same test pairs. In
file order the left images of a batch are of one class or two, so the replica is also trained on
the same pairs in random order: what the order costs is not held against the lab's method.

Beside them the embedder has the defaults of the package but for the size of the tower and the ten
epochs of the lab; then comes the embedder by its defaults alone, and one with a wider tower.
Nothing was tuned on the test images.
"""

import sys
from functools import partial
from itertools import pairwise
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sksiamese import SiameseEmbedder
from sksiamese.metrics import equal_error_rate, pair_accuracy

WIDTH = 128
DEPTHS = (3, 4)
SEVERAL = {
    "SiameseEmbedder, defaults": {},
    "SiameseEmbedder, supcon, width=512": {
        "loss": "supcon",
        "width": 512,
        "dropout": 0.2,
        "weight_decay": 0.1,
        "max_iter": 30,
    },
}
"""What the embedder can do beyond the size of the lab's networks; all of depth 3."""


def ordered_pairs(y, rng):
    """Pairs as the lab made them, matching and not by turns.

    Row i of a class is paired with row i + 1 of that class, then with row i of another class,
    drawn at random. Every class gives as many pairs as the smallest one can.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Classes.

    rng : Generator
        Source of randomness.

    Returns
    -------
    left, right : ndarrays of int of shape (n_pairs,)
        Row numbers.

    match : ndarray of bool of shape (n_pairs,)
        Whether both rows are of one class.
    """
    rows_of = [np.flatnonzero(y == label) for label in np.unique(y)]
    n_classes, n = len(rows_of), min(map(len, rows_of)) - 1
    rows_of = np.stack([rows[: n + 1] for rows in rows_of])
    own = np.arange(n_classes)[:, None]
    other = (own + rng.integers(1, n_classes, size=(n_classes, n))) % n_classes
    left = np.repeat(rows_of[:, :n], 2)
    right = np.stack([rows_of[:, 1:], rows_of[other, np.arange(n)]], axis=-1).ravel()
    return left, right, np.tile([True, False], n_classes * n)


def lab_tower(n_features, depth):
    """The network of the lab: dense layers of 128, each rectified, dropout between them."""
    layers = []
    for n_in, n_out in pairwise([n_features] + [WIDTH] * depth):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(0.1)]
    return nn.Sequential(*layers[:-1])


def fit_lab(X, y, pairs, *, depth, epochs, seed, shuffle):
    """Train the network of the lab as the lab did, and return what embeds rows."""
    torch.manual_seed(seed)
    left, right, match = (torch.from_numpy(part) for part in pairs)
    X, match = as_unit(X), match.float()
    tower = lab_tower(X.shape[1], depth).train()
    optimizer = torch.optim.Adam(tower.parameters(), lr=1e-4)
    for _ in range(epochs):
        order = torch.randperm(len(match)) if shuffle else torch.arange(len(match))
        for batch in order.split(128):
            optimizer.zero_grad()
            A, B = tower(X[left[batch]]), tower(X[right[batch]])
            distance = (A - B).square().sum(dim=1).clamp_min(1e-7).sqrt()
            same = match[batch]
            loss = same * distance.square() + (1 - same) * (1 - distance).clamp_min(0).square()
            loss.mean().backward()
            optimizer.step()
    tower.eval()
    return lambda rows: tower(as_unit(rows)).detach().numpy()


def as_unit(X):
    """Grey values as a tensor in [0, 1]."""
    return torch.from_numpy(X.astype(np.float32) / np.float32(255))


def fit_ours(X, y, pairs, *, depth, seed, **parameters):
    """Train the embedder on labelled rows; it needs no pairs."""
    embedder = SiameseEmbedder(depth=depth, random_state=seed, device="cpu", **parameters)
    return embedder.fit(X, y).transform


def measure_pairs(Z, Z_test, pairs, test_pairs, *, threshold=None):
    """Figures of the test pairs; a threshold that is not given is chosen on training pairs."""
    distance = paired_euclidean_distances(Z[pairs[0]], Z[pairs[1]])
    chosen = -_report.best_threshold(pairs[2], -distance)
    distance = paired_euclidean_distances(Z_test[test_pairs[0]], Z_test[test_pairs[1]])
    match = test_pairs[2]
    figures = {
        "lab_figure": float(match[distance < (threshold or chosen)].mean()),
        "accuracy": pair_accuracy(match, -distance, threshold=-chosen),
        "threshold": chosen,
        "auc": float(roc_auc_score(match, -distance)),
        "eer": equal_error_rate(match, -distance),
    }
    if threshold:
        figures["accuracy_at_lab_threshold"] = float(((distance < threshold) == match).mean())
    return figures


def measure_rows(Z, y, Z_test, y_test):
    """Accuracy of plain classifiers on the embedding of all rows."""
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3))
    return {
        "knn": KNeighborsClassifier(5).fit(Z, y).score(Z_test, y_test),
        "logistic": logistic.fit(Z, y).score(Z_test, y_test),
    }


def run(data, *, seeds, epochs):
    """All models, both depths, all seeds: one dict of runs and summary for each row."""
    X, y, X_test, y_test = data
    lab_size = {"n_components": WIDTH, "width": WIDTH, "max_iter": epochs}
    models = {
        "lab, pairs in file order": (partial(fit_lab, epochs=epochs, shuffle=False), 0.5),
        "lab, pairs shuffled": (partial(fit_lab, epochs=epochs, shuffle=True), 0.5),
        "SiameseEmbedder": (partial(fit_ours, **lab_size), None),
    }
    runs = {(name, depth): [] for depth in DEPTHS for name in models}
    runs |= {(name, DEPTHS[0]): [] for name in SEVERAL}
    models |= {name: (partial(fit_ours, **own), None) for name, own in SEVERAL.items()}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        pairs, test_pairs = ordered_pairs(y, rng), ordered_pairs(y_test, rng)
        for (name, depth), figures in runs.items():
            fit, threshold = models[name]
            start = perf_counter()
            embed = fit(X, y, pairs, depth=depth, seed=seed)
            seconds = perf_counter() - start
            Z, Z_test = embed(X), embed(X_test)
            figures.append(
                measure_pairs(Z, Z_test, pairs, test_pairs, threshold=threshold)
                | measure_rows(Z, y, Z_test, y_test)
                | {"seconds": seconds}
            )
    rows = [
        {"model": name, "depth": depth, "summary": _report.summary(figures), "runs": figures}
        for (name, depth), figures in runs.items()
    ]
    return [raw_pixels(data, seeds), *rows]


def raw_pixels(data, seeds):
    """The row of no learning at all: distances between grey values."""
    X, y, X_test, y_test = data
    X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    knn = KNeighborsClassifier(5).fit(X, y).score(X_test, y_test)
    figures = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        pairs, test_pairs = ordered_pairs(y, rng), ordered_pairs(y_test, rng)
        figures.append(measure_pairs(X, X_test, pairs, test_pairs) | {"knn": knn})
    summary = _report.summary(figures)
    return {"model": "raw pixels", "depth": None, "summary": summary, "runs": figures}


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5, help="runs of each model")
    options.add_argument("--epochs", type=int, default=10, help="epochs of each run")
    options.add_argument("--rows", type=int, help="use only so many images")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    data = [part[: args.rows] for part in _data.load_fashion_mnist(args.data)]
    results = run(data, seeds=args.seeds, epochs=args.epochs)
    settings = {key: getattr(args, key) for key in ("seeds", "epochs", "rows", "threads")}
    _report.write(args.out / "fashion_mnist.json", results, **settings)
    sys.stdout.write(tables.markdown(*tables.fashion_mnist(results)))


if __name__ == "__main__":
    main()
