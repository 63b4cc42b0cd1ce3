"""Scores and decisions of pair classifiers for the displays."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils._response import _get_response_values_binary

from .._labels import label_kind
from ..metrics._verification import as_classes, is_accepted

RESPONSES = {
    "decision_function": ("decision function", 0.0),
    "predict_proba": ("probability of a match", 0.5),
}
"""Name and default threshold of the scores of each response method."""


def accepted_pairs(y_score, threshold, accepted):
    """Return the mask of accepted pairs, by default of scores >= threshold."""
    if accepted is None:
        return is_accepted(y_score, threshold)
    accepted = as_classes(accepted, "accepted")
    check_consistent_length(y_score, accepted)
    if label_kind(accepted) == "strings" or not np.isin(accepted, (0, 1)).all():
        raise ValueError("accepted must be True or False for each pair; pass y_score >= t.")
    return accepted.astype(bool)


def pair_decisions(estimator, X, threshold):
    """Return scores of pairs, the mask of accepted pairs, the threshold, and the score name.

    Without a given threshold, ``predict`` determines the accepted pairs, also for estimators
    with a tuned threshold. If its decisions disagree with the default threshold, the threshold
    is the least accepted score.
    """
    y_score, _, method = _get_response_values_binary(
        estimator, X, list(RESPONSES), return_response_method_used=True
    )
    name, default = RESPONSES[method]
    if threshold is not None:
        return y_score, accepted_pairs(y_score, threshold, None), threshold, name
    accepted, threshold = estimator.predict(X) == estimator.classes_[1], default
    if (y_score[accepted] < threshold).any() or (y_score[~accepted] > threshold).any():
        threshold = y_score[accepted].min(initial=np.inf)
    return y_score, accepted, float(threshold), name
