"""The training loop and the inference loop: pure torch, no labels, no scikit-learn."""

from contextlib import nullcontext

import torch

from ._distributed import agreed, average_gradients


def train(module, epochs, loss, optimizer, *, on_epoch_end, drawing=nullcontext):
    """Train a module in place.

    Parameters
    ----------
    module : nn.Module
        What is trained.

    epochs : iterable of iterables
        Every epoch is an iterable of batches, whatever ``loss`` takes for a batch.

    loss : callable
        ``loss(module, batch)``, a scalar tensor.

    optimizer : torch.optim.Optimizer
        Holds the parameters of ``module``.

    on_epoch_end : callable
        Called with the mean loss of each epoch; what is true ends the training.

    drawing : callable, default=contextlib.nullcontext
        ``drawing()`` is a context within which the random numbers of each step are drawn.
    """
    for batches in epochs:
        module.train()
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            with drawing():
                value = loss(module, batch)
                value.backward()
            average_gradients(module)
            optimizer.step()
            losses.append(value.detach())
        if agreed(on_epoch_end(torch.stack(losses).mean().item())):
            break
    optimizer.zero_grad()


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
