"""Batches as tensors of row numbers; every function yields the batches of one epoch."""

from math import ceil

import torch

N_PER_CLASS = 4
"""Rows of a class in a batch, where a batch cannot hold all classes anyway."""


def shuffled(n_rows, batch_size, *, generator):
    """All rows once, in random order, in batches whose sizes differ by one at most.

    Parameters
    ----------
    n_rows : int
        Number of rows, >= 1.

    batch_size : int
        Largest size of a batch, >= 2.

    generator : torch.Generator
        Source of randomness.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.
    """
    order = torch.randperm(n_rows, generator=generator)
    yield from order.tensor_split(ceil(n_rows / batch_size))


def class_balanced(y, batch_size, *, generator):
    """Batches of P classes with K rows each, every class in its turn.

    1. P and K are chosen so that P * K is about ``batch_size``: all classes if at least
       four rows of each fit in, else K = 4 and as many classes as fit.
    2. A round takes the classes in random order, P at a time; the last batch of a round
       is filled up with classes from its beginning. There are as many rounds as it
       takes to draw about as many rows as ``y`` has.
    3. Each visit of a class takes the next K rows of its shuffled rows, starting again
       after the last one; a class of fewer than K rows gives all it has.

    So each batch has P different classes, no row twice, and rare classes are seen as
    often as frequent ones.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., of two kinds at least.

    batch_size : int
        Largest size of a batch, >= 4.

    generator : torch.Generator
        Source of randomness.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch, classes side by side.
    """
    shuffled_rows = torch.randperm(len(y), generator=generator)
    rows = shuffled_rows[y[shuffled_rows].argsort(stable=True)]
    sizes = y.bincount()
    starts = sizes.cumsum(0) - sizes
    classes = sizes.nonzero().squeeze(1)

    per_class = max(batch_size // len(classes), min(N_PER_CLASS, batch_size // 2))
    per_batch = min(len(classes), batch_size // per_class)
    n_filled = -len(classes) % per_batch
    filled = 1 + n_filled / len(classes)
    per_round = sizes.clamp_max(per_class).sum().item() * filled
    n_rounds = max(1, round(len(y) / per_round))

    order = torch.rand(n_rounds, len(classes), generator=generator).argsort(dim=1)
    order = classes[torch.cat([order, order[:, :n_filled]], dim=1)].unsqueeze(2)
    turn = torch.arange(n_rounds).view(-1, 1, 1)
    step = torch.arange(per_class)
    picked = rows[starts[order] + (turn * per_class + step) % sizes[order]]
    present = step < sizes[order]
    shape = (-1, per_batch, per_class)
    for batch, there in zip(picked.view(shape), present.view(shape), strict=True):
        yield batch[there]
