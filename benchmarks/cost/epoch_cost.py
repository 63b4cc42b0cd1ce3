"""What an epoch of the embedder costs, next to cross-entropy and pytorch-metric-learning.

All train the same tower (standardisation, then 784-128-128-32 or three blocks of convolutions) with
fused AdamW on batches of about 256 rows of Fashion-MNIST in float32, the convolutions on a tenth of
the rows; the classifier has a linear layer from 32 to 10 on top. Ours is the real ``fit``, its
epochs timed by a callback; what a fit takes beside its epochs, mostly the validation of X and its
standardisation, is given apart. The others are bare torch loops. All take turns in every round, and
ratios are formed within a round.
"""

from functools import partial
from importlib.util import find_spec
from time import perf_counter

import numpy as np
import torch
from torch import nn

from benchmarks._common.cells import RATIO, table
from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import spread
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder
from sksiamese.towers import Standardize, cnn, mlp

BATCH_SIZE = 256
LEARNING_RATE = 2e-3
TOWERS = {
    "mlp": {"tower": partial(mlp, depth=3, width=128), "input_shape": (784,)},
    "cnn": {"tower": partial(cnn, depth=3, width=32), "input_shape": (28, 28)},
}


class Clock:
    """A callback that notes when each epoch begins and ends."""

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


def ours(X, y, **options):
    """Return the mean seconds of two epochs, and the seconds of the fit outside its epochs."""
    clock = Clock()
    embedder = SiameseEmbedder(
        **{"n_components": 32, "batch_size": BATCH_SIZE} | options,
        max_iter=2,
        learning_rate_init=LEARNING_RATE,
        random_state=0,
        device="cpu",
    ).set_callbacks(clock)
    start = perf_counter()
    embedder.fit(X, y)
    total = perf_counter() - start
    return {"epoch": np.mean(clock.seconds), "fixed": total - sum(clock.seconds)}


def bare_loop(
    X, y, tower, input_shape, criterion, n_outputs, *, n_components=32, batch_size=BATCH_SIZE
):
    """Return the mean seconds of two epochs of a plain loop."""
    torch.manual_seed(0)
    module = nn.Sequential(Standardize(X.mean(), X.std()), tower(input_shape, n_components))
    if n_outputs:
        module.append(nn.Linear(n_components, n_outputs))
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    parameters = module.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-4, fused=True)
    start = perf_counter()
    for _ in range(2):
        for batch in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(module(X[batch]), y[batch]).backward()
            optimizer.step()
    return {"epoch": (perf_counter() - start) / 2}


def contenders(tower):
    """Return the functions to time for a tower, by name; the first is the reference."""
    timed = {
        "cross-entropy, bare torch loop": partial(
            bare_loop, criterion=nn.CrossEntropyLoss(), n_outputs=10
        ),
        "SiameseEmbedder, contrastive, all pairs": partial(ours, loss="contrastive", miner="all"),
        "SiameseEmbedder, triplet, all triplets": partial(ours, loss="triplet", miner="all"),
        "SiameseEmbedder, triplet, semihard": partial(ours, loss="triplet", miner="semihard"),
        "SiameseEmbedder, supcon, all pairs": partial(ours, loss="supcon", miner="all"),
    }
    if find_spec("pytorch_metric_learning"):
        from pytorch_metric_learning.distances import LpDistance
        from pytorch_metric_learning.losses import ContrastiveLoss

        criterion = ContrastiveLoss(distance=LpDistance(normalize_embeddings=False))
        timed["pytorch-metric-learning ContrastiveLoss, bare torch loop"] = partial(
            bare_loop, criterion=criterion, n_outputs=None
        )
    return {name: partial(measure, **TOWERS[tower]) for name, measure in timed.items()}


def images(args):
    """Return the training images in float32, and their classes."""
    X, y, *_ = load_fashion_mnist(args.data)
    return X[: args.rows].astype(np.float32), y[: args.rows]


@with_options(rounds=(15, "timings of each contender"), rows=(None, "use only so many images"))
def run(args):
    """Return the rows of both towers."""
    X, y = images(args)
    few = len(X) // 10
    return [*time(X, y, "mlp", args.rounds), *time(X[:few], y[:few], "cnn", args.rounds)]


def time(X, y, tower, rounds):
    """Time all contenders of a tower."""
    rows = by_turns(contenders(tower), X, y, rounds)
    return [{"tower": tower, "rows": len(X)} | row for row in rows]


def by_turns(timed, X, y, rounds):
    """Time contenders by turns, after one round of warm-up; the first is the reference."""
    seconds = {name: [] for name in timed}
    for turn in range(rounds + 1):
        for name, measure in timed.items():
            figures = measure(X, y)
            if turn > 0:
                seconds[name].append(figures)
    reference = np.array([figures["epoch"] for figures in next(iter(seconds.values()))])
    return [describe(name, figures, reference) for name, figures in seconds.items()]


def describe(name, figures, reference):
    """Return the seconds and ratios of one contender."""
    epochs = np.array([figure["epoch"] for figure in figures])
    row = {"name": name, "seconds": spread(epochs), "ratio": spread(epochs / reference)}
    if "fixed" in figures[0]:
        row["fixed_seconds"] = spread([figure["fixed"] for figure in figures])
    return row


def tables(results):
    """Return the table of the seconds of an epoch."""

    def fixed(row):
        return f"{row['fixed_seconds']['median']:.2f}" if "fixed_seconds" in row else ""

    columns = {
        "tower": "{tower}",
        "rows": "{rows:,}",
        "training": "{name}",
        "seconds an epoch": "{seconds[median]:.2f}",
        "times cross-entropy": RATIO,
        "seconds beside the epochs": fixed,
    }
    return {"epoch_cost": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
