"""Measure the milliseconds of the parts of a training step, and how they compare with the tower.

``step_parts``: on embeddings of 32 components and ten classes, forward and backward of distances,
masks, miner and loss, without the embedder around them; and, for comparison, of cross-entropy after
a linear layer. The tower, 784-128-128-32, is the whole step without a loss: gather and standardize
a batch, forward, backward and fused AdamW. All parts take turns in every round, and ratios are
formed within a round. Run it again after a change of these parts; the former figures are in the
history of its JSON.
"""

from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks._common.figures import RATIO, by_turns, seconds_of, spread
from benchmarks._common.report import benchmark, start
from benchmarks.cost.against_peers import TRAINED, OurLoss, Tower, clusters, step
from benchmarks.cost.training import LEARNING_RATE

BATCH_SIZES = (128, 256)
LOSSES = {"triplet": ("triplet", "all"), **TRAINED}
"""Losses and miners; the first one is the default of the embedder."""

TOWER = "tower and optimizer"


def tower_step(X, batch_size):
    """Return a function that runs some steps of the tower."""
    tower = Tower(X.mean().item(), X.std().item())
    optimizer = torch.optim.AdamW(tower.parameters(), lr=LEARNING_RATE, fused=True)

    def run(n_steps):
        for batch in torch.randperm(len(X))[: n_steps * batch_size].split(batch_size):
            optimizer.zero_grad()
            tower(X[batch]).sum().backward()
            optimizer.step()

    return run


def milliseconds(run, n_steps):
    """Return the mean milliseconds of a step."""
    return 1000 * seconds_of(run, n_steps) / n_steps


def parts(batch_size):
    """Return a function of a number of steps for each part."""
    X, (Z, y) = torch.randn(20_000, 784), clusters(batch_size, 32, 10)
    linear, criterion = nn.Linear(32, 10), nn.CrossEntropyLoss()
    criteria = {"cross-entropy": lambda Z, y: criterion(linear(Z), y)}
    criteria |= {name: OurLoss(*parts) for name, parts in LOSSES.items()}
    steps = {name: partial(step, criterion, Z, y) for name, criterion in criteria.items()}
    return {TOWER: tower_step(X, batch_size), **steps}


STEP_PARTS = {
    "batch": "{batch_size}",
    "part": "{part}",
    "ms": "{ms[median]:.2f}",
    "times the tower": RATIO,
}


@benchmark(step_parts=STEP_PARTS)
def step_parts(data, *, rounds=15, steps=50):
    """Return a row for each batch size and part."""
    results = []
    for batch_size in BATCH_SIZES:
        calls = {name: partial(milliseconds, run, steps) for name, run in parts(batch_size).items()}
        found = {name: np.array(values) for name, values in by_turns(calls, rounds).items()}
        results += [
            {
                "batch_size": batch_size,
                "part": name,
                "ms": spread(values),
                "ratio": spread(values / found[TOWER]),
            }
            for name, values in found.items()
        ]
    return results


if __name__ == "__main__":
    start(step_parts)
