"""Figures of several runs, and thresholds."""

import numpy as np
from sklearn.metrics import roc_curve


def summary(runs):
    """Return mean and standard deviation over runs, key by key, of dicts of numbers."""
    return {
        key: {
            "mean": float(np.mean([run[key] for run in runs])),
            "std": float(np.std([run[key] for run in runs])),
        }
        for key in runs[0]
    }


def of_runs(runs, **labels):
    """Return the result of some runs: its labels, their summary and the runs themselves."""
    return labels | {"summary": summary(runs), "runs": runs}


def spread(values):
    """Return median, least and greatest value."""
    low, median, high = np.quantile(values, [0, 0.5, 1])
    return {"median": float(median), "min": float(low), "max": float(high)}


def best_threshold(match, score):
    """Return the threshold on a score that decides most pairs correctly; its pairs are accepted."""
    rejected, accepted, thresholds = roc_curve(match, score)
    gain = accepted * np.sum(match) - rejected * np.sum(~match)
    return float(thresholds[gain.argmax()])
