"""Heads: modules that map the embeddings of two items to the logit of a match.

A head factory accepts ``n_components`` and returns an ``nn.Module`` that maps two batches of
embeddings of shape (n, n_components) to logits of shape (n,), positive for a match. If its
signature names ``distance`` or ``margin``, the verifier passes its own. A head must be
symmetric in its two arguments. It may have a faster method ``cross(A, B)`` for all pairs of the
rows of two batches; see :func:`cross`.
"""

from collections.abc import Callable
from math import expm1, log
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._parameters import check_count, check_real
from .distances import cosine, euclidean, manhattan, paired

__all__ = [
    "HEADS",
    "MLP",
    "AdaptiveDistance",
    "Cosine",
    "Distance",
    "WeightedL1",
    "WeightedManhattan",
    "cross",
]


class Head(Protocol):
    """Module that a head factory returns."""

    def __call__(self, A: Tensor, B: Tensor) -> Tensor:
        """Return the logits (n,) of the pairs of rows of two batches (n, n_components)."""


def cross(head: nn.Module, A: Tensor, B: Tensor) -> Tensor:
    """Compute the logits of all pairs of the rows of two batches.

    The method ``cross`` of the head is used if there is one, otherwise the head is called with
    n * m pairs.

    Parameters
    ----------
    head : nn.Module
        Head.

    A : Tensor of shape (n, n_components)
        Embeddings of the left items.

    B : Tensor of shape (m, n_components)
        Embeddings of the right items.

    Returns
    -------
    logit : Tensor of shape (n, m)
        Logit of row ``i`` of ``A`` and row ``j`` of ``B``.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import Distance, cross
    >>> cross(Distance(2), torch.zeros(5, 2), torch.ones(3, 2)).shape
    torch.Size([5, 3])
    """
    if hasattr(head, "cross"):
        return head.cross(A, B)
    n, m = len(A), len(B)
    return head(A.repeat_interleave(m, dim=0), B.repeat(n, 1)).view(n, m)


class WeightedL1(nn.Module):
    """Weighted sum of the absolute differences of two embeddings.

    The weights are unconstrained, so that differences in a component may also increase the
    logit. Differences are multiplied by ten: with a margin of 1 and some tens of components,
    they are about 0.1, and the unscaled head would be trained ten times slower than the tower.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    References
    ----------
    G. Koch, R. Zemel, R. Salakhutdinov, "Siamese neural networks for one-shot image
    recognition", ICML deep learning workshop, 2015.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import WeightedL1
    >>> WeightedL1(2)(torch.zeros(5, 2), torch.ones(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, n_components: int) -> None:
        super().__init__()
        self.linear = nn.Linear(check_count("n_components", n_components), 1)

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of pairs of rows of A and B."""
        return self.linear(10 * (A - B).abs()).squeeze(-1)

    def cross(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of all pairs of rows of A and B."""
        weight = 10 * self.linear.weight[0]
        parts = [weight > 0, weight <= 0]
        increase, decrease = (
            manhattan(A[:, part] * weight[part], B[:, part] * weight[part]) for part in parts
        )
        return increase - decrease + self.linear.bias


class AdaptiveDistance(nn.Module):
    """Logistic regression on the distance, with a threshold that depends on both items.

    The logit is ``bias - scale * distance / margin + t(A) + t(B)``, with a linear function
    ``t`` of an embedding. Distances generalize to unseen identities, unlike weights of single
    components. The functions ``t`` adapt the threshold to the spread of the embeddings. The
    initial scale is 5 and the initial threshold is half the margin. The weight of the distance
    is multiplied by 200 and other weights by 20, so that few training steps suffice to change
    the initial values.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    distance : callable, default=euclidean
        Distance such as the functions of :mod:`sksiamese.distances`; passed by the verifier.

    margin : float, default=1.0
        Margin of the contrastive loss, > 0, in the unit of the distance; passed by the verifier.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import AdaptiveDistance
    >>> head = AdaptiveDistance(2)
    >>> A, B = torch.zeros(5, 2), torch.ones(5, 2)
    >>> round(head(A, A)[0].item(), 4)
    2.5
    """

    def __init__(
        self, n_components: int, distance: Callable = euclidean, margin: float = 1.0
    ) -> None:
        super().__init__()
        self.distance, self.margin = distance, check_real("margin", margin, above=0)
        self.scale = nn.Parameter(torch.tensor(5 / 200))
        self.bias = nn.Parameter(torch.tensor(2.5 / 20))
        self.items = nn.Linear(check_count("n_components", n_components), 1, bias=False)

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of pairs of rows of A and B."""
        D = paired(self.distance, A, B) / self.margin
        return 20 * (self.bias + self.items(A + B).squeeze(-1)) - 200 * self.scale * D

    def cross(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of all pairs of rows of A and B."""
        D = self.distance(A, B) / self.margin
        items = self.items(A) + self.items(B).mT
        return 20 * (self.bias + items) - 200 * self.scale * D


class Distance(nn.Module):
    """Logistic regression on the distance of two embeddings.

    In a verifier, it does not affect the embedding: gradients are detached during training, so that
    the embedding is trained by the contrastive loss only. The initial threshold is half the margin.
    In evaluation mode gradients are propagated, for explanations.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    distance : callable, default=euclidean
        Distance such as the functions of :mod:`sksiamese.distances`; passed by the verifier.

    margin : float, default=1.0
        Margin of the contrastive loss, > 0, in the unit of the distance; passed by the
        verifier.

    detach : bool, default=True
        Whether gradients are detached during training; the regressor passes False.

    References
    ----------
    S. Chopra, R. Hadsell, Y. LeCun, "Learning a similarity metric discriminatively, with
    application to face verification", CVPR 2005.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import Distance
    >>> Distance(2)(torch.zeros(5, 2), torch.ones(5, 2)).shape
    torch.Size([5])
    """

    def __init__(
        self,
        n_components: int,
        distance: Callable = euclidean,
        margin: float = 1.0,
        *,
        detach: bool = True,
    ) -> None:
        super().__init__()
        check_count("n_components", n_components)
        self.distance, self.margin = distance, check_real("margin", margin, above=0)
        self.detach = detach
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of pairs of rows of A and B."""
        if self.training and self.detach:
            A, B = A.detach(), B.detach()
        return 10 * self.scale * (self.threshold - paired(self.distance, A, B) / self.margin)

    def cross(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of all pairs of rows of A and B."""
        if self.training and self.detach:
            A, B = A.detach(), B.detach()
        return 10 * self.scale * (self.threshold - self.distance(A, B) / self.margin)


class MLP(nn.Module):
    """Multilayer perceptron on the differences and products of two embeddings.

    The inputs are the absolute differences, times ten as in :class:`WeightedL1`, and the
    products of the components. There are two hidden layers of rectified linear units.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    width : int, default=64
        Number of units of each hidden layer, >= 1.

    References
    ----------
    S. J. Oh, R. Benenson, M. Fritz, B. Schiele, "Faceless person recognition: privacy
    implications in social media", ECCV 2016.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import MLP
    >>> MLP(2)(torch.zeros(5, 2), torch.ones(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, n_components: int, width: int = 64) -> None:
        super().__init__()
        n_components, width = check_count("n_components", n_components), check_count("width", width)
        self.layers = nn.Sequential(
            nn.Linear(2 * n_components, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
        )

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of pairs of rows of A and B."""
        return self.layers(torch.cat([10 * (A - B).abs(), A * B], dim=-1)).squeeze(-1)


class Cosine(nn.Module):
    """Logistic regression on the cosine similarity of two embeddings.

    The logit is ``scale * cosine - bias``. The initial scale is 10 and the initial bias is 5, a
    threshold of 0.5. The weight of the cosine is multiplied by 200 and the bias by 20, so that
    few training steps suffice to change them and weight decay does not shrink the threshold.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    References
    ----------
    J. Bromley, I. Guyon, Y. LeCun, E. Sackinger, R. Shah, "Signature verification using a
    siamese time delay neural network", NIPS 1993.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import Cosine
    >>> Cosine(2)(torch.ones(5, 2), torch.ones(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, n_components: int) -> None:
        super().__init__()
        check_count("n_components", n_components)
        self.scale = nn.Parameter(torch.tensor(10 / 200))
        self.bias = nn.Parameter(torch.tensor(5 / 20))

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of pairs of rows of A and B."""
        return 200 * self.scale * F.cosine_similarity(A, B, dim=-1) - 20 * self.bias

    def cross(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of all pairs of rows of A and B."""
        return 200 * self.scale * (1 - cosine(A, B)) - 20 * self.bias


class WeightedManhattan(nn.Module):
    """Logistic regression on the Manhattan distance, with a positive weight for each component.

    The logit is ``bias - sum(weight * abs(A - B))``. Unlike in :class:`WeightedL1`, a difference in
    a component never increases the logit. The initial weights are 13 divided by the number of
    components, and the initial bias is 2.5. Both are trained ten times as fast as other weights.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    References
    ----------
    G. Koch, R. Zemel, R. Salakhutdinov, "Siamese neural networks for one-shot image
    recognition", ICML deep learning workshop, 2015.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import WeightedManhattan
    >>> head = WeightedManhattan(2)
    >>> head(torch.zeros(1, 2), torch.tensor([[0.0, 0.5]]))
    tensor([-0.7500], grad_fn=<SubBackward0>)
    """

    def __init__(self, n_components: int) -> None:
        super().__init__()
        initial = 13 / check_count("n_components", n_components)
        self.bias = nn.Parameter(torch.tensor(2.5 / 10))
        self.raw_weight = nn.Parameter(torch.full((n_components,), log(expm1(initial)) / 10))

    def forward(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of pairs of rows of A and B."""
        return 10 * self.bias - (A - B).abs() @ F.softplus(10 * self.raw_weight)

    def cross(self, A: Tensor, B: Tensor) -> Tensor:
        """Compute the logits of all pairs of rows of A and B."""
        weight = F.softplus(10 * self.raw_weight)
        return 10 * self.bias - manhattan(A * weight, B * weight)


HEADS = {
    "adaptive_distance": AdaptiveDistance,
    "cosine": Cosine,
    "distance": Distance,
    "mlp": MLP,
    "weighted_l1": WeightedL1,
    "weighted_manhattan": WeightedManhattan,
}
"""Built-in heads by name."""
