"""Test items of pairs: tables, arrays, texts, and refusal of others."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.preprocessing import FunctionTransformer

from sksiamese import (
    PairTransformer,
    PairView,
    SiameseVerifier,
    make_pairs,
    pairs_from_triplets,
    split_pairs,
    stack_pairs,
)

PEOPLE = {"name": ["Ann", "Bob", "Cid"], "age": [31, 42, 53], "height": [1.6, 1.7, 1.8]}
NAMES = [f"{side}__{name}" for side in ("left", "right") for name in PEOPLE]
each_library = pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])


def people(library, rows=slice(None), names=tuple(PEOPLE)):
    """Return a table of some people with the columns in some order."""
    return library.DataFrame({name: PEOPLE[name][rows] for name in names})


@each_library
def test_tables_are_stacked_by_the_names_of_their_columns(library):
    left = people(library)
    right = people(library, slice(None, None, -1), ["height", "name", "age"])
    pairs = stack_pairs(left, right)
    assert isinstance(pairs, library.DataFrame)
    assert list(pairs.columns) == NAMES
    assert pairs["right__age"].to_list() == [53, 42, 31]
    assert pairs["left__height"].dtype == left["height"].dtype
    assert pairs["right__age"].dtype == left["age"].dtype
    for found, side in zip(split_pairs(pairs), (left, right[list(PEOPLE)]), strict=True):
        assert found.equals(side)


def test_tables_are_stacked_row_by_row_whatever_their_index():
    left, right = people(pd), people(pd).set_index(np.array([7, 7, 9]))
    pairs = stack_pairs(left, right)
    assert pairs.index.tolist() == [0, 1, 2]
    assert pairs["right__name"].tolist() == PEOPLE["name"]


@pytest.mark.parametrize(
    "column",
    [
        pd.Categorical(["a", "b", "a"]),
        pd.array([1, None, 2**60 + 1], dtype="Int64"),
        pd.array(["a", None, "b"], dtype="string"),
        pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
        pd.arrays.SparseArray([0.0, 1.0, 0.0]),
        np.array([True, False, True]),
        np.array([1, 2, 3], dtype=np.uint8),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_of_tables_keep_their_types(column):
    table = pd.DataFrame({"a": column, "b": 1.0})
    pairs = stack_pairs(table, table[["b", "a"]])
    assert pairs.dtypes.tolist() == table.dtypes.tolist() * 2


def test_columns_without_names_are_numbered():
    table = pd.DataFrame(np.arange(6).reshape(3, 2))
    pairs = stack_pairs(table, table[[1, 0]])
    assert pairs.columns.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(pairs, np.hstack([table, table]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda table: table[["age", "name"]],
            r"only left has \['height'\] and only",
        ),
        (lambda table: table.rename(columns={"age": "years"}), r"only right has \['years'\]"),
        (
            lambda table: table[["age", "age", "name"]],
            "right has columns of the same name",
        ),
        (lambda table: table[:2], r"same shape .*\(3, 3\) and \(2, 3\)"),
        (
            lambda table: table.assign(age=["31", "42", "53"]),
            "'age' is of type int64 in left",
        ),
        (lambda table: table.to_numpy(), "left is a pandas.DataFrame and right a numpy.ndarray"),
        (lambda table: people(pl), "left is a pandas.DataFrame and right a polars"),
    ],
)
def test_tables_of_different_columns_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        stack_pairs(people(pd), change(people(pd)))


def test_column_names_of_several_types_are_refused_with_a_working_remedy():
    table = pd.DataFrame(np.eye(2), columns=["a", 1])
    with pytest.raises(ValueError, match=r"columns = left\.columns\.astype\(str\)"):
        stack_pairs(table, table)
    table.columns = table.columns.astype(str)
    expected = ["left__a", "left__1", "right__a", "right__1"]
    assert stack_pairs(table, table).columns.tolist() == expected


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        ([["a", 1]], [["b", 2]], "left mixes strings with other values"),
        ([["a"]], [[b"b"]], r"left holds strings \(<U1\) and right bytes"),
        ([["a"]], [[1]], r"left holds strings \(<U1\) and right numbers \(int64\)"),
        (np.array([["2020-01-01"]], "M8[D]"), [[1]], "left holds dates"),
        ([[2**53 + 1]], [[0.5]], "float64, which cannot represent the numbers of left"),
        (np.array([[-1]]), np.array([[2**63 + 1]], np.uint64), "the numbers of right"),
        ([[1, 2]], [[2**53 + 1, 0.5]], "right mixes floats and whole numbers above"),
        ([[1, 2], [3]], [[1, 2], [3]], "left must be an array, a table or a list of rows of one"),
        ([[1, 2]], {"a": 1}, "right must be an array, a table or a list of items, got dict"),
        (None, [[1]], "left must be an array, a table or a list of items, got NoneType"),
        ([], [], r"left must have shape .* got \(0,\)"),
        ([1, 2], [3, 4], r"np\.asarray\(left\)\.reshape\(-1, 1\)"),
    ],
)
def test_arrays_without_a_common_dtype_are_refused(left, right, message):
    with pytest.raises(ValueError, match=message):
        stack_pairs(left, right)


def test_sparse_items_are_stacked_exactly_or_refused():
    large, half = sparse.coo_array(np.array([[2**53 + 1]])), sparse.dia_array(np.array([[0.5]]))
    with pytest.raises(ValueError, match="cannot represent the numbers of left, of type int64"):
        stack_pairs(large, half)
    assert stack_pairs(large, large).dtype == np.int64
    mixed = stack_pairs(np.array([[-1]]), np.array([[5]], dtype=np.uint64))
    np.testing.assert_array_equal(mixed, [[-1, 5]])


@pytest.mark.parametrize("shape", [(0, 3), (0, 2, 4), (0, 2, 3, 5)])
def test_empty_pairs_are_stacked_and_split(shape):
    nothing = np.empty(shape)
    n_features = nothing[0:].reshape(-1, np.prod(shape[1:], dtype=int)).shape[1]
    assert stack_pairs(nothing, nothing).shape == (0, 2 * n_features)
    assert PairView(nothing, np.empty((0, 2), int)).shape == (0, 2 * n_features)
    if len(shape) > 2:
        assert [side.shape for side in split_pairs(nothing)] == [(0, n_features // 2)] * 2


TEXTS = ["a red fox", "blue sky", "a fox", "red"]


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        pd.Series,
        lambda texts: pd.Series(texts, dtype="category"),
        lambda texts: pd.Series(texts, dtype="string", index=[9] * len(texts)),
        pl.Series,
    ],
)
def test_texts_are_items_of_one_column(container):
    view = PairView(container(TEXTS), [[0, 1], [2, 0]])
    assert view.shape == (2, 2)
    expected = [[TEXTS[0], TEXTS[1]], [TEXTS[2], TEXTS[0]]]
    assert np.asarray(view).tolist() == expected
    assert stack_pairs(container(TEXTS[:2]), container(TEXTS[2:])).tolist() == [
        [TEXTS[0], TEXTS[2]],
        [TEXTS[1], TEXTS[3]],
    ]
    P, match, _ = make_pairs(container(TEXTS), [0, 1, 0, 1], n_pairs=4, random_state=0)
    assert {frozenset(pair) for pair in P[match].tolist()} == {
        frozenset(TEXTS[::2]),
        frozenset(TEXTS[1::2]),
    }


def test_texts_become_pairs_of_triplets():
    P, match, _ = pairs_from_triplets([TEXTS[:3], TEXTS[1:]])
    assert P.tolist()[:2] == [TEXTS[:2], [TEXTS[0], TEXTS[2]]]
    assert match.tolist() == [True, False] * 2


@pytest.mark.parametrize(
    "items",
    [[1, 2], np.ones(3), pd.Series([1, 2]), pd.Series([1, None], dtype="Int64"), pl.Series([0.5])],
)
def test_1d_numbers_are_refused_with_a_working_remedy(items):
    with pytest.raises(ValueError, match=r"pass np\.asarray\(items\)\.reshape\(-1, 1\)"):
        PairView(items, [[0, 0]])
    assert PairView(np.asarray(items).reshape(-1, 1), [[0, 0]]).shape == (1, 2)


@pytest.mark.parametrize(
    ("items", "index", "message"),
    [
        ([[1], [2, 3]], [[0, 1]], "items must be an array, a table or a list of rows of one"),
        ([["a", 1]], [[0, 0]], "items mixes strings"),
        ({"a": 1}, [[0, 0]], "items must be an array.*got dict"),
        ([[1], [2]], [[0, 1], [1]], "index must be an array"),
        ([[1], [2]], [[0, 2**70]], "index must hold integers.*object"),
        ([[1], [2]], [[0.0, np.nan]], "index must hold integers.*float64"),
        ([[1], [2]], None, r"index must have shape .* got \(\)"),
        (sparse.coo_array(np.ones(3)), [[0, 1]], r"pass items\.reshape\(3, -1\)"),
        (sparse.coo_array(np.ones((2, 2, 2))), [[0, 1]], r"pass items\.reshape\(2, -1\)"),
    ],
)
def test_a_view_refuses_invalid_items_and_row_numbers(items, index, message):
    with pytest.raises(ValueError, match=message):
        PairView(items, index)


@pytest.mark.parametrize("P", [[[1, 2], [3]], [["a", 1]], None, {"a": 1}])
def test_split_pairs_refuses_invalid_pairs(P):
    with pytest.raises(ValueError, match=r"^P "):
        split_pairs(P)


def test_both_halves_of_a_table_get_the_names_of_the_left_one():
    table = pd.DataFrame([["a", "b"]], columns=["question1", "question2"])
    left, right = split_pairs(table)
    assert list(left.columns) == list(right.columns) == ["question1"]
    assert stack_pairs(left, right).columns.tolist() == ["left__question1", "right__question1"]
    with pytest.warns(UserWarning, match="odd number of columns"):
        left, right = split_pairs(pd.DataFrame([[1, 2, 3]], columns=list("abc")))
    assert right.to_numpy().tolist() == [[2, 3]]


@each_library
def test_pairs_drawn_from_a_table_are_a_table(library):
    y = np.arange(30) % 3
    table = library.DataFrame({"kind": [f"k{label}" for label in y], "row": np.arange(30)})
    pairs, match, _ = make_pairs(table, y, n_pairs=20, random_state=0)
    same = pairs["left__kind"].to_numpy() == pairs["right__kind"].to_numpy()
    np.testing.assert_array_equal(same, match)
    view, *_ = make_pairs(table, y, n_pairs=20, as_view=True, random_state=0)
    np.testing.assert_array_equal(view.index[:, 1], pairs["right__row"].to_numpy())


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (None, "X must be an array, a table or a list of pairs, got NoneType"),
        ({"a": 1}, "X must be an array.*got dict"),
        ([[1, 2], [1]], "X must be an array, a table or a list of rows of one length"),
        ([["a", 2], ["b", 1]], "X mixes strings with other values"),
        ([[2**60 + 1, 0.5], [1, 2]], "X mixes floats and whole numbers above"),
        (np.empty((0, 2, 3)), r"0 sample\(s\)"),
    ],
)
@pytest.mark.parametrize("kind", [SiameseVerifier, PairTransformer])
def test_estimators_of_pairs_refuse_invalid_pairs(kind, pairs, message):
    with pytest.raises(ValueError, match=message):
        kind().fit(pairs, [0, 1])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (None, "X_items must be an array.*got NoneType"),
        ([[1, 2], [1]], "X_items must be an array, a table or a list of rows of one length"),
        ([1, 2], r"pass np\.asarray\(X_items\)\.reshape\(-1, 1\)"),
        ([[1, 2, 3, 4]], "pass items, not pairs"),
    ],
)
def test_a_verifier_refuses_invalid_items(items, message):
    pairs = np.random.default_rng(0).normal(size=(8, 4))
    verifier = SiameseVerifier(width=32, max_iter=1, random_state=0).fit(pairs, np.arange(8) % 2)
    with pytest.raises(ValueError, match=message):
        verifier.transform_items(items)


def test_dates_are_accepted_for_the_output_pairs_only():
    dates = np.array([["2020-01-01", "2021-01-01"]], dtype="M8[D]")
    identity = FunctionTransformer()
    assert PairTransformer(identity).fit_transform(dates).tolist() == dates.tolist()
    with pytest.raises(
        ValueError, match=r"transformer must be an array of numbers.*datetime64\[D\]"
    ):
        PairTransformer(identity, output="abs_diff").fit(dates)
    with pytest.raises(ValueError, match="X has no columns"):
        PairTransformer().fit(pd.DataFrame(index=range(3)))
