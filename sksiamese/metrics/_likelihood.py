"""Metrics of log-likelihood ratios."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.isotonic import IsotonicRegression

from ._verification import check_pairs


def cllr(y_true: ArrayLike, y_llr: ArrayLike) -> float:
    """Compute the cost of log-likelihood ratios (Cllr).

    It is the mean information, in bits, that a reader of the ratios still lacks about the labels,
    if both labels have the same prior probability.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_llr : array-like of shape (n_pairs,)
        Natural logarithms of the likelihood ratios of a match. Logits are such ratios if they
        were learned from classes of equal weight.

    Returns
    -------
    cost : float
        Cost >= 0 in bits; 1 for ratios of 1, which contain no information.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, or ``y_llr`` is not finite.

    References
    ----------
    N. Brümmer, J. du Preez, "Application-independent evaluation of speaker detection", Computer
    Speech and Language 20 (2006).

    Examples
    --------
    >>> from sksiamese.metrics import cllr
    >>> cllr([0, 0, 1, 1], [0.0, 0.0, 0.0, 0.0])
    1.0
    >>> round(cllr([0, 0, 1, 1], [-3.0, 1.0, 2.0, 3.0]), 3)
    0.554
    """
    return _cost(*check_pairs(y_true, y_llr, "y_llr"))


def min_cllr(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Compute the least cost of log-likelihood ratios over all increasing maps of the scores.

    The best map is found by the algorithm of pool adjacent violators. The difference
    ``cllr(y_true, y_llr) - min_cllr(y_true, y_llr)`` is the loss by a wrong calibration.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match, in any unit.

    Returns
    -------
    cost : float
        Cost in bits, in [0, 1]; 0 if a threshold separates the labels.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, or ``y_score`` is not finite.

    References
    ----------
    N. Brümmer, J. du Preez, "Application-independent evaluation of speaker detection", Computer
    Speech and Language 20 (2006).

    Examples
    --------
    >>> from sksiamese.metrics import min_cllr
    >>> min_cllr([0, 0, 1, 1], [1, 2, 3, 4])
    0.0
    >>> round(min_cllr([0, 0, 1, 1], [-3.0, 2.0, 1.0, 3.0]), 3)
    0.5
    """
    match, y_score = check_pairs(y_true, y_score)
    rank = np.unique(y_score, return_inverse=True)[1]
    weight = 1 / np.bincount(match)[match]
    proba = IsotonicRegression(y_min=0, y_max=1).fit_transform(rank, match, sample_weight=weight)
    with np.errstate(divide="ignore"):
        return _cost(match, np.log(proba) - np.log1p(-proba))


def _cost(match, llr):
    """Return the mean of the costs of both labels in bits."""
    bits = np.logaddexp(0, np.where(match == 1, -llr, llr).astype(np.float64)) / np.log(2)
    return float(bits[match == 1].mean() + bits[match == 0].mean()) / 2
