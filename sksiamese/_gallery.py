"""What an identifier does with embeddings: templates, the nearest of them, how near is enough."""

import warnings

import numpy as np
from sklearn.metrics import pairwise_distances, pairwise_distances_chunked
from sklearn.model_selection import train_test_split
from sklearn.neighbors import sort_graph_by_row_values
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

N_IMPOSTORS = 10_000
"""Rows that a threshold is chosen on, at most."""

LEAST = 1e-6
"""Shortest Euclidean distance that is told from zero, as a share of a row's length."""


def labels_of(X, y):
    """The labels of rows, as an array."""
    y = column_or_1d(y, warn=True)
    y = check_array(y, ensure_2d=False, dtype=None, input_name="y", ensure_min_samples=0)
    check_consistent_length(X, y)
    check_classification_targets(y)
    return y


def together(known, new):
    """Labels of rows enrolled before and of new ones."""
    if is_text(known) != is_text(new):
        raise ValueError(
            f"y has labels such as {new[0]!r}, but enrolled are labels such as {known[0]!r}; give "
            "them one type."
        )
    return np.concatenate([known, new])


def is_text(labels):
    """Whether labels are strings."""
    return isinstance(labels[0], str)


def check_among(labels, classes, name, name_of_classes):
    """See that there is no label beside the classes."""
    others = np.setdiff1d(labels, classes)
    if len(others):
        raise ValueError(
            f"{name} has labels, {others[:5].tolist()} among them, that are not in "
            f"{name_of_classes}; add them there, or leave their rows out."
        )


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
    return np.isin(y, learned)


def label_of_unknown(label, classes):
    """The label of who is rejected, by default -1 or "unknown"; none of the classes."""
    text = is_text(classes)
    if label is None:
        label = "unknown" if text else -1
    if isinstance(label, str) != text or label in classes:
        raise ValueError(
            f"unknown_label={label!r} must be of the type of the labels, such as {classes[0]!r}, "
            "and none of them; choose another."
        )
    return label


def prototypes(Z, labels):
    """Mean of every class; labels are sorted."""
    _, first, count = np.unique(labels, return_index=True, return_counts=True)
    total = np.add.reduceat(Z, first, axis=0, dtype=np.float64)
    return (total / count[:, None]).astype(Z.dtype)


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
    if metric == "euclidean":
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


def rejection_threshold(Z, own, templates, labels, metric, *, target_far):
    """Greatest distance at which one more class is accepted at a rate of target_far.

    The rows of each class, at most ``N_IMPOSTORS`` of all together, are accepted at some rate
    when their own class has no template. Of n classes and one more, whose rate is 1 at most,
    the mean may be ``target_far``: n rates may sum up to ``target_far * (n + 1) - 1``.
    """
    alone = labels[0] == labels[-1]
    chosen = slice(0, 0 if alone else None, 1 + len(Z) // N_IMPOSTORS)
    Z, own = Z[chosen], own[chosen]
    _, codes, count = np.unique(own, return_inverse=True, return_counts=True)
    if np.ceil(1 / target_far - 1e-9) > len(count) + 1:
        warnings.warn(
            f"target_far={target_far} takes {np.ceil(1 / target_far - 1e-9) - 1:.0f} enrolled "
            f"classes that the embedder has not learned from, but there are {len(count)}. None of "
            "them is accepted for another; enrol more, as the false-accept rate may be greater.",
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
