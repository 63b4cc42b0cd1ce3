"""Means over the pairs that masks select, finite where nothing is, and sparing of memory.

An accelerator works while Python prepares what comes next, as long as Python asks for no number
of it. So where a size would depend on a mask, tensors on the CPU get it, and those on an
accelerator stay as large as they are, with masks that leave out what was not selected.
"""

import torch

LOG_ZERO = -1e30
"""Logarithm of zero with finite sums and gradients."""

CHUNK = 2**21
"""Largest number of distances in a chunk, on the CPU."""

ACCELERATOR_CHUNK = 2**24
"""Largest number on an accelerator, where launching a smaller step costs more than it."""


def on_cpu(D):
    """Return whether a tensor is on the CPU, where reading a number does not synchronise."""
    return D.device.type == "cpu"


def chunk_size(D):
    """Return the largest number of distances in a chunk on the device of D."""
    return CHUNK if on_cpu(D) else ACCELERATOR_CHUNK


def safe_divide(total, weight):
    """Return total / weight; zero, with a gradient path, for a weight of zero."""
    return total / weight.to(total.dtype).clamp_min(torch.finfo(total.dtype).tiny)


def to_float(mask, D):
    """Convert a mask or weights to the dtype of D.

    A mask is viewed as bytes, which are converted several times as fast as booleans.
    """
    mask = mask.view(torch.uint8) if mask.dtype == torch.bool else mask
    return mask.to(D.dtype)


def flat_positions(mask):
    """Return the flat indices of the true entries of a mask, by numpy, which is faster.

    On an accelerator return all flat indices; :func:`is_valid` masks the true entries.
    """
    if on_cpu(mask):
        return torch.from_numpy(mask.numpy().ravel().nonzero()[0])
    return torch.arange(mask.numel(), device=mask.device)


def is_valid(mask, positions):
    """Return at which indices from :func:`flat_positions` a mask is true."""
    return torch.ones_like(positions, dtype=torch.bool) if on_cpu(mask) else mask.flatten()


def masked_logsumexp(values, mask):
    """Logarithm of the sum of the exponentials of the selected values of each row.

    What is too small to count is raised to the least that is not, as exponentials that
    underflow are slow.
    """
    values = values.where(mask, LOG_ZERO)
    least = values.detach().amax(dim=1, keepdim=True) - 80
    return values.clamp_min(least).logsumexp(dim=1)


def row_chunks(D, *others):
    """Return chunks of the rows of D and of other tensors of as many rows."""
    n_rows = max(1, chunk_size(D) * len(D) // max(1, D.numel()))
    return zip(*(x.split(n_rows) for x in (D, *others)), strict=True)


def sort_rows(D):
    """Return the sorted distances of each row, and their columns."""
    order = _argsort_rows(D) if on_cpu(D) and D.dtype == torch.float32 else D.argsort(dim=1)
    return D.gather(1, order), order


def _argsort_rows(D):
    """Return the columns of each row by ascending distance, by one sort of integers in numpy.

    An integer holds the bits of a distance, mapped to the same order, and its column.
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
    """Return the selected distances of each row, left-aligned, and their mask.

    On an accelerator they stay in their columns.
    """
    if not on_cpu(D):
        return D, mask
    counts = mask.sum(dim=1, keepdim=True)
    width = max(1, int(counts.max())) if len(D) else 1
    valid = torch.arange(width, device=D.device) < counts
    return D.new_zeros(valid.shape).masked_scatter(valid, D.take(flat_positions(mask))), valid


def scatter_back(values, valid, mask):
    """Invert :func:`left_align`: scatter values to the true entries of a mask, zeros elsewhere."""
    if not on_cpu(values):
        return values
    aligned = values.take(flat_positions(valid))
    flat = values.new_zeros(mask.numel()).scatter_(0, flat_positions(mask), aligned)
    return flat.view(mask.shape)


def mean_over_anchors(cost, D, same, different):
    """Mean cost of those anchors that have a positive and a negative.

    ``cost(D, same, different)`` gives the cost of each anchor.
    """

    def sums(D, same, different):
        complete = (same.sum(dim=1) > 0) & (different.sum(dim=1) > 0)
        return cost(D, same, different).where(complete, 0).sum(), complete.sum()

    return chunked_mean(sums, D, same, different)


def chunked_mean(sums, D, same, different):
    """A mean from its parts, total and weight, which are sums over anchors.

    ``sums(D, same, different)`` gives them for some anchors. Where there are many, it is
    given some at a time, and only the gradient of each distance is kept.
    """
    if not D.numel():
        return D.sum()
    if D.numel() <= chunk_size(D):
        return safe_divide(*sums(D, same, different))
    total, weight, gradient = _sums_in_chunks(sums, D, same, different)
    return safe_divide(attach_gradient(D, total, gradient), weight)


def _sums_in_chunks(sums, D, same, different):
    """Total and weight of all anchors, some at a time, and the gradient of the total by D."""
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
    """Return a value computed from D outside autograd, with its gradient with respect to D."""
    return _AttachGradient.apply(D, value, gradient)


class _AttachGradient(torch.autograd.Function):
    """Return a value; its gradient with respect to D is passed in."""

    @staticmethod
    def forward(ctx, D, value, gradient):
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_value):
        (gradient,) = ctx.saved_tensors
        return grad_value * gradient, None, None
