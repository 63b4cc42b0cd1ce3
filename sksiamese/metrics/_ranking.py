"""Ranking of gallery rows by distance, with exact ties, in blocks of bounded memory."""

from functools import partial
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn import get_config
from sklearn.metrics import pairwise_distances, pairwise_distances_chunked
from sklearn.preprocessing import normalize
from sklearn.utils import check_consistent_length, gen_batches
from sklearn.utils._chunking import get_chunk_n_rows

from .._checks import argument_errors, as_floats
from .._labels import to_common_dtype
from ._verification import as_classes

MISFIT = "fails for these rows; choose one that fits them, such as 'euclidean'"
"""Error message for a metric that fails."""

BY_SQUARED_DIFFERENCES = ("cosine", "euclidean", "l2", "nan_euclidean", "sqeuclidean")
"""Metrics replaced by squared Euclidean distances of scaled rows."""

MAX_TOLERANCE = 1e-6
"""Maximum rounding errors, relative to the greatest ranked distance, of used approximations."""

BLOCK_MEMORY = 16
"""Maximum memory of a block of distances in MiB, if scikit-learn's working memory is larger."""


class Search(NamedTuple):
    """Queries and the gallery to search.

    Parameters
    ----------
    queries : {ndarray, sparse matrix} of shape (n_queries, n_components)
        Queries, or distances of shape (n_queries, n_gallery) for a precomputed metric.

    gallery : {ndarray, sparse matrix} of shape (n_gallery, n_components) or None
        Gallery; None if the queries are the gallery, and for a precomputed metric.

    codes, gallery_codes : ndarray of int of shape (n_queries,) or (n_gallery,)
        Integer codes of the classes.

    excludes_self : bool
        Whether gallery row i is excluded for query i.

    metric : str or callable
        Any metric of ``sklearn.metrics.pairwise_distances``.
    """

    queries: np.ndarray
    gallery: np.ndarray
    codes: np.ndarray
    gallery_codes: np.ndarray
    excludes_self: bool
    metric: str

    @property
    def n_available(self):
        """Number of gallery rows that can be found for a query."""
        return len(self.gallery_codes) - self.excludes_self

    @property
    def n_relevant(self):
        """Number of these rows of the class of each query."""
        count = np.bincount(self.gallery_codes, minlength=self.codes.max() + 1)
        return count[self.codes] - self.excludes_self


class Ranks(NamedTuple):
    """Ties of ranked gallery rows, arrays of int of shape (n_queries, n_ranks).

    Parameters
    ----------
    before, hits_before : ndarray
        Number of nearer rows, and number of these of the class of the query.

    tied, hits_tied : ndarray
        Number of rows at the distance of this rank, and number of these of the class of the query.
    """

    before: np.ndarray
    hits_before: np.ndarray
    tied: np.ndarray
    hits_tied: np.ndarray


def check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric):
    """Validate the arguments of a retrieval metric; return them as a :class:`Search`."""
    is_precomputed = isinstance(metric, str) and metric == "precomputed"
    labels = as_classes(y_true)
    remedy = "give one row of components for each label"
    options = {"accept_sparse": () if is_precomputed else "csr"}
    Z = as_floats(Z, "Z", remedy, **options)
    check_consistent_length(labels, Z)
    excludes_self = y_gallery is None if exclude_self is None else bool(exclude_self)
    if y_gallery is None:
        gallery_labels = labels
        if Z_gallery is not None:
            raise ValueError("Z_gallery needs the labels of its rows; pass y_gallery, too.")
    else:
        gallery_labels = as_classes(y_gallery, "y_gallery")
        labels, gallery_labels = to_common_dtype(labels, gallery_labels, "y_true", "y_gallery")
        Z_gallery = _check_gallery(Z, gallery_labels, Z_gallery, is_precomputed, options)
        if excludes_self and not np.array_equal(gallery_labels[: len(labels)], labels):
            raise ValueError(
                "exclude_self=True requires that the first rows of the gallery are the queries, "
                "but y_gallery does not begin with y_true; reorder the gallery, or set it to False."
            )
    if len(gallery_labels) - excludes_self < 1:
        raise ValueError("y_true has 1 row, but retrieval needs at least 2.")
    if is_precomputed and Z.shape[1] != len(gallery_labels):
        raise ValueError(
            "Z must be a square matrix of distances for metric='precomputed', or have a column for "
            f"each label of y_gallery, got shape {Z.shape} for {len(gallery_labels)} labels."
        )
    if Z_gallery is not None and metric in ("mahalanobis", "seuclidean"):
        raise ValueError(
            f"metric={metric!r} depends on all rows, which are not defined for queries and a "
            "gallery; scale Z and Z_gallery, and choose 'euclidean'."
        )
    check_metric(metric, Z[0], Z[-1] if Z_gallery is None else Z_gallery[0])
    codes = np.unique(np.concatenate([labels, gallery_labels]), return_inverse=True)[1]
    codes, gallery_codes = np.split(codes, [len(labels)])
    return Search(Z, Z_gallery, codes, gallery_codes, excludes_self, metric)


def _check_gallery(Z, labels, Z_gallery, is_precomputed, options):
    """Return the validated rows of a gallery, None for precomputed distances."""
    if is_precomputed:
        if Z_gallery is not None:
            raise ValueError(
                "Z_gallery must be None for metric='precomputed'; pass the distances of the "
                "queries to the gallery as Z."
            )
        return None
    if Z_gallery is None:
        raise ValueError("y_gallery needs the rows of the gallery; pass Z_gallery, too.")
    Z_gallery = as_floats(Z_gallery, "Z_gallery", "give one row for each label", **options)
    check_consistent_length(labels, Z_gallery)
    if Z_gallery.shape[1] != Z.shape[1]:
        raise ValueError(
            f"Z_gallery has {Z_gallery.shape[1]} components, but Z has {Z.shape[1]}; embed queries "
            "and gallery by the same embedder."
        )
    return Z_gallery


def map_ranks(function, search, depth=None):
    """Rank the gallery for blocks of queries; return the values of a function of the ranks.

    Parameters
    ----------
    function : callable
        Function of :class:`Ranks` and the slice of the queries that returns an array with a value
        or a row for each query.

    search : Search
        Queries and gallery.

    depth : int, default=None
        Number of ranks, in [1, n_available]. By default the first hit of each query only, so that
        arrays of ranks have one column; ``hits_tied`` is 0 for queries without relevant rows.

    Returns
    -------
    values : ndarray of shape (n_queries,) or (n_queries, n_columns)
        Values of the function for all queries.
    """
    values = []
    for block, D, tolerance, exact in _distance_blocks(search):
        limit = _limit(D, search, block, depth)
        if exact is not None and np.mean(tolerance > MAX_TOLERANCE * np.abs(limit)) > 0.5:
            D, tolerance, exact = exact(slice(None), slice(None)), 0.0, None
            limit = _limit(D, search, block, depth)
        columns, distance = _nearest(D, limit + 2 * tolerance)
        if exact is not None:
            _resolve_ties(columns, distance, tolerance, exact)
        hits = search.gallery_codes[columns] == search.codes[block, None]
        hits &= ~np.isnan(distance)
        ranks = _count_ties(distance, hits)
        if depth is None:
            first = hits.argmax(axis=1)[:, None]
            ranks = (np.take_along_axis(part, first, axis=1) for part in ranks)
        else:
            ranks = (part[:, :depth] for part in ranks)
        values.append(function(Ranks(*ranks), block))
    return np.concatenate(values)


def _limit(D, search, block, depth):
    """Return an upper bound of the distances to rank for each query.

    Distances of queries to themselves are set to NaN, which is never ranked and ties with nothing.
    """
    own = np.arange(len(D)), np.arange(block.start, block.stop)
    if search.excludes_self:
        D[own] = np.inf
    if depth is None:
        is_relevant = search.gallery_codes == search.codes[block, None]
        limit = np.where(is_relevant, D, np.inf).min(axis=1)
        limit[search.n_relevant[block] == 0] = -np.inf
    else:
        limit = _kth_smallest(D, depth)
    if search.excludes_self:
        D[own] = np.nan
    return limit


def _distance_blocks(search):
    """Yield blocks of the distances of queries to the gallery.

    Yields
    ------
    block : slice
        Queries.

    D : ndarray of float64 of shape (n_block, n_gallery)
        Distances, increasing functions of them, or approximations; it may be overwritten.

    tolerance : ndarray of shape (n_block,) or float
        Bound of the errors of the approximations.

    exact : callable or None
        Function of slices or arrays of queries in the block and of gallery rows that returns exact
        values for all their pairs; None if the distances are exact.
    """
    queries, gallery, metric = search.queries, search.gallery, search.metric
    n_rows, n_gallery = len(search.codes), len(search.gallery_codes)
    memory = min(get_config()["working_memory"], BLOCK_MEMORY)
    n_block = get_chunk_n_rows(8 * n_gallery, max_n_rows=n_rows, working_memory=memory)
    queries, gallery, exact_metric = _exact_rows(queries, gallery, metric)
    if exact_metric == "sqeuclidean" and not (sparse.issparse(queries) or gallery is None):
        yield from _euclidean_blocks(queries, gallery, n_block)
        return
    if exact_metric == "precomputed":
        for block in gen_batches(n_rows, n_block):
            yield block, queries[block].astype(np.float64), 0.0, None
        return
    start, options = 0, {"metric": exact_metric, "working_memory": memory}
    with argument_errors(f"metric={metric!r}", MISFIT, "metric"):
        for D in pairwise_distances_chunked(queries, gallery, **options):
            check_distances(D, metric)
            yield slice(start, start + len(D)), D.astype(np.float64, copy=False), 0.0, None
            start += len(D)


def _euclidean_blocks(queries, gallery, n_block):
    """Yield blocks of squared distances, approximated by a matrix product."""
    center = gallery.mean(axis=0)
    points = gallery - center
    norms = np.einsum("ij,ij->i", points, points)
    points *= -2
    error = (gallery.shape[1] + 8) * np.finfo(float).eps
    for block in gen_batches(len(queries), n_block):
        rows = queries[block]
        centered = rows - center
        own_norms = np.einsum("ij,ij->i", centered, centered)
        D = centered @ points.T
        D += norms
        D += own_norms[:, None]
        tolerance = error * np.square(np.sqrt(own_norms) + np.sqrt(norms.max()))
        yield block, D, tolerance, partial(_squared_distances, rows, gallery)


def _squared_distances(queries, gallery, rows, columns):
    """Return the squared distances of some queries to some gallery rows."""
    return cdist(queries[rows], gallery[columns], "sqeuclidean")


def _exact_rows(queries, gallery, metric):
    """Return queries, gallery and a metric of them with exact ties, unless one is sparse."""
    if sparse.issparse(queries) or sparse.issparse(gallery):
        if gallery is not None:
            queries, gallery = sparse.csr_array(queries), sparse.csr_array(gallery)
        return queries, gallery, metric
    if gallery is None:
        rows, exact_metric = exact_tie_metric(queries, metric)
        return rows, rows if exact_metric == "sqeuclidean" else None, exact_metric
    rows, exact_metric = exact_tie_metric(np.concatenate([queries, gallery]), metric)
    return rows[: len(queries)], rows[len(queries) :], exact_metric


def _kth_smallest(D, k):
    """Return an upper bound of the k-th smallest value of each row, close to it.

    If there are many columns, it is the k-th smallest of the minima of groups of columns.
    """
    size = D.shape[1] // (8 * k)
    if size > 1:
        D = D[:, : 8 * k * size].reshape(len(D), size, 8 * k).min(axis=1)
    return np.partition(D, k - 1, axis=1)[:, k - 1]


def _nearest(D, limit):
    """Return the columns and values up to a limit for each row, sorted by value, padded by NaN."""
    is_near = limit[:, None] >= D
    n_near = np.count_nonzero(is_near, axis=1)
    row, column = np.nonzero(is_near)
    place = np.arange(len(row)) - np.repeat(n_near.cumsum() - n_near, n_near)
    columns = np.zeros((len(D), max(1, n_near.max())), int)
    distance = np.full(columns.shape, np.nan)
    columns[row, place], distance[row, place] = column, D[row, column]
    return _sort(columns, distance)


def _sort(columns, distance):
    """Sort both arrays by distance within each row."""
    order = distance.argsort(axis=1)
    return (np.take_along_axis(part, order, axis=1) for part in (columns, distance))


def _resolve_ties(columns, distance, tolerance, exact):
    """Replace sorted approximate distances that are too close to rank by exact ones, and sort."""
    is_close = np.diff(distance, axis=1) <= 2 * tolerance[:, None]
    edge = np.zeros((len(distance), 1), bool)
    is_close = np.hstack([edge, is_close]) | np.hstack([is_close, edge])
    rows = np.flatnonzero(is_close.any(axis=1))
    for row in rows:
        distance[row, is_close[row]] = exact([row], columns[row, is_close[row]])[0]
    columns[rows], distance[rows] = _sort(columns[rows], distance[rows])


def _count_ties(distance, hits):
    """Count the ties of sorted distances; ``hits`` marks rows of the class of the query."""
    n_hits = np.column_stack([np.zeros(len(hits), int), hits.cumsum(axis=1)])
    n_ranks = distance.shape[1]
    edge, rank = np.ones((len(distance), 1), bool), np.arange(n_ranks)
    starts = np.hstack([edge, distance[:, 1:] != distance[:, :-1]])
    ends = np.hstack([starts[:, 1:], edge])
    before = np.maximum.accumulate(np.where(starts, rank, 0), axis=1)
    after = np.minimum.accumulate(np.where(ends, rank + 1, n_ranks)[:, ::-1], axis=1)[:, ::-1]
    hits_before = np.take_along_axis(n_hits, before, axis=1)
    hits_tied = np.take_along_axis(n_hits, after, axis=1) - hits_before
    return Ranks(before, hits_before, after - before, hits_tied)


def exact_tie_metric(Z, metric):
    """Return rows and a metric with the same order of distances and exact ties.

    scikit-learn computes Euclidean and cosine distances by a matrix product, with rounding errors
    that depend on the positions of the rows. They are replaced by squared differences of
    rows that are scaled by a power of two, or to unit length.

    Parameters
    ----------
    Z : {ndarray, sparse matrix} of shape (n_samples, n_components)
        Rows.

    metric : str or callable
        Any metric of ``sklearn.metrics.pairwise_distances``.

    Returns
    -------
    Z : {ndarray, sparse matrix} of shape (n_samples, n_components)
        Rows.

    metric : str or callable
        Metric of these rows, a monotonic function of the given metric.
    """
    if sparse.issparse(Z) or metric not in BY_SQUARED_DIFFERENCES:
        return Z, metric
    by_row = metric == "cosine"
    Z = Z.astype(np.float64)
    Z = np.ldexp(Z, -np.frexp(np.abs(Z).max(axis=1 if by_row else None, keepdims=True))[1])
    if by_row:
        is_zero = ~Z.any(axis=1)  # Make a row of zeros orthogonal to all others.
        Z = np.column_stack([normalize(Z), is_zero])
    return Z, "sqeuclidean"


def exact_distances(A, B, metric):
    """Return distances, or monotonic functions of them, independent of the order of rows.

    Parameters
    ----------
    A, B : {ndarray, sparse matrix} of shape (n_rows, n_components) and (n_others, n_components)
        Rows.

    metric : str or callable
        Any metric of ``sklearn.metrics.pairwise_distances``.

    Returns
    -------
    D : ndarray of shape (n_rows, n_others)
        Distances, or squared scaled distances.
    """
    check_metric(metric, A[0], B[0])
    exact_metric = metric
    if not (sparse.issparse(A) or sparse.issparse(B)):
        rows, exact_metric = exact_tie_metric(np.concatenate([A, B]), metric)
        A, B = rows[: len(A)], rows[len(A) :]
    with argument_errors(f"metric={metric!r}", MISFIT, "metric"):
        D = pairwise_distances(A, B, metric=exact_metric)
    check_distances(D, metric)
    return D


def check_metric(metric, left, right):
    """Raise if a callable metric does not return a number for two rows."""
    if not callable(metric):
        return
    try:
        distance = np.asarray(metric(left, right))
    except Exception as error:
        raise ValueError(
            f"metric failed for two rows ({error}); it must return their distance, a number."
        ) from error
    if distance.ndim > 0 or not isinstance(distance.item(), Real):
        raise ValueError(
            "metric must return the distance of two rows, a number, got an array of type "
            f"{distance.dtype} and shape {distance.shape}."
        )


def check_distances(D, metric):
    """Raise if a distance is NaN."""
    if np.isnan(D).any():
        raise ValueError(
            f"metric={metric!r} returns NaN for some rows; remove them, or choose a metric that "
            "is defined for them, such as 'euclidean'."
        )
