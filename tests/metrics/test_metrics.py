"""Compare metrics with loops over thresholds and neighbors; test worked values and scorers."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, pairwise_distances
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import FunctionTransformer

from sksiamese import SiameseEmbedder
from sksiamese.metrics import (
    equal_error_rate,
    mean_average_precision_at_r,
    pair_accuracy,
    recall_at_k,
    true_accept_rate,
)

PAIR_METRICS = [equal_error_rate, true_accept_rate, pair_accuracy]
RETRIEVAL_METRICS = [recall_at_k, mean_average_precision_at_r]

each_pair_metric = pytest.mark.parametrize("metric", PAIR_METRICS)
each_retrieval_metric = pytest.mark.parametrize("metric", RETRIEVAL_METRICS)
each_seed = pytest.mark.parametrize("seed", range(5))


def tied_scores(seed, n=60):
    """Return labels and integer scores, higher for a match."""
    rng = np.random.default_rng(seed)
    match = rng.random(n) < 0.4
    return match, rng.integers(0, 6, n) + 2 * match


def operating_points(match, score):
    """Return the false-accept and true-accept rate of every threshold, the strictest first."""
    thresholds = [np.inf, *sorted(set(score.tolist()), reverse=True)]
    wrong, right = score[~match].tolist(), score[match].tolist()
    return [
        (
            Fraction(sum(s >= t for s in wrong), len(wrong)),
            Fraction(sum(s >= t for s in right), len(right)),
        )
        for t in thresholds
    ]


def equal_error_rate_by_hand(points):
    """Return the point at which the polygon of the error rates crosses the diagonal."""
    for (far, tar), (next_far, next_tar) in pairwise(points):
        if next_far >= 1 - next_tar:
            gap, next_gap = far - (1 - tar), next_far - (1 - next_tar)
            return far + (next_far - far) * -gap / (next_gap - gap)
    raise AssertionError("accepting everything has no false rejects")


def labelled_points(seed, tied):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 5, 40)
    y[:3] = 10, 11, 12
    Z = rng.normal(size=(40, 3)) + 0.5 * y[:, None]
    return y, np.round(Z[:, :1]) if tied else Z


def retrieval_by_hand(y, Z, k, worst_of_ties):
    """Return recall at k and MAP@R with ties broken for or against the query."""
    recalls, precisions = [], []
    for i in range(len(y)):
        hits = [
            (np.linalg.norm(Z[i] - Z[j]).round(9), (y[i] == y[j]) == worst_of_ties, y[i] == y[j])
            for j in range(len(y))
            if j != i
        ]
        hits = [hit for *_, hit in sorted(hits)]
        recalls.append(any(hits[:k]))
        r = sum(hits)
        if r:
            found = [sum(hits[: n + 1]) / (n + 1) for n in range(r) if hits[n]]
            precisions.append(sum(found) / r)
    return np.mean(recalls), np.mean(precisions)


@each_seed
def test_the_equal_error_rate_equals_a_loop_over_thresholds(seed):
    match, score = tied_scores(seed)
    expected = equal_error_rate_by_hand(operating_points(match, score))
    assert equal_error_rate(match, score) == pytest.approx(float(expected))


@each_seed
@pytest.mark.parametrize("far", [0, 0.01, 0.1, 0.5, 1])
def test_the_true_accept_rate_equals_a_loop_over_thresholds(seed, far):
    match, score = tied_scores(seed)
    expected = max(tar for at, tar in operating_points(match, score) if at <= far)
    assert true_accept_rate(match, score, far=far) == pytest.approx(float(expected))


@each_seed
@pytest.mark.parametrize("threshold", [-1, 2, 3.5, 100])
def test_the_pair_accuracy_equals_a_loop(seed, threshold):
    match, score = tied_scores(seed)
    right = [(s >= threshold) == m for s, m in zip(score, match, strict=True)]
    assert pair_accuracy(match, score, threshold=threshold) == pytest.approx(np.mean(right))


@each_seed
@pytest.mark.parametrize("k", [1, 3, 10])
def test_retrieval_equals_a_loop_over_neighbours(seed, k):
    y, Z = labelled_points(seed, tied=False)
    recall, precision = retrieval_by_hand(y, Z, k, worst_of_ties=True)
    assert recall_at_k(y, Z, k=k) == pytest.approx(recall)
    assert mean_average_precision_at_r(y, Z) == pytest.approx(precision)


@each_seed
@pytest.mark.parametrize("k", [1, 3, 10])
def test_retrieval_with_ties_lies_between_the_worst_and_the_best_order(seed, k):
    y, Z = labelled_points(seed, tied=True)
    low, high = (retrieval_by_hand(y, Z, k, worst_of_ties=worst) for worst in (True, False))
    assert low[1] < high[1]
    assert low[0] <= recall_at_k(y, Z, k=k) <= high[0]
    assert low[1] <= mean_average_precision_at_r(y, Z) <= high[1]


def test_values_worked_by_hand():
    match, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 7, 8, 9]
    assert equal_error_rate(match, score) == 0.25
    assert true_accept_rate(match, score, far=0) == 0.75
    assert true_accept_rate(match, score, far=0.25) == 1
    assert pair_accuracy(match, score, threshold=4) == 7 / 8
    # 1 match above, then a tie of 1 match and 1 other: both rates cross within the tie.
    assert equal_error_rate([1, 1, 0, 0], [2, 1, 1, 0]) == pytest.approx(0.25)

    y, Z = list("aaabb"), [[0.0], [1.0], [5.0], [2.5], [9.0]]
    # Nearest to 0: 1 2.5; to 1: 0 2.5; to 2.5 (R = 1): 1; to 9: 5; to 5: 2.5, then 1 or 9, an a
    # or a b at the same distance, each of both orders counting half.
    assert recall_at_k(y, Z, k=1) == pytest.approx(2 / 5)
    assert recall_at_k(y, Z, k=2) == pytest.approx((3 + 1 / 2) / 5)
    assert mean_average_precision_at_r(y, Z) == pytest.approx((1 / 2 + 1 / 2 + 1 / 8) / 5)


@each_pair_metric
def test_pair_metrics_of_perfect_and_reversed_scores(metric):
    match, score = np.array([True, True, False, False]), np.array([2.0, 1.0, -1.0, -2.0])
    best, worst = (0, 1) if metric is equal_error_rate else (1, 0)
    assert metric(match, score) == best
    assert metric(match, -score) == worst


def test_uninformative_scores_have_an_equal_error_rate_of_one_half():
    match = np.arange(100) % 4 == 0
    assert equal_error_rate(match, np.zeros(100)) == pytest.approx(0.5)
    assert true_accept_rate(match, np.zeros(100), far=0.5) == 0


@each_retrieval_metric
def test_retrieval_metrics_of_perfect_and_useless_embeddings(metric):
    y = np.repeat(np.arange(5), 4)
    assert metric(y, 10.0 * np.eye(5)[y]) == 1
    interleaved = np.arange(20).reshape(4, 5).T.reshape(20, 1)
    assert metric(y, interleaved) == 0


@each_pair_metric
@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), ("different", "same"), (False, True)])
def test_the_greater_label_means_a_match(metric, labels):
    match, score = tied_scores(0)
    assert metric(np.array(labels)[match.astype(int)], score) == metric(match, score)
    assert type(metric(match, score)) is float


@pytest.mark.parametrize("metric", [equal_error_rate, true_accept_rate])
def test_a_monotone_map_of_the_scores_changes_no_rate(metric):
    match, score = tied_scores(0)
    assert metric(match, np.exp(score)) == metric(match, score)


@each_retrieval_metric
def test_retrieval_accepts_lists_strings_and_metrics_of_scikit_learn(metric):
    y, Z = labelled_points(0, tied=False)
    names = np.array([f"class {label}" for label in y])
    assert metric(names.tolist(), Z.tolist()) == metric(y, Z)
    assert type(metric(y, Z)) is float
    assert metric(y, Z * [[1, 1, 100]], metric="cosine") != metric(y, Z)


@each_retrieval_metric
def test_retrieval_is_invariant_to_translation_and_permutation(metric):
    y, Z = labelled_points(0, tied=False)
    order = np.random.default_rng(0).permutation(len(y))
    assert metric(y[order], Z[order]) == pytest.approx(metric(y, Z))
    assert metric(y, 3 * Z + 7) == pytest.approx(metric(y, Z))


def test_map_at_r_computed_in_chunks_is_the_same():
    y, Z = labelled_points(0, tied=False)
    whole = mean_average_precision_at_r(y, Z)
    with config_context(working_memory=0.001):
        assert mean_average_precision_at_r(y, Z) == pytest.approx(whole)


@each_pair_metric
@pytest.mark.parametrize(
    ("y_true", "y_score", "message"),
    [
        ([0, 1, 2], [1.0, 2.0, 3.0], "y_true must have two labels, got 3"),
        ([1, 1, 1], [1.0, 2.0, 3.0], "y_true has only one label"),
        ([0, 1, 1], [1.0, np.nan, 3.0], "NaN"),
        ([0, 1, 1], [1.0, 2.0], "inconsistent numbers of samples"),
        ([0, 1, 1], [1.0, np.inf, 3.0], "y_score contains infinity"),
        ([0, 1, np.nan], [1.0, 2.0, 3.0], r"y_true has 1 missing labels .* leave their rows out"),
        (["a", "b", None], [1.0, 2.0, 3.0], "y_true has 1 missing labels"),
        (["a", "b", np.nan], [1.0, 2.0, 3.0], "y_true has 1 missing labels"),
        ([[0, 1], [1, 0]], [1.0, 2.0], r"y_true must be a 1d array, got .* shape \(2, 2\)"),
        (
            [0, 1, 1],
            [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
            r"y_score must be a 1d array, got .* shape \(3, 2\); .* predict_proba\(X\)\[:, 1\]",
        ),
    ],
)
def test_bad_pairs_are_refused(metric, y_true, y_score, message):
    with pytest.raises(ValueError, match=message):
        metric(y_true, y_score)


@pytest.mark.parametrize("far", [-0.1, 1.1, np.nan])
def test_far_must_be_in_zero_to_one(far):
    with pytest.raises(ValueError, match=r"'far' parameter .* in the range \[0.0, 1.0\]"):
        true_accept_rate([0, 1], [0, 1], far=far)


@pytest.mark.parametrize("k", [0, -1, 4, 5])
def test_k_must_be_a_number_of_other_rows(k):
    with pytest.raises(ValueError, match=r"\bk\b"):
        recall_at_k([0, 0, 1, 1], [[0.0], [1.0], [2.0], [3.0]], k=k)


@each_retrieval_metric
def test_bad_embeddings_are_refused(metric):
    y, Z = labelled_points(0, tied=False)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metric(y[1:], Z)
    with pytest.raises(ValueError, match="'metric' parameter"):
        metric(y, Z, metric="no such metric")
    Z[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        metric(y, Z)


@each_retrieval_metric
def test_precomputed_distances_are_accepted_and_not_changed(metric):
    y, Z = labelled_points(0, tied=False)
    D = pairwise_distances(Z)
    before = D.copy()
    D.flags.writeable = False
    assert metric(y, D, metric="precomputed") == pytest.approx(metric(y, Z))
    D.flags.writeable = True
    assert metric(y, D, metric="precomputed") == pytest.approx(metric(y, Z))
    np.testing.assert_array_equal(D, before)


@each_retrieval_metric
@pytest.mark.parametrize("labels", [[0, 0, 1, np.nan], ["a", "a", "b", None]])
def test_rows_without_a_label_match_nothing(metric, labels):
    with pytest.raises(ValueError, match="y_true has 1 missing labels"):
        metric(labels, np.eye(4))
    with pytest.raises(ValueError, match="y_true must be a 1d array"):
        metric(np.eye(4), np.eye(4))


def test_map_at_r_needs_a_class_of_two_rows():
    with pytest.raises(ValueError, match="y_true has no class of two rows"):
        mean_average_precision_at_r([0, 1, 2], [[0.0], [1.0], [2.0]])


@each_pair_metric
def test_pair_metrics_make_scorers(metric):
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], np.array(["match", "other"])[(y[50:] == 1).astype(int)]
    scorer = make_scorer(
        metric,
        response_method="decision_function",
        greater_is_better=metric is not equal_error_rate,
    )
    model = LogisticRegression().fit(X, y)
    sign = -1 if metric is equal_error_rate else 1
    assert scorer(model, X, y) == sign * metric(y, model.decision_function(X))
    assert np.isfinite(cross_val_score(model, X, y, scoring=scorer)).all()


@each_retrieval_metric
def test_retrieval_metrics_make_scorers_of_transformers(metric):
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    scorer = make_scorer(metric, response_method=("transform",))
    few, many = (scorer(PCA(n, random_state=0).fit(X), X, y) for n in (2, 20))
    assert few < many
    assert many == metric(y, PCA(20, random_state=0).fit_transform(X))

    embedder = SiameseEmbedder(max_iter=3, depth=1, random_state=0)
    search = GridSearchCV(embedder, {"n_components": [1, 8]}, scoring=scorer, cv=2).fit(X, y)
    assert search.best_params_ == {"n_components": 8}


def test_metric_may_be_a_function():
    y, Z = labelled_points(0, tied=False)
    raw = FunctionTransformer().fit_transform(Z)
    by_function = recall_at_k(y, raw, metric=lambda a, b: np.abs(a - b).sum())
    assert by_function == recall_at_k(y, raw, metric="manhattan")
