"""The benchmarks on tiny settings: what they report, read and refuse."""

import gzip
import json
import re
import zipfile

import numpy as np
import pytest
from bench import DATA, ROOT, needs_data, run
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import NeighborhoodComponentsAnalysis

from sksiamese.losses import LOSSES

SOME_LOSSES = {name: LOSSES[name] for name in ("contrastive", "cosface", "triplet")}


@needs_data
def test_the_lab_run_again_reports_all_figures_of_all_models(
    benchmark, tmp_path, capsys, monkeypatch
):
    module = benchmark("fashion_mnist")
    for options in module.SEVERAL.values():  # Few processors have bfloat16.
        monkeypatch.setitem(options, "precision", "float32")
    results = run(module, tmp_path, "--seeds", 2, "--epochs", 1, "--rows", 300)
    pairs = {"lab_figure", "accuracy", "threshold", "auc", "eer"}
    rows = pairs | {"knn", "logistic", "seconds"}
    wanted = {
        "raw pixels": rows,
        "lab, pairs in file order": rows | {"accuracy_at_lab_threshold"},
        "lab, pairs shuffled": rows | {"accuracy_at_lab_threshold"},
        "SiameseEmbedder": rows,
        "SiameseEmbedder, defaults": rows,
        "SiameseEmbedder, supcon, width=512": rows,
        "SiameseEmbedder, supcon, cnn": rows,
    }
    assert [row["depth"] for row in results] == [None, 3, 3, 3, 4, 4, 4, 3, 3, 3]
    for row in results:
        assert len(row["runs"]) == 2
        assert set(row["summary"]) == wanted[row["model"]]
        assert all(0 <= row["summary"][key]["mean"] <= 1 for key in ("accuracy", "auc", "eer"))
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(results)


def test_the_threshold_comes_from_held_out_pairs(benchmark):
    pairs = np.array([0, 0]), np.array([1, 2]), np.array([True, False])
    held_out, test = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [0.5], [0.9]])
    figures = benchmark("fashion_mnist").measure_pairs((held_out, pairs), (test, pairs))
    assert figures["threshold"] == 1
    assert figures["accuracy"] == figures["lab_figure"] == 0.5
    assert figures["auc"] == 1


@pytest.mark.parametrize("n_copies", [0, 2])
def test_an_image_and_its_mirror_image_are_embedded_alike(benchmark, n_copies):
    X = np.random.default_rng(0).random((3, 784), dtype=np.float32)
    turned = X.reshape(3, 28, 28)[:, :, ::-1].reshape(3, 784)
    mean = benchmark("fashion_mnist").mean_of_copies(np.asarray, n_copies, X)
    mirrored = mean.reshape(3, 28, 28)[:, :, ::-1].reshape(3, 784)
    np.testing.assert_allclose(mean, mirrored, rtol=1e-5)
    assert np.allclose(mean, (X + turned) / 2) == (n_copies == 0)


def test_pairs_of_the_lab_follow_the_order_of_the_file(benchmark):
    y = np.array([1, 0, 0, 1, 1, 2, 0, 2, 2, 2])
    rows_of = [np.flatnonzero(y == label) for label in range(3)]
    rng = np.random.default_rng(0)
    left, right, match = benchmark("fashion_mnist").ordered_pairs(y, rng)
    assert left.tolist() == [1, 1, 2, 2, 0, 0, 3, 3, 5, 5, 7, 7]
    assert right[::2].tolist() == [2, 6, 3, 4, 7, 8]
    assert match.tolist() == [True, False] * 6
    for row, partner in zip(left[1::2], right[1::2], strict=True):
        assert y[row] != y[partner]
        place = rows_of[y[row]].tolist().index(row)
        assert rows_of[y[partner]][place] == partner


@pytest.mark.parametrize("depth", [3, 4])
def test_the_tower_of_the_lab_ends_rectified_and_drops_out_between(benchmark, depth):
    layers = [type(layer).__name__ for layer in benchmark("fashion_mnist").lab_tower(784, depth)]
    assert layers == ["Linear", "ReLU", "Dropout"] * (depth - 1) + ["Linear", "ReLU"]


def test_the_best_threshold_decides_most_pairs_rightly(benchmark):
    rng = np.random.default_rng(0)
    match = rng.random(60) < 0.3
    score = match + rng.normal(size=60)
    accuracies = [((score >= threshold) == match).mean() for threshold in [*score, np.inf]]
    chosen = benchmark("_report").best_threshold(match, score)
    assert ((score >= chosen) == match).mean() == max(accuracies)


@needs_data
def test_the_cost_of_an_epoch_is_held_against_cross_entropy(benchmark, tmp_path):
    rows = run(benchmark("epoch_cost"), tmp_path, "--rounds", 2, "--rows", 2000)
    for tower, n_rows in {"mlp": 2000, "cnn": 200}.items():
        reference, *others = (row for row in rows if row["tower"] == tower)
        assert reference["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
        assert all(set(row["seconds"]) == {"median", "min", "max"} for row in others)
        assert ["fixed_seconds" in row for row in others[:2]] == [True, True]
        assert {row["rows"] for row in others} == {n_rows}


def test_losses_are_timed_beside_the_peer_and_their_memory_is_taken(
    benchmark, tmp_path, monkeypatch
):
    module = benchmark("losses")
    some = {("supcon", "all"), ("triplet", "semihard"), ("cosface", "all")}
    monkeypatch.setattr(module, "PEERS", {key: module.PEERS[key] for key in some})
    monkeypatch.setattr(module, "LOSSES", {"supcon": module.LOSSES["supcon"], **SOME_LOSSES})
    some_miners = {name: module.MINERS[name] for name in ("all", "semihard")}
    monkeypatch.setattr(module, "MINERS", some_miners)
    monkeypatch.setattr(module, "peak_in_new_process", module.peak)
    results = run(module, tmp_path, "--rounds", 1, "--rows", 64, "--peak-rows", 128)
    assert {(row["loss"], row["miner"]) for row in results["time"]} == some
    assert all(row["ours_ms"] > 0 and row["peer_ms"] > 0 for row in results["time"])
    assert len(results["memory"]) == 5
    assert all(row["megabytes"] >= 0 for row in results["memory"])


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_every_peer_of_a_loss_computes(benchmark):
    module = benchmark("losses")
    Z, y = module.data(64, 8, 8)
    for loss, miner in module.PEERS:
        for make in (module.our_step, module.peer_step):
            make(loss, miner, 8, 8)(Z, y)
    assert {loss for loss, _ in module.PEERS} == set(module.LOSSES)


@needs_data
def test_the_table_of_losses_ranks_all_of_them(benchmark, tmp_path, monkeypatch):
    module = benchmark("loss_table")
    monkeypatch.setattr(module, "CONTENDERS", [("supcon", "all"), ("triplet", "semihard")])
    results = run(module, tmp_path, "--seeds", 1, "--epochs", 1, "--rows", 200)
    assert [row["loss"] for row in results] == ["raw rows", "supcon", "triplet"]
    assert results[0]["rank"] is None
    assert results[1]["rank"] + results[2]["rank"] == 3
    for row in results:
        assert len(row["data"]) == 6
        for figures in row["data"].values():
            assert all(0 <= figures[key]["mean"] <= 1 for key in ("knn", "map_at_r", "auc"))


@needs_data
def test_the_published_multiple_features_and_characters_are_read_whole(benchmark):
    data = benchmark("_data")
    X, y = data.load_mfeat(DATA)
    assert X.shape == (2000, 649)
    assert np.bincount(y).tolist() == [200] * 10
    X, y, alphabet = data.load_omniglot(DATA)
    assert X.shape == (964 * 20, 35 * 35)
    assert 0.02 < X.mean() < 0.1
    assert set(np.bincount(y)) == {20}
    assert len(np.unique(alphabet)) == 30


@needs_data
def test_every_table_of_unseen_identities_carries_the_raw_distance(
    benchmark, tmp_path, monkeypatch
):
    module = benchmark("verify_digits")
    monkeypatch.setattr(module, "N_PAIRS", 200)
    monkeypatch.setattr(module, "N_PEOPLE", (4, 8))
    results = run(module, tmp_path, "--seeds", 1, "--splits", 1, "--folds", 1)
    assert len({row["model"] for row in results["known"]}) == 2 * len(module.VERIFIERS) + 2
    groups = {(row["task"], row["n_identities"]) for row in results["unseen"]}
    assert len(groups) == 3
    for group in groups:
        rows = [row for row in results["unseen"] if (row["task"], row["n_identities"]) == group]
        assert {"SiameseVerifier", "distance of pixels"} < {row["model"] for row in rows}
        assert all(set(row["summary"]) == {"auc", "accuracy", "eer", "tar"} for row in rows)


def test_people_of_test_pairs_are_never_learned_from(benchmark):
    people = np.repeat(np.arange(40), 10)
    images = 100 * people[:, None] + np.tile(np.arange(10), 40)[:, None]
    tested = set()
    for (P, match), (P_test, _) in benchmark("verify_digits").unseen_people(images, people, 16, 5):
        known, new = set((P // 100).ravel()), set((P_test // 100).ravel())
        assert (len(known), len(new)) == (16, 8)
        assert not known & new
        assert match.sum() == 16 * 45
        tested |= new
    assert tested == set(range(40))


def test_unseen_digits_are_never_learned_from(benchmark, monkeypatch):
    module = benchmark("verify_digits")
    y = np.repeat(np.arange(10), 40)
    X = 100 * y[:, None] + np.tile(np.arange(40), 10)[:, None]
    monkeypatch.setattr(module, "load_digits", lambda return_X_y: (X, y))
    monkeypatch.setattr(module, "N_PAIRS", 1000)
    held_out = []
    for (P, _), (P_test, _) in module.unseen_digits(5):
        known, new = set((P // 100).ravel()), set((P_test // 100).ravel())
        assert (len(known), len(new)) == (8, 2)
        assert not known & new
        held_out += new
    assert sorted(held_out) == list(range(10))


def test_an_estimator_that_stops_the_checks_is_reported(benchmark, tmp_path, monkeypatch):
    module = benchmark("peers")

    class Broken(DummyClassifier):
        def __sklearn_tags__(self):
            raise RuntimeError

        def fit(self, X, y):
            raise TypeError

    chosen = {"ours": NeighborhoodComponentsAnalysis(max_iter=5), "broken": Broken()}
    monkeypatch.setattr(module, "estimators", lambda: chosen)
    passing, broken = run(module, tmp_path)
    assert passing["counts"] == {"passed": 48}
    assert (passing["failed"], passing["stopped"], passing["digits"]) == ([], None, "yes")
    assert (broken["counts"], broken["stopped"], broken["digits"]) == (
        {},
        "RuntimeError",
        "TypeError",
    )


IDX = (2051).to_bytes(4, "big") + np.array([2, 28, 28], ">i4").tobytes() + bytes(2 * 784)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not gzip at all", "cannot be unpacked"),
        (gzip.compress(IDX)[:30], "cannot be unpacked"),
        (gzip.compress(b"\0\0\x08\x01" + IDX[4:]), "begins with 2049, not with 2051"),
        (gzip.compress(IDX[:-1]), r"holds 1567 values, but its header says \[2, 28, 28\]"),
        (gzip.compress(IDX[:7]), "it is cut off"),
    ],
    ids=["not gzip", "gzip cut off", "labels", "pixel missing", "header cut off"],
)
def test_a_bad_idx_file_is_named(benchmark, tmp_path, content, message):
    path = tmp_path / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"train-images-idx3-ubyte\.gz .*{message}"):
        benchmark("_data").load_fashion_mnist(tmp_path)


PGM = b"P5\n3 2\n255\n" + bytes(range(6))


def write_faces(folder, files):
    path = folder / "att-faces" / "att_faces.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_faces_come_in_the_order_of_the_people(benchmark, tmp_path):
    write_faces(tmp_path, {"s10/1.pgm": PGM, "README": "", "s2/1.pgm": PGM[:-1] + b"\x09"})
    faces, y = benchmark("_data").load_att_faces(tmp_path)
    assert y.tolist() == [2, 10]
    assert faces[0].tolist() == [[0, 1, 2], [3, 4, 9]]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "does not hold images"),
        ({"face.pgm": PGM}, "does not hold images"),
        ({"s1/1.pgm": PGM, "s1/2.pgm": b"P5\n1 1\n255\n\0"}, "of one size"),
        ({"s1/1.pgm": PGM[1:]}, "s1/1.pgm begins with .* is it a binary PGM file"),
        ({"s1/1.pgm": PGM[:-1]}, "s1/1.pgm holds 5 pixels, but its header says 2 x 3"),
    ],
)
def test_a_bad_face_is_named(benchmark, tmp_path, files, message):
    write_faces(tmp_path, files)
    with pytest.raises(ValueError, match=message):
        benchmark("_data").load_att_faces(tmp_path)


def test_a_broken_archive_of_faces_is_named(benchmark, tmp_path):
    path = write_faces(tmp_path, {"s1/1.pgm": PGM})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"att_faces.zip cannot be unpacked"):
        benchmark("_data").load_att_faces(tmp_path)


@needs_data
def test_the_published_faces_are_read_whole(benchmark):
    faces, y = benchmark("_data").load_att_faces(DATA)
    assert faces.shape == (400, 112, 92)
    assert np.bincount(y).tolist() == [0] + [10] * 40


def test_the_tables_of_readme_and_docs_are_up_to_date(benchmark):
    module = benchmark("tables")
    module.main(["--check"])
    pages = [(ROOT / name).read_text("utf-8") for name in module.PLACES if name != "README.md"]
    shown = [name for page in pages for name in re.findall(r"\.\. table:(\w+)", page)]
    assert sorted(shown) == sorted(module.TABLES)


def test_every_figure_of_a_system_is_read_from_the_results(benchmark):
    tables = benchmark("tables")
    _, *files = tables.TABLES["systems"]
    results = [
        json.loads((ROOT / "benchmarks" / "results" / file).read_text("utf-8"))["results"]
        for file in files
    ]

    def figures():
        header, rows = tables.systems(*results)
        places = [header.index(name) for name in ("named network, rebuilt", "ours")]
        return [row[place] for row in rows for place in places if row[place]]

    before = figures()
    for rows in results:
        for row in rows:
            for measure in row.get("summary", {}).values():
                measure["mean"] += 1
    assert not any(old == new for old, new in zip(before, figures(), strict=True))


def test_an_outdated_table_is_found_and_rewritten(benchmark, tmp_path, monkeypatch):
    module = benchmark("tables")
    places = {name: module.PLACES[name] for name in ("README.md", "docs/benchmarks.rst")}
    monkeypatch.setattr(module, "PLACES", places)
    peer = {"name": "peer", "counts": {"passed": 3}, "stopped": None, "digits": "yes"}
    results = tmp_path / "benchmarks" / "results" / "peers.json"
    readme, docs = tmp_path / "README.md", tmp_path / "docs" / "benchmarks.rst"
    for path, content in {
        results: json.dumps({"results": [peer]}),
        readme: "before\n<!-- table:peers -->\nold\n<!-- /table -->\nafter\n",
        docs: "before\n\n.. table:peers\n\nold\n\n.. end-table\n\nafter\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    with pytest.raises(SystemExit, match=r"README.md, docs/benchmarks.rst out of date"):
        module.main(["--check", "--root", str(tmp_path)])
    assert "old" in readme.read_text()
    module.main(["--root", str(tmp_path)])
    module.main(["--check", "--root", str(tmp_path)])
    for path in (readme, docs):
        text = path.read_text()
        assert "old" not in text
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
    assert "| peer | 3 | 0 | 0 |  | yes |\n" in readme.read_text()
    assert "   * - peer\n     - 3\n     - 0\n     - 0\n     -\n     - yes\n" in docs.read_text()
