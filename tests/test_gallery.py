"""The threshold of an identifier: who plays impostor, how many of them are let in."""

import numpy as np
import pytest
from gallery import IDENTITY, people
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.metrics import pairwise_distances

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese._rejection import impostor_rows, rejection_threshold

STRATEGIES = ["nearest", "prototype"]


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


def test_impostors_are_10000_at_most_evenly_spaced_and_of_every_class():
    assert_array_equal(impostors(np.repeat([3, 4], 5000)), np.arange(10_000))
    own = np.repeat(np.arange(100), 300)
    assert_array_equal(impostors(own), np.arange(0, 30_000, 3))
    assert_array_equal(np.unique(own[impostors(own[:29_999])]), np.arange(100))
    alone = np.arange(21_000)
    assert_array_equal(impostors(alone), alone)
    assert_array_equal(
        impostors(np.append([0] * 20_000, [1, 2])), [*range(0, 20_000, 3), 20_000, 20_001]
    )


def test_no_class_is_left_out_where_there_are_more_than_rows_of_impostors(monkeypatch):
    monkeypatch.setattr("sksiamese._rejection.N_IMPOSTORS", 20)
    X, y = people(99, 2)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.01).fit(X, y)
    assert identifier.threshold_ > 0


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_impostors_meet_the_templates_of_all_classes_but_their_own_in_every_chunk(metric):
    X, y = people(100, 5)
    with config_context(working_memory=0.05):
        identifier = SiameseIdentifier(
            IDENTITY, strategy="nearest", metric=metric, target_far=0.1
        ).fit(X, y)
    D = pairwise_distances(X, metric=metric)
    D[y[:, None] == y] = np.inf
    rejected = np.sort(D.min(axis=1))[int(0.1 * 505 - 5)]
    assert rejected - 1e-9 < identifier.threshold_ < rejected


def test_too_few_classes_for_a_rate_are_told_and_keep_them_apart():
    X, y = people(5, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.01)
    with pytest.warns(UserWarning, match="needs 99 of the enrolled classes .* but 5 are"):
        identifier.fit(X, y)
    D = identifier.class_distances(X)
    D[np.arange(len(X)), y] = np.inf
    assert_allclose(identifier.threshold_, D.min())
    assert identifier.threshold_ < D.min()


def test_the_first_of_all_accepts_nobody():
    identifier = SiameseIdentifier(IDENTITY, target_far=0.5)
    with pytest.warns(UserWarning, match=r"needs 1 of the enrolled classes .* but 0 are"):
        identifier.fit([[0.0], [0.1]], ["me", "me"])
    assert identifier.threshold_ == -np.inf
    assert identifier.predict([[0.0]]) == ["unknown"]


def test_a_warning_points_to_the_line_that_enrols():
    X, y = people(8, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.1)
    for enrol, *arguments in (
        (identifier.fit, X, y),
        (identifier.partial_fit, X, y),
        (identifier.forget, [3]),
    ):
        with pytest.warns(UserWarning, match="needs 9 of the enrolled classes") as caught:
            enrol(*arguments)
        assert caught[0].filename == __file__


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


def test_a_rate_needs_classes_beside_those_to_learn_from():
    X, y = people(2, 4)
    identifier = SiameseIdentifier(SiameseEmbedder(max_iter=1), target_far=0.4)
    with pytest.raises(ValueError, match="leaves less than two to learn from"):
        identifier.fit(X, y)
