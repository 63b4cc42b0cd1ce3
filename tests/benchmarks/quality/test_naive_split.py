"""The benchmark of splits on tiny settings."""

import numpy as np
import pytest

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_splits_promise_and_new_people_tell(load_script, tmp_path):
    module = load_script("quality.identities")
    results = run(module, tmp_path, "--seeds", 1, "--max-iter", 2, name="naive_split")
    rows = {row["pairs to test on"]: row for row in results}
    assert list(rows) == [module.NAIVE, module.APART, module.ALL_LEFT, module.TRUTH]
    dropped, share = (
        {name: row["summary"][key]["mean"] for name, row in rows.items() if key in row["summary"]}
        for key in ("pairs dropped", "matches")
    )
    assert list(dropped) == [module.NAIVE, module.APART, module.ALL_LEFT]
    assert dropped[module.NAIVE] == 0
    assert 0.1 < dropped[module.ALL_LEFT] < dropped[module.APART] < 0.4
    assert share[module.ALL_LEFT] > 0.8
    for name in (module.NAIVE, module.APART, module.TRUTH):
        assert share[name] == pytest.approx(0.5, abs=0.01)
    for row in rows.values():
        assert 0.5 < row["summary"]["AUC"]["mean"] <= 1


def test_pairs_of_people_hold_all_matches_and_as_many_non_matches(load_script):
    X, y = np.arange(40)[:, None], np.arange(40) % 4
    pairs, match, people = load_script("quality.identities").pairs_of_people(X, y, 0)
    assert len({frozenset(pair) for pair in pairs.index[match].tolist()}) == 4 * 45
    assert match.mean() == pytest.approx(0.5)
    np.testing.assert_array_equal(people[:, 0] == people[:, 1], match)
