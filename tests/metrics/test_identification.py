"""Compare metrics of identification with plain counting."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseEmbedder
from sksiamese.metrics import (
    detection_identification_rate,
    few_shot_accuracy,
    few_shot_score,
    threshold_at_far,
    true_accept_rate,
)


def counted(y_true, y_score, labels, far):
    """Return the rate by trying every threshold."""
    known = np.isin(y_true, labels)
    best, named = y_score.max(axis=1), labels[y_score.argmax(axis=1)]
    rates = [0.0]
    for threshold in best:
        accepted = best >= threshold
        if accepted[~known].mean() <= far:
            rates.append((accepted & (named == y_true))[known].mean())
    return max(rates)


@pytest.mark.parametrize("far", [0.0, 0.05, 0.1, 0.5, 1.0])
def test_the_identification_rate_equals_a_loop_over_thresholds(far):
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])
    y_true = rng.choice([*labels, "x", "y"], 200)
    y_score = rng.normal(size=(200, 3)).round(1) + (y_true[:, None] == labels)
    found = detection_identification_rate(y_true, y_score, labels=labels, far=far)
    assert found == pytest.approx(counted(y_true, y_score, labels, far))


def test_unknown_rows_at_the_threshold_are_not_accepted():
    scores = np.array([[5.0], [5.0], [5.0], [1.0]])
    assert detection_identification_rate([0, 0, 9, 9], scores, labels=[0], far=0.4) == 0
    assert detection_identification_rate([0, 0, 9, 9], scores, labels=[0], far=0.5) == 1


def test_a_rate_that_is_a_multiple_of_one_over_n_is_met_despite_rounding():
    strangers = np.arange(10.0)
    far = 1 - 0.9  # a little less than 0.1
    scores = np.append(8.5, strangers)
    known = np.arange(11) == 0
    found = detection_identification_rate(
        np.where(known, 0, 9), scores[:, None], labels=[0], far=far
    )
    assert found == true_accept_rate(known, scores, far=far) == 1
    assert np.mean(strangers >= threshold_at_far(known, scores, far).threshold) == 0.1


def test_few_shot_accuracy_uses_the_metric_for_class_means():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(20), 10)
    length = rng.uniform(1, 100, size=(200, 1))
    angle = 0.1 * y[:, None] + 0.001 * rng.normal(size=(200, 1))
    Z = length * np.hstack([np.cos(angle), np.sin(angle)])
    by = {m: few_shot_accuracy(y, Z, metric=m, random_state=0) for m in ("cosine", "euclidean")}
    assert by["cosine"] > 0.99
    assert by["euclidean"] < 0.7


def test_the_identification_rate_scores_a_classifier_with_unknown_classes():
    X = np.array([[0.0], [1.0], [10.0], [11.0], [20.0], [21.0], [100.0]])
    y = np.array([0, 0, 1, 1, 2, 2, 9])
    model = NearestCentroid().fit(X[:6], y[:6])
    scorer = make_scorer(
        detection_identification_rate, response_method="decision_function", labels=[0, 1, 2]
    )
    assert scorer(model, X, y) == 1


@pytest.mark.parametrize(
    ("y_true", "labels", "far", "message"),
    [
        ([0, 1, 2], [0, 1], 1.5, r"'far' parameter .* in the range \[0.0, 1.0\]"),
        ([0, 1, 2], [0, 1, 2], 0.1, r"y_score has shape \(3, 2\), but there are 3 labels"),
        ([0, 1, np.nan], [0, 1], 0.1, "y_true has 1 missing labels"),
        ([0, 1, 2], [0, np.nan], 0.1, "labels has 1 missing labels"),
        ([0, 1, 1], [0, 1], 0.1, "rows of enrolled classes only"),
        ([7, 8, 9], [0, 1], 0.1, "rows never enrolled only"),
    ],
)
def test_invalid_arguments_of_identification_are_refused_by_name(y_true, labels, far, message):
    with pytest.raises(ValueError, match=message):
        detection_identification_rate(y_true, np.ones((3, 2)), labels=labels, far=far)


def test_one_score_a_row_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"y_score has shape \(3,\), .* -class_distances"):
        detection_identification_rate([0, 1, 2], np.ones(3), labels=[0, 1])


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, np.nan, np.nan], [*"aabb", None, None]])
def test_rows_without_a_label_are_in_no_episode(labels):
    with pytest.raises(ValueError, match="y_true has 2 missing labels"):
        few_shot_accuracy(labels, np.eye(6), n_way=2)


def test_few_shot_accuracy_is_one_for_separated_classes_and_chance_for_noise():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 10)
    Z = np.eye(30)[y] + 0.01 * rng.normal(size=(300, 30))
    assert few_shot_accuracy(y, Z, n_way=20, n_episodes=100, random_state=0) == 1
    noise = few_shot_accuracy(y, rng.normal(size=(300, 4)), n_way=5, random_state=0)
    assert 0.17 < noise < 0.23


def test_more_examples_help_and_more_classes_harm():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 12)
    Z = rng.normal(size=(30, 8))[y] + rng.normal(size=(360, 8))
    accuracy = partial(few_shot_accuracy, y, Z, n_episodes=200, random_state=0)
    assert accuracy(k_shot=1) + 0.05 < accuracy(k_shot=5) < accuracy(k_shot=10)
    assert accuracy(n_way=20) + 0.1 < accuracy(n_way=5) < accuracy(n_way=2)


def test_few_shot_accuracy_predicts_the_nearest_class_mean():
    A, B = [0.0, -20.0, -17.0], [2.0, 21.0, -9.0]
    right = []
    for a, b in product(range(3), repeat=2):
        mean_a, mean_b = np.mean(np.delete(A, a)), np.mean(np.delete(B, b))
        right.append(abs(A[a] - mean_a) < abs(A[a] - mean_b))
        right.append(abs(B[b] - mean_b) < abs(B[b] - mean_a))
    Z = np.array([A + B]).T
    found = few_shot_accuracy(
        [0, 0, 0, 1, 1, 1], Z, n_way=2, k_shot=2, n_episodes=2000, random_state=0
    )
    assert 0.3 < np.mean(right) < 0.9
    assert found == pytest.approx(np.mean(right), abs=0.02)


def test_classes_with_too_few_rows_are_left_out():
    Z = np.array([[0.0], [0.1], [5.0], [5.1], [0.05]])
    assert few_shot_accuracy(list("aabbc"), Z, n_way=2, random_state=0) == 1
    with pytest.raises(ValueError, match=r"n_way=3 classes of 2 rows .* has 2"):
        few_shot_accuracy(list("aabbc"), Z, n_way=3)


@pytest.mark.parametrize("option", [{"n_way": 1}, {"n_way": 2.5}, {"k_shot": 0}, {"n_episodes": 0}])
def test_invalid_episodes_are_refused_by_name(option):
    with pytest.raises(
        ValueError, match=f"'{next(iter(option))}' parameter .* must be an int in the range"
    ):
        few_shot_accuracy([0, 0, 1, 1], np.eye(4), **option)


def test_few_shot_score_of_an_embedder_works_in_a_search(digits):
    X, _, y, _ = digits
    scaler = StandardScaler(with_std=False).fit(X)
    score = partial(few_shot_score, n_way=3, n_episodes=50, random_state=0)
    expected = few_shot_accuracy(y, scaler.transform(X), n_way=3, n_episodes=50, random_state=0)
    assert score(scaler, X, y) == expected
    grid = GridSearchCV(scaler, {"with_std": [True, False]}, scoring=score, cv=GroupKFold(2))
    assert grid.fit(X, y, groups=y).best_score_ > 0.6


def test_an_embedder_identifies_unseen_classes(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=3, random_state=0)
    score = partial(few_shot_score, n_way=3, k_shot=5, n_episodes=100, random_state=0)
    scores = cross_val_score(embedder, X, y, groups=y, cv=GroupKFold(2), scoring=score)
    assert scores.min() > 0.6
