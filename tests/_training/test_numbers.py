"""Test the training of an embedder on rows with numbers."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.datasets import make_friedman1
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from torch import nn

from sksiamese import SiameseEmbedder
from sksiamese.losses import NUMBER_LOSSES, kernel_regression, rank_n_contrast

X, Y = make_friedman1(600, noise=0.5, random_state=0)
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = X[:400], X[400:], Y[:400], Y[400:]

each_loss = pytest.mark.parametrize("loss", NUMBER_LOSSES)


def numbers_embedder(n_components=8, **options):
    options = {"loss": "kernel_regression", "max_iter": 3, "random_state": 0} | options
    return SiameseEmbedder(n_components, device="cpu", **options)


def squared_gap(D, y):
    """Compute a user-defined loss of numbers."""
    return (D - (y[:, None] - y).abs()).square().mean()


squared_gap.inputs = "numbers"


@each_loss
def test_neighbors_in_the_embedding_predict_better_than_in_the_columns(loss):
    embedder = numbers_embedder(loss=loss, max_iter=20).fit(X_TRAIN, Y_TRAIN)
    neighbors, scaler = KNeighborsRegressor(10), StandardScaler().fit(X_TRAIN)
    plain = neighbors.fit(scaler.transform(X_TRAIN), Y_TRAIN)
    plain_score = plain.score(scaler.transform(X_TEST), Y_TEST)
    learned = neighbors.fit(embedder.transform(X_TRAIN), Y_TRAIN)
    assert learned.score(embedder.transform(X_TEST), Y_TEST) > plain_score + 0.1
    assert embedder.classes_.size == 0
    assert set(embedder.history_) == {"loss", "correlation", "spread"}
    assert embedder.history_["correlation"][-1] > 0.6


@each_loss
def test_a_loss_by_name_equals_the_loss_with_its_default_distance(loss):
    distance = {"kernel_regression": "sqeuclidean", "rank_n_contrast": "euclidean"}[loss]
    named = numbers_embedder(loss=loss).fit(X_TRAIN, Y_TRAIN)
    passed = numbers_embedder(loss=NUMBER_LOSSES[loss], distance=distance).fit(X_TRAIN, Y_TRAIN)
    assert_array_equal(named.transform(X_TEST), passed.transform(X_TEST))


@pytest.mark.parametrize("loss", [squared_gap, partial(rank_n_contrast, temperature=0.5)])
def test_a_loss_of_numbers_may_be_a_callable(loss):
    embedder = numbers_embedder(loss=loss).fit(X_TRAIN, Y_TRAIN)
    assert embedder.loss_curve_[-1] < embedder.loss_curve_[0]


def test_the_weights_of_a_loss_of_numbers_are_trained():
    class Scaled(nn.Module):
        inputs = "numbers"

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, D, y):
            return kernel_regression(D * self.scale.exp(), y)

    embedder = numbers_embedder(loss=Scaled).fit(X_TRAIN, Y_TRAIN)
    assert embedder.objective_.loss.scale != 1


def test_the_unit_of_numbers_does_not_matter():
    embedder = numbers_embedder()
    expected = embedder.fit(X_TRAIN, Y_TRAIN).transform(X_TEST)
    scaled = embedder.fit(X_TRAIN, 1e6 * Y_TRAIN - 1e9).transform(X_TEST)
    np.testing.assert_allclose(scaled, expected, atol=1e-3)


@each_loss
def test_constant_numbers_are_accepted(loss):
    embedder = numbers_embedder(loss=loss, max_iter=1).fit(X_TRAIN, np.full(400, 0.1))
    assert np.isfinite(embedder.transform(X_TEST)).all()


def test_the_score_is_the_accuracy_of_a_regression_on_five_other_rows():
    embedder = numbers_embedder().fit(X_TRAIN, Y_TRAIN)
    Z = embedder.transform(X_TEST)
    predicted = KNeighborsRegressor(5).fit(Z, Y_TEST).kneighbors(return_distance=False)
    expected = r2_score(Y_TEST, Y_TEST[predicted].mean(axis=1))
    assert embedder.score(X_TEST, Y_TEST) == pytest.approx(expected)
    assert embedder.score(X_TEST[:3], Y_TEST[:3]) <= 1
    search = GridSearchCV(numbers_embedder(), {"n_components": [1, 8]}, cv=2, error_score="raise")
    assert search.fit(X_TRAIN, Y_TRAIN).best_params_ == {"n_components": 8}


def test_early_stopping_keeps_the_weights_of_the_lowest_validation_loss():
    options = {"early_stopping": True, "max_iter": 8}
    embedder = numbers_embedder(**options).fit(X_TRAIN, Y_TRAIN, X_val=X_TEST, y_val=Y_TEST)
    y = torch.from_numpy((Y_TEST - Y_TRAIN.mean()) / Y_TRAIN.std())
    Z = torch.from_numpy(embedder.transform(X_TEST)).double()
    expected = kernel_regression(torch.cdist(Z, Z).square(), y)
    assert max(embedder.validation_scores_) == pytest.approx(-expected.item(), rel=1e-4)
    held_out = numbers_embedder(**options).fit(X_TRAIN, Y_TRAIN)
    assert len(held_out.validation_scores_) == held_out.n_iter_
    scored = numbers_embedder(**options, scoring=lambda estimator, X, y: estimator.score(X, y))
    assert 0 < max(scored.fit(X_TRAIN, Y_TRAIN).validation_scores_) < 1


def test_warm_starts_partial_fits_and_copies():
    embedder = numbers_embedder(warm_start=True).fit(X_TRAIN, Y_TRAIN)
    before = embedder.score(X_TEST, Y_TEST)
    embedder.fit(X_TRAIN, Y_TRAIN)
    assert embedder.n_iter_ == 6
    assert embedder.score(X_TEST, Y_TEST) > before
    for clone in (copy.deepcopy(embedder), pickle.loads(pickle.dumps(embedder))):
        assert_array_equal(clone.transform(X_TEST), embedder.transform(X_TEST))
    with pytest.raises(ValueError, match="loss has changed from 'kernel_regression'"):
        embedder.set_params(loss="rank_n_contrast").fit(X_TRAIN, Y_TRAIN)
    chunks = numbers_embedder()
    for _ in range(6):
        for rows in np.arange(400).reshape(2, 200):
            chunks.partial_fit(X_TRAIN[rows], Y_TRAIN[rows])
    assert chunks.n_iter_ == 12
    assert chunks.score(X_TEST, Y_TEST) > 0.5


def test_a_regularizer_of_embeddings_is_added():
    plain = numbers_embedder(max_iter=1).fit(X_TRAIN, Y_TRAIN)
    added = numbers_embedder(max_iter=1, regularizer="norm").fit(X_TRAIN, Y_TRAIN)
    assert added.loss_curve_[0] > plain.loss_curve_[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learned_weight", 0.5),
        ("memory_size", 8),
        ("miner", "semihard"),
        ("n_views", 2),
        ("sampler", lambda y, batch_size, generator: iter([])),
        ("unlabeled_label", -1),
        ("validation", "classes"),
    ],
)
def test_parameters_without_an_effect_are_named(name, value):
    embedder = numbers_embedder(**{name: value})
    for fit in (embedder.fit, embedder.partial_fit):
        with pytest.raises(ValueError, match=f"{name}=.* learns from numbers; set {name}="):
            fit(X_TRAIN, Y_TRAIN)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.repeat(["a", "b"], 200), "y must be an array of numbers"),
        (np.r_[Y_TRAIN[:-1], np.nan], "y contains NaN"),
        (1j * Y_TRAIN, "y"),
        (1e39 * Y_TRAIN, "y has numbers beyond"),
        (np.c_[Y_TRAIN, Y_TRAIN], "y should be a 1d array"),
        (Y_TRAIN[:-1], "inconsistent numbers of samples"),
    ],
)
def test_invalid_numbers_are_named(y, message):
    embedder = numbers_embedder()
    with pytest.raises(ValueError, match=message):
        embedder.fit(X_TRAIN, y)
    if y is not None:
        with pytest.raises(ValueError, match="y_val"):
            numbers_embedder(early_stopping=True).fit(X_TRAIN, Y_TRAIN, X_val=X_TRAIN, y_val=y)
    assert not hasattr(embedder, "tower_")


def test_invalid_settings_are_named():
    with pytest.raises(ValueError, match="regularizer='center' needs classes"):
        numbers_embedder(regularizer="center").fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(ValueError, match="holds out 1 of 10 rows"):
        numbers_embedder(early_stopping=True).fit(X_TRAIN[:10], Y_TRAIN[:10])
    with pytest.raises(ValueError, match="classes is passed, but loss='kernel_regression'"):
        numbers_embedder().partial_fit(X_TRAIN, Y_TRAIN, classes=[0, 1])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        numbers_embedder(loss="triplet").fit(X_TRAIN, Y_TRAIN)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        numbers_embedder(max_iter=1).fit(X_TRAIN, Y_TRAIN[:, None])
