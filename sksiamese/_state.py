"""State of fitted estimators for pickle, with the version of the package."""

import sys
import warnings

from sklearn.exceptions import InconsistentVersionWarning

VERSION_KEY = "_sksiamese_version"
"""Entry of a pickled state with the version of the package."""


def package_version():
    """Return the version of this package."""
    return sys.modules[__package__].__version__


def called_by_skops():
    """Return whether skops has called the method that calls this function.

    skops cannot store modules of PyTorch, and has no other way to ask for another state.
    """
    return sys._getframe(2).f_globals.get("__name__", "").startswith("skops.")


class VersionedState:
    """Mixin that stores the version in pickles, and warns if another version loads them."""

    def __getstate__(self):
        return {**super().__getstate__(), VERSION_KEY: package_version()}

    def __setstate__(self, state):
        state = dict(state)
        original = state.pop(VERSION_KEY, "unknown")
        if original != package_version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=package_version(),
                    original_sklearn_version=original,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
