"""Test losses of pairs against plain loops, and their common properties."""

import copy
import inspect
from functools import partial

import pytest
import torch
from torch import nn

from sksiamese.distances import DISTANCES
from sksiamese.losses import (
    LOSSES,
    LogisticDistance,
    WuMargin,
    _masked,
    contrastive,
    logistic,
    prototypical,
    ranked_list,
    triplet,
)


def is_proxy_loss(loss):
    return isinstance(loss, type) and loss not in (LogisticDistance, WuMargin)


def reads_classes(loss):
    return is_proxy_loss(loss) or loss is prototypical


PAIR_LOSSES = {
    name: loss() if isinstance(loss, type) else loss
    for name, loss in LOSSES.items()
    if not reads_classes(loss)
}
SOFT = {"circle", "logistic", "multi_similarity", "n_pairs", "nca", "soft_margin_triplet", "supcon"}
"""Losses that only come near to zero, or to their minimum, where classes are separated."""

each_loss = pytest.mark.parametrize("loss", PAIR_LOSSES.values(), ids=PAIR_LOSSES)
each_sharp_loss = pytest.mark.parametrize(
    "loss", [loss for name, loss in PAIR_LOSSES.items() if name not in SOFT]
)


def contrastive_by_hand(D, same, different, margin, positive_margin=0.0):
    total, weight = D.sum() * 0, 0.0
    for index in torch.ones(D.shape).nonzero().tolist():
        d, s, t = D[tuple(index)], float(same[tuple(index)]), float(different[tuple(index)])
        total = total + s * (d - positive_margin).clamp_min(0) ** 2
        total = total + t * (margin - d).clamp_min(0) ** 2
        weight += s + t
    return total / weight


def anchors(D, same, different):
    """Yield the distances to positives and to negatives of each anchor that has both."""
    for row, is_positive, is_negative in zip(D, same, different, strict=True):
        if is_positive.any() and is_negative.any():
            yield row[is_positive], row[is_negative]


def mean(costs, D):
    costs = list(costs)
    return sum(costs) / len(costs) if costs else D.sum() * 0


def triplet_by_hand(D, same, different, margin):
    costs = [p - n + margin for P, N in anchors(D, same, different) for p in P for n in N]
    return mean([cost for cost in costs if cost > 0], D)


def soft_margin_triplet_by_hand(D, same, different, scale=1.0):
    return mean(
        (
            torch.log(1 + torch.exp(scale * (p - n))) / scale
            for P, N in anchors(D, same, different)
            for p in P
            for n in N
        ),
        D,
    )


def lifted_structure_by_hand(D, same, different, margin=1.0):
    return mean(
        (
            torch.relu(torch.log(P.exp().sum()) + torch.log((margin - N).exp().sum()))
            for P, N in anchors(D, same, different)
        ),
        D,
    )


def n_pairs_by_hand(D, same, different, temperature=1.0):
    return mean(
        (
            torch.log(1 + sum(torch.exp((p - n) / temperature) for n in N))
            for P, N in anchors(D, same, different)
            for p in P
        ),
        D,
    )


def supcon_by_hand(D, same, different, temperature=0.1):
    return mean(
        (
            mean([-torch.log(torch.exp(-p / temperature) / total) for p in P], D)
            for P, N in anchors(D, same, different)
            for total in [sum(torch.exp(-d / temperature) for d in [*P, *N])]
        ),
        D,
    )


def nca_by_hand(D, same, different, temperature=1.0):
    return mean(
        (
            -torch.log(
                sum(torch.exp(-p / temperature) for p in P)
                / sum(torch.exp(-d / temperature) for d in [*P, *N])
            )
            for P, N in anchors(D, same, different)
        ),
        D,
    )


def multi_similarity_by_hand(
    D, same, different, positive_scale=2.0, negative_scale=50.0, boundary=0.5
):
    return mean(
        (
            torch.log(1 + sum(torch.exp(positive_scale * (p - boundary)) for p in P))
            / positive_scale
            + torch.log(1 + sum(torch.exp(negative_scale * (boundary - n)) for n in N))
            / negative_scale
            for P, N in anchors(D, same, different)
        ),
        D,
    )


def circle_by_hand(D, same, different, margin=0.4, scale=80.0):
    def pull(p):
        return torch.exp(scale * (p.detach() + margin).clamp_min(0) * (p - margin))

    def push(n):
        return torch.exp(scale * (1 + margin - n.detach()).clamp_min(0) * (1 - margin - n))

    return mean(
        (
            torch.log(1 + sum(pull(p) for p in P) * sum(push(n) for n in N))
            for P, N in anchors(D, same, different)
        ),
        D,
    )


def logistic_by_hand(D, same, different, scale=5.0, threshold=1.0, non_match_weight=1.0):
    pull = mean([torch.log(1 + torch.exp(-scale * (threshold - d))) for d in D[same]], D)
    push = mean([torch.log(1 + torch.exp(scale * (threshold - d))) for d in D[different]], D)
    return pull + non_match_weight * push


def wu_margin_by_hand(D, same, different, margin=0.2, boundary=1.2):
    costs = [d - boundary + margin for d in D[same]]
    costs += [boundary - d + margin for d in D[different]]
    return mean([cost for cost in costs if cost > 0], D)


def ranked_list_by_hand(D, same, different, margin=0.4, boundary=1.2, temperature=0.1, balance=0.5):
    costs = []
    for P, N in anchors(D, same, different):
        excess = [p - (boundary - margin) for p in P if p > boundary - margin]
        lack = [boundary - n for n in N if n < boundary]
        weight = [torch.exp(x / temperature) for x in lack]
        push = sum(w * x for w, x in zip(weight, lack, strict=True))
        costs.append(
            (1 - balance) * mean(excess, D) + balance * (push / sum(weight) if lack else 0)
        )
    return mean(costs, D)


def soft_counts(values, n_bins, limit):
    """Return counts weighted by triangles around the centers of the bins."""
    centers = torch.arange(n_bins + 1) * limit / n_bins
    width = limit / n_bins
    values = torch.stack([*values])
    return [(1 - (values - c).abs() / width).clamp_min(0).sum() for c in centers]


def fastap_by_hand(D, same, different, n_bins=10, limit=2.0):
    costs = []
    for P, N in anchors(D, same, different):
        h, s = soft_counts(P, n_bins, limit), soft_counts([*P, *N], n_bins, limit)
        average = sum(
            h[b] * sum(h[: b + 1]) / sum(s[: b + 1])
            for b in range(n_bins + 1)
            if sum(s[: b + 1]) > 0
        )
        costs.append(1 - average / len(P))
    return mean(costs, D)


def histogram_by_hand(D, same, different, n_bins=100, limit=2.0):
    positives, negatives = (
        [count / mask.sum() for count in soft_counts(D[mask], n_bins, limit)]
        for mask in (same, different)
    )
    return sum(negatives[b] * sum(positives[b:]) for b in range(n_bins + 1))


BY_HAND = {
    name.removesuffix("_by_hand"): function
    for name, function in list(globals().items())
    if name.endswith("_by_hand")
}


def random(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def masks(labels):
    same = labels[:, None] == labels
    return same & ~torch.eye(len(labels), dtype=torch.bool), ~same


def value_and_gradient(loss, D, same, different, **options):
    D = D.detach().clone().requires_grad_()
    value = loss(D, same, different, **options)
    value.backward()
    return value.detach(), D.grad


LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 0, 3, 0, 2])
"""Four classes of unequal size, one of them a single row."""


OPTIONS = [
    ("circle", {}),
    ("circle", {"margin": 0.25, "scale": 5.0}),
    ("contrastive", {"margin": 0.05}),
    ("contrastive", {"margin": 0.5, "positive_margin": 0.2}),
    ("contrastive", {"margin": 5.0}),
    ("fastap", {}),
    ("fastap", {"n_bins": 4, "limit": 3.0}),
    ("histogram", {}),
    ("histogram", {"n_bins": 7, "limit": 3.0}),
    ("lifted_structure", {}),
    ("lifted_structure", {"margin": -3.0}),
    ("logistic", {}),
    ("logistic", {"scale": 2.0, "threshold": 0.5, "non_match_weight": 4.0}),
    ("multi_similarity", {}),
    ("multi_similarity", {"positive_scale": 5.0, "negative_scale": 3.0, "boundary": 0.2}),
    ("n_pairs", {}),
    ("n_pairs", {"temperature": 0.1}),
    ("nca", {}),
    ("nca", {"temperature": 0.1}),
    ("ranked_list", {}),
    ("ranked_list", {"margin": 0.2, "boundary": 0.6, "temperature": 1.0, "balance": 0.7}),
    ("soft_margin_triplet", {}),
    ("soft_margin_triplet", {"scale": 5.0}),
    ("supcon", {}),
    ("supcon", {"temperature": 2.0}),
    ("triplet", {"margin": 0.05}),
    ("triplet", {"margin": 5.0}),
    ("wu_margin", {}),
    ("wu_margin", {"margin": 0.1, "boundary": 0.5}),
]


def configured(name, options):
    """Return a loss with its options."""
    if isinstance(LOSSES[name], type):
        return LOSSES[name](**options).double()
    return partial(LOSSES[name], **options)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_equal_plain_loops(name, options, seed):
    D, pair_masks = 1.3 * random(12, 12, seed=seed), masks(LABELS)
    found = value_and_gradient(configured(name, options), D, *pair_masks)
    expected = value_and_gradient(BY_HAND[name], D, *pair_masks, **options)
    torch.testing.assert_close(found, expected)
    assert found[0] > 0


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_anchors_without_positives_or_negatives_are_treated_as_by_plain_loops(name):
    D, (same, different) = 1.3 * random(12, 12), masks(LABELS)
    same[0], different[3] = False, False
    options = dict(OPTIONS)[name]
    found = value_and_gradient(configured(name, options), D, same, different)
    expected = value_and_gradient(BY_HAND[name], D, same, different, **options)
    torch.testing.assert_close(found, expected)


def test_every_pair_loss_is_compared_with_plain_loops():
    assert {name for name, _ in OPTIONS} == set(PAIR_LOSSES)


def test_the_boundary_of_the_wu_margin_loss_is_learned():
    loss = WuMargin().double()
    D, pair_masks = 2 * random(12, 12), masks(LABELS)
    loss(D, *pair_masks).backward()
    expected = loss.boundary.detach().clone().requires_grad_()
    wu_margin_by_hand(D, *pair_masks, boundary=expected).backward()
    torch.testing.assert_close(loss.boundary.grad, expected.grad)
    assert loss.boundary.grad != 0


def test_the_scale_and_the_threshold_of_the_logistic_loss_are_learned_ten_times_as_fast():
    loss = LogisticDistance().double()
    D, pair_masks = 2 * random(12, 12), masks(LABELS)
    loss(D, *pair_masks).backward()
    scale, threshold = (torch.tensor(x, dtype=D.dtype, requires_grad=True) for x in (5.0, 1.0))
    logistic_by_hand(D, *pair_masks, scale=scale, threshold=threshold).backward()
    torch.testing.assert_close(loss.scale.grad, 10 * scale.grad, rtol=1e-5, atol=0.0)
    torch.testing.assert_close(loss.threshold.grad, 10 * threshold.grad, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("options", [{"temperature": 0.01}, {"boundary": 10.0, "margin": 2.0}])
def test_the_ranked_list_loss_is_finite_for_sharp_weights(options):
    D, pair_masks = 2 * random(12, 12).float(), masks(LABELS)
    single, double = (ranked_list(d, *pair_masks, **options) for d in (D, D.double()))
    assert single.item() == pytest.approx(double.item(), rel=1e-5)


def test_fractional_masks_weight_the_pairs_of_the_contrastive_loss():
    D, same, different = (random(4, 6, seed=seed) for seed in range(3))
    found = value_and_gradient(contrastive, D, same, different, margin=0.5)
    expected = value_and_gradient(contrastive_by_hand, D, same, different, margin=0.5)
    torch.testing.assert_close(found, expected)


def test_losses_depend_on_the_ratio_of_weights_only():
    D, same, different = (random(4, 6, seed=seed) for seed in range(3))
    for weighted in (contrastive, logistic):
        flat = [x.flatten() for x in (D, same, different)]
        scaled = flat[0], 1e-4 * flat[1], 1e-4 * flat[2]
        torch.testing.assert_close(weighted(*scaled), weighted(*flat))


@pytest.mark.parametrize("shape", [(7,), (7, 1)])
def test_the_contrastive_loss_accepts_a_vector_or_a_column_of_pairs(shape):
    D, same = random(*shape), random(*shape, seed=1) < 0.5
    found = value_and_gradient(contrastive, D, same, ~same, margin=0.5)
    expected = value_and_gradient(contrastive_by_hand, D, same, ~same, margin=0.5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("margin", [0.25, 0.5, 1.0])
def test_the_triplet_loss_counts_ties_as_plain_loops(margin):
    # Multiples of 1/4 are exact, so that triplets of loss zero occur: they are not active.
    D = torch.randint(0, 5, (12, 12), generator=torch.Generator().manual_seed(0)) / 4
    pair_masks = masks(LABELS)
    ties = D[:, :, None] + margin == D[:, None, :]
    assert (ties & pair_masks[0][:, :, None] & pair_masks[1][:, None, :]).any()
    found, _ = value_and_gradient(triplet, D, *pair_masks, margin=margin)
    expected, _ = value_and_gradient(triplet_by_hand, D, *pair_masks, margin=margin)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_a_loss_of_a_large_batch_needs_no_cubic_memory(name):
    n = 1024
    D = random(n, n, dtype=torch.float32)
    value, gradient = value_and_gradient(PAIR_LOSSES[name], D, *masks(torch.arange(n) % 100))
    assert value.isfinite()
    assert gradient.isfinite().all()


def separated():
    """Return distances and masks of classes that are points, 7.1 apart."""
    labels = torch.arange(10) % 3
    Z = 5.0 * nn.functional.one_hot(labels).double()
    return torch.cdist(Z, Z), *masks(labels)


@each_sharp_loss
def test_a_loss_is_zero_if_classes_are_separated(loss):
    value, gradient = value_and_gradient(loss, *separated())
    assert value.abs() < 1e-12
    assert (gradient.abs() < 1e-12).all()


@pytest.mark.parametrize("name", sorted(SOFT))
def test_a_soft_loss_is_least_if_classes_are_separated(name):
    D, *pair_masks = separated()
    least = PAIR_LOSSES[name](D, *pair_masks)
    for seed in range(20):
        assert PAIR_LOSSES[name](D + random(*D.shape, seed=seed) * (D == 0), *pair_masks) > least
        assert PAIR_LOSSES[name](D * random(*D.shape, seed=seed), *pair_masks) >= least


@each_loss
def test_a_loss_without_selected_pairs_is_zero_and_differentiable(loss):
    nothing = torch.zeros(3, 4, dtype=torch.bool)
    value, gradient = value_and_gradient(loss, random(3, 4), nothing, nothing)
    assert value == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
@each_loss
def test_a_loss_of_an_empty_matrix_is_zero(loss, shape):
    nothing = torch.zeros(shape, dtype=torch.bool)
    value, gradient = value_and_gradient(loss, random(*shape), nothing, nothing)
    assert value == 0
    assert gradient.shape == shape


@pytest.mark.parametrize("side", ["same", "different"])
@each_loss
def test_a_loss_accepts_pairs_of_one_kind_only(loss, side):
    chosen, nothing = torch.ones(3, 4, dtype=torch.bool), torch.zeros(3, 4, dtype=torch.bool)
    pair_masks = (chosen, nothing) if side == "same" else (nothing, chosen)
    value, gradient = value_and_gradient(loss, random(3, 4), *pair_masks)
    assert value >= 0
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each_loss
def test_a_loss_is_never_negative(loss, dtype):
    # Rounding matters most for distances that differ in their last digits only.
    for seed in range(100):
        D = 100 + 1e-5 * random(20, 20, seed=seed, dtype=dtype)
        assert loss(D, *masks(torch.arange(20) % 2)) >= 0


@each_loss
def test_pairs_in_neither_mask_are_ignored(loss):
    D = random(12, 12)
    same, different = masks(LABELS)
    left_out = random(12, 12, seed=1) < 0.3
    pair_masks = same & ~left_out, different & ~left_out
    value, gradient = value_and_gradient(loss, D, *pair_masks)
    assert (gradient[left_out] == 0).all()
    changed = D.masked_fill(left_out, 17.0)
    torch.testing.assert_close(loss(changed, *pair_masks), value)


@each_loss
def test_a_loss_does_not_depend_on_the_order_of_rows_and_columns(loss):
    D, (same, different) = random(12, 12), masks(LABELS)
    p, q = random(12, seed=1).argsort(), random(12, seed=2).argsort()
    permuted = [x[p][:, q].contiguous() for x in (D, same, different)]
    torch.testing.assert_close(loss(*permuted), loss(D, same, different))


@each_loss
def test_a_loss_accepts_distances_of_any_memory_layout(loss):
    D, (same, different) = random(12, 12), masks(LABELS)
    expected = loss(D.T.contiguous(), same, different)
    torch.testing.assert_close(loss(D.T, same, different), expected)


@each_loss
def test_float32_agrees_with_float64_far_from_the_origin(loss):
    Z = random(200, 8, dtype=torch.float32) + 100
    low, low_gradient = through(DISTANCES["euclidean"], loss, Z)
    high, high_gradient = through(DISTANCES["euclidean"], loss, Z.double())
    assert low.dtype == torch.float32
    torch.testing.assert_close(low.double(), high, rtol=1e-4, atol=0)
    scale = high_gradient.abs().max().item()
    torch.testing.assert_close(low_gradient.double(), high_gradient, rtol=0, atol=1e-4 * scale)


def through(distance, loss, Z):
    """Return the value of a loss of embeddings in five classes, and its gradient."""
    Z = Z.clone().requires_grad_()
    value = copy.deepcopy(loss)(distance(Z, Z), *masks(torch.arange(len(Z)) % 5))
    value.backward()
    return value.detach(), Z.grad


@pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES)
@each_loss
def test_identical_rows_have_finite_gradients_through_every_distance(loss, distance):
    Z = random(12, 3, dtype=torch.float32)
    Z[:6] = Z[0]
    Z.requires_grad_()
    value = loss(distance(Z, Z), *masks(LABELS))
    value.backward()
    assert value > 0
    assert Z.grad.isfinite().all()


@pytest.mark.parametrize(
    "name", [name for name in LOSSES if "margin" in inspect.signature(LOSSES[name]).parameters]
)
def test_a_loss_grows_with_its_margin(name):
    D, pair_masks = 1.3 * random(12, 12), masks(LABELS)
    Z, y = random(12, 4), LABELS
    values = []
    for margin in (0.1, 0.3):
        torch.manual_seed(0)
        if is_proxy_loss(LOSSES[name]):
            values.append(LOSSES[name](4, 4, margin=margin).double()(Z, y).item())
        else:
            values.append(configured(name, {"margin": margin})(D, *pair_masks).item())
    # The margin of the circle loss is a relaxation.
    assert (values[0] > values[1]) if name == "circle" else (values[0] < values[1])


def test_the_logistic_loss_equals_plain_loops():
    logit, same, different = (random(9, seed=seed) * 4 - 2 * (seed == 0) for seed in range(3))
    found = value_and_gradient(logistic, logit, same, different)

    def by_hand(logit, same, different):
        costs = [
            s * torch.log(1 + torch.exp(-x)) + t * torch.log(1 + torch.exp(x))
            for x, s, t in zip(logit, same, different, strict=True)
        ]
        return sum(costs) / sum((same + different).tolist())

    torch.testing.assert_close(found, value_and_gradient(by_hand, logit, same, different))


def test_the_logistic_loss_is_finite_for_large_logits_and_zero_without_weights():
    logit = torch.tensor([1e4, -1e4], requires_grad=True)
    weight = torch.ones(2)
    value, gradient = value_and_gradient(logistic, logit, weight, weight)
    assert value == 5000
    assert gradient.isfinite().all()
    value, gradient = value_and_gradient(logistic, logit, 0 * weight, 0 * weight)
    assert value == 0
    assert (gradient == 0).all()


@each_loss
def test_a_loss_computed_in_chunks_of_anchors_is_the_same(loss, monkeypatch):
    D, pair_masks = 1.3 * random(12, 12), masks(LABELS)
    whole = value_and_gradient(loss, D, *pair_masks)
    monkeypatch.setattr(_masked, "CHUNK", 30)
    torch.testing.assert_close(value_and_gradient(loss, D, *pair_masks), whole)
