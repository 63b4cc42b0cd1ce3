"""Losses of the whole ranking of the pairs of an anchor."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._parameters import check_count, check_real
from ._masked import mean_over_anchors, row_chunks, safe_divide

__all__ = ["fastap", "histogram", "ranked_list"]


def ranked_list(
    D: Tensor,
    same: Tensor,
    different: Tensor,
    *,
    margin: float = 0.4,
    boundary: float = 1.2,
    temperature: float = 0.1,
    balance: float = 0.5,
) -> Tensor:
    """Compute the ranked list loss: positives within a ball, negatives outside a larger one.

    The mean over anchors of ``(1 - balance)`` times the mean of ``d - (boundary - margin)``
    over the positives at which it is positive, plus ``balance`` times the mean of
    ``boundary - d`` over the negatives at which it is positive, weighted by
    ``exp((boundary - d) / temperature)``. Designed for Euclidean distances of unit-length
    embeddings.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    margin : float, default=0.4
        Difference of the radii of both balls, in the unit of ``D``, >= 0.

    boundary : float, default=1.2
        Minimum distance of negatives, in the unit of ``D``.

    temperature : float, default=0.1
        Temperature of the weights of negatives, in the unit of ``D``, > 0.

    balance : float, default=0.5
        Weight of the negatives in the loss, in [0, 1].

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    X. Wang, Y. Hua, E. Kodirov, G. Hu, R. Garnier, N. M. Robertson, "Ranked list loss for
    deep metric learning", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import ranked_list
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(ranked_list(D, same, ~same).item(), 4)
    0.3
    """
    margin = check_real("margin", margin, least=0)
    boundary = check_real("boundary", boundary)
    temperature = check_real("temperature", temperature, above=0)
    balance = check_real("balance", balance, least=0, most=1)

    def cost(D, same, different):
        excess = F.relu(D - (boundary - margin)).where(same, 0)
        shortfall = F.relu(boundary - D).where(different, 0)
        max_shortfall = shortfall.detach().amax(dim=1, keepdim=True)
        weight = ((shortfall - max_shortfall) / temperature).exp() * (shortfall > 0)
        pull = safe_divide(excess.sum(dim=1), (excess > 0).sum(dim=1))
        push = safe_divide((weight * shortfall).sum(dim=1), weight.sum(dim=1))
        return (1 - balance) * pull + balance * push

    return mean_over_anchors(cost, D, same, different)


def fastap(
    D: Tensor, same: Tensor, different: Tensor, *, n_bins: int = 10, limit: float = 2.0
) -> Tensor:
    """Compute FastAP: one minus the average precision, from soft histograms of distances.

    The histograms have ``n_bins + 1`` bins with equidistant centers from 0 to ``limit``; each
    distance is divided linearly between the two nearest ones. With the counts h of positives,
    their cumulative sum H and the cumulative sum S of all pairs, the loss is the mean over
    anchors of ``1 - sum(h * H / S) / n_positives``. Designed for cosine distances, at most 2.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    n_bins : int, default=10
        Number of intervals, >= 1.

    limit : float, default=2.0
        Center of the last bin, > 0, in the unit of ``D``; it includes greater distances.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, in [0, 1].

    References
    ----------
    F. Cakir, K. He, X. Xia, B. Kulis, S. Sclaroff, "Deep metric learning to rank", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import fastap
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(fastap(D, same, ~same).item(), 4)
    0.25
    """
    n_bins = check_count("n_bins", n_bins)
    limit = check_real("limit", limit, above=0)

    def cost(D, same, different):
        positives = soft_histogram(D, same, n_bins=n_bins, limit=limit)
        pairs = positives + soft_histogram(D, different, n_bins=n_bins, limit=limit)
        precision = safe_divide(positives.cumsum(dim=1), pairs.cumsum(dim=1))
        return 1 - safe_divide((positives * precision).sum(dim=1), same.sum(dim=1))

    return mean_over_anchors(cost, D, same, different)


def histogram(
    D: Tensor, same: Tensor, different: Tensor, *, n_bins: int = 100, limit: float = 2.0
) -> Tensor:
    """Compute the histogram loss: the probability that a negative is nearer than a positive.

    The probability for a random matching and a random non-matching pair of the batch is
    estimated from soft histograms of their distances, with ``n_bins + 1`` bins from 0 to
    ``limit``. Designed for cosine distances, at most 2.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs.

    n_bins : int, default=100
        Number of intervals, >= 1.

    limit : float, default=2.0
        Center of the last bin, > 0, in the unit of ``D``; it includes greater distances.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, in [0, 1].

    References
    ----------
    E. Ustinova, V. Lempitsky, "Learning deep embeddings with histogram loss", NIPS 2016.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import histogram
    >>> D = torch.tensor([[0.5, 0.6, 2.0]])
    >>> same = torch.tensor([[True, False, False]])
    >>> round(histogram(D, same, ~same).item(), 4)
    0.0
    """
    n_bins = check_count("n_bins", n_bins)
    limit = check_real("limit", limit, above=0)
    positives, negatives = (
        safe_divide(soft_histogram(D, mask, n_bins=n_bins, limit=limit).sum(dim=0), mask.sum())
        for mask in (same, different)
    )
    farther = positives.flip(0).cumsum(dim=0).flip(0)
    return negatives @ farther


def soft_histogram(D, mask, *, n_bins, limit):
    """Return soft histograms of the selected distances of each row, (n, n_bins + 1)."""
    return _SoftHistogram.apply(D, mask, n_bins, n_bins / limit)


class _SoftHistogram(torch.autograd.Function):
    """Soft histograms: each distance is divided linearly between the two nearest bins.

    Only the distances are saved for the gradient: a growing distance moves weight from its
    lower to its upper bin. Rows are processed in chunks.
    """

    @staticmethod
    def forward(ctx, D, mask, n_bins, scale):
        ctx.save_for_backward(D, mask)
        ctx.n_bins, ctx.scale = n_bins, scale
        counts = D.new_zeros(len(D), n_bins + 1)
        for d, selected, count in row_chunks(D, mask, counts):
            lower, upper = bin_weights(d * scale, n_bins)
            upper = upper.masked_fill_(~selected, 0)
            count.scatter_add_(1, lower, selected.to(upper.dtype) - upper)
            count.scatter_add_(1, lower.add_(1), upper)
        return counts

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        D, mask = ctx.saved_tensors
        slope = grad_output.diff(dim=1) * ctx.scale
        gradient = torch.empty_like(D)
        for d, selected, s, g in row_chunks(D, mask, slope, gradient):
            values = d * ctx.scale
            in_range = selected & (values >= 0) & (values <= ctx.n_bins)
            g.copy_(s.gather(1, bin_weights(values, ctx.n_bins)[0]).where(in_range, 0))
        return gradient, None, None, None


def bin_weights(values, n_bins):
    """Return the lower bin of each value, and the weight of the bin above it."""
    values = values.clamp(0, n_bins)
    lower = values.nan_to_num().long().clamp_max_(n_bins - 1)
    return lower, values.sub_(lower)


LOSSES = {"fastap": fastap, "histogram": histogram, "ranked_list": ranked_list}

NATURAL_DISTANCES = {"fastap": "cosine", "histogram": "cosine", "ranked_list": "chord"}
