"""ReferenceVerifier: claims of identities that have a set of references."""

import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checks import Interval, argument_errors, as_floats, fit_context
from ._gallery._distances import METRICS, pairwise
from ._gallery._enrolment import as_class_labels, check_rows
from ._labels import as_labels, check_known
from ._rollback import restore_on_error
from ._state import VersionedState
from .metrics import normalize_scores, reference_terms
from .metrics._claims import ReferenceTerms


class ReferenceVerifier(ClassifierMixin, VersionedState, BaseEstimator):
    """Verify claims of identities that have a set of references each.

    ``fit`` enrolls references, without training. A claim is a probe and the identity that it
    claims; its score is a negative term of its distances to the references of the identity, by
    default of their mean minus the mean distance among the references. A cohort of other
    identities normalizes the scores.

    Read more in the :ref:`User Guide <claims>`.

    Parameters
    ----------
    metric : str or callable, default="euclidean"
        Distance between items: a metric of ``pairwise_distances`` except "braycurtis",
        "mahalanobis" and "seuclidean"; "precomputed" if X contains distances to the references; or
        a function of two items that returns a number >= 0.

    term : {"mean", "least", "mean_excess", "least_excess"}, default="mean_excess"
        Term of the score, see :func:`~sksiamese.metrics.reference_terms`.

    cohort : array-like of shape (n_cohort,), default=None
        Enrolled identities, at least three, that serve as a cohort: scores are normalized by the
        scores of the same probe for these identities (T-norm). A claimed identity is left out of
        its own cohort. By default scores are not normalized.

    threshold : float, default=0.0
        Least score of an accepted claim, see :func:`~sksiamese.metrics.threshold_at_far`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Enrolled identities.

    references_ : ndarray of shape (n_references, n_features) or list
        References; a list if X was a list and ``metric`` is a function. Empty for "precomputed".

    reference_labels_ : ndarray of shape (n_references,)
        Identities of the references.

    reference_distances_ : ndarray of shape (n_references, n_references)
        Distances among the references.

    cohort_ : ndarray of shape (n_cohort,) or None
        Identities of the cohort.

    n_features_in_ : int
        Number of columns of X, unless X is a list of items for a function. There is also
        ``feature_names_in_`` if all names are strings.

    See Also
    --------
    SiameseIdentifier : Rejects rows of unseen identities at a guaranteed false-accept rate.
    sksiamese.metrics.reference_terms : Terms of claims from distances.
    sksiamese.metrics.normalize_scores : Normalization of scores by a cohort.

    References
    ----------
    A. Kholmatov, B. Yanikoglu, "Identity authentication using improved online signature
    verification method", Pattern Recognition Letters 26 (2005); R. Auckenthaler, M. Carey,
    H. Lloyd-Thomas, "Score normalization for text-independent speaker verification systems",
    Digital Signal Processing 10 (2000).

    Examples
    --------
    >>> from sksiamese import ReferenceVerifier
    >>> X, y = [[0.0], [2.0], [10.0], [11.0]], ["a", "a", "b", "b"]
    >>> verifier = ReferenceVerifier().fit(X, y)
    >>> verifier.claim_scores([[1.0], [1.0]], ["a", "b"])
    array([ 1. , -8.5])
    >>> verifier.verify([[1.0], [1.0]], ["a", "b"])
    array([ True, False])
    """

    _parameter_constraints: dict = {
        "metric": [StrOptions(METRICS | {"precomputed"}), callable],
        "term": [StrOptions(set(ReferenceTerms._fields))],
        "cohort": ["array-like", None],
        "threshold": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        metric: str | Callable = "euclidean",
        *,
        term: str = "mean_excess",
        cohort: ArrayLike | None = None,
        threshold: float = 0.0,
    ) -> None:
        self.metric = metric
        self.term = term
        self.cohort = cohort
        self.threshold = threshold

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Any:
        """Enroll references.

        Parameters
        ----------
        X : array-like of shape (n_references, n_features) or list
            References: embeddings or other rows; with "precomputed" their distances to each
            other, of shape (n_references, n_references); items of any kind in a list for a
            function.

        y : array-like of shape (n_references,)
            Identities of the references, at least two references each.

        Returns
        -------
        self : ReferenceVerifier
            Fitted estimator; if an error is raised, it is not changed.

        Raises
        ------
        ValueError
            If an identity has one reference only, the cohort has fewer than three identities or
            is not enrolled, or a distance is NaN, infinite or negative.
        """
        if y is None:
            raise ValueError(
                "ReferenceVerifier requires y to be passed, but the target y is None; give the "
                "identity of each reference."
            )
        with restore_on_error(self):
            X = self._check_items(X, reset=True)
            y = as_class_labels(X, y)
            self.classes_, codes, count = np.unique(y, return_inverse=True, return_counts=True)
            if count.min() < 2:
                single = self.classes_[count < 2][:5].tolist()
                raise ValueError(
                    f"y has only one sample of identities such as {single}, but a set of "
                    "references needs at least two; enroll another one, or remove the identity."
                )
            self.cohort_ = None
            if self.cohort is not None:
                self.cohort_ = np.unique(check_known(self.cohort, self.classes_, "cohort", "y"))
                if len(self.cohort_) < 3:
                    raise ValueError(
                        f"cohort has {len(self.cohort_)} identities, but at least 3 are needed, as "
                        "a claimed identity is left out of its own cohort; add identities, or pass "
                        "None."
                    )
            self.reference_labels_, self._codes_ = y, codes
            precomputed = isinstance(self.metric, str) and self.metric == "precomputed"
            if precomputed and X.shape[0] != X.shape[1]:
                raise ValueError(
                    "Precomputed metric requires X to be a square matrix, the distances among the "
                    f"references, got shape {X.shape}."
                )
            self.references_ = X[:0] if precomputed else X
            self.reference_distances_ = self._distances(X)
            if self.cohort_ is not None and not self.reference_distances_.any():
                raise ValueError(
                    "X has references at distance 0 from each other only, so that scores cannot be "
                    "normalized; scale X, choose another metric, or set cohort=None."
                )
        return self

    def claim_terms(self, X: ArrayLike, claimed: ArrayLike) -> np.ndarray:
        """Compute the terms of claims, as features of a classifier of claims.

        Parameters
        ----------
        X : array-like of shape (n_claims, n_features) or list
            Probes, in the format of ``fit``; with "precomputed" their distances to all
            references, of shape (n_claims, n_references).

        claimed : array-like of shape (n_claims,)
            Enrolled identity claimed for each probe.

        Returns
        -------
        terms : ndarray of shape (n_claims, 4) or (n_claims, 5)
            Columns: the mean and least distance to the references, both minus the same among
            the references, and with a cohort the normalized score.

        Raises
        ------
        ValueError
            If a claimed identity is not enrolled, or a distance is NaN, infinite or negative.
        """
        D, codes = self._check_claims(X, claimed)
        terms = np.empty((len(D), 4))
        for code in np.unique(codes):
            terms[codes == code] = np.column_stack(self._terms(D[codes == code], code))
        if self.cohort_ is None:
            return terms
        cohort = np.searchsorted(self.classes_, self.cohort_)
        of_cohort = self._scores(D, cohort)
        scores = self._normalize(-terms[:, self._column], of_cohort, codes)
        return np.column_stack([terms, scores])

    def claim_scores(self, X: ArrayLike, claimed: ArrayLike) -> np.ndarray:
        """Compute the scores of claims.

        Parameters
        ----------
        X : array-like of shape (n_claims, n_features) or list
            Probes, as for :meth:`claim_terms`.

        claimed : array-like of shape (n_claims,)
            Enrolled identity claimed for each probe.

        Returns
        -------
        scores : ndarray of shape (n_claims,)
            Scores, larger for a match, in the unit of the distances; with a cohort in standard
            deviations of its scores.

        Raises
        ------
        ValueError
            If a claimed identity is not enrolled, or a distance is NaN, infinite or negative.
        """
        terms = self.claim_terms(X, claimed)
        return -terms[:, self._column] if self.cohort_ is None else terms[:, 4]

    def verify(self, X: ArrayLike, claimed: ArrayLike) -> np.ndarray:
        """Verify whether each probe is of its claimed identity.

        Parameters
        ----------
        X : array-like of shape (n_claims, n_features) or list
            Probes, as for :meth:`claim_terms`.

        claimed : array-like of shape (n_claims,)
            Enrolled identity claimed for each probe.

        Returns
        -------
        accepted : ndarray of bool of shape (n_claims,)
            Whether the score is at least ``threshold``.
        """
        return self.claim_scores(X, claimed) >= self.threshold

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Compute the scores of all identities for each probe.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or list
            Probes, as for :meth:`claim_terms`.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Scores of claims, in the order of ``classes_``. For two classes, a 1d array as usual in
            scikit-learn: the score of ``classes_[1]`` minus the score of ``classes_[0]``.
        """
        scores = self._all_scores(X)
        return scores if len(self.classes_) != 2 else scores[:, 1] - scores[:, 0]

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the identity with the greatest score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or list
            Probes, as for :meth:`claim_terms`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predicted identities.
        """
        scores = self._all_scores(X)
        return self.classes_[scores.argmax(axis=1)]

    def _all_scores(self, X):
        """Return the scores of all identities for each probe."""
        check_is_fitted(self)
        D = self._distances(self._check_items(X))
        codes = np.arange(len(self.classes_))
        scores = self._scores(D, codes)
        if self.cohort_ is None:
            return scores
        of_cohort = scores[:, np.searchsorted(self.classes_, self.cohort_)]
        return np.column_stack(
            [self._normalize(scores[:, code], of_cohort, np.full(len(D), code)) for code in codes]
        )

    def _scores(self, D, codes):
        """Return the scores of some identities for each probe, not normalized."""
        return -np.column_stack([self._terms(D, code)[self._column] for code in codes])

    def _check_claims(self, X, claimed):
        """Return the distances of probes to all references, and the codes of claimed classes."""
        check_is_fitted(self)
        claimed = check_known(as_labels(claimed, "claimed"), self.classes_, "claimed", "classes_")
        X = self._check_items(X)
        check_consistent_length(X, claimed)
        if self.cohort_ is not None and np.isin(claimed, self.cohort_).any():
            warnings.warn(
                "claimed contains identities of the cohort. Probes of the cohort are close to it, "
                "which lowers their scores as impostors, so that error rates are over-optimistic; "
                "use other identities as the cohort.",
                stacklevel=3,
            )
        return self._distances(X), np.searchsorted(self.classes_, claimed)

    def _check_items(self, X, *, reset=False):
        """Validate items: a list of any items for a function, otherwise an array."""
        check_rows(X)
        if callable(self.metric) and isinstance(X, list | tuple):
            return list(X)
        options = {"dtype": [np.float64, np.float32]}
        if callable(self.metric):
            options = {"dtype": None, "ensure_all_finite": False}
        with argument_errors("X", "must be rows of numbers, with the same columns as in fit"):
            return validate_data(self, X, reset=reset, **options)

    def _distances(self, X):
        """Return the distances >= 0 of items to all references."""
        if callable(self.metric):
            with argument_errors("metric", "fails on two items; choose another one", "X"):
                D = [[self.metric(a, b) for b in self.references_] for a in X]
            remedy = "metric must return a number for two items"
            D = as_floats(D, "the result of metric", remedy, ensure_all_finite=False)
        elif self.metric == "precomputed":
            D = X
        else:
            return pairwise(X, self.references_, self.metric)
        if not (np.isfinite(D) & (D >= 0)).all():
            name = "the result of metric" if callable(self.metric) else "X"
            raise ValueError(
                f"Negative values in data, NaN or infinity: {name} must have distances >= 0; "
                "remove such items, or choose another metric."
            )
        return np.asarray(D, dtype=np.float64)

    @property
    def _column(self):
        """Column of the term of the score among all terms."""
        return ReferenceTerms._fields.index(self.term)

    def _terms(self, D, code):
        """Return the terms of claims of one identity."""
        own = self._codes_ == code
        return reference_terms(D[:, own], self.reference_distances_[np.ix_(own, own)])

    def _normalize(self, scores, of_cohort, codes):
        """Return scores normalized by the scores of the cohort, without the claimed identity."""
        cohort = np.searchsorted(self.classes_, self.cohort_)
        normalized = np.empty(len(scores))
        for code in np.unique(codes):
            rows = codes == code
            others = of_cohort[rows][:, cohort != code]
            normalized[rows] = normalize_scores(scores[rows], probe_cohort=others)
        return normalized

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        is_precomputed = isinstance(self.metric, str) and self.metric == "precomputed"
        tags.input_tags.pairwise = tags.input_tags.positive_only = is_precomputed
        tags.input_tags.allow_nan = callable(self.metric)
        return tags
