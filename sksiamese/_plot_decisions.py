"""What a classifier of pairs says of them, for the displays."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils._response import _get_response_values_binary

RESPONSES = {
    "decision_function": ("decision function", 0.0),
    "predict_proba": ("probability of a match", 0.5),
}
"""What a method gives, and the score above which ``predict`` usually accepts."""


def accepted_pairs(y_score, threshold, accepted):
    """Which pairs are accepted, if that is not given: those whose score reaches a threshold."""
    accepted = y_score >= threshold if accepted is None else np.asarray(accepted, dtype=bool)
    check_consistent_length(y_score, accepted)
    return accepted


def decisions(estimator, X, threshold):
    """Scores of pairs, which of them are accepted, the threshold, and what the scores are.

    Without a threshold of one's own ``predict`` has the last word, whatever decides, a
    threshold that was chosen in a search or a pipeline, too. Where it does not part the scores
    at the usual place, the threshold is the least score that it accepts.
    """
    y_score, _, method = _get_response_values_binary(
        estimator, X, list(RESPONSES), return_response_method_used=True
    )
    name, usual = RESPONSES[method]
    if threshold is not None:
        return y_score, accepted_pairs(y_score, threshold, None), threshold, name
    accepted, threshold = estimator.predict(X) == estimator.classes_[1], usual
    if (y_score[accepted] < threshold).any() or (y_score[~accepted] > threshold).any():
        threshold = y_score[accepted].min(initial=np.inf)
    return y_score, accepted, float(threshold), name
