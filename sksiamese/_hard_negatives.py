"""Search for near rows of other classes."""

import copy
from math import inf

import torch

from ._parameters import check_count

N_DISTANCES = 2**25
"""Maximum number of distances to hold in memory."""


def nearest_negatives(Z, y, anchors, ranks, *, closest=None, neighbors=None):
    """Return the nearest rows of other classes for some rows, by Euclidean distance.

    Parameters
    ----------
    Z : Tensor or ndarray of shape (n_rows, n_components)
        Embeddings, floats.

    y : Tensor or ndarray of int64 of shape (n_rows,)
        Classes.

    anchors : Tensor or ndarray of int64 of shape (n_anchors,)
        Row numbers.

    ranks : tuple of (start, stop)
        Ranks of the rows to return, 0 <= start < stop; fewer if there are fewer rows.

    closest : Tensor of shape (n_anchors,), default=None
        Distance of the closest row to return for each anchor; closer rows have no rank.

    neighbors : object with ``fit`` and ``kneighbors``, default=None
        Index to search with, such as ``NearestNeighbors()``. By default, all distances are
        computed.

    Returns
    -------
    rows : Tensor of int64 of shape (n_anchors, stop - start)
        Row numbers; of rows of the same class, or of closer rows, if there are too few others.
    """
    start, stop = check_ranks(ranks)
    Z, y, anchors = map(torch.as_tensor, (Z, y, anchors))
    Z = Z - Z.mean(dim=0)  # Distances are more precise near the origin.
    closest = torch.zeros(len(anchors)) if closest is None else closest
    index = None if neighbors is None else copy.deepcopy(neighbors).fit(Z.numpy())
    found = []
    size = max(1, N_DISTANCES // len(Z))
    for part, limit in zip(anchors.split(size), closest.split(size), strict=True):
        D, rows = _distances_to_negatives(Z, y, part, limit[:, None], stop, index)
        nearest = D.topk(min(stop, D.shape[1]), largest=False).indices
        found.append(rows.expand(len(part), -1).gather(1, nearest[:, min(start, D.shape[1] - 1) :]))
    return torch.cat(found)


def _distances_to_negatives(Z, y, anchors, limit, n_wanted, index):
    """Return distances to rows, infinite unless they are negatives, and their row numbers."""
    if index is None:
        D, rows = torch.cdist(Z[anchors], Z), torch.arange(len(Z))[None]
        return D.masked_fill_((y[anchors, None] == y) | (limit > D), inf), rows
    n_neighbors = n_wanted
    while True:
        n_neighbors = min(2 * n_neighbors, len(Z))
        D, rows = _search(index, Z, anchors, n_neighbors)
        is_negative = (y[anchors, None] != y[rows]) & (limit <= D)
        if n_neighbors == len(Z) or is_negative.sum(dim=1).min() >= n_wanted:
            return D.masked_fill_(~is_negative, inf), rows


def _search(index, Z, anchors, n_neighbors):
    """Return the distances to the neighbors of each anchor in an index, and their row numbers."""
    D, rows = map(torch.as_tensor, index.kneighbors(Z[anchors].numpy(), n_neighbors))
    shape = len(anchors), n_neighbors
    if D.shape != shape or rows.shape != shape or rows.min() < 0 or rows.max() >= len(Z):
        raise ValueError(
            f"neighbors={index!r} does not return distances and row numbers of shape {shape} from "
            "kneighbors; see sklearn.neighbors.NearestNeighbors.kneighbors, or set neighbors=None."
        )
    return D.to(Z.dtype), rows.long()


def check_neighbors(neighbors):
    """Raise unless an index has the methods to fit and search it, or is None."""
    if neighbors is not None and not (
        hasattr(neighbors, "fit") and hasattr(neighbors, "kneighbors")
    ):
        raise ValueError(
            "neighbors must have the methods fit and kneighbors, such as "
            f"sklearn.neighbors.NearestNeighbors(), got {neighbors!r}."
        )


def check_ranks(ranks):
    """Return the first rank and the end of a range of ranks; raise unless it has one."""
    try:
        start, stop = ranks
        start = check_count("ranks[0]", start, 0)
        return start, check_count("ranks[1]", stop, start + 1)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"ranks must be a first rank >= 0 and a greater end, such as (0, 10), got {ranks!r}."
        ) from error


def other_rows_of_class(y, rows, generator):
    """Return a random other row of the same class for each row, the row itself if there is none."""
    order = y.argsort(stable=True)
    sizes = y.bincount()
    starts = sizes.cumsum(0) - sizes
    position = torch.empty_like(order)
    position[order] = torch.arange(len(y)) - starts[y[order]]
    size = sizes[y[rows]]
    step = 1 + (torch.rand(len(rows), generator=generator) * (size - 1)).long()
    return order[starts[y[rows]] + (position[rows] + step) % size]
