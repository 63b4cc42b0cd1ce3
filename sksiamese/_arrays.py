"""From numpy to torch and back: rows of arrays, devices, seeds."""

import copy
import threading
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from ._engine import embed
from .towers import Standardize

DTYPES = [np.float32, np.float64]
"""X of any other type becomes the first of these."""

CHUNK = 4096
"""Rows that are standardised or embedded at a time."""


SEEDING = threading.RLock()
"""Held while torch's generators are seeded: threads that fit take turns."""


@contextmanager
def seeded(seed, device):
    """Seed torch's own generators, which weights and dropout use, and put them back."""
    backend = torch.get_device_module(device)
    devices = [] if device.type == "cpu" else list(range(backend.device_count()))
    with SEEDING, torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            backend.manual_seed_all(seed)
        yield


def find_device(name):
    """The torch device of a name; "auto" is a CUDA device where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here; pass 'auto', 'cpu' or a device that torch "
            f"sees on this machine. Torch says: {error}"
        ) from error
    return device


def on_device(module, device):
    """A module for use on a device; the fitted one itself stays on the CPU."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def n_columns(y):
    """Number of columns of an array-like, a sparse matrix or a table; 1 for a vector."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    return shape[1] if len(shape) == 2 else 1


def standardization(*parts, rows, sample_weight=None):
    """The layer that standardises the rows of all parts taken together, chunk by chunk."""
    scaler = StandardScaler()
    if sample_weight is not None:
        rows = rows[sample_weight[rows] > 0]
    for part in parts:
        for chunk in gen_batches(len(rows), CHUNK):
            weight = None if sample_weight is None else sample_weight[rows[chunk]]
            scaler.partial_fit(part[rows[chunk]], sample_weight=weight)
    return Standardize(scaler.mean_, scaler.scale_)


def as_tensor(rows, standardize):
    """Rows of an array as a tensor, of the dtype and on the device of a tower's first layer."""
    rows = rows if rows.flags.writeable else rows.copy()
    return torch.from_numpy(rows).to(standardize.mean)


def embed_rows(tower, X):
    """Embed the rows of an array, chunk by chunk, by a tower on its device."""
    chunks = (as_tensor(X[rows], tower[0]) for rows in gen_batches(len(X), CHUNK))
    return embed(tower, chunks)
