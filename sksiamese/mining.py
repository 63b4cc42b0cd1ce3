"""Miners: selection of the pairs of a batch for the loss.

A miner maps ``(D, same, different)`` to another such triple, with anchors as rows: the full
matrix, or a narrow matrix with the distances selected for one anchor in each row. Therefore
every miner works with every loss of :mod:`sksiamese.losses`, and triplets do not need a third
axis. On an accelerator, ``semihard`` and ``distance_weighted`` return a row for every pair and
mask unselected rows, because the number of selected pairs would require a synchronization.
"""

from typing import Protocol

import torch
from torch import Tensor

from ._parameters import check_count, check_real
from .losses._masked import chunk_size, flat_positions, is_valid, left_align, row_chunks, sort_rows

__all__ = [
    "MINERS",
    "all_pairs",
    "angular",
    "distance_weighted",
    "easy_positive",
    "hardest",
    "multi_similarity",
    "semihard",
]


class Miner(Protocol):
    """Selection of the pairs of a batch, as distances (n, m) and two masks, none in both."""

    def __call__(self, D: Tensor, same: Tensor, different: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the selected distances and their masks, of any one shape."""


def all_pairs(D: Tensor, same: Tensor, different: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Select all pairs of the batch.

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
        The unchanged arguments.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import all_pairs
    >>> same = torch.tensor([[True, False]])
    >>> all_pairs(torch.tensor([[1.0, 2.0]]), same, ~same)[0]
    tensor([[1., 2.]])
    """
    return D, same, different


def hardest(D: Tensor, same: Tensor, different: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Select the farthest positive and the nearest negative of every anchor ("batch hard").

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
        One row for each anchor, with the positive in the first column and the negative in the
        second. The masks exclude missing positives and negatives.

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
    selected = D.gather(1, torch.stack([farthest, nearest], dim=1))
    return selected, *_pair_masks(same.any(dim=1), different.any(dim=1))


def semihard(D: Tensor, same: Tensor, different: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Select for each matching pair the nearest negative that is farther than the positive.

    If no negative is farther, the farthest one is selected.

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
        One row for each pair of anchor and positive, with the positive in the first column and
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
    chunks = row_chunks(D.detach(), same, different)
    negative = torch.cat([_semihard_negatives(*chunk) for chunk in chunks])
    positions = flat_positions(same)
    anchor, positive = positions // D.shape[1], positions % D.shape[1]
    selected = _gather_pairs(D, anchor, positive, negative)
    has_negative = (different.sum(dim=1) > 0)[anchor]
    valid = is_valid(same, positions)
    return selected, *_pair_masks(valid, valid & has_negative)


def easy_positive(D: Tensor, same: Tensor, different: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Select the nearest positive of every anchor, and the nearest negative farther than it.

    If no negative is farther, the farthest one is selected. Classes do not collapse to points:
    each row is only drawn to its nearest row of the class.

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
        One row for each anchor, with the positive in the first column and the negative in the
        second. The masks exclude missing negatives, and anchors without positives.

    References
    ----------
    H. Xuan, A. Stylianou, R. Pless, "Improved embeddings with easy positive triplet
    mining", WACV 2020.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import easy_positive
    >>> D = torch.tensor([[1.0, 2.0, 0.5, 1.4, 4.0]])
    >>> same = torch.tensor([[True, True, False, False, False]])
    >>> easy_positive(D, same, ~same)[0]
    tensor([[1.0000, 1.4000]])
    """
    nearest = D.masked_fill(~same, torch.inf).argmin(dim=1, keepdim=True)
    farther = different & (D.gather(1, nearest) < D)
    nearest_farther = D.masked_fill(~farther, torch.inf).argmin(dim=1, keepdim=True)
    farthest = D.masked_fill(~different, -torch.inf).argmax(dim=1, keepdim=True)
    negative = nearest_farther.where(farther.any(dim=1, keepdim=True), farthest)
    selected = D.gather(1, torch.cat([nearest, negative], dim=1))
    has_positive = same.any(dim=1)
    return selected, *_pair_masks(has_positive, has_positive & different.any(dim=1))


def distance_weighted(
    D: Tensor,
    same: Tensor,
    different: Tensor,
    *,
    n_components: int,
    cutoff: float = 0.5,
    limit: float = 1.4,
) -> tuple[Tensor, Tensor, Tensor]:
    """Sample a negative for each matching pair, uniformly over distances.

    The sampling weight of a negative is the inverse of the density of distances of random unit
    vectors, ``d ** (k - 2) * (1 - d ** 2 / 4) ** ((k - 3) / 2)``. With uniform sampling, nearly
    all negatives would be at a distance of about 1.4. If all negatives are beyond ``limit``,
    they are sampled regardless.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Euclidean distances of unit-length embeddings, in [0, 2].

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    n_components : int
        Size k of the embedding, >= 1; passed by the embedder.

    cutoff : float, default=0.5
        Lower limit of distances in the sampling weights, in (0, 2).

    limit : float, default=1.4
        Distance from which negatives are not sampled, > 0.

    Returns
    -------
    D, same, different : Tensors of shape (n_positive_pairs, 2)
        One row for each pair of anchor and positive, with the positive in the first column and
        the negative in the second.

    References
    ----------
    C.-Y. Wu, R. Manmatha, A. J. Smola, P. Krahenbuhl, "Sampling matters in deep embedding
    learning", ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import distance_weighted
    >>> D = torch.tensor([[1.0, 0.5, 1.9]])
    >>> same = torch.tensor([[True, False, False]])
    >>> distance_weighted(D, same, ~same, n_components=8)[0]
    tensor([[1.0000, 0.5000]])
    """
    n_components = check_count("n_components", n_components)
    cutoff = check_real("cutoff", cutoff, above=0, below=2)
    limit = check_real("limit", limit, above=0)
    has_negative = different.any(dim=1)
    d = D.detach().clamp(cutoff, 2 - 1e-3)
    log_weight = (2 - n_components) * d.log() - (n_components - 3) / 2 * (1 - d.square() / 4).log()
    log_weight = log_weight.masked_fill(limit <= D, -1e4).masked_fill(~different, -torch.inf)
    log_weight = log_weight.masked_fill(~has_negative.unsqueeze(1), 0)
    probability = log_weight.softmax(dim=1).nan_to_num(1.0)
    positives, aligned = left_align(D, same)
    sampled = torch.multinomial(probability, aligned.shape[1], replacement=True)
    positions = flat_positions(aligned)
    selected = torch.stack([positives.take(positions), D.gather(1, sampled).take(positions)], dim=1)
    has_negative = has_negative.unsqueeze(1).expand_as(aligned).take(positions)
    valid = is_valid(aligned, positions)
    return selected, *_pair_masks(valid, valid & has_negative)


def multi_similarity(
    D: Tensor, same: Tensor, different: Tensor, *, epsilon: float = 0.1
) -> tuple[Tensor, Tensor, Tensor]:
    """Select the informative pairs of each anchor, by relative distance.

    These are positives farther than the nearest negative minus ``epsilon``, and negatives
    nearer than the farthest positive plus ``epsilon``.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    epsilon : float, default=0.1
        Tolerance, >= 0, in the unit of ``D``.

    Returns
    -------
    D, same, different : Tensors of shape (n, m)
        The unchanged distances, and masks of the selected pairs.

    References
    ----------
    X. Wang, X. Han, W. Huang, D. Dong, M. R. Scott, "Multi-similarity loss with general
    pair weighting for deep metric learning", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import multi_similarity
    >>> D = torch.tensor([[0.2, 1.0, 0.5, 4.0]])
    >>> same = torch.tensor([[True, True, False, False]])
    >>> _, positives, negatives = multi_similarity(D, same, ~same)
    >>> positives | negatives
    tensor([[False,  True,  True, False]])
    """
    epsilon = check_real("epsilon", epsilon, least=0)
    nearest = D.detach().masked_fill(~different, torch.inf).amin(dim=1, keepdim=True)
    farthest = D.detach().masked_fill(~same, -torch.inf).amax(dim=1, keepdim=True)
    return D, same & (nearest - epsilon < D), different & (farthest + epsilon > D)


def angular(
    D: Tensor, same: Tensor, different: Tensor, *, angle: float = 20.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Select for each matching pair the negative with the widest angle between the pair.

    Half the angle at negative n is ``atan(d(a, p) / (2 * d(n, c)))``, with the midpoint c of
    anchor a and positive p. Pairs are discarded if it is at most ``angle``.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Euclidean distances between the rows of one batch (n = m).

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    angle : float, default=20.0
        Lower limit of half the angle at the negative, in degrees, in [0, 90).

    Returns
    -------
    D, same, different : Tensors of shape (n_selected_pairs, 2)
        One row for each pair of anchor and positive, with the positive in the first column and
        the negative in the second.

    Raises
    ------
    ValueError
        If ``D`` is not square, because distances from positives to negatives are required, or
        ``angle`` is not in [0, 90).

    References
    ----------
    J. Wang, F. Zhou, S. Wen, X. Liu, Y. Lin, "Deep metric learning with angular loss",
    ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.mining import angular
    >>> D = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [2.0, 2.0, 0.0]])
    >>> y = torch.tensor([0, 0, 1])
    >>> same = (y[:, None] == y) & ~torch.eye(3, dtype=torch.bool)
    >>> angular(D, same, y[:, None] != y, angle=10.0)[0]
    tensor([[1., 2.],
            [1., 2.]])
    """
    angle = check_real("angle", angle, least=0, below=90)
    if D.shape[0] != D.shape[1]:
        raise ValueError(
            "angular mining needs the square matrix of distances of a batch, got shape "
            f"{tuple(D.shape)}; set memory_size=0 or choose another miner."
        )
    anchor, positive = same.nonzero(as_tuple=True)
    squared = D.detach().square()
    negative = torch.empty_like(anchor)
    least_sum = squared.new_empty(len(anchor))
    n_pairs = max(1, chunk_size(D) // len(D))
    for chunk in torch.arange(len(anchor), device=D.device).split(n_pairs):
        a, p = anchor[chunk], positive[chunk]
        squared_sum = (squared[a] + squared[p]).masked_fill_(~different[a], torch.inf)
        least_sum[chunk], negative[chunk] = squared_sum.min(dim=1)
    squared_base = squared[anchor, positive]
    to_center = (least_sum / 2 - squared_base / 4).clamp_min(0).sqrt()
    is_wide = torch.atan2(squared_base.sqrt(), 2 * to_center) > angle * torch.pi / 180
    chosen = is_wide & least_sum.isfinite()
    anchor, positive, negative = anchor[chosen], positive[chosen], negative[chosen]
    selected = _gather_pairs(D, anchor, positive, negative)
    all_selected = torch.ones_like(anchor, dtype=torch.bool)
    return selected, *_pair_masks(all_selected, all_selected)


def _semihard_negatives(D, same, different):
    """Return for every positive the nearest farther negative, or else the farthest negative."""
    positives, valid = left_align(D, same)
    negatives, order = sort_rows(D.where(different, torch.inf))
    first_farther = torch.searchsorted(negatives, positives, right=True)
    last = different.sum(dim=1, keepdim=True) - 1
    nearest = order.gather(1, torch.minimum(first_farther, last).clamp_min(0))
    return nearest.take(flat_positions(valid))


def _gather_pairs(D, anchor, positive, negative):
    """Gather the distances of positives and negatives in two columns."""
    return D.take(torch.stack([positive, negative]) + D.shape[1] * anchor).T


def _pair_masks(has_positive, has_negative):
    """Return the masks of a column of positives and a column of negatives."""
    none = torch.zeros_like(has_positive)
    return torch.stack([has_positive, none]).T, torch.stack([none, has_negative]).T


MINERS = {
    "all": all_pairs,
    "angular": angular,
    "distance_weighted": distance_weighted,
    "easy_positive": easy_positive,
    "hardest": hardest,
    "multi_similarity": multi_similarity,
    "semihard": semihard,
}
"""Built-in miners by name."""
