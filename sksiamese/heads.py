"""Heads: what turns the embeddings of two items into the logit of a match.

A head factory takes ``n_components`` and returns an ``nn.Module`` that maps two batches
of embeddings of shape (n, n_components) to (n,) logits, positive for a match. A head is
symmetric: swapping its two arguments changes nothing.
"""

from torch import nn

__all__ = ["HEADS", "WeightedL1"]


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
        self.linear = nn.Linear(n_components, 1)

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        return self.linear(10 * (A - B).abs()).squeeze(-1)


HEADS = {"weighted_l1": WeightedL1}
"""The heads by name."""
