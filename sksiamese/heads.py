"""Heads: what turns the embeddings of two items into the logit of a match.

A head factory takes ``n_components`` and returns an ``nn.Module`` that maps two batches
of embeddings of shape (n, n_components) to (n,) logits, positive for a match. It is also
given ``distance`` and ``margin``, those of the verifier, if its signature names them. A
head is symmetric: swapping its two arguments changes nothing.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._parameters import check_count, check_real
from .distances import euclidean, paired

__all__ = ["HEADS", "MLP", "AdaptiveDistance", "Cosine", "Distance", "WeightedL1"]


class Head(Protocol):
    """Module that a head factory returns."""

    def __call__(self, A: Tensor, B: Tensor) -> Tensor:
        """Return the logits (n,) of the pairs of rows of two batches (n, n_components)."""


class WeightedL1(nn.Module):
    """A weighted sum of the absolute differences of two embeddings.

    The weights have free sign, so that a component may also speak for a match where the
    items differ. Differences are multiplied by ten: with a margin of 1 spread over some
    tens of components they are about a tenth, and the weights of a head that reads them
    raw would grow ten times slower than those of the tower.

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

    def __init__(self, n_components):
        super().__init__()
        self.linear = nn.Linear(check_count("n_components", n_components), 1)

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        return self.linear(10 * (A - B).abs()).squeeze(-1)


class AdaptiveDistance(nn.Module):
    """A logistic regression on the distance, with a threshold that depends on both items.

    The logit is ``bias - scale * distance / margin + t(A) + t(B)``, where ``t`` is linear in an
    embedding. Distances carry over to identities that were never seen, where weights of
    single components do not; the items' own share lets a pair be accepted at a greater
    distance where embeddings lie wide apart. It begins with a scale of 5 and a threshold of
    half the margin. Weights are multiplied, that of the distance by 200 and the others by
    20, so that a few steps suffice to leave this beginning where it does not fit the data.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    distance : callable, default=euclidean
        A distance like those in :mod:`sksiamese.distances`; the verifier passes its own.

    margin : float, default=1.0
        Unit in which the distance is read, > 0; the verifier passes the margin of its
        contrastive loss.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.heads import AdaptiveDistance
    >>> head = AdaptiveDistance(2)
    >>> A, B = torch.zeros(5, 2), torch.ones(5, 2)
    >>> torch.equal(head(A, B), head(B, A))
    True
    """

    def __init__(self, n_components, distance=euclidean, margin=1.0):
        super().__init__()
        self.distance, self.margin = distance, check_real("margin", margin, above=0)
        self.scale = nn.Parameter(torch.tensor(5 / 200))
        self.bias = nn.Parameter(torch.tensor(2.5 / 20))
        self.items = nn.Linear(check_count("n_components", n_components), 1, bias=False)

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        D = paired(self.distance, A, B) / self.margin
        return 20 * (self.bias + self.items(A + B).squeeze(-1)) - 200 * self.scale * D


class Distance(nn.Module):
    """A logistic regression on the distance of two embeddings.

    It reads the distance but does not shape it: the embedding learns from the contrastive
    loss alone, the regression follows. It begins with a threshold of half the margin. Once
    trained, in evaluation mode, it passes gradients on, for explanations.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    distance : callable, default=euclidean
        A distance like those in :mod:`sksiamese.distances`; the verifier passes its own.

    margin : float, default=1.0
        Margin of the contrastive loss, > 0, in the unit of the distance; the verifier
        passes its own.

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

    def __init__(self, n_components, distance=euclidean, margin=1.0):
        super().__init__()
        check_count("n_components", n_components)
        self.distance, self.margin = distance, check_real("margin", margin, above=0)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        if self.training:
            A, B = A.detach(), B.detach()
        return 10 * self.scale * (self.threshold - paired(self.distance, A, B) / self.margin)


class MLP(nn.Module):
    """Three fully connected layers on what two embeddings share and how they differ.

    They read absolute differences, times ten as in :class:`WeightedL1`, and products of
    the components. Two layers of as many rectified units lead to the logit.

    Parameters
    ----------
    n_components : int
        Size of the embeddings.

    width : int, default=64
        Units of each hidden layer, >= 1.

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

    def __init__(self, n_components, width=64):
        super().__init__()
        n_components, width = check_count("n_components", n_components), check_count("width", width)
        self.layers = nn.Sequential(
            nn.Linear(2 * n_components, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
        )

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        return self.layers(torch.cat([10 * (A - B).abs(), A * B], dim=-1)).squeeze(-1)


class Cosine(nn.Module):
    """A logistic regression on the cosine of the angle between two embeddings.

    The logit is ``scale * cosine - bias``. It begins with a scale of 10 and a bias of 5, a
    threshold of 0.5. The weights are multiplied, that of the cosine by 200 and the bias by 20:
    so few steps suffice to change them, and weight decay does not draw the threshold to zero.

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

    def __init__(self, n_components):
        super().__init__()
        check_count("n_components", n_components)
        self.scale = nn.Parameter(torch.tensor(10 / 200))
        self.bias = nn.Parameter(torch.tensor(5 / 20))

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        return 200 * self.scale * F.cosine_similarity(A, B, dim=-1) - 20 * self.bias


HEADS = {
    "adaptive_distance": AdaptiveDistance,
    "cosine": Cosine,
    "distance": Distance,
    "mlp": MLP,
    "weighted_l1": WeightedL1,
}
"""The heads by name."""
