"""Test the registration of images and their gradients."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter


def blobs(rng, n, height=56, width=46):
    """Return copies of one smooth random image that fades at the edge."""
    noise = gaussian_filter(rng.normal(size=(height, width)), 3)
    fade = np.outer(np.hanning(height), np.hanning(width))
    return np.tile(fade * noise / noise.std(), (n, 1, 1)).astype(np.float32)


def test_registration_makes_moved_images_more_alike(load_script):
    module, rng = load_script("systems._registration"), np.random.default_rng(0)
    images = module.warp(blobs(rng, 30), rng.normal(size=(30, 4)) * 0.05)
    registered = module.Registration().fit(images[:20]).transform(images)

    def spread(images):
        return images[20:].std(axis=0).mean()

    assert spread(registered) < 0.6 * spread(images)


def test_images_are_registered_one_by_one(load_script):
    module, rng = load_script("systems._registration"), np.random.default_rng(0)
    images = module.warp(blobs(rng, 6), rng.normal(size=(6, 4)) * 0.05)
    registration = module.Registration().fit(images)
    alone = [registration.transform(image[None]) for image in images]
    np.testing.assert_allclose(registration.transform(images), np.concatenate(alone), atol=1e-4)


@pytest.mark.parametrize("move", [*np.eye(4), *-np.eye(4)])
def test_a_move_is_undone_in_both_directions(load_script, move):
    module = load_script("systems._registration")
    image = blobs(np.random.default_rng(0), 1)
    (mean,) = module.outlines(image)
    back = module.improve(module.warp(image, 0.06 * move[None]), np.zeros((1, 4)), mean, 0.06)
    assert back[0] @ move == pytest.approx(-0.06)


@pytest.mark.parametrize("shape", [(56, 46), (30, 30)])
def test_a_move_is_in_half_widths_and_half_heights(load_script, shape):
    image = blobs(np.random.default_rng(0), 1, *shape)
    height, width = shape
    right = load_script("systems._registration").warp(image, np.array([[0, 0, 2 * 3 / width, 0]]))
    below = load_script("systems._registration").warp(image, np.array([[0, 0, 0, 2 * 2 / height]]))
    np.testing.assert_allclose(right[:, :, :-3], image[:, :, 3:], atol=1e-4)
    np.testing.assert_allclose(below[:, :-2], image[:, 2:], atol=1e-4)


def test_a_quarter_turn_keeps_proportions(load_script):
    image = blobs(np.random.default_rng(0), 1, 40, 40)
    turned = load_script("systems._registration").warp(image, np.array([[0, np.pi / 2, 0, 0]]))
    np.testing.assert_allclose(turned[0], np.rot90(image[0]), atol=1e-4)


@pytest.mark.parametrize(("order", "n_maps"), [(1, 8), (2, 8)])
def test_gradients_are_of_one_strength_and_do_not_see_brightness_and_contrast(
    load_script, order, n_maps
):
    gradients = load_script("systems._registration").gradients
    images = np.random.default_rng(0).normal(size=(3, 56, 46))
    maps = gradients(images, order=order)
    assert maps.shape == (3, n_maps, 14, 11)
    assert np.square(maps).mean(axis=(1, 2, 3)) == pytest.approx(1)
    np.testing.assert_allclose(gradients(2 * images + 5, order=order), maps, atol=2e-3)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_turn_with_the_image(load_script, order):
    gradients = load_script("systems._registration").gradients
    images = np.random.default_rng(0).normal(size=(1, 40, 40))
    half = gradients(images[:, ::-1, ::-1], order=order, stride=2)
    maps = gradients(images, order=order, stride=2)
    opposite = np.roll(maps, 4, axis=1) if order == 1 else maps
    # The grid begins one pixel from the upper edge and ends at the last, so it moves by one.
    assert np.corrcoef(half[:, :, ::-1, ::-1].ravel(), opposite.ravel())[0, 1] > 0.9


def test_a_slope_has_a_gradient_in_its_own_direction(load_script):
    ramp = np.tile(np.arange(40.0), (1, 40, 1))
    strengths = load_script("systems._registration").gradients(ramp).mean(axis=(0, 2, 3))
    assert strengths.argmax() == 0
    down = load_script("systems._registration").gradients(ramp.swapaxes(1, 2)).mean(axis=(0, 2, 3))
    assert down.argmax() == 2
