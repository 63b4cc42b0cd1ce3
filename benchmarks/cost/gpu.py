"""What an accelerator buys: seconds to an accuracy, share of its speed, and how it is shared.

The parts of this script, which ``--only`` chooses from:

- ``mlp``, ``cnn``, ``omniglot``: seconds of ``fit`` and what it reaches, 5-NN of Fashion-MNIST and
  one-shot classification of Omniglot. Multilayer perceptron: settings of this script, chosen on
  10,000 held-out training images, on which ``--held-out`` tests. The others have the settings of
  ``systems/fashion_mnist.py`` and ``systems/omniglot.py``, which were chosen in the same way.
- ``rate``: a wide tower in bfloat16, its epochs in operations a second beside those of large matrix
  products of the same run. Counted are the products of its linear layers: one forward and two
  backward, of the first layer one backward, as its input has no gradient.
- ``waits``: operations in the steps of an epoch that torch reports as waiting for the device.
- ``placement``: an epoch with the data kept on the device, and one with each batch sent there.
- ``search``: a grid search in one process and in two that share the device, and the most memory
  of it in use, beside that in use before.

Every fit is preceded by one on a few rows, which loads what a device loads once. With
``--device cpu`` the script can be tried on small settings; memory then is that of the process.
"""

import json
import re
import threading
import warnings
from functools import partial
from time import perf_counter
from unittest.mock import patch

import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn

from benchmarks._common.cells import figure
from benchmarks._common.data import load_fashion_mnist, load_omniglot, load_omniglot_runs
from benchmarks._common.figures import of_runs
from benchmarks._common.process import megabytes
from benchmarks._common.report import main, with_options
from benchmarks.cost.epoch_cost import Clock
from benchmarks.systems import fashion_mnist, omniglot
from sksiamese import SiameseEmbedder, _base
from sksiamese._data import _device, _items
from sksiamese.losses import supcon

TARGETS = {"mlp": (0.89, 3), "cnn": (0.93, 15), "omniglot": (0.94, 30)}
"""Accuracy to reach, and seconds of fit that it may take."""

MLP = {
    "loss": partial(supcon, temperature=0.1),
    "width": 512,
    "dropout": 0.1,
    "batch_size": 1024,
    "max_iter": 15,
    "weight_decay": 0.1,
    "precision": "bfloat16",
}
N_HELD_OUT = 10_000
N_STEPS = 32
"""Batches in an epoch of the wide tower."""

LOSSES = ("normalized_softmax", "supcon")
GRID = {"siameseembedder__n_components": [16, 32], "siameseembedder__margin": [0.1, 0.2]}


def wait(device):
    """Wait until a device has completed its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(function, device):
    """Return the result of a function, and the seconds until the device has computed it."""
    wait(device)
    start = perf_counter()
    found = function()
    wait(device)
    return found, perf_counter() - start


def fitted(X, y, device, **parameters):
    """Return an embedder and the seconds of its fit, after a first fit on a few rows."""
    embedder = SiameseEmbedder(**parameters, device=str(device))
    few = X[: 2 * embedder.batch_size]
    clone(embedder).set_params(max_iter=1).fit(few, np.arange(len(few)) % 10)
    return seconds_of(lambda: embedder.fit(X, y), device)


def neighbors(embed, X, y, X_test, y_test):
    """Return the accuracy of 5-NN on an embedding."""
    return float(KNeighborsClassifier(5).fit(embed(X), y).score(embed(X_test), y_test))


def mlp(fashion, device, seed, args):
    """Train a multilayer perceptron on Fashion-MNIST."""
    options = MLP | ({"max_iter": args.epochs} if args.epochs else {})
    embedder, seconds = fitted(*fashion[:2], device, random_state=seed, **options)
    return {"accuracy": neighbors(embedder.transform, *fashion), "seconds": seconds}


def cnn(fashion, device, seed, args):
    """Train convolutions on Fashion-MNIST; an image and its mirror image have one embedding."""
    options = dict(fashion_mnist.SEVERAL["SiameseEmbedder, supcon, cnn"])
    n_copies = options.pop("n_copies")
    options |= {"max_iter": args.epochs} if args.epochs else {}
    embedder, seconds = fitted(*fashion[:2], device, random_state=seed, **options)
    embed = partial(fashion_mnist.mean_of_copies, embedder.transform, n_copies)
    return {"accuracy": neighbors(embed, *fashion), "seconds": seconds}


def characters(tasks, device, seed, args):
    """Train convolutions on Omniglot."""
    (X, y, _), _, runs = tasks
    options = omniglot.TOWER | omniglot.EMBEDDER
    options |= {"max_iter": args.epochs} if args.epochs else {}
    del options["device"]
    X, y = omniglot.with_turned(X, y)
    embedder, seconds = fitted(X, y, device, random_state=seed, **options)
    of_all, _ = omniglot.by_distance(embedder.transform)
    return {"accuracy": omniglot.one_shot(of_all, *runs), "seconds": seconds}


def target(name, measure, data, device, args):
    """Return the figures of all seeds, and the accuracy and seconds to reach."""
    runs = [measure(data, device, seed, args) for seed in range(args.seeds)]
    accuracy, seconds = TARGETS[name]
    return of_runs(runs, wanted={"accuracy": accuracy, "seconds": seconds})


def product_rate(device, size, rounds=20):
    """Return the operations a second of square bfloat16 matrix products, the best of all rounds."""
    A, B = torch.randn(2, size, size, device=device, dtype=torch.bfloat16)
    seconds = [seconds_of(lambda: A @ B, device)[1] for _ in range(rounds)]
    return 2 * size**3 / min(seconds)


def operations(tower):
    """Return the operations of a step for each row, in the linear layers of a tower."""
    first, *others = (layer for layer in tower.modules() if isinstance(layer, nn.Linear))
    return 4 * first.weight.numel() + 6 * sum(layer.weight.numel() for layer in others)


def rate(device, args):
    """Compare the speed of training a wide tower with that of matrix products."""
    rng = np.random.default_rng(0)
    X = rng.integers(256, size=(N_STEPS * args.batch, 1024), dtype=np.uint8)
    y = rng.permutation(np.arange(len(X)) % (args.batch // 8))
    options = {"width": args.width, "depth": 6, "n_components": 128, "precision": "bfloat16"}
    best, found = product_rate(device, args.product), []
    for loss in LOSSES:
        clock = Clock()
        embedder = SiameseEmbedder(
            **options,
            loss=loss,
            batch_size=args.batch,
            sampler="shuffled",
            max_iter=4,
            random_state=0,
            device=str(device),
        ).set_callbacks(clock)
        embedder.fit(X, y)
        seconds = min(clock.seconds[1:])
        reached = operations(embedder.tower_) * len(X) / seconds
        found.append({"loss": loss, "seconds": seconds, "rate": reached, "share": reached / best})
    return {"product_rate": best, "wanted": 0.5, "losses": found}


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


def waits(X, y, device):
    """Return the waiting operations in an epoch, for several ways to train."""
    found = []
    ways = {"triplet": {}, "supcon": {"loss": "supcon", "precision": "bfloat16"}}
    ways |= {"semihard": {"miner": "semihard"}, "angular": {"miner": "angular"}}
    for way, options in ways.items():
        watched = Waits(device)
        with patch.object(_base, "train", watched):
            SiameseEmbedder(max_iter=1, random_state=0, device=str(device), **options).fit(X, y)
        found.append({"way": way, "steps": watched.n_steps, "waits": watched.places})
    return found


def placement(X, y, device, args):
    """Return the least seconds of an epoch, with data kept on the device and sent to it."""
    ways = {"kept on the device": _items.N_SHARERS, "sent by batches": 2**60}
    seconds = {way: [] for way in ways}
    for _ in range(args.rounds):
        for way, n_sharers in ways.items():
            clock = Clock()
            embedder = SiameseEmbedder(**MLP | {"max_iter": 3}, random_state=0, device=str(device))
            with patch.object(_items, "N_SHARERS", n_sharers):
                embedder.set_callbacks(clock).fit(X, y)
            seconds[way].append(min(clock.seconds[1:]))
    return [{"way": way, "seconds": min(taken)} for way, taken in seconds.items()]


def used(device):
    """Return the megabytes in use: of a CUDA device by all processes, else of this process."""
    if device.type != "cuda":
        return megabytes("VmRSS")
    free, total = torch.cuda.mem_get_info(device)
    return (total - free) / 2**20


def most_used(function, device):
    """Return the result of a function, and the most megabytes in use during the call."""
    done, seen = threading.Event(), [used(device)]

    def watch():
        while not done.wait(0.02):
            seen.append(used(device))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return function(), max(seen)
    finally:
        done.set()
        watcher.join()


def search(X, y, device, args):
    """Search in one process and in two; return best scores, seconds and memory."""
    found = []
    for n_jobs in (1, 2):
        embedder = SiameseEmbedder(
            max_iter=args.epochs or 10, batch_size=512, random_state=0, device=str(device)
        )
        model = make_pipeline(embedder, KNeighborsClassifier(5))
        grid = GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs, refit=False, error_score="raise")
        if device.type == "cuda":
            torch.cuda.empty_cache()
        before = used(device)
        clone(grid).fit(X[:500], y[:500])
        (_, seconds), most = most_used(partial(seconds_of, partial(grid.fit, X, y), device), device)
        score = float(grid.cv_results_["mean_test_score"].max())
        row = {"n_jobs": n_jobs, "score": score, "seconds": seconds}
        found.append(row | {"megabytes": most, "megabytes_before": before})
    return found


def parts(args, device):
    """Return the functions of all parts by name; they read data only if called."""

    def fashion():
        X, y, *test = (part[: args.rows] for part in load_fashion_mnist(args.data))
        if not args.held_out:
            return X, y, *test
        order = np.random.default_rng(0).permutation(len(X))
        n_held_out = min(N_HELD_OUT, len(X) // 3)
        held_out, rest = order[:n_held_out], order[n_held_out:]
        return X[rest], y[rest], X[held_out], y[held_out]

    def drawings():
        train = load_omniglot(args.data, n_alphabets=args.alphabets, block=omniglot.BLOCK)
        if args.held_out:
            return omniglot.held_out(*train, np.random.default_rng(0))
        return train, None, load_omniglot_runs(args.data, block=omniglot.BLOCK)

    return {
        "mlp": lambda: target("mlp", mlp, fashion(), device, args),
        "cnn": lambda: target("cnn", cnn, fashion(), device, args),
        "omniglot": lambda: target("omniglot", characters, drawings(), device, args),
        "rate": lambda: rate(device, args),
        "waits": lambda: waits(*fashion()[:2], device),
        "placement": lambda: placement(*fashion()[:2], device, args),
        "search": lambda: search(*fashion()[:2], device, args),
    }


@with_options(
    device=("cuda", "where to train"),
    seeds=(3, "fits of each target"),
    rounds=(3, "timings of each placement"),
    epochs=(None, "epochs of each fit"),
    rows=(None, "use only so many images"),
    alphabets=(None, "read only so many alphabets"),
    width=(4096, "width of the wide tower"),
    batch=(16_384, "its batch, a multiple of 8"),
    product=(8192, "size of the matrices"),
    held_out=(False, "test on training data"),
    only=("", "run parts of this regular expression, keep others as they are"),
)
def run(args):
    """Return the results of the parts that are chosen, and of others as they were."""
    device, path = _device.find_device(args.device), args.out / "gpu.json"
    results = json.loads(path.read_text())["results"] if args.only and path.exists() else {}
    for name, part in parts(args, device).items():
        if re.search(args.only, name):
            results[name] = part()
    return results


def tables(results):
    """Return the table of all parts that have been run."""
    rows = []
    for name in [name for name in TARGETS if name in results]:
        wanted, seconds = results[name]["wanted"], results[name]["summary"]["seconds"]["mean"]
        bar = f"{100 * wanted['accuracy']:.0f} % in {wanted['seconds']} s"
        rows.append([name, f"{figure(results[name], 'accuracy')} % in {seconds:.1f} s", bar])
    for row in results.get("rate", {"losses": []})["losses"]:
        share = f"{100 * row['share']:.0f} % of {results['rate']['product_rate'] / 1e12:.0f} T/s"
        rows.append([f"wide tower, {row['loss']}", share, "50 %"])
    for row in results.get("waits", []):
        rows.append([f"waits, {row['way']}", f"{len(row['waits'])} in {row['steps']} steps", ""])
    for row in results.get("placement", []):
        rows.append([f"epoch, data {row['way']}", f"{row['seconds']:.3f} s", ""])
    for row in results.get("search", []):
        found = f"{row['seconds']:.1f} s, {row['megabytes']:,.0f} MB, {row['score']:.3f}"
        found += f" ({row['megabytes_before']:,.0f} MB before)"
        rows.append([f"search, n_jobs={row['n_jobs']}", found, ""])
    return {"gpu": [["measurement", "found", "wanted"], *rows]}


if __name__ == "__main__":
    main(run, tables)
