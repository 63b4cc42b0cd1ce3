"""Losses of distances and numbers: distances follow differences of the numbers."""

import torch
from torch import Tensor

from .._parameters import check_real

__all__ = ["kernel_regression", "rank_n_contrast"]


def kernel_regression(D: Tensor, y: Tensor) -> Tensor:
    """Compute the squared error of a leave-one-out kernel regression.

    The number of each row is predicted by the mean of the numbers of the other rows, weighted by
    ``exp(-D)``, and the loss is the mean squared error. With squared Euclidean distances it is the
    objective of metric learning for kernel regression (MLKR).

    Parameters
    ----------
    D : Tensor of shape (n, n)
        Distances between the rows.

    y : Tensor of shape (n,)
        Numbers of the rows.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0; zero if there are fewer than two rows.

    References
    ----------
    K. Q. Weinberger, G. Tesauro, "Metric learning for kernel regression", AISTATS 2007.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import kernel_regression
    >>> D = torch.tensor([[0.0, 0.1, 4.0], [0.1, 0.0, 4.0], [4.0, 4.0, 0.0]])
    >>> kernel_regression(D, torch.tensor([1.0, 1.0, 2.0]))
    tensor(0.3336)
    """
    if len(y) < 2:
        return 0 * D.sum()
    itself = torch.eye(len(y), dtype=torch.bool, device=D.device)
    weight = D.neg().masked_fill(itself, -torch.inf).softmax(dim=1)
    return (weight @ y - y).square().mean()


def rank_n_contrast(D: Tensor, y: Tensor, *, temperature: float = 2.0) -> Tensor:
    """Compute the rank-n-contrast loss: distances in the order of the differences of numbers.

    It is the mean of ``-log(exp(-D_ij / t) / sum(exp(-D_ik / t)))`` over all rows i and other rows
    j. The sum is over the rows k, other than i, with ``abs(y_i - y_k) >= abs(y_i - y_j)``, and t is
    the temperature. Only the order of the differences matters; differences that are equal up to
    rounding count as equal.

    Parameters
    ----------
    D : Tensor of shape (n, n)
        Distances between the rows.

    y : Tensor of shape (n,)
        Numbers of the rows.

    temperature : float, default=2.0
        Temperature, > 0, in the unit of the distances.

    Returns
    -------
    loss : Tensor of shape ()
        The loss, >= 0; zero if there are fewer than two rows.

    References
    ----------
    K. Zha, P. Cao, J. Son, Y. Yang, D. Katabi, "Rank-N-Contrast: learning continuous
    representations for regression", NeurIPS 2023.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.losses import rank_n_contrast
    >>> y = torch.tensor([1.0, 2.0, 4.0])
    >>> near = (y[:, None] - y).abs()
    >>> rank_n_contrast(near, y), rank_n_contrast(5 - near, y)
    (tensor(0.2102), tensor(0.5436))
    """
    temperature = check_real("temperature", temperature, above=0)
    if len(y) < 2:
        return 0 * D.sum()
    itself = torch.eye(len(y), dtype=torch.bool, device=D.device)
    gap = (y[:, None] - y).abs().neg().masked_fill(itself, torch.inf)
    gap, order = gap.sort(dim=1)
    gap, order = gap[:, :-1].contiguous(), order[:, :-1]  # The last one is the row itself.
    logit = (D / -temperature).gather(1, order)
    rounding = 8 * torch.finfo(y.dtype).eps * y.abs().max()
    last = torch.searchsorted(gap, gap + rounding, right=True) - 1
    return (logit.logcumsumexp(dim=1).gather(1, last) - logit).mean()


for _loss in (kernel_regression, rank_n_contrast):
    _loss.inputs = "numbers"

NUMBER_LOSSES = {"kernel_regression": kernel_regression, "rank_n_contrast": rank_n_contrast}
NATURAL_DISTANCES = {"kernel_regression": "sqeuclidean", "rank_n_contrast": "euclidean"}
