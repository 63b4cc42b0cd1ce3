"""The benchmark of accelerators, on tiny settings and the CPU."""

import pytest
import torch

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
    monkeypatch.setattr(module.omniglot, "TOWER", module.omniglot.TOWER | {"tower": "mlp"})
    monkeypatch.setitem(module.omniglot.EMBEDDER, "max_iter", 1)
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
    alone, together = results["gpu_search"]
    assert (alone["n_jobs"], together["n_jobs"]) == (1, 2)
    assert alone["score"] == together["score"]
    assert all(row["megabytes"] >= row["megabytes_before"] > 50 for row in (alone, together))
    assert all(row["waits"] == 0 and row["steps"] > 2 for row in results["gpu_waits"])


def test_torch_watches_the_steps_alone(gpu, monkeypatch):
    modes, steps = [], []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    watched = gpu.Waits(torch.device("cuda"))

    def train(module, epochs, on_epoch_end):
        for batches in epochs:
            steps.extend((batch, modes[-1]) for batch in batches)
            on_epoch_end(modes[-1])

    ends = []
    watched.train = train
    watched("module", [[1, 2], [3]], on_epoch_end=ends.append)
    assert steps == [(1, "warn"), (2, "warn"), (3, "warn")]
    assert ends == ["default", "default"]
    assert watched.n_steps == 3


def test_a_wait_is_counted_with_its_place(gpu):
    watched = gpu.Waits(torch.device("cpu"))

    def train(module, epochs):
        for batches in epochs:
            for _ in batches:
                gpu.warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
                gpu.warnings.warn(
                    "Synchronization debug mode is a prototype feature and does not yet detect "
                    "all synchronizing operations",
                    stacklevel=1,
                )

    watched.train = train
    watched("module", [[1, 2]])
    assert len(watched.places) == 2
    assert all(place.startswith(__file__) for place in watched.places)


@needs_data
def test_ways_to_place_the_data_and_to_search_take_turns(gpu, tmp_path):
    placement = run(gpu, tmp_path, *SMALL, "--only", "placement")["placement"]
    assert [row["way"] for row in placement] == ["kept on the device", "sent by batches"]
    assert all(row["seconds"] > 0 for row in placement)
    results = run(gpu, tmp_path, *SMALL, "--only", "waits|search")
    assert results["placement"] == placement
    assert [row["n_jobs"] for row in results["search"]] == [1, 2]
    alone, together = results["search"]
    assert alone["score"] == together["score"]
    assert all(row["megabytes"] >= row["megabytes_before"] > 50 for row in results["search"])
    assert all(row["waits"] == [] and row["steps"] > 2 for row in results["waits"])
