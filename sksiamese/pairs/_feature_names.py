"""Check names and number of columns of pairs, views and items."""

import copy
import warnings

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils.validation import _check_feature_names, _check_n_features

SIDES = ("left__", "right__")
"""Prefixes of the names of the columns of pairs."""


def pair_names(names):
    """Return the names of the columns of pairs from the names of the columns of items.

    Parameters
    ----------
    names : array-like of str of shape (n_features,)
        Names of the columns of an item.

    Returns
    -------
    names : ndarray of object of shape (2 * n_features,)
        The names with the prefix "left__", then the names with the prefix "right__".
    """
    return np.array([side + name for side in SIDES for name in names], dtype=object)


def item_names(names):
    """Return the names of the columns of items from the names of the columns of pairs.

    Parameters
    ----------
    names : array-like of str of shape (n_columns,)
        Names of the columns of pairs.

    Returns
    -------
    names : ndarray of object of shape (ceil(n_columns / 2),)
        Names of the left half, without the prefixes of :func:`pair_names`.

    Raises
    ------
    ValueError
        If there are prefixes "left__" and "right__", but not as by :func:`pair_names`.
    """
    names = np.asarray(names, dtype=object)
    left = names[: (len(names) + 1) // 2]
    if not all(any(name.startswith(side) for name in names) for side in SIDES):
        return left
    stripped = np.array([name.removeprefix(SIDES[0]) for name in left], dtype=object)
    if not np.array_equal(pair_names(stripped), names):
        raise ValueError(
            f"Columns must belong to the left item and then, in the same order, to the right "
            f"item, such as left__a, left__b, right__a, right__b, got "
            f"{', '.join(names[:8])}{', ...' if len(names) > 8 else ''}; reorder them, and "
            "transform items, not pairs, by a PairTransformer."
        )
    return stripped


def warn_of_joint_columns(names):
    """Warn if one transformer made all columns of pairs, from both items as one row.

    Parameters
    ----------
    names : array-like of str of shape (n_columns,)
        Names of the columns of pairs.
    """
    prefix = names[0].removesuffix("0")
    if list(names) != [f"{prefix}{number}" for number in range(len(names))]:
        return
    classes = [ClassNamePrefixFeaturesOutMixin]
    for cls in classes:
        classes += cls.__subclasses__()
    for cls in classes[1:]:
        if cls.__name__.lower() == prefix:
            warnings.warn(
                f"The columns {names[0]} to {names[-1]} come from {cls.__name__}, which "
                "transformed both items of a pair as one row, so that the halves of a row are no "
                f"longer items; use PairTransformer({cls.__name__}(...)) instead.",
                UserWarning,
                stacklevel=2,
            )
            return


def check_pair_names(estimator):
    """Check the names of the columns of fit, if there are any.

    Parameters
    ----------
    estimator : estimator
        Estimator with or without ``feature_names_in_``.

    Raises
    ------
    ValueError
        If the columns of left and right items are in a wrong order.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        item_names(names)
        warn_of_joint_columns(names)


def check_view(estimator, view, *, reset):
    """Set or check ``n_features_in_`` and ``feature_names_in_`` for a view.

    Parameters
    ----------
    estimator : estimator
        Estimator with these attributes, or to set them on. ``feature_names_in_`` are the names
        of the columns of the items, with the prefixes of :func:`pair_names`.

    view : PairView of shape (n_pairs, 2 * n_features)
        Pairs.

    reset : bool
        Whether to set the attributes; otherwise they are checked.

    Raises
    ------
    ValueError
        If the names or the number of columns differ.
    """
    if not reset:
        check_item_names(estimator, view.items)
    else:
        _check_feature_names(estimator, view.items, reset=True)
        if hasattr(estimator, "feature_names_in_"):
            estimator.feature_names_in_ = pair_names(estimator.feature_names_in_)
    _check_n_features(estimator, view, reset=reset)


def check_item_names(estimator, items):
    """Check the names of the columns of items against the left half of the pairs of fit.

    Parameters
    ----------
    estimator : estimator
        Estimator fitted on pairs.

    items : {array-like, DataFrame} of shape (n_items, n_features)
        Items.

    Raises
    ------
    ValueError
        If the names differ. If only one side has names, scikit-learn warns.
    """
    half = copy.copy(estimator)
    if hasattr(estimator, "feature_names_in_"):
        half.feature_names_in_ = item_names(estimator.feature_names_in_)
    _check_feature_names(half, items, reset=False)
