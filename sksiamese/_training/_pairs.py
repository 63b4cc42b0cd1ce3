"""Functions of pairs of embeddings, and weights of pairs and items."""

from itertools import chain

import numpy as np
import torch
from sklearn.utils import gen_batches

from .._data._embed import embed_rows
from ..heads import cross

PAIR_CHUNK = 4096
"""Number of pairs of embeddings to compare at a time."""


def item_weights(pairs, rows, weight):
    """Return the rows of the items in some pairs, and the weights of all items, as keywords."""
    totals = np.bincount(pairs.index[rows].ravel(), weight[rows].repeat(2), pairs.items.shape[0])
    return {"rows": np.flatnonzero(totals), "sample_weight": totals}


def scale_weights(weight):
    """Return weights divided by a power of two, so that the largest is in [0.5, 1).

    This keeps their ratios and prevents overflow in single precision.
    """
    return np.ldexp(weight, -np.frexp(weight.max())[1])


def head_logits(head, A, B, function=None):
    """Return the logits of a head for two batches of embeddings, all on the CPU.

    By default, the head is called; ``function(head, A, B)`` may compute other logits.
    """
    device = next(chain(head.parameters(), head.buffers(), [A])).device
    A, B = A.to(device), B.to(device)
    return (head(A, B) if function is None else function(head, A, B)).cpu()


def validation_data(task):
    """Return the separate validation pairs of a task, their labels and weights, by argument."""
    if task.y_val is None:
        return {}
    return dict(zip(("X_val", "y_val", "sample_weight_val"), task.validation, strict=True))


@torch.inference_mode(False)
@torch.no_grad()
def all_logits(head, A, B):
    """Return the logits of a head for all pairs of two batches of embeddings, as an array."""
    return head_logits(head, A, B, cross).double().numpy()


@torch.inference_mode(False)
@torch.no_grad()
def map_pairs(function, tower, pairs):
    """Apply a function of two batches of embeddings to all pairs, chunk by chunk.

    Each distinct item is embedded once. If no item occurs twice, left and right items are
    embedded one side after the other: swapping the sides then keeps the position of each item
    in its batch, and thus every bit of its embedding.
    """
    rows, index = pairs.distinct()
    if len(rows) == 2 * len(pairs):
        A, B = (embed_rows(tower, pairs.items, side) for side in pairs.index.T)
        chunks = ((A[chunk], B[chunk]) for chunk in gen_batches(len(pairs), PAIR_CHUNK))
    else:
        Z = embed_rows(tower, pairs.items, rows)
        chunks = (Z[index[chunk].T] for chunk in gen_batches(len(pairs), PAIR_CHUNK))
    return torch.cat([function(A, B) for A, B in chunks])
