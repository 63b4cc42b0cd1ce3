"""Displays: pictures of fitted estimators, drawn with matplotlib."""

from ._history import HistoryDisplay
from ._neighbors import NeighborsDisplay
from ._pair_scores import EmbeddingDisplay, PairScoreDisplay
from ._pairs import PairDisplay

__all__ = [
    "EmbeddingDisplay",
    "HistoryDisplay",
    "NeighborsDisplay",
    "PairDisplay",
    "PairScoreDisplay",
]
