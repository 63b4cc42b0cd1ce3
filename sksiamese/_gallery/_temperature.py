"""Temperature that converts distances to classes into probabilities."""

import numpy as np
from scipy.optimize import minimize_scalar

from ._distances import distances_to_selected
from ._search import approximate_distances

N_DISTANCES = 2**21
"""Maximum number of distances from rows to templates used to choose a temperature."""

N_ROWS = 50, 1000
"""Minimum, if available, and maximum number of rows used to choose a temperature."""

SHARE_OF_GAP = 0.25
"""Temperature for classes of one row, relative to the median distance to the nearest class."""


def choose_temperature(Z, labels, learned, templates, metric):
    """Choose the temperature with the least leave-one-out log loss on enrolled rows.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        All enrolled embeddings.

    labels : ndarray of shape (n_rows,)
        Labels of the embeddings, sorted.

    learned : ndarray of bool of shape (n_rows,)
        Mask of rows of classes that the embedder was trained on; used only if no other class
        has two rows.

    templates : ndarray of shape (n_templates, n_components)
        The embeddings, or the mean of each class.

    metric : str or callable
        Metric.
    """
    _, first, codes, count = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) == 1:
        return 1.0
    has_others = count[codes] > 1
    groups = has_others & ~learned, has_others & learned, np.full(len(Z), True)
    rows = next(np.flatnonzero(group) for group in groups if group.any())
    max_rows = int(np.clip(N_DISTANCES // len(templates), *N_ROWS))
    rows = rows[np.linspace(0, len(rows) - 1, min(max_rows, len(rows))).astype(int)]
    D = approximate_distances(Z[rows], templates, metric)
    own_class = np.arange(len(rows)), codes[rows]
    if len(templates) == len(Z):
        D[own_class[0], rows] = np.inf
        D = np.minimum.reduceat(D, first, axis=1)
    else:
        n_rows = count[codes[rows], None]
        means = (templates[codes[rows]] * n_rows - Z[rows]) / np.maximum(n_rows - 1, 1)
        D[own_class] = distances_to_selected(Z[rows], own_class[0][:, None], means, metric)[:, 0]
    distance = D[own_class].copy()
    D[own_class] = np.inf
    nearest_other = D.min(axis=1)
    if not has_others.any():
        return float(SHARE_OF_GAP * np.median(nearest_other)) or 1.0
    D[own_class] = distance
    return least_log_loss(D, distance, nearest_other)


def least_log_loss(D, own_distance, nearest_other):
    """Minimize the log loss of classes at distances D over the temperature.

    As in Platt scaling, a fraction of 1 / (n + 2) of n rows counts for the nearest other class,
    so that the temperature is positive even for perfect predictions.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_classes)
        Distances to all classes.

    own_distance, nearest_other : ndarray of shape (n_rows,)
        Distances to the own class, and to the nearest other class.
    """
    scale = np.mean(own_distance + nearest_other)
    if scale == 0:
        return 1.0
    smoothing = 1 / (len(D) + 2)
    minimum = D.min(axis=1)
    mean_excess = (
        np.mean((1 - smoothing) * own_distance + smoothing * nearest_other - minimum) / scale
    )
    D = ((D - minimum[:, None]) / scale).astype(np.float32)

    def log_loss(log_temperature):
        temperature = np.exp(log_temperature)
        total = np.exp(-D / np.float32(temperature)).sum(axis=1, dtype=np.float64)
        return mean_excess / temperature + np.log(total).mean()

    best = minimize_scalar(log_loss, bounds=(-12, 6), method="bounded", options={"xatol": 1e-2})
    return float(scale * np.exp(best.x))
