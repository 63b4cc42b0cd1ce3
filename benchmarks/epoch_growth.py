"""How the cost of an epoch grows with the batch and the embedding, next to cross-entropy.

The dense tower of ``epoch_cost.py`` on Fashion-MNIST in float32, trained with batches of 64 to
1,024 rows and with embeddings of 16 to 128 components: the real ``fit`` against a bare torch loop
of the same tower, batch and components. All take turns, ratios are formed within a round.
"""

import sys
from functools import partial

import _data
import _report
import epoch_cost
import numpy as np
import tables
import torch
from torch import nn

SETTINGS = (
    *({"batch_size": size, "n_components": 32} for size in (64, 128, 256, 512, 1024)),
    *({"batch_size": 256, "n_components": size} for size in (16, 64, 128)),
)
LOSSES = {
    "contrastive": {"loss": "contrastive", "miner": "all"},
    "semihard": {"loss": "triplet", "miner": "semihard"},
    "supcon": {"loss": "supcon", "miner": "all"},
}


def contenders(setting):
    """What is timed in a setting, by name; the first is what the others are held against."""
    bare = partial(epoch_cost.bare_loop, criterion=nn.CrossEntropyLoss(), n_outputs=10)
    ours = {name: partial(epoch_cost.ours, **options) for name, options in LOSSES.items()}
    options = epoch_cost.TOWERS["mlp"] | setting
    timed = {"cross-entropy": bare, **ours}
    return {name: partial(measure, **options) for name, measure in timed.items()}


def run(X, y, *, rounds):
    """A row for every setting: the figures of each contender by its name."""
    results = []
    for setting in SETTINGS:
        timed = epoch_cost.by_turns(contenders(setting), X, y, rounds)
        figures = {row.pop("name"): row for row in timed}
        results.append(setting | {"rows": len(X), "figures": figures})
    return results


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7, help="timings of each contender")
    options.add_argument("--rows", type=int, help="use only so many images")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    X, y, *_ = _data.load_fashion_mnist(args.data)
    results = run(X[: args.rows].astype(np.float32), y[: args.rows], rounds=args.rounds)
    settings = {key: getattr(args, key) for key in ("rounds", "rows", "threads")}
    _report.write(args.out / "epoch_growth.json", results, **settings)
    sys.stdout.write(tables.markdown(*tables.epoch_growth(results)))


if __name__ == "__main__":
    main()
