"""Towers: the networks that embed one item.

A tower factory is a callable that takes ``input_shape``, the shape of one item as a
tuple, and ``n_components``, and returns an ``nn.Module`` that maps a batch of items to
(n, n_components). It is also given ``depth``, ``width``, ``dropout`` and
``feature_names``, the names of the columns of an item or None, if its signature names
them. Parts of a tower that have an attribute ``learning_rate_factor`` learn at so many
times the step size of the rest.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ._towers_composed import multi_cue, pretrained
from ._towers_single import cnn, mlp, tdnn

__all__ = [
    "TOWERS",
    "Standardize",
    "UnitLength",
    "cnn",
    "mlp",
    "multi_cue",
    "pretrained",
    "tdnn",
]


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

    def __init__(self):
        super().__init__()

    def forward(self, Z):
        """Embeddings of shape (n, n_components), at length 1."""
        return F.normalize(Z)


TOWERS = {"cnn": cnn, "mlp": mlp, "tdnn": tdnn}
"""The towers by name; the others are configured by ``functools.partial``."""
