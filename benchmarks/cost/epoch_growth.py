"""How the cost of an epoch grows with the batch and the embedding, next to cross-entropy.

The dense tower of ``epoch_cost.py`` on Fashion-MNIST in float32, trained with batches of 64 to
1,024 rows and with embeddings of 16 to 128 components: the real ``fit`` against a bare torch loop
of the same tower, batch and components. All take turns, ratios are formed within a round.
"""

from functools import partial

from torch import nn

from benchmarks._common.cells import RATIO, table
from benchmarks._common.report import main, with_options
from benchmarks.cost import epoch_cost

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
    """Return the functions to time in a setting, by name; the first is the reference."""
    bare = partial(epoch_cost.bare_loop, criterion=nn.CrossEntropyLoss(), n_outputs=10)
    ours = {name: partial(epoch_cost.ours, **options) for name, options in LOSSES.items()}
    options = epoch_cost.TOWERS["mlp"] | setting
    timed = {"cross-entropy": bare, **ours}
    return {name: partial(measure, **options) for name, measure in timed.items()}


@with_options(rounds=(7, "timings of each contender"), rows=(None, "use only so many images"))
def run(args):
    """Return a row for every setting: the figures of each contender by its name."""
    X, y = epoch_cost.images(args)
    results = []
    for setting in SETTINGS:
        timed = epoch_cost.by_turns(contenders(setting), X, y, args.rounds)
        figures = {row.pop("name"): row for row in timed}
        results.append(setting | {"rows": len(X), "figures": figures})
    return results


def tables(results):
    """Return the table of the cost of an epoch by batch and embedding."""
    columns = {
        "batch": "{batch_size:,}",
        "components": "{n_components}",
        "cross-entropy, s": "{figures[cross-entropy][seconds][median]:.2f}",
        **{name: RATIO.replace("ratio", f"figures[{name}][ratio]") for name in LOSSES},
    }
    return {"epoch_growth": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
