"""Register images to one place, size and angle, and compute their oriented gradients.

Registration is congealing: the images and their mean improve by turns.

References
----------
E. G. Learned-Miller, "Data driven image models through continuous joint alignment", IEEE
Transactions on Pattern Analysis and Machine Intelligence 28 (2006); oriented gradients: N. Dalal,
B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005; roots of histograms:
R. Arandjelovic, A. Zisserman, "Three things everyone should know to improve object retrieval",
CVPR 2012.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from sklearn.base import BaseEstimator, TransformerMixin

STEPS = (0.06, 0.06, 0.04, 0.03)
"""Sizes of the moves of each round."""

MAX_MOVE = 0.2
"""Largest move along each axis."""

PENALTY = 0.15
"""Weight of the squared length of a move, subtracted from the cosine similarity."""


def gradients(images, *, order=1, scale=1.0, pooling=2.5, stride=4, n_directions=4):
    """Compute the strength of slopes or curvatures, by direction, around points of a grid.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        Images.

    order : {1, 2}, default=1
        1 for slopes, 2 for curvatures.

    scale : float, default=1.0
        Deviation of the Gaussian that is differentiated to filter the images, in pixels.

    pooling : float, default=2.5
        Deviation of the Gaussian by which strengths are averaged, in pixels.

    stride : int, default=4
        Distance between points of the grid, in pixels.

    n_directions : int, default=4
        Directions of half a circle.

    Returns
    -------
    maps : ndarray of shape (n_images, 2 * n_directions, height // stride, width // stride)
        Roots of mean strengths, scaled to a mean square of one within an image.
    """
    angles = np.pi * np.arange(n_directions) / n_directions
    along = 0
    for rows in range(order + 1):
        columns = order - rows
        part = gaussian_filter(images, (0, scale, scale), order=(0, rows, columns), mode="nearest")
        weight = (1 + rows * columns) * np.cos(angles) ** columns * np.sin(angles) ** rows
        along = along + weight.astype(part.dtype)[:, None, None] * part[:, None]
    strength = np.concatenate([along, -along], axis=1).clip(0)
    pooled = gaussian_filter(strength, (0, 0, pooling, pooling), mode="nearest")
    height, width = (size // stride for size in images.shape[1:])
    grid = pooled[:, :, stride // 2 :: stride, stride // 2 :: stride][:, :, :height, :width]
    return np.sqrt(grid / grid.mean(axis=(1, 2, 3), keepdims=True))


def warp(images, moves):
    """Scale, turn and shift images.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        Images.

    moves : ndarray of shape (n_images, 4)
        Logarithm of the size of the visible part, its angle in radians, and its shift to the right
        and down, in half widths and half heights.

    Returns
    -------
    images : ndarray of the shape of ``images``
        Bilinearly interpolated; the edge is continued outside.
    """
    size, angle, right, below = torch.from_numpy(moves).to(torch.float32).T
    ratio = images.shape[2] / images.shape[1]
    cos, sin = size.exp() * angle.cos(), size.exp() * angle.sin()
    matrix = torch.stack([cos, -sin / ratio, right, sin * ratio, cos, below], dim=1)
    stack = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1)
    grid = F.affine_grid(matrix.reshape(-1, 2, 3), stack.shape, align_corners=False)
    seen = F.grid_sample(stack, grid, padding_mode="border", align_corners=False)
    return seen.squeeze(1).numpy()


class Registration(TransformerMixin, BaseEstimator):
    """Transformer that moves each image to be most similar to the mean training image.

    Similarity is the cosine of gradients, less their means over the image. In each round, size,
    angle and place are changed in turn by a step in either direction if this helps.

    Attributes
    ----------
    means_ : list of ndarray
        Outline of the mean training image, round by round, as unit vectors.
    """

    def fit(self, images, y=None):
        """Register training images to their mean, which sharpens from round to round."""
        moves, self.means_ = np.zeros((len(images), 4)), []
        for step in STEPS:
            mean = outlines(warp(images, moves)).mean(axis=0)
            self.means_.append(mean / np.linalg.norm(mean))
            moves = improve(images, moves, self.means_[-1], step)
        return self

    def transform(self, images):
        """Return registered images, of shape (n_images, height, width)."""
        moves = np.zeros((len(images), 4))
        for mean, step in zip(self.means_, STEPS, strict=True):
            moves = improve(images, moves, mean, step)
        return warp(images, moves)


def outlines(images):
    """Return unit vectors of gradients, without their mean over the image and its border."""
    maps = gradients(images, scale=1.0, pooling=1.5)[:, :, 1:-1, 1:-1]
    rows = (maps - maps.mean(axis=(2, 3), keepdims=True)).reshape(len(images), -1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def improve(images, moves, mean, step):
    """Return moves, each changed by a step along each axis if the image is then more similar."""

    def similarity(moves):
        return outlines(warp(images, moves)) @ mean - PENALTY * np.square(moves).sum(axis=1)

    best = similarity(moves)
    for axis in np.eye(4):
        candidates = [(moves + sign * step * axis).clip(-MAX_MOVE, MAX_MOVE) for sign in (-1, 1)]
        for candidate in candidates:
            value = similarity(candidate)
            better = value > best
            moves = np.where(better[:, None], candidate, moves)
            best = np.where(better, value, best)
    return moves
