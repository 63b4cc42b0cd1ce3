"""Layers that towers have in common."""

import torch
import torch.nn.functional as F
from torch import nn


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale, both fixed.

    The first layer of every tower. Items of both sides of a pair pass through it alike,
    which a ``StandardScaler`` over the columns of pairs would not do.

    An estimator keeps mean and scale in float64, even for a tower of float32, if the data
    are numbers that float32 does not hold exactly. The mean is subtracted before the
    conversion then, so that large numbers with small differences keep them.

    Parameters
    ----------
    mean : array-like of shape (n_features,)
        What is subtracted, in the units of the columns.

    scale : array-like of shape (n_features,)
        What is divided by, > 0, in the units of the columns.

    origin : array-like of int64 of shape (n_features,), default=None
        Subtracted before the mean, without rounding even beyond 2**53. The mean is relative
        to it.

    wide : bool, default=False
        Whether mean and scale stay as they are when an estimator converts the tower.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import Standardize
    >>> Standardize(mean=[1.0], scale=[2.0])(torch.tensor([[5.0]]))
    tensor([[2.]])
    """

    def __init__(self, mean, scale, origin=None, *, wide=False):
        super().__init__()
        self.wide = wide
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("scale", torch.as_tensor(scale))
        self.register_buffer("origin", None if origin is None else torch.as_tensor(origin))
        self.register_buffer("output", self.mean.new_empty(0), persistent=False)

    def forward(self, X):
        """Standardise rows of shape (n, n_features), in the dtype of the tower."""
        X = X if X.is_floating_point() else self.to_float(X)
        return ((X - self.mean) / self.scale).to(self.output.dtype)

    def to_float(self, X):
        """Return rows, less the origin, as floats.

        Parameters
        ----------
        X : Tensor of shape (n, n_features)
            Rows of any real dtype.

        Returns
        -------
        X : Tensor of shape (n, n_features)
            Rows of float64 in float64, all others in the dtype of the mean.
        """
        floats = X if X.dtype == torch.float64 else X.to(self.mean.dtype)
        if self.origin is None:
            return floats
        floats = floats - self.origin
        if X.is_floating_point():
            return floats
        return torch.where(floats.abs() < 2**62, (X - self.origin).to(floats.dtype), floats)


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


class ToType(nn.Module):
    """Convert embeddings to the type in which the estimator computes.

    Follows the body of a tower that gives another type.

    Parameters
    ----------
    dtype : torch.dtype
        Floating type of the result.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import ToType
    >>> ToType(torch.float32)(torch.ones(1, 2, dtype=torch.bfloat16))
    tensor([[1., 1.]])
    """

    def __init__(self, dtype):
        super().__init__()
        self.register_buffer("output", torch.empty(0, dtype=dtype), persistent=False)

    def forward(self, Z):
        """Embeddings of shape (n, n_components)."""
        return Z.to(self.output.dtype)
