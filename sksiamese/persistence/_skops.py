"""Types for files of skops, which stores estimators of this package like those of scikit-learn."""

from .._gallery._updates import NearestOthers
from ._names import ESTIMATORS

TRUSTED_TYPES = tuple(
    f"{kind.__module__}.{kind.__qualname__}" for kind in (*ESTIMATORS, NearestOthers)
)
"""Names for ``trusted`` of ``skops.io.load``, in addition to those of parts of your own."""
