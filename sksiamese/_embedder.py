"""SiameseEmbedder: a transformer that brings rows of one class together."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._base import BaseSiamese, has_no_validation_split
from ._checks import Interval, as_rows
from ._data._items import n_columns
from ._labels import as_labels
from ._rollback import restore_on_error
from ._training._embedding_task import (
    EmbeddingTask,
    as_indicator,
    check_any_match,
    check_unlabeled_label,
    is_labeled,
    remap_codes,
    warn_if_no_pair_matches,
)
from ._training._objective import Objective, ObjectiveSpec, class_indicators, nearest_matches
from ._training._tower import TowerSpec
from .batches import SAMPLERS
from .distances import DISTANCES
from .losses import LOSSES
from .mining import MINERS
from .regularizers import REGULARIZERS
from .towers._single import has_channels_last


class SiameseEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseSiamese):
    """Learn an embedding in which rows of one class lie together.

    A tower, by default a multilayer perceptron, maps each row to ``n_components``
    coordinates. It is trained on batches that hold as many rows of each class, until rows
    of one class are nearer to each other than to other rows, by a margin. Each batch is
    embedded once, and all its pairs are used.

    Read more in the :ref:`User Guide <embed>`.

    Parameters
    ----------
    n_components : int, default=32
        Size of the embedding, >= 1.
    tower : {"cnn", "mlp", "tdnn"} or callable, default="mlp"
        The network that embeds one item: a name in :data:`sksiamese.towers.TOWERS`, or a
        callable like those in that module, such as a subclass of ``nn.Module``. Items are
        standardised first.
    depth : int, default=3
        Number of weight layers of the "mlp", the output layer included, or of blocks of
        the "cnn", or of convolutions of the "tdnn", >= 1.
    width : int, default=128
        Units of each hidden layer, or channels, of the first block for the "cnn", >= 1.
    input_shape : tuple of int, default=None
        Shape of one item for the tower, such as ``(28, 28)``; its product is the number
        of features of an item. By default items are flat.
    dropout : float, default=0.0
        Share of hidden units set to zero at each training step, in [0, 1).
    augment : callable, default=None
        Changes the items of a batch during training: ``augment(items, generator)`` gets a
        tensor of shape ``(n, *input_shape)`` and returns another; see :mod:`sksiamese.augment`.
    loss : str or callable, default="triplet"
        What is minimised: a name in :data:`sksiamese.losses.LOSSES`, or a callable,
        module or class like those in that module: ``loss(D, same, different)`` reads the
        distances of mined pairs, ``loss(Z, y)`` embeddings and classes 0, 1, .... The attribute
        ``inputs`` of a loss, "pairs" or "classes", selects one of them. Without it a loss reads
        classes if an argument is called ``y``, ``labels`` or ``target``, as in
        pytorch-metric-learning, and pairs otherwise.
    margin : float or "auto", default="auto"
        Passed to a loss whose signature names it, > 0, in the unit of ``distance``: for the
        triplet loss by how much a row of another class is to be farther away than one of the
        same class, for the contrastive loss the distance that rows of different classes are
        to keep. "auto" leaves each loss its own, 0.2 for the triplet loss.
    miner : str or callable, default="all"
        Which pairs of a batch the loss sees: a name in :data:`sksiamese.mining.MINERS`, or
        a callable like those in that module. Losses of classes have no use for it.
    distance : str or callable, default="auto"
        Distance between embeddings: a name in :data:`sksiamese.distances.DISTANCES`, or a
        callable like those in that module. "auto" is the one that the loss was made for.
        With "cosine" and "chord" the embeddings have unit length.
    regularizer : str or callable, default=None
        What is added to the loss: a name in
        :data:`sksiamese.regularizers.REGULARIZERS`, or a callable like those in that
        module.
    regularizer_weight : float, default=1.0
        What the regulariser is multiplied by, >= 0.
    memory_size : int, default=0
        Number of embeddings of former batches that each batch is paired with as well,
        >= 0. They have no gradient.
    batch_size : int, default=128
        Largest number of labelled rows in a batch, >= 4.
    sampler : {"balanced", "shuffled"} or callable, default="balanced"
        How batches are drawn: a name in :data:`sksiamese.batches.SAMPLERS`, or a callable
        like those in that module.
    max_iter : int, default=20
        Number of epochs at most, >= 1.
    learning_rate_init : float, default=2e-3
        Step size of AdamW in the first epoch, > 0. It falls linearly towards zero over
        ``max_iter`` epochs.
    weight_decay : float, default=1.0
        Decoupled decay of the weights, >= 0, in units of the step size: each step takes
        this share, times the step size, from every weight.
    tol : float, default=1e-4
        Least improvement of the loss, or of the validation score, that counts, >= 0.
    n_iter_no_change : int, default=10
        Training ends after more than so many epochs without improvement, >= 1.
    early_stopping : bool, default=False
        Whether to watch the share of held-out rows whose nearest training row is of
        their class instead of the training loss, and to keep the best weights.
    validation_fraction : float, default=0.1
        Share of the rows held out, stratified, with ``early_stopping``, in (0, 1).
    unlabeled_label : int, float or str, default=None
        Label that marks a row as unlabelled. Such rows take part in nothing but a
        regulariser that needs no classes. By default every row is labelled.
    warm_start : bool, default=False
        Whether ``fit`` trains the fitted tower on instead of a new one.
    random_state : int, RandomState instance or None, default=None
        Source of initial weights, batches, dropout and validation split. An int gives
        the same result at every fit and leaves the global generators alone.
    device : str, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", ...; "auto" takes a CUDA device where there is
        one, and keeps small data there during training. The fitted tower always rests on the CPU.
    precision : {"bfloat16", "float32"} or None, default=None
        Precision of the computation: None is that of X, float32 or float64; "float32" takes
        that for float64, too; "bfloat16" also lets matrix products and convolutions of
        training run in bfloat16, which is faster on processors that have it.
    verbose : bool or int, default=0
        Whether to print the loss of every epoch.

    Attributes
    ----------
    tower_ : nn.Sequential
        The trained tower, on the CPU: standardisation, reshaping, network.
    objective_ : nn.Module
        What was minimised, with the weights that it owns, such as
        ``objective_.loss.proxies``.
    classes_ : ndarray of shape (n_classes,) or (n_classes, n_labels)
        The classes seen, or the distinct rows of an indicator matrix.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if it had names that are all strings.
    n_iter_ : int
        Number of epochs that the tower has been trained for.
    loss_curve_ : list of float
        Mean loss of each of these epochs.
    history_ : dict of ndarray of shape (n_epochs,)
        For each of these epochs its ``"loss"`` and, for a sample of rows after it, the
        share of mined pairs (rows for a loss of classes) that still move the embedding
        (``"active"``), the mean ``"positive_distance"`` and ``"negative_distance"``, and
        the mean distance of any two (``"spread"``).
    validation_scores_ : list of float or None
        Validation score of each epoch of the last fit, with ``early_stopping``.

    See Also
    --------
    SiameseVerifier : Learns from pairs, without classes.
    sklearn.neighbors.NeighborhoodComponentsAnalysis : Learns a linear embedding.

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
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.96
    True
    """

    _parts = ("tower", "objective")
    _architecture_names = (*BaseSiamese._architecture_names, "loss", "distance", "regularizer")

    _parameter_constraints: dict = {
        **BaseSiamese._parameter_constraints,
        "loss": [StrOptions(set(LOSSES)), callable],
        "margin": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "miner": [StrOptions(set(MINERS)), callable],
        "distance": [StrOptions({"auto", *DISTANCES}), callable],
        "regularizer": [StrOptions(set(REGULARIZERS)), callable, None],
        "regularizer_weight": [Interval(Real, 0, None, closed="left")],
        "memory_size": [Interval(Integral, 0, None, closed="left")],
        "sampler": [StrOptions(set(SAMPLERS)), callable],
        "unlabeled_label": [Real, str, None],
        "batch_size": [Interval(Integral, 4, None, closed="left")],
    }

    def __init__(
        self,
        n_components=32,
        *,
        tower="mlp",
        depth=3,
        width=128,
        input_shape=None,
        dropout=0.0,
        augment=None,
        loss="triplet",
        margin="auto",
        miner="all",
        distance="auto",
        regularizer=None,
        regularizer_weight=1.0,
        memory_size=0,
        batch_size=128,
        sampler="balanced",
        max_iter=20,
        learning_rate_init=2e-3,
        weight_decay=1.0,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        unlabeled_label=None,
        warm_start=False,
        random_state=None,
        device="auto",
        precision=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.tower = tower
        self.depth = depth
        self.width = width
        self.input_shape = input_shape
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
        self.sampler = sampler
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.unlabeled_label = unlabeled_label
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, two at least; images and series flattened. An array that has ``shape``,
            ``dtype`` and row indexing, but is not one of numpy, such as one of h5py or zarr or
            a :class:`PairView`, is read a batch at a time.

        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Classes, two at least. A class with a single row has no matching pair, and its row
            is compared with those of other classes only. Losses of pairs need one class of two
            rows at least. Or an indicator matrix, whose rows match where they share a label.

        Returns
        -------
        self : SiameseEmbedder
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is unfit; the estimator then is as it was before.
        """
        with restore_on_error(self):
            resume = self.warm_start and hasattr(self, "tower_")
            rows, labels = self._validate(X, y, reset=not resume)
            classes, codes = self._encode(labels, resume=resume)
            check_any_match(self.loss, codes, classes)
            task = self._task(rows, codes, classes, resume=resume)
            return self._fit_task(task, {"X": X, "y": y}, resume=resume)

    @available_if(has_no_validation_split)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None):
        """Train for one epoch on a chunk of the data; not with ``early_stopping``.

        Rows are standardised by the mean and scale of the first chunk, so let it be a
        fair sample. The step size stays; lower ``learning_rate_init`` from pass to pass, as
        ``fit`` does from epoch to epoch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, of two classes at least.

        y : array-like of shape (n_samples,)
            Classes.

        classes : array-like of shape (n_classes,), default=None
            All classes that will ever be seen; only the first call heeds it. By
            default the classes of the first chunk.

        Returns
        -------
        self : SiameseEmbedder
            The estimator, one epoch further.

        Raises
        ------
        ValueError
            If the data or a parameter is unfit; the estimator then is as it was before.
        """
        with restore_on_error(self):
            resume = hasattr(self, "tower_")
            rows, labels = self._validate(X, y, reset=not resume)
            if labels.ndim > 1 or (resume and self.classes_.ndim > 1):
                raise ValueError("partial_fit takes one class a row; for an indicator y use fit.")
            present, codes = self._encode(labels)
            known = self.classes_ if resume else present
            if classes is not None and not resume:
                known = np.unique(as_labels(classes, "classes"))
                known = known[is_labeled(known, self.unlabeled_label)]
            codes = remap_codes(known, present, codes)
            task = self._task(rows, codes, known, resume=resume)
            self._fit_task(task, {"X": X, "y": y}, resume=resume, incremental=True)
        if self.objective_.reads_pairs:
            warn_if_no_pair_matches(codes)
        return self

    def transform(self, X):
        """Embed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; read a few at a time where ``fit`` would do so.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Embeddings, in the dtype of X if that is float32 or float64, else float32.
        """
        check_is_fitted(self)
        return self._embed(self._validate_rows(X, reset=False))

    def score(self, X, y):
        """Return the share of rows whose nearest other row is of their class.

        The classes may be others than those of ``fit``, so that a search may keep classes apart.
        Rows that are alone in their class count only as neighbors of others; rows without a
        label are ignored. If several rows are equally near, the share of them that is of the
        class counts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Classes, one of two rows at least, or an indicator matrix.

        Returns
        -------
        score : float
            Recall at 1, in [0, 1].

        Raises
        ------
        ValueError
            If no two rows match.

        See Also
        --------
        sksiamese.metrics.few_shot_score : Accuracy of learning classes from a few rows.
        sksiamese.metrics.recall_at_k : The same for given embeddings and more neighbors.

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

    def _validate(self, X, y, *, reset):
        X = as_rows(X, "X")
        if getattr(X, "ndim", 2) > 2:
            if has_channels_last(X.shape[1:]):
                raise ValueError(
                    f"X has shape {X.shape}, images with their channels last, but towers take "
                    "channels first and flat rows; set X = np.moveaxis(X, -1, 1), then pass "
                    f"X.reshape(len(X), -1) and "
                    f"input_shape={(X.shape[3], X.shape[1], X.shape[2])}."
                )
            raise ValueError(
                f"X has shape {X.shape}, but rows must be flat; pass X.reshape(len(X), -1) and "
                f"input_shape={tuple(X.shape[1:])}."
            )
        check_unlabeled_label(self.unlabeled_label)
        self._check_has_labels(y)
        several = n_columns(y) > 1
        y = y if several else as_labels(y, warn=True)
        rows, labels = self._validate_rows(
            X, y, reset=reset, ensure_min_samples=2, multi_output=several
        )
        return rows, as_indicator(labels, self.unlabeled_label) if several else labels

    def _encode(self, y, *, resume=False):
        """Return the classes of y and the codes of y, -1 for rows without a label."""
        labeled = is_labeled(y, self.unlabeled_label)
        if not labeled.any():
            raise ValueError(
                f"all of y is unlabeled_label={self.unlabeled_label!r}; pass labels of two "
                "classes at least."
            )
        codes = np.full(len(y), -1)
        classes, codes[labeled] = super()._encode(y[labeled], resume=resume)
        return classes, codes

    def _task(self, X, codes, classes, *, resume):
        """Return the task of training on rows and the codes of their classes."""
        spec = None if resume else TowerSpec.of(self, X, self._item_names())
        return EmbeddingTask(self, X, codes, classes, spec)

    def _copy_fitted_module(self):
        module = super()._copy_fitted_module()
        objective = Objective(ObjectiveSpec.of(self), self.classes_).to(module["tower"][0].output)
        objective.load_state_dict(module["objective"].state_dict())
        module["objective"] = objective
        return module

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        return self._architecture["n_components"]
