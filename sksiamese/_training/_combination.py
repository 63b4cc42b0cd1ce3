"""Combination of a learned embedding with the principal components of items."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.extmath import randomized_svd
from torch import nn

from .._combined import Combined
from .._data._chunks import row_slices
from .._data._embed import embed_rows
from .._data._items import as_tensor
from .._data._streaming import Rows

CLASS_GAIN = 0.25
"""Odds of the learned part for each class, divided by sqrt(1 - AUC of the principal components)."""

HALF_GAIN = 5
"""Number of rows per class that halves these odds, compared with many rows per class."""

MIN_WEIGHT, MAX_WEIGHT = 0.1, 0.7
"""Limits of the weight of the learned part."""

N_PAIRS = 4096
"""Maximum number of pairs of each kind in the sample that measures distances."""

N_VALUES = 2**23
"""Maximum number of values in the left items of these pairs."""


N_COMPARED = 256
"""Number of pairs with items to compare with each other."""

N_FAMILIAR = 2048
"""Maximum number of training items to compare new items with."""

FAMILIAR = 0.5, 0.95
"""Quantiles of the distances between training items, between which familiarity decreases."""

SAME_ITEM = 1e-4
"""Distance of equal items, as a share of the greatest distance."""

TINY = np.finfo(np.float32).tiny
"""Smallest divisor."""


class PairSample(NamedTuple):
    """Sample of training pairs, and sizes of the classes of all training rows."""

    index: np.ndarray
    """Row numbers of left and right items, of shape (n_pairs, 2)."""

    match: np.ndarray
    """Whether the items of each pair match."""

    weight: np.ndarray
    """Weight of each pair."""

    n_classes: float
    """Effective number of classes."""

    rows_per_class: float
    """Number of rows divided by the number of classes."""

    def mean_distance(self, distance):
        """Return the mean distance of non-matching pairs, or of all pairs if all match."""
        weight = self.weight if self.match.all() else np.where(self.match, 0, self.weight)
        return max(np.average(distance, weights=weight), TINY)

    def auc(self, distance):
        """Return the area under the ROC curve of a distance, 0.5 for pairs of one kind."""
        if self.match.all() or not self.match.any():
            return 0.5
        score = -np.round(distance / max(distance.max(), TINY), 6)  # Rounding must not break ties.
        return roc_auc_score(self.match, score, sample_weight=self.weight)


def effective_number(sizes):
    """Return the number of classes of equal size with the same probability of a match."""
    return sizes.sum() ** 2 / (sizes**2).sum()


def pairs_among(rows, same, sizes, n_features):
    """Return a sample of all pairs of some rows.

    Parameters
    ----------
    rows : ndarray of int of shape (n,)
        Row numbers.

    same : ndarray of bool of shape (n, n)
        Which of these rows match.

    sizes : ndarray of shape (n_classes,)
        Number of training rows in each class.

    n_features : int
        Number of columns of a row.
    """
    left, right = np.triu_indices(len(rows), 1)
    match = same[left, right]
    chosen = sample_both_kinds(match, n_features)
    index = np.column_stack([rows[left[chosen]], rows[right[chosen]]])
    n_classes = effective_number(sizes)
    weight = np.ones(len(chosen))
    return PairSample(index, match[chosen], weight, n_classes, sizes.sum() / n_classes)


def given_pairs(pairs, rows, match, weight):
    """Return a sample of given pairs, with all items in one class.

    Parameters
    ----------
    pairs : PairView
        Pairs.

    rows : ndarray of int
        Training pairs.

    match : ndarray of int of shape (n_pairs,)
        1 for a match.

    weight : ndarray of shape (n_pairs,)
        Weights of the pairs.
    """
    chosen = rows[sample_both_kinds(match[rows] == 1, pairs.items.shape[1])]
    n_items = distinct_items(pairs, rows).max() + 1
    return PairSample(pairs.index[chosen], match[chosen] == 1, weight[chosen], 1.0, n_items)


def sample_both_kinds(match, n_features):
    """Return the positions of a sample of matching pairs and of a sample of the others."""
    rng = np.random.default_rng(0)
    limit = max(128, min(N_PAIRS, N_VALUES // n_features))
    kinds = (np.flatnonzero(match == kind) for kind in (True, False))
    return np.concatenate([rng.permutation(kind)[:limit] for kind in kinds])


def distinct_items(pairs, rows):
    """Return numbers of the items of some pairs, the same for equal items; shape (n_rows, 2)."""
    used, index = np.unique(pairs.index[rows], return_inverse=True)
    index = index.reshape(-1, 2)
    if len(used) < index.size or isinstance(pairs.items, Rows):
        return index
    number_of, numbers = {}, []
    for chunk in row_slices(len(used), pairs.items.shape[1]):
        part = pairs.items[used[chunk]]
        part = part.toarray() if issparse(part) else part
        numbers += [number_of.setdefault(hash(row.tobytes()), len(number_of)) for row in part]
    return np.array(numbers)[index]


def add_plain_part(tower, X, sample, spec, *, unit_length=False):
    """Return a tower that can combine its embedding with principal components of items.

    Parameters
    ----------
    tower : nn.Sequential
        Tower that begins with ``Standardize``.

    X : {ndarray, sparse matrix, Rows} of shape (n_rows, n_features)
        Rows.

    sample : PairSample
        Training pairs.

    spec : TowerSpec
        Number of principal components, and weight of the learned part.

    unit_length : bool, default=False
        Whether embeddings have unit length.
    """
    standardize, *learned = tower
    rows, index = np.unique(sample.index, return_inverse=True)
    index = index.reshape(-1, 2)
    items = standardized(standardize, X, rows)
    factor = choose_factor(items, index, sample, standardize.scale.double().numpy())
    items = items * factor if isinstance(items, np.ndarray) else items
    row_weight = np.bincount(index.ravel(), sample.weight.repeat(2))
    axes, offset = principal_components(items, row_weight, spec.n_plain)
    weight = spec.learned_weight
    if weight == "auto":
        weight = learned_weight(sample, sample.auc(pair_distances(items @ axes.T, index)))
    learned = nn.Sequential(*learned)
    combined = Combined(learned, axes * factor, offset, weight, unit_length=unit_length)
    return nn.Sequential(standardize, combined.to(standardize.output)).eval()


def standardized(standardize, X, rows):
    """Return some rows, standardized, as a dense or sparse array."""
    if issparse(X):
        return X[rows].multiply(1 / standardize.scale.numpy()).tocsr()
    parts = (
        standardize(as_tensor(X[rows[c]], standardize)) for c in row_slices(len(rows), X.shape[1])
    )
    return np.nan_to_num(torch.cat(list(parts)).double().numpy())


def choose_factor(items, index, sample, scale):
    """Return the factors of standardized columns that separate the pairs of a sample best.

    The candidates lead to standardized columns, to columns as they are, and to the mean of both
    squared distances.
    """
    if issparse(items) or not np.ptp(scale):
        return np.ones(items.shape[1])
    factors = [np.ones_like(scale), scale]
    means = [sample.mean_distance(pair_distances(items * factor, index)) for factor in factors]
    factors = [factor / mean for factor, mean in zip(factors, means, strict=True)]
    factors.append(np.hypot(*factors))
    return max(factors, key=lambda factor: sample.auc(pair_distances(items * factor, index)))


def pair_distances(items, index):
    """Return the Euclidean distances of pairs of rows of an array."""
    left, right = index.T
    return np.linalg.norm(items[left] - items[right], axis=1)


def principal_components(items, weight, n_components):
    """Return the principal axes of weighted items, and the components of their mean.

    Sparse items are not centered. Axes beyond the rank are zero.
    """
    mean = np.zeros(items.shape[1])
    weight = np.sqrt(weight / weight.sum())[:, None]
    if issparse(items):
        centered = items.multiply(weight).tocsr()
    else:
        mean = (weight**2 * items).sum(axis=0)
        centered = weight * (items - mean)
    rank = min(n_components, *items.shape)
    axes = np.zeros((n_components, items.shape[1]))
    _, values, found = randomized_svd(
        centered, rank, power_iteration_normalizer="QR", random_state=0
    )
    axes[:rank] = found * (values > 1e-6 * values[0])[:, None]
    return axes, axes @ mean


def learned_weight(sample, auc):
    """Return the weight of the learned part, given how well items separate the classes as such."""
    if auc <= 0.5:
        return 1.0
    rows = sample.rows_per_class
    odds = CLASS_GAIN * sample.n_classes * (1 - auc) ** 0.5 * rows / (rows + HALF_GAIN)
    return float(np.clip(odds / (1 + odds), MIN_WEIGHT, MAX_WEIGHT))


def embed_parts(tower, X, sample):
    """Embed the items of a sample by both parts of a trained tower, not scaled.

    Returns
    -------
    plain, learned : Tensor of shape (n_items, n_plain), Tensor of shape (n_items, n_components)
        Principal components and learned embeddings of the items.

    index : ndarray of int of shape (n_pairs, 2)
        Numbers of the items of each pair.
    """
    rows, index = np.unique(sample.index, return_inverse=True)
    tower[1].set_scales(1.0, 1.0)
    parts = embed_rows(tower, X, rows).tensor_split([len(tower[1].offset)], dim=1)
    return *parts, index.reshape(-1, 2)


def balance(combined, sample, plain, learned, index):
    """Scale both parts of an embedding by their mean distances, in place.

    Parameters
    ----------
    combined : Combined
        Trained part of a tower.

    sample : PairSample
        Training pairs.

    plain, learned, index : Tensor, Tensor and ndarray
        Result of :func:`embed_parts`.
    """
    means = [
        sample.mean_distance(pair_distances(part.double().numpy(), index))
        for part in (plain, learned)
    ]
    weights = np.array([1 - combined.weight.item(), combined.weight.item()]) / means
    combined.set_scales(*(weights / np.hypot(*weights) if combined.unit_length else weights))


def split_into_classes(sample, head, learned):
    """Return a sample with the number of classes that a trained head distinguishes.

    Two items of different pairs match with a probability of one in the number of classes.

    Parameters
    ----------
    sample : PairSample
        Given pairs, with all items in one class.

    head : nn.Module
        Trained head.

    learned : Tensor of shape (n_pairs, 2, n_components)
        Learned embeddings of the items of these pairs.
    """
    step = 1 + len(learned) // N_COMPARED
    A, B = learned[::step].unbind(dim=1)
    weight = sample.weight[::step]
    with torch.no_grad():
        matches = [(head(a.expand_as(B), B) > 0).double().numpy() for a in A]
    share = np.average(np.stack(matches), weights=np.outer(weight, weight))
    n_classes = 1 / max(share, 1 / sample.rows_per_class)
    return sample._replace(n_classes=n_classes, rows_per_class=sample.rows_per_class / n_classes)


def calibrate(head, combined, sample, plain, learned, index):
    """Fit the logit of a combined head to the training pairs of a sample, in place.

    Parameters
    ----------
    head : CombinedHead
        Trained head.

    combined : Combined
        Balanced part of a tower.

    sample : PairSample
        Training pairs.

    plain, learned, index : Tensor, Tensor and ndarray
        Result of :func:`embed_parts`.
    """
    weight = combined.weight.item()
    with torch.no_grad():
        logit = head.learned(*(learned[side] for side in index.T)).double().numpy()
    parts = [-pair_distances(plain.double().numpy(), index), logit]
    spreads = [max(weighted_std(part, sample.weight), TINY) for part in parts]
    slopes = np.array([1 - weight, weight]) / spreads
    weights = sample.weight * (N_PAIRS / sample.weight.sum())
    regression = LogisticRegression().fit(
        (slopes @ parts)[:, None], sample.match, sample_weight=weights
    )
    factor, bias = regression.coef_.item(), regression.intercept_.item()
    if weight == 1 or factor <= 0:
        factor, bias, slopes = 1.0, 0.0, np.array([0.0, 1.0])
    slope_plain, slope_learned = factor * slopes
    plain_scale, learned_scale = combined.scales.tolist()
    slope_plain /= max(plain_scale, TINY)
    coefficients = bias, slope_learned, slope_plain
    trust = max(0.0, 1 - 2 / max(sample.n_classes - 1, 1) ** 2)
    items, limits = familiar_items(plain_scale * plain, index, sample)
    head.combine(learned_scale, coefficients, items, limits, trust)


def familiar_items(items, index, sample):
    """Return a sample of training items, and the limits of the distance to familiar items."""
    step = 1 + 2 * len(index) // N_FAMILIAR
    items, weight = items[index[::step].ravel()], sample.weight[::step].repeat(2)
    D = torch.cdist(items.double(), items.double())
    nearest = D.masked_fill(SAME_ITEM * D.max() > D, torch.inf).amin(dim=1).numpy()
    is_finite = np.isfinite(nearest)
    if not is_finite.any():
        return items, (0.0, TINY)
    near, far = np.quantile(
        nearest[is_finite], FAMILIAR, weights=weight[is_finite], method="inverted_cdf"
    )
    return items, (near, max(far, near + TINY))


def weighted_std(values, weight):
    """Return the standard deviation of weighted values."""
    mean = np.average(values, weights=weight)
    return np.sqrt(np.average((values - mean) ** 2, weights=weight))
