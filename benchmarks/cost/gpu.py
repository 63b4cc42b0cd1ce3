"""Measure an accelerator: seconds to an accuracy, share of its speed, and placement of data.

``fit``: seconds of ``fit`` and the accuracy reached, by 5-NN of Fashion-MNIST and one-shot
classification of Omniglot. The settings of the multilayer perceptron were chosen on 10,000 held-out
training images; the others are those of ``systems/fashion_mnist.py`` and ``systems/omniglot.py``.

``rate``: a wide tower in bfloat16, its operations a second against those of large matrix
products. The products of its linear layers are counted: one forward and two backward, for the
first layer one backward, as its input has no gradient.

``placement``: an epoch with the data kept on the device, and one with each batch sent there.

Every fit follows one on a few rows, which loads kernels and libraries. With ``--device cpu`` the
script can be tried on small settings.
"""

from functools import partial
from time import perf_counter
from unittest.mock import patch

import numpy as np
import torch
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from benchmarks._common.data import load_fashion_mnist, load_omniglot, load_omniglot_runs
from benchmarks._common.figures import by_turns, of_runs
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks.cost.training import Clock
from benchmarks.systems import fashion_mnist, omniglot
from sksiamese import SiameseEmbedder
from sksiamese._data import _device, _items
from sksiamese.losses import supcon

TARGETS = {"mlp": (0.89, 3), "cnn": (0.93, 15), "omniglot": (0.94, 30)}
"""Accuracy to reach, and limit of the seconds of fit."""

MLP = {
    "loss": partial(supcon, temperature=0.1),
    "width": 512,
    "dropout": 0.1,
    "batch_size": 1024,
    "max_iter": 15,
    "weight_decay": 0.1,
    "precision": "bfloat16",
}
OMNIGLOT = omniglot.TOWER | omniglot.EMBEDDER
WIDE = {"width": 4096, "batch_size": 16_384, "depth": 6, "n_components": 128}
"""The wide tower of ``rate``."""

N_STEPS = 32
"""Batches in an epoch of the wide tower."""

PRODUCT = 8192
"""Rows and columns of the matrices of ``rate``."""

LOSSES = ("normalized_softmax", "supcon")
PLACES = {"kept on the device": _items.N_SHARERS, "sent by batches": 2**60}
"""How many times its size the free memory must hold the data, for each placement."""


def timed_on(device, function, *arguments):
    """Return the result of a call, and the seconds until the device has computed it."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    begin = perf_counter()
    result = function(*arguments)
    wait()
    return result, perf_counter() - begin


def timed_fit(X, y, device, **parameters):
    """Return an embedder and the seconds of its fit, after a first fit on a few rows."""
    embedder = SiameseEmbedder(**ALONE | parameters | {"device": str(device)})
    few = X[: 2 * embedder.batch_size]
    clone(embedder).set_params(max_iter=1).fit(few, np.arange(len(few)) % 10)
    return timed_on(device, embedder.fit, X, y)


def fit_images(X, y, X_test, y_test, device, n_copies=None, **parameters):
    """Train on Fashion-MNIST; return the accuracy of 5-NN, and the seconds of the fit."""
    embedder, seconds = timed_fit(X, y, device, **parameters)
    embed = embedder.transform
    if n_copies is not None:
        embed = partial(fashion_mnist.mean_of_copies, embed, n_copies)
    accuracy = KNeighborsClassifier(5).fit(embed(X), y).score(embed(X_test), y_test)
    return {"accuracy": float(accuracy), "seconds": seconds}


def fit_characters(X, y, alphabet, X_known, X_new, answers, device, **parameters):
    """Train on Omniglot; return the one-shot accuracy, and the seconds of the fit."""
    embedder, seconds = timed_fit(*omniglot.with_turned(X, y), device, **parameters)
    of_all, _ = omniglot.by_distance(embedder.transform)
    return {"accuracy": omniglot.one_shot(of_all, X_known, X_new, answers), "seconds": seconds}


def fit(fashion, characters, trials, device, seeds):
    """Return a row for each target."""
    fits = {
        "mlp": partial(fit_images, *fashion, **MLP),
        "cnn": partial(fit_images, *fashion, **fashion_mnist.CNN),
        "omniglot": partial(fit_characters, *characters, *trials, **OMNIGLOT),
    }
    results = []
    for name, fit_one in fits.items():
        accuracy, seconds = TARGETS[name]
        runs = [fit_one(device=device, random_state=seed) for seed in range(seeds)]
        results.append(of_runs(runs, name=name, wanted=accuracy, wanted_seconds=seconds))
    return results


def operations(tower):
    """Return the operations of a step for each row, in the linear layers of a tower."""
    first, *others = (layer for layer in tower.modules() if isinstance(layer, nn.Linear))
    return 4 * first.weight.numel() + 6 * sum(layer.weight.numel() for layer in others)


def product_rate(device):
    """Return the operations a second of bfloat16 matrix products, the best of 20 rounds."""
    A, B = torch.randn(2, PRODUCT, PRODUCT, device=device, dtype=torch.bfloat16)
    return 2 * PRODUCT**3 / min(timed_on(device, torch.mm, A, B)[1] for _ in range(20))


def epoch_seconds(X, y, device, **parameters):
    """Return a fitted embedder, and the least seconds of its epochs after the first."""
    clock = Clock()
    embedder = SiameseEmbedder(**ALONE | parameters, random_state=0, device=str(device))
    return embedder.set_callbacks(clock).fit(X, y), min(clock.seconds[1:])


def rate(device):
    """Return a row for each loss: the speed of training a wide tower, and of matrix products."""
    batch_size = WIDE["batch_size"]
    rng = np.random.default_rng(0)
    X = rng.integers(256, size=(N_STEPS * batch_size, 1024), dtype=np.uint8)
    y = rng.permutation(np.arange(len(X)) % (batch_size // 8))
    options = WIDE | {"precision": "bfloat16", "sampler": "shuffled", "max_iter": 4}
    best, results = product_rate(device), []
    for loss in LOSSES:
        embedder, seconds = epoch_seconds(X, y, device, loss=loss, **options)
        rate = operations(embedder.tower_) * len(X) / seconds
        row = {"loss": loss, "seconds": seconds, "rate": rate}
        results.append(row | {"product_rate": best, "share": rate / best})
    return results


def placement(X, y, device, rounds):
    """Return the least seconds of an epoch, with data kept on the device and sent to it."""

    def measure(n_sharers):
        with patch.object(_items, "N_SHARERS", n_sharers):
            return epoch_seconds(X, y, device, **MLP | {"max_iter": 3})[1]

    ways = {way: partial(measure, n_sharers) for way, n_sharers in PLACES.items()}
    seconds = by_turns(ways, rounds, warm_up=0)
    return [{"way": way, "seconds": min(taken)} for way, taken in seconds.items()]


@benchmark(gpu_fit=None, gpu_rate=None, gpu_placement=None)
def gpu(data, *, device="cuda", seeds=3, rounds=3, rows=None, alphabets=None):
    """Return the rows of all parts."""
    device = _device.find_device(device)
    fashion = load_fashion_mnist(data, rows)
    characters = load_omniglot(data, n_alphabets=alphabets)
    return {
        "gpu_fit": fit(fashion, characters, load_omniglot_runs(data), device, seeds),
        "gpu_rate": rate(device),
        "gpu_placement": placement(*fashion[:2], device, rounds),
    }


if __name__ == "__main__":
    start(gpu)
