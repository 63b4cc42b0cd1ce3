"""Objective of an embedder, computed from the embeddings of a batch."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .._parameters import part_attribute
from ..distances import DISTANCES
from ..losses import LOSSES, NATURAL_DISTANCES, NUMBER_LOSSES
from ..mining import MINERS
from ..regularizers import REGULARIZERS
from ._lookup import bind_supported, resolve
from ._user_parts import (
    call_factory,
    call_part,
    check_distance,
    check_miner,
    check_order,
    check_scalar,
    declared_inputs,
)

EMBEDDER_LOSSES = LOSSES | NUMBER_LOSSES
"""Built-in losses of an embedder by name."""


class ObjectiveSpec(NamedTuple):
    """Parameters of an embedder that define its objective."""

    n_components: int
    loss: object
    margin: object
    miner: object
    distance: object
    regularizer: object
    regularizer_weight: float

    @classmethod
    def of(cls, estimator, n_components):
        """Return the spec of an estimator that learns some components."""
        return cls(n_components, *(getattr(estimator, name) for name in cls._fields[1:]))


class Objective(nn.Module):
    """Loss of mined pairs or of embeddings and classes, plus a weighted regularizer.

    Parameters
    ----------
    spec : ObjectiveSpec
        Loss, miner, distance and regularizer.

    classes : ndarray of shape (n_classes,) or (n_classes, n_labels)
        Classes, or distinct rows of an indicator matrix.
    """

    def __init__(self, spec, classes):
        super().__init__()
        self.spec = spec
        self.register_buffer("class_indicators", class_indicators(classes))
        self.n_components = spec.n_components
        sizes = {"n_classes": len(classes), "n_components": spec.n_components}
        margin = {} if spec.margin == "auto" else {"margin": spec.margin}
        self.loss = instantiate("loss", resolve(EMBEDDER_LOSSES, spec.loss), **sizes, **margin)
        self.miner = instantiate("miner", resolve(MINERS, spec.miner), **sizes)
        self.distance = resolve(DISTANCES, resolve_distance(spec.distance, spec.loss))
        self.reads_pairs = reads_pairs(self.loss)
        if self.class_indicators is not None and not self.reads_pairs:
            raise ValueError(
                f"loss={spec.loss!r} needs one class per row, but y has several labels per row; "
                "choose a loss of pairs, or pass y of shape (n_samples,)."
            )
        self.weight = spec.regularizer_weight
        self.regularizer, self.reads_unlabeled = None, False
        if spec.regularizer is not None:
            regularizer = resolve(REGULARIZERS, spec.regularizer)
            self.regularizer = instantiate("regularizer", regularizer, **sizes)
            inputs = declared_inputs("regularizer", self.regularizer, "embeddings")
            self.reads_unlabeled = inputs == "embeddings"

    def forward(self, Z, y, rows, memory):
        """Return the loss of embeddings; the first ones belong to ``rows`` with classes ``y``."""
        labeled = Z[: len(y)]
        if self.reads_pairs:
            value = self.loss(
                *self.miner(*memory.pairs(labeled, y, rows, self.distance, self.class_indicators))
            )
        else:
            value = self.loss(labeled, y)
        if self.regularizer is not None:
            penalty = self.regularizer(Z) if self.reads_unlabeled else self.regularizer(labeled, y)
            value = value + self.weight * penalty
        return value

    def score(self, Z, y, Z_known, y_known):
        """Return the share of embeddings with a match as nearest neighbor in ``Z_known``."""
        nearest = nearest_rows(Z, Z_known, self.distance)
        return (
            match_mask(y_known[nearest, None], y[:, None], self.class_indicators)
            .double()
            .mean()
            .item()
        )

    def diagnose(self, Z, y):
        """Return measures of progress for embeddings and their classes."""
        Z = Z.clone().requires_grad_()
        D, same, different = pairs(Z, y, self.distance, self.class_indicators)
        if self.reads_pairs:
            mined, *masks = self.miner(D, same, different)
            selected = masks[0] | masks[1]
            (gradient,) = torch.autograd.grad(self.loss(mined, *masks), mined, allow_unused=True)
        else:
            selected = torch.ones_like(y, dtype=torch.bool)
            (gradient,) = torch.autograd.grad(self.loss(Z, y), Z)
            gradient = gradient.norm(dim=1)
        n_active = 0 if gradient is None else (gradient[selected] != 0).sum().item()
        return {
            "active": n_active / max(1, selected.sum().item()),
            "positive_distance": D[same].mean().item(),
            "negative_distance": D[different].mean().item(),
            "spread": D.mean().item(),
        }


def try_objective(objective, Z, y):
    """Call all parts of an objective, and raise a ValueError that names an invalid part."""

    def cost(Z, y, indicators=None):
        mined = check_miner(objective.miner, *pairs(Z, y, objective.distance, indicators))
        return call_part("loss", objective.loss, *mined)

    check_distance(objective.distance, Z)
    if objective.reads_pairs:
        check_scalar("loss", cost(Z, y, objective.class_indicators))
        check_order(cost, Z, objective.distance)
    else:
        check_scalar("loss", call_part("loss", objective.loss, Z, y))
    if objective.regularizer is not None:
        embeddings = (Z,) if objective.reads_unlabeled else (Z, y)
        check_scalar("regularizer", call_part("regularizer", objective.regularizer, *embeddings))


class CrossBatchMemory:
    """Embeddings of previous batches, to pair with the embeddings of later batches.

    Parameters
    ----------
    size : int
        Maximum number of embeddings to keep; 0 for none.

    partly_labeled : bool, default=False
        Whether some rows are unlabeled, with a class < 0 of their own. Pairs of a labeled and an
        unlabeled row are then neither matching nor non-matching.

    References
    ----------
    X. Wang, H. Zhang, W. Huang, M. R. Scott, "Cross-batch memory for embedding learning",
    CVPR 2020.
    """

    def __init__(self, size, *, partly_labeled=False):
        self.size, self.partly_labeled = size, partly_labeled
        self.entries = None

    def pairs(self, Z, y, rows, distance, indicators=None):
        """Return distances and masks for pairs within a batch and with the memory."""
        if not self.size and not self.partly_labeled:
            return pairs(Z, y, distance, indicators)
        old = self.entries or (Z[:0], y[:0], rows[:0])
        columns = tuple(map(torch.cat, zip((Z, y, rows), old, strict=True)))
        self.entries = tuple(x[: self.size].detach() for x in columns)
        same = match_mask(y, columns[1], indicators)
        identical = rows[:, None] == columns[2]
        different = ~(same | identical)
        if self.partly_labeled:
            different &= (y < 0)[:, None] == (columns[1] < 0)
        return distance(Z, columns[0]), same & ~identical, different


def pairs(Z, y, distance, indicators=None):
    """Return the distances in a batch, and masks of its pairs without those of equal rows."""
    same = match_mask(y, y, indicators)
    different = ~same
    return distance(Z, Z), same.fill_diagonal_(False), different.fill_diagonal_(False)


def match_mask(y, others, indicators):
    """Return a mask (..., n, m) of matches: rows of the same class, or with a common label."""
    if indicators is None:
        return y.unsqueeze(-1) == others.unsqueeze(-2)
    return indicators[y] @ indicators[others].mT > 0


def reads_pairs(loss):
    """Return whether a loss, as passed to an embedder, is computed from pairs."""
    return declared_inputs("loss", resolve(EMBEDDER_LOSSES, loss), "pairs") == "pairs"


def reads_numbers(loss):
    """Return whether a loss, as passed to an embedder, is computed from numbers."""
    return part_attribute(resolve(EMBEDDER_LOSSES, loss), "inputs", None) == "numbers"


def class_indicators(classes):
    """Return the labels of each class as a tensor of indicators; None for single labels."""
    return None if classes.ndim == 1 else torch.from_numpy(classes.astype(np.float32))


def instantiate(name, choice, **options):
    """Return a loss, miner or regularizer: instantiate a class, copy a module, bind a function."""
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    if isinstance(getattr(choice, "func", choice), type):
        return call_factory(name, choice, {}, **options)
    return call_part(name, bind_supported, choice, **options)


def resolve_distance(distance, loss):
    """Return a distance; for "auto", the name of the default distance of the loss."""
    if distance != "auto":
        return distance
    loss = resolve(EMBEDDER_LOSSES, loss)
    kind = type(loss) if isinstance(loss, nn.Module) else getattr(loss, "func", loss)
    names = [name for name, known in EMBEDDER_LOSSES.items() if known is kind]
    return NATURAL_DISTANCES[names[0]] if names else "euclidean"


def nearest_matches(Z, y, distance, indicators):
    """Return whether the nearest other row matches, for each row with a match.

    If several rows are equally close, return the share of matches among them.
    """
    all_rows, shares = torch.arange(len(Z)), []
    for rows in all_rows.split(1024):
        identical = rows[:, None] == all_rows
        match = match_mask(y[rows], y, indicators) & ~identical
        D = distance(Z[rows], Z).masked_fill(identical, torch.inf)
        nearest = D.amin(dim=1, keepdim=True) == D
        share = (nearest & match).sum(dim=1) / nearest.sum(dim=1)
        shares.append(share[match.any(dim=1)])
    return torch.cat(shares)


def nearest_rows(Z, Z_known, distance):
    """Return the index of the nearest row of ``Z_known`` for each row."""
    return torch.cat([distance(part, Z_known).argmin(dim=1) for part in Z.split(1024)])
