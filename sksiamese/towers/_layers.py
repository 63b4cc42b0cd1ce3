"""Layers shared by towers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._typing import ArrayLike


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

    def __init__(
        self,
        mean: ArrayLike,
        scale: ArrayLike,
        origin: ArrayLike | None = None,
        *,
        wide: bool = False,
    ) -> None:
        super().__init__()
        self.wide = wide
        self.register_buffer("mean", torch.as_tensor(mean))
        self.register_buffer("scale", torch.as_tensor(scale))
        self.register_buffer("origin", None if origin is None else torch.as_tensor(origin))
        self.register_buffer("output", self.mean.new_empty(0), persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        """Standardize rows of shape (n, n_features), in the dtype of the tower."""
        X = X if X.is_floating_point() else self.to_float(X)
        return ((X - self.mean) / self.scale).to(self.output.dtype)

    def to_float(self, X: Tensor) -> Tensor:
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

    def __init__(self) -> None:
        super().__init__()

    def forward(self, Z: Tensor) -> Tensor:
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

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("output", torch.empty(0, dtype=dtype), persistent=False)

    def forward(self, Z: Tensor) -> Tensor:
        """Convert embeddings of shape (n, n_components)."""
        return Z.to(self.output.dtype)
