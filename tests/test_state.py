"""Test that a pickle of another version of the package is noticed."""

import copy
import pickle
import warnings

import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import sksiamese
from sksiamese import (
    PairTransformer,
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
)

ESTIMATORS = [
    PairTransformer(),
    ReferenceVerifier(),
    SiameseEmbedder(),
    SiameseIdentifier(),
    SiameseRegressor(),
    SiameseVerifier(),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_a_pickle_of_another_version_is_warned_of(estimator, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sksiamese, "__version__", "0.0.1")
        data = pickle.dumps(estimator)
    name = type(estimator).__name__
    message = (
        f"unpickle estimator {name} from version 0.0.1 when using version {sksiamese.__version__}"
    )
    with pytest.warns(InconsistentVersionWarning, match=message):
        loaded = pickle.loads(data)
    assert vars(loaded) == vars(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_a_pickle_of_the_same_version_is_not_warned_of(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for loaded in (
            pickle.loads(pickle.dumps(estimator)),
            copy.copy(estimator),
            copy.deepcopy(estimator),
            clone(estimator),
        ):
            assert vars(loaded).keys() == vars(estimator).keys()


def test_a_pickle_without_a_version_is_warned_of(monkeypatch):
    estimator = ReferenceVerifier()
    with pytest.warns(InconsistentVersionWarning, match="from version unknown"):
        estimator.__setstate__(dict(vars(estimator)))
