"""Data for identifiers: rows that are their own embedding."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer

IDENTITY = FrozenEstimator(FunctionTransformer().fit([[0.0]]))


def people(n_classes, n_rows, *, seed=0, spread=0.3):
    """Return rows of classes with random centers, and their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, 1, 8))
    X = centres + spread * rng.normal(size=(n_classes, n_rows, 8))
    return X.reshape(-1, 8), np.repeat(np.arange(n_classes), n_rows)
