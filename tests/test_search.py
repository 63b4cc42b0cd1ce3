"""Test searches with workers, halving, early stopping and warm starts."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs

MAX_ITER = "siameseembedder__max_iter"


def classifier(last=None, **options):
    embedder = SiameseEmbedder(4, width=16, random_state=0, **options)
    return make_pipeline(embedder, last or KNeighborsClassifier())


@pytest.fixture(scope="module")
def few(digits):
    X, _, y, _ = digits
    return X[:300], y[:300]


def scores(model, grid, data, **options):
    """Return the scores of a grid search by one worker, and by two."""
    return [
        GridSearchCV(model, grid, n_jobs=n_jobs, **options).fit(*data).cv_results_
        for n_jobs in (1, 2)
    ]


@pytest.mark.parametrize("last", [KNeighborsClassifier(), LogisticRegression()], ids=str)
def test_two_workers_give_the_same_scores_as_one(few, last):
    n_threads = torch.get_num_threads()
    grid = {"siameseembedder__depth": [1, 2], "siameseembedder__margin": [0.1, 2.0], MAX_ITER: [2]}
    found = [part["mean_test_score"] for part in scores(classifier(last), grid, few, cv=2)]
    np.testing.assert_array_equal(*found)
    assert found[0][0] != found[0][1]
    assert found[0][2] != found[0][3]
    assert torch.get_num_threads() == n_threads


def test_two_workers_give_the_same_scores_for_folds_without_shared_identities(digits):
    X, _, y, _ = digits
    P, match, groups = make_pairs(X, y, n_pairs=300, n_groups=3, random_state=0)
    verifier = SiameseVerifier(4, width=16, max_iter=3, random_state=0)
    folds = list(GroupKFold(3).split(P, match, groups))
    grid = {"depth": [1, 2], "margin": [0.5, 2.0]}
    found = [
        part["mean_test_score"]
        for part in scores(verifier, grid, (P, match), scoring="roc_auc", cv=folds)
    ]
    np.testing.assert_array_equal(*found)
    assert found[0][0] != found[0][1]
    assert found[0][2] != found[0][3]


@pytest.mark.parametrize("estimator", [SiameseEmbedder, SiameseVerifier])
def test_hidden_layers_are_searched_with_size_margin_and_distance(few, digit_pairs, estimator):
    data, scoring = few, None
    if estimator is SiameseVerifier:
        data, scoring = (digit_pairs[0][:300], digit_pairs[2][:300]), "roc_auc"
    model = estimator(4, width=16, depth=3, max_iter=1, random_state=0)
    grid = [
        {"activation": [None, "tanh", torch.nn.Mish]},
        {"normalization": [None, "batch", "layer"], "shortcuts": [False, True]},
        {"shortcuts": [True], "depth": [1, 2], "width": [8], "margin": [0.5]},
        {"normalization": ["batch"], "distance": ["cosine", "manhattan"]},
    ]
    search = GridSearchCV(model, grid, cv=2, scoring=scoring, error_score="raise").fit(*data)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 12  # The defaults occur twice.


def test_halving_over_epochs_keeps_the_best_candidates(few):
    grid = {"siameseembedder__learning_rate_init": [1e-7, 1e-6, 1e-5, 5e-3]}
    options = {"resource": MAX_ITER, "min_resources": 2, "max_resources": 8, "factor": 2, "cv": 2}
    search = HalvingGridSearchCV(classifier(), grid, random_state=0, **options).fit(*few)
    assert search.n_resources_ == [2, 4, 8]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_params_ == {"siameseembedder__learning_rate_init": 5e-3, MAX_ITER: 8}
    assert search.best_estimator_[0].n_iter_ == 8


def test_halving_over_rows_uses_fewer_pairs(digit_pairs):
    P, _, match, _ = digit_pairs
    verifier = SiameseVerifier(4, width=16, max_iter=3, random_state=0)
    options = {"min_resources": 500, "factor": 2, "cv": 2, "random_state": 0}
    search = HalvingGridSearchCV(verifier, {"margin": [0.5, 2.0]}, **options).fit(
        P[:1000], match[:1000]
    )
    assert search.n_resources_ == [500, 1000]
    assert search.best_estimator_.n_iter_ == 3


def test_early_stopping_works_in_a_search(few):
    stopping = {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2}
    grid = {MAX_ITER: [3, 200]}
    search = GridSearchCV(classifier(**stopping), grid, cv=2).fit(*few)
    embedder = search.best_estimator_[0]
    assert embedder.n_iter_ < 200
    assert len(embedder.validation_scores_) == embedder.n_iter_
    alone = [
        cross_val_score(classifier(**stopping).set_params(**{MAX_ITER: n}), *few, cv=2).mean()
        for n in grid[MAX_ITER]
    ]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warm_start_does_not_leak_between_fits_of_a_search(few, n_jobs):
    grid = {MAX_ITER: [1, 2, 4]}
    warm, cold = (
        GridSearchCV(classifier(warm_start=warm), grid, cv=2, n_jobs=n_jobs).fit(*few)
        for warm in (True, False)
    )
    np.testing.assert_array_equal(
        *(search.cv_results_["mean_test_score"] for search in (warm, cold))
    )
    assert warm.best_estimator_[0].n_iter_ == warm.best_params_[MAX_ITER]


@pytest.mark.slow
def test_a_worker_uses_the_threads_granted_by_joblib():
    with parallel_config("loky", inner_max_num_threads=2):
        assert Parallel(n_jobs=2)(delayed(torch.get_num_threads)() for _ in range(2)) == [2, 2]
