"""Losses over the distances of a batch.

A loss reads ``(D, same, different)``: distances of shape (n, m) and two masks of the
same shape, ``same`` for the matching pairs and ``different`` for the others. Every row
is an anchor. A pair that stands in neither mask takes no part; masks may be fractions,
which then weigh the pairs. Where nothing is selected a loss is zero and still has a
gradient path.
"""

import torch
import torch.nn.functional as F

__all__ = ["LOSSES", "contrastive", "logistic", "triplet"]


def contrastive(D, same, different, *, margin=1.0):
    """Contrastive loss: matching pairs close, others at least a margin apart.

    The mean over all pairs of ``d ** 2`` for a matching pair and of
    ``max(0, margin - d) ** 2`` for another.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask, or weights >= 0, of the matching pairs.

    different : Tensor of shape (n, m)
        Mask, or weights >= 0, of the non-matching pairs.

    margin : float, default=1.0
        Distance, in the unit of ``D``, from which a non-matching pair costs nothing.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by learning an invariant
    mapping", CVPR 2006.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import contrastive
    >>> D = torch.tensor([[0.5, 0.25]])
    >>> same = torch.tensor([[True, False]])
    >>> contrastive(D, same, ~same, margin=1.0)
    tensor(0.4062)
    """
    same, different = same.to(D.dtype), different.to(D.dtype)
    total = (D.square() * same + F.relu(margin - D).square() * different).sum()
    return _ratio(total, same.sum() + different.sum())


def logistic(logit, same, different):
    """Logistic loss of the logits of given pairs, a mean weighted by the masks.

    Parameters
    ----------
    logit : Tensor of shape (n,)
        Logarithm of the odds of a match.

    same : Tensor of shape (n,)
        Weights >= 0 of the matching pairs, zero elsewhere.

    different : Tensor of shape (n,)
        Weights >= 0 of the non-matching pairs, zero elsewhere.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0, in nats.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import logistic
    >>> logistic(torch.zeros(2), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    total = F.softplus(-logit) @ same + F.softplus(logit) @ different
    return _ratio(total, same.sum() + different.sum())


def triplet(D, same, different, *, margin=0.2):
    """Triplet loss: every positive closer to its anchor than every negative.

    The mean of ``max(0, d(a, p) - d(a, n) + margin)`` over the active triplets, those
    of positive loss. All triplets of the masks count, yet no more than an (n, m) matrix
    is held: with the negatives of an anchor sorted, the active ones of a positive are a
    prefix, and their sum a difference of cumulated sums.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the positives of each anchor.

    different : Tensor of shape (n, m)
        Mask of the negatives of each anchor.

    margin : float, default=0.2
        By how much a negative has to be farther than a positive, in the unit of ``D``.

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
    negatives = D.masked_fill(~different, torch.inf).sort(dim=-1).values
    total = F.pad(negatives.masked_fill(negatives.isinf(), 0).cumsum(-1), (1, 0))
    reach = (D + margin).contiguous()
    n_active = torch.searchsorted(negatives.detach(), reach.detach()) * same
    excess = n_active * reach - total.gather(-1, n_active)
    return _ratio(excess.sum(), n_active.sum())


def _ratio(total, weight):
    """A mean from its parts; zero, with a gradient path, where nothing has weight."""
    return total / weight.to(total.dtype).clamp_min(torch.finfo(total.dtype).tiny)


LOSSES = {"contrastive": contrastive, "triplet": triplet}
