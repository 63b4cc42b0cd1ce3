"""Test SiameseIdentifier: enrollment, prediction, rejection, metrics and indexes."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese._gallery._distances import METRICS
from tests._helpers.gallery import IDENTITY, people

STRATEGIES = ["nearest", "prototype"]


def state(identifier):
    """Return all attributes that an enrollment sets."""
    names = ("classes_", "enrolled_", "enrolled_labels_", "templates_", "template_labels_")
    return [getattr(identifier, name) for name in names] + [identifier.threshold_]


def assert_same_state(first, second):
    for one, other in zip(state(first), state(second), strict=True):
        assert one.dtype == other.dtype if isinstance(one, np.ndarray) else one == other
        assert_array_equal(one, other)


class Graph:
    """An index with a graph of distances only, in the order of row numbers."""

    def __init__(self, n_neighbors):
        self.n_neighbors = n_neighbors

    def fit(self, Z):
        self.search_ = NearestNeighbors(n_neighbors=self.n_neighbors).fit(Z)
        return self

    def transform(self, Z):
        graph = self.search_.kneighbors_graph(Z, mode="distance")
        graph.sort_indices()
        return graph


def test_prototypes_are_class_means_and_the_nearest_is_predicted():
    X = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0]])
    identifier = SiameseIdentifier(IDENTITY).fit(X, ["b", "b", "a"])
    assert_array_equal(identifier.templates_, [[5.0, 5.0], [1.0, 0.0]])
    assert identifier.predict([[4.0, 4.0], [1.0, 1.0]]).tolist() == ["a", "b"]
    assert_allclose(identifier.class_distances([[1.0, 1.0]]), [[np.sqrt(32), 1.0]])


def test_strategy_nearest_predicts_the_class_of_the_nearest_row():
    X = np.array([[0.0], [10.0], [6.5]])
    nearest = SiameseIdentifier(IDENTITY, strategy="nearest").fit(X, [0, 0, 1])
    prototype = SiameseIdentifier(IDENTITY).fit(X, [0, 0, 1])
    assert nearest.predict([[9.0]]) == [0]
    assert prototype.predict([[9.0]]) == [1]
    assert_allclose(nearest.class_distances([[9.0]]), [[1.0, 2.5]])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_distances_labels_and_probabilities_agree(strategy, metric):
    X, y = people(7, 5)
    identifier = SiameseIdentifier(IDENTITY, strategy=strategy, metric=metric).fit(X, y)
    new = people(7, 4, seed=1)[0]
    D = identifier.class_distances(new)
    distances, templates = identifier.kneighbors(new, n_neighbors=3)
    assert_allclose(distances[:, 0], D.min(axis=1))
    assert (np.diff(distances) >= 0).all()
    assert_array_equal(identifier.template_labels_[templates[:, 0]], D.argmin(axis=1))
    assert_array_equal(identifier.predict(new), D.argmin(axis=1))
    assert_array_equal(identifier.decision_function(new), -D)
    proba = identifier.predict_proba(new)
    assert_allclose(proba.sum(axis=1), 1)
    assert_array_equal(proba.argsort(axis=1), (-D).argsort(axis=1))


def test_two_classes_have_one_decision_value_and_two_distances():
    identifier = SiameseIdentifier(IDENTITY).fit([[0.0], [4.0]], [0, 1])
    assert identifier.decision_function([[1.0], [3.0]]).tolist() == [-2.0, 2.0]
    assert identifier.class_distances([[1.0]]).tolist() == [[1.0, 3.0]]


@pytest.mark.parametrize("metric", ["euclidean", "l2"])
def test_an_enrolled_row_is_at_distance_zero_from_its_class(metric):
    X, y = people(50, 3)
    identifier = SiameseIdentifier(IDENTITY, strategy="nearest", metric=metric).fit(X + 100, y)
    assert (identifier.class_distances(X + 100).min(axis=1) == 0).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("target_far", [None, 0.2])
def test_enrolling_in_parts_equals_enrolling_at_once(strategy, target_far):
    X, y = people(30, 4)
    order = np.argsort(y % 3, kind="stable")
    options = {"strategy": strategy, "target_far": target_far}
    at_once = SiameseIdentifier(IDENTITY, **options).fit(X[order], y[order])
    later = SiameseIdentifier(IDENTITY, **options)
    for part in np.array_split(order, [40, 80]):
        later.partial_fit(X[part], y[part])
    assert_same_state(later, at_once)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forget_equals_never_enrolled(strategy):
    X, y = people(30, 4)
    labels = np.array([f"person {one}" for one in y])
    gone = np.isin(y, [3, 17])
    options = {"strategy": strategy, "target_far": 0.1}
    identifier = SiameseIdentifier(IDENTITY, **options).fit(X, labels)
    identifier.forget("person 3").forget(["person 17"])
    assert_same_state(
        identifier, SiameseIdentifier(IDENTITY, **options).fit(X[~gone], labels[~gone])
    )
    assert not np.isin(identifier.predict(X[gone]), ["person 3", "person 17"]).any()


def test_partial_fit_does_not_train(digits):
    X, _, y, _ = digits
    old = y < 6
    embedder = SiameseEmbedder(8, max_iter=2, random_state=0)
    identifier = SiameseIdentifier(embedder).fit(X[old], y[old])
    fitted, Z = identifier.embedder_, identifier.embedder_.transform(X)
    identifier.partial_fit(X[~old], y[~old])
    assert identifier.embedder_ is fitted
    assert_array_equal(identifier.embedder_.transform(X), Z)
    assert identifier.classes_.tolist() == list(range(10))
    assert identifier.learned_classes_.tolist() == list(range(6))
    assert not hasattr(embedder, "tower_")


def test_new_classes_may_have_longer_names():
    identifier = SiameseIdentifier(IDENTITY).fit([[0.0], [1.0]], ["a", "b"])
    identifier.partial_fit([[5.0]], ["someone else"])
    assert identifier.predict([[4.0]]) == ["someone else"]


@pytest.mark.parametrize("dtype", [np.int64, np.uint32, np.int32])
def test_integer_embeddings_are_exact(dtype):
    X = np.array([[2**24], [2**24 + 1]], dtype=dtype)
    identifier = SiameseIdentifier(IDENTITY).fit(X, [0, 1])
    assert identifier.predict(X).tolist() == [0, 1]
    assert SiameseIdentifier(IDENTITY).fit(X.astype(np.uint8), [0, 1]).enrolled_.dtype == np.float32


def test_many_classes_of_one_row_do_not_warn():
    X, y = people(30, 1)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.1).fit(X[:25], y[:25])
    identifier.partial_fit(X[25:], y[25:]).partial_fit(X + 9, y + 30)
    assert identifier.verify(X, y).all()
    with pytest.raises(ValueError, match="Unknown label type: continuous; y must have classes"):
        identifier.partial_fit(X, X[:, 0])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n_rows", [1, 5])
def test_verify_agrees_with_the_search_for_many_classes(strategy, n_rows):
    X, y = people(300, n_rows)
    identifier = SiameseIdentifier(IDENTITY, strategy=strategy, target_far=0.3).fit(X, y)
    claimed = np.random.default_rng(0).permutation(y)
    D = identifier.class_distances(X)[np.arange(len(y)), claimed]
    assert_array_equal(identifier.verify(X, claimed), identifier.threshold_ >= D)


def test_every_row_is_assigned_a_class_without_a_target_rate():
    X, y = people(5, 3)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    assert identifier.threshold_ == np.inf
    assert identifier.predict(1e6 * X[:5]).dtype == y.dtype
    assert set(identifier.predict(1e6 * X)) <= set(y)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_verify_accepts_a_claim_within_the_threshold(strategy, metric):
    X, y = people(30, 4)
    options = {"strategy": strategy, "metric": metric, "target_far": 0.1}
    identifier = SiameseIdentifier(IDENTITY, **options).fit(X, y)
    new, claimed = people(30, 6)[0], np.repeat(np.arange(30), 6)[::-1]
    D = identifier.class_distances(new)[np.arange(len(new)), claimed]
    assert_array_equal(identifier.verify(new, claimed), identifier.threshold_ >= D)
    named = identifier.predict(new)
    assert identifier.verify(new[named >= 0], named[named >= 0]).all()


def test_an_index_of_another_metric_is_refused_by_name():
    X, y = people(20, 5)
    identifier = SiameseIdentifier(IDENTITY, metric="manhattan", neighbors=NearestNeighbors())
    with pytest.raises(ValueError, match=r"neighbors found .* metric='manhattan' .* one metric"):
        identifier.fit(X, y)
    identifier.set_params(metric="l2").fit(X, y)


@pytest.mark.parametrize("metric", sorted(METRICS - {"haversine"}))
@pytest.mark.filterwarnings("ignore:Data was converted to boolean")
def test_each_metric_finds_and_verifies_by_the_same_distances(metric):
    X, y = people(10, 5)
    options = {"metric": metric, "strategy": "nearest", "target_far": 0.3}
    identifier = SiameseIdentifier(IDENTITY, **options).fit(X, y)
    D = identifier.class_distances(X + 0.1)
    assert_allclose(identifier.kneighbors(X + 0.1)[0][:, 0], D.min(axis=1))
    accepted = D[np.arange(len(y)), y] <= identifier.threshold_
    assert_array_equal(identifier.verify(X + 0.1, y), accepted)


@pytest.mark.parametrize("metric", ["precomputed", "seuclidean", "mahalanobis", "braycurtis"])
def test_metrics_that_depend_on_other_rows_are_refused(metric):
    with pytest.raises(ValueError, match=r"'metric' parameter .* must be"):
        SiameseIdentifier(IDENTITY, metric=metric).fit(*people(5, 4))


@pytest.mark.parametrize(
    "neighbors",
    [
        NearestNeighbors(algorithm="kd_tree"),
        KNeighborsTransformer(n_neighbors=3),
        Graph(n_neighbors=3),
    ],
)
def test_any_index_finds_the_same_templates(neighbors):
    X, y = people(20, 5)
    new = people(20, 3, seed=1)[0]
    brute = SiameseIdentifier(IDENTITY, strategy="nearest").fit(X, y)
    other = SiameseIdentifier(IDENTITY, strategy="nearest", neighbors=neighbors).fit(X, y)
    for found, expected in zip(
        other.kneighbors(new, n_neighbors=3), brute.kneighbors(new, n_neighbors=3), strict=True
    ):
        assert_allclose(found, expected)
    assert_array_equal(other.predict(new), brute.predict(new))
    assert not hasattr(neighbors, "n_samples_fit_")
    assert not hasattr(neighbors, "search_")


def test_an_index_that_finds_too_few_is_refused_by_name():
    X, y = people(4, 5)
    identifier = SiameseIdentifier(IDENTITY, strategy="nearest", neighbors=Graph(2)).fit(X, y)
    with pytest.raises(ValueError, match=r"neighbors found 2 templates .* n_neighbors=3"):
        identifier.kneighbors(X, n_neighbors=3)


@pytest.mark.parametrize(
    ("labels", "unknown_label", "expected"),
    [
        ([0, 0, 1, 1, 2, 2], None, -1),
        (list("aabbcc"), None, "unknown"),
        (np.array(list("aabbcc"), dtype=object), "nobody at all", "nobody at all"),
        (np.array([0, 0, 1, 1, 2, 2], dtype=np.uint8), None, -1),
        ([-1, -1, 1, 1, 2, 2], 99, 99),
        ([0.0, 0.0, 1.0, 1.0, 2.0, 2.0], np.int64(7), 7.0),
    ],
)
def test_distant_rows_get_the_unknown_label(labels, unknown_label, expected):
    X = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    identifier = SiameseIdentifier(IDENTITY, target_far=0.5, unknown_label=unknown_label)
    predicted = identifier.fit(X, labels).predict([[0.0], [100.0]])
    assert predicted.tolist() == [labels[0], expected]


@pytest.mark.parametrize(
    ("labels", "unknown_label"),
    [
        ([-1, 0, 1], None),
        ([0, 1, 2], "nobody"),
        (["a", "b", "c"], 7),
        ([0, 1, 2], np.nan),
        ([0, 1, 2], 0.5),
        ([2, 3, 4], True),
        ([0.0, 1.0, 2.0], np.nan),
        ([0.0, 1.0, 2.0], np.inf),
        ([0.0, 1.0, 2.0], 0.5),
        (["a", "b", "c"], np.nan),
    ],
)
def test_an_unknown_label_of_another_kind_is_refused_by_name(labels, unknown_label):
    identifier = SiameseIdentifier(IDENTITY, target_far=0.3, unknown_label=unknown_label)
    with pytest.raises(ValueError, match=r"unknown_label=.* choose another"):
        identifier.fit([[0.0], [1.0], [2.0]], labels)
    assert not hasattr(identifier, "embedder_")


def test_boolean_classes_have_no_unknown_label():
    X, y = [[0.0], [1.0], [2.0]], [True, False, True]
    with pytest.raises(ValueError, match=r"y has booleans, .* pass y\.astype\(int\)"):
        SiameseIdentifier(IDENTITY, target_far=0.5).fit(X, y)
    assert SiameseIdentifier(IDENTITY).fit(X, y).predict(X).dtype == bool


def test_invalid_calls_are_refused_by_name_and_change_nothing():
    X, y = people(5, 4)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    before = pickle.dumps(state(identifier))
    for call, message in (
        (lambda: identifier.verify(X, y), "verify needs a threshold; set target_far"),
        (
            lambda: identifier.forget([3, 77]),
            r"labels has labels that are not in classes_, such as \[77\]",
        ),
        (
            lambda: identifier.forget(["3"]),
            "strings, such as '3', .* such as 0; give both one type",
        ),
        (lambda: identifier.partial_fit(X, y, classes=["0", "1"]), "y has .*, but classes has"),
        (lambda: identifier.forget(y), "labels has all classes, but one must remain; to restart"),
        (lambda: identifier.partial_fit(X, y.astype(str)), "give both one type"),
        (
            lambda: identifier.partial_fit(X, y, classes=[0, 1]),
            r"not in classes, such as \[2, 3, 4\]",
        ),
        (lambda: identifier.partial_fit(X[:, :3], y), "returned 3 components, .* have 8"),
        (lambda: identifier.partial_fit(X, y[:3]), "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert pickle.dumps(state(identifier)) == before
    strict = SiameseIdentifier(IDENTITY, target_far=0.4).fit(X, y)
    with pytest.raises(
        ValueError, match=r"claimed has labels that are not in classes_, such as \[9\]"
    ):
        strict.verify(X[:2], [0, 9])
    with pytest.raises(ValueError, match=r"claimed has strings, such as '0', .* one type"):
        strict.verify(X[:2], ["0", "1"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        strict.verify(X, 0)


def test_a_changed_target_rate_applies_at_the_next_enrolment():
    X, y = people(60, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.2).fit(X[:200], y[:200])
    before = identifier.threshold_
    identifier.set_params(target_far=0.05)
    for call in (partial(identifier.predict, X), partial(identifier.verify, X, y)):
        with pytest.raises(ValueError, match=r"target_far was set to 0\.05 after .* for 0\.2"):
            call()
    identifier.partial_fit(X[200:], y[200:])
    at_once = SiameseIdentifier(IDENTITY, target_far=0.05).fit(X, y)
    assert identifier.threshold_ == at_once.threshold_ < before
    assert_array_equal(identifier.predict(X), at_once.predict(X))
    identifier.set_params(target_far=None).forget(3)
    assert identifier.threshold_ == np.inf


def test_a_target_rate_set_after_fit_warns_of_learned_classes():
    X, y = people(30, 4)
    identifier = SiameseIdentifier(PCA(4)).fit(X, y).set_params(target_far=0.1)
    with pytest.raises(ValueError, match="call fit, or enroll or forget classes"):
        identifier.predict(X)
    with pytest.warns(UserWarning, match="there are 1, so that every row is rejected"):
        identifier.partial_fit(X[:4], y[:4] + 30)
    assert (identifier.predict(X) == -1).all()


def test_a_changed_metric_applies_at_the_next_enrolment():
    X, y = people(10, 4)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    D = identifier.class_distances(X)
    assert_array_equal(identifier.set_params(metric="manhattan").class_distances(X), D)
    manhattan = SiameseIdentifier(IDENTITY, metric="manhattan").fit(X[4:], y[4:])
    assert_array_equal(identifier.forget(0).class_distances(X), manhattan.class_distances(X))


@pytest.mark.parametrize("change", [{"unknown_label": "x"}, {"unknown_label": 1}, {"metric": sum}])
def test_a_failed_enrolment_changes_nothing(change):
    X, y = people(10, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.2).fit(X, y)
    before = pickle.dumps(state(identifier))
    identifier.set_params(**change)
    for enrol in (partial(identifier.forget, [3]), partial(identifier.partial_fit, X, y)):
        with pytest.raises((ValueError, TypeError)):
            enrol()
        assert pickle.dumps(state(identifier)) == before
        assert identifier.unknown_label_ == -1


def test_a_failed_fit_leaves_the_identifier_unchanged():
    X, y = people(5, 4)
    identifier = SiameseIdentifier(PCA(2)).fit(X, y)
    fitted = identifier.embedder_
    with pytest.raises(ValueError, match="NaN"):
        identifier.fit(np.full((4, 3), np.nan), [0, 0, 1, 1])
    assert identifier.embedder_ is fitted
    assert identifier.n_features_in_ == 8


def test_a_frozen_embedder_is_not_fitted_and_gets_column_names():
    X, y = people(5, 4)
    table = pd.DataFrame(X, columns=[f"column {n}" for n in range(8)])
    embedder = PCA(2).set_output(transform="pandas").fit(table)
    identifier = SiameseIdentifier(FrozenEstimator(embedder)).fit(table, y)
    assert identifier.embedder_.estimator is embedder
    assert identifier.feature_names_in_.tolist() == table.columns.tolist()
    assert identifier.templates_.shape == (5, 2)
    with pytest.raises(ValueError, match="feature names should match"):
        identifier.predict(table[table.columns[::-1]])


def test_identifier_works_in_search_scoring_and_calibration():
    X, y = people(4, 30, spread=1.0)
    identifier = SiameseIdentifier(PCA(6, random_state=0))
    assert cross_val_score(identifier, X, y, cv=3).mean() > 0.7
    grid = {"strategy": STRATEGIES, "embedder__n_components": [1, 6]}
    search = GridSearchCV(identifier, grid, cv=3, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_["embedder__n_components"] == 6
    calibrated = CalibratedClassifierCV(FrozenEstimator(search.best_estimator_))
    assert calibrated.fit(X, y).predict_proba(X).shape == (120, 4)


def test_the_same_seed_gives_the_same_identifier(digits):
    X, X_test, y, _ = digits
    embedder = SiameseEmbedder(4, max_iter=1, random_state=0)
    options = {"embedder": embedder, "target_far": 0.4, "validation_fraction": 0.4}
    first, second = (
        SiameseIdentifier(**options, random_state=3).fit(X, y).predict(X_test) for _ in range(2)
    )
    assert_array_equal(first, second)
    assert not np.array_equal(
        first, SiameseIdentifier(**options, random_state=4).fit(X, y).predict(X_test)
    )
