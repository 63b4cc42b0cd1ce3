"""Metrics of verification: how well scores separate matching and non-matching pairs."""

import sys
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, roc_curve
from sklearn.utils import check_consistent_length

from .._checks import Interval, as_floats, validate_params
from .._labels import as_labels

RATE = [Interval(Real, 0, 1, closed="both")]
"""Constraint of a rate, for ``validate_params``."""

THRESHOLD = [Interval(Real, None, None, closed="both")]
"""Constraint of a threshold, possibly infinite, for ``validate_params``."""


def equal_error_rate(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Compute the equal error rate (EER), at which false accepts and false rejects are equal.

    The rates are interpolated linearly between thresholds.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    Returns
    -------
    rate : float
        Equal error rate, in [0, 1]; 0.5 for uninformative scores.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, or ``y_score`` is not finite.

    Examples
    --------
    >>> from sksiamese.metrics import equal_error_rate
    >>> equal_error_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9])
    0.25
    """
    return crossing(*check_pairs(y_true, y_score))[0]


@validate_params({"far": RATE}, prefer_skip_nested_validation=True)
def true_accept_rate(y_true: ArrayLike, y_score: ArrayLike, *, far: float = 0.01) -> float:
    """Compute the true-accept rate at a false-accept rate (TAR at FAR).

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    far : float, default=0.01
        Largest tolerated proportion of accepted non-matching pairs, in [0, 1].

    Returns
    -------
    rate : float
        Largest proportion of matching pairs accepted by a threshold that accepts at most
        ``far`` of the non-matching pairs, in [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``y_score`` is not finite, or ``far``
        is not in [0, 1].

    Examples
    --------
    >>> from sksiamese.metrics import true_accept_rate
    >>> true_accept_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], far=0.1)
    0.75
    """
    match, y_score = check_pairs(y_true, y_score)
    false_accepts, true_accepts, _ = roc_points(match, y_score)
    n = np.sum(match == 0)
    return float(true_accepts[false_accepts <= max_n_accepted(far, n) / n].max())


@validate_params({"threshold": THRESHOLD}, prefer_skip_nested_validation=True)
def pair_accuracy(y_true: ArrayLike, y_score: ArrayLike, *, threshold: float = 0.0) -> float:
    """Compute the accuracy of pairs classified by a threshold.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``. Use 0 for the logits of
        ``SiameseVerifier.decision_function``, although ``predict`` rejects a logit of exactly 0.

    Returns
    -------
    accuracy : float
        Proportion of correctly classified pairs, in [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, or ``y_score`` is not finite.

    Examples
    --------
    >>> from sksiamese.metrics import pair_accuracy
    >>> pair_accuracy([0, 0, 1, 1], [-0.9, -0.2, -0.3, -0.1], threshold=-0.25)
    0.5
    """
    match, y_score = check_pairs(y_true, y_score)
    return float(accuracy_score(match, is_accepted(y_score, threshold)))


@validate_params({"far": RATE}, prefer_skip_nested_validation=True)
def false_reject_rate(y_true: ArrayLike, y_score: ArrayLike, *, far: float = 0.01) -> float:
    """Compute the false-reject rate at a false-accept rate (FRR at FAR).

    It is one minus :func:`true_accept_rate`.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    far : float, default=0.01
        Largest tolerated proportion of accepted non-matching pairs, in [0, 1].

    Returns
    -------
    rate : float
        Least proportion of rejected matching pairs, in [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``y_score`` is not finite, or ``far``
        is not in [0, 1].

    Examples
    --------
    >>> from sksiamese.metrics import false_reject_rate
    >>> false_reject_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], far=0.1)
    0.25
    """
    return 1 - true_accept_rate(y_true, y_score, far=far)


@validate_params({"frr": RATE}, prefer_skip_nested_validation=True)
def false_accept_rate(y_true: ArrayLike, y_score: ArrayLike, *, frr: float = 0.01) -> float:
    """Compute the false-accept rate at a false-reject rate (FAR at FRR).

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    frr : float, default=0.01
        Largest tolerated proportion of rejected matching pairs, in [0, 1].

    Returns
    -------
    rate : float
        Least proportion of non-matching pairs accepted by a threshold that rejects at most
        ``frr`` of the matching pairs, in [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``y_score`` is not finite, or ``frr``
        is not in [0, 1].

    Examples
    --------
    >>> from sksiamese.metrics import false_accept_rate
    >>> false_accept_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], frr=0.1)
    0.25
    """
    match, y_score = check_pairs(y_true, y_score)
    return false_reject_rate(1 - match, -y_score, far=frr)


def max_n_accepted(rate, n):
    """Return the largest count k with ``k / n <= rate``, up to rounding errors of the rate."""
    return int(float(rate) * n * (1 + 1e-12))


def is_accepted(y_score, threshold):
    """Return the mask of scores >= threshold, compared in the dtype of the scores."""
    if isinstance(threshold, Integral):
        largest = int(sys.float_info.max)
        threshold = min(max(threshold, -largest), largest)
    with np.errstate(over="ignore"):  # In float32 a larger threshold overflows to infinity.
        return y_score >= threshold


def as_scores(y_score, name="y_score"):
    """Validate scores; return them as a 1d array of finite floats.

    Parameters
    ----------
    y_score : array-like of shape (n,) or (n, 1)
        Numbers or booleans.

    name : str, default="y_score"
        Name of the parameter, for messages.

    Returns
    -------
    y_score : ndarray of float32 or float64 of shape (n,)
        Scores, in float32 if it represents all values of the given dtype, else in float64.
    """
    remedy = "give one score for each pair"
    scores = as_floats(y_score, name, remedy, ensure_2d=False, allow_nd=True)
    if scores.ndim > 1 and scores.shape[1:] != (1,):
        raise ValueError(
            f"{name} must be a 1d array, got an array of shape {scores.shape}; give one score for "
            "each pair, such as predict_proba(X)[:, 1]."
        )
    return scores.ravel()


def as_classes(y_true, name="y_true"):
    """Validate labels; raise if there are none."""
    labels = as_labels(y_true, name)
    if len(labels) == 0:
        raise ValueError(f"{name} is empty; give the label of at least one row.")
    return labels


def check_pairs(y_true, y_score, name="y_score"):
    """Validate labels and scores of pairs; return labels 0 or 1, and scores as floats."""
    labels, match = np.unique(as_classes(y_true), return_inverse=True)
    if len(labels) > 2:
        raise ValueError(f"y_true must have two labels, got {len(labels)}: {labels[:5].tolist()}.")
    if len(labels) < 2:
        raise ValueError("y_true has only one label; matching and other pairs are required.")
    y_score = as_scores(y_score, name)
    check_consistent_length(match, y_score)
    return match, y_score


def roc_points(y_true, y_score):
    """Return the false- and true-accept rates at all distinct thresholds, and the thresholds."""
    return roc_curve(*check_pairs(y_true, y_score), drop_intermediate=False)


def crossing(match, y_score, sample_weight=None):
    """Return the rate at which false accepts and false rejects are equal, and its threshold.

    Both are interpolated linearly between the distinct scores.
    """
    false_accepts, true_accepts, thresholds = roc_curve(
        match, y_score, drop_intermediate=False, sample_weight=sample_weight
    )
    difference = false_accepts - (1 - true_accepts)
    after = np.flatnonzero(difference >= 0)[0]
    if difference[after] == 0:
        return float(false_accepts[after]), float(thresholds[after])
    fraction = -difference[after - 1] / (difference[after] - difference[after - 1])
    (low, high), (before, here) = (
        false_accepts[after - 1 : after + 1],
        thresholds[after - 1 : after + 1],
    )
    threshold = before + fraction * (here - before) if np.isfinite(before) else here
    return float(low + fraction * (high - low)), float(threshold)
