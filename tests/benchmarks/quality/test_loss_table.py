"""The table of losses on tiny settings."""

import json

from sksiamese.losses import LOSSES
from tests._helpers.benchmarks import ROOT, needs_data, run


@needs_data
def test_the_table_of_losses_ranks_all_of_them(load_script, tmp_path, monkeypatch):
    module = load_script("quality.loss_table")
    monkeypatch.setattr(module, "CONTENDERS", [("supcon", "all"), ("triplet", "semihard")])
    partial_file = tmp_path / "partial"
    options = "--seeds", 1, "--epochs", 1, "--rows", 200, "--partial-file", partial_file
    results = run(module, tmp_path, *options)
    assert [row["loss"] for row in results] == ["raw rows", "supcon", "triplet"]
    assert results[0]["rank"] is None
    assert results[1]["rank"] + results[2]["rank"] == 3
    for row in results:
        assert len(row["data"]) == 6
        for figures in row["data"].values():
            assert all(0 <= figures[key]["mean"] <= 1 for key in ("knn", "map_at_r", "auc"))
    monkeypatch.setattr(module, "figures_of", None)  # All figures are read from the file.
    assert run(module, tmp_path, *options) == results


def test_the_committed_table_has_all_losses():
    path = ROOT / "benchmarks" / "results" / "loss_table.json"
    losses = {row["loss"] for row in json.loads(path.read_text("utf-8"))["results"]}
    assert losses == {"raw rows", *LOSSES}
