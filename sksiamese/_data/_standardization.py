"""Compute mean and scale of the training rows."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler

from ..towers import Standardize
from ._chunks import row_slices
from ._items import WIDE_DTYPES, to_tensor


class Block(NamedTuple):
    """Columns of an item, and the rule for their mean and scale."""

    columns: slice | list
    """Columns of the block."""

    shape: tuple
    """Shape of these columns in the item."""

    axes: tuple | None
    """Negative axes of ``shape`` that share one mean and scale; () for a mean and scale of each
    column; None for columns that are not scaled."""


def fit_standardize(*parts, rows, sample_weight=None, blocks=()):
    """Return a layer that standardizes by the rows of all parts together, read in chunks.

    Rows are read in ascending order. Columns outside ``blocks`` have their own mean and scale.

    The columns of a sparse matrix are not centered, so that zeros stay zeros. They share one
    scale, so that rare columns do not become large, except in ``blocks``, where each column has
    its own.
    """
    if sample_weight is not None:
        rows = rows[sample_weight[rows] > 0]
        # Squares of large weights overflow; division by a power of two is exact.
        sample_weight = np.ldexp(sample_weight, -np.frexp(sample_weight.max())[1])
    rows = np.sort(rows)
    n_features, wide = parts[0].shape[1], parts[0].dtype == np.float64
    origin = _integer_offset(parts, rows, blocks)
    unscaled = _unscaled_columns(blocks, n_features)
    if unscaled.all():
        return Standardize(np.zeros(n_features), np.ones(n_features), wide=wide)
    if issparse(parts[0]):
        scale = _sparse_scale(parts, rows, sample_weight, blocks)
        return Standardize(np.zeros(n_features), np.where(unscaled, 1, scale), wide=wide)
    scaler = _fit_scaler(parts, rows, sample_weight, origin)
    moments = np.where(unscaled, 0, scaler.mean_ + scaler.scale_)
    _check_no_overflow(moments, scaler.n_samples_seen_)
    mean, scale = scaler.mean_, scaler.scale_
    for block in blocks:
        if block.axes:
            mean[block.columns], scale[block.columns] = _pool_moments(scaler, block)
    mean, scale = np.where(unscaled, 0, mean), np.where(unscaled, 1, scale)
    return Standardize(mean, scale, origin, wide=wide or origin is not None)


def _unscaled_columns(blocks, n_features):
    """Return a mask of the columns that are not scaled."""
    unscaled = np.zeros(n_features, dtype=bool)
    for block in blocks:
        if block.axes is None:
            unscaled[block.columns] = True
    return unscaled


def _integer_offset(parts, rows, blocks):
    """Return offsets to subtract from integers that float32 cannot represent, otherwise None.

    An offset is the minimum of its column, or of all columns of a block that shares a mean.
    """
    if issparse(parts[0]) or parts[0].dtype not in WIDE_DTYPES:
        return None
    batches = (
        to_tensor(part[rows[chunk]])
        for part in parts
        for chunk in row_slices(len(rows), part.shape[1])
    )
    low, high = zip(*(batch.aminmax(dim=0) for batch in batches), strict=True)
    low, high = torch.stack(low).amin(dim=0).long(), torch.stack(high).amax(dim=0)
    large = (low < -(2**24)) | (high > 2**24)
    if large[_unscaled_columns(blocks, len(low))].any():
        raise ValueError(
            "X has integers beyond 2**24, which float32 cannot represent exactly without "
            "scaling; pass X.astype(float), or set scaling='columns'."
        )
    if not large.any():
        return None
    for block in blocks:
        if block.axes != ():
            low[block.columns] = 0 if block.axes is None else low[block.columns].min()
    return low


def _sparse_scale(parts, rows, sample_weight, blocks):
    """Return the root mean square of all columns, or of each column of a block."""
    weight = None if sample_weight is None else np.tile(sample_weight[rows], len(parts))
    squares = [part[rows].power(2) for part in parts]
    power = [np.asarray(square.mean(axis=1)).ravel() for square in squares]
    shared = np.sqrt(np.average(np.concatenate(power), weights=weight)) or 1.0
    scale = np.full(parts[0].shape[1], shared)
    if blocks:
        weights = np.split(
            np.ones(len(rows) * len(parts)) if weight is None else weight, len(parts)
        )
        total = sum(w @ square for w, square in zip(weights, squares, strict=True))
        own = np.sqrt(total / np.sum(weights))
        for block in blocks:
            scale[block.columns] = own[block.columns]
        scale[scale == 0] = 1
    _check_no_overflow(scale, len(rows))
    return scale


def _fit_scaler(parts, rows, sample_weight, origin):
    """Return the moments of each column."""
    scaler = StandardScaler()
    unscaled = Standardize(np.zeros(1), np.ones(1), origin)
    for part in parts:
        for chunk in row_slices(len(rows), part.shape[1]):
            weight = None if sample_weight is None else sample_weight[rows[chunk]]
            batch = part[rows[chunk]]
            if origin is not None:
                batch = unscaled.to_float(to_tensor(batch)).numpy()
            with np.errstate(invalid="ignore", over="ignore"):  # All NaN.
                scaler.partial_fit(batch, sample_weight=weight)
    return scaler


def _check_no_overflow(moments, n_seen):
    """Raise unless mean and scale are finite for all columns with values."""
    if (~np.isfinite(moments) & (n_seen > 0)).any():
        raise ValueError(
            "X has values too large to square; divide its columns, for instance by "
            "sklearn.preprocessing.MaxAbsScaler."
        )


def _pool_moments(scaler, block):
    """Return the means and scales of a block, pooled along its axes."""
    mean, variance = scaler.mean_[block.columns], scaler.var_[block.columns]
    seen = np.broadcast_to(scaler.n_samples_seen_, len(scaler.mean_))[block.columns]

    def total(values):
        values = (seen * np.nan_to_num(values)).reshape(block.shape)
        sums = values.sum(axis=block.axes, keepdims=True)
        return np.broadcast_to(sums, block.shape).ravel()

    count = np.maximum(total(np.ones(len(mean))), 1)
    pooled = total(mean) / count
    scale = np.sqrt(total(variance + (mean - pooled) ** 2) / count)
    constant = scale <= 1e-12 * np.abs(pooled)
    return pooled, np.where(constant, 1, scale)
