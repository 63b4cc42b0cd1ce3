"""The one-shot benchmark of characters on tiny settings: its protocol, its loader, its report."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests._helpers.benchmarks import DATA, needs_data, run


@needs_data
def test_one_shot_learning_reports_published_and_own_figures(load_script, tmp_path, monkeypatch):
    module = load_script("systems.omniglot")
    monkeypatch.setitem(module.TOWER, "precision", "float32")  # Few processors have bfloat16.
    monkeypatch.setattr(module, "N_COPIES", 1)
    monkeypatch.setattr(module, "N_PAIRS", 100)
    monkeypatch.setitem(module.EMBEDDER, "max_iter", 1)
    monkeypatch.setitem(module.VERIFIER, "max_iter", 1)
    results = run(module, tmp_path, "--seeds", 1, "--verifier-seeds", 1, "--alphabets", 2)
    published, ours = results[: len(module.PUBLISHED)], results[len(module.PUBLISHED) :]
    assert [row["model"] for row in published] == list(module.PUBLISHED)
    assert len(ours) == 4
    for row in ours:
        assert set(row["summary"]) == {
            "20-way one-shot",
            "pairs, accuracy",
            "pairs, AUC",
            "seconds",
        }
        assert 0.05 < row["summary"]["20-way one-shot"]["mean"] <= 1
        assert 0.5 < row["summary"]["pairs, AUC"]["mean"] <= 1


def test_the_interval_counts_the_trials_once_and_the_seeds(load_script):
    interval = load_script("systems.omniglot").interval
    one, five = ({"runs": [{"20-way one-shot": 0.9}] * n_seeds} for n_seeds in (1, 5))
    assert interval(one) == interval(five) == "87.1 to 92.9"  # 1.96 * sqrt(0.09 / 400) = 0.0294
    spread = {"runs": [{"20-way one-shot": share} for share in (0.87, 0.93)]}
    assert interval(spread) == "83.4 to 96.6"  # 1.96 * sqrt(0.09 / 400 + 0.0018 / 2) = 0.0657
    assert interval({"published": {"20-way one-shot": 0.92}}) == ""


def test_pairs_within_an_alphabet_are_half_of_one_character(load_script):
    y, alphabet = np.repeat(np.arange(12), 5), np.repeat(np.arange(3), 20)
    pairs, match = load_script("systems.omniglot").pairs_within(y, alphabet, 20, seed=0)
    assert len(pairs) == 60
    assert match.mean() == 0.5
    assert (alphabet[pairs[:, 0]] == alphabet[pairs[:, 1]]).all()
    assert ((y[pairs[:, 0]] == y[pairs[:, 1]]) == match).all()


def test_a_rotated_character_is_another_class(load_script):
    module = load_script("systems.omniglot")
    X = np.random.default_rng(0).random((3, module.SIZE**2), dtype=np.float32)
    turned, y = module.with_turned(X, np.array([4, 4, 7]))
    assert y.tolist() == [16, 16, 28, 17, 17, 29, 18, 18, 30, 19, 19, 31]
    assert (turned[:3] == X).all()
    assert (turned[6:9] == X[:, ::-1]).all()


@needs_data
def test_the_runs_of_lake_are_read_completely(load_script):
    known, new, answers = load_script("_common.data").load_omniglot_runs(DATA, block=4)
    assert known.shape == new.shape == (20, 20, 27 * 27)
    assert (np.sort(answers) == np.arange(20)).all()
    assert known[0, answers[0, 0]].mean() < 0.2
    distances = ((new[:, :, None] - known[:, None]) ** 2).mean(axis=-1)
    assert 0.1 < (distances.argmin(axis=2) == answers).mean() < 0.5


def character(size=105):
    content = BytesIO()
    Image.new("1", (size, size), 1).save(content, "png")
    return content.getvalue()


def write_runs(folder, files):
    path = folder / "omniglot" / "all_runs.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("labels", "size", "message"),
    [
        (None, 105, "no item named 'run01/class_labels.txt'"),
        ("run01/a.png run01/b.png\n", 105, "run01/class_labels.txt does not match 20 items"),
        ("run01/a.png run01/b.png\n" * 20, 105, "run01/class_labels.txt does not match 20 items"),
        (
            "".join(f"run01/a.png run01/{n}.png\n" for n in range(20)),
            90,
            r"cannot reshape array of size \d+ into shape \(20,35,3,35,3\)",
        ),
    ],
)
def test_bad_runs_are_refused_by_name(load_script, tmp_path, labels, size, message):
    names = ["run01/a.png", *(f"run01/{n}.png" for n in range(20))]
    files = dict.fromkeys(names, character(size))
    write_runs(tmp_path, files | ({"run01/class_labels.txt": labels} if labels else {}))
    with pytest.raises(ValueError, match=rf"all_runs\.zip.*{message}"):
        load_script("_common.data").load_omniglot_runs(tmp_path)
