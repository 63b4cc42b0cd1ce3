"""Splitters of pairs: no identity in training and test, and what that costs in pairs."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from sksiamese import PairKFold, PairShuffleSplit, PairTransformer, SiameseVerifier, make_pairs

SPLITTERS = [
    PairKFold(4),
    PairKFold(3, shuffle=True, random_state=0),
    PairShuffleSplit(5, test_size=0.3, random_state=0),
    PairShuffleSplit(3, test_size=4, train_size=0.5, random_state=1),
]
each_splitter = pytest.mark.parametrize("splitter", SPLITTERS, ids=str)


@pytest.fixture(scope="module")
def identities():
    return np.random.default_rng(0).integers(16, size=(400, 2))


@each_splitter
def test_test_pairs_share_no_identity_with_training_pairs(splitter, identities):
    splits = list(splitter.split(identities, groups=identities))
    assert len(splits) == splitter.get_n_splits()
    for train, test in splits:
        assert len(train)
        assert len(test)
        assert not set(identities[train].flat) & set(identities[test].flat)
        assert len(set(train)) == len(train)
        assert len(set(test)) == len(test)


@each_splitter
def test_the_pairs_in_neither_part_are_counted(splitter, identities):
    dropped = splitter.n_dropped(identities, groups=identities)
    splits = splitter.split(identities, groups=identities)
    assert dropped.tolist() == [400 - len(train) - len(test) for train, test in splits]
    assert (dropped > 0).all()


def test_no_pair_is_dropped_that_need_not_be(identities):
    for train, test in PairKFold(4).split(identities, groups=identities):
        tested = np.unique(identities[test])
        inside = np.isin(identities, tested)
        assert inside[test].all()
        rest = np.setdiff1d(np.arange(400), np.concatenate([train, test]))
        assert (inside[rest].sum(axis=1) == 1).all()


def test_every_identity_is_tested_in_one_fold():
    same = np.repeat(np.arange(10), 3)[:, None].repeat(2, axis=1)
    tested = [set(same[test].flat) for _, test in PairKFold(5).split(same, groups=same)]
    assert set.union(*tested) == set(range(10))
    assert sum(map(len, tested)) == 10
    assert PairKFold(5).n_dropped(groups=same).tolist() == [0] * 5


@pytest.mark.parametrize(
    "splitter", [PairKFold(3, shuffle=True), PairShuffleSplit(2, test_size=0.3)], ids=str
)
def test_the_same_seed_gives_the_same_splits(splitter, identities):
    def tests(seed):
        splitter.random_state = seed
        return [test.tolist() for _, test in splitter.split(identities, groups=identities)]

    assert tests(0) == tests(0)
    assert tests(0) != tests(1)


def test_identities_may_be_strings_and_come_in_a_table(identities):
    names = np.array([f"person {n:02d}" for n in range(16)])[identities]
    expected = list(PairKFold(3).split(identities, groups=identities))
    for groups in (names, names.astype(object), pd.DataFrame(names), names.tolist()):
        for found, parts in zip(PairKFold(3).split(names, groups=groups), expected, strict=True):
            for one, other in zip(found, parts, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (None, "groups is None, but labels are required"),
        ([["a", "b"], ["b", None]], "groups has 1 missing labels"),
        ([[0, 1], [1, np.nan]], "groups has 1 missing labels"),
        ([0, 1], r"groups must have shape.*pass y\[pairs.index\]"),
        ([[0, 1, 2]] * 2, r"groups must have shape"),
        ([[0, 1]] * 4, "inconsistent numbers of samples"),
        ([[0, 1], [1, 0]], "0 training and 0 test pairs.*make_pairs"),
        ([[0, 0], [0, 0]], "has 1 identities, .*: Cannot have .* n_splits=2 greater.*Make fewer"),
    ],
)
def test_what_cannot_be_split_is_refused_with_the_remedy(groups, message):
    with pytest.raises(ValueError, match=message):
        list(PairKFold(2).split([0, 0], groups=groups))


def test_a_share_of_too_few_identities_is_told_of_identities():
    with pytest.raises(ValueError, match=r"groups has 1 identities, .*train set will be empty"):
        list(PairShuffleSplit(2, test_size=0.5).split([0, 0], groups=[[0, 0], [0, 0]]))


@pytest.fixture(scope="module")
def pairs(digits):
    X, _, y, _ = digits
    pairs, match, _ = make_pairs(X, y, n_pairs=1500, as_view=True, random_state=0)
    return pairs, match, y[pairs.index]


@each_splitter
def test_cross_validation_and_search_pass_the_groups_on(pairs, splitter):
    view, match, groups = pairs
    model = LogisticRegression(max_iter=300)
    features = PairTransformer(output="abs_diff").fit_transform(view) / 16
    scores = cross_val_score(model, features, match, groups=groups, cv=splitter)
    expected = [
        model.fit(features[train], match[train]).score(features[test], match[test])
        for train, test in splitter.split(view, match, groups)
    ]
    np.testing.assert_allclose(scores, expected)
    search = GridSearchCV(model, {"C": [0.1, 1]}, cv=splitter).fit(features, match, groups=groups)
    assert search.n_splits_ == splitter.get_n_splits()
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_validate(model, features, match, params={"groups": groups}, cv=splitter)
    np.testing.assert_allclose(routed["test_score"], scores)


def test_a_search_over_a_verifier_of_a_view_takes_pair_folds(pairs):
    view, match, groups = pairs
    verifier = SiameseVerifier(max_iter=2, random_state=0)
    search = GridSearchCV(verifier, {"margin": [0.5, 2.0]}, cv=PairKFold(2), scoring="roc_auc")
    assert (search.fit(view, match, groups=groups).cv_results_["mean_test_score"] > 0.5).all()
