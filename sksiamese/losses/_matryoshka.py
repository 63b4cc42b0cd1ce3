"""Loss of the prefixes of embeddings."""

from collections.abc import Callable

import torch
from torch import Tensor

from .._parameters import check_shape

__all__ = ["matryoshka"]

LOSSES, NATURAL_DISTANCES = {}, {}


def matryoshka(
    Z: Tensor, y: Tensor, *, loss: Callable, distance: Callable, sizes: tuple[int, ...]
) -> Tensor:
    """Compute the mean of a loss of pairs over prefixes of embeddings.

    The first components of an embedding then work alone, so that one embedder yields embeddings
    of several sizes. Bind ``loss``, ``distance`` and ``sizes`` with ``functools.partial``, and pass
    the same ``distance`` to the estimator, which uses no miner and no memory with this loss. All
    components are learned, see ``learned_weight``. The last of the ``sizes`` is usually
    ``n_components``: components after it are not trained.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings.

    y : Tensor of shape (n,)
        Classes.

    loss : callable
        Loss of pairs, ``loss(D, same, different)``, such as :func:`supcon`.

    distance : callable
        Distance between embeddings, such as :func:`sksiamese.distances.cosine`.

    sizes : tuple of int
        Numbers of components of the prefixes, in [1, n_components], such as (8, 32, 128).

    Returns
    -------
    loss : Tensor of shape ()
        The loss.

    Raises
    ------
    ValueError
        If a size is above the number of components, or ``loss`` or ``distance`` is not callable.

    References
    ----------
    A. Kusupati et al., "Matryoshka representation learning", NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.distances import euclidean
    >>> from sksiamese.losses import contrastive, matryoshka
    >>> Z, y = torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.5, 2.0]]), torch.tensor([0, 0, 1])
    >>> round(matryoshka(Z, y, loss=contrastive, distance=euclidean, sizes=(1, 2)).item(), 4)
    0.2917
    """
    if not (callable(loss) and callable(distance)):
        raise ValueError(
            f"loss and distance must be functions, such as supcon and cosine, got {loss!r} and "
            f"{distance!r}."
        )
    sizes = check_shape("sizes", sizes)
    if max(sizes) > Z.shape[1]:
        raise ValueError(
            f"sizes={sizes} has a prefix of {max(sizes)} components, but there are {Z.shape[1]} "
            "learned components; lower it, or raise n_components."
        )
    same = y[:, None] == y
    different = ~same
    same = same & ~torch.eye(len(y), dtype=torch.bool, device=y.device)
    prefixes = (Z[:, :size] for size in sizes)
    return sum(loss(distance(part, part), same, different) for part in prefixes) / len(sizes)
