"""Compare terms and normalized scores of claims with plain loops."""

import numpy as np
import pytest

from sksiamese.metrics import normalize_scores, reference_terms


@pytest.fixture
def distances():
    rng = np.random.default_rng(0)
    among = rng.uniform(1, 2, size=(4, 4))
    return rng.uniform(1, 5, size=(6, 4)), among + among.T


def test_terms_equal_plain_loops(distances):
    D, among = distances
    n = len(among)
    spread = np.mean([among[i, j] for i in range(n) for j in range(n) if i != j])
    nearest = np.mean([min(among[i, j] for j in range(n) if i != j) for i in range(n)])
    for row, found in zip(D, np.transpose(reference_terms(D, among)), strict=True):
        mean, least = sum(row) / n, min(row)
        assert found == pytest.approx([mean, least, mean - spread, least - nearest])


def test_the_diagonal_of_the_references_is_ignored(distances):
    D, among = distances
    other = among + 100 * np.eye(4)
    assert np.array_equal(reference_terms(D, among), reference_terms(D, other))


def test_terms_do_not_depend_on_the_order_of_references(distances):
    D, among = distances
    order = [2, 0, 3, 1]
    turned = reference_terms(D[:, order], among[np.ix_(order, order)])
    assert np.allclose(reference_terms(D, among), turned, atol=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_distances_that_are_not_valid_raise_by_name(distances, bad):
    for which, name in enumerate(["D", "D_references"]):
        wrong = [part.copy() for part in distances]
        wrong[which][1, 2] = bad
        with pytest.raises(ValueError, match=f"^{name} has distances .*{bad}.* row 1, column 2"):
            reference_terms(*wrong)


def test_one_reference_and_wrong_shapes_raise(distances):
    D, among = distances
    with pytest.raises(ValueError, match=r"1 reference, but .* at least two"):
        reference_terms(D[:, :1], among[:1, :1])
    with pytest.raises(ValueError, match=r"D_references must have shape \(4, 4\)"):
        reference_terms(D, among[:3])


def test_normalized_scores_equal_plain_loops():
    rng = np.random.default_rng(1)
    score = rng.normal(size=5)
    z, t = rng.normal(2, 3, size=(5, 7)), rng.normal(-1, 2, size=(5, 9))

    def by_hand(cohort, n_top):
        found = []
        for own, row in zip(score, cohort, strict=True):
            kept = sorted(row, reverse=True)[:n_top]
            mean = sum(kept) / len(kept)
            variance = sum((one - mean) ** 2 for one in kept) / len(kept)
            found.append((own - mean) / variance**0.5)
        return np.array(found)

    for n_top in (None, 2, 4):
        expected = by_hand(z, n_top), by_hand(t, n_top)
        options = {"n_top": n_top}
        found = normalize_scores(score, reference_cohort=z, **options)
        assert found == pytest.approx(expected[0])
        found = normalize_scores(score, probe_cohort=t, **options)
        assert found == pytest.approx(expected[1])
        found = normalize_scores(score, reference_cohort=z, probe_cohort=t, **options)
        assert found == pytest.approx(np.mean(expected, axis=0))


@pytest.mark.parametrize(("unit", "zero"), [(5, -2), (1e-300, 0), (1e300, 0)])
def test_normalized_scores_do_not_depend_on_the_unit(unit, zero):
    rng = np.random.default_rng(2)
    score, cohort = rng.normal(size=4), rng.normal(size=(4, 6))
    found = normalize_scores(score, probe_cohort=cohort, n_top=3)
    score, cohort = unit * score + zero, unit * cohort + zero
    assert normalize_scores(score, probe_cohort=cohort, n_top=3) == pytest.approx(found)


def test_cohorts_that_are_not_valid_raise_by_name():
    score, cohort = [1.0, 2.0], [[1.0, 2.0], [3.0, 3.0]]
    with pytest.raises(ValueError, match="needs reference_cohort, probe_cohort or both"):
        normalize_scores(score)
    with pytest.raises(ValueError, match=r"probe_cohort has 0 scores .* at least 2 .*; add"):
        normalize_scores(score, probe_cohort=np.empty((2, 0)))
    with pytest.raises(ValueError, match=r"probe_cohort has 2 scores .* at least 3"):
        normalize_scores(score, probe_cohort=cohort, n_top=3)
    with pytest.raises(ValueError, match=r"reference_cohort has equal scores only for claim 1"):
        normalize_scores(score, reference_cohort=cohort)
    with pytest.raises(
        ValueError, match=r"claim 1 is infinite, as probe_cohort .*in the unit of y_score"
    ):
        normalize_scores(score, probe_cohort=[[1.0, 2.0], [1e-310, 3e-310]])
    with pytest.raises(ValueError, match="probe_cohort contains NaN"):
        normalize_scores(score, probe_cohort=[[1.0, np.nan], [3.0, 4.0]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        normalize_scores(score, probe_cohort=[[1.0, 2.0]])
