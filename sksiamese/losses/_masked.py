"""Memory-efficient means over masked pairs, finite even for empty masks.

An accelerator runs asynchronously until Python reads a value from it. Therefore tensors on
the CPU are compacted to the selected entries, but tensors on an accelerator keep their size
and unselected entries are masked.
"""

import torch

LOG_ZERO = -1e30
"""Finite substitute for the logarithm of zero, with finite sums and gradients."""

CHUNK = 2**21
"""Number of distances in a chunk on the CPU."""

ACCELERATOR_CHUNK = 2**24
"""Number of distances in a chunk on an accelerator; launching smaller chunks would dominate."""


def on_cpu(D):
    """Return whether a tensor is on the CPU, so that reading a value does not synchronize."""
    return D.device.type == "cpu"


def chunk_size(D):
    """Return the number of distances in a chunk on the device of D."""
    return CHUNK if on_cpu(D) else ACCELERATOR_CHUNK


def safe_divide(total, weight):
    """Divide a total by a weight >= 0; a total of zero remains a differentiable zero."""
    return total / weight.to(total.dtype).clamp_min(torch.finfo(total.dtype).tiny)


def to_float(mask, D):
    """Convert a mask or weights to the dtype of D.

    Booleans are viewed as bytes, which are converted several times as fast.
    """
    mask = mask.view(torch.uint8) if mask.dtype == torch.bool else mask
    return mask.to(D.dtype)


def flat_positions(mask):
    """Return the positions of the true entries in the flattened mask.

    On an accelerator, return all positions; :func:`is_valid` marks the true ones.
    """
    if on_cpu(mask):
        return torch.from_numpy(mask.numpy().ravel().nonzero()[0])
    return torch.arange(mask.numel(), device=mask.device)


def is_valid(mask, positions):
    """Return a mask of the positions from :func:`flat_positions` at which the mask is true."""
    return torch.ones_like(positions, dtype=torch.bool) if on_cpu(mask) else mask.flatten()


def masked_logsumexp(values, mask):
    """Compute the log-sum-exp of the selected values of each row.

    Negligible values are clipped from below, because exponentials that underflow are slow.
    """
    values = values.where(mask, LOG_ZERO)
    least = values.detach().amax(dim=1, keepdim=True) - 80
    return values.clamp_min(least).logsumexp(dim=1)


def row_chunks(D, *others):
    """Iterate over chunks of the rows of D and of other arrays of the same length."""
    n_rows = max(1, chunk_size(D) * len(D) // max(1, D.numel()))
    return zip(*(x.split(n_rows) for x in (D, *others)), strict=True)


def sort_rows(D):
    """Sort the distances of each row in ascending order; return them and their columns."""
    order = _argsort_rows(D) if on_cpu(D) and D.dtype == torch.float32 else D.argsort(dim=1)
    return D.gather(1, order), order


def _argsort_rows(D):
    """Argsort each row by numpy, which sorts values faster than it argsorts them.

    Each integer key packs the order-preserving bits of a distance and its column.
    """
    bits = D.view(torch.int32)
    bits = bits ^ (bits >> 31 & 0x7FFFFFFF)
    keys = bits.long().bitwise_left_shift_(32).bitwise_or_(torch.arange(D.shape[1]))
    keys.numpy().sort(axis=1)
    return keys.bitwise_and_(0xFFFFFFFF)


def occurrence_index(values):
    """Return the occurrence index of each value >= 0: the number of equal values before it."""
    order = values.argsort(stable=True)
    counts = values.bincount()
    first = counts.cumsum(0) - counts
    index = torch.arange(len(order), device=order.device) - first[values[order]]
    return torch.empty_like(order).index_copy(0, order, index)


def left_align(D, mask):
    """Move the selected distances of each row to its first columns; return them and their mask.

    On an accelerator, return the arguments unchanged.
    """
    if not on_cpu(D):
        return D, mask
    counts = mask.sum(dim=1, keepdim=True)
    width = max(1, int(counts.max())) if len(D) else 1
    valid = torch.arange(width, device=D.device) < counts
    return D.new_zeros(valid.shape).masked_scatter(valid, D.take(flat_positions(mask))), valid


def scatter_back(values, valid, mask):
    """Invert :func:`left_align`: return values at the true entries of the mask, zeros elsewhere."""
    if not on_cpu(values):
        return values
    aligned = values.take(flat_positions(valid))
    flat = values.new_zeros(mask.numel()).scatter_(0, flat_positions(mask), aligned)
    return flat.view(mask.shape)


def mean_over_anchors(cost, D, same, different):
    """Compute the mean cost of the anchors that have both a positive and a negative.

    ``cost(D, same, different)`` returns the cost of each anchor.
    """

    def sums(D, same, different):
        complete = (same.sum(dim=1) > 0) & (different.sum(dim=1) > 0)
        return cost(D, same, different).where(complete, 0).sum(), complete.sum()

    return chunked_mean(sums, D, same, different)


def chunked_mean(sums, D, same, different):
    """Compute a mean as the ratio of two sums over anchors, total and weight.

    ``sums(D, same, different)`` returns both sums for a set of anchors. Large inputs are
    processed in chunks, and only the gradient with respect to D is stored.
    """
    if not D.numel():
        return D.sum()
    if D.numel() <= chunk_size(D):
        return safe_divide(*sums(D, same, different))
    total, weight, gradient = _sums_in_chunks(sums, D, same, different)
    return safe_divide(attach_gradient(D, total, gradient), weight)


def _sums_in_chunks(sums, D, same, different):
    """Compute total and weight in chunks, and the gradient of the total with respect to D."""
    gradient = torch.empty_like(D)
    totals, weights = [], []
    for d, positive, negative, g in row_chunks(D.detach(), same, different, gradient):
        with torch.enable_grad():
            d = d.requires_grad_()
            total, weight = sums(d, positive, negative)
        g.copy_(torch.autograd.grad(total, d)[0])
        totals.append(total.detach())
        weights.append(weight.detach())
    return torch.stack(totals).sum(), torch.stack(weights).sum(), gradient


def attach_gradient(D, value, gradient):
    """Attach a value that was computed without autograd to D, with a given gradient."""
    return _AttachGradient.apply(D, value, gradient)


class _AttachGradient(torch.autograd.Function):
    """Value with a precomputed gradient."""

    @staticmethod
    def forward(ctx, D, value, gradient):
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_value):
        (gradient,) = ctx.saved_tensors
        return grad_value * gradient, None, None
