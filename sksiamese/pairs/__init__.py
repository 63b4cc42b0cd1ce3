"""Draw pairs from labeled rows, and join or split pairs.

A pair is a row of 2 * n_features columns, left item then right item, as in
``fetch_lfw_pairs().data``. All functions of scikit-learn that index the rows of a 2-D array
work on pairs; wrap transformers in a ``PairTransformer``. A ``PairView`` represents pairs by the
row numbers of their items.
"""

from ._layout import pairs_from_triplets, split_pairs, stack_pairs
from ._make import make_pairs

__all__ = ["make_pairs", "pairs_from_triplets", "split_pairs", "stack_pairs"]
