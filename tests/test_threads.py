"""Threads that share a fitted estimator: the same answers, whatever others do meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest

from sksiamese import PairView, SiameseEmbedder, SiameseIdentifier, SiameseVerifier, make_pairs

N_THREADS, N_CALLS = 8, 20
SETTINGS = {"max_iter": 2, "dropout": 0.3, "random_state": 0}


def answers(digits):
    """What a fitted embedder, verifier and identifier are asked, by name."""
    X, X_test, y, _ = digits
    pairs, match, _ = make_pairs(X, y, n_pairs=1000, as_view=True, random_state=0)
    new = PairView(X_test, np.random.default_rng(0).integers(len(X_test), size=(300, 2)))
    embedder = SiameseEmbedder(**SETTINGS).fit(X, y)
    verifier = SiameseVerifier(**SETTINGS).fit(pairs, match)
    identifier = SiameseIdentifier(SiameseEmbedder(**SETTINGS)).fit(X, y)
    return {
        "transform": lambda: embedder.transform(X_test),
        "predict_proba": lambda: verifier.predict_proba(new),
        "predict_proba of an array": lambda: verifier.predict_proba(np.asarray(new)),
        "pair_distance": lambda: verifier.pair_distance(new),
        "transform_items": lambda: verifier.transform_items(X_test),
        "identify": lambda: identifier.predict_proba(X_test),
    }


@pytest.fixture(scope="module")
def asked(digits):
    return answers(digits)


def test_many_threads_get_the_same_answers_from_one_estimator(asked):
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


def test_threads_answer_while_others_fit(digits, asked):
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


def test_answers_leave_the_modules_as_they_are(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(**SETTINGS).fit(X, y)
    assert not any(module.training for module in embedder.tower_.modules())
    set_by = []
    embedder.tower_.eval = lambda: set_by.append("eval")
    embedder.transform(X)
    assert set_by == []
