"""Compare claims of a reference verifier with plain loops, and test its errors."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import euclidean_distances

from sksiamese import ReferenceVerifier
from sksiamese.alignment import time_warping


@pytest.fixture
def people():
    """Return references and probes of eight people, of different spreads."""
    rng = np.random.default_rng(0)
    centers, spread = rng.normal(size=(8, 3)), rng.uniform(0.05, 0.5, size=8)
    y = np.repeat(np.arange(8), 9)
    X = centers[y] + spread[y, None] * rng.normal(size=(72, 3))
    is_reference = np.tile(np.arange(9) < 4, 8)
    return X[is_reference], y[is_reference], X[~is_reference], y[~is_reference]


def score_by_hand(probe, references):
    """Return the mean distance among references minus the mean distance of a probe to them."""
    n = len(references)
    among = [np.linalg.norm(a - b) for a in references for b in references]
    return sum(among) / (n * (n - 1)) - np.mean([np.linalg.norm(probe - one) for one in references])


@pytest.mark.parametrize("cohort", [None, [4, 5, 6, 7], [0, 1, 5]])
@pytest.mark.filterwarnings("ignore:claimed contains identities of the cohort")
def test_scores_equal_plain_loops(people, cohort):
    X, y, probes, _ = people
    claimed = np.arange(len(probes)) % 8
    expected = []
    for probe, name in zip(probes, claimed, strict=True):
        score = score_by_hand(probe, X[y == name])
        if cohort:
            others = [score_by_hand(probe, X[y == one]) for one in cohort if one != name]
            score = (score - np.mean(others)) / np.std(others)
        expected.append(score)
    verifier = ReferenceVerifier(cohort=cohort, threshold=-0.3).fit(X, y)
    scores = verifier.claim_scores(probes, claimed)
    assert scores == pytest.approx(np.array(expected))
    assert np.array_equal(verifier.verify(probes, claimed), scores >= -0.3)
    every = verifier.decision_function(probes)
    assert np.array_equal(every[np.arange(len(probes)), claimed], scores)
    assert np.array_equal(verifier.predict(probes), every.argmax(axis=1))


@pytest.mark.parametrize("cohort", [None, [5, 6, 7]])
def test_all_kinds_of_distances_agree(people, cohort):
    X, y, probes, _ = people
    claimed = np.arange(len(probes)) % 5
    expected = ReferenceVerifier(cohort=cohort).fit(X, y).claim_terms(probes, claimed)
    found = ReferenceVerifier("precomputed", cohort=cohort).fit(euclidean_distances(X), y)
    found = found.claim_terms(euclidean_distances(probes, X), claimed)
    assert found == pytest.approx(expected, abs=1e-6)

    def distance(a, b):
        return np.linalg.norm(np.subtract(a, b))

    for kind in (np.asarray, list, lambda rows: rows.tolist()):
        verifier = ReferenceVerifier(distance, cohort=cohort).fit(kind(X), y)
        assert verifier.claim_terms(kind(probes), claimed) == pytest.approx(expected)
    assert expected.shape == (len(probes), 4 if cohort is None else 5)


def test_series_of_different_lengths_are_compared_by_a_function():
    rng = np.random.default_rng(0)
    y = np.repeat(["slow", "fast"], 6)
    speed = np.where(y == "fast", 0.9, 0.4)
    series = [np.sin(np.arange(rng.integers(15, 25)) * one)[None] for one in speed]

    def distance(a, b):
        return time_warping(a, b).item()

    verifier = ReferenceVerifier(distance).fit(series[:4] + series[6:10], [*y[:4], *y[6:10]])
    assert verifier.predict(series[4:6] + series[10:]).tolist() == ["slow"] * 2 + ["fast"] * 2


def test_scores_are_fairer_than_distances(people):
    X, y, probes, own = people
    verifier = ReferenceVerifier().fit(X, y)
    mean = verifier.claim_terms(probes, own)[:, 0]
    by_person = [verifier.claim_scores(probes, own)[own == one].mean() for one in range(8)]
    assert np.std(by_person) < np.std([mean[own == one].mean() for one in range(8)]) / 1.5


def test_terms_are_features_of_a_classifier_of_claims(people):
    X, y, probes, own = people
    claims, claimed = np.concatenate([probes, probes]), np.concatenate([own, (own + 1) % 6])
    kept = claimed < 5
    verifier = ReferenceVerifier(cohort=[5, 6, 7]).fit(X, y)
    terms = verifier.claim_terms(claims[kept], claimed[kept])
    genuine = np.repeat([True, False], len(own))[kept]
    alone = roc_auc_score(genuine, verifier.claim_scores(claims[kept], claimed[kept]))
    classifier = LogisticRegression(C=100).fit(terms, genuine)
    assert roc_auc_score(genuine, classifier.decision_function(terms)) > max(alone, 0.9)


@pytest.mark.parametrize("column", range(4))
def test_the_score_is_the_chosen_term(people, column):
    X, y, probes, own = people
    term = ["mean", "least", "mean_excess", "least_excess"][column]
    verifier = ReferenceVerifier(term=term).fit(X, y)
    scores = verifier.claim_scores(probes, own)
    assert np.array_equal(scores, -verifier.claim_terms(probes, own)[:, column])
    assert np.array_equal(verifier.decision_function(probes)[np.arange(40), own], scores)
    others = -verifier.decision_function(probes)[:, 5:]
    verifier = ReferenceVerifier(term=term, cohort=[5, 6, 7]).fit(X, y)
    rows = own < 5
    expected = (scores + others.mean(axis=1)) / others.std(axis=1)
    assert verifier.claim_scores(probes[rows], own[rows]) == pytest.approx(expected[rows])


def test_claims_of_the_cohort_warn(people):
    X, y, probes, own = people
    verifier = ReferenceVerifier(cohort=[5, 6, 7]).fit(X, y)
    with pytest.warns(UserWarning, match="claimed contains identities of the cohort"):
        verifier.verify(probes, own)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verifier.predict(probes)


def test_a_cohort_needs_references_that_differ(people):
    X, y, _, _ = people
    with pytest.raises(ValueError, match=r"references at distance 0 .* or set cohort=None"):
        ReferenceVerifier(cohort=[5, 6, 7]).fit(1e-300 * X, y)
    ReferenceVerifier().fit(1e-300 * X, y)


def test_tables_are_compared_by_name(people):
    X, y, probes, own = people
    frame = pd.DataFrame(X, columns=[*"abc"])
    verifier = ReferenceVerifier().fit(frame, y)
    assert verifier.feature_names_in_.tolist() == [*"abc"]
    with pytest.raises(ValueError, match="feature names"):
        verifier.verify(pd.DataFrame(probes, columns=[*"cab"]), own)


def test_invalid_references_raise_by_name_and_change_nothing(people):
    X, y, probes, own = people
    verifier = ReferenceVerifier().fit(X, y)
    before = verifier.claim_scores(probes, own)
    with pytest.raises(ValueError, match=r"only one sample of identities such as \[9\].*at least"):
        verifier.fit(X, np.where(np.arange(32) == 0, 9, y))
    for cohort, message in (
        ([], "cohort has 0 identities"),
        ([7], "at least 3"),
        ([8], "cohort has labels that are not in y"),
    ):
        with pytest.raises(ValueError, match=message):
            verifier.set_params(cohort=cohort).fit(X, y)
    assert np.array_equal(verifier.claim_scores(probes, own), before)


def test_invalid_claims_raise_by_name(people):
    X, y, probes, own = people
    verifier = ReferenceVerifier().fit(X, y)
    with pytest.raises(ValueError, match="claimed has labels that are not in classes_"):
        verifier.verify(probes, own + 1)
    with pytest.raises(ValueError, match="claimed has strings"):
        verifier.verify(probes, own.astype(str))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        verifier.verify(probes, own[1:])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_invalid_distances_raise_by_name(people, bad):
    X, y, _, _ = people
    with pytest.raises(ValueError, match="the result of metric must have distances >= 0"):
        ReferenceVerifier(lambda a, b: bad).fit(X, y)
    D = euclidean_distances(X)
    verifier = ReferenceVerifier("precomputed").fit(D, y)
    D[1, 2] = bad
    with pytest.raises(ValueError, match=r"X (contains|must have distances >= 0)"):
        verifier.claim_scores(D, y)
    with pytest.raises(ValueError, match="square matrix"):
        ReferenceVerifier("precomputed").fit(euclidean_distances(X)[:, 1:], y)
    with pytest.raises(ValueError, match="metric must return a number"):
        ReferenceVerifier(lambda a, b: "near").fit(X, y)


def test_a_score_at_the_threshold_is_accepted():
    verifier = ReferenceVerifier(threshold=1.0).fit([[0.0], [2.0], [10.0], [11.0]], list("aabb"))
    assert verifier.claim_scores([[1.0]], ["a"]).tolist() == [1.0]
    assert verifier.verify([[1.0], [3.0]], ["a", "a"]).tolist() == [True, False]
