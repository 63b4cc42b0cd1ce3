"""Test verifiers that are trained on all pairs of batches, and decisions on all pairs of items."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from sksiamese import PairKFold, PairView, SiameseVerifier, make_pairs
from sksiamese._training._all_pairs_task import AllPairsTask
from sksiamese.heads import HEADS, Distance, cross

FAST = {"width": 32, "max_iter": 3, "random_state": 0}


class Product(torch.nn.Module):
    """A head without a method for all pairs."""

    def __init__(self, n_components):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(n_components))

    def forward(self, A, B):
        return A * B @ self.weight


class Wrong(Distance):
    """A head with different logits for all pairs."""

    def cross(self, A, B):
        return -super().cross(A, B)


@pytest.fixture(scope="module")
def rows(digits):
    X, _, y, _ = digits
    return X[:400], y[:400]


@pytest.fixture(scope="module")
def drawn(rows):
    """Return a view of pairs of the rows, their labels, and the identities of their items."""
    X, y = rows
    pairs, match, _ = make_pairs(X, y, n_pairs=800, as_view=True, random_state=0)
    return pairs, match, y[pairs.index]


@pytest.mark.parametrize("head", [*HEADS, Product])
def test_all_pairs_have_the_logits_of_given_pairs(head, rows):
    X, y = rows
    verifier = SiameseVerifier(head=head, **FAST).fit_rows(X, y)
    left, right = X[:7], X[5:30]
    pairs = np.hstack([left.repeat(25, axis=0), np.tile(right, (7, 1))])
    expected = verifier.decision_function(pairs).reshape(7, 25)
    found = verifier.decision_matrix(left, right)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(
        verifier.decision_matrix(left), verifier.decision_matrix(left, left)
    )


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_gradients_of_all_pairs_are_those_of_given_pairs(head):
    A, B = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    head = head(4).double()
    gradients = []
    for compute in (cross, cross_by_pairs):
        a, b = A.clone().requires_grad_(), B[:5].clone().requires_grad_()
        head.zero_grad()
        compute(head, a, b).square().sum().backward()
        gradients.append([a.grad, b.grad, *(p.grad.clone() for p in head.parameters())])
    torch.testing.assert_close(*gradients)


def cross_by_pairs(head, A, B):
    return torch.stack([head(a.expand_as(B), B) for a in A])


def test_rows_teach_a_verifier(digits):
    X, X_test, y, y_test = digits
    pairs, match, _ = make_pairs(X_test, y_test, n_pairs=2000, random_state=0)
    verifier = SiameseVerifier(learned_weight=1.0, max_iter=15, random_state=0)
    verifier.fit_rows(X, y)
    assert roc_auc_score(match, verifier.decision_function(pairs)) > 0.95
    assert verifier.classes_.tolist() == [False, True]
    assert verifier.decision_matrix(X_test, X[:200]).shape == (len(X_test), 200)


def test_a_sampler_draws_the_items_of_pairs(drawn):
    pairs, match, groups = drawn
    verifier = SiameseVerifier(sampler="balanced", **FAST).fit(pairs, match, groups=groups)
    dense = clone(verifier).fit(np.asarray(pairs[:300]), match[:300], groups=groups[:300])
    assert not np.array_equal(verifier.loss_curve_, dense.loss_curve_)
    assert np.isfinite(dense.decision_function(pairs)).all()


def test_a_search_finds_the_parameters_of_training_on_all_pairs(drawn):
    pairs, match, groups = drawn
    with config_context(enable_metadata_routing=True):
        verifier = SiameseVerifier(sampler="balanced", **FAST).set_fit_request(groups=True)
        search = GridSearchCV(verifier, {"head": ["cosine", "distance"]}, cv=PairKFold(2))
        search.fit(pairs, match, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_batch_weights_matches_and_non_matches_as_the_given_pairs(drawn, monkeypatch):
    pairs, match, groups = drawn
    totals = []

    def loss_of_pairs(self, logit, D, same, different, contrastive_weight):
        totals.append((same.sum().item(), different.sum().item()))
        return logit.mean()

    monkeypatch.setattr(AllPairsTask, "loss_of_pairs", loss_of_pairs)
    options = {"class_weight": {False: 3.0, True: 1.0}, "max_iter": 1, "width": 8}
    SiameseVerifier(sampler="balanced", **options).fit(pairs, match, groups=groups)
    np.testing.assert_allclose(totals, [[0.25, 0.75]] * len(totals), rtol=1e-5)


def test_early_stopping_holds_out_classes(rows, monkeypatch):
    X, y = rows
    seen, batches = set(), AllPairsTask.batches

    def record(self, rows, epoch, generator):
        for batch, weight in batches(self, rows, epoch, generator):
            seen.update(y[batch].tolist())
            yield batch, weight

    monkeypatch.setattr(AllPairsTask, "batches", record)
    verifier = SiameseVerifier(early_stopping=True, **FAST).fit_rows(X, y)
    assert 2 <= len(seen) < 10
    assert len(verifier.validation_scores_) == verifier.n_iter_
    seen.clear()
    verifier.fit_rows(X[y < 6], y[y < 6], X_val=X[y >= 6], y_val=y[y >= 6])
    assert seen


def test_a_warm_start_continues_on_rows(rows):
    verifier = SiameseVerifier(warm_start=True, **FAST).fit_rows(*rows).fit_rows(*rows)
    assert verifier.n_iter_ == 6


def test_invalid_identities_raise(drawn, rows):
    pairs, match, groups = drawn
    verifier = SiameseVerifier(sampler="balanced", **FAST)
    with pytest.raises(ValueError, match="pass the identities of both items"):
        verifier.fit(pairs, match)
    with pytest.raises(ValueError, match=r"groups contradicts y for 800 pairs, such as pair 0"):
        verifier.fit(pairs, ~match, groups=groups)
    of_pairs = np.arange(len(groups))[:, None] + np.where(match, 0, 1000)[:, None] * [0, 1]
    with pytest.raises(ValueError, match="groups has two identities for an item of pair"):
        verifier.fit(PairView(pairs.items, pairs.index % 2), match, groups=of_pairs)
    with pytest.raises(ValueError, match="y must have two classes, and a class with two rows"):
        verifier.fit_rows(rows[0][:3], [0, 1, 2])
    with pytest.raises(ValueError, match="y must have two classes, and a class with two rows"):
        verifier.fit_rows(rows[0][:3], [1, 1, 1])
    with pytest.raises(ValueError, match="X_val is passed, but y_val is not"):
        verifier.fit_rows(*rows, X_val=rows[0])
    assert not hasattr(verifier, "tower_")


def test_invalid_items_of_a_matrix_raise(rows):
    verifier = SiameseVerifier(**FAST).fit_rows(*rows)
    with pytest.raises(ValueError, match="X_right has 128 features, but an item"):
        verifier.decision_matrix(rows[0], np.hstack([rows[0], rows[0]]))


def test_a_head_with_a_wrong_method_for_all_pairs_raises(rows):
    with pytest.raises(ValueError, match="cross"):
        SiameseVerifier(head=Wrong, **FAST).fit_rows(*rows)
