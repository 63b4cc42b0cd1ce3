"""Estimators that hold others: pipelines, searches, thresholds, calibration, identifiers."""

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

INNER_ATTRIBUTES = ("best_estimator_", "estimator_", "embedder_")
"""Attributes under which a fitted estimator keeps the one that it holds."""


def inner_estimators(estimator):
    """Return the fitted estimators that an estimator holds, each once; empty if it holds none.

    Parameters
    ----------
    estimator : estimator instance
        Fitted estimator.

    Returns
    -------
    inner : list of estimator instances
        The steps of a pipeline, the best model of a search, the classifiers of a calibration,
        the embedder of an identifier, or what was frozen.
    """
    if isinstance(estimator, Pipeline):
        return [step for _, step in estimator.steps if step not in (None, "passthrough")]
    if isinstance(estimator, FrozenEstimator):
        return [estimator.estimator]
    inner = [getattr(estimator, name) for name in INNER_ATTRIBUTES if hasattr(estimator, name)]
    inner += [part.estimator for part in getattr(estimator, "calibrated_classifiers_", [])]
    return list({id(part): part for part in inner}.values())
