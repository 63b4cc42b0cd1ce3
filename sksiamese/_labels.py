"""Labels that are missing."""

import numpy as np
from sklearn.utils._missing import is_pandas_na, is_scalar_nan


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
