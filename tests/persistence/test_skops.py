"""Test that skops stores estimators of this package, with a list of trusted types."""

from functools import partial

import pytest
import skops.io
from sklearn.model_selection import TunedThresholdClassifierCV
from skops.io.exceptions import UntrustedTypesFoundException
from torch import nn

from sksiamese import SiameseEmbedder, SiameseIdentifier, SiameseVerifier
from sksiamese.persistence import TRUSTED_TYPES
from sksiamese.towers import pretrained
from tests.persistence.models import (
    BRIEFLY,
    MATCH,
    PAIRS,
    QUIET,
    X,
    Y,
    assert_same_results,
    data_of,
    settings,
)
from tests.test_common import TwoLayers

pytestmark = QUIET

OWN_PARTS = ("functools.partial", "sklearn.", "sksiamese.", "tests.", "torch.")
"""Beginnings of the names of types that the settings of the tests need in addition."""


def test_all_estimators_are_stored_and_continue_equally():
    n_plain = 0
    for estimator in settings():
        data = data_of(estimator)
        estimator.fit(*data)
        if hasattr(estimator, "partial_fit"):
            estimator.partial_fit(*data)
        stored = skops.io.dumps(estimator)
        further = set(skops.io.get_untrusted_types(data=stored)) - {*TRUSTED_TYPES}
        assert all(name.startswith(OWN_PARTS) for name in further)
        n_plain += not further
        loaded = skops.io.loads(stored, trusted=[*TRUSTED_TYPES, *further])
        assert_same_results(estimator, loaded, data[0])
        for one in (estimator, loaded):
            if hasattr(one, "partial_fit"):
                one.partial_fit(*data)
        assert_same_results(estimator, loaded, data[0])
    assert n_plain > 45


def test_types_must_be_trusted():
    stored = skops.io.dumps(SiameseEmbedder(8, **BRIEFLY).fit(X, Y))
    with pytest.raises(UntrustedTypesFoundException, match=r"sksiamese._embedder.SiameseEmbedder"):
        skops.io.loads(stored)


def test_every_estimator_is_in_the_list_of_trusted_types():
    identifier = SiameseIdentifier(SiameseEmbedder(8, **BRIEFLY), target_far=0.5)
    stored = skops.io.dumps(identifier.fit(X, Y))
    assert set(skops.io.get_untrusted_types(data=stored)) <= {*TRUSTED_TYPES}


def test_a_tower_of_your_own_is_a_type_to_trust():
    embedder = SiameseEmbedder(8, tower=TwoLayers, width=7, **BRIEFLY).fit(X, Y)
    stored = skops.io.dumps(embedder)
    assert skops.io.get_untrusted_types(data=stored) == [
        "sksiamese._embedder.SiameseEmbedder",
        "tests.test_common.TwoLayers",
    ]


def test_a_meta_estimator_of_scikit_learn_is_stored():
    tuned = TunedThresholdClassifierCV(SiameseVerifier(8, **BRIEFLY), cv=2).fit(PAIRS, MATCH)
    stored = skops.io.dumps(tuned)
    loaded = skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))
    assert_same_results(tuned, loaded, PAIRS)


def test_a_module_as_a_parameter_is_refused_with_a_remedy():
    embedder = SiameseEmbedder(tower=partial(pretrained, backbone=nn.Linear(6, 6)))
    with pytest.raises(TypeError, match=r"tower holds a module.*sksiamese.persistence.save"):
        skops.io.dumps(embedder)
