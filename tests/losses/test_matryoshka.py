"""Test the loss of prefixes against plain loops, and the embeddings that it learns."""

from functools import partial

import numpy as np
import pytest
import torch

from sksiamese import SiameseEmbedder
from sksiamese.distances import cosine, euclidean
from sksiamese.losses import contrastive, matryoshka, supcon
from sksiamese.metrics import recall_at_k

SIZES = (2, 4, 8, 32)


def test_the_loss_is_the_mean_over_prefixes():
    Z, y, sizes, total = torch.randn(12, 9, dtype=torch.float64), torch.arange(12) % 3, (2, 5, 9), 0
    for size in sizes:
        for i in range(12):
            for j in set(range(12)) - {i}:
                d = (Z[i, :size] - Z[j, :size]).square().sum().sqrt().item()
                cost = d**2 if y[i] == y[j] else max(0, 1 - d) ** 2
                total += cost / (12 * 11) / len(sizes)
    loss = matryoshka(Z, y, loss=contrastive, distance=euclidean, sizes=sizes)
    assert loss.item() == pytest.approx(total)


def test_the_prefix_of_full_size_is_the_loss_itself(digits):
    X, _, y, _ = digits
    options = {"n_components": 16, "distance": "cosine", "learned_weight": 1.0}
    options |= {"max_iter": 3, "random_state": 0}
    plain = SiameseEmbedder(loss="supcon", **options).fit(X, y)
    whole = partial(matryoshka, loss=supcon, distance=cosine, sizes=(16,))
    same = SiameseEmbedder(loss=whole, **options).fit(X, y)
    np.testing.assert_allclose(plain.transform(X), same.transform(X), atol=1e-4)


def test_prefixes_are_better_than_a_plain_embedding_cut_off(digits):
    X_train, X_test, y_train, y_test = digits
    options = {"n_components": 32, "distance": "cosine", "learned_weight": 1.0, "random_state": 0}
    nested = partial(matryoshka, loss=supcon, distance=cosine, sizes=SIZES)
    recall = {}
    for name, loss in (("plain", "supcon"), ("nested", nested)):
        Z = SiameseEmbedder(loss=loss, **options).fit(X_train, y_train).transform(X_test)
        recall[name] = [recall_at_k(y_test, Z[:, :size], metric="cosine") for size in SIZES]
    gain = np.subtract(recall["nested"], recall["plain"])
    assert gain[0] > 0.15
    assert gain[1] > 0.02
    assert min(recall["nested"][2:]) > 0.96
    assert gain[3] > -0.015


@pytest.mark.parametrize("sizes", [(), (0,), (1.5,), 8, (8, 64)])
def test_invalid_sizes_are_refused(sizes):
    Z, y = torch.randn(6, 32), torch.arange(6) % 2
    with pytest.raises(ValueError, match="sizes"):
        matryoshka(Z, y, loss=supcon, distance=cosine, sizes=sizes)


@pytest.mark.parametrize("parts", [{"loss": "supcon"}, {"distance": "cosine"}])
def test_names_of_parts_are_refused(parts):
    Z, y = torch.randn(6, 32), torch.arange(6) % 2
    with pytest.raises(ValueError, match="must be functions, such as supcon and cosine"):
        matryoshka(Z, y, sizes=(2,), **{"loss": supcon, "distance": cosine} | parts)
