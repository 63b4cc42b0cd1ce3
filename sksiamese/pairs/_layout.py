"""Join items to pairs, split pairs, and convert between their layouts."""

import warnings
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from .._checks import as_array, as_rows, is_table
from .._data._streaming import is_source
from .._typing import MatrixLike
from ._items import as_items, concatenate, flatten_rows, split_table, stack_items
from ._view import PairView


def stack_pairs(left: MatrixLike, right: MatrixLike) -> Any:
    """Join two arrays or tables of items to pairs.

    Parameters
    ----------
    left : {array-like, sparse matrix, DataFrame} of shape (n_pairs, ...) or (n_pairs,)
        Left items. Items of several dimensions are flattened. A 1-D array must hold texts, one
        for each item.

    right : {array-like, sparse matrix, DataFrame} of the shape of ``left``
        Right items, in the order of ``left``; the index of a DataFrame is ignored. A DataFrame
        must have the columns of ``left``, in any order.

    Returns
    -------
    P : {ndarray, CSR matrix, DataFrame} of shape (n_pairs, 2 * n_features)
        Pairs, sparse if one side is sparse. For DataFrames a DataFrame, with the dtypes and the
        order of the columns of ``left``, and with the names ``left__a``, ..., ``right__a``,
        ...; if names are not strings, columns are numbered instead.

    Raises
    ------
    ValueError
        If the shapes or column names differ, if only one side is a DataFrame, or if no common
        dtype represents all values exactly.

    Examples
    --------
    >>> from sksiamese import stack_pairs
    >>> stack_pairs([[1, 2]], [[3, 4]])
    array([[1, 2, 3, 4]])
    >>> import pandas as pd
    >>> table = pd.DataFrame({"name": ["Ann", "Bob"], "age": [35, 41]})
    >>> stack_pairs(table[:1], table.loc[1:, ["age", "name"]])
      left__name  left__age right__name  right__age
    0        Ann         35         Bob          41
    """
    return stack_items(as_items(left, "left"), as_items(right, "right"))


def split_pairs(P: MatrixLike) -> tuple[Any, Any]:
    """Split pairs into left and right items.

    Parameters
    ----------
    P : {array-like, sparse matrix, DataFrame, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
        Pairs. With an odd number of columns, the middle one belongs to both items, and a
        warning is issued.

    Returns
    -------
    left, right : {ndarray, CSR matrix, DataFrame} of shape (n_pairs, n_features)
        Items, as NumPy views if possible. For a ``PairView``, in the container of its items.
        For a DataFrame, both with the names of its left half, without ``left__``.

    Raises
    ------
    ValueError
        If ``P`` is 1-D, or has more than two dimensions and the second one is not 2.

    Examples
    --------
    >>> from sksiamese import split_pairs
    >>> left, right = split_pairs([[1, 2, 3, 4]])
    >>> right
    array([[3, 4]])
    """
    if isinstance(P, PairView):
        return P.left, P.right
    if not is_table(P):
        P = flatten_pairs(P, "P")
        if P.ndim != 2:
            raise ValueError(f"P must have shape (n_pairs, 2 * n_features), got {P.shape}.")
    n_columns = P.shape[1]
    half = (n_columns + 1) // 2
    if n_columns % 2:
        warnings.warn(
            f"Pairs have an odd number of columns ({n_columns}), so the middle one belongs to "
            f"both items; drop or add a column if this is not intended.",
            UserWarning,
            stacklevel=2,
        )
    return split_table(P) if is_table(P) else (P[:, :half], P[:, n_columns - half :])


def flatten_pairs(P, name="X"):
    """Reshape (n_pairs, 2, ...) to (n_pairs, 2 * n_features), and return other pairs unchanged.

    Parameters
    ----------
    P : object
        Pairs in either layout.

    name : str, default="X"
        Name of the parameter, for messages.

    Returns
    -------
    P : object
        A 2-D array for an array of more than two dimensions; a CSR matrix for a sparse matrix.

    Raises
    ------
    ValueError
        If sparse pairs are not 2-D, lists have rows of different lengths, there are more than
        two dimensions and the second one is not 2, or pairs are not array-like.
    """
    if sparse.issparse(P):
        return as_items(P, name)
    P = as_rows(P, name, "pairs")
    if is_source(P) and not isinstance(P, PairView):
        P = np.asarray(P[:])
    if len(P.shape) <= 2:
        return P
    if P.shape[1] != 2:
        raise ValueError(
            f"{name} has shape {P.shape}, but the second of more than two dimensions must be 2; "
            "pass (n_pairs, 2, n_features) or (n_pairs, 2 * n_features)."
        )
    return flatten_rows(np.asarray(P))


def to_view(P):
    """Return a view of pairs, without copying items if the layout allows it.

    Parameters
    ----------
    P : {ndarray, sparse matrix, DataFrame, PairView} of shape (n_pairs, 2 * n_features)
        Pairs. An odd number of columns is split as by :func:`split_pairs`.

    Returns
    -------
    view : PairView
        View of the pairs; ``P`` itself if it is a view.
    """
    if isinstance(P, PairView):
        return P
    n_pairs, n_columns = P.shape
    number = np.arange(2 * n_pairs)
    if isinstance(P, np.ndarray) and n_columns % 2 == 0:
        return PairView(P.reshape(2 * n_pairs, n_columns // 2), number.reshape(-1, 2))
    return PairView(concatenate(*split_pairs(P)), number.reshape(2, -1).T)


def pairs_from_triplets(
    triplets: ArrayLike, items: MatrixLike | None = None
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Make a matching and a non-matching pair from each triplet.

    Parameters
    ----------
    triplets : array-like of shape (n_triplets, 3, ...), or of str or int of shape (n_triplets, 3)
        Anchor, matching item and non-matching item: the items themselves, such as texts, or
        their row numbers in ``items``.

    items : {array-like, sparse matrix, DataFrame} of shape (n_items, ...), default=None
        Items, if ``triplets`` holds row numbers.

    Returns
    -------
    P : {ndarray of shape (2 * n_triplets, 2 * n_features), PairView}
        Pairs, the two of a triplet next to each other; a view if ``items`` is given.

    match : ndarray of bool of shape (2 * n_triplets,)
        Whether the items of a pair match.

    groups : ndarray of int of shape (2 * n_triplets,)
        Index of the triplet; ``GroupKFold`` keeps both of its pairs together.

    Raises
    ------
    ValueError
        If ``triplets`` has an invalid shape.

    Examples
    --------
    >>> from sksiamese import pairs_from_triplets
    >>> P, match, groups = pairs_from_triplets([[[1, 1], [1, 2], [9, 9]]])
    >>> P
    array([[1, 1, 1, 2],
           [1, 1, 9, 9]])
    >>> match.tolist(), groups.tolist()
    ([True, False], [0, 0])
    """
    triplets = as_array(triplets, "triplets")
    are_items = triplets.ndim > 2 or triplets.dtype.kind in "OTU"
    if triplets.ndim < 2 or triplets.shape[1] != 3 or are_items != (items is None):
        raise ValueError(
            f"triplets have the invalid shape {triplets.shape}; pass items of shape "
            "(n_triplets, 3, n_features), or row numbers of shape (n_triplets, 3) and items."
        )
    n_triplets = len(triplets)
    pairs = triplets[:, [0, 1, 0, 2]].reshape(2 * n_triplets, 2 * prod(triplets.shape[2:]))
    match = np.tile([True, False], n_triplets)
    groups = np.arange(n_triplets).repeat(2)
    return (pairs if items is None else PairView(items, pairs)), match, groups
