"""Towers: the networks that embed one item.

A tower factory is a callable that returns an ``nn.Module``, which maps a batch of items to
(n, n_components). It is called with those of these arguments that its signature names:
``input_shape``, the shape of one item as a tuple, ``n_components``, ``depth``, ``width``,
``dropout`` and ``feature_names``, the names of the columns of an item or None. Required
arguments of other names get ``input_shape`` and ``n_components`` by position. A factory
without arguments is called without any. Parts of a tower that have an attribute
``learning_rate_factor`` learn at so many times the step size of the rest.
"""

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

TOWERS = {"cnn": cnn, "mlp": mlp, "tdnn": tdnn}
"""The towers by name; the others are configured by ``functools.partial``."""
