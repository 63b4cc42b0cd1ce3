"""Losses of pairs with numbers, for ``SiameseRegressor``."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._parameters import check_real
from ._masked import safe_divide

__all__ = ["angle", "cosent", "squared_error"]


def squared_error(score: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Compute the weighted mean of the squared differences of scores and targets.

    Parameters
    ----------
    score : Tensor of shape (n,)
        Scores of the pairs, in the unit of ``y``.

    y : Tensor of shape (n,)
        Targets.

    weight : Tensor of shape (n,)
        Weights of the pairs, >= 0.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import squared_error
    >>> squared_error(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0]), torch.ones(2))
    tensor(5.)
    """
    return safe_divide((score - y).square() @ weight, weight.sum())


def cosent(score: Tensor, y: Tensor, weight: Tensor, *, scale: float = 1.0) -> Tensor:
    """Compute the CoSENT loss: scores in the order of the targets.

    It is ``log(1 + sum(w_i * w_j * exp(scale * (s_i - s_j))))`` over all i and j with
    ``y_i < y_j``, with scores s, targets y and weights w. Only the order of the targets matters.

    Parameters
    ----------
    score : Tensor of shape (n,)
        Scores of the pairs.

    y : Tensor of shape (n,)
        Targets.

    weight : Tensor of shape (n,)
        Weights of the pairs, >= 0.

    scale : float, default=1.0
        Sharpness, > 0, divided by the unit of the scores. It is usually 20 for cosines.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    J. Su, "CoSENT: a more effective sentence embedding scheme than Sentence-BERT", 2022,
    https://kexue.fm/archives/8847.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import cosent
    >>> y = torch.tensor([1.0, 2.0, 3.0])
    >>> cosent(torch.tensor([0.1, 0.2, 0.3]), y, torch.ones(3), scale=20.0)
    tensor(0.2540)
    >>> cosent(torch.tensor([0.3, 0.2, 0.1]), y, torch.ones(3), scale=20.0)
    tensor(4.2540)
    """
    scale = check_real("scale", scale, above=0)
    log_weight = weight.log()
    excess = scale * (score[:, None] - score) + log_weight[:, None] + log_weight
    excess = excess.masked_fill(y[:, None] >= y, -torch.inf)
    return torch.cat([0 * score[:1], excess.flatten()]).logsumexp(dim=0)


def angle(
    score: Tensor,
    y: Tensor,
    weight: Tensor,
    A: Tensor,
    B: Tensor,
    *,
    scale: float = 1.0,
    angle_scale: float = 1.0,
) -> Tensor:
    """Compute the AnglE loss: scores and angles of embeddings in the order of the targets.

    The sum of :func:`cosent` of the scores and of :func:`cosent` of the angle similarity, the mean
    over both orders of the items. The halves of an embedding are the real and the imaginary
    part of a complex vector z. The similarity of z and w is
    ``abs(sum(real(z * conj(w)) + imag(z * conj(w)))) / (norm(z) * norm(w))``. Its gradient does
    not vanish if the cosine is near 1 or -1.

    Parameters
    ----------
    score : Tensor of shape (n,)
        Scores of the pairs.

    y : Tensor of shape (n,)
        Targets.

    weight : Tensor of shape (n,)
        Weights of the pairs, >= 0.

    A : Tensor of shape (n, n_components)
        Embeddings of the left items; a zero is added to an odd number of components.

    B : Tensor of shape (n, n_components)
        Embeddings of the right items.

    scale : float, default=1.0
        Sharpness for the scores, > 0.

    angle_scale : float, default=1.0
        Sharpness for the angles, > 0.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    X. Li, J. Li, "AnglE-optimized text embeddings", arXiv:2309.12871, 2023.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import angle
    >>> y, weight = torch.tensor([1.0, 2.0]), torch.ones(2)
    >>> A, B = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> angle(torch.tensor([0.0, 1.0]), y, weight, A, B)
    tensor(1.0064)
    """
    angle_scale = check_real("angle_scale", angle_scale, above=0)
    both = [_angle_similarity(*sides) for sides in ((A, B), (B, A))]
    costs = [cosent(one, y, weight, scale=angle_scale) for one in both]
    return cosent(score, y, weight, scale=scale) + (costs[0] + costs[1]) / 2


angle.inputs = "embeddings"


def _angle_similarity(A, B):
    """Return the angle similarity of AnglE for the rows of two batches of embeddings."""
    (a, b), (c, d) = (F.pad(Z, (0, Z.shape[1] % 2)).tensor_split(2, dim=1) for Z in (A, B))
    lengths = A.norm(dim=1) * B.norm(dim=1)
    return safe_divide((a * c + b * d + b * c - a * d).sum(dim=1), lengths).abs()


REGRESSION_LOSSES = {"angle": angle, "cosent": cosent, "squared_error": squared_error}
"""Built-in losses of :class:`~sksiamese.SiameseRegressor` by name."""
