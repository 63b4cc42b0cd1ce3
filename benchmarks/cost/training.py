"""Measure the cost of training the embedder: an epoch against cross-entropy, and chunks of rows.

``epoch_cost``: all train the same tower (standardization, then 784-128-128-32 or three blocks of
convolutions) with fused AdamW on batches of about 256 rows of Fashion-MNIST in float32, the
convolutions on a tenth of the rows; the classifier has a linear layer from 32 to 10 on top. Ours
is the real ``fit``, its epochs timed by a callback; the seconds of a fit outside its epochs, mostly
the validation of X and its standardization, are given apart. The others are bare torch loops. All
take turns in every round, and ratios are formed within a round.

``epoch_growth``: the dense tower with batches of 64 to 1,024 rows and embeddings of 16 to 128
components, against the same tower, batch and components with cross-entropy.

``chunks``: 5-NN after ``fit`` on the 60,000 training images for 20 epochs, and after
``partial_fit`` on six chunks of them, 20 times over: at the step size of the default, and with
``learning_rate_init`` lowered before each pass linearly, as ``fit`` lowers it before each epoch.
The falling step size was chosen on 4,000 held-out training images; the test images only give the
figures.
"""

from functools import partial
from time import perf_counter

import numpy as np
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import RATIO, by_turns, of_runs, spread, timed
from benchmarks._common.report import ALONE, benchmark, start
from sksiamese import SiameseEmbedder
from sksiamese.towers import Standardize, cnn, mlp

BATCH_SIZE = 256
LEARNING_RATE = 2e-3
TOWERS = {
    "mlp": {"tower": partial(mlp, depth=3, width=128), "input_shape": (784,)},
    "cnn": {"tower": partial(cnn, depth=3, width=32), "input_shape": (28, 28)},
}
SETTINGS = (
    *({"batch_size": size, "n_components": 32} for size in (64, 128, 256, 512, 1024)),
    *({"batch_size": 256, "n_components": size} for size in (16, 64, 128)),
)
"""Batches and embeddings of ``epoch_growth``."""

N_PASSES, N_CHUNKS = 20, 6
"""Passes over all rows, and chunks of rows, of ``chunks``."""


class Clock:
    """Callback that records the seconds of each epoch."""

    def __init__(self):
        self.seconds = []

    def setup(self, estimator, context):
        """Prepare nothing."""

    def teardown(self, estimator, context):
        """Clean up nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Start the clock."""
        self.begin = perf_counter()

    def on_fit_task_end(self, estimator, context):
        """Stop the clock at the end of an epoch."""
        if context.task_name == "epoch":
            self.seconds.append(perf_counter() - self.begin)


def our_fit(X, y, **options):
    """Return the mean seconds of two epochs, and the seconds of the fit outside its epochs."""
    clock = Clock()
    embedder = SiameseEmbedder(
        **ALONE | {"batch_size": BATCH_SIZE} | options,
        max_iter=2,
        learning_rate_init=LEARNING_RATE,
        random_state=0,
        device="cpu",
    ).set_callbacks(clock)
    _, seconds = timed(embedder.fit, X, y)
    return {"epoch": np.mean(clock.seconds), "fixed": seconds - sum(clock.seconds)}


def bare_loop(
    X, y, tower, input_shape, criterion, n_outputs=None, n_components=32, batch_size=BATCH_SIZE
):
    """Return the mean seconds of two epochs of a plain loop."""
    torch.manual_seed(0)
    module = nn.Sequential(Standardize(X.mean(), X.std()), tower(input_shape, n_components))
    if n_outputs:
        module.append(nn.Linear(n_components, n_outputs))
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    parameters = module.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-4, fused=True)
    begin = perf_counter()
    for _ in range(2):
        for batch in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(module(X[batch]), y[batch]).backward()
            optimizer.step()
    return {"epoch": (perf_counter() - begin) / 2}


CROSS_ENTROPY = partial(bare_loop, criterion=nn.CrossEntropyLoss(), n_outputs=10)
PEER_LOSS = ContrastiveLoss(distance=LpDistance(normalize_embeddings=False))
PEER = partial(bare_loop, criterion=PEER_LOSS)
CONTRASTIVE = partial(our_fit, loss="contrastive", miner="all")
TRIPLET = partial(our_fit, loss="triplet", miner="all")
SEMIHARD = partial(our_fit, loss="triplet", miner="semihard")
SUPCON = partial(our_fit, loss="supcon", miner="all")
CONTENDERS = {
    "cross-entropy, bare torch loop": CROSS_ENTROPY,
    "SiameseEmbedder, contrastive, all pairs": CONTRASTIVE,
    "SiameseEmbedder, triplet, all triplets": TRIPLET,
    "SiameseEmbedder, triplet, semihard": SEMIHARD,
    "SiameseEmbedder, supcon, all pairs": SUPCON,
    "pytorch-metric-learning ContrastiveLoss, bare torch loop": PEER,
}
LOSSES = {"contrastive": CONTRASTIVE, "semihard": SEMIHARD, "supcon": SUPCON}
"""Contenders of ``epoch_growth`` in addition to cross-entropy."""


def images(data, rows):
    """Return the training images in float32, and their classes."""
    X, y, *_ = load_fashion_mnist(data, rows)
    return X.astype(np.float32), y


def compare(contenders, X, y, rounds, **options):
    """Time contenders by turns; return their seconds, and ratios to those of the first."""
    timings = {name: partial(measure, X, y, **options) for name, measure in contenders.items()}
    found = by_turns(timings, rounds)
    reference = np.array([figures["epoch"] for figures in next(iter(found.values()))])
    rows = []
    for name, figures in found.items():
        epochs = np.array([figure["epoch"] for figure in figures])
        row = {"name": name, "seconds": spread(epochs), "ratio": spread(epochs / reference)}
        if "fixed" in figures[0]:
            row["fixed_seconds"] = spread([figure["fixed"] for figure in figures])
        rows.append(row)
    return rows


def seconds_beside(row):
    """Return the cell of the seconds of a fit outside its epochs."""
    return f"{row['fixed_seconds']['median']:.2f}" if "fixed_seconds" in row else ""


EPOCH_COST = {
    "tower": "{tower}",
    "rows": "{rows:,}",
    "training": "{name}",
    "seconds an epoch": "{seconds[median]:.2f}",
    "times cross-entropy": RATIO,
    "seconds in addition to the epochs": seconds_beside,
}
EPOCH_GROWTH = {
    "batch": "{batch_size:,}",
    "components": "{n_components}",
    "cross-entropy, s": "{figures[cross-entropy][seconds][median]:.2f}",
    **{name: RATIO.replace("ratio", f"figures[{name}][ratio]") for name in LOSSES},
}


@benchmark(epoch_cost=EPOCH_COST)
def epoch_cost(data, *, rounds=15, rows=None):
    """Return a row for each tower and contender."""
    X, y = images(data, rows)
    sizes = {"mlp": len(X), "cnn": len(X) // 10}
    return [
        {"tower": tower, "rows": n} | row
        for tower, n in sizes.items()
        for row in compare(CONTENDERS, X[:n], y[:n], rounds, **TOWERS[tower])
    ]


@benchmark(epoch_growth=EPOCH_GROWTH)
def epoch_growth(data, *, rounds=7, rows=None):
    """Return a row for each setting: the figures of each contender by its name."""
    X, y = images(data, rows)
    contenders, results = {"cross-entropy": CROSS_ENTROPY} | LOSSES, []
    for setting in SETTINGS:
        found = compare(contenders, X, y, rounds, **TOWERS["mlp"], **setting)
        figures = {row.pop("name"): row for row in found}
        results.append(setting | {"rows": len(X), "figures": figures})
    return results


def fit(X, y, seed):
    """Train on all rows at once."""
    embedder = SiameseEmbedder(**ALONE, max_iter=N_PASSES, random_state=seed, device="cpu")
    return embedder.fit(X, y)


def fit_chunks(X, y, seed, *, falls):
    """Train on one chunk after the other, several times over."""
    embedder = SiameseEmbedder(**ALONE, random_state=seed, device="cpu")
    first_rate = embedder.learning_rate_init
    chunks = np.array_split(np.random.default_rng(seed).permutation(len(X)), N_CHUNKS)
    for turn in range(N_PASSES):
        if falls:
            embedder.set_params(learning_rate_init=first_rate * (1 - turn / N_PASSES))
        for rows in chunks:
            embedder.partial_fit(X[rows], y[rows], classes=np.unique(y))
    return embedder


WAYS = {
    "fit": fit,
    "partial_fit, step size falls": partial(fit_chunks, falls=True),
    "partial_fit, step size stays": partial(fit_chunks, falls=False),
}


@benchmark(chunks=None)
def chunks(data, *, seeds=3, rows=60_000):
    """Return a row for each way to train."""
    X, y, X_test, y_test = load_fashion_mnist(data, rows)
    results = []
    for way, train in WAYS.items():
        runs = []
        for seed in range(seeds):
            embedder, seconds = timed(train, X, y, seed)
            neighbors = KNeighborsClassifier(5).fit(embedder.transform(X), y)
            accuracy = neighbors.score(embedder.transform(X_test), y_test)
            runs.append({"5-NN": accuracy, "seconds": seconds})
        results.append(of_runs(runs, training=way))
    return results


if __name__ == "__main__":
    start(epoch_cost, epoch_growth, chunks)
