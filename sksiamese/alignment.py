"""Alignment of series by dynamic time warping.

:func:`time_warping` is a distance of this package: pass it to an estimator, with its options set by
``functools.partial``. Series of different lengths are padded with NaN, see :func:`pad_series`.
"""

from functools import partial

import torch
from torch import Tensor

from ._parameters import check_count, check_real
from ._typing import ArrayLike

__all__ = ["pad_series", "time_warping"]

CELLS_AT_ONCE = 2**17
"""Number of cells of an anti-diagonal, of all pairs, that are computed at once."""


def pad_series(series: ArrayLike) -> Tensor:
    """Pad series of different lengths with NaN, to rows of one length.

    Parameters
    ----------
    series : sequence of array-like of shape (n_steps_i, n_channels) or (n_steps_i,)
        Series with the same channels.

    Returns
    -------
    X : Tensor of shape (n_series, n_steps * n_channels)
        Rows of the length of the longest series, step by step, as for the tower ``"tdnn"`` with
        ``input_shape=(n_steps, n_channels)``.

    Raises
    ------
    ValueError
        If there are no series, or they differ in their channels.

    Examples
    --------
    >>> from sksiamese.alignment import pad_series
    >>> pad_series([[1.0, 2.0, 3.0], [4.0]])
    tensor([[1., 2., 3.],
            [4., nan, nan]])
    """
    series = [torch.as_tensor(one) for one in series]
    if len({tuple(one.shape[1:]) for one in series}) != 1 or series[0].ndim not in (1, 2):
        raise ValueError(
            "series must be arrays of shape (n_steps, n_channels) or (n_steps,) with the same "
            f"channels, got shapes {[tuple(one.shape) for one in series[:5]]}."
        )
    dtype = torch.promote_types(series[0].dtype, torch.float32)
    series = [one.to(dtype) for one in series]
    padded = torch.nn.utils.rnn.pad_sequence(series, True, padding_value=torch.nan)
    return padded.flatten(1)


def time_warping(
    A: Tensor, B: Tensor, *, n_channels: int = 1, band: float = 1.0, normalize: bool = True
) -> Tensor:
    r"""Compute the dynamic time warping distances between all series of two sets.

    A path of steps :math:`(i, j)` aligns both series from their first to their last steps. The
    distance is the sum of :math:`\|a_i - b_j\|` over the path with the least sum, divided by the
    number of its steps. The local cost is the distance of two steps, not its square, so that a
    single bad step does not dominate.

    The gradient is the gradient along this path. It is exact except where two paths have the
    same sum, finite everywhere, and needs no temperature, unlike a soft minimum.

    Parameters
    ----------
    A : Tensor of shape (..., n, n_steps_a * n_channels)
        Series, step by step. Steps with NaN are ignored: pad shorter series with NaN.

    B : Tensor of shape (..., m, n_steps_b * n_channels)
        Series.

    n_channels : int, default=1
        Number of values of each step, >= 1.

    band : float, default=1.0
        Greatest difference of the relative positions, :math:`i / (n_i - 1)` and
        :math:`j / (n_j - 1)` counted from 0, of two aligned steps, in [0, 1]. At 0, each step
        is aligned with the nearest relative position only. By default there is no limit.

    normalize : bool, default=True
        Whether to divide the sum by the number of steps of the path.

    Returns
    -------
    D : Tensor of shape (..., n, m)
        Distances, in the unit of a step, in [0, inf). They are symmetric, but do not satisfy the
        triangle inequality.

    Raises
    ------
    ValueError
        If the columns are not a multiple of ``n_channels``, a series has no steps, ``band`` is not
        in [0, 1], or ``normalize`` is no boolean.

    References
    ----------
    H. Sakoe, S. Chiba, "Dynamic programming algorithm optimization for spoken word recognition",
    IEEE Transactions on Acoustics, Speech, and Signal Processing 26, 1978.

    Examples
    --------
    >>> import torch
    >>> from sksiamese.alignment import pad_series, time_warping
    >>> series = pad_series([[0.0, 1.0, 5.0], [0.0, 1.0, 1.0, 5.0], [0.0, 1.0]])
    >>> time_warping(series[:1], series)
    tensor([[0.0000, 0.0000, 1.3333]])
    """
    n_channels = check_count("n_channels", n_channels)
    band = check_real("band", band, least=0, most=1)
    if not isinstance(normalize, bool):
        raise ValueError(f"normalize must be True or False, got {normalize!r}.")
    A, B = torch.as_tensor(A), torch.as_tensor(B)
    dtype = torch.promote_types(torch.promote_types(A.dtype, B.dtype), torch.float32)
    A, B = A.to(dtype), B.to(dtype)
    shape = torch.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A, n = _steps(A.expand(*shape, *A.shape[-2:]), n_channels, "A")
    B, m = _steps(B.expand(*shape, *B.shape[-2:]), n_channels, "B")
    function = _distances_along_paths if _needs_gradient(A, B) else _least_distances
    distances = partial(function, band=band, normalize=normalize)
    with torch.set_grad_enabled(_needs_gradient(A, B)):
        D = _by_blocks(distances, A, B, n, m)
    return D.reshape(*shape, A.shape[1], B.shape[1])


def _needs_gradient(A, B):
    """Return whether a gradient is recorded."""
    return torch.is_grad_enabled() and (A.requires_grad or B.requires_grad)


def _steps(X, n_channels, name):
    """Return series of shape (n_sets, n, n_steps, n_channels), valid steps first, and lengths."""
    if X.shape[-1] % n_channels:
        raise ValueError(
            f"{name} has {X.shape[-1]} columns, which is not a multiple of n_channels={n_channels}."
        )
    X = X.reshape(-1, X.shape[-2], X.shape[-1] // n_channels, n_channels)
    valid = ~X.isnan().any(dim=-1)
    lengths = valid.sum(dim=-1)
    if not lengths.all():
        raise ValueError(f"{name} has a series without steps; remove series that contain only NaN.")
    order = valid.int().argsort(dim=-1, descending=True, stable=True).unsqueeze(-1)
    X = X.take_along_dim(order, dim=2)
    return X.where(~X.isnan(), 0)[:, :, : lengths.max()], lengths


def _by_blocks(distances, A, B, n, m):
    """Compute distances for blocks of series of similar lengths; return (n_sets, n, m)."""
    n_rows = min(A.shape[2], B.shape[2])
    if len(A) > 1:
        size = max(1, CELLS_AT_ONCE // (n_rows * A.shape[1] * B.shape[1]))
        parts = zip(*(one.split(size) for one in (A, B, n, m)), strict=True)
        return torch.cat([distances(*part) for part in parts])
    wide = max(1, min(CELLS_AT_ONCE // (8 * n_rows), B.shape[1]))
    high = max(1, CELLS_AT_ONCE // (wide * n_rows))
    order, turn = n[0].argsort(), m[0].argsort()
    columns = [
        torch.cat([distances(A[:, i], B[:, j], n[:, i], m[:, j]) for i in order.split(high)], dim=1)
        for j in turn.split(wide)
    ]
    return torch.cat(columns, dim=2)[:, order.argsort()][:, :, turn.argsort()]


def _least_distances(A, B, n, m, *, band, normalize):
    """Compute distances without a gradient."""
    sums, counts, _ = _accumulate(A, B, n, m, band, with_counts=normalize)
    return sums / counts if normalize else sums


def _distances_along_paths(A, B, n, m, *, band, normalize):
    """Compute distances with the gradient along the best paths."""
    n_sets, n_a, n_b = len(A), A.shape[1], B.shape[1]
    with torch.no_grad():
        A_cut, B_cut = (X[:, :, : k.max()].detach() for X, k in ((A, n), (B, m)))
        *_, moves = _accumulate(A_cut, B_cut, n, m, band, with_moves=True)
        i, j, on_path = _trace(moves, *_ends(n, m))
    which = torch.arange(n_sets * n_a, device=A.device).view(n_sets, n_a, 1)
    of_a = which.expand(-1, -1, n_b).flatten()
    which = torch.arange(n_sets * n_b, device=A.device).view(n_sets, 1, n_b)
    of_b = which.expand(-1, n_a, -1).flatten()
    cost = (A.flatten(0, 1)[of_a, i] - B.flatten(0, 1)[of_b, j]).norm(dim=-1)
    sums = (cost * on_path).sum(dim=0)
    return (sums / on_path.sum(dim=0) if normalize else sums).view(n_sets, n_a, n_b)


def _ends(n, m):
    """Return the last row and the last column of each pair, both flat."""
    shape = n.shape[0], n.shape[1], m.shape[1]
    return (k.expand(shape).flatten() - 1 for k in (n.unsqueeze(2), m.unsqueeze(1)))


def _local_products(A, B):
    """Return two factors, step by step: their products are squared distances."""
    center = B.mean(dim=(0, 1, 2))
    A, B = A - center, B - center
    a, b = A.square().sum(dim=-1, keepdim=True), B.square().sum(dim=-1, keepdim=True)
    left = torch.cat([A, a, torch.ones_like(a)], dim=-1).permute(2, 0, 1, 3)
    right = torch.cat([-2 * B, torch.ones_like(b), b], dim=-1).permute(2, 0, 3, 1)
    return left.contiguous(), right.flip(0).contiguous()


def _row_bounds(n, m, band, n_rows, n_columns):
    """Return the first and last row inside the band on each anti-diagonal, of any pair."""
    d = torch.arange(n_rows + n_columns - 1, device=n.device)
    lo, hi = (d - n_columns + 1).clamp_min(0), d.clamp_max(n_rows - 1)
    if band < 1:
        i, j, d = n.clamp_min(1).double(), m.clamp_min(1).double(), d.unsqueeze(1)
        first, last = (
            i * (d + sign * (_widths(n, m, band) + 1e-6) * j) / (i + j) for sign in (-1, 1)
        )
        is_over = d > n + m
        first = first.masked_fill(is_over, torch.inf).amin(dim=1).sub(1e-6).ceil()
        last = last.masked_fill(is_over, -torch.inf).amax(dim=1).add(1e-6).floor()
        lo = lo.maximum(first.clamp(0, n_rows - 1).long())
        hi = hi.minimum(last.clamp(0, n_rows - 1).long().cummax(dim=0).values)
    return lo.tolist(), hi.tolist()


def _widths(n, m, band):
    """Return the half width of the band of each pair, wide enough for a path."""
    return (0.5 / n.minimum(m).double()).clamp(band, 1)


def _accumulate(A, B, n, m, band, *, with_counts=False, with_moves=False):
    """Find the paths of least sum of all pairs, along anti-diagonals.

    Parameters
    ----------
    A, B : Tensor of shape (n_sets, n_a, n_steps_a, k), Tensor of shape (n_sets, n_b, n_steps_b, k)
        Series, padded with zeros.

    n, m : Tensor of int64 of shape (n_sets, n_a), Tensor of int64 of shape (n_sets, n_b)
        Lengths.

    band : float
        See :func:`time_warping`.

    with_counts, with_moves : bool, default=False
        Whether to record the numbers of steps and the moves.

    Returns
    -------
    sums, counts : Tensor of shape (n_sets, n_a, n_b)
        Sum of the costs and number of steps of the best path.

    moves : Tensor of uint8 of shape (n_diagonals, n_steps_a, n_pairs)
        Last move to each cell: 0 from the corner, 1 from above, 2 from the left.
    """
    shape = n.shape[0], n.shape[1], m.shape[1]
    n_rows, n_columns = int(n.max()), int(m.max())
    left, right = _local_products(A[:, :, :n_rows], B[:, :, :n_columns])
    ends = list(_ends(n, m))
    lo, hi = _row_bounds(*ends, band, n_rows, n_columns)
    outside = _outside_band(n_rows, *ends, band, left.dtype)
    n_pairs = len(ends[0])
    sums = [left.new_full((n_rows + 1, n_pairs), torch.inf) for _ in range(3)]
    counts = [left.new_zeros((n_rows + 1, n_pairs)) for _ in range(3)]
    sums[1][0] = 0
    found = left.new_empty((2, n_pairs))
    moves = left.new_zeros((len(lo) * with_moves, n_rows, n_pairs), dtype=torch.uint8)
    finished = _pairs_by_end(*ends, len(lo))
    for d, (first, last) in enumerate(zip(lo, hi, strict=True)):
        now, before, corner = (which % 3 for which in (d, d - 1, d - 2))
        rows, above = slice(first + 1, last + 2), slice(first, last + 1)
        shift = n_columns - 1 - d
        cost = left[above] @ right[shift + first : shift + last + 1]
        cost = cost.clamp_min_(0).sqrt_().flatten(1)
        if band < 1:
            cost.add_(outside(above, d), alpha=1e30)
        least = sums[corner][above], sums[before][above], sums[before][rows]
        sums[now][lo[max(d - 3, 0)] + 1 : first + 1] = torch.inf
        best = torch.minimum(least[0], least[1]).minimum(least[2])
        torch.add(cost, best, out=sums[now][rows])
        if with_counts or with_moves:
            from_corner, from_above = _origin(*least)
        if with_moves:
            moves[d, above] = (2 - from_above * (1 + from_corner)).byte()
        if with_counts:
            count = counts[before][above].lerp(counts[corner][above], from_corner)
            torch.lerp(counts[before][rows], count, from_above, out=counts[now][rows]).add_(1)
        sums[corner][0] = torch.inf
        for which, table in enumerate((sums[now], counts[now])):
            found[which, finished[d]] = table[ends[0][finished[d]] + 1, finished[d]]
    return *found.view(2, *shape), moves


def _pairs_by_end(last_row, last_column, n_diagonals):
    """Return the pairs with their last cell on each anti-diagonal."""
    end = last_row + last_column
    return end.argsort().split(end.bincount(minlength=n_diagonals).tolist())


def _origin(corner, above, left):
    """Return masks of the least of three cells, as floats, which are faster than booleans.

    The masks are 1 if the corner is at most the cell above, and if one of both is at most the
    cell on the left.
    """
    from_corner, from_above = torch.empty_like(corner), torch.empty_like(corner)
    torch.le(corner, above, out=from_corner)
    torch.le(corner.minimum(above), left, out=from_above)
    return from_corner, from_above


def _outside_band(n_rows, n, m, band, dtype):
    """Return a function that marks the cells outside the band, for rows of an anti-diagonal."""
    width = (_widths(n, m, band) + 1e-6).to(dtype)
    per_row, per_column = (1 / k.clamp_min(1).to(dtype) for k in (n, m))
    position = torch.arange(n_rows, device=n.device).unsqueeze(1) * (per_row + per_column)

    def outside(rows, d):
        gap = (position[rows] - d * per_column).abs_()
        return torch.gt(gap, width, out=gap)

    return outside


def _trace(moves, i, j):
    """Return the rows and columns of each path from its end, (n_cells, n_pairs), and a mask."""
    pair = torch.arange(len(i), device=i.device)
    rows, columns, on_path = [], [], []
    for _ in range(len(moves)):
        inside = (i >= 0) & (j >= 0)
        i, j = i.where(inside, 0), j.where(inside, 0)
        rows.append(i), columns.append(j), on_path.append(inside)
        move = moves[i + j, i, pair]
        i, j = (
            (i - (move != 2).long()).where(inside, -1),
            (j - (move != 1).long()).where(inside, -1),
        )
    return torch.stack(rows), torch.stack(columns), torch.stack(on_path)
