"""The benchmark of splits on tiny settings."""

import numpy as np
import pytest
from scripts import needs_data, run


@needs_data
def test_splits_promise_and_new_people_tell(load_script, tmp_path):
    module = load_script("quality.naive_split")
    rows = {row["split"]: row for row in run(module, tmp_path, "--seeds", 1, "--max-iter", 2)}
    assert list(rows) == [module.NAIVE, module.APART, module.TRUTH]
    assert rows[module.NAIVE]["summary"]["dropped"]["mean"] == 0
    assert 0.1 < rows[module.APART]["summary"]["dropped"]["mean"] < 0.3
    assert "dropped" not in rows[module.TRUTH]["summary"]
    for row in rows.values():
        assert 0.5 < row["summary"]["auc"]["mean"] <= 1


def test_pairs_of_people_are_all_that_match_and_as_many_others(load_script):
    X, y = np.arange(40)[:, None], np.arange(40) % 4
    pairs, match, people = load_script("quality.naive_split").pairs_of(X, y, 0)
    assert len({frozenset(pair) for pair in pairs.index[match].tolist()}) == 4 * 45
    assert match.mean() == pytest.approx(0.5)
    np.testing.assert_array_equal(people[:, 0] == people[:, 1], match)
