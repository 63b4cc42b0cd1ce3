"""The benchmark of accelerators, on tiny settings and the CPU."""

import pytest

from tests._helpers.benchmarks import needs_data, run


@pytest.fixture
def gpu(load_script, monkeypatch):
    module = load_script("cost.gpu")
    monkeypatch.setattr(module, "MLP", module.MLP | {"batch_size": 100, "width": 32, "max_iter": 1})
    monkeypatch.setattr(module, "WIDE", module.WIDE | {"width": 32, "batch_size": 64})
    monkeypatch.setattr(module, "N_STEPS", 4)
    monkeypatch.setattr(module, "PRODUCT", 64)
    small = {"tower": "mlp", "max_iter": 1}
    monkeypatch.setattr(module.fashion_mnist, "CNN", module.fashion_mnist.CNN | small)
    monkeypatch.setattr(module, "OMNIGLOT", module.OMNIGLOT | small)
    return module


@needs_data
def test_all_parts_report_their_figures(gpu, tmp_path):
    options = ("--device", "cpu", "--seeds", 1, "--rounds", 1, "--rows", 500, "--alphabets", 1)
    results = run(gpu, tmp_path, *options)
    targets = {row["name"]: row for row in results["gpu_fit"]}
    assert list(targets) == list(gpu.TARGETS)
    for name, row in targets.items():
        assert (row["wanted"], row["wanted_seconds"]) == gpu.TARGETS[name]
        assert row["runs"][0]["seconds"] > 0
    assert 0.5 < targets["mlp"]["summary"]["accuracy"]["mean"] < 0.9
    assert 0.1 < targets["omniglot"]["summary"]["accuracy"]["mean"] < 0.9
    assert [row["loss"] for row in results["gpu_rate"]] == list(gpu.LOSSES)
    n_operations = 4 * 1024 * 32 + 6 * (4 * 32 * 32 + 32 * 128)
    for row in results["gpu_rate"]:
        assert row["rate"] == pytest.approx(n_operations * 4 * 64 / row["seconds"])
        assert row["share"] == pytest.approx(row["rate"] / row["product_rate"])
    places = [row["way"] for row in results["gpu_placement"]]
    assert places == ["kept on the device", "sent by batches"]
    assert all(row["seconds"] > 0 for row in results["gpu_placement"])
