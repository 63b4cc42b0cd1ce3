"""Test the probabilities of an identifier and the choice of their temperature."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss

from sksiamese import SiameseIdentifier
from sksiamese._gallery._temperature import least_log_loss
from tests._helpers.gallery import IDENTITY, people

STRATEGIES = ["nearest", "prototype"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("scale", [1e-3, 1, 1e5])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_the_temperature_is_near_the_best_one_for_new_rows(strategy, scale, metric):
    X, y = people(30, 12, spread=0.6)
    new = np.arange(len(y)) % 12 > 5
    identifier = SiameseIdentifier(IDENTITY, strategy=strategy, metric=metric)
    identifier.fit(scale * X[~new], y[~new])
    D = identifier.class_distances(scale * X[new])
    loss = log_loss(y[new], identifier.predict_proba(scale * X[new]))
    factors = identifier.temperature_ * np.geomspace(0.1, 10, 41)
    least = min(log_loss(y[new], softmax(-D / factor, axis=1)) for factor in factors)
    assert loss < 1.05 * least + 0.01
    assert loss < log_loss(y[new], softmax(-D, axis=1)) + 1e-3


def test_the_unit_of_the_distance_does_not_matter():
    X, y = people(20, 5, spread=0.5)
    small, large = (SiameseIdentifier(IDENTITY).fit(scale * X, y) for scale in (1e-4, 1e4))
    assert_allclose(small.temperature_ * 1e8, large.temperature_, rtol=1e-3)
    assert_allclose(small.predict_proba(1e-4 * X), large.predict_proba(1e4 * X), atol=1e-3)


@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("n_classes", [5, 200])
def test_a_certain_match_has_a_probability_near_one(n_rows, n_classes):
    X, y = people(n_classes, n_rows, spread=0.02)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    assert np.median(identifier.predict_proba(X).max(axis=1)) > 0.85


def test_the_temperature_is_above_zero_without_errors():
    X, y = people(10, 3, spread=1e-6)
    identifier = SiameseIdentifier(IDENTITY).fit(X, y)
    assert identifier.temperature_ > 1e-3
    assert np.isfinite(identifier.predict_proba(X + 1)).all()


@pytest.mark.parametrize("rows", [[[0.0], [0.0]], [[1.0]], [[1.0], [1.0], [1.0], [1.0]]])
def test_the_temperature_is_one_if_all_distances_are_zero(rows):
    y = np.arange(len(rows)) // 2
    assert SiameseIdentifier(IDENTITY).fit(rows, y).temperature_ == 1


def test_the_temperature_is_chosen_on_unseen_classes():
    X, y = people(20, 6, spread=0.5)
    options = {"target_far": 0.4, "validation_fraction": 0.5, "random_state": 0}
    identifier = SiameseIdentifier(PCA(4), **options).fit(X, y)
    before = identifier.temperature_
    more = np.repeat(X[np.isin(y, identifier.learned_classes_)], 2, axis=0)
    names = np.repeat(y[np.isin(y, identifier.learned_classes_)], 2)
    assert identifier.partial_fit(more, names).temperature_ == pytest.approx(before, rel=1e-3)


def test_the_least_log_loss_equals_a_grid_search():
    rng = np.random.default_rng(0)
    D = rng.gamma(3, size=(200, 7))
    D[:, 0] *= 0.5
    own, other = D[:, 0], D[:, 1:].min(axis=1)
    found = least_log_loss(D, own, other)

    def loss(temperature):
        log_sum = np.log(np.exp(-D / temperature).sum(axis=1))
        return np.mean((201 * own + other) / 202 / temperature + log_sum)

    assert loss(found) <= min(map(loss, np.geomspace(0.05, 20, 200))) + 1e-5
