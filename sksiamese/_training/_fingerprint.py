"""Describe the data and the parameters of a fit, to compare two fits."""

import hashlib
from functools import partial

import numpy as np
import torch
from scipy.sparse import issparse
from torch import nn

from .._data._streaming import Rows
from ..pairs._view import PairView

N_DIGITS = 16
"""Number of hexadecimal digits of a digest."""

MAX_BYTES = 2**28
"""Maximum size of an array to read as a whole; of a larger one, only some rows are read."""


def digest(value):
    """Return a digest of nested dicts, lists and tuples of arrays, tensors and plain values.

    Of the rows of a source, such as a file, only shape and dtype are used, and of arrays above
    256 MiB, evenly spaced rows.
    """
    hasher = hashlib.blake2b(digest_size=N_DIGITS // 2)
    update(hasher, value)
    return hasher.hexdigest()


def update(hasher, value):
    """Update a hash by a value."""
    if isinstance(value, dict):
        value = [part for item in value.items() for part in item]
    if issparse(value):
        value = [value.shape, value.data, value.indices, value.indptr]
    elif isinstance(value, PairView):
        value = [value.items, value.index]
    elif isinstance(value, Rows):
        value = [value.shape, str(value.dtype)]
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        value = value.tolist()
    if isinstance(value, list | tuple):
        hasher.update(f"{len(value)} values".encode())
        for part in value:
            update(hasher, part)
    elif isinstance(value, np.ndarray):
        hasher.update(f"{value.dtype} {value.shape}".encode())
        value = value[:: 1 + value.nbytes // MAX_BYTES] if value.ndim else value
        hasher.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif isinstance(value, torch.Tensor):
        hasher.update(f"{value.dtype} {tuple(value.shape)}".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        hasher.update(flat.view(torch.uint8).numpy())
    else:
        hasher.update(repr(value).encode())


def describe_data(value):
    """Return a text that is equal for equal data."""
    if value is None:
        return "None"
    kind = type(value).__name__ if isinstance(value, Rows | PairView) else "data"
    shape = getattr(value, "shape", None) or np.shape(value[0])
    return f"{kind} of shape {tuple(shape)} with digest {digest(value)}"


def describe_parameter(value):
    """Return a text that is equal for equal values of a parameter.

    Functions and classes are described by their name, not by their code, and other objects by
    their type, except for modules of PyTorch.
    """
    if isinstance(value, np.generic):
        return repr(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, partial):
        parts = [value.func, *value.args, value.keywords]
        return f"partial({', '.join(map(describe_parameter, parts))})"
    if isinstance(value, dict):
        items = (f"{key!r}: {describe_parameter(part)}" for key, part in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(describe_parameter, value))})"
    if isinstance(value, np.ndarray | torch.Tensor):
        return describe_data(value)
    if isinstance(value, nn.Module):
        return f"{type(value).__qualname__} with digest {digest(value.state_dict())}"
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def differences(previous, current):
    """Return a sentence for each entry in which two descriptions of a fit differ."""
    names = dict.fromkeys([*previous, *current])
    pairs = {name: (previous.get(name), current.get(name)) for name in names}
    return [
        f"{name} was {before}, but is {now}"
        for name, (before, now) in pairs.items()
        if before != now
    ]
