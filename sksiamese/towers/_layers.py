"""Layers shared by towers."""

import torch
import torch.nn.functional as F
from torch import nn


class Standardize(nn.Module):
    """Standardize features with a fixed mean and scale.

    This is the first layer of every tower. It transforms both items of a pair in the same way,
    unlike a ``StandardScaler`` on the columns of pairs.

    If float32 cannot represent the data exactly, an estimator keeps mean and scale in float64,
    even for a tower in float32. The mean is then subtracted before the conversion, which
    preserves small differences of large values.

    Parameters
    ----------
    mean : array-like of shape (n_features,)
        Mean of the features, subtracted, in the units of the columns.

    scale : array-like of shape (n_features,)
        Divisor of the centered features, > 0, in the units of the columns.

    origin : array-like of int64 of shape (n_features,), default=None
        Offset subtracted before the mean, exactly even beyond 2**53; the mean is relative to
        it.

    wide : bool, default=False
        Whether mean and scale keep their dtype when an estimator converts the tower.

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
        """Standardize rows of shape (n, n_features), in the dtype of the tower."""
        X = X if X.is_floating_point() else self.to_float(X)
        return ((X - self.mean) / self.scale).to(self.output.dtype)

    def to_float(self, X):
        """Subtract the origin and convert rows to floats.

        Parameters
        ----------
        X : Tensor of shape (n, n_features)
            Rows of any real dtype.

        Returns
        -------
        X : Tensor of shape (n, n_features)
            Rows in float64 if ``X`` is in float64, else in the dtype of the mean.
        """
        floats = X if X.dtype == torch.float64 else X.to(self.mean.dtype)
        if self.origin is None:
            return floats
        floats = floats - self.origin
        if X.is_floating_point():
            return floats
        return torch.where(floats.abs() < 2**62, (X - self.origin).to(floats.dtype), floats)


class UnitLength(nn.Module):
    """Normalize embeddings to unit length.

    This is the last layer of a tower if the distance is invariant to the length of embeddings.

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
        """Normalize embeddings of shape (n, n_components) to unit length."""
        return F.normalize(Z)


class ToType(nn.Module):
    """Convert embeddings to the dtype of the estimator.

    This layer is added to a tower that returns another dtype.

    Parameters
    ----------
    dtype : torch.dtype
        Floating dtype of the result.

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
        """Convert embeddings of shape (n, n_components)."""
        return Z.to(self.output.dtype)


class Combined(nn.Module):
    """Combine principal components of items with a learned embedding.

    During training, the result is the learned embedding alone. After :meth:`set_scales`, it is
    the principal components followed by the learned embedding, both scaled, so that one Euclidean
    distance compares both.

    Parameters
    ----------
    learned : nn.Module
        Module that maps standardized rows to embeddings.

    projection : array-like of shape (n_plain, n_features)
        Linear map from standardized rows to principal components.

    offset : array-like of shape (n_plain,)
        Principal components of the mean, subtracted.

    weight : float
        Weight of the learned embedding, in (0, 1].

    unit_length : bool, default=False
        Whether principal components have unit length, like the learned embedding.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import Combined
    >>> combined = Combined(torch.nn.Linear(2, 1), [[1.0, 0.0]], [0.5], weight=0.5)
    >>> combined(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    >>> combined.set_scales(1.0, 2.0)
    >>> combined(torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """

    def __init__(self, learned, projection, offset, weight, *, unit_length=False):
        super().__init__()
        self.learned, self.unit_length, self.combines = learned, unit_length, False
        self.register_buffer("projection", torch.as_tensor(projection))
        self.register_buffer("offset", torch.as_tensor(offset))
        self.register_buffer("weight", torch.tensor(float(weight)))
        self.register_buffer("scales", torch.ones(2))

    def set_scales(self, plain, learned):
        """Return both parts from now on, scaled.

        Parameters
        ----------
        plain : float
            Factor of the principal components.

        learned : float
            Factor of the learned embedding.
        """
        self.scales.copy_(torch.tensor([plain, learned], dtype=torch.float64))
        self.combines = True

    def separate(self):
        """Return the learned embedding alone, as in training."""
        self.combines = False

    def forward(self, X):
        """Return embeddings of standardized rows of shape (n, n_features)."""
        Z = self.learned(X)
        if not self.combines:
            return Z
        plain = F.linear(X.nan_to_num(), self.projection) - self.offset
        if self.unit_length:
            plain = F.normalize(plain)
        return torch.cat([self.scales[0] * plain, self.scales[1] * Z], dim=1)
