"""From numpy to torch and back: rows of arrays, devices, seeds."""

import copy
import os
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

WIDE_DTYPES = [np.int32, np.uint32, np.int64, np.uint64]
"""Whole numbers that float32 may not hold exactly."""

COMPACT_DTYPES = [*DTYPES, np.bool_, np.uint8, np.int8, np.int16, np.uint16, *WIDE_DTYPES]
"""Dense rows of these types stay as they are, and are converted a batch at a time."""

CHUNK = 1024
"""Rows that are standardised or embedded at a time, at most."""

CHUNK_VALUES = 2**22
"""Values of these rows, at most."""

N_SHARERS = 8
"""Data are kept on a CUDA device if so many of their size would fit into its free memory."""

SEEDING = threading.RLock()
"""Held while torch's generators draw for a fit: threads that fit take turns, step by step."""


def _start_anew_in_child():
    """Make a forked process independent of the threads of its parent, which it lacks.

    One of them may have held the lock, and OpenMP would wait for the others forever.
    """
    global SEEDING
    SEEDING = threading.RLock()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_start_anew_in_child)


class RandomStream:
    """Random numbers of one fit, drawn from torch's global generators.

    Weights, dropout and augmentation draw from the global generators of the CPU and of the
    device. Within :meth:`drawing` these have the state of this stream, and afterwards the
    state that they had before. No lock is held between two steps, nor during callbacks.
    Generators of other devices are not touched, as their first use would allocate memory there.

    Parameters
    ----------
    seed : int
        Seed of the stream.

    device : torch.device
        Where the fit computes.
    """

    def __init__(self, seed, device):
        self.generators = [torch.default_generator]
        if device.type != "cpu":
            self.generators.append(global_generator(device))
        self.states = [
            torch.Generator(generator.device).manual_seed(seed).get_state()
            for generator in self.generators
        ]

    @contextmanager
    def drawing(self):
        """Give the global generators the state of this stream for a while."""
        with SEEDING:
            before = self._exchange(self.states)
            try:
                yield
            finally:
                self.states = self._exchange(before)

    def _exchange(self, states):
        """Set the states of the global generators and return the former ones."""
        former = [generator.get_state() for generator in self.generators]
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
        return former


def global_generator(device):
    """Return torch's generator of a device, from which dropout and augmentation draw there."""
    if device.type == "cpu":
        return torch.default_generator
    return torch.get_device_module(device).default_generators[device.index]


def find_device(name):
    """The torch device of a name, with its number; "auto" is a CUDA device if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if torch.device(name).type in ("cpu", "cuda"):
            return torch.empty(0, device=name).device
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here; pass 'auto', 'cpu' or a CUDA device that torch "
            f"sees on this machine. Torch says: {error}"
        ) from error
    raise ValueError(
        f"device={name!r} is of a kind that is not supported; pass 'auto', 'cpu' or a CUDA device."
    )


def on_device(module, device):
    """A module for use on a device; the fitted one itself stays on the CPU."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def floating(dtype):
    """The type of what is computed from values of a type."""
    return np.float64 if dtype == np.float64 else np.float32


def n_columns(y):
    """Number of columns of an array-like, a sparse matrix or a table; 1 for a vector."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y, dtype=object).shape
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
        # By a power of two, which changes no digit: squares of large weights overflow.
        sample_weight = np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
    rows = np.sort(rows)
    if issparse(parts[0]):
        power = [np.asarray(part[rows].power(2).mean(axis=1)).ravel() for part in parts]
        weight = None if sample_weight is None else np.tile(sample_weight[rows], len(parts))
        scale = np.sqrt(np.average(np.concatenate(power), weights=weight)) or 1.0
        _check_no_overflow(scale, len(rows))
        n_features = parts[0].shape[1]
        wide = parts[0].dtype == np.float64
        return Standardize(np.zeros(n_features), np.full(n_features, scale), wide=wide)
    scaler = StandardScaler()
    origin = _origin(parts, rows, shared=shared_axes is not None)
    wide = origin is not None or parts[0].dtype == np.float64
    unscaled = Standardize(np.zeros(1), np.ones(1), origin, wide=wide)
    for part in parts:
        for chunk in chunks(len(rows), part.shape[1]):
            weight = None if sample_weight is None else sample_weight[rows[chunk]]
            read = part[rows[chunk]]
            if origin is not None:
                read = unscaled.to_float(dense(read)).numpy()
            with np.errstate(invalid="ignore", over="ignore"):  # All NaN.
                scaler.partial_fit(read, sample_weight=weight)
    mean, scale = scaler.mean_, scaler.scale_
    _check_no_overflow(mean + scale, scaler.n_samples_seen_)
    if shared_axes is not None:
        mean, scale = _pooled(scaler, shape, shared_axes)
    return Standardize(mean, scale, origin, wide=wide)


def _origin(parts, rows, *, shared):
    """Return what to subtract from whole numbers if float32 does not hold them, or None.

    The least value of each column, or of all columns if they share a mean.
    """
    if parts[0].dtype not in WIDE_DTYPES:
        return None
    read = (dense(p[rows[chunk]]) for p in parts for chunk in chunks(len(rows), p.shape[1]))
    low, high = zip(*(chunk.aminmax(dim=0) for chunk in read), strict=True)
    low, high = torch.stack(low).amin(dim=0), torch.stack(high).amax(dim=0)
    if max(-int(low.min()), int(high.max())) <= 2**24:
        return None
    return (torch.full_like(low, low.min()) if shared else low).long()


def _check_no_overflow(moments, n_seen):
    """Raise unless the mean and scale of all columns that hold values are finite."""
    if (~np.isfinite(moments) & (n_seen > 0)).any():
        raise ValueError(
            "X has values whose squares overflow; divide its columns, for instance by "
            "sklearn.preprocessing.MaxAbsScaler."
        )


def _pooled(scaler, shape, shared_axes):
    """Return means and scales that are shared along some axes of an item."""
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
    return mean, np.where(constant, 1, scale)


def chunks(n_rows, n_features):
    """Slices of rows, few enough at a time to be held dense."""
    return gen_batches(n_rows, max(1, min(CHUNK, CHUNK_VALUES // max(1, n_features))))


def dense(rows):
    """Rows of an array as a tensor of their dtype, on the CPU."""
    if issparse(rows):
        rows = rows.toarray()
    if rows.dtype.kind == "u" and rows.dtype.itemsize > 1:
        rows = _signed(rows)
    return torch.from_numpy(rows if is_writeable(rows) else rows.copy())


def _signed(rows):
    """Return unsigned whole numbers in a type that torch computes with."""
    if rows.dtype == np.uint16:
        return rows.astype(np.float32)
    if rows.dtype == np.uint64 and rows.size and rows.max() > np.iinfo(np.int64).max:
        raise ValueError(
            "X has whole numbers beyond 2**63 - 1, which are not supported; subtract an offset or "
            "pass X.astype(float)."
        )
    return rows.astype(np.int64)


def sent(tensor, device):
    """A tensor of the CPU on a device; a CUDA device fetches it while Python goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def as_tensor(rows, standardize):
    """Rows of an array as a tensor of floats, on the device of a tower's first layer."""
    return standardize.to_float(sent(dense(rows), standardize.mean.device))


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
            self.kept = dense(X)

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
