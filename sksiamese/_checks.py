"""Checks of arguments by numpy and scikit-learn, with messages that name the argument."""

import re
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError
from sklearn.utils import _param_validation, check_array
from sklearn.utils._dataframe import is_pandas_df, is_polars_df, is_pyarrow_data

from ._data._streaming import is_source
from ._labels import MAX_EXACT


class Interval(_param_validation.Interval):
    """Interval of numbers of Python or numpy, which alone can be compared with its ends.

    The one of scikit-learn fails on a ``fractions.Fraction``.
    """

    def is_satisfied_by(self, val):
        """Return whether a value is such a number, in the interval."""
        is_number = isinstance(val, Integral | float | np.floating)
        return is_number and super().is_satisfied_by(val)


class HasMethods(_param_validation.HasMethods):
    """An object with some methods, but not a class, the methods of which belong to its objects."""

    def is_satisfied_by(self, val):
        """Return whether a value is such an object."""
        return not isinstance(val, type) and super().is_satisfied_by(val)


@contextmanager
def argument_errors(name, problem, *others):
    """Name the argument in errors that do not name it themselves.

    Parameters
    ----------
    name : str
        Name of the argument.

    problem : str
        What is wrong with it and what to do, as the end of a sentence that the name begins.

    *others : str
        Names of other arguments that the error may be about.

    Raises
    ------
    ValueError, TypeError
        Of the kind of the error that was caught.
    """
    try:
        yield
    except NotFittedError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, RuntimeError) and type(error) is not RuntimeError:
            raise  # Such as a lack of memory.
        if any(_mentions(one, error) for one in (name, *others)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} {problem}. ({error})") from error


def is_table(X):
    """Return whether an object is a DataFrame of pandas or polars."""
    return is_pandas_df(X) or is_polars_df(X)


def as_rows(X, name, what="rows"):
    """Return an array-like as an array, unless it is a table, sparse or read from elsewhere.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame}
        Rows.

    name : str
        Name of the parameter, for messages.

    what : str, default="rows"
        What the rows are, for messages.

    Returns
    -------
    X : {ndarray, sparse matrix, DataFrame, source} of shape (n_rows, ...)
        The rows; for sources see :func:`is_source`.

    Raises
    ------
    ValueError
        If this is no array-like, or none whose values :func:`as_array` holds exactly.
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
    """Return an array-like as an array that holds its values exactly.

    Parameters
    ----------
    X : array-like
        Array, list, or another object that numpy converts.

    name : str
        Name of the parameter, for messages.

    Returns
    -------
    X : ndarray
        The array; what is an array already is not copied.

    Raises
    ------
    ValueError
        If the rows of a list differ in length, or its values have no type that holds all of
        them exactly.
    """
    if isinstance(X, np.ndarray):
        return X
    if is_pyarrow_data(X):
        raise ValueError(f"{name} is a {type(X).__name__} of pyarrow; pass {name}.to_pandas().")
    try:
        array = np.asarray(X)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array, a table or a list of rows of one length, got "
            f"{type(X).__name__}. numpy says: {error}"
        ) from error
    if not isinstance(X, list | tuple):
        return array
    if array.dtype.kind in "SU":
        kind = bytes if array.dtype.kind == "S" else str
        if not all(isinstance(value, kind) for value in np.asarray(X, dtype=object).flat):
            raise ValueError(
                f"{name} mixes strings with other values, which numpy would make strings; pass a "
                "DataFrame, or an array of dtype=object."
            )
    elif array.dtype.kind == "f" and (np.abs(array) >= MAX_EXACT).any():
        values = zip(array.flat, np.asarray(X, dtype=object).flat, strict=True)
        if any(isinstance(value, Integral) and value != int(number) for number, value in values):
            raise ValueError(
                f"{name} mixes floats and whole numbers above 2**53, which floats do not hold; "
                "give them one type."
            )
    return array


def as_numbers(values, name, remedy, **options):
    """Return an array-like of numbers as an array; raise a ValueError unless it is one.

    Parameters
    ----------
    values : {array-like, sparse matrix, DataFrame}
        Numbers or booleans.

    name : str
        Name of the parameter, for messages.

    remedy : str
        What to do, for messages.

    **options : dict
        Options of ``check_array``.

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
    """Return what :func:`as_numbers` returns in a floating type that holds it."""
    numbers = as_numbers(values, name, remedy, **options)
    return numbers.astype(np.result_type(numbers.dtype, np.float32), copy=False)


def _mentions(name, error):
    """Return whether a message has a name."""
    return re.search(rf"\b{re.escape(name)}\b", str(error)) is not None
