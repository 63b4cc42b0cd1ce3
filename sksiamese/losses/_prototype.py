"""Loss of episodes: each embedding is compared with the mean of each class of its batch."""

from math import inf

import torch
from torch import Tensor

from .._parameters import check_real

__all__ = ["prototypical"]


def prototypical(Z: Tensor, y: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute the loss of prototypical networks: each row among the means of the classes.

    The mean over rows of ``-log softmax(-d^2 / temperature)`` at the true class, with ``d`` the
    distances to the prototypes: the mean of the other rows of the own class, and the means of all
    other classes in the batch. So each batch of a balanced sampler is an episode for every row.
    Rows that are alone in their class are used only as prototypes.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings.

    y : Tensor of int64 of shape (n,)
        Classes.

    temperature : float, default=1.0
        Divisor of the squared distances, > 0; smaller is sharper.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0.

    References
    ----------
    J. Snell, K. Swersky, R. Zemel, "Prototypical networks for few-shot learning", NIPS 2017; own
    row left out: L. Wan, Q. Wang, A. Papir, I. Lopez Moreno, "Generalized end-to-end loss for
    speaker verification", ICASSP 2018.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import prototypical
    >>> Z = torch.tensor([[0.0], [1.0], [3.0], [3.0]])
    >>> prototypical(Z, torch.tensor([0, 0, 1, 1]))
    tensor(0.0132)
    """
    temperature = check_real("temperature", temperature, above=0)
    same = y[:, None] == y
    count = same.sum(dim=1)
    total = same.to(Z.dtype) @ Z
    own = (Z - (total - Z) / (count - 1).clamp_min(1)[:, None]).square().sum(dim=1)
    D = (Z[:, None] - total / count[:, None]).square().sum(dim=2)
    is_first = ~same.tril(-1).any(dim=1)  # One column for each class.
    others = (-D / temperature).masked_fill(same | ~is_first, -inf)
    own = -own / temperature
    losses = torch.cat([own[:, None], others], dim=1).logsumexp(dim=1) - own
    shared = count > 1
    return losses.where(shared, 0).sum() / shared.sum().clamp_min(1)


LOSSES = {"prototypical": prototypical}
"""The loss of this file by name."""

NATURAL_DISTANCES = {"prototypical": "euclidean"}
"""Distance that it was designed for."""
