"""SiameseIdentifier: a classifier that enrols after training and knows whom it does not know."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing, check_consistent_length, get_tags, indexable
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._base import BaseSiamese
from ._checks import HasMethods, Interval, argument_errors
from ._embedder import SiameseEmbedder
from ._gallery._distances import METRICS, distances_to_claimed, distances_to_classes
from ._gallery._enrolment import (
    anonymize_classes,
    as_class_labels,
    check_embeddings,
    check_rows,
    digests,
    prototypes,
    resolve_unknown_label,
    training_mask,
)
from ._gallery._rejection import few_classes_message, rejection_threshold
from ._gallery._search import fit_index, nearest_templates
from ._gallery._temperature import choose_temperature
from ._labels import as_labels, check_known, to_common_dtype
from ._rollback import restore_on_error

UNFIT = "fails on the rows of X; convert them first, or choose one that takes them"
"""What is said of an embedder that raises an error."""


class SiameseIdentifier(ClassifierMixin, BaseEstimator):
    """Enrol rows with labels, and say of others whose they are, or that nobody knows them.

    ``fit`` trains an embedder, or takes a ``FrozenEstimator``, and enrols embeddings;
    ``partial_fit`` enrols more rows and classes without training. A row gets the label of the
    nearest *template*, or ``unknown_label`` where even that is too far away.

    Read more in the :ref:`User Guide <identify>`.

    Parameters
    ----------
    embedder : transformer, default=None
        What embeds a row: any transformer of scikit-learn. ``fit`` trains a clone of it, and
        uses a ``FrozenEstimator`` as it is. By default a :class:`SiameseEmbedder`.
    strategy : {"nearest", "prototype"}, default="prototype"
        Whether each enrolled row is a template, or the mean of each class.
    metric : str or callable, default="euclidean"
        Distance between embeddings, "manhattan" for an embedder of that distance: as for
        ``pairwise_distances``, without "braycurtis", "mahalanobis", "precomputed", "seuclidean".
    neighbors : object, default=None
        Index that finds the nearest templates, by ``metric``, too: it has ``fit``, and
        ``kneighbors`` like ``NearestNeighbors`` or a ``transform`` to a sparse graph of distances
        like ``KNeighborsTransformer``. By default a brute search by ``NearestNeighbors``.
    target_far : float, default=None
        False-accept rate, the share of rows of classes never enrolled that get a label all
        the same, in (0, 1); kept on average over enrolments. It takes ``2 / target_far - 1``
        enrolled classes that are new to the embedder: with fewer every row is rejected. By
        default no row is.
    validation_fraction : float, default=0.2
        Share of the classes that an embedder is not trained on, but which are enrolled, to
        choose a threshold for ``target_far`` on them, in (0, 1).
    unknown_label : int, float or str, default=None
        What ``predict`` gives with ``target_far`` where it rejects; a label of no class. By
        default -1, or "unknown" for classes that are strings.
    random_state : int, RandomState instance or None, default=None
        Source of the default embedder, and of the choice of classes to keep from one.

    Attributes
    ----------
    embedder_ : transformer
        The fitted embedder.
    learned_classes_ : ndarray of shape (n_learned_classes,)
        The enrolled classes that ``fit`` trained the embedder on; none for a ``FrozenEstimator``.
    classes_ : ndarray of shape (n_classes,)
        The classes enrolled.
    enrolled_ : ndarray of shape (n_enrolled, n_components)
        Embeddings of all enrolled rows, class by class.
    enrolled_labels_ : ndarray of shape (n_enrolled,)
        Their labels.
    templates_ : ndarray of shape (n_templates, n_components)
        What rows are compared with, class by class.
    template_labels_ : ndarray of shape (n_templates,)
        Their labels.
    neighbors_ : object
        Index of the templates: less their mean for Euclidean metrics, of unit length for
        "cosine" and "correlation".
    threshold_ : float
        Greatest distance to the nearest template at which a row gets a label: inf without
        ``target_far``, and -inf with it while there are too few classes to choose it by.
    temperature_ : float
        Distance by which :meth:`predict_proba` divides, > 0.
    unknown_label_ : int, float, str or None
        What ``predict`` gives where it rejects; None without ``target_far``.
    n_features_in_ : int
        Number of columns of X, which have ``feature_names_in_`` if all names are strings.

    See Also
    --------
    SiameseEmbedder : Learns the embedding.
    SiameseVerifier : Says of two rows whether they match.

    Notes
    -----
    The threshold is chosen anew at each enrolment, for the ``target_far`` of that time. Enrolled
    rows of classes that ``fit`` has not trained on play impostors: they meet the templates of all
    other classes, as if their own had never been enrolled. The threshold lets one more class of
    the same kind be accepted at a rate of ``target_far`` at most, whatever the distribution, on
    average over enrolments; :ref:`false_accept_rate` has the proof. A ``FrozenEstimator`` must not
    have learned from what is enrolled: nothing is promised for classes that it has learned.

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
    >>> identifier.score(X[1000:], y[1000:]) > 0.9
    True
    >>> identifier.forget([3, 8]).classes_
    array([0, 1, 2, 4, 5, 6, 7, 9])
    """

    _doc_link_module = BaseSiamese._doc_link_module
    _doc_link_template = BaseSiamese._doc_link_template

    _parameter_constraints: dict = {
        "embedder": [HasMethods(["fit", "transform"]), None],
        "strategy": [StrOptions({"nearest", "prototype"})],
        "metric": [StrOptions(METRICS), callable],
        "neighbors": [HasMethods(["fit", "kneighbors"]), HasMethods(["fit", "transform"]), None],
        "target_far": [Interval(Real, 0, 1, closed="neither"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "unknown_label": [Real, str, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        embedder=None,
        *,
        strategy="prototype",
        metric="euclidean",
        neighbors=None,
        target_far=None,
        validation_fraction=0.2,
        unknown_label=None,
        random_state=None,
    ):
        self.embedder = embedder
        self.strategy = strategy
        self.metric = metric
        self.neighbors = neighbors
        self.target_far = target_far
        self.validation_fraction = validation_fraction
        self.unknown_label = unknown_label
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Train the embedder, unless it is frozen, and enrol all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as the embedder takes them.

        y : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        self : SiameseIdentifier
            The fitted estimator, which knows nobody else; as it was before after an error.
        """
        with restore_on_error(self):
            check_rows(X)
            validate_data(self, X, y, skip_check_array=True)
            y = as_class_labels(X, y)
            embedder = clone(self._embedder_or_default())
            frozen = isinstance(embedder, FrozenEstimator)
            learn = np.full(len(y), True)
            if self.target_far is not None and not frozen:
                learn = training_mask(y, self.validation_fraction, self.random_state)
            part = (X, y) if learn.all() else (_safe_indexing(*indexable(X), learn), y[learn])
            with argument_errors("embedder", UNFIT, "X", "y"):
                self.embedder_ = embedder.fit(*part)
            self.learned_classes_ = np.unique(y[:0] if frozen else y[learn])
            self._forgotten_ = digests(y[:0])
            return self._enrol(self._checked_transform(X), y)

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None):
        """Enrol more rows, of new classes too, without training; a first call is ``fit``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Their labels.

        classes : array-like of shape (n_classes,), default=None
            The labels that y may have. By default any.

        Returns
        -------
        self : SiameseIdentifier
            The estimator, which knows these rows as well; as it was before after an error.
        """
        if classes is not None:
            check_known(y, as_labels(classes, "classes"), "y", "classes")
        if not hasattr(self, "embedder_"):
            return self.fit(X, y)
        check_rows(X)
        y = as_class_labels(X, y)
        labels = np.concatenate(to_common_dtype(y, self.enrolled_labels_, "y", "classes_")[::-1])
        return self._enrol(np.concatenate([self.enrolled_, self._embed(X)]), labels)

    @_fit_context(prefer_skip_nested_validation=False)
    def forget(self, labels):
        """Remove classes, and their names, without training.

        What the embedder has learned from their rows stays in its weights. Of a class that it was
        trained on, a SHA-256 digest of the name is kept, so that rows enrolled under this name
        later do not count as new to the embedder. Its ``classes_`` become numbers. An embedder
        that was passed as a ``FrozenEstimator`` is left as it is.

        Parameters
        ----------
        labels : label or array-like of shape (n_labels,)
            Enrolled classes, not all.

        Returns
        -------
        self : SiameseIdentifier
            The estimator, which does not know them any more; as it was before after an error.
        """
        check_is_fitted(self)
        labels = check_known(labels, self.classes_, "labels", "classes_")
        keep = ~np.isin(self.enrolled_labels_, labels)
        if not keep.any():
            raise ValueError("labels has all classes, but one must stay; to start anew, call fit.")
        with restore_on_error(self):
            gone = np.isin(self.learned_classes_, labels)
            if gone.any():
                self._forgotten_ = np.union1d(
                    self._forgotten_, digests(self.learned_classes_[gone])
                )
                self.learned_classes_ = self.learned_classes_[~gone]
                self.embedder_ = anonymize_classes(self.embedder_)
            return self._enrol(self.enrolled_[keep], self.enrolled_labels_[keep])

    def kneighbors(self, X, n_neighbors=1):
        """Nearest templates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        n_neighbors : int, default=1
            How many, >= 1.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Distances to them, the least first.

        templates : ndarray of int of shape (n_samples, n_neighbors)
            Their numbers, in ``templates_`` and ``template_labels_``.
        """
        Z = self._embed(X)
        most = len(self.templates_)
        if not isinstance(n_neighbors, Integral) or not 1 <= n_neighbors <= most:
            raise ValueError(
                f"n_neighbors must be an int from 1 to {most}, the number of templates, got "
                f"{n_neighbors!r}."
            )
        templates, _, metric = self._gallery
        return nearest_templates(
            Z, templates, self.neighbors_, self._origin_, metric, int(n_neighbors)
        )

    def class_distances(self, X):
        """Distance to the nearest template of every class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        D : ndarray of shape (n_samples, n_classes)
            Distances >= 0, in the order of ``classes_``.
        """
        return distances_to_classes(self._embed(X), *self._gallery)

    def decision_function(self, X):
        """Negative distance to every class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Negatives of :meth:`class_distances`; of two classes, as scikit-learn wants it, one
            number: how much nearer ``classes_[1]`` is.
        """
        D = self.class_distances(X)
        return -D if len(self.classes_) != 2 else D[:, 0] - D[:, 1]

    def predict(self, X):
        """Label of the nearest template, or ``unknown_label`` if it is too far away.

        Of classes at the same distance the first gets the row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.

        Raises
        ------
        ValueError
            If ``target_far`` was set after the threshold was chosen, or a row has no finite
            distance to a template.
        """
        check_is_fitted(self)
        self._check_target_far()
        distances, templates = (found[:, 0] for found in self.kneighbors(X))
        labels = self.template_labels_[templates]
        if self.unknown_label_ is None:
            return labels
        names = "unknown_label_", "classes_"
        unknown, known = to_common_dtype([self.unknown_label_], self.classes_, *names)
        return np.where(distances <= self.threshold_, labels.astype(known.dtype), unknown)

    def predict_proba(self, X):
        """Probability of every class, as if one of them had to be right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Softmax of the negative distances over ``temperature_``, in the order of ``classes_``.

        Notes
        -----
        The temperature has the least log loss on at most 1,000 enrolled rows, each compared with
        templates made without it. They are of classes that the embedder was not trained on, if
        one of these has two rows. If no class has two rows, it is a quarter of the median
        distance to the nearest other class.
        """
        return softmax(-self.class_distances(X) / self.temperature_, axis=1)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy of :meth:`predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Their labels, of the kind of ``classes_``: none of them is converted inexactly.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. By default all count alike.

        Returns
        -------
        accuracy : float
            Share of rows that get their label, in [0, 1].

        Raises
        ------
        ValueError
            If y has labels of another kind than ``classes_``.
        """
        y, predicted = to_common_dtype(y, self.predict(X), "y", "classes_")
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def verify(self, X, claimed):
        """Whether each row is near enough to a class that it claims to be of.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        claimed : array-like of shape (n_samples,)
            Enrolled classes.

        Returns
        -------
        accepted : ndarray of bool of shape (n_samples,)
            Whether a template of the class is within ``threshold_``, which keeps ``target_far``.

        Raises
        ------
        ValueError
            If there is no ``target_far``, or it was set after the threshold was chosen, or a
            claimed class is not enrolled.
        """
        Z = self._embed(X)
        self._check_target_far()
        if self.unknown_label_ is None:
            raise ValueError("verify needs a threshold; set target_far and call fit.")
        claimed = check_known(claimed, self.classes_, "claimed", "classes_")
        check_consistent_length(Z, claimed)
        return distances_to_claimed(Z, claimed, *self._gallery) <= self.threshold_

    def _embedder_or_default(self):
        default = SiameseEmbedder(random_state=self.random_state)
        return default if self.embedder is None else self.embedder

    def _embed(self, X):
        check_is_fitted(self)
        check_rows(X)
        return self._checked_transform(X, self.enrolled_.shape[1])

    def _checked_transform(self, X, n_components=None):
        """Return the embeddings of rows, checked."""
        with argument_errors("embedder", UNFIT, "X"):
            Z = self.embedder_.transform(X)
        return check_embeddings(Z, X, n_components)

    def _check_target_far(self):
        """Raise if the threshold was chosen for another rate than ``target_far``."""
        if self.target_far != self._target_far_:
            raise ValueError(
                f"target_far was set to {self.target_far} after a threshold was chosen for "
                f"{self._target_far_}; call fit, or enrol or forget classes, to choose it anew."
            )

    def _enrol(self, Z, y):
        """Set everything that follows from the enrolled rows, or nothing if that fails."""
        with restore_on_error(self):
            order = np.argsort(y, kind="stable")
            self.enrolled_ = self.templates_ = Z[order]
            self.enrolled_labels_ = self.template_labels_ = y[order]
            self.classes_ = np.unique(y)
            if self.strategy == "prototype":
                self.templates_ = prototypes(self.enrolled_, self.enrolled_labels_)
                self.template_labels_ = self.classes_
            self._metric_, self._target_far_ = self.metric, self.target_far
            self._origin_ = self.templates_.mean(axis=0, dtype=np.float64)
            self.neighbors_ = fit_index(
                self.templates_, self._origin_, self.neighbors, self._metric_
            )
            learned = self._mark_learned()
            self.temperature_ = choose_temperature(
                self.enrolled_, self.enrolled_labels_, learned, self.templates_, self._metric_
            )
            self.unknown_label_, self.threshold_ = None, np.inf
            if self.target_far is not None:
                self.unknown_label_ = resolve_unknown_label(self.unknown_label, self.classes_)
                new = self.enrolled_[~learned], self.enrolled_labels_[~learned]
                self.threshold_ = rejection_threshold(
                    *new, *self._gallery, target_far=self.target_far
                )
                if self.threshold_ == -np.inf:
                    warnings.warn(self._few_classes_message(new[1]), stacklevel=4)
        return self

    def _few_classes_message(self, new_labels):
        """Return the warning that there are too few classes new to the embedder."""
        n_classes, n_enrolled = len(np.unique(new_labels)), len(self.classes_)
        trained = not isinstance(self.embedder_, FrozenEstimator)
        return few_classes_message(self.target_far, n_classes, n_enrolled, trained=trained)

    def _mark_learned(self):
        """Set ``learned_classes_``, with those that are back; return which rows are of them."""
        learned = np.isin(self.classes_, self.learned_classes_.astype(self.classes_.dtype))
        if len(self._forgotten_):
            learned |= np.isin(digests(self.classes_), self._forgotten_)
        self.learned_classes_ = self.classes_[learned]
        return np.isin(self.enrolled_labels_, self.learned_classes_)

    @property
    def _gallery(self):
        return self.templates_, self.template_labels_, self._metric_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self._embedder_or_default()).input_tags
        return tags
