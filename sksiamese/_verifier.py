"""SiameseVerifier: a classifier of pairs of items as match or non-match."""

from collections.abc import Callable
from functools import partial
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from ._base import VALIDATION_WANTED, has_no_validation_split
from ._checks import argument_errors, fit_context
from ._labels import as_labels, check_known
from ._pair_estimator import BasePairEstimator
from ._rollback import restore_on_error
from ._training._all_pairs_task import AllPairsTask, identities_of_items
from ._training._pairs import head_logits
from ._training._tower import TowerSpec
from ._training._validation import ScorerData, has_validation_data
from ._training._verification_task import (
    VerificationTask,
    pair_weights,
)
from ._typing import MatrixLike, RandomStateLike
from .batches import SAMPLERS
from .heads import HEADS
from .pairs._make import pairs_of_rows

EMPTY_ITEM_LOGIT = -1e9
"""Logit of a pair with an item that has only NaN."""


class SiameseVerifier(ClassifierMixin, BasePairEstimator):
    """Classify pairs of items as match or non-match, with a probability.

    A tower embeds both items of a pair, and a head computes the logit of a match from the two
    embeddings. The result does not depend on the order of the items. Tower and head are trained
    together on the logistic loss of the logit plus the contrastive loss of the distance between
    the embeddings. The weight of the contrastive loss decreases linearly from 2 to 0 over
    ``max_iter`` epochs.

    Read more in the :ref:`User Guide <verify>`.

    Parameters
    ----------
    n_components : int, default=128
        Size of the embedding, >= 1.

    learned_weight : float or "auto", default="auto"
        Weight of the learned part of the embedding, in (0, 1]. With 1.0, all components are
        learned. Otherwise half of the components, but at most ``n_features``, are principal
        components of the items, standardized or unscaled, which do not overfit the training
        identities. "auto" increases with the number of identities; see :ref:`identities`. It is
        1.0 for fewer than 32 components, for a ``head`` or ``distance`` of your own, and for
        towers without the attribute ``plain_items``: all except "cnn" and "mlp", unless a tower
        of your own has it.

    tower : {"cnn", "mlp", "tdnn"} or callable, default="mlp"
        Network that embeds one item: a name in :data:`sksiamese.towers.TOWERS`, or a
        callable like those in that module, such as a subclass of ``nn.Module``. Items are
        scaled first, see ``scaling``.

    depth : int, default=None
        Number of weight layers of the "mlp", including the output layer, of blocks of the
        "cnn", or of convolutions of the "tdnn", >= 1. By default the ``depth`` of the tower, such
        as 2 for the "mlp"; set it for a callable without a default.

    width : int, default=None
        Number of units of each hidden layer, or of channels (for the "cnn" in its first block),
        >= 1. By default the ``width`` of the tower, such as 512 for the "mlp"; set it for a
        callable without a default.

    activation : str or callable, default=None
        Activation of the hidden layers of the tower: "elu", "gelu", "identity", "leaky_relu",
        "logistic", "relu", "silu", "tanh", or a callable without arguments that returns a
        module for each layer, such as ``torch.nn.Mish``. None is the default of the tower, "relu"
        for "mlp", "cnn" and "tdnn".

    normalization : {"batch", "layer"} or None, default=None
        Normalization of the hidden units before the activation: of each unit over the rows of a
        batch in training ("batch"; not for "tdnn"), or over the units of each row ("layer"). None
        is the default of the tower: none for "mlp", groups of channels for "cnn", and "layer" for
        "tdnn".

    shortcuts : bool, default=False
        Whether each hidden layer of the tower adds its input to its output, as in residual
        networks. A linear map of the input changes the number of units if necessary.

    input_shape : tuple of int, default=None
        Shape of one item for the tower, such as ``(28, 28)``; its product is the number
        of features of an item. By default items are flat.

    scaling : {"auto", "columns", "shared"} or None, default="auto"
        Scaling of the items before the tower, fitted to the training rows:

        - "columns": subtract the mean of each column, and divide by its standard deviation.
        - "shared": the same with one mean and deviation for each channel, for all steps or
          pixels. The channels are the first of three or more axes of ``input_shape``; the
          tower "tdnn" reads (n_steps, n_channels). All other items have one channel.
        - None: items are not changed. Integers are passed as floats.
        - "auto": the attribute ``scaling`` of the tower, see :mod:`sksiamese.towers`:
          "columns" for "mlp", "shared" for "cnn" and "tdnn", None for
          :func:`~sksiamese.towers.pretrained`, and for each cue of
          :func:`~sksiamese.towers.multi_cue` the attribute of its tower. For a tower without
          it: None if its first layer with weights is an ``nn.Embedding``, otherwise "shared"
          if ``input_shape`` has three or more axes, and "columns" if not.

        Sparse rows are divided by the root mean square of each column for "columns", and of
        all values for "shared" and "auto"; they are never centered, so that zeros stay zeros.

    dropout : float, default=0.0
        Share of hidden units to set to zero in each training step, in [0, 1).

    augment : callable, default=None
        Function that changes the items of a batch during training: ``augment(items, generator)``
        receives a tensor of shape ``(n, *input_shape)`` and returns a new one; see
        :mod:`sksiamese.augment`.

    head : {"adaptive_distance", "cosine", "distance", "mlp", "weighted_l1", \
            "weighted_manhattan"} or callable, default="adaptive_distance"
        Module that computes the logit from two embeddings: a name in
        :data:`sksiamese.heads.HEADS`, or a callable that accepts ``n_components`` and returns
        such a module. "distance" needs a margin.

    margin : float, "auto" or None, default="auto"
        Required distance between the items of a non-matching pair, > 0, in the unit of
        ``distance``. "auto" is the square root of the number of learned components for
        "manhattan" and "sqeuclidean", which add up the differences of components, and 1.0 for
        other distances. With None, train on the logistic loss only.

    distance : {"chord", "cosine", "euclidean", "manhattan", "sqeuclidean"} or callable, \
            default="euclidean"
        Distance between embeddings: a name in :data:`sksiamese.distances.DISTANCES`, or a
        callable like those in that module.

    sampler : {"balanced", "shuffled"}, callable or None, default=None
        None trains on the pairs that are passed to ``fit``. With a sampler, an epoch draws batches
        of items by their identities, ``groups`` in ``fit``, and trains on all pairs of each batch:
        many more pairs for the same number of embeddings. Matches and non-matches have the total
        weights of the pairs that are passed. It is the name of a sampler in
        :data:`sksiamese.batches.SAMPLERS`, or a callable like those in :mod:`sksiamese.batches`.
        :meth:`fit_rows` uses "balanced" by default.

    batch_size : int, default=64
        Maximum number of pairs in a batch, or of items with a ``sampler``, >= 2.

    max_iter : int, default=30
        Maximum number of epochs, >= 1.

    optimizer : {"adamw", "sgd"} or callable, default="adamw"
        Optimizer: "adamw", "sgd" with a momentum of 0.9, or a callable
        ``optimizer(params, lr=...)`` that returns a ``torch.optim.Optimizer``, such as
        ``functools.partial(torch.optim.RMSprop, alpha=0.9)``. See :ref:`training`.

    learning_rate_init : float, default=2e-3
        Step size of the optimizer, > 0, which ``learning_rate`` multiplies.

    learning_rate : {"linear", "constant", "cosine", "one_cycle"} or callable, default="linear"
        Factor of the step size, set before each epoch of ``fit``: "linear" and "cosine" decrease
        it from 1 toward 0 over ``max_iter`` epochs, "one_cycle" increases it from 0.04 to 1 in the
        first 30 % of the epochs and decreases it afterwards. A callable maps the share of the
        epochs that are over, in [0, 1), to the factor, >= 0.

    weight_decay : float, default=1.0
        Weight decay, >= 0. For "adamw" it is decoupled, in units of the step size: each step
        subtracts ``weight_decay`` times the step size times the weight from each weight. For
        "sgd" it is added to the gradient, multiplied by the weight. Ignored by a callable
        ``optimizer``.

    max_grad_norm : float, default=None
        Maximum norm of the gradient of all weights in each step, > 0. Longer gradients are
        shortened to this norm. By default they are not changed.

    tol : float, default=1e-4
        Minimum improvement of the loss or of the validation score, >= 0.

    n_iter_no_change : int, default=10
        Maximum number of consecutive epochs without an improvement of ``tol``, >= 1.

    early_stopping : bool, default=False
        Whether to monitor a validation score instead of the training loss, and keep the best
        weights. Validation pairs are held out, or passed to ``fit`` as ``X_val`` and ``y_val``.
        Pairs that are held out at random share items and identities with training pairs, so that
        the score overestimates performance on unseen identities; pass ``groups`` to ``fit`` to
        hold out identities instead.

    scoring : str, callable or None, default=None
        Validation score, greater is better: the name of a scorer of scikit-learn, such as
        "roc_auc", or a callable ``scorer(estimator, X, y)``. It is called with the validation
        pairs and a copy of the estimator that is fitted up to the current epoch, after each epoch
        and once before training; ``sample_weight`` is passed if the validation pairs have weights
        or ``class_weight`` is set. With None, the score is the weighted accuracy.

    validation_fraction : float, default=0.1
        Share of the pairs to hold out, stratified, with ``early_stopping``, in (0, 1). If
        ``groups`` are passed to ``fit``, the pairs of held-out identities are used instead; the
        share of these identities is the square root of ``validation_fraction``: 0.1 holds out
        about 32 of 100 identities, 0.01 about 10. Ignored if ``X_val`` is passed to ``fit``.

    class_weight : dict, "balanced" or None, default=None
        Weights of the two labels, as in scikit-learn; they multiply ``sample_weight``.

    warm_start : bool, default=False
        Whether ``fit`` continues to train the fitted tower instead of a new one.

    random_state : int, RandomState instance or None, default=None
        Controls initial weights, batches, dropout and the validation split. Pass an int for
        reproducible results, which do not depend on the global random generators.

    device : str, default="auto"
        Device of the computation: "cpu", "cuda", "cuda:1", ...; "auto" uses a CUDA device if
        there is one, and keeps small data on it during training. The fitted tower is always
        stored on the CPU.

    precision : {"bfloat16", "float32"} or None, default=None
        Precision of the computation. None keeps the precision of X, float32 or float64;
        "float32" computes in float32 also for float64; "bfloat16" in addition computes matrix
        products and convolutions of the training in bfloat16, which is faster on processors
        that support it.

    verbose : bool or int, default=0
        Whether to print the loss of every epoch.

    Attributes
    ----------
    tower_ : nn.Sequential
        Trained tower, on the CPU: scaling, reshaping, network.

    head_ : nn.Module
        Trained head, on the CPU.

    classes_ : ndarray of shape (2,)
        Labels; the second one marks a match.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X. Defined only if all of them are strings. For a
        :class:`PairView`, they are made from the names of the columns of the items, as
        ``left__a``, ..., ``right__a``, ....

    n_iter_ : int
        Number of epochs of training, over all fits of the tower.

    loss_curve_ : list of float
        Mean training loss of each epoch.

    history_ : dict of ndarray of shape (n_epochs,)
        ``"loss"`` of each epoch, and measures of a sample of pairs after the epoch: the share
        with a gradient of the contrastive loss (``"active"``), the mean ``"positive_distance"``
        and ``"negative_distance"`` of matching and non-matching pairs, and the mean distance of
        all pairs (``"spread"``).

    validation_scores_ : list of float or None
        Validation score of each epoch of the last fit; None without ``early_stopping``.

    See Also
    --------
    SiameseEmbedder : Learn from rows with classes.
    make_pairs : Draw pairs of rows with classes.

    Notes
    -----
    Pairs are rows of ``2 * n_features`` columns, left item then right item, or arrays of
    shape (n_pairs, 2, ...), which are flattened. With an odd number of columns, the
    middle one belongs to both items, and a warning is issued. The items of a
    :class:`~sksiamese.PairView` are read batch by batch, and each distinct item is embedded
    once.

    In a ``Pipeline``, wrap a transformer before a verifier in a
    :class:`~sksiamese.PairTransformer`; otherwise it transforms both items as one row. If the
    names of the columns show that a transformer made all of them, ``fit`` warns.

    ``predict`` is the sign of ``decision_function``. Use ``TunedThresholdClassifierCV`` of
    scikit-learn to choose another threshold, and ``CalibratedClassifierCV`` to calibrate
    probabilities.

    Cross-validation that splits pairs at random overestimates performance on unseen identities; see
    the figures in :ref:`identities` and use :class:`~sksiamese.PairKFold`.

    References
    ----------
    G. Koch, R. Zemel, R. Salakhutdinov, "Siamese neural networks for one-shot image
    recognition", ICML deep learning workshop, 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseVerifier, make_pairs
    >>> X, y = load_digits(return_X_y=True)
    >>> pairs, match, _ = make_pairs(X[:1000], y[:1000], n_pairs=1500, random_state=0)
    >>> verifier = SiameseVerifier(random_state=0).fit(pairs, match)
    >>> new_pairs, new_match, _ = make_pairs(X[1000:], y[1000:], n_pairs=1000, random_state=0)
    >>> round(verifier.score(new_pairs, new_match), 1)
    0.9
    """

    _parts = ("tower", "head")
    _architecture_names = (*BasePairEstimator._architecture_names, "head", "distance")

    _parameter_constraints: dict = {
        **BasePairEstimator._parameter_constraints,
        "depth": [*BasePairEstimator._parameter_constraints["depth"], None],
        "width": [*BasePairEstimator._parameter_constraints["width"], None],
        "head": [StrOptions(set(HEADS)), callable],
        "margin": [*BasePairEstimator._parameter_constraints["margin"], StrOptions({"auto"}), None],
        "sampler": [StrOptions(set(SAMPLERS)), callable, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_components: int = 128,
        *,
        learned_weight: float | str = "auto",
        tower: str | Callable = "mlp",
        depth: int | None = None,
        width: int | None = None,
        activation: str | Callable | None = None,
        normalization: Literal["batch", "layer"] | None = None,
        shortcuts: bool = False,
        input_shape: tuple[int, ...] | None = None,
        scaling: Literal["auto", "columns", "shared"] | None = "auto",
        dropout: float = 0.0,
        augment: Callable | None = None,
        head: str | Callable = "adaptive_distance",
        margin: float | str | None = "auto",
        distance: str | Callable = "euclidean",
        sampler: str | Callable | None = None,
        batch_size: int = 64,
        max_iter: int = 30,
        optimizer: str | Callable = "adamw",
        learning_rate_init: float = 2e-3,
        learning_rate: str | Callable = "linear",
        weight_decay: float = 1.0,
        max_grad_norm: float | None = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        scoring: str | Callable | None = None,
        validation_fraction: float = 0.1,
        class_weight: dict | str | None = None,
        warm_start: bool = False,
        random_state: RandomStateLike = None,
        device: str = "auto",
        precision: Literal["bfloat16", "float32"] | None = None,
        verbose: bool | int = 0,
    ) -> None:
        self.n_components = n_components
        self.learned_weight = learned_weight
        self.tower = tower
        self.depth = depth
        self.width = width
        self.activation = activation
        self.normalization = normalization
        self.shortcuts = shortcuts
        self.input_shape = input_shape
        self.scaling = scaling
        self.dropout = dropout
        self.augment = augment
        self.head = head
        self.margin = margin
        self.distance = distance
        self.sampler = sampler
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Learn to distinguish matching from non-matching pairs.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            At least two pairs: left item, then right item.

        y : array-like of shape (n_pairs,)
            Two labels. The label that is sorted last marks a match: True, 1, or "same" of
            "different" and "same", but also "mismatch" of "match" and "mismatch".

        sample_weight : array-like of shape (n_pairs,), default=None
            Weight of each pair, >= 0. A weight of 2 is equivalent to two copies of the pair.

        groups : array-like of shape (n_pairs, 2), default=None
            Identities of the left and of the right item of each pair, such as
            ``people[pairs.index]`` for a :class:`PairView` of rows of ``people``. With
            ``early_stopping``, validation pairs then share no identity with training pairs, and
            pairs of a training and a validation identity are not used. A ``sampler`` draws items
            by their identities. Ignored without both, or with ``early_stopping`` alone if
            ``X_val`` is passed.

        X_val : {array-like, sparse matrix, PairView} of shape \
            (n_validation_pairs, 2 * n_features) or (n_validation_pairs, 2, ...), default=None
            Validation pairs for ``early_stopping``. In a ``Pipeline``, they are transformed in the
            same way as X with ``Pipeline(..., transform_input=["X_val"])``.

        y_val : array-like of shape (n_validation_pairs,), default=None
            Labels of the validation pairs; both labels of y must occur.

        sample_weight_val : array-like of shape (n_validation_pairs,), default=None
            Weight of each validation pair, >= 0; multiplied by ``class_weight``. By default all
            are equal.

        Returns
        -------
        self : SiameseVerifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, only one of ``X_val`` and ``y_val`` is passed,
            or they are passed without ``early_stopping``; the estimator is then unchanged.
        """
        validation = X_val, y_val, sample_weight_val
        with restore_on_error(self):
            return self._fit(X, y, sample_weight, groups, validation)

    @fit_context(prefer_skip_nested_validation=True)
    def fit_rows(
        self,
        X: MatrixLike,
        y: ArrayLike,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Learn from rows with classes, on all pairs of the rows of each batch.

        The result classifies pairs, as after :meth:`fit`; rows of the same class match. With
        ``early_stopping``, whole classes are held out. An epoch draws about as many rows as X
        has; for a few thousand rows, increase ``max_iter``, for instance to 100.
        ``GridSearchCV`` calls :meth:`fit` instead. For a search, set a ``sampler``, and pass pairs
        with ``groups``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_features)
            Rows.

        y : array-like of shape (n_rows,)
            Classes of the rows, at least two, at least one of them with two rows.

        X_val : {array-like, sparse matrix, DataFrame} of shape (n_validation_rows, n_features), \
                default=None
            Validation rows for ``early_stopping``.

        y_val : array-like of shape (n_validation_rows,), default=None
            Classes of the validation rows.

        Returns
        -------
        self : SiameseVerifier
            Fitted estimator; ``classes_`` is ``[False, True]``.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, or no two rows match; the estimator is then
            unchanged.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sksiamese import SiameseVerifier, make_pairs
        >>> X, y = load_digits(return_X_y=True)
        >>> verifier = SiameseVerifier(max_iter=10, random_state=0).fit_rows(X[:1000], y[:1000])
        >>> pairs, match, _ = make_pairs(X[1000:], y[1000:], n_pairs=1000, random_state=0)
        >>> verifier.score(pairs, match)
        0.9
        """
        with restore_on_error(self):
            self._check_has_labels(y)
            pairs, match, labels = pairs_of_rows(X, y)
            validation = None, None, None
            if has_validation_data(X_val, y_val, early_stopping=self.early_stopping):
                with argument_errors(*VALIDATION_WANTED):
                    validation = *pairs_of_rows(X_val, y_val)[:2], None
            return self._fit(pairs, match, None, labels[pairs.index], validation, labels)

    @available_if(has_no_validation_split)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a chunk of the pairs; not with ``early_stopping``.

        Items are standardized by the mean and scale of the first chunk, which should be a
        representative sample. The step size and the weight of the contrastive loss, 1, are
        constant; decrease ``learning_rate_init`` after each pass over the data, as ``fit``
        decreases the step size after each epoch. ``class_weight="balanced"``
        balances the classes of each chunk.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs of both labels.

        y : array-like of shape (n_pairs,)
            Labels of the pairs.

        classes : array-like of shape (2,), default=None
            Both labels, for the first call; ignored in subsequent calls. By default the labels
            of the first chunk.

        sample_weight : array-like of shape (n_pairs,), default=None
            Weight of each pair, >= 0. By default all are equal.

        Returns
        -------
        self : SiameseVerifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, or ``sampler`` is set; the estimator is then
            unchanged.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sksiamese import SiameseVerifier, make_pairs
        >>> X, y = load_digits(return_X_y=True)
        >>> verifier = SiameseVerifier(random_state=0)
        >>> for seed in range(20):
        ...     pairs, match, _ = make_pairs(X[:1000], y[:1000], n_pairs=1000, random_state=seed)
        ...     verifier = verifier.partial_fit(pairs, match, classes=[False, True])
        >>> pairs, match, _ = make_pairs(X[1000:], y[1000:], n_pairs=1000, random_state=0)
        >>> round(verifier.score(pairs, match), 1)
        0.9
        """
        if self.sampler is not None:
            raise ValueError(
                f"partial_fit does not use sampler={self.sampler!r}; set sampler=None, or call fit."
            )
        with restore_on_error(self):
            resume = hasattr(self, "tower_")
            minimum = {"ensure_min_samples": 2, "ensure_min_features": 1 if resume else 2}
            self._check_has_labels(y)
            pairs, labels = self._validate(X, as_labels(y, warn=True), reset=not resume, **minimum)
            present, _ = self._encode(labels)
            if resume:
                known = self.classes_
            else:
                known = present if classes is None else np.unique(as_labels(classes, "classes"))
            if len(known) != 2:
                raise ValueError(
                    f"Only binary classification is supported, but there are {len(known)} labels; "
                    "pass y and classes with two labels, the greater for a match."
                )
            labels = check_known(labels, known, "y", "the first call of partial_fit")
            weight = self._pair_weights(pairs, labels, known, sample_weight)
            spec = TowerSpec.of(self, pairs.items, self._item_names())
            match = np.searchsorted(known, labels)
            data = pairs, match, weight, known, None, spec
            task = VerificationTask(self, *data, incremental=True)
            metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
            fit_data = {"X": X, "y": y, "metadata": metadata}
            return self._fit_task(task, fit_data, resume=resume, incremental=True)

    def _fit(self, X, y, sample_weight, groups, validation, labels_of_items=None):
        """Fit to pairs; ``labels_of_items`` are the identities of all items of a view."""
        resume = self.warm_start and hasattr(self, "tower_")
        minimum = {"ensure_min_samples": 2, "ensure_min_features": 2}
        self._check_has_labels(y)
        labels = as_labels(y, warn=True)
        pairs, labels = self._validate(X, labels, reset=not resume, **minimum)
        classes, match = self._encode(labels, resume=resume)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(labels)}; pass y with two labels, the greater for a match."
            )
        weight = self._pair_weights(pairs, labels, classes, sample_weight)
        metadata = {"sample_weight": sample_weight, "groups": groups}
        metadata = {name: value for name, value in metadata.items() if value is not None}
        if groups is not None:
            groups = as_labels(groups, "groups", of_pairs=True)
            check_consistent_length(pairs, groups)
        scorer_data, validation_pairs = self._scorer_data(X, labels, weight, sample_weight), None
        if has_validation_data(*validation, early_stopping=self.early_stopping):
            X_val, _, weight_val = validation
            labels, validation_pairs = self._validate_validation_data(*validation, classes)
            scorer_data = self._scorer_data(X_val, labels, validation_pairs[2], weight_val)
        spec = TowerSpec.of(self, pairs.items, self._item_names())
        data = pairs, match, weight, classes, groups, spec, validation_pairs
        if self.sampler is None and labels_of_items is None:
            task = VerificationTask(self, *data)
        else:
            identities = self._identities(pairs, match, weight, groups, labels_of_items)
            task = AllPairsTask(self, *data, identities=identities)
        return self._fit_task(
            task, {"X": X, "y": y, "metadata": metadata}, scorer_data, resume=resume
        )

    def _identities(self, pairs, match, weight, groups, labels_of_items):
        """Return the identities that a sampler draws by, and their codes for all items."""
        if labels_of_items is not None:
            return np.unique(labels_of_items, return_inverse=True)
        if groups is None:
            raise ValueError(
                f"sampler={self.sampler!r} draws items by their identities; pass the identities "
                "of both items of each pair as groups, call fit_rows, or set sampler=None."
            )
        return identities_of_items(pairs, match, weight, groups)

    def decision_function(self, X: MatrixLike) -> np.ndarray:
        """Return the logit of a match for each pair.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        logit : ndarray of float64 of shape (n_pairs,)
            Logarithm of the odds of a match; above 0 for ``classes_[1]``. It is -1e9 for a pair
            with an item that has only NaN.
        """
        check_is_fitted(self)
        return self._compare(X, partial(head_logits, self.head_), empty_value=EMPTY_ITEM_LOGIT)

    def decision_matrix(self, X_left: MatrixLike, X_right: MatrixLike | None = None) -> np.ndarray:
        """Return the logits of all pairs of the rows of two tables of items.

        Each item is embedded once.

        Parameters
        ----------
        X_left : {array-like, sparse matrix} of shape (n_left, n_features)
            Items, with half as many columns as pairs.

        X_right : {array-like, sparse matrix} of shape (n_right, n_features), default=None
            Items; ``X_left`` by default.

        Returns
        -------
        logit : ndarray of float64 of shape (n_left, n_right)
            Logit of a match of row ``i`` of ``X_left`` and row ``j`` of ``X_right``.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sksiamese import SiameseVerifier
        >>> X, y = load_digits(return_X_y=True)
        >>> verifier = SiameseVerifier(max_iter=10, random_state=0).fit_rows(X[:1000], y[:1000])
        >>> nearest = verifier.decision_matrix(X[1000:], X[:100]).argmax(axis=1)
        >>> float((y[nearest] == y[1000:]).mean())
        0.9
        """
        check_is_fitted(self)
        return self._compare_all(X_left, X_right, self.head_, "logit")

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Return the predicted label of each pair.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            ``classes_[1]`` if the logit is above 0, otherwise ``classes_[0]``.
        """
        match = self.decision_function(X) > 0
        return self.classes_[match.astype(int)]

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Return the probability of both labels for each pair.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        proba : ndarray of float64 of shape (n_pairs, 2)
            Logistic function of the logit, in the order of ``classes_``.
        """
        logit = self.decision_function(X)
        return expit(np.column_stack([-logit, logit]))

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of :meth:`predict`.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        y : array-like of shape (n_pairs,)
            Labels of the pairs.

        sample_weight : array-like of shape (n_pairs,), default=None
            Weights of the pairs. By default all are equal.

        Returns
        -------
        accuracy : float
            Share of correctly classified pairs, in [0, 1].

        Raises
        ------
        ValueError
            If a label is missing or infinite, or the labels have mixed types.
        """
        return super().score(X, as_labels(y), sample_weight)

    def _validate_validation_data(self, X_val, y_val, sample_weight, classes):
        """Return validated labels, and a tuple of pairs, codes and weights."""
        with argument_errors(*VALIDATION_WANTED):
            pairs, labels = self._validate(X_val, as_labels(y_val, "y_val", warn=True), reset=False)
            labels = check_known(labels, classes, "y_val", "y")
            if len(np.unique(labels)) < 2:
                raise ValueError(f"y_val has the label {labels[0]!r} only; pass pairs of both.")
            weight = self._pair_weights(pairs, labels, classes, sample_weight)
        return labels, (pairs, np.searchsorted(classes, labels), weight)

    def _pair_weights(self, pairs, labels, classes, sample_weight):
        """Return the weights of pairs, which are zero for pairs with an item of only NaN."""
        weight = pair_weights(sample_weight, self.class_weight, labels, classes)
        weight = np.where(self._has_empty_item(pairs), 0, weight)
        if not all(weight[labels == label].any() for label in classes):
            raise ValueError(
                "X leaves pairs of one class only, as pairs with an item of only NaN are not "
                "used; pass pairs of both classes with values in both items."
            )
        return weight

    def _scorer_data(self, X, labels, weight, sample_weight):
        """Return the data for a scorer, without weights if all of them are equal by default."""
        is_weighted = sample_weight is not None or self.class_weight is not None
        return ScorerData(X, labels, weight if is_weighted else None)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
