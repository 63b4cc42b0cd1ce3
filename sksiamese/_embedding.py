"""How an embedder is trained: its batches, what it minimises over them, what it looks at."""

import copy
import warnings
from functools import partial

import numpy as np
import torch
from scipy.sparse import issparse
from torch import nn

from ._arrays import Items, RandomStream, embed_rows, sent
from ._labels import alike, is_missing
from ._parameters import LARGEST_COUNT
from ._run import Task, accepting, named
from ._user_parts import (
    Augmentation,
    call,
    call_factory,
    check_distance,
    check_miner,
    check_order,
    check_scalar,
    draw_batches,
    n_required,
    reads_pairs,
)
from .batches import BATCHES, class_balanced
from .distances import DISTANCES
from .losses import LOSSES, NATURAL_DISTANCES
from .mining import MINERS
from .regularizers import REGULARIZERS

N_DIAGNOSED = 256
"""Rows whose embeddings tell after each epoch how far training has come."""

N_TRIED = 32
"""Rows on which the parts that a user wrote are tried."""

N_NEIGHBORS = 4096
"""Training rows among which the nearest neighbours of held-out rows are looked for."""

UNIT_LENGTH = ("chord", "cosine")
"""Distances that do not see the length of an embedding, which therefore is made 1."""


def embedding_task(estimator, X, y, classes, given):
    """Training of an embedder on rows and the codes of their classes, -1 for none."""
    labels = torch.from_numpy(y)
    unlabeled = (labels < 0).nonzero().squeeze(1)
    spare = unlabeled if estimator.regularizer is not None else unlabeled[:0]
    sampler = named(BATCHES, estimator.sampler)
    sampler = call("sampler", accepting, sampler, classes=classes.tolist())
    distance, margin = distance_of(estimator), estimator.margin

    def build(rows):
        standardize = estimator._standardization(X, rows=rows)
        tower = estimator._new_tower(X[rows[:2]], standardize, unit_length=distance in UNIT_LENGTH)
        objective = Objective(estimator, classes).to(standardize.output)
        return nn.ModuleDict({"tower": tower, "objective": objective})

    def batches(rows, epoch, generator):
        size = min(estimator.batch_size, LARGEST_COUNT)  # Of all rows anyway.
        drawn = draw_batches(sampler, only(labels, rows), size, generator)
        mixed = spare[torch.randperm(len(spare), generator=generator)]
        shares = mixed[: len(drawn) * size].tensor_split(len(drawn))
        for labeled, share in zip(drawn, shares, strict=True):
            yield torch.cat([labeled, share]), labeled

    def check(module, rows):
        sample = sample_of(labels, rows, N_TRIED)
        Z = embed_rows(module["tower"], X, sample.numpy())
        check_objective(module, Z, labels[sample])

    def score(module, rows, held_out):
        known = sample_of(labels, rows, max(N_NEIGHBORS, 4 * len(classes)))
        Z, Z_known = (embed_rows(module["tower"], X, part) for part in (held_out, known.numpy()))
        return module["objective"].score(Z, labels[held_out], Z_known, labels[known])

    def diagnosis(rows):
        sample = diagnosed_rows(labels, rows, classes)

        def diagnose(module):
            tower = module["tower"]
            device = tower[0].mean.device
            Z = embed_rows(tower, X, sample.numpy()).to(device)
            return module["objective"].diagnose(Z, labels[sample].to(device))

        return diagnose

    strata = y if classes.ndim == 1 else y.clip(max=0)
    loss_on = partial(embedding_loss, estimator, X, labels)
    margin = None if margin == "auto" else margin
    return Task(given, strata, classes, build, batches, loss_on, score, check, diagnosis, margin)


def sample_of(labels, rows, n_rows):
    """Return some of the rows, as many of each class as possible, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    return next(class_balanced(only(labels, rows), n_rows, generator=generator))


def diagnosed_rows(labels, rows, classes):
    """Return the rows that are looked at after each epoch; half of them may have no match."""
    alone = is_alone(labels[rows].numpy()) & (classes.ndim == 1)
    negatives = rows[alone][: N_DIAGNOSED // 2]
    sample = torch.from_numpy(negatives)
    if alone.all():
        return sample
    matched = sample_of(labels, rows[~alone], N_DIAGNOSED - len(negatives))
    return torch.cat([matched, sample])


def embedding_loss(estimator, X, labels, device):
    """Loss of the batches of rows of X and of their labels, both read on a device."""
    items, known, memory = Items(X, device), sent(labels, device), Memory(estimator.memory_size)
    augment = Augmentation(estimator.augment, estimator.input_shape)

    def loss(module, batch):
        rows, labeled = batch
        Z = estimator._embed_for_training(module["tower"], items, rows.numpy(), augment)
        labeled = sent(labeled, device)
        return module["objective"](Z, known[labeled], labeled, memory)

    return loss


class Objective(nn.Module):
    """Loss of the mined pairs of a batch, or of its classes, plus a weighted regulariser.

    Parameters
    ----------
    estimator : SiameseEmbedder
        Whose parameters choose loss, miner, distance and regulariser.

    classes : ndarray of shape (n_classes,) or (n_classes, n_labels)
        The classes, or the sets of labels that stand for classes.
    """

    def __init__(self, estimator, classes):
        super().__init__()
        self.register_buffer("sets", label_sets(classes))
        sizes = {"n_classes": len(classes), "n_components": estimator.n_components}
        margin = {} if estimator.margin == "auto" else {"margin": estimator.margin}
        self.loss = built("loss", named(LOSSES, estimator.loss), **sizes, **margin)
        self.miner = built("miner", named(MINERS, estimator.miner), **sizes)
        self.distance = named(DISTANCES, distance_of(estimator))
        self.reads_pairs = reads_pairs(self.loss)
        if self.sets is not None and not self.reads_pairs:
            raise ValueError(
                f"loss={estimator.loss!r} knows one class a row, but y has several labels a row; "
                "choose a loss of pairs or pass y of shape (n_samples,)."
            )
        self.weight = estimator.regularizer_weight
        self.regularizer, self.reads_unlabeled = None, False
        if estimator.regularizer is not None:
            regularizer = named(REGULARIZERS, estimator.regularizer)
            self.regularizer = built("regularizer", regularizer, **sizes)
            self.reads_unlabeled = n_required(self.regularizer, "regularizer") == 1

    def forward(self, Z, y, rows, memory):
        """Cost of embeddings, the first of which are ``rows`` with classes ``y``."""
        known = Z[: len(y)]
        if self.reads_pairs:
            value = self.loss(*self.miner(*memory.pairs(known, y, rows, self.distance, self.sets)))
        else:
            value = self.loss(known, y)
        if self.regularizer is not None:
            extra = self.regularizer(Z) if self.reads_unlabeled else self.regularizer(known, y)
            value = value + self.weight * extra
        return value

    def score(self, Z, y, Z_known, y_known):
        """Share of embeddings whose nearest known one matches."""
        nearest = nearest_rows(Z, Z_known, self.distance)
        return matching(y_known[nearest, None], y[:, None], self.sets).double().mean().item()

    def diagnose(self, Z, y):
        """Where training stands, by embeddings and their classes."""
        Z = Z.clone().requires_grad_()
        D, same, different = pairs(Z, y, self.distance, self.sets)
        if self.reads_pairs:
            mined, *masks = self.miner(D, same, different)
            selected = masks[0] | masks[1]
            (gradient,) = torch.autograd.grad(self.loss(mined, *masks), mined, allow_unused=True)
        else:
            selected = torch.ones_like(y, dtype=torch.bool)
            (gradient,) = torch.autograd.grad(self.loss(Z, y), Z)
            gradient = gradient.norm(dim=1)
        moved = 0 if gradient is None else (gradient[selected] != 0).sum().item()
        return {
            "active": moved / max(1, selected.sum().item()),
            "positive_distance": D[same].mean().item(),
            "negative_distance": D[different].mean().item(),
            "spread": D.mean().item(),
        }


def check_objective(module, Z, y):
    """Raise unless distance, miner, loss and regulariser fit embeddings and their classes.

    They are tried on the device on which the module is trained, and keep their state.
    """
    if not Z.isfinite().all():
        return  # The tower is at fault; training reports it.
    device = module["tower"][0].mean.device
    with RandomStream(0, device).drawing():
        objective = copy.deepcopy(module["objective"])
        try_objective(objective, Z.to(device, copy=True).requires_grad_(), y.to(device))


def try_objective(objective, Z, y):
    """Call all parts of an objective; raise a ValueError that names the one that does not fit."""

    def cost(Z, y, sets=None):
        mined = check_miner(objective.miner, *pairs(Z, y, objective.distance, sets))
        return call("loss", objective.loss, *mined)

    check_distance(objective.distance, Z)
    if objective.reads_pairs:
        check_scalar("loss", cost(Z, y, objective.sets))
        check_order(cost, Z, objective.distance)
    else:
        check_scalar("loss", call("loss", objective.loss, Z, y))
    if objective.regularizer is not None:
        embeddings = (Z,) if objective.reads_unlabeled else (Z, y)
        check_scalar("regularizer", call("regularizer", objective.regularizer, *embeddings))


class Memory:
    """The latest embeddings of former batches, which further batches are paired with.

    Parameters
    ----------
    size : int
        Number of embeddings to keep; 0 for none.

    References
    ----------
    X. Wang, H. Zhang, W. Huang, M. R. Scott, "Cross-batch memory for embedding learning",
    CVPR 2020.
    """

    def __init__(self, size):
        self.size = size
        self.remembered = None

    def pairs(self, Z, y, rows, distance, sets=None):
        """Distances and masks of a batch with itself and with what is remembered."""
        if not self.size:
            return pairs(Z, y, distance, sets)
        old = self.remembered or (Z[:0], y[:0], rows[:0])
        columns = tuple(map(torch.cat, zip((Z, y, rows), old, strict=True)))
        self.remembered = tuple(x[: self.size].detach() for x in columns)
        same = matching(y, columns[1], sets)
        itself = rows[:, None] == columns[2]
        return distance(Z, columns[0]), same & ~itself, ~(same | itself)


def pairs(Z, y, distance, sets=None):
    """Distances of a batch and the masks of its pairs, no row with itself."""
    same = matching(y, y, sets)
    different = ~same
    return distance(Z, Z), same.fill_diagonal_(False), different.fill_diagonal_(False)


def matching(y, others, sets):
    """Which of (..., n) rows match which of (..., m) others: by class, or by a common label."""
    if sets is None:
        return y.unsqueeze(-1) == others.unsqueeze(-2)
    return sets[y] @ sets[others].mT > 0


def check_unlabeled_label(label):
    """Raise a ValueError for a label that y cannot hold."""
    if label is not None and is_missing(label):
        raise ValueError(
            f"unlabeled_label={label} cannot mark rows, as y must not lack labels; mark them by a "
            "label such as -1."
        )


def codes_among(known, present, codes):
    """Return codes of the classes of a chunk, -1 for none, as codes of all known classes."""
    present, known = alike(present, known, "y", "classes")
    if not np.isin(present, known).all():
        raise ValueError(
            f"y has labels, {np.setdiff1d(present, known)[:5].tolist()} among them, that the first "
            "call of partial_fit did not know; pass all labels there, as classes."
        )
    return np.where(codes >= 0, np.searchsorted(known, present)[codes], -1)


def is_labeled(y, unlabeled_label):
    """Return which rows have a label, or all labels of an indicator matrix."""
    if unlabeled_label is None:
        return np.full(len(y), True)
    if y.ndim > 1:
        return (y != unlabeled_label).all(axis=1)
    marker, y = alike(unlabeled_label, y, "unlabeled_label", "y")
    return y != marker


def learns_from_pairs(loss):
    """Return whether a loss, given as the parameter of an embedder, reads distances of pairs."""
    loss = named(LOSSES, loss)
    if isinstance(getattr(loss, "func", loss), type):
        loss = partial(getattr(loss, "func", loss).forward, None)
    return reads_pairs(loss)


def check_any_match(loss, codes, classes):
    """Raise if there is no matching pair that a loss of pairs could learn from."""
    codes = codes[codes >= 0]
    counts = np.bincount(codes) if classes.ndim == 1 else classes[codes].sum(axis=0)
    if counts.max() < 2 and learns_from_pairs(loss):
        raise ValueError(
            f"y has no class with two rows, but loss={loss!r} learns from matching pairs; pass "
            "more rows of a class, or choose a loss of classes, such as 'normalized_softmax'."
        )


def warn_if_no_pair_matches(codes):
    """Tell the caller of partial_fit of a chunk that losses of pairs learn little from."""
    if np.bincount(codes[codes >= 0]).max() < 2:
        warnings.warn(
            "X holds no two rows of a class, so there was no matching pair to learn from; pass "
            "chunks with several rows of each class.",
            stacklevel=4,
        )


def indicator(y, unlabeled_label):
    """Several labels a row as an array of zeros and ones."""
    y = y.toarray() if issparse(y) else y
    if not np.isin(y, (0, 1, unlabeled_label)).all():
        raise ValueError(
            f"y of shape {y.shape} must be an indicator matrix of zeros and ones; see "
            "sklearn.preprocessing.MultiLabelBinarizer."
        )
    return y


def label_sets(classes):
    """The sets of labels that stand for classes; None for classes that are single labels."""
    return None if classes.ndim == 1 else torch.from_numpy(classes.astype(np.float32))


def built(name, choice, **options):
    """Return a loss, miner or regulariser ready for use: classes are built, modules copied."""
    if isinstance(choice, nn.Module):
        return copy.deepcopy(choice)
    if isinstance(getattr(choice, "func", choice), type):
        return call_factory(name, choice, {}, **options)
    return call(name, accepting, choice, **options)


def distance_of(estimator):
    """The distance of an embedder: "auto" is the one that its loss was made for."""
    if estimator.distance != "auto":
        return estimator.distance
    loss = named(LOSSES, estimator.loss)
    kind = type(loss) if isinstance(loss, nn.Module) else getattr(loss, "func", loss)
    names = [name for name, known in LOSSES.items() if known is kind]
    return NATURAL_DISTANCES[names[0]] if names else "euclidean"


def only(labels, rows):
    """Labels of some rows, -1 for all others."""
    taking_part = torch.full_like(labels, -1)
    taking_part[rows] = labels[rows]
    return taking_part


def nearest_matches(Z, y, distance, sets):
    """Return for every row that has a match whether the nearest other row matches.

    If several are equally near, the share of them that match.
    """
    every, found = torch.arange(len(Z)), []
    for rows in every.split(1024):
        itself = rows[:, None] == every
        match = matching(y[rows], y, sets) & ~itself
        D = distance(Z[rows], Z).masked_fill(itself, torch.inf)
        nearest = D.amin(dim=1, keepdim=True) == D
        share = (nearest & match).sum(dim=1) / nearest.sum(dim=1)
        found.append(share[match.any(dim=1)])
    return torch.cat(found)


def is_alone(codes):
    """Return which rows are the only ones of their class."""
    return np.bincount(codes)[codes] == 1


def nearest_rows(Z, Z_known, distance):
    """For each row the nearest of the known ones."""
    return torch.cat([distance(part, Z_known).argmin(dim=1) for part in Z.split(1024)])
