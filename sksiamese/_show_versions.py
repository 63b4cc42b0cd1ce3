"""Versions of the package and its dependencies, for reports of errors."""

import sys
from importlib.metadata import PackageNotFoundError, version

import sklearn
import torch

from ._extras import EXTRAS
from ._state import package_version


def show_versions() -> None:
    """Print the versions of Python, of the package and its dependencies, and devices of PyTorch.

    Paste the output into the report of an error. It begins as
    :func:`sklearn.show_versions`, and ends with this package, PyTorch and the packages of the
    extras; ``None`` means that a package is not installed.

    Examples
    --------
    >>> import sksiamese
    >>> sksiamese.show_versions()  # doctest: +ELLIPSIS
    <BLANKLINE>
    System:
        python: 3...
    sksiamese dependencies:
        sksiamese: 0...
            torch: ...
    """
    sklearn.show_versions()
    for title, entries in (("sksiamese dependencies", packages()), ("PyTorch", torch_settings())):
        lines = [f"{name:>13}: {value}\n" for name, value in entries.items()]
        sys.stdout.write(f"\n{title}:\n{''.join(lines)}")


def packages():
    """Return the version of this package, of PyTorch and of each package of an extra."""
    names = ("torch", *(name for extra in EXTRAS.values() for name in extra))
    return {"sksiamese": package_version()} | {name: installed_version(name) for name in names}


def installed_version(name):
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def torch_settings():
    """Return the numbers of threads of PyTorch, and the CUDA devices that it finds."""
    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "threads": torch.get_num_threads(),
        "interop": torch.get_num_interop_threads(),
        "CUDA": torch.version.cuda,
        "devices": ", ".join(devices) or None,
    }
