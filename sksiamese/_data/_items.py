"""Read rows of arrays as tensors, batch by batch."""

from math import prod

import numpy as np
import torch
from scipy.sparse import issparse

from ._chunks import row_slices
from ._device import to_device

DTYPES = [np.float32, np.float64]
"""Dtypes of the computation; sparse rows of other dtypes are converted to the first one."""


WIDE_DTYPES = [np.int32, np.uint32, np.int64, np.uint64]
"""Integer dtypes with values that float32 cannot represent exactly."""


COMPACT_DTYPES = [*DTYPES, np.bool_, np.uint8, np.int8, np.int16, np.uint16, *WIDE_DTYPES]
"""Dtypes of dense rows that are stored without conversion, and converted batch by batch."""


N_SHARERS = 8
"""Number of copies of the data that must fit in free CUDA memory to keep the data there."""


def float_dtype(dtype):
    """Return the dtype of the computation for values of a dtype."""
    return np.float64 if dtype == np.float64 else np.float32


def n_columns(y):
    """Return the number of columns of an array-like, sparse matrix or table; 1 for a vector."""
    shape = y.shape if hasattr(y, "shape") else np.asarray(y, dtype=object).shape
    return shape[1] if len(shape) == 2 else 1


def to_tensor(rows):
    """Return rows of an array as a tensor on the CPU; convert unsupported unsigned integers."""
    if issparse(rows):
        rows = rows.toarray()
    if rows.dtype.kind == "u" and rows.dtype.itemsize > 1:
        rows = _to_signed(rows)
    return torch.from_numpy(rows if is_writeable(rows) else rows.copy())


def _to_signed(rows):
    """Convert unsigned integers to a dtype that PyTorch supports in computations."""
    if rows.dtype == np.uint16:
        return rows.astype(np.float32)
    if rows.dtype == np.uint64 and rows.size and rows.max() > np.iinfo(np.int64).max:
        raise ValueError(
            "X has integers beyond 2**63 - 1, which are not supported; subtract an offset or "
            "pass X.astype(float)."
        )
    return rows.astype(np.int64)


def as_tensor(rows, standardize):
    """Return rows of an array as a tensor of floats, on the device of a standardization."""
    return standardize.to_float(to_device(to_tensor(rows), standardize.mean.device))


class Items:
    """Rows of an array for training on a device, read batch by batch.

    On the CPU, PyTorch gathers the rows of writeable arrays, as it is faster than NumPy. A CUDA
    device keeps all rows, in the dtype of the array, if they are small compared with its free
    memory. Otherwise each batch is gathered by NumPy and copied to the device.

    Parameters
    ----------
    X : {array, sparse matrix, Rows} of shape (n_rows, n_features)
        Rows.

    device : torch.device
        Device of the batches.
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
        """Return the rows of an array of indices as a tensor on the device, in the dtype of X."""
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
    """Return whether rows are a writeable array."""
    return isinstance(X, np.ndarray) and X.flags.writeable


def fits_in_memory(X, device):
    """Return whether a CUDA device has enough free memory to keep all rows of an array."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return N_SHARERS * prod(X.shape) * to_tensor(X[:1]).element_size() <= free
