"""Test SiameseVerifier: learning, symmetry, weights, probabilities, composition."""

import re

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sksiamese import (
    PairKFold,
    PairView,
    SiameseVerifier,
    make_pairs,
    split_pairs,
    stack_pairs,
)
from sksiamese._training._verification_task import VerificationTask
from sksiamese.heads import HEADS


@pytest.fixture(scope="module")
def fitted(digit_pairs):
    P, _, match, _ = digit_pairs
    return SiameseVerifier(width=128, max_iter=20, random_state=0).fit(P, match)


def swapped(P):
    """Return pairs with their items swapped."""
    left, right = split_pairs(P)
    return stack_pairs(right, left)


@pytest.fixture(scope="module")
def learned(digit_pairs):
    """Return a fitted verifier of a learned embedding alone."""
    P, _, match, _ = digit_pairs
    verifier = SiameseVerifier(32, learned_weight=1.0, max_iter=20, random_state=0)
    return verifier.fit(P, match)


def test_verifier_is_better_than_the_raw_distance(digit_pairs, fitted):
    _, P, _, match = digit_pairs
    left, right = split_pairs(P)
    raw = roc_auc_score(match, -np.linalg.norm(left - right, axis=1))
    ours = roc_auc_score(match, fitted.decision_function(P))
    assert ours >= 0.985
    assert ours > raw + 0.08
    assert fitted.score(P, match) >= 0.93


def test_margin_changes_the_verifier(digit_pairs, learned):
    P, P_test, match, match_test = digit_pairs
    without = clone(learned).set_params(margin=None).fit(P, match)
    wrong, wrong_without = (
        1 - roc_auc_score(match_test, verifier.decision_function(P_test))
        for verifier in (learned, without)
    )
    assert wrong < 0.7 * wrong_without


@pytest.mark.parametrize("distance", ["manhattan", "sqeuclidean"])
def test_sums_over_components_are_accurate_with_many_components(digit_pairs, distance):
    P_train, P_test, match_train, match_test = digit_pairs
    verifier = SiameseVerifier(
        distance=distance, learned_weight=1.0, width=128, max_iter=8, random_state=0
    )
    verifier.fit(P_train[:2000], match_train[:2000])
    assert verifier.score(P_test, match_test) > 0.88
    verifier.set_params(n_components=16, margin=4.0).fit(P_train[:300], match_train[:300])
    expected = verifier.decision_function(P_test)
    verifier.set_params(margin="auto").fit(P_train[:300], match_train[:300])
    np.testing.assert_array_equal(verifier.decision_function(P_test), expected)


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_swapping_the_items_does_not_change_the_outputs(digit_pairs, head, dtype):
    P, P_test, match, _ = (part.astype(dtype) for part in digit_pairs)
    verifier = SiameseVerifier(width=32, head=head, max_iter=2, random_state=0).fit(
        P[:500], match[:500]
    )
    for method in ("decision_function", "predict_proba", "predict", "pair_distance"):
        output = getattr(verifier, method)
        np.testing.assert_array_equal(output(P_test[:600]), output(swapped(P_test[:600])))


def test_probability_and_prediction_follow_the_logit(digit_pairs, fitted):
    P = digit_pairs[1]
    logit, proba = fitted.decision_function(P), fitted.predict_proba(P)
    assert logit.dtype == proba.dtype == np.float64
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-logit)))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.predict(P), logit > 0)


def test_pair_distance_is_the_distance_of_embedded_items(digit_pairs, fitted):
    P = digit_pairs[1]
    A, B = (fitted.transform_items(side) for side in split_pairs(P))
    np.testing.assert_allclose(fitted.pair_distance(P), np.linalg.norm(A - B, axis=1))


def test_small_distance_means_a_match(digit_pairs, learned):
    _, P, _, match = digit_pairs
    assert roc_auc_score(match, -learned.pair_distance(P)) > 0.95


def test_all_layouts_of_pairs_give_the_same_scores(digit_pairs):
    P, _, match, _ = digit_pairs
    outputs = [
        SiameseVerifier(width=32, max_iter=1, random_state=0)
        .fit(pairs[:1000], match[:1000])
        .decision_function(pairs)
        for pairs in (P, P.reshape(-1, 2, 64), P.reshape(-1, 2, 8, 8))
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_array_equal(outputs[0], outputs[2])


def test_odd_columns_share_the_middle_one_and_warn(digit_pairs):
    P, _, match, _ = digit_pairs
    shared = np.delete(P, 64, axis=1)
    with pytest.warns(UserWarning, match="odd number of columns"):
        verifier = SiameseVerifier(width=32, max_iter=1).fit(shared, match)
    assert verifier.transform_items(P[:3, :64]).shape == (3, 128)


@pytest.mark.parametrize("normalization", [None, "batch"])
def test_weight_two_equals_two_copies_and_weight_zero_none(digit_pairs, normalization):
    P, _, match, _ = digit_pairs
    P, match = P[:40], match[:40]
    weight = np.random.RandomState(0).randint(0, 3, size=40)
    weighted, repeated = (
        SiameseVerifier(batch_size=100, normalization=normalization, random_state=0).fit(*data)
        for data in ((P, match, weight), (P.repeat(weight, axis=0), match.repeat(weight)))
    )
    np.testing.assert_allclose(
        weighted.decision_function(P), repeated.decision_function(P), rtol=1e-6, atol=1e-8
    )


def test_class_weight_shifts_decisions_and_multiplies_sample_weight(digit_pairs):
    P, _, match, _ = digit_pairs
    P, match = P[:500], match[:500]
    settings = {"width": 64, "max_iter": 5, "random_state": 0}
    plain = SiameseVerifier(**settings).fit(P, match)
    weighted = SiameseVerifier(**settings, class_weight={False: 1, True: 20}).fit(P, match)
    assert weighted.predict(P).mean() > plain.predict(P).mean() + 0.05
    by_sample = SiameseVerifier(**settings).fit(P, match, np.where(match, 20.0, 1.0))
    np.testing.assert_allclose(by_sample.decision_function(P), weighted.decision_function(P))


def test_balanced_class_weight_equals_the_weights_that_balance(digit_pairs):
    P, _, match, _ = digit_pairs
    few = np.flatnonzero(~match | (np.arange(len(match)) % 5 == 0))[:600]
    P, match = P[few], match[few]
    balance = len(match) / (2 * np.bincount(match))
    settings = {"max_iter": 3, "random_state": 0}
    auto = SiameseVerifier(**settings, class_weight="balanced").fit(P, match)
    given = SiameseVerifier(**settings).fit(P, match, balance[match.astype(int)])
    np.testing.assert_allclose(auto.decision_function(P), given.decision_function(P))


@pytest.mark.parametrize("labels", [(-1, 1), (0, 1), ("different", "same"), (False, True)])
def test_any_two_labels_are_accepted(digit_pairs, labels):
    P, match = digit_pairs[0][:1000], digit_pairs[2][:1000]
    verifier = SiameseVerifier(width=64, max_iter=8, random_state=0).fit(
        P, np.where(match, *labels[::-1])
    )
    assert list(verifier.classes_) == list(labels)
    assert np.mean(verifier.predict(P) == np.where(match, *labels[::-1])) > 0.9


def test_verifier_works_in_threshold_tuning_and_calibration(digit_pairs, fitted):
    P, P_test, match, match_test = digit_pairs
    frozen = FrozenEstimator(fitted)
    strict = FixedThresholdClassifier(frozen, threshold=3.0, response_method="decision_function")
    strict.fit(P, match)
    np.testing.assert_array_equal(strict.predict(P_test), fitted.decision_function(P_test) >= 3.0)
    tuned = TunedThresholdClassifierCV(frozen, cv="prefit", refit=False).fit(P_test, match_test)
    assert tuned.score(P_test, match_test) >= fitted.score(P_test, match_test) - 0.01
    for model in (CalibratedClassifierCV(frozen, method="temperature"), tuned):
        assert model.fit(P_test, match_test).score(P_test, match_test) > 0.9
    verifier = SiameseVerifier(width=64, max_iter=10, random_state=0)
    inner = CalibratedClassifierCV(verifier, method="temperature", cv=2)
    assert cross_val_score(inner, P[:2000], match[:2000], cv=2).min() > 0.75


def test_a_custom_head_is_trained(digit_pairs):
    P, _, match, _ = digit_pairs

    class Head(torch.nn.Module):
        def __init__(self, n_components):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(n_components))

        def forward(self, A, B):
            return (A - B).square() @ self.weight

    verifier = SiameseVerifier(width=32, head=Head, max_iter=1).fit(P, match)
    assert verifier.head_.weight.abs().min() > 0


class Near(nn.Module):
    """A head without weights."""

    def __init__(self, n_components):
        super().__init__()

    def forward(self, A, B):
        return 1 - (A - B).square().sum(dim=-1)


@pytest.mark.parametrize(("batch_size", "n_pairs"), [(2, 3), (2, 21), (3, 4), (2, 2)])
def test_a_batch_may_be_a_single_pair(digit_pairs, batch_size, n_pairs):
    P, _, match, _ = digit_pairs
    rows = np.r_[np.flatnonzero(match)[:1], np.flatnonzero(~match)[: n_pairs - 1]]
    verifier = SiameseVerifier(width=32, batch_size=batch_size, max_iter=2).fit(
        P[rows], match[rows]
    )
    assert np.isfinite(verifier.loss_curve_).all()


def test_batch_normalization_uses_the_items_of_both_sides(digit_pairs):
    P, _, match, _ = digit_pairs
    P, match = P[:60], match[:60]
    options = {"batch_size": 60, "max_iter": 1, "learning_rate_init": 1e-30, "random_state": 0}
    verifier = SiameseVerifier(8, normalization="batch", **options).fit(P, match)
    scale, shape, (flatten, linear, norm, *_) = verifier.tower_
    with torch.no_grad():
        items = torch.from_numpy(np.concatenate(split_pairs(P)))
        hidden = linear(flatten(shape(scale(items))))
    torch.testing.assert_close(norm.mean, hidden.mean(dim=0))
    torch.testing.assert_close(norm.variance, hidden.var(dim=0, correction=0))
    other = SiameseVerifier(8, normalization="batch", **options).fit(swapped(P), match)
    torch.testing.assert_close(other.tower_[2][2].mean, norm.mean)


def test_batch_normalization_keeps_the_symmetry_of_pairs(digit_pairs):
    P, _, match, _ = digit_pairs
    options = {"normalization": "batch", "depth": 3, "width": 32, "max_iter": 5}
    verifier = SiameseVerifier(random_state=0, **options).fit(P[:500], match[:500])
    logits = verifier.decision_function(P)
    np.testing.assert_array_equal(verifier.decision_function(swapped(P)), logits)
    assert verifier.score(P[500:], match[500:]) > 0.75


@pytest.mark.parametrize(("batch_size", "n_pairs"), [(2, 5), (64, 2)])
def test_batch_normalization_works_with_few_pairs(digit_pairs, batch_size, n_pairs):
    P, _, match, _ = digit_pairs
    rows = [*np.flatnonzero(match)[:1], *np.flatnonzero(~match)[: n_pairs - 1]]
    options = {"batch_size": batch_size, "normalization": "batch", "max_iter": 2}
    verifier = SiameseVerifier(random_state=0, **options).fit(P[rows], match[rows])
    assert np.isfinite(verifier.decision_function(P)).all()


def test_a_head_needs_no_weights(digit_pairs):
    P, _, match, _ = digit_pairs
    verifier = SiameseVerifier(head=Near, max_iter=5, random_state=0).fit(P, match)
    assert verifier.score(P, match) > 0.8


@pytest.mark.parametrize(
    ("same", "different"),
    [("match", "mismatch"), (0, 1), (-1, 1), (1.0, 2.0), (False, True), (3, 7)],
)
def test_labels_that_seem_reversed_warn(digit_pairs, same, different):
    P, _, match, _ = digit_pairs
    P, match = P[:500], match[:500]
    message = re.escape(f"If the latter match, pass y == {same!r}.")
    with pytest.warns(UserWarning, match=message):
        SiameseVerifier(width=32, max_iter=1).fit(P, np.where(match, same, different))


def test_ordinary_labels_do_not_warn(digit_pairs, recwarn):
    P, _, match, _ = digit_pairs
    verifier = SiameseVerifier(width=32, max_iter=1, random_state=0)
    verifier.fit(P, np.where(match, "same", "different"))
    rng = np.random.default_rng(0)
    for n_pairs in (10, 100, 1000):
        verifier.fit(P[:n_pairs], rng.permutation(match[:n_pairs]))
    X, people = rng.normal(size=(200, 5)), np.repeat(np.arange(50), 4)
    noise, is_match, _ = make_pairs(X, people, n_pairs=400, random_state=0)
    verifier.fit(noise, ~is_match)
    verifier.fit(P[:10], ~match[:10])
    assert not recwarn.list


def test_columns_of_different_kinds_do_not_warn(recwarn):
    X, y = make_blobs(400, 6, centers=2, cluster_std=3, random_state=0)
    for labels in (y, 1 - y):
        SiameseVerifier(width=32, max_iter=1, random_state=0).fit(X, labels)
    assert not recwarn.list


def test_hard_negatives_do_not_warn(digits):
    X, _, y, _ = digits
    D = cdist(X, X)
    nearest_other = np.where(y[:, None] != y, D, np.inf).argmin(axis=1)
    farthest_same = np.where(y[:, None] == y, D, -np.inf).argmax(axis=1)
    rows = np.arange(len(X))
    index = np.r_[np.c_[rows, farthest_same], np.c_[rows, nearest_other]]
    match = np.repeat([True, False], len(X))
    verifier = SiameseVerifier(width=32, max_iter=1, random_state=0)
    verifier.fit(PairView(X, index), match)
    pairs, match, _ = make_pairs(X, y, n_pairs=3000, as_view=True, random_state=0)
    with pytest.warns(UserWarning, match="pass y == False"):
        verifier.fit(pairs, ~match)


def test_pair_distance_uses_the_distance_of_fit(digit_pairs):
    P, _, match, _ = digit_pairs
    verifier = SiameseVerifier(width=32, max_iter=1, warm_start=True).fit(P, match)
    expected = verifier.pair_distance(P)
    verifier.set_params(distance="manhattan")
    np.testing.assert_array_equal(verifier.pair_distance(P), expected)
    with pytest.raises(ValueError, match="distance has changed from 'euclidean' to 'manhattan'"):
        verifier.fit(P, match)


@pytest.mark.parametrize("weight", [-3, 0, np.nan, np.inf, -np.inf, "2", None, [1], 1j])
@pytest.mark.parametrize("label", [True, False])
def test_class_weights_must_be_finite_and_positive(digit_pairs, weight, label):
    P, _, match, _ = digit_pairs
    with pytest.raises(ValueError, match=r"class_weight=.* must be above zero for both labels"):
        SiameseVerifier(class_weight={label: weight, not label: 1}).fit(P, match)


@pytest.mark.parametrize("class_weight", [{"True": 2}, {0.5: 1, 7: 2}, {True: 1, "no": 2}])
def test_class_weights_of_other_labels_are_refused_by_name(digit_pairs, class_weight):
    P, _, match, _ = digit_pairs
    with pytest.raises(ValueError, match="class_weight"):
        SiameseVerifier(class_weight=class_weight).fit(P, match)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1e300, "heavy", None])
def test_sample_weights_must_be_finite(digit_pairs, weight):
    P, _, match, _ = digit_pairs
    with pytest.raises(ValueError, match="sample_weight"):
        SiameseVerifier(width=32, max_iter=1).fit(P[:50], match[:50], [weight] + [1] * 49)


@pytest.mark.parametrize("factor", [1e300, 1e-300, 2.0**40])
def test_fit_depends_on_the_ratio_of_weights_only(digit_pairs, factor):
    P, _, match, _ = digit_pairs
    P, match = P[:100].astype(np.float32), match[:100]
    weight = np.random.default_rng(0).integers(1, 4, size=100)
    plain, scaled, by_class = (
        SiameseVerifier(width=32, max_iter=2, random_state=0, class_weight=of_class).fit(
            P, match, w
        )
        for w, of_class in [
            (weight, None),
            (factor * weight, None),
            (weight, {False: factor, True: factor}),
        ]
    )
    expected = plain.decision_function(P)
    np.testing.assert_allclose(scaled.decision_function(P), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_class.decision_function(P), expected, rtol=1e-4, atol=1e-4)


def test_invalid_pairs_and_weights_are_refused(digit_pairs, fitted):
    P, _, match, _ = digit_pairs
    refused = [
        (P.reshape(-1, 4, 32), match, None, "second of more than two dimensions must be 2"),
        (P, np.arange(len(P)) % 3, None, "Only binary classification is supported"),
        (P, np.ones(len(P)), None, "y has 1 class"),
        (P, match, np.where(match, 1.0, 0.0), "above zero for one class only"),
        (P, match, -np.ones(len(P)), "Negative values in data passed to `sample_weight`"),
        (P[:, :1], match, None, r"1 feature\(s\)"),
    ]
    for pairs, y, weight, message in refused:
        with pytest.raises(ValueError, match=message):
            SiameseVerifier().fit(pairs, y, weight)
    with pytest.raises(ValueError, match="'head' parameter"):
        SiameseVerifier(head="dot").fit(P, match)
    with pytest.raises(ValueError, match="pass items, not pairs"):
        fitted.transform_items(P)


def test_pairs_of_weight_zero_equal_absent_pairs(digit_pairs):
    P, _, match, _ = digit_pairs
    many, labels = np.tile(P, (2, 1)), np.tile(match, 2)
    weight = np.zeros(len(many))
    weight[-500:] = 1
    weighted = SiameseVerifier(width=32, max_iter=3, random_state=0).fit(
        many, labels, sample_weight=weight
    )
    alone = SiameseVerifier(width=32, max_iter=3, random_state=0).fit(many[-500:], labels[-500:])
    np.testing.assert_allclose(weighted.decision_function(P), alone.decision_function(P), atol=1e-9)


def test_held_out_pairs_have_positive_weight(digit_pairs):
    P, _, match, _ = digit_pairs
    weight = np.zeros(len(P))
    weight[:200] = 1
    verifier = SiameseVerifier(early_stopping=True, random_state=0)
    assert max(verifier.fit(P, match, sample_weight=weight).validation_scores_) > 0.5


def test_history_covers_both_kinds_of_alternating_pairs(digit_pairs):
    P, _, match, _ = digit_pairs
    order = np.ravel([np.flatnonzero(match)[:1024], np.flatnonzero(~match)[:1024]], order="F")
    history = (
        SiameseVerifier(width=32, max_iter=2, random_state=0).fit(P[order], match[order]).history_
    )
    assert all(np.isfinite(values).all() for values in history.values())


def test_a_head_that_cannot_train_the_tower_needs_a_margin(digit_pairs):
    P, _, match, _ = digit_pairs
    with pytest.raises(ValueError, match="no gradient to the tower"):
        SiameseVerifier(head="distance", margin=None).fit(P, match)


def test_a_head_of_the_wrong_shape_is_refused(digit_pairs):
    P, _, match, _ = digit_pairs

    class Column(nn.Module):
        def __init__(self, n_components):
            super().__init__()
            self.linear = nn.Linear(n_components, 1)

        def forward(self, A, B):
            return self.linear((A - B).abs())

    with pytest.raises(ValueError, match=r"logits of shape \(32,\), but returned \(32, 1\)"):
        SiameseVerifier(head=Column).fit(P, match)


def test_pairs_may_be_nested_lists(digit_pairs):
    P, _, match, _ = digit_pairs
    flat = SiameseVerifier(width=32, max_iter=2, random_state=0).fit(P[:100], match[:100])
    nested = SiameseVerifier(width=32, max_iter=2, random_state=0)
    nested.fit(P[:100].reshape(100, 2, -1).tolist(), match[:100])
    np.testing.assert_array_equal(nested.decision_function(P), flat.decision_function(P))


def test_depth_and_width_default_to_the_tower(digit_pairs):
    P, match = digit_pairs[0][:100], digit_pairs[2][:100]
    layers = {
        tower: [len(weight) for weight in weights if weight.ndim > 1]
        for tower in ("mlp", "tdnn")
        for weights in [
            SiameseVerifier(tower=tower, max_iter=1, random_state=0)
            .fit(P, match)
            .tower_.parameters()
        ]
    }
    assert layers == {"mlp": [512, 64], "tdnn": [128, 128, 128, 128]}


def test_a_tower_without_a_default_width_is_refused(digit_pairs):
    def narrow(input_shape, n_components, width):
        return nn.Sequential(nn.Linear(input_shape[0], width), nn.Linear(width, n_components))

    P, match = digit_pairs[0][:100], digit_pairs[2][:100]
    verifier = SiameseVerifier(tower=narrow, max_iter=1, random_state=0)
    with pytest.raises(ValueError, match=r"width=None uses the default of the tower.*set width"):
        verifier.fit(P, match)
    assert verifier.set_params(width=3).fit(P, match).tower_[2][0].out_features == 3


@pytest.mark.slow
def test_unseen_digits_are_verified_better_than_by_weighted_components(digits):
    X, y = digits[0].astype(np.float32), digits[2]
    default = SiameseVerifier(max_iter=10, learned_weight=1.0)
    contenders = (default, clone(default).set_params(head="weighted_l1"))
    areas = []
    for seed in range(3):
        new = np.isin(y, np.random.default_rng(seed).permutation(10)[:3])
        P, match, _ = make_pairs(X[~new], y[~new], n_pairs=1500, random_state=seed)
        Q, match_new, _ = make_pairs(X[new], y[new], n_pairs=1500, random_state=seed)
        for verifier in contenders:
            verifier.set_params(random_state=seed).fit(P, match)
            areas.append(roc_auc_score(match_new, verifier.decision_function(Q)))
    assert np.mean(areas[::2]) > np.mean(areas[1::2]) + 0.04


@pytest.fixture(scope="module")
def people_pairs():
    """Return pairs of 40 similar people, their matches and identities."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 6)
    X = rng.normal(size=(40, 30))[people] + rng.normal(size=(240, 30))
    pairs, match, _ = make_pairs(X, people, n_pairs=1000, as_view=True, random_state=0)
    return pairs, match, people[pairs.index]


def test_validation_pairs_share_no_identity_with_training_pairs(people_pairs):
    pairs, match, groups = people_pairs
    seen = []

    class Remembers(nn.Module):
        """A tower that records the rows that it embeds."""

        def __init__(self, input_shape, n_components):
            super().__init__()
            self.linear = nn.Linear(input_shape[0], n_components)

        def forward(self, X):
            seen.append((self.training, X.detach()))
            return self.linear(X)

    settings = {"tower": Remembers, "max_iter": 1, "random_state": 0, "n_components": 8}
    for fraction in (0.05, 0.1, 0.3):
        seen.clear()
        verifier = SiameseVerifier(
            early_stopping=True, validation_fraction=fraction, depth=1, width=1, **settings
        )
        verifier.fit(pairs, match, groups=groups)
        items = verifier.tower_[0](torch.from_numpy(pairs.items))
        of_row = {row.numpy().round(6).tobytes(): k // 6 for k, row in enumerate(items)}
        trained, others = (
            {
                of_row[row.numpy().round(6).tobytes()]
                for is_training, rows in seen
                if is_training == wanted
                for row in rows
            }
            for wanted in (True, False)
        )
        held_out = others - trained
        n_held_out = round(fraction**0.5 * 40)
        assert n_held_out - 1 <= len(held_out) <= n_held_out
        assert len(trained) <= 40 - n_held_out


def test_validation_scores_of_unseen_identities_are_lower(people_pairs):
    pairs, match, groups = people_pairs
    verifier = SiameseVerifier(early_stopping=True, validation_fraction=0.25, random_state=0)
    at_random = max(verifier.fit(pairs, match).validation_scores_)
    apart = max(verifier.fit(pairs, match, groups=groups).validation_scores_)
    assert at_random > apart + 0.05


@pytest.mark.parametrize("kind", [str, int, bool])
def test_identities_may_be_of_any_kind_and_are_checked(people_pairs, kind):
    pairs, match, groups = people_pairs
    verifier = SiameseVerifier(width=32, early_stopping=True, max_iter=1, random_state=0)
    if kind is not bool:
        assert verifier.fit(pairs, match, groups=groups.astype(kind).tolist()).n_iter_ == 1
        return
    for wrong, message in [
        (groups[:, 0], r"groups must have shape \(n_pairs, 2\)"),
        (np.where(groups == 3, np.nan, groups), "groups has .* missing labels"),
        (groups[:-1], "inconsistent numbers of samples"),
        (np.zeros_like(groups), "groups has 1 identities"),
        (groups % 3, "groups has 3 identities"),
    ]:
        with pytest.raises(ValueError, match=message):
            verifier.fit(pairs, match, groups=wrong)


def test_groups_are_routed_through_pipelines_and_searches(people_pairs):
    pairs, match, groups = people_pairs
    P = np.asarray(pairs)
    verifier = SiameseVerifier(width=32, early_stopping=True, max_iter=2, random_state=0)
    alone = clone(verifier).fit(P, match, groups=groups)
    unaware = clone(verifier).fit(P, match)
    assert not np.array_equal(alone.decision_function(P), unaware.decision_function(P))
    with config_context(enable_metadata_routing=True):
        aware = clone(verifier).set_fit_request(groups=True)
        model = make_pipeline(FunctionTransformer(), aware).fit(P, match, groups=groups)
        np.testing.assert_array_equal(model.decision_function(P), alone.decision_function(P))
        search = GridSearchCV(
            make_pipeline(aware), {"siameseverifier__margin": [0.5, 1.0]}, cv=PairKFold(2)
        )
        search.fit(P, match, groups=groups)
        assert len(search.best_estimator_[-1].validation_scores_) == 2


@pytest.mark.parametrize(
    ("shape", "tower", "message"),
    [
        ((20, 2, 16, 16, 3), "cnn", r"np.moveaxis\(X, -1, 2\) and input_shape=\(3, 16, 16\)"),
        ((20, 2, 12, 20, 1), "mlp", r"input_shape=\(1, 12, 20\)"),
        ((20, 2, 3, 16, 16), "cnn", r"set input_shape=\(3, 16, 16\)"),
        ((20, 2, 8, 5), "tdnn", r"set input_shape=\(8, 5\)"),
    ],
)
def test_items_of_several_axes_need_their_shape(shape, tower, message):
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    y = np.arange(len(images)) % 2
    verifier = SiameseVerifier(tower=tower, width=4, max_iter=1, random_state=0)
    with pytest.raises(ValueError, match=message):
        verifier.fit(images, y)
    first = np.moveaxis(images, -1, 2) if shape[-1] in (1, 3) else images
    verifier.set_params(input_shape=first.shape[2:]).fit(first, y)


@pytest.mark.parametrize("n_identities", [1, 2, 3])
def test_groups_of_too_few_identities_are_refused(n_identities):
    rng = np.random.default_rng(0)
    X, groups = rng.normal(size=(60, 8)), rng.integers(0, n_identities, size=(60, 2))
    verifier = SiameseVerifier(width=32, early_stopping=True, max_iter=1)
    with pytest.raises(ValueError, match=r"groups has . identities.*early_stopping=False"):
        verifier.fit(X, np.arange(60) % 2, groups=groups)


def test_the_weight_of_the_contrastive_loss_decreases_linearly(digit_pairs, monkeypatch):
    P, _, match, _ = digit_pairs
    weights, loss = [], VerificationTask.loss_of_pairs

    def record(self, logit, D, same, different, contrastive_weight):
        weights.append(contrastive_weight)
        return loss(self, logit, D, same, different, contrastive_weight)

    monkeypatch.setattr(VerificationTask, "loss_of_pairs", record)
    SiameseVerifier(width=8, max_iter=4, batch_size=100).fit(P[:200], match[:200])
    assert weights == [2, 2, 1.5, 1.5, 1, 1, 0.5, 0.5]


def chunked(P, match, *, n_passes, n_chunks=4, **options):
    """Return a verifier of several passes over chunks, with the step size of ``fit``."""
    verifier = SiameseVerifier(random_state=0)
    for turn in range(n_passes):
        verifier.set_params(learning_rate_init=2e-3 * (1 - turn / n_passes))
        for chunk in np.array_split(np.random.RandomState(turn).permutation(len(P)), n_chunks):
            verifier.partial_fit(P[chunk], match[chunk], **options)
    return verifier


def test_partial_fit_in_chunks_learns_as_well_as_fit(digit_pairs):
    P_train, P_test, match_train, match_test = digit_pairs
    verifier = chunked(P_train, match_train, n_passes=15, classes=[False, True])
    whole = SiameseVerifier(max_iter=15, random_state=0).fit(P_train, match_train)
    assert verifier.n_iter_ == len(verifier.loss_curve_) == 60
    assert verifier.score(P_test, match_test) > whole.score(P_test, match_test) - 0.01


def test_partial_fit_continues_fit_and_its_optimizer(digit_pairs):
    P, _, match, _ = digit_pairs
    P, match = P[:400], match[:400]
    verifier = SiameseVerifier(max_iter=2, random_state=0).fit(P, match).partial_fit(P, match)
    assert verifier.n_iter_ == 3
    steps = [state["step"].item() for state in verifier._optimizer_state.values()]
    verifier.partial_fit(P, match)
    later = [state["step"].item() for state in verifier._optimizer_state.values()]
    assert later == [2 * step for step in steps]


def test_a_weight_of_zero_in_a_chunk_equals_its_absence(digit_pairs):
    P, _, match, _ = digit_pairs
    P, match, used = P[:300], match[:300], np.arange(300) % 3 > 0
    options = {"random_state": 0, "batch_size": 1000}
    weighted = SiameseVerifier(**options).partial_fit(P, match, sample_weight=used)
    alone = SiameseVerifier(**options).partial_fit(P[used], match[used])
    np.testing.assert_allclose(
        weighted.decision_function(P), alone.decision_function(P), rtol=1e-4, atol=1e-4
    )


def test_the_first_step_of_a_chunk_minimizes_both_losses(digit_pairs):
    """The loss of an epoch of one batch is the loss of the untrained network."""
    P, _, match, _ = digit_pairs
    P, match = P[:200], match[:200]
    options = {"random_state": 0, "batch_size": 1000, "learned_weight": 1.0, "max_iter": 1}
    losses = [
        SiameseVerifier(margin=margin, **options).partial_fit(P, match).loss_curve_[0]
        for margin in (None, 1.0)
    ]
    whole = SiameseVerifier(margin=1.0, **options).fit(P, match).loss_curve_[0]
    assert losses[1] - losses[0] == pytest.approx((whole - losses[0]) / 2, rel=1e-4)
