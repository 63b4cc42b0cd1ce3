"""Distributed training of one tower by several processes of ``torch.distributed``.

All processes draw the same batches. Each process embeds a slice of a batch; the embeddings are
gathered, and each process computes the loss of the full batch, including pairs across
processes. Batch normalization uses the statistics of the full batch. Gradients are averaged, so
that a step is the same as in a single process. Without an initialized process group the functions
of this module do nothing.
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


def call_on_rank0(function, *arguments):
    """Call a function in the first process; return its result in all processes.

    An error of the function is raised in all processes.
    """
    result, error = None, None
    if rank() == 0:
        try:
            result = function(*arguments)
        except Exception as raised:
            error = raised
    result, error = broadcast_from_rank0((result, error))
    if error is not None:
        raise error
    return result


def gather_from_all_ranks(value):
    """Return a list of the values of all processes."""
    values = [value] * n_processes()
    if _is_distributed():
        dist.all_gather_object(values, value)
    return values


def average_gradients(module):
    """Replace the gradients of a module by their mean over all processes."""
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
    """Raise a ValueError in every process if arrays differ between processes."""
    if not _is_distributed():
        return
    digests = [None] * dist.get_world_size()
    dist.all_gather_object(digests, [zlib.crc32(array.tobytes()) for array in arrays])
    if any(digest != digests[0] for digest in digests):
        raise ValueError(
            f"{name} differs between the processes of torch.distributed; give every process all "
            "rows in the same order: fit divides each batch among the processes."
        )


def rank():
    """Return the rank of this process, 0 for the first one."""
    return dist.get_rank() if _is_distributed() else 0


def n_processes():
    """Return the number of processes, 1 without an initialized process group."""
    return dist.get_world_size() if _is_distributed() else 1


def shard_slice(rows):
    """Return the slice of the rows of a batch that this process embeds."""
    if not _is_distributed():
        return slice(None)
    if len(rows) < dist.get_world_size():
        raise ValueError(
            f"{dist.get_world_size()} processes cannot divide a batch of {len(rows)} rows; start "
            "fewer processes or raise batch_size."
        )
    return slice(dist.get_rank(), None, dist.get_world_size())


def gather_embeddings(Z, rows):
    """Gather the embeddings of all rows of a batch from the slices of all processes."""
    return _GatherRows.apply(Z, len(rows), shard_slice(rows)) if _is_distributed() else Z


def sum_over_processes(value):
    """Return the sum of a tensor over all processes, with gradients."""
    if not _is_distributed():
        return value
    from torch.distributed.nn.functional import all_reduce  # Not in all builds of PyTorch.

    return all_reduce(value)


class _GatherRows(torch.autograd.Function):
    """Sum of the slices of all processes, with zeros for the rows of other processes.

    Every process computes the gradient of all embeddings and uses its slice. The number of
    processes as a factor compensates for the division in :func:`average_gradients`.
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
    """Return whether a process group is initialized."""
    return dist.is_available() and dist.is_initialized()
