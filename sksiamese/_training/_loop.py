"""The training loop: pure torch, no labels, no scikit-learn."""

from contextlib import nullcontext

import torch

from .._distributed import average_gradients, broadcast_from_rank0


def train(module, epochs, loss, optimizer, *, on_epoch_end, rng_context=nullcontext):
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

    rng_context : callable, default=contextlib.nullcontext
        ``rng_context()`` is a context within which the random numbers of each step are drawn.
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
            optimizer.step()
            losses.append(value.detach())
        if broadcast_from_rank0(on_epoch_end(torch.stack(losses).mean().item())):
            break
    optimizer.zero_grad()
