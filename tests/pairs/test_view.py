"""Test PairView as an array, and in estimators."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    train_test_split,
)
from sklearn.utils import _safe_indexing

from sksiamese import (
    PairView,
    SiameseVerifier,
    make_pairs,
    split_pairs,
    stack_pairs,
)
from sksiamese._training import _pairs
from sksiamese.pairs import _view
from sksiamese.towers import multi_cue

INDEX = np.array([[0, 3], [3, 1], [1, 0], [0, 3], [2, 2]])
ITEMS = np.arange(8).reshape(4, 2)
ARRAY = np.hstack([ITEMS[INDEX[:, 0]], ITEMS[INDEX[:, 1]]])


def memmap(X, folder):
    path = folder / f"{len(X)}.dat"
    X.tofile(path)
    return np.memmap(path, dtype=X.dtype, mode="r", shape=X.shape)


CONTAINERS = {
    "array": lambda X, folder: X,
    "list": lambda X, folder: X.tolist(),
    "memmap": memmap,
    "csr_array": lambda X, folder: sparse.csr_array(X),
    "csr_matrix": lambda X, folder: sparse.csr_matrix(X),
    "coo_array": lambda X, folder: sparse.coo_array(X),
    "pandas": lambda X, folder: pd.DataFrame(X, columns=[f"x{n}" for n in range(X.shape[1])]),
    "polars": lambda X, folder: pl.DataFrame(X),
}
each_container = pytest.mark.parametrize("container", CONTAINERS)


@pytest.fixture(scope="module")
def views(digits):
    """Return views of digits as V_train, V_test, match_train, match_test, with disjoint rows."""
    X_train, X_test, y_train, y_test = digits
    options = {"n_pairs": 2000, "as_view": True, "random_state": 0}
    V_train, match_train, _ = make_pairs(X_train, y_train, **options)
    V_test, match_test, _ = make_pairs(X_test, y_test, **options)
    return V_train, V_test, match_train, match_test


@pytest.fixture(scope="module")
def fitted(views):
    V, _, match, _ = views
    return SiameseVerifier(width=64, max_iter=10, random_state=0).fit(V, match)


@each_container
def test_a_view_converts_to_the_array_of_its_pairs(container, tmp_path):
    view = PairView(CONTAINERS[container](ITEMS, tmp_path), INDEX)
    assert view.shape == ARRAY.shape
    assert view.ndim == 2
    assert len(view) == 5
    assert view.dtype == np.asarray(view).dtype
    np.testing.assert_array_equal(np.asarray(view), ARRAY)
    stacked = stack_pairs(*split_pairs(view))
    dense = stacked.toarray() if sparse.issparse(stacked) else stacked
    np.testing.assert_array_equal(dense, ARRAY)


@pytest.mark.parametrize(
    "rows",
    [slice(1, 4), slice(None, None, -2), [4, 0, 0], np.array([True, False, True, True, False])],
    ids=["slice", "step", "list", "mask"],
)
def test_a_view_is_indexed_as_an_array_and_shares_items(rows):
    view = PairView(ITEMS, INDEX)
    for cut in (view[rows], view[rows, ...], view[rows, :], _safe_indexing(view, rows)):
        assert isinstance(cut, PairView)
        assert cut.items is view.items
        np.testing.assert_array_equal(np.asarray(cut), ARRAY[rows])


def test_a_view_is_iterable_and_a_single_pair_is_an_array():
    view = PairView(ITEMS, INDEX)
    np.testing.assert_array_equal(view[1], ARRAY[1])
    np.testing.assert_array_equal(list(view), ARRAY)


@pytest.mark.parametrize(
    "key",
    [
        (slice(None), 0),
        (slice(None), np.array([0, 1])),
        (slice(None), slice(0, 2)),
        (..., 0),
        None,
        True,
        [[0, 1]],
        INDEX == 3,
    ],
    ids=str,
)
def test_a_view_is_indexed_by_rows_only(key):
    with pytest.raises(IndexError, match="row indexing only"):
        PairView(ITEMS, INDEX)[key]


def test_row_numbers_that_change_later_do_not_change_the_view():
    index = INDEX.astype(np.intp)
    view = PairView(ITEMS, index)
    index[:] = 99
    np.testing.assert_array_equal(np.asarray(view), ARRAY)


def test_indexing_does_not_check_row_numbers_again(monkeypatch):
    view = PairView(ITEMS, INDEX)
    monkeypatch.setattr(_view, "_check_index", None)
    np.testing.assert_array_equal(np.asarray(view[1:]), ARRAY[1:])
    np.testing.assert_array_equal(view[1], ARRAY[1])


def test_conversion_obeys_dtype_and_copy():
    view = PairView(ITEMS, INDEX)
    assert np.asarray(view, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="only by a copy"):
        np.asarray(view, copy=False)


def test_items_of_more_dimensions_are_flattened_without_a_copy():
    images = np.arange(24).reshape(4, 2, 3)
    view = PairView(images, INDEX)
    assert view.shape == (5, 12)
    assert np.shares_memory(view.items, images)


def test_distinct_items_are_those_that_occur():
    rows, index = PairView(ITEMS, INDEX[:1]).distinct()
    assert rows.tolist() == [0, 3]
    assert index.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("items", "index", "message"),
    [
        (ITEMS[0], INDEX, r"items must have shape \(n_items, n_features\), got \(2,\)"),
        (ITEMS, INDEX[:, :1], r"index must have shape \(n_pairs, 2\).*got \(5, 1\)"),
        (ITEMS, INDEX[:, 0], r"index must have shape \(n_pairs, 2\)"),
        (ITEMS, INDEX / 2, "index must hold integers.*float64"),
        (ITEMS, INDEX > 0, "index must hold integers.*bool"),
        (ITEMS, INDEX - 1, "row numbers from -1 to 2, but items has 4"),
        (ITEMS, INDEX + 1, "row numbers from 1 to 4, but items has 4"),
    ],
)
def test_invalid_arguments_of_a_view_are_refused(items, index, message):
    with pytest.raises(ValueError, match=message):
        PairView(items, index)


def test_a_view_splits_like_its_array(views):
    V, _, match, _ = views
    parts = train_test_split(V, match, stratify=match, random_state=0)
    expected = train_test_split(np.asarray(V), match, stratify=match, random_state=0)
    for part, array in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(part), array)
    assert parts[0].items is parts[1].items is V.items


def test_any_classifier_accepts_a_view(views):
    V, V_test, match, _ = views
    model = LogisticRegression(max_iter=5000)
    predicted = model.fit(V[:200], match[:200]).predict(V_test)
    expected = model.fit(np.asarray(V[:200]), match[:200]).predict(np.asarray(V_test))
    np.testing.assert_array_equal(predicted, expected)


def test_make_pairs_draws_the_same_pairs_with_and_without_a_copy(digits):
    X, _, y, _ = digits
    options = {"n_pairs": 300, "n_groups": 3, "random_state": 0}
    view, *labels = make_pairs(X, y, **options, as_view=True)
    P, *same = make_pairs(X, y, **options)
    assert view.items is X
    np.testing.assert_array_equal(np.asarray(view), P)
    np.testing.assert_array_equal(labels, same)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64])
def test_a_view_and_its_array_give_the_same_verifier(views, dtype):
    V, V_test, match, _ = views
    V, V_test = (PairView(view.items.astype(dtype), view.index) for view in (V[:800], V_test))
    of_view, of_array = (
        SiameseVerifier(width=64, max_iter=3, random_state=0).fit(pairs, match[:800])
        for pairs in (V, np.asarray(V))
    )
    tolerance = {"rtol": 1e-6, "atol": 1e-8} if dtype == np.float64 else {"rtol": 0, "atol": 2e-2}
    for method in ("decision_function", "predict_proba", "pair_distance"):
        found, expected = getattr(of_view, method)(V_test), getattr(of_array, method)(V_test)
        np.testing.assert_allclose(found, expected, **tolerance)
    assert of_view.n_features_in_ == 128
    assert next(of_view.tower_.parameters()).dtype == next(of_array.tower_.parameters()).dtype


@pytest.mark.filterwarnings("ignore:X has feature names")
@each_container
def test_a_verifier_accepts_items_in_any_container(views, fitted, container, tmp_path):
    V, V_test, match, _ = views
    held = [PairView(CONTAINERS[container](V.items, tmp_path), V.index) for V in (V, V_test)]
    expected = fitted.decision_function(V_test)
    np.testing.assert_allclose(fitted.decision_function(held[1]), expected, rtol=1e-6, atol=1e-8)
    verifier = SiameseVerifier(width=64, max_iter=1).fit(held[0][:300], match[:300])
    assert np.isfinite(verifier.loss_curve_).all()


@pytest.mark.parametrize("table", ["pandas", "polars"])
def test_columns_of_items_are_matched_by_name(views, table):
    V, _, match, _ = views
    names = [f"pixel {n}" for n in range(64)]
    frame = pd.DataFrame(V.items, columns=names)
    frame = frame if table == "pandas" else pl.from_pandas(frame)
    named = PairView(frame, V.index)
    cues = {"upper": names[:32], "lower": names[32:]}
    verifier = SiameseVerifier(
        width=32, tower=partial(multi_cue, cues=cues), max_iter=1, random_state=0
    )
    verifier.fit(named, match)
    sides = [f"{side}__{name}" for side in ("left", "right") for name in names]
    assert verifier.feature_names_in_.tolist() == sides
    assert verifier.decision_function(named).shape == match.shape
    assert verifier.transform_items(frame).shape == (len(V.items), 128)
    disordered = frame[names[::-1]]
    with pytest.raises(ValueError, match="feature names should match"):
        verifier.predict(PairView(disordered, V.index))
    with pytest.raises(ValueError, match="feature names should match"):
        verifier.transform_items(disordered)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        verifier.predict(V)
    assert not hasattr(verifier.set_params(tower="mlp").fit(V, match), "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        verifier.transform_items(frame)


def test_a_table_of_pairs_gives_items_the_names_of_its_left_half(views):
    V, _, match, _ = views
    names = [f"pixel {n}" for n in range(64)]
    flat = pd.DataFrame(np.asarray(V), columns=names + [f"other {name}" for name in names])
    verifier = SiameseVerifier(width=32, max_iter=1, random_state=0).fit(flat, match)
    items = pd.DataFrame(V.items, columns=names)
    found = verifier.decision_function(PairView(items, V.index))
    np.testing.assert_allclose(found, verifier.decision_function(flat), rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match="feature names should match"):
        verifier.transform_items(items[names[::-1]])


def test_weights_and_early_stopping_use_the_same_pairs(views):
    V, V_test, match, _ = views
    weight = np.arange(len(match)) % 3.0
    settings = {"early_stopping": True, "max_iter": 4, "class_weight": "balanced"}
    of_view, of_array = (
        SiameseVerifier(**settings, random_state=0).fit(pairs, match, sample_weight=weight)
        for pairs in (V, np.asarray(V))
    )
    np.testing.assert_allclose(of_view.validation_scores_, of_array.validation_scores_)
    np.testing.assert_allclose(
        of_view.decision_function(V_test), of_array.decision_function(V_test), rtol=1e-5, atol=1e-7
    )


def test_items_outside_the_training_pairs_are_ignored(views):
    V, _, match, _ = views
    few, labels = V[:100], match[:100]
    rows, index = few.distinct()
    more, alone = (
        SiameseVerifier(width=64, max_iter=2, random_state=0)
        .fit(pairs, labels)
        .decision_function(V)
        for pairs in (few, PairView(V.items[rows], index))
    )
    np.testing.assert_allclose(more, alone, rtol=1e-9)


def test_each_distinct_item_is_embedded_once(views, fitted, monkeypatch):
    V_test = views[1]
    embedded = []

    def counting(tower, X, rows):
        embedded.append(rows)
        return embed_rows(tower, X, rows)

    embed_rows = _pairs.embed_rows
    monkeypatch.setattr(_pairs, "embed_rows", counting)
    some = V_test[:500]
    fitted.predict_proba(some)
    np.testing.assert_array_equal(np.concatenate(embedded), np.unique(some.index))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.bool_, np.float32])
def test_items_of_a_view_are_not_copied(views, fitted, monkeypatch, dtype):
    items = views[1].items.astype(dtype)
    embedded = []

    def recording(tower, X, rows):
        embedded.append(X)
        return embed_rows(tower, X, rows)

    embed_rows = _pairs.embed_rows
    monkeypatch.setattr(_pairs, "embed_rows", recording)
    fitted.predict(PairView(items, views[1].index))
    assert all(X.dtype == dtype and np.shares_memory(X, items) for X in embedded)
    assert embedded


def test_the_dtype_of_a_table_is_found_without_converting_rows(monkeypatch):
    view = PairView(pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}), [[0, 1]])
    made = []
    as_array = pd.DataFrame.__array__
    monkeypatch.setattr(
        pd.DataFrame, "__array__", lambda X, *args, **kw: made.append(len(X)) or as_array(X, *args)
    )
    assert view.dtype == np.float64
    assert made == [0]


def test_swapping_the_sides_of_a_view_gives_identical_scores(views, fitted):
    V_test = views[1]
    swapped = PairView(V_test.items, V_test.index[:, ::-1])
    for output in (fitted.decision_function, fitted.predict_proba, fitted.pair_distance):
        np.testing.assert_array_equal(output(V_test), output(swapped))


def test_search_and_cross_validation_share_the_items_of_a_view(views):
    V, V_test, match, match_test = views
    V, match = V[:1000], match[:1000]
    verifier = SiameseVerifier(width=64, max_iter=3, random_state=0)
    scores = cross_val_score(verifier, V, match, cv=2, scoring="roc_auc")
    np.testing.assert_allclose(
        scores, cross_val_score(verifier, np.asarray(V), match, cv=2, scoring="roc_auc"), atol=1e-6
    )
    search = GridSearchCV(verifier, {"margin": [0.5, 2.0]}, cv=2).fit(V, match)
    assert search.score(V_test, match_test) > 0.7


def test_threshold_tuning_and_calibration_accept_views(views, fitted):
    _, V_test, _, match_test = views
    held_out, new, known, labels = train_test_split(V_test, match_test, random_state=0)
    frozen = FrozenEstimator(fitted)
    strict = FixedThresholdClassifier(frozen, threshold=3.0, response_method="decision_function")
    accepted = strict.fit(held_out, known).predict(new)
    np.testing.assert_array_equal(accepted, fitted.decision_function(new) >= 3.0)
    tuned = TunedThresholdClassifierCV(frozen, cv="prefit", refit=False).fit(held_out, known)
    calibrated = CalibratedClassifierCV(frozen, method="temperature").fit(held_out, known)
    for model in (tuned, calibrated):
        assert model.score(new, labels) > 0.9


def test_a_view_can_be_pickled():
    view = pickle.loads(pickle.dumps(PairView(ITEMS, INDEX)))
    np.testing.assert_array_equal(np.asarray(view), ARRAY)
    assert repr(view) == "PairView of 5 pairs of 4 items"


def test_views_of_other_columns_are_refused(views, fitted):
    V, _, match, _ = views
    spoiled = V.items.copy()
    spoiled[V.index[0, 0], 0] = np.nan
    with pytest.raises(ValueError, match="Input items contains NaN"):
        SiameseVerifier().fit(PairView(spoiled, V.index), match)
    with pytest.raises(ValueError, match="X has 126 features, but SiameseVerifier is expecting"):
        fitted.predict(PairView(V.items[:, 1:], V.index))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SiameseVerifier().fit(V, match[:-1])
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        SiameseVerifier().fit(V[:1], match[:1])
    with pytest.raises(ValueError, match="requires y to be passed"):
        SiameseVerifier().fit(V, None)
