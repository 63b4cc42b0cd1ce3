"""Test the benchmark of hard negatives."""

import pytest

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_gains_are_differences_from_the_first_model_of_a_kind(load_script, tmp_path):
    module = load_script("quality.hard_negatives")
    results = run(module, tmp_path, "--splits", 1, "--sets", "faces", "--max-iter", 1)
    assert [row["model"] for row in results] == module.MODELS
    rows = module.columns(results)
    value = {(row["model"], row["measure"]): float(row["faces"]) for row in rows}
    figures = {row["model"]: row["data"]["faces"] for row in results}
    for model, first in (
        ("triplet, hard negatives", "triplet, balanced"),
        ("verifier, hard pairs", "verifier, random pairs"),
    ):
        gain = figures[model]["AUC"][0] - figures[first]["AUC"][0]
        assert value[model, "AUC"] == pytest.approx(gain, abs=1e-3)
        assert value[first, "AUC"] == pytest.approx(figures[first]["AUC"][0], abs=1e-3)
