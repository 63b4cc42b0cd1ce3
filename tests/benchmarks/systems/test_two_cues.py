"""The benchmark of fused cues on tiny settings: its folds, its cues, its report."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import FunctionTransformer

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_single_and_fused_cues_report_figures_fold_by_fold(
    load_script, tmp_path, capsys, monkeypatch
):
    module = load_script("systems.two_cues")
    monkeypatch.setattr(load_script("systems._registration"), "STEPS", (0.06,))
    for parameters in (module.DISTANCES, module.MATCH_NETWORK, *module.ALL_PAIRS.values()):
        monkeypatch.setitem(parameters, "max_iter", 1)
    options = "--seeds", 1, "--folds", 1, "--partial-file", tmp_path / "partial"
    results = run(module, tmp_path, *options)
    models, systems = capsys.readouterr().out.split("\n\n")
    monkeypatch.setattr(module, "one_fold", None)  # All figures are read from the file.
    assert run(module, tmp_path, *options) == results
    for model in ("distances", "mlp", "mlp, all pairs"):
        sets = {
            data: [row["cues"] for row in results if (row["data"], row["model"]) == (data, model)]
            for data in ("digits", "faces")
        }
        assert [len(cues) for cues in sets["digits"]] == [1] * 6 + [2, 6]
        assert [len(cues) for cues in sets["faces"]] == [1, 1, 2]
    for row in results:
        assert set(row["summary"]) == {"AUC", "EER", "seconds"}
        assert len(row["folds"]) == len(row["runs"]) == 1
        assert all(0 < fold["AUC"]["mean"] <= 1 for fold in row["folds"])
    assert len(models.splitlines()) == 2 + len(results)
    assert len(systems.splitlines()) == 2 + 2


def test_every_class_is_unseen_in_one_fold(load_script):
    y = np.repeat(np.arange(10), 3)
    folds = load_script("systems.two_cues").folds_of(y, 5)
    assert [len(np.unique(y[new])) for new in folds] == [2] * 5
    assert (np.sum(folds, axis=0) == 1).all()


def test_columns_of_cues_are_concatenated(load_script):
    columns = load_script("systems.two_cues").columns_of({"a": 3, "b": 2})
    assert columns == {"a": slice(0, 3), "b": slice(3, 5)}


@pytest.mark.parametrize("model", ["distances", "mlp"])
def test_an_estimator_gets_its_cues_and_known_classes_only(load_script, monkeypatch, model):
    module = load_script("systems.two_cues")
    y = np.repeat(np.arange(6), 20)
    X = np.column_stack([y, -y, np.random.default_rng(0).normal(size=(120, 2))])
    X = X + 0.001 * np.random.default_rng(1).normal(size=X.shape)
    columns = module.columns_of({"clear": 1, "turned": 1, "noise": 2})
    cues = {name: X[:, part].astype(np.float32) for name, part in columns.items()}
    data = {"augment": None, "n_pairs": (100, 60)}
    data |= {"tower": module.whitening, "n_parts": 1} if model == "distances" else {"tower": None}
    seen = []

    class Spy(module.SiameseVerifier):
        def fit(self, P, match):
            seen.append((P, match, self.tower.keywords["cues"]))
            return super().fit(P, match)

    monkeypatch.setattr(module, "SiameseVerifier", Spy)
    for names in (["clear"], ["turned", "noise"]):
        part = {name: cues[name] for name in names}
        figures = module.one_fold(model, data, part, y, y > 3, 0)
        assert 0 <= figures["EER"] <= 1
    (P, match, cues), (P_other, match_other, cues_other) = seen
    assert cues == {"clear": slice(0, 1)}
    assert cues_other == {"turned": slice(0, 1), "noise": slice(1, 3)}
    assert P.shape == (100, 2)
    assert len(np.unique(P.round(1))) == 4
    assert (match == (abs(P[:, 0] - P[:, 1]) < 0.1)).all()
    assert (match == match_other).all()
    assert P_other[:, [0, 3]] == pytest.approx(-P, abs=0.01)


def test_the_match_network_of_all_pairs_gets_rows_of_known_classes(load_script, monkeypatch):
    module = load_script("systems.two_cues")
    y = np.repeat(np.arange(6), 20)
    X = np.column_stack([y, np.random.default_rng(0).normal(size=120)])
    data = {"augment": None, "n_pairs": (100, 60), "tower": None, "all_pairs": {"max_iter": 2}}
    seen = []

    class Spy(module.SiameseVerifier):
        def fit_rows(self, X, y):
            seen.append((X, y, self.max_iter, self.head))
            return super().fit_rows(X, y)

    monkeypatch.setattr(module, "SiameseVerifier", Spy)
    figures = module.one_fold("mlp, all pairs", data, {"both": X}, y, y > 3, 0)
    assert 0 <= figures["EER"] <= 1
    ((rows, classes, max_iter, head),) = seen
    assert rows.shape == (80, 2)
    assert (classes == y[:80]).all()
    assert (max_iter, head) == (2, "mlp")


def test_a_whitened_cue_scatters_alike_in_all_directions_within_classes(load_script, monkeypatch):
    module = load_script("systems._evidence")
    monkeypatch.setattr(module, "RIDGE", 0.0)
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 500)
    X = (rng.normal(size=(1500, 2)) @ [[3, 1], [0, 0.1]] + 9 * y[:, None]).astype(np.float32)
    Z = module.whitening(X, y)(torch.from_numpy(X)).detach().numpy()
    within = np.concatenate([Z[y == label] - Z[y == label].mean(axis=0) for label in range(3)])
    assert within.T @ within / len(Z) == pytest.approx(np.eye(2), abs=1e-2)
    directions = module.whitened_directions(X, y)(torch.from_numpy(X)).detach().numpy()
    assert np.square(directions).mean(axis=1) == pytest.approx(np.ones(1500), rel=1e-5)
    assert directions == pytest.approx(Z / np.sqrt(np.square(Z).mean(axis=1))[:, None], rel=1e-4)


def test_evidence_falls_with_the_distance_in_any_cue_and_is_symmetric(load_script):
    head = load_script("systems._evidence").Evidence(5, sizes=[2, 3])
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    A, B = torch.randn(2, 200, 5, generator=torch.Generator().manual_seed(1))
    logit = head(A, B)
    assert torch.equal(logit, head(B, A))
    for cue in (slice(0, 2), slice(2, 5)):
        farther = B.clone()
        farther[:, cue] += 0.1 * (B - A)[:, cue]
        assert (head(A, farther) < logit).all()
    assert head(A, A).isfinite().all()


def test_each_part_has_a_verifier_of_unseen_pairs(load_script, monkeypatch):
    module = load_script("systems.two_cues")
    y = np.repeat(np.arange(6), 20)
    X = (y + 0.001 * np.random.default_rng(0).normal(size=120))[:, None].astype(np.float32)
    towers, heads = [], []

    class Spy(module.SiameseVerifier):
        def fit(self, P, match):
            heads.append(np.unique(P.round()))
            return super().fit(P, match)

    def tower(X, y):
        towers.append(np.unique(X.round()))
        return module.whitening(X, y)

    monkeypatch.setattr(module, "SiameseVerifier", Spy)
    data = {"tower": tower, "n_parts": 3, "n_pairs": (90, 60)}
    verifiers = module.fused_distances(X, y, {"only": slice(0, 1)}, data, 0)
    assert len(verifiers) == len(set(map(id, verifiers))) == 3
    for learned, held_out in zip(towers, heads, strict=True):
        assert sorted([*learned, *held_out]) == list(range(6))
    assert sorted(np.concatenate(heads)) == list(range(6))


def test_heads_are_trained_on_classes_unseen_by_their_towers(load_script):
    y = np.repeat(np.arange(8), 3)
    parts = load_script("systems.two_cues").parts_of(y, 4, seed=0)
    assert len(parts) == 4
    for learned, held_out in parts:
        assert not set(y[learned]) & set(y[held_out])
        assert (learned | held_out).all()
        assert len(np.unique(y[held_out])) == 2
    assert (np.sum([held_out for _, held_out in parts], axis=0) == 1).all()
    ((learned, held_out),) = load_script("systems.two_cues").parts_of(y, 1, seed=0)
    assert learned.all()
    assert held_out.all()


def test_features_of_a_face_and_its_mirror_image_are_the_same(load_script, monkeypatch):
    module = load_script("systems.two_cues")
    monkeypatch.setattr(module, "Registration", FunctionTransformer)
    images = np.random.default_rng(0).normal(size=(5, 28, 46)).astype(np.float32)
    rows = module.registered_gradients(images, np.full(5, True))
    assert rows.shape == (5, 2 * 8 * 7 * 11)
    of_mirror_images = module.registered_gradients(module.mirrored(images), np.full(5, True))
    np.testing.assert_allclose(of_mirror_images, rows, rtol=1e-5)


def test_halves_are_registered_to_training_halves(load_script, monkeypatch):
    module = load_script("systems.two_cues")
    seen = []

    class Spy(FunctionTransformer):
        def fit(self, images):
            seen.append(images)
            return super().fit(images)

    monkeypatch.setattr(module, "Registration", Spy)
    images = np.random.default_rng(0).normal(size=(5, 28, 46)).astype(np.float32)
    learned = np.array([True, False, True, True, False])
    module.registered_gradients(images, learned)
    np.testing.assert_array_equal(seen, [images[learned]])


def test_halves_of_a_face_are_distorted_alike(load_script):
    module = load_script("systems.two_cues")
    faces = torch.arange(28.0).repeat_interleave(23).expand(2, -1).contiguous()
    still = module.distorted(faces, torch.Generator().manual_seed(0))
    assert still.shape == faces.shape
    rows = still.unflatten(1, (28, 23))[:, 4:-4, 8:-8]
    assert (rows.diff(dim=1) > 0).all()


@pytest.mark.parametrize(("fused", "least"), [([0.9, 0.8], "+0.050"), ([0.9, 0.7], "-0.050")])
def test_the_least_gain_is_over_the_best_of_the_fused_cues(load_script, fused, least):
    gain = load_script("systems.two_cues").gain

    def row(cues, *auc):
        folds = [{"AUC": {"mean": one}} for one in auc]
        return {"data": "digits", "model": "mlp", "cues": cues, "folds": folds}

    single = [row(["a"], 0.85, 0.6), row(["b"], 0.7, 0.75), row(["c"], 1.0, 1.0)]
    others = [
        {**row(["a"], 1.0, 1.0), **key} for key in ({"data": "faces"}, {"model": "distances"})
    ]
    assert gain(row(["a", "b"], *fused), [*single, *others]) == least
    assert gain(single[0], single) == ""
