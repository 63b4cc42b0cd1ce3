"""What an identifier does with embeddings: templates, the nearest of them, how near is enough."""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.metrics import pairwise_distances, pairwise_distances_chunked
from sklearn.model_selection import train_test_split
from sklearn.neighbors import VALID_METRICS, NearestNeighbors, sort_graph_by_row_values
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target

from ._distributed import agreed
from ._labels import alike, as_labels, kind_of

METRICS = set(VALID_METRICS["brute"]) - {"braycurtis", "mahalanobis", "precomputed", "seuclidean"}
"""Names of distances that hang on two rows alone, and that a search works out like all others."""

N_IMPOSTORS = 10_000
"""Rows that a threshold is chosen on, at most, beside one of each class."""

LEAST = 1e-6
"""Shortest Euclidean distance that is told from zero, as a share of a row's length."""


def classes_of(X, y):
    """Return the labels of rows to enrol, as an array; a class may have one row only."""
    y = as_labels(y, warn=True)
    check_consistent_length(X, y)
    kind = type_of_target(y, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}; y must hold classes, whole numbers or strings."
        )
    return y


def rows_to_learn(y, validation_fraction, random_state):
    """Rows of the classes that an embedder is trained on if a threshold needs some others."""
    classes = np.unique(y)
    n_held_out = int(np.ceil(validation_fraction * len(classes)))
    if len(classes) - n_held_out < 2:
        raise ValueError(
            "target_far is measured on classes that the embedder is not trained on, here "
            f"{n_held_out} of {len(classes)}, which leaves less than two to learn from; give more "
            "classes, change validation_fraction, or pass a FrozenEstimator."
        )
    learned, _ = train_test_split(classes, test_size=n_held_out, random_state=random_state)
    return np.isin(y, agreed(learned))


def label_of_unknown(label, classes):
    """The label of who is rejected, by default -1 or "unknown"; none of the classes."""
    if classes.dtype.kind == "b":
        raise ValueError(
            "y has booleans, among which there is no label for the unknown; pass y.astype(int)."
        )
    if label is None:
        label = "unknown" if kind_of(classes) == "strings" else -1
    try:
        (found,), known = alike([label], classes, "unknown_label", "classes_")
    except ValueError as error:
        raise ValueError(
            f"unknown_label={label!r} does not fit, choose another: {error}"
        ) from error
    if found in known or (kind_of(classes) == "numbers" and not float(found).is_integer()):
        raise ValueError(
            f"unknown_label={label!r} must be a label of no class, and a whole number among "
            "numbers; choose another."
        )
    return label


def prototypes(Z, labels):
    """Mean of every class; labels are sorted."""
    _, first, count = np.unique(labels, return_index=True, return_counts=True)
    total = np.add.reduceat(Z, first, axis=0, dtype=np.float64)
    return (total / count[:, None]).astype(Z.dtype)


def search_among(templates, neighbors, metric):
    """A fitted clone of an index, by default a brute search, whose distances are of the metric.

    That is seen from the mean of all templates.
    """
    if neighbors is None:
        return NearestNeighbors(algorithm="brute", metric=metric).fit(templates)
    neighbors = clone(neighbors, safe=False).fit(templates)
    mean = templates.mean(axis=0, keepdims=True)
    (found,), (nearest,) = nearest_templates(neighbors, mean, 1)
    expected = pairwise_distances(mean, templates[nearest], metric=metric)
    if not np.allclose(found, expected, rtol=0.01, atol=LEAST * np.linalg.norm(mean)):
        raise ValueError(
            f"neighbors found a distance of {found[0]:.4g}, which metric={metric!r} makes "
            f"{expected[0, 0]:.4g}; give both one metric."
        )
    return neighbors


def nearest_templates(neighbors, Z, n_neighbors):
    """Distances and numbers of the nearest templates, nearest first, as an index finds them."""
    if hasattr(neighbors, "kneighbors"):
        return neighbors.kneighbors(Z, n_neighbors)
    graph = neighbors.transform(Z).tocsr()
    found = np.diff(graph.indptr).min()
    if found < n_neighbors:
        raise ValueError(
            f"neighbors found {found} templates of a row, but n_neighbors={n_neighbors}; let it "
            "find more."
        )
    graph = sort_graph_by_row_values(graph, copy=True, warn_when_not_sorted=False)
    first = graph.indptr[:-1, None] + np.arange(n_neighbors)
    return graph.data[first], graph.indices[first]


def distances_to_classes(Z, templates, labels, metric):
    """Distance of every row to the nearest template of every class; labels are sorted.

    Euclidean distances come from squares, whose rounding errors look like short distances:
    those of a row's length times ``LEAST`` are zero.
    """
    first = np.unique(labels, return_index=True)[1]

    def nearest(D, start):
        return np.minimum.reduceat(D, first, axis=1)

    chunks = pairwise_distances_chunked(Z, templates, reduce_func=nearest, metric=metric)
    D = np.concatenate(list(chunks))
    if metric in ("euclidean", "l2"):
        D[LEAST * np.linalg.norm(Z, axis=1)[:, None] > D] = 0
    return D


def distances_to_claimed(Z, claimed, templates, labels, metric):
    """Distance of every row to the nearest template of the class that it claims."""
    distances = np.empty(len(Z))
    for label in np.unique(claimed):
        rows = claimed == label
        D = pairwise_distances(Z[rows], templates[labels == label], metric=metric)
        distances[rows] = D.min(axis=1)
    return distances


def impostor_distances(Z, own, templates, labels, metric):
    """Distance of rows to the nearest template of any class but their own."""
    classes, codes = np.unique(labels, return_inverse=True)
    own = np.searchsorted(classes, own)

    def nearest(D, start):
        D[own[start : start + len(D), None] == codes] = np.inf
        return D.min(axis=1)

    chunks = pairwise_distances_chunked(Z, templates, reduce_func=nearest, metric=metric)
    return np.concatenate(list(chunks))


def impostors(own):
    """Rows that play impostors, evenly spaced in each class; labels are sorted."""
    _, first, codes = np.unique(own, return_index=True, return_inverse=True)
    step = -(-len(own) // N_IMPOSTORS)
    return np.flatnonzero((np.arange(len(own)) - first[codes]) % max(1, step) == 0)


def rejection_threshold(Z, own, templates, labels, metric, *, target_far):
    """Greatest distance at which one more class is accepted at a rate of target_far.

    The rows of each class are accepted at some rate when their own class has no template. Of n
    classes and one more, whose rate is 1 at most, the mean may be ``target_far``: n rates may
    sum up to ``target_far * (n + 1) - 1``.
    """
    alone = labels[0] == labels[-1]
    chosen = impostors(own[:0] if alone else own)
    Z, own = Z[chosen], own[chosen]
    _, codes, count = np.unique(own, return_inverse=True, return_counts=True)
    n_needed = np.ceil(1 / target_far - 1e-9) - 1
    if n_needed > len(count):
        warnings.warn(
            f"target_far={target_far} needs {n_needed:.0f} of the enrolled classes to be new to "
            f"the embedder, but {len(count)} are. None of them is accepted for another; enrol "
            "more, as the false-accept rate may be greater.",
            stacklevel=5,
        )
    if len(Z) == 0:
        return -np.inf
    distances = impostor_distances(Z, own, templates, labels, metric)
    order = distances.argsort()
    accepted = np.cumsum(1 / count[codes[order]])[:-1]
    allowed = target_far * (len(count) + 1) - 1 + 1e-9
    first_rejected = order[np.searchsorted(accepted, allowed, side="right")]
    return float(np.nextafter(distances[first_rejected], -np.inf))
