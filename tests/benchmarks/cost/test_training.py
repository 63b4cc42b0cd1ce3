"""The benchmarks of what training costs, on tiny settings."""

import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sksiamese import SiameseEmbedder
from sksiamese.losses import LOSSES
from tests._helpers.benchmarks import needs_data, run

SOME_LOSSES = {name: LOSSES[name] for name in ("contrastive", "cosface", "triplet")}


@needs_data
def test_an_epoch_is_held_against_cross_entropy_of_the_same_batch(
    load_script, tmp_path, monkeypatch
):
    module = load_script("cost.training")
    setting = {"batch_size": 64, "n_components": 16}
    monkeypatch.setattr(module, "SETTINGS", (setting,))
    (row,) = run(module, tmp_path, "--rounds", 2, "--rows", 640, name="epoch_growth")
    figures = row.pop("figures")
    assert row == setting | {"rows": 640}
    assert set(figures) == {"cross-entropy", *module.LOSSES}
    assert figures["cross-entropy"]["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert all(found["seconds"]["min"] > 0 for found in figures.values())


@needs_data
def test_the_cost_of_an_epoch_is_held_against_cross_entropy(load_script, tmp_path):
    rows = run(
        load_script("cost.training"), tmp_path, "--rounds", 2, "--rows", 2000, name="epoch_cost"
    )
    for tower, n_rows in {"mlp": 2000, "cnn": 200}.items():
        reference, *others = (row for row in rows if row["tower"] == tower)
        assert reference["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
        assert all(set(row["seconds"]) == {"median", "min", "max"} for row in others)
        assert ["fixed_seconds" in row for row in others[:2]] == [True, True]
        assert {row["rows"] for row in others} == {n_rows}


def test_losses_are_timed_beside_the_peer_and_their_memory_is_taken(
    load_script, tmp_path, monkeypatch
):
    module = load_script("cost.against_peers")
    some = {("supcon", "all"), ("triplet", "semihard"), ("cosface", "all")}
    monkeypatch.setattr(module, "PEERS", {key: module.PEERS[key] for key in some})
    monkeypatch.setattr(module, "LOSSES", {"supcon": module.LOSSES["supcon"], **SOME_LOSSES})
    some_miners = {name: module.MINERS[name] for name in ("all", "semihard")}
    monkeypatch.setattr(module, "MINERS", some_miners)
    monkeypatch.setattr(module, "in_new_process", lambda function, *given: function(*given))
    options = ("--rounds", 1, "--rows", 64, "--peak-rows", 128)
    results = run(module, tmp_path, *options, name="losses")
    assert {(row["loss"], row["miner"]) for row in results["losses_time"]} == some
    assert all(row["ours_ms"] > 0 and row["peer_ms"] > 0 for row in results["losses_time"])
    assert len(results["losses_memory"]) == 5
    assert all(row["megabytes"] >= 0 for row in results["losses_memory"])


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_every_peer_of_a_loss_computes(load_script):
    module = load_script("cost.against_peers")
    Z, y = module.clusters(64, 8, 8)
    for loss, miner in module.PEERS:
        for kind in (module.OurLoss, module.PeerLoss):
            module.step(kind(loss, miner, 8, 8), Z, y)
    without_peer = {"logistic", "prototypical"}  # Losses that pytorch-metric-learning lacks.
    assert {loss for loss, _ in module.PEERS} == set(module.LOSSES) - without_peer


@needs_data
def test_epochs_are_held_against_peers(load_script, tmp_path):
    module = load_script("cost.against_peers")
    rows = run(module, tmp_path, "--rounds", 1, "--rows", 1500, name="peers_training")
    assert [(row["loss"], row["name"]) for row in rows] == [
        (loss, name)
        for loss in module.TRAINED
        for name in ("SiameseEmbedder", "pytorch-metric-learning", "skorch")
    ]
    for row in rows:
        assert (row["ratio"]["median"] == 1) == (row["name"] == "SiameseEmbedder")


@needs_data
def test_the_accuracy_of_all_models_is_measured_over_seconds(load_script, tmp_path, monkeypatch):
    module = load_script("cost.time_to_quality")
    monkeypatch.setattr(module, "N_HELD_OUT", 300)
    models = {name: (model, budgets[:1]) for name, (model, budgets) in module.MODELS.items()}
    monkeypatch.setattr(module, "MODELS", models)
    results = run(module, tmp_path, "--rounds", 1, "--rows", 600)
    assert set(results) == {"time_to_fashion_mnist", "time_to_letter"}
    for rows in results.values():
        assert [row["name"] for row in rows] == list(models)
        for row in rows:
            assert [point["budget"] for point in row["curve"]] == list(models[row["name"]][1])
            assert all(0.3 < point["accuracy"] < 1 for point in row["curve"])


def test_a_model_of_another_environment_is_fitted_there(load_script, tmp_path):
    module = load_script("cost._other_environment")
    package = tmp_path / "umap.py"
    package.write_text(
        "class UMAP:\n"
        "    def __init__(self, n_components, n_epochs, random_state):\n"
        "        self.n_epochs = n_epochs\n"
        "    def fit(self, X, y):\n"
        "        return self\n"
        "    def transform(self, X):\n"
        "        return self.n_epochs * X\n"
    )
    metadata = tmp_path / "umap_learn-1.2.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Name: umap-learn\nVersion: 1.2\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    X = np.arange(6.0).reshape(3, 2)
    given = str(python), X, np.arange(3), 7, X[:1]
    seconds, Z, Z_other, version = module.fit_elsewhere("umap", *given)
    assert (0 < seconds < 1, version) == (True, "1.2")
    np.testing.assert_array_equal(Z, 7 * X)
    np.testing.assert_array_equal(Z_other, 7 * X[:1])


def test_the_peers_train_the_tower_that_the_embedder_trains(load_script):
    module = load_script("cost.against_peers")
    X = np.random.default_rng(0).normal(size=(40, 784)).astype(np.float32)
    embedder = SiameseEmbedder(32, learned_weight=1.0, max_iter=1, **module.TOWERS["mlp"])
    ours = embedder.fit(X, np.arange(40) % 2).tower_.parameters()
    theirs = module.Tower(X.mean(), X.std()).parameters()
    assert [weight.shape for weight in theirs] == [weight.shape for weight in ours]


@pytest.mark.parametrize("loss", ["contrastive", "supcon", "semihard"])
def test_skorch_and_the_peer_are_given_losses_that_separate_classes(load_script, loss):
    module = load_script("cost.against_peers")
    X, y = load_digits(return_X_y=True)
    X, y = X[:200].astype(np.float32), y[:200]
    apart, codes = torch.eye(10)[y] * 3, torch.from_numpy(y)
    mixed = torch.from_numpy(X)[:, :10]
    for kind in (module.OurLoss, module.PeerLoss):
        criterion = kind(*module.TRAINED[loss])
        assert criterion(apart, codes) < criterion(mixed, codes)


def test_the_first_time_above_a_level_counts(load_script):
    module = load_script("cost.time_to_quality")
    accuracies = (0.5, 0.89, 0.9, 0.88)
    points = [{"seconds": 1.0 + i, "accuracy": value} for i, value in enumerate(accuracies)]
    row = {"curve": points}
    assert [module.seconds_to(level, row) for level in (0.8, 0.9, 0.95)] == ["2.0", "3.0", ""]
    assert module.best(row, "{accuracy:.0%} {seconds}") == "90% 3.0"


def test_the_parts_of_a_step_are_timed_by_turns(load_script, tmp_path):
    module = load_script("cost.step_parts")
    rows = run(module, tmp_path, "--rounds", 1, "--steps", 2)
    parts = [module.TOWER, "cross-entropy", *module.LOSSES]
    assert [(row["batch_size"], row["part"]) for row in rows] == [
        (size, part) for size in module.BATCH_SIZES for part in parts
    ]
    assert all(row["ms"]["min"] > 0 for row in rows)
    assert [row["ratio"]["median"] for row in rows if row["part"] == module.TOWER] == [1, 1]
