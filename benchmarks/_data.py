"""Loaders for the original file layouts of the data sets."""

import gzip

import numpy as np


def load_fashion_mnist(folder):
    """Fashion-MNIST from its four IDX files.

    Parameters
    ----------
    folder : Path
        The folder that holds ``fashion-mnist/``.

    Returns
    -------
    X_train, y_train, X_test, y_test : ndarrays of uint8
        60,000 and 10,000 images as rows of 784 grey values, and their classes 0 to 9.
    """
    folder = folder / "fashion-mnist"
    return (
        _read_idx(folder / "train-images-idx3-ubyte.gz", 2051).reshape(-1, 784),
        _read_idx(folder / "train-labels-idx1-ubyte.gz", 2049),
        _read_idx(folder / "t10k-images-idx3-ubyte.gz", 2051).reshape(-1, 784),
        _read_idx(folder / "t10k-labels-idx1-ubyte.gz", 2049),
    )


def _read_idx(path, magic):
    """Array of an IDX file: magic number, dimensions, values, all big endian."""
    with gzip.open(path) as file:
        content = file.read()
    found = int.from_bytes(content[:4], "big")
    if found != magic:
        raise ValueError(f"{path} begins with {found}, not with {magic}; is it an IDX file?")
    n_dims = magic % 256
    shape = np.frombuffer(content, dtype=">i4", count=n_dims, offset=4)
    values = np.frombuffer(content, dtype=np.uint8, offset=4 * (n_dims + 1))
    if values.size != shape.prod():
        raise ValueError(
            f"{path} holds {values.size} values, but its header says {shape.tolist()}; "
            "it is cut off: download it again."
        )
    return values.reshape(shape)
