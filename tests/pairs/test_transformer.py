"""Test PairTransformer: outputs, containers, texts, names and metadata."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sksiamese import (
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseVerifier,
    make_pairs,
    split_pairs,
    stack_pairs,
)
from sksiamese.pairs._transformer import OUTPUTS

EXPECTED = {
    "pairs": lambda A, B: np.hstack([A, B]),
    "abs_diff": lambda A, B: np.abs(A - B),
    "product": lambda A, B: A * B,
    "abs_diff_product": lambda A, B: np.hstack([np.abs(A - B), A * B]),
    "distance": lambda A, B: np.sqrt(((A - B) ** 2).sum(axis=1, keepdims=True)),
}


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(0)
    return rng.normal(3, [1, 5, 20], size=(12, 3))


@pytest.fixture(scope="module")
def view(items):
    """Return pairs of the first ten items, most of them in several pairs."""
    return PairView(items, np.random.default_rng(1).integers(10, size=(30, 2)))


def test_every_output_is_tested():
    assert set(EXPECTED) == set(OUTPUTS)


@pytest.mark.parametrize("output", EXPECTED)
def test_both_items_are_transformed_alike_and_compared(view, items, output):
    scaler = StandardScaler().fit(items[np.unique(view.index)])
    expected = EXPECTED[output](*(scaler.transform(side) for side in split_pairs(view)))
    transformer = PairTransformer(StandardScaler(), output=output).fit(view)
    np.testing.assert_allclose(np.asarray(transformer.transform(view)), expected)
    np.testing.assert_allclose(transformer.transform(np.asarray(view)), expected)
    np.testing.assert_allclose(transformer.transform(np.asarray(view).reshape(-1, 2, 3)), expected)
    assert len(transformer.get_feature_names_out()) == expected.shape[1]
    assert transformer.n_features_in_ == 6


def test_pairs_in_an_array_are_fitted_on_the_items_of_both_sides(view):
    transformer = PairTransformer(StandardScaler()).fit(np.asarray(view))
    both = StandardScaler().fit(np.vstack(split_pairs(view)))
    np.testing.assert_allclose(transformer.transformer_.mean_, both.mean_)
    np.testing.assert_allclose(transformer.transformer_.scale_, both.scale_)


@pytest.mark.parametrize("output", sorted(set(EXPECTED) - {"pairs"}))
def test_comparisons_are_symmetric(view, output):
    transformer = PairTransformer(StandardScaler(), output=output).fit(view)
    swapped = PairView(view.items, view.index[:, ::-1])
    np.testing.assert_array_equal(transformer.transform(view), transformer.transform(swapped))


class Counting(TransformerMixin, BaseEstimator):
    """Double items and record their number."""

    seen = []

    def fit(self, X, y=None):
        self.seen.append(len(X))
        return self

    def transform(self, X):
        self.seen.append(len(X))
        return 2 * X


def test_each_distinct_item_of_a_view_is_transformed_once(view):
    transformer = PairTransformer(Counting()).fit(view)
    Counting.seen.clear()
    found = transformer.transform(view)
    assert Counting.seen == [len(np.unique(view.index))]
    assert isinstance(found, PairView)
    np.testing.assert_array_equal(np.asarray(found), 2 * np.asarray(view))


@pytest.mark.parametrize("output", EXPECTED)
def test_sparse_and_dense_items_have_the_same_comparisons(view, output):
    thin = PairView(sparse.csr_matrix(view.items * (view.items > 3)), view.index)
    dense = PairTransformer(MaxAbsScaler(), output=output).fit_transform(np.asarray(thin))
    transformer = PairTransformer(MaxAbsScaler(), output=output).fit(thin)
    for pairs in (thin, stack_pairs(*split_pairs(thin))):
        found = transformer.transform(pairs)
        found = found.items[found.index.ravel()] if isinstance(found, PairView) else found
        assert sparse.issparse(found) or output == "distance"
        found = found.toarray() if sparse.issparse(found) else found
        np.testing.assert_allclose(found.reshape(len(view), -1), dense)


@pytest.mark.parametrize("output", sorted(set(EXPECTED) - {"pairs"}))
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.bool_, np.float32])
def test_comparisons_of_narrow_types_do_not_wrap_around(output, dtype, container):
    whole = np.array([[3, 5], [127, 0], [0, 5], [1, 126]]).astype(dtype)
    index = [[0, 1], [1, 0], [2, 3], [1, 3]]
    found = PairTransformer(output=output).fit_transform(PairView(container(whole), index))
    wide = PairView(whole.astype(np.float64), index)
    expected = EXPECTED[output](wide.left, wide.right)
    found = found.toarray() if sparse.issparse(found) else found
    assert found.dtype == (np.float64 if dtype == np.int32 else np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_pairs_keep_the_type_of_their_items():
    P = np.array([[3, 5], [250, 5]], np.uint8)
    assert PairTransformer().fit_transform(P).dtype == np.uint8


def test_distances_of_half_precision_are_of_single_precision():
    P = np.array([[3, 300, 1, 0]], np.float16)
    found = PairTransformer(output="distance").fit_transform(P)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.sqrt([[2**2 + 300**2]]), rtol=1e-6)


def test_items_of_a_table_keep_their_columns():
    table = pd.DataFrame({"kind": ["a", "b", "a", "c"], "size": [1.0, 2.0, 3.0, 4.0]})
    columns = make_column_transformer((OneHotEncoder(), ["kind"]), (StandardScaler(), ["size"]))
    pairs = PairView(table, [[0, 2], [0, 1], [1, 3]])
    found = PairTransformer(columns, output="abs_diff").fit_transform(pairs)
    sizes = np.array([2, 1, 2]) / np.std([1, 2, 3, 4])
    np.testing.assert_allclose(found, np.column_stack([[0, 1, 0], [0, 1, 1], [0, 0, 1], sizes]))


def test_missing_values_are_accepted_if_the_transformer_accepts_them(view):
    P = np.asarray(view).copy()
    P[3, 1] = np.nan
    filled = PairTransformer(make_pipeline(SimpleImputer(), StandardScaler())).fit_transform(P)
    assert np.isfinite(filled).all()
    with pytest.raises(ValueError, match="contains NaN"):
        PairTransformer().fit(P)


def test_set_output_makes_a_table(view):
    transformer = PairTransformer(PCA(2), output="abs_diff").set_output(transform="pandas")
    table = transformer.fit_transform(view)
    assert list(table.columns) == ["abs_diff__pca0", "abs_diff__pca1"]
    with_table = PairTransformer(PCA(2).set_output(transform="pandas"), output="abs_diff")
    np.testing.assert_allclose(with_table.fit_transform(view), table)


def test_output_pairs_becomes_a_table_by_set_output(view):
    transformer = PairTransformer(StandardScaler()).fit(view)
    expected = np.asarray(transformer.transform(view))
    transformer.set_output(transform="pandas")
    for pairs in (view, np.asarray(view)):
        table = transformer.transform(pairs)
        assert list(table.columns) == [
            f"{side}__x{n}" for side in ("left", "right") for n in range(3)
        ]
        np.testing.assert_allclose(table, expected)
    sparse_view = PairView(sparse.csr_array(view.items), view.index)
    with pytest.raises(ValueError, match="sparse"):
        PairTransformer().set_output(transform="pandas").fit_transform(sparse_view)


def test_a_verifier_accepts_pairs_from_a_pipeline_of_tables(view):
    match = np.arange(len(view)) % 2
    model = make_pipeline(
        PairTransformer(StandardScaler()), SiameseVerifier(width=32, max_iter=1, random_state=0)
    )
    expected = clone(model).fit(view, match).decision_function(view)
    with config_context(transform_output="pandas"):
        found = model.fit(view, match).decision_function(view)
    assert found.shape == expected.shape
    assert model[-1].feature_names_in_[-1] == "right__x2"


@pytest.mark.parametrize("name", ["allow_nan", "sparse"])
def test_input_tags_follow_the_transformer(name):
    for inner, expected in ((SimpleImputer(), True), (PCA(), name == "sparse")):
        assert getattr(get_tags(PairTransformer(inner)).input_tags, name) == expected
    assert not get_tags(PairTransformer()).input_tags.allow_nan


def test_output_may_be_a_function():
    def difference(A, B):
        return (A - B)[:, :1]

    P = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(PairTransformer(output=difference).fit_transform(P), [[-2]] * 3)
    with pytest.raises(
        ValueError, match=r"output must return.*\(2, n_outputs\), but returned \(2,\)"
    ):
        PairTransformer(output=lambda A, B: A[:, 0]).fit(P)


@pytest.mark.parametrize(
    ("container", "names"),
    [
        (lambda D: pd.DataFrame(D, columns=["width", "height"]), ["width", "height"]),
        (lambda D: pl.DataFrame(D, schema=["width", "height"]), ["width", "height"]),
        (lambda D: D.tolist(), ["pairtransformer0", "pairtransformer1"]),
        (torch.from_numpy, ["pairtransformer0", "pairtransformer1"]),
        (sparse.coo_array, ["pairtransformer0", "pairtransformer1"]),
        (sparse.dia_matrix, ["pairtransformer0", "pairtransformer1"]),
    ],
)
def test_an_output_function_may_return_any_container(container, names):
    P = np.random.default_rng(0).normal(size=(5, 4))
    transformer = PairTransformer(output=lambda A, B: container(A - B)).fit(P)
    found = transformer.transform(P)
    assert isinstance(found, np.ndarray) or found.format == "csr"
    found = found.toarray() if sparse.issparse(found) else found
    np.testing.assert_allclose(found, P[:, :2] - P[:, 2:])
    assert transformer.get_feature_names_out().tolist() == names


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            lambda A, B: None,
            r"output must return .*\(2, n_outputs\), but returned \(\)",
        ),
        (lambda A, B: {"a": 1}, r"output must return .* but returned \(\)"),
        (lambda A, B: 1.0, r"output must return .* but returned \(\)"),
        (lambda A, B: A[:-1], r"output must return .* but returned \(1, 2\)"),
        (lambda A, B: A[:, :, None], r"output must return .* but returned \(2, 2, 1\)"),
        (lambda A, B: [["same"]] * len(A), "the result of output must be an array of numbers"),
        (lambda A, B: [[1], [1, 2]], "the result of output must be an array"),
        (lambda A, B: torch.ones(1, 1, requires_grad=True), r"result of output.*detach\(\)"),
    ],
)
def test_invalid_results_of_an_output_function_are_refused(output, message):
    with pytest.raises(ValueError, match=message):
        PairTransformer(output=output).fit(np.ones((3, 4)))


def test_an_output_of_another_width_than_in_fit_is_refused():
    P = np.ones((3, 4))
    transformer = PairTransformer(output=lambda A, B: np.ones((len(A), len(A)))).fit(P)
    with pytest.raises(ValueError, match="output returned 3 columns, but 2 when"):
        transformer.transform(P)


class Applied(TransformerMixin, BaseEstimator):
    """Apply a function to items."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.function(X)


@pytest.mark.parametrize("output", ["pairs", "abs_diff"])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda X: X[:-1], r"transformer must return .*\(4, n_components\), but returned \(3, 2\)"),
        (lambda X: X[:, 0], r"transformer must return .* but returned \(4,\)"),
        (lambda X: None, r"transformer must return .* but returned \(\)"),
        (lambda X: [[1], [1, 2]], "the result of transformer must be an array"),
    ],
)
def test_invalid_results_of_a_transformer_are_refused(function, message, output):
    with pytest.raises(ValueError, match=message):
        PairTransformer(Applied(function), output=output).fit(np.ones((3, 4)))


WORDS = ["red fox", "a fox", "sky", "blue sky", "blue"]
PLACES = [[0, 1], [2, 3], [0, 2], [4, 1]]
LEFT, RIGHT = ([WORDS[pair[side]] for pair in PLACES] for side in (0, 1))
TEXT_PAIRS = {
    "array": np.column_stack([LEFT, RIGHT]),
    "objects": np.column_stack([LEFT, RIGHT]).astype(object),
    "list": list(zip(LEFT, RIGHT, strict=True)),
    "pandas": pd.DataFrame({"question": LEFT, "answer": RIGHT}),
    "categories": pd.DataFrame({"question": LEFT, "answer": RIGHT}, dtype="category"),
    "polars": pl.DataFrame({"question": LEFT, "answer": RIGHT}),
    "stacked": stack_pairs(pd.DataFrame({"text": LEFT}), pd.DataFrame({"text": RIGHT})),
    "view": PairView(WORDS, PLACES),
    "view of a series": PairView(pd.Series(WORDS), PLACES),
    "view of a table": PairView(pl.DataFrame({"text": WORDS}), PLACES),
    "three dimensions": np.column_stack([LEFT, RIGHT])[:, :, None],
}
VECTORIZERS = [
    CountVectorizer(),
    HashingVectorizer(n_features=32),
    make_pipeline("passthrough", CountVectorizer(), MaxAbsScaler()),
    make_pipeline(Applied(lambda texts: [text.upper() for text in texts]), TfidfVectorizer()),
    make_union(CountVectorizer(), CountVectorizer(analyzer="char")),
    FrozenEstimator(make_pipeline(TfidfVectorizer()).fit(WORDS)),
]


@pytest.mark.parametrize("vectorizer", VECTORIZERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("container", TEXT_PAIRS)
def test_vectorizers_get_texts_as_a_sequence(container, vectorizer):
    pairs = TEXT_PAIRS[container]
    expected = clone(vectorizer).fit(WORDS, None)
    left, right = (expected.transform(texts).toarray() for texts in (LEFT, RIGHT))
    if isinstance(pairs, PairView) or "Tfidf" not in str(vectorizer):
        found = PairTransformer(vectorizer, output="abs_diff").fit(pairs).transform(pairs)
        np.testing.assert_allclose(found.toarray(), abs(left - right))
    for output in OUTPUTS:
        transformer = PairTransformer(vectorizer, output=output).fit(pairs)
        n_names = len(transformer.get_feature_names_out())
        assert transformer.transform(pairs).shape == (4, n_names)


def test_other_transformers_get_texts_as_columns():
    for container in ("array", "pandas", "polars", "view"):
        model = PairTransformer(OneHotEncoder(), output="product").fit(TEXT_PAIRS[container])
        assert model.get_feature_names_out()[-1].endswith("_sky")


def test_texts_are_verified_in_a_pipeline():
    model = make_pipeline(PairTransformer(TfidfVectorizer()), SiameseVerifier(width=32, max_iter=1))
    texts = [*TEXT_PAIRS["list"]] * 5
    assert model.fit(texts, [True, True, False, False] * 5).predict(texts).shape == (20,)
    assert get_tags(model[0]).input_tags.string


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[1, 2], [3, 4]], "needs texts, but the items are numbers, of type int64"),
        ([["a", "b", "c", "d"]], "needs one text for each item, but an item has 2 columns"),
        (pd.DataFrame({"a": ["x", None], "b": ["y", "z"]}), "The items have 1 missing texts"),
        (pd.DataFrame({"a": ["x", pd.NA], "b": ["y", pd.NA]}), "The items have 2 missing texts"),
        (PairView(np.array(["x", np.nan], dtype=object), [[0, 1]]), "The items have 1 missing"),
        ([["a", 1]], "X mixes strings with other values"),
        (np.empty((0, 2), dtype=str), r"0 sample\(s\)"),
    ],
)
def test_invalid_pairs_of_texts_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        PairTransformer(TfidfVectorizer()).fit(pairs)


def test_transformers_get_tables_of_items():
    table = pd.DataFrame({"kind": ["a", "b", "a", "c"], "size": [1.0, 2.0, 3.0, 4.0]})
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["kind"]))
    pairs = stack_pairs(table[:3], table[1:])
    transformer = PairTransformer(columns, output="abs_diff").fit(pairs)
    assert transformer.get_feature_names_out().tolist() == [
        "abs_diff__standardscaler__size",
        "abs_diff__onehotencoder__kind_a",
        "abs_diff__onehotencoder__kind_b",
        "abs_diff__onehotencoder__kind_c",
    ]
    view = PairView(table, [[0, 1], [1, 2], [2, 3]])
    np.testing.assert_allclose(transformer.transform(view), transformer.transform(pairs))


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("pairs", ["left__pca0", "left__pca1", "right__pca0", "right__pca1"]),
        ("abs_diff", ["abs_diff__pca0", "abs_diff__pca1"]),
        (
            "abs_diff_product",
            ["abs_diff__pca0", "abs_diff__pca1", "product__pca0", "product__pca1"],
        ),
        ("distance", ["distance"]),
    ],
)
def test_column_names_follow_the_transformer(view, output, names):
    assert (
        PairTransformer(PCA(2), output=output).fit(view).get_feature_names_out().tolist() == names
    )


def test_columns_of_transformers_without_names_are_numbered(view):
    for inner in (Counting(), make_pipeline(Counting(), FunctionTransformer())):
        name = type(inner).__name__.lower()
        found = PairTransformer(inner, output="product").fit(view).get_feature_names_out()
        assert found.tolist() == [f"product__{name}{number}" for number in range(3)]


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


class Shifted(TransformerMixin, BaseEstimator):
    """Add a number to every item."""

    def fit(self, X, y=None):
        return self

    def transform(self, X, shift=None):
        return X + np.reshape(shift, (-1, 1))


def test_weights_of_pairs_apply_to_both_items(view, routing):
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    weight = np.arange(30) % 4 + 1.0
    items = view.items[view.index]
    expected = np.average(items.mean(axis=1), axis=0, weights=weight)
    classifier = LogisticRegression().set_fit_request(sample_weight=True)
    for pairs in (view, np.asarray(view), PairView(sparse.csr_array(view.items), view.index)):
        with_mean = StandardScaler(with_mean=not sparse.issparse(getattr(pairs, "items", 0)))
        scaler = with_mean.set_fit_request(sample_weight=True)
        model = make_pipeline(PairTransformer(scaler, output="abs_diff"), classifier)
        model.fit(pairs, np.arange(30) % 2, sample_weight=weight)
        if scaler.with_mean:
            np.testing.assert_allclose(model[0].transformer_.mean_, expected)
    nested = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), PCA(1))
    fitted = PairTransformer(nested).fit(view, sample_weight=weight.tolist())
    np.testing.assert_allclose(fitted.transformer_[0].mean_, expected)


def test_metadata_of_pairs_are_passed_to_transform_for_both_items(view, routing):
    transformer = PairTransformer(Shifted().set_transform_request(shift=True))
    shift = np.arange(30.0)
    for pairs in (view, np.asarray(view)):
        expected = np.asarray(view) + shift[:, None]
        found = transformer.fit_transform(pairs, shift=shift)
        np.testing.assert_allclose(np.asarray(found), expected)
        found = transformer.fit(pairs, shift=shift).transform(pairs, shift=shift)
        np.testing.assert_allclose(np.asarray(found), expected)


def test_metadata_that_cannot_be_routed_are_refused(view, routing):
    weight = np.ones(30)
    with pytest.raises(ValueError, match="not explicitly set as requested or not requested"):
        PairTransformer(StandardScaler()).fit(view, sample_weight=weight)
    with pytest.raises(TypeError, match="not routed to any object"):
        PairTransformer().fit(view, sample_weight=weight)
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PairTransformer(scaler).fit(view, sample_weight=weight[1:])


def test_metadata_need_enabled_routing(view):
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
        PairTransformer(StandardScaler()).fit(view, sample_weight=np.ones(30))


def test_a_failed_fit_leaves_the_transformer_unchanged(view):
    table = pd.DataFrame(np.hstack([view.left, view.right])).add_prefix("c")
    transformer = PairTransformer(StandardScaler(), output="abs_diff").fit(table)
    before, expected = vars(transformer).copy(), transformer.transform(table)
    with pytest.raises(ValueError, match="infinity"):
        transformer.fit(np.full((4, 4), np.inf))
    transformer.set_params(output=lambda A, B: A[:0])
    with pytest.raises(ValueError, match="output must return"):
        transformer.fit(table.to_numpy()[:, :4])
    assert vars(transformer.set_params(output="abs_diff")) == before
    np.testing.assert_array_equal(transformer.transform(table), expected)


def test_odd_columns_share_the_middle_one_and_warn():
    P = np.arange(15.0).reshape(3, 5)
    with pytest.warns(UserWarning, match="odd number of columns"):
        transformer = PairTransformer().fit(P)
    with pytest.warns(UserWarning, match="odd number of columns"):
        assert transformer.transform(P).shape == (3, 6)


def test_a_transformer_that_learns_from_classes_must_be_frozen(digits, digit_pairs):
    X_train, _, y_train, _ = digits
    embedder = SiameseEmbedder(8, max_iter=1, random_state=0)
    with pytest.raises(ValueError, match=r"learns from classes.*FrozenEstimator"):
        PairTransformer(embedder).fit(digit_pairs[0])
    pipeline = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
    with pytest.raises(ValueError, match=r"learns from classes.*FrozenEstimator"):
        PairTransformer(make_pipeline("passthrough", pipeline)).fit(digit_pairs[0])
    frozen = FrozenEstimator(embedder.fit(X_train, y_train))
    assert PairTransformer(make_pipeline(StandardScaler(), frozen)).fit(digit_pairs[0])
    found = PairTransformer(frozen, output="distance").fit_transform(digit_pairs[1])
    A, B = (embedder.transform(side) for side in split_pairs(digit_pairs[1]))
    np.testing.assert_allclose(found[:, 0], np.linalg.norm(A - B, axis=1))


def test_an_embedder_trained_on_classes_verifies_by_logistic_regression(digits):
    X_train, X_test, y_train, y_test = digits
    embedder = FrozenEstimator(SiameseEmbedder(random_state=0).fit(X_train, y_train))
    model = make_pipeline(PairTransformer(embedder, output="abs_diff"), LogisticRegression())
    options = {"n_pairs": 2000, "as_view": True, "random_state": 0}
    pairs, match, _ = make_pairs(X_train, y_train, **options)
    new, new_match, _ = make_pairs(X_test, y_test, **options)
    score = model.fit(pairs, match).decision_function(new)
    assert roc_auc_score(new_match, score) > 0.98


def test_a_scaler_before_a_verifier_is_searched_with_it(digits):
    X, _, y, _ = digits
    pairs, match, _ = make_pairs(X, y, n_pairs=300, as_view=True, random_state=0)
    model = make_pipeline(
        PairTransformer(StandardScaler()), SiameseVerifier(width=32, max_iter=2, random_state=0)
    )
    grid = {"pairtransformer__transformer": [StandardScaler(), TruncatedSVD(20, random_state=0)]}
    search = GridSearchCV(clone(model), grid, cv=2).fit(pairs, match)
    assert (search.cv_results_["mean_test_score"] > 0.5).all()
    assert search.predict(pairs).shape == (300,)
