"""Towers composed of other networks: one per cue, or a pretrained backbone."""

import copy
from collections.abc import Callable, Sequence
from math import prod
from operator import index
from typing import Literal

import torch
from torch import Tensor, nn

from .._parameters import check_count, check_real, check_shape, part_attribute
from .._typing import ArrayLike
from ._hidden import NORMALIZATIONS, check_hidden, hidden_layer, new_activation
from ._layers import Standardize
from ._single import check_sizes, mlp

__all__ = ["multi_cue", "pretrained"]


def multi_cue(
    input_shape: tuple[int, ...],
    n_components: int,
    *,
    cues: dict,
    towers: dict | None = None,
    depth: int = 3,
    width: int = 128,
    dropout: float = 0.0,
    activation: str | Callable = "relu",
    normalization: Literal["batch", "layer"] | None = None,
    shortcuts: bool = False,
    feature_names: Sequence[str] | None = None,
) -> nn.Module:
    """Build one tower for each group of columns, fused by fully connected layers.

    Bind ``cues`` with ``functools.partial`` to create a tower factory.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one item; items are flattened.

    n_components : int
        Size of the embedding, and of the embedding of each cue, >= 1.

    cues : dict
        Columns of each cue by its name: a slice, a list of column numbers or, for data
        with column names, a list of names.

    towers : dict, default=None
        Tower factory of each cue by its name; the default for a cue is :func:`mlp`. A factory
        is called with the shape of the flattened columns, (n_columns,), and ``n_components``.
        To use :func:`cnn` or :func:`tdnn`, wrap it in a function that passes the shape of an
        image or a series.

    depth : int, default=3
        Depth of the default towers.

    width : int, default=128
        Number of units of the layer that fuses the cues, and width of the default towers.

    dropout : float, default=0.0
        Dropout probability of the fused units, in [0, 1), and of the default towers.

    activation : str or callable, default="relu"
        Activation of the layers that fuse the cues, and of the default towers, as in :func:`mlp`.

    normalization : {"batch", "layer"} or None, default=None
        Normalization of the layer that fuses the cues, and of the default towers, as in
        :func:`mlp`.

    shortcuts : bool, default=False
        Whether the hidden layers of the fusion and of the default towers add their input to their
        output, as in :func:`mlp`.

    feature_names : sequence of str, default=None
        Column names; passed by the estimators.

    Returns
    -------
    tower : nn.Module
        Maps items, a batch of shape (n, ...), to embeddings (n, n_components).

    Raises
    ------
    ValueError
        If a cue has no columns or unknown columns, or ``towers`` names an unknown cue.

    References
    ----------
    S. J. Oh, R. Benenson, M. Fritz, B. Schiele, "Faceless person recognition: privacy
    implications in social media", ECCV 2016.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.towers import multi_cue
    >>> cues = {"head": slice(0, 6), "body": slice(6, 10)}
    >>> multi_cue((10,), 4, cues=cues)(torch.zeros(5, 10)).shape
    torch.Size([5, 4])
    """
    input_shape = check_shape("input_shape", input_shape)
    n_components = check_count("n_components", n_components)
    depth, width, dropout = check_sizes(depth, width, dropout)
    if not isinstance(cues, dict) or not cues:
        raise ValueError(f"cues must be a dict with the columns of each cue, got {cues!r}.")
    if not isinstance(towers, dict | None):
        raise ValueError(f"towers must be a dict with tower factories of cues, got {towers!r}.")
    unknown = set(towers or {}) - set(cues)
    if unknown:
        raise ValueError(f"towers has cues {sorted(unknown)}, but cues has {sorted(cues)}.")
    columns = {
        name: _column_indices(name, selection, prod(input_shape), feature_names)
        for name, selection in cues.items()
    }
    layers = {"activation": activation, "normalization": normalization, "shortcuts": shortcuts}
    check_hidden(**layers, choices=NORMALIZATIONS, shape=(2, width))
    layers["dropout"] = dropout
    options = {"depth": depth, "width": width, **layers}
    parts = []
    for name, selection in columns.items():
        factory = (towers or {}).get(name)
        shape = (len(selection),)
        parts.append(
            factory(shape, n_components) if factory else mlp(shape, n_components, **options)
        )
    rules = [part_attribute((towers or {}).get(name) or mlp, "scaling", "auto") for name in columns]
    return Fusion(list(columns.values()), parts, rules, n_components, width, layers)


class _SelectColumns(nn.Module):
    """Selection of columns, with column numbers on the device of the module."""

    def __init__(self, columns):
        super().__init__()
        self.register_buffer("columns", torch.tensor(columns))

    def forward(self, X: Tensor) -> Tensor:
        """Select the columns of rows of shape (n, n_features)."""
        return X.index_select(1, self.columns)


class Fusion(nn.Module):
    """Towers of several groups of columns, and layers that fuse their embeddings."""

    def __init__(self, columns, towers, scaling, n_components, width, layers):
        super().__init__()
        self.scaling = scaling
        self.columns = nn.ModuleList(map(_SelectColumns, columns))
        self.towers = nn.ModuleList(towers)
        n_joined = len(towers) * n_components
        self.fusion = nn.Sequential(
            new_activation(layers["activation"], (2, n_joined)),
            *hidden_layer(n_joined, width, **layers),
            nn.Linear(width, n_components),
        )

    def cues(self):
        """Yield columns, declared scaling and tower of each cue."""
        for columns, rule, tower in zip(self.columns, self.scaling, self.towers, strict=True):
            yield columns.columns.tolist(), rule, tower

    def forward(self, X: Tensor) -> Tensor:
        """Embed items of shape (n, ...)."""
        X = X.flatten(1)
        parts = zip(self.columns, self.towers, strict=True)
        return self.fusion(torch.cat([tower(columns(X)) for columns, tower in parts], dim=1))


def _column_indices(name, selection, n_features, feature_names):
    """Return the column numbers of a cue; raise if there are none or unknown ones."""
    try:
        names = {} if feature_names is None else {n: i for i, n in enumerate(feature_names)}
        if isinstance(selection, slice):
            indices = list(range(n_features))[selection]
        else:
            indices = [names.get(c, -1) if isinstance(c, str) else index(c) for c in selection]
    except TypeError:
        indices = []
    if not indices or min(indices) < 0 or max(indices) >= n_features:
        raise ValueError(
            f"cues has {selection!r} for {name!r}, but must select columns of an item, which has "
            f"{n_features}; selection by name requires data with column names."
        )
    return indices


def pretrained(
    input_shape: tuple[int, ...],
    n_components: int,
    *,
    backbone: nn.Module,
    mean: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    learning_rate_factor: float = 0.1,
) -> nn.Module:
    """Build a tower from a pretrained backbone and a linear layer.

    Bind ``backbone`` with ``functools.partial`` to create a tower factory. Every tower has its
    own copy of the backbone. By default, an estimator does not scale the items for it; ``mean``
    and ``scale`` scale them as for the training of the backbone.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one item, as expected by the backbone.

    n_components : int
        Size of the embedding, >= 1.

    backbone : nn.Module
        Pretrained network, which maps a batch of shape ``(n, *input_shape)`` to features of
        shape (n, ...).

    mean : float or array-like, default=0.0
        Mean of the items in the training of the backbone, subtracted, in the units of the
        items: one number, one for each index of the first axis of ``input_shape``, or an array
        that broadcasts to ``input_shape``.

    scale : float or array-like, default=1.0
        Divisor of the centered items, > 0, in the form of ``mean``.

    learning_rate_factor : float, default=0.1
        Factor of the learning rate of the backbone, >= 0. With 0 the backbone is frozen: its
        weights are constant, it stays in evaluation mode, and it computes in its own dtype,
        such as bfloat16. To fine-tune a frozen backbone later, fit again with
        ``warm_start=True``, the same ``backbone`` and another factor.

    Returns
    -------
    tower : nn.Module
        Maps items, a batch of shape ``(n, *input_shape)``, to embeddings (n, n_components).

    Raises
    ------
    ValueError
        If ``backbone`` is not a module, fails on items of ``input_shape`` or does not return
        features, ``mean`` or ``scale`` do not fit ``input_shape``, or a number is out of range.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sksiamese.towers import pretrained
    >>> pretrained((28, 28), 32, backbone=nn.Conv1d(28, 4, 3))(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 32])

    Mean and scale of ImageNet, for pixels in [0, 1]; multiply them by 255 for pixels from 0 to
    255:

    >>> from functools import partial
    >>> imagenet = {"mean": [0.485, 0.456, 0.406], "scale": [0.229, 0.224, 0.225]}
    >>> tower = partial(pretrained, backbone=nn.Conv2d(3, 4, 8), **imagenet)
    >>> tower((3, 16, 16), 32)(torch.zeros(5, 3, 16, 16)).shape
    torch.Size([5, 32])
    """
    if not isinstance(backbone, nn.Module):
        raise ValueError(f"backbone must be an nn.Module, got {backbone!r}.")
    input_shape = check_shape("input_shape", input_shape)
    moments = (_moments(name, v, input_shape) for name, v in (("mean", mean), ("scale", scale)))
    return _Pretrained(
        input_shape,
        check_count("n_components", n_components),
        Standardize(*moments),
        copy.deepcopy(backbone),
        check_real("learning_rate_factor", learning_rate_factor, least=0),
    )


pretrained.scaling = None


def _moments(name, values, shape):
    """Return means or scales as a tensor that broadcasts to the shape of an item."""
    try:
        moments = torch.as_tensor(values, dtype=torch.float32)
        moments = moments.reshape(-1, *[1] * (len(shape) - 1)) if moments.ndim == 1 else moments
        fits = torch.broadcast_shapes(moments.shape, shape) == torch.Size(shape)
    except (OverflowError, RuntimeError, TypeError, ValueError):
        fits = False
    if not (fits and moments.isfinite().all() and (name == "mean" or (moments > 0).all())):
        limit = "finite number" if name == "mean" else "finite number > 0"
        raise ValueError(
            f"{name} must be a {limit}, one for each index of the first axis of "
            f"input_shape={shape}, or an array that broadcasts to it, got {values!r}."
        )
    return moments


def backbone_width(backbone, item):
    """Return the number of features that a backbone computes for an item."""
    try:
        with torch.no_grad():
            features = backbone(item)
    except (RuntimeError, NotImplementedError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"backbone fails on items of input_shape={tuple(item.shape[1:])}: {error}"
        ) from error
    if not isinstance(features, torch.Tensor) or features.ndim < 2 or len(features) != 1:
        got = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features)
        raise ValueError(
            f"backbone must map a batch of n items to a tensor of shape (n, ...), but returned "
            f"{got} for one item."
        )
    return features.flatten(1).shape[1]


class _Pretrained(nn.Module):
    """Backbone with a separate learning rate, and a linear layer."""

    def __init__(self, input_shape, n_components, standardize, backbone, learning_rate_factor):
        super().__init__()
        self.standardize = standardize
        backbone.learning_rate_factor = learning_rate_factor
        self.backbone = backbone.requires_grad_(learning_rate_factor > 0).eval()
        weight = next(backbone.parameters(), torch.empty(0))
        n_features = backbone_width(backbone, weight.new_zeros(1, *input_shape))
        self.output = nn.Linear(n_features, n_components)

    def train(self, mode=True):
        """Set training or evaluation mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.backbone.learning_rate_factor == 0:
            self.backbone.eval()
        return self

    def forward(self, X: Tensor) -> Tensor:
        """Embed items; a frozen backbone computes in its own dtype."""
        X = self.standardize(X).to(X.dtype)
        weight = next(self.backbone.parameters(), X)
        if self.backbone.learning_rate_factor == 0 and weight.is_floating_point():
            return self.output(self.backbone(X.to(weight.dtype)).flatten(1).to(X.dtype))
        return self.output(self.backbone(X).flatten(1))
