"""Test the benchmark of claims by fused cues."""

import numpy as np

from tests._helpers.benchmarks import needs_data, run


def test_at_most_some_items_of_each_class_are_used(load_script, monkeypatch):
    module = load_script("systems.cue_claims")
    monkeypatch.setattr(module, "N_ITEMS", 2)
    assert module.first_items(np.array([1, 0, 1, 1, 0])).tolist() == [0, 1, 2, 4]


@needs_data
def test_claims_of_digits_report_figures_of_all_scores(load_script, tmp_path, monkeypatch):
    module, claims = load_script("systems.cue_claims"), load_script("systems.face_claims")
    monkeypatch.setattr(claims, "N_TRIALS", 2)
    monkeypatch.setattr(module, "N_ITEMS", 10)
    monkeypatch.setitem(load_script("systems.two_cues").DISTANCES, "max_iter", 1)
    results = run(module, tmp_path, "--seeds", 1, "--folds", 1)
    assert {row["score"] for row in results} == {
        claims.SINGLE,
        *claims.TERMS,
        *claims.NORMALIZED.values(),
    }
    assert all(0 <= value["mean"] <= 1 for row in results for value in row["summary"].values())
