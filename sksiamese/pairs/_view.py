"""Pairs by index into items: to scikit-learn a 2-D array, of which no item is copied."""

import copy

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing

from .._checks import as_array
from .._data._streaming import Rows, is_source
from ._items import as_items, flatten_rows


class PairView:
    """Pairs of items, given by their row numbers.

    To scikit-learn it is a 2-D array of shape (n_pairs, 2 * n_features), left item then
    right item, that is cut by rows: ``cross_val_score``, ``GridSearchCV`` and
    ``train_test_split`` cut the row numbers alone and share the items.
    :class:`~sksiamese.SiameseVerifier` and :class:`~sksiamese.PairTransformer` look at each
    distinct item once, however many pairs it is in; any other estimator gets the array
    that ``numpy.asarray`` makes.

    Parameters
    ----------
    items : {array-like, memmap, sparse matrix, DataFrame} of shape (n_items, ...) or (n_items,)
        Items; those of more than one dimension are flattened, and a sequence of texts becomes
        one column. They are not copied. An array
        that has ``shape``, ``dtype`` and row indexing, but is not one of numpy, such as one of
        h5py or zarr, stays where it is: a few rows at a time are read from it.

    index : array-like of int of shape (n_pairs, 2)
        Row number of the left and of the right item of each pair, in [0, n_items).

    Attributes
    ----------
    items : {ndarray, memmap, CSR matrix, DataFrame, Rows} of shape (n_items, n_features)
        The items; ``Rows`` are read from elsewhere when they are indexed.

    index : ndarray of int of shape (n_pairs, 2)
        The row numbers.

    ndim : int
        Number of dimensions, 2.

    Raises
    ------
    ValueError
        If ``items`` are numbers in one dimension, ``index`` has another shape, or a row
        number points to no item.

    See Also
    --------
    make_pairs : Draws pairs of rows with classes, as a view too.

    Notes
    -----
    A verifier reads the items where they are if they are an array in C order of booleans,
    uint8, signed integers, float32 or float64, a CSR matrix of floats, or rows that stay
    elsewhere. Anything else, such as an array in F order, float16 or a DataFrame, it
    converts as a whole at every call. Values that are in memory or in a memory map it looks
    through at every call, those of items in no pair, too: for a few pairs of very many items
    make a view of the few.

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

    def __init__(self, items, index):
        if is_source(items) and not isinstance(items, Rows):
            items = Rows(items)
        self.items = flatten_rows(as_items(items, "items"))
        self.index = _check_index(index, self.items.shape[0])

    @property
    def shape(self):
        """Number of pairs, and of columns of both items."""
        return len(self.index), 2 * self.items.shape[1]

    @property
    def dtype(self):
        """Type of the values of ``numpy.asarray``."""
        if hasattr(self.items, "dtype"):
            return self.items.dtype
        return np.asarray(_safe_indexing(self.items, slice(0, 0))).dtype

    @property
    def left(self):
        """Left items, a copy in the container of the items."""
        return _safe_indexing(self.items, self.index[:, 0])

    @property
    def right(self):
        """Right items, a copy in the container of the items."""
        return _safe_indexing(self.items, self.index[:, 1])

    def distinct(self):
        """Find the items that occur.

        Returns
        -------
        rows : ndarray of int of shape (n_distinct,)
            Row numbers of the items in any pair, in ascending order.

        index : ndarray of int of shape (n_pairs, 2)
            The pairs as places in ``rows``.

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
        """Pairs of some rows, as a view; a single pair, by its number, as an array."""
        rows, *rest = key if isinstance(key, tuple) and key else (key,)
        index = self.index[rows]
        if np.ndim(rows) > 1 or index.ndim > 2 or not all(is_full_slice(part) for part in rest):
            raise IndexError("A PairView is cut by rows only; numpy.asarray of it has columns.")
        pairs = copy.copy(self)
        pairs.index = index.reshape(-1, 2)
        return pairs if index.ndim == 2 else np.asarray(pairs)[0]

    def __array__(self, dtype=None, copy=None):
        """All pairs as an array, left item beside right item."""
        if copy is False:
            raise ValueError("A PairView becomes an array by a copy only; drop copy=False.")
        items = _safe_indexing(self.items, self.index.ravel())
        items = items.toarray() if issparse(items) else np.asarray(items)
        return np.asarray(items.reshape(self.shape), dtype=dtype)

    def __repr__(self):
        return f"PairView of {len(self)} pairs of {self.items.shape[0]} items"


def is_full_slice(part):
    """Whether a part of a key leaves an axis as it is."""
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
            "rows, so they must be 0 at least and less than that."
        )
    return index.astype(np.intp)
