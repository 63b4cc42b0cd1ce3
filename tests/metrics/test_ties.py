"""Test that metrics are the mean over all orders of tied rows."""

from functools import partial
from itertools import permutations

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import pairwise_distances

from sksiamese.metrics import (
    detection_identification_rate,
    equal_error_rate,
    expected_calibration_error,
    few_shot_accuracy,
    mean_average_precision_at_r,
    min_dcf,
    recall_at_k,
    threshold_at_far,
    true_accept_rate,
)

METRICS = ("euclidean", "l2", "sqeuclidean", "cosine", "manhattan", "chebyshev", "correlation")


def all_orders(y, D, k):
    """Return recall at k and MAP@R as means over all orders of rows, sorted by distance."""
    recalls, precisions = [], []
    for i, label in enumerate(y):
        others = np.delete(np.arange(len(y)), i)
        r = np.sum(y[others] == label)
        for order in permutations(others):
            nearest = np.array(order)[np.argsort(D[i, list(order)], kind="stable")]
            hits = y[nearest] == label
            recalls.append(hits[:k].any())
            if r:
                precisions.append(sum(hits[: n + 1].mean() for n in range(r) if hits[n]) / r)
    return np.mean(recalls), np.mean(precisions)


@pytest.mark.parametrize("seed", range(9))
def test_retrieval_with_ties_equals_the_mean_over_all_orders(seed):
    rng = np.random.default_rng(seed)
    y = np.r_[0, 0, rng.integers(0, 3, 4)]
    Z = rng.integers(0, 2 + seed % 3, size=(6, 2)) / [1, 3]
    k = 1 + seed % 5
    recall, precision = all_orders(y, pairwise_distances(Z, metric="chebyshev"), k)
    assert recall_at_k(y, Z, k=k, metric="chebyshev") == pytest.approx(recall)
    assert mean_average_precision_at_r(y, Z, metric="chebyshev") == pytest.approx(precision)


@pytest.mark.parametrize(("n_same", "n_other", "k"), [(1, 1, 1), (3, 5, 2), (4, 400, 30)])
def test_recall_of_identical_rows_equals_random_draws(n_same, n_other, k):
    y = np.repeat(["same", "other"], [n_same + 1, n_other])
    missed = [np.prod([1 - n / (len(y) - 1 - j) for j in range(k)]) for n in (n_same, n_other - 1)]
    expected = 1 - np.average(missed, weights=[n_same + 1, n_other])
    assert recall_at_k(y, np.ones((len(y), 3)), k=k) == pytest.approx(expected)


def test_precision_of_identical_rows_equals_random_ranks():
    y, r = np.repeat([0, 1], 4), 3
    precisions = [1 / 7 * r * (1 + (i - 1) * (r - 1) / 6) / i for i in (1, 2, 3)]
    found = mean_average_precision_at_r(y, np.zeros((8, 2)))
    assert found == pytest.approx(sum(precisions) / r)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_retrieval_does_not_depend_on_the_order_of_identical_rows(metric, dtype):
    rng = np.random.default_rng(0)
    distinct = rng.normal(100, 1, size=(13, 9)).astype(dtype)
    Z, y = distinct[rng.integers(0, 13, 150)], np.sort(rng.integers(0, 10, 150))
    for measure in (mean_average_precision_at_r, partial(recall_at_k, k=7)):
        expected = measure(y, Z, metric=metric)
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(150)
            assert measure(y[order], Z[order], metric=metric) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("factor", [1e-200, 1e-30, 1.0, 1e30, 1e200])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_retrieval_does_not_depend_on_the_unit_of_the_rows(metric, factor):
    rng = np.random.default_rng(0)
    y, Z = rng.integers(0, 5, 40), rng.normal(size=(40, 3))
    assert recall_at_k(y, factor * Z, metric=metric) == recall_at_k(y, Z, metric=metric)
    found = mean_average_precision_at_r(y, factor * Z, metric=metric)
    assert found == pytest.approx(mean_average_precision_at_r(y, Z, metric=metric))


def test_distances_on_a_grid_are_tied_exactly():
    Z = np.array([[0.0], [1.0], [2.0], [3.0]]) / 7 * 7
    y = ["a", "b", "a", "b"]
    # 1 is as far from 0 (a) as from 2 (a), and 2 as far from 1 (b) as from 3 (b).
    assert recall_at_k(y, Z) == 0
    # The second of the nearest to 1 is 0 or 2, and the third 3; so, too, for 2.
    assert recall_at_k(y, Z, k=2) == pytest.approx(1 / 2)


def test_a_row_of_zeros_is_at_a_right_angle_to_all_others():
    Z = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.1], [-1.0, 0.0]])
    y = [0, 0, 1, 1, 2]
    assert recall_at_k(y, Z, metric="cosine") == pytest.approx(4 / 5)
    assert mean_average_precision_at_r([1, 0, 1, 2, 2], Z, metric="cosine") < 1


def test_sparse_rows_and_given_distances_have_the_same_ties():
    rng = np.random.default_rng(0)
    Z, y = rng.integers(0, 2, size=(60, 4)).astype(float), rng.integers(0, 4, 60)
    for measure in (mean_average_precision_at_r, partial(recall_at_k, k=3)):
        expected = measure(y, Z)
        assert measure(y, sparse.csr_array(Z)) == pytest.approx(expected)
        D = np.abs(Z[:, None] - Z).sum(axis=2).astype(int)
        assert measure(y, D, metric="precomputed") == pytest.approx(expected)


def test_identification_among_tied_classes_counts_as_a_fraction():
    scores = np.array([[2.0, 2.0, 0.0], [1.0, 3.0, 3.0], [3.0, 0.0, 3.0], [1.0, 1.0, 1.0]])
    y_true, labels = np.array(["a", "b", "b", "x"]), np.array(["a", "b", "c"])
    for order in permutations(range(3)):
        found = detection_identification_rate(
            y_true, scores[:, order], labels=labels[list(order)], far=0
        )
        assert found == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("n_way", [2, 5])
def test_few_shot_accuracy_of_identical_rows_is_chance(metric, n_way):
    Z, y = np.full((60, 7), 0.1), np.arange(60) % 6
    options = {"n_way": n_way, "k_shot": 3, "metric": metric, "n_episodes": 3, "random_state": 0}
    assert few_shot_accuracy(y, Z, **options) == pytest.approx(1 / n_way)


def test_few_shot_accuracy_of_tied_classes_counts_as_a_fraction():
    Z, y = [[0.0], [0.0], [0.0], [0.0], [9.0], [9.0]], list("aabbcc")
    found = few_shot_accuracy(y, Z, n_way=3, n_episodes=5, random_state=0)
    assert found == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


@pytest.mark.parametrize(
    "measure",
    [
        equal_error_rate,
        min_dcf,
        true_accept_rate,
        partial(threshold_at_far, far=0.3),
        lambda y, s: expected_calibration_error(y, s / 5),
    ],
)
def test_rates_of_tied_scores_do_not_depend_on_the_order_of_pairs(measure):
    rng = np.random.default_rng(0)
    match, score = np.arange(80) % 2, rng.integers(0, 5, 80)
    expected = measure(match, score)
    for _ in range(5):
        order = rng.permutation(80)
        assert measure(match[order], score[order]) == pytest.approx(expected, abs=1e-12)
