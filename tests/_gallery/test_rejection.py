"""Test the rejection threshold of an identifier: choice of impostors and false-accept rate."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.decomposition import PCA

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese._gallery._rejection import (
    impostor_rows,
    max_accepted_sum,
    rejection_threshold,
)
from sksiamese._gallery._search import nearest_others
from tests._helpers.gallery import IDENTITY, people

STRATEGIES = ["nearest", "prototype"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("target_far", [0.02, 0.1, 0.3])
def test_unseen_classes_are_accepted_at_the_target_rate(strategy, target_far):
    rates = []
    for seed in range(20):
        X, y = people(160, 5, seed=seed, spread=0.5)
        known = y < 100
        identifier = SiameseIdentifier(IDENTITY, strategy=strategy, target_far=target_far)
        identifier.fit(X[known], y[known])
        rates.append(np.mean(identifier.predict(X[~known]) != -1))
    assert 0.5 * target_far - 0.01 < np.mean(rates) < 1.1 * target_far


def mean_rate(n_classes, n_rows, spread, target_far, *, n_draws=100, **options):
    """Return the mean false-accept rate over draws of 20 unseen classes, and its standard error."""
    rates = []
    for seed in range(n_draws):
        X, y = people(n_classes + 20, n_rows, seed=seed, spread=spread)
        known = y < n_classes
        identifier = SiameseIdentifier(IDENTITY, target_far=target_far, **options)
        identifier.fit(X[known], y[known])
        rates.append(np.mean(identifier.predict(X[~known]) != -1))
    return np.mean(rates), np.std(rates) / np.sqrt(n_draws)


def test_the_target_rate_holds_for_few_classes():
    # Many rows of each of twenty classes do not replace more classes.
    rate, error = mean_rate(20, 10, 0.1, 0.1)
    assert 0.05 < rate < 0.1 + 2 * error


@pytest.mark.parametrize(
    ("n_classes", "n_rows", "spread", "target_far"),
    [(39, 1, 0.0, 0.05), (19, 1, 0.0, 0.1), (19, 5, 0.01, 0.1), (30, 2, 3.0, 0.2)],
)
def test_both_classes_of_the_closest_pair_count(n_classes, n_rows, spread, target_far):
    rate, error = mean_rate(n_classes, n_rows, spread, target_far)
    assert rate - 2.5 * error < target_far
    assert rate > 0


def accepted_by_the_rule(D, own, n_classes, allowed):
    """Return the sum over classes of the share of rows accepted without their template.

    ``D`` has the distance of every row to the template of every class.
    """
    rows = np.arange(len(own))
    count = np.bincount(own)
    total = 0
    for one in range(n_classes):
        without = D.copy()
        without[rows, own] = without[:, one] = np.inf
        distances = without.min(axis=1)
        met = D[own == one]
        met[:, one] = np.inf
        impostor = own != one
        closer = distances[impostor] <= met.min(axis=1)[:, None]
        total += np.mean((closer / count[own[impostor]]).sum(axis=1) <= allowed + 1e-9)
    return total


def test_the_bound_of_the_threshold_rule_holds_for_any_distances():
    rng = np.random.default_rng(0)
    greatest = 0
    for _ in range(1500):
        n_classes = rng.integers(3, 9)
        own = np.repeat(np.arange(n_classes), rng.integers(1, rng.integers(2, 5), n_classes))
        D = rng.integers(0, rng.choice([2, 3, 5, 40]), (len(own), n_classes)).astype(float)
        target_far = rng.uniform(2 / n_classes, 0.9)
        allowed = max_accepted_sum(target_far, n_classes - 1)
        total = accepted_by_the_rule(D, own, n_classes, allowed)
        assert total <= target_far * n_classes + 1e-6
        greatest = max(greatest, total / (target_far * n_classes))
    assert greatest > 0.8


@pytest.mark.parametrize(
    ("target_far", "n_classes"), [(0.05, 39), (0.01, 199), (0.4, 4), (0.07, 28)]
)
def test_a_rate_needs_two_over_the_rate_minus_one_classes(target_far, n_classes):
    assert max_accepted_sum(target_far, n_classes) == pytest.approx(0, abs=0.05)
    assert max_accepted_sum(target_far, n_classes - 1) is None


@pytest.mark.parametrize(("target_far", "n_accepted"), [(0.2, 0), (0.5, 0), (0.6, 2), (0.75, 3)])
def test_the_threshold_accepts_as_many_classes_as_the_rate_allows(target_far, n_accepted):
    Z = np.append(np.arange(9.0) ** 2, 100)[:, None]
    own = np.arange(10)
    distances = np.array([1, 1, 3, 5, 7, 9, 11, 13, 15, 36])
    threshold = chosen_threshold(Z, own, target_far)
    assert (distances <= threshold).sum() == n_accepted


def chosen_threshold(Z, own, target_far):
    distances, _ = nearest_others(Z, own, Z, own, "euclidean")
    return rejection_threshold(distances, own, target_far)


def test_rows_of_large_classes_count_less_than_rows_of_small_ones():
    Z = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 10.0, 30.0, 70.0, 150.0])[:, None]
    own = np.array([0, 0, 0, 0, 1, 2, 3, 4, 5])
    # Half of the class of four rows counts as half of a class.
    Z[0], Z[1] = -1.0, 1.5
    assert chosen_threshold(Z, own, 0.49) == np.nextafter(0.5, 0)
    assert chosen_threshold(np.delete(Z, [2, 3], axis=0), own[2:], 0.49) < 0.5


def test_equal_distances_are_rejected_together():
    Z = np.arange(30.0)[:, None]
    assert chosen_threshold(Z, np.arange(30), 0.5) == np.nextafter(1, 0)


def test_impostors_are_spread_evenly_over_classes_and_rows():
    assert_array_equal(impostor_rows(np.repeat([3, 4], 5000)), np.arange(10_000))
    assert_array_equal(impostor_rows(np.repeat(np.arange(100), 300)), np.arange(0, 30_000, 3))
    alone = np.arange(21_000)
    assert_array_equal(impostor_rows(alone), alone)
    assert_array_equal(
        impostor_rows(np.append([0] * 9999, [1, 2])), [*range(0, 9999, 3), 9999, 10_000]
    )


def test_impostors_of_a_class_do_not_depend_on_other_classes():
    few, many = np.append([0] * 7000, [1] * 3), np.append([0] * 7000, [1] * 9000)
    assert_array_equal(*(rows[rows < 7000] for rows in map(impostor_rows, (few, many))))


def test_every_class_has_an_impostor_even_beyond_the_limit(monkeypatch):
    monkeypatch.setattr("sksiamese._gallery._rejection.N_IMPOSTORS", 20)
    X, y = people(99, 2)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.02).fit(X, y)
    assert identifier.threshold_ > 0


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "sqeuclidean"])
def test_impostors_are_compared_with_all_other_classes_in_every_chunk(metric):
    X, y = people(100, 5)
    with config_context(working_memory=0.05):
        identifier = SiameseIdentifier(
            IDENTITY, strategy="nearest", metric=metric, target_far=0.1
        ).fit(X, y)
    D = cdist(X, X, metric)
    D[y[:, None] == y] = np.inf
    allowed = max_accepted_sum(0.1, 100)
    rejected = np.sort(D.min(axis=1))[int(5 * allowed)]
    assert identifier.threshold_ == np.nextafter(rejected, 0)


@pytest.mark.parametrize(("n_classes", "target_far", "needed"), [(5, 0.01, 199), (19, 0.05, 39)])
def test_with_too_few_classes_for_a_rate_every_row_is_rejected(n_classes, target_far, needed):
    X, y = people(n_classes, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=target_far)
    message = rf"needs {needed} enrolled classes .* there are {n_classes}, .* set target_far=(\S+) "
    with pytest.warns(UserWarning, match=message) as caught:
        identifier.fit(X, y)
    assert identifier.threshold_ == -np.inf
    assert (identifier.predict(X) == -1).all()
    assert not identifier.verify(X, y).any()
    remedy = float(re.search(message, str(caught[0].message))[1])
    assert identifier.set_params(target_far=remedy).fit(X, y).threshold_ > 0


def test_a_single_class_accepts_no_row():
    identifier = SiameseIdentifier(IDENTITY, target_far=0.5)
    with pytest.warns(UserWarning, match=r"needs 3 enrolled classes .* there are 1.* enroll more"):
        identifier.fit([[0.0], [0.1]], ["me", "me"])
    assert identifier.threshold_ == -np.inf
    assert identifier.predict([[0.0]]) == ["unknown"]


def test_the_warning_points_to_the_line_of_the_caller():
    X, y = people(8, 4)
    identifier = SiameseIdentifier(IDENTITY, target_far=0.1)
    for enrol, *arguments in (
        (identifier.fit, X, y),
        (identifier.partial_fit, X, y),
        (identifier.forget, [3]),
    ):
        with pytest.warns(UserWarning, match="needs 19 enrolled classes") as caught:
            enrol(*arguments)
        assert caught[0].filename == __file__


def test_a_larger_validation_fraction_holds_out_more_classes(digits):
    X, _, y, _ = digits
    identifier = SiameseIdentifier(PCA(4), target_far=0.4, random_state=0)
    with pytest.warns(UserWarning, match=r"there are 2, .* raise validation_fraction to 0\.3500"):
        identifier.fit(X, y)
    assert identifier.set_params(validation_fraction=0.35).fit(X, y).threshold_ > 0


@pytest.mark.parametrize("target_far", [0.15, 0.2])
def test_a_larger_validation_fraction_is_advised_only_if_enough_classes_remain(digits, target_far):
    X, _, y, _ = digits
    identifier = SiameseIdentifier(PCA(4), target_far=target_far, random_state=0)
    with pytest.warns(UserWarning, match=r"set target_far=0\.6667") as caught:
        identifier.fit(X, y)
    assert "validation_fraction" not in str(caught[0].message)
    assert identifier.set_params(target_far=0.6667).fit(X, y).threshold_ > 0


def test_the_threshold_is_chosen_on_unseen_classes(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(8, max_iter=2)
    identifier = SiameseIdentifier(
        embedder, target_far=0.4, validation_fraction=0.5, random_state=0
    )
    identifier.fit(X, y)
    assert len(identifier.learned_classes_) == 5
    assert_array_equal(identifier.embedder_.classes_, identifier.learned_classes_)
    assert identifier.classes_.tolist() == list(range(10))
    strangers = ~np.isin(y, identifier.learned_classes_)
    D = identifier.class_distances(X[strangers])
    D[np.arange(len(D)), y[strangers]] = np.inf
    assert (D.min(axis=1) <= identifier.threshold_).mean() < 0.4


def test_a_target_rate_needs_classes_that_are_not_trained_on():
    X, y = people(2, 4)
    identifier = SiameseIdentifier(SiameseEmbedder(max_iter=1), target_far=0.4)
    with pytest.raises(ValueError, match="leaves fewer than two classes for training"):
        identifier.fit(X, y)
