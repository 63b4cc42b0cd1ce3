"""Test error rates of identities, and intervals over identities."""

import numpy as np
import pytest

from sksiamese.metrics import (
    equal_error_interval,
    equal_error_rate,
    error_rate_by_identity,
    false_reject_rate,
)


@pytest.fixture
def claims():
    rng = np.random.default_rng(0)
    match, writer = np.arange(600) % 2, np.arange(600) // 30
    score = 2 * match + rng.normal(size=600) + rng.normal(size=20)[writer]
    return match, score, writer


@pytest.mark.parametrize("metric", [equal_error_rate, false_reject_rate])
def test_rates_of_identities_equal_a_loop(claims, metric):
    match, score, writer = claims
    rates = [metric(match[writer == one], score[writer == one]) for one in range(20)]
    found = error_rate_by_identity(match, score, writer, metric=metric)
    assert found.rates.tolist() == rates
    assert found.identities.tolist() == list(range(20))
    assert found[:3] == pytest.approx((np.mean(rates), np.std(rates), max(rates)))


def test_an_identity_with_one_kind_of_claims_raises(claims):
    match, score, writer = claims
    with pytest.raises(ValueError, match=r"identities has identities without both .*\[0\]"):
        error_rate_by_identity(match | (writer == 0), score, writer)
    with pytest.raises(ValueError, match="metric"):
        error_rate_by_identity(match, score, writer, metric="far")


def test_rate_and_threshold_are_at_the_equal_error(claims):
    match, score, writer = claims
    found = equal_error_interval(match, score, writer, n_resamples=5, random_state=0)
    assert found.rate == equal_error_rate(match, score)
    false_accepts = np.mean(score[match == 0] >= found.threshold)
    false_rejects = np.mean(score[match == 1] < found.threshold)
    assert abs(false_accepts - found.rate) <= 1 / 300
    assert abs(false_rejects - found.rate) <= 1 / 300


@pytest.mark.parametrize("of_pairs", [False, True])
def test_interval_equals_resamples_with_repeated_pairs(claims, of_pairs):
    match, score, writer = (part[:120] for part in claims)
    groups = np.column_stack([writer, np.roll(writer, 7)]) if of_pairs else writer
    found = equal_error_interval(
        match, score, groups, n_resamples=40, confidence=0.8, random_state=3
    )
    random_state, rates = np.random.RandomState(3), []
    for _ in range(40):
        drawn = random_state.randint(4, size=4).tolist()
        rows = []
        for row, names in enumerate(groups.reshape(120, -1).tolist()):
            rows += [row] * np.prod([drawn.count(name) for name in set(names)])
        rates.append(equal_error_rate(match[rows], score[rows]))
    expected = np.quantile(rates, [0.1, 0.9])
    assert [found.low, found.high] == pytest.approx(expected)


def test_interval_over_identities_is_wider_than_over_pairs(claims):
    match, score, writer = claims
    of_writers = equal_error_interval(match, score, writer, n_resamples=200, random_state=0)
    of_pairs = equal_error_interval(match, score, np.arange(600), n_resamples=200, random_state=0)
    assert of_writers.low < of_pairs.low < of_writers.rate < of_pairs.high < of_writers.high
    assert of_writers.threshold_low < of_writers.threshold < of_writers.threshold_high


def test_invalid_groups_and_options_raise(claims):
    match, score, writer = claims
    with pytest.raises(ValueError, match="groups has only one identity"):
        equal_error_interval(match, score, np.zeros(600, dtype=int))
    with pytest.raises(ValueError, match="groups has no resample"):
        equal_error_interval([0, 1], [1, 2], [[0, 1], [2, 3]], n_resamples=1, random_state=0)
    for options in ({"confidence": 1.0}, {"n_resamples": 0}, {"random_state": "0"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            equal_error_interval(match, score, writer, **options)
