"""The benchmark of faces on tiny settings: its splits, its images, its loss, its report."""

import numpy as np
import pytest
import torch
from sklearn.covariance import empirical_covariance

from sksiamese import SiameseEmbedder
from tests._helpers.benchmarks import DATA, needs_data, run


@needs_data
def test_faces_report_figures_of_all_models_on_both_splits(
    load_script, tmp_path, capsys, monkeypatch
):
    module = load_script("systems.faces")
    monkeypatch.setattr(load_script("systems._registration"), "STEPS", (0.06,))
    monkeypatch.setattr(module, "N_COPIES", 1)
    faces, y = module.load_att_faces(DATA)
    monkeypatch.setattr(module, "load_att_faces", lambda folder: (faces[:, ::2, ::2], y))
    for parameters in (module.CONTRASTIVE, module.SUPCON, module.VOLUME):
        monkeypatch.setitem(parameters, "max_iter", 1)
    results = run(module, tmp_path, "--seeds", 1, "--folds", 1)
    assert [row["model"] for row in results] == 2 * list(module.MODELS)
    for row in results:
        assert set(row["summary"]) == {"EER", "AUC", "seconds"}
        assert [len(folds) for folds in row["runs"]] == [1]
        assert 0 <= row["summary"]["EER"]["mean"] < 0.5 < row["summary"]["AUC"]["mean"] <= 1
    models, systems = capsys.readouterr().out.split("\n\n")
    assert len(models.splitlines()) == 2 + len(results)
    assert len(systems.splitlines()) == 2 + 1


def test_every_person_is_tested_in_one_fold_and_the_tutorial_tests_its_own(load_script):
    splits = load_script("systems.faces").people_splits(np.repeat(np.arange(1, 41), 10), 5)
    folds = splits["five folds of eight"]
    assert [(len(people), len(others)) for people, others in folds] == [(8, 32)] * 5
    assert sorted(np.concatenate([people for people, _ in folds])) == list(range(1, 41))
    assert [people.tolist() for people, _ in splits["tutorial"]] == [[5, 6, 7]]
    for people, others in [*folds, *splits["tutorial"]]:
        assert sorted([*people, *others]) == list(range(1, 41))


def test_nobody_is_tested_who_was_learned_from(load_script):
    y = np.repeat(np.arange(6), 4)
    images = y[:, None, None] + np.zeros((24, 3, 3))
    seen = {}

    def fit(train, y_train, test, seed):
        seen.update(train=set(train.ravel()), labels=set(y_train), test=set(test.ravel()))
        return test.reshape(len(test), -1) + np.arange(9)

    figures = load_script("systems.faces").one_fold(
        fit, images, y, [1, 4], [0, 2, 3], "euclidean", 0
    )
    assert seen == {"train": {0, 2, 3}, "labels": {0, 2, 3}, "test": {1, 4}}
    assert (figures["EER"], figures["AUC"]) == (0, 1)


def test_faces_are_registered_to_the_mean_of_training_faces(load_script, monkeypatch):
    monkeypatch.setattr(load_script("systems._registration"), "STEPS", (0.1,))
    faces = np.random.default_rng(0).integers(0, 256, size=(6, 64, 64), dtype=np.uint8)
    learned = np.array([True, True, True, False, False, False])
    views = load_script("systems.faces").views_of(faces, learned)
    faces[~learned] = faces[~learned, ::-1]
    others = load_script("systems.faces").views_of(faces, learned)
    for name, (images, _) in views.items():
        np.testing.assert_array_equal(images[learned], others[name][0][learned])
        assert not np.allclose(images[~learned], others[name][0][~learned])


def test_the_least_log_volume_equals_whitening_in_closed_form(load_script):
    module, rng = load_script("systems.faces"), np.random.default_rng(0)
    y = np.repeat(np.arange(20), 20)
    X = 3 * rng.normal(size=(20, 4))[y] + rng.normal(size=(400, 4)) * [0.3, 1, 2, 5]
    embedder = SiameseEmbedder(
        4,
        depth=1,
        loss=module.log_volume,
        distance="euclidean",
        batch_size=400,
        max_iter=800,
        learning_rate_init=0.1,
        weight_decay=0,
        tol=0,
        random_state=0,
    )
    for Z in (embedder.fit(X, y).transform(X), module.WithinClasses().fit(X, y).transform(X)):
        means = np.stack([Z[y == one].mean(axis=0) for one in range(20)])
        np.testing.assert_allclose(
            empirical_covariance(Z - means[y]) * 400 / 380, np.eye(4), atol=0.06
        )


def test_log_volume_keeps_embeddings_at_the_origin(load_script):
    log_volume = load_script("systems.faces").log_volume
    Z = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    y = torch.arange(40) % 4
    Z = Z - Z.mean(dim=0)
    assert log_volume(Z + 2, y).item() == pytest.approx(log_volume(Z, y).item() + 12, rel=1e-4)


def test_copies_are_of_the_class_of_their_image(load_script):
    module = load_script("systems.faces")
    images = np.random.default_rng(0).normal(size=(2, 12, 10)).astype(np.float32)
    copies, y = module.with_copies(images, np.array([3, 7]), 0)
    assert copies.shape == (2 * (2 + module.N_COPIES), 12, 10)
    assert y.tolist() == [3, 7] * (2 + module.N_COPIES)
    np.testing.assert_array_equal(copies[2:4], images[:, :, ::-1])
    assert len(np.unique(copies.reshape(len(copies), -1), axis=0)) == len(copies)


def test_smaller_images_have_mean_zero_and_deviation_one(load_script):
    faces = np.random.default_rng(0).integers(0, 256, size=(3, 9, 8), dtype=np.uint8)
    images = load_script("systems.faces").smaller(faces, 4)
    assert images.shape == (3, 2, 2)
    assert images.dtype == np.float32
    assert images.mean(axis=(1, 2)) == pytest.approx(0, abs=1e-5)
    assert images.std(axis=(1, 2)) == pytest.approx(1, abs=1e-5)
    means = faces[:, :8].reshape(3, 2, 4, 2, 4).mean(axis=(2, 4))
    assert (images.argmax(axis=1) == means.argmax(axis=1)).all()


def test_relit_images_differ_in_contrast_and_brightness(load_script):
    images = torch.randn(1, 8, 6, generator=torch.Generator().manual_seed(0)).repeat(2, 1, 1)
    still = dict.fromkeys(("rotation", "scale", "shear", "translation"), 0.0)
    relit = load_script("systems.faces").relit(images, torch.Generator().manual_seed(1), **still)
    assert relit.shape == images.shape
    assert not torch.allclose(relit[0], relit[1], atol=0.05)
    for one, other in zip(relit, images, strict=True):
        both = torch.stack([one.flatten(), other.flatten()])
        assert both.corrcoef()[0, 1].item() == pytest.approx(1, abs=1e-4)


def test_figures_average_folds_before_seeds(load_script):
    runs = [[{"eer": 0.1}, {"eer": 0.3}], [{"eer": 0.2}, {"eer": 0.4}]]
    summary = load_script("systems.faces").over_folds(runs)["summary"]
    assert summary["eer"] == {"mean": pytest.approx(0.25), "std": pytest.approx(0.05)}
