"""Embed rows in chunks."""

import torch

from ._chunks import row_slices
from ._items import as_tensor


def embed_rows(tower, X, rows=None):
    """Embed rows of an array, by default all, in chunks on the device of the tower."""
    n_rows = X.shape[0] if rows is None else len(rows)
    parts = (chunk if rows is None else rows[chunk] for chunk in row_slices(n_rows, X.shape[1]))
    return embed(tower, (as_tensor(X[part], tower[0]) for part in parts), n_rows)


def embed_now(tower, X):
    """Embed all rows of an array by a tower in training, which stays in the mode of training."""
    training = tower.training
    Z = embed_rows(tower, X)
    tower.train(training)
    return Z


def embed(module, batches, n_rows):
    """Apply a module to batches of rows, without gradients and without dropout.

    The inference mode of PyTorch is disabled, as modules may keep tensors between calls and use
    them for training later.

    Results are copied to one tensor immediately: many small tensors would fragment the memory
    that the batches free.

    Parameters
    ----------
    module : nn.Module
        Module to apply; set to evaluation mode if necessary. A module in evaluation mode is not
        changed, so that threads can share it.

    batches : iterable of Tensor
        Rows, on the device of ``module``.

    n_rows : int
        Number of rows in all batches, >= 1.

    Returns
    -------
    Z : Tensor of shape (n_rows, n_components)
        Results for all rows, on the CPU.
    """
    if module.training:
        module.eval()
    Z, n_done = None, 0
    with torch.inference_mode(False), torch.no_grad():
        for batch in batches:
            part = module(batch)
            if Z is None:
                Z = torch.empty(n_rows, *part.shape[1:], dtype=part.dtype)
            Z[n_done : n_done + len(part)] = part
            n_done += len(part)
    return Z
