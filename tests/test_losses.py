"""Losses: plain loops and pytorch-metric-learning as oracles, and the laws of all of them."""

import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss

from sksiamese.distances import DISTANCES
from sksiamese.losses import LOSSES, contrastive, logistic, triplet

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def contrastive_by_hand(D, same, different, margin):
    total, weight = D.sum() * 0, 0.0
    for index in torch.ones(D.shape).nonzero().tolist():
        d, s, t = D[tuple(index)], float(same[tuple(index)]), float(different[tuple(index)])
        total = total + s * d**2 + t * (margin - d).clamp_min(0) ** 2
        weight += s + t
    return total / weight


def triplet_by_hand(D, same, different, margin):
    active = [
        D[i, p] - D[i, n] + margin
        for i in range(D.shape[0])
        for p in same[i].nonzero().squeeze(1).tolist()
        for n in different[i].nonzero().squeeze(1).tolist()
        if D[i, p] - D[i, n] + margin > 0
    ]
    return sum(active) / len(active) if active else D.sum() * 0


BY_HAND = {"contrastive": contrastive_by_hand, "triplet": triplet_by_hand}


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


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("margin", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_are_those_of_plain_loops(name, margin, seed):
    D, pair_masks = random(12, 12, seed=seed), masks(LABELS)
    found = value_and_gradient(LOSSES[name], D, *pair_masks, margin=margin)
    expected = value_and_gradient(BY_HAND[name], D, *pair_masks, margin=margin)
    torch.testing.assert_close(found, expected)


def test_fractional_masks_weigh_the_pairs_of_the_contrastive_loss():
    D, same, different = (random(4, 6, seed=seed) for seed in range(3))
    found = value_and_gradient(contrastive, D, same, different, margin=0.5)
    expected = value_and_gradient(contrastive_by_hand, D, same, different, margin=0.5)
    torch.testing.assert_close(found, expected)


def test_only_the_ratio_of_the_weights_of_pairs_matters():
    D, same, different = (random(4, 6, seed=seed) for seed in range(3))
    for weighted in (contrastive, logistic):
        flat = [x.flatten() for x in (D, same, different)]
        scaled = flat[0], 1e-4 * flat[1], 1e-4 * flat[2]
        torch.testing.assert_close(weighted(*scaled), weighted(*flat))


@pytest.mark.parametrize("shape", [(7,), (7, 1)])
def test_the_contrastive_loss_takes_given_pairs_as_a_vector_or_a_column(shape):
    D, same = random(*shape), random(*shape, seed=1) < 0.5
    found = value_and_gradient(contrastive, D, same, ~same, margin=0.5)
    expected = value_and_gradient(contrastive_by_hand, D, same, ~same, margin=0.5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("margin", [0.25, 0.5, 1.0])
def test_the_triplet_loss_counts_ties_as_plain_loops_do(margin):
    # Multiples of 1/4 are exact, so that triplets of loss zero occur: they are not active.
    D = torch.randint(0, 5, (12, 12), generator=torch.Generator().manual_seed(0)) / 4
    pair_masks = masks(LABELS)
    ties = D[:, :, None] + margin == D[:, None, :]
    assert (ties & pair_masks[0][:, :, None] & pair_masks[1][:, None, :]).any()
    found, _ = value_and_gradient(triplet, D, *pair_masks, margin=margin)
    expected, _ = value_and_gradient(triplet_by_hand, D, *pair_masks, margin=margin)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("margin", [0.05, 0.2, 2.0])
def test_the_triplet_loss_is_that_of_pytorch_metric_learning(margin):
    Z = random(40, 5)
    labels = torch.arange(40) % 7
    distance = LpDistance(normalize_embeddings=False)
    peer = TripletMarginLoss(margin=margin, distance=distance)

    ours, theirs = Z.clone().requires_grad_(), Z.clone().requires_grad_()
    found = triplet(DISTANCES["euclidean"](ours, ours), *masks(labels), margin=margin)
    expected = peer(theirs, labels)
    found.backward()
    expected.backward()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-6)
    assert found > 0


def test_the_triplet_loss_of_a_large_batch_needs_no_cube():
    n = 2048
    D = random(n, n, dtype=torch.float32)
    value, gradient = value_and_gradient(triplet, D, *masks(torch.arange(n) % 100))
    assert value.isfinite()
    assert gradient.isfinite().all()


@each_loss
def test_a_loss_is_zero_where_the_classes_are_separated(loss):
    labels = torch.arange(10) % 3
    Z = 5.0 * torch.nn.functional.one_hot(labels).double()
    value, gradient = value_and_gradient(loss, torch.cdist(Z, Z), *masks(labels))
    assert value == 0
    assert (gradient == 0).all()


@each_loss
def test_a_loss_is_zero_with_a_gradient_path_where_nothing_is_selected(loss):
    nothing = torch.zeros(3, 4, dtype=torch.bool)
    value, gradient = value_and_gradient(loss, random(3, 4), nothing, nothing)
    assert value == 0
    assert (gradient == 0).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
@each_loss
def test_a_loss_of_no_pairs_at_all_is_zero(loss, shape):
    nothing = torch.zeros(shape, dtype=torch.bool)
    value, gradient = value_and_gradient(loss, random(*shape), nothing, nothing)
    assert value == 0
    assert gradient.shape == shape


@pytest.mark.parametrize("side", ["same", "different"])
@each_loss
def test_a_loss_takes_pairs_of_one_kind_only(loss, side):
    chosen, nothing = torch.ones(3, 4, dtype=torch.bool), torch.zeros(3, 4, dtype=torch.bool)
    pair_masks = (chosen, nothing) if side == "same" else (nothing, chosen)
    value, gradient = value_and_gradient(loss, random(3, 4), *pair_masks)
    assert value >= 0
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each_loss
def test_a_loss_is_never_negative(loss, dtype):
    # Distances that differ in their last digits only are where rounding could show.
    for seed in range(100):
        D = 100 + 1e-5 * random(20, 20, seed=seed, dtype=dtype)
        assert loss(D, *masks(torch.arange(20) % 2), margin=1e-6) >= 0


@each_loss
def test_a_pair_in_neither_mask_takes_no_part(loss):
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
def test_a_loss_takes_distances_of_any_memory_layout(loss):
    D, (same, different) = random(12, 12), masks(LABELS)
    expected = loss(D.T.contiguous(), same, different)
    torch.testing.assert_close(loss(D.T, same, different), expected)


@each_loss
def test_float32_agrees_with_float64(loss):
    Z = random(200, 8, dtype=torch.float32) + 100
    D = DISTANCES["euclidean"](Z, Z)
    pair_masks = masks(torch.arange(200) % 5)
    low, low_gradient = value_and_gradient(loss, D, *pair_masks)
    high, high_gradient = value_and_gradient(loss, D.double(), *pair_masks)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low.double(), high, rtol=1e-4, atol=0)
    torch.testing.assert_close(low_gradient.double(), high_gradient, rtol=1e-4, atol=1e-8)


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


@each_loss
def test_a_loss_grows_with_its_margin(loss):
    D, pair_masks = random(12, 12), masks(LABELS)
    small, large = (loss(D, *pair_masks, margin=margin) for margin in (0.5, 2.0))
    assert small < large


def test_the_logistic_loss_is_that_of_plain_loops():
    logit, same, different = (random(9, seed=seed) * 4 - 2 * (seed == 0) for seed in range(3))
    found = value_and_gradient(logistic, logit, same, different)

    def by_hand(logit, same, different):
        costs = [
            s * torch.log(1 + torch.exp(-x)) + t * torch.log(1 + torch.exp(x))
            for x, s, t in zip(logit, same, different, strict=True)
        ]
        return sum(costs) / sum((same + different).tolist())

    torch.testing.assert_close(found, value_and_gradient(by_hand, logit, same, different))


def test_the_logistic_loss_is_finite_for_sure_logits_and_zero_without_weights():
    logit = torch.tensor([1e4, -1e4], requires_grad=True)
    weight = torch.ones(2)
    value, gradient = value_and_gradient(logistic, logit, weight, weight)
    assert value == 5000
    assert gradient.isfinite().all()
    value, gradient = value_and_gradient(logistic, logit, 0 * weight, 0 * weight)
    assert value == 0
    assert (gradient == 0).all()
