"""How a verifier is trained: its batches, what it minimises over them, what it looks at."""

import warnings
from functools import partial
from itertools import chain
from math import inf
from numbers import Real

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.utils import compute_class_weight, gen_batches
from sklearn.utils.validation import _check_sample_weight
from torch import nn

from ._arrays import Items, RandomStream, embed_rows, sent
from ._pair_split import PairShuffleSplit
from ._parameters import LARGEST_COUNT
from ._run import Task, named
from ._user_parts import (
    Augmentation,
    build_module,
    check_distance,
    check_head,
    check_paired,
)
from .batches import shuffled
from .distances import DISTANCES, paired
from .heads import HEADS
from .losses import contrastive, logistic

N_DIAGNOSED = 256
"""Pairs whose distances tell after each epoch how far training has come."""

N_TRIED = 32
"""Pairs on which the parts that a user wrote are tried."""

N_JUDGED = 1024
"""Pairs by which the direction of the labels is judged."""

N_ERRORS = 4
"""Standard errors by which labels must seem to be reversed for a warning."""

N_COMPARED = 4096
"""Pairs of embeddings that are compared at a time."""


def verification_task(estimator, pairs, match, weight, classes, given, groups=None):
    """Training of a verifier on a view of pairs, the codes of their labels and their weights.

    Validation pairs share no identity with training pairs if ``groups`` are given.
    """
    items, index = pairs.items, pairs.index
    distance = named(DISTANCES, estimator.distance)
    labels = torch.from_numpy(match)

    def build(rows):
        standardize = estimator._standardization(items, **weighted_items(pairs, rows, weight))
        first = items[index[rows[:2], 0]]
        tower = estimator._new_tower(first, standardize)
        leading = {"n_components": estimator.n_components}
        options = {"distance": distance, "margin": estimator.margin or 1.0}
        head = build_module("head", named(HEADS, estimator.head), leading, **options)
        module = nn.ModuleDict({"tower": tower, "head": head.to(standardize.output)})
        check_direction(tower, pairs, match, rows, classes)
        return module

    def batches(rows, epoch, generator):
        attraction = 2 * (1 - epoch / estimator.max_iter)
        size = min(estimator.batch_size, LARGEST_COUNT)  # Of all pairs anyway.
        for batch in shuffled(labels[rows], size, generator=generator):
            yield rows[batch.numpy()], attraction

    def check(module, rows):
        device = module["tower"][0].mean.device
        sample = index[rows[:N_TRIED]].T
        A, B = (embed_rows(module["tower"], items, side).to(device) for side in sample)
        with RandomStream(0, device).drawing():
            check_parts(distance, module["head"], A, B, estimator.margin)

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
    split = None
    if groups is not None and estimator.early_stopping:
        split = partial(split_identities, groups, estimator.validation_fraction)
    return Task(
        given, counted, classes, build, batches, loss_on, score, check, diagnosis, margin, split
    )


def verification_loss(estimator, pairs, weights, device):
    """Loss of the batches of pairs, whose items and weights are read on a device.

    The weights of each pair are those as a matching and as a non-matching one.
    """
    items, weights = Items(pairs.items, device), sent(weights, device)
    distance = named(DISTANCES, estimator.distance)
    augment = Augmentation(estimator.augment, estimator.input_shape)

    def loss(module, batch):
        rows, attraction = batch
        both = pairs.index[rows].T.ravel()
        both = estimator._embed_for_training(module["tower"], items, both, augment)
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
    """Return the product of sample weight and class weight of each pair, scaled to 1 at most."""
    options = {"dtype": np.float64, "ensure_non_negative": True}
    try:
        weight = scaled(_check_sample_weight(sample_weight, labels, **options))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must hold a finite number >= 0 for each pair. {error}"
        ) from error
    if not all(weight[labels == label].any() for label in classes):
        raise ValueError(
            "sample_weight leaves weight to one class only; give pairs of both classes weights "
            "above zero."
        )
    if isinstance(class_weight, dict):
        for label, value in class_weight.items():
            if not (isinstance(value, Real) and 0 < value < inf):
                raise ValueError(
                    f"class_weight={class_weight} must be above zero for both labels, and finite, "
                    f"but has {value!r} for {label!r}."
                )
        unknown = [label for label in class_weight if label not in classes.tolist()]
        if unknown:
            raise ValueError(
                f"class_weight has weights for {unknown}, but the labels of y are "
                f"{classes.tolist()}; give weights to these."
            )
    of_class = compute_class_weight(class_weight, classes=classes, y=labels, sample_weight=weight)
    return scaled(weight * scaled(of_class)[np.searchsorted(classes, labels)])


def scaled(weight):
    """Weights divided by a power of two, so that the largest is in [0.5, 1).

    Their ratios stay as they are, and single precision holds them.
    """
    return np.ldexp(weight, -np.frexp(weight.max())[1])


def split_identities(groups, fraction, match, random_state):
    """Rows of pairs for training and for validation that share no identity.

    Parameters
    ----------
    groups : ndarray of shape (n_pairs, 2)
        Identities of both items of each pair.

    fraction : float
        Share of the pairs for validation, in (0, 1). The share of the identities is its square
        root, and two identities at least, as both identities of a pair must be held out.

    match : ndarray of int of shape (n_pairs,)
        Codes of the labels; pairs of -1 take no part.

    random_state : RandomState
        Source of randomness.
    """
    rows = np.flatnonzero(match >= 0)
    groups, match = groups[rows], match[rows]
    n_identities = len(np.unique(groups))
    n_held_out = max(2, round(fraction**0.5 * n_identities))
    if n_identities < 4:
        raise ValueError(
            f"groups has {n_identities} identities in pairs of weight above zero, but training and "
            "validation need two each; give pairs of more identities, or set early_stopping=False."
        )
    remedy = (
        f"validation_fraction={fraction} holds out {n_held_out} of the {n_identities} identities "
        "in groups, but training and validation each need matching and other pairs among their "
        "identities; change validation_fraction, give pairs of more identities, or set "
        "early_stopping=False."
    )
    if n_identities - n_held_out < 2:
        raise ValueError(remedy)
    splitter = PairShuffleSplit(1, test_size=n_held_out, random_state=random_state)
    try:
        (parts,) = splitter.split(rows, match, groups)
    except ValueError as error:
        raise ValueError(remedy) from error
    if any(len(np.unique(match[part])) < 2 for part in parts):
        raise ValueError(remedy)
    return tuple(rows[part] for part in parts)


def check_direction(tower, pairs, match, rows, classes):
    """Warn if the label that means a match seems to mean the opposite, before any training.

    By the distance of the untrained tower, matching pairs should be closer than others more
    often than not. Warn only if the opposite is significant, also after the mean difference of
    left and right items is subtracted for each label; otherwise left and right columns of
    different kinds would look like distances. Do not warn if items that several pairs share
    prove the labels right: matches are transitive, non-matches are not.
    """
    sample = np.random.default_rng(0).permutation(rows)[:N_JUDGED]
    is_match = match[sample] > 0
    differences = compare(torch.sub, tower, pairs[sample]).double().numpy()
    n_match, n_other = is_match.sum(), (~is_match).sum()
    if not (n_match and n_other and np.isfinite(differences).all()):
        return
    error = np.sqrt((n_match + n_other + 1) / (12 * n_match * n_other))
    farther = [roc_auc_score(is_match, np.linalg.norm(differences, axis=1))]
    for part in (is_match, ~is_match):
        differences[part] -= differences[part].mean(axis=0)
    farther.append(roc_auc_score(is_match, np.linalg.norm(differences, axis=1)))
    if min(farther) - N_ERRORS * error <= 0.5:
        return
    index = pairs.index[rows]
    if is_transitive(index, match[rows] > 0) and not is_transitive(index, match[rows] == 0):
        return
    different, same = classes.tolist()
    warnings.warn(
        f"Pairs labelled {same!r} count as matching, as this label is sorted last, but "
        f"{farther[0]:.0%} of the time they are farther apart than those labelled {different!r}. "
        f"If these are the ones that match, pass y == {different!r}.",
        stacklevel=8,
    )


def is_transitive(index, match):
    """Return whether chains of matches never connect the items of a non-matching pair."""
    n_items = index.max() + 1
    links = coo_array((np.ones(match.sum()), index[match].T), shape=(n_items, n_items))
    kinds = connected_components(links, directed=False)[1]
    left, right = kinds[index[~match]].T
    return not (left == right).any()


def check_parts(distance, head, A, B, margin):
    """Raise unless distance and head fit the embeddings of some pairs."""
    if not (A.isfinite().all() and B.isfinite().all()):
        return  # The tower is at fault; training reports it.
    A, B = A.clone().requires_grad_(), B.clone().requires_grad_()
    check_distance(distance, A)
    check_paired(distance, A, B)
    check_head(head, A, B, margin)


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
