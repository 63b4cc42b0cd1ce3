"""Scores of claims: distances to a set of references, and their normalization by a cohort."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from .._checks import Interval, as_floats, validate_params
from ._verification import as_scores


class ReferenceTerms(NamedTuple):
    """Terms of claims, each of shape (n_probes,)."""

    mean: np.ndarray
    least: np.ndarray
    mean_excess: np.ndarray
    least_excess: np.ndarray


def reference_terms(
    D: ArrayLike, D_references: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Compute the terms of claims from the distances to one set of references.

    An identity with references far from each other is expected to have distant probes, so both
    excesses subtract the same distance among the references.

    Parameters
    ----------
    D : array-like of shape (n_probes, n_references)
        Distances >= 0 of probes to the references of the claimed identity.

    D_references : array-like of shape (n_references, n_references)
        Distances among the references; the diagonal is ignored.

    Returns
    -------
    mean, least : ndarray of shape (n_probes,)
        Mean and least distance to the references, in the unit of the distances.

    mean_excess, least_excess : ndarray of shape (n_probes,)
        Mean distance minus the mean distance among the references; least distance minus the mean,
        over references, of the least distance to another. All four are returned as a named tuple.

    Raises
    ------
    ValueError
        If a distance is NaN, infinite or negative, the shapes do not agree, or there is only one
        reference.

    References
    ----------
    A. Kholmatov, B. Yanikoglu, "Identity authentication using improved online signature
    verification method", Pattern Recognition Letters 26 (2005).

    Examples
    --------
    >>> from sksiamese.metrics import reference_terms
    >>> terms = reference_terms([[3.0, 5.0], [1.0, 1.0]], [[0.0, 2.0], [2.0, 0.0]])
    >>> terms.mean.tolist(), terms.mean_excess.tolist()
    ([4.0, 1.0], [2.0, -1.0])
    >>> terms.least.tolist(), terms.least_excess.tolist()
    ([3.0, 1.0], [1.0, -1.0])
    """
    D, among = as_distances(D, "D"), as_distances(D_references, "D_references")
    n = D.shape[1]
    if n < 2:
        raise ValueError(
            f"D has distances to {n} reference, but the distances among references need at least "
            "two; enroll another reference, or use the distance itself."
        )
    if among.shape != (n, n):
        raise ValueError(
            f"D_references must have shape ({n}, {n}), the distances among the references of the "
            f"{n} columns of D, got {among.shape}."
        )
    others = among[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    mean, least = D.mean(axis=1), D.min(axis=1)
    return ReferenceTerms(mean, least, mean - others.mean(), least - others.min(axis=1).mean())


@validate_params(
    {"n_top": [Interval(Integral, 2, None, closed="left"), None]},
    prefer_skip_nested_validation=True,
)
def normalize_scores(
    y_score: ArrayLike,
    *,
    reference_cohort: ArrayLike | None = None,
    probe_cohort: ArrayLike | None = None,
    n_top: int | None = None,
) -> np.ndarray:
    """Normalize scores by the scores of a cohort of other identities.

    A score minus the mean of cohort scores is divided by their standard deviation. Then one
    threshold suits all identities and all probes. The arguments choose the method:

    - Z-norm [1]_: ``reference_cohort``, the claimed references compared with cohort probes.
    - T-norm [2]_: ``probe_cohort``, the probe compared with the references of the cohort.
    - S-norm [3]_: both; the mean of both normalized scores.
    - Adaptive S-norm [4]_: both with ``n_top``, which uses the greatest cohort scores only.

    Parameters
    ----------
    y_score : array-like of shape (n_claims,)
        Scores, larger for a match; negate distances.

    reference_cohort : array-like of shape (n_claims, n_cohort), default=None
        Scores of the claimed references compared with the cohort.

    probe_cohort : array-like of shape (n_claims, n_cohort), default=None
        Scores of the probes compared with the cohort.

    n_top : int, default=None
        Number of greatest cohort scores to use, >= 2. By default all.

    Returns
    -------
    normalized : ndarray of shape (n_claims,)
        Normalized scores, in standard deviations of cohort scores.

    Raises
    ------
    ValueError
        If no cohort is given, it has fewer than two scores, or all its scores of a claim are
        equal; or if a score is not finite.

    References
    ----------
    .. [1] D. A. Reynolds, "Comparison of background normalization methods for text-independent
       speaker verification", Eurospeech 1997.
    .. [2] R. Auckenthaler, M. Carey, H. Lloyd-Thomas, "Score normalization for text-independent
       speaker verification systems", Digital Signal Processing 10 (2000).
    .. [3] P. Kenny, "Bayesian speaker verification with heavy-tailed priors", Odyssey 2010.
    .. [4] S. Cumani, P. D. Batzu, D. Colibro, C. Vair, P. Laface, V. Vasilakakis, "Comparison of
       speaker recognition approaches for real applications", Interspeech 2011.

    Examples
    --------
    >>> from sksiamese.metrics import normalize_scores
    >>> cohort = [[0.0, 2.0, 4.0, 2.0]] * 2
    >>> normalize_scores([2.0, 8.0], probe_cohort=cohort).round(2).tolist()
    [0.0, 4.24]
    >>> normalize_scores([2.0, 8.0], probe_cohort=cohort, n_top=2).tolist()
    [-1.0, 5.0]
    """
    y_score = as_scores(y_score).astype(np.float64)
    cohorts = {"reference_cohort": reference_cohort, "probe_cohort": probe_cohort}
    cohorts = {name: scores for name, scores in cohorts.items() if scores is not None}
    if not cohorts:
        raise ValueError("normalize_scores needs reference_cohort, probe_cohort or both; pass one.")
    parts = [_standardize(y_score, scores, name, n_top) for name, scores in cohorts.items()]
    return np.mean(parts, axis=0)


def _standardize(y_score, cohort, name, n_top):
    """Subtract the mean of the cohort scores of each claim, and divide by their deviation."""
    remedy = "give the scores of each claim compared with the cohort, one row for each claim"
    cohort = as_floats(cohort, name, remedy, ensure_min_features=0).astype(np.float64)
    check_consistent_length(y_score, cohort)
    if cohort.shape[1] < (n_top or 2):
        raise ValueError(
            f"{name} has {cohort.shape[1]} scores for each claim, but at least {n_top or 2} are "
            "needed; add identities to the cohort."
        )
    if n_top is not None:
        cohort = np.partition(cohort, -n_top, axis=1)[:, -n_top:]
    width = np.ptp(cohort, axis=1)
    constant = width == 0
    if constant.any():
        raise ValueError(
            f"{name} has equal scores only for claim {constant.argmax()}, so that their deviation "
            "is 0; add other identities to the cohort."
        )
    with np.errstate(over="ignore"):
        deviation = (cohort / width[:, None]).std(axis=1)  # Divided, as squares may underflow.
        normalized = (y_score - cohort.mean(axis=1)) / width / deviation
    if not np.isfinite(normalized).all():
        raise ValueError(
            f"The normalized score of claim {(~np.isfinite(normalized)).argmax()} is infinite, as "
            f"{name} has very different scores; pass cohort scores in the unit of y_score."
        )
    return normalized


def as_distances(D, name):
    """Validate a matrix of distances; return it as an array of finite floats >= 0."""
    remedy = "give one row for each probe, and one column for each reference"
    D = as_floats(D, name, remedy, ensure_all_finite=False)
    wrong = ~(np.isfinite(D) & (D >= 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{name} has distances that are NaN, infinite or negative, such as "
            f"{D[row, column]} in row {row}, column {column}; remove such items, or choose another "
            "distance."
        )
    return D
