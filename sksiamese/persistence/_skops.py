"""Types to trust in files of skops."""

from .._gallery._updates import NearestOthers
from ._names import ESTIMATORS

TRUSTED_TYPES = tuple(
    f"{kind.__module__}.{kind.__qualname__}" for kind in (*ESTIMATORS, NearestOthers)
)
"""Names to pass as ``trusted`` to ``skops.io.load``; add the names of parts of your own."""
