"""Settings to make before scikit-learn, scipy and torch are used; shared fixtures."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # Threads of several workers slow each other down.

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksiamese import make_pairs

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    """Return digits as X_train, X_test, y_train, y_test."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, train_size=1000, stratify=y, random_state=0)


@pytest.fixture(scope="session")
def digit_pairs(digits):
    """Return pairs of digits as P_train, P_test, match_train, match_test, with disjoint rows."""
    X_train, X_test, y_train, y_test = digits
    P_train, match_train, _ = make_pairs(X_train, y_train, n_pairs=3000, random_state=0)
    P_test, match_test, _ = make_pairs(X_test, y_test, n_pairs=3000, random_state=0)
    return P_train, P_test, match_train, match_test
