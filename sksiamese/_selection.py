"""Means over the pairs that masks select, finite where nothing is, and sparing of memory."""

import torch

NOTHING = -1e30
"""Stands for the logarithm of zero: its sums and gradients are finite."""

CHUNK = 2**22
"""Distances that a loss is worked out for at a time."""


def ratio(total, weight):
    """A mean from its parts; zero, with a gradient path, where nothing has weight."""
    return total / weight.to(total.dtype).clamp_min(torch.finfo(total.dtype).tiny)


def masked_logsumexp(values, mask):
    """Logarithm of the sum of the exponentials of the selected values of each row."""
    return values.masked_fill(~mask, NOTHING).logsumexp(dim=1)


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
