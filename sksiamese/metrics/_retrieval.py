"""Metrics of retrieval: whether the nearest neighbors of a row are of its class."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from scipy.special import gammaln
from sklearn.metrics import pairwise_distances, pairwise_distances_chunked
from sklearn.preprocessing import normalize
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import validate_params

from .._checks import Interval, argument_errors, as_floats
from ._verification import as_classes

MISFIT = "fails for these rows; choose one that fits them, such as 'euclidean'"
"""Error message for a metric that fails."""


@validate_params(
    {"k": [Interval(Integral, 1, None, closed="left")], "metric": [str, callable]},
    prefer_skip_nested_validation=False,
)
def recall_at_k(y_true, Z, *, k=1, metric="euclidean"):
    """Compute recall at k: the proportion of rows with a neighbor of their class.

    A row counts if one of its k nearest neighbors is of its class. Ties are averaged over all
    orders, so that the result does not depend on the order of the rows: if s of m tied rows are
    among the k nearest, and c of the m are of the class, at least one of the s is of the class
    with probability ``1 - comb(m - c, s) / comb(m, s)``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings.

    k : int, default=1
        Number of neighbors, in [1, n_samples).

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``.

    Returns
    -------
    recall : float
        Recall at k, in [0, 1].

    Raises
    ------
    ValueError
        If ``k`` is not in [1, n_samples), a label is missing, or the metric is unknown or
        returns NaN.

    References
    ----------
    H. Oh Song, Y. Xiang, S. Jegelka, S. Savarese, "Deep metric learning via lifted
    structured feature embedding", CVPR 2016.

    Examples
    --------
    >>> from sksiamese.metrics import recall_at_k
    >>> recall_at_k([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]], k=1)
    0.5
    """
    codes, Z = _check_retrieval(y_true, Z, metric)
    if k >= len(codes):
        raise ValueError(f"k must be in [1, {len(codes)}), the number of rows, got {k}.")

    def chances(D, start):
        ranked = _count_ties(D, codes, start, k)
        before, hits_before, tied, hits_tied = (part[:, -1] for part in ranked)
        n_left = k - before
        # If no tied row is of the class, the logarithms cancel exactly.
        missed = np.exp(
            gammaln(tied - hits_tied + 1)
            - gammaln(tied + 1)
            + (gammaln(tied - n_left + 1) - gammaln(tied - hits_tied - n_left + 1))
        )
        return np.where(hits_before > 0, 1.0, 1 - missed)

    return float(np.mean(_map_distance_chunks(chances, Z, metric)))


@validate_params({"metric": [str, callable]}, prefer_skip_nested_validation=False)
def mean_average_precision_at_r(y_true, Z, *, metric="euclidean"):
    """Compute the mean average precision at R (MAP@R).

    R is the number of other rows of the class. The average precision of a row is
    ``sum(precision(i) * relevant(i)) / R`` over its R nearest neighbors, with the precision
    ``precision(i)`` among the i nearest, and ``relevant(i)`` 1 if the i-th is of the class of
    the row, else 0. Rows without others of their class are ignored.

    Ties are averaged over all orders, so that the result does not depend on the order of the
    rows. Suppose that m rows are tied, c of them of the class, and that a rows are nearer, h of
    them of the class. The t-th tied row is of the class with probability ``c / m``; in this case
    the expected number of rows of the class among the ``a + t`` nearest is
    ``h + 1 + (t - 1) * (c - 1) / (m - 1)``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``.

    Returns
    -------
    precision : float
        MAP@R, in [0, 1]; 1 if the R nearest neighbors of every row are of its class.

    Raises
    ------
    ValueError
        If every class has a single row, a label is missing, or the metric is unknown or
        returns NaN.

    References
    ----------
    K. Musgrave, S. Belongie, S.-N. Lim, "A metric learning reality check", ECCV 2020.

    Examples
    --------
    >>> from sksiamese.metrics import mean_average_precision_at_r
    >>> mean_average_precision_at_r([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    0.5
    """
    codes, Z = _check_retrieval(y_true, Z, metric)
    n_relevant = np.bincount(codes)[codes] - 1
    most = n_relevant.max()
    if most == 0:
        raise ValueError("y_true has no class of two rows, so there is nothing to retrieve.")
    rank = np.arange(1, most + 1)

    def average_precisions(D, start):
        before, hits_before, tied, hits_tied = _count_ties(D, codes, start, most)
        hits_among = (rank - before - 1) * (hits_tied - 1) / np.maximum(tied - 1, 1)
        precision = hits_tied / tied * (hits_before + 1 + hits_among) / rank
        r = n_relevant[start : start + len(D), None]
        return (precision * (rank <= r)).sum(axis=1) / r[:, 0].clip(min=1)

    return float(np.mean(_map_distance_chunks(average_precisions, Z, metric)[n_relevant > 0]))


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
    if sparse.issparse(Z) or metric not in ("cosine", "euclidean", "l2", "nan_euclidean"):
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


def _check_retrieval(y_true, Z, metric):
    """Validate the arguments; return integer codes of the labels, and rows or distances."""
    is_precomputed = isinstance(metric, str) and metric == "precomputed"
    codes = np.unique(as_classes(y_true), return_inverse=True)[1]
    remedy = "give one row of components for each label"
    Z = as_floats(Z, "Z", remedy, accept_sparse=() if is_precomputed else "csr")
    check_consistent_length(codes, Z)
    if len(codes) < 2:
        raise ValueError("y_true has 1 row, but retrieval needs at least 2.")
    if is_precomputed and Z.shape[0] != Z.shape[1]:
        raise ValueError(
            f"Z must be a square matrix of distances for metric='precomputed', got shape {Z.shape}."
        )
    check_metric(metric, Z[0], Z[-1])
    return codes, Z


def _map_distance_chunks(function, Z, metric):
    """Apply a function to chunks of the distances of all rows; return the values of all rows."""
    rows, exact_metric = exact_tie_metric(Z, metric)

    def reduce_chunk(D, start):
        check_distances(D, metric)
        is_owned = exact_metric != "precomputed" and D.dtype == np.float64
        return function(D if is_owned else D.astype(np.float64), start)

    with argument_errors(f"metric={metric!r}", MISFIT, "metric"):
        chunks = [*pairwise_distances_chunked(rows, metric=exact_metric, reduce_func=reduce_chunk)]
    return np.concatenate(chunks)


def _count_ties(D, codes, start, n_nearest):
    """Count the rows nearer than each rank and the rows tied with it, and the hits among both.

    Parameters
    ----------
    D : ndarray of float64 of shape (n_queries, n_samples)
        Distances of the rows from ``start`` on to all rows; the distances of rows to themselves
        are overwritten.

    codes : ndarray of int of shape (n_samples,)
        Integer codes of the classes.

    start : int
        Row number of the first query.

    n_nearest : int
        Number of ranks, in [1, n_samples).

    Returns
    -------
    before, hits_before, tied, hits_tied : ndarray of int of shape (n_queries, n_nearest)
        Number of nearer rows, number of these of the class of the query, number of rows at the
        distance of this rank, and number of these of the class of the query.
    """
    query = np.arange(len(D))
    D[query, start + query] = np.nan  # NaN is sorted last and ties with no distance.
    same = codes == codes[start + query, None]
    nearest = np.argpartition(D, n_nearest - 1, axis=1)[:, :n_nearest]
    order = np.take_along_axis(D, nearest, axis=1).argsort(axis=1)
    nearest = np.take_along_axis(nearest, order, axis=1)
    distance = np.take_along_axis(D, nearest, axis=1)
    n_hits = np.take_along_axis(same, nearest, axis=1).cumsum(axis=1)
    n_hits = np.column_stack([np.zeros(len(D), int), n_hits])

    edge, rank = np.ones((len(D), 1), bool), np.arange(n_nearest)
    starts = np.hstack([edge, distance[:, 1:] != distance[:, :-1]])
    ends = np.hstack([starts[:, 1:], edge])
    before = np.maximum.accumulate(np.where(starts, rank, 0), axis=1)
    after = np.minimum.accumulate(np.where(ends, rank + 1, n_nearest)[:, ::-1], axis=1)[:, ::-1]
    hits_before = np.take_along_axis(n_hits, before, axis=1)
    tied, hits_tied = after - before, np.take_along_axis(n_hits, after, axis=1) - hits_before

    # Some rows at the distance of the last rank may be missing in nearest.
    at_last, all_tied = distance == distance[:, -1:], distance[:, -1:] == D
    tied = np.where(at_last, all_tied.sum(axis=1, keepdims=True), tied)
    hits_tied = np.where(at_last, (all_tied & same).sum(axis=1, keepdims=True), hits_tied)
    return before, hits_before, tied, hits_tied
