"""Several processes that train one tower, each of which embeds its share of every batch.

They are those of ``torch.distributed``; where it is not initialised, there is one process and
nothing here does anything. All draw the same batches. Each embeds a share; then all have the
embeddings of the whole batch and work out its loss, so that pairs span processes and no mean
depends on how the rows were shared. The gradients are averaged: the step is that of one process.
"""

import zlib

import torch
import torch.distributed as dist


def broadcast_from_rank0(value):
    """Return the value of the first process in all processes."""
    if not _is_distributed():
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def average_gradients(module):
    """Replace the gradients of a module by their means over all processes."""
    if not _is_distributed():
        return
    gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
    mean = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(mean)
    mean /= dist.get_world_size()
    parts = mean.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def check_equal_on_all_ranks(name, *arrays):
    """Raise a ValueError in every process if they were not all given the same arrays."""
    if not _is_distributed():
        return
    digests = [None] * dist.get_world_size()
    dist.all_gather_object(digests, [zlib.crc32(array.tobytes()) for array in arrays])
    if any(digest != digests[0] for digest in digests):
        raise ValueError(
            f"{name} differs between the processes of torch.distributed; give every process all "
            "rows in the same order: fit itself shares out each batch."
        )


def rank():
    """Number of this process, 0 for the first."""
    return dist.get_rank() if _is_distributed() else 0


def shard_slice(rows):
    """Which of the rows of a batch this process embeds, as a slice."""
    if not _is_distributed():
        return slice(None)
    if len(rows) < dist.get_world_size():
        raise ValueError(
            f"{dist.get_world_size()} processes cannot share a batch of {len(rows)} rows; start "
            "fewer or raise batch_size."
        )
    return slice(dist.get_rank(), None, dist.get_world_size())


def gather_embeddings(Z, rows):
    """Embeddings of all rows of a batch, from those that each process has of its share."""
    return _GatherRows.apply(Z, len(rows), shard_slice(rows)) if _is_distributed() else Z


class _GatherRows(torch.autograd.Function):
    """Sum over processes of their shares, with zeros for the rows of the others.

    The gradient of the whole is known to every process, which takes that of its share. The
    factor is what the mean over processes divides by.
    """

    @staticmethod
    def forward(ctx, Z, n_rows, own_rows):
        ctx.own_rows = own_rows
        gathered = Z.new_zeros(n_rows, *Z.shape[1:])
        gathered[own_rows] = Z
        dist.all_reduce(gathered)
        return gathered

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return dist.get_world_size() * gradient[ctx.own_rows], None, None


def _is_distributed():
    return dist.is_available() and dist.is_initialized()
