"""Test the benchmark of learning without labels."""

import numpy as np
import pytest

from tests._helpers.benchmarks import run


@pytest.fixture
def unlabeled(load_script):
    return load_script("quality.unlabeled")


def test_models_learn_from_the_labels_that_they_may_see(unlabeled, tmp_path):
    results = run(unlabeled, tmp_path, "--draws", 1, "--sets", "digits", "--max-iter", 1)
    assert [row["model"] for row in results] == [*unlabeled.MODELS]
    for row in results:
        for probe in unlabeled.PROBES:
            labels = ["10", "100"] if row["model"] == "labels alone" else ["1", "10", "100"]
            assert [*row["accuracy"][probe]] == labels
            assert np.min([*row["accuracy"][probe].values()]) > 0.15
    cells = unlabeled.columns(results)
    assert (
        cells[0]["neighbors, 100 labels"]
        == f"{100 * results[0]['accuracy']['neighbors']['100'][0]:.1f}"
    )
    assert cells[3]["linear probe, 1 label"] == ""


def test_the_first_rows_of_each_class_have_a_label(unlabeled):
    y = np.array(["b", "a", "b", "b", "a", "a"])
    assert unlabeled.with_few_labels(y, 1).tolist() == [1, 0, -1, -1, -1, -1]
    assert unlabeled.with_few_labels(y, 100).tolist() == [1, 0, 1, 1, 0, 0]
