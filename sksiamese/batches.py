"""Batches: which rows are embedded together.

A sampler yields the batches of one epoch, as tensors of row numbers. It reads the classes
``y`` of all rows, in which -1 marks a row that takes no part, and draws from a
``torch.Generator`` alone. If its signature names ``classes``, the embedder passes the labels
that 0, 1, ... stand for. Batches may also be lists or arrays of row numbers.
"""

from collections.abc import Iterator
from math import inf
from typing import Protocol

import torch
from torch import Generator, Tensor

from ._parameters import check_count
from .losses._masked import occurrence_index

__all__ = ["SAMPLERS", "class_balanced", "hierarchical", "shuffled", "weighted"]

N_PER_CLASS = 4
"""Rows of a class in a batch, where a batch cannot hold all classes anyway."""


class Sampler(Protocol):
    """Batches of one epoch; see above for the option ``classes``."""

    def __call__(self, y: Tensor, batch_size: int, *, generator: Generator) -> Iterator[Tensor]:
        """Yield the row numbers of each batch, all with ``y >= 0``."""


def shuffled(y, batch_size, *, generator):
    """All rows once, in random order, in batches whose sizes differ by one at most.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for a row that takes no part.

    batch_size : int
        Largest size of a batch, >= 2.

    generator : torch.Generator
        Source of randomness.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.

    Raises
    ------
    ValueError
        If no row has a class, or ``batch_size`` is not a whole number of at least 2.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import shuffled
    >>> y = torch.tensor([0, 1, -1, 0, 1, 1])
    >>> generator = torch.Generator().manual_seed(0)
    >>> [len(rows) for rows in shuffled(y, 3, generator=generator)]
    [3, 2]
    """
    batch_size = check_count("batch_size", batch_size, 2)
    rows = _labeled_rows(y)
    order = rows[torch.randperm(len(rows), generator=generator)]
    yield from order.tensor_split(-(-len(rows) // batch_size))


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
        Classes 0, 1, ..., of two kinds at least, or -1 for a row that takes no part.

    batch_size : int
        Largest size of a batch, >= 4.

    generator : torch.Generator
        Source of randomness.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch, classes side by side.

    Raises
    ------
    ValueError
        If no row has a class, or ``batch_size`` is not a whole number of at least 4.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import class_balanced
    >>> y = torch.tensor([0] * 50 + [1] * 6)
    >>> generator = torch.Generator().manual_seed(0)
    >>> [y[rows].bincount().tolist() for rows in class_balanced(y, 8, generator=generator)][:2]
    [[4, 4], [4, 4]]
    """
    batch_size = check_count("batch_size", batch_size, 4)
    labeled = _labeled_rows(y)
    shuffled_rows = labeled[torch.randperm(len(labeled), generator=generator)]
    rows = shuffled_rows[y[shuffled_rows].argsort(stable=True)]
    sizes = y[labeled].bincount()
    starts = sizes.cumsum(0) - sizes
    classes = sizes.nonzero().squeeze(1)

    per_class = max(batch_size // len(classes), min(N_PER_CLASS, batch_size // 2))
    per_batch = min(len(classes), batch_size // per_class)
    n_fill = -len(classes) % per_batch
    fill_factor = 1 + n_fill / len(classes)
    per_class = min(per_class, int(sizes.max()))
    per_round = sizes.clamp_max(per_class).sum().item() * fill_factor
    n_rounds = max(1, round(len(labeled) / per_round))

    order = torch.rand(n_rounds, len(classes), generator=generator).argsort(dim=1)
    visits = classes[torch.cat([order, order[:, :n_fill]], dim=1)].flatten()
    size, step = sizes[visits, None], torch.arange(min(per_class, sizes.max()))
    offset = (occurrence_index(visits)[:, None] * per_class + step) % size
    selected = rows[starts[visits, None] + offset]
    n_rows = size.clamp_max(per_class).view(-1, per_batch).sum(dim=1)
    yield from selected[step < size].split(n_rows.tolist())


def hierarchical(y, batch_size, *, groups, n_groups=1, classes=None, generator):
    """Class-balanced batches from a few groups of classes each, for hard negatives.

    1. The groups are taken in random order, ``n_groups`` at a time.
    2. Their rows make up the batches of :func:`class_balanced`.
    3. The batches of all groups come in random order.

    Groups taken together must hold two classes at least; rows of those that do not are
    left out.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for a row that takes no part.

    batch_size : int
        Largest size of a batch, >= 4.

    groups : dict or array-like of int of shape (n_rows,)
        Group of each class by its label, such as the alphabet of a character, or group of each
        row. A dict also suits cross-validation, in which the number of rows changes.

    n_groups : int, default=1
        Groups in a batch, >= 1.

    classes : list, default=None
        Labels of the classes 0, 1, ..., for a dict; the embedder passes its own.

    generator : torch.Generator
        Source of randomness.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.

    Raises
    ------
    ValueError
        If no groups taken together hold two classes, a class has no group, or ``groups`` or a
        number is unfit.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import hierarchical
    >>> y, groups = torch.arange(40) % 8, torch.arange(40) % 8 // 4
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = hierarchical(y, 16, groups=groups, generator=generator)
    >>> all(len(groups[rows].unique()) == 1 for rows in batches)
    True
    """
    n_groups = check_count("n_groups", n_groups)
    groups = _row_values("groups", _encode_groups(groups), y, classes)
    if groups.is_floating_point() or groups.is_complex() or (groups < 0).any():
        raise ValueError("groups must hold whole numbers >= 0, one for each row.")
    names = groups[y >= 0].unique()
    names = names[torch.randperm(len(names), generator=generator)]
    batches = []
    for chosen in names.split(n_groups):
        labels = y.where(torch.isin(groups, chosen), -1)
        if len(labels[labels >= 0].unique()) > 1:
            batches += class_balanced(labels, batch_size, generator=generator)
    if not batches:
        raise ValueError(
            f"groups have one class each, n_groups={n_groups} taken together, so there is nothing "
            "to tell apart; raise n_groups, or make groups of several classes."
        )
    for index in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[index]


def weighted(y, batch_size, *, weight, classes=None, generator):
    """Rows drawn by weight, no row twice in a batch, as many in an epoch as there are.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for a row that takes no part.

    batch_size : int
        Largest size of a batch, >= 2.

    weight : dict or array-like of shape (n_rows,)
        Weight of the rows of each class by its label, or weight of each row, >= 0; rows of
        weight zero are never drawn. A dict also suits cross-validation, in which the number of
        rows changes.

    classes : list, default=None
        Labels of the classes 0, 1, ..., for a dict; the embedder passes its own.

    generator : torch.Generator
        Source of randomness.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, a class has no weight, or there is
        not one for each row.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import weighted
    >>> y = torch.arange(100) % 2
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = list(weighted(y, 20, weight=1 + 9 * y, generator=generator))
    >>> len(batches), 0.7 < y[torch.cat(batches)].double().mean().item() < 1
    (5, True)
    """
    batch_size = check_count("batch_size", batch_size, 2)
    weight = _row_values("weight", weight, y, classes)
    if weight.is_complex():
        raise ValueError("weight must hold real numbers, got complex ones.")
    weight = weight.double() * (y >= 0)
    if not 0 < weight.sum() < inf or (weight < 0).any():
        raise ValueError(
            "weight must be finite, >= 0, and above 0 for a row that has a class; give such rows "
            "a weight."
        )
    n_rows = int((weight > 0).sum())
    size = min(batch_size, n_rows)
    for _ in range(-(-int((y >= 0).sum()) // batch_size)):
        yield torch.multinomial(weight, size, generator=generator)


def _labeled_rows(y):
    """Return the rows that have a class; raise if none has."""
    rows = (y >= 0).nonzero().squeeze(1)
    if not len(rows):
        raise ValueError("y has no row with a class, so there is no batch to draw.")
    return rows


def _row_values(name, values, y, classes):
    """Return values of all rows, given as such or by the labels of classes, as a tensor."""
    _labeled_rows(y)
    if isinstance(values, dict):
        n_classes = int(y.max()) + 1
        try:
            labels = list(range(n_classes) if classes is None else classes)
            labels = [tuple(label) if isinstance(label, list) else label for label in labels]
            missing = [label for label in labels if label not in values]
        except TypeError as error:
            raise ValueError(f"classes must be a list of labels: {error}.") from error
        if len(labels) < n_classes:
            raise ValueError(
                f"classes has {len(labels)} labels, but y has {n_classes} classes; give every "
                "class one."
            )
        if missing:
            raise ValueError(
                f"{name} has no value for classes such as {missing[:5]}; give every class one."
            )
        of_classes = _as_tensor(name, [values[label] for label in labels])
        if of_classes.ndim != 1:
            raise ValueError(f"{name} must hold one number for each class.")
        return of_classes[y.clamp_min(0)]
    values = _as_tensor(name, values)
    if values.shape != y.shape:
        raise ValueError(
            f"{name} has shape {tuple(values.shape)} for {len(y)} rows; pass a dict with a value "
            "for each class, which suits any number of rows, or a value for each row."
        )
    return values


def _as_tensor(name, values):
    """Return numbers as a tensor."""
    try:
        return torch.as_tensor(values)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold a number for each row: {error}") from error


def _encode_groups(groups):
    """Return groups by class, in which names are replaced by numbers."""
    if not isinstance(groups, dict):
        return groups
    try:
        names = dict.fromkeys(groups.values())
    except TypeError as error:
        raise ValueError(f"groups must hold a name or number for each class: {error}.") from error
    numbers = {name: number for number, name in enumerate(names)}
    return {label: numbers[name] for label, name in groups.items()}


SAMPLERS = {"balanced": class_balanced, "shuffled": shuffled}
"""The samplers by name; the others are configured by ``functools.partial``."""
