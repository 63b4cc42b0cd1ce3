"""Fashion-MNIST: rebuild the siamese networks of a student lab, and measure them correctly.

The lab trained two towers, 784-128-128-128 and 784-128-128-128-128, on pairs in the order of the
file, and called the share of matching pairs among those nearer than 0.5 its accuracy. Here a
literal replica and ``SiameseEmbedder`` with towers of the same size are tested on the same pairs.
In file order the left images of a batch are of one class or two, so the replica is also trained on
the same pairs in random order: the effect of the order is not attributed to the method.

This embedder has the defaults of the package except the size of the tower and the ten epochs of
the lab. Three more have the defaults alone, a wider tower, and convolutions. The last two learn
from mirrored images, too, and average the embeddings of an image and its mirror image; the wider
one also of eight copies that are moved and distorted a little, as in its training.

Of the training images 2,500, drawn anew for each seed, are kept from all training; pairs of them
give the threshold. Settings were chosen on 10,000 held-out training images; the test images only
give the figures.
"""

from functools import partial
from itertools import pairwise

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import best_threshold, of_runs, timed, verification
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks.systems._table import find, system
from sksiamese import SiameseEmbedder
from sksiamese.augment import affine, flip
from sksiamese.losses import supcon
from sksiamese.metrics import pair_accuracy
from sksiamese.towers import cnn

WIDTH = 128
DEPTHS = (3, 4)
EPOCHS = 10
"""Epochs of the lab."""

N_HELD_OUT = 2500
"""Training images used for the threshold alone."""

SHAPE = (28, 28)
moved = partial(affine, rotation=3, scale=0.05, shear=0.03, translation=0.03)


def mirrored_and_moved(images, generator):
    """Mirror half of the images; move and distort all a little."""
    return moved(flip(images, generator), generator)


SUPCON = {
    "loss": partial(supcon, temperature=0.1),
    "batch_size": 256,
    "weight_decay": 0.1,
    "input_shape": SHAPE,
    "precision": "bfloat16",
}
WIDE = SUPCON | {
    "width": 512,
    "dropout": 0.1,
    "augment": mirrored_and_moved,
    "n_copies": 8,
    "learning_rate_init": 1e-3,
    "max_iter": 60,
}
CNN = SUPCON | {
    "tower": partial(cnn, width=32, pooling="flatten"),
    "dropout": 0.3,
    "augment": flip,
    "n_copies": 0,
    "max_iter": 16,
}


def ordered_pairs(y, rng):
    """Return pairs as the lab made them, matching and not by turns.

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
    """Return the network of the lab: dense layers of 128, each rectified, with dropout between."""
    layers = []
    for n_in, n_out in pairwise([n_features] + [WIDTH] * depth):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(0.1)]
    return nn.Sequential(*layers[:-1])


def fit_lab(X, y, pairs, *, depth, seed, shuffle):
    """Train the network of the lab as the lab did, and return a function that embeds rows."""
    torch.manual_seed(seed)
    left, right, match = (torch.from_numpy(part) for part in pairs)
    X, match = as_unit(X), match.float()
    tower = lab_tower(X.shape[1], depth).train()
    optimizer = torch.optim.Adam(tower.parameters(), lr=1e-4)
    for _ in range(EPOCHS):
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
    """Return gray values as a tensor in [0, 1]."""
    return torch.from_numpy(X.astype(np.float32) / np.float32(255))


def fit_ours(X, y, pairs, *, depth, seed, n_copies=None, **parameters):
    """Train the embedder on labeled rows, and return a function that embeds rows."""
    parameters = ALONE | parameters
    embedder = SiameseEmbedder(depth=depth, random_state=seed, device="cpu", **parameters)
    embed = embedder.fit(X, y).transform
    return embed if n_copies is None else partial(mean_of_copies, embed, n_copies)


def mean_of_copies(embed, n_copies, X):
    """Return the mean embedding of images, moved copies of them, and the mirror images of all."""
    images = torch.from_numpy(as_floats(X)).reshape(-1, *SHAPE)
    generator = torch.Generator().manual_seed(0)
    total = 0
    for copy in range(n_copies + 1):
        version = moved(images, generator) if copy else images
        total = total + sum(embed(v.flatten(1).numpy()) for v in (version, version.flip(-1)))
    return total / (2 * (n_copies + 1))


def measure_pairs(held_out, test, *, lab_threshold=None):
    """Return the figures of test pairs, at a threshold chosen on held-out pairs.

    Both are embeddings and the pairs of their rows. The lab's figure is measured at its own
    threshold, if given.
    """
    threshold = -best_threshold(held_out[1][2], -distances(*held_out))
    distance, match = distances(*test), test[1][2]
    figures = {"lab's figure": float(match[distance < (lab_threshold or threshold)].mean())}
    if lab_threshold:
        figures["accuracy at 0.5"] = float(((distance < lab_threshold) == match).mean())
    accuracy = pair_accuracy(match, -distance, threshold=-threshold)
    return figures | {"accuracy": accuracy} | verification(match, -distance)


def distances(Z, pairs):
    """Return the distance of the embeddings of each pair."""
    return paired_euclidean_distances(Z[pairs[0]], Z[pairs[1]])


def measure_rows(Z, y, Z_test, y_test):
    """Return the accuracy of standard classifiers on the embedding of all rows."""
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3))
    return {
        "5-NN": KNeighborsClassifier(5).fit(Z, y).score(Z_test, y_test),
        "logistic": logistic.fit(Z, y).score(Z_test, y_test),
    }


def models():
    """Return name, depth, training function and threshold of the lab, for each row."""
    lab_size = {"n_components": WIDTH, "width": WIDTH, "max_iter": EPOCHS}
    rows = [("raw pixels", None, lambda *_, **options: as_floats, None)]
    for depth in DEPTHS:
        for order, shuffle in {"in file order": False, "shuffled": True}.items():
            rows.append((f"lab, pairs {order}", depth, partial(fit_lab, shuffle=shuffle), 0.5))
        rows.append(("SiameseEmbedder", depth, partial(fit_ours, **lab_size), None))
    return [
        *rows,
        ("SiameseEmbedder, defaults", 3, fit_ours, None),
        ("SiameseEmbedder, supcon, width=512", 3, partial(fit_ours, **WIDE), None),
        ("SiameseEmbedder, supcon, cnn", 3, partial(fit_ours, **CNN), None),
    ]


def as_floats(X):
    """Return gray values unchanged: the embedding without learning."""
    return X.astype(np.float32)


def run_seed(X, y, X_test, y_test, seed):
    """Return the figures of all models with one seed."""
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(X), dtype=bool)
    held_out[rng.choice(len(X), min(N_HELD_OUT, len(X) // 3), replace=False)] = True
    pairs, held_out_pairs, test_pairs = (
        ordered_pairs(labels, rng) for labels in (y[~held_out], y[held_out], y_test)
    )
    found = []
    for _, depth, fit, lab_threshold in models():
        embed, seconds = timed(fit, X[~held_out], y[~held_out], pairs, depth=depth, seed=seed)
        Z, Z_test = embed(X), embed(X_test)
        figures = measure_pairs(
            (Z[held_out], held_out_pairs), (Z_test, test_pairs), lab_threshold=lab_threshold
        )
        found.append(figures | measure_rows(Z, y, Z_test, y_test) | {"seconds": seconds})
    return found


def lab(results):
    """Return the rows of the table of systems."""
    networks = [
        system(
            f"the lab's {depth} layers",
            "Fashion-MNIST: matches among the accepted test pairs",
            "lab's figure",
            find(results, model="SiameseEmbedder", depth=depth),
            "embedder of the same size",
            "fashion_mnist",
            rebuilt=find(results, model="lab, pairs in file order", depth=depth),
            published=published,
        )
        for depth, published in ((3, "90.48"), (4, "80.00"))
    ]
    return networks + [
        system(
            "convolutions",
            f"Fashion-MNIST: {task}",
            measure,
            find(results, model="SiameseEmbedder, supcon, cnn"),
            "embedder, supcon, cnn, mean with the mirror image",
            "fashion_mnist",
        )
        for task, measure in (("all test pairs", "accuracy"), ("5-NN", "5-NN"))
    ]


@benchmark(fashion_mnist=None, systems=lab)
def fashion_mnist(data, *, seeds=5, rows=None):
    """Return a row for each model and depth, with its figures over all seeds."""
    images = load_fashion_mnist(data, rows)
    runs = [run_seed(*images, seed) for seed in range(seeds)]
    return [
        of_runs(figures, model=name, depth=depth)
        for (name, depth, *_), *figures in zip(models(), *runs, strict=True)
    ]


if __name__ == "__main__":
    start(fashion_mnist)
