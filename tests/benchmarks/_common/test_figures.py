"""Figures of runs."""

import numpy as np


def test_the_best_threshold_has_the_most_right_decisions(load_script):
    rng = np.random.default_rng(0)
    match = rng.random(60) < 0.3
    score = match + rng.normal(size=60)
    accuracies = [((score >= threshold) == match).mean() for threshold in [*score, np.inf]]
    chosen = load_script("_common.figures").best_threshold(match, score)
    assert ((score >= chosen) == match).mean() == max(accuracies)
