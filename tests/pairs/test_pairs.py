"""Test drawing, stacking and splitting of pairs."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import GroupKFold

from sksiamese import PairView, make_pairs, pairs_from_triplets, split_pairs, stack_pairs
from sksiamese.pairs._layout import flatten_pairs, to_view

SIZES = {0: 4, 3: 5, 5: 7, 8: 4, 9: 12, 20: 6}
"""Identities, with gaps, and the number of rows of each; any two make pairs enough."""


def labelled_rows(sizes=SIZES, dtype=np.float64):
    """Return items with their number and identity as features."""
    y = np.random.default_rng(0).permutation(np.repeat(list(sizes), list(sizes.values())))
    return np.column_stack([np.arange(len(y)), y]).astype(dtype), y


def draw(n_pairs, *, sizes=SIZES, **options):
    """Return row numbers and identities of the items of pairs, match and groups."""
    X, y = labelled_rows(sizes)
    P, match, groups = make_pairs(X, y, n_pairs=n_pairs, **options)
    (left, left_identity), (right, right_identity) = (side.T for side in split_pairs(P))
    return left, right, left_identity, right_identity, match, groups


each_number_of_groups = pytest.mark.parametrize("n_groups", [1, 2, 3])
each_number = pytest.mark.parametrize("n_pairs", [2, 7, 20])


@each_number_of_groups
@each_number
def test_half_of_the_pairs_match_by_default(n_pairs, n_groups):
    _, _, a, b, match, _ = draw(n_pairs, n_groups=n_groups, random_state=0)
    assert match.dtype == bool
    assert match.sum() == n_pairs // 2
    assert len(match) == n_pairs
    np.testing.assert_array_equal(match, a == b)


@each_number_of_groups
@pytest.mark.parametrize("seed", range(5))
def test_no_pair_is_drawn_twice_and_no_row_with_itself(seed, n_groups):
    left, right, *_ = draw(30, n_groups=n_groups, random_state=seed)
    assert (left != right).all()
    assert len({frozenset(pair) for pair in zip(left, right, strict=True)}) == 30


@each_number_of_groups
@pytest.mark.parametrize("seed", range(5))
def test_pairs_stay_within_their_group(seed, n_groups):
    _, _, a, b, match, groups = draw(30, n_groups=n_groups, random_state=seed)
    assert set(groups) == set(range(n_groups))
    members = [set(a[groups == g]) | set(b[groups == g]) for g in range(n_groups)]
    assert sum(map(len, members)) == len(set.union(*members))
    for kind in (match, ~match):
        counts = np.bincount(groups[kind], minlength=n_groups)
        assert counts.max() - counts.min() <= 1


def test_folds_by_group_share_no_identity_between_training_and_test():
    sizes = dict.fromkeys(range(12), 6)
    X, y = labelled_rows(sizes)
    P, match, groups = make_pairs(X, y, n_pairs=100, n_groups=4, random_state=0)
    identities = np.column_stack([side[:, 1] for side in split_pairs(P)])
    for train, test in GroupKFold(4).split(P, match, groups):
        assert not set(identities[train].flat) & set(identities[test].flat)
        assert len(set(match[test])) == 2


def test_groups_are_assigned_at_random():
    sizes = dict.fromkeys(range(12), 3)
    dealt = set()
    for seed in range(5):
        _, _, a, b, _, groups = draw(40, sizes=sizes, n_groups=2, random_state=seed)
        dealt.add(frozenset(a[groups == 0]) | frozenset(b[groups == 0]))
    assert len(dealt) > 1


def test_the_same_seed_draws_the_same_pairs():
    X, y = labelled_rows()
    state = np.random.get_state()[1].copy()
    one, same, other = (make_pairs(X, y, n_pairs=20, random_state=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(x, z) for x, z in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_kinds_and_groups_come_in_random_order():
    *_, match, groups = draw(30, n_groups=3, random_state=0)
    assert (np.diff(match.astype(int)) != 0).sum() > 5
    assert (np.diff(groups) != 0).sum() > 5


def test_all_pairs_can_be_drawn():
    sizes = {"a": 3, "b": 2, "c": 1}
    X = np.arange(6)[:, None]
    y = np.repeat(list(sizes), list(sizes.values()))
    matching = {frozenset(p) for p in [(0, 1), (0, 2), (1, 2), (3, 4)]}
    P, match, _ = make_pairs(X, y, n_pairs=8, random_state=0)
    assert {frozenset(pair) for pair in P[match].tolist()} == matching

    y = np.array([0, 0, 0, 0, 1, 1])
    P, match, _ = make_pairs(X, y, n_pairs=15, random_state=0)
    drawn = {frozenset(pair) for pair in P.tolist()}
    assert drawn == {frozenset((i, j)) for i in range(6) for j in range(i)}
    assert match.sum() == 7


@pytest.mark.parametrize("kind", [True, False])
def test_every_pair_is_about_equally_likely(kind):
    X, y = np.arange(6)[:, None], np.array([0, 1, 1, 0, 1, 2])
    counts = {(i, j): 0 for i in range(6) for j in range(6) if i != j and (y[i] == y[j]) == kind}
    n_calls = 2000
    rng = np.random.RandomState(0)
    for _ in range(n_calls):
        P, match, _ = make_pairs(X, y, n_pairs=2, random_state=rng)
        counts[tuple(P[match == kind][0].tolist())] += 1
    expected = n_calls / len(counts)
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "bool"])
def test_pairs_keep_the_dtype_of_the_rows(dtype):
    X, y = labelled_rows(dtype=dtype)
    assert make_pairs(X, y, n_pairs=4, random_state=0)[0].dtype == dtype


def test_items_of_more_dimensions_are_flattened():
    images = np.arange(10 * 3 * 4, dtype=np.uint8).reshape(10, 3, 4)
    y = np.arange(10) % 3
    found = make_pairs(images, y, n_pairs=10, random_state=0)
    expected = make_pairs(images.reshape(10, -1), y, n_pairs=10, random_state=0)
    assert found[0].shape == (10, 24)
    np.testing.assert_array_equal(found[0], expected[0])


def test_rows_may_be_frames_or_lists_and_identities_strings():
    X, y = labelled_rows()
    expected = make_pairs(X, y, n_pairs=20, n_groups=2, random_state=0)
    names = np.array([f"person {label:02d}" for label in y])
    for rows, labels in (
        (pd.DataFrame(X), pd.Series(y)),
        (X.tolist(), y.tolist()),
        (X, names),
    ):
        found = make_pairs(rows, labels, n_pairs=20, n_groups=2, random_state=0)
        assert all(np.array_equal(x, z) for x, z in zip(found, expected, strict=True))


def test_make_pairs_keeps_missing_values():
    X, y = labelled_rows()
    X[:, 1] = np.nan
    assert np.isnan(make_pairs(X, y, n_pairs=4, random_state=0)[0]).sum() == 8


def test_make_pairs_does_not_change_the_rows():
    X, y = labelled_rows()
    before = X.copy(), y.copy()
    P, *_ = make_pairs(X, y, n_pairs=20, random_state=0)
    P[:] = 0
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([0, 0, 1, 1], {"n_pairs": 8}, "4 matching pairs .* has 2; lower n_pairs"),
        ([0, 0, 0, 1], {"n_pairs": 7}, "4 non-matching pairs .* has 3; lower n_pairs"),
        ([0, 1, 2, 3], {"n_pairs": 2}, "1 matching pairs .* has 0"),
        ([0, 0, 0, 0], {"n_pairs": 2}, "n_groups=1 needs 2 identities.* y has 1"),
        ([0, 0, 1, 1], {"n_pairs": 2, "n_groups": 2}, "needs 4 identities.*lower n_groups"),
        ([0, 0, 1], {"n_pairs": 2}, "X has 4 rows but y has 3 labels"),
        ([0, 0, 1, 1], {"n_pairs": 1}, "n_pairs must be a whole number from 2"),
        ([0, 0, 1, 1], {"n_pairs": 2.0}, r"n_pairs must be a whole .*, got 2\.0"),
        ([0, 0, 1, 1], {"n_pairs": "2"}, "n_pairs must be a whole .*, got '2'"),
        ([0, 0, 1, 1], {"n_pairs": 2, "n_groups": 1.0}, "n_groups must be a whole number"),
        ([0, 0, 1, 1], {"n_pairs": 2, "n_groups": 0}, "n_groups must be .* from 1 .* got 0"),
        ([[0, 1], [0, 1], [1, 0], [1, 0]], {"n_pairs": 2}, "y must be a 1d array"),
    ],
)
def test_impossible_numbers_of_pairs_are_refused_with_the_remedy(y, options, message):
    with pytest.raises(ValueError, match=message):
        make_pairs(np.arange(8).reshape(4, 2), y, **options, random_state=0)


def test_pairs_are_drawn_from_many_rows_without_listing_all_of_them():
    n = 200_000
    X, y = np.arange(n)[:, None], np.arange(n) % 1000
    P, match, _ = make_pairs(X, y, n_pairs=1000, n_groups=5, random_state=0)
    np.testing.assert_array_equal(P[:, 0] % 1000 == P[:, 1] % 1000, match)
    assert P.min() < n / 20
    assert P.max() > n * 19 / 20


def items(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize("shape", [(5, 3), (5, 1), (5, 3, 2), (5, 1, 3, 2)])
def test_split_pairs_inverts_stack_pairs(shape):
    left, right = items(*shape), -items(*shape)
    P = stack_pairs(left, right)
    assert P.shape == (5, 2 * left[0].size)
    for found, side in zip(split_pairs(P), (left, right), strict=True):
        np.testing.assert_array_equal(found, side.reshape(5, -1))


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 2, 3, 4)])
def test_split_pairs_accepts_all_layouts_of_fetch_lfw_pairs(shape):
    pairs = items(*shape)
    for layout in (pairs, pairs.reshape(5, -1)):
        left, right = split_pairs(layout)
        np.testing.assert_array_equal(left, pairs[:, 0].reshape(5, -1))
        np.testing.assert_array_equal(right, pairs[:, 1].reshape(5, -1))


def test_splitting_copies_nothing():
    P = items(5, 6)
    assert all(np.shares_memory(side, P) for side in split_pairs(P))


@pytest.mark.parametrize("n_columns", [1, 3, 7])
def test_an_odd_number_of_columns_shares_the_middle_one_and_warns(n_columns):
    P = items(5, n_columns)
    with pytest.warns(UserWarning, match=rf"odd number of columns \({n_columns}\)"):
        left, right = split_pairs(P)
    half = (n_columns + 1) // 2
    np.testing.assert_array_equal(left, P[:, :half])
    np.testing.assert_array_equal(right, P[:, -half:])
    np.testing.assert_array_equal(left[:, -1], right[:, 0])


def test_1d_pairs_are_refused():
    with pytest.raises(ValueError, match=r"P must have shape \(n_pairs, 2 \* n_features\)"):
        split_pairs([1, 2, 3, 4])


@pytest.mark.parametrize("shape", [(5, 3, 2), (5, 1, 4), (5, 3, 2, 2)])
def test_arrays_of_three_items_are_refused(shape):
    with pytest.raises(ValueError, match="dimensions must be 2; pass"):
        split_pairs(items(*shape))


@pytest.mark.parametrize("shapes", [((5, 3), (5, 4)), ((5, 3), (4, 3)), ((5, 3, 2), (5, 6))])
def test_sides_of_different_shapes_are_not_stacked(shapes):
    left, right = (items(*shape) for shape in shapes)
    with pytest.raises(ValueError, match="left and right must have the same shape"):
        stack_pairs(left, right)


def test_flattening_keeps_2d_arrays():
    frame = pd.DataFrame(items(5, 4))
    assert flatten_pairs(frame) is frame
    assert flatten_pairs(items(5, 2, 3)).shape == (5, 6)


@pytest.mark.parametrize("as_view", [False, True])
@pytest.mark.parametrize("none", [-1, "none"])
def test_rows_without_a_chunk_are_in_no_pair(as_view, none):
    X, y = labelled_rows()
    chunks = np.where(np.isin(y, [0, 3, 9]), y, -1)
    if none == "none":
        chunks = np.where(chunks < 0, none, chunks.astype(str))
    P, match, _ = make_pairs(
        X, chunks, n_pairs=40, unlabeled_label=none, as_view=as_view, random_state=0
    )
    (_, left), (_, right) = (side.T for side in split_pairs(P))
    assert set(left) | set(right) == {0, 3, 9}
    np.testing.assert_array_equal(left == right, match)
    assert match.sum() == 20


TRIPLETS = np.array([[0, 1, 4], [3, 2, 0], [1, 0, 5]])


def test_a_triplet_is_a_matching_and_a_non_matching_pair():
    X = items(6, 2, 2)
    view, match, groups = pairs_from_triplets(TRIPLETS, X)
    assert view.index.tolist() == [[0, 1], [0, 4], [3, 2], [3, 0], [1, 0], [1, 5]]
    assert match.tolist() == [True, False] * 3
    assert groups.tolist() == [0, 0, 1, 1, 2, 2]
    P, same_match, same_groups = pairs_from_triplets(X[TRIPLETS])
    np.testing.assert_array_equal(P, np.asarray(view))
    np.testing.assert_array_equal(same_match, match)
    np.testing.assert_array_equal(same_groups, groups)


@pytest.mark.parametrize(
    ("triplets", "of_items"),
    [(TRIPLETS[:, :2], items(6, 2)), (TRIPLETS, None), (items(6, 2)[TRIPLETS], items(6, 2))],
)
def test_invalid_triplets_are_refused(triplets, of_items):
    with pytest.raises(ValueError, match=r"triplets have the invalid shape"):
        pairs_from_triplets(triplets, of_items)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_a_view_of_an_array_holds_the_same_pairs(container):
    P = items(5, 6)
    view = to_view(container(P))
    np.testing.assert_array_equal(np.asarray(view), P)
    assert to_view(view) is view


def test_a_view_of_an_array_copies_nothing():
    P = items(5, 6)
    assert np.shares_memory(to_view(P).items, P)


def test_a_view_of_an_odd_number_of_columns_shares_the_middle_one():
    P = items(4, 5)
    with pytest.warns(UserWarning, match="odd number of columns"):
        view = to_view(P)
    np.testing.assert_array_equal(np.asarray(view), P[:, [0, 1, 2, 2, 3, 4]])


def test_a_view_is_split_into_its_items():
    left, right = split_pairs(PairView(items(6, 2), TRIPLETS[:, :2]))
    np.testing.assert_array_equal(left, items(6, 2)[TRIPLETS[:, 0]])
    np.testing.assert_array_equal(right, items(6, 2)[TRIPLETS[:, 1]])


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 0, 1, 1, np.nan, np.nan, 2, 2]),
        np.array(["a", "a", "b", "b", None, None, "c", "c"], dtype=object),
        pd.Series(["a", "a", "b", "b", None, None, "c", "c"], dtype="string"),
    ],
    ids=["nan", "none", "na"],
)
def test_missing_labels_are_refused_unless_unlabeled_label_marks_them(labels):
    X = np.arange(8.0).reshape(8, 1)
    for unlabeled_label in (None, "a"):
        with pytest.raises(ValueError, match=r"y has 2 missing labels.*unlabeled_label=np\.nan"):
            make_pairs(X, labels, n_pairs=6, unlabeled_label=unlabeled_label)
    P, match, _ = make_pairs(X, labels, n_pairs=6, unlabeled_label=np.nan, random_state=0)
    assert match.sum() == 3
    assert not np.isin(P, [4, 5]).any()


def test_no_triplets_give_no_pairs():
    items = np.zeros((5, 2))
    view, match, groups = pairs_from_triplets(np.empty((0, 3), int), items=items)
    assert view.shape == (0, 4)
    assert len(match) == len(groups) == 0
    assert pairs_from_triplets(np.empty((0, 3, 2)))[0].shape == (0, 4)


LONG_TAIL = np.repeat(np.arange(201), [400] + 200 * [2])


def test_balance_by_identity_limits_frequent_identities():
    rows = np.arange(len(LONG_TAIL))[:, None]
    options = {"n_pairs": 402, "random_state": 0}
    P, match, _ = make_pairs(rows, LONG_TAIL, **options)
    assert np.mean(LONG_TAIL[P[match]] == 0) > 0.95
    P, match, _ = make_pairs(rows, LONG_TAIL, **options, balance="identity")
    assert np.bincount(LONG_TAIL[P[match, 0]]).tolist() == [1] * 201
    assert np.mean(LONG_TAIL[P[~match]] == 0) < 0.03


@each_number_of_groups
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("balance", ["pair", "identity"])
def test_the_share_of_matches_is_kept_and_no_pair_is_drawn_twice(balance, share, n_groups):
    left, right, a, b, match, groups = draw(
        30, n_groups=n_groups, match_share=share, balance=balance, random_state=0
    )
    assert match.sum() == int(np.ceil(30 * share - 0.5))
    np.testing.assert_array_equal(match, a == b)
    assert (left != right).all()
    assert len({frozenset(pair) for pair in zip(left, right, strict=True)}) == 30
    for kind in (match, ~match):
        counts = np.bincount(groups[kind], minlength=n_groups)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("n_pairs", [6, 60, 150])
def test_balanced_pairs_are_as_equal_as_the_identities_allow(n_pairs):
    _, _, a, b, match, _ = draw(n_pairs, balance="identity", random_state=0)
    sizes = np.array(list(SIZES.values()))
    of_one = np.bincount(np.searchsorted(list(SIZES), a[match]), minlength=len(SIZES))
    most = of_one.max()
    assert all(
        count >= most - 1 or count == size * (size - 1) // 2
        for count, size in zip(of_one, sizes, strict=True)
    )
    of_two = {}
    for pair in zip(a[~match], b[~match], strict=True):
        of_two[frozenset(pair)] = of_two.get(frozenset(pair), 0) + 1
    counts = list(of_two.values()) + [0] * (15 - len(of_two))
    assert max(counts) - min(counts) <= 1


def test_all_pairs_can_be_drawn_by_identity():
    y = np.array([0, 0, 0, 0, 1, 1, 2])
    n_matching, n_other = 7, 14
    P, match, _ = make_pairs(
        np.arange(7)[:, None],
        y,
        n_pairs=n_matching + n_other,
        match_share=n_matching / (n_matching + n_other),
        balance="identity",
        random_state=0,
    )
    assert {frozenset(pair) for pair in P.tolist()} == {
        frozenset((i, j)) for i in range(7) for j in range(i)
    }
    assert match.sum() == n_matching


def test_rows_of_an_identity_are_equally_likely_if_balanced():
    y = np.array([0, 0, 0, 0, 0, 1, 1])
    rng = np.random.RandomState(0)
    counts = np.zeros((2, 5))
    for _ in range(1000):
        P, match, _ = make_pairs(
            np.arange(7)[:, None], y, n_pairs=4, balance="identity", random_state=rng
        )
        for kind, pairs in enumerate((P[match], P[~match])):
            counts[kind] += np.bincount(pairs.ravel(), minlength=7)[:5]
    expected = counts.mean(axis=1, keepdims=True)
    assert (abs(counts - expected) < 5 * expected**0.5).all()


def test_many_identities_are_balanced_without_listing_their_pairs():
    n = 100_000
    X, y = np.arange(n)[:, None], np.arange(n) // 2
    P, match, _ = make_pairs(X, y, n_pairs=2000, balance="identity", random_state=0)
    np.testing.assert_array_equal(P[:, 0] // 2 == P[:, 1] // 2, match)
    assert len(np.unique(P[match] // 2)) == 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match_share": np.nan}, "'match_share' parameter of make_pairs must be a float"),
        ({"match_share": 1.5}, "'match_share' parameter"),
        ({"match_share": "half"}, "'match_share' parameter"),
        ({"match_share": [0.5]}, "'match_share' parameter"),
        ({"balance": "class"}, "'balance' parameter of make_pairs must be a str among"),
        ({"balance": None}, "'balance' parameter"),
        ({"balance": "identity", "match_share": 1.0}, "4 matching pairs.*has 2.*match_share"),
        ({"n_pairs": 10**30}, "n_pairs must be a whole number"),
        ({"n_pairs": np.nan}, "n_pairs must be a whole number"),
        ({"X": None}, "X must be an array, a table or a list of items, got NoneType"),
        ({"X": {"a": 1}}, "X must be an array, a table or a list of items, got dict"),
        ({"X": [[1], [1, 2], [1], [1]]}, "X must be an array, a table or a list of rows of one"),
        ({"X": [["a", 1]] * 4}, "X mixes strings with other values"),
        ({"X": [1, 2, 3, 4]}, r"pass np\.asarray\(X\)\.reshape\(-1, 1\)"),
        ({"y": [0, "a", 0, "a"]}, "y mixes labels of types int, str"),
    ],
)
def test_invalid_parameters_of_make_pairs_are_refused_by_name(options, message):
    fit = {"X": np.arange(8).reshape(4, 2), "y": [0, 0, 1, 1], "n_pairs": 4}
    with pytest.raises(ValueError, match=message):
        make_pairs(**(fit | options), random_state=0)


def test_hard_pairs_join_near_rows_of_other_identities():
    rng = np.random.default_rng(0)
    Z, y = rng.normal(size=(80, 3)), rng.integers(4, size=80)
    y[:4] = range(4)
    options = {"n_pairs": 200, "Z": Z, "ranks": (1, 4), "as_view": True, "random_state": 0}
    pairs, match, _ = make_pairs(Z, y, **options)
    assert match.sum() == 100
    assert len(np.unique(np.sort(pairs.index, axis=1), axis=0)) == 200
    for one, other in pairs.index[~match]:
        assert y[one] != y[other]
        ranks = []
        for a, b in ((one, other), (other, one)):
            others = np.flatnonzero(y != y[a])
            distance = np.linalg.norm(Z[others] - Z[a], axis=1)
            ranks += np.flatnonzero(others[distance.argsort()] == b).tolist()
        assert {1, 2, 3} & set(ranks)


def test_hard_pairs_stay_within_groups_and_skip_unlabeled_rows():
    rng = np.random.default_rng(0)
    Z, y = rng.normal(size=(80, 3)), rng.integers(-1, 6, size=80)
    options = {"n_pairs": 60, "n_groups": 3, "unlabeled_label": -1, "as_view": True}
    pairs, _, groups = make_pairs(Z, y, Z=Z, **options, random_state=0)
    assert (y[pairs.index] >= 0).all()
    group_of = {label: set(groups[(y[pairs.index] == label).any(axis=1)]) for label in range(6)}
    assert all(len(found) == 1 for found in group_of.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Z": np.zeros((3, 2))}, "Z has 3 rows but y has 20 labels; embed all rows"),
        ({"Z": np.full((20, 2), np.nan)}, "Z"),
        ({"Z": np.eye(20), "balance": "identity"}, "cannot be combined with Z.*balance='pair'"),
        ({"Z": np.eye(20), "ranks": (0, 0)}, "ranks must be"),
        ({"Z": np.eye(20), "ranks": (0, 1), "n_pairs": 80}, "ranks=.* leaves .*; widen ranks"),
    ],
)
def test_invalid_options_of_hard_pairs_raise(options, message):
    y = np.arange(20) // 5
    with pytest.raises(ValueError, match=message):
        make_pairs(np.eye(20), y, **{"n_pairs": 20, "random_state": 0} | options)
