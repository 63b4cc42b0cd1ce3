"""SiameseRegressor: a regressor of a number of a pair of items."""

from collections.abc import Callable
from functools import partial
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._base import VALIDATION_WANTED, has_no_validation_split
from ._checks import argument_errors, as_floats, fit_context
from ._pair_estimator import BasePairEstimator
from ._parameters import LARGEST
from ._rollback import restore_on_error
from ._training._pairs import head_logits
from ._training._regression_task import RegressionTask, number_weights
from ._training._tower import TowerSpec
from ._training._validation import ScorerData, has_validation_data
from ._typing import MatrixLike, RandomStateLike
from .heads import HEADS
from .losses import REGRESSION_LOSSES


class SiameseRegressor(RegressorMixin, BasePairEstimator):
    """Predict a number for pairs of items, such as their similarity.

    A tower embeds both items of a pair, and a head computes a score from the two embeddings. The
    result does not depend on the order of the items. The prediction is a linear function of the
    score, fitted to the training pairs after training. The numbers may increase or decrease with
    the similarity of the items.

    Read more in the :ref:`User Guide <graded>`.

    Parameters
    ----------
    n_components : int, default=64
        Size of the embedding, >= 1.

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
            "weighted_manhattan"} or callable, default="cosine"
        Module that computes the score of a pair from two embeddings: a name in
        :data:`sksiamese.heads.HEADS`, or a callable that accepts ``n_components`` and returns
        such a module. With "distance" or "cosine", the prediction is a monotone function of the
        distance or of the cosine.

    loss : {"angle", "cosent", "squared_error"} or callable, default="cosent"
        Loss of the pairs of a batch: a name in :data:`sksiamese.losses.REGRESSION_LOSSES`, or a
        callable ``loss(score, y, weight)``; see :mod:`sksiamese.losses`. "cosent" and "angle" fit
        the order of the scores to the order of y, "squared_error" fits the scores to y.

    increasing : bool or "auto", default="auto"
        Whether y increases with the similarity of the items, as similarities do, or decreases, as
        distances do. "auto" uses the correlation of y with the scores of the untrained tower. Set
        it for heads of distances if this correlation is weak, as these heads cannot learn the
        reverse.

    distance : {"chord", "cosine", "euclidean", "manhattan", "sqeuclidean"} or callable, \
            default="cosine"
        Distance between embeddings: a name in :data:`sksiamese.distances.DISTANCES`, or a
        callable like those in that module.

    batch_size : int, default=64
        Maximum number of pairs in a batch, >= 2.

    max_iter : int, default=50
        Maximum number of epochs, >= 1.

    optimizer : {"adamw", "sgd"} or callable, default="adamw"
        Optimizer: "adamw", "sgd" with a momentum of 0.9, or a callable
        ``optimizer(params, lr=...)`` that returns a ``torch.optim.Optimizer``, such as
        ``functools.partial(torch.optim.RMSprop, alpha=0.9)``. See :ref:`training`.

    learning_rate_init : float, default=5e-3
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
        weights. Validation pairs are held out at random, or passed to ``fit`` as ``X_val`` and
        ``y_val``. Pairs that are held out at random share items with training pairs if items occur
        in several pairs, so that the score overestimates performance on unseen items.

    scoring : str, callable or None, default=None
        Validation score, greater is better: the name of a scorer of scikit-learn, such as
        "neg_mean_absolute_error", or a callable ``scorer(estimator, X, y)``. It is called with the
        validation pairs and a copy of the estimator that is fitted up to the current epoch, after
        each epoch and once before training; ``sample_weight`` is passed if the validation pairs
        have weights. With None, the score is the coefficient of determination.

    validation_fraction : float, default=0.1
        Share of the pairs to hold out with ``early_stopping``, in (0, 1). Ignored if ``X_val`` is
        passed to ``fit``.

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
        Trained head, on the CPU; maps two batches of embeddings to predictions.

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
        ``"loss"`` of each epoch, and measures of a sample of training pairs after the epoch: the
        ``"correlation"`` of score and y, and the mean distance (``"spread"``).

    validation_scores_ : list of float or None
        Validation score of each epoch of the last fit; None without ``early_stopping``.

    See Also
    --------
    SiameseVerifier : Classify pairs as match or non-match.
    SiameseEmbedder : Learn from rows with classes.

    Notes
    -----
    Pairs are rows of ``2 * n_features`` columns, left item then right item, or arrays of
    shape (n_pairs, 2, ...), which are flattened. With an odd number of columns, the
    middle one belongs to both items, and a warning is issued. The items of a
    :class:`~sksiamese.PairView` are read batch by batch, and each distinct item is embedded
    once.

    In a ``Pipeline``, wrap a transformer before a regressor in a
    :class:`~sksiamese.PairTransformer`; otherwise it transforms both items as one row.

    References
    ----------
    N. Reimers, I. Gurevych, "Sentence-BERT: sentence embeddings using Siamese BERT-networks",
    EMNLP 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import PairView, SiameseRegressor
    >>> X, y = load_digits(return_X_y=True)
    >>> rng = np.random.default_rng(0)
    >>> index, new_index = rng.integers(1000, size=(2000, 2)), rng.integers(1000, 1797, (1000, 2))
    >>> difference, new_difference = (np.abs(np.subtract(*y[i].T)) for i in (index, new_index))
    >>> regressor = SiameseRegressor(max_iter=15, random_state=0)
    >>> regressor = regressor.fit(PairView(X, index), difference)
    >>> round(regressor.score(PairView(X, new_index), new_difference), 1)
    0.7
    """

    _parts = ("tower", "head")
    _architecture_names = (
        *(name for name in BasePairEstimator._architecture_names if name != "learned_weight"),
        "head",
        "distance",
    )

    _parameter_constraints: dict = {
        **BasePairEstimator._parameter_constraints,
        "depth": [*BasePairEstimator._parameter_constraints["depth"], None],
        "width": [*BasePairEstimator._parameter_constraints["width"], None],
        "head": [StrOptions(set(HEADS)), callable],
        "loss": [StrOptions(set(REGRESSION_LOSSES)), callable],
        "increasing": ["boolean", StrOptions({"auto"})],
    }
    for name in ("learned_weight", "margin"):
        del _parameter_constraints[name]
    del name

    def __init__(
        self,
        n_components: int = 64,
        *,
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
        head: str | Callable = "cosine",
        loss: str | Callable = "cosent",
        increasing: bool | str = "auto",
        distance: str | Callable = "cosine",
        batch_size: int = 64,
        max_iter: int = 50,
        optimizer: str | Callable = "adamw",
        learning_rate_init: float = 5e-3,
        learning_rate: str | Callable = "linear",
        weight_decay: float = 1.0,
        max_grad_norm: float | None = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        scoring: str | Callable | None = None,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: RandomStateLike = None,
        device: str = "auto",
        precision: Literal["bfloat16", "float32"] | None = None,
        verbose: bool | int = 0,
    ) -> None:
        self.n_components = n_components
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
        self.loss = loss
        self.increasing = increasing
        self.distance = distance
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
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Learn to predict the numbers of pairs.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            At least two pairs: left item, then right item.

        y : array-like of shape (n_pairs,)
            Number of each pair.

        sample_weight : array-like of shape (n_pairs,), default=None
            Weight of each pair, >= 0. A weight of 2 is equivalent to two copies of the pair. The
            greatest weight must be in [1e-9, 1e9].

        X_val : {array-like, sparse matrix, PairView} of shape \
            (n_validation_pairs, 2 * n_features) or (n_validation_pairs, 2, ...), default=None
            Validation pairs for ``early_stopping``. In a ``Pipeline``, they are transformed in the
            same way as X with ``Pipeline(..., transform_input=["X_val"])``.

        y_val : array-like of shape (n_validation_pairs,), default=None
            Numbers of the validation pairs.

        sample_weight_val : array-like of shape (n_validation_pairs,), default=None
            Weight of each validation pair, >= 0. By default all are equal.

        Returns
        -------
        self : SiameseRegressor
            Fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid, only one of ``X_val`` and ``y_val`` is passed,
            or they are passed without ``early_stopping``; the estimator is then unchanged.
        """
        validation = X_val, y_val, sample_weight_val
        with restore_on_error(self):
            resume = self.warm_start and hasattr(self, "tower_")
            return self._fit(X, y, sample_weight, validation, resume=resume)

    @available_if(has_no_validation_split)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch on a chunk of the pairs; not with ``early_stopping``.

        Items and numbers are standardized by the mean and scale of the first chunk, which should
        be a representative sample. Predictions are in the unit of y by a line that is fitted to
        about the last 1,000 pairs. The step size is constant; decrease ``learning_rate_init``
        after each pass over the data, as ``fit`` decreases the step size after each epoch.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            At least two pairs.

        y : array-like of shape (n_pairs,)
            Number of each pair.

        sample_weight : array-like of shape (n_pairs,), default=None
            Weight of each pair, >= 0. By default all are equal.

        Returns
        -------
        self : SiameseRegressor
            Fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid; the estimator is then unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from sksiamese import PairView, SiameseRegressor
        >>> X, y = load_digits(return_X_y=True)
        >>> rng = np.random.default_rng(0)
        >>> regressor = SiameseRegressor(random_state=0)
        >>> for _ in range(20):
        ...     index = rng.integers(1000, size=(1000, 2))
        ...     regressor = regressor.partial_fit(PairView(X, index), abs(np.subtract(*y[index].T)))
        >>> index = rng.integers(1000, 1797, size=(1000, 2))
        >>> round(regressor.score(PairView(X, index), abs(np.subtract(*y[index].T))), 1)
        0.7
        """
        with restore_on_error(self):
            resume, validation = hasattr(self, "tower_"), (None, None, None)
            return self._fit(X, y, sample_weight, validation, resume=resume, incremental=True)

    def _fit(self, X, y, sample_weight, validation, *, resume, incremental=False):
        self._check_has_labels(y)
        minimum = {"ensure_min_samples": 2, "ensure_min_features": 1 if resume else 2}
        data = self._validate_pairs(X, y, sample_weight, reset=not resume, **minimum)
        scorer_data = ScorerData(X, data[1], weights_if(sample_weight, data))
        validation_pairs = None
        if has_validation_data(*validation, early_stopping=self.early_stopping):
            X_val, y_val, weight_val = validation
            with argument_errors(*VALIDATION_WANTED):
                validation_pairs = self._validate_pairs(
                    X_val, y_val, weight_val, reset=False, name="y_val"
                )
            weight = weights_if(weight_val, validation_pairs)
            scorer_data = ScorerData(X_val, validation_pairs[1], weight)
        spec = TowerSpec.of(self, data[0].items, self._item_names())
        head = self.head_ if resume else None
        task = RegressionTask(
            self, *data, spec, validation_pairs, head=head, incremental=incremental
        )
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        fit_data = {"X": X, "y": y, "metadata": metadata}
        return self._fit_task(task, fit_data, scorer_data, resume=resume, incremental=incremental)

    def _validate_pairs(self, X, y, sample_weight, *, reset, name="y", **minimum):
        """Return a view of the pairs, their numbers in float64, and their weights."""
        y = as_floats(y, name, "pass a number for each pair", ensure_2d=False)
        pairs, y = self._validate(X, y, reset=reset, y_numeric=True, **minimum)
        if np.abs(y).max() > LARGEST:
            raise ValueError(f"{name} has numbers beyond {LARGEST:g}; divide it by a constant.")
        weight = number_weights(sample_weight, y)
        weight = np.where(self._has_empty_item(pairs), 0, weight)
        if np.count_nonzero(weight) < 2:
            raise ValueError(
                "X leaves fewer than two pairs, as pairs of weight zero and pairs with an item of "
                "only NaN are not used; pass more pairs with values in both items."
            )
        return pairs, y.astype(np.float64), weight

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Return the predicted number of each pair.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        y : ndarray of float64 of shape (n_pairs,)
            Numbers, in the unit of the y of ``fit``. For a pair with an item that has only NaN, it
            is the mean of the training pairs.
        """
        check_is_fitted(self)
        mean = self.head_.mean.item()
        return self._compare(X, partial(head_logits, self.head_), empty_value=mean)

    def predict_matrix(self, X_left: MatrixLike, X_right: MatrixLike | None = None) -> np.ndarray:
        """Return the predicted numbers of all pairs of the rows of two tables of items.

        Each item is embedded once.

        Parameters
        ----------
        X_left : {array-like, sparse matrix} of shape (n_left, n_features)
            Items, with half as many columns as pairs.

        X_right : {array-like, sparse matrix} of shape (n_right, n_features), default=None
            Items; ``X_left`` by default.

        Returns
        -------
        y : ndarray of float64 of shape (n_left, n_right)
            Number of row ``i`` of ``X_left`` and row ``j`` of ``X_right``.

        Examples
        --------
        >>> import numpy as np
        >>> from sksiamese import SiameseRegressor
        >>> X = np.arange(40.0).reshape(20, 2) % 7
        >>> regressor = SiameseRegressor(width=8, max_iter=1, random_state=0)
        >>> regressor = regressor.fit(np.hstack([X, X[::-1]]), np.arange(20))
        >>> regressor.predict_matrix(X[:3], X[:5]).shape
        (3, 5)
        """
        check_is_fitted(self)
        return self._compare_all(X_left, X_right, self.head_, "prediction")


def weights_if(sample_weight, data):
    """Return the validated weights of data, or None without ``sample_weight``."""
    return None if sample_weight is None else data[2]
