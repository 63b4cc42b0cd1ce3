"""Softmax losses: discriminate the positives of an anchor from its negatives."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._parameters import check_real
from ._masked import LOG_ZERO, attach_gradient, chunked_mean, masked_logsumexp, to_float

__all__ = ["n_pairs", "nca", "supcon"]


def n_pairs(D: Tensor, same: Tensor, different: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute the N-pairs loss: each positive against all negatives of its anchor.

    The mean over matching pairs of ``log(1 + sum_n exp((d_p - d_n) / temperature))``, with n
    over the negatives of the anchor. With cosine distances and a small temperature this is
    NT-Xent, the loss of SimCLR.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    temperature : float, default=1.0
        Divisor of the differences of distances, > 0; smaller is sharper.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    K. Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NIPS
    2016; NT-Xent: T. Chen, S. Kornblith, M. Norouzi, G. Hinton, "A simple framework for
    contrastive learning of visual representations", ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import n_pairs
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(n_pairs(D, same, ~same).item(), 4)
    0.7552
    """
    temperature = check_real("temperature", temperature, above=0)

    def sums(D, same, different):
        logits = -D / temperature
        log_negatives = masked_logsumexp(logits, different).unsqueeze(1)
        pairs = same & different.any(dim=1, keepdim=True)
        return F.softplus(log_negatives - logits).where(pairs, 0).sum(), pairs.sum()

    return chunked_mean(sums, D, same, different)


def supcon(D: Tensor, same: Tensor, different: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Compute the supervised contrastive loss: each positive among all pairs of its anchor.

    The mean over anchors of the mean over their positives p of
    ``d_p / temperature + log(sum_k exp(-d_k / temperature))``, with k over positives and
    negatives. Designed for cosine distances. The minimum is above zero for anchors with several
    positives, and requires that these are equally near.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    temperature : float, default=0.1
        Divisor of the distances, > 0; smaller is sharper.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, in nats.

    References
    ----------
    P. Khosla, P. Teterwak, C. Wang, A. Sarna, Y. Tian, P. Isola, A. Maschinot, C. Liu,
    D. Krishnan, "Supervised contrastive learning", NeurIPS 2020.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import supcon
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(supcon(D, same, ~same, temperature=1.0).item(), 4)
    0.7552
    """
    temperature = check_real("temperature", temperature, above=0)

    def sums(D, same, different):
        n_positive, n_negative = (
            mask.sum(dim=1, keepdim=True).to(D.dtype) for mask in (same, different)
        )
        complete = (n_positive * n_negative).clamp_max_(1)
        target = to_float(same, D) * (complete / n_positive.clamp_min(1))
        excluded = to_float(~(same | different), D)
        logits = (D.detach() / -temperature).add_(excluded, alpha=LOG_ZERO)
        log_probabilities = logits.log_softmax(dim=1)
        total = -log_probabilities.flatten().dot(target.flatten())
        gradient = target.sub_(log_probabilities.exp_().mul_(complete)).div_(temperature)
        return attach_gradient(D, total, gradient), complete.sum()

    return chunked_mean(sums, D, same, different)


def nca(D: Tensor, same: Tensor, different: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute the loss of neighborhood components analysis: soft nearest neighbors.

    The mean over anchors of ``-log(sum_p exp(-d_p / t) / sum_k exp(-d_k / t))``, with p over
    the positives, k over positives and negatives, and the temperature t. Designed for squared
    Euclidean distances.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    temperature : float, default=1.0
        Divisor of the distances, > 0; smaller is sharper.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0, in nats.

    References
    ----------
    J. Goldberger, S. Roweis, G. Hinton, R. Salakhutdinov, "Neighbourhood components
    analysis", NIPS 2004; N. Frosst, N. Papernot, G. Hinton, "Analyzing and improving
    representations with the soft nearest neighbor loss", ICML 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import nca
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(nca(D, same, ~same).item(), 4)
    0.7552
    """
    temperature = check_real("temperature", temperature, above=0)

    def sums(D, same, different):
        complete = same.any(dim=1, keepdim=True) & different.any(dim=1, keepdim=True)
        x = D.detach() / -temperature
        nearest = [x.where(mask, LOG_ZERO).amax(dim=1, keepdim=True) for mask in (same, different)]
        # Clip negligible exponents, because exponentials that underflow are slow.
        weights = (x - torch.where(same, *nearest)).clamp_(-80, 0).exp_()
        pull, push = weights * same, weights * different
        pull_sum, push_sum = (c.sum(dim=1, keepdim=True).clamp_min_(1e-30) for c in (pull, push))
        log_odds = (nearest[1] - nearest[0] + push_sum.log() - pull_sum.log()).where(complete, 0)
        weight = log_odds.sigmoid().where(complete, 0) / temperature
        gradient = pull.mul_(weight / pull_sum).sub_(push.mul_(weight / push_sum))
        total = F.softplus(log_odds).where(complete, 0).sum()
        return attach_gradient(D, total, gradient), complete.sum()

    return chunked_mean(sums, D, same, different)


LOSSES = {"n_pairs": n_pairs, "nca": nca, "supcon": supcon}

NATURAL_DISTANCES = {"n_pairs": "cosine", "nca": "sqeuclidean", "supcon": "cosine"}
