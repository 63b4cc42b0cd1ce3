"""Metrics of verification by identity: error rates of each, and intervals over identities."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state

from .._checks import Interval, validate_params
from .._labels import as_labels
from .._typing import RandomStateLike
from ._verification import check_pairs, crossing, equal_error_rate


class IdentityErrors(NamedTuple):
    """Summary of the error rates of identities, and the rates themselves."""

    mean: float
    std: float
    max: float
    identities: np.ndarray
    rates: np.ndarray


@validate_params({"metric": [callable]}, prefer_skip_nested_validation=True)
def error_rate_by_identity(
    y_true: ArrayLike,
    y_score: ArrayLike,
    identities: ArrayLike,
    *,
    metric: Callable = equal_error_rate,
) -> tuple[float, float, float, np.ndarray, np.ndarray]:
    """Compute an error rate for each identity, with thresholds of its own, and summarize them.

    An application with one threshold for all identities has the error rate of all claims
    together, ``metric(y_true, y_score)``, which is usually greater than the mean over identities.

    Parameters
    ----------
    y_true : array-like of shape (n_claims,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_claims,)
        Scores, larger for a match.

    identities : array-like of shape (n_claims,)
        Claimed identity of each score.

    metric : callable, default=equal_error_rate
        Function of ``y_true`` and ``y_score`` that returns a number.

    Returns
    -------
    mean, std, max : float
        Mean, standard deviation and maximum of the rates.

    identities : ndarray of shape (n_identities,)
        Identities in ascending order.

    rates : ndarray of shape (n_identities,)
        Rate of each identity. All five values are returned as a named tuple.

    Raises
    ------
    ValueError
        If an identity lacks matching or non-matching claims, or a label is missing.

    Examples
    --------
    >>> from sksiamese.metrics import equal_error_rate, error_rate_by_identity
    >>> y_true, y_score = [0, 0, 1, 1, 0, 0, 1, 1], [1, 2, 3, 4, 5, 7, 6, 8]
    >>> found = error_rate_by_identity(y_true, y_score, list("aaaabbbb"))
    >>> found.mean, found.std, found.max
    (0.25, 0.25, 0.5)
    >>> equal_error_rate(y_true, y_score)
    0.5
    """
    match, y_score = check_pairs(y_true, y_score)
    identities = as_labels(identities, "identities")
    check_consistent_length(match, identities)
    names, codes = np.unique(identities, return_inverse=True)
    n_matches = np.bincount(codes, match)
    incomplete = (n_matches == 0) | (n_matches == np.bincount(codes))
    if incomplete.any():
        raise ValueError(
            "identities has identities without both matching and non-matching claims, such as "
            f"{names[incomplete][:5].tolist()}; leave their claims out."
        )
    rates = [metric(match[codes == code], y_score[codes == code]) for code in range(len(names))]
    rates = np.array(rates, dtype=float)
    return IdentityErrors(float(rates.mean()), float(rates.std()), float(rates.max()), names, rates)


class EqualError(NamedTuple):
    """Equal error rate and its threshold, with bounds of their confidence intervals."""

    rate: float
    low: float
    high: float
    threshold: float
    threshold_low: float
    threshold_high: float


@validate_params(
    {
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, 10**6, closed="both")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def equal_error_interval(
    y_true: ArrayLike,
    y_score: ArrayLike,
    groups: ArrayLike,
    *,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: RandomStateLike = None,
) -> tuple[float, float, float, float, float, float]:
    """Compute the equal error rate, its threshold and their intervals over identities.

    Identities are drawn with replacement, with all their pairs, as pairs of one identity are
    not independent. A pair of two identities counts as often as the product of their counts [1]_.
    The bounds are quantiles of the resamples; the intervals are approximate and too short for
    few identities.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    groups : array-like of shape (n_pairs,) or (n_pairs, 2)
        Claimed identity of each pair, or the identities of both items.

    confidence : float, default=0.95
        Coverage probability of the intervals, in (0, 1).

    n_resamples : int, default=1000
        Number of resamples, from 1 to 1,000,000. Resamples without matching or without
        non-matching pairs are ignored.

    random_state : int, RandomState instance or None, default=None
        Controls the resamples.

    Returns
    -------
    rate, low, high : float
        Equal error rate, in [0, 1], and the bounds of its interval.

    threshold, threshold_low, threshold_high : float
        Score at the equal error rate, interpolated between scores, and the bounds of its
        interval. All six values are returned as a named tuple.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, there are fewer than two identities, or no
        resample has both labels.

    References
    ----------
    .. [1] A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from sksiamese.metrics import equal_error_interval
    >>> rng = np.random.default_rng(0)
    >>> match, writer = np.arange(2000) % 2, np.arange(2000) // 50
    >>> score = 2 * match + rng.normal(size=2000) + rng.normal(size=40)[writer] / 2
    >>> found = equal_error_interval(match, score, writer, random_state=0)
    >>> [round(value, 2) for value in found[:3]]
    [0.2, 0.18, 0.23]
    """
    match, y_score = check_pairs(y_true, y_score)
    codes, n_groups = _codes(groups, match)
    random_state = check_random_state(random_state)
    estimate = crossing(match, y_score)
    found = []
    for _ in range(n_resamples):
        drawn = random_state.randint(n_groups, size=n_groups)
        count = np.bincount(drawn, minlength=n_groups)
        weight = count[codes[:, 0]] * np.where(codes[:, 0] == codes[:, 1], 1, count[codes[:, 1]])
        if np.bincount(match, weight).all():
            found.append(crossing(match[weight > 0], y_score[weight > 0], weight[weight > 0]))
    if not found:
        raise ValueError(
            "groups has no resample of identities with both matching and non-matching pairs; add "
            "identities, or raise n_resamples."
        )
    tail = (1 - float(confidence)) / 2
    bounds = np.quantile(found, [tail, 1 - tail], axis=0).T.tolist()
    (rate, threshold), (of_rate, of_threshold) = estimate, bounds
    return EqualError(rate, *of_rate, threshold, *of_threshold)


def _codes(groups, match):
    """Return the integer codes of identities, (n_pairs, 2), and the number of identities."""
    shape = groups.shape if hasattr(groups, "shape") else np.shape(np.array(groups, dtype=object))
    groups = as_labels(groups, "groups", of_pairs=tuple(shape[1:]) == (2,))
    check_consistent_length(groups, match)
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError("groups has only one identity; at least two are required for an interval.")
    codes = codes.reshape(len(match), -1)
    return codes[:, [0, -1]], len(names)
