"""Samplers of batches.

A sampler yields the batches of one epoch, as tensors of row numbers. It accepts the classes
``y`` of all rows, with -1 for ignored rows, and uses no source of randomness other than a
``torch.Generator``. If its signature names ``classes``, the estimator passes the labels of the
codes in ``y``; if it names ``embed``, a function without arguments that returns the current
embeddings of all rows. Batches may also be lists or arrays of row numbers.
"""

from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from ._hard_negatives import check_neighbors, nearest_negatives, other_rows_of_class
from ._parameters import check_count, check_real
from ._typing import ArrayLike
from .losses._masked import occurrence_index

__all__ = [
    "SAMPLERS",
    "class_balanced",
    "hard_negatives",
    "hierarchical",
    "shuffled",
    "weighted",
]

N_PER_CLASS = 4
"""Number of rows of a class in a batch that does not include all classes."""


class Sampler(Protocol):
    """Batches of one epoch; see above for the options ``classes`` and ``embed``."""

    def __call__(self, y: Tensor, batch_size: int, *, generator: Generator) -> Iterator[Tensor]:
        """Yield the row numbers of each batch, all with ``y >= 0``."""


def shuffled(y: Tensor, batch_size: int, *, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield all rows once, in random order, in batches with sizes that differ by at most one.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for ignored rows.

    batch_size : int
        Largest size of a batch, >= 2.

    generator : torch.Generator
        Random number generator.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.

    Raises
    ------
    ValueError
        If no row has a class, or ``batch_size`` is not an integer >= 2.

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


def class_balanced(y: Tensor, batch_size: int, *, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield batches of P classes with K rows each, with the same frequency of all classes.

    1. P and K are chosen such that P * K is about ``batch_size``: all classes if at least
       four rows of each fit in a batch, else K = 4 and as many classes as fit.
    2. In each round, the classes are shuffled and divided into batches of P classes; the last
       batch is filled up with classes from the beginning of the round. The number of rounds is
       chosen such that about as many rows are drawn as ``y`` has.
    3. Each time a class is drawn, the next K of its shuffled rows are used, starting over after
       the last one; if the class has fewer than K rows, all of them are used.

    Each batch has P different classes and no duplicate rows, and rare classes are drawn as
    often as frequent ones.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., at least two different ones, or -1 for ignored rows.

    batch_size : int
        Largest size of a batch, >= 4.

    generator : torch.Generator
        Random number generator.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch, grouped by class.

    Raises
    ------
    ValueError
        If no row has a class, or ``batch_size`` is not an integer >= 4.

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


def hierarchical(
    y: Tensor,
    batch_size: int,
    *,
    groups: dict | ArrayLike,
    n_groups: int = 1,
    classes: list | None = None,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Yield class-balanced batches within groups of similar classes, for hard negatives.

    1. The groups are shuffled and divided into sets of ``n_groups``.
    2. Batches of each set are drawn with :func:`class_balanced`.
    3. The batches of all sets are shuffled.

    Sets with fewer than two classes are ignored.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for ignored rows.

    batch_size : int
        Largest size of a batch, >= 4.

    groups : dict or array-like of int of shape (n_rows,)
        Group of each class by its label, such as the alphabet of a character, or group of each
        row. Use a dict for cross-validation, in which the number of rows changes.

    n_groups : int, default=1
        Number of groups in a batch, >= 1.

    classes : list, default=None
        Labels of the classes 0, 1, ..., for a dict; passed by the estimator.

    generator : torch.Generator
        Random number generator.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.

    Raises
    ------
    ValueError
        If no set of groups has two classes, a class has no group, or a parameter is invalid.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import hierarchical
    >>> y, groups = torch.arange(40) % 8, torch.arange(40) % 8 // 4
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = hierarchical(y, 16, groups=groups, generator=generator)
    >>> [groups[rows].unique().tolist() for rows in batches]
    [[1], [0]]
    """
    n_groups = check_count("n_groups", n_groups)
    groups = _row_values("groups", _encode_groups(groups), y, classes)
    if groups.is_floating_point() or groups.is_complex() or (groups < 0).any():
        raise ValueError("groups must be integers >= 0, one for each row.")
    names = groups[y >= 0].unique()
    names = names[torch.randperm(len(names), generator=generator)]
    batches = []
    for chosen in names.split(n_groups):
        labels = y.where(torch.isin(groups, chosen), -1)
        if len(labels[labels >= 0].unique()) > 1:
            batches += class_balanced(labels, batch_size, generator=generator)
    if not batches:
        raise ValueError(
            f"groups have one class each with n_groups={n_groups}, so that no batch has a "
            "non-matching pair; raise n_groups, or form groups of several classes."
        )
    for index in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[index]


def hard_negatives(
    y: Tensor,
    batch_size: int,
    *,
    embed: Callable,
    n_negatives: int = 2,
    ranks: tuple[int, int] = (0, 10),
    relative_margin: float | None = None,
    neighbors: Any = None,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Yield batches of rows with their nearest rows of other classes, by the current embedding.

    In each epoch, all rows are embedded, and some of them are drawn as anchors. Another row of
    its class and ``n_negatives`` of its nearest rows of other classes join each anchor. About as
    many rows are drawn as ``y`` has.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for ignored rows.

    batch_size : int
        Largest size of a batch, >= 4.

    embed : callable
        Function without arguments that returns the embeddings of all rows, of shape
        (n_rows, n_components); passed by the estimator.

    n_negatives : int, default=2
        Number of nearest rows to draw for each anchor, >= 1.

    ranks : tuple of (start, stop), default=(0, 10)
        Ranks of the rows of other classes to draw from, by their distance to the anchor. A start
        above 0 leaves out the nearest ones, which may have a wrong label.

    relative_margin : float, default=None
        If passed, rows of other classes have a rank only if they are at least
        ``1 + relative_margin`` times as far from the anchor as its row of the same class, > -1.
        Closer ones may have a wrong label. 0 selects semi-hard rows.

    neighbors : object with ``fit`` and ``kneighbors``, default=None
        Index to search with, such as ``NearestNeighbors()`` or an approximate one. A copy is
        fitted in each epoch. By default, all distances are computed.

    generator : torch.Generator
        Random number generator.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch, without duplicates.

    Raises
    ------
    ValueError
        If no row has a class, or a parameter is invalid.

    References
    ----------
    S. Harwood, V. Kumar B. G., G. Carneiro, I. Reid, T. Drummond, "Smart mining for deep metric
    learning", ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import hard_negatives
    >>> y = torch.arange(4).repeat_interleave(10)
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = hard_negatives(y, 4, embed=lambda: y[:, None].float(), generator=generator)
    >>> [y[rows].unique().tolist() for rows in batches][:3]
    [[0, 1], [1, 2], [1, 2]]
    """
    batch_size = check_count("batch_size", batch_size, 4)
    n_negatives = check_count("n_negatives", n_negatives)
    group_size = 2 + n_negatives
    if group_size > batch_size:
        raise ValueError(
            f"n_negatives={n_negatives} does not fit in a batch of {batch_size} rows with an "
            "anchor and another row of its class; lower n_negatives, or increase batch_size."
        )
    check_neighbors(neighbors)
    if relative_margin is not None:
        relative_margin = check_real("relative_margin", relative_margin, above=-1)
    labeled = _labeled_rows(y)
    y, Z = y[labeled], _embeddings(embed, len(y))[labeled]
    anchors = torch.randperm(len(y), generator=generator)[: -(-len(y) // group_size)]
    positives = other_rows_of_class(y, anchors, generator)
    closest = None
    if relative_margin is not None:
        closest = (1 + relative_margin) * (Z[anchors] - Z[positives]).norm(dim=1)
    near = nearest_negatives(Z, y, anchors, ranks, closest=closest, neighbors=neighbors)
    drawn = torch.rand(near.shape, generator=generator).argsort(dim=1)[:, :n_negatives]
    groups = torch.cat([anchors[:, None], positives[:, None], near.gather(1, drawn)], dim=1)
    for group in groups.split(batch_size // group_size):
        yield labeled[group.unique()]


def weighted(
    y: Tensor,
    batch_size: int,
    *,
    weight: dict | ArrayLike,
    classes: list | None = None,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Yield batches of rows sampled by weight, without replacement within a batch.

    The number of batches is the number of rows with a class, divided by ``batch_size`` and
    rounded up.

    Parameters
    ----------
    y : Tensor of int64 of shape (n_rows,)
        Classes 0, 1, ..., or -1 for ignored rows.

    batch_size : int
        Largest size of a batch, >= 2.

    weight : dict or array-like of shape (n_rows,)
        Weight of the rows of each class by its label, or weight of each row, >= 0. Rows of
        weight zero are never drawn. Use a dict for cross-validation, in which the number of
        rows changes.

    classes : list, default=None
        Labels of the classes 0, 1, ..., for a dict; passed by the estimator.

    generator : torch.Generator
        Random number generator.

    Yields
    ------
    rows : Tensor of int64
        Row numbers of a batch.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all weights are zero, a class has no weight, or
        the number of weights differs from the number of rows.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.batches import weighted
    >>> y = torch.arange(100) % 2
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = list(weighted(y, 20, weight=1 + 9 * y, generator=generator))
    >>> len(batches), round(y[torch.cat(batches)].double().mean().item(), 1)
    (5, 0.9)
    """
    batch_size = check_count("batch_size", batch_size, 2)
    weight = _row_values("weight", weight, y, classes)
    if weight.is_complex():
        raise ValueError("weight must be real numbers, got complex ones.")
    weight = weight.double() * (y >= 0)
    if not 0 < weight.sum() < inf or (weight < 0).any():
        raise ValueError(
            "weight must be finite, >= 0, and above 0 for at least one row that has a class; give "
            "such rows a positive weight."
        )
    n_rows = int((weight > 0).sum())
    size = min(batch_size, n_rows)
    for _ in range(-(-int((y >= 0).sum()) // batch_size)):
        yield torch.multinomial(weight, size, generator=generator)


def _labeled_rows(y):
    """Return the numbers of the rows that have a class; raise if there are none."""
    rows = (y >= 0).nonzero().squeeze(1)
    if not len(rows):
        raise ValueError("y has no row with a class, so that no batch can be drawn.")
    return rows


def _embeddings(embed, n_rows):
    """Return the embeddings of all rows; raise unless a function returns them."""
    try:
        Z = torch.as_tensor(embed())
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"embed must return the embeddings of all rows: {error}") from error
    if Z.ndim != 2 or len(Z) != n_rows or not Z.is_floating_point():
        raise ValueError(
            f"embed must return floats of shape ({n_rows}, n_components), but returned "
            f"{tuple(Z.shape)} in {Z.dtype}."
        )
    return Z


def _row_values(name, values, y, classes):
    """Return the values of all rows, given for each row or for each class, as a tensor."""
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
                f"classes has {len(labels)} labels, but y has {n_classes} classes; give one label "
                "for each class."
            )
        if missing:
            raise ValueError(
                f"{name} has no value for classes such as {missing[:5]}; give one value for each "
                "class."
            )
        of_classes = _as_tensor(name, [values[label] for label in labels])
        if of_classes.ndim != 1:
            raise ValueError(f"{name} must have one number for each class.")
        return of_classes[y.clamp_min(0)]
    values = _as_tensor(name, values)
    if values.shape != y.shape:
        raise ValueError(
            f"{name} has shape {tuple(values.shape)} for {len(y)} rows; pass one value for each "
            "row, or a dict with one value for each class, for any number of rows."
        )
    return values


def _as_tensor(name, values):
    """Convert numbers to a tensor; raise if that fails."""
    try:
        return torch.as_tensor(values)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must have one number for each row: {error}") from error


def _encode_groups(groups):
    """Replace the names of groups by integers if groups are given by class."""
    if not isinstance(groups, dict):
        return groups
    try:
        names = dict.fromkeys(groups.values())
    except TypeError as error:
        raise ValueError(f"groups must have a name or number for each class: {error}.") from error
    numbers = {name: number for number, name in enumerate(names)}
    return {label: numbers[name] for label, name in groups.items()}


SAMPLERS = {
    "balanced": class_balanced,
    "hard_negatives": hard_negatives,
    "shuffled": shuffled,
}
"""Built-in samplers by name; configure the others with ``functools.partial``."""
