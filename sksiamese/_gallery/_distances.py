"""Bitwise reproducible distances between embeddings and templates.

A matrix product would be faster, but its rounding errors depend on the number of rows and on
their distance from the origin.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import VALID_METRICS
from sklearn.utils import gen_batches
from sklearn.utils._chunking import get_chunk_n_rows

METRICS = set(VALID_METRICS["brute"]) - {"braycurtis", "mahalanobis", "precomputed", "seuclidean"}
"""Names of supported metrics, which depend only on the two rows."""

EUCLIDEAN = {"euclidean", "l2", "minkowski", "nan_euclidean", "sqeuclidean"}
"""Metrics with the same ranking of templates as the Euclidean distance."""

ANGULAR = {"correlation", "cosine"}
"""Metrics with the same ranking of templates as the Euclidean distance at unit length."""

ROWS_PER_CALL = 32
"""Number of rows per call for distances to a different set of templates for each row."""


def pairwise(A, B, metric):
    """Compute the distances of all rows of A to all rows of B; raise if one is not finite."""
    if metric in ANGULAR:
        A, B = unit_rows(A, metric), unit_rows(B, metric)
        undefined = ~A.any(axis=1)[:, None] / 2 + ~B.any(axis=1) / 2
        D = cdist(A, B, "sqeuclidean") / 2 + undefined
    elif metric in EUCLIDEAN:
        D = cdist(A, B, "sqeuclidean" if metric == "sqeuclidean" else "euclidean")
    else:
        D = _other_distances(A, B, metric)
    if not (np.isfinite(D) & (D >= 0)).all():
        largest = max(np.abs(A).max(), np.abs(B).max())
        raise ValueError(
            f"metric={metric!r} returns distances that are NaN, infinite or negative between "
            f"embeddings with values up to {largest:.3g}; scale the output of the embedder, remove "
            "such rows of X, or choose another metric."
        )
    return D


def unit_rows(Z, metric):
    """Normalize rows to unit length in float64; center them first for the correlation metric."""
    Z = np.array(Z, dtype=np.float64, order="C")
    if metric == "correlation":
        constant = Z.min(axis=1) == Z.max(axis=1)
        if constant.any():
            raise ValueError(
                "metric='correlation' is not defined for embeddings with all values equal, such "
                f"as row {constant.argmax()}; remove such rows of X, or choose another metric."
            )
        Z -= Z.mean(axis=1, keepdims=True)
    Z /= np.maximum(np.abs(Z).max(axis=1, keepdims=True), np.finfo(float).tiny)
    length = np.sqrt(np.square(Z).sum(axis=1, keepdims=True))
    return Z / np.where(length == 0, 1, length)


def distances_to_selected(Z, selected, templates, metric):
    """Compute the distances of each row to its selected templates, (n_rows, n_selected)."""
    n_rows, n_selected = selected.shape
    D = np.empty((n_rows, n_selected))
    batch_size = 1 if callable(metric) else max(1, ROWS_PER_CALL // n_selected)
    for rows in gen_batches(n_rows, batch_size):
        diagonal = np.arange(len(selected[rows]))
        all_pairs = pairwise(Z[rows], templates[selected[rows].ravel()], metric)
        D[rows] = all_pairs.reshape(len(diagonal), len(diagonal), n_selected)[diagonal, diagonal]
    return D


def distances_to_classes(Z, templates, labels, metric):
    """Compute the distance of each row to the nearest template of each class.

    Labels must be sorted.
    """
    first = np.unique(labels, return_index=True)[1]
    D = np.empty((len(Z), len(first)))
    for rows in row_chunks(len(Z), len(templates)):
        D[rows] = np.minimum.reduceat(pairwise(Z[rows], templates, metric), first, axis=1)
    return D


def distances_to_claimed(Z, claimed, templates, labels, metric):
    """Compute the distance of each row to the nearest template of its claimed class.

    Labels must be sorted and include all claimed classes.
    """
    first, last = (np.searchsorted(labels, claimed, side) for side in ("left", "right"))
    order = np.argsort(first, kind="stable")
    distances = np.empty(len(Z))
    for batch in gen_batches(len(Z), 1 if callable(metric) else ROWS_PER_CALL):
        rows = order[batch]
        ranges = np.unique(np.stack([first[rows], last[rows]], axis=1), axis=0)
        near = np.concatenate([np.arange(start, stop) for start, stop in ranges])
        D = pairwise(Z[rows], templates[near], metric)
        D[(near < first[rows, None]) | (near >= last[rows, None])] = np.inf
        distances[rows] = D.min(axis=1)
    return distances


def row_chunks(n_rows, n_columns):
    """Return slices of rows such that distances fit into scikit-learn's working memory."""
    return gen_batches(n_rows, get_chunk_n_rows(8 * n_columns, max_n_rows=n_rows))


def _other_distances(A, B, metric):
    """Compute distances with a metric that scikit-learn computes pair by pair."""
    if metric == "haversine" and A.shape[1] != 2:
        raise ValueError(
            "metric='haversine' needs embeddings with 2 components, latitude and longitude in "
            f"radians, got {A.shape[1]}; choose another metric or embedder."
        )
    try:
        return pairwise_distances(A, B, metric=metric)
    except (TypeError, ValueError) as error:
        if not callable(metric):
            raise
        raise type(error)(
            "metric must return one number for two rows, each an array of shape "
            f"(n_components,), but failed: {error}"
        ) from error
