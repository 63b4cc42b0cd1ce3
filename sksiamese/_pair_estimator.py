"""Base class of the estimators of pairs of items."""

from functools import partial

import numpy as np
import torch
from sklearn.utils import check_array, check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from ._base import BaseSiamese, check_finite
from ._checks import argument_errors, as_rows
from ._data._chunks import row_slices
from ._data._device import find_device, on_device
from ._data._streaming import validate_rows
from ._training._lookup import resolve
from ._training._pairs import all_logits, map_pairs
from ._training._tower import tower_attribute
from ._typing import MatrixLike
from .distances import DISTANCES, paired
from .pairs._feature_names import check_item_names, check_pair_names, check_view, item_names
from .pairs._items import as_items
from .pairs._layout import flatten_pairs, to_view
from .pairs._view import PairView
from .towers._single import has_channels_last

PAIRS_WANTED = "must hold pairs of items of real numbers, one row for each pair"
"""Requirement in errors about pairs that scikit-learn rejects."""

ITEMS_WANTED = "must hold rows of real numbers, one row for each item"
"""Requirement in errors about items that scikit-learn rejects."""


class BasePairEstimator(BaseSiamese):
    """Base class of verifier and regressor, with the validation and the embedding of pairs."""

    def pair_distance(self, X: MatrixLike) -> np.ndarray:
        """Return the distance between the embeddings of both items of each pair.

        Parameters
        ----------
        X : {array-like, sparse matrix, PairView} of shape \
            (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        distance : ndarray of float64 of shape (n_pairs,)
            Distances, >= 0, in the unit of ``distance``; inf for a pair with an item that has
            only NaN.
        """
        check_is_fitted(self)
        distance = resolve(DISTANCES, self._architecture["distance"])
        return self._compare(X, partial(paired, distance), empty_value=np.inf)

    def transform_items(self, X_items: MatrixLike) -> np.ndarray:
        """Embed single items instead of pairs.

        Parameters
        ----------
        X_items : {array-like, sparse matrix} of shape (n_items, n_features)
            Items, with half as many columns as pairs. Names of columns must be equal to the
            names of the left items.

        Returns
        -------
        Z : ndarray of shape (n_items, n_components)
            Embeddings, in the dtype of the items if it is float32 or float64, otherwise float32.
        """
        check_is_fitted(self)
        return self._embed_items(X_items, "X_items")

    def _embed_items(self, X, name):
        """Validate and embed the items in the argument ``name``."""
        X = as_items(X, name)
        with argument_errors(name, ITEMS_WANTED):
            check_item_names(self, X)
            X = check_array(X, input_name=name, **self._check_array_options(X))
        n_features = (self.n_features_in_ + 1) // 2
        if X.shape[1] != n_features:
            raise ValueError(
                f"{name} has {X.shape[1]} features, but an item of the pairs that "
                f"{type(self).__name__} was fitted on has {n_features}; pass items, not pairs."
            )
        self._check_not_empty(X, name=name)
        with argument_errors(name, "cannot be embedded"):
            return self._embed(X, "item", name)

    def _validate(self, X, y=None, *, reset, **minimum):
        """Return a view of the pairs, and the labels if given, validated by scikit-learn."""
        labels = "no_validation" if y is None else y
        if not isinstance(X, PairView):
            X = as_rows(X, "X", "pairs")
            check_item_axes(X.shape[2:], self)
            X = flatten_pairs(X)
            with argument_errors("X", PAIRS_WANTED, "y"):
                checks = self._check_array_options(X)
                result = validate_data(self, X, labels, reset=reset, **checks, **minimum)
            if reset:
                check_pair_names(self)
            return to_view(result) if y is None else (to_view(result[0]), result[1])
        check_view(self, X, reset=reset)
        checks = self._check_array_options(X.items)
        with argument_errors("X", ITEMS_WANTED, "items"):
            items = validate_rows(X.items, input_name="items", estimator=self, **checks)
        options = {"dtype": None, "estimator": self, **minimum}
        if y is None:
            return PairView(items, check_array(X.index, **options))
        index, y = check_X_y(X.index, y, **options)
        return PairView(items, index), y

    def _item_names(self):
        names = super()._item_names()
        return None if names is None else item_names(names)

    def _compare(self, X, function, *, empty_value):
        """Apply a function to the embeddings of all pairs; set ``empty_value`` for empty items."""
        pairs = self._validate(X, reset=False)
        tower = on_device(self.tower_, find_device(self.device))
        result = map_pairs(function, tower, pairs).numpy().astype(np.float64)
        check_finite(result[:, None], "result", "pair", "X")
        result[self._has_empty_item(pairs)] = empty_value
        return result

    def _compare_all(self, X_left, X_right, head, what):
        """Apply a head to all pairs of the rows of two tables, by default of the first one."""
        A = self._embed_items(X_left, "X_left")
        B = A if X_right is None else self._embed_items(X_right, "X_right")
        dtype = self.tower_[0].output.dtype
        A, B = torch.as_tensor(A, dtype=dtype), torch.as_tensor(B, dtype=dtype)
        head = on_device(head, find_device(self.device))
        result = np.empty((len(A), len(B)))
        for part in row_slices(len(A), B.numel()):
            result[part] = all_logits(head, A[part], B)
        check_finite(result, what, "item", "X_left")
        return result

    def _has_empty_item(self, pairs):
        """Return a mask of pairs with an item of only NaN, for a tower that allows NaN."""
        if not tower_attribute(self.tower, "allow_nan", False):
            return np.zeros(len(pairs), dtype=bool)
        rows, index = pairs.distinct()
        parts = row_slices(len(rows), pairs.items.shape[1])
        empty = [self._empty_rows(pairs.items[rows[part]]) for part in parts]
        return np.concatenate(empty)[index].any(axis=1)


def check_item_axes(shape, estimator):
    """Raise if the shape of the items shows channels last or a missing ``input_shape``."""
    if has_channels_last(shape):
        height, breadth, channels = shape
        raise ValueError(
            f"X has pairs of images of shape {shape}, with channels last, but towers expect "
            "channels first; pass np.moveaxis(X, -1, 2) and "
            f"input_shape={(channels, height, breadth)}."
        )
    if len(shape) > 1 and estimator.input_shape is None and estimator.tower != "mlp":
        raise ValueError(
            f"X has pairs of items of shape {shape}, but with input_shape=None the tower expects "
            f"flat items; set input_shape={shape}."
        )
