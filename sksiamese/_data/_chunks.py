"""Limit the memory of computations on many rows by dividing the rows into chunks."""

from sklearn.utils import gen_batches

CHUNK = 1024
"""Maximum number of rows to standardize or embed at a time."""

CHUNK_VALUES = 2**22
"""Maximum number of values in these rows."""


def row_slices(n_rows, n_features):
    """Return slices of rows that are small enough for a dense array."""
    return gen_batches(n_rows, max(1, min(CHUNK, CHUNK_VALUES // max(1, n_features))))
