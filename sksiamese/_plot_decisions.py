"""What a classifier of pairs says of them, for the displays."""

import numpy as np
from sklearn.utils._response import _get_response_values_binary

RESPONSES = {
    "decision_function": ("decision function", 0.0),
    "predict_proba": ("probability of a match", 0.5),
}
"""What a method gives, and the score above which ``predict`` usually accepts."""


def decisions(estimator, X):
    """Scores of pairs, which of them are accepted, the threshold, and what the scores are.

    Whatever decides, a threshold that was chosen in a search or a pipeline, too, ``predict``
    has the last word. Where it does not part the scores at the usual place, the threshold is
    the least score that it accepts.
    """
    y_score, _, method = _get_response_values_binary(
        estimator, X, list(RESPONSES), return_response_method_used=True
    )
    accepted = estimator.predict(X) == estimator.classes_[1]
    name, threshold = RESPONSES[method]
    if (y_score[accepted] < threshold).any() or (y_score[~accepted] > threshold).any():
        threshold = y_score[accepted].min(initial=np.inf)
    return y_score, accepted, float(threshold), name
