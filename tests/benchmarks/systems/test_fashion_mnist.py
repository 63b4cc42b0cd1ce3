"""The benchmark of Fashion-MNIST on tiny settings: its pairs, its towers, its report."""

import numpy as np
import pytest

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_all_figures_of_all_models_are_reported(load_script, tmp_path, capsys, monkeypatch):
    module = load_script("systems.fashion_mnist")
    monkeypatch.setattr(module, "EPOCHS", 1)
    for name in ("WIDE", "CNN"):  # Few processors have bfloat16.
        quick = getattr(module, name) | {"precision": "float32", "max_iter": 1}
        monkeypatch.setattr(module, name, quick)
    results = run(module, tmp_path, "--seeds", 2, "--rows", 300)
    rows = {"lab's figure", "accuracy", "AUC", "EER", "5-NN", "logistic", "seconds"}
    wanted = {
        "raw pixels": rows,
        "lab, pairs in file order": rows | {"accuracy at 0.5"},
        "lab, pairs shuffled": rows | {"accuracy at 0.5"},
        "SiameseEmbedder": rows,
        "SiameseEmbedder, defaults": rows,
        "SiameseEmbedder, supcon, width=512": rows,
        "SiameseEmbedder, supcon, cnn": rows,
    }
    assert [row["depth"] for row in results] == [None, 3, 3, 3, 4, 4, 4, 3, 3, 3]
    for row in results:
        assert len(row["runs"]) == 2
        assert set(row["summary"]) == wanted[row["model"]]
        assert all(0 <= row["summary"][key]["mean"] <= 1 for key in ("accuracy", "AUC", "EER"))
    models, systems = capsys.readouterr().out.split("\n\n")
    assert len(models.splitlines()) == 2 + len(results)
    assert len(systems.splitlines()) == 2 + 4


def test_the_threshold_comes_from_held_out_pairs(load_script):
    pairs = np.array([0, 0]), np.array([1, 2]), np.array([True, False])
    held_out, test = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [0.5], [0.9]])
    figures = load_script("systems.fashion_mnist").measure_pairs((held_out, pairs), (test, pairs))
    assert figures["accuracy"] == figures["lab's figure"] == 0.5  # The threshold is 1.
    assert figures["AUC"] == 1


@pytest.mark.parametrize("n_copies", [0, 2])
def test_an_image_and_its_mirror_image_have_the_same_embedding(load_script, n_copies):
    X = np.random.default_rng(0).random((3, 784), dtype=np.float32)
    turned = X.reshape(3, 28, 28)[:, :, ::-1].reshape(3, 784)
    mean = load_script("systems.fashion_mnist").mean_of_copies(np.asarray, n_copies, X)
    mirrored = mean.reshape(3, 28, 28)[:, :, ::-1].reshape(3, 784)
    np.testing.assert_allclose(mean, mirrored, rtol=1e-5)
    assert np.allclose(mean, (X + turned) / 2) == (n_copies == 0)


def test_pairs_of_the_lab_follow_the_order_of_the_file(load_script):
    y = np.array([1, 0, 0, 1, 1, 2, 0, 2, 2, 2])
    rows_of = [np.flatnonzero(y == label) for label in range(3)]
    rng = np.random.default_rng(0)
    left, right, match = load_script("systems.fashion_mnist").ordered_pairs(y, rng)
    assert left.tolist() == [1, 1, 2, 2, 0, 0, 3, 3, 5, 5, 7, 7]
    assert right[::2].tolist() == [2, 6, 3, 4, 7, 8]
    assert match.tolist() == [True, False] * 6
    for row, partner in zip(left[1::2], right[1::2], strict=True):
        assert y[row] != y[partner]
        place = rows_of[y[row]].tolist().index(row)
        assert rows_of[y[partner]][place] == partner


@pytest.mark.parametrize("depth", [3, 4])
def test_the_tower_of_the_lab_ends_rectified_and_drops_out_between(load_script, depth):
    layers = [
        type(layer).__name__ for layer in load_script("systems.fashion_mnist").lab_tower(784, depth)
    ]
    assert layers == ["Linear", "ReLU", "Dropout"] * (depth - 1) + ["Linear", "ReLU"]
