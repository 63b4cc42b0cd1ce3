"""Figures of runs, and measurements of calls."""

import threading

import numpy as np


def test_the_best_threshold_has_the_most_right_decisions(load_script):
    rng = np.random.default_rng(0)
    match = rng.random(60) < 0.3
    score = match + rng.normal(size=60)
    accuracies = [((score >= threshold) == match).mean() for threshold in [*score, np.inf]]
    chosen = load_script("_common.figures").best_threshold(match, score)
    assert ((score >= chosen) == match).mean() == max(accuracies)


def test_functions_take_turns_after_a_warm_up(load_script):
    calls = []
    functions = {name: lambda name=name: calls.append(name) or len(calls) for name in "ab"}
    found = load_script("_common.figures").by_turns(functions, 2)
    assert calls == list("ababab")
    assert found == {"a": [3, 5], "b": [4, 6]}


def test_the_greatest_value_during_a_call_is_measured(load_script):
    values = iter([1.0, 5.0, 2.0])
    _, greatest = load_script("_common.process").greatest_during(
        lambda: threading.Event().wait(0.2), lambda: next(values, 3.0), interval=0.02
    )
    assert greatest == 5.0
