"""Callables of users for generated calls: a few that work, many that do not."""

import functools

import numpy as np
import torch
from torch import nn


class Linear(nn.Module):
    """A custom tower or head."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.linear = nn.Linear(int(np.prod(input_shape)), n_components)

    def forward(self, X):
        return self.linear(X.flatten(1))


def loss_of_user(D, same, different):
    """Return a custom loss."""
    return (D * same).mean() + (1 - D).relu().mean()


def score_of_user(estimator, X, y):
    """Return minus the number of epochs."""
    return -estimator.n_iter_


def rate_of_user(progress):
    """Return a custom factor of the learning rate."""
    return 1 / (1 + progress)


class NoForward(nn.Module):
    """A module that cannot be called."""


def _returns(value):
    return lambda *args, **kwargs: value


ODD_CALLABLES = {
    "len": lambda s: len,
    "dict": lambda s: dict,
    "no arguments": lambda s: lambda: None,
    "one keyword": lambda s: lambda *, unknown: None,
    "returns None": lambda s: _returns(None),
    "returns a string": lambda s: _returns("a"),
    "returns a number": lambda s: _returns(1.0),
    "returns NaN": lambda s: _returns(float("nan")),
    "returns a list": lambda s: _returns([1, 2]),
    "returns an array": lambda s: _returns(np.ones(3)),
    "returns a tensor": lambda s: _returns(torch.ones(3)),
    "returns a scalar tensor": lambda s: _returns(torch.tensor(1.0)),
    "returns a NaN tensor": lambda s: _returns(torch.tensor(float("nan"))),
    "returns a module": lambda s: lambda *args, **kwargs: nn.Linear(3, 3),
    "returns a module without forward": lambda s: lambda *args, **kwargs: NoForward(),
    "returns its input": lambda s: lambda *args, **kwargs: args[0],
    "returns its inputs": lambda s: lambda *args, **kwargs: args,
    "returns a part": lambda s: lambda *args, **kwargs: args[0][:1],
    "returns itself as integers": lambda s: lambda X, *args, **kwargs: X.long(),
    "module": lambda s: nn.Linear(4, 2),
    "module class": lambda s: nn.Linear,
    "partial": lambda s: functools.partial(int, base=2),
    "generator function": lambda s: lambda *args, **kwargs: iter([torch.tensor([0, 1, 2])]),
    "far row numbers": lambda s: lambda *args, **kwargs: iter([torch.tensor([0, 10**6])]),
    "empty batches": lambda s: lambda *args, **kwargs: iter([torch.tensor([], dtype=torch.long)]),
    "no batches": lambda s: lambda *args, **kwargs: iter([]),
    "lists of rows": lambda s: lambda *args, **kwargs: [[0, 1, 2, 3]],
    "floats as rows": lambda s: lambda *args, **kwargs: [torch.tensor([0.0, 1.0])],
}  # fmt: skip
