"""How a verifier is trained: its batches, what it minimises over them, what it looks at."""

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from torch import nn

from ._arrays import as_tensor, embed_rows
from ._run import Task, accepting, named
from .batches import shuffled
from .distances import DISTANCES, paired
from .heads import HEADS
from .losses import contrastive, logistic
from .pairs import split_pairs

N_DIAGNOSED = 256
"""Pairs whose distances tell after each epoch how far training has come."""


def verification_task(estimator, pairs, match, weight, classes, given):
    """Training of a verifier on pairs, the codes of their labels and their weights."""
    left, right = split_pairs(pairs)
    distance = named(DISTANCES, estimator.distance)
    labels = torch.from_numpy(match)
    weights = torch.from_numpy(np.column_stack([match * weight, (1 - match) * weight]))

    def build(rows):
        standardize = estimator._standardization(left, right, rows=rows, sample_weight=weight)
        tower = estimator._new_tower(left[rows[:2]], standardize)
        factory = accepting(
            named(HEADS, estimator.head), distance=distance, margin=estimator.margin or 1.0
        )
        head = factory(estimator.n_components).to(standardize.mean)
        check_head(head, tower(as_tensor(left[rows[:2]], standardize)), estimator.margin)
        return nn.ModuleDict({"tower": tower, "head": head})

    def batches(rows, epoch, generator):
        attraction = 2 * (1 - epoch / estimator.max_iter)
        for batch in shuffled(labels[rows], estimator.batch_size, generator=generator):
            yield rows[batch], attraction

    def loss(module, batch):
        rows, attraction = batch
        tower, head = module["tower"], module["head"]
        both = torch.cat([as_tensor(side[rows], tower[0]) for side in (left, right)])
        A, B = estimator._embed_for_training(tower, both).tensor_split(2)
        same, different = weights[rows].to(A).unbind(dim=1)
        decision = logistic(head(A, B), same, different)
        if estimator.margin is None:
            return decision
        D = paired(distance, A, B)
        return decision + attraction * contrastive(D, same, different, margin=estimator.margin)

    def score(module, rows, held_out):
        A, B = (embed_rows(module["tower"], side[held_out]) for side in (left, right))
        accepted = logits(module["head"], A, B) > 0
        return accuracy_score(match[held_out], accepted, sample_weight=weight[held_out])

    def diagnosis(rows):
        sample = np.random.default_rng(0).permutation(rows)[:N_DIAGNOSED]

        def diagnose(module):
            A, B = (embed_rows(module["tower"], side[sample]) for side in (left, right))
            return describe(paired(distance, A, B), labels[sample] > 0, estimator.margin)

        return diagnose

    counted = np.where(weight > 0, match, -1)
    return Task(given, counted, classes, build, batches, loss, score, diagnosis, estimator.margin)


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


@torch.inference_mode()
def logits(head, A, B):
    """What a head makes of two batches of embeddings, as an array."""
    device = next(head.parameters()).device
    return head(A.to(device), B.to(device)).cpu().numpy().astype(np.float64)
