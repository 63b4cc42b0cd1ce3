"""Columns of labels and scores, and labels that are missing."""

import numpy as np
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

AS_THEY_ARE = {"dtype": None, "ensure_2d": False, "allow_nd": True, "ensure_all_finite": False}
"""How scikit-learn's ``check_array`` takes whatever there is."""


def is_missing(label):
    """Whether a label is None, NaN or the NA of pandas."""
    return label is None or is_scalar_nan(label) or is_pandas_na(label)


def missing(labels):
    """Which labels of an array are missing, as booleans of its shape."""
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype.kind != "O":
        return np.zeros(labels.shape, dtype=bool)
    return np.reshape([is_missing(label) for label in labels.flat], labels.shape).astype(bool)


def column(values, name, remedy="give one label for each row", *, warn=False):
    """Values as an array of one dimension; any other shape is refused by name."""
    values = check_array(values, input_name=name, ensure_min_samples=0, **AS_THEY_ARE)
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise ValueError(
            f"{name} must be a 1d array, got an array of shape {values.shape}; {remedy}."
        )
    return column_or_1d(values, input_name=name, warn=warn)


def known_labels(labels, name):
    """Labels as an array of one dimension, none of them missing."""
    values = column(labels, name)
    # Among strings numpy makes a string of NaN.
    n_missing = missing(np.asarray(labels, object) if values.dtype.kind == "U" else values).sum()
    if n_missing:
        raise ValueError(
            f"{name} has {n_missing} missing labels (NaN, None or NA); leave their rows out."
        )
    return values
