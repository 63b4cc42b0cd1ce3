"""Task of training an embedder on rows with classes."""

import copy
import warnings
from functools import partial

import numpy as np
import torch
from scipy.sparse import issparse
from torch import nn

from .._combined import Combined
from .._data._device import RandomStream, global_generator, to_device
from .._data._embed import embed_now, embed_rows
from .._data._items import Items, as_tensor
from .._labels import is_missing, to_common_dtype
from ..batches import SAMPLERS, class_balanced
from ._combination import add_plain_part, balance, embed_parts, pairs_among
from ._lookup import bind_supported, resolve
from ._objective import (
    CrossBatchMemory,
    Objective,
    ObjectiveSpec,
    class_indicators,
    match_mask,
    nearest_matches,
    reads_pairs,
    resolve_distance,
    try_objective,
)
from ._task import Task, split_stratified
from ._tower import build_body, build_tower, embed_batch, new_standardize
from ._user_parts import call_part, check_augment, draw_batches

N_DIAGNOSIS = 256
"""Number of rows in the sample that is measured after each epoch."""

N_TRIAL = 32
"""Number of rows in the sample that checks user-defined parts."""

N_PAIRED = 1024
"""Number of rows in the sample from which pairs are drawn."""

N_NEIGHBORS = 4096
"""Minimum number of rows to search for the nearest neighbors of validation rows."""

UNIT_LENGTH = ("chord", "cosine")
"""Distances that ignore the length of embeddings, which is normalized to 1."""


class EmbeddingTask(Task):
    """Train a tower on rows with classes.

    Parameters
    ----------
    estimator : SiameseEmbedder
        Estimator to train; its parameters are read once.

    X : {ndarray, sparse matrix, Rows} of shape (n_rows, n_features)
        Rows.

    y : ndarray of int of shape (n_rows,)
        Codes of the classes; -1 for unlabeled rows.

    classes : ndarray of shape (n_classes,) or (n_classes, n_labels)
        Classes, or distinct rows of an indicator matrix.

    spec : TowerSpec
        Parameters that define the tower.

    validation : tuple of (X, y, classes), default=None
        Separate validation rows, with their codes and classes.
    """

    objective_type = Objective

    def __init__(self, estimator, X, y, classes, spec, validation=None):
        super().__init__(estimator, classes, spec)
        self.X, self.codes = X, y
        self.y = y if classes.ndim == 1 else y.clip(max=0)
        self.y_val = None if validation is None else validation[1]
        self.holds_out_classes = estimator.validation == "classes"
        self.validation = validation or (X, y, classes)
        self.labels = torch.from_numpy(y)
        unlabeled = (self.labels < 0).nonzero().squeeze(1)
        self.unlabeled_pool = unlabeled if estimator.regularizer is not None else unlabeled[:0]
        sampler = resolve(SAMPLERS, estimator.sampler)
        self.sampler = call_part("sampler", bind_supported, sampler, classes=classes.tolist())
        self.objective = ObjectiveSpec.of(estimator, spec and spec.n_components)
        self.margin = None if estimator.margin == "auto" else estimator.margin
        self.memory = CrossBatchMemory(estimator.memory_size)
        self.diagnosis_rows = None

    def hold_out(self, random_state):
        """Return rows for training and validation; use classes of one row for training only."""
        y, fraction = self.y, self.validation_fraction
        if self.holds_out_classes:
            min_rows = 2 if reads_pairs(self.objective.loss) else 1
            return split_classes(
                self.codes, self.classes, fraction, random_state, min_training_rows=min_rows
            )
        singleton = np.full(len(y), False)
        singleton[y >= 0] = is_singleton(y[y >= 0])
        if (singleton | (y < 0)).all():
            raise ValueError(
                "early_stopping=True holds out rows, but no class has two rows; set "
                "early_stopping=False."
            )
        rows, held_out = split_stratified(np.where(singleton, -1, y), fraction, random_state)
        rows = np.concatenate([rows, np.flatnonzero(singleton)])
        if is_singleton(y[rows]).all() and reads_pairs(self.objective.loss):
            raise ValueError(
                f"validation_fraction={fraction} leaves no class with two training rows. Lower it "
                "if some classes have three rows or more, or set early_stopping=False."
            )
        return rows, held_out

    def build(self, rows):
        """Return a new tower, which standardizes by these rows, and a new objective."""
        body = build_body(self.spec)
        standardize = new_standardize(self.spec, body, self.X, rows=rows)
        distance = resolve_distance(self.objective.distance, self.objective.loss)
        unit_length = distance in UNIT_LENGTH
        tower = build_tower(self.spec, body, self.X[rows[:2]], standardize, unit_length=unit_length)
        if self.spec.n_plain:
            sample = self._pair_sample(rows)
            tower = add_plain_part(tower, self.X, sample, self.spec, unit_length=unit_length)
        objective = self.objective_type(self.objective, self.classes).to(standardize.output)
        return nn.ModuleDict({"tower": tower, "objective": objective})

    def combine(self, module, rows):
        """Combine the embedding of a trained module with principal components, in place."""
        if isinstance(module["tower"][1], Combined):
            sample = self._pair_sample(rows)
            balance(module["tower"][1], sample, *embed_parts(module["tower"], self.X, sample))

    def check(self, module, rows):
        """Raise unless the objective and the augmentation accept some rows on the device."""
        sample = self._trial_rows(rows)
        Z = embed_rows(module["tower"], self.X, sample.numpy())
        if not Z.isfinite().all():
            return  # Training reports the non-finite embeddings.
        device = module["tower"][0].mean.device
        with RandomStream(0, device).active():
            Z = Z.to(device, copy=True).requires_grad_()
            objective = copy.deepcopy(module["objective"])  # Parts may have state.
            self.try_objective(objective, Z, self._targets(sample).to(device))
            items = as_tensor(self.X[sample.numpy()], module["tower"][0])
            check_augment(self.augment, items, global_generator(device))

    def try_objective(self, objective, Z, y):
        """Raise unless the parts of an objective accept embeddings and targets."""
        try_objective(objective, Z, y)

    def prepare(self, module, rows):
        """Place rows and labels on the device, and pass ``embed`` to the sampler."""
        embed = partial(embed_now, module["tower"], self.X)
        self.sampler = bind_supported(self.sampler, embed=embed)
        device = module["tower"][0].mean.device
        self.items = Items(self.X, device)
        self.device_labels = to_device(self._targets(slice(None)), device)

    def batches(self, rows, epoch, generator):
        """Yield all rows of a batch, the labeled ones first, and its labeled rows."""
        labeled_batches = draw_batches(
            self.sampler, mask_labels_except(self.labels, rows), self.batch_size, generator
        )
        order = torch.randperm(len(self.unlabeled_pool), generator=generator)
        n_batches = len(labeled_batches)
        pool = self.unlabeled_pool[order][: n_batches * self.batch_size]
        for labeled, unlabeled in zip(labeled_batches, pool.tensor_split(n_batches), strict=True):
            yield torch.cat([labeled, unlabeled]), labeled

    def loss(self, module, batch):
        """Return the objective for the embeddings of a batch."""
        rows, labeled = batch
        Z = embed_batch(
            module["tower"],
            self.items,
            rows.numpy(),
            augment=self.augment,
            precision=self.precision,
        )
        labeled = to_device(labeled, self.device_labels.device)
        return module["objective"](Z, self.device_labels[labeled], labeled, self.memory)

    def score(self, module, rows, held_out):
        """Return the share of validation rows with a matching nearest row.

        It is the nearest training row for held-out rows of the training classes. Held-out classes
        and separate validation data are compared among themselves.
        """
        if self.y_val is not None or self.holds_out_classes:
            return self._score_among(module, held_out)
        known = self._sample(rows, max(N_NEIGHBORS, 4 * len(self.classes)))
        tower = module["tower"]
        Z, Z_known = (embed_rows(tower, self.X, part) for part in (held_out, known.numpy()))
        return module["objective"].score(Z, self.labels[held_out], Z_known, self.labels[known])

    def _score_among(self, module, held_out):
        """Return the share of validation rows with a matching nearest other validation row."""
        X, codes, classes = self.validation
        n_neighbors = max(N_NEIGHBORS, 4 * len(classes))
        if len(held_out) > n_neighbors:
            held_out = self._sample(held_out, n_neighbors, torch.from_numpy(codes)).numpy()
        Z, y = embed_rows(module["tower"], X, held_out), torch.from_numpy(codes[held_out])
        distance, indicators = module["objective"].distance, class_indicators(classes)
        return nearest_matches(Z, y, distance, indicators).double().mean().item()

    def diagnose(self, module, rows):
        """Return measures of the distances between rows of a sample."""
        if self.diagnosis_rows is None:
            self.diagnosis_rows = self._diagnosis_sample(rows)
        sample, tower = self.diagnosis_rows, module["tower"]
        device = tower[0].mean.device
        Z = embed_rows(tower, self.X, sample.numpy()).to(device)
        return module["objective"].diagnose(Z, self._targets(sample).to(device))

    def data(self):
        """Return rows and classes, also those for validation."""
        given = {"X": self.X, "y": (self.codes, self.classes)}
        if self.y_val is None:
            return given
        X_val, *y_val = self.validation
        return given | {"X_val": X_val, "y_val": y_val}

    def _targets(self, rows):
        """Return the targets of some rows for the objective."""
        return self.labels[rows]

    def _trial_rows(self, rows):
        """Return some rows to check user-defined parts with, among them rows that match."""
        return self._sample(rows, N_TRIAL)

    def _diagnosis_sample(self, rows):
        """Return a sample of rows, at most half of them from classes of one row."""
        singleton = is_singleton(self.codes[rows]) & (self.classes.ndim == 1)
        negatives = torch.from_numpy(rows[singleton][: N_DIAGNOSIS // 2])
        if singleton.all():
            return negatives
        paired = self._sample(rows[~singleton], N_DIAGNOSIS - len(negatives))
        return torch.cat([paired, negatives])

    def _pair_sample(self, rows):
        """Return a sample of the pairs of some rows."""
        sample = self._sample(rows, N_PAIRED)
        indicators = class_indicators(self.classes)
        same = match_mask(self.labels[sample], self.labels[sample], indicators).numpy()
        codes = self.codes[rows]
        sizes = np.bincount(codes) if indicators is None else self.classes[codes].sum(axis=0)
        return pairs_among(sample.numpy(), same, sizes, self.X.shape[1])

    def _sample(self, rows, n_rows, labels=None):
        """Return a class-balanced sample of rows, the same at every call."""
        generator = torch.Generator().manual_seed(0)
        labels = mask_labels_except(self.labels if labels is None else labels, rows)
        return next(class_balanced(labels, n_rows, generator=generator))


def check_unlabeled_label(label):
    """Raise if the label is missing, such as NaN, which y cannot hold."""
    if label is not None and is_missing(label):
        raise ValueError(
            f"unlabeled_label={label} cannot mark rows, as y must not have missing labels; mark "
            "them by a label such as -1."
        )


def remap_codes(known, present, codes):
    """Convert codes of the classes in a chunk, -1 for none, to codes of all classes."""
    present, known = to_common_dtype(present, known, "y", "classes")
    if not np.isin(present, known).all():
        raise ValueError(
            f"y has labels, such as {np.setdiff1d(present, known)[:5].tolist()}, that are missing "
            "in the first call of partial_fit; pass all labels in that call, as classes."
        )
    return np.append(np.searchsorted(known, present), -1)[codes]


def is_labeled(y, unlabeled_label):
    """Return a mask of labeled rows; rows of an indicator matrix need all labels."""
    if unlabeled_label is None:
        return np.full(len(y), True)
    if y.ndim > 1:
        return (y != unlabeled_label).all(axis=1)
    marker, y = to_common_dtype(unlabeled_label, y, "unlabeled_label", "y")
    return y != marker


def check_any_match(loss, codes, classes):
    """Raise if the loss learns from pairs, but there is no matching pair."""
    if reads_pairs(loss) and label_counts(codes, classes).max() < 2:
        raise ValueError(
            f"y has no class with two rows, but loss={loss!r} learns from matching pairs; pass "
            "more rows of a class, or choose a loss of classes, such as 'normalized_softmax'."
        )


def label_counts(codes, classes):
    """Return the number of rows of each class, or of each label of an indicator matrix."""
    codes = codes[codes >= 0]
    return np.bincount(codes) if classes.ndim == 1 else classes[codes].sum(axis=0)


def split_classes(codes, classes, fraction, random_state, *, min_training_rows):
    """Return training and validation rows without a common class.

    Of an indicator matrix, labels are held out; rows with both held-out and other labels are not
    used.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Codes of the classes; rows of -1 are ignored.

    classes : ndarray of shape (n_classes,) or (n_classes, n_labels)
        Classes, or distinct rows of an indicator matrix.

    fraction : float
        Share of the classes with two rows to hold out, in (0, 1); at least two are held out.

    random_state : RandomState
        Random number generator.

    min_training_rows : int
        Number of rows that the largest training class needs.

    Returns
    -------
    train, validation : ndarray of int
        Rows.

    Raises
    ------
    ValueError
        If a part has a single class, or too few rows of a class.
    """
    rows, counts = np.flatnonzero(codes >= 0), label_counts(codes, classes)
    shared = np.flatnonzero(counts >= 2)
    n_held_out = min(max(2, int(np.ceil(fraction * len(shared)))), len(shared))
    is_held_out = np.isin(
        np.arange(len(counts)), random_state.choice(shared, n_held_out, replace=False)
    )
    if classes.ndim == 1:
        held_out = is_held_out[codes[rows]]
        kept = ~held_out
    else:
        kept = ~classes[codes[rows]][:, is_held_out].any(axis=1)
        held_out = ~kept & ~classes[codes[rows]][:, ~is_held_out].any(axis=1)
    parts = rows[kept], rows[held_out]
    for part, min_rows in zip(parts, (min_training_rows, 2), strict=True):
        n_classes = len(np.unique(codes[part]))
        if n_classes < 2 or label_counts(codes[part], classes).max() < min_rows:
            raise ValueError(
                f"validation_fraction={fraction} holds out {n_held_out} of the {len(shared)} "
                "classes with two rows, but training and validation each need two classes, and "
                "two rows of one of them; change validation_fraction, pass rows of more classes, "
                "or set validation='rows'."
            )
    return parts


def warn_if_no_pair_matches(codes):
    """Warn if no two rows of a chunk match."""
    if np.bincount(codes[codes >= 0]).max() < 2:
        warnings.warn(
            "X has no two rows of the same class, and thus no matching pair to learn from; pass "
            "chunks with several rows of each class.",
            stacklevel=4,
        )


def as_indicator(y, unlabeled_label):
    """Return an indicator matrix as an array, and raise unless it holds zeros and ones."""
    y = y.toarray() if issparse(y) else y
    if not np.isin(y, (0, 1, unlabeled_label)).all():
        raise ValueError(
            f"y of shape {y.shape} must be an indicator matrix of zeros and ones; see "
            "sklearn.preprocessing.MultiLabelBinarizer."
        )
    return y


def mask_labels_except(labels, rows):
    """Return a copy of the labels, with -1 for all other rows."""
    masked = torch.full_like(labels, -1)
    masked[rows] = labels[rows]
    return masked


def is_singleton(codes):
    """Return a mask of rows that are alone in their class."""
    return np.bincount(codes)[codes] == 1
