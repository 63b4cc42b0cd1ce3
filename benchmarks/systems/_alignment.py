"""A siamese network that compares series step by step: its tower, its distance and its loss.

The tower maps a series to a shorter one of local features. The distance of two of these is
dynamic time warping, with a gradient along the best path, so that the tower learns the
features that are aligned.
"""

import torch
import torch.nn.functional as F
from torch import nn

PAIRS_AT_ONCE = 12_000


class LocalFeatures(nn.Module):
    """Time delays without a pooling over time: a series of local features.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one series, (n_steps, n_channels).

    n_components : int
        Size of the embedding, a multiple of ``n_local``.

    depth : int, default=3
        Number of convolutions, >= 1, of five steps each.

    width : int, default=32
        Channels of every convolution, >= 1.

    dropout : float, default=0.0
        Share of the channels set to zero during training, in [0, 1).

    n_local : int, default=32
        Steps of the embedding, >= 1, each the mean of its part of the series.

    References
    ----------
    J. Bromley, I. Guyon, Y. LeCun, E. Sackinger, R. Shah, "Signature verification using a
    siamese time delay neural network", NIPS 1993.
    """

    scaling = (-2,)

    def __init__(self, input_shape, n_components, *, depth=3, width=32, dropout=0.0, n_local=32):
        super().__init__()
        self.n_local = n_local
        sizes = [input_shape[1]] + [width] * depth
        self.convolutions = nn.ModuleList(
            nn.Conv1d(sizes[layer], width, 5, padding="same", dilation=2 ** min(layer, 2))
            for layer in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, n_components // n_local)
        self.shortcut = nn.Linear(input_shape[1], n_components // n_local)

    def forward(self, X):
        """Return local features of series of shape (n, n_steps, n_channels), step by step."""
        H = X
        for layer, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True)
        ):
            new = self.dropout(F.relu(norm(convolution(H.mT).mT)))
            H = H + new if layer else new
        local = self.output(H) + self.shortcut(X)
        return F.adaptive_avg_pool1d(local.mT, self.n_local).mT.flatten(1)


def aligned(A, B, *, n_steps):
    """Return the dynamic-time-warping distance between all series of two sets.

    The root of the squared Euclidean distances between steps, summed along the path of the
    least sum and divided by the number of steps.

    Parameters
    ----------
    A : Tensor of shape (n, n_steps * k)
        Series of k values at each step.

    B : Tensor of shape (m, n_steps * k)
        Series.

    n_steps : int
        Steps of each series.

    Returns
    -------
    D : Tensor of shape (n, m)
        Distances, >= 0.

    References
    ----------
    H. Sakoe, S. Chiba, "Dynamic programming algorithm optimization for spoken word
    recognition", IEEE Transactions on Acoustics, Speech, and Signal Processing 26, 1978.
    """
    parts = A.split(max(1, PAIRS_AT_ONCE // len(B)))
    if len(parts) > 1:
        return torch.cat([aligned(part, B, n_steps=n_steps) for part in parts])
    A, B = (Z.unflatten(1, (n_steps, -1)).transpose(0, 1).flatten(0, 1) for Z in (A, B))
    cost = A.square().sum(dim=1, keepdim=True) + B.square().sum(dim=1) - 2 * A @ B.T
    cost = cost.clamp_min(0).unflatten(1, (n_steps, -1)).unflatten(0, (n_steps, -1))
    n, m = cost.shape[1], cost.shape[3]
    cost = F.pad(cost.permute(1, 3, 0, 2).flatten(0, 1), (1, 0, 1, 0)).flatten(1).T.contiguous()
    with torch.no_grad():
        path = best_path(cost, n_steps)
    total = cost.gather(0, path).sum(dim=0)
    return (total / n_steps + 1e-6).sqrt().reshape(n, m)


def best_path(cost, n_steps):
    """Find the path of least cost from the first to the last cell, for many square tables.

    Parameters
    ----------
    cost : Tensor of shape ((n_steps + 1) ** 2, n_tables)
        Tables cell by cell, with a border of zeros before the first row and column.

    n_steps : int
        Rows and columns of a table.

    Returns
    -------
    path : Tensor of int64 of shape (2 * n_steps - 1, n_tables)
        Cells from the last to the first; shorter paths are filled with cell 0, of the border.
    """
    side = n_steps + 1
    steps = torch.tensor([[side + 1], [side], [1]], device=cost.device)
    sums = torch.full_like(cost, torch.inf)
    sums[0] = 0
    for diagonal in range(2 * n_steps - 1):
        rows = max(0, diagonal - n_steps + 1), min(diagonal, n_steps - 1)
        first, last = ((row + 1) * side + diagonal - row + 1 for row in rows)
        now, left, above, corner = (
            slice(first - step, last - step + 1, n_steps) for step in (0, 1, side, side + 1)
        )
        before = sums[left].minimum(sums[above]).minimum(sums[corner])
        torch.add(cost[now], before, out=sums[now])
    path = [torch.full(cost.shape[1:], side**2 - 1, device=cost.device)]
    for _ in range(2 * n_steps - 2):
        before = (path[-1] - steps).clamp_min(0)
        nearest = sums.gather(0, before).min(dim=0, keepdim=True).indices
        path.append(before.gather(0, nearest)[0])
    return torch.stack(path)


def spread_ratio(D, same, different, *, sharpness=8.0, threshold=1.35):
    """Compute a logistic loss of distances relative to the mean distance of the positives.

    Decisions by the ratio of the distance to the spread of a class are learned by this ratio:
    matching pairs should be nearer than ``threshold`` times the spread, others farther.

    Parameters
    ----------
    D : Tensor of shape (n, m)
        Distances, > 0.

    same : Tensor of shape (n, m)
        Mask of the matching pairs.

    different : Tensor of shape (n, m)
        Mask of the non-matching pairs. Rows without a matching pair are ignored.

    sharpness : float, default=8.0
        Factor of the logarithms of ratios in the logits, > 0.

    threshold : float, default=1.35
        Ratio at which a pair is as likely to match as not, > 0.

    Returns
    -------
    loss : Tensor of shape ()
        Sum of the means over matching pairs and over the others, in nats.
    """
    anchors = same.any(dim=1)
    D, same, different = D[anchors], same[anchors], different[anchors]
    spread = (D * same).sum(dim=1, keepdim=True) / same.sum(dim=1, keepdim=True)
    ratio = (D / (threshold * spread)).clamp_min(1e-6)
    pull, push = (sharpness * ratio[mask].log() for mask in (same, different))
    return F.softplus(pull).mean() + F.softplus(-push).mean()
