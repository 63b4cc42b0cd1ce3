"""Miners: which pairs of a batch a loss gets to see.

A miner maps ``(D, same, different)`` to another such triple, rows being anchors: the
whole matrix, or a narrow one in which each row holds the distances selected for one
anchor. So every miner goes with every loss of :mod:`sksiamese.losses`, and a selection
of triplets never needs a third axis.
"""

import torch

__all__ = ["MINERS", "all_pairs", "hardest", "semihard"]


def all_pairs(D, same, different):
    """Every pair of the batch.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    Returns
    -------
    D, same, different : Tensors of shape (n, m)
        As they came.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import all_pairs
    >>> same = torch.tensor([[True, False]])
    >>> all_pairs(torch.tensor([[1.0, 2.0]]), same, ~same)[0]
    tensor([[1., 2.]])
    """
    return D, same, different


def hardest(D, same, different):
    """The farthest positive and the nearest negative of every anchor ("batch hard").

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    Returns
    -------
    D, same, different : Tensors of shape (n, 2)
        A row for each anchor: the positive in the first column, the negative in the
        second. An anchor that lacks one has no such entry in the mask.

    References
    ----------
    A. Hermans, L. Beyer, B. Leibe, "In defense of the triplet loss for person
    re-identification", arXiv:1703.07737, 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import hardest
    >>> D = torch.tensor([[1.0, 2.0, 5.0, 4.0]])
    >>> same = torch.tensor([[True, True, False, False]])
    >>> hardest(D, same, ~same)[0]
    tensor([[2., 4.]])
    """
    farthest = D.masked_fill(~same, -torch.inf).argmax(dim=1)
    nearest = D.masked_fill(~different, torch.inf).argmin(dim=1)
    picked = D.gather(1, torch.stack([farthest, nearest], dim=1))
    return picked, *_columns(same.any(dim=1), different.any(dim=1))


def semihard(D, same, different):
    """For every anchor and positive, the nearest negative that is farther than it.

    Where no negative is farther, the farthest one is taken.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    Returns
    -------
    D, same, different : Tensors of shape (n_positive_pairs, 2)
        A row for each pair of anchor and positive: the positive in the first column,
        the negative in the second.

    References
    ----------
    F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet: a unified embedding for face
    recognition and clustering", CVPR 2015.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import semihard
    >>> D = torch.tensor([[1.0, 3.0, 0.5, 1.5, 2.0]])
    >>> same = torch.tensor([[True, True, False, False, False]])
    >>> semihard(D, same, ~same)[0]
    tensor([[1.0000, 1.5000],
            [3.0000, 2.0000]])
    """
    anchor, positive = same.nonzero(as_tuple=True)
    negatives, order = D.detach().masked_fill(~different, torch.inf).sort(dim=1)
    n_negatives = different.sum(dim=1, keepdim=True)
    farther = torch.searchsorted(negatives, D.detach(), right=True)
    farther = farther.clamp_max(n_negatives - 1).clamp_min(0)
    negative = order[anchor, farther[anchor, positive]]
    picked = torch.stack([D[anchor, positive], D[anchor, negative]], dim=1)
    return picked, *_columns(torch.ones_like(anchor, dtype=torch.bool), n_negatives[anchor, 0] > 0)


def _columns(has_positive, has_negative):
    nothing = torch.zeros_like(has_positive)
    return (
        torch.stack([has_positive, nothing], dim=1),
        torch.stack([nothing, has_negative], dim=1),
    )


MINERS = {"all": all_pairs, "hardest": hardest, "semihard": semihard}
