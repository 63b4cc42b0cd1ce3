"""Means over the pairs that masks select, finite where nothing is, and sparing of memory."""

import torch

NOTHING = -1e30
"""Stands for the logarithm of zero: its sums and gradients are finite."""

CHUNK = 2**21
"""Distances that a loss is worked out for at a time."""


def ratio(total, weight):
    """A mean from its parts; zero, with a gradient path, where nothing has weight."""
    return total / weight.to(total.dtype).clamp_min(torch.finfo(total.dtype).tiny)


def masked_logsumexp(values, mask):
    """Logarithm of the sum of the exponentials of the selected values of each row.

    What is too small to count is raised to the least that is not, as exponentials that
    underflow are slow.
    """
    values = values.where(mask, NOTHING)
    least = values.detach().amax(dim=1, keepdim=True) - 80
    return values.clamp_min(least).logsumexp(dim=1)


def compact(D, mask):
    """The selected distances of each row side by side, and which of them are there."""
    row, column = mask.nonzero(as_tuple=True)
    counts = row.bincount(minlength=len(D))
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    width = int(counts.max()) if len(row) else 1
    values = D.new_zeros(len(D), width).index_put((row, place), D[row, column])
    there = torch.zeros_like(values, dtype=torch.bool).index_put((row, place), mask.new_ones(()))
    return values, there


def mean_over_anchors(cost, D, same, different):
    """Mean cost of those anchors that have a positive and a negative.

    ``cost(D, same, different)`` gives the cost of each anchor.
    """

    def parts(D, same, different):
        complete = same.any(dim=1) & different.any(dim=1)
        return cost(D, same, different).where(complete, 0).sum(), complete.sum()

    return mean_of(parts, D, same, different)


def mean_of(parts, D, same, different):
    """A mean from its parts, total and weight, which are sums over anchors.

    ``parts(D, same, different)`` gives them for some anchors. Where there are many, it is
    given some at a time, and only the gradient of each distance is kept.
    """
    if not D.numel():
        return D.sum()
    if D.numel() <= CHUNK:
        return ratio(*parts(D, same, different))
    return ratio(*_SumOverAnchors.apply(parts, D, same, different))


class _SumOverAnchors(torch.autograd.Function):
    """Total and weight of all anchors, and the gradient of the total along with them."""

    @staticmethod
    def forward(ctx, parts, D, same, different):
        gradient = torch.empty_like(D)
        totals, weights = [], []
        for rows in torch.arange(len(D)).split(max(1, CHUNK * len(D) // D.numel())):
            chunk = slice(int(rows[0]), int(rows[-1]) + 1)
            with torch.enable_grad():
                d = D[chunk].detach().requires_grad_()
                total, weight = parts(d, same[chunk], different[chunk])
            (gradient[chunk],) = torch.autograd.grad(total, d)
            totals.append(total.detach())
            weights.append(weight.detach())
        ctx.save_for_backward(gradient)
        weight = torch.stack(weights).sum()
        ctx.mark_non_differentiable(weight)
        return torch.stack(totals).sum(), weight

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_total, _):
        (gradient,) = ctx.saved_tensors
        return None, grad_total * gradient, None, None
