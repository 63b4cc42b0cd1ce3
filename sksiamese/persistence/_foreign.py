"""Estimators of other packages, saved by skops as an archive in memory."""

from io import BytesIO
from math import prod
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import torch

from .._extras import import_extra

MAX_RATIO, MAX_BYTES = 100, 2**26
"""Maximum size of compressed data after decompression, by the size before, plus a constant."""

ARRAY, ARCHIVE = b"\x93NUMPY", b"PK"
"""First bytes of an array of NumPy, and of an archive."""


def dump_estimator(estimator, name):
    """Return the data of an estimator as a tensor of bytes."""
    skops = import_extra("skops.io", "sksiamese.persistence")
    try:
        data = skops.dumps(estimator)
    except Exception as error:
        raise ValueError(
            f"{name} is of {type(estimator)}, which skops cannot save: {error}"
        ) from error
    return torch.from_numpy(np.frombuffer(bytearray(data), dtype=np.uint8))


def untrusted_names(tensor):
    """Return the names of the types in data of an estimator that skops does not trust."""
    data = archive_bytes(tensor)
    names = import_extra("skops.io", "sksiamese.persistence").get_untrusted_types(data=data)
    return {":".join(name.rpartition(".")[::2]) for name in names}


def load_estimator(tensor, allowed):
    """Return the estimator of a tensor of bytes; types must be allowed or trusted by skops."""
    data = archive_bytes(tensor)
    return import_extra("skops.io", "sksiamese.persistence").loads(
        data, trusted=sorted(name.replace(":", ".") for name in allowed)
    )


def archive_bytes(tensor):
    """Return the bytes of an archive, and raise if it would need much more memory."""
    if tensor.dtype != torch.uint8 or tensor.ndim != 1:
        raise ValueError("a step of scikit-learn has no bytes.")
    data = tensor.numpy().tobytes()
    check_archive(data, compressed=False)
    return data


def check_archive(data, *, compressed):
    """Raise if the members of an archive are larger than its data, or declare larger arrays.

    Parameters
    ----------
    data : bytes
        Archive.

    compressed : bool
        Whether members may be compressed, as in the archive of a sparse matrix.
    """
    with ZipFile(BytesIO(data)) as archive:
        members = archive.infolist()
        limit = len(data) * MAX_RATIO + MAX_BYTES if compressed else len(data)
        if sum(member.file_size for member in members) > limit:
            raise ValueError("a step of scikit-learn declares more data than it has.")
        for member in members:
            if member.compress_type != ZIP_STORED and not compressed:
                raise ValueError("a step of scikit-learn is compressed.")
            content = archive.read(member)
            if content.startswith(ARRAY):
                check_header(content)
            elif content.startswith(ARCHIVE):
                if compressed:
                    raise ValueError("a step of scikit-learn has archives within archives.")
                check_archive(content, compressed=True)


def check_header(content):
    """Raise if an array of NumPy declares more values than it has."""
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"a step of scikit-learn has an array of version {version}.")
    shape, _, dtype = read[version](stream)
    n_bytes = prod(map(int, shape)) * dtype.itemsize
    if dtype.hasobject or n_bytes != len(content) - stream.tell():
        raise ValueError("a step of scikit-learn declares an array of another size.")
