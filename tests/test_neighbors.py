"""Test the approximate index, alone and in a gallery that grows and shrinks."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import NearestNeighbors

from sksiamese import SiameseIdentifier
from sksiamese.neighbors import ApproximateNeighbors
from tests._helpers.gallery import IDENTITY, people


@pytest.fixture(scope="module")
def rows():
    """Return rows of 1,000 classes, and the classes."""
    return people(1000, 3)


def recall(index, X, Q, n_neighbors=5):
    """Return the share of the exact neighbors that an index finds."""
    _, true = NearestNeighbors(n_neighbors=n_neighbors).fit(X).kneighbors(Q)
    _, found = index.kneighbors(Q, n_neighbors)
    return np.mean([np.isin(*pair).mean() for pair in zip(true, found, strict=True)])


def test_most_neighbors_are_found_with_their_distances(rows):
    X, _ = rows
    index = ApproximateNeighbors().fit(X[:2500])
    assert recall(index, X[:2500], X[2500:]) > 0.98
    distances, numbers = index.kneighbors(X[2500:])
    expected = np.linalg.norm(X[2500:, None] - X[numbers], axis=2)
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    assert (np.diff(distances, axis=1) >= 0).all()
    one = index.kneighbors(X[[2500]], return_distance=False)
    np.testing.assert_array_equal(one, numbers[[0]])


def test_more_candidates_increase_recall(rows):
    X, _ = rows
    poor = ApproximateNeighbors(connectivity=2, expansion_add=2, expansion_search=1).fit(X)
    assert recall(poor, X, X[:500] + 0.1) < recall(ApproximateNeighbors().fit(X), X, X[:500] + 0.1)


def test_an_updated_index_finds_what_a_new_one_finds(rows):
    X, _ = rows
    index = ApproximateNeighbors().fit(X[:2000])
    before = index.kneighbors(X)
    source = np.concatenate([np.arange(1900)[::-1], np.full(1000, -1)])
    Z = np.concatenate([X[:1900][::-1], X[2000:]])
    updated = index.update(X[2000:], source)
    assert updated.n_samples_fit_ == 2900
    assert recall(updated, Z, X) > 0.97
    again = updated.update(X[:0], np.arange(50))
    assert recall(again, Z[:50], X, n_neighbors=50) == 1
    for one, other in zip(before, index.kneighbors(X), strict=True):
        np.testing.assert_array_equal(one, other)


def test_copies_and_pickles_find_the_same(rows):
    X, _ = rows
    index = ApproximateNeighbors(n_neighbors=3).fit(X)
    expected = index.kneighbors(X)
    for copied in (pickle.loads(pickle.dumps(index)), clone(index).fit(X)):
        for one, other in zip(expected, copied.kneighbors(X), strict=True):
            np.testing.assert_array_equal(one, other)


def test_unsuitable_arguments_are_refused(rows):
    X, _ = rows
    with pytest.raises(NotFittedError):
        ApproximateNeighbors().kneighbors(X)
    index = ApproximateNeighbors().fit(X[:10])
    with pytest.raises(ValueError, match="an int from 1 to 10, the number of rows"):
        index.kneighbors(X, 11)
    for source in ([-1, -1], [0], [-1, 10], [-2, -1]):
        with pytest.raises(ValueError, match="source must have 1 times -1"):
            index.update(X[:1], source)
    with pytest.raises(ValueError, match="connectivity"):
        ApproximateNeighbors(connectivity=1).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        index.fit(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="divide X by a constant"):
        index.fit(1e20 * X)
    assert ApproximateNeighbors().fit(1e20 * X / 1e20).n_samples_fit_ == len(X)
    assert index.n_samples_fit_ == 10


def gallery(neighbors, **options):
    """Return an identifier of embeddings."""
    options = {"strategy": "nearest", "target_far": 0.05} | options
    return SiameseIdentifier(IDENTITY, neighbors=neighbors, **options)


@pytest.mark.parametrize("strategy", ["nearest", "prototype"])
def test_a_gallery_accepts_and_rejects_nearly_as_with_an_exact_search(rows, strategy):
    X, y = rows
    known = y < 700
    part = known & (np.arange(len(y)) % 3 > 0)
    options = {"strategy": strategy}
    exact, fast = (
        gallery(index, **options).fit(X[part], y[part]) for index in (None, ApproximateNeighbors())
    )
    assert fast.threshold_ == exact.threshold_
    for identifier in (exact, fast):
        identifier.partial_fit(X[~known][:300], y[~known][:300]).forget(np.arange(100))
        identifier.partial_fit(X[:30], y[:30])
    assert isinstance(fast.neighbors_, ApproximateNeighbors)
    assert fast.threshold_ == exact.threshold_
    np.testing.assert_array_equal(fast.classes_, exact.classes_)
    agree = fast.predict(X) == exact.predict(X)
    assert agree.mean() > 0.995
    assert (fast.predict(X) == -1).mean() > 0.1
    forgotten = (y >= 10) & (y < 100)
    assert not np.isin(fast.predict(X), np.arange(10, 100)).any()
    assert (fast.predict(X[forgotten]) == -1).mean() > 0.8
    reloaded = pickle.loads(pickle.dumps(fast))
    np.testing.assert_array_equal(reloaded.predict(X), fast.predict(X))


def test_the_index_is_updated_for_few_and_built_for_many_templates(rows, monkeypatch):
    X, y = rows
    built = []
    fit = ApproximateNeighbors.fit

    def record(self, Z):
        built.append(len(Z))
        return fit(self, Z)

    monkeypatch.setattr(ApproximateNeighbors, "fit", record)
    identifier = gallery(ApproximateNeighbors(), target_far=None).fit(X[:900], y[:900])
    identifier.partial_fit(X[900:1000], y[900:1000]).forget([3])
    assert built == [900]
    identifier.partial_fit(X[1000:], y[1000:])
    assert built == [900, 3000 - 3]
    identifier.set_params(neighbors__expansion_search=100).partial_fit(X[:1], y[:1])
    assert built == [900, 2997, 2998]
    identifier.set_params(metric="cosine").partial_fit(X[:1], y[:1])
    assert built == [900, 2997, 2998, 2999]


def test_a_failed_enrollment_leaves_the_index_unchanged(rows):
    X, y = rows
    identifier = gallery(ApproximateNeighbors(), target_far=None).fit(X[:900], y[:900])
    expected = identifier.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        identifier.partial_fit(np.full((1, 8), np.nan), [5])
    np.testing.assert_array_equal(identifier.predict(X), expected)
