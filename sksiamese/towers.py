"""Towers: the networks that embed one item.

A tower factory is a callable that takes ``input_shape``, the shape of one item as a
tuple, and ``n_components``, and returns an ``nn.Module`` that maps a batch of items to
(n, n_components). It is also given ``depth``, ``width`` and ``dropout`` if its
signature names them.
"""

from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["TOWERS", "Standardize", "UnitLength", "mlp"]


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale, both fixed.

    The first layer of every tower. Items of both sides of a pair pass through it alike,
    which a ``StandardScaler`` over the columns of pairs would not do.

    Parameters
    ----------
    mean : array-like of shape (n_features,)
        What is subtracted, in the units of the columns.

    scale : array-like of shape (n_features,)
        What is divided by, > 0, in the units of the columns.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import Standardize
    >>> Standardize(mean=[1.0], scale=[2.0])(torch.tensor([[5.0]]))
    tensor([[2.]])
    """

    def __init__(self, mean, scale):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("scale", torch.as_tensor(scale))

    def forward(self, X):
        """Standardise rows of shape (n, n_features)."""
        return (X - self.mean) / self.scale


class UnitLength(nn.Module):
    """Divide every embedding by its length.

    The last layer of a tower whose distance does not see the length of an embedding.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import UnitLength
    >>> UnitLength()(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """

    def forward(self, Z):
        """Embeddings of shape (n, n_components), at length 1."""
        return F.normalize(Z)


def mlp(input_shape, n_components, *, depth=3, width=128, dropout=0.0):
    """Multilayer perceptron with rectified linear units.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one item, which is flattened.

    n_components : int
        Size of the embedding, >= 1.

    depth : int, default=3
        Number of weight layers, the output layer included, >= 1. A depth of 1 is a
        linear map.

    width : int, default=128
        Units of every hidden layer, >= 1.

    dropout : float, default=0.0
        Share of the hidden units set to zero during training, in [0, 1).

    Returns
    -------
    tower : nn.Sequential
        Maps items, a batch of shape (n, ...), to embeddings (n, n_components).

    Examples
    --------
    >>> from sksiamese.towers import mlp
    >>> sum(weight.numel() for weight in mlp((28, 28), 128, depth=3).parameters())
    133504
    """
    sizes = [prod(input_shape), *[width] * (depth - 1), n_components]
    layers = [nn.Flatten()]
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


TOWERS = {"mlp": mlp}
"""The towers by name."""
