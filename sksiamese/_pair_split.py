"""Splitters of pairs that keep the identities of training and test apart."""

from abc import abstractmethod

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold, ShuffleSplit
from sklearn.utils import check_consistent_length

from ._labels import as_labels


class _PairSplit(BaseCrossValidator):
    """Splits of identities, and of those pairs of which both identities are on one side."""

    __metadata_request__split = {"groups": True}

    @abstractmethod
    def _splitter(self):
        """The splitter of identities, one of scikit-learn's."""

    def split(self, X, y=None, groups=None):
        """Split pairs so that no identity is in training and in test.

        Parameters
        ----------
        X : array-like of shape (n_pairs, ...), default=None
            Pairs; ``groups`` tells all but their number.

        y : array-like of shape (n_pairs,), default=None
            Their labels, of which there is the number to tell, too.

        groups : array-like of shape (n_pairs, 2)
            Identities of the left and of the right item of each pair.

        Yields
        ------
        train : ndarray of int
            Pairs of two identities for training.

        test : ndarray of int
            Pairs of two identities for test. Pairs with one identity of each are in neither.

        Raises
        ------
        ValueError
            If ``groups`` has another shape, another length than ``X`` or ``y``, or lacks an
            identity, there are fewer identities than it takes, or a part of a split has no pair.
        """
        check_consistent_length(X, y, groups)
        for train, test in self._parts(groups):
            if not len(train) or not len(test):
                raise ValueError(
                    f"A split has {len(train)} training and {len(test)} test pairs of which both "
                    "identities are on one side. Make fewer or larger splits, or draw pairs within "
                    "groups of identities, as make_pairs(n_groups=...) does."
                )
            yield train, test

    def n_dropped(self, X=None, y=None, groups=None):
        """Count the pairs that each split leaves out.

        Parameters
        ----------
        X : object
            Ignored, as in :meth:`split`.

        y : object
            Ignored.

        groups : array-like of shape (n_pairs, 2)
            Identities of both items of each pair.

        Returns
        -------
        n_dropped : ndarray of int of shape (n_splits,)
            Number of pairs that are neither in training nor in test.
        """
        return np.array(
            [len(groups) - len(train) - len(test) for train, test in self._parts(groups)]
        )

    def get_n_splits(self, X=None, y=None, groups=None):
        """Number of splits.

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
            As the constructor was given it.
        """
        return self.n_splits

    def _parts(self, groups):
        """Training and test pairs of every split, be they none."""
        groups = as_labels(groups, "groups", of_pairs=True)
        identities, codes = np.unique(groups, return_inverse=True)
        codes = codes.reshape(groups.shape)
        try:
            splits = list(self._splitter().split(identities))
        except ValueError as error:
            raise ValueError(
                f"groups has {len(identities)} identities, which are the samples that are split: "
                f"{error} Make fewer or smaller splits, or give more identities."
            ) from error
        for parts in splits:
            yield tuple(np.flatnonzero(np.isin(codes, part).all(axis=1)) for part in parts)


class PairKFold(_PairSplit):
    """K folds of identities: test pairs have none that training pairs have.

    The identities are cut into folds as ``KFold`` does. The test pairs of a fold are
    those of which both identities are in it, the training pairs those of which neither
    is. Pairs with one identity inside and one outside are dropped, of non-matching
    pairs drawn at random about 2 (k - 1) / k^2 in every split; :meth:`n_dropped` counts
    them. Where pairs can be drawn anew, ``make_pairs(n_groups=k)`` with ``GroupKFold`` loses
    none.

    Read more in the :ref:`User Guide <pairs>`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, >= 2.

    shuffle : bool, default=False
        Whether to shuffle the identities before they are cut into folds.

    random_state : int, RandomState instance or None, default=None
        Source of randomness if ``shuffle`` is true; pass an int for the same folds at
        every call.

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
    [3 4] [0 1 5]
    [0 1 5] [3 4]
    >>> folds.n_dropped(groups=groups)
    array([1, 1])
    """

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _splitter(self):
        return KFold(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)


class PairShuffleSplit(_PairSplit):
    """Random splits of identities: test pairs have none that training pairs have.

    As :class:`~sksiamese.PairKFold`, but the identities for test, and for training, are
    drawn anew for every split.

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

    random_state : int, RandomState instance or None, default=None
        Source of randomness; pass an int for the same splits at every call.

    See Also
    --------
    PairKFold : Every identity is in one test set.

    Examples
    --------
    >>> from sksiamese import PairShuffleSplit
    >>> groups = [["a", "a"], ["a", "b"], ["b", "c"], ["c", "d"], ["d", "d"], ["b", "b"]]
    >>> splits = PairShuffleSplit(n_splits=2, test_size=0.5, random_state=0)
    >>> for train, test in splits.split(groups, groups=groups):
    ...     print(train, test)
    [0 1 5] [3 4]
    [4 5] [0]
    """

    def __init__(self, n_splits=10, *, test_size=None, train_size=None, random_state=None):
        self.n_splits = n_splits
        self.test_size = test_size
        self.train_size = train_size
        self.random_state = random_state

    def _splitter(self):
        return ShuffleSplit(
            self.n_splits,
            test_size=self.test_size,
            train_size=self.train_size,
            random_state=self.random_state,
        )
