"""The identifier: who is enrolled is found, who is not is rejected at the rate asked for."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from sklearn.preprocessing import FunctionTransformer

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese._gallery import rejection_threshold

IDENTITY = FrozenEstimator(FunctionTransformer().fit([[0.0]]))
STRATEGIES = ["nearest", "prototype"]


def people(n_classes, n_rows, *, seed=0, spread=0.3):
    """Rows of classes whose centres are spread as well, and their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, 1, 8))
    X = centres + spread * rng.normal(size=(n_classes, n_rows, 8))
    return X.reshape(-1, 8), np.repeat(np.arange(n_classes), n_rows)


def state(identifier):
    """All that an enrolment sets."""
    names = ("classes_", "enrolled_", "enrolled_labels_", "templates_", "template_labels_")
    return [getattr(identifier, name) for name in names] + [identifier.threshold_]


def assert_same_state(first, second):
    for one, other in zip(state(first), state(second), strict=True):
        assert one.dtype == other.dtype if isinstance(one, np.ndarray) else one == other
        assert_array_equal(one, other)


class Graph:
    """An index that gives a graph of distances and nothing else, in the order of numbers."""

    def __init__(self, n_neighbors):
        self.n_neighbors = n_neighbors

    def fit(self, Z):
        self.search_ = NearestNeighbors(n_neighbors=self.n_neighbors).fit(Z)
        return self

    def transform(self, Z):
        graph = self.search_.kneighbors_graph(Z, mode="distance")
        graph.sort_indices()
        return graph


def test_a_prototype_is_the_mean_of_its_class_and_the_nearest_one_names_a_row():
    X = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0]])
    identifier = SiameseIdentifier(IDENTITY).fit(X, ["b", "b", "a"])
    assert_array_equal(identifier.templates_, [[5.0, 5.0], [1.0, 0.0]])
    assert identifier.predict([[4.0, 4.0], [1.0, 1.0]]).tolist() == ["a", "b"]
    assert_allclose(identifier.class_distances([[1.0, 1.0]]), [[np.sqrt(32), 1.0]])


def test_the_nearest_enrolled_row_names_a_row_where_the_mean_would_not():
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


def test_two_classes_have_one_score_and_two_distances():
    identifier = SiameseIdentifier(IDENTITY).fit([[0.0], [4.0]], [0, 1])
    assert identifier.decision_function([[1.0], [3.0]]).tolist() == [-2.0, 2.0]
    assert identifier.class_distances([[1.0]]).tolist() == [[1.0, 3.0]]


def test_an_enrolled_row_is_at_distance_zero_from_its_class():
    X, y = people(50, 3)
    identifier = SiameseIdentifier(IDENTITY, strategy="nearest").fit(X + 100, y)
    assert (identifier.class_distances(X + 100).min(axis=1) == 0).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("target_far", [None, 0.1])
def test_enrolling_by_and_by_is_enrolling_at_once(strategy, target_far):
    X, y = people(30, 4)
    order = np.argsort(y % 3, kind="stable")
    options = {"strategy": strategy, "target_far": target_far}
    at_once = SiameseIdentifier(IDENTITY, **options).fit(X[order], y[order])
    later = SiameseIdentifier(IDENTITY, **options)
    for part in np.array_split(order, [40, 80]):
        later.partial_fit(X[part], y[part])
    assert_same_state(later, at_once)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forgetting_is_never_having_enrolled(strategy):
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


def test_without_a_rate_nobody_is_unknown():
    X, y = people(5, 3)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    assert identifier.threshold_ == np.inf
    assert identifier.predict(1e6 * X[:5]).dtype == y.dtype
    assert set(identifier.predict(1e6 * X)) <= set(y)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("target_far", [0.02, 0.1, 0.3])
def test_newcomers_are_accepted_at_the_rate_that_was_asked_for(strategy, target_far):
    rates = []
    for seed in range(20):
        X, y = people(160, 5, seed=seed, spread=0.5)
        known = y < 100
        identifier = SiameseIdentifier(IDENTITY, strategy=strategy, target_far=target_far)
        identifier.fit(X[known], y[known])
        rates.append(np.mean(identifier.predict(X[~known]) != -1))
    assert 0.5 * target_far - 0.01 < np.mean(rates) < 1.1 * target_far


def test_the_rate_is_kept_where_classes_are_few():
    # Twenty classes of many rows each: their rows are no substitute for more classes.
    rates = []
    for seed in range(100):
        X, y = people(40, 10, seed=seed, spread=0.1)
        known = y < 20
        identifier = SiameseIdentifier(IDENTITY, target_far=0.1).fit(X[known], y[known])
        rates.append(np.mean(identifier.predict(X[~known]) != -1))
    assert 0.05 < np.mean(rates) < 0.1 * 20 / 19


def test_the_threshold_lets_so_many_classes_in_as_the_rate_allows():
    Z = np.arange(9.0)[:, None] ** 2
    own = np.arange(9)
    distances = np.array([1, 1, 3, 5, 7, 9, 11, 13, 15])
    for target_far, n_accepted in ((0.1, 0), (0.3, 2), (0.4, 3), (0.75, 6)):
        threshold = rejection_threshold(Z, own, Z, own, "euclidean", target_far=target_far)
        assert (distances <= threshold).sum() == n_accepted


def test_rows_of_large_classes_count_less_than_rows_of_small_ones():
    Z = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 10.0, 30.0])[:, None]
    own = np.array([0, 0, 0, 0, 1, 2, 3])
    threshold = rejection_threshold(Z, own, Z, own, "euclidean", target_far=0.6)
    assert 2 < threshold < 8


def test_too_few_classes_for_a_rate_are_told_and_keep_them_apart():
    X, y = people(5, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.01)
    with pytest.warns(UserWarning, match="takes 99 enrolled classes .* but there are 5"):
        identifier.fit(X, y)
    D = identifier.class_distances(X)
    D[np.arange(len(X)), y] = np.inf
    assert_allclose(identifier.threshold_, D.min())
    assert identifier.threshold_ < D.min()


def test_the_first_of_all_accepts_nobody():
    identifier = SiameseIdentifier(IDENTITY, target_far=0.5)
    with pytest.warns(UserWarning, match=r"takes 1 enrolled classes .* but there are 0"):
        identifier.fit([[0.0], [0.1]], ["me", "me"])
    assert identifier.threshold_ == -np.inf
    assert identifier.predict([[0.0]]) == ["unknown"]


def test_a_threshold_is_chosen_on_classes_that_were_not_trained_on(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(8, max_iter=2)
    identifier = SiameseIdentifier(embedder, target_far=0.4, random_state=0).fit(X, y)
    assert len(identifier.learned_classes_) == 8
    assert_array_equal(identifier.embedder_.classes_, identifier.learned_classes_)
    assert identifier.classes_.tolist() == list(range(10))
    strangers = ~np.isin(y, identifier.learned_classes_)
    D = identifier.class_distances(X[strangers])
    D[np.arange(len(D)), y[strangers]] = np.inf
    assert (D.min(axis=1) <= identifier.threshold_).mean() < 0.4


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_verify_accepts_a_claim_where_the_class_is_near_enough(strategy):
    X, y = people(30, 4)
    identifier = SiameseIdentifier(IDENTITY, strategy=strategy, target_far=0.1).fit(X, y)
    new, claimed = people(30, 6)[0], np.repeat(np.arange(30), 6)[::-1]
    D = identifier.class_distances(new)[np.arange(len(new)), claimed]
    assert_array_equal(identifier.verify(new, claimed), identifier.threshold_ >= D)
    named = identifier.predict(new)
    assert identifier.verify(new[named >= 0], named[named >= 0]).all()


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


def test_an_index_that_finds_too_few_is_named():
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
    ],
)
def test_whoever_is_far_away_gets_the_label_of_the_unknown(labels, unknown_label, expected):
    X = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    identifier = SiameseIdentifier(IDENTITY, target_far=0.3, unknown_label=unknown_label)
    predicted = identifier.fit(X, labels).predict([[0.0], [100.0]])
    assert predicted.tolist() == [labels[0], expected]


@pytest.mark.parametrize(
    ("labels", "unknown_label"), [([-1, 0, 1], None), ([0, 1, 2], "nobody"), (["a", "b", "c"], 7)]
)
def test_a_label_of_the_unknown_that_does_not_fit_is_named(labels, unknown_label):
    identifier = SiameseIdentifier(IDENTITY, target_far=0.3, unknown_label=unknown_label)
    with pytest.raises(ValueError, match=r"unknown_label=.* choose another"):
        identifier.fit([[0.0], [1.0], [2.0]], labels)
    assert not hasattr(identifier, "embedder_")


def test_misuse_is_named_and_changes_nothing():
    X, y = people(5, 4)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    before = pickle.dumps(state(identifier))
    for call, message in (
        (lambda: identifier.verify(X, y), "verify needs a threshold; set target_far"),
        (lambda: identifier.forget([3, 77]), r"labels has labels, \[77\] among them"),
        (lambda: identifier.forget(y), "labels has all classes, but one must stay; to start"),
        (lambda: identifier.partial_fit(X, y.astype(str)), "give them one type"),
        (lambda: identifier.partial_fit(X, y, classes=[0, 1]), r"\[2, 3, 4\] .* not in classes"),
        (lambda: identifier.partial_fit(X[:, :3], y), "dimension"),
        (lambda: identifier.partial_fit(X, y[:3]), "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert pickle.dumps(state(identifier)) == before
    strict = SiameseIdentifier(IDENTITY, target_far=0.4).fit(X, y)
    with pytest.raises(ValueError, match=r"claimed has labels, \[9\] among them"):
        strict.verify(X[:2], [0, 9])


def test_a_rate_needs_classes_beside_those_to_learn_from():
    X, y = people(2, 4)
    identifier = SiameseIdentifier(SiameseEmbedder(max_iter=1), target_far=0.4)
    with pytest.raises(ValueError, match="leaves less than two to learn from"):
        identifier.fit(X, y)


def test_a_failed_fit_leaves_the_identifier_as_it_was():
    X, y = people(5, 4)
    identifier = SiameseIdentifier(PCA(2)).fit(X, y)
    fitted = identifier.embedder_
    with pytest.raises(ValueError, match="NaN"):
        identifier.fit(np.full((4, 3), np.nan), [0, 0, 1, 1])
    assert identifier.embedder_ is fitted
    assert identifier.n_features_in_ == 8


def test_a_frozen_embedder_is_used_as_it_is_and_names_of_columns_reach_it():
    X, y = people(5, 4)
    table = pd.DataFrame(X, columns=[f"column {n}" for n in range(8)])
    embedder = PCA(2).set_output(transform="pandas").fit(table)
    identifier = SiameseIdentifier(FrozenEstimator(embedder)).fit(table, y)
    assert identifier.embedder_.estimator is embedder
    assert identifier.feature_names_in_.tolist() == table.columns.tolist()
    assert identifier.templates_.shape == (5, 2)
    with pytest.raises(ValueError, match="feature names should match"):
        identifier.predict(table[table.columns[::-1]])


def test_it_is_searched_scored_and_calibrated_like_any_classifier():
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
    options = {"embedder": SiameseEmbedder(4, max_iter=1, random_state=0), "target_far": 0.4}
    first, second = (
        SiameseIdentifier(**options, random_state=3).fit(X, y).predict(X_test) for _ in range(2)
    )
    assert_array_equal(first, second)
    assert not np.array_equal(
        first, SiameseIdentifier(**options, random_state=4).fit(X, y).predict(X_test)
    )
