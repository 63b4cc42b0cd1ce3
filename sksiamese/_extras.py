"""Optional packages, imported when a function needs them."""

import importlib

EXTRAS = {
    "ann": ("usearch",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "persistence": ("safetensors", "skops"),
    "plot": ("matplotlib",),
    "progress": ("rich",),
}
"""Packages of each extra for users, by the name of the extra in ``pyproject.toml``."""


class MissingExtraError(ImportError):
    """Error that a package of an extra is not installed."""


def import_extra(module, feature):
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Full name of the module.

    feature : str
        Public name that needs the package, for the message.

    Returns
    -------
    module : module
        The module.

    Raises
    ------
    MissingExtraError
        If the package is not installed, or cannot be imported.
    """
    package = module.partition(".")[0]
    (extra,) = (name for name, packages in EXTRAS.items() if package in packages)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f'{feature} needs {package}; install it with pip install "sksiamese[{extra}]".'
        ) from error
