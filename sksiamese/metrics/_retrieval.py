"""Metrics of retrieval: whether the nearest neighbors of a row are of its class."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln
from sklearn.utils._param_validation import StrOptions

from .._checks import HasMethods, Interval, validate_params
from .._typing import MatrixLike
from ._ranking import check_search, map_ranks

OPTIONS = {
    "exclude_self": ["boolean", None],
    "average": [StrOptions({"micro", "macro"}), None],
    "metric": [str, callable],
}
"""Constraints of the parameters of all metrics, for ``validate_params``."""

K = [Interval(Integral, 1, None, closed="left")]
"""Constraint of a number of neighbors, for ``validate_params``."""


@validate_params({"k": K} | OPTIONS, prefer_skip_nested_validation=False)
def recall_at_k(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    k: int = 1,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute recall at k: the proportion of rows with a neighbor of their class.

    A row counts if one of its k nearest neighbors is of its class. Ties are averaged over all
    orders, so that the result does not depend on the order of the rows: if s of m tied rows are
    among the k nearest, and c of the m are of the class, at least one of the s is of the class
    with probability ``1 - comb(m - c, s) / comb(m, s)``. Queries without a gallery row of their
    class count 0.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    k : int, default=1
        Number of neighbors, >= 1 and at most the number of gallery rows, without the query itself.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    recall : float or ndarray of shape (n_classes,)
        Recall at k, in [0, 1]; an array for ``average=None``.

    Raises
    ------
    ValueError
        If ``k`` is too large, a label is missing, the arguments do not fit each other, or the
        metric is unknown or returns NaN.

    See Also
    --------
    cmc_curve : Recall at all ranks up to k.
    retrieval_score : Score an embedder by this or another metric.

    References
    ----------
    H. Oh Song, Y. Xiang, S. Jegelka, S. Savarese, "Deep metric learning via lifted
    structured feature embedding", CVPR 2016.

    Examples
    --------
    >>> from sksiamese.metrics import recall_at_k
    >>> recall_at_k([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]], k=1)
    0.5

    Queries and a gallery of other rows:

    >>> recall_at_k([0, 1], [[0.2], [8.0]], y_gallery=[0, 1], Z_gallery=[[0.0], [4.0]])
    1.0
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    _check_k(search, k)

    def values(ranks, block):
        return _chance_of_hit(*(part[:, -1] for part in ranks), k)

    return _average(map_ranks(values, search, k), search, average)


@validate_params({"k": K} | OPTIONS, prefer_skip_nested_validation=False)
def cmc_curve(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    k: int = 10,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> np.ndarray:
    """Compute the cumulative match characteristic (CMC): recall at 1, 2, ..., k.

    Ties are averaged over all orders, and queries without a gallery row of their class count 0, as
    in :func:`recall_at_k`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    k : int, default=10
        Number of neighbors, >= 1 and at most the number of gallery rows, without the query itself.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    recall : ndarray of shape (k,) or (n_classes, k)
        Recall at each rank, in [0, 1]; a row for each class for ``average=None``.

    Raises
    ------
    ValueError
        If ``k`` is too large, a label is missing, the arguments do not fit each other, or the
        metric is unknown or returns NaN.

    See Also
    --------
    sksiamese.plot.CmcCurveDisplay : Plot the curve.

    References
    ----------
    P. J. Phillips, P. Grother, R. Micheals, "Evaluation methods in face recognition",
    Handbook of Face Recognition, Springer 2011.

    Examples
    --------
    >>> from sksiamese.metrics import cmc_curve
    >>> cmc_curve([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]], k=3)
    array([0.5 , 0.75, 1.  ])
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    _check_k(search, k)
    rank = np.arange(1, k + 1)

    def values(ranks, block):
        return _chance_of_hit(*ranks, rank)

    return _average(map_ranks(values, search, k), search, average)


@validate_params({"k": K} | OPTIONS, prefer_skip_nested_validation=False)
def precision_at_k(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    k: int = 1,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute precision at k: the proportion of the k nearest neighbors of the same class.

    Ties are averaged over all orders. Queries without a gallery row of their class are ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    k : int, default=1
        Number of neighbors, >= 1 and at most the number of gallery rows, without the query itself.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order; NaN for classes without relevant rows.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    precision : float or ndarray of shape (n_classes,)
        Precision at k, in [0, 1]; an array for ``average=None``.

    Raises
    ------
    ValueError
        If ``k`` is too large, no query has a relevant row in the gallery, a label is missing, the
        arguments do not fit each other, or the metric is unknown or returns NaN.

    Examples
    --------
    >>> from sksiamese.metrics import precision_at_k
    >>> precision_at_k([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]], k=2)
    0.375
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    _check_k(search, k)
    is_counted = _with_relevant(search)

    def values(ranks, block):
        return (ranks.hits_tied / ranks.tied).sum(axis=1) / k

    return _average(map_ranks(values, search, k), search, average, is_counted)


@validate_params(OPTIONS, prefer_skip_nested_validation=False)
def r_precision(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute R-precision: precision at R, the number of gallery rows of the class.

    R differs between classes, so that 1 can always be reached. Ties are averaged over all orders.
    Queries without a gallery row of their class are ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order; NaN for classes without relevant rows.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    precision : float or ndarray of shape (n_classes,)
        R-precision, in [0, 1]; 1 if the R nearest neighbors of every query are of its class; an
        array for ``average=None``.

    Raises
    ------
    ValueError
        If no query has a relevant row in the gallery, a label is missing, the arguments do not fit
        each other, or the metric is unknown or returns NaN.

    References
    ----------
    K. Musgrave, S. Belongie, S.-N. Lim, "A metric learning reality check", ECCV 2020.

    Examples
    --------
    >>> from sksiamese.metrics import r_precision
    >>> r_precision([0, 0, 0, 1, 1], [[0.0], [1.0], [4.0], [4.5], [9.0]])
    0.7
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    is_counted, n_relevant = _with_relevant(search), search.n_relevant

    def values(ranks, block):
        hits = ranks.hits_tied / ranks.tied
        return _mean_of_first(hits, n_relevant[block])

    return _average(map_ranks(values, search, n_relevant.max()), search, average, is_counted)


@validate_params(OPTIONS, prefer_skip_nested_validation=False)
def mean_average_precision_at_r(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute the mean average precision at R (MAP@R).

    R is the number of gallery rows of the class. The average precision of a row is
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
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order; NaN for classes without relevant rows.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    precision : float or ndarray of shape (n_classes,)
        MAP@R, in [0, 1]; 1 if the R nearest neighbors of every row are of its class; an array for
        ``average=None``.

    Raises
    ------
    ValueError
        If no query has a relevant row in the gallery, a label is missing, the arguments do not fit
        each other, or the metric is unknown or returns NaN.

    References
    ----------
    K. Musgrave, S. Belongie, S.-N. Lim, "A metric learning reality check", ECCV 2020.

    Examples
    --------
    >>> from sksiamese.metrics import mean_average_precision_at_r
    >>> mean_average_precision_at_r([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    0.5
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    is_counted, n_relevant = _with_relevant(search), search.n_relevant

    def values(ranks, block):
        return _mean_of_first(_precisions(ranks), n_relevant[block])

    return _average(map_ranks(values, search, n_relevant.max()), search, average, is_counted)


@validate_params({"k": [*K, None]} | OPTIONS, prefer_skip_nested_validation=False)
def mean_average_precision_at_k(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    k: int | None = None,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute the mean average precision at k (MAP@k), by default over all ranks.

    The average precision of a query is ``sum(precision(i) * relevant(i)) / min(k, R)`` over its k
    nearest neighbors, with the number R of gallery rows of the class. See
    :func:`mean_average_precision_at_r` for ``precision(i)``, ``relevant(i)`` and ties. Queries
    without a gallery row of their class are ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    k : int, default=None
        Number of neighbors, >= 1 and at most the number of gallery rows. By default all of them,
        which takes longest.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order; NaN for classes without relevant rows.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    precision : float or ndarray of shape (n_classes,)
        MAP@k, in [0, 1]; an array for ``average=None``.

    Raises
    ------
    ValueError
        If ``k`` is too large, no query has a relevant row in the gallery, a label is missing, the
        arguments do not fit each other, or the metric is unknown or returns NaN.

    References
    ----------
    C. D. Manning, P. Raghavan, H. Schütze, "Introduction to information retrieval", Cambridge
    University Press 2008, chapter 8.

    Examples
    --------
    >>> from sksiamese.metrics import mean_average_precision_at_k
    >>> mean_average_precision_at_k([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]], k=2)
    0.625
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    k = search.n_available if k is None else _check_k(search, k)
    is_counted, n_relevant = _with_relevant(search), search.n_relevant

    def values(ranks, block):
        return _precisions(ranks).sum(axis=1) / n_relevant[block].clip(1, k)

    return _average(map_ranks(values, search, k), search, average, is_counted)


@validate_params({"k": [*K, None]} | OPTIONS, prefer_skip_nested_validation=False)
def mean_reciprocal_rank(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    k: int | None = None,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute the mean reciprocal rank (MRR) of the nearest row of the class.

    Ties are averaged over all orders. Queries without a gallery row of their class are ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    k : int, default=None
        Number of neighbors, >= 1 and at most the number of gallery rows; greater ranks count
        0. By default all of them.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order; NaN for classes without relevant rows.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    rank : float or ndarray of shape (n_classes,)
        Mean of 1 divided by the rank, in [0, 1]; 1 if the nearest neighbor of every query is of
        its class; an array for ``average=None``.

    Raises
    ------
    ValueError
        If ``k`` is too large, no query has a relevant row in the gallery, a label is missing, the
        arguments do not fit each other, or the metric is unknown or returns NaN.

    References
    ----------
    E. M. Voorhees, "The TREC-8 question answering track report", TREC 1999.

    Examples
    --------
    >>> from sksiamese.metrics import mean_reciprocal_rank
    >>> mean_reciprocal_rank([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    0.7083333333333333
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    k = search.n_available if k is None else _check_k(search, k)
    is_counted = _with_relevant(search)

    def values(ranks, block):
        found, same = np.unique(np.hstack(ranks), axis=0, return_inverse=True)
        return np.array([_reciprocal_rank(*ties, k) for ties in found])[same.ravel()]

    return _average(map_ranks(values, search), search, average, is_counted)


@validate_params({"k": [*K, None]} | OPTIONS, prefer_skip_nested_validation=False)
def ndcg_at_k(
    y_true: ArrayLike,
    Z: MatrixLike,
    *,
    k: int | None = None,
    y_gallery: ArrayLike | None = None,
    Z_gallery: MatrixLike | None = None,
    exclude_self: bool | None = None,
    average: Literal["micro", "macro"] | None = "micro",
    metric: str | Callable = "euclidean",
) -> float | np.ndarray:
    """Compute the normalized discounted cumulative gain (nDCG@k), by default of all ranks.

    A neighbor of the class of the query at rank i counts ``1 / log2(i + 1)``. The sum over the k
    nearest neighbors is divided by the greatest possible sum. Ties are averaged over all orders.
    Queries without a gallery row of their class are ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of the queries.

    Z : {array-like, sparse matrix} of shape (n_samples, n_components)
        Embeddings of the queries.

    k : int, default=None
        Number of neighbors, >= 1 and at most the number of gallery rows. By default all of them,
        which takes longest.

    y_gallery : array-like of shape (n_gallery,), default=None
        Labels of the gallery to search. By default every query is searched for among the others.

    Z_gallery : {array-like, sparse matrix} of shape (n_gallery, n_components), default=None
        Embeddings of the gallery.

    exclude_self : bool, default=None
        Whether to exclude gallery row i for query i. By default only without ``y_gallery``; set it
        to True if the first rows of the gallery are the queries.

    average : {"micro", "macro"} or None, default="micro"
        Whether to return the mean over queries, the mean over classes of the mean of each class, or
        the mean of each class, in sorted order; NaN for classes without relevant rows.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``. For "precomputed", Z has the distances
        of the queries to the gallery, and ``Z_gallery`` is None.

    Returns
    -------
    gain : float or ndarray of shape (n_classes,)
        Normalized gain, in [0, 1]; 1 if all relevant rows are nearer than others; an array for
        ``average=None``.

    Raises
    ------
    ValueError
        If ``k`` is too large, no query has a relevant row in the gallery, a label is missing, the
        arguments do not fit each other, or the metric is unknown or returns NaN.

    See Also
    --------
    sklearn.metrics.ndcg_score : The same for scores and graded relevance.

    References
    ----------
    K. Järvelin, J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM
    Transactions on Information Systems 20 (2002).

    Examples
    --------
    >>> from sksiamese.metrics import ndcg_at_k
    >>> round(ndcg_at_k([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]], k=2), 3)
    0.658
    """
    search = check_search(y_true, Z, y_gallery, Z_gallery, exclude_self, metric)
    k = search.n_available if k is None else _check_k(search, k)
    is_counted, n_relevant = _with_relevant(search), search.n_relevant
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = discount.cumsum()

    def values(ranks, block):
        gain = ranks.hits_tied / ranks.tied @ discount
        return gain / ideal[n_relevant[block].clip(1, k) - 1]

    return _average(map_ranks(values, search, k), search, average, is_counted)


@validate_params(
    {"estimator": [HasMethods("transform")], "measure": [callable]},
    prefer_skip_nested_validation=False,
)
def retrieval_score(
    estimator: Any, X: ArrayLike, y: ArrayLike, *, measure: Callable = recall_at_k, **options: Any
) -> float:
    """Score an embedder by a retrieval metric, for use as ``scoring``.

    Every row is a query among the other rows. The rows should be of classes that the embedder was
    not trained on: cross-validate with ``GroupKFold`` and the classes as groups. Set options with
    ``functools.partial``.

    Parameters
    ----------
    estimator : transformer
        Fitted embedder.

    X : array-like of shape (n_samples, n_features)
        Rows.

    y : array-like of shape (n_samples,)
        Labels.

    measure : callable, default=recall_at_k
        Function of labels and embeddings that returns a number, such as
        :func:`mean_average_precision_at_r`.

    **options : dict
        Parameters of ``measure``, such as ``k`` or ``metric``.

    Returns
    -------
    score : float
        Value of ``measure``.

    See Also
    --------
    few_shot_score : Accuracy of learning classes from a few rows.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV, GroupKFold
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.metrics import mean_average_precision_at_r, retrieval_score
    >>> X, y = load_digits(return_X_y=True)
    >>> embedder = SiameseEmbedder(max_iter=2, random_state=0)
    >>> search = GridSearchCV(
    ...     embedder, {"n_components": [1, 8]}, cv=GroupKFold(2),
    ...     scoring=partial(retrieval_score, measure=mean_average_precision_at_r),
    ... )
    >>> search.fit(X, y, groups=y).best_params_
    {'n_components': 8}
    """
    return measure(y, estimator.transform(X), **options)


def _check_k(search, k):
    """Return k; raise if it is greater than the number of gallery rows to be found."""
    if k > search.n_available:
        raise ValueError(
            f"k must be in [1, {search.n_available}], the number of gallery rows that can be found "
            f"for a query, got {k}; lower k."
        )
    return k


def _with_relevant(search):
    """Return the mask of queries with relevant rows; raise if there are none."""
    is_counted = search.n_relevant > 0
    if not is_counted.any():
        if search.gallery is None and search.excludes_self:
            raise ValueError("y_true has no class of two rows, so there is nothing to retrieve.")
        raise ValueError(
            "y_gallery has no class of y_true, so there is nothing to retrieve; add rows of these "
            "classes to the gallery."
        )
    return is_counted


def _average(values, search, average, is_counted=None):
    """Return the mean of the counted values of queries, over all of them or by class."""
    classes, codes = np.unique(search.codes, return_inverse=True)
    is_counted = np.full(len(codes), True) if is_counted is None else is_counted
    values, codes = values[is_counted], codes[is_counted]
    if average != "micro":
        means = np.full((len(classes), *values.shape[1:]), np.nan)
        found, codes = np.unique(codes, return_inverse=True)
        order = codes.argsort(kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(found)))
        count = np.bincount(codes).reshape(-1, *[1] * (values.ndim - 1))
        means[found] = np.add.reduceat(values[order], starts) / count
        if average is None:
            return means
        values = means[found]
    mean = np.mean(values, axis=0)
    return mean if mean.ndim else float(mean)


def _chance_of_hit(before, hits_before, tied, hits_tied, rank):
    """Return the probability that a row up to a rank is of the class, over all orders of ties."""
    n_left = rank - before
    # If no tied row is of the class, the logarithms cancel exactly.
    missed = np.exp(
        gammaln(tied - hits_tied + 1)
        - gammaln(tied + 1)
        + (gammaln(tied - n_left + 1) - gammaln(tied - hits_tied - n_left + 1))
    )
    return np.where(hits_before > 0, 1.0, 1 - missed)


def _precisions(ranks):
    """Return the expectation of precision times relevance at each rank."""
    rank = np.arange(1, ranks.tied.shape[1] + 1)
    hits_among = (rank - ranks.before - 1) * (ranks.hits_tied - 1) / np.maximum(ranks.tied - 1, 1)
    return ranks.hits_tied / ranks.tied * (ranks.hits_before + 1 + hits_among) / rank


def _mean_of_first(values, n_first):
    """Return the mean of the first ``n_first`` values of each row, 0 for no values."""
    rank = np.arange(1, values.shape[1] + 1)
    return (values * (rank <= n_first[:, None])).sum(axis=1) / n_first.clip(min=1)


def _reciprocal_rank(before, _, tied, hits_tied, k):
    """Return the expectation of the reciprocal rank of the first hit, 0 beyond rank k.

    The hits are among tied rows; the first one is the t-th of these with probability
    ``comb(tied - t, hits_tied - 1) / comb(tied, hits_tied)``.
    """
    if hits_tied == 0:
        return 0.0
    missed = np.arange(tied - hits_tied + 1)
    chance = hits_tied / (tied - missed)
    chance[1:] *= np.cumprod(1 - chance[:-1])
    rank = before + missed + 1
    return np.sum(chance / rank * (rank <= k))
