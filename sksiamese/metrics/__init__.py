"""Measures of verification, of retrieval and of identification.

Verification: ``y_true`` says which pairs match, ``y_score`` is larger for a match (for a
distance pass its negative). Retrieval: every embedded row is a query against all others.
Identification: rows are compared with enrolled classes, of which theirs may be none.
"""

from ._decision import (
    detection_cost,
    expected_calibration_error,
    min_dcf,
    threshold_at_far,
)
from ._identification import (
    detection_identification_rate,
    few_shot_accuracy,
    few_shot_score,
)
from ._retrieval import mean_average_precision_at_r, recall_at_k
from ._verification import (
    equal_error_rate,
    false_accept_rate,
    false_reject_rate,
    pair_accuracy,
    true_accept_rate,
)

__all__ = [
    "detection_cost",
    "detection_identification_rate",
    "equal_error_rate",
    "expected_calibration_error",
    "false_accept_rate",
    "false_reject_rate",
    "few_shot_accuracy",
    "few_shot_score",
    "mean_average_precision_at_r",
    "min_dcf",
    "pair_accuracy",
    "recall_at_k",
    "threshold_at_far",
    "true_accept_rate",
]
