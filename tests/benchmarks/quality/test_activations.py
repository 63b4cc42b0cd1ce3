"""The benchmark of activations on tiny settings."""

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_every_model_has_all_figures(load_script, tmp_path):
    module = load_script("quality.activations")
    results = run(module, tmp_path, "--seeds", 1, "--rows", 200, "--max-iter", 1)
    assert [row["model"] for row in results] == [*module.LAB, *module.EMBEDDERS]
    for row in results:
        figures = {"accuracy of pairs", "5-NN"}
        if row["model"] not in module.LAB:
            figures |= {"5-NN, learned part"}
        assert set(row["summary"]) == figures
        assert all(0 <= figure["mean"] <= 1 for figure in row["summary"].values())


def test_one_factor_is_changed_at_a_time_but_for_deep_towers(load_script):
    module = load_script("quality.activations")
    for change in module.CHANGES:
        assert len(change) < 2 or change["depth"] == 8
