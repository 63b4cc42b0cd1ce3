"""The benchmarks of views and of splits on tiny settings."""

import numpy as np
import pytest
from bench import needs_data, run


@needs_data
def test_a_view_is_timed_against_embedding_once_and_the_head(benchmark, tmp_path):
    arguments = ("--rounds", 2, "--items", 2000, "--pairs", 20_000)
    results = run(benchmark("pair_view"), tmp_path, *arguments)
    assert set(results["seconds"]) == {"predict_proba", "transform_items", "head"}
    assert all(value > 0 for value in results["seconds"].values())
    assert results["ratio"]["min"] <= results["ratio"]["median"] <= results["ratio"]["max"]
    assert 0 < results["megabytes"] < 500
    assert results["megabytes_before"] > 0


def test_the_bare_head_gives_the_probabilities_of_the_verifier(benchmark):
    module = benchmark("pair_view")
    X = np.random.default_rng(0).integers(256, size=(50, 12), dtype=np.uint8)
    pairs, match, _ = module.make_pairs(X, np.arange(50) % 5, n_pairs=100, as_view=True)
    verifier = module.SiameseVerifier(max_iter=1, random_state=0).fit(pairs, match)
    assert module.time(X, pairs, verifier, 1)["seconds"]["head"] > 0
    logit = module.head_over_pairs(verifier, verifier.transform_items(X), pairs.index)
    np.testing.assert_allclose(logit.numpy(), verifier.decision_function(pairs), atol=1e-5)


@needs_data
def test_splits_promise_and_new_people_tell(benchmark, tmp_path):
    module = benchmark("naive_split")
    rows = {row["split"]: row for row in run(module, tmp_path, "--seeds", 1, "--max-iter", 2)}
    assert list(rows) == [module.NAIVE, module.APART, module.TRUTH]
    assert rows[module.NAIVE]["summary"]["dropped"]["mean"] == 0
    assert 0.1 < rows[module.APART]["summary"]["dropped"]["mean"] < 0.3
    assert "dropped" not in rows[module.TRUTH]["summary"]
    for row in rows.values():
        assert 0.5 < row["summary"]["auc"]["mean"] <= 1


def test_pairs_of_people_are_all_that_match_and_as_many_others(benchmark):
    X, y = np.arange(40)[:, None], np.arange(40) % 4
    pairs, match, people = benchmark("naive_split").pairs_of(X, y, 0)
    assert len({frozenset(pair) for pair in pairs.index[match].tolist()}) == 4 * 45
    assert match.mean() == pytest.approx(0.5)
    np.testing.assert_array_equal(people[:, 0] == people[:, 1], match)
