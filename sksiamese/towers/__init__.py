"""Towers: the networks that embed one item.

A tower factory is a callable that returns an ``nn.Module``, which maps a batch of items to
(n, n_components). It is called with those of these arguments that its signature names:
``input_shape``, the shape of one item as a tuple, ``n_components``, ``depth``, ``width``,
``dropout`` and ``feature_names``, the names of the columns of an item or None. Required
arguments of other names get ``input_shape`` and ``n_components`` by position. A factory
without arguments is called without any.

A factory, or the function of a ``functools.partial``, may have two attributes:

- ``allow_nan``, bool, default False: whether items may hold NaN.
- ``shared_axes``, tuple of negative int, default None: axes of ``input_shape`` along which
  standardization shares one mean and scale, such as (-2, -1) for images.

Each module of a tower may have the attribute ``learning_rate_factor``, float, default 1.0: the
factor of its learning rate.
"""

from typing import Protocol

from torch import nn

from ._composed import multi_cue, pretrained
from ._layers import Standardize, ToType, UnitLength
from ._single import cnn, mlp, tdnn

__all__ = [
    "TOWERS",
    "Standardize",
    "ToType",
    "UnitLength",
    "cnn",
    "mlp",
    "multi_cue",
    "pretrained",
    "tdnn",
]


class TowerFactory(Protocol):
    """Factory of towers; see above for more arguments."""

    allow_nan: bool = False
    shared_axes: tuple[int, ...] | None = None

    def __call__(self, input_shape: tuple[int, ...], n_components: int) -> nn.Module:
        """Return a module that maps (n, *input_shape) to (n, n_components)."""


TOWERS = {"cnn": cnn, "mlp": mlp, "tdnn": tdnn}
"""The towers by name; the others are configured by ``functools.partial``."""
