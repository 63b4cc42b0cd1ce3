"""PairTransformer: one scikit-learn transformer for both items of a pair."""

from functools import partial

import numpy as np
from scipy.sparse import hstack, issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import _safe_indexing, check_array, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import check_is_fitted, validate_data

from ._atomic import all_or_nothing
from ._pair_view import PairView
from .pairs import flatten_pairs, stack_pairs, to_view


def abs_diff(A, B):
    """Absolute differences."""
    return abs(A - B)


def product(A, B):
    """Products, column by column."""
    return A.multiply(B).tocsr() if issparse(A) else A * B


def abs_diff_product(A, B):
    """Absolute differences, then products."""
    join = partial(hstack, format="csr") if issparse(A) else np.hstack
    return join([abs_diff(A, B), product(A, B)])


def distance(A, B):
    """Euclidean distance, as one column."""
    return row_norms(A - B).reshape(-1, 1)


OUTPUTS = {
    "abs_diff": abs_diff,
    "abs_diff_product": abs_diff_product,
    "distance": distance,
    "pairs": stack_pairs,
    "product": product,
}
"""What can be made of the transformed left and right items, by name."""


class PairTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Apply one transformer to both items of each pair, and compare what comes out.

    The transformer is fitted on the items of both sides taken together, so that left and
    right are treated alike; a ``StandardScaler`` on the pairs themselves would scale the two
    sides differently. With an ``output`` other than "pairs", any classifier then verifies
    pairs by the features of an embedder that was trained on classes.

    Read more in the :ref:`User Guide <pairs>`.

    Parameters
    ----------
    transformer : transformer, default=None
        What is applied to the items. One that learns from classes, which pairs do not have,
        is fitted beforehand and passed as ``FrozenEstimator(transformer)``. None takes the
        items as they are.
    output : {"abs_diff", "abs_diff_product", "distance", "pairs", "product"} or callable, \
            default="pairs"
        What is made of the transformed items: a name in ``OUTPUTS`` of this module, or
        a callable that maps two arrays of shape (n_pairs, n_components) to one of shape
        (n_pairs, n_outputs).

        - "pairs": pairs again, left item beside right item; of a
          :class:`~sksiamese.PairView` a view.
        - "abs_diff": absolute differences, the features of [1]_.
        - "product": products, column by column.
        - "abs_diff_product": both of these, side by side, as in [2]_.
        - "distance": the Euclidean distance, one column.

        All but "pairs" are the same when the items of a pair are swapped.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if it had names that are all strings.

    See Also
    --------
    SiameseVerifier : Learns embedding and decision together.
    PairView : Pairs by row numbers; each distinct item is transformed once.

    Notes
    -----
    Pairs are rows of ``2 * n_features`` columns, left item then right item, or arrays of
    shape (n_pairs, 2, ...), which are flattened. With an odd number of columns the
    middle one belongs to both items, and a warning says so. The items of a ``PairView``
    reach the transformer as they are, so that those of a DataFrame may have columns of
    any kind; they count once, however many pairs they are in, and items that are in no
    pair not at all.

    What is compared is floating: whole numbers and booleans become float64, those of one or
    two bytes float32, and no difference wraps around. Where ``set_output`` asks for tables,
    they are made of views, too.

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
    >>> model.fit(pairs, match).score(new_pairs, new_match) > 0.85
    True
    """

    _parameter_constraints: dict = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "output": [StrOptions(set(OUTPUTS)), callable],
    }

    def __init__(self, transformer=None, *, output="pairs"):
        self.transformer = transformer
        self.output = output

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the transformer on the items of both sides.

        Parameters
        ----------
        X : {array-like, PairView} of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        y : None
            Ignored; labels of pairs say nothing about single items.

        Returns
        -------
        self : PairTransformer
            The fitted estimator; as it was before after an error.

        Raises
        ------
        ValueError
            If the transformer learns from classes and is not frozen.
        """
        with all_or_nothing(self):
            pairs = self._validate(X, reset=True)
            self.transformer_ = self._unfitted().fit(distinct_items(pairs)[0], None)
            self._n_features_out = self._compare(pairs[:1], as_view=True).shape[1]
            return self

    def transform(self, X):
        """Transform the items of each pair, and compare them.

        Parameters
        ----------
        X : {array-like, PairView} of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        X_new : {ndarray, CSR matrix, PairView} of shape (n_pairs, n_outputs)
            What ``output`` says; a ``PairView`` if X is one, ``output`` is "pairs" and no
            table is asked for.
        """
        check_is_fitted(self)
        as_table = _get_output_config("transform", self)["dense"] != "default"
        as_view = isinstance(X, PairView) and not as_table
        return self._compare(self._validate(X, reset=False), as_view=as_view)

    def _validate(self, X, *, reset):
        """A view of the pairs; what items may be is the transformer's to say."""
        if isinstance(X, PairView):
            return validate_data(self, X, reset=reset, skip_check_array=True)
        checks = {"dtype": None, "accept_sparse": "csr", "ensure_all_finite": False}
        return to_view(validate_data(self, flatten_pairs(X), reset=reset, **checks))

    def _unfitted(self):
        """The transformer to fit; for None one that checks the items alone."""
        if self.transformer is None:
            identity = FunctionTransformer(validate=True, accept_sparse=True)
            return identity.set_output(transform="default")
        if learns_from_classes(self.transformer):
            raise ValueError(
                f"transformer={self.transformer} learns from classes of items, but pairs have "
                "none; fit it on items beforehand and pass FrozenEstimator(transformer)."
            )
        return clone(self.transformer)

    def _compare(self, pairs, *, as_view):
        """Transform every distinct item once, and make of the pairs what ``output`` says."""
        items, index = distinct_items(pairs)
        items = self.transformer_.transform(items)
        items = items if issparse(items) else np.asarray(items)
        if as_view and self.output == "pairs":
            return PairView(items, index)
        pairs = PairView(items if self.output == "pairs" else as_floats(items), index)
        function = OUTPUTS[self.output] if isinstance(self.output, str) else self.output
        compared = function(pairs.left, pairs.right)
        if len(compared.shape) != 2 or compared.shape[0] != len(pairs):
            raise ValueError(
                f"output must return an array of shape ({len(pairs)}, n_outputs), but gave "
                f"{compared.shape}; use reshape(-1, 1) for one number a pair."
            )
        return compared

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._unfitted() if self.transformer is None else self.transformer)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.transformer_tags.preserves_dtype = inner.transformer_tags.preserves_dtype
        return tags


def learns_from_classes(transformer):
    """Whether a transformer, or a step of a pipeline, is to be fitted with classes."""
    if isinstance(transformer, Pipeline):
        steps = [step for _, step in transformer.steps if hasattr(step, "fit")]
        return any(learns_from_classes(step) for step in steps)
    frozen = isinstance(transformer, FrozenEstimator)
    return get_tags(transformer).target_tags.required and not frozen


def as_floats(items):
    """Items in a floating type that holds their values and compares them without overflow."""
    checks = {"accept_sparse": "csr", "allow_nd": True, "ensure_all_finite": False}
    items = check_array(items, dtype="numeric", **checks)
    return items.astype(np.result_type(items.dtype, np.float32), copy=False)


def distinct_items(pairs):
    """The items that occur in a view of pairs, and the pairs as places among them."""
    rows, index = pairs.distinct()
    if len(rows) == pairs.items.shape[0]:
        return pairs.items, index
    return _safe_indexing(pairs.items, rows), index
