"""Losses over triplets of anchor, positive and negative."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._parameters import check_real
from ._masked import (
    attach_gradient,
    chunk_size,
    chunked_mean,
    left_align,
    safe_divide,
    scatter_back,
    sort_rows,
    to_float,
)

__all__ = ["soft_margin_triplet", "triplet"]

FEW_COLUMNS = 4
"""Number of columns, for example after mining, up to which triplets are enumerated."""


def triplet(D: Tensor, same: Tensor, different: Tensor, *, margin: float = 0.2) -> Tensor:
    """Compute the triplet loss: every positive nearer to its anchor than every negative.

    The mean of ``max(0, d(a, p) - d(a, n) + margin)`` over all active triplets, those with a
    positive loss, of an anchor a, a positive p and a negative n. Memory is proportional to the
    (n, m) matrix of distances: the negatives of an anchor are sorted, so that the active ones
    of each positive come first, and their number determines the value and the gradient.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the positives of each anchor.

    different : Tensor of shape (n, m)
        Mask of the negatives of each anchor.

    margin : float, default=0.2
        Margin by which a negative should be farther than a positive, in the unit of ``D``, >= 0.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet: a unified embedding for face
    recognition and clustering", CVPR 2015; mean over active triplets: A. Hermans,
    L. Beyer, B. Leibe, "In defense of the triplet loss for person re-identification",
    arXiv:1703.07737, 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import triplet
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(triplet(D, same, ~same, margin=0.2).item(), 4)
    0.1
    """
    margin = check_real("margin", margin, least=0)

    def sums(D, same, different):
        if D.shape[1] <= FEW_COLUMNS:
            return sums_of_all(D, same, different)
        d = D.detach()
        positives, valid = left_align(d, same)
        negatives, order = sort_rows(d.where(different, torch.inf))
        n_active = torch.searchsorted(negatives, positives + margin) * valid
        counts = d.new_zeros(len(d), d.shape[1] + 1)
        counts = counts.scatter_add_(1, n_active, to_float(valid, d)).cumsum_(1)
        gradient = torch.empty_like(d).scatter_(1, order, counts[:, :-1] - counts[:, -1:])
        gradient += scatter_back(n_active.to(d.dtype), valid, same)
        total = gradient.flatten().dot(d.flatten()) + margin * n_active.sum()
        return attach_gradient(D, total, gradient), n_active.sum()

    def sums_of_all(D, same, different):
        violation, is_triplet = enumerate_triplets(D, same, different)
        loss = violation + margin
        active = is_triplet & (loss > 0)
        return (loss * to_float(active, D)).sum(), active.sum()

    return chunked_mean(sums, D, same, different)


def enumerate_triplets(D, same, different):
    """Return d(a, p) - d(a, n) for all pairs of columns, and the mask of valid triplets."""
    D, same, different = D.T, same.T, different.T
    violation = D.unsqueeze(1) - D.unsqueeze(0)
    return violation, same.unsqueeze(1) & different.unsqueeze(0)


def soft_margin_triplet(
    D: Tensor, same: Tensor, different: Tensor, *, scale: float = 1.0
) -> Tensor:
    """Compute the triplet loss with a soft margin, which is positive for every triplet.

    The mean of ``log(1 + exp(scale * (d(a, p) - d(a, n)))) / scale`` over all triplets. With
    the miner ``hardest`` this is the batch-hard loss.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    scale : float, default=1.0
        Sharpness, > 0, per unit of ``D``.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    A. Hermans, L. Beyer, B. Leibe, "In defense of the triplet loss for person
    re-identification", arXiv:1703.07737, 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import soft_margin_triplet
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(soft_margin_triplet(D, same, ~same).item(), 4)
    0.4229
    """
    scale = check_real("scale", scale, above=0)

    def sums_of_all(D, same, different):
        violation, is_triplet = enumerate_triplets(D, same, different)
        total = (F.softplus(scale * violation) * to_float(is_triplet, D)).sum() / scale
        return total, is_triplet.sum()

    if D.shape[1] <= FEW_COLUMNS:
        return chunked_mean(sums_of_all, D, same, different)
    n_triplets = (same.sum(dim=1) * different.sum(dim=1)).sum()
    total = _SumOfSoftplus.apply(scale * D, same, different) / scale
    return safe_divide(total, n_triplets)


class _SumOfSoftplus(torch.autograd.Function):
    """Sum of softplus(d(a, p) - d(a, n)) over all triplets, in chunks of pairs.

    The gradient is computed together with the value, so that no triplet is stored.
    """

    @staticmethod
    def forward(ctx, D, same, different):
        anchor, positive = same.nonzero(as_tuple=True)
        gradient = torch.zeros_like(D)
        total = D.new_zeros(())
        chunk = max(1, chunk_size(D) // max(1, D.shape[1]))
        for rows in torch.arange(len(anchor), device=D.device).split(chunk):
            a, p = anchor[rows], positive[rows]
            violation = (D[a, p].unsqueeze(1) - D[a]).masked_fill(~different[a], -torch.inf)
            total += F.softplus(violation).sum()
            slope = violation.sigmoid_()
            gradient.index_put_((a, p), slope.sum(dim=1), accumulate=True)
            gradient.index_add_(0, a, slope, alpha=-1)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return grad_output * gradient, None, None


LOSSES = {"soft_margin_triplet": soft_margin_triplet, "triplet": triplet}

NATURAL_DISTANCES = dict.fromkeys(LOSSES, "euclidean")
