"""The benchmarks of what training costs, on tiny settings."""

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
def test_epochs_and_accuracies_are_held_against_peers(load_script, tmp_path, monkeypatch):
    module = load_script("cost.against_peers")
    monkeypatch.setattr(module, "N_HELD_OUT", 300)
    options = ("--rounds", 1, "--rows", 1500, "--nca-rows", 200, "--nca-iter", 10)
    results = run(module, tmp_path, *options, name="peers_training")
    assert [(row["loss"], row["name"]) for row in results["peers_epochs"]] == [
        (loss, name)
        for loss in module.TRAINED
        for name in ("SiameseEmbedder", "pytorch-metric-learning", "skorch")
    ]
    for row in results["peers_epochs"]:
        assert (row["ratio"]["median"] == 1) == (row["name"] == "SiameseEmbedder")
    ours, nca = results["peers_accuracy"]
    assert (ours["rows"], nca["rows"]) == (1200, 200)
    assert len(ours["curve"]) == 20
    for row in (ours, nca):
        seconds = [point["seconds"] for point in row["curve"]]
        assert seconds == sorted(seconds)
        assert 0.6 < row["best"]["accuracy"] < 1


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


def test_the_first_time_above_the_target_counts(load_script):
    module = load_script("cost.against_peers")
    accuracies = (0.5, 0.89, 0.9, 0.88)
    curve = [{"seconds": 1.0 + i, "accuracy": value} for i, value in enumerate(accuracies)]
    row = module.reached("model", 10, curve)
    assert (row["seconds_to_target"], row["best"]["seconds"]) == (2.0, 3.0)
    assert module.reached("model", 10, curve[:1])["seconds_to_target"] is None
