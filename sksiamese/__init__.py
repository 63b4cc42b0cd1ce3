"""Siamese networks and metric learning with the interface of scikit-learn."""

from . import (
    augment,
    batches,
    distances,
    heads,
    losses,
    metrics,
    mining,
    pairs,
    plot,
    regularizers,
    towers,
)
from ._embedder import SiameseEmbedder
from ._verifier import SiameseVerifier
from .pairs import make_pairs, split_pairs, stack_pairs

__version__ = "0.1.0"

__all__ = [
    "SiameseEmbedder",
    "SiameseVerifier",
    "augment",
    "batches",
    "distances",
    "heads",
    "losses",
    "make_pairs",
    "metrics",
    "mining",
    "pairs",
    "plot",
    "regularizers",
    "split_pairs",
    "stack_pairs",
    "towers",
]
