"""The benchmark of identification on tiny settings: its draws, its figures, its report."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_identification_reports_figures_rates_and_the_time_of_a_search(
    load_script, tmp_path, monkeypatch
):
    module = load_script("quality.identifier")
    monkeypatch.setitem(module.EMBEDDER, "max_iter", 1)
    arguments = ["--seeds", 1, "--alphabets", 3]
    search = ["--templates", 2000, "--queries", 100, "--rounds", 2]
    monkeypatch.setattr(module, "RATES", [(20, 0.1)])
    monkeypatch.setattr(module, "N_DRAWS", 3)
    results = run(module, tmp_path, *arguments, *search)
    assert [(row["embedding"], row["strategy"]) for row in results["identifier"]] == [
        ("ink", "prototype"),
        ("ink", "nearest"),
        ("SiameseEmbedder", "prototype"),
        ("SiameseEmbedder", "nearest"),
    ]
    for row in results["identifier"]:
        assert len(row["summary"]) == 4
        assert 0.4 < row["summary"]["AUC of unknown"]["mean"] <= 1
        assert 0.1 < row["summary"]["correctly identified without rejection"]["mean"] <= 1
    assert [row["characters"] for row in results["identifier_rates"]] == ["new", "learned from"]
    assert all(
        0 <= row["summary"]["false accepts"]["mean"] < 0.5 for row in results["identifier_rates"]
    )
    ours, theirs = results["identifier_search"]
    assert ours["ratio"]["min"] > 0
    assert theirs["seconds"]["min"] > 0


def test_a_draw_enrols_five_rows_and_keeps_characters_apart(load_script):
    y = np.repeat(np.arange(12), 8)
    enrolled, new, strangers = load_script("quality.identifier").draw(
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
        assert list(figures.values()) == [1.0, 1.0, 1.0]
    rate = module.rates(Z, y, None, 20, 0.1, seed=0)
    assert rate["false accepts"] < 0.2
    assert rate["correctly identified"] == 1


def test_the_search_of_scikit_learn_gives_the_same_results(load_script, monkeypatch):
    module = load_script("quality.identifier")
    assert module.compare_search(300, 20, rounds=1)[0]["templates"] == 300

    def fit_wrongly(self, Z, y):
        return KNeighborsClassifier(1).fit(Z[:2], [0, 1])

    monkeypatch.setattr(module.SiameseIdentifier, "fit", fit_wrongly)
    with pytest.raises(RuntimeError, match="same labels"):
        module.compare_search(300, 20, rounds=1)
