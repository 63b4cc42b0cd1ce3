"""The benchmark of paraphrases on tiny settings: its terms, its head, its loader, its report."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from sksiamese import stack_pairs
from tests._helpers.benchmarks import DATA, needs_data, run


@needs_data
def test_paraphrases_report_published_and_own_figures(load_script, tmp_path, monkeypatch):
    module = load_script("systems.paraphrase")
    monkeypatch.setattr(module, "N_BUCKETS", 256)
    results = run(module, tmp_path, "--seeds", 2, "--rows", 500)
    n_published = len(module.PUBLISHED)
    published, ours = results[:n_published], results[n_published:]
    assert all(set(row["published"]) == {"accuracy", "F1"} for row in published)
    assert [row["model"] for row in ours] == list(module.MODELS)
    for row in ours:
        assert len(row["runs"]) == 2
        assert 0.5 < row["summary"]["accuracy"]["mean"] < 1
        assert 0.5 < row["summary"]["F1"]["mean"] < 1


def test_each_kind_of_terms_has_its_own_columns(load_script):
    module = load_script("systems.paraphrase")
    sentences = ["Three of 12 ships left", "12 ships left", "In 1999 it rained"]
    X = module.kinds_of_terms().fit(sentences).transform(["12 shipwrecks, 12"]).toarray()
    X = X.reshape(len(module.KINDS), module.N_BUCKETS)
    words, pairs, triples, *_, numbers, capitals = (X > 0).sum(axis=1)
    assert (words, pairs, triples) == (2, 2, 1)
    assert (numbers, capitals) == (1, 0)


def test_the_overlap_of_rows_is_counted_kind_by_kind(load_script):
    module = load_script("systems.paraphrase")
    n_kinds = len(module.KINDS)
    A, B = torch.zeros(1, n_kinds, 3), torch.zeros(1, n_kinds, 3)
    A[0, 0], B[0, 0] = torch.tensor([3.0, 1, 0]), torch.tensor([1.0, 0, 1])
    found = module.overlaps_of(A, B).unflatten(1, (6, n_kinds))[0]
    expected = [1, 1, 3, 1.01 / 2.01, 1.01 / 4.01, 3 / 20**0.5]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)
    assert (found[:3, 1:] == 0).all()
    np.testing.assert_array_equal(module.overlaps_of(B, A), module.overlaps_of(A, B))


def test_the_baselines_read_rows_of_length_one(load_script):
    module = load_script("systems.paraphrase")
    left, right = csr_array([[3.0, 4, 0], [2, 0, 0]]), csr_array([[6.0, 8, 0], [0, 5, 0]])
    P = stack_pairs(left, right)
    np.testing.assert_allclose(module.cosine(P), [1, 0])
    expected = [[0, 0, 0, 0.36, 0.64, 0], [1, 1, 0, 0, 0, 0]]
    np.testing.assert_allclose(module.differences(P).toarray(), expected, atol=1e-12)


HEADER = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
PAIR = '1\t1\t2\tHe said "yes.\tYes, he said.\n'


@needs_data
def test_the_pairs_of_the_corpus_are_read_completely(load_script):
    for part, share in (("train", 0.675), ("test", 0.665)):
        left, right, match = load_script("_common.data").load_mrpc(DATA, part)
        assert len(left) == len(right) == len(match) == load_script("_common.data").MRPC_PAIRS[part]
        assert match.mean() == pytest.approx(share, abs=1e-3)
        assert all(left)
        assert all(right)


def test_quotation_marks_are_kept(load_script, tmp_path, monkeypatch):
    monkeypatch.setitem(load_script("_common.data").MRPC_PAIRS, "train", 2)
    write_pairs(tmp_path, HEADER + 2 * PAIR)
    left, right, match = load_script("_common.data").load_mrpc(tmp_path)
    assert left.tolist() == 2 * ['He said "yes.']
    assert right.tolist() == 2 * ["Yes, he said."]
    assert match.all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PAIR, "does not begin with 'Quality'"),
        (HEADER + PAIR + "2" + PAIR[1:], "2 pairs, or qualities other than 0 and 1"),
        (HEADER + "1\t1\t2\tOnly one.\n", "not enough values"),
        (HEADER + 3 * PAIR, "3 pairs, or"),
    ],
)
def test_bad_files_of_pairs_are_refused_by_name(load_script, tmp_path, content, message):
    write_pairs(tmp_path, content)
    with pytest.raises(ValueError, match=rf"msr_paraphrase_train\.txt.*{message}"):
        load_script("_common.data").load_mrpc(tmp_path)


def write_pairs(folder, content):
    path = folder / "mrpc" / "msr_paraphrase_train.txt"
    path.parent.mkdir()
    path.write_text(content, "utf-8")
