"""Read rows of a source, such as a file, batch by batch."""

from functools import partial
from math import prod
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array


class Rows:
    """A 2-D array with rows that are read from a source on access.

    Parameters
    ----------
    source : object
        Object with ``shape``, ``dtype`` and row indexing by slices and by ascending indices,
        such as an array of h5py or zarr. Items of several dimensions are flattened.

    check : callable, default=None
        Function that validates a 2-D array of rows after each read, and returns the result.
    """

    ndim = 2

    def __init__(self, source, check=None):
        self.source = source
        self.check = check
        self.shape = (source.shape[0], prod(source.shape[1:]))
        self.dtype = source.dtype

    def __getitem__(self, key):
        """Return the rows of a slice, or of indices in any order, as an array."""
        key = key[0] if isinstance(key, tuple) else key
        if isinstance(key, slice):
            rows = np.asarray(self.source[key])
        else:
            unique, inverse = np.unique(key, return_inverse=True)
            rows = np.asarray(self.source[_as_slice(unique)])[inverse]
        rows = rows.reshape(len(rows), self.shape[1])
        return rows if self.check is None else self.check(rows)

    def __array__(self, dtype=None, copy=None):
        """Return all rows as an array."""
        return np.asarray(self[:], dtype=dtype)


def _as_slice(ascending):
    """Return consecutive indices as a slice, which most sources read faster."""
    n_rows = len(ascending)
    if n_rows and ascending[-1] - ascending[0] == n_rows - 1:
        return slice(int(ascending[0]), int(ascending[-1]) + 1)
    return ascending


def is_source(X):
    """Return whether an object is a numeric array of another library, to read by rows.

    Arrays of Dask are not, as each batch would repeat their computation.
    """
    if isinstance(X, np.ndarray) or issparse(X) or hasattr(X, "__dask_graph__"):
        return False
    dtype, shape = getattr(X, "dtype", None), getattr(X, "shape", ())
    return (
        hasattr(X, "__getitem__")
        and isinstance(dtype, np.dtype)
        and dtype.kind in "biuf"
        and len(shape) > 1
        and all(isinstance(size, Integral) for size in shape)
    )


def validate_rows(X, *, extra_check=None, **checks):
    """Validate X by scikit-learn's ``check_array``; validate rows of a source after each read.

    The result of ``check_array`` is also passed to ``extra_check``, which may raise.
    """
    if isinstance(X, Rows):
        return Rows(X.source, partial(validate_rows, extra_check=extra_check, **checks))
    X = check_array(X, **checks)
    if extra_check is not None:
        extra_check(X)
    return X


def empty_rows(X, shape, *, by_step):
    """Return a mask of rows with only NaN.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)
        Rows; NaN marks missing values.

    shape : tuple of int
        Shape of a row.

    by_step : bool
        Whether a step of shape ``shape[1:]`` is missing if any of its values is missing.

    Returns
    -------
    empty : ndarray of bool of shape (n_rows,)
        Whether every step is missing.
    """
    if issparse(X) or X.dtype.kind != "f":
        return np.zeros(X.shape[0], dtype=bool)
    valid = ~np.isnan(X).reshape(len(X), shape[0], -1)
    valid = valid.all(axis=2) if by_step else valid.any(axis=2)
    return ~valid.any(axis=1)
