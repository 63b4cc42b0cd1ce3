"""Names and number of columns: what scikit-learn checks of rows, checked of views and items."""

import copy

import numpy as np
from sklearn.utils.validation import _check_feature_names, _check_n_features


def check_view(estimator, view, *, reset):
    """Keep the number of columns of a view and their names, or compare them.

    Both halves have the names of the items: ``feature_names_in_`` is these names twice.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_``, or has them.

    view : PairView of shape (n_pairs, 2 * n_features)
        Pairs.

    reset : bool
        Whether to keep names and number; otherwise they must be those of before.

    Raises
    ------
    ValueError
        If names or number differ.
    """
    if not reset:
        check_item_names(estimator, view.items)
    else:
        _check_feature_names(estimator, view.items, reset=True)
        if hasattr(estimator, "feature_names_in_"):
            estimator.feature_names_in_ = np.tile(estimator.feature_names_in_, 2)
    _check_n_features(estimator, view, reset=reset)


def check_item_names(estimator, items):
    """Compare the names of the columns of items with those of the left half of pairs.

    Parameters
    ----------
    estimator : estimator
        Was fitted on pairs.

    items : {array-like, DataFrame} of shape (n_items, n_features)
        Items.

    Raises
    ------
    ValueError
        If the names differ; if one side has none, scikit-learn warns.
    """
    half = copy.copy(estimator)
    if hasattr(estimator, "feature_names_in_"):
        half.feature_names_in_ = estimator.feature_names_in_[: (estimator.n_features_in_ + 1) // 2]
    _check_feature_names(half, items, reset=False)
