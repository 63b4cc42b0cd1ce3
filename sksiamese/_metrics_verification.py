"""Measures of verification: how well scores tell matching pairs from others."""

from numbers import Integral

import numpy as np
from sklearn.metrics import accuracy_score, roc_curve
from sklearn.utils import check_array, check_consistent_length

from ._labels import as_labels


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
    false_accepts, true_accepts, _ = roc(y_true, y_score)
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
    check_rate("far", far)
    match, y_score = check_pairs(y_true, y_score)
    false_accepts, true_accepts, _ = roc(match, y_score)
    n = np.sum(match == 0)
    return float(true_accepts[false_accepts <= n_tolerated(far, n) / n].max())


def pair_accuracy(y_true, y_score, *, threshold=0.0):
    """Share of pairs decided rightly when scores from a threshold on mean a match.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``; 0 suits the logits of
        ``SiameseVerifier.decision_function``, but that ``predict`` rejects a logit of just 0.

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
    match, y_score = check_pairs(y_true, y_score)
    return float(accuracy_score(match, y_score >= threshold))


def false_reject_rate(y_true, y_score, *, far=0.01):
    """Share of matching pairs rejected at a false-accept rate (FRR at FAR).

    One minus :func:`true_accept_rate`.

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
        In [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels or ``far`` is not in [0, 1].

    Examples
    --------
    >>> from sksiamese.metrics import false_reject_rate
    >>> false_reject_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], far=0.1)
    0.25
    """
    return 1 - true_accept_rate(y_true, y_score, far=far)


def false_accept_rate(y_true, y_score, *, frr=0.01):
    """Share of non-matching pairs accepted at a false-reject rate (FAR at FRR).

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    frr : float, default=0.01
        Largest tolerated share of matching pairs rejected, in [0, 1].

    Returns
    -------
    rate : float
        Least share of non-matching pairs accepted by a threshold that rejects at most
        ``frr`` of the others, in [0, 1].

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels or ``frr`` is not in [0, 1].

    Examples
    --------
    >>> from sksiamese.metrics import false_accept_rate
    >>> false_accept_rate([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], frr=0.1)
    0.25
    """
    check_rate("frr", frr)
    match, y_score = check_pairs(y_true, y_score)
    return false_reject_rate(1 - match, -y_score, far=frr)


def check_rate(name, rate):
    """Refuse what is no share."""
    if not 0 <= rate <= 1:
        raise ValueError(f"{name} is a rate and must be in [0, 1], got {rate}.")


def check_count(name, count, least):
    """Refuse what is no whole number, or too small."""
    if not isinstance(count, Integral) or count < least:
        raise ValueError(f"{name} must be a whole number and at least {least}, got {count!r}.")


def n_tolerated(rate, n):
    """Greatest number of n whose share is a rate at most, up to the rounding of the rate."""
    return int(rate * n * (1 + 1e-12))


def check_pairs(y_true, y_score, name="y_score"):
    """Labels as 0 and 1, and scores in a floating type, both validated."""
    labels, match = np.unique(as_labels(y_true, "y_true"), return_inverse=True)
    if len(labels) > 2:
        raise ValueError(f"y_true must have two labels, got {len(labels)}: {labels[:5]}.")
    if len(labels) < 2:
        raise ValueError("y_true has one label only; both kinds of pair are needed.")
    y_score = check_array(y_score, ensure_2d=False, input_name=name)
    if y_score.ndim > 1 and y_score.shape[1:] != (1,):
        raise ValueError(
            f"{name} must be a 1d array, got an array of shape {y_score.shape}; give one score for "
            "each pair, such as predict_proba(X)[:, 1]."
        )
    y_score = y_score.ravel()
    check_consistent_length(match, y_score)
    return match, y_score.astype(np.result_type(y_score, np.float32), copy=False)


def roc(y_true, y_score):
    """Rates of false and of true accepts, and the thresholds between all scores."""
    return roc_curve(*check_pairs(y_true, y_score), drop_intermediate=False)
