"""Compare the cost of log-likelihood ratios with closed forms and an exhaustive search."""

from itertools import combinations

import numpy as np
import pytest

from sksiamese.metrics import cllr, min_cllr


def test_cllr_equals_a_plain_loop():
    rng = np.random.default_rng(0)
    match = np.arange(30) % 3 == 0
    llr = rng.normal(size=30)
    matching = [
        np.log2(1 + np.exp(-one)) for one, is_match in zip(llr, match, strict=True) if is_match
    ]
    others = [
        np.log2(1 + np.exp(one)) for one, is_match in zip(llr, match, strict=True) if not is_match
    ]
    expected = (sum(matching) / len(matching) + sum(others) / len(others)) / 2
    assert cllr(match, llr) == pytest.approx(expected)


def test_cllr_of_large_ratios_is_finite():
    assert cllr([0, 1], [-1e4, 1e4]) == 0
    assert cllr([0, 1], [1e4, -1e4]) == pytest.approx(1e4 / np.log(2))


def least_by_search(match, score):
    """Return the least cost over all increasing step functions of the distinct scores."""
    match, score = np.asarray(match), np.asarray(score)
    values = np.unique(score)
    n_match, n_other = match.sum(), (1 - match).sum()
    costs = []
    for n_cuts in range(len(values)):
        for cuts in combinations(range(1, len(values)), n_cuts):
            block = np.searchsorted(np.array(cuts), np.searchsorted(values, score), side="right")
            a = np.bincount(block, match) / n_match
            b = np.bincount(block, 1 - match) / n_other
            if (np.diff(a / (a + b)) >= 0).all():
                total = a + b
                parts = [p * np.log2(p / total, where=p > 0, out=np.zeros(len(p))) for p in (a, b)]
                costs.append(-sum(part.sum() for part in parts) / 2)
    return min(costs)


@pytest.mark.parametrize("seed", range(5))
def test_min_cllr_equals_an_exhaustive_search(seed):
    rng = np.random.default_rng(seed)
    match = rng.permutation([0, 0, 0, 0, 0, 1, 1, 1, 1])
    score = rng.integers(0, 7, size=9) + 2 * match
    assert min_cllr(match, score) == pytest.approx(least_by_search(match, score))


def test_min_cllr_depends_on_the_order_of_scores_only():
    rng = np.random.default_rng(3)
    match = np.arange(60) % 2
    score = rng.normal(size=60) + match
    least = min_cllr(match, score)
    assert 0 < least < cllr(match, score)
    assert min_cllr(match, np.exp(score)) == min_cllr(match, 1e-20 * score) == least


def test_min_cllr_of_constant_and_of_separated_scores():
    assert min_cllr([0, 1, 1], [5, 5, 5]) == pytest.approx(1)
    assert min_cllr([0, 1, 1], [1, 2, 3]) == 0
    assert min_cllr([1, 0, 0], [1, 2, 3]) == pytest.approx(1)
