"""Test votes of the nearest templates."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from sksiamese import SiameseIdentifier
from tests._helpers.gallery import IDENTITY, people


def enrolled(X, y, n_neighbors, **options):
    options = {"strategy": "nearest", "n_neighbors": n_neighbors} | options
    return SiameseIdentifier(IDENTITY, **options).fit(X, y)


def by_loop(X, y, new, k):
    """Return the class with most votes of the nearest rows, and the distance to its nearest."""
    found = []
    for row in new:
        D = np.sqrt(np.square(X - row).sum(axis=1))
        nearest = sorted(range(len(X)), key=lambda i: (D[i], y[i], i))[:k]
        votes = {label: sum(y[i] == label for i in nearest) for label in y[nearest]}
        best = min(votes, key=lambda label: (-votes[label], D[y == label].min(), label))
        found.append((best, D[y == best].min()))
    return [np.array(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize("k", [1, 2, 3, 7, 60, 99])
@pytest.mark.parametrize("tied", [False, True])
def test_votes_equal_a_loop(k, tied):
    X, y = people(6, 10, spread=1.0)
    new = people(6, 20, seed=1, spread=1.0)[0]
    if tied:
        X, new = (part[:, :2].round() for part in (X, new))
    assert_array_equal(enrolled(X, y, k).predict(new), by_loop(X, y, new, min(k, len(X)))[0])


def test_a_clear_majority_equals_k_nearest_neighbors_of_scikit_learn():
    X, y = people(6, 10, spread=1.0)
    new, peer = people(6, 40, seed=1, spread=1.0)[0], KNeighborsClassifier(5).fit(X, y)
    votes = np.sort(peer.predict_proba(new), axis=1)
    clear = votes[:, -1] > votes[:, -2]
    assert clear.mean() > 0.5
    assert_array_equal(enrolled(X, y, 5).predict(new[clear]), peer.predict(new[clear]))


@pytest.mark.parametrize("labels", [[0, 1], [*"abcde"]])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_scores_and_probabilities_agree_with_the_votes(labels, k):
    X, y = people(len(labels), 10, spread=1.5)
    new = people(len(labels), 30, seed=1, spread=1.5)[0]
    identifier = enrolled(X, np.array(labels)[y], k)
    predicted, scores = identifier.predict(new), identifier.decision_function(new)
    by_score = scores.argmax(axis=1) if len(labels) > 2 else (scores > 0).astype(int)
    assert_array_equal(identifier.classes_[by_score], predicted)
    proba = identifier.predict_proba(new)
    assert_array_equal(identifier.classes_[proba.argmax(axis=1)], predicted)
    assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize(("strategy", "k"), [("nearest", 1), ("prototype", 1), ("prototype", 5)])
def test_one_neighbor_and_prototypes_predict_the_nearest_template(strategy, k):
    X, y = people(6, 10, spread=1.0)
    identifier = enrolled(X, y, k, strategy=strategy, target_far=0.5)
    new = people(6, 30, seed=1, spread=1.0)[0]
    D = identifier.class_distances(new)
    nearest = np.where(D.min(axis=1) <= identifier.threshold_, D.argmin(axis=1), -1)
    assert_array_equal(identifier.predict(new), nearest)
    if k == 1:
        assert_array_equal(identifier.decision_function(new), -D)


@pytest.mark.parametrize("k", [2, 5])
def test_a_vote_is_rejected_unless_its_class_is_within_the_threshold(k):
    X, y = people(60, 6, spread=0.9)
    new = people(60, 6, seed=1, spread=0.9)[0]
    identifier, single = (enrolled(X, y, n, target_far=0.2) for n in (k, 1))
    assert identifier.threshold_ == single.threshold_
    best, distance = by_loop(X, y, new, k)
    predicted = identifier.predict(new)
    assert_array_equal(predicted, np.where(distance <= identifier.threshold_, best, -1))
    accepted = predicted != -1
    assert 0 < accepted.mean() < 1
    assert (single.predict(new)[accepted] != -1).all()
    assert identifier.verify(new[accepted], predicted[accepted]).all()


def test_unseen_classes_are_accepted_at_most_at_the_target_rate():
    rates = []
    for seed in range(20):
        X, y = people(160, 5, seed=seed, spread=0.5)
        known = y < 100
        identifier = enrolled(X[known], y[known], 3, target_far=0.1)
        rates.append(np.mean(identifier.predict(X[~known]) != -1))
    assert 0.02 < np.mean(rates) < 0.11


def test_votes_follow_enrollment_and_an_index():
    X, y = people(6, 10, spread=1.0)
    new = people(6, 20, seed=1, spread=1.0)[0]
    first = y < 4
    parts = enrolled(X[first], y[first], 5).partial_fit(X[~first], y[~first])
    assert_array_equal(parts.predict(new), enrolled(X, y, 5).predict(new))
    kept = y != 2
    forgotten = parts.forget([2]).predict(new)
    assert_array_equal(forgotten, enrolled(X[kept], y[kept], 5).predict(new))
    indexed = enrolled(X, y, 5, neighbors=NearestNeighbors())
    assert_array_equal(indexed.predict(new), enrolled(X, y, 5).predict(new))


@pytest.mark.parametrize("k", [0, -1, 2.0, "3", None])
def test_an_invalid_number_of_neighbors_is_refused_by_name(k):
    with pytest.raises(ValueError, match="'n_neighbors' parameter"):
        enrolled(*people(3, 4), k)
