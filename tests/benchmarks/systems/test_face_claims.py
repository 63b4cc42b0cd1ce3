"""The benchmark of claims of faces on tiny settings: its references, its scores, its report."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from tests._helpers.benchmarks import DATA, needs_data, run


@needs_data
def test_claims_report_figures_of_all_scores(load_script, tmp_path, capsys, monkeypatch):
    module, faces = load_script("systems.face_claims"), load_script("systems.faces")
    monkeypatch.setattr(load_script("systems._registration"), "STEPS", (0.06,))
    monkeypatch.setattr(faces, "N_COPIES", 1)
    monkeypatch.setattr(module, "N_TRIALS", 2)
    images, y = module.load_att_faces(DATA)
    monkeypatch.setattr(module, "load_att_faces", lambda folder: (images[:, ::2, ::2], y))
    for parameters in (faces.CONTRASTIVE, faces.VOLUME):
        monkeypatch.setitem(parameters, "max_iter", 1)
    results = run(module, tmp_path, "--seeds", 1, "--folds", 1)
    scores = [module.SINGLE, *module.NORMALIZED.values(), *module.TERMS]
    assert {row["model"] for row in results} == set(module.SHOWN)
    assert sorted(row["score"] for row in results) == sorted(3 * scores)
    for row in results:
        assert set(row["summary"]) == {
            f"{key}, {n} references" for key in ("AUC", "EER") for n in (3, 5)
        }
        assert [len(folds) for folds in row["runs"]] == [1]
        assert all(0 <= value["mean"] <= 1 for value in row["summary"].values())
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(results)


@pytest.fixture
def people():
    """Return distances between images of six people at random places, and the people."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 4)
    Z = 9 * rng.normal(size=(6, 3))[y] + rng.normal(size=(24, 3))
    return squareform(pdist(Z)), y


def test_references_are_as_many_images_of_each_person(load_script):
    y = np.repeat([3, 1, 2], [4, 5, 6])
    draw, rng = load_script("systems.face_claims").draw_references, np.random.default_rng(0)
    drawn = np.array([draw(y, 2, rng) for _ in range(50)])
    assert all((drawn[:, y == person].sum(axis=1) == 2).all() for person in (1, 2, 3))
    assert (drawn.any(axis=0) & ~drawn.all(axis=0)).all()


def test_every_other_image_of_a_test_person_claims_to_be_each_of_them(load_script, people):
    module, (D, y) = load_script("systems.face_claims"), people
    reference = np.tile([True, True, False, False], 6)
    match, scores = module.claim_scores(D, y, np.array([1, 4]), reference)
    assert match.tolist() == 2 * [True, False] + 2 * [False, True]
    probes, claimed = np.repeat([6, 7, 18, 19], 2), np.tile([1, 4], 4)
    own = np.stack([np.flatnonzero(reference & (y == person)) for person in claimed])
    single = D[probes[:, None], own]
    np.testing.assert_allclose(scores[module.SINGLE], -single)
    among = D[own[:, 0], own[:, 1]]
    found = [scores[name] for name in module.TERMS]
    expected = [single.mean(axis=1), single.min(axis=1)]
    np.testing.assert_allclose(found[:2], np.negative(expected))
    np.testing.assert_allclose(found[2:], among - expected)


def test_the_cohort_are_the_people_that_are_not_claimed(load_script, people):
    module, (D, y) = load_script("systems.face_claims"), people
    reference = np.tile([True, True, False, False], 6)
    score = module.NORMALIZED["mean"]
    _, scores = module.claim_scores(D, y, np.array([1, 4]), reference)
    cohort = [D[6, 4 * one : 4 * one + 2].mean() for one in (0, 2, 3, 5)]
    normalized = (np.mean(cohort) - D[6, 4:6].mean()) / np.std(cohort)
    assert scores[score][0] == pytest.approx(normalized, rel=1e-6)


def test_figures_are_perfect_if_people_are_far_from_each_other(load_script):
    module, y = load_script("systems.face_claims"), np.repeat(np.arange(6), 10)
    D = squareform(pdist(np.eye(6)[y] + 0.01 * np.random.default_rng(0).random((60, 6))))
    figures = module.measure(D, y, np.array([0, 1]), seed=0)
    for found in figures.values():
        assert found["EER, 3 references"] == found["EER, 5 references"] == 0
        assert found["AUC, 3 references"] == found["AUC, 5 references"] == 1
