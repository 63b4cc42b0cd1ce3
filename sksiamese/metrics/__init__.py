"""Metrics of verification, retrieval and identification.

Verification: ``y_true`` labels the pairs that match and ``y_score`` is larger for a match
(negate distances). Retrieval: every embedding is a query against all others, or against a gallery.
Identification: rows are compared with enrolled classes, which may not include their own class.
Claims: a probe is compared with the references of the identity that it claims.
"""

from ._claims import normalize_scores, reference_terms
from ._decision import (
    best_threshold,
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
from ._retrieval import (
    cmc_curve,
    mean_average_precision_at_k,
    mean_average_precision_at_r,
    mean_reciprocal_rank,
    ndcg_at_k,
    precision_at_k,
    r_precision,
    recall_at_k,
    retrieval_score,
)
from ._verification import (
    equal_error_rate,
    false_accept_rate,
    false_reject_rate,
    pair_accuracy,
    true_accept_rate,
)

__all__ = [
    "best_threshold",
    "cllr",
    "cmc_curve",
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
    "mean_average_precision_at_k",
    "mean_average_precision_at_r",
    "mean_reciprocal_rank",
    "min_cllr",
    "min_dcf",
    "ndcg_at_k",
    "normalize_scores",
    "pair_accuracy",
    "precision_at_k",
    "r_precision",
    "recall_at_k",
    "reference_terms",
    "retrieval_score",
    "threshold_at_far",
    "true_accept_rate",
]
