"""Arrays as tensors of a file, which support fewer dtypes than NumPy."""

import re
from math import prod

import numpy as np
import torch

NATIVE_DTYPES = frozenset(
    {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}
)
"""Dtypes of NumPy that are stored without conversion."""

OTHER_DTYPES = re.compile(
    r"[<>|][US]\d{1,7}|[<>][mM]8\[\d{0,6}[a-zA-Z]{1,2}\]|[<>][mM]8|[<>]c(8|16)|[<>][iuf][248]"
)
"""Text of a dtype that is stored as bytes."""

MAX_CODE_POINT = 0x10FFFF
"""Largest code point of a character."""


def array_to_tensor(array):
    """Return a tensor with the data of an array, and the text of its dtype if it is not native.

    Parameters
    ----------
    array : ndarray
        Array of numbers, booleans, dates or texts.

    Returns
    -------
    tensor : Tensor
        The array itself, or its bytes.

    dtype : str or None
        Dtype of the array, if the tensor has its bytes.

    Raises
    ------
    ValueError
        If the dtype is not supported.
    """
    array = np.array(array, order="C", copy=None)
    if array.dtype.isnative and array.dtype.name in NATIVE_DTYPES:
        return torch.from_numpy(array if array.flags.writeable else array.copy()), None
    dtype = array.dtype.str
    if not OTHER_DTYPES.fullmatch(dtype) or not array.dtype.itemsize:
        raise ValueError(f"an array of dtype {array.dtype} cannot be saved; convert it first.")
    data = np.frombuffer(bytearray(array.tobytes()), dtype=np.uint8)
    return torch.from_numpy(data), dtype


def tensor_to_array(tensor, dtype, shape, order):
    """Return the array of a tensor.

    Parameters
    ----------
    tensor : Tensor
        Data.

    dtype : str or None
        Dtype, if the tensor has bytes.

    shape : list of int
        Shape of the array.

    order : {"C", "F"}
        Order of the array in memory.

    Returns
    -------
    array : ndarray
        Array.

    Raises
    ------
    ValueError
        If dtype or shape do not fit the data.
    """
    if tensor.dtype == torch.bfloat16:
        raise ValueError("an array has dtype bfloat16.")
    array = tensor.numpy()
    if dtype is not None:
        if not isinstance(dtype, str) or not OTHER_DTYPES.fullmatch(dtype):
            raise ValueError(f"an array has dtype {dtype!r}.")
        dtype = np.dtype(dtype)
        if array.dtype != np.uint8 or not dtype.itemsize:
            raise ValueError(f"an array has dtype {dtype} for data of {array.dtype}.")
        if dtype.kind == "U":
            code_points = array.view(np.dtype(np.uint32).newbyteorder(dtype.byteorder))
            if (code_points > MAX_CODE_POINT).any():
                raise ValueError("an array of texts has a character that does not exist.")
        array = array.view(dtype)
    check_shape(shape, array.size)
    return np.array(array.reshape(shape), order="F" if order == "F" else "C", copy=None)


def check_shape(shape, n_values):
    """Raise unless a shape is a list of sizes of a number of values."""
    valid = isinstance(shape, list) and len(shape) <= 32
    if not (valid and all(type(size) is int and size >= 0 for size in shape)):
        raise ValueError(f"an array has shape {shape!r}.")
    if prod(shape) != n_values or any(size > max(n_values, 2**40) for size in shape):
        raise ValueError(f"an array has shape {shape}, but {n_values} values.")
