"""Task of training a regressor on pairs with numbers."""

import copy
from functools import partial

import numpy as np
import torch
from sklearn.metrics import r2_score
from sklearn.utils.validation import _check_sample_weight
from torch import nn

from .._data._device import RandomStream, global_generator, to_device
from .._data._embed import embed_rows
from .._data._items import Items, as_tensor
from .._parameters import part_attribute
from ..batches import shuffled
from ..distances import DISTANCES, paired
from ..heads import HEADS, cross
from ..losses import REGRESSION_LOSSES
from ._lookup import resolve
from ._pairs import head_logits, item_weights, map_pairs, validation_data
from ._task import Task, split_random
from ._tower import build_body, build_tower, embed_batch, new_standardize
from ._user_parts import (
    build_module,
    call_part,
    check_augment,
    check_distance,
    check_head,
    check_paired,
    check_scalar,
)

N_TRIAL = 32
"""Number of pairs in the sample that checks user-defined parts."""

N_DIAGNOSIS = 256
"""Number of pairs in the sample that is measured after each epoch."""

N_CALIBRATION = 4096
"""Number of pairs in the sample that maps scores to the unit of y."""

N_RECENT = 1024
"""Number of pairs of the last chunks that map scores to the unit of y."""

SMALLEST_VARIANCE = 1e-12
"""Smallest variance of scores, as a share of their mean square, that determines a line."""


class RegressionTask(Task):
    """Train a tower and a head on pairs with numbers.

    Parameters
    ----------
    estimator : SiameseRegressor
        Estimator to train; its parameters are read once.

    pairs : PairView
        Pairs of items.

    target : ndarray of float64 of shape (n_pairs,)
        Numbers to predict.

    weight : ndarray of float64 of shape (n_pairs,)
        Weights of the pairs.

    spec : TowerSpec
        Parameters that define the tower.

    validation : tuple of (pairs, target, weight), default=None
        Separate validation pairs, with their numbers and weights.

    head : PairPrediction, default=None
        Fitted head, to continue with its mean and standard deviation of the numbers.

    incremental : bool, default=False
        Whether the pairs are one of several chunks.
    """

    margin = None

    def __init__(
        self, estimator, pairs, target, weight, spec, validation=None, *, head=None, incremental
    ):
        super().__init__(estimator, None, spec)
        self.pairs, self.target, self.weight = pairs, target, weight
        self.mean, self.std = head.target_moments() if head else weighted_moments(target, weight)
        self.incremental = incremental
        self.y = value_codes(target, weight)
        self.y_val = None if validation is None else value_codes(*validation[1:])
        self.validation = validation or (pairs, target, weight)
        self.head = resolve(HEADS, estimator.head)
        self.distance = resolve(DISTANCES, estimator.distance)
        self.increasing = estimator.increasing
        self.pair_loss = resolve(REGRESSION_LOSSES, estimator.loss)
        self.reads_embeddings = part_attribute(self.pair_loss, "inputs", "scores") == "embeddings"

    def hold_out(self, random_state):
        """Return pairs for training and validation, at least two each."""
        rows = np.flatnonzero(self.y >= 0)
        part = "pairs of weight above zero"
        return split_random(rows, self.validation_fraction, random_state, part)

    def build(self, rows):
        """Return a new tower, which standardizes by the items of these pairs, and a new head."""
        items = self.pairs.items
        weighted = item_weights(self.pairs, rows, self.weight)
        body = build_body(self.spec)
        standardize = new_standardize(self.spec, body, items, **weighted)
        tower = build_tower(self.spec, body, items[self.pairs.index[rows[:2], 0]], standardize)
        options = {"distance": self.distance, "detach": False}
        head = build_module("head", self.head, {"n_components": self.spec.n_components}, **options)
        head = PairPrediction(head.to(standardize.output), self.mean, self.std)
        module = nn.ModuleDict({"tower": tower, "head": head})
        score, y, weight = self._training_scores(module, rows)
        if np.isfinite(score).all():  # Otherwise training reports them.
            module["head"].standardize(score, y, weight, self.increasing)
        return module

    def combine(self, module, rows):
        """Map the scores of a trained module to the unit of y, in place."""
        score, y, weight = self._training_scores(module, rows)
        if np.isfinite(score).all():
            share_kept = max(0, 1 - len(score) / N_RECENT) if self.incremental else 0
            module["head"].fit_line(score, y, weight, share_kept=share_kept)

    def _training_scores(self, module, rows):
        """Return standardized scores, targets and weights of a sample of training pairs."""
        sample = np.random.default_rng(0).permutation(rows)[:N_CALIBRATION]
        function = partial(head_logits, module["head"], function=standard_score)
        score = map_pairs(function, module["tower"], self.pairs[sample]).double().numpy()
        return score, self.target[sample], self.weight[sample]

    def check(self, module, rows):
        """Raise unless distance, head, loss and augmentation accept some pairs on the device."""
        device = module["tower"][0].mean.device
        rows = rows[:N_TRIAL]
        sides = self.pairs.index[rows].T
        A, B = (embed_rows(module["tower"], self.pairs.items, side).to(device) for side in sides)
        if not (A.isfinite().all() and B.isfinite().all()):
            return  # Training reports the non-finite embeddings.
        with RandomStream(0, device).active():
            A, B = A.clone().requires_grad_(), B.clone().requires_grad_()
            check_distance(self.distance, A)
            check_paired(self.distance, A, B)
            check_head(module["head"].score, A, B, margin=1.0)
            y, weight = self._standard_targets(module["head"], rows, A)
            value = call_part("pair_loss", self.loss_of_pairs, module["head"], A, B, y, weight)
            check_scalar("pair_loss", value)
            if torch.autograd.grad(value, A, allow_unused=True)[0] is None:
                raise ValueError(
                    "head and loss pass no gradient to the tower; choose another head or loss."
                )
            items = as_tensor(self.pairs.items[sides[0]], module["tower"][0])
            check_augment(self.augment, items, global_generator(device))

    def _standard_targets(self, head, rows, like):
        """Return standardized targets, greater for closer items, and weights of some pairs."""
        values = np.stack([(self.target[rows] - self.mean) / self.std, self.weight[rows]])
        y, weight = to_device(torch.from_numpy(values).to(like.dtype), like.device)
        return y * head.direction.to(like.dtype), weight

    def prepare(self, module, rows):
        """Place items on the device."""
        self.items = Items(self.pairs.items, module["tower"][0].mean.device)

    def batches(self, rows, epoch, generator):
        """Yield the rows of a batch of pairs."""
        labels = torch.zeros(len(rows), dtype=torch.int64)
        for batch in shuffled(labels, self.batch_size, generator=generator):
            yield rows[batch.numpy()]

    def loss(self, module, batch):
        """Return the loss of a batch of pairs."""
        embeddings = embed_batch(
            module["tower"],
            self.items,
            self.pairs.index[batch].T.ravel(),
            augment=self.augment,
            precision=self.precision,
            weight=torch.from_numpy(self.weight[batch]).repeat(2).to(self.items.device),
        )
        A, B = embeddings.tensor_split(2)
        y, weight = self._standard_targets(module["head"], batch, A)
        return self.loss_of_pairs(module["head"], A, B, y, weight)

    def loss_of_pairs(self, head, A, B, y, weight):
        """Return the loss of standardized scores and targets."""
        embeddings = (A, B) if self.reads_embeddings else ()
        return self.pair_loss(standard_score(head, A, B), y, weight, *embeddings)

    def score(self, module, rows, held_out):
        """Return the coefficient of determination of validation pairs."""
        module = copy.deepcopy(module)
        self.combine(module, rows)
        pairs, target, weight = self.validation
        function = partial(head_logits, module["head"])
        prediction = map_pairs(function, module["tower"], pairs[held_out])
        if not prediction.isfinite().all():
            return np.nan
        return r2_score(target[held_out], prediction, sample_weight=weight[held_out])

    def diagnose(self, module, rows):
        """Return the mean distance, and the correlation of scores, in a sample of pairs."""
        sample = np.random.default_rng(0).permutation(rows)[:N_DIAGNOSIS]
        pairs, y = self.pairs[sample], torch.from_numpy(self.target[sample])
        distance = map_pairs(partial(paired, self.distance), module["tower"], pairs)
        function = partial(head_logits, module["head"], function=standard_score)
        score = map_pairs(function, module["tower"], pairs).double()
        correlation = torch.corrcoef(torch.stack([score, y]))[0, 1].item()
        correlation *= module["head"].direction.item()
        return {"correlation": correlation, "spread": distance.mean().item()}

    def data(self):
        """Return pairs, numbers and weights, also those for validation."""
        given = {"X": self.pairs, "y": self.target, "sample_weight": self.weight}
        return given | validation_data(self)


class PairPrediction(nn.Module):
    """Map the score of a head to a number in the unit of y.

    The number is ``intercept + slope * s`` with the standardized score
    ``s = (score - center) / spread``.

    Parameters
    ----------
    score : nn.Module
        Head.

    target_mean, target_std : float, default=0.0, 1.0
        Mean and standard deviation, > 0, of the y of training.
    """

    def __init__(self, score, target_mean=0.0, target_std=1.0):
        super().__init__()
        self.score = score
        initial = {
            "center": 0,
            "spread": 1,
            "direction": 1,
            "slope": target_std,
            "intercept": target_mean,
            "mean": target_mean,
            "target_mean": target_mean,
            "target_std": target_std,
        }
        for name, value in initial.items():
            self.register_buffer(name, torch.tensor([value], dtype=torch.float64))
        self.register_buffer("sums", torch.zeros(5, dtype=torch.float64))

    def target_moments(self):
        """Return the mean and the standard deviation of the y of training."""
        return self.target_mean.item(), self.target_std.item()

    def standardize(self, score, y, weight, increasing):
        """Standardize scores like these, and set the direction of y, 1 if it increases with them.

        Parameters
        ----------
        score, y, weight : ndarray of shape (n_pairs,)
            Scores, numbers and weights of pairs.

        increasing : bool or "auto"
            Whether y increases with the scores; "auto" uses their covariance.
        """
        center, spread = weighted_moments(score, weight)
        self.center.fill_(center)
        self.spread.fill_(spread)
        covariance = np.average(
            (score - center) * (y - np.average(y, weights=weight)), weights=weight
        )
        increases = covariance >= 0 if increasing == "auto" else increasing
        self.direction.fill_(1.0 if increases else -1.0)

    def fit_line(self, score, y, weight, *, share_kept):
        """Fit the line by least squares to pairs, and set the mean of y for pairs without values.

        Parameters
        ----------
        score, y, weight : ndarray of shape (n_pairs,)
            Standardized scores, numbers and weights of pairs.

        share_kept : float
            Factor of the weight of all previous pairs, in [0, 1].
        """
        mean, std = self.target_moments()
        y = (y - mean) / std
        terms = np.stack([np.ones_like(score), score, y, score * score, score * y])
        self.sums.mul_(share_kept).add_(torch.from_numpy(terms @ weight))
        s, y, ss, sy = (self.sums[1:] / self.sums[0]).tolist()
        variance = ss - s * s
        slope = (sy - s * y) / variance if variance > SMALLEST_VARIANCE * ss else 0.0
        self.slope.fill_(std * slope)
        self.intercept.fill_(mean + std * (y - slope * s))
        self.mean.fill_(mean + std * y)

    def forward(self, A, B):
        """Return the numbers of the pairs of rows of A and B, in float64."""
        return self.intercept + self.slope * standard_score(self, A, B)

    def cross(self, A, B):
        """Return the numbers of all pairs of rows of A and B, in float64."""
        score = (cross(self.score, A, B) - self.center.to(A.dtype)) / self.spread.to(A.dtype)
        return self.intercept + self.slope * score


def standard_score(head, A, B):
    """Return the standardized scores of the pairs of rows of A and B."""
    return (head.score(A, B) - head.center.to(A.dtype)) / head.spread.to(A.dtype)


def weighted_moments(values, weight):
    """Return the mean and the standard deviation, 1 if it is 0, of weighted values."""
    mean = np.average(values, weights=weight)
    std = np.sqrt(np.average((values - mean) ** 2, weights=weight))
    return mean, std if std > 0 else 1.0


def value_codes(target, weight):
    """Return codes of the distinct targets of pairs, with -1 for pairs of weight zero."""
    codes = np.unique(target, return_inverse=True)[1]
    return np.where(weight > 0, codes, -1)


def number_weights(sample_weight, y):
    """Return validated weights of pairs; raise unless the greatest is in [1e-9, 1e9]."""
    options = {"dtype": np.float64, "ensure_non_negative": True}
    try:
        weight = _check_sample_weight(sample_weight, y, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must hold a finite number >= 0 for each pair. {error}"
        ) from error
    if not 1e-9 <= weight.max() <= 1e9:
        raise ValueError(
            f"The greatest sample_weight is {weight.max():g}, but must be from 1e-9 to 1e9; divide "
            "the weights by their mean, or pass weights above zero."
        )
    return weight
