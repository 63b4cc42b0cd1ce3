"""Test that functions and modules of torch refuse options outside their range by name."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sksiamese import augment, batches, distances, heads, losses, mining, regularizers, towers

NO_REAL = [float("nan"), float("inf"), "1", None, True, 1j, [1.0], np.float32("nan")]
NO_COUNT = [0, -1, 2.0, float("nan"), "2", None, True, 2**40]
BATCH = (torch.rand(3, 3), torch.eye(3, dtype=bool), ~torch.eye(3, dtype=bool))
ITEMS = (torch.rand(3, 5), torch.Generator())
Y = torch.arange(12) % 3

REALS = [
    ("temperature", partial(losses.n_pairs, *BATCH), 0.0),
    ("temperature", partial(losses.NormalizedSoftmax, 2, 2), -1),
    ("margin", partial(losses.triplet, *BATCH), -0.1),
    ("margin", partial(losses.ArcFace, 2, 2), 3.2),
    ("margin", partial(heads.Distance, 2), 0),
    ("scale", partial(losses.circle, *BATCH), 0),
    ("balance", partial(losses.ranked_list, *BATCH), 1.5),
    ("limit", partial(losses.histogram, *BATCH), 0),
    ("angle", partial(mining.angular, *BATCH), 90),
    ("cutoff", partial(mining.distance_weighted, *BATCH, n_components=2), 2),
    ("epsilon", partial(mining.multi_similarity, *BATCH), -1),
    ("deviation", partial(augment.jitter, *ITEMS), -1),
    ("share", partial(augment.feature_dropout, *ITEMS), 1.1),
    ("strength", partial(augment.time_warp, *ITEMS), 1),
    ("deviation", partial(regularizers.variance, torch.rand(3, 2)), 0),
    ("dropout", partial(towers.mlp, (4,), 2), 1),
    ("learning_rate_factor", partial(towers.pretrained, (4,), 2, backbone=nn.Linear(4, 2)), -1),
]
COUNTS = [
    ("n_bins", partial(losses.fastap, *BATCH)),
    ("n_classes", partial(losses.CosFace, n_components=2)),
    ("n_components", partial(heads.WeightedL1)),
    ("n_centers", partial(losses.SoftTriple, 2, 2)),
    ("n_knots", partial(augment.time_warp, *ITEMS)),
    ("width", partial(heads.MLP, 2)),
    ("depth", partial(towers.tdnn, (4,), 2, width=3)),
    ("n_components", partial(towers.cnn, (4,), width=3)),
    ("batch_size", lambda batch_size: list(batches.shuffled(Y, batch_size, generator=None))),
    ("n_groups", lambda n_groups: list(
        batches.hierarchical(Y, 4, groups=Y, n_groups=n_groups, generator=None))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "beyond"), REALS)
def test_numbers_outside_their_range_are_refused_by_name(name, function, beyond):
    for value in [beyond, *NO_REAL]:
        with pytest.raises(ValueError, match=f"^{name} must be a finite number"):
            function(**{name: value})


@pytest.mark.parametrize(("name", "function"), COUNTS)
def test_counts_must_be_positive_integers(name, function):
    for value in NO_COUNT:
        with pytest.raises(ValueError, match=f"^{name} must be a whole number from"):
            function(**{name: value})


def test_numbers_of_numpy_are_accepted():
    expected = losses.triplet(*BATCH, margin=0.5)
    assert losses.triplet(*BATCH, margin=np.float32(0.5)) == expected
    tower = towers.mlp((np.int64(2), np.uint8(2)), np.int32(3), width=np.int64(4))
    assert tower(torch.zeros(2, 2, 2)).shape == (2, 3)


@pytest.mark.parametrize("shape", [(True, 4), (2.0, 2), (0, 4), (), None, "22", (2**40, 1)])
@pytest.mark.parametrize("tower", [towers.mlp, towers.cnn, towers.tdnn])
def test_impossible_shapes_of_items_are_refused(tower, shape):
    with pytest.raises(ValueError, match="input_shape"):
        tower(shape, 2, width=4)


@pytest.mark.parametrize("cues", [None, {}, [0], {"a": [9]}, {"a": [0.5]}, {"a": 1}, {"a": "xy"}])
def test_cues_without_columns_are_refused(cues):
    with pytest.raises(ValueError, match="cues"):
        towers.multi_cue((4,), 2, cues=cues)


@pytest.mark.parametrize("backbone", [None, nn.Linear(7, 2), nn.Module(), lambda X: X])
def test_a_backbone_that_fails_on_items_is_refused(backbone):
    with pytest.raises(ValueError, match="backbone"):
        towers.pretrained((4,), 2, backbone=backbone)


@pytest.mark.parametrize("function", [augment.time_warp, augment.rescale])
def test_augmentations_of_series_refuse_images(function):
    with pytest.raises(ValueError, match="needs series X"):
        function(torch.rand(3, 1, 4, 4), torch.Generator())


@pytest.mark.parametrize("weight", [None, ["a"] * 12, 1.0, [1.0] * 11, [1j] * 12, [-1.0] * 12])
def test_row_weights_of_a_wrong_shape_are_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        next(batches.weighted(Y, 4, weight=weight, generator=torch.Generator()))


@pytest.mark.parametrize("groups", [None, ["a"] * 12, 1, [1] * 11, [0.5] * 12, [-1] * 12])
def test_row_groups_that_are_not_integers_are_refused(groups):
    with pytest.raises(ValueError, match="groups"):
        next(batches.hierarchical(Y, 4, groups=groups, generator=torch.Generator()))


@pytest.mark.parametrize("sampler", [batches.shuffled, batches.class_balanced])
def test_rows_without_classes_give_no_batches(sampler):
    with pytest.raises(ValueError, match="y has no row"):
        next(sampler(torch.full((5,), -1), 4, generator=torch.Generator()))


def test_a_batch_size_above_the_number_of_rows_changes_nothing():
    for sampler in (batches.shuffled, batches.class_balanced):
        for size in (12, 1000, 2**31 - 1):
            (rows,) = sampler(Y, size, generator=torch.Generator().manual_seed(0))
            assert sorted(rows.tolist()) == list(range(12))


@pytest.mark.parametrize("distance", ["euclidean", None, lambda A, B: A, lambda A, B: 1.0])
def test_a_distance_that_returns_no_matrix_is_refused(distance):
    with pytest.raises(ValueError, match="distance"):
        distances.paired(distance, torch.rand(3, 2), torch.rand(3, 2))
