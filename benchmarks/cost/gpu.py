"""Measure an accelerator: seconds to an accuracy, share of its speed, and how fits share it.

``gpu_fit``: seconds of ``fit`` and the accuracy reached, by 5-NN of Fashion-MNIST and one-shot
classification of Omniglot. The settings of the multilayer perceptron were chosen on 10,000 held-out
training images; the others are those of ``systems/fashion_mnist.py`` and ``systems/omniglot.py``.

``gpu_rate``: a wide tower in bfloat16, its operations a second against those of large matrix
products. The products of its linear layers are counted: one forward and two backward, for the
first layer one backward, as its input has no gradient.

``gpu_waits``: operations in the steps of an epoch that torch reports as waiting for the device.

``gpu_placement``: an epoch with the data kept on the device, and one with each batch sent there.

``gpu_search``: a grid search in one process and in two that share the device, and the greatest
memory of the device in use, compared with before.

Every fit follows one on a few rows, which loads kernels and libraries. With ``--device cpu`` the
script can be tried on small settings; memory then is that of the process.
"""

import warnings
from functools import partial
from unittest.mock import patch

import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn

from benchmarks._common.data import load_fashion_mnist, load_omniglot, load_omniglot_runs
from benchmarks._common.figures import by_turns, of_runs, timed
from benchmarks._common.process import greatest_during, megabytes
from benchmarks._common.report import main_by_name, with_options
from benchmarks.cost.inference import GRID
from benchmarks.cost.training import Clock
from benchmarks.systems import fashion_mnist, omniglot
from sksiamese import SiameseEmbedder, _base
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
WIDE = {"width": 4096, "batch_size": 16_384, "depth": 6, "n_components": 128}
"""The wide tower of ``gpu_rate``."""

N_STEPS = 32
"""Batches in an epoch of the wide tower."""

PRODUCT = 8192
"""Rows and columns of the matrices of ``gpu_rate``."""

LOSSES = ("normalized_softmax", "supcon")
WAYS = {
    "triplet": {},
    "supcon": {"loss": "supcon", "precision": "bfloat16"},
    "semihard": {"miner": "semihard"},
    "angular": {"miner": "angular"},
}
"""Settings of ``gpu_waits``."""

PLACES = {"kept on the device": _items.N_SHARERS, "sent by batches": 2**60}
"""How many times its size the free memory must hold the data, for each placement."""


def timed_on(device, function, *arguments):
    """Return the result of a call, and the seconds until the device has computed it."""

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def call():
        result = function(*arguments)
        wait()
        return result

    wait()
    return timed(call)


def timed_fit(X, y, device, **parameters):
    """Return an embedder and the seconds of its fit, after a first fit on a few rows."""
    embedder = SiameseEmbedder(**parameters | {"device": str(device)})
    few = X[: 2 * embedder.batch_size]
    clone(embedder).set_params(max_iter=1).fit(few, np.arange(len(few)) % 10)
    return timed_on(device, embedder.fit, X, y)


def images(args):
    """Return the training and the test images of Fashion-MNIST, and their classes."""
    return [part[: args.rows] for part in load_fashion_mnist(args.data)]


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


@with_options(
    device=("cuda", "where to train"),
    seeds=(3, "fits of each target"),
    rows=(None, "number of images"),
    alphabets=(None, "number of alphabets"),
)
def gpu_fit(args):
    """Return a row for each target."""
    fashion = images(args)
    characters = load_omniglot(args.data, n_alphabets=args.alphabets)
    fits = {
        "mlp": partial(fit_images, *fashion, **MLP),
        "cnn": partial(fit_images, *fashion, **fashion_mnist.CNN),
        "omniglot": partial(
            fit_characters,
            *characters,
            *load_omniglot_runs(args.data),
            **omniglot.TOWER | omniglot.EMBEDDER,
        ),
    }
    device, results = _device.find_device(args.device), []
    for name, fit in fits.items():
        accuracy, seconds = TARGETS[name]
        runs = [fit(device=device, random_state=seed) for seed in range(args.seeds)]
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
    embedder = SiameseEmbedder(**parameters, random_state=0, device=str(device))
    return embedder.set_callbacks(clock).fit(X, y), min(clock.seconds[1:])


@with_options(device=("cuda", "where to train"))
def gpu_rate(args):
    """Return a row for each loss: the speed of training a wide tower, and of matrix products."""
    device, batch_size = _device.find_device(args.device), WIDE["batch_size"]
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


class Waits:
    """Replacement for the training loop that counts the waiting operations of its steps.

    Torch reports them in its debug mode, which is on during steps only: while batches are drawn
    and after an epoch, the CPU may wait.
    """

    def __init__(self, device):
        self.device, self.n_steps, self.places = device, 0, []
        self.train = _base.train

    def __call__(self, module, epochs, *args, **options):
        """Train, and count the waiting operations."""
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            self.train(module, map(self.steps, epochs), *args, **options)
        waiting = [w for w in found if "called a synchronizing" in str(w.message)]
        self.places += [f"{w.filename}:{w.lineno}" for w in waiting]

    def steps(self, batches):
        """Yield the batches of an epoch."""
        for batch in batches:
            self.switch("warn")
            self.n_steps += 1
            yield batch
            self.switch("default")

    def switch(self, mode):
        """Turn the debug mode of a CUDA device on or off."""
        if self.device.type == "cuda":
            torch.cuda.set_sync_debug_mode(mode)


@with_options(device=("cuda", "where to train"), rows=(None, "number of images"))
def gpu_waits(args):
    """Return the waiting operations in an epoch, for several ways to train."""
    X, y, *_ = images(args)
    device, results = _device.find_device(args.device), []
    for way, options in WAYS.items():
        waits = Waits(device)
        with patch.object(_base, "train", waits):
            SiameseEmbedder(max_iter=1, random_state=0, device=str(device), **options).fit(X, y)
        results.append({"way": way, "steps": waits.n_steps, "waits": waits.places})
    return results


@with_options(
    device=("cuda", "where to train"),
    rounds=(3, "timings of each placement"),
    rows=(None, "number of images"),
)
def gpu_placement(args):
    """Return the least seconds of an epoch, with data kept on the device and sent to it."""
    X, y, *_ = images(args)
    device = _device.find_device(args.device)

    def measure(n_sharers):
        with patch.object(_items, "N_SHARERS", n_sharers):
            return epoch_seconds(X, y, device, **MLP | {"max_iter": 3})[1]

    ways = {way: partial(measure, n_sharers) for way, n_sharers in PLACES.items()}
    seconds = by_turns(ways, args.rounds, warm_up=0)
    return [{"way": way, "seconds": min(taken)} for way, taken in seconds.items()]


def used(device):
    """Return the MB in use: of a CUDA device by all processes, else of this process."""
    if device.type != "cuda":
        return megabytes("VmRSS")
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / 2**20


@with_options(
    device=("cuda", "where to train"),
    epochs=(10, "epochs of each fit"),
    rows=(None, "number of images"),
)
def gpu_search(args):
    """Return the best score, seconds and memory of a search in one process and in two."""
    X, y, *_ = images(args)
    device, results = _device.find_device(args.device), []
    options = {"max_iter": args.epochs, "batch_size": 512, "random_state": 0}
    model = make_pipeline(SiameseEmbedder(**options, device=str(device)), KNeighborsClassifier(5))
    for n_jobs in (1, 2):
        grid = GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs, refit=False, error_score="raise")
        if device.type == "cuda":
            torch.cuda.empty_cache()
        before = used(device)
        clone(grid).fit(X[:500], y[:500])
        search = partial(timed_on, device, grid.fit, X, y)
        (_, seconds), most = greatest_during(search, partial(used, device), interval=0.02)
        score = float(grid.cv_results_["mean_test_score"].max())
        row = {"n_jobs": n_jobs, "score": score, "seconds": seconds}
        results.append(row | {"megabytes": most, "megabytes_before": before})
    return results


FIT = {
    "model": "{name}",
    "accuracy": "accuracy",
    "seconds": "{summary[seconds][mean]:.1f}",
    "wanted": lambda row: f"{100 * row['wanted']:.0f} % in {row['wanted_seconds']} s",
}
RATE = {
    "loss": "{loss}",
    "share of the speed of matrix products": "{share:.2f}",
    "operations a second": "{rate:.2g}",
}
WAITS = {
    "training": "{way}",
    "steps": "{steps}",
    "waits": lambda row: str(len(row["waits"])),
}
SEARCH = {
    "n_jobs": "{n_jobs}",
    "seconds": "{seconds:.1f}",
    "MB": "{megabytes:,.0f}",
    "MB before": "{megabytes_before:,.0f}",
    "score": "{score:.3f}",
}
BENCHMARKS = {
    "gpu_fit": (gpu_fit, {"gpu_fit": FIT}),
    "gpu_rate": (gpu_rate, {"gpu_rate": RATE}),
    "gpu_waits": (gpu_waits, {"gpu_waits": WAITS}),
    "gpu_placement": (
        gpu_placement,
        {"gpu_placement": {"data": "{way}", "seconds an epoch": "{seconds:.3f}"}},
    ),
    "gpu_search": (gpu_search, {"gpu_search": SEARCH}),
}

if __name__ == "__main__":
    main_by_name(BENCHMARKS)
