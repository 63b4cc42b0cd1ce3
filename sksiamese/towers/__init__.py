"""Towers: networks that embed single items.

A tower factory is a callable that returns an ``nn.Module``, which maps a batch of items to
(n, n_components). Its signature may name any of these arguments: ``input_shape``, the shape
of one item as a tuple, ``n_components``, ``depth``, ``width``, ``dropout`` and
``feature_names``, the column names of an item or None. If its required arguments have other
names, ``input_shape`` and ``n_components`` are passed by position. A factory without arguments
is called without any. The learning rate of modules with an attribute ``learning_rate_factor``
is multiplied by it.
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
"""Built-in towers by name; configure the others with ``functools.partial``."""
