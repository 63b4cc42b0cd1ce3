"""Measures of verification and of retrieval.

Verification: ``y_true`` says which pairs match, ``y_score`` is larger for a match (for a
distance pass its negative). Retrieval: every embedded row is a query against all others.
"""

import numpy as np
from sklearn.metrics import accuracy_score, pairwise_distances_chunked, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_consistent_length, column_or_1d

__all__ = [
    "equal_error_rate",
    "mean_average_precision_at_r",
    "pair_accuracy",
    "recall_at_k",
    "true_accept_rate",
]


def equal_error_rate(y_true, y_score):
    """Error rate at the threshold where false accepts and false rejects are equal.

    Between two thresholds the rates are interpolated linearly.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    Returns
    -------
    rate : float
        Equal error rate, in [0, 1]; 0.5 for scores that tell nothing.

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels.

    Examples
    --------
    >>> from sksiamese.metrics import equal_error_rate
    >>> equal_error_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9])
    0.25
    """
    false_accepts, true_accepts, _ = _roc(y_true, y_score)
    gap = false_accepts - (1 - true_accepts)
    after = np.flatnonzero(gap >= 0)[0]
    if gap[after] == 0:
        return float(false_accepts[after])
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    low, high = false_accepts[after - 1], false_accepts[after]
    return float(low + share * (high - low))


def true_accept_rate(y_true, y_score, *, far=0.01):
    """Share of matching pairs accepted at a false-accept rate (TAR at FAR).

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    far : float, default=0.01
        Largest tolerated share of non-matching pairs accepted, in [0, 1].

    Returns
    -------
    rate : float
        Largest share of matching pairs accepted by a threshold that accepts at most
        ``far`` of the others, in [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels or ``far`` is not in [0, 1].

    Examples
    --------
    >>> from sksiamese.metrics import true_accept_rate
    >>> true_accept_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], far=0.1)
    0.75
    """
    if not 0 <= far <= 1:
        raise ValueError(f"far is a rate and must be in [0, 1], got {far}.")
    false_accepts, true_accepts, _ = _roc(y_true, y_score)
    return float(true_accepts[false_accepts <= far].max())


def pair_accuracy(y_true, y_score, *, threshold=0.0):
    """Share of pairs decided rightly when scores from a threshold on mean a match.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``; 0 suits the logits
        of ``SiameseVerifier.decision_function``.

    Returns
    -------
    accuracy : float
        In [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels.

    Examples
    --------
    >>> from sksiamese.metrics import pair_accuracy
    >>> pair_accuracy([0, 0, 1, 1], [-0.9, -0.2, -0.3, -0.1], threshold=-0.25)
    0.5
    """
    match, y_score = _check_pairs(y_true, y_score)
    return float(accuracy_score(match, y_score >= threshold))


def recall_at_k(y_true, Z, *, k=1, metric="euclidean"):
    """Share of rows with a row of their class among their k nearest others.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    Z : array-like of shape (n_samples, n_components)
        Embeddings.

    k : int, default=1
        Number of neighbours, in [1, n_samples).

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.neighbors.NearestNeighbors``.

    Returns
    -------
    recall : float
        In [0, 1].

    Raises
    ------
    ValueError
        If ``k`` is not in [1, n_samples).

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
    y_true = column_or_1d(y_true)
    check_consistent_length(y_true, Z)
    if not 1 <= k < len(y_true):
        raise ValueError(f"k must be in [1, {len(y_true)}), the number of rows, got {k}.")
    neighbors = NearestNeighbors(n_neighbors=k, metric=metric).fit(Z)
    nearest = neighbors.kneighbors(return_distance=False)
    return float((y_true[nearest] == y_true[:, None]).any(axis=1).mean())


def mean_average_precision_at_r(y_true, Z, *, metric="euclidean"):
    """Mean average precision at R, R being the number of other rows of the class.

    For each row, the precision among the i nearest others is averaged over those i up
    to R at which the i-th is of the row's class, missing ones counting zero; rows alone
    in their class are left out.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    Z : array-like of shape (n_samples, n_components)
        Embeddings.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``.

    Returns
    -------
    precision : float
        In [0, 1]; 1 if every row is nearest to the rows of its class.

    Raises
    ------
    ValueError
        If every class has a single row.

    References
    ----------
    K. Musgrave, S. Belongie, S.-N. Lim, "A metric learning reality check", ECCV 2020.

    Examples
    --------
    >>> from sksiamese.metrics import mean_average_precision_at_r
    >>> mean_average_precision_at_r([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    0.5
    """
    y_true = np.unique(column_or_1d(y_true), return_inverse=True)[1]
    check_consistent_length(y_true, Z)
    n_relevant = np.bincount(y_true)[y_true] - 1
    most = n_relevant.max()
    if most == 0:
        raise ValueError("y_true has no class of two rows, so there is nothing to retrieve.")
    rank = np.arange(1, most + 1)

    def average_precisions(D, start):
        query = np.arange(len(D))
        D[query, start + query] = np.inf
        nearest = np.argpartition(D, most - 1, axis=1)[:, :most]
        order = np.take_along_axis(D, nearest, axis=1).argsort(axis=1, kind="stable")
        nearest = np.take_along_axis(nearest, order, axis=1)
        r = n_relevant[start + query, None]
        hit = (y_true[nearest] == y_true[start + query, None]) & (rank <= r)
        return (hit * hit.cumsum(axis=1) / rank).sum(axis=1) / r[:, 0].clip(min=1)

    chunks = pairwise_distances_chunked(Z, metric=metric, reduce_func=average_precisions)
    return float(np.concatenate(list(chunks))[n_relevant > 0].mean())


def _check_pairs(y_true, y_score):
    labels, match = np.unique(column_or_1d(y_true), return_inverse=True)
    if len(labels) > 2:
        raise ValueError(f"y_true must have two labels, got {len(labels)}: {labels[:5]}.")
    if len(labels) < 2:
        raise ValueError("y_true has one label only; both kinds of pair are needed.")
    y_score = check_array(column_or_1d(y_score), ensure_2d=False, input_name="y_score")
    check_consistent_length(match, y_score)
    return match, y_score


def _roc(y_true, y_score):
    return roc_curve(*_check_pairs(y_true, y_score), drop_intermediate=False)
