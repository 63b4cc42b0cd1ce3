"""Displays of fitted estimators and their predictions, drawn with matplotlib."""

from ._cmc_curve import CmcCurveDisplay
from ._embedding import EmbeddingDisplay
from ._history import HistoryDisplay
from ._identity_errors import IdentityErrorDisplay
from ._neighbors import NeighborsDisplay
from ._pair_scores import PairScoreDisplay
from ._pairs import PairDisplay
from ._unseen_classes import UnseenClassesDisplay

__all__ = [
    "CmcCurveDisplay",
    "EmbeddingDisplay",
    "HistoryDisplay",
    "IdentityErrorDisplay",
    "NeighborsDisplay",
    "PairDisplay",
    "PairScoreDisplay",
    "UnseenClassesDisplay",
]
