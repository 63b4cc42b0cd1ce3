"""Pairs of rows: drawing them from labelled rows, joining and taking them apart.

A pair is one row of 2 * n_features columns, left item then right item, the layout of
``fetch_lfw_pairs().data``, so that everything in scikit-learn that cuts a 2-D array by
rows works on pairs. A ``PairView`` is the same by row numbers of the items.
"""

import warnings
from math import prod

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_random_state
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import _num_samples

from ._labels import alike, as_labels, is_missing, present_labels
from ._metrics_verification import check_count
from ._pair_view import PairView

__all__ = ["make_pairs", "pairs_from_triplets", "split_pairs", "stack_pairs"]


def stack_pairs(left, right):
    """Join two arrays of items into pairs.

    Parameters
    ----------
    left : {array-like, sparse matrix} of shape (n_pairs, ...)
        Left items; whatever has more than two dimensions is flattened.

    right : {array-like, sparse matrix} of the shape of ``left``
        Right items.

    Returns
    -------
    P : {ndarray, CSR matrix} of shape (n_pairs, 2 * n_features)
        The pairs; sparse if an item is.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from sksiamese import stack_pairs
    >>> stack_pairs([[1, 2]], [[3, 4]])
    array([[1, 2, 3, 4]])
    """
    if sparse.issparse(left) or sparse.issparse(right):
        left, right = sparse.csr_array(left), sparse.csr_array(right)
    else:
        left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape or left.ndim < 2:
        raise ValueError(
            f"left and right must have the same shape (n_pairs, n_features), got {left.shape} "
            f"and {right.shape}."
        )
    if sparse.issparse(left):
        return sparse.hstack([left, right], format="csr")
    return np.hstack([left.reshape(len(left), -1), right.reshape(len(right), -1)])


def split_pairs(P):
    """Take pairs apart into left and right items.

    Parameters
    ----------
    P : {array-like, sparse matrix, PairView} of shape (n_pairs, 2 * n_features) \
            or (n_pairs, 2, ...)
        The pairs. With an odd number of columns the middle one belongs to both items,
        and a warning says so.

    Returns
    -------
    left, right : ndarrays of shape (n_pairs, n_features)
        The items; numpy's views where possible. Those of a ``PairView`` are of the kind of
        its items.

    Raises
    ------
    ValueError
        If ``P`` has one dimension, or more than two of which the second is not 2.

    Examples
    --------
    >>> from sksiamese import split_pairs
    >>> left, right = split_pairs([[1, 2, 3, 4]])
    >>> right
    array([[3, 4]])
    """
    if isinstance(P, PairView):
        return P.left, P.right
    P = P.tocsr() if sparse.issparse(P) else flatten_pairs(np.asarray(P))
    if P.ndim != 2:
        raise ValueError(f"P must have shape (n_pairs, 2 * n_features), got {P.shape}.")
    n_columns = P.shape[1]
    half = (n_columns + 1) // 2
    if n_columns % 2:
        warnings.warn(
            f"Pairs have an odd number of columns ({n_columns}), so the middle one is taken to "
            f"belong to both items; drop or add a column if that is not meant.",
            UserWarning,
            stacklevel=2,
        )
    return P[:, :half], P[:, n_columns - half :]


def flatten_pairs(P):
    """Turn (n_pairs, 2, ...) into (n_pairs, 2 * n_features); leave all else as it is.

    Parameters
    ----------
    P : object
        Pairs in either layout.

    Returns
    -------
    P : object
        A 2-D array if an array of more than two dimensions came.

    Raises
    ------
    ValueError
        If there are more than two dimensions and the second is not 2.
    """
    if isinstance(P, list | tuple):
        P = np.asarray(P)
    if getattr(P, "ndim", 2) <= 2:
        return P
    if P.shape[1] != 2:
        raise ValueError(
            f"Pairs of shape {P.shape} are not understood: the second of more than two "
            "dimensions must be 2; pass (n_pairs, 2, n_features) or (n_pairs, 2 * n_features)."
        )
    return np.asarray(P).reshape(len(P), -1)


def to_view(P):
    """Turn pairs into a view of their items, without a copy where the layout allows it.

    Parameters
    ----------
    P : {ndarray, sparse matrix, PairView} of shape (n_pairs, 2 * n_features)
        The pairs. An odd number of columns is split as by :func:`split_pairs`.

    Returns
    -------
    view : PairView
        The same pairs; what came as a view is that view.
    """
    if isinstance(P, PairView):
        return P
    n_pairs, n_columns = P.shape
    number = np.arange(2 * n_pairs)
    if not sparse.issparse(P) and n_columns % 2 == 0:
        return PairView(P.reshape(2 * n_pairs, n_columns // 2), number.reshape(-1, 2))
    sides = split_pairs(P)
    items = sparse.vstack(sides, format="csr") if sparse.issparse(P) else np.vstack(sides)
    return PairView(items, number.reshape(2, -1).T)


def pairs_from_triplets(triplets, items=None):
    """Make a matching and a non-matching pair of every triplet.

    Parameters
    ----------
    triplets : array-like of shape (n_triplets, 3, ...), or of int of shape (n_triplets, 3)
        Anchor, an item that matches it, and one that does not: the items themselves, or
        their row numbers in ``items``.

    items : {array-like, sparse matrix, DataFrame} of shape (n_items, ...), default=None
        The items, if ``triplets`` holds row numbers.

    Returns
    -------
    P : {ndarray of shape (2 * n_triplets, 2 * n_features), PairView}
        The pairs, both of a triplet in a row; a view if ``items`` is given.

    match : ndarray of bool of shape (2 * n_triplets,)
        Whether the items of a pair match.

    groups : ndarray of int of shape (2 * n_triplets,)
        Number of the triplet; ``GroupKFold`` keeps both of its pairs together.

    Raises
    ------
    ValueError
        If ``triplets`` has another shape.

    Examples
    --------
    >>> from sksiamese import pairs_from_triplets
    >>> P, match, groups = pairs_from_triplets([[[1, 1], [1, 2], [9, 9]]])
    >>> P
    array([[1, 1, 1, 2],
           [1, 1, 9, 9]])
    >>> match.tolist(), groups.tolist()
    ([True, False], [0, 0])
    """
    triplets = np.asarray(triplets)
    if triplets.ndim < 2 or triplets.shape[1] != 3 or (triplets.ndim > 2) != (items is None):
        raise ValueError(
            f"triplets of shape {triplets.shape} are not understood; pass items of shape "
            "(n_triplets, 3, n_features), or row numbers of shape (n_triplets, 3) and items."
        )
    n_triplets = len(triplets)
    pairs = triplets[:, [0, 1, 0, 2]].reshape(2 * n_triplets, 2 * prod(triplets.shape[2:]))
    match = np.tile([True, False], n_triplets)
    groups = np.arange(n_triplets).repeat(2)
    return (pairs if items is None else PairView(items, pairs)), match, groups


def make_pairs(
    X, y, *, n_pairs, n_groups=1, unlabeled_label=None, as_view=False, random_state=None
):
    """Draw matching and non-matching pairs of labelled rows.

    Half of the pairs match (one fewer if ``n_pairs`` is odd). No pair is drawn twice,
    in either order, and no row is paired with itself; every possible pair of a group
    is equally likely.

    With ``n_groups`` > 1 the identities, the distinct labels, are dealt out at random to
    so many groups, and both items of a pair come from the same group. Passed on to
    ``GroupKFold``, ``groups`` then makes folds in which no identity of a test pair has
    been seen in training, which is what tells how a verifier fares with newcomers.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Rows; items of more than one dimension are flattened.

    y : array-like of shape (n_samples,)
        Label of the identity of every row.

    n_pairs : int
        Number of pairs to draw, >= 2.

    n_groups : int, default=1
        Number of groups of identities, >= 1. Every group needs two identities.

    unlabeled_label : object, default=None
        Label of rows that are in no pair, such as -1 where ``y`` numbers chunks of rows
        that are known to match. Rows of different chunks are taken not to match. NaN stands
        for every label that is missing: NaN, None or NA.

    as_view : bool, default=False
        Whether to give the pairs as a :class:`~sksiamese.PairView` of ``X``, which copies
        no row.

    random_state : int, RandomState instance or None, default=None
        Source of randomness; pass an int for the same pairs at every call.

    Returns
    -------
    P : {ndarray, CSR matrix, PairView} of shape (n_pairs, 2 * n_features)
        The pairs, in random order, in the dtype of ``X``.

    match : ndarray of bool of shape (n_pairs,)
        Whether the labels of both items are equal.

    groups : ndarray of int of shape (n_pairs,)
        Group of identities of each pair, in [0, n_groups).

    Raises
    ------
    ValueError
        If there are fewer than two identities to a group, or fewer different pairs in
        a group than are to be drawn from it, a number is not whole, or a label is missing and
        ``unlabeled_label`` is not NaN.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import make_pairs
    >>> X, y = load_digits(return_X_y=True)
    >>> P, match, groups = make_pairs(X, y, n_pairs=1000, n_groups=5, random_state=0)
    >>> P.shape, int(match.sum())
    ((1000, 128), 500)
    """
    check_count("n_pairs", n_pairs, 2)
    check_count("n_groups", n_groups, 1)
    rng = check_random_state(random_state)
    n_rows, labeled, y = _labeled(y, unlabeled_label)
    if _num_samples(X) != n_rows:
        raise ValueError(f"X has {_num_samples(X)} rows but y has {n_rows} labels.")
    identities, y = np.unique(y, return_inverse=True)
    if len(identities) < 2 * n_groups:
        raise ValueError(
            f"n_groups={n_groups} needs {2 * n_groups} identities, two to a group, but y has "
            f"{len(identities)}; lower n_groups."
        )
    group_of = np.empty(len(identities), dtype=int)
    group_of[rng.permutation(len(identities))] = np.arange(len(identities)) % n_groups

    drawn = []
    for match, total in ((True, n_pairs // 2), (False, n_pairs - n_pairs // 2)):
        for group in range(n_groups):
            members = np.flatnonzero(group_of[y] == group)
            n_draws = (total + group) // n_groups
            left, right = _draw(members, y, match, n_draws, rng)
            drawn += [(left, right, np.full(n_draws, match), np.full(n_draws, group))]
    columns = (np.concatenate(column) for column in zip(*drawn, strict=True))
    order = rng.permutation(n_pairs)
    left, right, match, groups = (column[order] for column in columns)
    left, right = labeled[left], labeled[right]
    if as_view:
        return PairView(X, np.column_stack([left, right])), match, groups
    rows = check_array(X, accept_sparse="csr", dtype=None, allow_nd=True, ensure_all_finite=False)
    return stack_pairs(rows[left], rows[right]), match, groups


def _labeled(y, unlabeled_label):
    """Return the number of rows, the row numbers of those that have a label, and their labels."""
    if unlabeled_label is not None and is_missing(unlabeled_label):
        is_present, labels = present_labels(y)
        return len(is_present), np.flatnonzero(is_present), labels
    labels = as_labels(y, remedy="pass unlabeled_label=np.nan to leave their rows out")
    if unlabeled_label is None:
        return len(labels), np.arange(len(labels)), labels
    (unlabeled,), comparable = alike([unlabeled_label], labels, "unlabeled_label", "y")
    rows = np.flatnonzero(comparable != unlabeled)
    return len(labels), rows, labels[rows]


def _draw(rows, y, match, n_draws, rng):
    """Draw pairs of rows without replacement from all those that match, or do not.

    With the rows sorted by identity, the partners of a row that come after it are a run:
    up to the end of its identity if the pair is to match, from there to the end of all
    rows if not. So the pairs can be numbered without being listed.
    """
    rows = rows[np.argsort(y[rows], kind="stable")]
    end = np.searchsorted(y[rows], y[rows], side="right")
    first = np.arange(len(rows)) + 1 if match else end
    n_partners = (end if match else len(rows)) - first
    upto = np.cumsum(n_partners)
    if n_draws > upto[-1]:
        raise ValueError(
            f"n_pairs asks for {n_draws} {'matching' if match else 'non-matching'} pairs from a "
            f"group of {len(rows)} rows, which has {upto[-1]}; lower n_pairs or n_groups."
        )
    number = sample_without_replacement(upto[-1], n_draws, random_state=rng)
    left = np.searchsorted(upto, number, side="right")
    right = first[left] + number - (upto[left] - n_partners[left])
    swap = rng.random(n_draws) < 0.5
    return rows[np.where(swap, right, left)], rows[np.where(swap, left, right)]
