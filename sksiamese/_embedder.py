"""SiameseEmbedder: a transformer that brings rows of one class together."""

from numbers import Integral

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ._base import (
    DTYPES,
    BaseSiamese,
    Task,
    accepting,
    all_or_nothing,
    as_tensor,
    embed_rows,
    find_device,
    named,
    on_device,
    standardization,
)
from ._batches import class_balanced
from .distances import DISTANCES
from .losses import LOSSES
from .mining import MINERS


class SiameseEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseSiamese):
    _parameter_constraints: dict = {
        **BaseSiamese._parameter_constraints,
        "loss": [StrOptions(set(LOSSES)), callable],
        "miner": [StrOptions(set(MINERS)), callable],
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
        loss="contrastive",
        margin=1.0,
        miner="all",
        distance="euclidean",
        batch_size=256,
        max_iter=30,
        learning_rate_init=2e-3,
        weight_decay=1e-4,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        self.n_components = n_components
        self.tower = tower
        self.depth = depth
        self.width = width
        self.input_shape = input_shape
        self.dropout = dropout
        self.loss = loss
        self.margin = margin
        self.miner = miner
        self.distance = distance
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, two at least; images and series flattened.

        y : array-like of shape (n_samples,)
            Classes, two at least, of two rows at least.

        Returns
        -------
        self : SiameseEmbedder
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is unfit; the estimator then is as it was before.
        """
        with all_or_nothing(self):
            resume = self.warm_start and hasattr(self, "tower_")
            rows, labels = self._validate(X, y, reset=not resume)
            classes, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
            if sizes.min() < 2:
                raise ValueError(
                    f"y has classes with a single row, {classes[sizes < 2][:5].tolist()} among "
                    "them, but a matching pair needs two; drop or merge these classes."
                )
            if resume and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "warm_start=True continues with the classes of the first fit, but y has "
                    "others; set warm_start=False to start anew."
                )
            return self._learn(rows, labels, classes, {"X": X, "y": y}, resume=resume)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None):
        """Train for one epoch on a chunk of the data.

        Rows are standardised by the mean and scale of the first chunk, so let it be a
        fair sample.

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
        if self.early_stopping:
            raise ValueError(
                "partial_fit has no validation split, as it sees one chunk at a time; set "
                "early_stopping=False."
            )
        with all_or_nothing(self):
            resume = hasattr(self, "tower_")
            rows, labels = self._validate(X, y, reset=not resume)
            known = self.classes_ if resume else np.unique(labels if classes is None else classes)
            if unknown := sorted(set(labels.tolist()) - set(known.tolist())):
                raise ValueError(
                    f"y has labels unknown to the first call of partial_fit, {unknown[:5]} among "
                    "them; pass all labels there, as classes."
                )
            labels = np.searchsorted(known, labels)
            given = {"X": X, "y": y}
            return self._learn(rows, labels, known, given, resume=resume, incremental=True)

    def transform(self, X):
        """Embed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Embeddings, in the dtype of X if that is float32 or float64, else float32.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, order="C", reset=False)
        tower = on_device(self.tower_, find_device(self.device))
        return embed_rows(tower, X).numpy().astype(X.dtype, copy=False)

    def _validate(self, X, y, *, reset):
        if getattr(X, "ndim", 2) > 2:
            raise ValueError(
                f"X has shape {X.shape}, but rows must be flat; pass X.reshape(len(X), -1) and "
                f"input_shape={tuple(X.shape[1:])}."
            )
        X, y = validate_data(
            self, X, y, dtype=DTYPES, order="C", ensure_min_samples=2, reset=reset
        )
        check_classification_targets(y)
        if len(np.unique(y)) < 2:
            raise ValueError(
                "y has 1 class, but an embedding is learned by telling classes apart; pass rows "
                "of two classes at least."
            )
        return X, y

    def _learn(self, X, y, classes, given, *, resume, incremental=False):
        labels = torch.from_numpy(y)
        criterion = accepting(named(LOSSES, self.loss), margin=self.margin)
        miner, distance = named(MINERS, self.miner), named(DISTANCES, self.distance)

        def build(rows):
            return self._new_tower(X[rows[:2]], standardization(X, rows=rows))

        def batches(rows, epoch, generator):
            for batch in class_balanced(labels[rows], self.batch_size, generator=generator):
                yield rows[batch]

        def loss(tower, batch):
            Z = tower(as_tensor(X[batch], tower[0]))
            same, different = pair_masks(labels[batch].to(Z.device))
            return criterion(*miner(distance(Z, Z), same, different))

        def score(tower, rows):
            return nearest_neighbor_accuracy(embed_rows(tower, X[rows]), labels[rows], distance)

        task = Task(
            items=X,
            build=build,
            module=lambda fitted: fitted.tower_,
            attributes=lambda tower: {"tower_": tower, "classes_": classes},
            batches=batches,
            loss=loss,
            score=score,
        )
        return self._train(task, y=y, given=given, resume=resume, incremental=incremental)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        return self._architecture["n_components"]


def pair_masks(labels):
    """Masks of the matching and of the other pairs of a batch, no row with itself."""
    same = labels[:, None] == labels
    different = ~same
    return same.fill_diagonal_(False), different


def nearest_neighbor_accuracy(Z, labels, distance):
    """Share of rows whose nearest other row has their label."""
    nearest = []
    for rows in torch.arange(len(Z)).split(1024):
        D = distance(Z[rows], Z)
        D[torch.arange(len(rows)), rows] = torch.inf
        nearest.append(D.argmin(dim=1))
    return (labels[torch.cat(nearest)] == labels).double().mean().item()
