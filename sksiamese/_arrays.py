"""From numpy to torch and back: rows of arrays, devices, seeds."""

import copy
import threading
from contextlib import contextmanager
from math import prod

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from ._engine import embed
from .towers import Standardize

DTYPES = [np.float32, np.float64]
"""Types of what is computed; sparse rows of any other type become the first of these."""

COMPACT_DTYPES = [*DTYPES, np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64]
"""Dense rows of these types stay as they are, and are converted a batch at a time."""

CHUNK = 1024
"""Rows that are standardised or embedded at a time, at most."""

CHUNK_VALUES = 2**22
"""Values of these rows, at most."""

N_SHARERS = 8
"""Data are kept on a CUDA device if so many of their size would fit into its free memory."""

SEEDING = threading.RLock()
"""Held while torch's generators are seeded: threads that fit take turns."""


@contextmanager
def seeded(seed, device):
    """Seed torch's generators of the CPU and of a device, and put them back afterwards.

    Other devices are not touched: the first touch takes some of their memory.
    """
    devices = [] if device.type == "cpu" else [device.index]
    with SEEDING, torch.random.fork_rng(devices, device_type=device.type):
        for used in (torch.default_generator, own_generator(device)):
            used.manual_seed(seed)
        yield


def own_generator(device):
    """Torch's generator of a device, from which dropout and augmentation draw there."""
    if device.type == "cpu":
        return torch.default_generator
    return torch.get_device_module(device).default_generators[device.index]


def find_device(name):
    """The torch device of a name, with its number; "auto" is a CUDA device if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here; pass 'auto', 'cpu' or a CUDA device that torch "
            f"sees on this machine. Torch says: {error}"
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(
            f"device={name!r} is of a kind that is not supported; pass 'auto', 'cpu' or a CUDA "
            "device."
        )
    return device


def on_device(module, device):
    """A module for use on a device; the fitted one itself stays on the CPU."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def floating(dtype):
    """The type of what is computed from values of a type."""
    return np.float64 if dtype == np.float64 else np.float32


def n_columns(y):
    """Number of columns of an array-like, a sparse matrix or a table; 1 for a vector."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
    return shape[1] if len(shape) == 2 else 1


def standardization(*parts, rows, sample_weight=None, shape=None, shared_axes=None):
    """The layer that standardises the rows of all parts taken together, chunk by chunk.

    Rows are read in the order in which they are stored.
    Columns that differ in nothing but their place along shared axes of ``shape`` get one
    mean and scale. The columns of a sparse matrix keep their mean and share one scale:
    zeros stay zeros, and rare words do not become large.
    """
    if sample_weight is not None:
        rows = rows[sample_weight[rows] > 0]
    rows = np.sort(rows)
    if issparse(parts[0]):
        power = [np.asarray(part[rows].power(2).mean(axis=1)).ravel() for part in parts]
        weight = None if sample_weight is None else np.tile(sample_weight[rows], len(parts))
        scale = np.sqrt(np.average(np.concatenate(power), weights=weight)) or 1.0
        n_features = parts[0].shape[1]
        return Standardize(np.zeros(n_features), np.full(n_features, scale))
    scaler = StandardScaler()
    for part in parts:
        for chunk in chunks(len(rows), part.shape[1]):
            weight = None if sample_weight is None else sample_weight[rows[chunk]]
            with np.errstate(invalid="ignore"):  # columns of which nothing is there
                scaler.partial_fit(part[rows[chunk]], sample_weight=weight)
    if shared_axes is None:
        return Standardize(scaler.mean_, scaler.scale_)
    return _pooled(scaler, shape, shared_axes)


def _pooled(scaler, shape, shared_axes):
    """Standardisation by means and scales that are shared along some axes of an item."""
    n_features = len(scaler.mean_)
    seen = np.broadcast_to(scaler.n_samples_seen_, n_features)
    axes = tuple(axis for axis in shared_axes if -axis <= len(shape))

    def total(values):
        sums = (seen * np.nan_to_num(values)).reshape(shape).sum(axis=axes, keepdims=True)
        return np.broadcast_to(sums, shape).ravel()

    count = np.maximum(total(np.ones(n_features)), 1)
    mean = total(scaler.mean_) / count
    scale = np.sqrt(total(scaler.var_ + (scaler.mean_ - mean) ** 2) / count)
    constant = scale <= 1e-12 * np.abs(mean)
    return Standardize(mean, np.where(constant, 1, scale))


def chunks(n_rows, n_features):
    """Slices of rows, few enough at a time to be held dense."""
    return gen_batches(n_rows, max(1, min(CHUNK, CHUNK_VALUES // max(1, n_features))))


def dense(rows):
    """Rows of an array as a tensor of their dtype, on the CPU."""
    if issparse(rows):
        rows = rows.toarray()
    return torch.from_numpy(rows if is_writeable(rows) else rows.copy())


def sent(tensor, device):
    """A tensor of the CPU on a device; a CUDA device fetches it while Python goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def as_tensor(rows, standardize):
    """Rows of an array as a tensor, of the dtype and on the device of a tower's first layer."""
    return sent(dense(rows), standardize.mean.device).to(standardize.mean)


class Items:
    """Rows of an array for training on a device, read a batch at a time.

    The CPU reads them from the array by way of torch, which gathers faster than numpy but takes
    no array that may not be written to. A CUDA device keeps them all, in the dtype of the array,
    if they are small beside its free memory. Otherwise each batch is gathered, and sent there.

    Parameters
    ----------
    X : {array, sparse matrix, Rows} of shape (n_rows, n_features)
        The rows.

    device : torch.device
        Where they are used.
    """

    def __init__(self, X, device):
        self.X = X
        self.device = device
        self.kept = None
        if fits(X, device):
            self.kept = self._all()
        elif device.type == "cpu" and is_writeable(X):
            self.kept = torch.from_numpy(X)

    def __getitem__(self, rows):
        """Rows of an array of row numbers, as a tensor of the dtype of X on the device."""
        if self.kept is None:
            return sent(dense(self.X[rows]), self.device)
        rows = torch.from_numpy(np.ascontiguousarray(rows))
        return self.kept.index_select(0, sent(rows, self.device))

    def _all(self):
        kept = torch.empty(self.X.shape, dtype=dense(self.X[:1]).dtype, device=self.device)
        for part in chunks(*self.X.shape):
            kept[part] = sent(dense(self.X[part]), self.device)
        return kept


def is_writeable(X):
    """Whether rows are an array that may be written to."""
    return isinstance(X, np.ndarray) and X.flags.writeable


def fits(X, device):
    """Whether a device is to keep the rows of an array, and not only a batch of them."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return N_SHARERS * prod(X.shape) * dense(X[:1]).element_size() <= free


def embed_rows(tower, X, rows=None):
    """Embed rows of an array, all by default, chunk by chunk, by a tower on its device."""
    n_rows = X.shape[0] if rows is None else len(rows)
    parts = (chunk if rows is None else rows[chunk] for chunk in chunks(n_rows, X.shape[1]))
    return embed(tower, (as_tensor(X[part], tower[0]) for part in parts), n_rows)
