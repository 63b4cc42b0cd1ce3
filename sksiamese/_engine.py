"""The training loop and the inference loop: pure torch, no labels, no scikit-learn."""

import torch


def train(module, epochs, loss, optimizer, *, on_epoch_end):
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
    """
    for batches in epochs:
        module.train()
        losses = []
        for batch in batches:
            optimizer.zero_grad()
            value = loss(module, batch)
            value.backward()
            optimizer.step()
            losses.append(value.detach())
        if on_epoch_end(torch.stack(losses).mean().item()):
            break


@torch.inference_mode()
def embed(module, batches):
    """Apply a module to batches of rows, without gradients and without dropout.

    Parameters
    ----------
    module : nn.Module
        What is applied.

    batches : iterable of Tensor
        Rows, on the device of ``module``.

    Returns
    -------
    Z : Tensor of shape (n, n_components)
        What the module makes of all rows, on the CPU.
    """
    module.eval()
    return torch.cat([module(batch).cpu() for batch in batches])
