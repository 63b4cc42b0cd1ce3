"""Towers made of other networks: one for each cue, or one that is trained already."""

import copy
from math import prod
from operator import index

import torch
from torch import nn

from .._parameters import check_count, check_real, check_shape
from ._single import check_sizes, mlp

__all__ = ["multi_cue", "pretrained"]


def multi_cue(
    input_shape,
    n_components,
    *,
    cues,
    towers=None,
    depth=3,
    width=128,
    dropout=0.0,
    feature_names=None,
):
    """A tower for each of several groups of columns, fused by fully connected layers.

    Bind ``cues`` by ``functools.partial`` to make a tower factory of it.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one item, which is flattened.

    n_components : int
        Size of the embedding, and of that of each cue, >= 1.

    cues : dict
        Columns of each cue by its name: a slice, a list of column numbers or, for data
        with column names, a list of those.

    towers : dict, default=None
        Tower factory of a cue by its name; cues that are missing there get :func:`mlp`.
        Each is called with the shape of a flat item, (n_columns,), and ``n_components``: a
        function that hands another shape to :func:`cnn` or :func:`tdnn` lets them see an
        image or a series.

    depth : int, default=3
        Passed to the tower of each cue that is missing in ``towers``.

    width : int, default=128
        Units of the layer that fuses the cues; passed to these towers, too.

    dropout : float, default=0.0
        Share of the fused units set to zero during training, in [0, 1); passed to these
        towers, too.

    feature_names : sequence of str, default=None
        Names of the columns; the estimators pass those of their data.

    Returns
    -------
    tower : nn.Module
        Maps items, a batch of shape (n, ...), to embeddings (n, n_components).

    Raises
    ------
    ValueError
        If a cue has no columns, or columns that the data does not have, or if a tower is
        of no cue.

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
        raise ValueError(f"cues must be a dict of the columns of each cue, got {cues!r}.")
    if not isinstance(towers, dict | None):
        raise ValueError(f"towers must be a dict of the tower factories of cues, got {towers!r}.")
    unknown = set(towers or {}) - set(cues)
    if unknown:
        raise ValueError(f"towers names {sorted(unknown)}, but the cues are {sorted(cues)}.")
    columns = {
        name: _column_indices(name, selection, prod(input_shape), feature_names)
        for name, selection in cues.items()
    }
    options = {"depth": depth, "width": width, "dropout": dropout}
    parts = []
    for name, selection in columns.items():
        factory = (towers or {}).get(name)
        shape = (len(selection),)
        parts.append(
            factory(shape, n_components) if factory else mlp(shape, n_components, **options)
        )
    return _Fusion(list(columns.values()), parts, n_components, width, dropout)


class _SelectColumns(nn.Module):
    """Some columns of a batch; their numbers go to its device with the module."""

    def __init__(self, columns):
        super().__init__()
        self.register_buffer("columns", torch.tensor(columns))

    def forward(self, X):
        """The columns of rows of shape (n, n_features)."""
        return X.index_select(1, self.columns)


class _Fusion(nn.Module):
    """Towers of several groups of columns and the layers that fuse what they give."""

    def __init__(self, columns, towers, n_components, width, dropout):
        super().__init__()
        self.columns = nn.ModuleList(map(_SelectColumns, columns))
        self.towers = nn.ModuleList(towers)
        self.fusion = nn.Sequential(
            nn.ReLU(),
            nn.Linear(len(towers) * n_components, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_components),
        )

    def forward(self, X):
        """Embeddings of items of shape (n, ...)."""
        X = X.flatten(1)
        parts = zip(self.columns, self.towers, strict=True)
        return self.fusion(torch.cat([tower(columns(X)) for columns, tower in parts], dim=1))


def _column_indices(name, selection, n_features, feature_names):
    """Return the column numbers of a cue."""
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
            f"cues has {selection!r} for {name!r}, but must name columns of an item, which has "
            f"{n_features}; names need data with column names."
        )
    return indices


def pretrained(input_shape, n_components, *, backbone, learning_rate_factor=0.1):
    """A trained network and a linear layer on top of it.

    Bind ``backbone`` by ``functools.partial`` to make a tower factory of it. Every tower
    gets a copy.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one item, as the backbone takes it.

    n_components : int
        Size of the embedding, >= 1.

    backbone : nn.Module
        Maps a batch of shape ``(n, *input_shape)`` to features of shape (n, ...).

    learning_rate_factor : float, default=0.1
        What the step size is multiplied by for the backbone, >= 0. At 0 it is frozen: its
        weights stay, it runs as in evaluation, and in its own type, such as bfloat16.

    Returns
    -------
    tower : nn.Module
        Maps items, a batch of shape ``(n, *input_shape)``, to embeddings (n, n_components).

    Raises
    ------
    ValueError
        If ``backbone`` is not a module, does not take items of ``input_shape`` or gives no
        features, or a number lies beyond its range.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sksiamese.towers import pretrained
    >>> pretrained((28, 28), 32, backbone=nn.Conv1d(28, 4, 3))(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 32])
    """
    if not isinstance(backbone, nn.Module):
        raise ValueError(f"backbone must be an nn.Module, got {backbone!r}.")
    return _Pretrained(
        check_shape("input_shape", input_shape),
        check_count("n_components", n_components),
        copy.deepcopy(backbone),
        check_real("learning_rate_factor", learning_rate_factor, least=0),
    )


def backbone_width(backbone, item):
    """Return the number of features that a backbone gives for an item."""
    try:
        with torch.no_grad():
            features = backbone(item)
    except (RuntimeError, NotImplementedError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"backbone does not take items of input_shape={tuple(item.shape[1:])}: {error}"
        ) from error
    if not isinstance(features, torch.Tensor) or features.ndim < 2 or len(features) != 1:
        got = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features)
        raise ValueError(
            f"backbone must map a batch of n items to a tensor of shape (n, ...), but gave {got} "
            "for one item."
        )
    return features.flatten(1).shape[1]


class _Pretrained(nn.Module):
    """A backbone with its own learning rate and a linear layer on top."""

    def __init__(self, input_shape, n_components, backbone, learning_rate_factor):
        super().__init__()
        backbone.learning_rate_factor = learning_rate_factor
        self.backbone = backbone.requires_grad_(learning_rate_factor > 0).eval()
        weight = next(backbone.parameters(), torch.empty(0))
        n_features = backbone_width(backbone, weight.new_zeros(1, *input_shape))
        self.output = nn.Linear(n_features, n_components)

    def train(self, mode=True):
        """Switch to training or evaluation; a frozen backbone stays in evaluation."""
        super().train(mode)
        if self.backbone.learning_rate_factor == 0:
            self.backbone.eval()
        return self

    def forward(self, X):
        """Embeddings of items; a frozen backbone computes in its own type."""
        weight = next(self.backbone.parameters(), X)
        if self.backbone.learning_rate_factor == 0 and weight.is_floating_point():
            return self.output(self.backbone(X.to(weight.dtype)).flatten(1).to(X.dtype))
        return self.output(self.backbone(X).flatten(1))
