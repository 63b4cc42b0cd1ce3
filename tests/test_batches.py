"""Test samplers."""

from collections import Counter
from functools import partial
from math import ceil, inf, nan

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from sksiamese import SiameseEmbedder
from sksiamese._hard_negatives import nearest_negatives
from sksiamese.batches import (
    class_balanced,
    hard_negatives,
    hierarchical,
    shuffled,
    weighted,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def one_class(n_rows):
    return torch.zeros(n_rows, dtype=torch.int64)


@pytest.mark.parametrize("batch_size", [2, 3, 64, 1000])
def test_shuffled_batches_hold_each_row_once_and_differ_by_one_row_at_most(batch_size):
    for n_rows in (1, 2, 3, 64, 65, 127, 128, 129):
        batches = list(shuffled(one_class(n_rows), batch_size, generator=generator()))
        sizes = [len(batch) for batch in batches]
        assert torch.cat(batches).sort().values.tolist() == list(range(n_rows))
        assert len(batches) == ceil(n_rows / batch_size)
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("batch_size", [3, 4, 5, 64])
def test_no_shuffled_batch_has_a_single_row(batch_size):
    for n_rows in range(2, 200):
        batches = shuffled(one_class(n_rows), batch_size, generator=generator())
        assert min(len(batch) for batch in batches) >= 2


def test_shuffled_batches_are_in_random_order():
    drawn = [
        torch.cat(list(shuffled(one_class(50), 8, generator=generator(seed)))) for seed in range(20)
    ]
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


@pytest.fixture(scope="module")
def balanced():
    """Return labels, batch size, batches and their labels, for several batch sizes."""
    return [
        (y, batch_size, *draw(y, batch_size))
        for y in LABELS.values()
        for batch_size in (4, 5, 7, 32, 256)
    ]


def test_a_balanced_batch_has_two_classes_and_no_row_twice(balanced):
    for _, batch_size, batches, labels_of_batches in balanced:
        for batch, labels in zip(batches, labels_of_batches, strict=True):
            assert batch.dtype == torch.int64
            assert len(batch) <= batch_size
            assert len(labels.unique()) >= 2
            assert len(batch.unique()) == len(batch)


def test_all_balanced_batches_have_the_same_number_of_classes(balanced):
    for y, _, _, labels_of_batches in balanced:
        found = {len(labels.unique()) for labels in labels_of_batches}
        assert len(found) == 1
        assert found.pop() <= len(set(y))


def test_a_balanced_batch_holds_k_rows_of_a_class_or_all_of_a_short_one(balanced):
    for y, batch_size, _, labels_of_batches in balanced:
        n_rows = torch.tensor(y).bincount()
        per_class = max(batch_size // (n_rows > 0).sum(), min(4, batch_size // 2))
        for labels in labels_of_batches:
            counts = labels.bincount(minlength=len(n_rows))
            chosen = counts > 0
            assert torch.equal(counts[chosen], n_rows[chosen].clamp_max(per_class))
            assert per_class * chosen.sum() <= batch_size


def test_a_batch_of_labels_keeps_the_rows_of_a_class_together(balanced):
    for _, _, _, labels_of_batches in balanced:
        for labels in labels_of_batches:
            assert len(labels.unique_consecutive()) == len(labels.unique())


def test_every_class_is_drawn_equally_often(balanced):
    for y, _, _, labels_of_batches in balanced:
        n_classes = len(set(y))
        visits = [set(found.tolist()) for found in labels_of_batches]
        per_round = ceil(n_classes / len(visits[0]))
        assert len(visits) % per_round == 0
        n_rounds = len(visits) // per_round
        for turn in range(n_rounds):
            assert set.union(*visits[turn * per_round : (turn + 1) * per_round]) == set(y)
        counts = Counter(label for visit in visits for label in visit)
        assert min(counts.values()) >= n_rounds
        assert max(counts.values()) <= 2 * n_rounds
        if n_classes % len(visits[0]) == 0:
            assert min(counts.values()) == max(counts.values())


def test_an_epoch_draws_about_as_many_rows_as_there_are(balanced):
    for y, batch_size, batches, _ in balanced:
        assert 2 / 3 * len(y) <= sum(map(len, batches)) <= 3 / 2 * len(y) + batch_size


@pytest.mark.parametrize("name", ["two classes", "ten classes", "gaps", "many pairs"])
def test_every_row_of_balanced_classes_is_drawn_in_an_epoch(name):
    batches, _ = draw(LABELS[name], 20)
    assert len(torch.cat(batches).unique()) >= 0.9 * len(LABELS[name])


def test_rows_of_a_class_are_drawn_in_turn():
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


def test_classes_are_combined_at_random():
    labels = draw(list(range(20)) * 40, 8)[1]
    assert len({frozenset(found.tolist()) for found in labels if 0 in found}) > 5


@pytest.mark.parametrize("batch_size", [4, 32])
def test_samplers_draw_from_the_generator_only(batch_size):
    state = torch.get_rng_state()
    y = LABELS["ten classes"]
    for batches in (
        lambda seed: list(shuffled(one_class(100), batch_size, generator=generator(seed))),
        lambda seed: draw(y, batch_size, seed)[0],
    ):
        one, same, other = (torch.cat(batches(seed)) for seed in (0, 0, 1))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


SAMPLERS = {
    "shuffled": shuffled,
    "balanced": class_balanced,
    "hierarchical": partial(hierarchical, groups=torch.arange(120) // 40),
    "weighted": partial(weighted, weight=torch.arange(120)),
}


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_samplers_draw_no_unlabeled_row_and_no_row_twice(sampler):
    y = torch.arange(120) // 10
    y[::7] = -1
    batches = list(sampler(y, 16, generator=generator()))
    assert (y[torch.cat(batches)] >= 0).all()
    assert all(len(batch.unique()) == len(batch) <= 16 for batch in batches)


def test_classes_that_complete_a_round_give_further_rows():
    y = torch.arange(25).repeat(40)
    rows = torch.cat(draw(y, 40)[0])
    counts = rows.bincount(minlength=len(y))
    spread = [counts[y == label].max() - counts[y == label].min() for label in range(25)]
    assert max(spread) <= 1
    assert len(rows) > 25 * 4 * 9


def test_hierarchical_batches_have_one_group_each():
    y, groups = torch.arange(600) % 30, torch.arange(600) % 30 // 10
    batches = list(hierarchical(y, 20, groups=groups, generator=generator()))
    drawn = [groups[batch].unique().tolist() for batch in batches]
    assert all(len(found) == 1 for found in drawn)
    assert {found[0] for found in drawn} == {0, 1, 2}
    assert drawn != sorted(drawn)
    assert 300 <= sum(map(len, batches)) <= 900
    two = hierarchical(y, 200, groups=groups, n_groups=2, generator=generator())
    assert max(len(groups[batch].unique()) for batch in two) == 2


def test_hierarchical_skips_groups_of_one_class():
    y = torch.tensor([0] * 10 + [1] * 10 + [2] * 10)
    groups = torch.tensor([0] * 20 + [1] * 10)
    batches = list(hierarchical(y, 8, groups=groups, generator=generator()))
    assert set(y[torch.cat(batches)].tolist()) == {0, 1}


def test_hierarchical_refuses_groups_of_one_class_each_with_the_remedy():
    y = torch.arange(30) // 10
    with pytest.raises(ValueError, match=r"groups have one class each with n_groups=1, .* raise"):
        next(hierarchical(y, 8, groups=y, generator=generator()))
    batches = list(hierarchical(y, 8, groups=y, n_groups=2, generator=generator()))
    assert batches
    assert all(len(y[batch].unique()) == 2 for batch in batches)
    sampler = partial(hierarchical, groups=y)
    with pytest.raises(ValueError, match="groups have one class each"):
        SiameseEmbedder(sampler=sampler).fit(torch.eye(30).numpy(), y.numpy())


@pytest.mark.parametrize(
    "weight",
    [[0.0] * 4, [1.0, -1.0, 1.0, 1.0], [1.0, nan, 1.0, 1.0], [inf, 1.0, 1.0, 1.0]],
)
def test_weights_without_a_positive_value_are_refused(weight):
    y = torch.tensor([0, 0, 1, 1])
    with pytest.raises(ValueError, match="weight must be finite, >= 0, and above 0"):
        next(weighted(y, 2, weight=weight, generator=generator()))


def test_weights_of_unlabeled_rows_only_are_refused():
    y = torch.tensor([-1, 0, 1, 1])
    with pytest.raises(ValueError, match="above 0 for at least one row that has a class"):
        next(weighted(y, 2, weight=[1.0, 0.0, 0.0, 0.0], generator=generator()))


def test_weighted_rows_are_drawn_in_proportion_to_their_weight():
    weight = torch.tensor([0.0] * 100 + [1.0] * 100 + [3.0] * 100)
    y = torch.arange(300) % 2
    source = generator()
    epochs = [weighted(y, 10, weight=weight, generator=source) for _ in range(30)]
    drawn = torch.cat([rows for epoch in epochs for rows in epoch])
    counts = drawn.bincount(minlength=300).view(3, 100).sum(dim=1).tolist()
    assert counts[0] == 0
    assert counts[2] / counts[1] == pytest.approx(3, rel=0.1)
    assert sum(counts) == 30 * 300


def test_many_classes_of_two_rows_keep_their_pairs():
    y = torch.arange(100_000).repeat(2)
    batches = list(class_balanced(y, 256, generator=generator()))
    assert all((y[batch].unique(return_counts=True)[1] == 2).all() for batch in batches)
    assert len(torch.cat(batches).unique()) >= 0.99 * len(y)


def test_nearest_negatives_equal_a_plain_loop():
    rng = generator(3)
    Z, y = torch.randn(60, 3, generator=rng), torch.randint(4, (60,), generator=rng)
    anchors = torch.tensor([5, 0, 59])
    found = nearest_negatives(Z, y, anchors, (2, 6)).tolist()
    for anchor, rows in zip(anchors.tolist(), found, strict=True):
        others = [row for row in range(60) if y[row] != y[anchor]]
        others.sort(key=lambda row: (Z[row] - Z[anchor]).norm().item())
        assert rows == others[2:6]


def test_an_index_finds_the_same_negatives():
    rng = generator(3)
    Z, y = torch.randn(500, 3, generator=rng), torch.randint(40, (500,), generator=rng)
    anchors, closest = torch.arange(0, 500, 7), torch.rand(72, generator=rng)
    for limit in (None, closest):
        exact = nearest_negatives(Z, y, anchors, (1, 4), closest=limit)
        index = NearestNeighbors()
        found = nearest_negatives(Z, y, anchors, (1, 4), closest=limit, neighbors=index)
        assert not hasattr(index, "n_samples_fit_")
        torch.testing.assert_close(found, exact, rtol=0, atol=0)
        assert (y[found] != y[anchors, None]).all()


def test_a_relative_margin_leaves_out_closer_rows():
    y = torch.arange(40) // 2
    Z = torch.randn(40, 2, generator=generator(1))
    options = {"embed": lambda: Z, "n_negatives": 1, "ranks": (0, 1)}
    for margin in (-0.5, 0.0, 0.5):
        options["relative_margin"] = margin
        for rows in hard_negatives(y, 4, **options, generator=generator()):
            one, other = rows[y[rows] == y[rows].mode().values].tolist()
            limit = (1 + margin) * (Z[one] - Z[other]).norm()
            D = torch.cdist(Z[[one, other]], Z)  # Either of them is the anchor.
            D = D.masked_fill((y == y[one]) | (limit > D), inf)
            assert rows[y[rows] != y[one]].item() in D.argmin(dim=1)


def test_an_index_that_returns_no_neighbors_raises():
    class Empty(NearestNeighbors):
        def kneighbors(self, X, n_neighbors):
            return np.zeros((len(X), 1)), np.full((len(X), 1), -1)

    batches = hard_negatives(
        torch.arange(8) // 2,
        4,
        embed=lambda: torch.eye(8),
        neighbors=Empty(),
        generator=generator(),
    )
    with pytest.raises(ValueError, match=r"Empty\(\) does not return .* set neighbors=None"):
        next(batches)


def test_batches_of_hard_negatives_hold_anchors_positives_and_near_rows():
    y = torch.arange(40) // 10
    Z = torch.arange(40.0)[:, None]  # Rows of the next class are nearest at the borders.
    batches = [*hard_negatives(y, 8, embed=lambda: Z, ranks=(0, 2), generator=generator())]
    assert len(batches) == 5
    for rows in batches:
        assert len(rows) <= 8
        assert len(rows.unique()) == len(rows)
        assert len(y[rows].unique()) >= 2
        assert y[rows].bincount().max() >= 2
    drawn = torch.cat(batches)
    assert (torch.isin(drawn % 10, torch.tensor([0, 1, 8, 9]))).double().mean() > 0.5


def test_hard_negatives_ignore_unlabeled_rows_and_accept_single_ones():
    y = torch.tensor([0, 1, -1, 1, 2, -1, 2])
    for seed in range(20):
        batches = hard_negatives(y, 4, embed=lambda: torch.eye(7), generator=generator(seed))
        assert all((y[rows] >= 0).all() and len(rows) <= 4 for rows in batches)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_negatives": 3}, "does not fit in a batch of 4 rows .*; lower n_negatives"),
        ({"n_negatives": 0}, "n_negatives"),
        ({"ranks": (3, 3)}, r"ranks must be .* such as \(0, 10\), got \(3, 3\)"),
        ({"ranks": (-1, 3)}, "ranks must be"),
        ({"ranks": 3}, "ranks must be"),
        ({"batch_size": 3}, "batch_size"),
        ({"embed": lambda: torch.eye(3)}, r"embed must return floats of shape \(8, n_comp"),
        ({"embed": lambda: "Z"}, "embed must return"),
        ({"relative_margin": -1}, "relative_margin must be a finite number > -1, got -1"),
        ({"neighbors": "exact"}, r"such as sklearn.neighbors.NearestNeighbors\(\), got 'exact'"),
    ],
)
def test_invalid_options_of_hard_negatives_raise(options, message):
    options = {"batch_size": 4, "embed": lambda: torch.eye(8)} | options
    with pytest.raises(ValueError, match=message):
        next(hard_negatives(torch.arange(8) // 4, **options, generator=generator()))


def test_an_estimator_passes_its_current_embedding_and_stays_in_training():
    X, y = load_digits(return_X_y=True)
    seen = []

    def sampler(y, batch_size, *, embed, generator):
        for rows in class_balanced(y, batch_size, generator=generator):
            seen.append(embed())
            yield rows

    options = {"max_iter": 2, "dropout": 0.5, "random_state": 0, "learned_weight": 1.0}
    embedder = SiameseEmbedder(16, sampler=sampler, **options).fit(X, y)
    assert seen[0].shape == (len(X), 16)
    assert not torch.equal(seen[0], seen[-1])
    expected = SiameseEmbedder(16, **options).fit(X, y)
    torch.testing.assert_close(embedder.transform(X), expected.transform(X), rtol=0, atol=0)
    hard = SiameseEmbedder(16, sampler="hard_negatives", **options).fit(X, y)
    assert hard.score(X, y) > 0.9
