"""Packages of the extra ``persistence``, which are imported when they are needed."""

import importlib


class MissingExtraError(ImportError):
    """Error that a package of the extra is not installed."""


def import_extra(name):
    """Return a module of an optional package, and raise with the remedy if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"sksiamese.persistence needs {name.partition('.')[0]}; install it with "
            'pip install "sksiamese[persistence]".'
        ) from error
