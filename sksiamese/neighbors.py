"""Approximate search of nearest neighbors, for galleries of many templates."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checks import Interval, argument_errors, as_numbers, as_rows, fit_context
from ._extras import import_extra
from ._rollback import restore_on_error

__all__ = ["ApproximateNeighbors"]

LARGEST_VALUE = 1e15
"""Largest magnitude of a value; its square is well within the range of float32."""


class ApproximateNeighbors(BaseEstimator):
    """Search for nearest neighbors by Euclidean distance in a graph (HNSW), not exactly.

    Pass it as ``neighbors`` to :class:`~sksiamese.SiameseIdentifier`, which computes the distances
    to the rows found here exactly, or use it like ``sklearn.neighbors.NearestNeighbors``. It
    needs the package usearch, and computes in float32.

    Read more in the :ref:`User Guide <large_galleries>`.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbors that :meth:`kneighbors` returns by default, >= 1.

    connectivity : int, default=16
        Number of links of a row in the graph, >= 2. More links increase recall and memory.

    expansion_add : int, default=128
        Number of candidates in the search for the links of a row, >= 1. More candidates increase
        recall, and the time of ``fit``.

    expansion_search : int, default=64
        Number of candidates in a search, >= 1. More candidates increase recall, and the time of a
        search.

    n_jobs : int, default=None
        Number of threads. None means 1, for which the graph is the same in each ``fit``; -1 uses
        all processors.

    Attributes
    ----------
    index_ : usearch.index.Index
        Index of the rows by their keys.

    keys_ : ndarray of uint64 of shape (n_samples,)
        Keys of the rows.

    n_samples_fit_ : int
        Number of rows in the index.

    n_features_in_ : int
        Number of columns of the rows.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns. Defined only if all of them are strings.

    See Also
    --------
    sksiamese.SiameseIdentifier : Identify rows by the nearest templates.
    sklearn.neighbors.NearestNeighbors : Exact search.

    References
    ----------
    Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using
    hierarchical navigable small world graphs", IEEE TPAMI 42, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import NearestNeighbors
    >>> from sksiamese.neighbors import ApproximateNeighbors
    >>> X = np.random.default_rng(0).normal(size=(5000, 16))
    >>> exact = NearestNeighbors(n_neighbors=10).fit(X[1000:])
    >>> approximate = ApproximateNeighbors(n_neighbors=10).fit(X[1000:])
    >>> (_, true), (_, found) = (index.kneighbors(X[:1000]) for index in (exact, approximate))
    >>> print(round(np.mean([np.isin(*rows).mean() for rows in zip(true, found)]), 1))
    1.0
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "connectivity": [Interval(Integral, 2, 1000, closed="both")],
        "expansion_add": [Interval(Integral, 1, None, closed="left")],
        "expansion_search": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion_search: int = 64,
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.connectivity = connectivity
        self.expansion_add = expansion_add
        self.expansion_search = expansion_search
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Build the index.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : ApproximateNeighbors
            Fitted estimator.
        """
        with restore_on_error(self):
            X = self._as_points(X)
            self.index_ = usearch_index().Index(
                ndim=X.shape[1],
                metric="l2sq",
                dtype="f32",
                connectivity=self.connectivity,
                expansion_add=self.expansion_add,
                expansion_search=self.expansion_search,
            )
            self.keys_ = np.arange(len(X), dtype=np.uint64)
            self.index_.add(self.keys_, X, threads=effective_n_jobs(self.n_jobs))
            self.n_samples_fit_ = len(X)
        return self

    def update(self, X: ArrayLike, source: ArrayLike) -> Self:
        """Return a copy of the index with rows added, removed or in another order.

        Parameters
        ----------
        X : array-like of shape (n_new, n_features)
            Rows to add.

        source : array-like of int of shape (n_samples,)
            For each row of the new index, its number in this index, or -1 for the next row of X.
            Other rows are removed.

        Returns
        -------
        index : ApproximateNeighbors
            Updated copy; this index is not changed.

        Raises
        ------
        ValueError
            If ``source`` has another number of -1 than X has rows, or numbers of no row.

        Examples
        --------
        >>> import numpy as np
        >>> from sksiamese.neighbors import ApproximateNeighbors
        >>> X = np.arange(10.0)[:, None]
        >>> index = ApproximateNeighbors(n_neighbors=1).fit(X)
        >>> index = index.update([[7.5]], [-1, 7, 8])
        >>> index.kneighbors([[7.4]])
        (array([[0.1]], dtype=float32), array([[0]]))
        """
        check_is_fitted(self)
        X = self._as_points(X, reset=False, ensure_min_samples=0)
        source = as_numbers(source, "source", "pass a number for each row", ensure_2d=False)
        is_new = source == -1
        if is_new.sum() != len(X) or not (source < self.n_samples_fit_).all() or source.min() < -1:
            raise ValueError(
                f"source must have {len(X)} times -1, one for each row of X, and otherwise numbers "
                f"from 0 to {self.n_samples_fit_ - 1}, got {source}."
            )
        updated = type(self)(**self.get_params())
        vars(updated).update(vars(self))
        updated.keys_ = np.empty(len(source), dtype=np.uint64)
        updated.keys_[~is_new] = self.keys_[source[~is_new]]
        updated.keys_[is_new] = self.keys_.max() + 1 + np.arange(is_new.sum(), dtype=np.uint64)
        updated.index_ = self.index_.copy()
        updated.index_.remove(np.setdiff1d(self.keys_, updated.keys_))
        n_threads = effective_n_jobs(self.n_jobs)
        updated.index_.add(updated.keys_[is_new], X, threads=n_threads)
        updated.n_samples_fit_ = len(source)
        return updated

    def kneighbors(
        self, X: ArrayLike, n_neighbors: int | None = None, return_distance: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Search for the nearest rows of the index.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Rows to search for.

        n_neighbors : int, default=None
            Number of neighbors, from 1 to ``n_samples_fit_``; by default ``n_neighbors`` of the
            estimator.

        return_distance : bool, default=True
            Whether to return the distances.

        Returns
        -------
        distances : ndarray of float32 of shape (n_queries, n_neighbors)
            Distances to the neighbors, ascending. Only if ``return_distance`` is true.

        neighbors : ndarray of int of shape (n_queries, n_neighbors)
            Row numbers of the neighbors.

        Raises
        ------
        ValueError
            If ``n_neighbors`` is not a number of rows of the index.
        """
        check_is_fitted(self)
        X = self._as_points(X, reset=False)
        n_neighbors = self.n_neighbors if n_neighbors is None else n_neighbors
        if not isinstance(n_neighbors, Integral) or not 1 <= n_neighbors <= self.n_samples_fit_:
            raise ValueError(
                f"n_neighbors must be an int from 1 to {self.n_samples_fit_}, the number of rows "
                f"in the index, got {n_neighbors!r}."
            )
        self.index_.expansion_search = self.expansion_search
        queries = X.repeat(2, axis=0) if len(X) == 1 else X  # One row has another type of result.
        n_threads = effective_n_jobs(self.n_jobs)
        found = self.index_.search(queries, int(n_neighbors), threads=n_threads)
        keys, distances = found.keys[: len(X)], np.sqrt(found.distances[: len(X)])
        order = np.argsort(self.keys_)
        neighbors = order[np.searchsorted(self.keys_, keys, sorter=order).clip(max=len(order) - 1)]
        # The distance is NaN if the search finds fewer rows, as it may after an update.
        for row in np.flatnonzero(np.isnan(distances).any(axis=1)):
            distances[row], neighbors[row] = self._search_all(X[[row]], int(n_neighbors))
        return (distances, neighbors) if return_distance else neighbors

    def _as_points(self, X, **options):
        """Return validated rows in float32."""
        with argument_errors("X", "must hold rows of real numbers, one row for each sample"):
            dtypes = [np.float64, np.float32]
            X = validate_data(self, as_rows(X, "X"), dtype=dtypes, order="C", **options)
        if X.size and np.abs(X).max() > LARGEST_VALUE:
            raise ValueError(
                f"X has numbers beyond {LARGEST_VALUE:g}, which are too large to be squared in "
                "float32; divide X by a constant."
            )
        return X.astype(np.float32, copy=False)

    def _search_all(self, x, n_neighbors):
        """Return the distances and the numbers of the nearest rows of one row, exactly."""
        D = euclidean_distances(x, self.index_.get(self.keys_))[0]
        nearest = D.argsort(kind="stable")[:n_neighbors]
        return D[nearest], nearest

    def __getstate__(self):
        """Return the attributes, with the index as bytes."""
        state = super().__getstate__()
        return state | ({"index_": bytes(self.index_.save())} if "index_" in state else {})

    def __setstate__(self, state):
        """Set the attributes, with the index from bytes."""
        super().__setstate__(state)
        if "index_" in state:
            self.index_ = usearch_index().Index.restore(state["index_"])


def usearch_index():
    """Import the module of usearch."""
    return import_extra("usearch.index", "ApproximateNeighbors")
