"""PairTransformer: a transformer of both items of a pair."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import hstack, issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import _safe_indexing, check_consistent_length, get_tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.extmath import row_norms
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    process_routing,
)
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    check_is_fitted,
    validate_data,
)

from .._checks import (
    HasMethods,
    argument_errors,
    as_array,
    as_floats,
    as_numbers,
    fit_context,
    is_table,
)
from .._labels import is_missing
from .._rollback import restore_on_error
from .._state import VersionedState
from .._typing import MatrixLike
from ._feature_names import check_pair_names, check_view, item_names, pair_names
from ._layout import flatten_pairs, stack_pairs, to_view
from ._view import PairView

ANY_NUMBERS = {
    "accept_sparse": "csr",
    "allow_nd": True,
    "ensure_all_finite": False,
    "ensure_min_features": 0,
}
"""Options of ``check_array`` for items that are compared."""

ENCODE = "encode the items of X as numbers, as only numbers can be compared"
"""Remedy in errors about other items."""

PAIRS_WANTED = "must hold pairs of items, one row for each pair, with the columns of fit"
"""Requirement in errors about pairs that scikit-learn rejects."""

UNFIT = "fails on the items of X; convert them first, or choose a transformer that accepts them"
"""Problem in errors about a transformer that raises an error."""


def abs_diff(A, B):
    """Return absolute differences."""
    return abs(A - B)


def product(A, B):
    """Return products, column by column."""
    return A.multiply(B).tocsr() if issparse(A) else A * B


def abs_diff_product(A, B):
    """Return absolute differences, then products."""
    join = partial(hstack, format="csr") if issparse(A) else np.hstack
    return join([abs_diff(A, B), product(A, B)])


def distance(A, B):
    """Return Euclidean distances, as one column."""
    return row_norms(A - B).reshape(-1, 1)


OUTPUTS = {
    "abs_diff": abs_diff,
    "abs_diff_product": abs_diff_product,
    "distance": distance,
    "pairs": stack_pairs,
    "product": product,
}
"""Functions of the transformed left and right items, by name."""


class PairTransformer(TransformerMixin, VersionedState, BaseEstimator):
    """Apply one transformer to both items of each pair, and compare the results.

    The transformer is fitted on left and right items together, so that both sides are
    transformed in the same way; a ``StandardScaler`` of the pairs would scale them differently.
    With an ``output`` other than "pairs", any classifier can verify pairs, for instance with the
    features of an embedder that was trained on classes.

    Read more in the :ref:`User Guide <pairs>`.

    Parameters
    ----------
    transformer : transformer, default=None
        Transformer of items. As pairs have no classes, fit a transformer that learns from
        classes beforehand, and pass it as ``FrozenEstimator(transformer)``. A transformer of
        sequences instead of columns, such as ``TfidfVectorizer``, receives a sequence of texts;
        see Notes. None leaves the items unchanged, which must be numbers.

    output : {"abs_diff", "abs_diff_product", "distance", "pairs", "product"} or callable, \
            default="pairs"
        Function of the transformed items: a name in ``OUTPUTS`` of this module, or
        a callable that maps two arrays or CSR matrices of shape (n_pairs, n_components) to an
        array, a sparse matrix, a DataFrame or a list of shape (n_pairs, n_outputs).

        - "pairs": pairs of transformed items; a view for a :class:`~sksiamese.PairView`.
        - "abs_diff": absolute differences, as in [1]_.
        - "product": products, column by column.
        - "abs_diff_product": absolute differences, then products, as in [2]_.
        - "distance": Euclidean distance, one column.

        All but "pairs" do not depend on the order of the items.

    Attributes
    ----------
    transformer_ : transformer
        Fitted transformer.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X. Defined only if all of them are strings. For a
        :class:`PairView`, they are made from the names of the columns of the items, as
        ``left__a``, ..., ``right__a``, ....

    See Also
    --------
    SiameseVerifier : Learn embedding and decision together.
    PairView : Pairs as row numbers; each distinct item is transformed once.

    Notes
    -----
    Pairs are rows of ``2 * n_features`` columns, left item then right item, or arrays of
    shape (n_pairs, 2, ...), which are flattened. With an odd number of columns, the
    middle one belongs to both items, and a warning is issued. The items of a ``PairView``
    are passed to the transformer without conversion, so that the columns of a DataFrame can have
    any dtype. Each distinct item of a view is used once, and items without a pair are not used.
    A DataFrame of pairs is converted to a DataFrame of items, with the names of its left half,
    without ``left__``; see :func:`~sksiamese.stack_pairs`.

    Pairs of texts are an array or a DataFrame of two columns, or a ``PairView`` of a sequence
    of texts. A transformer receives a sequence instead of a column if its tags exclude 2-D
    arrays (``input_tags.two_d_array`` is false), as for ``CountVectorizer``,
    ``TfidfVectorizer`` and ``HashingVectorizer``, or if a step of a ``Pipeline`` or a part of a
    ``FeatureUnion`` is such a transformer.

    With metadata routing enabled, pass metadata that the transformer requests, such as
    ``sample_weight``, with one value for each pair; it is used for both items. Items of a
    ``PairView`` are then used as often as they occur.

    Items are compared as floating-point numbers: integers and booleans are converted to
    float64, or to float32 if they have one or two bytes, so that differences do not overflow. If
    ``set_output`` requests DataFrames, results for a ``PairView`` are DataFrames as well.

    Output columns are named after the columns of the transformed items, such as ``abs_diff__a``,
    or ``left__a`` and ``right__a`` for "pairs"; the column of "distance" is ``distance``.

    References
    ----------
    .. [1] G. Koch, R. Zemel, R. Salakhutdinov, "Siamese neural networks for one-shot image
       recognition", ICML deep learning workshop, 2015.
    .. [2] A. Conneau, D. Kiela, H. Schwenk, L. Barrault, A. Bordes, "Supervised learning of
       universal sentence representations from natural language inference data", EMNLP 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sksiamese import PairTransformer, SiameseEmbedder, make_pairs
    >>> X, y = load_digits(return_X_y=True)
    >>> embedder = FrozenEstimator(SiameseEmbedder(random_state=0).fit(X[:1000], y[:1000]))
    >>> model = make_pipeline(PairTransformer(embedder, output="abs_diff"), LogisticRegression())
    >>> pairs, match, _ = make_pairs(X[:1000], y[:1000], n_pairs=3000, random_state=0)
    >>> new_pairs, new_match, _ = make_pairs(X[1000:], y[1000:], n_pairs=1000, random_state=0)
    >>> round(model.fit(pairs, match).score(new_pairs, new_match), 1)
    0.9

    Pairs of texts:

    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> texts = [["a red fox", "the fox"], ["blue sky", "a red sky"]]
    >>> words = PairTransformer(CountVectorizer(), output="product").fit(texts)
    >>> words.get_feature_names_out()[1:3]
    array(['product__fox', 'product__red'], dtype=object)
    >>> words.transform(texts).toarray()[:, 1:3]
    array([[1., 0.],
           [0., 0.]])
    """

    _parameter_constraints: dict = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "output": [StrOptions(set(OUTPUTS)), callable],
    }

    def __init__(self, transformer: Any = None, *, output: str | Callable = "pairs") -> None:
        self.transformer = transformer
        self.output = output

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: None = None, **params: Any) -> Self:
        """Fit the transformer on the items of both sides.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, PairView} of shape \
                (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        y : None
            Ignored, as labels of pairs are not labels of items.

        **params : dict
            Metadata that the transformer requests for ``fit`` or ``transform``, one for each
            pair; needs ``enable_metadata_routing=True``.

        Returns
        -------
        self : PairTransformer
            Fitted estimator.

        Raises
        ------
        ValueError
            If the transformer learns from classes and is not frozen, if it needs texts and the
            items are not texts, or if ``output`` does not return an array of shape
            (n_pairs, n_outputs); the estimator is then unchanged.
        """
        _raise_for_params(params, self, "fit")
        routed = process_routing(self, "fit", **params).transformer
        with restore_on_error(self):
            pairs = self._validate(X, reset=True)
            transformer = self._new_transformer()
            items, _, params = items_with_metadata(pairs, routed.fit)
            items = self._transformer_input(items)
            with argument_errors("transformer", UNFIT, "X"):
                self.transformer_ = transformer.fit(items, None, **params)
            few = np.arange(min(2, len(pairs)))
            first = _check_method_params(pairs.index, routed.transform, indices=few)
            items, index, params = items_with_metadata(pairs[few], first)
            items = self._transform_items(items, **params)
            features, names = self._compare(items, index)
            self._n_components, self._n_features_out = prod(items.shape[1:]), features.shape[1]
            self._output_names = names
            return self

    def fit_transform(self, X: MatrixLike, y: None = None, **params: Any) -> Any:
        """Fit the transformer on the items of both sides, then transform the pairs.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, PairView} of shape \
                (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        y : None
            Ignored.

        **params : dict
            Metadata that the transformer requests for ``fit`` or ``transform``, one for each
            pair; needs ``enable_metadata_routing=True``.

        Returns
        -------
        X_new : {ndarray, CSR matrix, PairView} of shape (n_pairs, n_outputs)
            Result of :meth:`transform`.
        """
        self.fit(X, y, **params)
        names = self.get_metadata_routing().consumes("transform", params)
        return self.transform(X, **{name: params[name] for name in names})

    def transform(self, X: MatrixLike, **params: Any) -> Any:
        """Transform the items of each pair, and compare them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, PairView} of shape \
                (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        **params : dict
            Metadata that the transformer requests, one for each pair; needs
            ``enable_metadata_routing=True``.

        Returns
        -------
        X_new : {ndarray, CSR matrix, PairView} of shape (n_pairs, n_outputs)
            Result of ``output``; a ``PairView`` if X is a view, ``output`` is "pairs" and
            ``set_output`` does not request DataFrames.
        """
        check_is_fitted(self)
        _raise_for_params(params, self, "transform")
        params = process_routing(self, "transform", **params).transformer.transform
        items, index, params = items_with_metadata(self._validate(X, reset=False), params)
        items = self._transform_items(items, **params)
        as_table = _get_output_config("transform", self)["dense"] != "default"
        if self.output == "pairs" and isinstance(X, PairView) and not as_table:
            return PairView(items, index)
        features, _ = self._compare(items, index)
        if features.shape[1] != self._n_features_out:
            raise ValueError(
                f"output returned {features.shape[1]} columns, but {self._n_features_out} when "
                "PairTransformer was fitted; fit it again."
            )
        return features

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns of :meth:`transform`.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the columns of pairs; by default ``feature_names_in_``, or x0, x1, ....

        Returns
        -------
        names : ndarray of object of shape (n_outputs,)
            Names of the columns of the transformed items with the name of the output as prefix;
            for a callable, the columns of its DataFrame or numbered names.
        """
        check_is_fitted(self, "_n_features_out")
        input_features = _check_feature_names_in(self, input_features)
        if callable(self.output):
            numbered = [f"pairtransformer{number}" for number in range(self._n_features_out)]
            return np.array(self._output_names or numbered, dtype=object)
        if self.output == "distance":
            return np.array(["distance"], dtype=object)
        names = self._item_feature_names(item_names(input_features))
        if self.output == "pairs":
            return pair_names(names)
        parts = ["abs_diff", "product"] if self.output == "abs_diff_product" else [self.output]
        return np.array([f"{part}__{name}" for part in parts for name in names], dtype=object)

    def get_metadata_routing(self) -> Any:
        """Return the routing of metadata to the transformer.

        Returns
        -------
        routing : MetadataRouter
            Router of metadata.
        """
        mapping = MethodMapping()
        for caller in ("fit", "fit_transform"):  # Both transform at least one pair.
            mapping.add(caller=caller, callee="fit").add(caller=caller, callee="transform")
        mapping.add(caller="transform", callee="transform")
        router = MetadataRouter(owner=self)
        return router.add(transformer=self.transformer, method_mapping=mapping)

    def _validate(self, X, *, reset):
        """Return a view of the pairs; items are validated by the transformer."""
        if isinstance(X, PairView):
            check_view(self, X, reset=reset)
            return X
        if is_table(X):
            with argument_errors("X", PAIRS_WANTED):
                validate_data(self, X, reset=reset, skip_check_array=True)
            if not X.shape[1]:
                raise ValueError("X has no columns; pass pairs of items with at least one column.")
        else:
            checks = {"dtype": None, "accept_sparse": "csr", "ensure_all_finite": False}
            X = flatten_pairs(X)
            with argument_errors("X", PAIRS_WANTED):
                X = validate_data(self, X, reset=reset, **checks)
        if reset:
            check_pair_names(self)
        return to_view(X)

    def _new_transformer(self):
        """Return the transformer to fit; for None, one that only validates the items."""
        if self.transformer is None:
            identity = FunctionTransformer(
                validate=True, accept_sparse=True, feature_names_out="one-to-one"
            )
            return identity.set_output(transform="default")
        if requires_y(self.transformer):
            raise ValueError(
                f"transformer={self.transformer} learns from classes of items, but pairs have "
                "none; fit it on items beforehand and pass FrozenEstimator(transformer)."
            )
        return clone(self.transformer)

    def _transformer_input(self, items):
        """Return items as the transformer expects them: columns, or a sequence of texts."""
        if self.transformer is None or not takes_sequences(self.transformer):
            return items
        if items.shape[1] != 1:
            raise ValueError(
                f"transformer={self.transformer} needs one text for each item, but an item has "
                f"{items.shape[1]} columns; pass pairs of two columns, or select the columns of "
                "items in a ColumnTransformer."
            )
        texts = np.asarray(items)[:, 0]
        if texts.dtype.kind not in "OSTU":
            raise ValueError(
                f"transformer={self.transformer} needs texts, but the items are numbers, of type "
                f"{texts.dtype}; pass strings, or a transformer of numbers."
            )
        n_missing = sum(map(is_missing, texts))
        if n_missing:
            raise ValueError(
                f"The items have {n_missing} missing texts (NaN, None or NA); replace them, for "
                "instance by ''."
            )
        return texts

    def _transform_items(self, items, **params):
        """Return the transformed items as an array or a CSR matrix."""
        n_items = items.shape[0]
        items = self._transformer_input(items)
        with argument_errors("transformer", UNFIT, "X"):
            items = self.transformer_.transform(items, **params)
        items = items.tocsr() if issparse(items) else as_array(items, "the result of transformer")
        if len(items.shape) < 2 or items.shape[0] != n_items:
            raise ValueError(
                f"transformer must return an array of shape ({n_items}, n_components), but "
                f"returned {items.shape}."
            )
        return items

    def _compare(self, items, index):
        """Return the result of ``output`` for all pairs, and its column names if any."""
        if self.output != "pairs":
            items = as_floats(items, "the result of transformer", ENCODE, **ANY_NUMBERS)
        pairs = PairView(items, index)
        if isinstance(self.output, str):
            with np.errstate(over="ignore", invalid="ignore"):
                features = OUTPUTS[self.output](pairs.left, pairs.right)
            if self.output != "pairs" and all_finite(items) and not all_finite(features):
                raise ValueError(
                    f"The {self.output} of items of X overflows; scale them, for instance by "
                    "transformer=sklearn.preprocessing.MaxAbsScaler()."
                )
            return features, []
        try:
            features = self.output(pairs.left, pairs.right)
        except Exception as error:
            raise ValueError(
                f"output failed: {error}. It is called with the items of both sides and must "
                "return an array of shape (n_pairs, n_outputs)."
            ) from error
        names = [str(name) for name in features.columns] if is_table(features) else []
        features = features if issparse(features) else as_array(features, "the result of output")
        if len(features.shape) != 2 or features.shape[0] != len(pairs):
            raise ValueError(
                f"output must return an array of shape ({len(pairs)}, n_outputs), but returned "
                f"{features.shape}; use reshape(-1, 1) for one number per pair."
            )
        return as_numbers(features, "the result of output", ENCODE, **ANY_NUMBERS), names

    def _item_feature_names(self, names):
        """Return the names of the columns of transformed items."""
        numbered = [
            f"{type(self.transformer_).__name__.lower()}{number}"
            for number in range(self._n_components)
        ]
        if not hasattr(self.transformer_, "get_feature_names_out"):
            return numbered
        if hasattr(self.transformer_, "feature_names_in_"):
            names = None
        try:
            return self.transformer_.get_feature_names_out(names)
        except AttributeError:  # A pipeline has this method even if one of its steps does not.
            return numbered

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._new_transformer() if self.transformer is None else self.transformer)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        if inner.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = inner.transformer_tags.preserves_dtype
        return tags


def requires_y(transformer):
    """Return whether a transformer, or a step of a pipeline, needs classes for fit."""
    if isinstance(transformer, Pipeline):
        return any(requires_y(step) for step in inner_transformers(transformer))
    frozen = isinstance(transformer, FrozenEstimator)
    return get_tags(transformer).target_tags.required and not frozen


def takes_sequences(transformer):
    """Return whether a transformer, or a step or part of it, needs sequences, not columns."""
    if isinstance(transformer, FrozenEstimator):
        return takes_sequences(transformer.estimator)
    if isinstance(transformer, Pipeline | FeatureUnion):
        return any(takes_sequences(step) for step in inner_transformers(transformer))
    return not get_tags(transformer).input_tags.two_d_array


def inner_transformers(transformer):
    """Return the steps of a pipeline, or the parts of a union, that are transformers."""
    steps = getattr(transformer, "steps", None) or transformer.transformer_list
    return [step for _, step in steps if hasattr(step, "fit")]


def all_finite(X):
    """Return whether all numbers of an array or a sparse matrix are finite."""
    return np.isfinite(X.data if issparse(X) else X).all()


def items_with_metadata(pairs, params):
    """Return items to transform, the pairs as indices into them, and metadata of the items.

    Without metadata, each distinct item is returned once. With metadata, which belong to pairs,
    both items of each pair are returned.
    """
    if not params:
        rows, index = pairs.distinct()
        has_all = len(rows) == pairs.items.shape[0]
        return pairs.items if has_all else _safe_indexing(pairs.items, rows), index, {}
    check_consistent_length(pairs.index, params.get("sample_weight"))
    rows = np.arange(len(pairs)).repeat(2)
    params = _check_method_params(pairs.index, params, indices=rows)
    items = _safe_indexing(pairs.items, pairs.index.ravel())
    return items, np.arange(2 * len(pairs)).reshape(-1, 2), params
