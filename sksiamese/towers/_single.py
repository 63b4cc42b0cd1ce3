"""Towers of a single network: multilayer perceptron, convolutional and time-delay network."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise, zip_longest
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from .._parameters import check_count, check_real, check_shape
from ._hidden import (
    NORMALIZATIONS,
    BatchNorm,
    Shortcut,
    check_hidden,
    hidden_layer,
    linear_shortcut,
    new_activation,
)

__all__ = ["cnn", "mlp", "tdnn"]

MAX_DEPTH = 1000
"""Maximum depth of a network."""


def mlp(
    input_shape: tuple[int, ...],
    n_components: int,
    *,
    depth: int = 2,
    width: int = 512,
    dropout: float = 0.0,
    activation: str | Callable = "relu",
    normalization: Literal["batch", "layer"] | None = None,
    shortcuts: bool = False,
) -> nn.Sequential:
    """Build a multilayer perceptron.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one item; items are flattened.

    n_components : int
        Size of the embedding, >= 1.

    depth : int, default=2
        Number of weight layers, including the output layer, >= 1. A depth of 1 is a
        linear map.

    width : int, default=512
        Number of units in every hidden layer, >= 1.

    dropout : float, default=0.0
        Dropout probability of the hidden units, in [0, 1).

    activation : str or callable, default="relu"
        Activation of the hidden layers: a name in :data:`sksiamese.towers.ACTIVATIONS`, or a
        callable without arguments that returns a module for each layer, such as ``nn.Mish``.

    normalization : {"batch", "layer"} or None, default=None
        Normalization of the hidden units before the activation: of each unit over the rows of a
        batch, or over all units of each row.

    shortcuts : bool, default=False
        Whether each hidden layer adds its input to its output, which makes deep towers easier to
        train. A linear map without bias changes the number of units if necessary.

    Returns
    -------
    tower : nn.Sequential
        Maps items, a batch of shape (n, ...), to embeddings (n, n_components).

    Raises
    ------
    ValueError
        If a parameter is out of range, or ``activation`` returns no module or changes the shape of
        its input.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", ICML 2015; layers: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer
    normalization", arXiv:1607.06450, 2016; shortcuts: K. He, X. Zhang, S. Ren, J. Sun, "Deep
    residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> from sksiamese.towers import mlp
    >>> sum(weight.numel() for weight in mlp((28, 28), 128, depth=3, width=128).parameters())
    133504
    """
    input_shape, n_components = _check_shapes(input_shape, n_components)
    depth, width, dropout = check_sizes(depth, width, dropout)
    sizes = [prod(input_shape), *[width] * (depth - 1), n_components]
    options = {"activation": activation, "normalization": normalization, "shortcuts": shortcuts}
    check_hidden(**options, choices=NORMALIZATIONS, shape=(2, width))
    layers = [nn.Flatten()]
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += hidden_layer(n_in, n_out, dropout=dropout, **options)
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


mlp.scaling = "columns"
mlp.plain_items = True


def cnn(
    input_shape: tuple[int, ...],
    n_components: int,
    *,
    depth: int = 3,
    width: int = 32,
    dropout: float = 0.0,
    pooling: Literal["global", "flatten"] = "global",
    activation: str | Callable = "relu",
    normalization: Literal["batch", "group", "layer"] | None = "group",
    shortcuts: bool = False,
) -> nn.Sequential:
    """Build a convolutional network of blocks of convolution, pooling, normalization, activation.

    Every block has a 3 x 3 convolution, halves the size of the image, and doubles the number
    of channels. Group normalization, the default, does not depend on the rest of the batch.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one image: (height, width) or (channels, height, width). An item of shape
        (n_features,) is an image of one row.

    n_components : int
        Size of the embedding, >= 1.

    depth : int, default=3
        Number of blocks, >= 1.

    width : int, default=32
        Number of channels of the first block, >= 1. The estimators pass their own ``width``;
        a width of 128 is slow without an accelerator.

    dropout : float, default=0.0
        Dropout probability of the pooled features, in [0, 1).

    pooling : {"global", "flatten"}, default="global"
        Whether features are averaged over the image or flattened.

    activation : str or callable, default="relu"
        Activation of the blocks, as in :func:`mlp`.

    normalization : {"batch", "group", "layer"} or None, default="group"
        Normalization before the activation: of each channel over the images of a batch, of
        groups of 16 channels of each image, or of all channels of each image.

    shortcuts : bool, default=False
        Whether each block adds its input to its output. Average pooling and a linear map of the
        channels change the shape of the input.

    Returns
    -------
    tower : nn.Sequential
        Maps images, a batch of shape (n, ...), to embeddings (n, n_components).

    Raises
    ------
    ValueError
        If ``input_shape`` has more than three axes or its channels last, such as (28, 28, 3),
        a parameter is out of range, or ``activation`` returns no module or changes the shape of
        its input.

    References
    ----------
    Y. Wu, K. He, "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import cnn
    >>> cnn((28, 28), 32, depth=2, width=8)(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 32])
    """
    input_shape, n_components = _check_shapes(input_shape, n_components)
    depth, width, dropout = check_sizes(depth, width, dropout)
    if len(input_shape) > 3:
        raise ValueError(
            f"tower='cnn' needs images of shape (height, width) or (channels, height, width), but "
            f"input_shape is {tuple(input_shape)}."
        )
    if has_channels_last(input_shape):
        height, breadth, channels = input_shape
        raise ValueError(
            f"input_shape={tuple(input_shape)} has its channels last, but must have them first: "
            f"set input_shape={(channels, height, breadth)} and pass "
            f"np.moveaxis(X.reshape(-1, *{tuple(input_shape)}), -1, 1).reshape(len(X), -1)."
        )
    if not isinstance(pooling, str) or pooling not in ("global", "flatten"):
        raise ValueError(f"pooling must be 'global' or 'flatten', got {pooling!r}.")
    channels, height, breadth = (1,) * (3 - len(input_shape)) + tuple(input_shape)
    sizes = [channels, *(width * 2**block for block in range(depth))]
    layers = [nn.Flatten(), nn.Unflatten(1, (channels, height, breadth))]
    options = {"choices": NORMALIZATIONS_OF_CHANNELS, "shape": (2, width, 2, 2)}
    check_hidden(activation, normalization, shortcuts, **options)
    for n_in, n_out in pairwise(sizes):
        block = [nn.Conv2d(n_in, n_out, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True)]
        if normalization is not None:
            block.append(NORMALIZATIONS_OF_CHANNELS[normalization](n_out))
        block.append(new_activation(activation, (2, n_out, 2, 2)))
        if shortcuts:
            pool, resize = nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(n_in, n_out, 1, bias=False)
            block = [Shortcut(nn.Sequential(*block), nn.Sequential(pool, resize))]
        layers += block
        height, breadth = (height + 1) // 2, (breadth + 1) // 2
    n_features = sizes[-1]
    if pooling == "global":
        layers.append(nn.AdaptiveAvgPool2d(1))
    else:
        n_features *= height * breadth
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(n_features, n_components)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


NORMALIZATIONS_OF_CHANNELS = {
    "batch": BatchNorm,
    "group": lambda n_channels: nn.GroupNorm(
        1 if n_channels % 16 else n_channels // 16, n_channels
    ),
    "layer": partial(nn.GroupNorm, 1),
}
"""Normalization of the channels of images by name."""

cnn.scaling = (-2, -1)
cnn.plain_items = True


def has_channels_last(shape):
    """Return whether the shape of an image is clearly (height, width, channels)."""
    return len(shape) == 3 and shape[-1] in (1, 3, 4) and min(shape[:2]) > shape[-1]


def tdnn(
    input_shape: tuple[int, ...],
    n_components: int,
    *,
    depth: int = 3,
    width: int = 128,
    dropout: float = 0.0,
    activation: str | Callable = "relu",
    normalization: str | None = "layer",
    shortcuts: bool = False,
) -> nn.Module:
    """Build a time-delay network: dilated convolutions, then mean and deviation over time.

    The dilations are 1, 2, 4, ..., so that the receptive field doubles with each layer. Steps
    with NaN are ignored: pad series of different lengths with NaN. The amount of padding does
    not affect the embedding.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one series: (n_steps, n_channels), or (n_steps,) for one channel.

    n_components : int
        Size of the embedding, >= 1.

    depth : int, default=3
        Number of convolutions of kernel size 5, >= 1.

    width : int, default=128
        Number of channels of every convolution, >= 1.

    dropout : float, default=0.0
        Dropout probability of the channels, in [0, 1).

    activation : str or callable, default="relu"
        Activation of the convolutions, as in :func:`mlp`.

    normalization : "layer" or None, default="layer"
        Normalization of all channels of each step before the activation. Batches are not
        normalized, as their series may differ in length.

    shortcuts : bool, default=False
        Whether each convolution adds its input to its output. A linear map without bias changes the
        number of channels if necessary.

    Returns
    -------
    tower : nn.Module
        Maps series, a batch of shape (n, n_steps, n_channels), to embeddings
        (n, n_components).

    Raises
    ------
    ValueError
        If ``input_shape`` has more than two axes, a parameter is out of range, or ``activation``
        returns no module or changes the shape of its input.

    References
    ----------
    J. Bromley, I. Guyon, Y. LeCun, E. Sackinger, R. Shah, "Signature verification using a
    siamese time delay neural network", NIPS 1993; pooling: D. Snyder, D. Garcia-Romero,
    G. Sell, D. Povey, S. Khudanpur, "X-vectors: robust DNN embeddings for speaker
    recognition", ICASSP 2018.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import tdnn
    >>> tdnn((50, 3), 16, width=8)(torch.zeros(5, 50, 3)).shape
    torch.Size([5, 16])
    """
    input_shape, n_components = _check_shapes(input_shape, n_components)
    depth, width, dropout = check_sizes(depth, width, dropout)
    if len(input_shape) > 2:
        raise ValueError(
            f"tower='tdnn' needs series of shape (n_steps,) or (n_steps, n_channels), but "
            f"input_shape is {tuple(input_shape)}."
        )
    n_channels = input_shape[1] if len(input_shape) == 2 else 1
    series = nn.Unflatten(1, (input_shape[0], n_channels))
    if isinstance(normalization, str) and normalization == "batch":
        raise ValueError(
            "normalization='batch' is not available for tower='tdnn', as the series of a batch may "
            "differ in length; set normalization='layer', its default, or None."
        )
    options = {"choices": ["layer"], "shape": (2, 1, width)}
    check_hidden(activation, normalization, shortcuts, **options)
    delays = _TimeDelays(
        n_channels, n_components, depth, width, dropout, activation, normalization, shortcuts
    )
    return nn.Sequential(nn.Flatten(), series, delays)


tdnn.allow_nan = True
tdnn.scaling = (-2,)


def _check_shapes(input_shape, n_components):
    """Validate and return the shape of an item and the size of the embedding."""
    return check_shape("input_shape", input_shape), check_count("n_components", n_components)


def check_sizes(depth, width, dropout):
    """Validate and return the parameters common to most towers."""
    dropout = check_real("dropout", dropout, least=0, below=1)
    if check_count("depth", depth) > MAX_DEPTH:
        raise ValueError(f"depth must be at most {MAX_DEPTH}, got {depth}.")
    return int(depth), check_count("width", width), dropout


class _TimeDelays(nn.Module):
    """Convolutions over the valid steps, statistics pooling and a linear layer."""

    def __init__(
        self,
        n_channels,
        n_components,
        depth,
        width,
        dropout,
        activation,
        normalization,
        shortcuts,
    ):
        super().__init__()
        sizes = list(pairwise([n_channels] + [width] * depth))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_in, n_out, 5, padding="same", dilation=2**layer)
            for layer, (n_in, n_out) in enumerate(sizes)
        )
        norm = nn.LayerNorm if normalization else nn.Identity
        self.norms = nn.ModuleList(norm(width) for _ in range(depth))
        self.activations = nn.ModuleList(
            new_activation(activation, (2, 1, width)) for _ in range(depth)
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * width, n_components)
        self.shortcuts = nn.ModuleList(linear_shortcut(*size) for size in sizes if shortcuts)

    def forward(self, X: Tensor) -> Tensor:
        """Embed series of shape (n, n_steps, n_channels)."""
        valid = ~X.isnan().any(dim=2, keepdim=True)
        H = X.where(valid, 0)
        layers = zip(self.convolutions, self.norms, self.activations, strict=True)
        for (convolution, norm, activation), shortcut in zip_longest(layers, self.shortcuts):
            new = self.dropout(activation(norm(convolution(H.mT).mT)))
            H = (new if shortcut is None else new + shortcut(H)).where(valid, 0)
        n_steps = valid.sum(dim=1).clamp_min(1)
        mean = H.sum(dim=1) / n_steps
        variance = (H - mean.unsqueeze(1)).where(valid, 0).square().sum(dim=1) / n_steps
        return self.output(torch.cat([mean, (variance + 1e-5).sqrt()], dim=1))
