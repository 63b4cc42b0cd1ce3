"""The benchmark of faces on tiny settings: its splits, its images, its report."""

import numpy as np
import pytest
import torch
from bench import needs_data, run


@needs_data
def test_faces_report_figures_of_all_models_on_both_splits(benchmark, tmp_path, capsys):
    module = benchmark("faces")
    results = run(module, tmp_path, "--seeds", 2, "--epochs", 1, "--folds", 2)
    names = list(module.models(np.random.default_rng(0).random((1, 8, 8))))
    assert [row["model"] for row in results] == 2 * names
    for row in results:
        assert set(row["summary"]) == {"eer", "auc", "seconds"}
        assert len(row["runs"]) == 2
        assert len(row["runs"][0]) == (1 if row["split"] == "tutorial" else 2)
        assert 0 <= row["summary"]["eer"]["mean"] < 0.5 < row["summary"]["auc"]["mean"] <= 1
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(results)


def test_every_person_is_tested_in_one_fold_and_the_tutorial_tests_its_own(benchmark):
    splits = benchmark("faces").people_splits(np.repeat(np.arange(1, 41), 10), 5)
    folds = splits["five folds of eight"]
    assert [len(people) for people in folds] == [8] * 5
    assert sorted(np.concatenate(folds)) == list(range(1, 41))
    assert [people.tolist() for people in splits["tutorial"]] == [[5, 6, 7]]


def test_nobody_is_tested_who_was_learned_from(benchmark):
    y = np.repeat(np.arange(6), 4)
    images = y[:, None, None] + np.zeros((24, 3, 3))
    seen = {}

    def fit(train, y_train, test, seed, epochs):
        seen.update(train=set(train.ravel()), labels=set(y_train), test=set(test.ravel()))
        return test.reshape(len(test), -1) + np.arange(9)

    figures = benchmark("faces").one_fold(fit, images, y, [1, 4], "euclidean", 0, None)
    assert seen == {"train": {0, 2, 3, 5}, "labels": {0, 2, 3, 5}, "test": {1, 4}}
    assert (figures["eer"], figures["auc"]) == (0, 1)


def test_smaller_images_have_mean_zero_and_deviation_one(benchmark):
    faces = np.random.default_rng(0).integers(0, 256, size=(3, 9, 8), dtype=np.uint8)
    images = benchmark("faces").smaller(faces, 4)
    assert images.shape == (3, 2, 2)
    assert images.dtype == np.float32
    assert images.mean(axis=(1, 2)) == pytest.approx(0, abs=1e-5)
    assert images.std(axis=(1, 2)) == pytest.approx(1, abs=1e-5)
    means = faces[:, :8].reshape(3, 2, 4, 2, 4).mean(axis=(2, 4))
    assert (images.argmax(axis=1) == means.argmax(axis=1)).all()


def test_relit_images_differ_in_contrast_and_brightness(benchmark):
    images = torch.randn(1, 8, 6, generator=torch.Generator().manual_seed(0)).repeat(2, 1, 1)
    still = dict.fromkeys(("rotation", "scale", "shear", "translation"), 0.0)
    relit = benchmark("faces").relit(images, torch.Generator().manual_seed(1), **still)
    assert relit.shape == images.shape
    assert not torch.allclose(relit[0], relit[1], atol=0.05)
    for one, other in zip(relit, images, strict=True):
        both = torch.stack([one.flatten(), other.flatten()])
        assert both.corrcoef()[0, 1].item() == pytest.approx(1, abs=1e-4)


def test_over_folds_means_first_and_deviates_over_seeds(benchmark):
    runs = [[{"eer": 0.1}, {"eer": 0.3}], [{"eer": 0.2}, {"eer": 0.4}]]
    summary = benchmark("faces").over_folds(runs)["summary"]
    assert summary["eer"] == {"mean": pytest.approx(0.25), "std": pytest.approx(0.05)}
