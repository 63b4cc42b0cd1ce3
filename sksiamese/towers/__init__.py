"""Towers: networks that embed single items.

A tower factory is a callable that returns an ``nn.Module``, which maps a batch of items to
(n, n_components). Its signature may name any of these arguments: ``input_shape``, the shape
of one item as a tuple, ``n_components``, ``depth``, ``width``, ``dropout``, ``activation``,
``normalization``, ``shortcuts`` and ``feature_names``, the column names of an item or None.
``activation`` is a name in :data:`ACTIVATIONS` or a callable. ``depth``, ``width``, ``activation``
and ``normalization`` are passed unless the estimator has None. If its required arguments have other
names, ``input_shape`` and ``n_components`` are passed by position. A factory without arguments
is called without any.

A factory, or the function of a ``functools.partial``, may have two attributes:

- ``allow_nan``, bool, default False: whether items may hold NaN.
- ``scaling``, default "auto": how an estimator with ``scaling="auto"`` scales the items: "columns",
  "shared", None, or a tuple of negative int, the axes of ``input_shape`` that share one mean and
  scale, such as (-2,) for series of shape (n_steps, n_channels). With such a tuple,
  ``scaling="shared"`` of an estimator uses these axes, too, and a step with a missing value counts
  as missing.
- ``plain_items``, bool, default False: whether the Euclidean distance between unscaled items
  is a good baseline, with which estimators combine the embedding by default.

Items are floats. Only an ``nn.Embedding`` receives its part of an item as integers.

Each module of a tower may have the attribute ``learning_rate_factor``, float, default 1.0: the
factor of its learning rate. If it is set by an argument of the factory with the same name, a
warm start may change it.
"""

from typing import Protocol

from torch import nn

from . import _hidden
from ._composed import multi_cue, pretrained
from ._layers import Standardize, ToType, UnitLength
from ._single import cnn, mlp, tdnn

__all__ = [
    "ACTIVATIONS",
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
    scaling: str | tuple[int, ...] | None = "auto"
    plain_items: bool = False

    def __call__(self, input_shape: tuple[int, ...], n_components: int) -> nn.Module:
        """Return a module that maps (n, *input_shape) to (n, n_components)."""


ACTIVATIONS = _hidden.ACTIVATIONS
"""Activations of hidden layers by name."""

TOWERS = {"cnn": cnn, "mlp": mlp, "tdnn": tdnn}
"""Built-in towers by name; configure the others with ``functools.partial``."""
