"""Types of parameters that many functions share, and decorators that keep types."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn import base
from sklearn.utils import _param_validation

MatrixLike = ArrayLike | sparray | spmatrix
"""Array, sparse matrix, or an object that NumPy converts, such as a DataFrame or a PairView."""

RandomStateLike = int | RandomState | None
"""Seed of a generator of NumPy, the generator itself, or None for the global one."""

Function = TypeVar("Function", bound=Callable)


class Decorator(Protocol):
    """Decorator that does not change the type of a function."""

    def __call__(self, function: Function, /) -> Function:
        """Return the decorated function."""


fit_context: Callable[..., Decorator] = base._fit_context
"""Decorator of ``fit`` that validates parameters; typed here, as scikit-learn has no types."""

validate_params: Callable[..., Decorator] = _param_validation.validate_params
"""Decorator of functions that validates parameters; typed here, as scikit-learn has no types."""
