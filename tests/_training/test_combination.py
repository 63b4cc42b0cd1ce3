"""Tests of the combination of learned embeddings with principal components."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import nn

from sksiamese import PairView, SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese._combined import Combined, CombinedHead
from sksiamese._training._combination import (
    PairSample,
    effective_number,
    familiar_items,
    given_pairs,
    learned_weight,
    principal_components,
    split_into_classes,
)
from sksiamese.losses import ProxyAnchor, supcon
from sksiamese.towers import mlp


@pytest.fixture(scope="module")
def unseen():
    """Return five digits to learn, and pairs of the other five."""
    X, y = load_digits(return_X_y=True)
    known = np.isin(y, np.random.default_rng(0).permutation(10)[:5])
    pairs, match, _ = make_pairs(X[~known], y[~known], n_pairs=2000, as_view=True, random_state=0)
    return X[known], y[known], pairs, match


class SquaredDistance(nn.Module):
    """Logit that is the squared distance."""

    def forward(self, A, B):
        return (A - B).square().sum(dim=1)


def plain_auc(pairs, match):
    """Return the area under the curve of the distance between unscaled items."""
    return roc_auc_score(match, -np.linalg.norm(pairs.left - pairs.right, axis=1))


def test_an_embedder_is_level_with_pixels_on_unseen_digits(unseen):
    X, y, pairs, match = unseen
    auc = []
    for weight in ("auto", 1.0):
        embedder = SiameseEmbedder(learned_weight=weight, random_state=0).fit(X, y)
        A, B = embedder.transform(pairs.left), embedder.transform(pairs.right)
        auc.append(roc_auc_score(match, -np.linalg.norm(A - B, axis=1)))
    assert auc[0] > plain_auc(pairs, match) - 0.005
    assert auc[0] > auc[1] + 0.05


def test_a_verifier_is_level_with_pixels_on_unseen_digits_and_accurate_on_known_ones(unseen):
    X, y, pairs, match = unseen
    P, is_match, _ = make_pairs(X[::2], y[::2], n_pairs=1500, as_view=True, random_state=0)
    Q, truth, _ = make_pairs(X[1::2], y[1::2], n_pairs=1000, as_view=True, random_state=0)
    verifier = SiameseVerifier(max_iter=10, random_state=0).fit(P, is_match)
    assert roc_auc_score(match, verifier.decision_function(pairs)) > plain_auc(pairs, match) - 0.01
    assert verifier.score(Q, truth) > 0.93


def test_the_weight_follows_the_documented_rule():
    sample = PairSample(None, None, None, n_classes=20, rows_per_class=15)
    odds = 0.25 * 20 * 0.5 * 15 / 20
    assert learned_weight(sample, 0.75) == pytest.approx(odds / (1 + odds))
    assert learned_weight(sample._replace(n_classes=200), 0.75) == 0.7
    assert learned_weight(sample, 1.0) == 0.1
    assert learned_weight(sample, 0.5) == 1.0


def test_the_effective_number_of_classes_ignores_small_ones():
    assert effective_number(np.full(7, 30)) == pytest.approx(7)
    assert effective_number(np.array([1000, 1000, 1])) == pytest.approx(2, abs=0.01)


def test_the_number_of_classes_is_the_one_that_the_head_distinguishes():
    classes = np.random.default_rng(0).integers(0, 5, (400, 2))
    learned = torch.from_numpy(classes)[:, :, None]
    sample = PairSample(None, None, np.ones(400), n_classes=1.0, rows_per_class=500)
    found = split_into_classes(sample, lambda A, B: 1.0 * (A == B).squeeze(1), learned)
    assert found.n_classes == pytest.approx(5, abs=0.5)
    assert found.rows_per_class == pytest.approx(500 / found.n_classes)


@pytest.mark.parametrize("as_view", [True, False])
def test_equal_items_of_pairs_are_counted_once(as_view):
    X = np.arange(12.0)[:, None] + [0, 100]
    index = np.array([[0, 1], [1, 2], [3, 4], [4, 5], [0, 3], [2, 5]])
    items, index = (X, index) if as_view else (X[index.T.ravel()], np.arange(12).reshape(2, 6).T)
    match = np.array([1, 1, 1, 1, 0, 0])
    sample = given_pairs(PairView(items, index), np.arange(6), match, np.ones(6))
    assert sample.rows_per_class == 6


def test_principal_components_of_weighted_items_are_those_of_repeated_items():
    rng = np.random.default_rng(0)
    items, weight = rng.normal(size=(30, 6)), rng.integers(1, 4, size=30)
    axes, offset = principal_components(items, weight, 3)
    repeated, expected = principal_components(
        items.repeat(weight, axis=0), np.ones(weight.sum()), 3
    )
    np.testing.assert_allclose(np.abs(axes @ repeated.T), np.eye(3), atol=1e-8)
    np.testing.assert_allclose(np.abs(offset), np.abs(expected))


def test_components_beyond_the_rank_are_zero():
    axes, _ = principal_components(np.eye(2, 5), np.ones(2), 4)
    assert axes.shape == (4, 5)
    assert (axes[2:] == 0).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"learned_weight": 1.0},
        {"n_components": 31},
        {"tower": lambda input_shape, n_components: mlp(input_shape, n_components)},
        {"distance": lambda A, B: torch.cdist(A, B)},
        {"loss": ProxyAnchor(10, 128)},
    ],
)
def test_parts_of_a_user_and_small_embeddings_are_learned_alone(digits, parameters):
    X, _, y, _ = digits
    tower = SiameseEmbedder(max_iter=1, **parameters).fit(X, y).tower_
    assert not any(isinstance(part, Combined) for part in tower)


@pytest.mark.parametrize("parameters", [{}, {"loss": supcon}, {"distance": "manhattan"}])
def test_half_of_the_components_are_learned(digits, parameters):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(64, max_iter=1, random_state=0, **parameters).fit(X, y)
    combined = embedder.tower_[1]
    assert combined.projection.shape == (32, 64)
    assert 0.1 <= combined.weight <= 1
    assert embedder.transform(X).shape == (len(X), 64)


def test_cosine_embeddings_have_unit_length(digits):
    X, _, y, _ = digits
    Z = SiameseEmbedder(max_iter=1, distance="cosine", random_state=0).fit_transform(X, y)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-5)


def test_sparse_rows_have_components_without_centering(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=1, random_state=0).fit(csr_array(X), y)
    assert (embedder.tower_[1].offset == 0).all()
    assert embedder.score(csr_array(X), y) > 0.9


def test_a_warm_start_keeps_components_and_weight(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=1, warm_start=True, random_state=0).fit(X, y)
    before = embedder.tower_[1]
    after = embedder.fit(X, y).tower_[1]
    assert torch.equal(before.projection, after.projection)
    assert before.weight == after.weight
    assert not torch.equal(before.scales, after.scales)
    with pytest.raises(ValueError, match="learned_weight has changed"):
        embedder.set_params(learned_weight=0.5).fit(X, y)


def test_familiar_pairs_get_the_logit_of_the_learned_head():
    head = CombinedHead(SquaredDistance())
    items = torch.zeros(3, 2, dtype=torch.float64)
    head.double().combine(2.0, (1.0, 0.0, 1.0), items, (1.0, 3.0), 0.8)
    A = torch.tensor([[0.5, 0.0, 4.0], [2.0, 0.0, 4.0], [9.0, 0.0, 4.0]], dtype=torch.float64)
    B = torch.tensor([[0.0, 0.0, 2.0]] * 3, dtype=torch.float64)
    learned, distance = 1.0, torch.tensor([0.5, 2.0, 9.0], dtype=torch.float64)
    familiarity = 0.8 * torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    expected = familiarity * learned + (1 - familiarity) * (1.0 - distance)
    torch.testing.assert_close(head(A, B), expected)
    torch.testing.assert_close(head(B, A), expected)


@pytest.mark.parametrize(
    ("n_classes", "least", "most"), [(2, 0.0, 0.1), (3, 0.3, 0.7), (8, 0.85, 1)]
)
def test_a_learned_logit_is_trusted_more_if_there_are_more_classes(n_classes, least, most):
    X, y = load_digits(return_X_y=True)
    X, y = X[y < n_classes][:400], y[y < n_classes][:400]
    pairs, match, _ = make_pairs(X, y, n_pairs=600, as_view=True, random_state=0)
    verifier = SiameseVerifier(width=64, max_iter=5, random_state=0).fit(pairs, match)
    assert least <= verifier.head_.trust.item() <= most


def test_equal_items_do_not_count_as_neighbors_of_each_other():
    items = torch.tensor([[0.0], [0.0], [1.0], [3.0]])
    sample = PairSample(None, None, np.ones(2), 1, 1)
    _, (near, far) = familiar_items(items, np.array([[0, 1], [2, 3]]), sample)
    assert (near, far) == (1, 2)


def test_there_are_no_more_principal_components_than_columns():
    X, y = np.random.RandomState(0).normal(size=(60, 3)), np.arange(60) % 4
    embedder = SiameseEmbedder(40, max_iter=1, random_state=0).fit(X, y)
    assert embedder.transform(X).shape == (60, 40)
    assert embedder.tower_[1].projection.shape == (3, 3)
