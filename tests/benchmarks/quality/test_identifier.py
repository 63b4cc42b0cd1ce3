"""The benchmark of identification on tiny settings: its draws, its figures, its report."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_identification_reports_figures_rates_and_the_time_of_a_search(load_script, tmp_path):
    module = load_script("quality.identifier")
    arguments = ["--held-out", "--seeds", 1, "--epochs", 1, "--alphabets", 6]
    search = ["--templates", 2000, "--queries", 100, "--rounds", 2]
    module.RATES = [(20, 0.1)]
    module.N_DRAWS = 3
    results = run(module, tmp_path, *arguments, *search)
    assert [(row["embedding"], row["strategy"]) for row in results["open_set"]] == [
        ("ink", "prototype"),
        ("ink", "nearest"),
        ("SiameseEmbedder", "prototype"),
        ("SiameseEmbedder", "nearest"),
    ]
    for row in results["open_set"]:
        assert set(row["summary"]) == {"auc", "dir", "accuracy", "seconds"}
        assert 0.4 < row["summary"]["auc"]["mean"] <= 1
        assert 0.1 < row["summary"]["accuracy"]["mean"] <= 1
    assert [row["characters"] for row in results["rates"]] == ["new", "learned from"]
    assert all(0 <= row["summary"]["far"]["mean"] < 0.5 for row in results["rates"])
    ours, theirs = results["search"]
    assert ours["ratio"]["min"] > 0
    assert theirs["seconds"]["min"] > 0


def test_a_draw_enrols_five_rows_and_keeps_characters_apart(load_script):
    y = np.repeat(np.arange(12), 8)
    enrolled, new, strangers = load_script("quality.identifier").drawn(
        y, 4, np.random.default_rng(0)
    )
    assert (np.bincount(y[enrolled]) == 5).sum() == 4
    assert sorted({*y[enrolled]}) == sorted({*y[new]})
    assert not {*enrolled} & {*new}
    assert len({*y[strangers]}) == 4
    assert not {*y[strangers]} & {*y[enrolled]}
    assert (len(enrolled), len(new)) == (20, 12)
    assert len(strangers) == 32


def test_separated_characters_are_identified_and_unknown_ones_rejected(load_script):
    module = load_script("quality.identifier")
    y = np.repeat(np.arange(50), 8)
    Z = 5 * np.eye(50)[y] + 0.1 * np.random.default_rng(0).normal(size=(400, 50))
    for strategy in ("prototype", "nearest"):
        figures = module.open_set(Z, y, strategy, seed=0)
        assert figures == {"auc": 1.0, "dir": 1.0, "accuracy": 1.0}
    rate = module.rates(Z, y, None, 20, 0.1, seed=0)
    assert rate["far"] < 0.2
    assert rate["accuracy"] == 1


def test_held_out_alphabets_are_not_trained_on(load_script):
    alphabet = np.repeat(np.arange(9), 20)
    X, y = alphabet[:, None] + np.zeros(3), np.arange(180)
    (X_learn, y_learn), (X_test, y_test) = load_script("quality.identifier").held_out(
        X, y, alphabet
    )
    assert len(np.unique(X_learn)) == 6
    assert not set(X_learn[:, 0]) & set(X_test[:, 0])
    assert sorted([*y_learn, *y_test]) == y.tolist()


def test_the_search_of_scikit_learn_gives_the_same_results(load_script, monkeypatch):
    module = load_script("quality.identifier")
    assert module.search_time(300, 20, rounds=1)[0]["templates"] == 300

    def fit_wrongly(self, Z, y):
        return KNeighborsClassifier(1).fit(Z[:2], [0, 1])

    monkeypatch.setattr(module.SiameseIdentifier, "fit", fit_wrongly)
    with pytest.raises(RuntimeError, match="same labels"):
        module.search_time(300, 20, rounds=1)
