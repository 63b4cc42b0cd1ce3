"""The table of losses on tiny settings."""

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_the_table_of_losses_ranks_all_of_them(load_script, tmp_path, monkeypatch):
    module = load_script("quality.loss_table")
    monkeypatch.setattr(module, "CONTENDERS", [("supcon", "all"), ("triplet", "semihard")])
    results = run(module, tmp_path, "--seeds", 1, "--epochs", 1, "--rows", 200)
    assert [row["loss"] for row in results] == ["raw rows", "supcon", "triplet"]
    assert results[0]["rank"] is None
    assert results[1]["rank"] + results[2]["rank"] == 3
    for row in results:
        assert len(row["data"]) == 6
        for figures in row["data"].values():
            assert all(0 <= figures[key]["mean"] <= 1 for key in ("knn", "map_at_r", "auc"))
