"""Distances between two sets of embeddings.

Every function accepts ``A`` of shape (..., n, k) and ``B`` of shape (..., m, k), and returns
the matrix of distances >= 0 of shape (..., n, m). The gradient is finite everywhere, even for
identical rows.
"""

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["DISTANCES", "chord", "cosine", "euclidean", "manhattan", "paired", "sqeuclidean"]


class Distance(Protocol):
    """Dissimilarity of all rows of two sets: smaller for closer rows, >= 0, symmetric."""

    def __call__(self, A: Tensor, B: Tensor) -> Tensor:
        """Return the (..., n, m) distances of embeddings (..., n, k) and (..., m, k)."""


def euclidean(A: Tensor, B: Tensor) -> Tensor:
    """Compute the Euclidean distances between all rows of two sets.

    Subtracting the mean of ``B`` first keeps the fast matrix-product formula accurate for
    embeddings far from the origin, and does not change distances.

    Parameters
    ----------
    A : Tensor of shape (..., n, k)
        Embeddings.

    B : Tensor of shape (..., m, k)
        Embeddings.

    Returns
    -------
    D : Tensor of shape (..., n, m)
        Distances, in the unit of the embedding, in [0, inf).

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import euclidean
    >>> euclidean(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if B.shape[-2] == 1:  # As for pairs, which need no matrix product.
        return torch.linalg.vector_norm(A - B, dim=-1, keepdim=True)
    return _Euclidean.apply(A, B, False)


class _Euclidean(torch.autograd.Function):
    """Euclidean distances; if both sets are the same, the gradient needs one matrix product.

    The mean of B is subtracted first; distances and gradients do not depend on the origin.
    """

    @staticmethod
    def forward(ctx, A, B, squared):
        ctx.is_one_set, ctx.squared = A is B, squared
        center = B.mean(dim=-2, keepdim=True)
        B = B - center
        A = B if ctx.is_one_set else A - center
        D = torch.cdist(A, B)
        ctx.save_for_backward(A, B, D)
        return D.square() if squared else D

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        A, B, D = ctx.saved_tensors
        tiny = torch.finfo(D.dtype).tiny
        W = 2 * grad_output if ctx.squared else grad_output * D / (D.square() + tiny)
        if ctx.is_one_set:
            W = W + W.mT
            return W.sum(dim=-1, keepdim=True) * A - W @ A, None, None
        grad_A = W.sum(dim=-1, keepdim=True) * A - W @ B
        return grad_A, W.sum(dim=-2).unsqueeze(-1) * B - W.mT @ A, None


def sqeuclidean(A: Tensor, B: Tensor) -> Tensor:
    """Compute the squared Euclidean distances between all rows of two sets.

    Parameters
    ----------
    A : Tensor of shape (..., n, k)
        Embeddings.

    B : Tensor of shape (..., m, k)
        Embeddings.

    Returns
    -------
    D : Tensor of shape (..., n, m)
        Squared distances, in [0, inf).

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import sqeuclidean
    >>> sqeuclidean(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[25.]])
    """
    if B.shape[-2] == 1:
        return (A - B).square().sum(dim=-1, keepdim=True)
    return _Euclidean.apply(A, B, True)


def cosine(A: Tensor, B: Tensor) -> Tensor:
    """Compute the cosine distances, one minus the cosine, between all rows of two sets.

    Parameters
    ----------
    A : Tensor of shape (..., n, k)
        Embeddings.

    B : Tensor of shape (..., m, k)
        Embeddings.

    Returns
    -------
    D : Tensor of shape (..., n, m)
        Distances in [0, 2]; a row of zeros is at distance 1 from every row.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import cosine
    >>> cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0., 1.]])
    """
    A, B = _normalize_both(A, B)
    return F.relu(1 - A @ B.mT)


def chord(A: Tensor, B: Tensor) -> Tensor:
    """Compute the Euclidean distances between all rows of two sets after normalization.

    The squared distance is twice the cosine distance.

    Parameters
    ----------
    A : Tensor of shape (..., n, k)
        Embeddings.

    B : Tensor of shape (..., m, k)
        Embeddings.

    Returns
    -------
    D : Tensor of shape (..., n, m)
        Distances in [0, 2].

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import chord
    >>> chord(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [-3.0, 0.0]]))
    tensor([[0., 2.]])
    """
    return euclidean(*_normalize_both(A, B))


def _normalize_both(A, B):
    """Return both sets at unit length; the same object if they are one."""
    unit = _UnitLength.apply(B)
    return (unit if A is B else _UnitLength.apply(A)), unit


class _UnitLength(torch.autograd.Function):
    """Normalize rows to unit length except zeros, with half the operations of F.normalize."""

    @staticmethod
    def forward(ctx, A):
        length = A.norm(dim=-1, keepdim=True).clamp_min_(1e-12)
        unit = A / length
        ctx.save_for_backward(unit, length)
        return unit

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        unit, length = ctx.saved_tensors
        radial = (grad_output * unit).sum(dim=-1, keepdim=True)
        return (grad_output - radial * unit) / length


def manhattan(A: Tensor, B: Tensor) -> Tensor:
    """Compute the Manhattan distances, sums of absolute differences, between all rows.

    Parameters
    ----------
    A : Tensor of shape (..., n, k)
        Embeddings.

    B : Tensor of shape (..., m, k)
        Embeddings.

    Returns
    -------
    D : Tensor of shape (..., n, m)
        Distances, in the unit of the embedding, in [0, inf).

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import manhattan
    >>> manhattan(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[7.]])
    """
    return torch.cdist(A, B, p=1)


def paired(distance: Callable, A: Tensor, B: Tensor) -> Tensor:
    """Compute the distances between corresponding rows.

    Parameters
    ----------
    distance : callable
        Function that maps (n, 1, k) and (n, 1, k) to (n, 1, 1), such as the functions of this
        module.

    A : Tensor of shape (n, k)
        Embeddings of the left items.

    B : Tensor of shape (n, k)
        Embeddings of the right items.

    Returns
    -------
    d : Tensor of shape (n,)
        Distances from row ``i`` of ``A`` to row ``i`` of ``B``.

    Raises
    ------
    ValueError
        If ``distance`` is not callable, or returns anything else.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import manhattan, paired
    >>> A = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    >>> paired(manhattan, A, A.flip(0))
    tensor([2., 2.])
    """
    if not callable(distance):
        raise ValueError(
            f"distance must be a function of two sets of embeddings, got {distance!r}."
        )
    D = distance(A.unsqueeze(-2), B.unsqueeze(-2))
    if not isinstance(D, torch.Tensor) or D.shape != (A.shape[0], 1, 1):
        got = tuple(D.shape) if isinstance(D, torch.Tensor) else type(D).__name__
        raise ValueError(
            f"distance must map sets of shape (..., n, k) and (..., m, k) to a tensor of shape "
            f"(..., n, m), here {(A.shape[0], 1, 1)}, but returned {got}."
        )
    return D[:, 0, 0]


DISTANCES = {
    "chord": chord,
    "cosine": cosine,
    "euclidean": euclidean,
    "manhattan": manhattan,
    "sqeuclidean": sqeuclidean,
}
"""Built-in distances by name."""
