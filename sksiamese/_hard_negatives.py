"""Search for near rows of other classes."""

from math import inf

import torch

from ._parameters import check_count

N_DISTANCES = 2**25
"""Maximum number of distances to hold in memory."""


def nearest_negatives(Z, y, anchors, ranks):
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

    Returns
    -------
    rows : Tensor of int64 of shape (n_anchors, stop - start)
        Row numbers; of rows of the same class if there are too few others.
    """
    start, stop = check_ranks(ranks)
    Z, y, anchors = map(torch.as_tensor, (Z, y, anchors))
    Z = Z - Z.mean(dim=0)  # Distances are more precise near the origin.
    found = []
    for part in anchors.split(max(1, N_DISTANCES // len(Z))):
        D = torch.cdist(Z[part], Z).masked_fill_(y[part, None] == y, inf)
        nearest = D.topk(min(stop, len(Z)), largest=False).indices
        found.append(nearest[:, min(start, len(Z) - 1) :])
    return torch.cat(found)


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
