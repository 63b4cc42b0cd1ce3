"""Estimators in several settings, and their data, for the tests of files."""

from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.optim import RMSprop

from sksiamese import (
    PairTransformer,
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    augment,
    distances,
    losses,
    make_pairs,
    towers,
)
from tests import test_common

QUIET = [
    pytest.mark.filterwarnings("ignore:Pairs have an odd number of columns"),
    pytest.mark.filterwarnings("ignore:Pairs labeled"),
    pytest.mark.filterwarnings("ignore:The embedding has collapsed"),
    pytest.mark.filterwarnings("ignore:target_far"),
]
"""Marks that hide warnings about models that are trained briefly."""

BRIEFLY = {"max_iter": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6))
Y = np.arange(48) % 4
PAIRS, MATCH, _ = make_pairs(X, Y, n_pairs=60, random_state=0)
TRUSTED = ["tests.test_common:Product", "tests.test_common:TwoCues", "tests.test_common:TwoLayers"]
TRUSTED += ["sksiamese.neighbors:ApproximateNeighbors"]

CUES = {"left": slice(0, 2), "right": [2, 3, 4, 5]}
PREFIXES = {"loss": losses.supcon, "distance": distances.cosine, "sizes": (2, 8)}

SETTINGS = [
    SiameseEmbedder(8, loss="arcface", distance="cosine", regularizer="covariance"),
    SiameseEmbedder(8, loss="proxy_anchor", sampler="shuffled", memory_size=16),
    SiameseEmbedder(8, loss=partial(losses.matryoshka, **PREFIXES), distance="cosine"),
    SiameseEmbedder(64, tower=partial(towers.multi_cue, cues=CUES), learned_weight=0.5),
    SiameseEmbedder(8, augment=partial(augment.jitter, deviation=0.1), activation=nn.Mish),
    SiameseEmbedder(8, optimizer=partial(RMSprop, alpha=0.9), learning_rate="cosine"),
    SiameseEmbedder(precision="bfloat16"),
    SiameseEmbedder(8, random_state=np.random.RandomState(3)),
    ReferenceVerifier(cohort=[0, 1, 2]),
    SiameseIdentifier(SiameseEmbedder(8, **BRIEFLY), target_far=0.5, random_state=0),
]
"""Estimators of this package in settings that ``test_common`` does not have."""

CONTAINERS = [
    make_pipeline(
        StandardScaler(), SiameseEmbedder(8, **BRIEFLY), KNeighborsClassifier(algorithm="brute")
    ),
    make_union(SiameseEmbedder(8, **BRIEFLY), StandardScaler()),
    make_column_transformer(
        (SiameseEmbedder(8, **BRIEFLY), [0, 1, 2]),
        (StandardScaler(), slice(3, 5)),
        remainder="passthrough",
    ),
    GridSearchCV(
        make_pipeline(SiameseEmbedder(8, **BRIEFLY), LogisticRegression()),
        {"siameseembedder__n_components": [2, 4]},
        cv=2,
    ),
    CalibratedClassifierCV(SiameseVerifier(8, **BRIEFLY), cv=2),
    CalibratedClassifierCV(SiameseVerifier(8, **BRIEFLY), cv=2, method="isotonic"),
    TunedThresholdClassifierCV(SiameseVerifier(8, **BRIEFLY), cv=2),
    FixedThresholdClassifier(SiameseVerifier(8, **BRIEFLY), threshold=0.3),
    VotingClassifier([("one", SiameseVerifier(8, **BRIEFLY))]),
    SiameseIdentifier(make_pipeline(StandardScaler(), SiameseEmbedder(8, **BRIEFLY))),
    make_pipeline(
        PairTransformer(FrozenEstimator(SiameseEmbedder(8, **BRIEFLY).fit(X, Y))),
        SiameseVerifier(8, **BRIEFLY),
    ),
]
"""Estimators of scikit-learn around estimators of this package, or the reverse."""


def settings():
    """Return the estimators to save, in all settings, not fitted."""
    lists = [value for name, value in sorted(vars(test_common).items()) if name.isupper()]
    common = [part for value in lists if isinstance(value, list) for part in value]
    own = [part for part in common if hasattr(part, "get_params")]
    return [brief(estimator) for estimator in (*own, *SETTINGS)] + CONTAINERS


def brief(estimator):
    """Return a clone with few epochs and a seed."""
    estimator = clone(estimator)
    own = {key: value for key, value in BRIEFLY.items() if key in estimator.get_params()}
    if estimator.get_params().get("random_state") is not None:
        own.pop("random_state")
    return estimator.set_params(**own)


def data_of(estimator):
    """Return data for an estimator: rows with classes, or pairs with matches."""
    if getattr(estimator, "metric", None) == "precomputed":
        return np.abs(X @ X.T), Y
    inner = [estimator, getattr(estimator, "estimator", None)]
    inner += [step for _, step in getattr(estimator, "steps", [])]
    inner += [part for _, part in getattr(estimator, "estimators", [])]
    kinds = (PairTransformer, SiameseRegressor, SiameseVerifier)
    return (PAIRS, MATCH) if any(isinstance(part, kinds) for part in inner) else (X, Y)


def results(estimator, X):
    """Return the results of all methods of a fitted estimator."""
    names = ("transform", "predict", "decision_function", "predict_proba", "kneighbors")
    return {
        name: np.asarray(getattr(estimator, name)(X)) for name in names if hasattr(estimator, name)
    }


def assert_same_results(one, other, X):
    """Assert that two fitted estimators return the same to the last bit."""
    expected, found = results(one, X), results(other, X)
    assert expected.keys() == found.keys()
    for name, result in expected.items():
        assert result.dtype == found[name].dtype
        np.testing.assert_array_equal(found[name], result, err_msg=name)
