"""How a verifier is trained: its batches, what it minimises over them, what it looks at."""

import warnings
from functools import partial
from itertools import chain

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from sklearn.utils import compute_class_weight, gen_batches
from sklearn.utils.validation import _check_sample_weight
from torch import nn

from ._arrays import Items, as_tensor, embed_rows, sent
from ._run import Task, instantiate, named
from .batches import shuffled
from .distances import DISTANCES, paired
from .heads import HEADS
from .losses import contrastive, logistic

N_DIAGNOSED = 256
"""Pairs whose distances tell after each epoch how far training has come."""

N_COMPARED = 4096
"""Pairs of embeddings that are compared at a time."""


def verification_task(estimator, pairs, match, weight, classes, given):
    """Training of a verifier on a view of pairs, the codes of their labels and their weights."""
    items, index = pairs.items, pairs.index
    distance = named(DISTANCES, estimator.distance)
    labels = torch.from_numpy(match)

    def build(rows):
        standardize = estimator._standardization(items, **weighted_items(pairs, rows, weight))
        first = items[index[rows[:2], 0]]
        tower = estimator._new_tower(first, standardize)
        options = {"distance": distance, "margin": estimator.margin or 1.0}
        leading = {"n_components": estimator.n_components}
        head = instantiate("head", named(HEADS, estimator.head), leading, **options)
        head = head.to(standardize.output)
        check_head(head, tower(as_tensor(first, standardize)), estimator.margin)
        module = nn.ModuleDict({"tower": tower, "head": head})
        if classes.dtype.kind not in "biuf":
            check_direction(diagnosis(rows)(module), classes)
        return module

    def batches(rows, epoch, generator):
        attraction = 2 * (1 - epoch / estimator.max_iter)
        for batch in shuffled(labels[rows], estimator.batch_size, generator=generator):
            yield rows[batch], attraction

    def score(module, rows, held_out):
        accepted = compare(partial(logits, module["head"]), module["tower"], pairs[held_out]) > 0
        return accuracy_score(match[held_out], accepted, sample_weight=weight[held_out])

    def diagnosis(rows):
        sample = np.random.default_rng(0).permutation(rows)[:N_DIAGNOSED]

        def diagnose(module):
            D = compare(partial(paired, distance), module["tower"], pairs[sample])
            return describe(D, labels[sample] > 0, estimator.margin)

        return diagnose

    weights = torch.from_numpy(np.column_stack([match * weight, (1 - match) * weight]))
    loss_on = partial(verification_loss, estimator, pairs, weights)
    counted, margin = np.where(weight > 0, match, -1), estimator.margin
    return Task(given, counted, classes, build, batches, loss_on, score, diagnosis, margin)


def verification_loss(estimator, pairs, weights, device):
    """Loss of the batches of pairs, whose items and weights are read on a device.

    The weights of each pair are those as a matching and as a non-matching one.
    """
    items, weights = Items(pairs.items, device), sent(weights, device)
    distance = named(DISTANCES, estimator.distance)

    def loss(module, batch):
        rows, attraction = batch
        both = estimator._embed_for_training(module["tower"], items, pairs.index[rows].T.ravel())
        A, B = both.tensor_split(2)
        same, different = weights[sent(torch.from_numpy(rows), device)].to(A.dtype).unbind(dim=1)
        decision = logistic(module["head"](A, B), same, different)
        if estimator.margin is None:
            return decision
        D = paired(distance, A, B)
        return decision + attraction * contrastive(D, same, different, margin=estimator.margin)

    return loss


def weighted_items(pairs, rows, weight):
    """Row numbers of the items in some rows of pairs, and weights of all items, as keywords."""
    of_items = np.bincount(pairs.index[rows].ravel(), weight[rows].repeat(2), pairs.items.shape[0])
    return {"rows": np.flatnonzero(of_items), "sample_weight": of_items}


def pair_weights(sample_weight, class_weight, labels, classes):
    """Weight of each pair: its own one times that of its label."""
    weight = _check_sample_weight(sample_weight, labels, dtype=np.float64, ensure_non_negative=True)
    if not all(weight[labels == label].any() for label in classes):
        raise ValueError(
            "sample_weight leaves weight to one class only; give pairs of both classes weights "
            "above zero."
        )
    of_class = compute_class_weight(class_weight, classes=classes, y=labels, sample_weight=weight)
    if (of_class <= 0).any():
        raise ValueError(f"class_weight={class_weight} must be above zero for both labels.")
    return weight * of_class[np.searchsorted(classes, labels)]


def check_direction(found, classes):
    """Warn where the label that means a match seems to mean the opposite, before any training."""
    if found["positive_distance"] > 1.1 * found["negative_distance"]:
        different, same = classes.tolist()
        warnings.warn(
            f"Pairs labelled {same!r} count as matching, as this label is sorted last, but they "
            f"are farther apart than those labelled {different!r}. If these are the ones that "
            f"match, pass y == {different!r}.",
            stacklevel=8,
        )


def check_head(head, Z, margin):
    """Try a new head on embeddings."""
    Z = Z.detach().requires_grad_()
    logit = head(Z, Z)
    if not isinstance(logit, torch.Tensor) or logit.shape != (len(Z),):
        got = tuple(logit.shape) if isinstance(logit, torch.Tensor) else type(logit).__name__
        raise ValueError(
            f"head must map two batches of shape {tuple(Z.shape)} to logits of shape "
            f"({len(Z)},), but gave {got}; change its last layer."
        )
    trains_tower = (
        logit.requires_grad
        and torch.autograd.grad(logit.sum(), Z, allow_unused=True)[0] is not None
    )
    if margin is None and not trains_tower:
        raise ValueError(
            "head passes no gradient on to the tower, and margin=None leaves no other loss that "
            "would train it; give a margin or choose another head."
        )


def describe(D, match, margin):
    """Where training stands, by the distances of some pairs."""
    active = torch.where(match, D > 0, margin > D).double().mean().item() if margin else 1.0
    return {
        "active": active,
        "positive_distance": D[match].mean().item(),
        "negative_distance": D[~match].mean().item(),
        "spread": D.mean().item(),
    }


def logits(head, A, B):
    """What a head makes of two batches of embeddings, on the CPU as they are."""
    device = next(chain(head.parameters(), head.buffers(), [A])).device
    return head(A.to(device), B.to(device)).cpu()


@torch.inference_mode(False)
@torch.no_grad()
def compare(function, tower, pairs):
    """What a function of two batches of embeddings makes of pairs, chunk by chunk.

    Every distinct item is embedded once. Where no item occurs twice, one side is embedded
    after the other: items that swap their sides keep their place in the batch, so that not
    even the last bit of their embeddings changes.
    """
    rows, index = pairs.distinct()
    if len(rows) == 2 * len(pairs):
        A, B = (embed_rows(tower, pairs.items, side) for side in pairs.index.T)
        chunks = ((A[chunk], B[chunk]) for chunk in gen_batches(len(pairs), N_COMPARED))
    else:
        Z = embed_rows(tower, pairs.items, rows)
        chunks = (Z[index[chunk].T] for chunk in gen_batches(len(pairs), N_COMPARED))
    return torch.cat([function(A, B) for A, B in chunks])
