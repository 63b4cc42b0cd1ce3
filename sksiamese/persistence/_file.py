"""Files of the format safetensors: tensors, and one text with the description of an estimator."""

import hashlib
import json
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scipy
import sklearn
import torch
from sklearn.exceptions import InconsistentVersionWarning

from .._extras import MissingExtraError, import_extra
from .._state import package_version

FORMAT = 1
"""Version of the format."""

ENTRY, DIGEST = "sksiamese", "sksiamese_sha256"
"""Entries of the metadata: the description, and the digest of description and tensors."""


class DifferentVersionsWarning(InconsistentVersionWarning):
    """Warning that a file was saved with other versions of packages."""

    def __init__(self, message):
        self.message = message

    def __str__(self):
        return self.message


def versions():
    """Return the versions of the packages that results depend on, as a dict."""
    packages = {"numpy": np, "scikit-learn": sklearn, "scipy": scipy, "torch": torch}
    # The part after "+" names a build, such as one for CUDA.
    found = {name: package.__version__.partition("+")[0] for name, package in packages.items()}
    return {"sksiamese": package_version(), **found}


def digest(description, tensors):
    """Return the SHA-256 digest of a description and of tensors."""
    result = hashlib.sha256(description.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        header = json.dumps([name, str(tensor.dtype), list(tensor.shape)])
        result.update(header.encode())
        if tensor.numel():
            result.update(tensor.flatten().view(torch.uint8).numpy())
    return result.hexdigest()


def write_file(path, value, tensors):
    """Write a description and tensors to a file."""
    safetensors = import_extra("safetensors.torch", "sksiamese.persistence")
    description = json.dumps(
        {"format": FORMAT, "versions": versions(), "estimator": value}, allow_nan=False
    )
    tensors = without_shared_memory(tensors)
    metadata = {ENTRY: description, DIGEST: digest(description, tensors), "format": "pt"}
    data = safetensors.save(tensors, metadata)
    Path(path).write_bytes(data)


def without_shared_memory(tensors):
    """Return tensors, with a copy of those that are in the memory of another one."""
    used, separate = set(), {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if place in used else tensor
        used.add(place)
    return separate


class FileError(ValueError):
    """Error of a file that is not damaged, with a remedy."""


@contextmanager
def reading(path):
    """Raise a ValueError that names the file for any error of its content."""
    try:
        yield
    except MissingExtraError:
        raise
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        if not isinstance(error, FileError):
            reason += ". It may be damaged; save the estimator again"
        raise ValueError(f"{os.fspath(path)!r} cannot be loaded: {reason}.") from error


def read_data(data):
    """Return the description in the data of a file as a dict, and its tensors.

    Memory and time are bounded by the size of the data.
    """
    safetensors = import_extra("safetensors.torch", "sksiamese.persistence")
    header = read_header(data)
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not isinstance(metadata.get(ENTRY), str):
        raise ValueError("it has no description of an estimator, so sksiamese has not saved it.")
    tensors = safetensors.load(data)
    if digest(metadata[ENTRY], tensors) != metadata.get(DIGEST):
        raise ValueError("its content has been changed since it was saved.")
    description = json.loads(metadata[ENTRY], parse_constant=reject)
    if not isinstance(description, dict) or type(description.get("format")) is not int:
        raise ValueError("its description has no format.")
    if description["format"] > FORMAT:
        raise FileError(
            f"it has format {description['format']}, and this version of sksiamese reads formats "
            f"up to {FORMAT}; install a newer version."
        )
    return description, tensors


def read_header(data):
    """Return the header of a file as a dict."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > len(data) - 8:
        raise ValueError("it is no safetensors file, or only the beginning of one.")
    header = json.loads(data[8 : 8 + size], parse_constant=reject)
    if not isinstance(header, dict):
        raise ValueError("its header is no dict.")
    return header


def reject(constant):
    """Raise, as a number is NaN or infinite."""
    raise ValueError(f"its description has the number {constant}.")


def warn_of_versions(path, saved):
    """Warn if a file was saved with other versions of packages."""
    current = versions()
    different = [name for name in current if saved.get(name) != current[name]]
    if not different:
        return
    before, now = (
        ", ".join(f"{name} {found.get(name, 'unknown')}" for name in different)
        for found in (saved, current)
    )
    warnings.warn(
        DifferentVersionsWarning(
            f"{os.fspath(path)!r} was saved with {before}, but {now} is installed; results may "
            "differ. Check some predictions, or install the versions of the file."
        ),
        stacklevel=3,
    )
