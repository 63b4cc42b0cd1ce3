"""Parts of hidden layers: activations, normalization and shortcuts."""

import copy
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

from .._distributed import n_processes, sum_over_processes

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
"""Activations of hidden layers by name."""

MOMENTUM = 0.1
"""Minimum weight of a batch in the running averages of batch normalization."""

EPSILON = 1e-5
"""Variance to add before the division by the standard deviation."""

ROW_WEIGHTS = ContextVar("ROW_WEIGHTS", default=None)
"""Weights of the rows of a batch, see :func:`row_weights`."""


def new_activation(activation, shape):
    """Return a new activation module.

    Parameters
    ----------
    activation : str or callable
        Name in :data:`ACTIVATIONS`, or a callable without arguments that returns a module.

    shape : tuple of int
        Shape of a batch of hidden units.

    Returns
    -------
    module : nn.Module
        New module.

    Raises
    ------
    ValueError
        If the name is unknown, or the callable fails, returns no module, or returns a module that
        changes the shape of a batch.
    """
    if isinstance(activation, str) and activation in ACTIVATIONS:
        return ACTIVATIONS[activation]()
    if isinstance(activation, nn.Module):
        raise ValueError(
            "activation is a module, which all layers would share; pass a callable that returns "
            f"a new one, such as the class {type(activation).__name__}."
        )
    if not callable(activation):
        raise ValueError(
            f"activation must be one of {sorted(ACTIVATIONS)}, or a callable that returns a "
            f"module, got {activation!r}."
        )
    wanted = "It must be a callable without arguments that returns a module such as nn.ReLU()."
    try:
        module = activation()
        if not isinstance(module, nn.Module):
            raise TypeError(f"it returned {module!r}")
        with torch.no_grad():
            changed = copy.deepcopy(module).eval()(torch.zeros(shape))
    except Exception as error:
        raise ValueError(f"activation failed: {error}. {wanted}") from error
    if not isinstance(changed, torch.Tensor) or changed.shape != shape:
        raise ValueError(f"activation changed the shape of a batch of shape {shape}. {wanted}")
    return module


def check_hidden(activation, normalization, shortcuts, *, choices, shape):
    """Raise unless a tower supports these options of its hidden layers.

    Parameters
    ----------
    activation : str or callable
        Activation, see :func:`new_activation`.

    normalization : str or None
        Normalization.

    shortcuts : bool
        Whether layers have shortcuts.

    choices : iterable of str
        Normalizations that the tower supports.

    shape : tuple of int
        Shape of a batch of hidden units.
    """
    new_activation(activation, shape)
    choices = sorted(choices)
    is_known = isinstance(normalization, str) and normalization in choices
    if normalization is not None and not is_known:
        raise ValueError(
            f"normalization must be None or one of {choices} for this tower, got {normalization!r}."
        )
    if not isinstance(shortcuts, bool):
        raise ValueError(f"shortcuts must be True or False, got {shortcuts!r}.")


def hidden_layer(n_in, n_out, *, dropout, activation, normalization, shortcuts):
    """Return the modules of a fully connected hidden layer, as a list.

    Parameters
    ----------
    n_in, n_out : int
        Number of units before and after the layer.

    dropout : float
        Dropout probability.

    activation : str or callable
        Activation, see :func:`new_activation`.

    normalization : {"batch", "layer"} or None
        Normalization before the activation.

    shortcuts : bool
        Whether to add the input of the layer to its output.
    """
    layers = [nn.Linear(n_in, n_out)]
    if normalization is not None:
        layers.append(NORMALIZATIONS[normalization](n_out))
    layers += [new_activation(activation, (2, n_out)), nn.Dropout(dropout)]
    if shortcuts:
        return [Shortcut(nn.Sequential(*layers), linear_shortcut(n_in, n_out))]
    return layers


def linear_shortcut(n_in, n_out):
    """Return the identity, or a linear map if the number of units changes."""
    return nn.Identity() if n_in == n_out else nn.Linear(n_in, n_out, bias=False)


class Shortcut(nn.Module):
    """Add the input of a layer, or a linear map of it, to the output.

    Parameters
    ----------
    layer : nn.Module
        Layer.

    shortcut : nn.Module
        Maps the input to the shape of the output.
    """

    def __init__(self, layer, shortcut):
        super().__init__()
        self.layer, self.shortcut = layer, shortcut

    def forward(self, H):
        """Return the output for a batch of hidden units."""
        return self.shortcut(H) + self.layer(H)


class BatchNorm(nn.Module):
    """Standardize each channel by its mean and variance in a batch, then scale and shift it.

    This differs from ``nn.BatchNorm1d`` in four ways. A training batch with one value per channel
    has no variance, and is standardized by the running averages. Running averages begin with the
    plain mean over batches, so that they are accurate after few batches. Rows may have weights, see
    :func:`row_weights`. Processes of ``torch.distributed`` use the mean and variance of the full
    batch.

    Parameters
    ----------
    n_channels : int
        Size of axis 1 of a batch.
    """

    def __init__(self, n_channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("variance", torch.ones(n_channels))
        self.register_buffer("n_batches", torch.tensor(0))

    def forward(self, H):
        """Normalize a batch of shape (n, n_channels, ...)."""
        H = H.to(self.mean.dtype)
        mean, variance = self.mean, self.variance
        if self.training and n_processes() * H[:, 0].numel() > 1:
            mean, variance = self._batch_moments(H)
        scale = self.weight * (variance + EPSILON).rsqrt()
        mean, scale, bias = (per_channel(part, H) for part in (mean, scale, self.bias))
        return (H - mean) * scale + bias

    def _batch_moments(self, H):
        """Return mean and variance of the channels of a batch, and update running averages."""
        axes, weight = [0, *range(2, H.ndim)], ROW_WEIGHTS.get()
        weight = H.new_ones(len(H)) if weight is None else weight.to(H.dtype)
        weight = weight.view(-1, *[1] * (H.ndim - 1)).expand_as(H[:, :1])
        total = sum_over_processes(weight.sum())
        mean = sum_over_processes((weight * H).sum(dim=axes)) / total
        squares = weight * (H - per_channel(mean, H)).square()
        variance = sum_over_processes(squares.sum(dim=axes)) / total
        with torch.no_grad():
            self.n_batches += 1
            share = (1 / self.n_batches).clamp_min(MOMENTUM).to(mean.dtype)
            self.mean.lerp_(mean, share)
            self.variance.lerp_(variance, share)
        return mean, variance


@contextmanager
def row_weights(weights):
    """Weight the rows of a batch in the statistics of batch normalization.

    Parameters
    ----------
    weights : Tensor of shape (n,) or None
        Weights > 0 of the rows of all batches within the context; None for equal weights.
    """
    token = ROW_WEIGHTS.set(weights)
    try:
        yield
    finally:
        ROW_WEIGHTS.reset(token)


def per_channel(values, H):
    """Return one value per channel in a shape that broadcasts to a batch (n, n_channels, ...)."""
    return values.view(-1, *[1] * (H.ndim - 2))


NORMALIZATIONS = {"batch": BatchNorm, "layer": nn.LayerNorm}
"""Normalization of vectors of hidden units by name."""
