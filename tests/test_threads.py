"""Test fits and predictions in several threads and forked processes."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest
import torch

from sksiamese import (
    PairView,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    make_pairs,
)

N_THREADS, N_CALLS = 8, 8
SETTINGS = {"max_iter": 2, "dropout": 0.3, "random_state": 0}


def answers(digits):
    """Return calls of a fitted embedder, verifier and identifier by name."""
    X, X_test, y, _ = digits
    pairs, match, _ = make_pairs(X, y, n_pairs=1000, as_view=True, random_state=0)
    new = PairView(X_test, np.random.default_rng(0).integers(len(X_test), size=(300, 2)))
    embedder = SiameseEmbedder(**SETTINGS).fit(X, y)
    verifier = SiameseVerifier(width=32, **SETTINGS).fit(pairs, match)
    regressor = SiameseRegressor(width=32, **SETTINGS).fit(pairs, match)
    identifier = SiameseIdentifier(SiameseEmbedder(**SETTINGS)).fit(X, y)
    return {
        "transform": lambda: embedder.transform(X_test),
        "predict_proba": lambda: verifier.predict_proba(new),
        "predict_proba of an array": lambda: verifier.predict_proba(np.asarray(new)),
        "pair_distance": lambda: verifier.pair_distance(new),
        "predict": lambda: regressor.predict(new),
        "transform_items": lambda: verifier.transform_items(X_test),
        "identify": lambda: identifier.predict_proba(X_test),
    }


@pytest.fixture(scope="module")
def asked(digits):
    return answers(digits)


def test_predictions_are_the_same_in_many_threads(asked):
    expected = {name: ask() for name, ask in asked.items()}
    start = Barrier(N_THREADS)

    def ask_all(number):
        start.wait()
        names = np.roll(list(asked), number)
        return [{name: asked[name]() for name in names} for _ in range(N_CALLS)]

    with ThreadPoolExecutor(N_THREADS) as pool:
        for rounds in pool.map(ask_all, range(N_THREADS)):
            for found in rounds:
                for name, answer in found.items():
                    np.testing.assert_array_equal(answer, expected[name], err_msg=name)


def test_predictions_are_the_same_while_others_fit(digits, asked):
    X, _, y, _ = digits
    expected = {name: ask() for name, ask in asked.items()}
    done = Event()

    def ask_all():
        n_rounds = 0
        while not done.is_set():
            for name, ask in asked.items():
                np.testing.assert_array_equal(ask(), expected[name], err_msg=name)
            n_rounds += 1
        return n_rounds

    def fit(number):
        return SiameseEmbedder(**SETTINGS | {"random_state": number}).fit(X, y).transform(X)

    with ThreadPoolExecutor(6) as pool:
        askers = [pool.submit(ask_all) for _ in range(2)]
        fitted = list(pool.map(fit, [0, 1, 0, 1]))
        done.set()
        assert all(asker.result() > 0 for asker in askers)
    for number, Z in enumerate(fitted):
        np.testing.assert_array_equal(Z, fit(number % 2))
    assert (fitted[0] != fitted[1]).any()


def test_predictions_do_not_change_the_modules(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(**SETTINGS).fit(X, y)
    assert not any(module.training for module in embedder.tower_.modules())
    set_by = []
    embedder.tower_.eval = lambda: set_by.append("eval")
    embedder.transform(X)
    assert set_by == []


class Meanwhile:
    """A callback that calls a function at the end of every epoch."""

    def __init__(self, function):
        self.function = function

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.function()


def watched(function, **parameters):
    return SiameseEmbedder(**SETTINGS | parameters).set_callbacks(Meanwhile(function))


def fit_in_threads(X, y, n_threads=2):
    """Return embeddings of estimators fitted in one thread each."""
    with ThreadPoolExecutor(n_threads) as pool:
        jobs = [
            pool.submit(SiameseEmbedder(**SETTINGS).fit_transform, X, y) for _ in range(n_threads)
        ]
        return [job.result(timeout=60) for job in jobs]


def test_a_callback_may_fit_in_threads_and_wait_for_them(digits):
    X, _, y, _ = digits
    expected = SiameseEmbedder(**SETTINGS).fit_transform(X, y)
    found = []
    Z = watched(lambda: found.extend(fit_in_threads(X, y))).fit_transform(X, y)
    assert len(found) == 4
    for embedded in [Z, *found]:
        np.testing.assert_array_equal(embedded, expected)


def test_callbacks_of_two_fits_may_wait_for_each_other(digits):
    X, _, y, _ = digits
    expected = SiameseEmbedder(**SETTINGS).fit_transform(X, y)
    both = Barrier(2, timeout=60)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(watched(both.wait).fit_transform, X, y) for _ in range(2)]
        for job in jobs:
            np.testing.assert_array_equal(job.result(), expected)


@pytest.mark.parametrize(
    "part", [{}, {"miner": "distance_weighted", "distance": "chord"}, {"early_stopping": True}]
)
def test_random_numbers_drawn_by_callbacks_change_nothing(digits, part):
    X, _, y, _ = digits
    expected = SiameseEmbedder(**SETTINGS | part).fit_transform(X, y)
    torch.manual_seed(3)
    numbers = torch.rand(4)
    torch.manual_seed(3)
    drawn = []
    Z = watched(lambda: drawn.append(torch.rand(2)), **part).fit_transform(X, y)
    np.testing.assert_array_equal(Z, expected)
    assert torch.equal(torch.cat(drawn), numbers)


def in_child(function, *args):
    """Return whether a forked process reaches the end of a function."""
    child = multiprocessing.get_context("fork").Process(target=function, args=args)
    child.start()
    child.join(60)
    ended = child.exitcode == 0
    child.kill()
    return ended


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.parametrize("model", [SiameseEmbedder(**SETTINGS), SiameseVerifier(**SETTINGS)])
def test_a_forked_process_can_fit_while_a_thread_of_its_parent_does(digits, model):
    X, _, y, _ = digits
    data = (X, y)
    if isinstance(model, SiameseVerifier):
        data = make_pairs(X, y, n_pairs=300, random_state=0)[:2]
    begun, done = Event(), Event()

    def loss(D, same, different):
        begun.set()
        done.wait(120)
        return (D * same).mean()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(SiameseEmbedder(32, loss=loss, **SETTINGS).fit, X, y)
        assert begun.wait(60)
        try:
            assert in_child(model.fit, *data)
        finally:
            done.set()
        waiting.result()


@needs_fork
def test_a_forked_process_can_compute_after_its_parent_has_used_several_threads(digits):
    X, _, y, _ = digits
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = SiameseEmbedder(**SETTINGS).fit(X, y)
        torch.randn(500, 500) @ torch.randn(500, 500)
        assert in_child(model.transform, np.tile(X, (5, 1)))
        assert in_child(SiameseEmbedder(**SETTINGS).fit, X, y)
    finally:
        torch.set_num_threads(before)
