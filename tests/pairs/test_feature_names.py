"""Test the column names of pairs in tables, views and items."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksiamese import PairTransformer, PairView, SiameseEmbedder, SiameseVerifier, stack_pairs

ITEMS = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=["b", "a", "c"])
INDEX = np.random.default_rng(1).integers(30, size=(40, 2))
MATCH = np.arange(40) % 2
TABLE = stack_pairs(ITEMS.iloc[INDEX[:, 0]], ITEMS.iloc[INDEX[:, 1]])
VIEW = PairView(ITEMS, INDEX)
QUICK = {"width": 32, "max_iter": 1, "random_state": 0}


@pytest.mark.parametrize("pairs", [TABLE, VIEW], ids=["table", "view"])
@pytest.mark.parametrize("model", [SiameseVerifier(**QUICK), PairTransformer(StandardScaler())])
def test_tables_and_views_have_the_same_names(model, pairs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(pairs, MATCH)
        is_verifier = isinstance(model, SiameseVerifier)
        predict = model.decision_function if is_verifier else model.transform
        found = [np.asarray(predict(other)) for other in (TABLE, VIEW)]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
    assert model.feature_names_in_.tolist() == TABLE.columns.tolist()
    others = TABLE[["left__a", "left__b", "left__c", "right__a", "right__b", "right__c"]]
    for disordered in (others, PairView(ITEMS[["a", "b", "c"]], INDEX)):
        with pytest.raises(ValueError, match="feature names should match"):
            predict(disordered)


def test_items_are_matched_by_name_after_a_fit_on_a_table():
    verifier = SiameseVerifier(**QUICK).fit(pl.DataFrame(TABLE.to_dict("list")), MATCH)
    assert verifier.transform_items(ITEMS).shape == (30, 128)
    with pytest.raises(ValueError, match="feature names should match"):
        verifier.transform_items(ITEMS[["a", "b", "c"]])


@pytest.mark.parametrize("kind", [SiameseVerifier, PairTransformer])
@pytest.mark.parametrize(
    "columns",
    [
        ["left__a", "right__a", "left__b", "right__b"],
        ["left__a", "left__b", "right__b", "right__a"],
        ["left__a", "left__b", "right__a"],
        ["right__a", "right__b", "left__a", "left__b"],
    ],
    ids=", ".join,
)
def test_interleaved_columns_of_both_items_are_refused(kind, columns):
    model = kind()
    with pytest.raises(ValueError, match="belong to the left item and then, in the same order"):
        model.fit(TABLE[columns], MATCH)
    assert not hasattr(model, "feature_names_in_")


def test_a_selection_of_columns_of_pairs_is_refused():
    constant = TABLE.assign(left__a=0.0)
    selection = VarianceThreshold().set_output(transform="pandas")
    with pytest.raises(ValueError, match="transform items, not pairs, by a PairTransformer"):
        make_pipeline(selection, SiameseVerifier(**QUICK)).fit(constant, MATCH)


@pytest.mark.parametrize(
    "transformer",
    [PCA(4), TruncatedSVD(2), SiameseEmbedder(4, max_iter=1, random_state=0)],
    ids=lambda transformer: type(transformer).__name__,
)
def test_a_transformer_fitted_on_both_items_as_one_row_warns(transformer):
    name = type(transformer).__name__
    transformer.set_output(transform="pandas")
    model = make_pipeline(transformer, SiameseVerifier(**QUICK))
    with pytest.warns(UserWarning, match=rf"come from {name}.*use PairTransformer\({name}"):
        model.fit(TABLE, MATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(TABLE)


def test_numbered_names_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for prefix in ("x", "pixel", "pca_"):
            table = pd.DataFrame(TABLE.to_numpy()).add_prefix(prefix)
            SiameseVerifier(**QUICK).fit(table, MATCH)
        reduced = PairTransformer(PCA(2)).set_output(transform="pandas")
        model = make_pipeline(reduced, SiameseVerifier(**QUICK)).fit(TABLE, MATCH)
    assert model[-1].feature_names_in_.tolist() == [
        "left__pca0",
        "left__pca1",
        "right__pca0",
        "right__pca1",
    ]
