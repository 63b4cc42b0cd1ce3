"""Test that stored rows are read in chunks."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from sksiamese import (
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseVerifier,
    make_pairs,
)
from sksiamese._data import _chunks, _embed
from sksiamese._data._standardization import fit_standardize
from sksiamese._data._streaming import Rows, is_source
from sksiamese.batches import weighted
from sksiamese.explain import explain_pairs


class Stored:
    """An array like those of h5py, indexed by slices or increasing row numbers only."""

    def __init__(self, X):
        self.rows, self.shape, self.dtype = X, X.shape, X.dtype
        self.most = 0

    def __getitem__(self, key):
        if not isinstance(key, slice):
            assert isinstance(key, np.ndarray)
            assert (np.diff(key) > 0).all()
        self.most = max(self.most, len(self.rows[key]))
        return self.rows[key]


class Graph(Stored):
    """An array that is computed at every read."""

    def __dask_graph__(self):
        """Nothing to compute."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.rows, dtype=dtype)


@pytest.fixture
def few_at_a_time(monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK", 100)


def settings(**options):
    return {"width": 32, "max_iter": 3, "batch_size": 60, "random_state": 0, **options}


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float16, np.float32, np.float64])
def test_stored_rows_give_the_same_embedder_as_an_array(digits, few_at_a_time, dtype):
    X, X_test, y, _ = (part.astype(dtype) for part in digits)
    stored, stored_test = Stored(X), Stored(X_test)
    embedder = SiameseEmbedder(**settings(early_stopping=True)).fit(stored, y)
    expected = SiameseEmbedder(**settings(early_stopping=True)).fit(X, y)
    assert 60 <= stored.most <= 100
    np.testing.assert_array_equal(embedder.validation_scores_, expected.validation_scores_)
    Z = embedder.transform(stored_test)
    assert stored_test.most == 100
    assert Z.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_array_equal(Z, expected.transform(X_test))


def test_stored_validation_rows_are_read_in_parts(digits, few_at_a_time):
    X, X_val, y, y_val = digits
    stored, stored_val = Stored(X), Stored(X_val)
    embedder = SiameseEmbedder(**settings(early_stopping=True, learned_weight=1.0))
    found = clone(embedder).fit(stored, y, X_val=stored_val, y_val=y_val)
    expected = clone(embedder).fit(X, y, X_val=X_val, y_val=y_val)
    assert stored_val.most == 100
    assert found.validation_scores_ == expected.validation_scores_
    embedder.set_params(scoring=lambda model, X, y: model.score(X, y))
    scored = clone(embedder).fit(stored, y, X_val=stored_val, y_val=y_val)
    assert scored.validation_scores_ == expected.validation_scores_
    assert stored_val.most == 100
    held_out = [clone(embedder).fit(kind, y).validation_scores_ for kind in (stored, X)]
    np.testing.assert_array_equal(*held_out)


def test_stored_validation_rows_with_missing_values_raise_before_training(digits):
    X, X_val, y, y_val = digits
    bad = X_val.copy()
    bad[3, 3] = np.nan
    embedder = SiameseEmbedder(**settings(early_stopping=True))
    with pytest.raises(ValueError, match=r"X_val .*contains NaN"):
        embedder.fit(X, y, X_val=Stored(bad), y_val=y_val)
    assert set(vars(embedder)) == set(embedder.get_params())


def test_training_reads_stored_rows_in_parts(digits):
    X, _, y, _ = digits
    in_parts = [
        SiameseEmbedder(random_state=0).partial_fit(kind(X), y).transform(X)
        for kind in (Stored, np.asarray)
    ]
    np.testing.assert_array_equal(*in_parts)


def test_stored_items_of_pairs_are_read_a_batch_at_a_time(digits, few_at_a_time):
    X, _, y, _ = digits
    images = Stored(X.astype(np.uint8).reshape(-1, 8, 8))
    view, match, _ = make_pairs(images, y, n_pairs=500, as_view=True, random_state=0)
    P, *_ = make_pairs(images.rows, y, n_pairs=500, random_state=0)
    assert images.most == 0
    assert view.shape == P.shape
    of_view, of_array = (SiameseVerifier(**settings()).fit(pairs, match) for pairs in (view, P))
    found, expected = (
        verifier.predict_proba(pairs) for verifier, pairs in ((of_view, view), (of_array, P))
    )
    assert images.most <= 120
    np.testing.assert_allclose(found, expected, atol=2e-2)
    np.testing.assert_array_equal(np.asarray(view), P)
    np.testing.assert_array_equal(view[:3].left, P[:3, :64])
    assert view.dtype == np.uint8


def test_stored_items_are_explained_and_transformed_as_an_array(digits):
    X, _, y, _ = digits
    views = [
        make_pairs(kind(X), y, n_pairs=200, as_view=True, random_state=0)
        for kind in (Stored, np.asarray)
    ]
    (stored, match, _), (of_array, *_) = views
    verifier = SiameseVerifier(**settings()).fit(stored, match)
    found, expected = (explain_pairs(verifier, view).contributions for view in (stored, of_array))
    np.testing.assert_array_equal(found, expected)
    for model in (PairTransformer(), PairTransformer(StandardScaler(), output="abs_diff")):
        for pairs in (stored, stored[:20]):
            rows = slice(None, len(pairs))
            np.testing.assert_array_equal(
                np.asarray(model.fit_transform(pairs)),
                np.asarray(model.fit_transform(of_array[rows])),
            )


def test_a_view_of_stored_pairs_is_read_a_batch_at_a_time(digits):
    X, _, y, _ = digits
    pairs, match, _ = make_pairs(X, y, n_pairs=300, as_view=True, random_state=0)
    of_view, of_array = (
        SiameseEmbedder(**settings()).fit(P, match).transform(P) for P in (pairs, np.asarray(pairs))
    )
    np.testing.assert_array_equal(of_view, of_array)


@pytest.mark.parametrize("key", [slice(2, 5), [4, 0, 4], np.array([3, 2, 1]), np.array([], int)])
def test_rows_index_as_the_array(key):
    X = np.arange(40).reshape(10, 2, 2)
    rows = Rows(Stored(X))
    assert rows.shape == (10, 4)
    np.testing.assert_array_equal(rows[key], X[key].reshape(-1, 4))
    np.testing.assert_array_equal(rows[key, ...], rows[key])
    np.testing.assert_array_equal(np.asarray(rows, dtype=np.float32), X.reshape(10, 4))


def test_contiguous_rows_are_read_as_a_slice():
    keys = []

    class Watched(Stored):
        def __getitem__(self, key):
            keys.append(key)
            return super().__getitem__(key)

    rows = Rows(Watched(np.arange(20).reshape(10, 2)))
    np.testing.assert_array_equal(rows[[5, 3, 4]], [[10, 11], [6, 7], [8, 9]])
    assert keys == [slice(3, 6)]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_stored_rows_that_are_not_finite_are_refused(digits, bad):
    X, _, y, _ = digits
    fitted = SiameseEmbedder(**settings()).fit(X, y)
    spoiled = X.copy()
    spoiled[-1, -1] = bad
    message = "contains NaN" if np.isnan(bad) else "contains infinity"
    with pytest.raises(ValueError, match=f"Input X {message}"):
        SiameseEmbedder(**settings()).fit(Stored(spoiled), y)
    with pytest.raises(ValueError, match=f"Input X {message}"):
        fitted.transform(Stored(spoiled))
    pairs = PairView(Stored(spoiled), np.arange(len(X)).reshape(-1, 2))
    with pytest.raises(ValueError, match=f"Input items {message}"):
        SiameseVerifier(**settings()).fit(pairs, np.arange(len(pairs)) % 2)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((4, 3, 2)), [0, 0, 1, 1], "rows must be flat"),
        (np.ones((4, 3)), [0, 0, 1], "inconsistent numbers of samples"),
        (np.ones((4, 3)), None, "requires y to be passed"),
        (np.ones((4, 0)), [0, 0, 1, 1], r"0 feature\(s\)"),
        (np.ones((1, 3)), [0], "minimum of 2 is required"),
    ],
)
def test_unfit_stored_rows_are_refused(X, y, message):
    embedder = SiameseEmbedder()
    stored = Stored(X)
    stored.ndim = X.ndim
    with pytest.raises(ValueError, match=message):
        embedder.fit(stored, y)
    assert not hasattr(embedder, "n_features_in_")


def test_stored_rows_of_another_width_are_refused(digits):
    X, _, y, _ = digits
    fitted = SiameseEmbedder(**settings()).fit(Stored(X), y)
    with pytest.raises(ValueError, match="X has 63 features, but SiameseEmbedder is expecting 64"):
        fitted.transform(Stored(X[:, 1:]))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.transform(Stored(X[:0]))


def test_lazy_rows_are_computed_once(digits):
    X, _, y, _ = digits
    graph = Graph(X)
    SiameseEmbedder(**settings()).fit(graph, y)
    assert graph.most == 0
    assert not is_source(graph)


def test_standardisation_reads_rows_in_stored_order(digits, few_at_a_time):
    X = Stored(digits[0])
    rows = np.random.default_rng(0).permutation(len(X.rows))
    read = []
    monitored = Rows(X, lambda part: read.append(part) or part)
    fit_standardize(monitored, rows=rows)
    np.testing.assert_array_equal(np.concatenate(read), X.rows)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int64])
def test_integers_are_converted_in_chunks(digits, few_at_a_time, monkeypatch, dtype):
    X, _, y, _ = (part.astype(dtype) for part in digits)
    converted = []
    as_tensor = _embed.as_tensor

    def watched(rows, layer):
        converted.append((rows.dtype, len(rows)))
        return as_tensor(rows, layer)

    monkeypatch.setattr(_embed, "as_tensor", watched)
    embedder = SiameseEmbedder(**settings()).fit(X, y)
    Z = embedder.transform(X)
    assert Z.dtype == np.float32
    assert {kind for kind, _ in converted} == {np.dtype(dtype)}
    assert max(size for _, size in converted) == 100
    np.testing.assert_allclose(Z, embedder.transform(X.astype(np.float32)), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_memory_map_is_not_copied(digits, tmp_path, dtype):
    X, _, y, _ = (part.astype(dtype) for part in digits)
    mapped = np.memmap(tmp_path / "rows.dat", dtype, "w+", shape=X.shape)
    mapped[:] = X
    embedder = SiameseEmbedder(**settings())
    assert np.shares_memory(embedder._validate_rows(mapped, reset=True), mapped)
    np.testing.assert_array_equal(
        embedder.fit(mapped, y).transform(mapped), embedder.fit(X, y).transform(X)
    )


def test_neither_training_nor_embedding_copies_the_data():
    X = np.random.default_rng(0).integers(256, size=(20_000, 500), dtype=np.uint8)
    y = np.arange(len(X)) % 2
    few = partial(weighted, weight=np.arange(len(X)) < 500)
    embedder = SiameseEmbedder(n_components=2, width=8, max_iter=1, sampler=few, random_state=0)
    tracemalloc.start()
    try:
        embedder.fit(X, y).transform(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * X.nbytes


EMPTY_ROWS = {
    "all values": lambda X: X.fill(np.nan),
    "a channel of each step": lambda X: X.reshape(10, 2)[:, 1].fill(np.nan),
    "one value of each step": lambda X: X.put(np.arange(10) * 2 + np.arange(10) % 2, np.nan),
}


@pytest.fixture(scope="module")
def series():
    """Return series of up to ten steps of two channels, padded with NaN, and their classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 20))
    for row in X:
        row[2 * rng.integers(4, 10) :] = np.nan
    return X, np.arange(30) % 3


@pytest.mark.parametrize("empty", EMPTY_ROWS.values(), ids=EMPTY_ROWS)
def test_series_without_a_complete_step_are_refused_by_the_embedder(series, empty):
    X, y = series
    embedder = SiameseEmbedder(
        tower="tdnn", input_shape=(10, 2), depth=1, width=8, max_iter=1, batch_size=16
    ).fit(X, y)
    wrong = X.copy()
    empty(wrong[4])
    for call in (lambda: embedder.transform(wrong), lambda: embedder.fit(wrong, y)):
        with pytest.raises(ValueError, match=r"X has rows with only NaN.*such as rows \[4\]"):
            call()


@pytest.mark.parametrize("empty", EMPTY_ROWS.values(), ids=EMPTY_ROWS)
def test_verifier_scores_series_without_a_complete_step_as_non_matches(series, empty):
    X, y = series
    index = np.c_[np.arange(30), np.roll(np.arange(30), 3)]
    index[::2, 1] = np.roll(index[::2, 1], 1)
    match = y[index[:, 0]] == y[index[:, 1]]
    options = {"tower": "tdnn", "input_shape": (10, 2), "depth": 1, "width": 8, "max_iter": 1}
    verifier = SiameseVerifier(**options).fit(PairView(X, index), match)
    wrong = X.copy()
    empty(wrong[4])
    pairs, alone = np.asarray(PairView(wrong, index)), (index == 4).any(axis=1)
    for given in (PairView(wrong, index), pairs, pairs.reshape(30, 2, 10, 2)):
        assert not verifier.predict(given)[alone].any()
        assert (verifier.predict_proba(given)[alone, 1] == 0).all()
        assert np.isfinite(verifier.decision_function(given)).all()
        distance = verifier.pair_distance(given)
        np.testing.assert_array_equal(np.isinf(distance), alone)
    with pytest.raises(ValueError, match=r"X_items has rows .* \[4\]"):
        verifier.transform_items(wrong)
    options["random_state"] = 0
    weighted_out = SiameseVerifier(**options).fit(pairs, match, sample_weight=~alone)
    fitted = SiameseVerifier(**options).fit(pairs, match)
    np.testing.assert_array_equal(fitted.predict(pairs), weighted_out.predict(pairs))
    with pytest.raises(ValueError, match="X leaves pairs of one class only"):
        SiameseVerifier(**options).fit(pairs, alone)
