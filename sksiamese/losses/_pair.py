"""Losses that weight each pair, or the positives and negatives of each anchor."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._parameters import check_real
from ._masked import (
    attach_gradient,
    chunked_mean,
    masked_logsumexp,
    mean_over_anchors,
    safe_divide,
    to_float,
)

__all__ = [
    "LogisticDistance",
    "WuMargin",
    "circle",
    "contrastive",
    "lifted_structure",
    "logistic",
    "multi_similarity",
]


def contrastive(
    D: Tensor, same: Tensor, different: Tensor, *, margin: float = 1.0, positive_margin: float = 0.0
) -> Tensor:
    """Compute the contrastive loss: matching pairs close, others at least a margin apart.

    The mean over all pairs of ``max(0, d - positive_margin) ** 2`` for a matching pair
    and of ``max(0, margin - d) ** 2`` for a non-matching pair.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask, or weights >= 0, of the matching pairs.

    different : Tensor of shape (n, m)
        Mask, or weights >= 0, of the non-matching pairs.

    margin : float, default=1.0
        Distance, in the unit of ``D``, from which a non-matching pair has no cost, >= 0.

    positive_margin : float, default=0.0
        Distance, in the unit of ``D``, up to which a matching pair has no cost, >= 0.

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
    margin = check_real("margin", margin, least=0)
    positive_margin = check_real("positive_margin", positive_margin, least=0)

    def sums(D, same, different):
        same, different = to_float(same, D), to_float(different, D)
        excess, shortfall = (D.detach() - positive_margin).relu_(), (margin - D.detach()).relu_()
        pull, push = excess * same, shortfall * different
        total = excess.flatten().dot(pull.flatten()) + shortfall.flatten().dot(push.flatten())
        gradient = pull.sub_(push).mul_(2)
        return attach_gradient(D, total, gradient), same.sum() + different.sum()

    return chunked_mean(sums, D, same, different)


def logistic(logit: Tensor, same: Tensor, different: Tensor) -> Tensor:
    """Compute the logistic loss of the logits of pairs, weighted by the masks.

    Parameters
    ----------
    logit : Tensor of shape (n,)
        Log-odds of a match.

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
    return safe_divide(total, same.sum() + different.sum())


def lifted_structure(D: Tensor, same: Tensor, different: Tensor, *, margin: float = 1.0) -> Tensor:
    """Compute the generalized lifted structure loss: soft hardest pairs of each anchor.

    The mean over anchors of ``max(0, log(sum_p exp(d_p)) + log(sum_n exp(margin - d_n)))``,
    with p over the positives and n over the negatives of the anchor.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    margin : float, default=1.0
        Minimum distance of negatives, in the unit of ``D``.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    H. Oh Song, Y. Xiang, S. Jegelka, S. Savarese, "Deep metric learning via lifted
    structured feature embedding", CVPR 2016; generalized form: A. Hermans, L. Beyer,
    B. Leibe, "In defense of the triplet loss for person re-identification",
    arXiv:1703.07737, 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import lifted_structure
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(lifted_structure(D, same, ~same).item(), 4)
    1.1204
    """
    margin = check_real("margin", margin)

    def cost(D, same, different):
        return F.relu(masked_logsumexp(D, same) + masked_logsumexp(margin - D, different))

    return mean_over_anchors(cost, D, same, different)


def multi_similarity(
    D: Tensor,
    same: Tensor,
    different: Tensor,
    *,
    positive_scale: float = 2.0,
    negative_scale: float = 50.0,
    boundary: float = 0.5,
) -> Tensor:
    """Compute the multi-similarity loss: pairs weighted by absolute and relative distance.

    The mean over anchors of ``log(1 + sum_p exp(a * (d_p - boundary))) / a`` plus
    ``log(1 + sum_n exp(b * (boundary - d_n))) / b``, with scales a and b, p over the positives
    and n over the negatives. Designed for cosine distances.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    positive_scale : float, default=2.0
        Sharpness for the positives, > 0.

    negative_scale : float, default=50.0
        Sharpness for the negatives, > 0.

    boundary : float, default=0.5
        Distance, in the unit of ``D``, between positives and negatives.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    X. Wang, X. Han, W. Huang, D. Dong, M. R. Scott, "Multi-similarity loss with general
    pair weighting for deep metric learning", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import multi_similarity
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(multi_similarity(D, same, ~same).item(), 4)
    0.3467
    """
    positive_scale = check_real("positive_scale", positive_scale, above=0)
    negative_scale = check_real("negative_scale", negative_scale, above=0)
    boundary = check_real("boundary", boundary)

    def cost(D, same, different):
        pull = masked_logsumexp(positive_scale * (D - boundary), same)
        push = masked_logsumexp(negative_scale * (boundary - D), different)
        return F.softplus(pull) / positive_scale + F.softplus(push) / negative_scale

    return mean_over_anchors(cost, D, same, different)


def circle(
    D: Tensor, same: Tensor, different: Tensor, *, margin: float = 0.4, scale: float = 80.0
) -> Tensor:
    """Compute the circle loss: distances weighted by the difference from their optimum.

    The mean over anchors of the softplus of ``log(sum_p exp(scale * w_p * (d_p - margin)))``
    plus ``log(sum_n exp(scale * w_n * (1 - margin - d_n)))``, with the weights
    ``w_p = max(0, d_p + margin)`` and ``w_n = max(0, 1 + margin - d_n)``, which have no
    gradient. Designed for cosine distances.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    margin : float, default=0.4
        Relaxation, in (0, 1): positives should be nearer than this, negatives farther
        than one minus it.

    scale : float, default=80.0
        Sharpness, > 0.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    Y. Sun, C. Cheng, Y. Zhang, C. Zhang, L. Zheng, Z. Wang, Y. Wei, "Circle loss: a unified
    perspective of pair similarity optimization", CVPR 2020.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import circle
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(circle(D, same, ~same).item(), 4)
    7.8935
    """
    margin = check_real("margin", margin, above=0, below=1)
    scale = check_real("scale", scale, above=0)

    def cost(D, same, different):
        far, near = F.relu(D.detach() + margin), F.relu(1 + margin - D.detach())
        pull = masked_logsumexp(scale * far * (D - margin), same)
        push = masked_logsumexp(scale * near * (1 - margin - D), different)
        return F.softplus(pull + push)

    return mean_over_anchors(cost, D, same, different)


class WuMargin(nn.Module):
    """Margin loss with a learned boundary between positives and negatives.

    The mean of ``max(0, d - boundary + margin)`` for matching pairs and of
    ``max(0, boundary - d + margin)`` for non-matching pairs, over the pairs of positive cost.
    Designed for the miner ``distance_weighted`` and unit-length embeddings.

    Parameters
    ----------
    margin : float, default=0.2
        Distance from the boundary, in the unit of ``D``, from which a pair has no cost, >= 0.

    boundary : float, default=1.2
        Initial boundary, in the unit of ``D``. It is trained; weight decay shrinks it.

    References
    ----------
    C.-Y. Wu, R. Manmatha, A. J. Smola, P. Krahenbuhl, "Sampling matters in deep embedding
    learning", ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import WuMargin
    >>> D = torch.tensor([[0.5, 1.3, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(WuMargin()(D, same, ~same).item(), 4)
    0.1
    """

    def __init__(self, *, margin: float = 0.2, boundary: float = 1.2) -> None:
        super().__init__()
        self.margin = check_real("margin", margin, least=0)
        self.boundary = nn.Parameter(torch.tensor(check_real("boundary", boundary)))

    def forward(self, D: Tensor, same: Tensor, different: Tensor) -> Tensor:
        """Compute the loss from the distances and masks of a batch."""
        cost = F.relu(D - self.boundary + self.margin) * same
        cost = cost + F.relu(self.boundary - D + self.margin) * different
        return safe_divide(cost.sum(), (cost > 0).sum())


class LogisticDistance(nn.Module):
    """Logistic regression on the distance, with a learned scale and threshold.

    The logit of a match is ``scale * (threshold - d)``. The loss is the mean logistic loss of the
    matching pairs, plus ``non_match_weight`` times the mean logistic loss of the other pairs. The
    scale and the threshold are trained ten times as fast as other weights.

    Parameters
    ----------
    scale : float, default=5.0
        Initial scale, > 0, divided by the unit of ``D``. For the Manhattan distance, about 13
        divided by the number of components is suitable.

    threshold : float, default=1.0
        Initial threshold, > 0, in the unit of ``D``.

    non_match_weight : float, default=1.0
        Weight of the non-matching pairs, >= 0, relative to the matching pairs.

    References
    ----------
    G. Koch, R. Zemel, R. Salakhutdinov, "Siamese neural networks for one-shot image
    recognition", ICML deep learning workshop, 2015.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import LogisticDistance
    >>> D = torch.tensor([[0.5, 1.5]])
    >>> same = torch.tensor([[True, False]])
    >>> round(LogisticDistance(scale=2.0)(D, same, ~same).item(), 4)
    0.6265
    """

    def __init__(
        self, *, scale: float = 5.0, threshold: float = 1.0, non_match_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(check_real("scale", scale, above=0) / 10))
        threshold = check_real("threshold", threshold, above=0)
        self.threshold = nn.Parameter(torch.tensor(threshold / 10))
        self.non_match_weight = check_real("non_match_weight", non_match_weight, least=0)

    def forward(self, D: Tensor, same: Tensor, different: Tensor) -> Tensor:
        """Compute the loss from the distances and masks of a batch."""
        logit = 10 * self.scale * (10 * self.threshold - D)
        pull = safe_divide((F.softplus(-logit) * same).sum(), same.sum())
        push = safe_divide((F.softplus(logit) * different).sum(), different.sum())
        return pull + self.non_match_weight * push


LOSSES = {
    "circle": circle,
    "contrastive": contrastive,
    "lifted_structure": lifted_structure,
    "logistic": LogisticDistance,
    "multi_similarity": multi_similarity,
    "wu_margin": WuMargin,
}

NATURAL_DISTANCES = {
    "circle": "cosine",
    "contrastive": "euclidean",
    "lifted_structure": "euclidean",
    "logistic": "euclidean",
    "multi_similarity": "cosine",
    "wu_margin": "chord",
}
