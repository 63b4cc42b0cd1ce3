"""Access to the inner estimators of pipelines, searches and other meta-estimators."""

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

INNER_ATTRIBUTES = ("best_estimator_", "estimator_", "embedder_")
"""Attributes of fitted meta-estimators with the inner estimator."""


def inner_estimators(estimator):
    """Return the distinct fitted estimators directly inside an estimator.

    Parameters
    ----------
    estimator : estimator instance
        Fitted estimator.

    Returns
    -------
    inner : list of estimator instances
        Steps of a pipeline, best estimator of a search, estimators of a calibrated classifier,
        embedder of an identifier, or frozen estimator; empty if there are none.
    """
    if isinstance(estimator, Pipeline):
        return [step for _, step in estimator.steps if step not in (None, "passthrough")]
    if isinstance(estimator, FrozenEstimator):
        return [estimator.estimator]
    inner = [getattr(estimator, name) for name in INNER_ATTRIBUTES if hasattr(estimator, name)]
    inner += [part.estimator for part in getattr(estimator, "calibrated_classifiers_", [])]
    return list({id(part): part for part in inner}.values())
