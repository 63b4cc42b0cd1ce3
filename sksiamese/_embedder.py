"""SiameseEmbedder: a transformer that learns an embedding from rows with classes or numbers."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._base import VALIDATION_WANTED, BaseSiamese, has_no_validation_split
from ._checks import Interval, argument_errors, as_floats, as_rows, fit_context
from ._data._items import n_columns
from ._labels import as_labels
from ._parameters import LARGEST
from ._rollback import restore_on_error
from ._training._embedding_task import (
    EmbeddingTask,
    as_indicator,
    check_any_match,
    check_unlabeled_label,
    is_labeled,
    label_counts,
    remap_codes,
    warn_if_no_pair_matches,
)
from ._training._numbers_task import NumbersTask, check_number_parameters, nearest_rows_score
from ._training._objective import (
    EMBEDDER_LOSSES,
    ObjectiveSpec,
    class_indicators,
    nearest_matches,
    reads_numbers,
)
from ._training._tower import TowerSpec
from ._training._validation import ScorerData, has_validation_data
from ._training._views_task import ViewsTask
from ._typing import MatrixLike, RandomStateLike
from .batches import SAMPLERS
from .distances import DISTANCES
from .mining import MINERS
from .regularizers import REGULARIZERS
from .towers._single import has_channels_last


class SiameseEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseSiamese):
    """Learn an embedding in which rows of the same class are close together.

    A tower, by default a multilayer perceptron, maps each row to an embedding of
    ``n_components`` components. By default, it is trained on class-balanced batches, so that rows
    of the same class become closer to each other than to rows of other classes, by a margin. Each
    batch is embedded once, and all its pairs are used. With a ``loss`` of numbers, distances
    follow the differences of the numbers of the rows instead.

    Read more in the :ref:`User Guide <embed>`.

    Parameters
    ----------
    n_components : int, default=128
        Size of the embedding, >= 1.

    learned_weight : float or "auto", default="auto"
        Weight of the learned part of the embedding, in (0, 1]. With 1.0, all components are
        learned. Otherwise half of the components, but at most ``n_features``, are principal
        components of the items, standardized or unscaled, which do not overfit the training
        classes. "auto" increases with the number of training classes; see :ref:`identities`. It
        is 1.0 for fewer than 32 components, for rows with several labels or with numbers, for a
        ``loss`` or ``distance`` of your own, and for towers without the attribute ``plain_items``:
        all except "cnn" and "mlp", unless a tower of your own has it.

    tower : {"cnn", "mlp", "tdnn"} or callable, default="mlp"
        Network that embeds one item: a name in :data:`sksiamese.towers.TOWERS`, or a
        callable like those in that module, such as a subclass of ``nn.Module``. Items are
        scaled first, see ``scaling``.

    depth : int, default=3
        Number of weight layers of the "mlp", including the output layer, of blocks of the
        "cnn", or of convolutions of the "tdnn", >= 1.

    width : int, default=128
        Number of units of each hidden layer, or of channels (for the "cnn" in its first block),
        >= 1.

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

    loss : str or callable, default="triplet"
        Loss to minimize: a name in :data:`sksiamese.losses.LOSSES`, "kernel_regression" or
        "rank_n_contrast" for numbers instead of classes, or a callable, module or class like those
        in that module. ``loss(D, same, different)`` is computed from the distances of mined pairs,
        ``loss(Z, y)`` from embeddings and classes 0, 1, ..., and ``loss(D, y)`` from the distances
        between the rows of a batch and their standardized numbers. The attribute ``inputs`` of a
        loss, "pairs", "classes" or "numbers", selects one of them. A loss without it is computed
        from classes if an argument is named ``y``, ``labels`` or ``target``, as in
        pytorch-metric-learning, and from pairs otherwise.

    margin : float or "auto", default="auto"
        Margin, > 0, in the unit of ``distance``, for losses with such a parameter. For the
        triplet loss, it is the required difference between the distance to a row of another
        class and the distance to a row of the same class; for the contrastive loss, the
        required distance between rows of different classes. "auto" uses the default of the
        loss, such as 0.2 for the triplet loss.

    miner : str or callable, default="all"
        Selection of the pairs of a batch for the loss: a name in
        :data:`sksiamese.mining.MINERS`, or a callable like those in that module. Ignored by
        losses of embeddings and classes.

    distance : str or callable, default="auto"
        Distance between embeddings: a name in :data:`sksiamese.distances.DISTANCES`, or a
        callable like those in that module. "auto" uses the default distance of the loss.
        With "cosine" and "chord", embeddings have unit length.

    regularizer : str or callable, default=None
        Term to add to the loss: a name in :data:`sksiamese.regularizers.REGULARIZERS`, or a
        callable like those in that module.

    regularizer_weight : float, default=1.0
        Weight of the regularizer, >= 0.

    memory_size : int, default=0
        Number of embeddings of previous batches to pair with each batch, >= 0. They have no
        gradient.

    batch_size : int, default=128
        Maximum number of labeled rows in a batch, >= 4. Each has ``n_views`` views.

    n_views : int, default=1
        Number of views of each row in a batch, in [1, 1000]. They match each other, and are
        augmented independently. With 2 or more, losses of pairs also learn from unlabeled rows,
        and y may be None; see :ref:`unlabeled`.

    n_neighbors : int, default=10
        Number of nearest neighbors of an unlabeled row from which its second and further views
        are drawn, >= 0. With 0, all views are copies of the row, which ``augment`` must change.

    sampler : {"balanced", "shuffled"} or callable, default="balanced"
        Sampler of batches: a name in :data:`sksiamese.batches.SAMPLERS`, or a callable like
        those in that module. Batches for losses of numbers are always shuffled.

    max_iter : int, default=20
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
        weights. Validation rows are held out, or passed to ``fit`` as ``X_val`` and ``y_val``.

    scoring : str, callable or None, default=None
        Validation score, greater is better: a callable ``scorer(estimator, X, y)``, or the name
        of a scorer of scikit-learn. It is called with the validation rows and a copy of the
        estimator that is fitted up to the current epoch, after each epoch and once before
        training. With None, each held-out row is classified by the nearest training row, and the
        score is the accuracy. With held-out classes or ``X_val``, each validation row is
        classified by the nearest other validation row (of a class-balanced sample, if there are
        more than 4,096 rows). For losses of numbers, it is the negative loss of the validation
        rows, of at most 4,096 of them.

    validation : {"rows", "classes"}, default="rows"
        Rows to hold out with ``early_stopping``: "rows" of all classes, or all rows of some
        "classes", so that the number of epochs is chosen for unseen classes. Of an indicator
        matrix, "classes" holds out labels, and rows with both held-out and other labels are not
        used. Ignored if ``X_val`` is passed to ``fit``.

    validation_fraction : float, default=0.1
        Share of the rows to hold out, stratified by class, with ``early_stopping``, in (0, 1). With
        ``validation="classes"``, it is the share of the classes with two rows or more; at least
        two are held out. Ignored if ``X_val`` is passed to ``fit``.

    unlabeled_label : int, float or str, default=None
        Label that marks unlabeled rows. They are used by regularizers that need no classes, and,
        with ``n_views`` of 2 or more, by losses of pairs. By default every row is labeled.

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

    objective_ : nn.Module
        Objective that was minimized, with its trained weights, such as
        ``objective_.loss.proxies``.

    classes_ : ndarray of shape (n_classes,) or (n_classes, n_labels)
        Classes, or distinct rows of an indicator matrix; empty if no row has a label, and for
        losses of numbers.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X. Defined only if all of them are strings.

    n_iter_ : int
        Number of epochs of training, over all fits of the tower.

    loss_curve_ : list of float
        Mean training loss of each epoch.

    history_ : dict of ndarray of shape (n_epochs,)
        ``"loss"`` of each epoch, and measures of a sample of rows after the epoch: the share
        of mined pairs with a gradient (``"active"``; share of rows for losses of embeddings and
        classes), the mean ``"positive_distance"`` and ``"negative_distance"`` of matching and
        non-matching pairs, and the mean distance of all pairs (``"spread"``). For losses of
        numbers, the measures are ``"spread"`` and the ``"correlation"`` of the distances with the
        differences of the numbers, NaN if one of them is constant.

    validation_scores_ : list of float or None
        Validation score of each epoch of the last fit; None without ``early_stopping``.

    See Also
    --------
    SiameseVerifier : Learn from labeled pairs, without classes.
    SiameseRegressor : Predict numbers of pairs.
    sklearn.neighbors.NeighborhoodComponentsAnalysis : Learn a linear embedding.

    References
    ----------
    R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by learning an invariant
    mapping", CVPR 2006; default loss: A. Hermans, L. Beyer, B. Leibe, "In defense of the
    triplet loss for person re-identification", arXiv:1703.07737, 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sksiamese import SiameseEmbedder
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = make_pipeline(SiameseEmbedder(8, random_state=0), KNeighborsClassifier())
    >>> model.fit(X_train, y_train).score(X_test, y_test)  # doctest: +ELLIPSIS
    0.98...
    """

    _parts = ("tower", "objective")
    _architecture_names = (*BaseSiamese._architecture_names, "loss", "distance", "regularizer")

    _parameter_constraints: dict = {
        **BaseSiamese._parameter_constraints,
        "loss": [StrOptions(set(EMBEDDER_LOSSES)), callable],
        "margin": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "miner": [StrOptions(set(MINERS)), callable],
        "distance": [StrOptions({"auto", *DISTANCES}), callable],
        "regularizer": [StrOptions(set(REGULARIZERS)), callable, None],
        "regularizer_weight": [Interval(Real, 0, None, closed="left")],
        "memory_size": [Interval(Integral, 0, None, closed="left")],
        "sampler": [StrOptions(set(SAMPLERS)), callable],
        "unlabeled_label": [Real, str, None],
        "batch_size": [Interval(Integral, 4, None, closed="left")],
        "n_views": [Interval(Integral, 1, 1000, closed="both")],
        "n_neighbors": [Interval(Integral, 0, None, closed="left")],
        "validation": [StrOptions({"rows", "classes"})],
    }

    def __init__(
        self,
        n_components: int = 128,
        *,
        learned_weight: float | str = "auto",
        tower: str | Callable = "mlp",
        depth: int = 3,
        width: int = 128,
        activation: str | Callable | None = None,
        normalization: Literal["batch", "layer"] | None = None,
        shortcuts: bool = False,
        input_shape: tuple[int, ...] | None = None,
        scaling: Literal["auto", "columns", "shared"] | None = "auto",
        dropout: float = 0.0,
        augment: Callable | None = None,
        loss: str | Callable = "triplet",
        margin: float | str = "auto",
        miner: str | Callable = "all",
        distance: str | Callable = "auto",
        regularizer: str | Callable | None = None,
        regularizer_weight: float = 1.0,
        memory_size: int = 0,
        batch_size: int = 128,
        n_views: int = 1,
        n_neighbors: int = 10,
        sampler: str | Callable = "balanced",
        max_iter: int = 20,
        optimizer: str | Callable = "adamw",
        learning_rate_init: float = 2e-3,
        learning_rate: str | Callable = "linear",
        weight_decay: float = 1.0,
        max_grad_norm: float | None = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        scoring: str | Callable | None = None,
        validation: Literal["rows", "classes"] = "rows",
        validation_fraction: float = 0.1,
        unlabeled_label: float | str | None = None,
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
        self.loss = loss
        self.margin = margin
        self.miner = miner
        self.distance = distance
        self.regularizer = regularizer
        self.regularizer_weight = regularizer_weight
        self.memory_size = memory_size
        self.batch_size = batch_size
        self.n_views = n_views
        self.n_neighbors = n_neighbors
        self.sampler = sampler
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
        self.validation = validation
        self.validation_fraction = validation_fraction
        self.unlabeled_label = unlabeled_label
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: MatrixLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: MatrixLike | None = None,
    ) -> Self:
        """Learn the embedding.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            At least two rows; images and series are flattened. Arrays of other libraries than
            NumPy with ``shape``, ``dtype`` and row indexing, such as h5py or zarr, and a
            :class:`PairView` are read batch by batch.

        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels), default=None
            At least two classes, or an indicator matrix: its rows match if they share a label.
            Losses of pairs need at least one class with two rows. The row of a class with a
            single row has non-matching pairs only. Not needed with ``n_views`` of 2 or more. For
            losses of numbers, the number of each row.

        X_val : {array-like, sparse matrix} of shape (n_validation_samples, n_features), \
                default=None
            Validation rows for ``early_stopping``. In a ``Pipeline``, they are transformed in the
            same way as X with ``Pipeline(..., transform_input=["X_val"])``.

        y_val : {array-like, sparse matrix} of shape (n_validation_samples,) or \
                (n_validation_samples, n_labels), default=None
            Classes of the validation rows, which may differ from the classes of y, or their
            numbers. Unlabeled rows are ignored.

        Returns
        -------
        self : SiameseEmbedder
            Fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, only one of ``X_val`` and ``y_val`` is passed,
            or they are passed without ``early_stopping``; the estimator is then unchanged.
        """
        with restore_on_error(self):
            resume = self.warm_start and hasattr(self, "tower_")
            prepare = self._numbers_task if reads_numbers(self.loss) else self._classes_task
            task, scorer_data = prepare(X, y, X_val, y_val, resume=resume)
            return self._fit_task(task, {"X": X, "y": y}, scorer_data, resume=resume)

    def _classes_task(self, X, y, X_val, y_val, *, resume):
        """Return the task of ``fit`` for rows with classes, and the data for a scorer."""
        rows, labels = self._validate(X, y, reset=not resume)
        n_rows = rows.shape[0] if self.n_views > 1 else None
        classes, codes = self._encode(labels, n_rows, resume=resume)
        if n_rows is None:
            check_any_match(self.loss, codes, classes)
        scorer_data, validation = ScorerData(X, labels), None
        if has_validation_data(X_val, y_val, early_stopping=self.early_stopping):
            labels, validation = self._validate_validation_data(X_val, y_val)
            scorer_data = ScorerData(X_val, labels)
        return self._task(rows, codes, classes, validation), scorer_data

    def _numbers_task(self, X, y, X_val=None, y_val=None, *, resume):
        """Return the task of ``fit`` for rows with numbers, and the data for a scorer."""
        check_number_parameters(self)
        rows, numbers = self._validate_numbers(X, y, reset=not resume)
        scorer_data, validation = ScorerData(X, numbers), None
        if has_validation_data(X_val, y_val, early_stopping=self.early_stopping):
            with argument_errors(*VALIDATION_WANTED):
                validation = self._validate_numbers(X_val, y_val, reset=False, name="y_val")
            scorer_data = ScorerData(X_val, validation[1])
        # Without classes, no principal components are combined with the embedding by default.
        spec = TowerSpec.of(self, rows, self._item_names(), single_label=False)
        return NumbersTask(self, rows, numbers, spec, validation), scorer_data

    @available_if(has_no_validation_split)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch on a chunk of the data; not with ``early_stopping``.

        Rows are standardized by the mean and scale of the first chunk, which should be a
        representative sample. The step size is constant; decrease ``learning_rate_init`` after
        each pass over the data, as ``fit`` decreases the step size after each epoch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of at least two classes.

        y : array-like of shape (n_samples,), default=None
            Classes, or numbers for losses of numbers, standardized within each chunk. Not needed
            with ``n_views`` of 2 or more.

        classes : array-like of shape (n_classes,), default=None
            All classes of the data, for the first call; ignored in subsequent calls. By
            default the classes of the first chunk. Not for losses of numbers.

        Returns
        -------
        self : SiameseEmbedder
            Fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid; the estimator is then unchanged.
        """
        with restore_on_error(self):
            resume = hasattr(self, "tower_")
            if reads_numbers(self.loss):
                if classes is not None:
                    raise ValueError(
                        f"classes is passed, but loss={self.loss!r} learns from numbers; pass y "
                        "only."
                    )
                task = self._numbers_task(X, y, resume=resume)[0]
            else:
                task = self._chunk_task(X, y, classes, resume=resume)
            self._fit_task(task, {"X": X, "y": y}, resume=resume, incremental=True)
        if self.objective_.reads_pairs and self.n_views == 1:
            warn_if_no_pair_matches(task.codes)
        return self

    def _chunk_task(self, X, y, classes, *, resume):
        """Return the task of ``partial_fit`` for rows with classes."""
        rows, labels = self._validate(X, y, reset=not resume)
        if np.ndim(labels) > 1 or (resume and self.classes_.ndim > 1):
            raise ValueError(
                "y is an indicator matrix, but partial_fit needs one class per row; call fit."
            )
        n_rows = rows.shape[0] if self.n_views > 1 else None
        present, codes = self._encode(labels, n_rows)
        known = self.classes_ if resume else present
        if classes is not None and not resume:
            known = np.unique(as_labels(classes, "classes"))
            known = known[is_labeled(known, self.unlabeled_label)]
        return self._task(rows, remap_codes(known, present, codes), known)

    def transform(self, X: MatrixLike) -> np.ndarray:
        """Embed rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; read batch by batch if ``fit`` would do so.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Embeddings, in the dtype of X if it is float32 or float64, otherwise float32.
        """
        check_is_fitted(self)
        return self._embed(self._validate_rows(X, reset=False))

    def score(self, X: MatrixLike, y: MatrixLike) -> float:
        """Return the accuracy of classifying each row by the nearest other row.

        For losses of numbers, it is the coefficient of determination (R^2) of predicting the
        number of each row by the mean of the five nearest other rows.

        The classes may differ from the classes of ``fit``, so that a search can score on unseen
        classes. Rows that are alone in their class are used only as neighbors of others;
        unlabeled rows are ignored. If several rows are equally close, the share of them in the
        same class counts.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Classes, at least one of them with two rows, or an indicator matrix; numbers for
            losses of numbers.

        Returns
        -------
        score : float
            Recall at 1, in [0, 1]; for losses of numbers R^2, at most 1.

        Raises
        ------
        ValueError
            If no two rows match.

        See Also
        --------
        sksiamese.metrics.few_shot_score : Accuracy of learning classes from a few rows.
        sksiamese.metrics.recall_at_k : Recall at k of embeddings.
        sksiamese.metrics.retrieval_score : Score by any retrieval metric.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.model_selection import GridSearchCV
        >>> from sksiamese import SiameseEmbedder
        >>> X, y = load_digits(return_X_y=True)
        >>> embedder = SiameseEmbedder(max_iter=5, random_state=0)
        >>> search = GridSearchCV(embedder, {"n_components": [1, 8]}, cv=3).fit(X, y)
        >>> search.best_params_
        {'n_components': 8}
        """
        check_is_fitted(self)
        if reads_numbers(self._architecture["loss"]):
            rows, numbers = self._validate_numbers(X, y, reset=False)
            Z = torch.from_numpy(self._embed(rows))
            return nearest_rows_score(Z, numbers, self.objective_.distance)
        self._check_has_labels(y)
        rows, labels = self._validate(X, y, reset=False)
        classes, codes = self._encode(labels)
        labeled = np.flatnonzero(codes >= 0)
        Z = torch.from_numpy(self._embed(rows)[labeled])
        distance, indicators = self.objective_.distance, class_indicators(classes)
        with torch.no_grad():
            hits = nearest_matches(Z, torch.from_numpy(codes[labeled]), distance, indicators)
        if not len(hits):
            raise ValueError(
                "y has no two rows that match, so retrieval cannot be scored; pass more rows of a "
                "class, or score by sksiamese.metrics.few_shot_score on all rows."
            )
        return hits.double().mean().item()

    def _validate_numbers(self, X, y, *, reset, name="y"):
        """Return validated rows and their numbers in float64."""
        X = self._as_flat_rows(X)
        self._check_has_labels(y)
        y = as_floats(y, name, "pass a number for each row", ensure_2d=False)
        rows, y = self._validate_rows(X, y, reset=reset, ensure_min_samples=2, y_numeric=True)
        if np.abs(y).max() > LARGEST:
            raise ValueError(f"{name} has numbers beyond {LARGEST:g}; divide it by a constant.")
        return rows, y.astype(np.float64)

    def _as_flat_rows(self, X):
        """Return rows, and raise if they have more than two axes."""
        X = as_rows(X, "X")
        if getattr(X, "ndim", 2) > 2:
            if has_channels_last(X.shape[1:]):
                raise ValueError(
                    f"X has shape {X.shape}, images with channels last, but towers expect "
                    "channels first and flat rows; set X = np.moveaxis(X, -1, 1), then pass "
                    f"X.reshape(len(X), -1) and "
                    f"input_shape={(X.shape[3], X.shape[1], X.shape[2])}."
                )
            raise ValueError(
                f"X has shape {X.shape}, but rows must be flat; pass X.reshape(len(X), -1) and "
                f"input_shape={tuple(X.shape[1:])}."
            )
        return X

    def _validate(self, X, y, *, reset):
        X = self._as_flat_rows(X)
        check_unlabeled_label(self.unlabeled_label)
        if y is None and self.n_views > 1:
            return self._validate_rows(X, reset=reset, ensure_min_samples=2), None
        self._check_has_labels(y)
        several = n_columns(y) > 1
        y = y if several else as_labels(y, warn=True)
        rows, labels = self._validate_rows(
            X, y, reset=reset, ensure_min_samples=2, multi_output=several
        )
        return rows, as_indicator(labels, self.unlabeled_label) if several else labels

    def _validate_validation_data(self, X_val, y_val):
        """Return validated labels, and a tuple of rows, codes and classes."""
        with argument_errors(*VALIDATION_WANTED):
            rows, labels = self._validate(X_val, y_val, reset=False)
            classes, codes = self._encode(labels)
        if self.scoring is None and label_counts(codes, classes).max() < 2:
            raise ValueError(
                "y_val has no two rows that match, so no nearest row can match; pass more rows of "
                "a class, or set scoring."
            )
        return labels, (rows, codes, classes)

    def _encode(self, y, n_rows=None, *, resume=False):
        """Return the classes of y, and their codes for each row, -1 for unlabeled rows.

        If the number of rows is passed, no row needs a label, and y may be None.
        """
        labeled = np.full(n_rows, False) if y is None else is_labeled(y, self.unlabeled_label)
        codes = np.full(len(labeled), -1)
        if labeled.any():
            resume = resume and len(self.classes_) > 0
            classes, codes[labeled] = super()._encode(y[labeled], resume=resume)
            return classes, codes
        if n_rows is None:
            raise ValueError(
                f"all of y is unlabeled_label={self.unlabeled_label!r}; pass labels of at least "
                "two classes."
            )
        return (self.classes_ if resume else np.empty(0, dtype=np.int64)), codes

    def _task(self, X, codes, classes, validation=None):
        """Return the task of training on rows with codes of classes."""
        single_label = classes.ndim == 1 or (classes.sum(axis=1) <= 1).all()
        spec = TowerSpec.of(self, X, self._item_names(), single_label=single_label)
        kind = EmbeddingTask if self.n_views == 1 else ViewsTask
        return kind(self, X, codes, classes, spec, validation)

    def _copy_fitted_module(self):
        module = super()._copy_fitted_module()
        spec = ObjectiveSpec.of(self, self.objective_.n_components)
        objective = type(self.objective_)(spec, self.classes_).to(module["tower"][0].output)
        objective.load_state_dict(module["objective"].state_dict())
        module["objective"] = objective
        return module

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.n_views == 1
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        return self._architecture["n_components"]
