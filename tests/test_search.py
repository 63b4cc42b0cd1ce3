"""Test searches with workers, halving, early stopping and warm starts."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder, SiameseVerifier

MAX_ITER = "siameseembedder__max_iter"


def classifier(**options):
    embedder = SiameseEmbedder(4, width=16, random_state=0, **options)
    return make_pipeline(embedder, KNeighborsClassifier())


@pytest.fixture(scope="module")
def few(digits):
    X, _, y, _ = digits
    return X[:300], y[:300]


def test_two_workers_give_the_same_scores_as_one(few):
    n_threads = torch.get_num_threads()
    grid = {MAX_ITER: [1, 3], "siameseembedder__margin": [0.1, 0.3]}
    found = [
        GridSearchCV(classifier(), grid, cv=2, n_jobs=n_jobs).fit(*few).cv_results_
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*(results["mean_test_score"] for results in found))
    assert torch.get_num_threads() == n_threads


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


def test_a_worker_uses_the_threads_granted_by_joblib():
    with parallel_config("loky", inner_max_num_threads=2):
        assert Parallel(n_jobs=2)(delayed(torch.get_num_threads)() for _ in range(2)) == [2, 2]
