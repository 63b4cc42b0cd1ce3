"""Search for the nearest templates: candidates from an index, ranked by exact distances."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors, sort_graph_by_row_values
from sklearn.utils import gen_batches
from sklearn.utils._chunking import get_chunk_n_rows

from ..neighbors import ApproximateNeighbors
from ._distances import (
    ANGULAR,
    EUCLIDEAN,
    distances_to_selected,
    pairwise,
    row_chunks,
    unit_rows,
)

ROUNDING = 1e-12
"""Bound of the error of squared Euclidean distances in a search, relative to squared lengths."""

N_PROBES = 8
"""Number of templates used to validate an index."""

MAX_ROWS = 1024
"""Maximum number of rows per call for exact distances to all templates, to fit into caches."""

MOST_NEW = 0.5
"""Maximum share of new templates for which an index is updated and not built again."""

FEW = 32
"""Number of rows, or of templates, up to which a matrix product would save no time."""


def search_points(Z, origin, metric):
    """Return points to index: centered for Euclidean, normalized for angular metrics."""
    if metric in ANGULAR:
        return unit_rows(Z, metric)
    return Z - origin if metric in EUCLIDEAN else Z


def fit_index(templates, origin, neighbors, metric):
    """Return a fitted clone of an index, by default a brute-force search.

    Raise if the index uses another metric, most templates do not find themselves, or the
    distances of the template with the largest value are not finite.
    """
    base = "euclidean" if metric in EUCLIDEAN | ANGULAR else metric
    default = NearestNeighbors(algorithm="brute", metric=base)
    index = default if neighbors is None else clone(neighbors, safe=False)
    points = search_points(templates, origin, metric)
    index.fit(points)
    probes = np.linspace(0, len(templates) - 1, min(N_PROBES, len(templates))).astype(int)
    if neighbors is None:
        extremes = templates.argmin(), templates.argmax()
        largest = max(extremes, key=lambda number: abs(templates.flat[number]))
        largest //= templates.shape[1]
        pairwise(templates[[largest]], templates[probes], metric)
    else:
        is_own = isinstance(index, ApproximateNeighbors) and metric in EUCLIDEAN | ANGULAR
        compared, base = (points, base) if is_own else (templates, metric)
        D = pairwise(compared[probes], compared, base)
        _check_index(*query_index(index, points[probes], 1, len(templates)), D, metric)
    return index


def update_index(index, neighbors, templates, source, origin, metric):
    """Return an updated index, or None if it has to be built again.

    Parameters
    ----------
    index : object
        Index of the previous templates.

    neighbors : object
        Index to clone, or None.

    templates : ndarray of shape (n_templates, n_components)
        Templates.

    source : ndarray of int of shape (n_templates,)
        Previous number of each template, and -1 for new ones.

    origin : ndarray of shape (n_components,)
        Origin of the points in the index.

    metric : str or callable
        Metric.
    """
    is_new = source < 0
    if (
        not isinstance(neighbors, ApproximateNeighbors)
        or is_new.mean() > MOST_NEW
        or type(index) is not type(neighbors)
        or index.get_params() != neighbors.get_params()
    ):
        return None
    return index.update(search_points(templates[is_new], origin, metric), source)


def nearest_templates(Z, templates, index, origin, metric, n_neighbors):
    """Return distances and indices of the nearest templates; ties are broken by index.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        Embeddings.

    templates : ndarray of shape (n_templates, n_components)
        Templates.

    index : object
        Index of the templates from :func:`fit_index`.

    origin : ndarray of shape (n_components,)
        Mean of the templates.

    metric : str or callable
        Metric.

    n_neighbors : int
        Number of neighbors, in [1, n_templates].
    """
    points = search_points(Z, origin, metric)
    _, numbers = query_index(index, points, n_neighbors, len(templates))
    D = distances_to_selected(Z, numbers, templates, metric)
    order = np.lexsort((numbers, D))
    D, numbers = (np.take_along_axis(part, order, axis=1) for part in (D, numbers))
    if D.shape[1] > n_neighbors:
        ambiguous = _is_ambiguous(D[:, n_neighbors - 1], D[:, n_neighbors], points, metric)
        D, numbers = D[:, :n_neighbors].copy(), numbers[:, :n_neighbors].copy()
        for rows in _row_chunks(ambiguous, len(templates)):
            all_distances = pairwise(Z[rows], templates, metric)
            numbers[rows] = all_distances.argsort(axis=1, kind="stable")[:, :n_neighbors]
            D[rows] = np.take_along_axis(all_distances, numbers[rows], axis=1)
    return D, numbers


def nearest_others(Z, own_codes, templates, codes, metric):
    """Compute the distance of each row to the nearest template of another class.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        Embeddings.

    own_codes : ndarray of int of shape (n_rows,)
        Integer codes of the classes of the rows.

    templates : ndarray of shape (n_templates, n_components)
        Templates.

    codes : ndarray of int of shape (n_templates,)
        Integer codes of the classes of the templates, sorted.

    metric : str or callable
        Metric.

    Returns
    -------
    distances : ndarray of shape (n_rows,)
        Distances; inf if all templates are of the class of the row.

    others : ndarray of int of shape (n_rows,)
        Codes of the classes of the nearest templates.
    """
    distances, others = np.empty(len(Z)), np.empty(len(Z), dtype=codes.dtype)
    ambiguous = np.full(len(Z), True)
    if metric in EUCLIDEAN | ANGULAR and min(len(Z), len(templates)) > FEW:
        origin = templates.mean(axis=0, dtype=np.float64)
        points = search_points(templates, origin, metric)
        for rows in row_chunks(len(Z), len(templates)):
            own_points = search_points(Z[rows], origin, metric)
            D = euclidean_distances(own_points, points, squared=True)
            nearest = _two_nearest_others(D, own_codes[rows], codes)
            D = distances_to_selected(Z[rows], nearest, templates, metric)
            D[codes[nearest] == own_codes[rows, None]] = np.inf
            order = D.argsort(axis=1)
            D, nearest = (np.take_along_axis(part, order, axis=1) for part in (D, nearest))
            distances[rows], others[rows] = D[:, 0], codes[nearest[:, 0]]
            ambiguous[rows] = _is_ambiguous(*D.T, own_points, metric)
    for rows in _row_chunks(ambiguous, len(templates)):
        D = pairwise(Z[rows], templates, metric)
        _mask_own_class(D, own_codes[rows], codes)
        nearest = D.argmin(axis=1)
        distances[rows], others[rows] = D[np.arange(len(rows)), nearest], codes[nearest]
    return distances, others


def _mask_own_class(D, own_codes, codes):
    """Set the distances of rows to the templates of their own class to infinity."""
    first, last = (np.searchsorted(codes, own_codes, side) for side in ("left", "right"))
    for row in np.flatnonzero(first < last):
        D[row, first[row] : last[row]] = np.inf


def approximate_distances(Z, templates, metric):
    """Compute the distances of all rows to all templates by a matrix product, with its errors."""
    if metric not in EUCLIDEAN | ANGULAR:
        return pairwise(Z, templates, metric)
    origin = templates.mean(axis=0, dtype=np.float64)
    points = (search_points(part, origin, metric) for part in (Z, templates))
    D = euclidean_distances(*points, squared=True)
    if metric in ANGULAR:
        return D / 2
    return D if metric == "sqeuclidean" else np.sqrt(D, out=D)


def _two_nearest_others(D, own_codes, codes):
    """Return the indices of the two nearest templates of other classes; D is overwritten."""
    rows = np.arange(len(D))
    _mask_own_class(D, own_codes, codes)
    first = D.argmin(axis=1)
    D[rows, first] = np.inf
    return np.stack([first, D.argmin(axis=1)], axis=1)


def _is_ambiguous(nearer, farther, points, metric):
    """Return the mask of rows with two distances too close to rank, given rounding errors."""
    if metric not in EUCLIDEAN | ANGULAR:
        return ~(farther - nearer > ROUNDING * farther)
    if metric in EUCLIDEAN and metric != "sqeuclidean":
        nearer, farther = np.square(nearer), np.square(farther)
    return ~(farther - nearer > ROUNDING * (np.square(points).sum(axis=1) + farther))


def _row_chunks(mask, n_templates):
    """Return chunks of the true rows of a mask, such that their distances fit into memory."""
    rows = np.flatnonzero(mask)
    n_rows = get_chunk_n_rows(8 * n_templates, max_n_rows=MAX_ROWS)
    return [rows[chunk] for chunk in gen_batches(len(rows), n_rows)] if len(rows) else []


def _check_index(distances, nearest, D, metric):
    """Raise if an index does not find some templates among all, by the distances D."""
    expected = np.take_along_axis(D, nearest, axis=1)
    wrong = ~np.isclose(distances, expected, rtol=0.01, atol=1e-3 * D.max())
    if wrong.any():
        raise ValueError(
            f"neighbors found a distance of {distances[wrong][0]:.4g}, which metric={metric!r} "
            f"makes {expected[wrong][0]:.4g}; give both one metric."
        )
    if np.mean(expected.min(axis=1) <= D.min(axis=1)) < 0.5:
        raise ValueError(
            "neighbors does not find the nearest templates: most templates do not find "
            "themselves; check its kneighbors or transform, or set neighbors=None."
        )


def query_index(index, points, n_neighbors, n_templates):
    """Query an index; return distances and indices of the found templates, nearest first.

    There are ``n_neighbors`` for each row, or one more if available.
    """
    if hasattr(index, "kneighbors"):
        result = index.kneighbors(points, min(n_neighbors + 1, n_templates))
    else:
        result = _read_graph(index.transform(points), len(points), n_neighbors, n_templates)
    shape = len(points), min(n_neighbors + 1, n_templates)
    if hasattr(index, "kneighbors") and (
        not isinstance(result, tuple | list) or [np.shape(part) for part in result] != [shape] * 2
    ):
        raise ValueError(
            "neighbors must return two arrays from kneighbors, distances and indices of templates, "
            f"both of shape {shape}; see NearestNeighbors.kneighbors."
        )
    distances, indices = (np.asarray(part) for part in result)
    if indices.dtype.kind not in "iu" or not ((indices >= 0) & (indices < n_templates)).all():
        raise ValueError(
            f"neighbors must return indices that are integers from 0 to {n_templates - 1}, got "
            f"{indices.ravel()[:5].tolist()}, for example; an index of -1 usually marks a missing "
            "neighbor: let the search find more."
        )
    if distances.dtype.kind not in "fiu" or np.isnan(distances).any():
        raise ValueError("neighbors must return numeric distances without NaN.")
    return distances, indices


def _read_graph(graph, n_rows, n_neighbors, n_templates):
    """Return distances and indices of the nearest templates from a sparse distance graph."""
    if not issparse(graph) or graph.shape != (n_rows, n_templates):
        raise ValueError(
            "neighbors must return a sparse matrix of distances from transform, of shape "
            f"{n_rows, n_templates}; see KNeighborsTransformer."
        )
    graph = graph.tocsr()
    n_found = np.diff(graph.indptr).min()
    if n_found < n_neighbors:
        raise ValueError(
            f"neighbors found {n_found} templates of a row, but n_neighbors={n_neighbors}; let it "
            "find more."
        )
    graph = sort_graph_by_row_values(graph, copy=True, warn_when_not_sorted=False)
    first = graph.indptr[:-1, None] + np.arange(min(n_neighbors + 1, n_found))
    return graph.data[first], graph.indices[first]
