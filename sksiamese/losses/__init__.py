"""Loss functions that training minimizes.

Most losses accept ``(D, same, different)``: distances of shape (n, m) and two masks of the
same shape, ``same`` for the matching pairs and ``different`` for the non-matching ones. Every
row is an anchor. A pair in neither mask is ignored. If no pair is selected, the loss is zero
and still differentiable.

Other losses accept ``(Z, y)``, embeddings of shape (n, n_components) and classes 0, 1, ... of
shape (n,). Proxy losses learn one or more points per class and are built for ``n_classes`` and
``n_components``. Losses with weights are modules; their weights are trained with the tower.
:func:`matryoshka` makes a loss of embeddings and classes from a loss of pairs and a distance.

Losses of numbers instead of classes accept ``(D, y)``: the distances of the rows of a batch, of
shape (n, n), and their numbers, standardized, of shape (n,). They have the attribute
``inputs = "numbers"``.

The attribute ``inputs`` of a loss is "pairs", "classes" or "numbers". A loss without it reads
classes if an argument is named ``y``, ``labels`` or ``target``, as in pytorch-metric-learning and
torch, and pairs otherwise.

Losses of :class:`~sksiamese.SiameseRegressor` accept ``(score, y, weight)``, all of shape (n,).
The scores of pairs are standardized before training and increase with the similarity of the
items. The targets ``y`` are standardized too, and negated if they decrease with the similarity.
With the attribute ``inputs = "embeddings"``, a loss accepts ``(score, y, weight, A, B)`` with the
embeddings of both items, of shape (n, n_components).
"""

from typing import Literal, Protocol

from torch import Tensor

from . import (
    _matryoshka,
    _numbers,
    _pair,
    _prototype,
    _proxy,
    _ranking,
    _regression,
    _softmax,
    _triplet,
)
from ._matryoshka import *  # noqa: F403
from ._numbers import *  # noqa: F403
from ._pair import *  # noqa: F403
from ._prototype import *  # noqa: F403
from ._proxy import *  # noqa: F403
from ._ranking import *  # noqa: F403
from ._regression import *  # noqa: F403
from ._softmax import *  # noqa: F403
from ._triplet import *  # noqa: F403


class PairLoss(Protocol):
    """Loss of distances (n, m) and masks of matching and of non-matching pairs."""

    inputs: Literal["pairs"] = "pairs"

    def __call__(self, D: Tensor, same: Tensor, different: Tensor) -> Tensor:
        """Return the loss, a scalar."""


class ClassLoss(Protocol):
    """Loss of embeddings (n, n_components) and their classes 0, 1, ... of shape (n,)."""

    inputs: Literal["classes"] = "classes"

    def __call__(self, Z: Tensor, y: Tensor) -> Tensor:
        """Return the loss, a scalar."""


class NumberLoss(Protocol):
    """Loss of distances (n, n) of rows and their numbers, standardized, of shape (n,)."""

    inputs: Literal["numbers"] = "numbers"

    def __call__(self, D: Tensor, y: Tensor) -> Tensor:
        """Return the loss, a scalar."""


class RegressionLoss(Protocol):
    """Loss of scores of pairs, numbers and weights, all of shape (n,)."""

    inputs: Literal["scores"] = "scores"

    def __call__(self, score: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """Return the loss, a scalar."""


_FAMILIES = (_pair, _triplet, _softmax, _ranking, _prototype, _proxy, _matryoshka)

__all__ = [
    "LOSSES",
    "NUMBER_LOSSES",
    "REGRESSION_LOSSES",
    *sorted(name for family in (*_FAMILIES, _numbers, _regression) for name in family.__all__),
]

LOSSES = {name: loss for family in _FAMILIES for name, loss in family.LOSSES.items()}
"""Built-in losses of pairs and of classes by name."""

NATURAL_DISTANCES = {
    name: distance
    for family in (*_FAMILIES, _numbers)
    for name, distance in family.NATURAL_DISTANCES.items()
}
"""Name of the distance that each loss was designed for, by name of the loss."""

NUMBER_LOSSES = _numbers.NUMBER_LOSSES
"""Built-in losses of rows with numbers by name."""

REGRESSION_LOSSES = _regression.REGRESSION_LOSSES
"""Built-in losses of pairs with numbers, for the regressor, by name."""
