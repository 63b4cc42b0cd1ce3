"""Batches: every row in its turn, classes in balance."""

from math import ceil

import pytest
import torch

from sksiamese._batches import class_balanced, shuffled


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("batch_size", [2, 3, 64, 1000])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 64, 65, 127, 128, 129])
def test_shuffled_batches_hold_each_row_once_and_differ_by_one_row_at_most(n_rows, batch_size):
    batches = list(shuffled(n_rows, batch_size, generator=generator()))
    sizes = [len(batch) for batch in batches]
    assert torch.cat(batches).sort().values.tolist() == list(range(n_rows))
    assert len(batches) == ceil(n_rows / batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("batch_size", [3, 4, 5, 64])
def test_no_shuffled_batch_has_a_single_row(batch_size):
    for n_rows in range(2, 200):
        batches = shuffled(n_rows, batch_size, generator=generator())
        assert min(len(batch) for batch in batches) >= 2


def test_shuffled_batches_are_in_random_order():
    drawn = [torch.cat(list(shuffled(50, 8, generator=generator(seed)))) for seed in range(20)]
    assert len({tuple(order.tolist()) for order in drawn}) == 20
    assert len({order[0].item() for order in drawn}) > 5


def draw(y, batch_size, seed=0):
    y = torch.as_tensor(y)
    batches = list(class_balanced(y, batch_size, generator=generator(seed)))
    return batches, [y[batch] for batch in batches]


LABELS = {
    "two classes": [0, 1] * 50,
    "ten classes": list(range(10)) * 30,
    "gaps": [0, 2, 5] * 20,
    "three rows a class": list(range(33)) * 3,
    "many pairs": list(range(2000)) * 2,
    "rare and frequent": [0] * 500 + [1] * 60 + [2] * 2 + [3] * 3,
    "one frequent": [0] * 1000 + [7] * 2,
    "a pair each": [0, 0, 1, 1],
    "single rows": [0, 1, 1, 2, 2, 2, 4],
}

each_y = pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
each_size = pytest.mark.parametrize("batch_size", [4, 5, 7, 32, 256])


@each_size
@each_y
def test_a_balanced_batch_has_room_two_classes_and_no_row_twice(y, batch_size):
    for batch, labels in zip(*draw(y, batch_size), strict=True):
        assert batch.dtype == torch.int64
        assert len(batch) <= batch_size
        assert len(labels.unique()) >= 2
        assert len(batch.unique()) == len(batch)


@each_size
@each_y
def test_all_balanced_batches_hold_as_many_classes(y, batch_size):
    n_classes = len(set(y))
    found = {len(labels.unique()) for labels in draw(y, batch_size)[1]}
    assert len(found) == 1
    assert found.pop() <= n_classes


@each_size
@each_y
def test_a_balanced_batch_holds_k_rows_of_a_class_or_all_of_a_short_one(y, batch_size):
    y = torch.tensor(y)
    in_batch = [labels.bincount(minlength=len(y.bincount())) for labels in draw(y, batch_size)[1]]
    per_class = max(batch_size // len(y.unique()), min(4, batch_size // 2))
    for counts in in_batch:
        chosen = counts > 0
        assert torch.equal(counts[chosen], y.bincount()[chosen].clamp_max(per_class))
        assert per_class * chosen.sum() <= batch_size


@each_size
@each_y
def test_a_batch_of_labels_keeps_the_rows_of_a_class_together(y, batch_size):
    for labels in draw(y, batch_size)[1]:
        assert len(labels.unique_consecutive()) == len(labels.unique())


@each_size
@each_y
def test_every_class_is_seen_each_round_and_rare_ones_as_often_as_frequent_ones(y, batch_size):
    n_classes = len(set(y))
    labels = draw(y, batch_size)[1]
    visits = [set(found.tolist()) for found in labels]
    per_round = ceil(n_classes / len(visits[0]))
    assert len(visits) % per_round == 0
    n_rounds = len(visits) // per_round
    for turn in range(n_rounds):
        assert set.union(*visits[turn * per_round : (turn + 1) * per_round]) == set(y)
    seen = [sum(label in visit for visit in visits) for label in set(y)]
    assert min(seen) >= n_rounds
    assert max(seen) <= 2 * n_rounds
    if n_classes % len(visits[0]) == 0:
        assert min(seen) == max(seen)


@each_size
@each_y
def test_an_epoch_draws_about_as_many_rows_as_there_are(y, batch_size):
    drawn = sum(map(len, draw(y, batch_size)[0]))
    assert 2 / 3 * len(y) <= drawn <= 3 / 2 * len(y) + batch_size


@pytest.mark.parametrize("name", ["two classes", "ten classes", "gaps", "many pairs"])
def test_every_row_of_balanced_classes_is_drawn_in_an_epoch(name):
    batches, _ = draw(LABELS[name], 20)
    assert len(torch.cat(batches).unique()) >= 0.9 * len(LABELS[name])


def test_a_class_gives_its_next_rows_at_each_visit_and_starts_again_after_the_last():
    y = [0] * 10 + [1] * 30
    batches, labels = draw(y, 8)
    scarce, plenty = (
        torch.cat([batch[found == label] for batch, found in zip(batches, labels, strict=True)])
        for label in (0, 1)
    )
    assert len(scarce) == len(plenty) == 20
    assert sorted(scarce[:10].tolist()) == list(range(10))
    assert torch.equal(scarce[10:], scarce[:10])
    assert len(plenty.unique()) == 20


def test_the_companions_of_a_class_change_from_round_to_round():
    labels = draw(list(range(20)) * 40, 8)[1]
    assert len({frozenset(found.tolist()) for found in labels if 0 in found}) > 5


@pytest.mark.parametrize("batch_size", [4, 32])
def test_batches_come_from_the_generator_alone(batch_size):
    state = torch.get_rng_state()
    y = LABELS["ten classes"]
    for batches in (
        lambda seed: list(shuffled(100, batch_size, generator=generator(seed))),
        lambda seed: draw(y, batch_size, seed)[0],
    ):
        one, same, other = (torch.cat(batches(seed)) for seed in (0, 0, 1))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)
