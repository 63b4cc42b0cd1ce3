"""Grid of images with captions and frames."""

from math import prod
from numbers import Integral

import numpy as np

from .._checks import as_floats

FRAMES = {True: ("#0072b2", "-"), False: ("#d55e00", "--")}
"""Color and line style of the frame of correct and incorrect images."""

GAP = 0.16
"""Space between images, in image heights."""

LINE = 0.22
"""Height of a line of text, in image heights."""


def as_images(X, image_shape):
    """Convert rows to images, channels last, with a common scaling of values to [0, 1]."""
    if image_shape is None:
        raise ValueError("image_shape is None and the estimator has no input_shape; pass it.")
    shape = tuple(image_shape) if np.iterable(image_shape) else (image_shape,)
    are_sizes = all(
        isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in shape
    )
    if not are_sizes or len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
        raise ValueError(
            "image_shape must be (height, width), (1, height, width) or (3, height, width), with "
            f"integers > 0, got {image_shape!r}."
        )
    X = as_floats(X, "X", "give one flattened image per row")
    if prod(shape) != X.shape[1]:
        raise ValueError(
            f"image_shape={shape} has {prod(shape)} values, but an item of X has {X.shape[1]} "
            "features; pass the shape of one image."
        )
    images = (X - X.min()) / (np.ptp(X) or 1)
    images = images.reshape(len(X), *shape)
    if len(shape) == 2:
        return images
    return images[:, 0] if shape[0] == 1 else np.moveaxis(images, 1, -1)


def image_axes(ax, width, height):
    """Return axes without ticks for a grid of images of height 1."""
    from matplotlib import pyplot as plt

    if ax is None:
        size = (0.9 * (width + GAP), 0.9 * (height + GAP) + 0.4)
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.set(xlim=(-GAP, width), ylim=(height, -GAP))
    ax.axis("off")
    return ax


def draw_image(ax, image, left, top, imshow_kwargs):
    """Draw an image with a given upper left corner."""
    extent = (left, left + image.shape[1] / image.shape[0], top + 1, top)
    style = {"cmap": "gray", "vmin": 0, "vmax": 1, "extent": extent}
    ax.imshow(image, **{**style, **(imshow_kwargs or {})})


def draw_caption(ax, text, center, top):
    """Draw a caption below an image."""
    ax.text(center, top + 1 + GAP / 2, str(text), ha="center", va="top", fontsize="small")


def draw_frame(ax, left, top, width, is_correct):
    """Draw the frame of a correct or incorrect image."""
    from matplotlib.patches import Rectangle

    color, line = FRAMES[bool(is_correct)]
    style = {"fill": False, "edgecolor": color, "linestyle": line, "linewidth": 2.5}
    return ax.add_patch(Rectangle((left, top), width, 1, **style))
