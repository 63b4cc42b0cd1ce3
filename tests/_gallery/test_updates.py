"""Test that updates of a gallery equal a fit on the same rows, to the last bit."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sksiamese import SiameseIdentifier
from sksiamese._gallery._distances import pairwise
from sksiamese._gallery._search import FEW, nearest_others
from sksiamese._gallery._updates import class_codes, class_starts, insert_rows
from tests._helpers.gallery import IDENTITY

FITTED = ["classes_", "enrolled_", "enrolled_labels_", "templates_", "template_labels_"]
FITTED += ["_origin_", "threshold_", "temperature_", "unknown_label_"]


def asymmetric(row, template):
    """Return an asymmetric distance."""
    return np.abs(row - template).sum() * (1 + abs(template[0]))


def draw(n_rows, rng, *, of_thirds):
    """Return rows; many distances between rows of thirds are equal."""
    X = rng.normal(scale=2, size=(n_rows, 3)) + np.array([0.1, 0.2, 0.4])
    return X.round() / 3 + np.array([0.1, 0.2, 0.4]) if of_thirds else X.astype(np.float32)


def assert_equal_to_a_fit(identifier, X, y, queries):
    fitted = SiameseIdentifier(**identifier.get_params(deep=False)).fit(X, y)
    for name in FITTED:
        found, expected = getattr(identifier, name), getattr(fitted, name)
        assert np.asarray(found).dtype == np.asarray(expected).dtype, name
        assert_array_equal(found, expected, name, strict=True)
    assert_array_equal(identifier.neighbors_._fit_X, fitted.neighbors_._fit_X, strict=True)
    assert_array_equal(identifier._others_.distances, fitted._others_.distances)
    assert_array_equal(identifier.predict(queries), fitted.predict(queries))
    assert_array_equal(identifier.predict_proba(queries), fitted.predict_proba(queries))


@pytest.mark.parametrize("strategy", ["nearest", "prototype"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "sqeuclidean", asymmetric])
@pytest.mark.parametrize("of_thirds", [False, True])
@pytest.mark.filterwarnings("ignore:target_far=.* needs")
def test_enrolling_and_forgetting_equal_a_fit_to_the_last_bit(
    strategy, metric, of_thirds, monkeypatch
):
    rng = np.random.default_rng(0)
    n_classes = 14 if callable(metric) else 45
    monkeypatch.setattr("sksiamese._gallery._rejection.N_IMPOSTORS", 2 * n_classes)
    for n_neighbors in (1, 3):
        y = np.repeat(np.arange(n_classes) + 5, rng.integers(1, 5, size=n_classes))
        X, y = draw(len(y), rng, of_thirds=of_thirds), rng.permutation(y)
        options = {"strategy": strategy, "metric": metric, "n_neighbors": n_neighbors}
        identifier = SiameseIdentifier(IDENTITY, target_far=0.2, **options).fit(X, y)
        for n_new in (1, 40, 2, 0, 1, 0, 3):
            if n_new:
                new = draw(n_new, rng, of_thirds=of_thirds)
                labels = rng.integers(n_classes + 10, size=n_new)
                identifier.partial_fit(new, labels)
                X, y = np.concatenate([X, new]), np.concatenate([y, labels])
            else:
                gone = rng.permutation(identifier.classes_)[: rng.choice([1, n_classes // 4])]
                identifier.forget(gone)
                X, y = X[~np.isin(y, gone)], y[~np.isin(y, gone)]
            assert_equal_to_a_fit(identifier, X, y, draw(10, rng, of_thirds=of_thirds))


@pytest.mark.parametrize(
    "change",
    [{"metric": "manhattan"}, {"strategy": "nearest"}, {"target_far": 0.3}, {"n_neighbors": 3}],
)
def test_changed_parameters_apply_to_all_rows(change):
    rng = np.random.default_rng(0)
    X, y = draw(90, rng, of_thirds=True), np.arange(90) % 30
    identifier = SiameseIdentifier(IDENTITY, target_far=0.2).fit(X[:-1], y[:-1])
    identifier.set_params(**change).partial_fit(X[-1:], y[-1:])
    assert_equal_to_a_fit(identifier, X, y, X)


def test_rows_of_a_wider_dtype_change_all_prototypes():
    rng = np.random.default_rng(0)
    X, y = draw(90, rng, of_thirds=False), np.arange(90) % 30
    identifier = SiameseIdentifier(IDENTITY, target_far=0.2, metric=asymmetric).fit(X, y)
    new = rng.normal(size=(1, 3))
    identifier.partial_fit(new, [7])
    assert_equal_to_a_fit(identifier, np.concatenate([X, new]), np.append(y, 7), X)


def test_rows_enrolled_without_a_target_rate_are_compared_later():
    rng = np.random.default_rng(0)
    X, y = draw(90, rng, of_thirds=True), np.arange(90) % 30
    identifier = SiameseIdentifier(IDENTITY, target_far=0.2).fit(X[:70], y[:70])
    identifier.set_params(target_far=None).partial_fit(X[70:80], y[70:80])
    identifier.set_params(target_far=0.2).partial_fit(X[80:], y[80:])
    assert_equal_to_a_fit(identifier, X, y, X)


def test_a_new_row_is_compared_without_comparing_all_rows(monkeypatch):
    n_distances = []

    def counted(Z, own_codes, templates, codes, metric):
        n_distances.append(len(Z) * len(templates))
        return nearest_others(Z, own_codes, templates, codes, metric)

    monkeypatch.setattr("sksiamese._gallery._updates.nearest_others", counted)
    X, y = draw(201, np.random.default_rng(0), of_thirds=False), np.arange(201) // 2
    identifier = SiameseIdentifier(IDENTITY, target_far=0.2).fit(X[:200], y[:200])
    identifier.partial_fit(X[200:], y[200:])
    assert n_distances == [200 * 100, 200, 101]


def test_the_temperature_after_an_enrollment_survives_a_pickle():
    X, y = draw(90, np.random.default_rng(0), of_thirds=False), np.arange(90) % 30
    identifier = SiameseIdentifier(IDENTITY).fit(X[:80], y[:80]).partial_fit(X[80:], y[80:])
    restored = pickle.loads(pickle.dumps(identifier))
    assert restored.temperature_ == identifier.temperature_
    assert pickle.loads(pickle.dumps(identifier)).temperature_ == identifier.temperature_
    assert not hasattr(SiameseIdentifier(IDENTITY), "temperature_")


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("n_rows", [FEW, 4 * FEW])
def test_nearest_others_equal_a_search_of_all_templates(metric, n_rows):
    rng = np.random.default_rng(0)
    templates, codes = rng.normal(size=(120, 3)), np.sort(rng.integers(20, size=120))
    Z, own = rng.normal(size=(n_rows, 3)), rng.integers(20, size=n_rows)
    D = pairwise(Z, templates, metric)
    D[own[:, None] == codes] = np.inf
    distances, others = nearest_others(Z, own, templates, codes, metric)
    assert_array_equal(distances, D.min(axis=1))
    assert_array_equal(others, codes[D.argmin(axis=1)])


def test_classes_of_sorted_labels():
    labels = np.array(["a", "b", "b", "d"])
    assert class_starts(labels).tolist() == [0, 1, 3]
    assert class_codes(labels).tolist() == [0, 1, 1, 2]
    assert class_starts(labels[:0]).tolist() == class_codes(labels[:0]).tolist() == []


def test_inserted_rows_follow_rows_of_the_same_label():
    Z, labels = np.array([[1], [2], [3]]), np.array(["a", "b", "d"])
    new_Z, new_labels = np.array([[4.5], [5.0], [6.0]]), np.array(["long", "b", "a"])
    Z, labels, source = insert_rows(Z, labels, new_Z, new_labels)
    assert Z.ravel().tolist() == [1, 6, 2, 5, 3, 4.5]
    assert labels.tolist() == ["a", "a", "b", "b", "d", "long"]
    assert source.tolist() == [0, -1, 1, -1, 2, -1]
