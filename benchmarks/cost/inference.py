"""What answers cost beside the bare module: many rows, a single pair, the import.

Many rows: ``transform`` of :class:`SiameseEmbedder` on Fashion-MNIST as float32 and as uint8,
beside its own tower in a plain loop over chunks of a float32 tensor, and over all rows at once;
with convolutions on a tenth of the rows. A single pair of images: ``predict_proba`` of
:class:`SiameseVerifier` on an array and on a view, beside its tower and head on two tensors. All
take turns, so that a busy moment meets all alike, and what is reported is the least of their times.
The estimators are trained for an epoch on few rows, as their weights do not matter here.

Import: ``import sksiamese`` in a new process which has imported torch and scikit-learn before.
"""

import subprocess
import sys
from functools import partial
from time import perf_counter

import numpy as np
import torch

from benchmarks._common.cells import table
from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.report import main, with_options
from sksiamese import PairView, SiameseEmbedder, SiameseVerifier
from sksiamese.towers import cnn

CHUNK = 1024
TOWERS = {"mlp": {}, "cnn": {"tower": partial(cnn, width=32), "input_shape": (28, 28)}}
IMPORT = """
import sklearn.callback, sklearn.frozen, sklearn.metrics, sklearn.model_selection
import sklearn.neighbors, sklearn.preprocessing, torch
from time import perf_counter
start = perf_counter()
import sksiamese
print(perf_counter() - start)
"""


@torch.inference_mode()
def embed(tower, X):
    """Embed the rows of a tensor in one piece."""
    return tower(X)


@torch.inference_mode()
def embed_chunks(tower, X):
    """Embed the rows of a tensor in chunks."""
    return torch.cat([tower(part) for part in X.split(CHUNK)])


@torch.inference_mode()
def decide(verifier, left, right):
    """Return the probability that two items match, by tower and head alone."""
    return verifier.head_(verifier.tower_(left), verifier.tower_(right)).sigmoid()


def least_seconds(functions, rounds):
    """Return the least time of each function, by turns, after one round of warm-up."""
    times = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            start = perf_counter()
            function()
            if turn > 0:
                times[name].append(perf_counter() - start)
    return {name: min(values) for name, values in times.items()}


def many_rows(X, y, rounds):
    """Return the seconds for many rows, for each tower and each way."""
    for name, options in TOWERS.items():
        rows = X if name == "mlp" else X[: len(X) // 10]
        embedder = SiameseEmbedder(max_iter=1, random_state=0, device="cpu", **options)
        embedder.fit(X[:1000], y[:1000])
        floats = rows.astype(np.float32)
        tensor, tower = torch.from_numpy(floats), embedder.tower_
        gap = np.abs(embedder.transform(rows) - embed_chunks(tower, tensor).numpy()).max()
        if gap > 1e-4:
            raise ValueError(f"both ways must give the same embeddings, but differ by {gap}.")
        ways = {
            "tower, in chunks of a tensor": partial(embed_chunks, tower, tensor),
            "tower, all rows of a tensor": partial(embed, tower, tensor),
            "transform, float32": partial(embedder.transform, floats),
            "transform, uint8": partial(embedder.transform, rows),
        }
        seconds = least_seconds(ways, rounds)
        bare = seconds["tower, in chunks of a tensor"]
        for way, value in seconds.items():
            found = {"tower": name, "rows": len(rows), "way": way, "seconds": value}
            yield found | {"throughput": bare / value}


def single_pair(X, y, calls):
    """Return the seconds for one pair, for each way."""
    items = X[:1000].astype(np.float32)
    pairs = PairView(items, np.arange(1000).reshape(-1, 2))
    match = y[pairs.index[:, 0]] == y[pairs.index[:, 1]]
    verifier = SiameseVerifier(max_iter=1, random_state=0, device="cpu").fit(pairs, match)
    view = PairView(items[:2], [[0, 1]])
    ways = {
        "tower and head": partial(decide, verifier, *torch.from_numpy(items[:2]).split(1)),
        "predict_proba, array": partial(verifier.predict_proba, np.asarray(view)),
        "predict_proba, PairView": partial(verifier.predict_proba, view),
    }
    seconds = least_seconds(ways, calls)
    bare = seconds["tower and head"]
    return [
        {"way": way, "milliseconds": 1e3 * value, "beside": 1e3 * (value - bare)}
        for way, value in seconds.items()
    ]


def import_seconds():
    """Return the seconds of the import in a new process."""
    command = [sys.executable, "-c", IMPORT]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@with_options(
    rounds=(15, "timings of many rows"),
    calls=(1000, "timings of a single pair"),
    imports=(5, "timings of the import"),
    rows=(60_000, "number of images"),
)
def run(args):
    """Return the seconds of many rows, of a single pair and of the import."""
    X, y, *_ = load_fashion_mnist(args.data)
    X, y = X[: args.rows], y[: args.rows]
    return {
        "rows": list(many_rows(X, y, args.rounds)),
        "pair": single_pair(X, y, args.calls),
        "import_seconds": min(import_seconds() for _ in range(args.imports)),
    }


def tables(results):
    """Return the tables of many rows, and of a single pair and the import."""
    rows = {
        "tower": "{tower}",
        "rows": "{rows:,}",
        "way": "{way}",
        "seconds": "{seconds:.3f}",
        "throughput, times that of the tower in chunks": "{throughput:.2f}",
    }
    pair = {
        "one pair": "{way}",
        "milliseconds": "{milliseconds:.2f}",
        "beside tower and head": "{beside:.2f}",
    }
    imported = ["import sksiamese", f"{1e3 * results['import_seconds']:.0f}", ""]
    return {
        "inference_rows": table(results["rows"], rows),
        "inference_pair": [*table(results["pair"], pair), imported],
    }


if __name__ == "__main__":
    main(run, tables)
