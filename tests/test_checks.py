"""Test that data and parameters of a wrong kind are refused by name."""

from fractions import Fraction
from numbers import Real

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler

from sksiamese import (
    PairKFold,
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    make_pairs,
    split_pairs,
    stack_pairs,
)
from sksiamese._checks import Interval, argument_errors, as_numbers, as_rows
from sksiamese.batches import hierarchical, weighted
from sksiamese.metrics import (
    detection_cost,
    equal_error_rate,
    recall_at_k,
    threshold_at_far,
    true_accept_rate,
)
from sksiamese.plot import PairScoreDisplay

X = np.random.default_rng(0).normal(size=(12, 4))
Y = np.arange(12) % 3
MATCH = np.arange(12) % 2
FAST = {"n_components": 2, "width": 4, "max_iter": 1, "random_state": 0}

UNREADABLE = {
    "dict": {"a": X},
    "set": {1, 2},
    "generator": (row for row in X),
    "ragged": [[1.0]] + [[1.0, 2.0]] * 11,
    "gradient": torch.from_numpy(X).requires_grad_(),
    "sparse tensor": torch.from_numpy(X).to_sparse(),
    "class": np.ndarray,
    "None": None,
    "scalar": 1.5,
}
NO_NUMBERS = {
    "words": np.full((12, 4), "a word"),
    "object strings": np.full((12, 4), "a word", dtype=object),
    "lists": np.array([[[1, 2]] * 4] * 12, dtype=object)[..., :1],
    "structured": np.zeros(12, dtype=[("a", float)]),
}
CALLS = {
    "embedder": lambda data: SiameseEmbedder(**FAST).fit(data, Y),
    "verifier": lambda data: SiameseVerifier(**FAST).fit(data, MATCH),
    "regressor": lambda data: SiameseRegressor(**FAST).fit(data, MATCH),
    "identifier": lambda data: SiameseIdentifier(SiameseEmbedder(**FAST)).fit(data, Y),
    "transform": lambda data: SiameseEmbedder(**FAST).fit(X, Y).transform(data),
    "pairs": lambda data: PairTransformer(output="abs_diff").fit(data),
}


@pytest.mark.parametrize("data", UNREADABLE)
@pytest.mark.parametrize("call", CALLS)
def test_objects_that_numpy_cannot_read_are_refused_by_name(call, data):
    with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
        CALLS[call](UNREADABLE[data])


@pytest.mark.parametrize("data", NO_NUMBERS)
@pytest.mark.parametrize("call", CALLS)
def test_rows_that_are_not_numeric_are_refused_by_name(call, data):
    with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
        CALLS[call](NO_NUMBERS[data])


@pytest.mark.parametrize("data", UNREADABLE)
def test_functions_of_pairs_and_metrics_refuse_unreadable_objects_by_name(data):
    for name, call in {
        "left": lambda given: stack_pairs(given, X),
        "right": lambda given: stack_pairs(X, given),
        "P": split_pairs,
        "X": lambda given: make_pairs(given, Y, n_pairs=4),
        "items": lambda given: PairView(given, [[0, 1]]),
        "Z": lambda given: recall_at_k(Y, given),
        "y_score": lambda given: equal_error_rate(MATCH, given),
    }.items():
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            call(UNREADABLE[data])


@pytest.mark.parametrize("fraction", [Fraction(1, 2), Fraction(1, 10), Fraction(2)])
def test_fractions_are_refused_as_parameters(fraction):
    with pytest.raises(ValueError, match="'far' parameter"):
        true_accept_rate(MATCH, X[:, 0], far=fraction)
    with pytest.raises(ValueError, match="'prior' parameter"):
        detection_cost(MATCH, X[:, 0], threshold=0.0, prior=fraction)
    with pytest.raises(ValueError, match="'dropout' parameter"):
        SiameseEmbedder(dropout=fraction).fit(X, Y)
    with pytest.raises(ValueError, match="'target_far' parameter"):
        SiameseIdentifier(StandardScaler(), target_far=fraction).fit(X, Y)


@pytest.mark.parametrize("number", [0, 1, 0.5, True, np.float32(0.5), np.uint8(1), np.float16(1)])
def test_intervals_accept_numbers_of_python_and_numpy(number):
    interval = Interval(Real, 0, 1, closed="both")
    assert interval.is_satisfied_by(number)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SiameseIdentifier(StandardScaler), "embedder"),
        (lambda: SiameseIdentifier(StandardScaler(), neighbors=NearestNeighbors), "neighbors"),
        (lambda: PairTransformer(StandardScaler), "transformer"),
    ],
)
def test_a_class_in_place_of_an_object_is_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        make().fit(X, Y)


FORMATS = [
    f"{name}_{kind}"
    for name in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for kind in ("array", "matrix")
]


@pytest.mark.parametrize("kind", FORMATS)
def test_sparse_embeddings_of_every_format_are_enrolled(kind):
    frozen = FrozenEstimator(FunctionTransformer(accept_sparse=True).fit(X))
    S = getattr(sparse, kind)(X)
    expected = SiameseIdentifier(frozen).fit(X, Y)
    identifier = SiameseIdentifier(frozen).fit(S, Y)
    np.testing.assert_array_equal(identifier.class_distances(S), expected.class_distances(X))
    np.testing.assert_array_equal(identifier.predict(S), expected.predict(X))


@pytest.mark.parametrize("values", [np.arange(12.0, dtype=">f8"), np.arange(12, dtype=">i4")])
def test_a_sparse_item_accepts_numbers_of_any_byte_order(values):
    left = sparse.csr_array(values.reshape(6, 2).astype(float))
    pairs = stack_pairs(left, values.reshape(6, 2)).toarray()
    np.testing.assert_array_equal(pairs[:, :2], pairs[:, 2:])


@pytest.mark.parametrize("other", ["words", "object strings"])
def test_strings_are_refused_next_to_sparse_items(other):
    with pytest.raises(ValueError, match="right"):
        stack_pairs(sparse.csr_array(X), NO_NUMBERS[other])


@pytest.mark.parametrize("labels", [[np.inf, 1.0], [0.0, -np.inf], np.array([np.inf] * 2)])
def test_infinite_labels_are_refused_by_name(labels):
    with pytest.raises(ValueError, match="y has infinite labels"):
        SiameseEmbedder(**FAST).fit(X, [*labels] * 6)


@pytest.mark.parametrize("pairs", [np.array(1.0), 3, object()])
def test_pairs_without_a_length_are_refused_by_name(pairs):
    groups = np.column_stack([Y, Y])
    with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
        list(PairKFold(2).split(pairs, groups=groups))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("could not convert"), ValueError),
        (TypeError("not supported"), TypeError),
        (RuntimeError("cannot be read"), ValueError),
    ],
)
def test_argument_errors_adds_the_name_of_the_argument(error, kind):
    with (
        pytest.raises(kind, match=rf"rows must be numbers\. \({error}\)"),
        argument_errors("rows", "must be numbers"),
    ):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("rows are too long"),
        TypeError("columns are too long"),
        NotFittedError("call fit"),
        NotImplementedError("elsewhere"),
        MemoryError("rows"),
        KeyError("a"),
    ],
)
def test_argument_errors_keeps_errors_that_name_an_argument(error):
    with (
        pytest.raises(type(error)) as caught,
        argument_errors("rows", "is unfit", "columns"),
    ):
        raise error
    assert caught.value is error


def test_as_rows_keeps_views_tables_and_sparse_arrays():
    view = PairView(X, [[0, 1]])
    for rows in (X, view, sparse.dok_matrix(X)):
        assert as_rows(rows, "X") is rows


@pytest.mark.parametrize("values", [np.arange(3).astype("M8[D]"), [1j, 2j], ["a"], [[1], [1, 2]]])
def test_as_numbers_refuses_other_arrays_with_the_remedy(values):
    with pytest.raises(ValueError, match=r"Z must be an array of numbers.*give rows"):
        as_numbers(values, "Z", "give rows", ensure_2d=False)


@pytest.mark.parametrize("output", ["abs_diff", "product", "abs_diff_product", "distance"])
def test_comparisons_that_overflow_are_refused_with_a_working_remedy(output):
    pairs = np.array([[1.5e308, 1.0, -1.5e308, 1.0], [1.0, 2.0, 3.0, 4.0]])
    with pytest.raises(ValueError, match=rf"The {output} of items of X overflows.*MaxAbsScaler"):
        PairTransformer(output=output).fit(pairs)
    compared = PairTransformer(MaxAbsScaler(), output=output).fit_transform(pairs)
    assert np.isfinite(compared).all()
    with np.errstate(invalid="ignore"):
        infinite = PairTransformer(FunctionTransformer(), output=output).fit_transform(
            pairs * np.inf
        )
    assert not np.isfinite(infinite).all()


@pytest.mark.parametrize(
    ("groups", "classes", "name"),
    [
        ({"a": 0, "b": 1, "c": 2}, ["a"], "classes"),
        ({"a": 0, "b": 1, "c": 2}, 1, "classes"),
        ({"a": 0, "b": 1, "c": 2}, [{}, {}, {}], "classes"),
        ({0: [1], 1: [2], 2: [3]}, None, "groups"),
        ({}, None, "groups"),
    ],
)
def test_invalid_groups_of_classes_are_refused_by_name(groups, classes, name):
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=name):
        list(
            hierarchical(
                torch.arange(6) % 3, 4, groups=groups, classes=classes, generator=generator
            )
        )


@pytest.mark.parametrize("weight", [[1, 2], np.ones(0), [[1]]])
def test_class_weights_that_are_not_numbers_are_refused_by_name(weight):
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="weight must have"):
        list(weighted(torch.arange(6) % 2, 4, weight={0: weight, 1: weight}, generator=generator))


def test_displays_refuse_an_ax_that_is_not_matplotlib():
    with pytest.raises(ValueError, match="'ax' parameter"):
        PairScoreDisplay.from_predictions(MATCH, X[:, 0], ax=pd.Series([1]))


@pytest.mark.parametrize("value", [1e200, -1e300, 1.7e308])
def test_a_verifier_refuses_scores_that_are_not_finite(value):
    verifier = SiameseVerifier(**FAST).fit(X.astype(np.float32), MATCH)
    far = np.where(np.arange(12) == 3, value, 0)[:, None] + X
    for compare in (verifier.decision_function, verifier.predict_proba, verifier.pair_distance):
        with pytest.raises(ValueError, match="pair 3 of X is NaN or infinite"):
            compare(far)
    with pytest.raises(ValueError, match="item 3 of X_items is NaN or infinite"):
        verifier.transform_items(far[:, :2])


@pytest.mark.parametrize("as_view", [np.ones(2), "yes", None])
def test_as_view_must_be_a_boolean(as_view):
    with pytest.raises(ValueError, match="'as_view' parameter"):
        make_pairs(X, Y, n_pairs=4, as_view=as_view)


@pytest.mark.parametrize("confidence", [1e-300, 1e-20, 1e-12])
def test_an_interval_of_low_confidence_is_finite(confidence):
    far = threshold_at_far(MATCH, X[:, 0], 0.5, confidence=confidence, groups=Y[[[0, 1]] * 12])
    assert np.isfinite(far).all()


@pytest.mark.parametrize(
    "labels", [[np.inf] * 12, [None, *[0, 1] * 5, 0], [np.nan, *[0, 1] * 5, 1]]
)
def test_score_refuses_missing_labels(labels):
    verifier = SiameseVerifier(**FAST).fit(X, MATCH)
    with pytest.raises(ValueError, match="y has"):
        verifier.score(X, labels)


def test_a_view_is_stacked_with_sparse_items():
    pairs = stack_pairs(PairView(X, Y[:, None] + [0, 0]), sparse.csr_array(np.hstack([X, X])))
    np.testing.assert_array_equal(pairs.toarray()[:, :4], X[Y])
