"""Measures of decisions on pairs: their cost, their threshold, their probabilities."""

import sys
from fractions import Fraction
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.special import betainc
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import validate_params

from .._checks import Interval
from .._labels import as_labels
from ._verification import RATE, THRESHOLD, check_pairs, is_accepted, max_n_accepted, roc_points

COSTS = {
    "prior": [Interval(Real, 0, 1, closed="neither")],
    "cost_false_accept": [Interval(Real, 0, None, closed="neither")],
    "cost_false_reject": [Interval(Real, 0, None, closed="neither")],
}


@validate_params({"threshold": THRESHOLD, **COSTS}, prefer_skip_nested_validation=True)
def detection_cost(
    y_true, y_score, *, threshold=0.0, prior=0.5, cost_false_accept=1.0, cost_false_reject=1.0
):
    """Mean cost of decisions by a threshold, next to that of one decision for all pairs.

    The cost is ``cost_false_reject * prior * FRR + cost_false_accept * (1 - prior) * FAR``,
    divided by the lesser cost of accepting all pairs and of rejecting all.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``; 0 suits the logits of
        ``SiameseVerifier.decision_function``, but that ``predict`` rejects a logit of just 0.
        For decisions, True where a pair is accepted, take 0.5.

    prior : float, default=0.5
        Share of matching pairs where the decisions are made, in (0, 1); it need not be that
        in ``y_true``.

    cost_false_accept : float, default=1.0
        Cost of accepting a non-matching pair, > 0.

    cost_false_reject : float, default=1.0
        Cost of rejecting a matching pair, > 0.

    Returns
    -------
    cost : float
        At least 0; 1 is as good as no look at the pairs, and more is worse. Costs beyond
        1.8e308, the greatest float, are that.

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels, ``prior`` is not in (0, 1) or a cost is not
        above 0.

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
def min_dcf(y_true, y_score, *, prior=0.01, cost_false_accept=1.0, cost_false_reject=1.0):
    """Least detection cost of any threshold (minDCF).

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match.

    prior : float, default=0.01
        Share of matching pairs where the decisions are made, in (0, 1).

    cost_false_accept : float, default=1.0
        Cost of accepting a non-matching pair, > 0.

    cost_false_reject : float, default=1.0
        Cost of rejecting a matching pair, > 0.

    Returns
    -------
    cost : float
        Least :func:`detection_cost`, in [0, 1].

    Raises
    ------
    ValueError
        As :func:`detection_cost`.

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
    """A threshold and the ends of its confidence interval."""

    threshold: float
    low: float
    high: float


@validate_params(
    {"far": RATE, "confidence": [Interval(Real, 0, 1, closed="neither")]},
    prefer_skip_nested_validation=True,
)
def threshold_at_far(y_true, y_score, far, *, confidence=0.95, groups=None):
    """Threshold that accepts a given share of non-matching pairs, and how sure it is.

    The interval is that of the thresholds whose share of accepted pairs is no evidence against
    ``far``, by the exact interval of a binomial share [1]_: whatever the distribution of the
    scores, it holds the threshold of all pairs with the probability asked for at least. It ends
    at inf where the pairs are too few, for 95 % where fewer than ``3.7 / far`` do not match. It
    takes pairs as independent; where they share their identities, or their items, it is far too
    narrow.

    With ``groups`` the pairs count as so many independent ones as have the variance of their
    share of accepted pairs, and as fewer where identities are few [2]_. That variance is
    bounded by the squared sum of the pairs of each identity, added up [3]_, which makes the
    interval wider than it need be where pairs share little. It is an approximation, and the
    rougher the fewer identities there are.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        Binary labels; the greater one means a match.

    y_score : array-like of shape (n_pairs,)
        Scores, larger for a match; take them from pairs that were not trained on.

    far : float
        Largest tolerated share of non-matching pairs accepted, in [0, 1].

    confidence : float, default=0.95
        Probability of the interval, in (0, 1).

    groups : array-like of shape (n_pairs, 2), default=None
        Identities of the left and of the right item of each pair, as for
        :class:`~sksiamese.PairKFold`. Where new pairs will be of the same identities, the row
        numbers of the items, ``PairView.index``. By default pairs share nothing.

    Returns
    -------
    threshold : float
        Least threshold for ``y_score >= threshold``, just above the score of a non-matching
        pair, in the unit of ``y_score``; -inf if all may be accepted.

    low, high : float
        Ends of the interval, -inf or inf where the pairs are too few to tell; all three are
        one named tuple.

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels, ``far`` is not in [0, 1], ``confidence``
        not in (0, 1), or ``groups`` has another shape or lacks an identity.

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
    >>> threshold, low, high = threshold_at_far(match, 2 * match + rng.normal(size=2000), 0.1)
    >>> bool(1.1 < low < threshold < high < 1.5)
    True
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


@validate_params(
    {"n_bins": [Interval(Integral, 1, 2**53, closed="both")]}, prefer_skip_nested_validation=True
)
def expected_calibration_error(y_true, y_prob, *, n_bins=10):
    """Mean gap between the probability of a match and how often there is one (ECE).

    The probabilities are put into bins of equal width; the gap of a bin, between its mean
    probability and its share of matching pairs, counts by the number of its pairs.

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
        In [0, 1]; 0 if the probabilities are borne out.

    Raises
    ------
    ValueError
        If ``y_true`` has not exactly two labels, ``y_prob`` is not in [0, 1] or ``n_bins`` is
        no whole number of at least 1.

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
            f"y_prob holds probabilities of a match and must be in [0, 1], got values from "
            f"{y_prob.min()} to {y_prob.max()}; pass predict_proba(X)[:, 1]."
        )
    bins = np.minimum(np.floor(y_prob * float(n_bins)), n_bins - 1)
    bins = np.unique(bins, return_inverse=True)[1]
    return float(np.abs(np.bincount(bins, weights=y_prob - match)).sum() / len(match))


def _identity_codes(groups, match):
    """Return the codes of both identities of each non-matching pair."""
    groups = as_labels(groups, "groups", of_pairs=True)
    check_consistent_length(groups, match)
    identities, codes = np.unique(groups[match == 0], return_inverse=True)
    if len(identities) < 2:
        raise ValueError("groups has one identity only, which tells nothing of others.")
    return codes.reshape(-1, 2)


def _design_effect(error, groups, tail):
    """Return the design effect: pairs per independent pair, at least 1."""
    n_groups = groups.max() + 1
    is_distinct = groups[:, 0] != groups[:, 1]
    identity_sums = np.bincount(
        groups.ravel(), np.column_stack([error, error * is_distinct]).ravel()
    )
    level = max(1 - tail, 0.5 + 1e-9)  # Both quantiles are 0 at 0.5.
    t_factor = student.ppf(level, n_groups - 1) / norm.ppf(level)
    return max(1.0, t_factor**2 * (identity_sums @ identity_sums) / (error @ error or 1.0))


def _cost_weights(prior, cost_false_accept, cost_false_reject):
    """Return the weights of false accepts and of false rejects, the lesser one being 1.

    Fractions are exact, so that no cost is rounded to 0 or to infinity on the way.
    """
    prior, accept, reject = (
        Fraction(int(value) if isinstance(value, Integral) else float(value))
        for value in (prior, cost_false_accept, cost_false_reject)
    )
    ratio = (1 - prior) * accept / (prior * reject)
    largest = Fraction(sys.float_info.max)
    return np.array([float(min(max(part, 1), largest)) for part in (ratio, 1 / ratio)])
