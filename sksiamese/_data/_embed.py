"""Embed rows, a chunk at a time."""

import torch

from ._items import as_tensor, row_slices


def embed_rows(tower, X, rows=None):
    """Embed rows of an array, all by default, chunk by chunk, by a tower on its device."""
    n_rows = X.shape[0] if rows is None else len(rows)
    parts = (chunk if rows is None else rows[chunk] for chunk in row_slices(n_rows, X.shape[1]))
    return embed(tower, (as_tensor(X[part], tower[0]) for part in parts), n_rows)


def embed(module, batches, n_rows):
    """Apply a module to batches of rows, without gradients and without dropout.

    Torch's inference mode is not used, and left if the caller is in it, as modules may keep
    tensors between calls and train with them later.

    What it makes of them goes to one tensor right away: small tensors kept between large ones
    that are freed would hinder the memory of these from being used again.

    Parameters
    ----------
    module : nn.Module
        What is applied; one in evaluation mode is only read, so that threads may share it.

    batches : iterable of Tensor
        Rows, on the device of ``module``.

    n_rows : int
        Number of rows in all batches, >= 1.

    Returns
    -------
    Z : Tensor of shape (n_rows, n_components)
        What the module makes of all rows, on the CPU.
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
