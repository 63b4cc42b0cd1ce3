"""The comparison of heads and losses of a regressor on tiny settings."""

from tests._helpers.benchmarks import run


def test_each_head_and_loss_is_measured_on_all_data_sets(load_script, tmp_path, monkeypatch):
    module = load_script("quality.regressor")
    monkeypatch.setattr(module, "MODELS", module.MODELS[:2])
    part = tmp_path / "part"
    options = ["--seeds", 2, "--n-pairs", 100, "--max-iter", 1, "--partial-file", part]
    results = run(module, tmp_path, *options)
    assert [(row["head"], row["loss"]) for row in results] == list(module.MODELS)
    for row in results:
        assert list(row["summary"]) == [*module.DATA_SETS, "mean", "mean R2"]
        assert len(row["runs"]) == 2
    assert run(module, tmp_path, *options) == results
