"""What a classifier of pairs says of them, for the displays."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils._response import _get_response_values_binary

from .._labels import label_kind
from ..metrics._verification import as_classes, is_accepted

RESPONSES = {
    "decision_function": ("decision function", 0.0),
    "predict_proba": ("probability of a match", 0.5),
}
"""What a method gives, and the score above which ``predict`` usually accepts."""


def accepted_pairs(y_score, threshold, accepted):
    """Return which pairs are accepted; by default those whose score reaches a threshold."""
    if accepted is None:
        return is_accepted(y_score, threshold)
    accepted = as_classes(accepted, "accepted")
    check_consistent_length(y_score, accepted)
    if label_kind(accepted) == "strings" or not np.isin(accepted, (0, 1)).all():
        raise ValueError("accepted must hold True or False for each pair; pass y_score >= t.")
    return accepted.astype(bool)


def pair_decisions(estimator, X, threshold):
    """Scores of pairs, which of them are accepted, the threshold, and what the scores are.

    Without a threshold of one's own ``predict`` has the last word, whatever decides, a
    threshold that was chosen in a search or a pipeline, too. Where it does not part the scores
    at the usual place, the threshold is the least score that it accepts.
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
