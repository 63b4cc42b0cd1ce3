"""Pairs as row numbers of items, with the interface of a 2-D array."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing

from .._checks import as_array
from .._data._streaming import Rows, is_source
from .._typing import MatrixLike
from ._items import as_items, flatten_rows


class PairView:
    """Pairs of items, represented by the row numbers of the items.

    A view has the interface of a 2-D array of shape (n_pairs, 2 * n_features), left item then
    right item, that is indexed by rows: ``cross_val_score``, ``GridSearchCV`` and
    ``train_test_split`` index the row numbers only, without copies of the items.
    :class:`~sksiamese.SiameseVerifier` and :class:`~sksiamese.PairTransformer` process each
    distinct item once, regardless of the number of its pairs; other estimators convert the
    view by ``numpy.asarray``.

    Parameters
    ----------
    items : {array-like, memmap, sparse matrix, DataFrame} of shape (n_items, ...) or (n_items,)
        Items; not copied. Items of several dimensions are flattened, and a sequence of texts
        becomes one column. Arrays with ``shape``, ``dtype`` and row indexing of libraries other
        than NumPy, such as h5py or zarr, are read batch by batch, never as a whole.

    index : array-like of int of shape (n_pairs, 2)
        Row numbers of the left and the right item of each pair, in [0, n_items).

    Attributes
    ----------
    items : {ndarray, memmap, CSR matrix, DataFrame, Rows} of shape (n_items, n_features)
        Items; ``Rows`` are read from their source on access.

    index : ndarray of int of shape (n_pairs, 2)
        Row numbers of the left and the right item of each pair.

    ndim : int
        Number of dimensions, 2.

    Raises
    ------
    ValueError
        If ``items`` is a 1-D array of numbers, or ``index`` has an invalid shape or row numbers
        out of range.

    See Also
    --------
    make_pairs : Draw pairs of rows with classes, optionally as a view.

    Notes
    -----
    A verifier does not copy C-ordered arrays of booleans, uint8, signed integers, float32 or
    float64, CSR matrices of floats, or arrays of other libraries. It converts all other items,
    such as F-ordered arrays, float16 or DataFrames, as a whole in each call. Each call validates
    all items in memory or in a memory map, including items without a pair. For a few pairs of
    many items, create a view of the paired items only.

    Examples
    --------
    >>> import numpy as np
    >>> from sksiamese import PairView
    >>> pairs = PairView([[1, 2], [3, 4], [5, 6]], [[0, 1], [0, 2]])
    >>> pairs.shape
    (2, 4)
    >>> np.asarray(pairs[1:])
    array([[1, 2, 5, 6]])
    """

    ndim = 2

    def __init__(self, items: MatrixLike, index: ArrayLike) -> None:
        if is_source(items) and not isinstance(items, Rows):
            items = Rows(items)
        self.items = flatten_rows(as_items(items, "items"))
        self.index = _check_index(index, self.items.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pairs, and number of columns of both items."""
        return len(self.index), 2 * self.items.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the values."""
        if hasattr(self.items, "dtype"):
            return self.items.dtype
        return np.asarray(_safe_indexing(self.items, slice(0, 0))).dtype

    @property
    def left(self) -> Any:
        """Left items of all pairs, as a copy in the container of the items."""
        return _safe_indexing(self.items, self.index[:, 0])

    @property
    def right(self) -> Any:
        """Right items of all pairs, as a copy in the container of the items."""
        return _safe_indexing(self.items, self.index[:, 1])

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Find the items that occur in pairs.

        Returns
        -------
        rows : ndarray of int of shape (n_distinct,)
            Row numbers of the items in at least one pair, in ascending order.

        index : ndarray of int of shape (n_pairs, 2)
            Pairs as indices into ``rows``.

        Examples
        --------
        >>> from sksiamese import PairView
        >>> rows, index = PairView([[1], [2], [3]], [[2, 0], [0, 2]]).distinct()
        >>> rows.tolist(), index.tolist()
        ([0, 2], [[1, 0], [0, 1]])
        """
        is_used = np.zeros(self.items.shape[0], dtype=bool)
        is_used[self.index] = True
        return np.flatnonzero(is_used), (np.cumsum(is_used) - 1)[self.index]

    def __len__(self):
        return len(self.index)

    def __getitem__(self, key):
        """Return pairs as a view; for an integer, a single pair as an array."""
        rows, *rest = key if isinstance(key, tuple) and key else (key,)
        index = self.index[rows]
        if np.ndim(rows) > 1 or index.ndim > 2 or not all(is_full_slice(part) for part in rest):
            raise IndexError(
                "A PairView has row indexing only; index numpy.asarray(view) by columns."
            )
        pairs = copy.copy(self)
        pairs.index = index.reshape(-1, 2)
        return pairs if index.ndim == 2 else np.asarray(pairs)[0]

    def __array__(self, dtype=None, copy=None):
        """Return all pairs as an array, left item then right item."""
        if copy is False:
            raise ValueError("A PairView becomes an array only by a copy; remove copy=False.")
        items = _safe_indexing(self.items, self.index.ravel())
        items = items.toarray() if issparse(items) else np.asarray(items)
        return np.asarray(items.reshape(self.shape), dtype=dtype)

    def __repr__(self):
        return f"PairView of {len(self)} pairs of {self.items.shape[0]} items"


def is_full_slice(part):
    """Return whether a part of a key selects a whole axis."""
    return part is Ellipsis or (isinstance(part, slice) and part == slice(None))


def _check_index(index, n_items):
    index = as_array(index, "index")
    if index.ndim != 2 or index.shape[1] != 2:
        raise ValueError(
            f"index must have shape (n_pairs, 2), the row numbers of both items, got {index.shape}."
        )
    if index.size and index.dtype.kind not in "iu":
        raise ValueError(f"index must hold integers, the row numbers of items, got {index.dtype}.")
    if index.size and not (index.min() >= 0 and index.max() < n_items):
        raise ValueError(
            f"index has row numbers from {index.min()} to {index.max()}, but items has {n_items} "
            "rows; they must be at least 0 and less than that."
        )
    return index.astype(np.intp)
