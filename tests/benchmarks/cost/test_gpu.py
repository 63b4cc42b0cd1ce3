"""The benchmark of accelerators, on tiny settings and the CPU."""

import numpy as np
import pytest
import torch

from tests._helpers.benchmarks import DATA, needs_data, run

SMALL = ("--device", "cpu", "--seeds", 1, "--epochs", 1, "--rounds", 1, "--rows", 500)


@pytest.fixture
def gpu(load_script, monkeypatch):
    module = load_script("cost.gpu")
    monkeypatch.setitem(module.MLP, "batch_size", 100)
    monkeypatch.setitem(module.MLP, "width", 32)
    monkeypatch.setattr(module, "N_STEPS", 4)
    return module


@needs_data
def test_targets_are_compared_with_their_limits(gpu, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(gpu.omniglot.TOWER, "tower", "mlp")
    monkeypatch.setitem(gpu.fashion_mnist.SEVERAL["SiameseEmbedder, supcon, cnn"], "tower", "mlp")
    results = run(gpu, tmp_path, *SMALL, "--alphabets", 1, "--only", "mlp|cnn|omniglot")
    assert list(results) == list(gpu.TARGETS)
    for name, found in results.items():
        assert (found["wanted"]["accuracy"], found["wanted"]["seconds"]) == gpu.TARGETS[name]
        assert found["runs"][0]["seconds"] > 0
    assert 0.5 < results["mlp"]["summary"]["accuracy"]["mean"] < 0.9
    assert 0.1 < results["omniglot"]["summary"]["accuracy"]["mean"] < 0.9
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in printed[2:]] == ["| mlp", "| cnn", "| omniglot"]


@needs_data
def test_held_out_rows_are_training_rows(gpu, tmp_path, monkeypatch):
    seen = []

    def measure(data, *rest):
        seen.extend(data)
        return {"accuracy": 0.5, "seconds": 1.0}

    monkeypatch.setattr(gpu, "mlp", measure)
    run(gpu, tmp_path, *SMALL, "--held-out", "--only", "mlp")
    X, _, X_test, _ = seen
    train = gpu.load_fashion_mnist(DATA)[0][:500]
    both = np.concatenate([X, X_test])
    assert np.array_equal(np.unique(both, axis=0), np.unique(train, axis=0))
    assert len(X_test) == 166


def test_flops_count_the_linear_layers(gpu, tmp_path):
    options = ("--width", 32, "--batch", 64, "--product", 64, "--only", "rate")
    found = run(gpu, tmp_path, *SMALL, *options)["rate"]
    assert [row["loss"] for row in found["losses"]] == list(gpu.LOSSES)
    n_operations = 4 * 1024 * 32 + 6 * (4 * 32 * 32 + 32 * 128)
    for row in found["losses"]:
        assert row["rate"] == pytest.approx(n_operations * 4 * 64 / row["seconds"])
        assert row["share"] == pytest.approx(row["rate"] / found["product_rate"])


def test_only_training_steps_are_profiled(gpu, monkeypatch):
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


def test_synchronisations_are_counted_by_location(gpu):
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
def test_variants_are_measured_in_turn(gpu, tmp_path):
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


def test_peak_memory_is_recorded(gpu, monkeypatch):
    levels = iter([1.0, 5.0, 2.0])
    monkeypatch.setattr(gpu, "used", lambda device: next(levels, 3.0))
    _, most = gpu.most_used(lambda: gpu.threading.Event().wait(0.2), torch.device("cpu"))
    assert most == 5.0
