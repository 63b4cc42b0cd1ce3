"""Test explanations: sum rule, symmetry, and contributions of columns."""

import copy
from functools import cache, partial

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sksiamese import (
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseVerifier,
    make_pairs,
    stack_pairs,
)
from sksiamese.explain import explain_pairs
from sksiamese.heads import HEADS
from sksiamese.towers import multi_cue

INFORMATIVE, UNSEEN = 2, 5


def planted(dtype=np.float64):
    """Return six columns, one of them decisive and the last one noise, and their classes."""
    X = np.random.default_rng(0).normal(size=(300, 6)).astype(dtype)
    return X, X[:, INFORMATIVE] > 0


@cache
def fitted(dtype=np.float64, **parameters):
    """Return a verifier of the planted rows, their pairs as a view, and the matches."""
    X, y = planted(dtype)
    pairs, match, _ = make_pairs(X, y, n_pairs=400, as_view=True, random_state=0)
    options = {"max_iter": 10, "width": 32, "n_components": 8, "random_state": 0} | parameters
    return SiameseVerifier(**options).fit(pairs, match), pairs, match


class Smooth(nn.Sequential):
    """A tower without kinks."""

    def __init__(self, input_shape, n_components):
        super().__init__(nn.Linear(*input_shape, 16), nn.Tanh(), nn.Linear(16, n_components))


class Deaf(nn.Module):
    """A head without gradients to its items."""

    def __init__(self, n_components):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(-1.0))

    def forward(self, A, B):
        return self.scale * (A - B).detach().abs().sum(dim=1)


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize("by", ["column", "component"])
def test_contributions_sum_to_the_change_of_the_logit(head, by):
    verifier, pairs, _ = fitted(head=head)
    few, more = (explain_pairs(verifier, pairs[:60], by=by, n_steps=n) for n in (8, 256))
    np.testing.assert_allclose(more.logit, verifier.decision_function(pairs[:60]), atol=1e-12)
    total = more.reference + more.contributions.sum(axis=1)
    span = np.abs(more.logit - more.reference).mean()
    np.testing.assert_allclose(total, more.logit, atol=0.03 * span)
    np.testing.assert_allclose(more.residual, more.logit - total, atol=1e-12)
    assert np.abs(more.residual).max() <= np.abs(few.residual).max() + 1e-12
    assert more.contributions.shape == (60, 6 if by == "column" else 8)


def test_the_sum_rule_is_exact_for_a_smooth_tower():
    verifier, pairs, _ = fitted(tower=Smooth, head="cosine")
    residual = explain_pairs(verifier, pairs, n_steps=32).residual
    np.testing.assert_allclose(residual, 0, atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_contributions_of_a_weighted_distance_are_its_terms(dtype, tolerance):
    verifier, pairs, _ = fitted(dtype, head="weighted_l1")
    explanation = explain_pairs(verifier, pairs, by="component", n_steps=1)
    A, B = (verifier.transform_items(side) for side in (pairs.left, pairs.right))
    linear = verifier.head_.linear
    terms = 10 * linear.weight.detach().numpy() * np.abs(A - B)
    np.testing.assert_allclose(explanation.contributions, terms, atol=tolerance)
    np.testing.assert_allclose(explanation.reference, linear.bias.item(), atol=tolerance)
    np.testing.assert_allclose(explanation.residual, 0, atol=tolerance)
    assert all(part.dtype == np.float64 for part in explanation)


@pytest.mark.parametrize("by", ["column", "component"])
def test_contributions_are_symmetric(by):
    verifier, pairs, _ = fitted()
    swapped = PairView(pairs.items, pairs.index[:, ::-1])
    forth, back = (explain_pairs(verifier, view, by=by, n_steps=8) for view in (pairs, swapped))
    for one, other in zip(forth, back, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_the_reference_is_the_logit_of_the_midpoint():
    verifier, pairs, _ = fitted(head="mlp")
    middle = (pairs.left + pairs.right) / 2
    reference = verifier.decision_function(stack_pairs(middle, middle))
    np.testing.assert_allclose(explain_pairs(verifier, pairs).reference, reference, atol=1e-10)


def test_the_column_that_decides_gets_the_largest_share():
    verifier, pairs, match = fitted()
    contributions = explain_pairs(verifier, pairs).contributions
    share = np.abs(contributions[~match]).mean(axis=0)
    assert share.argmax() == INFORMATIVE
    assert share[INFORMATIVE] > 3 * np.delete(share, INFORMATIVE).max()
    assert contributions[~match, INFORMATIVE].mean() < -1


def test_unused_and_equal_columns_contribute_nothing():
    seen = partial(multi_cue, cues={"seen": slice(0, UNSEEN)})
    verifier, pairs, _ = fitted(tower=seen)
    items = pairs.items.copy()
    items[:, 0] = 0.5
    contributions = explain_pairs(verifier, PairView(items, pairs.index)).contributions
    assert not contributions[:, [0, UNSEEN]].any()
    assert contributions[:, 1:UNSEEN].any(axis=0).all()


@pytest.mark.parametrize("layout", ["flat", "stacked", "batches of 7", "sparse"])
def test_every_layout_of_pairs_has_the_same_explanation(layout):
    verifier, pairs, _ = fitted()
    expected = explain_pairs(verifier, pairs[:20], n_steps=4)
    given = np.asarray(pairs[:20])
    if layout == "stacked":
        given = given.reshape(20, 2, 6)
    elif layout == "sparse":
        given = PairView(sparse.csr_array(pairs.items), pairs.index[:20])
    elif layout == "batches of 7":
        verifier = copy.copy(verifier).set_params(batch_size=7)
    explanation = explain_pairs(verifier, given, n_steps=4)
    for one, other in zip(explanation, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_missing_steps_of_a_series_contribute_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 12)) + (np.arange(60) % 2)[:, None]
    X[::3, 8:] = np.nan
    pairs, match, _ = make_pairs(X, np.arange(60) % 2, n_pairs=100, as_view=True, random_state=0)
    verifier = SiameseVerifier(
        tower="tdnn", input_shape=(12, 1), width=8, max_iter=3, random_state=0
    ).fit(pairs, match)
    pairs = pairs[:30]
    explanation = explain_pairs(verifier, pairs, n_steps=256)
    lacking = np.isnan(pairs.left) | np.isnan(pairs.right)
    assert lacking.any()
    assert not explanation.contributions[lacking].any()
    assert explanation.contributions[~lacking].all()
    span = np.abs(explanation.logit - explanation.reference).mean()
    np.testing.assert_allclose(explanation.residual, 0, atol=0.05 * span)


def test_explaining_does_not_change_the_verifier():
    verifier, pairs, _ = fitted()
    before = verifier.decision_function(pairs)
    gradients = [weight.grad for weight in verifier.tower_.parameters()]
    explain_pairs(verifier, pairs, n_steps=2)
    np.testing.assert_array_equal(verifier.decision_function(pairs), before)
    after = [weight.grad for weight in verifier.tower_.parameters()]
    assert all(one is other for one, other in zip(gradients, after, strict=True))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("by", ["column", "component"])
def test_pairs_are_explained_under_no_grad(mode, by):
    verifier, pairs, _ = fitted()
    expected = explain_pairs(verifier, pairs[:20], by=by, n_steps=4)
    with mode():
        found = explain_pairs(verifier, pairs[:20], by=by, n_steps=4)
        assert not torch.is_grad_enabled()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_invalid_arguments_of_explain_pairs_are_refused():
    verifier, pairs, _ = fitted()
    with pytest.raises(ValueError, match="'verifier' parameter"):
        explain_pairs(SiameseEmbedder(), pairs)
    with pytest.raises(ValueError, match="'by' parameter"):
        explain_pairs(verifier, pairs, by="row")
    with pytest.raises(ValueError, match="'n_steps' parameter"):
        explain_pairs(verifier, pairs, n_steps=0)
    with pytest.raises(ValueError, match="features"):
        explain_pairs(verifier, np.asarray(pairs)[:, :8])
    with pytest.raises(ValueError, match="head passes no gradient"):
        explain_pairs(fitted(head=Deaf)[0], pairs)
    with pytest.raises(ValueError, match="'n_steps' parameter"):
        explain_pairs(verifier, pairs, n_steps=10**6)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def frozen(model):
    return model.fit(*fitted()[1:])


HOLDERS = {
    "frozen": FrozenEstimator,
    "fixed threshold": lambda verifier: frozen(
        FixedThresholdClassifier(FrozenEstimator(verifier), threshold=0.7)
    ),
    "tuned threshold": lambda verifier: frozen(
        TunedThresholdClassifierCV(FrozenEstimator(verifier), cv="prefit", refit=False)
    ),
    "calibrated": lambda verifier: frozen(
        CalibratedClassifierCV(FrozenEstimator(verifier), method="sigmoid")
    ),
    "pipeline of one step": lambda verifier: Pipeline([("verifier", verifier)]),
    "pipeline of nothing else": lambda verifier: make_pipeline("passthrough", verifier),
    "several at once": lambda verifier: frozen(
        FixedThresholdClassifier(
            frozen(CalibratedClassifierCV(FrozenEstimator(make_pipeline(verifier))))
        )
    ),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_estimators_that_hold_a_verifier_are_explained(holder):
    verifier, pairs, _ = fitted()
    for by in ("column", "component"):
        expected = explain_pairs(verifier, pairs[:20], by=by, n_steps=4)
        found = explain_pairs(HOLDERS[holder](verifier), pairs[:20], by=by, n_steps=4)
        assert_same(found, expected)


@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(3, random_state=0)])
@pytest.mark.parametrize("holder", [lambda model: model, FixedThresholdClassifier])
def test_a_pipeline_is_explained_by_the_columns_of_its_verifier(transformer, holder):
    _, pairs, match = fitted()
    verifier = SiameseVerifier(max_iter=2, width=8, random_state=0)
    model = holder(make_pipeline(PairTransformer(transformer), verifier)).fit(pairs, match)
    found = explain_pairs(model, pairs[:30], n_steps=4)
    pipeline = getattr(model, "estimator_", model)
    expected = explain_pairs(pipeline[-1], pipeline[:-1].transform(pairs[:30]), n_steps=4)
    assert_same(found, expected)
    np.testing.assert_allclose(found.logit, pipeline.decision_function(pairs[:30]), atol=1e-10)


def test_a_search_is_explained_by_its_best_verifier():
    _, pairs, match = fitted()
    search = GridSearchCV(SiameseVerifier(max_iter=1, random_state=0), {"width": [4, 8]}, cv=2)
    search.fit(pairs, match)
    expected = explain_pairs(search.best_estimator_, pairs[:9], n_steps=2)
    assert_same(explain_pairs(search, pairs[:9], n_steps=2), expected)


def test_the_verifiers_of_all_folds_are_explained_by_their_mean():
    _, pairs, match = fitted()
    verifier = SiameseVerifier(max_iter=1, width=8, random_state=0)
    model = CalibratedClassifierCV(verifier, cv=3).fit(pairs, match)
    found = explain_pairs(model, pairs[:20], n_steps=128)
    inner = [one.estimator for one in model.calibrated_classifiers_]
    logits = [one.decision_function(pairs[:20]) for one in inner]
    np.testing.assert_allclose(found.logit, np.mean(logits, axis=0), atol=1e-10)
    np.testing.assert_allclose(found.residual, 0, atol=0.1 * np.abs(found.logit).max())
    with pytest.raises(ValueError, match=r"contains 3 verifiers, .*'component' .* ensemble=False"):
        explain_pairs(model, pairs[:20], by="component")
    assert explain_pairs(inner[0], pairs[:20], by="component").logit.shape == (20,)


def test_folds_with_different_transformers_are_refused():
    _, pairs, match = fitted()
    verifier = SiameseVerifier(max_iter=1, width=8, random_state=0)
    pipeline = make_pipeline(PairTransformer(PCA(3, random_state=0)), verifier)
    model = CalibratedClassifierCV(pipeline, cv=2).fit(pairs, match)
    with pytest.raises(ValueError, match=r"contains 2 verifiers, .*'column' .* ensemble=False"):
        explain_pairs(model, pairs)
    model = CalibratedClassifierCV(pipeline, cv=2, ensemble=False).fit(pairs, match)
    assert explain_pairs(model, pairs, n_steps=2).contributions.shape == (400, 3)


@pytest.mark.parametrize(
    "model", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_estimators_without_a_verifier_are_refused(model):
    _, pairs, match = fitted()
    model.fit(np.asarray(pairs), match)
    with pytest.raises(ValueError, match=r"'verifier' parameter .* got LogisticRegression"):
        explain_pairs(model, np.asarray(pairs))


@pytest.mark.parametrize("verifier", [None, "verifier", 3, SiameseVerifier])
def test_verifiers_that_are_not_fitted_are_refused(verifier):
    with pytest.raises((TypeError, ValueError), match="verifier"):
        explain_pairs(verifier, fitted()[1])
    with pytest.raises(ValueError, match="not fitted"):
        explain_pairs(make_pipeline(SiameseVerifier()), fitted()[1])
