"""Splitters of pairs that keep the identities of training and test apart."""

from abc import abstractmethod
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold, ShuffleSplit
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import (
    RealNotInt,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import type_of_target

from .._checks import Interval, argument_errors
from .._labels import as_labels

SIZES = [
    Interval(RealNotInt, 0, 1, closed="neither"),
    Interval(Integral, 1, None, closed="left"),
    None,
]
"""Shares, or numbers, of identities."""


class _PairSplit(BaseCrossValidator):
    """Splits of identities, and of those pairs of which both identities are on one side."""

    __metadata_request__split = {"groups": True}

    _parameter_constraints: dict = {"stratify": ["boolean"], "random_state": ["random_state"]}

    @abstractmethod
    def _splitter(self):
        """Return the splitter of identities, one of scikit-learn's."""

    def split(self, X, y=None, groups=None):
        """Split pairs so that no identity is in training and in test.

        Parameters
        ----------
        X : array-like of shape (n_pairs, ...), default=None
            Pairs; only their number is used.

        y : array-like of shape (n_pairs,), default=None
            Labels of the pairs, such as whether they match. If None, a pair matches if its
            identities are equal.

        groups : array-like of shape (n_pairs, 2)
            Identities of the left and of the right item of each pair.

        Yields
        ------
        train : ndarray of int
            Row numbers of the training pairs, in ascending order.

        test : ndarray of int
            Row numbers of the test pairs, in ascending order.

        Raises
        ------
        ValueError
            If ``groups`` has another shape, another length than ``X`` or ``y``, or lacks an
            identity, if there are fewer identities than needed, if a part of a split has no
            pair or, with ``stratify=True``, lacks a label, or if ``y`` is continuous.
        """
        for parts in self._split_parts(X, y, groups):
            for name, (rows, lacking) in zip(("training", "test"), parts, strict=True):
                if len(rows):
                    continue
                remedies = (
                    "Make fewer or larger splits, or draw pairs within groups of identities, as "
                    "make_pairs(n_groups=...) does"
                )
                if lacking is None:
                    raise ValueError(
                        f"A split has no {name} pair of which both identities are on one side. "
                        f"{remedies}."
                    )
                raise ValueError(
                    f"A split has no {name} pair that {lacking}, so the share of the labels cannot "
                    f"be kept. {remedies}, or set stratify=False to keep all other pairs."
                )
            (train, _), (test, _) = parts
            yield train, test

    def n_dropped(self, X=None, y=None, groups=None):
        """Count the pairs that are in neither part of each split.

        Parameters
        ----------
        X : array-like of shape (n_pairs, ...), default=None
            Pairs; only their number is used.

        y : array-like of shape (n_pairs,), default=None
            Labels of the pairs, as in :meth:`split`.

        groups : array-like of shape (n_pairs, 2)
            Identities of both items of each pair.

        Returns
        -------
        n_dropped : ndarray of int of shape (n_splits,)
            Number of pairs with one identity on either side, plus, with ``stratify=True``, of
            those that are dropped to keep the share of the labels.
        """
        return np.array(
            [
                len(as_labels(groups, "groups", of_pairs=True))
                - sum(len(rows) for rows, _ in parts)
                for parts in self._split_parts(X, y, groups)
            ]
        )

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X : object
            Ignored.

        y : object
            Ignored.

        groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            Number of splits, as passed to the constructor.
        """
        return self.n_splits

    def _split_parts(self, X, y, groups):
        """Return (row numbers, missing label) of the training and the test pairs of all splits."""
        validate_parameter_constraints(
            self._parameter_constraints, vars(self), caller_name=type(self).__name__
        )
        splitter = self._splitter()
        groups = as_labels(groups, "groups", of_pairs=True)
        with argument_errors("X", "must hold one row for each pair", "y", "groups"):
            check_consistent_length(X, y, groups)
        identities, codes = np.unique(groups, return_inverse=True)
        codes = codes.reshape(groups.shape)
        kinds = self._pair_kinds(y, codes)
        try:
            splits = list(splitter.split(identities))
        except ValueError as error:
            raise ValueError(
                f"groups has {len(identities)} identities, which are the samples that are split: "
                f"{error} Make fewer or smaller splits, or give more identities."
            ) from error
        rng = check_random_state(0 if self.random_state is None else self.random_state)
        row_numbers = (
            [np.flatnonzero(np.isin(codes, p).all(axis=1)) for p in parts] for parts in splits
        )
        return [[_keep_proportions(rows, *kinds, rng) for rows in parts] for parts in row_numbers]

    def _pair_kinds(self, y, codes):
        """Return the label of each pair as a number, and the description of each number."""
        if not self.stratify:
            return np.zeros(len(codes), dtype=int), [None]
        if y is None:
            match = codes[:, 0] == codes[:, 1]
            names, kinds = np.unique(match, return_inverse=True)
            return kinds, ["matches" if match else "does not match" for match in names]
        y = as_labels(y)
        if type_of_target(y) == "continuous":
            raise ValueError(
                "y is continuous, so there is no share of labels to keep; set stratify=False."
            )
        names, kinds = np.unique(y, return_inverse=True)
        return kinds, [f"has the label {name!r}" for name in names.tolist()]


def _keep_proportions(rows, kinds, names, rng):
    """Drop surplus pairs so that each kind has the same share as among all pairs.

    Parameters
    ----------
    rows : ndarray of int of shape (n_rows,)
        Row numbers of the pairs of one part of a split.

    kinds : ndarray of int of shape (n_pairs,)
        Kind of every pair, in [0, n_kinds).

    names : list of str or None, of length n_kinds
        Description of each kind.

    rng : RandomState
        Source of randomness.

    Returns
    -------
    rows : ndarray of int
        Row numbers of the pairs that are kept, in ascending order.

    lacking : str or None
        Description of a kind of which there is no pair, so that none at all are kept.
    """
    totals, counts = (np.bincount(part, minlength=len(names)) for part in (kinds, kinds[rows]))
    share = (counts / totals).min()
    if not share:
        return rows[:0], names[counts.argmin()] if len(rows) else None
    n_kept = np.maximum(1, np.rint(share * totals).astype(int))
    kept = [
        rng.choice(rows[kinds[rows] == kind], n, replace=False) for kind, n in enumerate(n_kept)
    ]
    return np.sort(np.concatenate(kept)), None


class PairKFold(_PairSplit):
    """K folds of identities: test pairs have none that training pairs have.

    The identities are cut into folds as ``KFold`` does. The test pairs of a fold are
    those of which both identities are in it, the training pairs those of which neither
    is. Pairs with one identity inside and one outside are dropped: of non-matching
    pairs drawn at random about 2 (k - 1) / k^2 in every split, of matching pairs none.
    So that training and test pairs keep the share of matches of all pairs, surplus
    matching pairs are dropped as well; :meth:`n_dropped` counts all of them. If pairs can
    be drawn anew, ``make_pairs(n_groups=k)`` with ``GroupKFold`` drops none.

    Read more in the :ref:`User Guide <pairs>`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, >= 2.

    shuffle : bool, default=False
        Whether to shuffle the identities before they are cut into folds.

    stratify : bool, default=True
        Whether training and test pairs keep the share of each label among all pairs, to the
        nearest pair, by dropping pairs of the labels in surplus. The labels are those of
        ``y`` or, without ``y``, whether the identities of a pair are equal. If False, all
        pairs of two identities on one side are kept, and the share of matches rises.

    random_state : int, RandomState instance or None, default=None
        Source of randomness if ``shuffle`` is true, and of the choice of surplus pairs; None
        makes that choice by the seed 0. Pass an int for the same folds at every call.

    See Also
    --------
    PairShuffleSplit : Draws the identities of each test set anew.
    make_pairs : Draws pairs within groups of identities.

    Examples
    --------
    >>> from sksiamese import PairKFold
    >>> groups = [["a", "a"], ["a", "b"], ["b", "c"], ["c", "d"], ["d", "d"], ["b", "b"]]
    >>> folds = PairKFold(n_splits=2)
    >>> for train, test in folds.split(groups, groups=groups):
    ...     print(train, test)
    [3 4] [1 5]
    [0 1] [3 4]
    >>> folds.n_dropped(groups=groups)
    array([2, 2])
    """

    _parameter_constraints: dict = {
        **_PairSplit._parameter_constraints,
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "shuffle": ["boolean"],
    }

    def __init__(self, n_splits=5, *, shuffle=False, stratify=True, random_state=None):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.stratify = stratify
        self.random_state = random_state

    def _splitter(self):
        return KFold(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)


class PairShuffleSplit(_PairSplit):
    """Random splits of identities: test pairs have none that training pairs have.

    The identities for test, and for training, are drawn anew for every split. Pairs are
    dropped as by :class:`~sksiamese.PairKFold`.

    Read more in the :ref:`User Guide <pairs>`.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits, >= 1.

    test_size : float or int, default=None
        Share of the identities for test, in (0, 1), or their number; by default what
        ``train_size`` leaves, or 0.1.

    train_size : float or int, default=None
        Share of the identities for training, in (0, 1), or their number; by default what
        ``test_size`` leaves.

    stratify : bool, default=True
        Whether training and test pairs keep the share of each label among all pairs, to the
        nearest pair, by dropping pairs of the labels in surplus. The labels are those of
        ``y`` or, without ``y``, whether the identities of a pair are equal. If False, all
        pairs of two identities on one side are kept, and the share of matches rises.

    random_state : int, RandomState instance or None, default=None
        Source of randomness; pass an int for the same splits at every call.

    See Also
    --------
    PairKFold : Every identity is in one test set.

    Examples
    --------
    >>> from sksiamese import PairShuffleSplit
    >>> groups = [["a", "a"], ["a", "b"], ["b", "c"], ["c", "d"], ["d", "d"], ["b", "b"]]
    >>> splits = PairShuffleSplit(n_splits=2, test_size=0.5, random_state=2)
    >>> for train, test in splits.split(groups, groups=groups):
    ...     print(train, test)
    [1 5] [3 4]
    [3 4] [0 1]
    """

    _parameter_constraints: dict = {
        **_PairSplit._parameter_constraints,
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "test_size": SIZES,
        "train_size": SIZES,
    }

    def __init__(
        self, n_splits=10, *, test_size=None, train_size=None, stratify=True, random_state=None
    ):
        self.n_splits = n_splits
        self.test_size = test_size
        self.train_size = train_size
        self.stratify = stratify
        self.random_state = random_state

    def _splitter(self):
        return ShuffleSplit(
            self.n_splits,
            test_size=self.test_size,
            train_size=self.train_size,
            random_state=self.random_state,
        )
