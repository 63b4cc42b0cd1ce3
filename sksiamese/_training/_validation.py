"""Validation data and validation score of early stopping."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples

from .._data._streaming import Rows, is_source
from ..pairs._view import PairView


class ScorerData(NamedTuple):
    """Data for a scorer of scikit-learn.

    Attributes
    ----------
    X : array-like of shape (n_rows, ...)
        Rows, as passed to ``fit``.

    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
        Validated labels.

    sample_weight : ndarray of shape (n_rows,) or None
        Weights; None if all are equal.
    """

    X: object
    y: np.ndarray
    sample_weight: np.ndarray | None = None

    def select(self, rows):
        """Return the data of some rows."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return ScorerData(select_rows(self.X, rows), self.y[rows], weight)


def select_rows(X, rows):
    """Return some rows of data as passed to ``fit``, of a source as an array."""
    if np.array_equal(rows, np.arange(_num_samples(X))):
        return X
    if is_source(X) and not isinstance(X, PairView):
        return Rows(X)[rows]
    return _safe_indexing(*indexable(X), rows)


def apply_scorer(scorer, estimator, data):
    """Return the score of a fitted estimator; raise a ValueError if the scorer fails."""
    weights = {} if data.sample_weight is None else {"sample_weight": data.sample_weight}
    try:
        score = scorer(estimator, data.X, data.y, **weights)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"scoring fails on the validation data. ({error})") from error
    if not isinstance(score, Real):
        raise ValueError(f"scoring must return a number, got {type(score).__name__}.")
    return float(score)


def has_validation_data(X_val, y_val, sample_weight_val=None, *, early_stopping):
    """Return whether validation data is passed; raise if a part is missing or it is not used."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val is passed, but X_val is not; pass both.")
        return False
    if y_val is None:
        raise ValueError("X_val is passed, but y_val is not; pass both.")
    if X_val is None:
        raise ValueError("y_val is passed, but X_val is not; pass both.")
    if not early_stopping:
        raise ValueError(
            "X_val and y_val are passed, but early_stopping=False; set early_stopping=True."
        )
    return True
