"""The benchmark of unseen identities on tiny settings: its models, its distances, its report."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseVerifier
from tests._helpers.benchmarks import DATA, needs_data, run


@pytest.fixture
def unseen(load_script):
    """Return the module of the study."""
    return load_script("quality.unseen")


@pytest.fixture
def few_digits(monkeypatch, unseen):
    """Make the first 300 digits the only data set, and return them."""
    X, y = load_digits(return_X_y=True)
    monkeypatch.setattr(unseen, "data_sets", lambda folder: iter([("digits", X[:300], y[:300], 2)]))
    return X[:300].astype(np.float32), y[:300]


def test_all_models_are_compared_with_the_raw_distance(unseen, few_digits, tmp_path):
    results = run(unseen, tmp_path, "--splits", 2, "--max-iter", 1)
    raw, *others = (row["data"]["digits"] for row in results)
    assert raw["lead"] == raw["standard_error"] == 0
    assert len({row["model"] for row in results}) == len(results) == 15
    for figures in others:
        leads = np.subtract(figures["auc"], raw["auc"])
        assert figures["lead"] == pytest.approx(leads.mean())
        assert figures["standard_error"] == pytest.approx(leads.std(ddof=1) / np.sqrt(2))


def test_the_raw_distance_standardises_by_training_rows(unseen, few_digits):
    X, y = few_digits
    new = np.isin(y, (3, 7))
    scaler = StandardScaler().fit(X[~new])
    Q, truth = unseen.pairs_of(X[new], y[new], 0)
    D = np.linalg.norm(scaler.transform(Q.left) - scaler.transform(Q.right), axis=1)
    assert unseen.compare(X, y, new, 0, 1)["raw distance"] == pytest.approx(
        roc_auc_score(truth, -D)
    )


def test_principal_axes_make_the_mean_distance_about_one(unseen):
    X = np.random.default_rng(0).normal(size=(500, 8)) * np.arange(1, 9)
    Z = StandardScaler().fit_transform(X) @ unseen.principal_axes(X, 8).T
    assert np.linalg.norm(Z[:250] - Z[250:], axis=1).mean() == pytest.approx(1, abs=0.1)


def test_the_head_of_the_raw_distance_reads_items(unseen):
    tower, head = unseen.WithItem((4,), 6, depth=2, width=8), unseen.SeesRaw(6, n_features=4)
    a, b = torch.rand(2, 5, 4, generator=torch.Generator().manual_seed(0))
    before = head(tower(a), tower(b))
    torch.nn.init.ones_(head.raw)
    change = head(tower(a), tower(b)) - before
    torch.testing.assert_close(change, -20 * (a - b).norm(dim=1) / 2, atol=0.01, rtol=0)


def test_held_axes_are_not_trained(unseen):
    axes = np.eye(2, 4, dtype=np.float32)
    tower = unseen.LinearPath((4,), 2, depth=2, width=8, axes=axes)
    assert not tower.linear.weight.requires_grad
    assert tower.network[1].weight.requires_grad


def test_networks_have_the_width_of_their_name(unseen, few_digits):
    X, y = few_digits
    P, match = unseen.pairs_of(X, y, 0)
    for name, parameters in unseen.verifiers(X).items():
        verifier = SiameseVerifier(max_iter=1, random_state=0, **parameters).fit(P, match)
        layers = [len(part.weight) for part in verifier.tower_.modules() if is_hidden(part)]
        expected = {"depth=1": []}.get(name, [128, 128] if "narrow" in name else [512])
        assert layers == expected, name


def is_hidden(part):
    """Return whether a module is a layer before the last."""
    return isinstance(part, torch.nn.Linear) and part.out_features > 100


@needs_data
def test_signatures_are_centred_and_in_units_of_their_spread(unseen):
    X, writer = unseen.genuine_signatures(DATA)
    places = X.reshape(len(X), unseen.N_POINTS, 3)[:, :, :2]
    np.testing.assert_allclose(places.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(places.std(axis=(1, 2)), 1)
    assert np.unique(writer, return_counts=True)[1].tolist() == [20] * 40
