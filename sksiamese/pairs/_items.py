"""Join, split and convert the items of pairs without loss of precision, or raise."""

from math import prod
from numbers import Real

import numpy as np
from scipy.sparse import csr_array, hstack, issparse, vstack
from sklearn.utils._dataframe import is_pandas_df, is_polars_df

from .._checks import argument_errors, as_rows, is_table
from .._labels import is_missing
from ._feature_names import item_names, pair_names

KINDS = {"M": "dates", "S": "bytes", "T": "strings", "U": "strings", "m": "durations"}
"""Kinds of values that are not converted to another kind, by the kind of their dtype."""


def as_items(X, name):
    """Return items as a table, a CSR matrix or an array, and 1-D texts as a column.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_items, ...) or (n_items,)
        Items. A 1-D array must hold texts or other objects, but not numbers.

    name : str
        Name of the parameter, for messages.

    Returns
    -------
    X : {ndarray, CSR matrix, DataFrame} of shape (n_items, ...)
        Items with at least two dimensions.

    Raises
    ------
    ValueError
        If the items are a 1-D array of numbers, or sparse and not 2-D.
    """
    if is_table(X):
        return X
    if issparse(X):
        if X.ndim != 2:
            raise ValueError(
                f"{name} is sparse and must have shape (n_items, n_features), got {X.shape}; pass "
                f"{name}.reshape({X.shape[0]}, -1)."
            )
        return X.tocsr()
    original, X = X, as_rows(X, name, "items")
    if len(X.shape) == 1 and _holds_texts(X):
        if isinstance(original, list | tuple):
            X = np.fromiter(original, dtype=object, count=len(original))  # Texts without padding.
        return X.reshape(-1, 1)
    if len(X.shape) < 2:
        raise ValueError(
            f"{name} must have shape (n_items, n_features), got {X.shape}; pass "
            f"np.asarray({name}).reshape(-1, 1) if an item is one number."
        )
    return X


def _holds_texts(X):
    """Return whether a 1-D array holds texts, or other objects than numbers."""
    if X.dtype.kind != "O":
        return X.dtype.kind in "STU"
    return any(not isinstance(value, Real) and not is_missing(value) for value in X)


def flatten_rows(X):
    """Reshape an array of shape (n_rows, ...) to (n_rows, n_columns)."""
    return X if len(X.shape) == 2 else X.reshape(X.shape[0], prod(X.shape[1:]))


def stack_items(left, right):
    """Join left and right items, as returned by :func:`as_items`, to pairs."""
    if is_table(left) or is_table(right):
        return _stack_tables(left, right)
    left, right = (X if issparse(X) else np.asarray(X[:]) for X in (left, right))
    if issparse(left) or issparse(right):
        left, right = _as_sparse(left, "left"), _as_sparse(right, "right")
    if left.shape != right.shape:
        raise ValueError(
            f"left and right must have the same shape (n_pairs, n_features), got {left.shape} "
            f"and {right.shape}."
        )
    _check_one_kind(left.dtype, right.dtype)
    for name, X in (("left", left), ("right", right)):
        _check_exact(X, np.result_type(left.dtype, right.dtype), name)
    if issparse(left):
        return hstack([left, right], format="csr")
    return np.hstack([flatten_rows(left), flatten_rows(right)])


def _as_sparse(X, name):
    """Return items as a CSR array."""
    with argument_errors(name, "must hold numbers if the other side is sparse; convert it"):
        return csr_array(X if issparse(X) else X.astype(X.dtype.newbyteorder("="), copy=False))


def _check_one_kind(left, right):
    """Raise unless both sides hold the same kind of values, such as numbers or strings."""
    kinds = [KINDS.get(dtype.kind, "numbers") for dtype in (left, right)]
    if kinds[0] != kinds[1] and "O" not in (left.kind, right.kind):
        raise ValueError(
            f"left holds {kinds[0]} ({left}) and right {kinds[1]} ({right}); convert both to one "
            "type."
        )


def _check_exact(X, dtype, name):
    """Raise unless a dtype represents the integers of an array exactly."""
    values = X.data if issparse(X) else X
    if values.dtype.kind not in "iu" or dtype.kind != "f":
        return
    with np.errstate(invalid="ignore"):
        is_exact = np.array_equal(values.astype(dtype).astype(values.dtype), values)
    if not is_exact:
        raise ValueError(
            f"left and right have the common type {dtype}, which cannot represent the numbers of "
            f"{name}, of type {values.dtype}, exactly; convert both to one type."
        )


def _stack_tables(left, right):
    """Join two tables by the names of their columns."""
    for is_kind in (is_pandas_df, is_polars_df):
        if is_kind(left) != is_kind(right):
            raise ValueError(
                f"left is a {_type_name(left)} and right a {_type_name(right)}; pass both as "
                "DataFrames of one library, or both as arrays."
            )
    names = list(left.columns)
    _check_columns(names, list(right.columns))
    right = right[names]
    if len(left) != len(right):
        raise ValueError(
            f"left and right must have the same shape (n_pairs, n_features), got {left.shape} "
            f"and {right.shape}."
        )
    for name in names:
        if _is_numeric(left[name]) != _is_numeric(right[name]):
            raise ValueError(
                f"The column {name!r} is of type {left[name].dtype} in left and "
                f"{right[name].dtype} in right; convert both to one type."
            )
    is_text = all(isinstance(name, str) for name in names)
    pairs = pair_names(names) if is_text else np.arange(2 * len(names))
    left, right = (
        _rename_columns(left, pairs[: len(names)]),
        _rename_columns(right, pairs[len(names) :]),
    )
    if is_polars_df(left):
        return left.hstack(right)
    import pandas as pd

    return pd.concat([left, right.set_axis(left.index)], axis=1)


def _type_name(X):
    """Return the library and class of an object, for messages."""
    return f"{type(X).__module__.split('.')[0]}.{type(X).__name__}"


def _check_columns(left, right):
    """Raise unless two tables have the same unique column names, in any order."""
    for side, names in (("left", left), ("right", right)):
        repeated = sorted({str(name) for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                f"{side} has columns of the same name, {repeated[:5]}; give each column a unique "
                "name."
            )
    only_left = [name for name in left if name not in right]
    only_right = [name for name in right if name not in left]
    if only_left or only_right:
        raise ValueError(
            f"left and right must have the same columns, but only left has {only_left[:5]} and "
            f"only right has {only_right[:5]}; rename or drop them."
        )
    if len({isinstance(name, str) for name in left}) > 1:
        raise ValueError(
            "The names of the columns of left and right have several types; convert them by "
            "left.columns = left.columns.astype(str), and the same for right."
        )


def _is_numeric(column):
    """Return whether a column of a table holds numbers or booleans."""
    dtype = column.dtype
    if hasattr(dtype, "is_numeric"):
        return dtype.is_numeric() or str(dtype) == "Boolean"
    from pandas.api.types import is_numeric_dtype

    return is_numeric_dtype(dtype)


def _rename_columns(table, names):
    """Return a table with new column names."""
    if is_polars_df(table):
        return table.rename(dict(zip(table.columns, names, strict=True)))
    return table.set_axis(list(names), axis=1)


def split_table(P):
    """Split a table of pairs into left and right items, both with the names of items."""
    n_columns = P.shape[1]
    half = (n_columns + 1) // 2
    names = list(P.columns)
    is_text = all(isinstance(name, str) for name in names)
    names = item_names(names) if is_text else names[:half]
    if is_polars_df(P):
        sides = P[:, :half], P[:, n_columns - half :]
    else:
        sides = P.iloc[:, :half], P.iloc[:, n_columns - half :]
    return tuple(_rename_columns(side, names) for side in sides)


def concatenate(left, right):
    """Concatenate the rows of two arrays, sparse matrices or tables."""
    if is_polars_df(left):
        import polars as pl

        return pl.concat([left, right], how="vertical_relaxed")
    if is_pandas_df(left):
        import pandas as pd

        return pd.concat([left, right], ignore_index=True)
    if issparse(left):
        return vstack([left, right], format="csr")
    return np.vstack([left, right])
