"""Compare rates, costs, thresholds and calibration with plain loops."""

import numpy as np
import pytest
from scipy.stats import beta, binom, norm
from scipy.stats import t as student
from sklearn.calibration import calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
    cross_validate,
)

from sksiamese import SiameseVerifier, make_pairs
from sksiamese.metrics import (
    best_threshold,
    detection_cost,
    equal_error_rate,
    expected_calibration_error,
    false_accept_rate,
    false_reject_rate,
    min_dcf,
    pair_accuracy,
    threshold_at_far,
    true_accept_rate,
)


def scores(seed, *, n=60, ties=False):
    rng = np.random.default_rng(seed)
    match = rng.permutation(np.arange(n) % 3 == 0)
    score = rng.normal(size=n) + 1.5 * match
    return match, np.round(score) if ties else score


def rates(match, score, threshold):
    """Return the false-accept and false-reject rate of a threshold, by counting."""
    accepts = [s >= threshold for s in score]
    false_accepts = sum(a and not m for a, m in zip(accepts, match, strict=True))
    false_rejects = sum(m and not a for a, m in zip(accepts, match, strict=True))
    return false_accepts / sum(~match), false_rejects / sum(match)


def all_thresholds(score):
    return [*np.unique(score), np.inf]


each_seed = pytest.mark.parametrize("seed", range(4))
with_and_without_ties = pytest.mark.parametrize("ties", [False, True])


@each_seed
@with_and_without_ties
@pytest.mark.parametrize("target", [0, 0.05, 0.1, 1 / 3, 0.5, 1])
def test_rates_at_a_target_equal_a_loop_over_thresholds(seed, ties, target):
    match, score = scores(seed, ties=ties)
    found = [rates(match, score, threshold) for threshold in all_thresholds(score)]
    expected = min(reject for accept, reject in found if accept <= target)
    assert false_reject_rate(match, score, far=target) == pytest.approx(expected)
    assert true_accept_rate(match, score, far=target) == pytest.approx(1 - expected)
    expected = min(accept for accept, reject in found if reject <= target)
    assert false_accept_rate(match, score, frr=target) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16, bool])
def test_scores_of_any_type_are_compared_as_numbers(dtype):
    match, score = scores(0, ties=True)
    score = score.astype(int)
    if dtype is bool:
        score = score > 0
    else:
        score[match.argmax()] = -128  # has no negative in int8
        score = score + 128 * (dtype is np.uint8)
    for metric in (equal_error_rate, false_accept_rate, false_reject_rate, min_dcf):
        assert metric(match, score.astype(dtype)) == metric(match, score.astype(float))


def test_a_target_that_is_a_multiple_of_one_over_n_is_met_despite_rounding():
    score = np.arange(200.0)
    match = np.tile([False, True], 100)
    for n in range(100):
        assert false_accept_rate(match, score, frr=n / 100) == pytest.approx(1 - (n + 1) / 100)


@each_seed
@with_and_without_ties
@pytest.mark.parametrize("costs", [{"prior": 0.5}, {"prior": 0.01}, {"cost_false_accept": 10.0}])
def test_costs_equal_counted_errors(seed, ties, costs):
    match, score = scores(seed, ties=ties)
    prior, accept, reject = costs.get("prior", 0.3), costs.get("cost_false_accept", 1), 2.0
    options = {"prior": prior, "cost_false_accept": accept, "cost_false_reject": reject}

    def cost(threshold):
        far, frr = rates(match, score, threshold)
        return reject * prior * frr + accept * (1 - prior) * far

    whole = min(reject * prior, accept * (1 - prior))
    for threshold in (-0.3, 0.0, 1.0):
        found = detection_cost(match, score, threshold=threshold, **options)
        assert found == pytest.approx(cost(threshold) / whole)
    expected = min(map(cost, all_thresholds(score))) / whole
    assert min_dcf(match, score, **options) == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[False, True], [1, 2], ["different", "same"]])
def test_a_threshold_is_tuned_to_costs_by_decisions_with_any_two_labels(labels):
    match, score = scores(0, n=600)
    X, y = score[:, None], np.array(labels)[match.astype(int)]
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))

    def cost(y_true, y_pred):
        accepted = y_pred == labels[1]
        return detection_cost(y_true, accepted, threshold=0.5, cost_false_accept=10)

    scorer = make_scorer(cost, greater_is_better=False)
    tuned = TunedThresholdClassifierCV(
        frozen, scoring=scorer, thresholds=1000, cv="prefit", refit=False
    ).fit(X, y)
    least = min_dcf(match, score, prior=0.5, cost_false_accept=10)
    assert cost(y, tuned.predict(X)) == pytest.approx(least, rel=0.02)
    assert cost(y, frozen.predict(X)) > 1.5 * least


def test_decisions_without_errors_cost_nothing():
    assert detection_cost([0, 0, 1], [False, False, True], threshold=0.5, prior=0.01) == 0


def test_uninformative_scores_cost_as_much_as_the_prior():
    match = np.arange(10) % 2
    assert min_dcf(match, np.zeros(10)) == 1
    assert detection_cost(match, np.zeros(10), prior=0.01) == pytest.approx(99)


@each_seed
@with_and_without_ties
@pytest.mark.parametrize("far", [0, 0.05, 0.1, 0.5, 0.9])
def test_the_threshold_is_the_lowest_that_keeps_the_rate(seed, ties, far):
    match, score = scores(seed, ties=ties)
    threshold = threshold_at_far(match, score, far).threshold
    assert rates(match, score, threshold)[0] <= far
    assert rates(match, score, np.nextafter(threshold, -np.inf))[0] > far


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_threshold_rejects_the_score_just_below_it(dtype):
    score = np.linspace(0.1, 0.7, 21, dtype=dtype)
    match = np.arange(21) == 3
    for far in np.arange(20) / 20:
        threshold, low, high = threshold_at_far(match, score, far)
        assert np.mean(score[~match] >= threshold) == pytest.approx(far)
        assert low <= threshold <= high


@pytest.mark.parametrize(("n", "far"), [(100, 0.001), (500, 0.001), (500, 0.01), (2000, 0.01)])
def test_the_interval_of_a_threshold_has_the_stated_confidence(n, far):
    match, rng = np.append(np.zeros(n), 1), np.random.default_rng(0)
    found = [threshold_at_far(match, [*rng.normal(size=n), 9], far) for _ in range(1000)]
    _, low, high = np.transpose(found)
    right = norm.isf(far)
    assert np.mean(low > right) < 0.035
    assert np.mean(high < right) < 0.035


@pytest.mark.parametrize("n", [9, 90, 900])
@pytest.mark.parametrize("far", [0, 0.01, 0.3, 0.9, 1])
def test_the_interval_is_the_narrowest_by_binomial_counts(n, far):
    others = np.arange(n)
    _, low, high = threshold_at_far([*np.zeros(n), 1], [*others, n], far)
    least, most = np.sum(others >= high), np.sum(others >= low)
    assert binom.sf(most, n, far) < 0.025 <= binom.sf(most - 1, n, far)
    if high == np.inf:
        assert binom.cdf(0, n, far) > 0.025
    else:
        assert binom.cdf(least, n, far) <= 0.025 < binom.cdf(least + 1, n, far)


def test_the_interval_is_unbounded_if_pairs_are_too_few():
    match, score = scores(0, n=300)
    assert threshold_at_far(match, score, 0.01).high == np.inf
    assert threshold_at_far(match, score, 0.05).high < score[~match].max()
    assert threshold_at_far(match[:12], score[:12], 0.99).low == -np.inf


def test_more_pairs_make_a_narrower_interval():
    widths = []
    for n in (300, 30_000):
        _, low, high = threshold_at_far(*scores(0, n=n), 0.1)
        widths.append(high - low)
    assert 5 < widths[0] / widths[1] < 20


def pairs_of_identities(rng, n_identities, *, n_rows=6):
    """Return scores of all non-matching pairs and one match; some identities resemble all."""
    y = np.repeat(np.arange(n_identities), n_rows)
    index = np.column_stack(np.triu_indices(len(y), 1))
    groups = y[index][y[index[:, 0]] != y[index[:, 1]]]
    common = 0.7 * rng.normal(size=n_identities)
    score = common[groups].sum(axis=1) + rng.normal(size=len(groups))
    match = np.append(np.zeros(len(score)), 1)
    return match, np.append(score, 9), np.vstack([groups, [0, 0]])


@pytest.mark.parametrize("n_identities", [8, 20])
def test_the_interval_with_groups_has_the_stated_confidence(n_identities):
    right = np.sqrt(2 * 0.7**2 + 1) * norm.isf(0.05)
    rng = np.random.default_rng(0)
    held = []
    for _ in range(100):
        match, score, groups = pairs_of_identities(rng, n_identities)
        both = [threshold_at_far(match, score, 0.05, groups=g) for g in (None, groups)]
        held.append([found.low <= right <= found.high for found in both])
    of_pairs, of_groups = np.mean(held, axis=0)
    assert of_pairs < 0.4
    assert of_groups > 0.92


@each_seed
@pytest.mark.parametrize("far", [0.0, 0.01, 0.3, 0.9, 1.0])
def test_groups_leave_the_threshold_and_widen_the_interval(seed, far):
    match, score, groups = pairs_of_identities(np.random.default_rng(seed), 3 + seed)
    alone = threshold_at_far(match, score, far)
    shared = threshold_at_far(match, score, far, groups=groups)
    assert shared.low <= alone.low <= alone.threshold <= alone.high <= shared.high
    assert shared.threshold == alone.threshold


@each_seed
def test_repeated_pairs_do_not_narrow_the_interval(seed):
    match, score, groups = pairs_of_identities(np.random.default_rng(seed), 9)
    once = threshold_at_far(match, score, 0.25, groups=groups)
    copied = (part.repeat(5, axis=0) for part in (match, score, groups))
    match, score, groups = copied
    copies = threshold_at_far(match, score, 0.25, groups=groups)
    assert copies[:2] == once[:2]
    assert np.mean((score > once.high) & (score <= copies.high)) < 0.01
    assert threshold_at_far(match, score, 0.25).low > once.low


def test_groups_may_have_any_names_and_order():
    match, score, groups = pairs_of_identities(np.random.default_rng(0), 9)
    names = np.array([f"person {n}" for n in range(9)])[groups[:, ::-1]]
    names[-1] = "known from a match alone"
    found = [threshold_at_far(match, score, 0.1, groups=g) for g in (groups, names, names.tolist())]
    assert found[0] == found[1] == found[2]


def test_pairs_within_identities_count_once():
    rng = np.random.default_rng(0)
    writer = np.repeat(np.arange(10), 50)
    score = np.append(rng.normal(size=10)[writer] + rng.normal(size=500), 9)
    match, groups = np.append(np.zeros(500), 1), np.append(writer, 0)[:, None].repeat(2, axis=1)
    found = threshold_at_far(match, score, 0.1, groups=groups)
    error = (score[:500] >= found.threshold) - 0.1
    alike = sum(error[writer == one].sum() ** 2 for one in range(10)) / sum(error**2)
    alike *= (student.isf(0.025, 9) / norm.isf(0.025)) ** 2
    k = np.arange(1, 500)
    least = beta.ppf(0.025, k / alike, (500 - k) / alike + 1)
    most = beta.ppf(0.975, k / alike + 1, (500 - k) / alike)
    held = k[(least <= 0.1) & (most >= 0.1)]
    others = np.sort(score[:500])[::-1]
    assert found.low == pytest.approx(others[held[-1]])
    assert found.high == pytest.approx(others[held[0] - 1])


@each_seed
@pytest.mark.parametrize("n_bins", [1, 4, 10])
def test_calibration_error_is_the_mean_gap_of_the_bins(seed, n_bins):
    rng = np.random.default_rng(seed)
    proba = rng.random(400)
    match = rng.random(400) < proba**2
    share, mean = calibration_curve(match, proba, n_bins=n_bins)
    counts, _ = np.histogram(proba, bins=n_bins, range=(0, 1))
    expected = np.average(np.abs(share - mean), weights=counts[counts > 0])
    assert expected_calibration_error(match, proba, n_bins=n_bins) == pytest.approx(expected)


def test_probabilities_zero_and_one_fall_into_the_outer_bins():
    assert expected_calibration_error([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]) == 0
    assert expected_calibration_error([0, 0, 1, 1], [1.0, 1.0, 0.0, 0.0]) == 1


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda y, s: false_reject_rate(y, s, far=1.5), "'far' parameter"),
        (lambda y, s: false_accept_rate(y, s, frr=-0.1), "'frr' parameter"),
        (lambda y, s: min_dcf(y, s, prior=1), r"'prior' parameter .* \(0.0, 1.0\)"),
        (lambda y, s: detection_cost(y, s, cost_false_reject=0), "'cost_false_reject' parameter"),
        (lambda y, s: threshold_at_far(y, s, 1.5), "'far' parameter"),
        (lambda y, s: threshold_at_far(y, s, 0.1, confidence=95), "'confidence' parameter"),
        (
            lambda y, s: threshold_at_far(y, s, 0.1, groups=y),
            r"groups must have shape \(n_pairs, 2\)",
        ),
        (
            lambda y, s: threshold_at_far(y, s, 0.1, groups=np.zeros((4, 2))),
            "groups has only one identity",
        ),
        (
            lambda y, s: threshold_at_far(y, s, 0.1, groups=[[0, 1], [1, np.nan]] * 2),
            "groups has 2 missing labels",
        ),
        (lambda y, s: expected_calibration_error(y, s + 3), r"y_prob .* pass predict_proba"),
        (
            lambda y, s: expected_calibration_error(y, np.column_stack([1 - s, s])),
            r"y_prob must be a 1d array, got .* shape \(4, 2\); .* predict_proba\(X\)\[:, 1\]",
        ),
        (lambda y, s: expected_calibration_error(y, s * np.nan), "y_prob contains NaN"),
        (lambda y, s: expected_calibration_error(y, s, n_bins=0), "'n_bins' parameter .* Got 0"),
        (lambda y, s: expected_calibration_error(y, s, n_bins=2.5), "'n_bins' parameter .* an int"),
        (lambda y, s: min_dcf(y * 0, s), "only one label"),
    ],
)
def test_invalid_arguments_of_decision_metrics_are_refused(measure, message):
    with pytest.raises(ValueError, match=message):
        measure(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]))


def test_decision_metrics_make_scorers_and_thresholds(digits):
    X_train, X_test, y_train, y_test = digits
    options = {"n_pairs": 2000, "as_view": True, "random_state": 0}
    pairs, match, _ = make_pairs(X_train, y_train, **options)
    held_out, known, _ = make_pairs(X_test[:400], y_test[:400], **options)
    new, labels, _ = make_pairs(X_test[400:], y_test[400:], **options)
    by_logit = {"response_method": "decision_function", "greater_is_better": False}
    scoring = {
        "eer": make_scorer(equal_error_rate, **by_logit),
        "frr": make_scorer(false_reject_rate, **by_logit, far=0.05),
        "dcf": make_scorer(min_dcf, **by_logit, prior=0.1),
        "cost": make_scorer(detection_cost, **by_logit),
        "ece": make_scorer(
            expected_calibration_error, response_method="predict_proba", greater_is_better=False
        ),
    }
    verifier = SiameseVerifier(width=64, max_iter=5, random_state=0)
    found = cross_validate(verifier, pairs, match, scoring=scoring, cv=2)
    assert all((found[f"test_{name}"] > -1).all() for name in scoring)
    assert all((found[f"test_{name}"] < 0).all() for name in scoring)

    frozen = FrozenEstimator(verifier.fit(pairs, match))
    threshold = threshold_at_far(known, verifier.decision_function(held_out), 0.02).threshold
    strict = FixedThresholdClassifier(
        frozen, threshold=threshold, response_method="decision_function"
    )
    accepted = strict.fit(held_out, known).predict(new)
    assert accepted[~labels].mean() < 0.06
    assert accepted[labels].mean() > 0.6

    costly = make_scorer(lambda y, accepted: -10 * accepted[~y].mean() - (1 - accepted[y].mean()))
    tuned = TunedThresholdClassifierCV(frozen, cv="prefit", refit=False, scoring=costly)
    accepted = tuned.fit(held_out, known).predict(new)
    assert costly(tuned, new, labels) > costly(verifier, new, labels)


def f1(match, score, *, threshold):
    return f1_score(match, score >= threshold, zero_division=0)


@each_seed
@with_and_without_ties
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("criterion", "metric"), [("accuracy", pair_accuracy), ("f1", f1)])
def test_the_best_threshold_equals_a_loop_over_thresholds(seed, ties, dtype, criterion, metric):
    match, score = scores(seed, ties=ties)
    score = score.astype(dtype)
    values = [metric(match, score, threshold=threshold) for threshold in all_thresholds(score)]
    found = best_threshold(match, score, criterion=criterion)
    assert found.value == pytest.approx(max(values))
    assert metric(match, score, threshold=found.threshold) == pytest.approx(found.value)
    best = np.array(all_thresholds(score))[np.isclose(values, max(values))]
    assert found.threshold == best.max()


@each_seed
@with_and_without_ties
@pytest.mark.parametrize("costs", [{}, {"prior": 0.5}, {"prior": 0.3, "cost_false_accept": 9}])
def test_the_threshold_of_the_least_cost_reaches_it(seed, ties, costs):
    match, score = scores(seed, ties=ties)
    found = best_threshold(match, score, criterion="detection_cost", **costs)
    options = {"prior": 0.01} | costs
    assert found.value == min_dcf(match, score, **costs)
    cost = detection_cost(match, score, threshold=found.threshold, **options)
    assert cost == pytest.approx(found.value)


@each_seed
@with_and_without_ties
def test_the_threshold_of_equal_errors_has_equal_errors(seed, ties):
    match, score = scores(seed, n=6000)
    score = score.round(1) if ties else score
    found = best_threshold(match, score, criterion="equal_error")
    assert found.value == equal_error_rate(match, score)
    step = 0.05 if ties else 0.001
    assert rates(match, score, found.threshold) == pytest.approx([found.value] * 2, abs=step)


def test_the_best_threshold_may_accept_none_or_all():
    assert best_threshold([0, 0, 0, 1], [1, 2, 3, 0]) == (np.inf, 0.75)
    assert best_threshold([1, 1, 1, 0], [1, 2, 3, 4]) == (1.0, 0.75)
    assert best_threshold([0, 1], [0.0, 2.0], criterion="f1") == (2.0, 1.0)
    assert best_threshold([0, 1], [5, 5], criterion="accuracy") == (np.inf, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("criterion", "eer"), ("criterion", None), ("prior", 0), ("cost_false_accept", -1)],
)
def test_an_invalid_criterion_or_cost_is_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        best_threshold([0, 1], [0, 1], **{name: value})
