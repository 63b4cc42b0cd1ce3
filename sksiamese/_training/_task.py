"""Interface between an estimator and the training loop."""

from abc import ABC, abstractmethod
from functools import partial

import numpy as np
from sklearn.model_selection import train_test_split

from .._parameters import LARGEST_COUNT
from ._user_parts import augment_items


class Task(ABC):
    """Modules, batches, loss and validation score of an estimator.

    A task reads the public parameters of the estimator once. It keeps arrays, modules and
    numbers, but not the estimator.

    Parameters
    ----------
    estimator : estimator instance
        Its parameters are read once.

    classes : ndarray or None
        The classes, if there are any.

    spec : TowerSpec or None
        How to build the tower; None if a fitted one is trained on.

    Attributes
    ----------
    y : ndarray of int of shape (n_rows,)
        Codes of the classes; -1 for rows that are not used.

    y_val : ndarray of int of shape (n_validation_rows,) or None
        Codes of the classes of separate validation data, if passed; -1 for rows that are not used.

    validation_fraction : float or None
        Share of the rows to hold out; None without early stopping.

    classes : ndarray or None
        Classes.

    margin : float or None
        Margin of the loss; None if it has none or its default is used.

    memory : CrossBatchMemory or None
        Embeddings of previous batches, the only data that changes from epoch to epoch.
    """

    memory = None

    def __init__(self, estimator, classes, spec):
        self.classes, self.spec = classes, spec
        self.batch_size = min(estimator.batch_size, LARGEST_COUNT)  # Of all rows anyway.
        self.validation_fraction = (
            estimator.validation_fraction if estimator.early_stopping else None
        )
        self.precision = estimator.precision
        self.augment = partial(
            augment_items, augment=estimator.augment, input_shape=estimator.input_shape
        )

    def attributes(self):
        """Return the fitted attributes that do not depend on the training, as a dict."""
        return {} if self.classes is None else {"classes_": self.classes}

    def split(self, random_state):
        """Return rows for training, and rows for validation (None without early stopping).

        If separate validation data is passed, the latter are rows of this data.
        """
        if self.y_val is not None:
            return np.flatnonzero(self.y >= 0), np.flatnonzero(self.y_val >= 0)
        if self.validation_fraction is None:
            return np.flatnonzero(self.y >= 0), None
        return self.hold_out(random_state)

    @abstractmethod
    def hold_out(self, random_state):
        """Return rows for training and for validation, by ``validation_fraction``."""

    @abstractmethod
    def build(self, rows):
        """Return a new ``nn.ModuleDict`` for these training rows.

        Its entries, including ``"tower"``, become fitted attributes.
        """

    @abstractmethod
    def combine(self, module, rows):
        """Combine the embedding of a trained module with principal components, in place."""

    @abstractmethod
    def check(self, module, rows):
        """Raise unless user-defined parts accept these rows."""

    def initial_warnings(self, module, rows):
        """Return a list of warnings to issue before a new module is trained."""
        return []

    @abstractmethod
    def prepare(self, module, rows):
        """Prepare the data for batches on the device of a module."""

    @abstractmethod
    def batches(self, rows, epoch, generator):
        """Return an iterable of the batches of one epoch, as :meth:`loss` expects them."""

    @abstractmethod
    def loss(self, module, batch):
        """Return the loss of a batch as a scalar tensor."""

    @abstractmethod
    def score(self, module, rows, held_out):
        """Return the validation score, greater is better."""

    @abstractmethod
    def diagnose(self, module, rows):
        """Return measures of progress as a dict of floats, including ``"spread"``."""

    @abstractmethod
    def data(self):
        """Return all data of the fit as a dict of arrays by the name of their argument."""


def split_stratified(y, validation_fraction, random_state):
    """Return rows for training and validation, both with all classes; ignore rows of class -1."""
    rows = np.flatnonzero(y >= 0)
    y = y[rows]
    n_held_out = int(np.ceil(validation_fraction * len(y)))
    n_classes = len(np.unique(y))
    if n_held_out < n_classes or len(y) - n_held_out < n_classes:
        raise ValueError(
            f"validation_fraction={validation_fraction} holds out {n_held_out} of {len(y)} rows, "
            f"but training and validation each need a row of all {n_classes} classes; change "
            "validation_fraction or set early_stopping=False."
        )
    return train_test_split(rows, test_size=n_held_out, stratify=y, random_state=random_state)


def split_random(rows, validation_fraction, random_state, part):
    """Return random rows for training and validation, at least two each.

    ``part`` names the rows in the error.
    """
    n_held_out = int(np.ceil(validation_fraction * len(rows)))
    if n_held_out < 2 or len(rows) - n_held_out < 2:
        raise ValueError(
            f"validation_fraction={validation_fraction} holds out {n_held_out} of {len(rows)} "
            f"{part}, but training and validation need two each; change validation_fraction or set "
            "early_stopping=False."
        )
    return train_test_split(rows, test_size=n_held_out, random_state=random_state)
