"""Distances between embeddings and templates: each is the same to the last bit wherever it is used.

A matrix product of all rows and all templates would be faster, but its rounding errors depend on
how many rows there are and on how far they lie from the origin.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import VALID_METRICS
from sklearn.utils import gen_batches
from sklearn.utils._chunking import get_chunk_n_rows

METRICS = set(VALID_METRICS["brute"]) - {"braycurtis", "mahalanobis", "precomputed", "seuclidean"}
"""Names of metrics that depend on two rows alone and that a search supports."""

EUCLIDEAN = {"euclidean", "l2", "minkowski", "nan_euclidean", "sqeuclidean"}
"""Metrics that rank templates as the Euclidean distance of embeddings does."""

ANGULAR = {"correlation", "cosine"}
"""Metrics that rank templates as the Euclidean distance of embeddings of unit length does."""

ROWS_PER_CALL = 32
"""Rows whose distances to templates of their own are computed in one call."""


def pairwise(A, B, metric):
    """Return the distances of all rows of A to all rows of B; raise if one is not finite."""
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
            f"metric={metric!r} gives distances that are NaN, infinite or negative between "
            f"embeddings with values up to {largest:.3g}; scale what the embedder returns, leave "
            "such rows of X out, or choose another metric."
        )
    return D


def unit_rows(Z, metric):
    """Return rows in float64, less their mean for a correlation, at unit length; zeros stay."""
    Z = np.array(Z, dtype=np.float64, order="C")
    if metric == "correlation":
        constant = Z.min(axis=1) == Z.max(axis=1)
        if constant.any():
            raise ValueError(
                "metric='correlation' is not defined for embeddings with all values equal, such "
                f"as row {constant.argmax()}; leave such rows of X out, or choose another metric."
            )
        Z -= Z.mean(axis=1, keepdims=True)
    Z /= np.maximum(np.abs(Z).max(axis=1, keepdims=True), np.finfo(float).tiny)
    length = np.sqrt(np.square(Z).sum(axis=1, keepdims=True))
    return Z / np.where(length == 0, 1, length)


def distances_to_selected(Z, selected, templates, metric):
    """Return the distance of every row to each of its templates, of shape (n_rows, n_chosen)."""
    n_rows, n_selected = selected.shape
    D = np.empty((n_rows, n_selected))
    batch_size = 1 if callable(metric) else max(1, ROWS_PER_CALL // n_selected)
    for rows in gen_batches(n_rows, batch_size):
        diagonal = np.arange(len(selected[rows]))
        all_pairs = pairwise(Z[rows], templates[selected[rows].ravel()], metric)
        D[rows] = all_pairs.reshape(len(diagonal), len(diagonal), n_selected)[diagonal, diagonal]
    return D


def distances_to_classes(Z, templates, labels, metric):
    """Return the distance of every row to the nearest template of every class.

    Labels are sorted.
    """
    first = np.unique(labels, return_index=True)[1]
    D = np.empty((len(Z), len(first)))
    for rows in row_chunks(len(Z), len(templates)):
        D[rows] = np.minimum.reduceat(pairwise(Z[rows], templates, metric), first, axis=1)
    return D


def distances_to_claimed(Z, claimed, templates, labels, metric):
    """Return the distance of every row to the nearest template of the class that it claims.

    Labels are sorted, and all claimed classes are among them.
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
    """Return slices of rows whose matrix of distances fits into scikit-learn's working memory."""
    return gen_batches(n_rows, get_chunk_n_rows(8 * n_columns, max_n_rows=n_rows))


def _other_distances(A, B, metric):
    """Return the distances of a metric that scikit-learn computes pair by pair."""
    if metric == "haversine" and A.shape[1] != 2:
        raise ValueError(
            "metric='haversine' needs embeddings of 2 components, latitude and longitude in "
            f"radians, but they have {A.shape[1]}; choose another metric or embedder."
        )
    try:
        return pairwise_distances(A, B, metric=metric)
    except (TypeError, ValueError) as error:
        if not callable(metric):
            raise
        raise type(error)(
            "metric must return one number for two rows, each an array of shape "
            f"(n_components,); it failed: {error}"
        ) from error
