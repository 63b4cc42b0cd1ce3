"""Displays: pictures of fitted estimators, drawn with matplotlib."""

from ._plot_history import HistoryDisplay
from ._plot_neighbors import NeighborsDisplay
from ._plot_pairs import PairDisplay
from ._plot_scores import EmbeddingDisplay, PairScoreDisplay

__all__ = [
    "EmbeddingDisplay",
    "HistoryDisplay",
    "NeighborsDisplay",
    "PairDisplay",
    "PairScoreDisplay",
]
