"""Test that predict, verify and scores of an identifier use exactly the same distances."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import FunctionTransformer

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese._gallery._distances import METRICS, distances_to_selected, pairwise
from tests._helpers.gallery import IDENTITY, people

STRATEGIES = ["nearest", "prototype"]
SEARCHED = ["euclidean", "sqeuclidean", "manhattan", "cosine", "correlation", "chebyshev"]


def assert_decisions_agree(identifier, X):
    """Assert that labels, claims and scores follow from the same distances."""
    D = identifier.class_distances(X)
    nearest = identifier.classes_[D.argmin(axis=1)]
    distances, templates = identifier.kneighbors(X)
    assert_array_equal(distances[:, 0], D.min(axis=1))
    assert_array_equal(identifier.template_labels_[templates[:, 0]], nearest)
    accepted = identifier.threshold_ >= D
    predicted = identifier.predict(X)
    assert_array_equal(predicted, np.where(accepted.any(axis=1), nearest, -1))
    everyone = np.tile(identifier.classes_, len(X))
    claims = identifier.verify(np.repeat(X, len(identifier.classes_), axis=0), everyone)
    assert_array_equal(claims.reshape(D.shape), accepted)


@pytest.mark.parametrize("metric", sorted(METRICS - {"haversine"}))
@pytest.mark.filterwarnings("ignore:Data was converted to boolean")
def test_a_distance_does_not_depend_on_other_rows(metric):
    rng = np.random.default_rng(0)
    A, B = (np.round(3 * rng.normal(size=(37, 7)) + 9, 1) for _ in range(2))
    D = pairwise(A, B, metric)
    chosen = rng.integers(37, size=(37, 2))
    assert_array_equal(
        D[np.arange(37)[:, None], chosen], distances_to_selected(A, chosen, B, metric)
    )
    assert_array_equal(D[5:6], pairwise(A[5:6], B, metric))


@pytest.mark.parametrize("metric", SEARCHED)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predict_and_verify_agree_at_the_threshold(metric, strategy, dtype):
    X, y = people(25, 3)
    X = X.astype(dtype)
    identifier = SiameseIdentifier(IDENTITY, metric=metric, strategy=strategy, target_far=0.3)
    identifier.fit(X, y)
    new = np.concatenate([X, X[::-1] + dtype(0.1)])
    for threshold in identifier.class_distances(new[::30]).ravel()[::47]:
        identifier.threshold_ = threshold
        assert_decisions_agree(identifier, new)


@pytest.mark.parametrize("offset", [1e4, 1e7, 1e10])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "l2"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_predict_and_verify_agree_far_from_the_origin(offset, metric, strategy):
    X, y = people(20, 3, spread=0.01)
    near = X + offset + 0.01
    identifier = SiameseIdentifier(IDENTITY, metric=metric, strategy=strategy, target_far=0.3)
    identifier.fit(X + offset, y)
    assert_decisions_agree(identifier, near)
    assert (identifier.set_params(target_far=None).fit(X + offset, y).predict(near) == y).all()


def test_predict_and_verify_agree_for_two_distant_groups():
    X, y = people(30, 2, spread=0.01)
    X[y < 15] += 1e8
    identifier = SiameseIdentifier(IDENTITY, target_far=0.3).fit(X, y)
    assert_decisions_agree(identifier, X)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "hamming", "cosine"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ties_between_templates_go_to_the_first_class(metric, strategy):
    rng = np.random.default_rng(0)
    X, y = rng.integers(1, 4, size=(80, 3)), np.arange(80) % 40
    identifier = SiameseIdentifier(IDENTITY, metric=metric, strategy=strategy, target_far=0.4)
    assert_decisions_agree(identifier.fit(X, y), rng.integers(1, 4, size=(60, 3)))


def test_candidates_of_an_index_are_ranked_by_exact_distances():
    X, y = people(20, 3)
    for neighbors in (NearestNeighbors(algorithm="brute"), NearestNeighbors(algorithm="ball_tree")):
        identifier = SiameseIdentifier(IDENTITY, neighbors=neighbors, target_far=0.3)
        assert_decisions_agree(identifier.fit(X + 1e7, y), X + 1e7 + 0.1)


def to_float32(X):
    with np.errstate(over="ignore"):
        return np.asarray(X).astype(np.float32)


IN_FLOAT32 = FrozenEstimator(FunctionTransformer(to_float32).fit([[0.0]]))


@pytest.mark.parametrize(
    ("embedder", "metric", "row", "message"),
    [
        (IDENTITY, "euclidean", [1e200, 0, 0], "scale the output of the embedder"),
        (IDENTITY, "sqeuclidean", [0, -1e160, 0], "values up to 1e\\+160"),
        (IDENTITY, "correlation", [2, 2, 2], "not defined for embeddings with all values equal"),
        (IN_FLOAT32, "euclidean", [1e39, 0, 0], "too large for its precision"),
        (IDENTITY, "manhattan", [0, np.nan, 0], "NaN or infinite values for 1 rows"),
        (IDENTITY, "cosine", [0, np.inf, 0], "NaN or infinite values for 1 rows"),
    ],
)
def test_a_row_without_finite_distances_is_rejected(embedder, metric, row, message):
    X, y = people(12, 2)
    X = X[:, :3]
    identifier = SiameseIdentifier(embedder, metric=metric, target_far=0.3)
    with pytest.raises(ValueError, match=message):
        identifier.fit(np.append(X, [row], axis=0), np.append(y, 12))
    assert not hasattr(identifier, "classes_")
    identifier.fit(X, y)
    for call in (identifier.predict, identifier.decision_function, identifier.predict_proba):
        with pytest.raises(ValueError, match=message):
            call([X[0], row])
    with pytest.raises(ValueError, match=message):
        identifier.verify([X[0], row], [0, 0])


def test_values_beyond_the_range_of_a_tower_are_refused_by_name():
    X, y = people(12, 3)
    identifier = SiameseIdentifier(SiameseEmbedder(2, max_iter=1, precision="float32"))
    identifier.fit(X, y)
    with pytest.raises(ValueError, match=r"NaN|[Ii]nf|too large"):
        identifier.predict(np.full((1, 8), 1e39))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, None, "far", [1.0, 2.0]])
def test_a_metric_that_returns_no_distance_is_refused_by_name(value):
    with pytest.raises((TypeError, ValueError), match="metric"):
        SiameseIdentifier(IDENTITY, metric=lambda a, b: value).fit(*people(4, 3))


def test_haversine_accepts_latitude_and_longitude():
    X, y = people(6, 2)
    with pytest.raises(ValueError, match="'haversine' needs embeddings with 2 components"):
        SiameseIdentifier(IDENTITY, metric="haversine").fit(X, y)
    identifier = SiameseIdentifier(IDENTITY, metric="haversine", strategy="nearest")
    assert identifier.fit(X[:, :2], y).score(X[:, :2], y) == 1


class Index:
    """An index that returns a fixed answer."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, Z):
        return self

    def kneighbors(self, Z, n_neighbors):
        return self.answer(len(Z), n_neighbors)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n, k: np.zeros((n, k)), "two arrays from kneighbors"),
        (lambda n, k: (np.zeros(n), np.zeros(n, int)), r"both of shape \(5, 2\)"),
        (lambda n, k: (np.zeros((n, k)), np.full((n, k), -1)), "integers from 0 to 4"),
        (lambda n, k: (np.zeros((n, k)), np.full((n, k), 5)), "integers from 0 to 4"),
        (lambda n, k: (np.zeros((n, k)), np.zeros((n, k))), "integers from 0 to 4"),
        (lambda n, k: (np.full((n, k), np.nan), np.zeros((n, k), int)), "without NaN"),
        (lambda n, k: (np.full((n, k), "a"), np.zeros((n, k), int)), "numeric distances"),
        (lambda n, k: None, "two arrays from kneighbors"),
    ],
)
def test_invalid_results_of_an_index_are_refused_by_name(answer, message):
    with pytest.raises(ValueError, match=rf"neighbors .*{message}"):
        SiameseIdentifier(IDENTITY, neighbors=Index(answer)).fit(*people(5, 3))


def test_an_index_that_finds_other_templates_is_refused_by_name():
    X, y = people(9, 3)
    templates = SiameseIdentifier(IDENTITY).fit(X, y).templates_

    def last(n, k):
        found = np.tile(np.arange(9)[::-1][:k], (n, 1))
        return pairwise(templates[np.linspace(0, 8, n).astype(int)], templates, "l2")[:, ::-1][
            :, :k
        ], found

    with pytest.raises(ValueError, match="most templates do not find themselves"):
        SiameseIdentifier(IDENTITY, neighbors=Index(last)).fit(X, y)


@pytest.mark.parametrize("answer", [np.zeros((5, 5)), csr_matrix((5, 4)), csr_matrix((4, 5)), None])
def test_a_graph_of_another_shape_is_refused_by_name(answer):
    graph = FunctionTransformer(lambda Z: answer, check_inverse=False)
    with pytest.raises(ValueError, match=r"neighbors must return a sparse .* \(5, 5\)|n_templates"):
        SiameseIdentifier(IDENTITY, neighbors=graph).fit(*people(5, 3))


@pytest.mark.parametrize("n_neighbors", [0, 6, -1, 1.5, "2", None, np.nan])
def test_n_neighbors_counts_templates(n_neighbors):
    X, y = people(5, 3)
    with pytest.raises(ValueError, match="n_neighbors must be an int from 1 to 5"):
        SiameseIdentifier(IDENTITY).fit(X, y).kneighbors(X, n_neighbors)
