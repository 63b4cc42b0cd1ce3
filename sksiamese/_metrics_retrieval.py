"""Measures of retrieval: whether the rows nearest to a row are of its class."""

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_consistent_length

from ._labels import as_labels


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
        If ``k`` is not in [1, n_samples), or a label is missing.

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
    y_true = as_labels(y_true, "y_true")
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
        If every class has a single row, or a label is missing.

    References
    ----------
    K. Musgrave, S. Belongie, S.-N. Lim, "A metric learning reality check", ECCV 2020.

    Examples
    --------
    >>> from sksiamese.metrics import mean_average_precision_at_r
    >>> mean_average_precision_at_r([0, 0, 1, 1], [[0.0], [1.0], [1.5], [9.0]])
    0.5
    """
    y_true = np.unique(as_labels(y_true, "y_true"), return_inverse=True)[1]
    check_consistent_length(y_true, Z)
    n_relevant = np.bincount(y_true)[y_true] - 1
    most = n_relevant.max()
    if most == 0:
        raise ValueError("y_true has no class of two rows, so there is nothing to retrieve.")
    rank = np.arange(1, most + 1)

    def average_precisions(D, start):
        if metric == "precomputed":
            D = D.copy()  # What came is the caller's.
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
