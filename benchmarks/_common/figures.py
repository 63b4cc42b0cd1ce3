"""Measure seconds and pairs, and summarize several runs."""

from time import perf_counter

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from sksiamese.metrics import equal_error_rate

RATIO = "{ratio[median]:.2f} ({ratio[min]:.2f} to {ratio[max]:.2f})"
"""The cell of a ratio, see :func:`spread`."""


def timed(function, *arguments, **options):
    """Return the result of a call, and its seconds."""
    start = perf_counter()
    result = function(*arguments, **options)
    return result, perf_counter() - start


def seconds_of(function, *arguments, **options):
    """Return the seconds of a call."""
    return timed(function, *arguments, **options)[1]


def by_turns(functions, rounds, *, warm_up=1):
    """Call functions by turns, so that a busy moment of the machine affects all of them.

    Parameters
    ----------
    functions : dict of callable
        Functions without arguments, by name.

    rounds : int
        Number of rounds that count.

    warm_up : int, default=1
        Number of rounds before them that do not count.

    Returns
    -------
    results : dict of list
        Results of each function, round by round.
    """
    turns = [{name: call() for name, call in functions.items()} for _ in range(rounds + warm_up)]
    return {name: [turn[name] for turn in turns[warm_up:]] for name in functions}


def mean_of(runs):
    """Return the mean over runs of each figure."""
    return {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}


def summary(runs):
    """Return the mean and the standard deviation over runs of each figure."""
    deviations = {key: float(np.std([run[key] for run in runs])) for key in runs[0]}
    return {key: {"mean": mean, "std": deviations[key]} for key, mean in mean_of(runs).items()}


def of_runs(runs, **labels):
    """Return the row of several runs: labels, summary and single runs."""
    return labels | {"summary": summary(runs), "runs": runs}


def spread(values):
    """Return the median, the least and the greatest value."""
    low, median, high = np.quantile(values, [0, 0.5, 1])
    return {"median": float(median), "min": float(low), "max": float(high)}


def verification(match, score):
    """Return the area under the curve and the equal error rate of scores of pairs."""
    return {"AUC": float(roc_auc_score(match, score)), "EER": equal_error_rate(match, score)}


def best_threshold(match, score):
    """Return the threshold on the score at which most pairs are classified correctly."""
    rejected, accepted, thresholds = roc_curve(match, score)
    gain = accepted * np.sum(match) - rejected * np.sum(~match)
    return float(thresholds[gain.argmax()])
