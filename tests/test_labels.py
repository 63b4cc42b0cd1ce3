"""Test that labels are read exactly."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sksiamese._labels import as_labels, check_known, present_labels, to_common_dtype

BIG = 2**60
IDS = [BIG + 1, BIG + 2, BIG + 1]

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "numpy int64": np.array,
    "numpy uint64": lambda ids: np.array(ids, dtype=np.uint64),
    "numpy objects": lambda ids: np.array(ids, dtype=object),
    "column": lambda ids: np.array(ids)[:, None],
    "pandas": pd.Series,
    "pandas nullable": lambda ids: pd.Series(ids, dtype="Int64"),
    "pandas categorical": lambda ids: pd.Series(pd.Categorical(ids)),
    "pandas table": lambda ids: pd.DataFrame({"id": pd.Series(ids, dtype="Int64")}),
    "polars": pl.Series,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_large_integers_stay_exact(container):
    labels = as_labels(CONTAINERS[container](IDS))
    assert labels.dtype.kind in "iu"
    assert labels.tolist() == IDS


@pytest.mark.parametrize(
    "ids", [pd.Series([BIG + 1, None, BIG + 2], dtype="Int64"), pl.Series([BIG + 1, None, BIG + 2])]
)
def test_a_missing_label_does_not_turn_integers_into_floats(ids):
    is_present, labels = present_labels(ids)
    assert is_present.tolist() == [True, False, True]
    assert labels.tolist() == IDS[:2]
    with pytest.raises(ValueError, match="y has 1 missing labels"):
        as_labels(ids)


def test_arrays_of_numbers_keep_their_dtype():
    for dtype in (np.int8, np.uint64, np.float32, np.bool_):
        assert as_labels(np.array([0, 1], dtype)).dtype == dtype
    assert as_labels([2**63]).dtype == np.uint64


def test_strings_keep_trailing_null_characters():
    assert len(set(as_labels(["a", "a\0"]))) == 2
    assert as_labels(["b", "a"]).dtype.kind == "U"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "y is None"),
        ("abc", "y must be a 1d array"),
        (3, "y must be a 1d array"),
        ({1: 2}, "y must be a 1d array"),
        ([[1, 2], [3, 4]], r"got an array of shape \(2, 2\)"),
        ([[1, 2], [3]], "Unknown label type: list"),
        ([1, "a"], "y mixes labels of types int, str"),
        ([True, 2], "y mixes labels of types bool, int"),
        ([1.5, BIG + 1], "y mixes floats and whole numbers beyond 2"),
        ([2**70], "beyond 64 bits; pass them as strings"),
        ([b"a", b"b"], "Unknown label type: bytes"),
        ([datetime.date(2020, 1, 1)], "Unknown label type: date"),
        (np.array(["2020-01-01"], "M8[D]"), r"convert it with astype\(str\)"),
        (np.array([1j]), "Complex data not supported: complex128"),
    ],
)
def test_invalid_collections_of_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        as_labels(labels)


@pytest.mark.parametrize(
    ("new", "known"),
    [
        (np.array(IDS, np.uint64), np.array(IDS)),
        (np.array(IDS), np.array(IDS, np.uint64)),
        ([300], np.array([1], np.int8)),
        ([2**63 + 1], np.array([1])),
        ([3.0], np.array([3])),
        ([3], np.array([3.0])),
        ([1.5], np.array([1])),
        ("a", np.array(["bcd"])),
        ([True], np.array([False])),
    ],
)
def test_two_kinds_of_labels_get_a_dtype_that_holds_both(new, known):
    found, among = to_common_dtype(new, known, "claimed", "classes_")
    assert found.dtype.kind == among.dtype.kind
    assert found.tolist() == np.atleast_1d(new).tolist()
    assert among.tolist() == known.tolist()


@pytest.mark.parametrize(
    ("new", "known"),
    [
        (np.array(IDS, float), np.array(IDS)),
        (np.array(IDS), np.array(IDS, float)),
        ([2**63 + 1], np.array([-1])),
        ([BIG], np.array([0.5])),
        (["1"], np.array([1])),
        ([True], np.array([1])),
        ([1], np.array([True])),
    ],
)
def test_labels_that_no_dtype_holds_are_refused(new, known):
    with pytest.raises(ValueError, match="claimed has"):
        to_common_dtype(new, known, "claimed", "classes_")


def test_labels_that_are_not_classes_are_refused_by_name():
    assert check_known([2, 1], np.array([1, 2, 3]), "claimed", "classes_").tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"claimed has labels .* classes_, such as \[9\]"):
        check_known([9, 1], np.array([1, 2, 3]), "claimed", "classes_")


def test_the_labels_of_pairs_have_two_columns():
    assert as_labels([["a", "b"], ["b", "c"]], of_pairs=True).shape == (2, 2)
    with pytest.raises(ValueError, match=r"groups must have shape .* pass y\[pairs.index\]"):
        as_labels([1, 2], "groups", of_pairs=True)
