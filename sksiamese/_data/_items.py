"""Rows of arrays as tensors, a batch at a time."""

from math import prod

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from ._device import to_device

DTYPES = [np.float32, np.float64]
"""Types of what is computed; sparse rows of any other type become the first of these."""


WIDE_DTYPES = [np.int32, np.uint32, np.int64, np.uint64]
"""Whole numbers that float32 may not hold exactly."""


COMPACT_DTYPES = [*DTYPES, np.bool_, np.uint8, np.int8, np.int16, np.uint16, *WIDE_DTYPES]
"""Dense rows of these types stay as they are, and are converted a batch at a time."""


N_SHARERS = 8
"""Data are kept on a CUDA device if so many of their size would fit into its free memory."""


CHUNK = 1024
"""Rows that are standardised or embedded at a time, at most."""


CHUNK_VALUES = 2**22
"""Values of these rows, at most."""


def float_dtype(dtype):
    """Return the floating type in which values of a type are computed."""
    return np.float64 if dtype == np.float64 else np.float32


def n_columns(y):
    """Number of columns of an array-like, a sparse matrix or a table; 1 for a vector."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y, dtype=object).shape
    return shape[1] if len(shape) == 2 else 1


def to_tensor(rows):
    """Convert rows of an array to a tensor of their dtype on the CPU."""
    if issparse(rows):
        rows = rows.toarray()
    if rows.dtype.kind == "u" and rows.dtype.itemsize > 1:
        rows = _to_signed(rows)
    return torch.from_numpy(rows if is_writeable(rows) else rows.copy())


def _to_signed(rows):
    """Return unsigned whole numbers in a type that torch computes with."""
    if rows.dtype == np.uint16:
        return rows.astype(np.float32)
    if rows.dtype == np.uint64 and rows.size and rows.max() > np.iinfo(np.int64).max:
        raise ValueError(
            "X has whole numbers beyond 2**63 - 1, which are not supported; subtract an offset or "
            "pass X.astype(float)."
        )
    return rows.astype(np.int64)


def as_tensor(rows, standardize):
    """Rows of an array as a tensor of floats, on the device of a tower's first layer."""
    return standardize.to_float(to_device(to_tensor(rows), standardize.mean.device))


def row_slices(n_rows, n_features):
    """Return slices of rows, few enough at a time to be held dense."""
    return gen_batches(n_rows, max(1, min(CHUNK, CHUNK_VALUES // max(1, n_features))))


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
        self.cached = None
        if fits_in_memory(X, device):
            self.cached = self._load_all()
        elif device.type == "cpu" and is_writeable(X):
            self.cached = to_tensor(X)

    def __getitem__(self, rows):
        """Rows of an array of row numbers, as a tensor of the dtype of X on the device."""
        if self.cached is None:
            return to_device(to_tensor(self.X[rows]), self.device)
        rows = torch.from_numpy(np.ascontiguousarray(rows))
        return self.cached.index_select(0, to_device(rows, self.device))

    def _load_all(self):
        cached = torch.empty(self.X.shape, dtype=to_tensor(self.X[:1]).dtype, device=self.device)
        for part in row_slices(*self.X.shape):
            cached[part] = to_device(to_tensor(self.X[part]), self.device)
        return cached


def is_writeable(X):
    """Whether rows are an array that may be written to."""
    return isinstance(X, np.ndarray) and X.flags.writeable


def fits_in_memory(X, device):
    """Whether a device is to keep the rows of an array, and not only a batch of them."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return N_SHARERS * prod(X.shape) * to_tensor(X[:1]).element_size() <= free
