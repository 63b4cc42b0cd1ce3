"""Task of training a verifier on labeled pairs."""

from functools import partial
from math import inf
from numbers import Real

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.utils import compute_class_weight
from sklearn.utils.validation import _check_sample_weight
from torch import nn

from .._combined import CombinedHead
from .._data._device import RandomStream, global_generator, to_device
from .._data._embed import embed_rows
from .._data._items import Items, as_tensor
from .._parameters import check_real
from ..batches import shuffled
from ..distances import DISTANCES, paired
from ..heads import HEADS
from ..losses import contrastive, logistic
from ..pairs._split import PairShuffleSplit
from ._combination import (
    add_plain_part,
    balance,
    calibrate,
    embed_parts,
    given_pairs,
    learned_weight,
    pair_distances,
    split_into_classes,
)
from ._lookup import resolve
from ._pairs import head_logits, item_weights, map_pairs, scale_weights, validation_data
from ._task import Task, split_stratified
from ._tower import build_body, build_tower, embed_batch, new_standardize
from ._user_parts import (
    build_module,
    check_augment,
    check_distance,
    check_head,
    check_paired,
)

N_DIAGNOSIS = 256
"""Number of pairs in the sample that is measured after each epoch."""

N_TRIAL = 32
"""Number of pairs in the sample that checks user-defined parts."""

N_DIRECTION = 1024
"""Number of pairs in the sample that checks whether the labels are reversed."""

N_ERRORS = 4
"""Number of standard errors above chance at which labels count as reversed."""


class VerificationTask(Task):
    """Train a tower and a head on pairs.

    Parameters
    ----------
    estimator : SiameseVerifier
        Estimator to train; its parameters are read once.

    pairs : PairView
        Pairs of items.

    match : ndarray of int of shape (n_pairs,)
        Codes of the labels: 1 for a match, 0 for a non-match.

    weight : ndarray of shape (n_pairs,)
        Weights of the pairs.

    classes : ndarray of shape (2,)
        Labels of a non-match and of a match.

    groups : ndarray of shape (n_pairs, 2) or None
        Identities of both items; validation pairs share none with training pairs.

    spec : TowerSpec
        Parameters that define the tower.

    validation : tuple of (pairs, match, weight), default=None
        Separate validation pairs, with their codes and weights.

    incremental : bool, default=False
        Whether the pairs are a chunk of all pairs; the weight of the contrastive loss is then
        constant.
    """

    def __init__(
        self,
        estimator,
        pairs,
        match,
        weight,
        classes,
        groups,
        spec,
        validation=None,
        *,
        incremental=False,
    ):
        super().__init__(estimator, classes, spec)
        self.pairs, self.match, self.weight, self.groups = pairs, match, weight, groups
        self.y = used_codes(match, weight)
        self.y_val = None if validation is None else used_codes(*validation[1:])
        self.validation = validation or (pairs, match, weight)
        self.labels = torch.from_numpy(match)
        self.head, self.margin = resolve(HEADS, estimator.head), estimator.margin
        if self.margin == "auto":
            self.margin = automatic_margin(estimator.distance, spec.n_components)
        elif self.margin is not None:
            self.margin = check_real("margin", self.margin, above=0)
        self.distance = resolve(DISTANCES, estimator.distance)
        self.max_iter, self.incremental = estimator.max_iter, incremental

    def hold_out(self, random_state):
        """Return pairs for training and validation; given groups, no identity is in both."""
        fraction = self.validation_fraction
        if self.groups is None:
            return split_stratified(self.y, fraction, random_state)
        return split_identities(self.groups, fraction, self.y, random_state)

    def build(self, rows):
        """Return a new tower, which standardizes by the items of these pairs, and a new head."""
        items = self.pairs.items
        weighted = item_weights(self.pairs, rows, self.weight)
        body = build_body(self.spec)
        standardize = new_standardize(self.spec, body, items, **weighted)
        tower = build_tower(self.spec, body, items[self.pairs.index[rows[:2], 0]], standardize)
        if self.spec.n_plain:
            tower = add_plain_part(tower, items, self._pair_sample(rows), self.spec)
        options = {"distance": self.distance, "margin": self.margin or 1.0}
        leading = {"n_components": self.spec.n_components}
        head = build_module("head", self.head, leading, **options)
        head = CombinedHead(head) if self.spec.n_plain else head
        return nn.ModuleDict({"tower": tower, "head": head.to(standardize.output)})

    def combine(self, module, rows):
        """Combine embedding and logit of a trained module with principal components, in place."""
        tower, head = module["tower"], module["head"]
        if isinstance(head, CombinedHead):
            sample = self._pair_sample(rows)
            plain, learned, index = embed_parts(tower, self.pairs.items, sample)
            sample = split_into_classes(sample, head.learned, learned[index])
            if self.spec.learned_weight == "auto":
                auc = sample.auc(pair_distances(plain.double().numpy(), index))
                tower[1].weight.fill_(learned_weight(sample, auc))
            balance(tower[1], sample, plain, learned, index)
            calibrate(head, tower[1], sample, plain, learned, index)

    def _pair_sample(self, rows):
        """Return a sample of training pairs."""
        return given_pairs(self.pairs, rows, self.match, self.weight)

    def initial_warnings(self, module, rows):
        """Return a warning if the labels seem to be reversed."""
        tower = module["tower"]
        message = reversed_labels_message(tower, self.pairs, self.match, rows, self.classes)
        return [message] if message else []

    def check(self, module, rows):
        """Raise unless distance, head and augmentation accept some pairs on the device."""
        device = module["tower"][0].mean.device
        sides = self.pairs.index[rows[:N_TRIAL]].T
        A, B = (embed_rows(module["tower"], self.pairs.items, side).to(device) for side in sides)
        if not (A.isfinite().all() and B.isfinite().all()):
            return  # Training reports the non-finite embeddings.
        with RandomStream(0, device).active():
            A, B = A.clone().requires_grad_(), B.clone().requires_grad_()
            check_distance(self.distance, A)
            check_paired(self.distance, A, B)
            check_head(module["head"], A, B, self.margin)
            items = as_tensor(self.pairs.items[sides[0]], module["tower"][0])
            check_augment(self.augment, items, global_generator(device))

    def prepare(self, module, rows):
        """Place items, and the weights of matches and non-matches, on the device."""
        weights = np.column_stack([self.match * self.weight, (1 - self.match) * self.weight])
        device = module["tower"][0].mean.device
        self.items = Items(self.pairs.items, device)
        self.device_weights = to_device(torch.from_numpy(weights), device)

    def batches(self, rows, epoch, generator):
        """Yield the rows of a batch of pairs, and the weight of the contrastive loss."""
        for batch in shuffled(self.labels[rows], self.batch_size, generator=generator):
            yield rows[batch.numpy()], self.contrastive_weight(epoch)

    def contrastive_weight(self, epoch):
        """Return the weight of the contrastive loss in an epoch."""
        return 1.0 if self.incremental else 2 * (1 - epoch / self.max_iter)

    def loss(self, module, batch):
        """Return the logistic loss of the head plus the contrastive loss of the distance."""
        rows, contrastive_weight = batch
        weights = self.device_weights[to_device(torch.from_numpy(rows), self.device_weights.device)]
        embeddings = embed_batch(
            module["tower"],
            self.items,
            self.pairs.index[rows].T.ravel(),
            augment=self.augment,
            precision=self.precision,
            weight=weights.sum(dim=1).repeat(2),
        )
        A, B = embeddings.tensor_split(2)
        same, different = weights.to(A.dtype).unbind(dim=1)
        D = None if self.margin is None else paired(self.distance, A, B)
        return self.loss_of_pairs(module["head"](A, B), D, same, different, contrastive_weight)

    def loss_of_pairs(self, logit, D, same, different, contrastive_weight):
        """Return the logistic loss of logits, plus the contrastive loss of distances if given."""
        loss = logistic(logit, same, different)
        if D is None:
            return loss
        return loss + contrastive_weight * contrastive(D, same, different, margin=self.margin)

    def score(self, module, rows, held_out):
        """Return the accuracy of the head on validation pairs."""
        pairs, match, weight = self.validation
        function = partial(head_logits, module["head"])
        logits = map_pairs(function, module["tower"], pairs[held_out])
        if not logits.isfinite().all():
            return np.nan
        return accuracy_score(match[held_out], logits > 0, sample_weight=weight[held_out])

    def diagnose(self, module, rows):
        """Return measures of the distances in a sample of pairs."""
        sample = np.random.default_rng(0).permutation(rows)[:N_DIAGNOSIS]
        function = partial(paired, self.distance)
        D = map_pairs(function, module["tower"], self.pairs[sample])
        return distance_measures(D, self.labels[sample] > 0, self.margin)

    def data(self):
        """Return pairs, labels, weights and identities, also those for validation."""
        y = self.match, self.classes
        given = {"X": self.pairs, "y": y, "sample_weight": self.weight, "groups": self.groups}
        return given | validation_data(self)


def used_codes(match, weight):
    """Return the codes of pairs, with -1 for pairs of weight zero."""
    return np.where(weight > 0, match, -1)


def pair_weights(sample_weight, class_weight, labels, classes):
    """Return the product of sample and class weight for each pair, scaled to 1 at most."""
    options = {"dtype": np.float64, "ensure_non_negative": True}
    try:
        weight = scale_weights(_check_sample_weight(sample_weight, labels, **options))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must hold a finite number >= 0 for each pair. {error}"
        ) from error
    if not all(weight[labels == label].any() for label in classes):
        raise ValueError(
            "sample_weight is above zero for one class only; pass weights above zero for pairs of "
            "both classes."
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
                f"{classes.tolist()}; set the weights of these."
            )
    factors = compute_class_weight(class_weight, classes=classes, y=labels, sample_weight=weight)
    return scale_weights(weight * scale_weights(factors)[np.searchsorted(classes, labels)])


def split_identities(groups, fraction, match, random_state):
    """Return rows of training and validation pairs with disjoint identities.

    Parameters
    ----------
    groups : ndarray of shape (n_pairs, 2)
        Identities of both items of each pair.

    fraction : float
        Share of the pairs for validation, in (0, 1). As both identities of a pair must be held
        out, the share of held-out identities is the square root of it; at least two are held out.

    match : ndarray of int of shape (n_pairs,)
        Codes of the labels; pairs of -1 are ignored.

    random_state : RandomState
        Random number generator.

    Returns
    -------
    train, validation : ndarray of int
        Rows of the pairs.

    Raises
    ------
    ValueError
        If there are too few identities, or a part lacks matches or non-matches.
    """
    rows = np.flatnonzero(match >= 0)
    groups, match = groups[rows], match[rows]
    n_identities = len(np.unique(groups))
    n_held_out = max(2, round(fraction**0.5 * n_identities))
    if n_identities < 4:
        raise ValueError(
            f"groups has {n_identities} identities in pairs of weight above zero, but training and "
            "validation need two each; pass pairs of more identities, or set early_stopping=False."
        )
    remedy = (
        f"validation_fraction={fraction} holds out {n_held_out} of the {n_identities} identities "
        "in groups, but training and validation each need matching and non-matching pairs of "
        "their identities; change validation_fraction, pass pairs of more identities, or set "
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


def reversed_labels_message(tower, pairs, match, rows, classes):
    """Return a warning if matches and non-matches seem to be reversed, otherwise None.

    In the embedding of the untrained tower, matching pairs are usually closer than non-matching
    pairs. Warn only if they are significantly farther apart, both before and after the mean
    difference of left and right items is subtracted for each label: with left and right columns
    of different kinds, this mean dominates the distances. Do not warn if the labels are
    transitive (a match of A and B and of B and C implies one of A and C), but would not be
    transitive if they were reversed.
    """
    sample = np.random.default_rng(0).permutation(rows)[:N_DIRECTION]
    is_match = match[sample] > 0
    differences = map_pairs(torch.sub, tower, pairs[sample]).double().numpy()
    n_match, n_other = is_match.sum(), (~is_match).sum()
    if not (n_match and n_other and np.isfinite(differences).all()):
        return None
    error = np.sqrt((n_match + n_other + 1) / (12 * n_match * n_other))
    auc = [roc_auc_score(is_match, np.linalg.norm(differences, axis=1))]
    for part in (is_match, ~is_match):
        differences[part] -= differences[part].mean(axis=0)
    auc.append(roc_auc_score(is_match, np.linalg.norm(differences, axis=1)))
    if min(auc) - N_ERRORS * error <= 0.5:
        return None
    index = pairs.index[rows]
    if is_transitive(index, match[rows] > 0) and not is_transitive(index, match[rows] == 0):
        return None
    different, same = classes.tolist()
    return (
        f"Pairs labeled {same!r} count as matches, as this label is sorted last, but "
        f"{auc[0]:.0%} of the time they are farther apart than pairs labeled {different!r}. "
        f"If the latter match, pass y == {different!r}."
    )


def is_transitive(index, match):
    """Return whether no chain of matches connects the items of a non-match."""
    n_items = index.max() + 1
    links = coo_array((np.ones(match.sum()), index[match].T), shape=(n_items, n_items))
    components = connected_components(links, directed=False)[1]
    left, right = components[index[~match]].T
    return not (left == right).any()


def automatic_margin(distance, n_components):
    """Return the automatic margin of a distance, which is a name or a callable.

    Distances that add up the differences of components increase faster with the number of
    components than the Euclidean distance, by the square root of this number.
    """
    return n_components**0.5 if distance in ("manhattan", "sqeuclidean") else 1.0


def distance_measures(D, match, margin):
    """Return measures of progress from the distances of some pairs."""
    active = torch.where(match, D > 0, margin > D).double().mean().item() if margin else 1.0
    return {
        "active": active,
        "positive_distance": D[match].mean().item(),
        "negative_distance": D[~match].mean().item(),
        "spread": D.mean().item(),
    }
