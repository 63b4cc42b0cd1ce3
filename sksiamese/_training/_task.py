"""The task of an estimator: what is trained, on which batches, and how progress is measured."""

from abc import ABC, abstractmethod
from functools import partial

import numpy as np
from sklearn.model_selection import train_test_split

from .._parameters import LARGEST_COUNT
from ._user_parts import augment_items


class Task(ABC):
    """What sets the training of one estimator apart; all else is common to all estimators.

    A task reads the public parameters of an estimator once. It keeps arrays, modules and numbers,
    never the estimator.

    Parameters
    ----------
    estimator : estimator instance
        Its parameters are read once.

    classes : ndarray
        The classes.

    spec : TowerSpec or None
        How to build the tower; None if a fitted one is trained on.

    Attributes
    ----------
    y : ndarray of int of shape (n_rows,)
        Codes of the classes; -1 for rows that take no part.

    classes : ndarray
        The classes.

    margin : float or None
        Distance that the loss demands, if it is known.
    """

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

    @abstractmethod
    def split(self, random_state):
        """Return rows for training, and rows for validation or None without early stopping."""

    @abstractmethod
    def build(self, rows):
        """Return a new ``nn.ModuleDict`` for these training rows.

        Its parts, ``"tower"`` among them, become fitted attributes.
        """

    @abstractmethod
    def check(self, module, rows):
        """Raise unless the parts that a user wrote fit these rows."""

    def initial_warnings(self, module, rows):
        """Return what to warn about before a new module is trained, as a list of messages."""
        return []

    @abstractmethod
    def to(self, device):
        """Prepare the data for batches that are used on a device."""

    @abstractmethod
    def batches(self, rows, epoch, generator):
        """Return the batches of one epoch as an iterable of what :meth:`loss` takes."""

    @abstractmethod
    def loss(self, module, batch):
        """Return the loss of a batch as a scalar tensor."""

    @abstractmethod
    def score(self, module, rows, held_out):
        """Return the validation score, greater is better."""

    @abstractmethod
    def diagnose(self, module, rows):
        """Return measures of progress as a dict of floats, ``"spread"`` among them."""


def split_stratified(y, validation_fraction, random_state):
    """Return rows for training and for validation, of all classes each; -1 takes no part."""
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
