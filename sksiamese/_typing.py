"""Types of parameters that many functions share."""

from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix

MatrixLike = ArrayLike | sparray | spmatrix
"""Array, sparse matrix, or an object that NumPy converts, such as a DataFrame or a PairView."""

RandomStateLike = int | RandomState | None
"""Seed of a generator of NumPy, the generator itself, or None for the global one."""
