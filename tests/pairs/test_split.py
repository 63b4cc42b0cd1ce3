"""Test splitters of pairs: disjoint identities and dropped pairs."""

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
def test_dropped_pairs_are_counted(splitter, identities):
    dropped = splitter.n_dropped(identities, groups=identities)
    splits = splitter.split(identities, groups=identities)
    assert dropped.tolist() == [400 - len(train) - len(test) for train, test in splits]
    assert (dropped > 0).all()


def test_only_pairs_across_parts_are_dropped(identities):
    for train, test in PairKFold(4, stratify=False).split(identities, groups=identities):
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


def drawn_pairs(n_people, n_rows, n_pairs, **options):
    """Return the matches and identities of pairs of people with equally many rows."""
    people = np.repeat(np.arange(n_people), n_rows)
    rows = np.zeros((len(people), 1))
    options = {"n_pairs": n_pairs, "as_view": True, "random_state": 0, **options}
    pairs, match, _ = make_pairs(rows, people, **options)
    return match, people[pairs.index]


@pytest.mark.parametrize("n_splits", [2, 4, 8])
@pytest.mark.parametrize(("n_matching", "n_other"), [(300, 1500), (1500, 1500), (1500, 300)])
@pytest.mark.parametrize("kind", [PairKFold, PairShuffleSplit])
def test_every_part_keeps_the_share_of_matches(kind, n_splits, n_matching, n_other):
    match, people = drawn_pairs(64, 12, 3000)
    kept = [np.flatnonzero(match)[:n_matching], np.flatnonzero(~match)[:n_other]]
    kept = np.sort(np.concatenate(kept))
    match, people = match[kept], people[kept]
    splitter = kind(n_splits, **({"test_size": 0.3} if kind is PairShuffleSplit else {}))
    for parts in splitter.split(match, match, people):
        for rows in parts:
            ratio = n_matching / n_other
            off = abs(match[rows].sum() - ratio * (~match[rows]).sum())
            assert off <= 0.5 * max(1, ratio)
            assert (np.diff(rows) > 0).all()


def test_all_pairs_of_the_rarer_label_are_kept():
    match, people = drawn_pairs(30, 6, 800)
    whole = PairKFold(3, stratify=False).split(match, match, people)
    for kept, found in zip(PairKFold(3).split(match, match, people), whole, strict=True):
        for some, rows in zip(kept, found, strict=True):
            assert set(some) < set(rows)
            assert set(rows[~match[rows]]) <= set(some)


def test_the_share_of_matches_follows_labels_or_else_identities():
    match, people = drawn_pairs(20, 8, 600)
    splits = [list(PairKFold(4).split(match, y, people)) for y in (match, None)]
    np.testing.assert_equal(*splits)
    forged = np.where(match, np.arange(600) % 4, 0)  # labels of pairs of one writer each
    own = np.column_stack([people[:, 0]] * 2)
    for train, test in PairKFold(4).split(match, forged, own):
        for rows in (train, test):
            shares = np.bincount(forged[rows], minlength=4) / len(rows)
            np.testing.assert_allclose(shares, np.bincount(forged) / 600, atol=0.02)


def test_pairs_that_all_match_are_all_kept():
    same = np.repeat(np.arange(10), 3)[:, None].repeat(2, axis=1)
    for labels in (None, np.ones(30), ["same"] * 30):
        assert PairKFold(5).n_dropped(y=labels, groups=same).tolist() == [0] * 5


def test_labels_in_any_container_give_the_same_splits():
    match, people = drawn_pairs(20, 8, 600)
    expected = list(PairKFold(4).split(match, match, people))
    for labels in (
        match.tolist(),
        match.astype(float)[:, None],
        np.where(match, "same", "different"),
        pd.Series(match, dtype="boolean"),
    ):
        np.testing.assert_equal(list(PairKFold(4).split(match, labels, people)), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no (training|test) pair that does not match.*n_groups.*stratify=False"),
        ({"y": ["yes", "yes", "no", "no"]}, "no training pair that has the label 'yes'"),
        ({"y": [0.5, 0.1, 0.7, 0.3]}, "y is continuous.*stratify=False"),
        ({"y": [0, 1, None, 1]}, "y has 1 missing labels"),
        ({"y": [0, 1, 1]}, "inconsistent numbers of samples"),
    ],
)
def test_impossible_shares_of_matches_are_refused_with_working_remedies(options, message):
    groups = [["a", "a"], ["b", "b"], ["a", "c"], ["c", "c"]]
    splitter = PairKFold(2)
    with pytest.raises(ValueError, match=message):
        list(splitter.split(groups, groups=groups, **options))
    if "stratify" in message:
        splitter.stratify = False
        assert len(list(splitter.split(groups, groups=groups, **options))) == 2


def test_the_choice_of_surplus_pairs_is_repeatable_and_follows_the_seed():
    match, people = drawn_pairs(20, 8, 600)

    def tests(**options):
        splits = PairKFold(4, **options).split(match, match, people)
        return [test.tolist() for _, test in splits]

    assert tests() == tests()
    shuffled = tests(shuffle=True, random_state=3)
    assert shuffled == tests(shuffle=True, random_state=3)
    before = np.random.get_state()[1].copy()
    tests(shuffle=True, random_state=1)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


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
        ([[0, 1], [1, 0]], "no training pair with both identities.*make_pairs"),
        ([[0, 0], [0, 0]], "has 1 identities, .*: Cannot have .* n_splits=2 greater.*Make fewer"),
    ],
)
def test_impossible_splits_are_refused_with_the_remedy(groups, message):
    with pytest.raises(ValueError, match=message):
        list(PairKFold(2).split([0, 0], groups=groups))


def test_errors_of_test_size_count_identities():
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


def test_a_search_over_a_view_accepts_pair_folds(pairs):
    view, match, groups = pairs
    verifier = SiameseVerifier(width=32, max_iter=2, random_state=0)
    search = GridSearchCV(verifier, {"margin": [0.5, 2.0]}, cv=PairKFold(2), scoring="roc_auc")
    assert (search.fit(view, match, groups=groups).cv_results_["mean_test_score"] > 0.5).all()
