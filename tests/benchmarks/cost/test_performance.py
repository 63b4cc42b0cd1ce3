"""The benchmarks of inference, memory, search, chunks and views, on tiny settings."""

import numpy as np
import pytest

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_inference_is_compared_with_the_bare_module(load_script, tmp_path):
    arguments = ("--rounds", 1, "--calls", 3, "--imports", 1, "--rows", 2000)
    results = run(load_script("cost.inference"), tmp_path, *arguments)
    ways = {row["way"] for row in results["inference_rows"]}
    assert {"tower, in chunks of a tensor", "transform, float32", "transform, uint8"} < ways
    for tower, n_rows in {"mlp": 2000, "cnn": 200}.items():
        reference, *others = (row for row in results["inference_rows"] if row["tower"] == tower)
        assert reference["throughput"] == 1
        assert {row["rows"] for row in others} == {n_rows}
        for row in others:
            assert row["throughput"] == pytest.approx(reference["seconds"] / row["seconds"])
    bare, *calls, imported = results["inference_pair"]
    assert bare["beside"] == 0
    assert all(0 < call["beside"] < call["milliseconds"] for call in calls)
    assert 0 < imported["milliseconds"] < 5000


def test_memory_is_recorded_for_arrays_and_files(load_script, tmp_path, monkeypatch):
    module = load_script("cost.memory")
    monkeypatch.setattr(module, "in_new_process", lambda function, case: function(case))
    monkeypatch.setattr(module, "CHANGES", [{}, {"dtype": "float32", "rows": 30_000}])
    monkeypatch.setattr(module, "N_BATCHES", 20)
    results = run(module, tmp_path, "--scale", 0.02, "--gigabytes", 0.01)
    assert [row["rows"] for row in results["memory"]] == [1200, 600]
    assert [row["data"] for row in results["memory"]] == [1200 * 784 / 2**20, 600 * 3136 / 2**20]
    assert [row["step"] for row in results["memory_files"]] == 2 * ["fit", "transform"]
    for row in [*results["memory"], *results["memory_files"]]:
        for step in ("fit", "transform"):
            assert 50 < row[step]["anonymous"] <= row[step]["resident"] < 3000
            assert row[step]["seconds"] > 0


def test_a_file_is_indexed_by_slices_and_row_numbers(load_script, tmp_path):
    module = load_script("cost.memory")
    path = tmp_path / "rows.dat"
    y = module.write_rows(path, 20_000, 3)
    X = np.fromfile(path, np.float32).reshape(20_000, 3)
    reader = module.Reader(path, X.shape)
    np.testing.assert_array_equal(reader[5:9], X[5:9])
    rows = np.array([0, 7, 19_999])
    np.testing.assert_array_equal(reader[rows], X[rows])
    brightness = [X[y == label].mean() for label in range(10)]
    np.testing.assert_allclose(np.diff(brightness), 12, atol=5)


@needs_data
def test_workers_find_the_scores_of_one_process(load_script, tmp_path):
    results = run(
        load_script("cost.inference"),
        tmp_path,
        "--rows",
        300,
        "--epochs",
        1,
        "--rounds",
        1,
        name="search",
    )
    assert len(results) == 3
    assert max(row["speedup"] for row in results[:2]) == 1
    assert all(0 < row["seconds"] <= row["first"] for row in results)


@pytest.mark.filterwarnings("ignore:target_far=.* needs 199 enrolled classes")
def test_enrolling_one_row_is_compared_with_a_fit(load_script, tmp_path):
    arguments = ("--rounds", 2, "--classes", 2000)
    results = run(load_script("cost.inference"), tmp_path, *arguments, name="enrollment")
    assert [row["classes"] for row in results] == [20, 200, 2000]
    assert all(row[name] > 0 for row in results for name in ("seconds", "enroll", "forget"))


@needs_data
def test_chunks_are_held_against_all_rows(load_script, tmp_path, monkeypatch):
    module = load_script("cost.training")
    monkeypatch.setattr(module, "N_PASSES", 1)
    monkeypatch.setattr(module, "N_CHUNKS", 2)
    results = run(module, tmp_path, "--seeds", 2, "--rows", 400, name="chunks")
    assert [len(row["runs"]) for row in results] == [2, 2, 2]
    whole, falls, stays = (row["summary"]["5-NN"]["mean"] for row in results)
    assert 0.3 < whole < 1
    assert falls == stays


def test_the_step_size_falls_from_pass_to_pass(load_script, monkeypatch):
    module = load_script("cost.training")
    rates, seen = [], []

    class Recorder(module.SiameseEmbedder):
        def partial_fit(self, X, y, classes=None):
            rates.append(self.learning_rate_init)
            seen.append(X[:, 0])

    monkeypatch.setattr(module, "SiameseEmbedder", Recorder)
    X = np.arange(6.0).reshape(-1, 1)
    monkeypatch.setattr(module, "N_PASSES", 4)
    monkeypatch.setattr(module, "N_CHUNKS", 2)
    module.fit_chunks(X, np.arange(6) % 2, 0, falls=True)
    np.testing.assert_allclose(rates, np.repeat([2e-3, 1.5e-3, 1e-3, 0.5e-3], 2))
    np.testing.assert_array_equal(np.sort(np.concatenate(seen[:2])), X[:, 0])


@needs_data
def test_a_view_is_timed_against_embedding_once_and_the_head(load_script, tmp_path):
    arguments = ("--rounds", 2, "--items", 2000, "--pairs", 20_000)
    results = run(load_script("cost.inference"), tmp_path, *arguments, name="pair_view")
    assert set(results["seconds"]) == {"predict_proba", "transform_items", "head"}
    assert all(value > 0 for value in results["seconds"].values())
    assert results["ratio"]["min"] <= results["ratio"]["median"] <= results["ratio"]["max"]
    assert 0 < results["megabytes"] < 500
    assert results["megabytes_before"] > 0


def test_the_bare_head_gives_the_probabilities_of_the_verifier(load_script):
    module = load_script("cost.inference")
    X = np.random.default_rng(0).integers(256, size=(50, 12), dtype=np.uint8)
    pairs, match, _ = module.make_pairs(X, np.arange(50) % 5, n_pairs=100, as_view=True)
    verifier = module.SiameseVerifier(max_iter=1, random_state=0).fit(pairs, match)
    assert module.pair_seconds(X, pairs, verifier, 1)["seconds"]["head"] > 0
    found = module.head_over_pairs(verifier, verifier.transform_items(X), pairs.index)
    np.testing.assert_allclose(found, verifier.predict_proba(pairs)[:, 1], atol=1e-5)


@needs_data
def test_an_approximate_index_is_compared_with_an_exact_search(load_script, tmp_path):
    arguments = ("--templates", 2000, "--queries", 50, "--rounds", 1)
    results = run(load_script("cost.neighbors"), tmp_path, *arguments, name="approximate")
    assert [row["index"] for row in results] == 4 * ["exact", "approximate"]
    assert [row["templates"] for row in results[::2]] == [2000, 200, 200, 2000]
    for exact, approximate in zip(results[::2], results[1::2], strict=True):
        assert exact["recall"] == 1
        assert approximate["recall"] > 0.9
        assert abs(approximate["accuracy"] - exact["accuracy"]) < 0.1
        assert approximate["megabytes"] > 0
