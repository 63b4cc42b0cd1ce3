"""Modules that combine a learned embedding with principal components of items."""

import torch
import torch.nn.functional as F
from torch import nn

from .distances import euclidean, paired
from .heads import cross


class Combined(nn.Module):
    """Combine principal components of items with a learned embedding.

    During training, the result is the learned embedding alone. After :meth:`set_scales`, it is
    the principal components followed by the learned embedding, both scaled, so that one Euclidean
    distance compares both.

    Parameters
    ----------
    learned : nn.Module
        Module that maps standardized rows to embeddings.

    projection : array-like of shape (n_plain, n_features)
        Linear map from standardized rows to principal components.

    offset : array-like of shape (n_plain,)
        Principal components of the mean, subtracted.

    weight : float
        Weight of the learned embedding, in (0, 1].

    unit_length : bool, default=False
        Whether principal components have unit length, like the learned embedding.

    Examples
    --------
    >>> import torch
    >>> from sksiamese._combined import Combined
    >>> combined = Combined(torch.nn.Linear(2, 1), [[1.0, 0.0]], [0.5], weight=0.5)
    >>> combined(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    >>> combined.set_scales(1.0, 2.0)
    >>> combined(torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """

    def __init__(self, learned, projection, offset, weight, *, unit_length=False):
        super().__init__()
        self.learned, self.unit_length, self.combines = learned, unit_length, False
        self.register_buffer("projection", torch.as_tensor(projection))
        self.register_buffer("offset", torch.as_tensor(offset))
        self.register_buffer("weight", torch.tensor(float(weight)))
        self.register_buffer("scales", torch.ones(2))

    def set_scales(self, plain, learned):
        """Return both parts from now on, multiplied by these factors."""
        self.scales.copy_(torch.tensor([plain, learned], dtype=torch.float64))
        self.combines = True

    def separate(self):
        """Return the learned embedding alone, as in training."""
        self.combines = False

    def rejoin(self):
        """Return both parts again, as before :meth:`separate`."""
        self.combines = True

    def forward(self, X):
        """Return embeddings of standardized rows of shape (n, n_features)."""
        Z = self.learned(X)
        if not self.combines:
            return Z
        plain = F.linear(X.nan_to_num(), self.projection) - self.offset
        if self.unit_length:
            plain = F.normalize(plain)
        return torch.cat([self.scales[0] * plain, self.scales[1] * Z], dim=1)


class CombinedHead(nn.Module):
    """Combine the logit of a learned head with the distance between principal components.

    During training, the logit is the one of the learned head. After :meth:`combine`, it is
    ``f * learned + (1 - f) * (bias + slope_learned * learned - slope_plain * distance)``. The
    familiarity ``f`` of a pair is ``trust`` times the familiarities of both items. The familiarity
    of an item decreases from 1 to 0 as the distance to the nearest of some training items increases
    from ``near`` to ``far``, because the learned logit is accurate for items that are similar to
    training items, but not for items of other classes.

    Parameters
    ----------
    learned : nn.Module
        Head that is trained.

    Examples
    --------
    >>> import torch
    >>> from sksiamese._combined import CombinedHead
    >>> from sksiamese.heads import Distance
    >>> head = CombinedHead(Distance(2))
    >>> head(torch.zeros(5, 2), torch.ones(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, learned):
        super().__init__()
        self.learned, self.combines = learned, False
        self.register_buffer("learned_scale", torch.tensor(1.0))
        self.register_buffer("coefficients", torch.tensor([0.0, 1.0, 0.0]))
        self.register_buffer("items", torch.empty(0, 0))
        self.register_buffer("limits", torch.tensor([0.0, 1.0]))
        self.register_buffer("trust", torch.tensor(1.0))

    def combine(self, learned_scale, coefficients, items, limits, trust):
        """Combine both parts from now on.

        Parameters
        ----------
        learned_scale : float
            Factor of the learned embedding, which the learned head does not expect.

        coefficients : tuple of float
            ``bias``, ``slope_learned`` and ``slope_plain``.

        items : Tensor of shape (n_items, n_plain)
            Principal components of training items, which come first in an embedding.

        limits : tuple of float
            Distances ``near`` and ``far``.

        trust : float
            Greatest familiarity of a pair, in [0, 1]. Items of other classes are often near to
            training items if the latter are of few classes.
        """
        self.combines = True
        self.learned_scale.fill_(learned_scale)
        self.coefficients.copy_(torch.tensor(coefficients, dtype=torch.float64))
        self.items = items.to(self.coefficients)
        self.limits.copy_(torch.tensor(limits, dtype=torch.float64))
        self.trust.fill_(trust)

    def separate(self):
        """Return the logit of the learned head alone, as in training."""
        self.combines = False

    def rejoin(self):
        """Return the combined logit again, as before :meth:`separate`."""
        self.combines = True

    def forward(self, A, B):
        """Return the logits of the pairs of rows of A and B."""
        if not self.combines:
            return self.learned(A, B)
        n_plain = self.items.shape[1]
        (a, A), (b, B) = (Z.tensor_split([n_plain], dim=1) for Z in (A, B))
        learned = self.learned(A / self.learned_scale, B / self.learned_scale)
        familiarity = self._familiarity(a) * self._familiarity(b)
        return self._fuse(learned, paired(euclidean, a, b), familiarity)

    def cross(self, A, B):
        """Return the logits of all pairs of rows of A and B."""
        if not self.combines:
            return cross(self.learned, A, B)
        n_plain = self.items.shape[1]
        (a, A), (b, B) = (Z.tensor_split([n_plain], dim=1) for Z in (A, B))
        learned = cross(self.learned, A / self.learned_scale, B / self.learned_scale)
        familiarity = self._familiarity(a)[:, None] * self._familiarity(b)
        return self._fuse(learned, euclidean(a, b), familiarity)

    def _fuse(self, learned, distance, familiarity):
        """Return the combined logit from the learned logit and the distance of pairs."""
        bias, slope_learned, slope_plain = self.coefficients
        plain = bias + slope_learned * learned - slope_plain * distance
        return torch.lerp(plain, learned, self.trust * familiarity)

    def _familiarity(self, items):
        """Return how near the principal components of items are to training items, in [0, 1]."""
        near, far = self.limits
        nearest = euclidean(items, self.items).amin(dim=1)
        return ((far - nearest) / (far - near)).clamp(0, 1)
