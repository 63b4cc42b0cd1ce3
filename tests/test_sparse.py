"""Sparse input: the same answers as for the dense rows, a few rows at a time."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sksiamese import (
    SiameseEmbedder,
    SiameseVerifier,
    _arrays,
    make_pairs,
    split_pairs,
    stack_pairs,
)
from sksiamese.metrics import recall_at_k

CONTAINERS = [sparse.csr_matrix, sparse.csr_array, sparse.coo_array]


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_embedder_of_sparse_rows_embeds_dense_ones_alike(digits, container):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(8, random_state=0, max_iter=10).fit(container(X_train), y_train)
    Z = embedder.transform(container(X_test))
    np.testing.assert_allclose(embedder.transform(X_test), Z, rtol=1e-6, atol=1e-9)
    assert recall_at_k(y_test, Z) > 0.93


def test_sparse_columns_share_one_scale_and_keep_their_zeros(digits):
    X = digits[0]
    weight = np.arange(len(X)) % 3.0
    layer = _arrays.standardization(sparse.csr_array(X), rows=np.arange(len(X)))
    assert not layer.mean.any()
    np.testing.assert_allclose(layer.scale, np.sqrt(np.mean(X**2)))
    both = _arrays.standardization(
        *2 * [sparse.csr_array(X)], rows=np.arange(len(X)), sample_weight=weight
    )
    np.testing.assert_allclose(both.scale**2, np.average((X**2).mean(axis=1), weights=weight))
    nothing = _arrays.standardization(sparse.csr_array((5, 3)), rows=np.arange(5))
    assert (nothing.scale == 1).all()


def test_pairs_of_sparse_rows_stay_sparse_and_are_verified_like_dense_ones(digits):
    X, _, y, _ = digits
    P, match, _ = make_pairs(sparse.csr_array(X), y, n_pairs=400, random_state=0)
    dense, same_match, _ = make_pairs(X, y, n_pairs=400, random_state=0)
    assert sparse.issparse(P)
    np.testing.assert_array_equal(P.toarray(), dense)
    np.testing.assert_array_equal(match, same_match)
    left, right = split_pairs(P)
    np.testing.assert_array_equal(stack_pairs(left, right).toarray(), dense)
    verifier = SiameseVerifier(max_iter=2, random_state=0).fit(P, match)
    np.testing.assert_allclose(
        verifier.decision_function(P), verifier.decision_function(dense), rtol=1e-5, atol=1e-6
    )
    assert verifier.transform_items(left).shape == (400, 32)


def test_wide_rows_are_made_dense_few_at_a_time(monkeypatch):
    sizes = []
    as_tensor = _arrays.as_tensor

    def watched(rows, layer):
        sizes.append(rows.shape[0] * rows.shape[1])
        return as_tensor(rows, layer)

    monkeypatch.setattr(_arrays, "as_tensor", watched)
    X = sparse.random_array((9000, 10_000), density=1e-4, rng=0, format="csr", dtype=np.float32)
    tower = torch.nn.Sequential(
        _arrays.standardization(X, rows=np.arange(9000)), torch.nn.Linear(10_000, 2)
    ).float()
    assert _arrays.embed_rows(tower, X).shape == (9000, 2)
    assert max(sizes) <= _arrays.CHUNK_VALUES
