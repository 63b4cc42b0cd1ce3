"""The benchmark of memory on sparse rows, on tiny settings."""

import numpy as np

from tests._helpers.benchmarks import run


def test_memory_is_measured_in_a_process_of_its_own(load_script, tmp_path):
    arguments = ("--epochs", 1, "--rows", 400, "--columns", 300)
    (found,) = run(load_script("cost.memory"), tmp_path, *arguments, name="sparse_memory")
    assert (found["n_rows"], found["n_columns"]) == (400, 300)
    assert 50 < found["imports"] <= found["rows"] <= found["peak"] < 2000
    assert found["dense"] == 400 * 300 * 4 / 2**20
    assert 0 < found["csr"] < found["dense"]


def test_sparse_rows_of_a_class_share_columns(load_script):
    X, y = load_script("cost.memory").sparse_rows(2000, 20_000)
    assert X.dtype == np.float32
    assert X.has_canonical_format
    assert 95 < X.nnz / 2000 <= 100
    own = [X[y == label].astype(bool).sum(axis=0) for label in (0, 1)]
    preferred = [np.argsort(counts)[-100:] for counts in own]
    assert own[0][preferred[0]].mean() > 5 * own[1][preferred[0]].mean()
    assert len(set(preferred[0]) & set(preferred[1])) < 10
