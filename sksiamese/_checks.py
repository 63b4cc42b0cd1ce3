"""Validation of arguments with NumPy and scikit-learn; error messages name the argument."""

import os
import re
from collections.abc import Callable
from contextlib import contextmanager
from numbers import Integral
from typing import Protocol, TypeVar

import numpy as np
from scipy.sparse import issparse
from sklearn import base
from sklearn.exceptions import NotFittedError
from sklearn.utils import _param_validation, check_array
from sklearn.utils._dataframe import is_pandas_df, is_polars_df, is_pyarrow_data

from ._data._streaming import is_source
from ._labels import MAX_EXACT

Function = TypeVar("Function", bound=Callable)


class Decorator(Protocol):
    """Decorator that does not change the type of a function."""

    def __call__(self, function: Function, /) -> Function:
        """Return the decorated function."""


fit_context: Callable[..., Decorator] = base._fit_context
"""Decorator of ``fit`` that validates parameters; typed here, as scikit-learn has no types."""

validate_params: Callable[..., Decorator] = _param_validation.validate_params
"""Decorator of functions that validates parameters; typed here, as scikit-learn has no types."""


class Interval(_param_validation.Interval):
    """Interval of Python and NumPy integers and floats.

    Unlike the interval of scikit-learn, it rejects a ``fractions.Fraction`` without failing.
    """

    def is_satisfied_by(self, val):
        """Return whether a value is an integer or float in the interval."""
        is_number = isinstance(val, Integral | float | np.floating)
        return is_number and super().is_satisfied_by(val)


class HasMethods(_param_validation.HasMethods):
    """Constraint for instances with some methods; classes are rejected."""

    def is_satisfied_by(self, val):
        """Return whether a value is an instance with these methods."""
        return not isinstance(val, type) and super().is_satisfied_by(val)


@contextmanager
def argument_errors(name, problem, *others):
    """Name the argument in errors that do not name it themselves.

    Parameters
    ----------
    name : str
        Name of the argument.

    problem : str
        Problem and remedy, as the continuation of a sentence that begins with the name.

    *others : str
        Names of other arguments; errors that mention one of them are not changed.

    Raises
    ------
    ValueError, TypeError
        TypeError if the caught error is a TypeError, else ValueError.
    """
    try:
        yield
    except NotFittedError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, RuntimeError) and type(error) is not RuntimeError:
            raise  # For example torch.cuda.OutOfMemoryError.
        if any(_mentions(one, error) for one in (name, *others)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} {problem}. ({error})") from error


def is_table(X):
    """Return whether an object is a pandas or polars DataFrame."""
    return is_pandas_df(X) or is_polars_df(X)


def check_path(path):
    """Raise unless the argument ``path`` is the path of a file."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"path must be a str or path-like, got {path!r}.")


def as_rows(X, name, what="rows"):
    """Convert an array-like to an array, unless it is a table, a sparse matrix or a source.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame}
        Rows.

    name : str
        Name of the parameter, for messages.

    what : str, default="rows"
        Noun for the rows, for messages.

    Returns
    -------
    X : {ndarray, sparse matrix, DataFrame, source} of shape (n_rows, ...)
        Rows; for sources see :func:`is_source`.

    Raises
    ------
    ValueError
        If ``X`` is not array-like, or :func:`as_array` cannot convert it exactly.
    """
    if issparse(X) or is_table(X) or is_source(X):
        return X
    array = as_array(X, name)
    if array.ndim == 0:
        raise ValueError(
            f"{name} must be an array, a table or a list of {what}, got {type(X).__name__}."
        )
    return array


def as_array(X, name):
    """Convert an array-like to an array without loss.

    Parameters
    ----------
    X : array-like
        Array, list, or another object that NumPy can convert.

    name : str
        Name of the parameter, for messages.

    Returns
    -------
    X : ndarray
        Array; arrays are not copied.

    Raises
    ------
    ValueError
        If the rows of a list differ in length, or no dtype represents all values exactly.
    """
    if isinstance(X, np.ndarray):
        return X
    if is_pyarrow_data(X):
        raise ValueError(f"{name} is a pyarrow {type(X).__name__}; pass {name}.to_pandas().")
    try:
        array = np.asarray(X)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array, a table or a list of rows of one length, got "
            f"{type(X).__name__}. ({error})"
        ) from error
    if not isinstance(X, list | tuple):
        return array
    if array.dtype.kind in "SU":
        kind = bytes if array.dtype.kind == "S" else str
        if not all(isinstance(value, kind) for value in np.asarray(X, dtype=object).flat):
            raise ValueError(
                f"{name} mixes strings with other values, which NumPy would convert to strings; "
                "pass a DataFrame, or an array of dtype=object."
            )
    elif array.dtype.kind == "f" and (np.abs(array) >= MAX_EXACT).any():
        values = zip(array.flat, np.asarray(X, dtype=object).flat, strict=True)
        if any(isinstance(value, Integral) and value != int(number) for number, value in values):
            raise ValueError(
                f"{name} mixes floats and whole numbers above 2**53, which floats cannot "
                "represent; give them one type."
            )
    return array


def as_numbers(values, name, remedy, **options):
    """Convert an array-like of numbers to an array; raise a ValueError if that fails.

    Parameters
    ----------
    values : {array-like, sparse matrix, DataFrame}
        Numbers or booleans.

    name : str
        Name of the parameter, for messages.

    remedy : str
        Remedy, for messages.

    **options : dict
        Options of :func:`sklearn.utils.check_array`.

    Returns
    -------
    numbers : {ndarray, sparse matrix}
        Numbers or booleans.
    """
    try:
        numbers = check_array(values, input_name=name, **options)
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        if _mentions(name, error) and isinstance(error, ValueError):
            raise
        raise ValueError(f"{name} must be an array of numbers; {remedy}. ({error})") from error
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers, got {numbers.dtype}; {remedy}.")
    return numbers


def as_floats(values, name, remedy, **options):
    """Convert an array-like with :func:`as_numbers`, then to a sufficient floating dtype."""
    numbers = as_numbers(values, name, remedy, **options)
    return numbers.astype(np.result_type(numbers.dtype, np.float32), copy=False)


def _mentions(name, error):
    """Return whether the message of an error mentions a name."""
    return re.search(rf"\b{re.escape(name)}\b", str(error)) is not None
