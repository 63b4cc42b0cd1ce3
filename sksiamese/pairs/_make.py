"""Draw pairs from labeled rows."""

from functools import partial
from math import ceil
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.random import sample_without_replacement

from .._checks import Interval, as_floats, validate_params
from .._data._streaming import is_source
from .._hard_negatives import check_neighbors, nearest_negatives
from .._labels import as_labels, is_missing, present_labels, to_common_dtype
from .._parameters import check_count
from .._typing import MatrixLike, RandomStateLike
from ._items import as_items
from ._layout import stack_pairs
from ._view import PairView


@validate_params(
    {
        "match_share": [Interval(Real, 0, 1, closed="both")],
        "balance": [StrOptions({"identity", "pair"})],
        "as_view": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_pairs(
    X: MatrixLike,
    y: ArrayLike,
    *,
    n_pairs: int,
    match_share: float = 0.5,
    balance: Literal["identity", "pair"] = "pair",
    n_groups: int = 1,
    unlabeled_label: Any = None,
    Z: ArrayLike | None = None,
    ranks: tuple[int, int] = (0, 10),
    neighbors: Any = None,
    as_view: bool = False,
    random_state: RandomStateLike = None,
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Draw matching and non-matching pairs of labeled rows.

    No pair is drawn twice, in either order, and no row is paired with itself. With the
    default ``balance``, all possible pairs of a group are equally likely.

    With ``n_groups`` > 1, the identities (the distinct labels) are randomly assigned to
    ``n_groups`` groups, and both items of a pair come from the same group. If the returned
    ``groups`` are passed to ``GroupKFold``, training and test pairs have no identity in common,
    so that scores estimate the performance on unseen identities.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...) or (n_samples,)
        Rows. Items of several dimensions are flattened. A 1-D array must hold texts.

    y : array-like of shape (n_samples,)
        Label of the identity of each row.

    n_pairs : int
        Number of pairs to draw, >= 2.

    match_share : float, default=0.5
        Share of matching pairs, in [0, 1]. Their number is rounded to the nearest integer, and
        down if two are equally near.

    balance : {"identity", "pair"}, default="pair"
        Units to draw equally often. If a few identities have most rows, "pair" draws most
        matching pairs from them, as they have most matching pairs.

        - "pair": all pairs of rows.
        - "identity": for matching pairs, all identities with at least two rows; for non-matching
          pairs, all combinations of two identities. If one of them has too few pairs, more are
          drawn from the others.

    n_groups : int, default=1
        Number of groups of identities, >= 1. Each group needs at least two identities.

    unlabeled_label : object, default=None
        Label of rows to ignore, such as -1. If the labels are numbers of groups of matching
        rows, rows of different groups are assumed not to match. NaN marks all missing labels:
        NaN, None and NA.

    Z : array-like of shape (n_samples, n_components), default=None
        Embeddings of the rows, such as ``embedder.transform(X)``. If passed, non-matching pairs
        are hard: each consists of a row and one of its nearest rows of other identities. Needs
        ``balance="pair"``.

    ranks : tuple of (start, stop), default=(0, 10)
        Ranks of these nearest rows, by their Euclidean distance in ``Z``. A start above 0 leaves
        out the nearest ones, which may have a wrong label. Ignored without ``Z``.

    neighbors : object with ``fit`` and ``kneighbors``, default=None
        Index to search with, such as ``NearestNeighbors()`` or an approximate one. A copy is
        fitted to ``Z``. By default, all distances are computed. Ignored without ``Z``.

    as_view : bool, default=False
        Whether to return the pairs as a :class:`~sksiamese.PairView` of ``X``, which does not
        copy rows.

    random_state : int, RandomState instance or None, default=None
        Controls the drawing of pairs. Pass an int for reproducible results.

    Returns
    -------
    P : {ndarray, CSR matrix, DataFrame, PairView} of shape (n_pairs, 2 * n_features)
        Pairs in random order, in the dtype of ``X``; for a DataFrame as by
        :func:`stack_pairs`.

    match : ndarray of bool of shape (n_pairs,)
        Whether the labels of both items are equal.

    groups : ndarray of int of shape (n_pairs,)
        Group of identities of each pair, in [0, n_groups).

    Raises
    ------
    ValueError
        If there are fewer than two identities per group, if a group has too few different pairs,
        if a number is not an integer or is out of range, or if a label is missing and
        ``unlabeled_label`` is not NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import make_pairs
    >>> X, y = load_digits(return_X_y=True)
    >>> P, match, groups = make_pairs(X, y, n_pairs=1000, n_groups=5, random_state=0)
    >>> P.shape, int(match.sum())
    ((1000, 128), 500)

    Non-matching pairs of digits that look alike:

    >>> for Z in (None, X):
    ...     P, match, _ = make_pairs(X, y, n_pairs=1000, Z=Z, random_state=0)
    ...     distance = np.linalg.norm(P[:, :64] - P[:, 64:], axis=1)
    ...     print(round(distance[~match].mean()))
    50
    33

    Rows of 101 identities, half of them from one identity:

    >>> y = np.repeat(np.arange(101), [200] + 100 * [2])
    >>> for balance in ("pair", "identity"):
    ...     P, match, _ = make_pairs(
    ...         y[:, None], y, n_pairs=200, match_share=0.25, balance=balance, random_state=0
    ...     )
    ...     print(int(match.sum()), len(np.unique(P[match])))
    50 1
    50 50
    """
    check_count("n_pairs", n_pairs, 2)
    check_count("n_groups", n_groups, 1)
    rng = check_random_state(random_state)
    X = X if is_source(X) else as_items(X, "X")
    n_rows, labeled, y = _labeled_rows(y, unlabeled_label)
    if X.shape[0] != n_rows:
        raise ValueError(f"X has {X.shape[0]} rows but y has {n_rows} labels.")
    if Z is not None:
        check_neighbors(neighbors)
        Z = _check_embedding(Z, n_rows, balance)[labeled]
        draw_nearest = partial(_draw_nearest, Z=Z, ranks=ranks, neighbors=neighbors)
    identities, y = np.unique(y, return_inverse=True)
    if len(identities) < 2 * n_groups:
        raise ValueError(
            f"n_groups={n_groups} needs {2 * n_groups} identities, two per group, but y has "
            f"{len(identities)}; lower n_groups."
        )
    group_of = np.empty(len(identities), dtype=int)
    group_of[rng.permutation(len(identities))] = np.arange(len(identities)) % n_groups

    draws = []
    draw = _draw_by_pair if balance == "pair" else _draw_by_identity
    n_matching = ceil(n_pairs * match_share - 0.5)
    for match, total in ((True, n_matching), (False, n_pairs - n_matching)):
        for group in range(n_groups):
            members = np.flatnonzero(group_of[y] == group)
            n_draws = (total + group) // n_groups
            if match or Z is None:
                left, right = draw(members, y, match, n_draws, rng)
            else:
                left, right = draw_nearest(members, y, n_draws, rng)
            draws += [(left, right, np.full(n_draws, match), np.full(n_draws, group))]
    columns = (np.concatenate(column) for column in zip(*draws, strict=True))
    order = rng.permutation(n_pairs)
    left, right, match, groups = (column[order] for column in columns)
    left, right = labeled[left], labeled[right]
    pairs = PairView(X, np.column_stack([left, right]))
    return (pairs if as_view else stack_pairs(pairs.left, pairs.right)), match, groups


def pairs_of_rows(X, y):
    """Draw pairs of rows for the training on rows, half of them matching, as a view.

    Returns
    -------
    pairs : PairView
        About two pairs for each row.

    match : ndarray of bool of shape (n_pairs,)
        Whether the classes of both items are equal.

    labels : ndarray of shape (n_rows,)
        Validated classes of the rows.

    Raises
    ------
    ValueError
        If no two rows match, or all of them do.
    """
    labels = as_labels(y, warn=True)
    sizes = np.unique(labels, return_counts=True)[1]
    n_matching = (sizes * (sizes - 1)).sum() // 2
    n_others = len(labels) * (len(labels) - 1) // 2 - n_matching
    if not (n_matching and n_others):
        raise ValueError(
            "y must have two classes, and a class with two rows, so that there are matching and "
            "non-matching pairs; pass more rows."
        )
    n_pairs = 2 * min(len(labels), n_matching, n_others)
    pairs, match, _ = make_pairs(X, labels, n_pairs=n_pairs, as_view=True, random_state=0)
    return pairs, match, labels


def _labeled_rows(y, unlabeled_label):
    """Return the number of rows, the row numbers of the labeled rows, and their labels."""
    if unlabeled_label is not None and is_missing(unlabeled_label):
        is_present, labels = present_labels(y)
        return len(is_present), np.flatnonzero(is_present), labels
    labels = as_labels(y, remedy="pass unlabeled_label=np.nan to ignore their rows")
    if unlabeled_label is None:
        return len(labels), np.arange(len(labels)), labels
    (unlabeled,), converted = to_common_dtype([unlabeled_label], labels, "unlabeled_label", "y")
    rows = np.flatnonzero(converted != unlabeled)
    return len(labels), rows, labels[rows]


def _draw_by_pair(rows, y, match, n_draws, rng):
    """Draw pairs without replacement from all matching, or all non-matching, pairs of rows.

    If the rows are sorted by identity, the later partners of a row are consecutive: up to the
    end of its identity for matching pairs, from there to the last row for non-matching pairs.
    Pairs can thus be numbered without a list of all of them.
    """
    rows = rows[np.argsort(y[rows], kind="stable")]
    end = np.searchsorted(y[rows], y[rows], side="right")
    first = np.arange(len(rows)) + 1 if match else end
    n_partners = (end if match else len(rows)) - first
    cumulative = np.cumsum(n_partners)
    _check_n_draws(n_draws, cumulative[-1], match, len(rows))
    number = sample_without_replacement(cumulative[-1], n_draws, random_state=rng)
    left = np.searchsorted(cumulative, number, side="right")
    right = first[left] + number - (cumulative[left] - n_partners[left])
    return _swap_sides(rows[left], rows[right], rng)


def _draw_by_identity(rows, y, match, n_draws, rng):
    """Draw pairs without replacement, equally often from each identity or two identities.

    A *cell* is an identity for matching pairs, and a combination of two identities for
    non-matching pairs. Combinations, and the pairs of an identity, are numbered like the entries
    of a matrix below its diagonal.
    """
    rows = rows[np.argsort(y[rows], kind="stable")]
    first, sizes = np.unique(y[rows], return_index=True, return_counts=True)[1:]
    n_cells = len(sizes) if match else len(sizes) * (len(sizes) - 1) // 2
    n_all = (sizes * (sizes - 1)).sum() // 2
    if not match:
        n_all = len(rows) * (len(rows) - 1) // 2 - n_all
    _check_n_draws(n_draws, n_all, match, len(rows))
    if match:
        cells = np.flatnonzero(sizes > 1)
    else:
        cells = sample_without_replacement(n_cells, min(n_cells, n_draws), random_state=rng)
    one, other = (cells, cells) if match else _below_diagonal(cells, len(sizes))
    capacity = sizes[one] * (sizes[one] - 1) // 2 if match else sizes[one] * sizes[other]
    n_drawn = _allocate_draws(capacity, n_draws, rng)
    is_drawn = n_drawn > 0
    numbers = [
        [single] if n == 1 else sample_without_replacement(size, n, random_state=rng)
        for single, size, n in zip(
            rng.randint(capacity[is_drawn]), capacity[is_drawn], n_drawn[is_drawn], strict=True
        )
    ]
    number = np.concatenate([np.empty(0, dtype=int), *numbers])
    one, other = one.repeat(n_drawn), other.repeat(n_drawn)
    if match:
        left, right = _below_diagonal(number, sizes.max())
    else:
        left, right = np.divmod(number, sizes[other])
    return _swap_sides(rows[first[one] + left], rows[first[other] + right], rng)


def _check_embedding(Z, n_rows, balance):
    """Return validated embeddings of all rows."""
    Z = as_floats(Z, "Z", "pass the embeddings of the rows, such as embedder.transform(X)")
    if len(Z) != n_rows:
        raise ValueError(f"Z has {len(Z)} rows but y has {n_rows} labels; embed all rows of X.")
    if balance != "pair":
        raise ValueError(
            f"balance={balance!r} cannot be combined with Z, which selects the non-matching pairs; "
            "set balance='pair'."
        )
    return Z


def _draw_nearest(rows, y, n_draws, rng, *, Z, ranks, neighbors):
    """Draw pairs without replacement of a row and a near row of another identity."""
    anchors = np.arange(len(rows))
    near = nearest_negatives(Z[rows], y[rows], anchors, ranks, neighbors=neighbors).numpy()
    left, right = np.arange(len(rows)).repeat(near.shape[1]), near.ravel()
    differ = y[rows[left]] != y[rows[right]]
    left, right = np.unique(np.sort([left[differ], right[differ]], axis=0), axis=1)
    if n_draws > len(left):
        raise ValueError(
            f"n_pairs requires {n_draws} non-matching pairs from a group of {len(rows)} rows, but "
            f"ranks={ranks} leaves {len(left)}; widen ranks, or lower n_pairs."
        )
    chosen = rng.choice(len(left), n_draws, replace=False)
    return _swap_sides(rows[left[chosen]], rows[right[chosen]], rng)


def _below_diagonal(number, size):
    """Return the rows and columns of entries below the diagonal of a matrix from their numbers."""
    before = np.cumsum(np.arange(size))
    row = np.searchsorted(before, number, side="right")
    return row, number - before[row - 1]


def _allocate_draws(capacity, n_draws, rng):
    """Return the number of draws from each cell, as equal as the capacities allow."""
    n_drawn = np.zeros(len(capacity), dtype=int)
    while n_draws:
        open_cells = np.flatnonzero(n_drawn < capacity)
        if n_draws < len(open_cells):
            n_drawn[rng.choice(open_cells, n_draws, replace=False)] += 1
            return n_drawn
        left = capacity[open_cells] - n_drawn[open_cells]
        step = np.minimum(left, n_draws // len(open_cells))
        n_drawn[open_cells] += step
        n_draws -= step.sum()
    return n_drawn


def _swap_sides(left, right, rng):
    """Swap left and right with a probability of one half."""
    swap = rng.random(len(left)) < 0.5
    return np.where(swap, right, left), np.where(swap, left, right)


def _check_n_draws(n_draws, n_all, match, n_rows):
    """Raise if there are fewer pairs than to be drawn."""
    if n_draws > n_all:
        raise ValueError(
            f"n_pairs requires {n_draws} {'matching' if match else 'non-matching'} pairs from a "
            f"group of {n_rows} rows, which has {n_all}; lower n_pairs or n_groups, or change "
            "match_share."
        )
