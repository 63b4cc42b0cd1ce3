"""Names and number of columns: what scikit-learn checks of rows, checked of views and items."""

import copy
import warnings

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils.validation import _check_feature_names, _check_n_features

SIDES = ("left__", "right__")
"""Prefixes of the names of the columns of pairs."""


def pair_names(names):
    """Return the names of the columns of pairs, given those of items.

    Parameters
    ----------
    names : array-like of str of shape (n_features,)
        Names of the columns of an item.

    Returns
    -------
    names : ndarray of object of shape (2 * n_features,)
        The names with "left__" in front, then those with "right__".
    """
    return np.array([side + name for side in SIDES for name in names], dtype=object)


def item_names(names):
    """Return the names of the columns of items, given those of pairs.

    Parameters
    ----------
    names : array-like of str of shape (n_columns,)
        Names of the columns of pairs.

    Returns
    -------
    names : ndarray of object of shape (ceil(n_columns / 2),)
        The names of the left half, without the prefixes of :func:`pair_names`.

    Raises
    ------
    ValueError
        If names begin with "left__" and "right__", but not as by :func:`pair_names`.
    """
    names = np.asarray(names, dtype=object)
    left = names[: (len(names) + 1) // 2]
    if not all(any(name.startswith(side) for name in names) for side in SIDES):
        return left
    stripped = np.array([name.removeprefix(SIDES[0]) for name in left], dtype=object)
    if not np.array_equal(pair_names(stripped), names):
        raise ValueError(
            f"Columns must be those of the left item and then, in the same order, those of the "
            f"right item, such as left__a, left__b, right__a, right__b, got "
            f"{', '.join(names[:8])}{', ...' if len(names) > 8 else ''}; put them in this order, "
            "and transform items, not pairs, by a PairTransformer."
        )
    return stripped


def warn_of_joint_columns(names):
    """Warn if one transformer made all columns of pairs, so that it saw both items as one row.

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
    """Check the names of the columns that an estimator has been fitted on, if they have names.

    Parameters
    ----------
    estimator : estimator
        May have ``feature_names_in_``.

    Raises
    ------
    ValueError
        If the columns of left and right items are mixed up.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        item_names(names)
        warn_of_joint_columns(names)


def check_view(estimator, view, *, reset):
    """Keep the number of columns of a view and their names, or compare them.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_``, or has them. The latter are those of
        the items, with the prefixes of :func:`pair_names`.

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
            estimator.feature_names_in_ = pair_names(estimator.feature_names_in_)
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
        half.feature_names_in_ = item_names(estimator.feature_names_in_)
    _check_feature_names(half, items, reset=False)
