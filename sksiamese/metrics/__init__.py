"""Metrics of verification, retrieval and identification.

Verification: ``y_true`` labels the pairs that match and ``y_score`` is larger for a match
(negate distances). Retrieval: every embedding is a query against all others. Identification:
rows are compared with enrolled classes, which may not include their own class. Claims: a probe is
compared with the references of the identity that it claims.
"""

from ._claims import normalize_scores, reference_terms
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
from ._identities import equal_error_interval, error_rate_by_identity
from ._likelihood import cllr, min_cllr
from ._retrieval import mean_average_precision_at_r, recall_at_k
from ._verification import (
    equal_error_rate,
    false_accept_rate,
    false_reject_rate,
    pair_accuracy,
    true_accept_rate,
)

__all__ = [
    "cllr",
    "detection_cost",
    "detection_identification_rate",
    "equal_error_interval",
    "equal_error_rate",
    "error_rate_by_identity",
    "expected_calibration_error",
    "false_accept_rate",
    "false_reject_rate",
    "few_shot_accuracy",
    "few_shot_score",
    "mean_average_precision_at_r",
    "min_cllr",
    "min_dcf",
    "normalize_scores",
    "pair_accuracy",
    "recall_at_k",
    "reference_terms",
    "threshold_at_far",
    "true_accept_rate",
]
