"""Early stopping: validation data passed to fit, scorers, and splits by class."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, get_scorer, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import PairTransformer, PairView, SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese._training import _embedding_task
from sksiamese._training._embedding_task import EmbeddingTask, split_classes
from sksiamese.metrics import few_shot_score

STOP = {"early_stopping": True, "max_iter": 4, "n_components": 8, "width": 32, "random_state": 0}


@pytest.fixture(params=[SiameseEmbedder, SiameseVerifier])
def case(request, digits, digit_pairs):
    """Return an estimator with training data and validation data, 300 and 100 rows."""
    data = digits if request.param is SiameseEmbedder else digit_pairs
    X, X_val, y, y_val = data
    return request.param(**STOP), X[:300], y[:300], X_val[:100], y_val[:100]


def outputs(model, X):
    """Return the outputs of a fitted estimator for X."""
    embeds = isinstance(model, SiameseEmbedder)
    return model.transform(X) if embeds else model.decision_function(X)


def method_score(model, X, y):
    """Return the default score of an estimator as a scorer."""
    return model.score(X, y)


def test_the_parameters_of_fit_are_spelled_as_in_scikit_learn(case):
    model = case[0]
    names = ["X_val", "y_val", *["sample_weight_val"] * isinstance(model, SiameseVerifier)]
    for estimator in (model, HistGradientBoostingClassifier()):
        assert set(names) <= set(estimator.fit.__wrapped__.__kwdefaults__)


def test_validation_data_is_scored_after_each_epoch_and_the_best_weights_are_restored(case):
    model, X, y, X_val, y_val = case
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.score(X_val, y_val) == pytest.approx(max(model.validation_scores_), abs=1e-12)


def test_all_rows_are_trained_on_if_validation_data_is_passed(case):
    model, X, y, X_val, y_val = case
    seen = []

    def spy(items, generator):
        seen.append(len(items))
        return items

    model.set_params(augment=spy, max_iter=1, batch_size=300)
    if isinstance(model, SiameseEmbedder):
        model.set_params(sampler="shuffled")
    model.fit(X, y, X_val=X_val, y_val=y_val)
    n_items = {SiameseEmbedder: 1, SiameseVerifier: 2}[type(model)]
    assert max(seen) == n_items * len(X)
    np.testing.assert_array_equal(
        model.tower_[0].mean, clone(model).set_params(early_stopping=False).fit(X, y).tower_[0].mean
    )


def test_validation_fraction_does_not_matter_if_validation_data_is_passed(case):
    model, X, y, X_val, y_val = case
    models = [
        clone(model).set_params(validation_fraction=share).fit(X, y, X_val=X_val, y_val=y_val)
        for share in (1e-9, 0.9)
    ]
    np.testing.assert_array_equal(*(outputs(model, X_val) for model in models))


def test_a_scorer_gets_the_state_of_every_epoch_and_the_validation_data(case):
    model, X, y, X_val, y_val = case
    calls = []

    def scorer(estimator, X, y):
        calls.append((estimator.n_iter_, outputs(estimator, X), X, y))
        return float(estimator.n_iter_)

    model.set_params(scoring=scorer).fit(X, y, X_val=X_val, y_val=y_val)
    assert [n_iter for n_iter, *_ in calls] == [0, 1, 2, 3, 4]
    assert model.validation_scores_ == [1.0, 2.0, 3.0, 4.0]
    assert all(seen is X_val for *_, seen, _ in calls)
    np.testing.assert_array_equal(calls[0][3], y_val)
    np.testing.assert_array_equal(calls[-1][1], outputs(model, X_val))
    assert not np.allclose(calls[1][1], calls[2][1])


def test_a_scorer_gets_held_out_rows_as_they_were_passed(case):
    model, X, y, *_ = case
    seen = []

    def scorer(estimator, X, y):
        seen.append((X, y))
        return estimator.score(X, y)

    names = [f"c{i}" for i in range(X.shape[1])]
    labels = np.array(["a", "b", *"cdefghij"])[y.astype(int)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (pd.DataFrame, pl.DataFrame):
            frame = kind(dict(zip(names, X.T, strict=True)))
            clone(model).set_params(scoring=scorer).fit(frame, labels)
            assert isinstance(seen[-1][0], kind)
            assert seen[-1][0].shape == (30, X.shape[1])
            assert set(seen[-1][1]) <= set(labels)


def test_an_own_scorer_of_the_default_score_gives_the_default_result(case):
    model, X, y, X_val, y_val = case
    fits = [
        clone(model).set_params(scoring=scoring).fit(X, y, X_val=X_val, y_val=y_val)
        for scoring in (None, method_score)
    ]
    np.testing.assert_array_equal(*(outputs(model, X_val) for model in fits))
    np.testing.assert_allclose(*(model.validation_scores_ for model in fits))


def test_epochs_are_chosen_by_the_scorer(case):
    model, X, y, X_val, y_val = case
    worse = model.set_params(scoring=lambda model, X, y: -model.n_iter_, max_iter=9)
    worse.set_params(n_iter_no_change=2).fit(X, y, X_val=X_val, y_val=y_val)
    assert worse.validation_scores_ == [-1, -2, -3, -4]
    first = clone(worse).set_params(scoring=None, early_stopping=False, n_iter_no_change=99)

    class StopAtOne:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch"

    first.set_callbacks(StopAtOne()).fit(X, y)
    np.testing.assert_array_equal(outputs(worse, X_val), outputs(first, X_val))


def test_warm_start_continues_with_validation_data(case):
    model, X, y, X_val, y_val = case
    model.set_params(warm_start=True, scoring=method_score)
    model.fit(X, y, X_val=X_val, y_val=y_val).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.n_iter_ == 8
    assert len(model.validation_scores_) == 4
    model.fit(X, y)
    assert model.n_iter_ == 12


def test_sparse_validation_data_is_scored_like_an_array(case):
    model, X, y, X_val, y_val = case
    expected = clone(model).fit(X, y, X_val=X_val, y_val=y_val).validation_scores_
    found = clone(model).fit(X, y, X_val=csr_array(X_val), y_val=y_val).validation_scores_
    np.testing.assert_allclose(found, expected, atol=0.011)
    model.set_params(scoring=method_score).fit(csr_array(X), y)


BAD_DATA = {
    "no labels": (lambda X, y: (X, None), "X_val is passed, but y_val is not"),
    "no rows": (lambda X, y: (None, y), "y_val is passed, but X_val is not"),
    "columns": (lambda X, y: (X[:, 2:], y), "X_val and y_val must .*features"),
    "lengths": (lambda X, y: (X[1:], y), "X_val and y_val must .*inconsistent numbers"),
    "NaN": (lambda X, y: (X * np.nan, y), "X_val and y_val must .*contains NaN"),
    "missing label": (lambda X, y: (X[:2], [None, 1]), "y_val must .* missing labels|y_val has"),
    "one label": (lambda X, y: (X, [y[0]] * len(y)), "y_val must .*1 class only|y_val has the"),
    "outliers": (lambda X, y: (X * 1e300, y), "check X_val and y_val for outliers"),
    "text": (lambda X, y: ("a", y), "X_val and y_val must"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_invalid_validation_data_raises_by_name_and_changes_nothing(case, name):
    model, X, y, X_val, y_val = case
    corrupt, message = BAD_DATA[name]
    bad = dict(zip(("X_val", "y_val"), corrupt(X_val, y_val), strict=True))
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.fit(X, y, **bad)
    assert set(vars(model)) == set(model.get_params())
    before = vars(model.fit(X, y)).copy()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.fit(X, y, **bad)
    assert vars(model) == before


def test_validation_data_needs_early_stopping(case):
    model, X, y, X_val, y_val = case
    model.set_params(early_stopping=False)
    with pytest.raises(ValueError, match=r"X_val and y_val are passed.*set early_stopping=True"):
        model.fit(X, y, X_val=X_val, y_val=y_val)
    assert set(vars(model)) == set(model.get_params())


BAD_SCORERS = [
    ("accurate", "'scoring' parameter"),
    (lambda model, X, y: None, "scoring must return a number, got NoneType"),
    (lambda model, X, y: np.nan, "score is nan before training; check X_val and y_val"),
    (lambda model, X, y: model.nothing, "scoring fails on the validation data.*nothing"),
    (lambda model, X: 1.0, "scoring fails on the validation data.*positional"),
    (accuracy_score, "scoring"),
]


@pytest.mark.parametrize(("scoring", "message"), BAD_SCORERS)
def test_invalid_scorers_raise_by_name(case, scoring, message):
    model, X, y, *_ = case
    with pytest.raises(ValueError, match=message):
        model.set_params(scoring=scoring).fit(X, y)
    assert set(vars(model)) == set(model.get_params())


def test_an_embedder_has_no_accuracy(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=r"scoring fails .*predict"):
        SiameseEmbedder(**STOP, scoring="accuracy").fit(X, y)


def test_a_pipeline_transforms_validation_data_by_routing(case):
    model, X, y, X_val, y_val = case
    select = PCA(20, random_state=0)
    if isinstance(model, SiameseVerifier):
        select = PairTransformer(select)
    kept = clone(select).fit(X, y)
    expected = clone(model).fit(kept.transform(X), y, X_val=kept.transform(X_val), y_val=y_val)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(select, model, transform_input=["X_val"])
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
    assert pipeline[-1].validation_scores_ == expected.validation_scores_


# An embedder


def test_unseen_classes_are_scored_among_themselves(digits):
    X, _, y, _ = digits
    known = y < 6
    embedder = SiameseEmbedder(**STOP)
    embedder.fit(X[known], y[known], X_val=X[~known], y_val=y[~known].astype(str))
    assert embedder.classes_.tolist() == list(range(6))
    score = embedder.score(X[~known], y[~known])
    assert score == pytest.approx(max(embedder.validation_scores_), abs=1e-12)


def test_unlabeled_validation_rows_are_ignored(digits):
    X, X_val, y, y_val = digits
    partly = np.where(np.arange(len(y_val)) % 2, y_val, -1)
    seen = []

    def scorer(model, X, y):
        seen.append((len(X), set(y.tolist())))
        return model.score(X, y)

    embedder = SiameseEmbedder(**STOP, unlabeled_label=-1)
    labeled = clone(embedder).fit(X, y, X_val=X_val[partly >= 0], y_val=y_val[partly >= 0])
    for scoring in (None, scorer):
        model = clone(embedder).set_params(scoring=scoring)
        model.fit(X, y, X_val=X_val, y_val=partly)
        np.testing.assert_allclose(model.validation_scores_, labeled.validation_scores_)
    assert all(size == (partly >= 0).sum() and -1 not in labels for size, labels in seen)
    with pytest.raises(ValueError, match=r"y_val must .*all of y is unlabeled_label=-1"):
        embedder.fit(X, y, X_val=X_val, y_val=np.full(len(y_val), -1))


def test_indicators_match_if_they_share_a_label_in_validation_too(digits):
    X, X_val, y, y_val = digits
    sets, sets_val = (np.column_stack([y % 2 == 0, y > 4, y < 2]).astype(int) for y in (y, y_val))
    embedder = SiameseEmbedder(**STOP).fit(X, sets, X_val=X_val, y_val=sets_val)
    score = embedder.score(X_val, sets_val)
    assert score == pytest.approx(max(embedder.validation_scores_), abs=1e-12)


def test_validation_rows_without_a_match_raise_unless_a_scorer_is_set(digits):
    X, X_val, y, y_val = digits
    single = np.unique(y_val, return_index=True)[1]
    data = {"X_val": X_val[single], "y_val": y_val[single]}
    embedder = SiameseEmbedder(**STOP)
    with pytest.raises(ValueError, match="y_val has no two rows that match"):
        embedder.fit(X, y, **data)

    def nearest_training_row(model, X_val, y_val):
        knn = KNeighborsClassifier(1).fit(model.transform(X), y)
        return knn.score(model.transform(X_val), y_val)

    embedder.set_params(scoring=nearest_training_row).fit(X, y, **data)
    assert max(embedder.validation_scores_) > 0.5


def test_one_shot_accuracy_is_a_scorer(digits):
    X, _, y, _ = digits

    one_shot = partial(few_shot_score, n_way=3, random_state=0)
    embedder = SiameseEmbedder(**STOP, validation="classes", validation_fraction=0.3)
    embedder.set_params(scoring=one_shot).fit(X, y)
    assert 1 / 3 < max(embedder.validation_scores_) <= 1


def test_whole_classes_are_held_out(digits):
    X, _, y, _ = digits
    seen = []

    def scorer(model, X, y):
        seen.append(set(y.tolist()))
        return model.score(X, y)

    embedder = SiameseEmbedder(**STOP, validation="classes", validation_fraction=0.25)
    embedder.set_params(scoring=scorer).fit(X, y)
    (held_out,) = {frozenset(classes) for classes in seen}
    assert len(held_out) == 3
    assert embedder.classes_.tolist() == list(range(10))
    by_default = clone(embedder).set_params(scoring=None).fit(X, y)
    np.testing.assert_allclose(by_default.validation_scores_, embedder.validation_scores_)
    np.testing.assert_array_equal(by_default.transform(X), embedder.transform(X))


def test_classes_of_one_row_are_never_held_out():
    y = np.concatenate([np.repeat(np.arange(10), 4), np.arange(10, 30)])
    for seed in range(20):
        rows, held_out = split_classes(
            np.append(y, -1), np.arange(30), 0.1, np.random.RandomState(seed), min_training_rows=2
        )
        assert not set(y[rows]) & set(y[held_out])
        assert len(rows) + len(held_out) == len(y)
        assert len(set(y[held_out])) == 2
        assert y[held_out].max() < 10


def test_labels_of_indicators_are_held_out_as_classes():
    rng = np.random.default_rng(0)
    sets = np.zeros((400, 8), dtype=int)
    sets[np.arange(400), rng.integers(0, 8, 400)] = 1
    sets[np.arange(0, 400, 4), rng.integers(0, 8, 100)] = 1
    classes, codes = np.unique(sets, axis=0, return_inverse=True)
    random_state = np.random.RandomState(0)
    rows, held_out = split_classes(codes, classes, 0.3, random_state, min_training_rows=2)
    trained, new = (sets[part].any(axis=0) for part in (rows, held_out))
    assert not (trained & new).any()
    assert new.sum() == 3
    assert len(rows) + len(held_out) < 400
    single, codes = np.eye(8, dtype=int), rng.integers(0, 8, 400)
    for kind in (single, np.arange(8)):
        parts = split_classes(codes, kind, 0.3, np.random.RandomState(1), min_training_rows=2)
        assert sum(map(len, parts)) == 400


@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_too_few_classes_to_hold_out_raise(digits, n_classes):
    X, _, y, _ = digits
    few = np.concatenate([np.flatnonzero(y < n_classes), np.flatnonzero(y == 9)[:1]])
    embedder = SiameseEmbedder(**STOP, validation="classes")
    if n_classes == 3:  # One class and a single row of another suffice to train.
        embedder.fit(X[few], y[few])
        few = few[:-1]
    else:
        with pytest.raises(ValueError, match=r"2 of the 2|1 of the 1"):
            embedder.fit(X[few], y[few])
    with pytest.raises(ValueError, match=r"1 class only|set validation='rows'"):
        embedder.fit(X[few], y[few])
    assert SiameseEmbedder(**STOP).fit(X[y < 3], y[y < 3]).validation_scores_


def test_many_validation_rows_are_scored_on_a_sample(monkeypatch):
    monkeypatch.setattr(_embedding_task, "N_NEIGHBORS", 1024)
    rng = np.random.default_rng(0)
    y = np.arange(2 * 1024) % 7
    X = rng.normal(size=(7, 5))[y] + rng.normal(size=(len(y), 5))
    embedder = SiameseEmbedder(**STOP | {"max_iter": 1})
    task = EmbeddingTask(embedder, X, y, np.arange(7), None, (X, y, np.arange(7)))
    embedder.fit(X[:100], y[:100])
    module = {"tower": embedder.tower_, "objective": embedder.objective_}
    sampled = task.score(module, None, np.arange(len(y)))
    assert sampled == pytest.approx(embedder.score(X, y), abs=0.03)
    few = np.arange(0, len(y), 2)
    assert task.score(module, None, few) == pytest.approx(embedder.score(X[few], y[few]))


# A verifier


def test_a_verifier_stops_by_the_area_under_the_curve(digit_pairs):
    P, Q, match, match_val = digit_pairs
    verifier = SiameseVerifier(**STOP, scoring="roc_auc")
    verifier.fit(P, match, X_val=Q, y_val=match_val)
    score = roc_auc_score(match_val, verifier.decision_function(Q))
    assert score == pytest.approx(max(verifier.validation_scores_))
    assert verifier.fit(P, match).validation_scores_ != []


def test_weights_of_validation_pairs_are_passed_to_the_scorer(digit_pairs):
    P, Q, match, match_val = (part[:500] for part in digit_pairs)
    weight = 1.0 + np.arange(500) % 3
    data = {"X_val": Q, "y_val": match_val, "sample_weight_val": weight}
    for scoring in (None, "accuracy"):
        verifier = SiameseVerifier(**STOP, scoring=scoring).fit(P, match, **data)
        score = verifier.score(Q, match_val, sample_weight=weight)
        assert score == pytest.approx(max(verifier.validation_scores_))
    held_out = SiameseVerifier(**STOP).fit(P, match, sample_weight=weight)
    named = SiameseVerifier(**STOP, scoring="accuracy").fit(P, match, sample_weight=weight)
    np.testing.assert_allclose(named.validation_scores_, held_out.validation_scores_)
    seen = []

    def scorer(model, X, y, **weights):
        seen.append(set(weights))
        return get_scorer("accuracy")(model, X, y, **weights)

    for options, fit_options in [({}, {}), ({"class_weight": "balanced"}, {}), ({}, data)]:
        SiameseVerifier(**STOP, **options, scoring=scorer).fit(P, match, **fit_options)
        assert seen[-1] == ({"sample_weight"} if options or fit_options else set())


@pytest.mark.parametrize("weight", [[1.0], np.full(500, -1.0), "a", np.zeros(500)])
def test_invalid_weights_of_validation_pairs_raise_by_name(digit_pairs, weight):
    P, Q, match, match_val = (part[:500] for part in digit_pairs)
    with pytest.raises(ValueError, match=r"X_val and y_val must .*sample_weight"):
        SiameseVerifier(**STOP).fit(P, match, X_val=Q, y_val=match_val, sample_weight_val=weight)


def test_weights_of_validation_pairs_need_validation_pairs(digit_pairs):
    P, _, match, _ = (part[:500] for part in digit_pairs)
    with pytest.raises(ValueError, match="sample_weight_val is passed, but X_val is not"):
        SiameseVerifier(**STOP).fit(P, match, sample_weight_val=np.ones(500))


def test_views_are_validation_pairs(digits):
    X, X_val, y, y_val = digits
    view, match, _ = make_pairs(X, y, n_pairs=500, as_view=True, random_state=0)
    view_val, match_val, _ = make_pairs(X_val, y_val, n_pairs=200, as_view=True, random_state=0)
    seen = []

    def scorer(model, X, y):
        seen.append(X)
        return model.score(X, y)

    verifier = SiameseVerifier(**STOP)
    expected = clone(verifier).fit(
        np.asarray(view), match, X_val=np.asarray(view_val), y_val=match_val
    )
    found = clone(verifier).fit(view, match, X_val=view_val, y_val=match_val)
    np.testing.assert_allclose(found.validation_scores_, expected.validation_scores_, atol=0.011)
    clone(verifier).set_params(scoring=scorer).fit(view, match)
    assert isinstance(seen[0], PairView)
    assert seen[0].items is X


def test_validation_labels_of_another_type_raise(digit_pairs):
    P, Q, match, match_val = (part[:500] for part in digit_pairs)
    with pytest.raises(ValueError, match="y_val has strings"):
        SiameseVerifier(**STOP).fit(P, match, X_val=Q, y_val=match_val.astype(str))


@pytest.mark.parametrize("scoring", [None, method_score])
def test_validation_pairs_with_an_empty_item_are_ignored(scoring):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 5
    X = rng.normal(size=(5, 12))[y] + 0.3 * rng.normal(size=(200, 12))
    P, match, _ = make_pairs(X, y, n_pairs=400, random_state=0)
    Q, match_val, _ = make_pairs(X, y, n_pairs=100, random_state=1)
    verifier = SiameseVerifier(**STOP, tower="tdnn", depth=1, input_shape=(12, 1), scoring=scoring)
    expected = clone(verifier).fit(P, match, X_val=Q[50:], y_val=match_val[50:])
    Q[:50, :12] = np.nan
    found = clone(verifier).fit(P, match, X_val=Q, y_val=match_val)
    assert found.validation_scores_ == expected.validation_scores_
