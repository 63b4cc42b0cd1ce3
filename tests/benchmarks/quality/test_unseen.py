"""The comparisons on unseen identities and on few rows per class, on tiny settings."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tests._helpers.benchmarks import DATA, needs_data, run


@pytest.fixture
def unseen(load_script, monkeypatch):
    """Return the module of the comparison on unseen identities, with small limits."""
    module = load_script("quality.unseen")
    for name, limit in {"N_ROWS": 200, "N_NEW_ROWS": 150, "N_NEW_PAIRS": 500}.items():
        monkeypatch.setattr(module, name, limit)
    monkeypatch.setattr(module, "N_PAIRS", 200)
    monkeypatch.setattr(module, "N_EPISODES", 20)
    monkeypatch.setattr(module, "N_NCA_ROWS", 60)
    module.split.cache_clear()
    yield module
    module.split.cache_clear()


def test_all_contenders_are_compared_with_the_better_plain_distance(unseen, tmp_path):
    part = tmp_path / "part"
    settings = ["--splits", 2, "--sets", "digits", "--max-iter", 1, "--partial-file", part]
    results = run(unseen, tmp_path, *settings)
    assert [row["model"] for row in results] == list(unseen.contenders())
    assert len(part.read_text().splitlines()) == 2 * len(results)
    by_model = {row["model"]: row["data"]["digits"] for row in results}
    for key, sign in unseen.SIGN.items():
        plain = sign * np.array([by_model[name][key]["values"] for name in unseen.PLAIN])
        for model, figures in by_model.items():
            if key == "one-shot" and "Verifier" in model:
                assert key not in figures
                continue
            leads = sign * np.array(figures[key]["values"]) - plain.max(axis=0)
            assert figures[key]["lead"] == pytest.approx(leads.mean())
            assert figures[key]["standard_error"] == pytest.approx(np.ptp(leads) / 2)
            low, high = figures[key]["interval"]
            assert (low + high) / 2 == pytest.approx(leads.mean())
            assert all(0 <= value <= 1 for value in figures[key]["values"])


def test_training_and_test_rows_have_no_identity_in_common(unseen):
    X, y, X_new, y_new = unseen.split("digits", DATA, 2000)
    assert len(set(y)) == len(set(y_new)) == 5
    assert not set(y) & set(y_new)
    assert (len(X), len(X_new)) == (200, 150)


def test_the_standardized_distance_is_in_units_of_the_training_rows(unseen):
    X, _, X_new, y_new = unseen.split("digits", DATA, 2000)
    Q, truth = unseen.pairs(X_new, y_new, 500, 2000)
    scaler = StandardScaler().fit(X)
    D = np.linalg.norm(scaler.transform(Q.left) - scaler.transform(Q.right), axis=1)
    found = unseen.measure("digits", 0, "columns standardized", folder=DATA)
    assert found["AUC"] == pytest.approx(roc_auc_score(truth, -D))


def test_the_default_is_compared_with_the_best_of_the_others(unseen, load_script, tmp_path):
    module = load_script("quality.few_rows")
    results = run(module, tmp_path, "--draws", 2, "--sets", "digits", "--max-iter", 1)
    assert [(row["data"], row["rows"]) for row in results] == [("digits", n) for n in (5, 10, 50)]
    for row in results:
        default = row["accuracy"].pop("default")
        best = np.max([*row["accuracy"].values()], axis=0)
        assert row["lead"] == pytest.approx(np.mean(default - best))
    assert np.mean(results[2]["accuracy"]["unscaled items"]) > 0.9


def test_few_rows_are_tested_on_other_rows(load_script, monkeypatch):
    module = load_script("quality.few_rows")
    X, y = load_digits(return_X_y=True)
    y = np.random.default_rng(0).permutation(y)
    monkeypatch.setattr(module, "load", lambda name, folder: (X, y))
    figures = module.measure("digits", 50, 0, "unscaled items", folder=DATA)
    assert figures["accuracy"] == pytest.approx(0.1, abs=0.03)


@needs_data
def test_signatures_are_centered_and_in_units_of_their_spread(unseen):
    X, writer = unseen.genuine_signatures(DATA)
    places = X.reshape(len(X), unseen.N_POINTS, 3)[:, :, :2]
    np.testing.assert_allclose(places.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(places.std(axis=(1, 2)), 1)
    assert np.unique(writer, return_counts=True)[1].tolist() == [20] * 40
