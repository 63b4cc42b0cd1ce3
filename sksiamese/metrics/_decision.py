"""Metrics of decisions on pairs: detection cost, threshold and calibration."""

import sys
from fractions import Fraction
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import StrOptions

from .._checks import Interval, validate_params
from .._labels import as_labels
from ._verification import (
    RATE,
    THRESHOLD,
    check_pairs,
    crossing,
    is_accepted,
    max_n_accepted,
    roc_points,
)

COSTS = {
    "prior": [Interval(Real, 0, 1, closed="neither")],
    "cost_false_accept": [Interval(Real, 0, None, closed="neither")],
    "cost_false_reject": [Interval(Real, 0, None, closed="neither")],
}


@validate_params({"threshold": THRESHOLD} | COSTS, prefer_skip_nested_validation=True)
def detection_cost(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    threshold: float = 0.0,
    prior: float = 0.5,
    cost_false_accept: float = 1.0,
    cost_false_reject: float = 1.0,
) -> float:
    """Compute the normalized detection cost of a threshold.

    The cost is ``cost_false_reject * prior * FRR + cost_false_accept * (1 - prior) * FAR``,
    divided by the cost of accepting all pairs or of rejecting all pairs, the lower of the two.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``. Use 0 for the logits of
        ``SiameseVerifier.decision_function``, although ``predict`` rejects a logit of exactly
        0; use 0.5 for boolean decisions.

    prior : float, default=0.5
        Proportion of matching pairs in the application, in (0, 1); it may differ from the
        proportion in ``y_true``.

    cost_false_accept : float, default=1.0
        Cost of accepting a non-matching pair, > 0.

    cost_false_reject : float, default=1.0
        Cost of rejecting a matching pair, > 0.

    Returns
    -------
    cost : float
        Cost >= 0. A constant decision for all pairs costs 1. Costs are limited to 1.8e308,
        the largest float.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``prior`` is not in (0, 1) or a cost is
        not above 0.

    Examples
    --------
    >>> from sksiamese.metrics import detection_cost
    >>> detection_cost([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], threshold=5)
    0.5
    """
    weights = _cost_weights(prior, cost_false_accept, cost_false_reject)
    match, y_score = check_pairs(y_true, y_score)
    accepted = is_accepted(y_score, threshold)
    rates = accepted[match == 0].mean(), 1 - accepted[match == 1].mean()
    return float(np.dot(weights, rates))


@validate_params(COSTS, prefer_skip_nested_validation=True)
def min_dcf(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    prior: float = 0.01,
    cost_false_accept: float = 1.0,
    cost_false_reject: float = 1.0,
) -> float:
    """Compute the minimum detection cost over all thresholds (minDCF).

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    prior : float, default=0.01
        Proportion of matching pairs in the application, in (0, 1).

    cost_false_accept : float, default=1.0
        Cost of accepting a non-matching pair, > 0.

    cost_false_reject : float, default=1.0
        Cost of rejecting a matching pair, > 0.

    Returns
    -------
    cost : float
        Minimum of :func:`detection_cost`, in [0, 1].

    Raises
    ------
    ValueError
        Under the same conditions as :func:`detection_cost`.

    References
    ----------
    NIST, "2016 speaker recognition evaluation plan", section 3.

    Examples
    --------
    >>> from sksiamese.metrics import min_dcf
    >>> min_dcf([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9], prior=0.5)
    0.25
    """
    weights = _cost_weights(prior, cost_false_accept, cost_false_reject)
    false_accepts, true_accepts, _ = roc_points(y_true, y_score)
    return float((weights @ [false_accepts, 1 - true_accepts]).min())


class Threshold(NamedTuple):
    """Threshold and bounds of its confidence interval."""

    threshold: float
    low: float
    high: float


@validate_params(
    {"far": RATE, "confidence": [Interval(Real, 0, 1, closed="neither")]},
    prefer_skip_nested_validation=True,
)
def threshold_at_far(
    y_true: ArrayLike,
    y_score: ArrayLike,
    far: float,
    *,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
) -> tuple[float, float, float]:
    """Choose a threshold for a false-accept rate, and compute its confidence interval.

    The interval consists of the thresholds that are consistent with ``far`` by the exact
    confidence interval of a binomial proportion [1]_. For any distribution of the scores, it
    covers the threshold of the population with at least the given probability. Its upper end
    is inf if there are too few pairs, at 95 % if there are fewer than ``3.7 / far``
    non-matching pairs. It assumes independent pairs and is far too narrow if pairs share
    identities or items.

    With ``groups`` the number of pairs is replaced by the effective sample size, the number of
    independent pairs with the same variance of the false-accept rate, and reduced further if
    there are few identities [2]_. The variance is estimated by an upper bound, the sum over
    identities of the squared sum of the errors of their pairs [3]_, which makes the interval
    conservative if pairs share little. The approximation is less accurate for few identities.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match, of pairs that were not used for training.

    far : float
        Largest tolerated proportion of accepted non-matching pairs, in [0, 1].

    confidence : float, default=0.95
        Coverage probability of the interval, in (0, 1).

    groups : array-like of shape (n_pairs, 2), default=None
        Identities of the left and right item of each pair, as for
        :class:`~sksiamese.PairKFold`. If new pairs will have the same identities, pass the row
        numbers of the items, ``PairView.index``. By default pairs are independent.

    Returns
    -------
    threshold : float
        Least threshold for ``y_score >= threshold``, just above the score of a non-matching
        pair, in the unit of ``y_score``; -inf if all pairs may be accepted.

    low, high : float
        Bounds of the interval, -inf or inf if there are too few pairs. All three values are
        returned as a named tuple.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``far`` is not in [0, 1],
        ``confidence`` is not in (0, 1), or ``groups`` has a wrong shape or missing identities.

    References
    ----------
    .. [1] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated
       in the case of the binomial", Biometrika 26 (1934).
    .. [2] E. L. Korn, B. I. Graubard, "Confidence intervals for proportions with small
       expected number of positive counts estimated from survey data", Survey Methodology 24
       (1998).
    .. [3] P. M. Aronow, C. Samii, V. A. Assenova, "Cluster-robust variance estimation for
       dyadic data", Political Analysis 23 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from sksiamese.metrics import threshold_at_far
    >>> rng = np.random.default_rng(0)
    >>> match = np.arange(2000) % 2
    >>> found = threshold_at_far(match, 2 * match + rng.normal(size=2000), 0.1)
    >>> [round(value, 2) for value in found]
    [1.25, 1.19, 1.35]
    """
    far, confidence = float(far), float(confidence)
    match, y_score = check_pairs(y_true, y_score)
    negatives = np.sort(y_score[match == 0])[::-1]
    n = len(negatives)
    n_accepted = max_n_accepted(far, n)
    tail = (1 - confidence) / 2
    design_effect = 1.0
    if groups is not None:
        accepted = y_score[match == 0] >= negatives[max(n_accepted, 1) - 1]
        design_effect = _design_effect(accepted - far, _identity_codes(groups, match), tail)
    k = np.arange(n)
    most = np.sum(betainc((k + 1) / design_effect, (n - k - 1) / design_effect + 1, far) >= tail)
    least = np.sum(betainc(k / design_effect + 1, (n - k) / design_effect, far) > 1 - tail)
    thresholds = np.r_[np.inf, np.nextafter(negatives, np.inf), -np.inf]
    return Threshold(*thresholds[[n_accepted + 1, most + 1, least]].tolist())


class BestThreshold(NamedTuple):
    """Threshold with the best value of a criterion, and this value."""

    threshold: float
    value: float


@validate_params(
    {"criterion": [StrOptions({"accuracy", "detection_cost", "equal_error", "f1"})]} | COSTS,
    prefer_skip_nested_validation=True,
)
def best_threshold(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    criterion: str = "accuracy",
    prior: float = 0.01,
    cost_false_accept: float = 1.0,
    cost_false_reject: float = 1.0,
) -> tuple[float, float]:
    """Find the threshold with the best accuracy, F1 score, detection cost or equal error rate.

    Choose it on pairs that are not used for training, and evaluate it on others, as the best value
    on the same pairs is over-optimistic. To tune the threshold of a classifier for any metric of
    scikit-learn by cross-validation, use ``TunedThresholdClassifierCV``.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    criterion : {"accuracy", "f1", "detection_cost", "equal_error"}, default="accuracy"
        Greatest accuracy; greatest F1 score of matching pairs; least :func:`detection_cost`; or
        equal false-accept and false-reject rates.

    prior : float, default=0.01
        Proportion of matching pairs in the application, in (0, 1), for "detection_cost".

    cost_false_accept : float, default=1.0
        Cost of accepting a non-matching pair, > 0, for "detection_cost".

    cost_false_reject : float, default=1.0
        Cost of rejecting a matching pair, > 0, for "detection_cost".

    Returns
    -------
    threshold : float
        Least accepted score, for ``y_score >= threshold``; inf if it is best to reject all pairs.
        The greatest of several best scores. For "equal_error" it is interpolated between scores.

    value : float
        Accuracy or F1 score, in [0, 1]; detection cost, equal to :func:`min_dcf`; or equal error
        rate. Both values are returned as a named tuple.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``y_score`` is not finite, ``prior`` is not
        in (0, 1) or a cost is not above 0.

    See Also
    --------
    threshold_at_far : Threshold for a false-accept rate, with its confidence interval.
    equal_error_interval : Confidence interval of the threshold of equal error rates.

    Examples
    --------
    >>> from sksiamese.metrics import best_threshold
    >>> y_true, y_score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9]
    >>> best_threshold(y_true, y_score)
    BestThreshold(threshold=7.0, value=0.875)
    >>> best_threshold(y_true, y_score, criterion="f1")
    BestThreshold(threshold=4.0, value=0.8888888888888888)
    """
    weights = _cost_weights(prior, cost_false_accept, cost_false_reject)
    match, y_score = check_pairs(y_true, y_score)
    if criterion == "equal_error":
        rate, threshold = crossing(match, y_score)
        return BestThreshold(threshold, rate)
    false_accepts, true_accepts, thresholds = roc_points(match, y_score)
    n_matching = match.sum()
    n_other = len(match) - n_matching
    if criterion == "detection_cost":
        costs = weights @ [false_accepts, 1 - true_accepts]
        return BestThreshold(float(thresholds[costs.argmin()]), float(costs.min()))
    n_true, n_false = (true_accepts * n_matching).round(), (false_accepts * n_other).round()
    if criterion == "accuracy":
        values = (n_true + n_other - n_false) / len(match)
    else:
        values = 2 * n_true / (n_matching + n_true + n_false)
    return BestThreshold(float(thresholds[values.argmax()]), float(values.max()))


@validate_params(
    {"n_bins": [Interval(Integral, 1, 2**53, closed="both")]}, prefer_skip_nested_validation=True
)
def expected_calibration_error(y_true: ArrayLike, y_prob: ArrayLike, *, n_bins: int = 10) -> float:
    """Compute the expected calibration error (ECE) of the probabilities of a match.

    The probabilities are divided into bins of equal width. The error is the mean absolute
    difference between the mean probability and the proportion of matching pairs in a bin,
    weighted by the number of pairs in the bin.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_prob : array-like of shape (n_pairs,)
        Probabilities of a match, in [0, 1].

    n_bins : int, default=10
        Number of bins, >= 1.

    Returns
    -------
    error : float
        Expected calibration error, in [0, 1]; 0 for perfect calibration in every bin.

    Raises
    ------
    ValueError
        If ``y_true`` does not have exactly two labels, ``y_prob`` is not in [0, 1] or
        ``n_bins`` is not an integer >= 1.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks",
    ICML 2017.

    Examples
    --------
    >>> from sksiamese.metrics import expected_calibration_error
    >>> expected_calibration_error([0, 0, 0, 1, 1, 1, 1, 1], [0.25] * 4 + [0.75] * 4)
    0.125
    """
    match, y_prob = check_pairs(y_true, y_prob, "y_prob")
    if y_prob.min() < 0 or y_prob.max() > 1:
        raise ValueError(
            f"y_prob must be probabilities of a match, in [0, 1], got values from "
            f"{y_prob.min()} to {y_prob.max()}; pass predict_proba(X)[:, 1]."
        )
    bins = np.minimum(np.floor(y_prob * float(n_bins)), n_bins - 1)
    bins = np.unique(bins, return_inverse=True)[1]
    return float(np.abs(np.bincount(bins, weights=y_prob - match)).sum() / len(match))


def _identity_codes(groups, match):
    """Return the integer codes of the identities of both items of each non-matching pair."""
    groups = as_labels(groups, "groups", of_pairs=True)
    check_consistent_length(groups, match)
    identities, codes = np.unique(groups[match == 0], return_inverse=True)
    if len(identities) < 2:
        raise ValueError(
            "groups has only one identity; at least two are required to estimate the variance."
        )
    return codes.reshape(-1, 2)


def _design_effect(error, groups, tail):
    """Return the design effect >= 1: the number of pairs per effectively independent pair."""
    n_groups = groups.max() + 1
    is_distinct = groups[:, 0] != groups[:, 1]
    identity_sums = np.bincount(
        groups.ravel(), np.column_stack([error, error * is_distinct]).ravel()
    )
    level = max(1 - tail, 0.5 + 1e-9)  # At 0.5 both quantiles are 0.
    t_factor = student.ppf(level, n_groups - 1) / norm.ppf(level)
    return max(1.0, t_factor**2 * (identity_sums @ identity_sums) / (error @ error or 1.0))


def _cost_weights(prior, cost_false_accept, cost_false_reject):
    """Return the weights of false accepts and of false rejects, scaled to a minimum of 1.

    Exact fractions avoid underflow and overflow of intermediate results.
    """
    prior, accept, reject = (
        Fraction(int(value) if isinstance(value, Integral) else float(value))
        for value in (prior, cost_false_accept, cost_false_reject)
    )
    ratio = (1 - prior) * accept / (prior * reject)
    largest = Fraction(sys.float_info.max)
    return np.array([float(min(max(part, 1), largest)) for part in (ratio, 1 / ratio)])
