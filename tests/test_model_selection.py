"""Tests of the performance on unseen classes."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sksiamese import (
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseVerifier,
    unseen_class_curve,
)
from sksiamese.metrics import equal_error_rate, few_shot_accuracy

METRICS = ("roc_auc", "equal_error_rate", "one_shot_accuracy")


def rows_of_classes(n_classes=12, n_rows=8, n_informative=3, seed=0):
    """Return rows of classes that differ in a few columns, among columns of large noise."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_classes), n_rows)
    informative = 3 * rng.normal(size=(n_classes, n_informative))[y]
    informative += 0.5 * rng.normal(size=informative.shape)
    return np.column_stack([informative, 5 * rng.normal(size=(len(y), 4))]), y


class Spy(TransformerMixin, BaseEstimator):
    """Return rows as they are, and record the classes of each fit and the rows of each call."""

    fitted, transformed = [], []

    def __init__(self, start=0):
        self.start = start

    def fit(self, X, y):
        Spy.fitted.append(set(np.unique(y).tolist()))
        return self

    def transform(self, X):
        Spy.transformed.append(X)
        return X


class NegativeDistance(ClassifierMixin, BaseEstimator):
    """Score pairs by the negative distance of their unscaled items."""

    def fit(self, X, y):
        assert isinstance(X, PairView)
        self.classes_ = np.unique(y)
        self.n_pairs_, self.share_ = len(y), np.mean(y)
        return self

    def decision_function(self, X):
        return -np.linalg.norm(np.subtract(X.left, X.right), axis=1)

    def predict(self, X):
        return self.decision_function(X) > 0


@pytest.fixture(scope="module")
def curve():
    X, y = rows_of_classes()
    estimator = LinearDiscriminantAnalysis(n_components=1)
    return unseen_class_curve(
        estimator,
        X,
        y,
        n_classes=[6, 3, 6],
        test_size=4,
        n_splits=4,
        confidence_level=0.9,
        random_state=0,
    )


def test_a_curve_has_scores_of_each_number_of_classes_and_split(curve):
    assert curve.n_classes.tolist() == [3, 6]
    assert (curve.n_unseen, curve.n_way) == (4, 4)
    for metric in METRICS:
        for name in ("estimator", "standardized", "unscaled"):
            scores = curve[metric][name].scores
            assert scores.shape == (2, 4)
            assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_the_lead_is_over_the_better_plain_distance_of_each_split(curve, metric):
    estimator, *plain = (
        curve[metric][name].scores for name in ("estimator", "standardized", "unscaled")
    )
    if metric == "equal_error_rate":
        lead = np.minimum(*plain) - estimator
    else:
        lead = estimator - np.maximum(*plain)
    assert_allclose(curve[metric].lead.scores, lead)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ["estimator", "standardized", "unscaled", "lead"])
def test_intervals_are_those_of_student_with_the_correction_of_nadeau_and_bengio(
    curve, metric, name
):
    result = curve[metric][name]
    error = result.scores.std(axis=1, ddof=1) * np.sqrt(1 / 4 + 4 / 8)
    low, high = student_t.interval(0.9, 3, loc=result.scores.mean(axis=1), scale=error)
    assert_allclose(result.mean, result.scores.mean(axis=1))
    assert_allclose((result.low, result.high), (low, high))


def test_the_plain_distance_of_rows_as_they_are_needs_no_training_classes(curve):
    for metric in METRICS:
        scores = curve[metric].unscaled.scores
        assert_array_equal(scores[0], scores[1])
        assert (curve[metric].standardized.scores[0] != curve[metric].standardized.scores[1]).any()


def test_unseen_classes_are_in_no_fit_and_smaller_training_sets_are_nested():
    X, y = rows_of_classes(10, 3)
    Spy.fitted, Spy.transformed = [], []
    unseen_class_curve(Spy(), X, y, n_classes=[2, 4, 7], test_size=3, n_splits=2, random_state=0)
    assert [len(classes) for classes in Spy.fitted] == [2, 2, 4, 4, 7, 7]
    for split in range(2):
        few, more, most = Spy.fitted[split::2]
        assert few < more < most
        for rows in Spy.transformed[split::2]:
            unseen = {int(y[(row == X).all(axis=1)][0]) for row in rows}
            assert unseen == set(range(10)) - most


def test_rows_as_they_are_score_as_the_plain_distance_of_rows_as_they_are():
    X, y = rows_of_classes()
    for estimator in (FunctionTransformer(), NegativeDistance()):
        curve = unseen_class_curve(estimator, X, y, n_splits=2, random_state=0)
        for metric in METRICS:
            assert_allclose(curve[metric].estimator.scores, curve[metric].unscaled.scores)
            assert (curve[metric].lead.mean <= 0).all()


def test_standardized_rows_score_as_the_plain_distance_of_standardized_columns():
    X, y = rows_of_classes()
    estimator = StandardScaler()
    curve = unseen_class_curve(estimator, 100 + X, y, n_splits=2, random_state=0)
    for metric in METRICS:
        assert_allclose(curve[metric].estimator.scores, curve[metric].standardized.scores)


def test_metrics_are_those_of_all_pairs_and_of_few_shot_accuracy():
    X, y = rows_of_classes(8, 10, n_informative=1)
    Spy.transformed = []
    curve = unseen_class_curve(
        Spy(), X, y, n_classes=2, n_pairs=10**9, n_splits=2, test_size=4, random_state=0
    )
    for split, rows in enumerate(Spy.transformed):
        labels = np.array([y[(row == X).all(axis=1)][0] for row in rows])
        left, right = np.triu_indices(len(rows), 1)
        match = labels[left] == labels[right]
        scores = -np.linalg.norm(rows[left] - rows[right], axis=1)
        found = {metric: curve[metric].estimator.scores[0, split] for metric in METRICS}
        assert found["roc_auc"] == pytest.approx(roc_auc_score(match, scores), abs=0.03)
        assert found["equal_error_rate"] == pytest.approx(equal_error_rate(match, scores), abs=0.03)
        few_shot = few_shot_accuracy(labels, rows, n_way=4, random_state=0)
        assert found["one_shot_accuracy"] == pytest.approx(few_shot, abs=0.05)


def test_a_learned_distance_leads_with_many_classes():
    X, y = rows_of_classes(40)
    curve = unseen_class_curve(
        LinearDiscriminantAnalysis(n_components=3), X, y, n_classes=[4, 30], random_state=0
    )
    for metric in METRICS:
        assert curve[metric].lead.low[-1] > 0
        assert curve[metric].lead.mean[-1] > curve[metric].lead.mean[0]


def test_a_useless_embedding_is_at_chance():
    X, y = rows_of_classes()
    constant = FunctionTransformer(np.zeros_like)
    curve = unseen_class_curve(constant, X, y, n_splits=2, random_state=0)
    assert (curve.roc_auc.estimator.scores == 0.5).all()
    assert (curve.equal_error_rate.estimator.scores == 0.5).all()
    assert_allclose(curve.one_shot_accuracy.estimator.scores, 1 / 3)


ESTIMATORS = {
    "embedder": SiameseEmbedder(4, width=32, max_iter=1, random_state=0),
    "pipeline with embedder": make_pipeline(
        StandardScaler(), SiameseEmbedder(4, width=32, max_iter=1, random_state=0)
    ),
    "verifier": SiameseVerifier(4, width=32, max_iter=1, random_state=0),
    "pipeline with verifier": make_pipeline(
        PairTransformer(StandardScaler()), SiameseVerifier(4, width=32, max_iter=1, random_state=0)
    ),
    "classifier of distances": make_pipeline(
        PairTransformer(output="distance"), LogisticRegression()
    ),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_embedders_and_classifiers_of_pairs_are_evaluated_on_equal_pairs(name):
    X, y = rows_of_classes(8, 6)
    options = {"n_splits": 2, "n_classes": 4, "test_size": 3, "random_state": 0}
    curve = unseen_class_curve(ESTIMATORS[name], X, y, **options)
    other = unseen_class_curve(FunctionTransformer(), X, y, **options)
    assert not hasattr(ESTIMATORS[name], "n_features_in_")
    for metric in METRICS:
        for plain in ("standardized", "unscaled"):
            assert_array_equal(curve[metric][plain].scores, other[metric][plain].scores)
    if name == "classifier of distances":
        for metric in METRICS:
            assert_allclose(curve[metric].estimator.scores, curve[metric].unscaled.scores)


@pytest.mark.parametrize(
    ("container", "kind"),
    [
        ("list", "embedder"),
        ("table", "embedder"),
        ("sparse", "embedder"),
        ("table", "verifier"),
        ("sparse", "verifier"),
        ("images", "verifier"),
    ],
)
def test_containers_of_rows_give_the_same_curve(container, kind):
    X, y = rows_of_classes(6, 4)
    convert = {
        "list": np.ndarray.tolist,
        "table": lambda X: pd.DataFrame(X, columns=[*"abcdefg"], index=range(5, 5 + len(X))),
        "sparse": csr_array,
        "images": lambda X: X.reshape(len(X), 7, 1),
    }[container]
    options = {"n_splits": 2, "n_classes": 3, "random_state": 0}
    curves = [
        unseen_class_curve(ESTIMATORS[kind], rows, labels, **options)
        for rows, labels in ((X, y), (convert(X), [f"person {label}" for label in y]))
    ]
    for metric in METRICS:
        compared = ["standardized", "unscaled"]
        compared += ["estimator"] * (container != "sparse")  # Sparse columns share one scale.
        for name in compared:
            assert_allclose(curves[0][metric][name].scores, curves[1][metric][name].scores)


def test_the_curve_is_the_same_for_any_number_of_jobs_and_every_call():
    X, y = rows_of_classes(8, 4)
    with parallel_config(backend="threading"):
        runs = [
            unseen_class_curve(
                LinearDiscriminantAnalysis(), X, y, n_splits=2, n_jobs=n_jobs, random_state=3
            )
            for n_jobs in (None, 2)
        ]
    for metric in METRICS:
        for name in curve_names(runs[0], metric):
            first, *others = (run[metric][name].scores for run in runs)
            for other in others:
                assert_array_equal(first, other)
    assert_array_equal(pickle.loads(pickle.dumps(runs[0])).n_classes, runs[0].n_classes)


def curve_names(curve, metric):
    assert [*curve[metric]] == ["estimator", "standardized", "unscaled", "lead"]
    return curve[metric]


def test_training_pairs_of_a_classifier_are_limited_and_half_of_them_match(monkeypatch):
    X, y = rows_of_classes(8, 6)
    seen, fit = [], NegativeDistance.fit

    def recorded(self, X, y):
        seen.append((len(y), np.mean(y)))
        return fit(self, X, y)

    monkeypatch.setattr(NegativeDistance, "fit", recorded)
    for n_pairs in (20, 10**9):
        unseen_class_curve(
            NegativeDistance(), X, y, n_classes=2, n_splits=2, n_pairs=n_pairs, random_state=0
        )
    assert seen == 2 * [(20, 0.5)] + 2 * [(60, 0.5)]


def test_by_default_numbers_of_classes_rise_to_all_that_are_not_held_out():
    for n_classes, expected in ((5, [2, 3]), (10, [2, 3, 4, 5, 7]), (40, [2, 4, 8, 15, 30])):
        X, y = rows_of_classes(n_classes, 2)
        curve = unseen_class_curve(FunctionTransformer(), X, y, n_splits=2, random_state=0)
        assert curve.n_classes.tolist() == expected
        assert (curve.n_unseen, curve.n_way) == {5: (2, 2), 10: (3, 3), 40: (10, 5)}[n_classes]


REFUSED = {
    "estimator": (None, "embedder", SiameseEmbedder),
    "n_classes": (1, 10, [], [2, 10], [2.5], ["a"], "all", [True]),
    "test_size": (0, 1, 1.0, -1, 11, 0.99, 0.01, None, "half"),
    "n_splits": (1, 0, 2.5, None),
    "n_pairs": (1, 0, 2.5, None),
    "n_way": (1, 4, 2.5, "five"),
    "confidence_level": (0, 1, 95, None),
    "n_jobs": ("all", 1.5),
    "random_state": ("seed", -1),
    "y": (None, [0, 1], ["a", None] * 48, np.arange(96), np.repeat([0, 1, 2], 32)),
    "X": (
        None,
        np.zeros(96),
        [["a", "b"]] * 96,
        ["text"] * 96,
        np.full((96, 2), np.nan),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_argument_is_named(name):
    X, y = rows_of_classes()
    arguments = {"estimator": FunctionTransformer(), "X": X, "y": y, "n_splits": 2}
    for value in REFUSED[name]:
        pattern = rf"\b{name}\b|inconsistent" if name in "Xy" else rf"\b{name}\b"
        with pytest.raises((TypeError, ValueError), match=pattern):
            unseen_class_curve(**arguments | {name: value})


def test_classes_with_a_single_row_are_to_be_left_out():
    X, y = rows_of_classes()
    y[57:64] = 6  # Row 56 is the only one left of class 7.
    with pytest.raises(ValueError, match=r"y has 2 classes with a single row, such as \[7, 11\]"):
        unseen_class_curve(FunctionTransformer(), X[:89], y[:89])


def test_an_embedding_that_is_not_numeric_is_refused():
    X, y = rows_of_classes()
    words = FunctionTransformer(lambda X: np.full((len(X), 1), "word"))
    with pytest.raises(ValueError, match=r"transform\(X\) must be an array of numbers"):
        unseen_class_curve(words, X, y, n_splits=2)


def test_the_signature_documents_every_parameter():
    documented = inspect.getdoc(unseen_class_curve)
    for name in inspect.signature(unseen_class_curve).parameters:
        assert f"\n{name} : " in documented
