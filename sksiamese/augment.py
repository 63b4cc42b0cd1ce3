"""Data augmentation: random transformations of training items.

An augmentation is a callable ``augment(X, generator)`` that accepts the items of a batch, a
tensor of shape ``(n, *input_shape)`` in the units of the data, and a ``torch.Generator`` on the
same device, and returns items of the same shape. It is applied during training only. Set the
options of the functions of this module with ``functools.partial``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ._parameters import check_count, check_real

__all__ = ["affine", "feature_dropout", "flip", "jitter", "rescale", "time_warp"]


def affine(
    X: Tensor,
    generator: torch.Generator,
    *,
    rotation: float = 10.0,
    scale: float = 0.1,
    shear: float = 0.1,
    translation: float = 0.05,
    fill: float = 0.0,
) -> Tensor:
    """Rotate, scale, shear and translate images randomly.

    Parameters
    ----------
    X : Tensor of shape (n, height, width) or (n, channels, height, width)
        Images.

    generator : torch.Generator
        Random number generator.

    rotation : float, default=10.0
        Maximum absolute angle in degrees, >= 0.

    scale : float, default=0.1
        Maximum relative change of height and width, independent of each other, >= 0.

    shear : float, default=0.1
        Maximum absolute slope, >= 0.

    translation : float, default=0.05
        Maximum shift along each axis, as a fraction of its length, >= 0.

    fill : float, default=0.0
        Value outside the image, in the unit of ``X``.

    Returns
    -------
    X : Tensor of the shape of ``X``
        Transformed images, with bilinear interpolation.

    Raises
    ------
    ValueError
        If ``X`` has a wrong number of dimensions, or an option is out of range.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.augment import affine
    >>> affine(torch.ones(2, 8, 8), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 8, 8])
    """
    _check_images(X, "affine")
    rotation = check_real("rotation", rotation, least=0)
    scale = check_real("scale", scale, least=0)
    shear = check_real("shear", shear, least=0)
    translation = check_real("translation", translation, least=0)
    fill = check_real("fill", fill)
    images = X.unsqueeze(1) if X.ndim == 3 else X
    angle, slope, *stretch_and_shift = (
        2 * torch.rand(6, len(X), generator=generator, device=X.device, dtype=X.dtype) - 1
    )
    angle = angle * rotation * torch.pi / 180
    scale_x, scale_y = (torch.exp(-scale * s) for s in stretch_and_shift[:2])
    shift_x, shift_y = (2 * translation * s for s in stretch_and_shift[2:])
    ratio = X.shape[-1] / X.shape[-2]
    cos, sin = angle.cos(), angle.sin()
    slope = slope * shear
    matrix = torch.stack(
        [
            torch.stack([scale_x * cos, scale_x * (slope * cos - sin) / ratio, shift_x], dim=1),
            torch.stack([scale_y * sin * ratio, scale_y * (slope * sin + cos), shift_y], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix, images.shape, align_corners=False)
    return (F.grid_sample(images - fill, grid, align_corners=False) + fill).reshape(X.shape)


def jitter(X: Tensor, generator: torch.Generator, *, deviation: float = 0.1) -> Tensor:
    """Add Gaussian noise to every value.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
        Items.

    generator : torch.Generator
        Random number generator.

    deviation : float, default=0.1
        Standard deviation of the noise, in the unit of ``X``, >= 0.

    Returns
    -------
    X : Tensor of the shape of ``X``
        Items with noise.

    Raises
    ------
    ValueError
        If ``deviation`` is not a finite number >= 0.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.augment import jitter
    >>> X = jitter(torch.zeros(100, 50), torch.Generator().manual_seed(0), deviation=2.0)
    >>> round(X.std().item(), 1)
    2.0
    """
    deviation = check_real("deviation", deviation, least=0)
    noise = torch.randn(X.shape, generator=generator, device=X.device, dtype=X.dtype)
    return X + deviation * noise


def flip(X: Tensor, generator: torch.Generator, *, share: float = 0.5) -> Tensor:
    """Flip images horizontally at random.

    Parameters
    ----------
    X : Tensor of shape (n, height, width) or (n, channels, height, width)
        Images.

    generator : torch.Generator
        Random number generator.

    share : float, default=0.5
        Probability that an image is flipped, in [0, 1].

    Returns
    -------
    X : Tensor of the shape of ``X``
        Images, some of them flipped.

    Raises
    ------
    ValueError
        If ``X`` has a wrong number of dimensions, or ``share`` is not in [0, 1].

    Examples
    --------
    >>> import torch
    >>> from sksiamese.augment import flip
    >>> flip(torch.tensor([[[1.0, 2.0]]]), torch.Generator().manual_seed(0), share=1.0)
    tensor([[[2., 1.]]])
    """
    _check_images(X, "flip")
    share = check_real("share", share, least=0, most=1)
    draw = torch.rand(len(X), generator=generator, device=X.device)
    is_flipped = (draw < share).reshape(-1, *[1] * (X.ndim - 1))
    return X.flip(-1).where(is_flipped, X)


def rescale(X: Tensor, generator: torch.Generator, *, deviation: float = 0.1) -> Tensor:
    """Multiply every channel of a series by a random factor close to one.

    Parameters
    ----------
    X : Tensor of shape (n, n_steps) or (n, n_steps, n_channels)
        Series.

    generator : torch.Generator
        Random number generator.

    deviation : float, default=0.1
        Standard deviation of the factor, >= 0.

    Returns
    -------
    X : Tensor of the shape of ``X``
        Rescaled series.

    Raises
    ------
    ValueError
        If ``X`` has a wrong number of dimensions, or ``deviation`` is not a finite number >= 0.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.augment import rescale
    >>> X = rescale(torch.ones(1, 9, 2), torch.Generator().manual_seed(0))
    >>> len(X.unique())
    2
    """
    _check_series(X, "rescale")
    deviation = check_real("deviation", deviation, least=0)
    shape = (len(X), 1, *X.shape[2:])
    factor = torch.randn(shape, generator=generator, device=X.device, dtype=X.dtype)
    return X * (1 + deviation * factor)


def time_warp(
    X: Tensor, generator: torch.Generator, *, strength: float = 0.2, n_knots: int = 4
) -> Tensor:
    """Warp the time axis of series with a random speed.

    The speed is random at equidistant knots and interpolated linearly between them. NaN padding
    at the end of shorter series is unchanged.

    Parameters
    ----------
    X : Tensor of shape (n, n_steps) or (n, n_steps, n_channels)
        Series.

    generator : torch.Generator
        Random number generator.

    strength : float, default=0.2
        Maximum relative change of the speed, in [0, 1).

    n_knots : int, default=4
        Number of knots, >= 2.

    Returns
    -------
    X : Tensor of the shape of ``X``
        Warped series, with linear interpolation. The first and the last step are unchanged.

    Raises
    ------
    ValueError
        If ``X`` has a wrong number of dimensions, or an option is out of range.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.augment import time_warp
    >>> X = torch.arange(9.0).expand(1, 9)
    >>> new = time_warp(X, torch.Generator().manual_seed(0), strength=0.5)
    >>> bool((new.diff() > 0).all()), new[0, 0].item(), new[0, -1].item()
    (True, 0.0, 8.0)
    """
    _check_series(X, "time_warp")
    strength = check_real("strength", strength, least=0, below=1)
    n_knots = check_count("n_knots", n_knots, 2)
    series = X.unsqueeze(2) if X.ndim == 2 else X
    n_steps = series.shape[1]
    missing = series.isnan().any(dim=2)
    last = (n_steps - 1 - missing.flip(1).long().cumprod(dim=1).sum(dim=1)).clamp_min(0)
    knots = torch.rand(len(X), 1, n_knots, generator=generator, device=X.device, dtype=X.dtype)
    speed = 1 + strength * (2 * knots - 1)
    speed = F.interpolate(speed, size=n_steps, mode="linear", align_corners=True).squeeze(1)
    step = torch.arange(n_steps, device=X.device)
    elapsed = F.pad(speed[:, 1:].where(step[1:] <= last[:, None], 0).cumsum(dim=1), (1, 0))
    time = elapsed * (last / elapsed[:, -1].clamp_min(1e-6)).unsqueeze(1)
    time = torch.minimum(time, last.unsqueeze(1).to(time))
    before = time.floor().long()
    after = torch.minimum(before + 1, last.unsqueeze(1))
    fraction = (time - before).unsqueeze(2)
    index = [i.unsqueeze(2).expand_as(series) for i in (before, after)]
    warped = torch.lerp(series.gather(1, index[0]), series.gather(1, index[1]), fraction)
    return warped.where((step <= last[:, None]).unsqueeze(2), series).reshape(X.shape)


def feature_dropout(
    X: Tensor, generator: torch.Generator, *, share: float = 0.1, fill: float = 0.0
) -> Tensor:
    """Replace values of every item at random.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
        Items.

    generator : torch.Generator
        Random number generator.

    share : float, default=0.1
        Probability that a value is replaced, in [0, 1].

    fill : float, default=0.0
        Replacement, in the unit of ``X``.

    Returns
    -------
    X : Tensor of the shape of ``X``
        Items with replaced values.

    Raises
    ------
    ValueError
        If ``share`` is not in [0, 1], or ``fill`` is not a finite number.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.augment import feature_dropout
    >>> X = feature_dropout(torch.ones(100, 50), torch.Generator().manual_seed(0), share=0.3)
    >>> round(X.mean().item(), 1)
    0.7
    """
    share = check_real("share", share, least=0, most=1)
    fill = check_real("fill", fill)
    draw = torch.rand(X.shape, generator=generator, device=X.device, dtype=X.dtype)
    return X.masked_fill(draw < share, fill)


def _check_images(X, name):
    """Raise unless items are images."""
    if X.ndim not in (3, 4):
        raise ValueError(
            f"augment={name} needs images X of shape (n, height, width) or (n, channels, height, "
            f"width), got {tuple(X.shape)}; set input_shape of the estimator to the shape of one "
            "image."
        )


def _check_series(X, name):
    """Raise unless items are series."""
    if X.ndim not in (2, 3):
        raise ValueError(
            f"augment={name} needs series X of shape (n, n_steps) or (n, n_steps, n_channels), "
            f"got {tuple(X.shape)}; set input_shape of the estimator to the shape of one series."
        )
