"""Training loop in plain PyTorch, independent of labels and scikit-learn."""

from contextlib import nullcontext

import torch
from torch import nn

from .._distributed import average_gradients, broadcast_from_rank0


def train(
    module, epochs, loss, optimizer, *, on_epoch_end, max_grad_norm=None, rng_context=nullcontext
):
    """Train a module in place.

    Parameters
    ----------
    module : nn.Module
        Module to train.

    epochs : iterable of iterables
        Each epoch is an iterable of batches, as ``loss`` expects them.

    loss : callable
        ``loss(module, batch)`` returns a scalar tensor.

    optimizer : torch.optim.Optimizer
        Optimizer of the parameters of ``module``.

    on_epoch_end : callable
        ``on_epoch_end(mean_loss)`` is called after each epoch and returns whether to stop.

    max_grad_norm : float, default=None
        Maximum norm of the gradient of each step, > 0; no maximum by default.

    rng_context : callable, default=contextlib.nullcontext
        ``rng_context()`` returns the context manager in which each step draws random numbers.
    """
    for batches in epochs:
        module.train()
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            with rng_context():
                value = loss(module, batch)
                value.backward()
            average_gradients(module)
            if max_grad_norm is not None:
                nn.utils.clip_grad_norm_(module.parameters(), max_grad_norm)
            optimizer.step()
            losses.append(value.detach())
        if broadcast_from_rank0(on_epoch_end(torch.stack(losses).mean().item())):
            break
    optimizer.zero_grad()
