"""Pairs of rows: drawing them from labelled rows, joining and splitting them.

A pair is one row of 2 * n_features columns, left item then right item, the layout of
``fetch_lfw_pairs().data``, so that everything in scikit-learn that cuts a 2-D array by
rows works on pairs; transformers belong in a ``PairTransformer``. A ``PairView`` is the same
by row numbers of the items.
"""

from ._layout import pairs_from_triplets, split_pairs, stack_pairs
from ._make import make_pairs

__all__ = ["make_pairs", "pairs_from_triplets", "split_pairs", "stack_pairs"]
