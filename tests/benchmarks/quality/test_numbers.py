"""The comparison of embeddings of rows with numbers on tiny settings."""

import numpy as np
from sklearn.datasets import make_regression
from sklearn.decomposition import PCA

from tests._helpers.benchmarks import run


def test_each_embedding_is_measured_on_all_data_sets(load_script, tmp_path, monkeypatch):
    module = load_script("quality.numbers")
    monkeypatch.setattr(module, "N_ROWS", 60)
    part = tmp_path / "part"
    options = ["--seeds", 2, "--max-iter", 1, "--partial-file", part]
    results = run(module, tmp_path, *options)
    assert [row["model"] for row in results] == list(module.MODELS)
    for row in results:
        assert list(row["summary"]) == list(module.DATA_SETS)
        assert len(row["runs"]) == 2
    assert run(module, tmp_path, *options) == results


def test_the_map_of_mlkr_decreases_the_error_of_the_kernel_regression(load_script):
    module = load_script("quality.numbers")
    X, y = make_regression(80, 10, n_informative=2, random_state=0)

    def error(Z):
        K = np.exp(-np.square(Z[:, None] - Z).sum(axis=2))
        np.fill_diagonal(K, 0)
        return np.square(K @ y / K.sum(axis=1) - y).sum()

    before = error(PCA(module.N_POINTS).fit(X).transform(X))
    assert error(module.kernel_regression(X, y, 0).transform(X)) < 0.1 * before
