"""Miners: plain loops as oracles, and what every miner must satisfy, said once."""

import pytest
import torch

from sksiamese.losses import LOSSES
from sksiamese.mining import MINERS, all_pairs, hardest, semihard

each_miner = pytest.mark.parametrize("miner", MINERS.values(), ids=MINERS)
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)

LABELS = {
    "several classes": [0, 1, 2, 0, 1, 2, 0, 1, 0, 3, 0, 2],
    "rows without positives": [0, 0, 0, 1, 2, 3, 4],
    "no positives at all": [0, 1, 2, 3],
    "one class": [0, 0, 0, 0, 0],
    "one row": [0],
}

each_batch = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def batch(labels, seed=0):
    """Distances, no two of which are equal, and the masks of a batch."""
    labels = torch.tensor(labels)
    n = len(labels)
    generator = torch.Generator().manual_seed(seed)
    D = (torch.randperm(n * n, generator=generator).reshape(n, n) + 1) / n**2
    same = labels[:, None] == labels
    return D, same & ~torch.eye(n, dtype=torch.bool), ~same


def selected(D, same, different):
    """Per row, the distances of its positives and of its negatives, as sorted lists."""
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


BY_HAND = {"all": all_by_hand, "hardest": hardest_by_hand, "semihard": semihard_by_hand}


@each_batch
@pytest.mark.parametrize("name", MINERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_miner_selects_what_plain_loops_select(name, labels, seed):
    D, same, different = batch(labels, seed)
    expected = [
        row
        for d, s, t in zip(D, same, different, strict=True)
        for row in BY_HAND[name](d, d[s].tolist(), d[t].tolist())
    ]
    assert selected(*MINERS[name](D, same, different)) == expected


@each_batch
@each_miner
def test_every_selected_pair_is_one_of_its_anchor_and_no_row_is_paired_with_itself(miner, labels):
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
@each_loss
@each_miner
def test_every_miner_goes_with_every_loss(miner, loss, labels):
    D, same, different = batch(labels)
    D.requires_grad_()
    value = loss(*miner(D, same, different))
    value.backward()
    assert value.isfinite()
    assert value >= 0
    assert D.grad.isfinite().all()
    assert (D.grad[~(same | different)] == 0).all()
    if same.any() and different.any():
        assert value > 0


@each_loss
@each_miner
def test_gradients_reach_exactly_the_mined_distances(miner, loss):
    D, same, different = batch(LABELS["several classes"])
    mined = miner(D, same, different)
    used = set(mined[0][mined[1] | mined[2]].tolist())
    D.requires_grad_()
    loss(*miner(D, same, different), margin=3.0).backward()
    assert {round(x, 6) for x in D[D.grad != 0].tolist()} <= {round(x, 6) for x in used}
    assert (D.grad != 0).sum() >= len(used) / 2


@each_miner
def test_a_miner_leaves_its_arguments_as_they_were(miner):
    before = batch(LABELS["several classes"])
    arguments = [x.clone() for x in before]
    miner(*arguments)
    assert all(torch.equal(x, y) for x, y in zip(arguments, before, strict=True))


@each_miner
def test_the_order_of_the_columns_does_not_matter(miner):
    D, same, different = batch(LABELS["several classes"])
    order = D[0].argsort()
    permuted = (x[:, order].contiguous() for x in (D, same, different))
    found, expected = selected(*miner(*permuted)), selected(*miner(D, same, different))
    assert sorted(found) == sorted(expected)


@each_loss
@each_miner
def test_a_batch_without_anchors_has_the_loss_zero(miner, loss):
    nothing = torch.zeros(0, 3, dtype=torch.bool)
    D = torch.zeros(0, 3, requires_grad=True)
    value = loss(*miner(D, nothing, nothing))
    value.backward()
    assert value == 0


@each_loss
@each_miner
def test_a_miner_takes_equal_distances(miner, loss):
    D, same, different = batch(LABELS["several classes"])
    D = torch.ones_like(D).requires_grad_()
    value = loss(*miner(D, same, different), margin=1.0)
    value.backward()
    assert value > 0
    assert D.grad.isfinite().all()


def test_all_pairs_copies_nothing():
    given = batch(LABELS["several classes"])
    assert all(x is y for x, y in zip(all_pairs(*given), given, strict=True))


def test_hardest_and_semihard_hold_two_columns():
    D, same, different = batch(LABELS["several classes"])
    assert hardest(D, same, different)[0].shape == (len(D), 2)
    assert semihard(D, same, different)[0].shape == (int(same.sum()), 2)


def test_hardest_takes_a_positive_also_where_all_of_them_coincide_with_the_anchor():
    D = torch.tensor([[5.0, 0.0, 0.0]])
    same = torch.tensor([[False, True, True]])
    assert hardest(D, same, ~same)[0].tolist() == [[0.0, 5.0]]


def test_semihard_takes_a_negative_that_is_farther_and_not_one_at_the_same_distance():
    D = torch.tensor([[1.0, 1.0, 2.0, 3.0]])
    same = torch.tensor([[True, False, False, False]])
    assert semihard(D, same, ~same)[0].tolist() == [[1.0, 2.0]]
