"""The benchmark of fused cues on tiny settings: its folds, its cues, its report."""

import numpy as np
import pytest
import torch
from bench import needs_data, run


@needs_data
def test_single_and_fused_cues_report_figures_fold_by_fold(benchmark, tmp_path, capsys):
    module = benchmark("two_cues")
    results = run(module, tmp_path, "--seeds", 1, "--epochs", 1, "--folds", 2)
    digits = [row for row in results if row["data"] == "digits"]
    assert [len(row["cues"]) for row in digits] == [1] * 6 + [2, 6]
    assert [len(row["cues"]) for row in results[len(digits) :]] == [1, 1, 2]
    for row in results:
        assert set(row["summary"]) == {"auc", "eer", "seconds"}
        assert len(row["folds"]) == len(row["runs"]) == 2
        assert all(0 < fold["auc"]["mean"] <= 1 for fold in row["folds"])
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(results)


def test_every_class_is_unseen_in_one_fold(benchmark):
    y = np.repeat(np.arange(10), 3)
    folds = benchmark("two_cues").folds_of(y, 5)
    assert [len(np.unique(y[new])) for new in folds] == [2] * 5
    assert (np.sum(folds, axis=0) == 1).all()


def test_columns_of_cues_stand_side_by_side(benchmark):
    columns = benchmark("two_cues").columns_of({"a": 3, "b": 2})
    assert columns == {"a": slice(0, 3), "b": slice(3, 5)}


def test_an_estimator_sees_its_cues_alone_and_no_new_class(benchmark, monkeypatch):
    module = benchmark("two_cues")
    y = np.repeat(np.arange(6), 20)
    X = np.column_stack([y, -y, np.random.default_rng(0).normal(size=(120, 2))])
    data = {
        "X": X.astype(np.float32),
        "y": y,
        "cues": module.columns_of({"clear": 1, "turned": 1, "noise": 2}),
        "tower": None,
        "parameters": {"max_iter": 2},
        "n_pairs": (100, 60),
    }
    seen = []

    class Spy(module.SiameseVerifier):
        def fit(self, P, match):
            seen.append((P, match, self.tower.keywords["cues"]))
            return super().fit(P, match)

    monkeypatch.setattr(module, "SiameseVerifier", Spy)
    for names in (["clear"], ["turned", "noise"]):
        figures = module.one_fold(data, names, y > 3, 0, None)
        assert 0 <= figures["eer"] <= 1
    (P, match, cues), (P_other, match_other, cues_other) = seen
    assert cues == {"clear": slice(0, 1)}
    assert cues_other == {"turned": slice(0, 1), "noise": slice(1, 3)}
    assert P.shape == (100, 2)
    assert len(np.unique(P)) == 4
    assert (match == (P[:, 0] == P[:, 1])).all()
    assert (match == match_other).all()
    assert P_other[:, [0, 3]] == pytest.approx(-P)


def test_halves_of_a_face_are_distorted_alike(benchmark):
    module = benchmark("two_cues")
    faces = torch.arange(28.0).repeat_interleave(23).expand(2, -1).contiguous()
    still = module.distorted(faces, torch.Generator().manual_seed(0))
    assert still.shape == faces.shape
    rows = still.unflatten(1, (28, 23))[:, 4:-4, 8:-8]
    assert (rows.diff(dim=1) > 0).all()


@pytest.mark.parametrize(("fused", "least"), [([0.9, 0.8], "+0.050"), ([0.9, 0.7], "-0.050")])
def test_the_least_gain_is_over_the_best_of_the_fused_cues(benchmark, fused, least):
    tables = benchmark("tables")

    def row(cues, *auc):
        return {"data": "digits", "cues": cues, "folds": [{"auc": {"mean": one}} for one in auc]}

    single = [row(["a"], 0.85, 0.6), row(["b"], 0.7, 0.75), row(["c"], 1.0, 1.0)]
    other = {**row(["a"], 1.0, 1.0), "data": "faces"}
    assert tables.gain(row(["a", "b"], *fused), [*single, other]) == least
    assert tables.gain(single[0], single) == ""
