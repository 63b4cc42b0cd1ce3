"""SiameseIdentifier: an open-set classifier with enrollment after training."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing, check_consistent_length, get_tags, indexable
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checks import HasMethods, Interval, argument_errors, fit_context
from ._embedder import SiameseEmbedder
from ._gallery._distances import METRICS, distances_to_claimed, distances_to_classes
from ._gallery._enrolment import (
    anonymize_classes,
    as_class_labels,
    check_embeddings,
    check_rows,
    digests,
    resolve_unknown_label,
    training_mask,
)
from ._gallery._rejection import (
    few_classes_message,
    impostor_rows,
    min_n_classes,
    rejection_threshold,
)
from ._gallery._search import fit_index, nearest_templates, update_index
from ._gallery._temperature import choose_temperature
from ._gallery._updates import (
    NearestOthers,
    class_codes,
    class_sources,
    class_starts,
    insert_rows,
    update_prototypes,
)
from ._gallery._votes import count_votes, vote_scores, winners
from ._labels import as_labels, check_known, to_common_dtype
from ._rollback import restore_on_error
from ._state import VersionedState
from ._typing import MatrixLike, RandomStateLike

UNFIT = "fails on the rows of X; convert them first, or choose another embedder"
"""Error message for an embedder that fails."""


class SiameseIdentifier(ClassifierMixin, VersionedState, BaseEstimator):
    """Identify rows among enrolled classes, or reject them as unknown.

    ``fit`` trains an embedder, or uses a ``FrozenEstimator``, and enrolls the embeddings of all
    rows; ``partial_fit`` enrolls more rows and classes without training. A row is assigned to the
    class of the nearest *template*, or of most of the ``n_neighbors`` nearest ones, or to
    ``unknown_label`` if the nearest template of the class is too far away.

    Read more in the :ref:`User Guide <identify>`.

    Parameters
    ----------
    embedder : transformer, default=None
        Transformer that embeds rows. ``fit`` trains a clone of it; a ``FrozenEstimator`` is used
        without training. By default a :class:`SiameseEmbedder`.
    strategy : {"nearest", "prototype"}, default="prototype"
        Whether templates are all enrolled embeddings, or the mean of each class.
    n_neighbors : int, default=1
        Number of nearest templates that vote for the class of a row, >= 1; all templates if there
        are fewer. Ties are broken by the nearest template, so that prototypes, one for each class,
        are not affected.
    metric : str or callable, default="euclidean"
        Distance between embeddings, which should match the embedder. Supported are the metrics
        of ``pairwise_distances`` except "braycurtis", "mahalanobis", "precomputed", "seuclidean".
    neighbors : object, default=None
        Index for the search of the nearest templates, with the same ``metric``. It must have
        ``fit``, and either ``kneighbors`` like ``NearestNeighbors`` or a ``transform`` to a sparse
        graph of distances like ``KNeighborsTransformer``. By default a brute-force search.
    target_far : float, default=None
        False-accept rate, the proportion of rows of classes never enrolled that are not
        rejected, in (0, 1), guaranteed on average over enrollments. It requires
        ``2 / target_far - 1`` enrolled classes that the embedder was not trained on; with fewer,
        every row is rejected. By default every row is assigned a class.
    validation_fraction : float, default=0.2
        Proportion of classes excluded from training, but enrolled, to choose the threshold for
        ``target_far``, in (0, 1).
    unknown_label : int, float or str, default=None
        Label of rejected rows, which must not be a class. By default -1, or "unknown" if
        classes are strings.
    random_state : int, RandomState instance or None, default=None
        Controls the default embedder, and the choice of classes excluded from training.

    Attributes
    ----------
    embedder_ : transformer
        Fitted embedder.
    learned_classes_ : ndarray of shape (n_learned_classes,)
        Enrolled classes that ``fit`` trained the embedder on; empty for a ``FrozenEstimator``.
    classes_ : ndarray of shape (n_classes,)
        Enrolled classes.
    enrolled_ : ndarray of shape (n_enrolled, n_components)
        Embeddings of all enrolled rows, sorted by class.
    enrolled_labels_ : ndarray of shape (n_enrolled,)
        Labels of the enrolled rows.
    templates_ : ndarray of shape (n_templates, n_components)
        Templates, sorted by class.
    template_labels_ : ndarray of shape (n_templates,)
        Labels of the templates.
    neighbors_ : object
        Index of the templates, which are centered for Euclidean metrics, and normalized to unit
        length for "cosine" and "correlation".
    threshold_ : float
        Greatest distance to the nearest template at which a row is not rejected: inf without
        ``target_far``, and -inf if there are too few classes to choose it.
    temperature_ : float
        Divisor of the distances in :meth:`predict_proba`, > 0. ``fit`` chooses it; after
        ``partial_fit`` or ``forget``, it is chosen at its first use.
    unknown_label_ : int, float, str or None
        Label of rejected rows; None without ``target_far``.
    n_features_in_ : int
        Number of columns of X. There is also ``feature_names_in_`` if all names are strings.

    See Also
    --------
    SiameseEmbedder : Learn the embedding.
    SiameseVerifier : Classify pairs of rows as match or non-match.

    Notes
    -----
    The threshold is updated at each enrollment, for the current ``target_far``. Enrolled rows of
    classes that ``fit`` did not train on are used as impostors: they are compared with the
    templates of all other classes, as if their own class had never been enrolled. If a new class
    is drawn in the same way as these, its false-accept rate is at most ``target_far``, on average
    over enrollments and for any distribution; see :ref:`false_accept_rate` for the proof. It holds
    for any ``n_neighbors``, as a vote never accepts a row without a template within the threshold.
    A ``FrozenEstimator`` must not be trained on the enrolled classes: training classes give an
    over-optimistic threshold.

    Distances are computed from differences in float64, so that ``predict``, ``verify`` and
    ``class_distances`` agree to the last bit. A row without finite distances raises a ValueError.

    References
    ----------
    Prototypes: J. Snell, K. Swersky, R. Zemel, "Prototypical networks for few-shot learning",
    NeurIPS 2017; threshold: R. Dunn, L. Wasserman, A. Ramdas, "Distribution-free prediction
    sets for two-layer hierarchical models", JASA 118, 2023; temperature: J. Platt, "Probabilistic
    outputs for support vector machines", Advances in Large Margin Classifiers, 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseIdentifier
    >>> X, y = load_digits(return_X_y=True)
    >>> identifier = SiameseIdentifier(random_state=0).fit(X[:1000], y[:1000])
    >>> round(identifier.score(X[1000:], y[1000:]), 1)
    0.9
    >>> identifier.forget([3, 8]).classes_
    array([0, 1, 2, 4, 5, 6, 7, 9])
    """

    _parameter_constraints: dict = {
        "embedder": [HasMethods(["fit", "transform"]), None],
        "strategy": [StrOptions({"nearest", "prototype"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions(METRICS), callable],
        "neighbors": [HasMethods(["fit", "kneighbors"]), HasMethods(["fit", "transform"]), None],
        "target_far": [Interval(Real, 0, 1, closed="neither"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "unknown_label": [Real, str, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        embedder: Any = None,
        *,
        strategy: Literal["nearest", "prototype"] = "prototype",
        n_neighbors: int = 1,
        metric: str | Callable = "euclidean",
        neighbors: Any = None,
        target_far: float | None = None,
        validation_fraction: float = 0.2,
        unknown_label: float | str | None = None,
        random_state: RandomStateLike = None,
    ) -> None:
        self.embedder = embedder
        self.strategy = strategy
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.neighbors = neighbors
        self.target_far = target_far
        self.validation_fraction = validation_fraction
        self.unknown_label = unknown_label
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike) -> Self:
        """Train the embedder unless it is frozen, and enroll all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, in a format supported by the embedder.

        y : array-like of shape (n_samples,)
            Labels of the rows.

        Returns
        -------
        self : SiameseIdentifier
            Fitted estimator. Previously enrolled rows are removed; if an error is raised, the
            estimator is not changed.
        """
        with restore_on_error(self):
            check_rows(X)
            validate_data(self, X, y, skip_check_array=True)
            y = as_class_labels(X, y)
            embedder = clone(self._embedder_or_default())
            frozen = isinstance(embedder, FrozenEstimator)
            is_training = np.full(len(y), True)
            if self.target_far is not None and not frozen:
                is_training = training_mask(y, self.validation_fraction, self.random_state)
            part = (
                (X, y)
                if is_training.all()
                else (_safe_indexing(*indexable(X), is_training), y[is_training])
            )
            with argument_errors("embedder", UNFIT, "X", "y"):
                self.embedder_ = embedder.fit(*part)
            self.learned_classes_ = np.unique(y[:0] if frozen else y[is_training])
            self._forgotten_ = digests(y[:0])
            Z = self._checked_transform(X)
            self.enrolled_ = self.templates_ = Z[:0]
            self.enrolled_labels_ = y[:0]
            self._strategy_, self._metric_ = self.strategy, self.metric
            self._others_ = NearestOthers.unknown(0)
            self._enrol(*insert_rows(Z[:0], y[:0], Z, y))
            self._temperature_ = self._choose_temperature()
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: MatrixLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Enroll more rows without training, also of new classes; the first call is ``fit``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Labels of the rows.

        classes : array-like of shape (n_classes,), default=None
            Allowed labels in y. By default all labels are allowed.

        Returns
        -------
        self : SiameseIdentifier
            Updated estimator; if an error is raised, it is not changed.
        """
        if classes is not None:
            check_known(y, as_labels(classes, "classes"), "y", "classes")
        if not hasattr(self, "embedder_"):
            return self.fit(X, y)
        check_rows(X)
        y = as_class_labels(X, y)
        y, labels = to_common_dtype(y, self.enrolled_labels_, "y", "classes_")
        return self._enrol(*insert_rows(self.enrolled_, labels, self._embed(X), y))

    @fit_context(prefer_skip_nested_validation=False)
    def forget(self, labels: Any) -> Self:
        """Remove enrolled classes, including their names, without training.

        The weights of the embedder are not changed, including what was learned from rows of these
        classes. For a training class, a SHA-256 digest of the name is kept, so that later rows of
        this name are not used as impostors. ``classes_`` of the embedder is replaced by integers.
        A ``FrozenEstimator`` is not modified.

        Parameters
        ----------
        labels : label or array-like of shape (n_labels,)
            Enrolled classes to remove; at least one class must remain.

        Returns
        -------
        self : SiameseIdentifier
            Updated estimator; if an error is raised, it is not changed.
        """
        check_is_fitted(self)
        labels = check_known(labels, self.classes_, "labels", "classes_")
        keep = np.flatnonzero(~np.isin(self.enrolled_labels_, labels))
        if len(keep) == 0:
            raise ValueError("labels has all classes, but one must remain; to restart, call fit.")
        with restore_on_error(self):
            is_forgotten = np.isin(self.learned_classes_, labels)
            if is_forgotten.any():
                self._forgotten_ = np.union1d(
                    self._forgotten_, digests(self.learned_classes_[is_forgotten])
                )
                self.learned_classes_ = self.learned_classes_[~is_forgotten]
                self.embedder_ = anonymize_classes(self.embedder_)
            return self._enrol(self.enrolled_[keep], self.enrolled_labels_[keep], keep)

    def kneighbors(self, X: MatrixLike, n_neighbors: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest templates of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        n_neighbors : int, default=1
            Number of templates for each row, >= 1.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Distances to the templates, in ascending order.

        templates : ndarray of int of shape (n_samples, n_neighbors)
            Indices of the templates in ``templates_`` and ``template_labels_``.
        """
        Z = self._embed(X)
        most = len(self.templates_)
        if not isinstance(n_neighbors, Integral) or not 1 <= n_neighbors <= most:
            raise ValueError(
                f"n_neighbors must be an int from 1 to {most}, the number of templates, got "
                f"{n_neighbors!r}."
            )
        return self._nearest(Z, int(n_neighbors))

    def class_distances(self, X: MatrixLike) -> np.ndarray:
        """Compute the distance to the nearest template of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        D : ndarray of shape (n_samples, n_classes)
            Distances >= 0, in the order of ``classes_``.
        """
        return distances_to_classes(self._embed(X), *self._gallery)

    def decision_function(self, X: MatrixLike) -> np.ndarray:
        """Compute the score of each class, by default its negative distance.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Negative :meth:`class_distances`. With ``n_neighbors`` > 1, the number of votes minus
            the rank of the distance, from 0 for the nearest class to below 1 for the farthest. For
            two classes, a 1d array as usual in scikit-learn: the score of ``classes_[1]`` minus the
            score of ``classes_[0]``.
        """
        Z = self._embed(X)
        D = distances_to_classes(Z, *self._gallery)
        scores = -D if self.n_neighbors == 1 else vote_scores(self._votes(Z), D)
        return scores if len(self.classes_) != 2 else scores[:, 1] - scores[:, 0]

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Predict the class of the nearest templates, or ``unknown_label`` if it is too far away.

        The ``n_neighbors`` nearest templates vote. A row is rejected if the nearest template of the
        class with the most votes is farther than ``threshold_``. Ties of distances are broken by
        the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predicted labels.

        Raises
        ------
        ValueError
            If ``target_far`` was changed after the threshold was chosen, or a distance of a row
            is not finite.
        """
        check_is_fitted(self)
        self._check_target_far()
        distances, templates = self._nearest(self._embed(X), self.n_neighbors)
        labels = self.template_labels_[templates]
        winner = np.arange(len(labels)), winners(labels)
        distances, labels = distances[winner], labels[winner]
        if self.unknown_label_ is None:
            return labels
        names = "unknown_label_", "classes_"
        unknown, known = to_common_dtype([self.unknown_label_], self.classes_, *names)
        return np.where(distances <= self.threshold_, labels.astype(known.dtype), unknown)

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Predict the probability of each class, given that a row is of an enrolled class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Softmax of the negative distances divided by ``temperature_``, in the order of
            ``classes_``. With ``n_neighbors`` > 1, the share of votes, in which the softmax counts
            as one vote.

        Notes
        -----
        The temperature minimizes the log loss on at most 1,000 enrolled rows, with each row
        excluded from its own templates. Only rows of classes that the embedder was not trained on
        are used, if one of these classes has two rows. If no class has two rows, the temperature
        is a quarter of the median distance to the nearest other class.
        """
        Z = self._embed(X)
        proba = softmax(-distances_to_classes(Z, *self._gallery) / self.temperature_, axis=1)
        if self.n_neighbors == 1:
            return proba
        proba += self._votes(Z)
        return proba / proba.sum(axis=1, keepdims=True)

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of :meth:`predict`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Labels of the rows, with a type that can be compared exactly with ``classes_``.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. By default all weights are equal.

        Returns
        -------
        accuracy : float
            Proportion of correctly labeled rows, in [0, 1].

        Raises
        ------
        ValueError
            If the labels in y and ``classes_`` are of different kinds.
        """
        y, predicted = to_common_dtype(y, self.predict(X), "y", "classes_")
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def verify(self, X: MatrixLike, claimed: ArrayLike) -> np.ndarray:
        """Verify whether each row is of a claimed class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        claimed : array-like of shape (n_samples,)
            Enrolled class claimed for each row.

        Returns
        -------
        accepted : ndarray of bool of shape (n_samples,)
            Whether the distance to a template of the class is at most ``threshold_``, chosen for
            ``target_far``.

        Raises
        ------
        ValueError
            If ``target_far`` is None or was changed after the threshold was chosen, or a claimed
            class is not enrolled.
        """
        Z = self._embed(X)
        self._check_target_far()
        if self.unknown_label_ is None:
            raise ValueError("verify needs a threshold; set target_far and call fit.")
        claimed = check_known(claimed, self.classes_, "claimed", "classes_")
        check_consistent_length(Z, claimed)
        return distances_to_claimed(Z, claimed, *self._gallery) <= self.threshold_

    def _embedder_or_default(self):
        """Return the embedder, by default a SiameseEmbedder."""
        default = SiameseEmbedder(random_state=self.random_state)
        return default if self.embedder is None else self.embedder

    def _embed(self, X):
        """Validate and embed rows with the fitted embedder."""
        check_is_fitted(self)
        check_rows(X)
        return self._checked_transform(X, self.enrolled_.shape[1])

    def _checked_transform(self, X, n_components=None):
        """Embed rows and validate the embeddings."""
        with argument_errors("embedder", UNFIT, "X"):
            Z = self.embedder_.transform(X)
        return check_embeddings(Z, X, n_components)

    def _nearest(self, Z, n_neighbors):
        """Return the distances and indices of the nearest templates, of all if there are fewer."""
        templates, _, metric = self._gallery
        most = min(n_neighbors, len(templates))
        return nearest_templates(Z, templates, self.neighbors_, self._origin_, metric, most)

    def _votes(self, Z):
        """Return the votes of the nearest templates for each class."""
        labels = self.template_labels_[self._nearest(Z, self.n_neighbors)[1]]
        return count_votes(np.searchsorted(self.classes_, labels), len(self.classes_))

    def _check_target_far(self):
        """Raise if the threshold was chosen for another rate than ``target_far``."""
        if self.target_far != self._target_far_:
            raise ValueError(
                f"target_far was set to {self.target_far} after a threshold was chosen for "
                f"{self._target_far_}; call fit, or enroll or forget classes, to update it."
            )

    def _enrol(self, Z, y, source):
        """Enroll embeddings and update all fitted attributes; restore them if that fails.

        Rows are sorted by class. ``source`` has their previous numbers, and -1 for new rows.
        """
        with restore_on_error(self):
            before = self.enrolled_.dtype, self._strategy_, self._metric_
            if before != (Z.dtype, self.strategy, self.metric):
                source = np.full(len(y), -1)
            self._strategy_, self._metric_ = self.strategy, self.metric
            self._target_far_ = self.target_far
            template_source = self._set_templates(Z, y, source)
            self._index_templates(template_source)
            learned = self._mark_learned()
            self._temperature_ = None
            self.unknown_label_, self.threshold_ = None, np.inf
            if self.target_far is None:
                self._others_ = NearestOthers.unknown(len(y))
            else:
                self.unknown_label_ = resolve_unknown_label(self.unknown_label, self.classes_)
                self._choose_threshold(np.flatnonzero(~learned), template_source < 0)
                if self.threshold_ == -np.inf:
                    warnings.warn(self._few_classes_message(), stacklevel=4)
        return self

    def _set_templates(self, Z, y, source):
        """Set the enrolled rows and the templates; return the previous numbers of the templates.

        The numbers are -1 for new templates.
        """
        codes, first, old_codes = (
            class_codes(y),
            class_starts(y),
            class_codes(self.enrolled_labels_),
        )
        is_new = source < 0
        if self.strategy == "nearest":
            sources = class_sources(is_new[first], first, source, old_codes)
            templates, labels = Z, y
        else:
            is_new = np.logical_or.reduceat(is_new, first)
            sources = class_sources(is_new, first, source, old_codes)
            templates = update_prototypes(Z, codes, sources, self.templates_)
            labels = y[first]
        self.enrolled_, self.enrolled_labels_, self.classes_ = Z, y, y[first]
        self.templates_, self.template_labels_ = templates, labels
        self._others_ = self._others_.keep(source, sources)
        return source if self.strategy == "nearest" else sources

    def _index_templates(self, source):
        """Update the index of the templates, or build it with their mean as the origin."""
        if (source >= 0).any():
            updated = update_index(
                self.neighbors_,
                self.neighbors,
                self.templates_,
                source,
                self._origin_,
                self._metric_,
            )
            if updated is not None:
                self.neighbors_ = updated
                return
        self._origin_ = self.templates_.mean(axis=0, dtype=np.float64)
        self.neighbors_ = fit_index(self.templates_, self._origin_, self.neighbors, self._metric_)

    def _choose_threshold(self, rows, is_new):
        """Choose the threshold on rows of classes that are new to the embedder."""
        codes = class_codes(self.enrolled_labels_)
        has_enough = len(class_starts(codes[rows])) >= min_n_classes(self.target_far)
        rows = rows[impostor_rows(codes[rows])] if has_enough else rows[:0]
        gallery = self.templates_, class_codes(self.template_labels_), is_new, self._metric_
        self._others_ = self._others_.update(rows, self.enrolled_, codes, *gallery)
        distances = self._others_.distances[rows]
        self.threshold_ = rejection_threshold(distances, codes[rows], self.target_far)

    def _choose_temperature(self):
        """Return the temperature with the least log loss on enrolled rows."""
        labels, (templates, _, metric) = self.enrolled_labels_, self._gallery
        learned = np.isin(self.classes_, self.learned_classes_)[class_codes(labels)]
        return choose_temperature(self.enrolled_, labels, learned, templates, metric)

    def _few_classes_message(self):
        """Return the warning that there are too few classes new to the embedder."""
        n_enrolled = len(self.classes_)
        n_classes = n_enrolled - len(self.learned_classes_)
        trained = not isinstance(self.embedder_, FrozenEstimator)
        return few_classes_message(self.target_far, n_classes, n_enrolled, trained=trained)

    def _mark_learned(self):
        """Update ``learned_classes_``, with re-enrolled ones; return the mask of their rows."""
        learned = np.isin(self.classes_, self.learned_classes_.astype(self.classes_.dtype))
        if len(self._forgotten_):
            learned |= np.isin(digests(self.classes_), self._forgotten_)
        self.learned_classes_ = self.classes_[learned]
        return learned[class_codes(self.enrolled_labels_)]

    @property
    def temperature_(self) -> float | None:
        """Divisor of the distances in :meth:`predict_proba`, > 0."""
        check_is_fitted(self)
        if self._temperature_ is None:
            self._temperature_ = self._choose_temperature()
        return self._temperature_

    @property
    def _gallery(self):
        """Templates, their labels and the metric."""
        return self.templates_, self.template_labels_, self._metric_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self._embedder_or_default()).input_tags
        return tags
