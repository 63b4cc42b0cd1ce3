"""Splitters of pairs with disjoint identities in training and test."""

from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, KFold, ShuffleSplit
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import (
    RealNotInt,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import type_of_target

from .._checks import Interval, argument_errors
from .._labels import as_labels
from .._typing import RandomStateLike

SIZES = [
    Interval(RealNotInt, 0, 1, closed="neither"),
    Interval(Integral, 1, None, closed="left"),
    None,
]
"""Constraints of the share or number of identities."""


class _PairSplit(BaseCrossValidator):
    """Base class of splitters of identities; they keep pairs with both identities on one side."""

    __metadata_request__split = {"groups": True}

    _parameter_constraints: dict = {"stratify": ["boolean"], "random_state": ["random_state"]}

    @abstractmethod
    def _splitter(self):
        """Return a splitter of scikit-learn for the identities."""

    def split(
        self, X: ArrayLike | None, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate row numbers of training and test pairs with disjoint identities.

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
            If ``groups`` has an invalid shape, another length than ``X`` or ``y``, or missing
            identities, if there are too few identities, if the training or test set of a split
            has no pair or, with ``stratify=True``, no pair of a label, or if ``y`` is
            continuous.
        """
        for parts in self._split_parts(X, y, groups):
            for name, (rows, lacking) in zip(("training", "test"), parts, strict=True):
                if len(rows):
                    continue
                remedies = (
                    "Make fewer or larger splits, or draw pairs within groups of identities by "
                    "make_pairs(n_groups=...)"
                )
                if lacking is None:
                    raise ValueError(
                        f"A split has no {name} pair with both identities on one side. {remedies}."
                    )
                raise ValueError(
                    f"A split has no {name} pair that {lacking}, so the shares of the labels "
                    f"cannot be kept. {remedies}, or set stratify=False to keep all other pairs."
                )
            (train, _), (test, _) = parts
            yield train, test

    def n_dropped(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> np.ndarray:
        """Count the pairs of each split that are in neither training nor test.

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
            Number of pairs with one identity on each side, plus, with ``stratify=True``, the
            number of pairs dropped to keep the shares of the labels.
        """
        return np.array(
            [
                len(as_labels(groups, "groups", of_pairs=True))
                - sum(len(rows) for rows, _ in parts)
                for parts in self._split_parts(X, y, groups)
            ]
        )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
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
        """Return (row numbers, missing label) of training and test pairs for all splits."""
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
                f"groups has {len(identities)} identities, which are the samples to split: "
                f"{error} Make fewer or smaller splits, or pass more identities."
            ) from error
        rng = check_random_state(0 if self.random_state is None else self.random_state)
        row_numbers = (
            [np.flatnonzero(np.isin(codes, p).all(axis=1)) for p in parts] for parts in splits
        )
        return [[_keep_proportions(rows, *kinds, rng) for rows in parts] for parts in row_numbers]

    def _pair_kinds(self, y, codes):
        """Return a code of the label of each pair, and a description of each code."""
        if not self.stratify:
            return np.zeros(len(codes), dtype=int), [None]
        if y is None:
            match = codes[:, 0] == codes[:, 1]
            names, kinds = np.unique(match, return_inverse=True)
            return kinds, ["matches" if match else "does not match" for match in names]
        y = as_labels(y)
        if type_of_target(y) == "continuous":
            raise ValueError(
                "y is continuous and has no shares of labels to keep; set stratify=False."
            )
        names, kinds = np.unique(y, return_inverse=True)
        return kinds, [f"has the label {name!r}" for name in names.tolist()]


def _keep_proportions(rows, kinds, names, rng):
    """Drop surplus pairs to keep the share of each kind among all pairs.

    Parameters
    ----------
    rows : ndarray of int of shape (n_rows,)
        Row numbers of the pairs of one part of a split.

    kinds : ndarray of int of shape (n_pairs,)
        Kind of each pair, in [0, n_kinds).

    names : list of str or None, of length n_kinds
        Description of each kind.

    rng : RandomState
        Random number generator.

    Returns
    -------
    rows : ndarray of int
        Row numbers of the remaining pairs, in ascending order.

    lacking : str or None
        Description of a kind without pairs; all pairs are dropped in this case.
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
    """K-fold splitter of pairs with disjoint identities in training and test.

    The identities are split into folds by ``KFold``. Test pairs have both identities in the
    fold, training pairs have both identities outside of it. Pairs with one identity inside and
    one outside are dropped: no matching pairs, and a share of about 2 (k - 1) / k^2 of random
    non-matching pairs in each split. By default, surplus matching pairs are dropped as well, so
    that training and test pairs keep the share of matches among all pairs; :meth:`n_dropped`
    counts all dropped pairs. If new pairs can be drawn, ``make_pairs(n_groups=k)`` with
    ``GroupKFold`` drops none.

    Read more in the :ref:`User Guide <identities>`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, >= 2.

    shuffle : bool, default=False
        Whether to shuffle the identities before splitting them into folds.

    stratify : bool, default=True
        Whether to keep the share of each label among all pairs, up to rounding, by dropping
        surplus pairs of the other labels. Labels are the values of ``y`` or, without ``y``,
        whether the identities of a pair are equal. If False, all pairs with both identities on
        one side are kept, and the share of matches increases.

    random_state : int, RandomState instance or None, default=None
        Controls the order of the identities if ``shuffle=True``, and the choice of surplus
        pairs, for which None is the seed 0. Pass an int for reproducible results.

    See Also
    --------
    PairShuffleSplit : Split identities at random.
    make_pairs : Draw pairs within groups of identities.

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

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        stratify: bool = True,
        random_state: RandomStateLike = None,
    ) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.stratify = stratify
        self.random_state = random_state

    def _splitter(self):
        return KFold(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)


class PairShuffleSplit(_PairSplit):
    """Random splitter of pairs with disjoint identities in training and test.

    Training and test identities are drawn independently for each split. Pairs are dropped as by
    :class:`~sksiamese.PairKFold`.

    Read more in the :ref:`User Guide <identities>`.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits, >= 1.

    test_size : float or int, default=None
        Share of the identities for test, in (0, 1), or their number. By default the complement
        of ``train_size``, or 0.1.

    train_size : float or int, default=None
        Share of the identities for training, in (0, 1), or their number. By default the
        complement of ``test_size``.

    stratify : bool, default=True
        Whether to keep the share of each label among all pairs, up to rounding, by dropping
        surplus pairs of the other labels. Labels are the values of ``y`` or, without ``y``,
        whether the identities of a pair are equal. If False, all pairs with both identities on
        one side are kept, and the share of matches increases.

    random_state : int, RandomState instance or None, default=None
        Controls the splits. Pass an int for reproducible results.

    See Also
    --------
    PairKFold : Split identities into folds.

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
        self,
        n_splits: int = 10,
        *,
        test_size: float | None = None,
        train_size: float | None = None,
        stratify: bool = True,
        random_state: RandomStateLike = None,
    ) -> None:
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
