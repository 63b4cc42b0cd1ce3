"""Regularizers: penalties on embeddings, added to any loss.

A regularizer accepts embeddings ``Z`` of shape (n, n_components), including the embeddings of
unlabeled rows. With an argument ``y``, ``labels`` or ``target``, or the attribute
``inputs = "classes"``, it accepts ``(Z, y)`` for the labeled rows only. A regularizer with weights
is a module, built for ``n_classes`` and ``n_components``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._parameters import check_count, check_real

__all__ = ["REGULARIZERS", "Center", "covariance", "norm", "variance"]


def norm(Z: Tensor) -> Tensor:
    """Compute the mean squared length of the embeddings.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings.

    Returns
    -------
    cost : Tensor of shape ()
        Mean squared length, in the squared unit of the embedding.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.regularizers import norm
    >>> norm(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor(13.)
    """
    return Z.square().sum(dim=1).mean()


def variance(Z: Tensor, *, deviation: float = 1.0) -> Tensor:
    """Compute the variance term of VICReg, which prevents the collapse of an embedding.

    It is the mean over components of ``max(0, deviation - std)``.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings.

    deviation : float, default=1.0
        Target standard deviation of each component, > 0.

    Returns
    -------
    cost : Tensor of shape ()
        Mean shortfall of the standard deviations, in [0, deviation].

    References
    ----------
    A. Bardes, J. Ponce, Y. LeCun, "VICReg: variance-invariance-covariance regularization
    for self-supervised learning", ICLR 2022.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.regularizers import variance
    >>> variance(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    tensor(0.4950)
    """
    deviation = check_real("deviation", deviation, above=0)
    spread = (Z.var(dim=0) + 1e-4).sqrt()
    return F.relu(deviation - spread).mean()


def covariance(Z: Tensor) -> Tensor:
    """Compute the covariance term of VICReg, which decorrelates the components.

    It is the sum of the squared covariances of different components, divided by the number of
    components.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings, at least two.

    Returns
    -------
    cost : Tensor of shape ()
        Covariance term, in the fourth power of the unit of the embedding.

    References
    ----------
    A. Bardes, J. Ponce, Y. LeCun, "VICReg: variance-invariance-covariance regularization
    for self-supervised learning", ICLR 2022.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.regularizers import covariance
    >>> covariance(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
    tensor(4.)
    """
    centered = Z - Z.mean(dim=0)
    matrix = centered.T @ centered / (len(Z) - 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / Z.shape[1]


class Center(nn.Module):
    """Half the mean squared distance of embeddings to the learned center of their class.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    n_components : int
        Size of the embedding.

    References
    ----------
    Y. Wen, K. Zhang, Z. Li, Y. Qiao, "A discriminative feature learning approach for deep
    face recognition", ECCV 2016.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.regularizers import Center
    >>> Center(2, 2)(torch.tensor([[3.0, 4.0]]), torch.tensor([0])).item()
    12.5
    """

    def __init__(self, n_classes: int, n_components: int) -> None:
        super().__init__()
        size = check_count("n_classes", n_classes), check_count("n_components", n_components)
        self.centers = nn.Parameter(torch.zeros(size))

    def forward(self, Z: Tensor, y: Tensor) -> Tensor:
        """Compute the penalty of embeddings and their classes."""
        return (Z - self.centers[y]).square().sum(dim=1).mean() / 2


REGULARIZERS = {"center": Center, "covariance": covariance, "norm": norm, "variance": variance}
"""Built-in regularizers by name."""
