"""Test that sparse input gives the same results as dense rows, in chunks."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler

from sksiamese import (
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseVerifier,
    make_pairs,
    pairs_from_triplets,
    split_pairs,
    stack_pairs,
)
from sksiamese._data import _embed
from sksiamese._data._chunks import CHUNK_VALUES
from sksiamese._data._standardization import fit_standardize
from sksiamese.metrics import recall_at_k
from sksiamese.plot import PairDisplay

CONTAINERS = [sparse.csr_matrix, sparse.csr_array, sparse.coo_array]
FORMATS = ["bsr", "coo", "csc", "dia", "dok", "lil"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_sparse_and_dense_rows_have_the_same_embedding(digits, container):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(8, random_state=0, max_iter=10).fit(container(X_train), y_train)
    Z = embedder.transform(container(X_test))
    np.testing.assert_allclose(embedder.transform(X_test), Z, rtol=1e-6, atol=1e-9)
    assert recall_at_k(y_test, Z) > 0.93


def test_sparse_columns_share_one_scale_and_are_not_centred(digits):
    X = digits[0]
    weight = np.arange(len(X)) % 3.0
    layer = fit_standardize(sparse.csr_array(X), rows=np.arange(len(X)))
    assert not layer.mean.any()
    np.testing.assert_allclose(layer.scale, np.sqrt(np.mean(X**2)))
    both = fit_standardize(*2 * [sparse.csr_array(X)], rows=np.arange(len(X)), sample_weight=weight)
    np.testing.assert_allclose(both.scale**2, np.average((X**2).mean(axis=1), weights=weight))
    nothing = fit_standardize(sparse.csr_array((5, 3)), rows=np.arange(5))
    assert (nothing.scale == 1).all()


def test_sparse_pairs_stay_sparse_and_are_verified_as_dense_pairs(digits):
    X, _, y, _ = digits
    P, match, _ = make_pairs(sparse.csr_array(X), y, n_pairs=400, random_state=0)
    dense, same_match, _ = make_pairs(X, y, n_pairs=400, random_state=0)
    assert sparse.issparse(P)
    np.testing.assert_array_equal(P.toarray(), dense)
    np.testing.assert_array_equal(match, same_match)
    left, right = split_pairs(P)
    np.testing.assert_array_equal(stack_pairs(left, right).toarray(), dense)
    verifier = SiameseVerifier(width=32, max_iter=2, random_state=0).fit(P, match)
    np.testing.assert_allclose(
        verifier.decision_function(P), verifier.decision_function(dense), rtol=1e-5, atol=1e-6
    )
    assert verifier.transform_items(left).shape == (400, 128)


def test_wide_sparse_rows_are_densified_in_small_chunks(monkeypatch):
    sizes = []
    as_tensor = _embed.as_tensor

    def watched(rows, layer):
        sizes.append(rows.shape[0] * rows.shape[1])
        return as_tensor(rows, layer)

    monkeypatch.setattr(_embed, "as_tensor", watched)
    X = sparse.random_array((9000, 10_000), density=1e-4, rng=0, format="csr", dtype=np.float32)
    tower = torch.nn.Sequential(
        fit_standardize(X, rows=np.arange(9000)), torch.nn.Linear(10_000, 2)
    ).float()
    assert _embed.embed_rows(tower, X).shape == (9000, 2)
    assert max(sizes) <= CHUNK_VALUES


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_sparse_format_is_accepted_for_rows_and_items(digits, name, kind):
    X, y = digits[0][:200] * (digits[0][:200] > 8), digits[2][:200]
    rows, match = getattr(sparse, f"{name}_{kind}")(X), np.arange(200) % 2 == 0
    options = {"n_pairs": 100, "random_state": 0}
    dense = make_pairs(X, y, **options)[0]
    np.testing.assert_array_equal(make_pairs(rows, y, **options)[0].toarray(), dense)
    view, labels, _ = make_pairs(rows, y, **options, as_view=True)
    np.testing.assert_array_equal(np.asarray(view), dense)
    left, right = split_pairs(rows)
    np.testing.assert_array_equal(stack_pairs(left, getattr(right, f"to{name}")()).toarray(), X)
    assert pairs_from_triplets([[0, 1, 2]], rows)[0].shape == (2, 128)

    quick = {"width": 32, "max_iter": 1, "random_state": 0}
    verifier = SiameseVerifier(**quick, early_stopping=True).fit(rows, match)
    assert verifier.decision_function(rows).shape == (200,)
    assert verifier.fit(view, labels).transform_items(rows).shape == (200, 128)
    scaled = PairTransformer(MaxAbsScaler(), output="abs_diff").fit_transform(rows)
    assert scaled.shape == (200, 32)
    embedder = SiameseEmbedder(**quick).partial_fit(rows, y, classes=range(10)).fit(rows, y)
    assert embedder.transform(rows).shape == (200, 128)
    identifier = SiameseIdentifier(embedder, target_far=0.5, validation_fraction=0.3)
    assert identifier.fit(rows, y).partial_fit(rows, y).predict(rows).shape == (200,)
    sheet = PairDisplay.from_predictions(
        view.items[view.index.ravel()].reshape((100, 128)).asformat(name),
        labels,
        labels.astype(float),
        threshold=0.5,
        image_shape=(8, 8),
    )
    np.testing.assert_allclose(16 * sheet.left[0].ravel(), dense[0, :64])


@pytest.mark.parametrize("shape", [(4,), (4, 2, 3)])
def test_sparse_arrays_that_are_not_2d_are_refused_with_a_working_remedy(shape):
    rows = sparse.coo_array(np.ones(shape))
    message = r"reshape\(4, -1\)"
    for call in (
        lambda: PairView(rows, [[0, 1]]),
        lambda: stack_pairs(rows, rows),
        lambda: split_pairs(rows),
        lambda: make_pairs(rows, [0, 0, 1, 1], n_pairs=2),
        lambda: SiameseVerifier().fit(rows, [0, 1, 0, 1]),
        lambda: PairTransformer().fit(rows),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert PairView(rows.reshape(4, -1), [[0, 1]]).shape == (1, 2 * int(np.prod(shape[1:])))
