"""Compute mean and scale of the training rows."""

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler

from ..towers import Standardize
from ._items import WIDE_DTYPES, row_slices, to_tensor


def fit_standardize(*parts, rows, sample_weight=None, shape=None, shared_axes=None):
    """Return a layer that standardizes by the rows of all parts together, read in chunks.

    Rows are read in ascending order. Columns that differ only in their position along
    ``shared_axes`` of ``shape`` share one mean and scale. The columns of a sparse matrix are not
    centered and share one scale, so that zeros stay zeros and rare columns do not become large.
    """
    if sample_weight is not None:
        rows = rows[sample_weight[rows] > 0]
        # Squares of large weights overflow; division by a power of two is exact.
        sample_weight = np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
    rows = np.sort(rows)
    if issparse(parts[0]):
        power = [np.asarray(part[rows].power(2).mean(axis=1)).ravel() for part in parts]
        weight = None if sample_weight is None else np.tile(sample_weight[rows], len(parts))
        scale = np.sqrt(np.average(np.concatenate(power), weights=weight)) or 1.0
        _check_no_overflow(scale, len(rows))
        n_features = parts[0].shape[1]
        wide = parts[0].dtype == np.float64
        return Standardize(np.zeros(n_features), np.full(n_features, scale), wide=wide)
    scaler = StandardScaler()
    origin = _integer_offset(parts, rows, shared=shared_axes is not None)
    wide = origin is not None or parts[0].dtype == np.float64
    unscaled = Standardize(np.zeros(1), np.ones(1), origin, wide=wide)
    for part in parts:
        for chunk in row_slices(len(rows), part.shape[1]):
            weight = None if sample_weight is None else sample_weight[rows[chunk]]
            batch = part[rows[chunk]]
            if origin is not None:
                batch = unscaled.to_float(to_tensor(batch)).numpy()
            with np.errstate(invalid="ignore", over="ignore"):  # All NaN.
                scaler.partial_fit(batch, sample_weight=weight)
    mean, scale = scaler.mean_, scaler.scale_
    _check_no_overflow(mean + scale, scaler.n_samples_seen_)
    if shared_axes is not None:
        mean, scale = _pool_moments(scaler, shape, shared_axes)
    return Standardize(mean, scale, origin, wide=wide)


def _integer_offset(parts, rows, *, shared):
    """Return offsets to subtract from integers that float32 cannot represent, otherwise None.

    An offset is the minimum of its column, or of all columns if they share a mean.
    """
    if parts[0].dtype not in WIDE_DTYPES:
        return None
    batches = (
        to_tensor(part[rows[chunk]])
        for part in parts
        for chunk in row_slices(len(rows), part.shape[1])
    )
    low, high = zip(*(batch.aminmax(dim=0) for batch in batches), strict=True)
    low, high = torch.stack(low).amin(dim=0), torch.stack(high).amax(dim=0)
    if max(-int(low.min()), int(high.max())) <= 2**24:
        return None
    return (torch.full_like(low, low.min()) if shared else low).long()


def _check_no_overflow(moments, n_seen):
    """Raise unless mean and scale are finite for all columns with values."""
    if (~np.isfinite(moments) & (n_seen > 0)).any():
        raise ValueError(
            "X has values too large to square; divide its columns, for instance by "
            "sklearn.preprocessing.MaxAbsScaler."
        )


def _pool_moments(scaler, shape, shared_axes):
    """Return means and scales, pooled along some axes of an item."""
    n_features = len(scaler.mean_)
    seen = np.broadcast_to(scaler.n_samples_seen_, n_features)
    axes = tuple(axis for axis in shared_axes if -axis <= len(shape))

    def total(values):
        sums = (seen * np.nan_to_num(values)).reshape(shape).sum(axis=axes, keepdims=True)
        return np.broadcast_to(sums, shape).ravel()

    count = np.maximum(total(np.ones(n_features)), 1)
    mean = total(scaler.mean_) / count
    scale = np.sqrt(total(scaler.var_ + (scaler.mean_ - mean) ** 2) / count)
    constant = scale <= 1e-12 * np.abs(mean)
    return mean, np.where(constant, 1, scale)
