"""Sums over the pairs that masks select, which stay finite where nothing is selected."""

import torch

NOTHING = -1e30
"""Stands for the logarithm of zero: its sums and gradients are finite."""


def ratio(total, weight):
    """A mean from its parts; zero, with a gradient path, where nothing has weight."""
    return total / weight.to(total.dtype).clamp_min(torch.finfo(total.dtype).tiny)


def masked_logsumexp(values, mask):
    """Logarithm of the sum of the exponentials of the selected values of each row."""
    return values.masked_fill(~mask, NOTHING).logsumexp(dim=1)


def mean_over_anchors(cost, same, different):
    """Mean of the costs of those anchors that have a positive and a negative."""
    complete = same.any(dim=1) & different.any(dim=1)
    return ratio(cost.where(complete, 0).sum(), complete.sum())
