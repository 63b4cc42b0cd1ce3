"""Test that an identifier converts labels exactly and forgets names completely."""

import pickle
from datetime import date

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sksiamese import SiameseEmbedder, SiameseIdentifier
from tests._helpers.gallery import IDENTITY, people

HUGE = 2**53 + np.arange(12)
X, y = people(12, 3)


def enrolled(labels, **options):
    return SiameseIdentifier(IDENTITY, **options).fit(X, np.repeat(labels, 3))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, "Int64", "UInt64", object])
@pytest.mark.parametrize("target_far", [None, 0.3])
def test_identities_beyond_2_to_the_53_stay_distinct(dtype, target_far):
    labels = pd.Series(np.repeat(HUGE, 3), dtype=dtype)
    identifier = SiameseIdentifier(IDENTITY, target_far=target_far).fit(X, labels)
    assert identifier.classes_.tolist() == HUGE.tolist()
    predicted = identifier.predict(X)
    assert predicted.dtype.kind in "iu"
    named = predicted != -1
    assert_array_equal(predicted[named], np.repeat(HUGE, 3)[named])
    assert identifier.score(X, np.roll(labels, 3)) == 0
    assert identifier.score(X, labels) == named.mean() > 0.5
    assert identifier.forget(pd.Series([HUGE[1]], dtype=dtype)).classes_.tolist() == [
        HUGE[0],
        *HUGE[2:],
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_unsigned_labels_stay_integers_with_an_unknown_label(dtype):
    identifier = enrolled(np.arange(12, dtype=dtype), target_far=0.3)
    predicted = identifier.predict(np.concatenate([X, X + 50]))
    assert predicted.dtype.kind == "i"
    assert (predicted[36:] == -1).all()
    assert enrolled(np.arange(12, dtype=dtype)).predict(X).dtype == dtype


def test_unsigned_labels_beyond_63_bits_need_an_unsigned_unknown_label():
    labels = np.uint64(2**64 - 20) + np.arange(12, dtype=np.uint64)
    with pytest.raises(ValueError, match=r"unknown_label=-1 is incompatible with y; choose"):
        enrolled(labels, target_far=0.3)
    predicted = enrolled(labels, target_far=0.3, unknown_label=0).predict(X + 50)
    assert predicted.dtype == np.uint64
    assert (predicted == 0).all()


@pytest.mark.parametrize(
    ("known", "other"),
    [
        (HUGE, HUGE.astype(float)),
        (HUGE.astype(np.uint64), HUGE.astype(float)),
        (np.arange(12), np.arange(12) > 0),
        (np.arange(12.0), np.arange(12) > 0),
        (np.arange(12), np.arange(12).astype(str)),
        (np.arange(12).astype(str), np.arange(12)),
    ],
)
def test_labels_of_another_kind_are_refused_everywhere(known, other):
    identifier = enrolled(known, target_far=0.3)
    other = np.repeat(other, 3)
    calls = {
        "y": (lambda: identifier.partial_fit(X, other), lambda: identifier.score(X, other)),
        "y ": (lambda: identifier.partial_fit(X, np.repeat(known, 3), classes=other),),
        "claimed": (lambda: identifier.verify(X, other),),
        "labels": (lambda: identifier.forget(other[-3:]),),
    }
    for name, each in calls.items():
        for call in each:
            with pytest.raises(ValueError, match=name.strip()):
                call()
    with pytest.raises(ValueError, match="unknown_label"):
        enrolled(known, target_far=0.3, unknown_label=other[0].item() + type(other[0].item())(0))


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, float, "Int64", object])
def test_equal_labels_of_another_type_are_the_same_classes(dtype):
    identifier = enrolled(np.arange(12), target_far=0.3)
    same = pd.Series(y, dtype=dtype)
    assert_array_equal(identifier.verify(X, same), identifier.verify(X, y))
    assert identifier.score(X, same) == identifier.score(X, y)
    assert identifier.partial_fit(X, same).classes_.dtype == np.int64
    assert identifier.forget(same[:3]).classes_.tolist() == list(range(1, 12))


@pytest.mark.parametrize(
    "labels",
    [{}, [], set(y), None, 5, [date(2024, 1, 1)] * 36, np.full(36, "2024-01-01", "M8[D]"), 1j * y],
)
def test_invalid_labels_of_an_identifier_are_refused_by_name(labels):
    identifier = enrolled(np.arange(12), target_far=0.3)
    message = r"y|\[36, 0\]|\[0, 36\]|labels|claimed|\[(1, 36|36, 1)\]"
    for call in (identifier.fit, identifier.partial_fit, identifier.verify, identifier.score):
        with pytest.raises(ValueError, match=message):
            call(X, labels)
    assert_array_equal(identifier.classes_, np.arange(12))


@pytest.mark.parametrize("rows", [{}, {"a": [1.0]}, {1.0, 2.0}, "rows", b"rows", 3, None])
def test_invalid_rows_of_an_identifier_are_refused_by_name(rows):
    identifier = enrolled(np.arange(12), target_far=0.3)
    for call in (identifier.fit, identifier.partial_fit, identifier.verify, identifier.score):
        with pytest.raises(ValueError, match="X must be an array, a table or a list of rows"):
            call(rows, y)
    with pytest.raises(ValueError, match="X must be an array"):
        identifier.predict(rows)


@pytest.mark.parametrize(
    "rows", [np.full((36, 8), "2024-01-01", "M8[D]"), np.full((36, 8), date(2024, 1, 1))]
)
def test_dates_are_refused_as_embeddings(rows):
    with pytest.raises(
        ValueError, match=r"embedder for X must be an array of numbers.* dates to days"
    ):
        SiameseIdentifier(IDENTITY).fit(rows, y)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda Z: Z[:-1], "returned 35 embeddings for 36 rows"),
        (lambda Z: np.repeat(Z, 2, axis=0), "returned 72 embeddings for 36 rows"),
        (lambda Z: Z.mean(axis=0, keepdims=True), "returned 1 embeddings for 36 rows"),
        (lambda Z: Z[:, 0], "returned an array of 1 dimensions"),
        (lambda Z: Z[..., None], "returned an array of 3 dimensions"),
        (lambda Z: Z.astype(str), "must be an array of numbers"),
        (lambda Z: None, "returned an array of 0 dimensions"),
    ],
)
def test_invalid_results_of_an_embedder_are_refused_by_name(function, message):
    broken = FrozenEstimator(FunctionTransformer(function, check_inverse=False).fit(X))
    identifier = SiameseIdentifier(broken)
    with pytest.raises(ValueError, match=f"embedder .*{message}"):
        identifier.fit(X, y)
    assert not hasattr(identifier, "classes_")
    identifier = enrolled(np.arange(12), target_far=0.3)
    identifier.embedder_ = broken
    for call in (identifier.partial_fit, identifier.verify):
        with pytest.raises(ValueError, match="embedder"):
            call(X, y)


NAMES = np.array([f"Person No. {n}" for n in y])


@pytest.mark.parametrize(
    "embedder",
    [
        SiameseEmbedder(2, max_iter=1, random_state=0),
        make_pipeline(StandardScaler(), SiameseEmbedder(2, max_iter=1, random_state=0)),
        GridSearchCV(SiameseEmbedder(2, max_iter=1, random_state=0), {"width": [8]}, cv=2),
        GridSearchCV(make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()), {}, cv=2),
        PCA(2),
    ],
)
def test_a_forgotten_name_is_nowhere_in_the_pickle(embedder):
    identifier = SiameseIdentifier(embedder).fit(X, NAMES)
    expected = identifier.class_distances(X)
    identifier.forget(["Person No. 7", "Person No. 3"])
    state = pickle.dumps(identifier, protocol=0)
    for name in ("Person No. 7", "Person No. 3"):
        assert name not in identifier.learned_classes_
        assert name.encode() not in state
        assert name.encode("utf-32-le") not in pickle.dumps(identifier)
    keep = ~np.isin(np.unique(NAMES), ["Person No. 7", "Person No. 3"])
    assert_array_equal(pickle.loads(state).class_distances(X), expected[:, keep])


def test_a_forgotten_training_class_is_no_impostor_when_enrolled_again():
    for labels in (NAMES, y, y.astype(float)):
        options = {"target_far": 0.4, "validation_fraction": 0.5, "random_state": 0}
        identifier = SiameseIdentifier(PCA(3), **options).fit(X, labels)
        learned, threshold = identifier.learned_classes_, identifier.threshold_
        first = labels == learned[0]
        identifier.forget(learned[0])
        assert identifier.learned_classes_.tolist() == learned[1:].tolist()
        identifier.partial_fit(X[first], labels[first])
        assert identifier.learned_classes_.tolist() == learned.tolist()
        assert identifier.threshold_ == threshold


def test_forget_does_not_change_a_frozen_embedder():
    embedder = SiameseEmbedder(2, max_iter=1, random_state=0).fit(X, NAMES)
    identifier = SiameseIdentifier(FrozenEstimator(embedder)).fit(X, NAMES)
    identifier.forget("Person No. 7")
    assert identifier.embedder_.estimator is embedder
    assert "Person No. 7" in embedder.classes_


def test_forgetting_no_class_changes_nothing():
    identifier = SiameseIdentifier(SiameseEmbedder(2, max_iter=1)).fit(X, NAMES)
    embedder = identifier.embedder_
    assert identifier.forget([]).embedder_ is embedder
    assert len(identifier.classes_) == 12


@pytest.mark.parametrize("rows", [[], (), np.empty((0, 2))])
def test_empty_rows_are_refused(rows):
    with pytest.raises(ValueError, match=r"empty|0 sample"):
        SiameseIdentifier().fit(rows, [])
    with pytest.raises(ValueError, match=r"empty|0 sample"):
        enrolled(np.arange(12)).predict(rows)
