"""The tower and the head of a verifier that adds the evidence of several cues."""

import numpy as np
import torch
from torch import nn

RIDGE = 1.0
"""Added to the variances within classes, in units of their mean, before whitening."""


class SideBySide(nn.Module):
    """Fixed towers of several cues, with their embeddings side by side.

    Only the unit of each cue is learned, a factor of its embeddings.
    """

    def __init__(self, input_shape, n_components, *, cues, towers):
        super().__init__()
        self.columns = list(cues.values())
        self.towers = nn.ModuleList(towers).requires_grad_(False)
        self.units = nn.Parameter(torch.ones(len(towers)))

    def forward(self, X):
        """Return embeddings of items of shape (n, n_columns)."""
        cues = zip(self.units, self.towers, self.columns, strict=True)
        return torch.cat([unit * tower(X[:, columns]) for unit, tower, columns in cues], dim=1)


class Evidence(nn.Module):
    """Logit that adds the evidence of the distance in each cue.

    A distance is the mean over components of ``log(1 + difference**2)``, so that one outlying
    component cannot outweigh all the others. Its logarithm is mapped by a falling curve: eight
    steps and a straight line with a slope of at most -0.5, so that a greater distance always
    counts, even beyond the distances in training.

    Parameters
    ----------
    n_components : int
        Size of the embedding, the sum of ``sizes``.

    sizes : list of int
        Components of each cue.
    """

    def __init__(self, n_components, *, sizes):
        super().__init__()
        self.sizes = sizes
        self.places = nn.Parameter(torch.linspace(-1.5, 3, 8).repeat(len(sizes), 1))
        self.sharpness = nn.Parameter(torch.zeros(len(sizes), 8))
        self.heights = nn.Parameter(torch.full((len(sizes), 8), -2.0))
        self.slopes = nn.Parameter(torch.full((len(sizes),), -2.0))
        self.bias = nn.Parameter(torch.tensor(0.0))

    def forward(self, A, B):
        """Return the logits of the pairs of rows of A and B."""
        parts = (A - B).square().log1p().split(self.sizes, dim=1)
        D = torch.stack([part.mean(dim=1) for part in parts], dim=1).clamp_min(1e-6).log()
        positive = nn.functional.softplus
        steps = torch.tanh(2 * positive(self.sharpness) * (D.unsqueeze(2) - self.places))
        line = (0.5 + positive(self.slopes)) * D
        return self.bias - (positive(self.heights) * steps).sum(dim=(1, 2)) - line.sum(dim=1)


def whitening(X, y):
    """Return a linear tower that embeds with equal scatter within classes in all directions.

    Parameters
    ----------
    X : ndarray of shape (n_items, n_columns)
        One cue of items.

    y : ndarray of shape (n_items,)
        Their classes.
    """
    deviations = X.astype(np.float64)
    for label in np.unique(y):
        deviations[y == label] -= deviations[y == label].mean(axis=0)
    values, vectors = np.linalg.eigh(deviations.T @ deviations / len(X))
    weight = (vectors / np.sqrt(values + RIDGE * values.mean())).T
    tower = nn.Linear(X.shape[1], X.shape[1], bias=False)
    tower.weight = nn.Parameter(torch.from_numpy(weight).float())
    return tower


def whitened_directions(X, y):
    """Return the same tower with normalized embeddings."""
    return nn.Sequential(whitening(X, y), nn.RMSNorm(X.shape[1], 1e-12, elementwise_affine=False))
