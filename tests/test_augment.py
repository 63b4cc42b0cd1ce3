"""Test augmentations: common properties, and the effect of each."""

from functools import partial

import numpy as np
import pytest
import torch

from sksiamese import SiameseEmbedder, SiameseVerifier, augment, make_pairs
from sksiamese.augment import affine, feature_dropout, flip, jitter, rescale, time_warp

IMAGES = torch.rand(6, 9, 12, generator=torch.Generator().manual_seed(1))
each = pytest.mark.parametrize("name", augment.__all__)
only_affine_takes_a_turn = {"scale": 0, "shear": 0, "translation": 0}


def seeded():
    return torch.Generator().manual_seed(0)


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_augmentations_keep_shape_dtype_and_input(name, dtype):
    X = IMAGES.to(dtype)
    before = X.clone()
    new = getattr(augment, name)(X, seeded())
    assert new.shape == X.shape
    assert new.dtype == dtype
    assert torch.equal(X, before)
    assert not torch.equal(new, X)


@each
def test_augmentations_draw_from_the_generator_only(name):
    function = getattr(augment, name)
    assert torch.equal(function(IMAGES, seeded()), function(IMAGES, seeded()))
    state = torch.get_rng_state()
    function(IMAGES, seeded())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "idle",
    [
        partial(affine, rotation=0, **only_affine_takes_a_turn),
        partial(feature_dropout, share=0.0),
        partial(jitter, deviation=0.0),
        partial(flip, share=0.0),
        partial(rescale, deviation=0.0),
        partial(time_warp, strength=0.0),
    ],
)
def test_augmentations_of_strength_zero_change_nothing(idle):
    torch.testing.assert_close(idle(IMAGES, seeded()), IMAGES, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(400, 3, 5), (400, 2, 3, 5)])
def test_flip_mirrors_about_half_of_the_images(shape):
    X = torch.rand(shape, generator=seeded())
    new = flip(X, seeded())
    turned = (new == X.flip(-1)).flatten(1).all(dim=1)
    assert 150 < turned.sum() < 250
    assert torch.equal(new[~turned], X[~turned])


@pytest.mark.parametrize("function", [affine, flip])
def test_augmentations_of_images_refuse_flat_rows(function):
    with pytest.raises(ValueError, match=r"got \(6, 108\); set input_shape"):
        function(IMAGES.flatten(1), seeded())


def test_channels_of_an_image_move_together():
    X = IMAGES.unsqueeze(1)
    new = affine(X.expand(-1, 3, -1, -1), seeded())
    assert torch.equal(new[:, 0], new[:, 2])


def test_a_rotation_keeps_lengths_in_oblong_images():
    X = torch.zeros(200, 41, 81)
    X[:, 20, 20:61] = 1
    new = affine(X, seeded(), rotation=90, **only_affine_takes_a_turn)
    row, column = torch.arange(41.0) - 20, torch.arange(81.0) - 40
    mass = new.sum(dim=(1, 2))
    inertia = (new * (row[:, None] ** 2 + column**2)).sum(dim=(1, 2)) / mass
    inside = (new * row[:, None].square()).sum(dim=(1, 2)) / mass < 80
    assert inside.sum() > 50
    assert ((inertia[inside] / 140 - 1).abs() < 0.1).all()


@pytest.mark.parametrize(("option", "share"), [("translation", 0.1), ("scale", 0.2)])
def test_a_bright_point_is_moved_no_farther_than_allowed(option, share):
    X = torch.zeros(300, 41, 41)
    X[:, 20, 30] = 1
    options = only_affine_takes_a_turn | {option: share}
    new = affine(X, seeded(), rotation=0, **options)
    column = new.sum(dim=1).argmax(dim=1) - 30
    farthest = 41 * share if option == "translation" else 10 * (np.exp(share) - 1)
    assert column.abs().max() <= np.ceil(farthest)
    assert column.min() < 0 < column.max()


def test_pixels_from_outside_an_image_are_filled():
    new = affine(torch.ones(50, 8, 8), seeded(), translation=0.5, fill=7.0)
    assert 6 < new.max() <= 7.001


def test_time_warp_keeps_order_and_padding():
    X = torch.arange(20.0).expand(30, 20).clone()
    X[:15, 12:] = torch.nan
    new = time_warp(X, seeded(), strength=0.9)
    assert torch.equal(new.isnan(), X.isnan())
    assert (new[15:].diff(dim=1) > 0).all()
    assert (new[:15, :12].diff(dim=1) > 0).all()
    torch.testing.assert_close(new[:15, 11], X[:15, 11])
    assert (new[15:] - X[15:]).abs().max() > 1


def test_time_warp_keeps_a_series_without_steps():
    assert time_warp(torch.full((2, 5), torch.nan), seeded()).isnan().all()


def test_rescale_draws_one_factor_for_each_channel():
    factor = rescale(torch.ones(500, 7, 2), seeded(), deviation=0.2)
    assert (factor == factor[:, :1]).all()
    assert 0.18 < factor[:, 0].std() < 0.22


def test_augmentation_is_used_in_training_only(digits):
    X, _, y, _ = digits
    seen = []

    def watched(items, generator):
        seen.append(items)
        return jitter(items, generator)

    options = {"input_shape": (8, 8), "max_iter": 2, "random_state": 0}
    one = SiameseEmbedder(augment=watched, **options).fit(X, y)
    n_seen = len(seen)
    assert seen[0].shape[1:] == (8, 8)
    again = SiameseEmbedder(augment=jitter, **options).fit(X, y)
    without = SiameseEmbedder(**options).fit(X, y)
    np.testing.assert_array_equal(one.transform(X), again.transform(X))
    assert len(seen) == n_seen
    assert not np.allclose(one.transform(X), without.transform(X))


def test_both_items_of_a_pair_are_augmented(digits):
    X, _, y, _ = digits
    P, match, _ = make_pairs(X, y, n_pairs=100, random_state=0)
    sizes = []

    def watched(items, generator):
        sizes.append(len(items))
        return items

    SiameseVerifier(augment=watched, batch_size=50, max_iter=1, random_state=0).fit(P, match)
    assert sizes[1:] == [100, 100]  # The first are a trial.


@pytest.mark.parametrize("wrong", [lambda X, _: X[:, :5], lambda X, _: X.numpy()])
def test_an_augmentation_that_changes_the_shape_is_refused(digits, wrong):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=r"items of the shape of its input, \(\d+, 64\)"):
        SiameseEmbedder(augment=wrong).fit(X, y)
