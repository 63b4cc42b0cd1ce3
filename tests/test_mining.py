"""Test miners against plain loops, and their common properties."""

import math
from functools import partial

import pytest
import torch
from pytorch_metric_learning import miners as peer
from pytorch_metric_learning.distances import CosineSimilarity

from sksiamese.losses import (
    LOSSES,
    LogisticDistance,
    WuMargin,
    _masked,
    contrastive,
    prototypical,
    triplet,
)
from sksiamese.mining import (
    MINERS,
    all_pairs,
    angular,
    distance_weighted,
    easy_positive,
    hardest,
    multi_similarity,
    semihard,
)

CONFIGURED = {**MINERS, "distance_weighted": partial(distance_weighted, n_components=8)}
LEARNED = LogisticDistance, WuMargin
PAIR_LOSSES = {
    name: loss() if loss in LEARNED else loss
    for name, loss in LOSSES.items()
    if loss in LEARNED or not (isinstance(loss, type) or loss is prototypical)
}

each_miner = pytest.mark.parametrize("miner", CONFIGURED.values(), ids=CONFIGURED)

LABELS = {
    "several classes": [0, 1, 2, 0, 1, 2, 0, 1, 0, 3, 0, 2],
    "rows without positives": [0, 0, 0, 1, 2, 3, 4],
    "no positives at all": [0, 1, 2, 3],
    "one class": [0, 0, 0, 0, 0],
    "one row": [0],
}

each_batch = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def batch(labels, seed=0):
    """Return distinct distances and the masks of a batch."""
    labels = torch.tensor(labels)
    n = len(labels)
    generator = torch.Generator().manual_seed(seed)
    D = (torch.randperm(n * n, generator=generator).reshape(n, n) + 1) / n**2
    same = labels[:, None] == labels
    return D, same & ~torch.eye(n, dtype=torch.bool), ~same


def selected(D, same, different):
    """Return the sorted distances of the positives and of the negatives of each row."""
    return [
        (sorted(d[s].tolist()), sorted(d[t].tolist()))
        for d, s, t in zip(D, same, different, strict=True)
    ]


def all_by_hand(D, positives, negatives):
    return [(sorted(positives), sorted(negatives))]


def hardest_by_hand(D, positives, negatives):
    return [([max(positives)] if positives else [], [min(negatives)] if negatives else [])]


def semihard_by_hand(D, positives, negatives):
    rows = []
    for d in positives:
        farther = [x for x in negatives if x > d]
        chosen = [min(farther)] if farther else [max(negatives)] if negatives else []
        rows.append(([d], chosen))
    return rows


def easy_positive_by_hand(D, positives, negatives):
    if not positives:
        return [([], [])]
    return [([min(positives)], semihard_by_hand(D, [min(positives)], negatives)[0][1])]


def multi_similarity_by_hand(D, positives, negatives, epsilon=0.1):
    return [
        (
            sorted(d for d in positives if negatives and d > min(negatives) - epsilon),
            sorted(d for d in negatives if positives and d < max(positives) + epsilon),
        )
    ]


BY_HAND = {
    "all": all_by_hand,
    "easy_positive": easy_positive_by_hand,
    "hardest": hardest_by_hand,
    "multi_similarity": multi_similarity_by_hand,
    "semihard": semihard_by_hand,
}


@each_batch
@pytest.mark.parametrize("name", BY_HAND)
def test_miners_equal_plain_loops(name, labels):
    for seed in range(3):
        D, same, different = batch(labels, seed)
        expected = [
            row
            for d, s, t in zip(D, same, different, strict=True)
            for row in BY_HAND[name](d, d[s].tolist(), d[t].tolist())
        ]
        assert selected(*MINERS[name](D, same, different)) == expected


@each_batch
@each_miner
def test_selected_pairs_keep_their_anchor(miner, labels):
    D, same, different = batch(labels)
    mined, positive, negative = miner(D, same, different)
    assert mined.shape == positive.shape == negative.shape
    assert positive.dtype == negative.dtype == torch.bool
    assert not (positive & negative).any()
    row_of = {value: divmod(i, len(D)) for i, value in enumerate(D.flatten().tolist())}
    for d, s, t in zip(mined, positive, negative, strict=True):
        pairs = [(row_of[x], same) for x in d[s].tolist()]
        pairs += [(row_of[x], different) for x in d[t].tolist()]
        assert all(mask[pair] for pair, mask in pairs)
        assert all(anchor != other for (anchor, other), _ in pairs)
        assert len({anchor for (anchor, _), _ in pairs}) <= 1


@each_batch
@each_miner
def test_every_miner_works_with_every_loss(miner, labels):
    for name, loss in PAIR_LOSSES.items():
        D, same, different = batch(labels)
        D.requires_grad_()
        value = loss(*miner(D, same, different))
        value.backward()
        assert value.isfinite(), name
        assert value >= 0, name
        assert D.grad.isfinite().all(), name
        assert (D.grad[~(same | different)] == 0).all(), name
        if same.any() and different.any():
            assert value > 0, name


@pytest.mark.parametrize("loss", [contrastive, triplet])
@each_miner
def test_gradients_reach_exactly_the_mined_distances(miner, loss):
    D, same, different = batch(LABELS["several classes"])
    torch.manual_seed(0)
    mined = miner(D, same, different)
    used = set(mined[0][mined[1] | mined[2]].tolist())
    D.requires_grad_()
    torch.manual_seed(0)
    loss(*miner(D, same, different), margin=3.0).backward()
    assert {round(x, 6) for x in D[D.grad != 0].tolist()} <= {round(x, 6) for x in used}
    assert (D.grad != 0).sum() >= len(used) / 2


@each_miner
def test_a_miner_does_not_change_its_arguments(miner):
    before = batch(LABELS["several classes"])
    arguments = [x.clone() for x in before]
    miner(*arguments)
    assert all(torch.equal(x, y) for x, y in zip(arguments, before, strict=True))


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_miners_do_not_depend_on_the_order_of_columns(name):
    miner = MINERS[name]
    D, same, different = batch(LABELS["several classes"])
    order = D[0].argsort()
    permuted = (x[:, order].contiguous() for x in (D, same, different))
    found, expected = selected(*miner(*permuted)), selected(*miner(D, same, different))
    assert sorted(found) == sorted(expected)


@each_miner
def test_a_batch_without_anchors_has_the_loss_zero(miner):
    shape = (1, 1) if miner is angular else (0, 3)
    nothing = torch.zeros(shape, dtype=torch.bool)
    for name, loss in PAIR_LOSSES.items():
        D = torch.zeros(shape, requires_grad=True)
        value = loss(*miner(D, nothing, nothing))
        value.backward()
        assert value == 0, name


@each_miner
def test_a_miner_accepts_equal_distances(miner):
    for name, loss in PAIR_LOSSES.items():
        D, same, different = batch(LABELS["several classes"])
        D = torch.ones_like(D).requires_grad_()
        value = loss(*miner(D, same, different))
        value.backward()
        assert value >= 0, name
        assert D.grad.isfinite().all(), name


def test_all_pairs_copies_nothing():
    given = batch(LABELS["several classes"])
    assert all(x is y for x, y in zip(all_pairs(*given), given, strict=True))


def test_hardest_and_semihard_return_two_columns():
    D, same, different = batch(LABELS["several classes"])
    assert hardest(D, same, different)[0].shape == (len(D), 2)
    assert semihard(D, same, different)[0].shape == (int(same.sum()), 2)


def test_hardest_selects_a_positive_at_distance_zero():
    D = torch.tensor([[5.0, 0.0, 0.0]])
    same = torch.tensor([[False, True, True]])
    assert hardest(D, same, ~same)[0].tolist() == [[0.0, 5.0]]


def test_semihard_selects_a_negative_that_is_strictly_farther():
    D = torch.tensor([[1.0, 1.0, 2.0, 3.0]])
    same = torch.tensor([[True, False, False, False]])
    assert semihard(D, same, ~same)[0].tolist() == [[1.0, 2.0]]


def points(n=24, n_classes=4, seed=0):
    """Return unit-length embeddings, their classes, Euclidean distances and masks."""
    Z = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    Z = torch.nn.functional.normalize(Z)
    y = torch.arange(n) % n_classes
    same = y[:, None] == y
    return Z, y, torch.cdist(Z, Z), same & ~torch.eye(n, dtype=torch.bool), ~same


@pytest.mark.parametrize("angle", [5.0, 20.0, 40.0])
def test_angular_selects_the_widest_angle_above_the_limit(angle):
    Z, _, D, same, different = points()
    expected = []
    for a, p in same.nonzero().tolist():
        center = (Z[a] + Z[p]) / 2
        angles = {
            math.degrees(math.atan(D[a, p] / (2 * (Z[n] - center).norm()))): D[a, n].item()
            for n in different[a].nonzero().squeeze(1).tolist()
        }
        if max(angles) > angle:
            expected.append([D[a, p].item(), angles[max(angles)]])
    mined, positive, negative = angular(D, same, different, angle=angle)
    torch.testing.assert_close(mined, torch.tensor(expected, dtype=D.dtype))
    assert positive.tolist() == [[True, False]] * len(expected)
    assert negative.tolist() == [[False, True]] * len(expected)
    assert 0 < len(expected) < same.sum() or angle < 40


def test_angular_selects_the_same_pairs_as_pytorch_metric_learning():
    Z, y, D, same, different = points()
    anchor, positive, _ = peer.AngularMiner(angle=35)(Z, y)
    theirs = set(zip(anchor.tolist(), positive.tolist(), strict=True))
    chosen = {round(d, 9) for d in angular(D, same, different, angle=35)[0][:, 0].tolist()}
    assert chosen == {round(D[pair].item(), 9) for pair in theirs}
    assert 0 < len(theirs) < same.sum()


def test_angular_needs_the_distances_within_a_batch():
    _, _, D, same, different = points()
    with pytest.raises(ValueError, match="set memory_size=0 or choose another miner"):
        angular(D[:5], same[:5], different[:5])


def test_multi_similarity_selects_the_same_pairs_as_pytorch_metric_learning():
    Z, y, _, same, different = points()
    D = 1 - Z @ Z.T
    a1, p, a2, n = peer.MultiSimilarityMiner(epsilon=0.1, distance=CosineSimilarity())(Z, y)
    _, positives, negatives = multi_similarity(D, same, different, epsilon=0.1)
    for found, mask in (((a1, p), positives), ((a2, n), negatives)):
        assert sorted(torch.stack(found, dim=1).tolist()) == mask.nonzero().tolist()
        assert 0 < len(found[0]) < (same | different).sum()


def test_distance_weighted_draws_negatives_by_inverse_density():
    D = torch.tensor([[1.0, 0.3, 0.6, 1.0, 1.3, 1.5]], dtype=torch.float64).repeat(20_000, 1)
    same = torch.zeros_like(D, dtype=torch.bool)
    same[:, 0] = True
    torch.manual_seed(0)
    mined = distance_weighted(D, same, ~same, n_components=4)[0]
    assert (mined[:, 0] == 1).all()
    found = [(mined[:, 1] == d).double().mean().item() for d in D[0, 1:].tolist()]
    density = [max(d, 0.5) ** 2 * (1 - max(d, 0.5) ** 2 / 4) ** 0.5 for d in D[0, 1:5].tolist()]
    total = sum(1 / q for q in density)
    assert found == pytest.approx([1 / q / total for q in density] + [0], abs=0.02)


def test_distance_weighted_draws_again_for_each_positive():
    D = torch.full((1, 40), 1.9)
    same = torch.arange(40).unsqueeze(0) < 20
    D[0, 20:] += torch.arange(20) / 1000
    mined, positive, negative = distance_weighted(D, same, ~same, n_components=8)
    assert len(mined[:, 1].unique()) > 5
    assert positive[:, 0].all()
    assert negative[:, 1].all()
    assert len(mined) == 20


def test_easy_positive_selects_the_nearest_positive_and_a_farther_negative():
    D = torch.tensor([[0.5, 0.2, 0.1, 0.3, 0.9]])
    same = torch.tensor([[True, True, False, False, False]])
    assert easy_positive(D, same, ~same)[0].tolist() == [pytest.approx([0.2, 0.3])]


@pytest.mark.parametrize("name", MINERS)
def test_a_miner_of_a_large_batch_needs_no_cubic_memory(name):
    n = 1024
    D = torch.rand(n, n, generator=torch.Generator().manual_seed(0))
    y = torch.arange(n) % 100
    same = y[:, None] == y
    mined, *masks = CONFIGURED[name](D, same.fill_diagonal_(False), y[:, None] != y)
    assert mined.numel() <= n * n
    assert masks[1].any()


@pytest.mark.parametrize("name", ["angular", "semihard"])
def test_a_miner_selects_the_same_in_chunks(name, monkeypatch):
    _, _, D, same, different = points()
    whole = MINERS[name](D, same, different)
    monkeypatch.setattr(_masked, "CHUNK", 50)
    assert all(map(torch.equal, MINERS[name](D, same, different), whole))
