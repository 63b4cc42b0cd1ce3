"""The benchmark of graded similarity on tiny settings: its terms, its head, its loader."""

import gzip

import numpy as np
import pytest
import torch

from tests._helpers.benchmarks import DATA, needs_data, run


@needs_data
def test_all_models_report_rank_correlations_and_paraphrases(load_script, tmp_path, monkeypatch):
    module = load_script("systems.graded_similarity")
    kinds = tuple((64, kind) for _, kind in module.KINDS)
    monkeypatch.setattr(module, "KINDS", kinds)
    monkeypatch.setattr(module, "SIZES", [64] * len(kinds))
    settings = {**module.regressor.keywords, "max_iter": 1}
    small = module.partial(module.SiameseRegressor, 64 * len(kinds), **settings)
    monkeypatch.setitem(module.MODELS, "SiameseRegressor", module.of_terms(small, lambda P: P))
    part = tmp_path / "part"
    options = ["--seeds", 2, "--rows", 200, "--partial-file", part]
    published, ours = np.split(run(module, tmp_path, *options), [len(module.PUBLISHED)])
    assert all(set(row["published"]) == {"test, Spearman"} for row in published)
    assert [row["model"] for row in ours] == list(module.MODELS)
    assert [len(row["runs"]) for row in ours] == [1] * (len(ours) - 1) + [2]
    for row in ours[:-1]:
        assert row["summary"]["test, Spearman"]["mean"] > 0.3
    assert run(module, tmp_path, *options)[-1] == ours[-1]


def test_stems_of_a_word_are_equal(load_script):
    module = load_script("systems.graded_similarity")
    assert {module.stem(word) for word in ("bake", "bakes", "baked", "baking")} == {"bak"}
    assert module.stems("Is he?") == ["is", "he"] == module.content_stems("Is he?")
    assert module.content_stems("He is baking cakes") == ["bak", "cak"]


def test_overlaps_are_symmetric_and_counted_kind_by_kind(load_script, monkeypatch):
    module = load_script("systems.graded_similarity")
    monkeypatch.setattr(module, "SIZES", [3, 2])
    A, B = torch.tensor([[3.0, 1, 0, 0, 0]]), torch.tensor([[1.0, 0, 1, 0, 0]])
    found = module.overlaps_of(A, B)
    expected = [1.01 / 2.01, 1.01 / 4.01, 1.01 / 2.01, 1.01 / 2.01]
    expected += [np.log(3), np.log(5), np.log(2), 3 / 20**0.5]
    np.testing.assert_allclose(found[0, :8], expected, rtol=1e-6)
    np.testing.assert_array_equal(found[0, 8:], [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(module.overlaps_of(B, A), found)


@needs_data
def test_the_pairs_of_the_benchmark_are_read_completely(load_script):
    data = load_script("_common.data")
    for part, mean in (("train", 2.7009), ("dev", 2.3639), ("test", 2.6079)):
        left, right, score = data.load_sts(DATA, part)
        assert len(left) == len(right) == len(score) == data.STS_PAIRS[part]
        assert score.mean() == pytest.approx(mean, abs=1e-3)
        assert all(left)
        assert all(right)
    assert len(data.load_sts(DATA, without=("MSRpar",))[0]) == 4749


LINE = 'news\tMSRpar\t2012\t1\t2.5\tHe said "yes.\tYes, he said.\n'


def write_pairs(folder, content):
    path = folder / "sts-benchmark" / "sts-dev.csv.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(content.encode()))


def test_quotation_marks_are_kept_and_further_columns_ignored(load_script, tmp_path, monkeypatch):
    monkeypatch.setitem(load_script("_common.data").STS_PAIRS, "dev", 2)
    write_pairs(tmp_path, LINE + LINE.replace("\n", "\tmore\n"))
    left, right, score = load_script("_common.data").load_sts(tmp_path, "dev")
    assert left.tolist() == 2 * ['He said "yes.']
    assert right.tolist() == 2 * ["Yes, he said."]
    assert score.tolist() == [2.5, 2.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LINE, "1 pairs"),
        (LINE + "news\tMSRpar\n", "fewer than 7 columns"),
        (LINE + LINE.replace("2.5", "high"), "could not convert"),
        (LINE + LINE.replace("2.5", "5.5"), r"out of \[0, 5\]"),
    ],
)
def test_bad_files_of_pairs_are_refused_by_name(
    load_script, tmp_path, monkeypatch, content, message
):
    monkeypatch.setitem(load_script("_common.data").STS_PAIRS, "dev", 2)
    write_pairs(tmp_path, content)
    with pytest.raises(ValueError, match=rf"sts-dev\.csv\.gz.*{message}"):
        load_script("_common.data").load_sts(tmp_path, "dev")
