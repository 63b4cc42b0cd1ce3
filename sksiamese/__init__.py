"""Siamese networks and metric learning with the interface of scikit-learn."""

from . import (
    alignment,
    augment,
    batches,
    callbacks,
    distances,
    explain,
    export,
    heads,
    losses,
    metrics,
    mining,
    neighbors,
    pairs,
    persistence,
    plot,
    regularizers,
    towers,
)
from ._embedder import SiameseEmbedder
from ._identifier import SiameseIdentifier
from ._model_selection import unseen_class_curve
from ._reference_verifier import ReferenceVerifier
from ._regressor import SiameseRegressor
from ._show_versions import show_versions
from ._verifier import SiameseVerifier
from .pairs import make_pairs, pairs_from_triplets, split_pairs, stack_pairs
from .pairs._split import PairKFold, PairShuffleSplit
from .pairs._transformer import PairTransformer
from .pairs._view import PairView

__version__ = "0.1.0"

__all__ = [
    "PairKFold",
    "PairShuffleSplit",
    "PairTransformer",
    "PairView",
    "ReferenceVerifier",
    "SiameseEmbedder",
    "SiameseIdentifier",
    "SiameseRegressor",
    "SiameseVerifier",
    "alignment",
    "augment",
    "batches",
    "callbacks",
    "distances",
    "explain",
    "export",
    "heads",
    "losses",
    "make_pairs",
    "metrics",
    "mining",
    "neighbors",
    "pairs",
    "pairs_from_triplets",
    "persistence",
    "plot",
    "regularizers",
    "show_versions",
    "split_pairs",
    "stack_pairs",
    "towers",
    "unseen_class_curve",
]
