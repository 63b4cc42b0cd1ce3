"""Test that metrics refuse invalid numbers, rates, labels and scores by name."""

import sys
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import FunctionTransformer

from sksiamese import metrics

MATCH = np.array([0, 1, 0, 1, 0, 1])
SCORE = np.array([0.1, 0.6, 0.2, 0.3, 0.4, 0.9])
ROWS = np.arange(12.0).reshape(6, 2)
PEOPLE = np.array([0, 0, 0, 1, 1, 1])
LABELS = np.array(["a", "b"])

OF_PAIRS = {
    "best_threshold": metrics.best_threshold,
    "detection_cost": metrics.detection_cost,
    "equal_error_rate": metrics.equal_error_rate,
    "expected_calibration_error": metrics.expected_calibration_error,
    "false_accept_rate": metrics.false_accept_rate,
    "false_reject_rate": metrics.false_reject_rate,
    "min_dcf": metrics.min_dcf,
    "pair_accuracy": metrics.pair_accuracy,
    "threshold_at_far": partial(metrics.threshold_at_far, far=0.1),
    "true_accept_rate": metrics.true_accept_rate,
}
OF_ROWS = {
    "cmc_curve": partial(metrics.cmc_curve, k=2),
    "few_shot_accuracy": partial(metrics.few_shot_accuracy, n_way=2, n_episodes=2),
    "mean_average_precision_at_k": metrics.mean_average_precision_at_k,
    "mean_average_precision_at_r": metrics.mean_average_precision_at_r,
    "mean_reciprocal_rank": metrics.mean_reciprocal_rank,
    "ndcg_at_k": metrics.ndcg_at_k,
    "precision_at_k": metrics.precision_at_k,
    "r_precision": metrics.r_precision,
    "recall_at_k": metrics.recall_at_k,
}


def identified(y_true=("a", "b", "x"), y_score=((3, 1), (1, 2), (0, 0)), **options):
    options = {"labels": LABELS} | options
    return metrics.detection_identification_rate(y_true, y_score, **options)


NUMBERS = {
    "cost_false_accept": [metrics.best_threshold, metrics.detection_cost, metrics.min_dcf],
    "cost_false_reject": [metrics.best_threshold, metrics.detection_cost, metrics.min_dcf],
    "confidence": [partial(metrics.threshold_at_far, far=0.1)],
    "far": [
        metrics.false_reject_rate,
        metrics.threshold_at_far,
        metrics.true_accept_rate,
        lambda match, score, far: identified(far=far),
    ],
    "frr": [metrics.false_accept_rate],
    "k": [
        lambda match, score, k: metrics.recall_at_k(PEOPLE, ROWS, k=k),
        lambda match, score, k: metrics.precision_at_k(PEOPLE, ROWS, k=k),
        lambda match, score, k: metrics.cmc_curve(PEOPLE, ROWS, k=k),
    ],
    "k_shot": [lambda match, score, k_shot: metrics.few_shot_accuracy(PEOPLE, ROWS, k_shot=k_shot)],
    "n_bins": [metrics.expected_calibration_error],
    "n_episodes": [
        lambda match, score, n_episodes: metrics.few_shot_accuracy(
            PEOPLE, ROWS, n_way=2, n_episodes=n_episodes
        )
    ],
    "n_way": [lambda match, score, n_way: metrics.few_shot_accuracy(PEOPLE, ROWS, n_way=n_way)],
    "prior": [metrics.best_threshold, metrics.detection_cost, metrics.min_dcf],
    "threshold": [metrics.detection_cost, metrics.pair_accuracy],
}
NO_NUMBERS = [np.nan, "0.5", "1", [1], (0.5,), np.array([1]), None, {}, 1j, pd.NA]
FLOATS_IN_PLACE_OF_COUNTS = [1.5, np.inf, 2.0]


@pytest.mark.parametrize("name", NUMBERS)
def test_parameters_that_are_not_numbers_are_refused_by_name(name):
    for measure, value in product(NUMBERS[name], NO_NUMBERS):
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            measure(MATCH, SCORE, **{name: value})


@pytest.mark.parametrize("name", ["confidence", "far", "frr", "prior"])
def test_rates_beyond_all_floats_are_refused(name):
    for measure in NUMBERS[name]:
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            measure(MATCH, SCORE, **{name: 10**400})


def test_costs_and_thresholds_may_be_whole_numbers_beyond_all_floats():
    costs = {"cost_false_accept": 10**401, "cost_false_reject": 10**400}
    found = metrics.min_dcf(MATCH, SCORE, **costs)
    assert found == metrics.min_dcf(MATCH, SCORE, cost_false_accept=10.0)
    whole = {"cost_false_accept": np.int64(2**62), "cost_false_reject": np.uint8(1)}
    assert metrics.detection_cost(MATCH, SCORE, threshold=0.3, **whole) == pytest.approx(2**62 / 3)
    assert metrics.pair_accuracy(MATCH, SCORE, threshold=10**400) == 1 / 2
    assert metrics.pair_accuracy(MATCH, SCORE, threshold=-(10**400)) == 1 / 2


@pytest.mark.parametrize("name", ["k", "k_shot", "n_bins", "n_episodes", "n_way"])
def test_counts_must_be_integers(name):
    for measure, value in product(NUMBERS[name], FLOATS_IN_PLACE_OF_COUNTS):
        with pytest.raises(ValueError, match=f"'{name}' parameter .* must be an int"):
            measure(MATCH, SCORE, **{name: value})


@pytest.mark.parametrize("threshold", [-np.inf, np.inf, 1e300, -5, np.float32(0.5), True])
def test_a_threshold_may_be_any_number(threshold):
    for score in (SCORE, SCORE.astype(np.float32)):
        expected = np.mean((score >= threshold) == MATCH) if abs(threshold) < 9 else 1 / 2
        assert metrics.pair_accuracy(MATCH, score, threshold=threshold) == pytest.approx(expected)


TINY, HUGE = 5e-324, sys.float_info.max


@pytest.mark.parametrize("prior", [TINY, 1e-20, 0.3, 1 - 2**-53])
def test_costs_of_any_ratio_are_finite(prior):
    costs = [TINY, 1e-320, 1.0, 1e300, HUGE]
    for accept, reject in product(costs, costs):
        options = {"prior": prior, "cost_false_accept": accept, "cost_false_reject": reject}
        for threshold in (-1, 0.3, 0.5, 2):
            cost = metrics.detection_cost(MATCH, SCORE, threshold=threshold, **options)
            assert 0 <= cost < np.inf
        assert 0 <= metrics.min_dcf(MATCH, SCORE, **options) <= 1


def test_a_cost_of_extreme_ratio_counts_one_error_only():
    options = {"cost_false_accept": 1e300, "cost_false_reject": 1e-300}
    assert metrics.detection_cost(MATCH, SCORE, threshold=0.5, **options) == pytest.approx(1 / 3)
    assert metrics.detection_cost(MATCH, SCORE, threshold=0.3, **options) == pytest.approx(HUGE / 3)
    assert metrics.min_dcf(MATCH, SCORE, prior=0.5, **options) == pytest.approx(1 / 3)


BAD_SCORES = {
    "strings": list("abcdef"),
    "numbers as strings": ["1", "2", "3", "4", "5", "6"],
    "None": None,
    "a number": 0.5,
    "a dict": {"a": 1},
    "lists of several lengths": [[1], [1, 2], [], [0], [0], [0]],
    "complex numbers": SCORE + 1j,
    "dates": np.arange(6).astype("M8[D]"),
    "durations": np.arange(6).astype("m8[s]"),
    "a missing one": [0.1, None, 0.2, 0.3, 0.1, 0.2],
    "NaN": [0.1, np.nan, 0.2, 0.3, 0.1, 0.2],
    "infinity": [0.1, np.inf, 0.2, 0.3, 0.1, 0.2],
    "two columns": np.column_stack([SCORE, SCORE]),
    "three dimensions": np.zeros((6, 1, 1)),
    "a number beyond floats": [10**400, 1, 2, 3, 4, 5],
    "nothing": [],
    "objects": [object()] * 6,
}


@pytest.mark.parametrize("scores", BAD_SCORES)
def test_scores_that_are_not_numbers_are_refused_by_name(scores):
    for name, measure in OF_PAIRS.items():
        wanted = "y_prob" if name == "expected_calibration_error" else "y_score"
        with pytest.raises((TypeError, ValueError), match=wanted):
            measure(MATCH, BAD_SCORES[scores])


@pytest.mark.parametrize("scores", [name for name in BAD_SCORES if name != "two columns"])
def test_class_scores_that_are_not_numbers_are_refused_by_name(scores):
    with pytest.raises((TypeError, ValueError), match="y_score"):
        identified(y_true=list("aabbxx"), y_score=BAD_SCORES[scores])


BAD_LABELS = {
    "None": None,
    "nothing": [],
    "a number": 1,
    "a dict": {0: 1},
    "strings and numbers": [0, "1", 0, "1", 0, "1"],
    "a missing one": [0, 1, None, 1, 0, 1],
    "NaN": [0, 1, np.nan, 1, 0, 1],
    "NA": pd.Series([0, 1, pd.NA, 1, 0, 1], dtype="Int64"),
    "lists of several lengths": [[0], [1, 0], [0], [1], [0], [1]],
    "two columns": np.column_stack([MATCH, MATCH]),
    "complex numbers": MATCH + 0j,
    "dates": MATCH.astype("M8[D]"),
}


@pytest.mark.parametrize("labels", BAD_LABELS)
def test_invalid_labels_are_refused_by_name(labels):
    measures = [(measure, SCORE) for measure in OF_PAIRS.values()]
    measures += [(measure, ROWS) for measure in (*OF_ROWS.values(), identified)]
    for measure, values in measures:
        with pytest.raises((TypeError, ValueError), match=r"y_true|label"):
            measure(BAD_LABELS[labels], values)


@pytest.mark.parametrize("name", OF_PAIRS)
def test_pairs_of_one_kind_or_of_three_are_refused(name):
    with pytest.raises(ValueError, match="y_true has only one label"):
        OF_PAIRS[name](np.ones(6), SCORE)
    with pytest.raises(ValueError, match="y_true must have two labels, got 3"):
        OF_PAIRS[name]([0, 1, 2, 0, 1, 2], SCORE)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        OF_PAIRS[name](MATCH, SCORE[:5])


@pytest.mark.parametrize("match", [MATCH.astype(bool), MATCH.astype(str), MATCH.astype(np.uint8)])
@pytest.mark.parametrize("container", [list, tuple, pd.Series, np.asarray])
def test_labels_and_scores_may_be_in_any_container(container, match):
    for measure in OF_PAIRS.values():
        assert measure(container(match), container(SCORE)) == measure(MATCH, SCORE)


BAD_ROWS = {
    "strings": [["a", "b"]] * 6,
    "None": None,
    "a dict": {"a": [1]},
    "nothing": [],
    "one dimension": np.arange(6.0),
    "three dimensions": np.zeros((6, 2, 2)),
    "NaN": np.where(ROWS == 3, np.nan, ROWS),
    "infinity": np.where(ROWS == 3, np.inf, ROWS),
    "complex numbers": ROWS + 1j,
}


@pytest.mark.parametrize("rows", BAD_ROWS)
def test_embeddings_that_are_not_a_numeric_table_are_refused(rows):
    for measure in OF_ROWS.values():
        with pytest.raises((TypeError, ValueError), match=r"\bZ\b"):
            measure(PEOPLE, BAD_ROWS[rows])


BAD_METRICS = {
    "unknown": "no such metric",
    "a number": 3,
    "None": None,
    "a list": ["euclidean"],
    "of strings": lambda a, b: "near",
    "of arrays": lambda a, b: a - b,
    "of nothing": lambda a, b: None,
    "of NaN": lambda a, b: np.nan,
    "of one row": lambda a: 0.0,
    "of two columns": "haversine",
    "that needs more": "seuclidean",
}


@pytest.mark.parametrize("metric", BAD_METRICS)
def test_metrics_that_return_no_distance_are_refused_by_name(metric):
    rows = np.zeros((6, 3)) if metric.startswith("that") else np.column_stack([ROWS, ROWS])
    for measure in OF_ROWS.values():
        with pytest.raises((TypeError, ValueError), match="metric"):
            measure(PEOPLE, rows, metric=BAD_METRICS[metric])


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_outside_the_domain_of_a_metric_are_refused(name):
    with pytest.raises(ValueError, match=r"metric='correlation' returns NaN .* remove them"):
        OF_ROWS[name](PEOPLE, np.ones((6, 2)), metric="correlation")
    assert np.isfinite(OF_ROWS[name](PEOPLE, np.ones((6, 2)))).all()


@pytest.mark.parametrize("name", [name for name in OF_ROWS if name != "few_shot_accuracy"])
def test_retrieval_refuses_a_single_row(name):
    with pytest.raises(ValueError, match="y_true has 1 row"):
        OF_ROWS[name]([0], [[1.0]])
    with pytest.raises(ValueError, match="Z must be a square matrix"):
        OF_ROWS[name](PEOPLE, ROWS, metric="precomputed")


def test_duplicate_classes_are_refused():
    with pytest.raises(ValueError, match="labels has a class twice"):
        identified(labels=["a", "a"])


def test_few_shot_score_needs_a_transformer():
    with pytest.raises(ValueError, match="'estimator' parameter"):
        metrics.few_shot_score("embedder", ROWS, PEOPLE)
    with pytest.raises(ValueError, match="'n_way' parameter"):
        metrics.few_shot_score(FunctionTransformer(), ROWS, PEOPLE, n_way="2")
    with pytest.raises(ValueError, match="metric='precomputed' is not supported"):
        metrics.few_shot_score(FunctionTransformer(), ROWS, PEOPLE, metric="precomputed")
