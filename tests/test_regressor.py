"""Test SiameseRegressor: learning, symmetry, units, weights, losses, persistence, composition."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import make_scorer, r2_score
from sklearn.metrics.pairwise import paired_cosine_distances
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksiamese import PairTransformer, PairView, SiameseRegressor, split_pairs, stack_pairs
from sksiamese.augment import jitter
from sksiamese.heads import HEADS
from sksiamese.losses import REGRESSION_LOSSES, cosent

QUICK = {"width": 32, "max_iter": 3, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    """Return views of training and test pairs of disjoint items, with hidden distances."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 6))
    hidden = np.tanh(X[:, :2] * 2)
    index = np.concatenate([rng.integers(400, size=(1500, 2)), rng.integers(400, 600, (600, 2))])
    y = 100 + 5 * np.linalg.norm(hidden[index[:, 0]] - hidden[index[:, 1]], axis=1)
    return PairView(X, index[:1500]), PairView(X, index[1500:]), y[:1500], y[1500:]


@pytest.fixture(scope="module")
def fitted(data):
    return SiameseRegressor(width=64, max_iter=15, random_state=0).fit(data[0], data[2])


def spearman(y_true, y_pred):
    """Return the rank correlation."""
    return spearmanr(y_true, y_pred).statistic


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@pytest.mark.parametrize("sign", [1, -1])
def test_each_loss_predicts_in_the_unit_of_y(data, loss, sign):
    P, Q, y, z = data
    regressor = SiameseRegressor(loss=loss, width=64, max_iter=15, random_state=0)
    regressor.fit(P, sign * y)
    raw = np.linalg.norm(np.subtract(*split_pairs(np.asarray(Q))), axis=1)
    line = IsotonicRegression().fit(raw, z).predict(raw)
    assert regressor.score(Q, sign * z) > r2_score(z, line) + 0.15
    assert spearman(sign * z, regressor.predict(Q)) > spearman(z, raw) + 0.1
    assert abs(regressor.predict(Q).mean() - sign * z.mean()) < 1


def test_predictions_follow_shift_and_scale_of_y(data):
    P, Q, y, _ = data
    one = SiameseRegressor(**QUICK).fit(P, y).predict(Q)
    other = SiameseRegressor(**QUICK).fit(P, 1e6 * y - 1e9).predict(Q)
    np.testing.assert_allclose(other, 1e6 * one - 1e9, rtol=1e-6)
    assert one.dtype == np.float64


@pytest.mark.parametrize("head", HEADS)
def test_swapping_the_items_does_not_change_the_prediction(data, head):
    P, Q, y, _ = data
    regressor = SiameseRegressor(head=head, **QUICK).fit(P[:300], y[:300])
    swapped = PairView(Q.items, Q.index[:, ::-1])
    np.testing.assert_allclose(regressor.predict(swapped), regressor.predict(Q), rtol=1e-6)


@pytest.mark.parametrize("head", ["distance", "cosine"])
def test_the_prediction_is_monotone_in_distance_or_cosine(data, head):
    P, Q, y, _ = data
    distance = {"distance": "manhattan", "cosine": "cosine"}[head]
    regressor = SiameseRegressor(head=head, distance=distance, **QUICK).fit(P, y)
    assert spearman(regressor.pair_distance(Q), regressor.predict(Q)) == pytest.approx(1, abs=1e-3)


def test_the_direction_is_found_or_declared(data):
    P, Q, y, _ = data  # y is a distance.
    auto = SiameseRegressor(head="distance", **QUICK)
    declared = clone(auto).set_params(increasing=False)
    for model, numbers in ((auto, y), (declared, y), (auto, -y), (declared, -y)):
        model = clone(model).fit(P, numbers)
        expected = 1 if numbers is not y and model.increasing == "auto" else -1
        assert model.head_.direction.item() == expected
    results = [clone(one).fit(P, y).predict(Q) for one in (auto, declared)]
    np.testing.assert_array_equal(*results)


def test_all_forms_of_pairs_give_the_same_predictions(data):
    P, Q, y, _ = data
    flat = np.asarray(P)
    forms = [P, flat, flat.reshape(-1, 2, 6), flat.reshape(-1, 2, 2, 3), flat.tolist()]
    fits = [SiameseRegressor(**QUICK).fit(form, y) for form in forms]
    expected = fits[0].predict(Q)
    for regressor in fits[1:]:
        np.testing.assert_allclose(regressor.predict(Q), expected, rtol=1e-9)


def test_sparse_pairs_are_fitted_without_centering(data):
    P, _, y, _ = data
    sparse = csr_array(np.asarray(P) * (np.asarray(P) > 0))
    regressor = SiameseRegressor(**QUICK).fit(sparse, y)
    np.testing.assert_allclose(
        regressor.predict(sparse), regressor.predict(sparse.toarray()), rtol=1e-5
    )


def test_the_matrix_holds_the_predictions_of_all_pairs(fitted, data):
    items = data[1].items[-20:]
    left, right = (side.ravel() for side in np.indices((20, 20)))
    expected = fitted.predict(stack_pairs(items[left], items[right])).reshape(20, 20)
    np.testing.assert_allclose(fitted.predict_matrix(items), expected, rtol=1e-6)
    np.testing.assert_allclose(fitted.predict_matrix(items, items[:3]), expected[:, :3], rtol=1e-6)


def test_pair_distance_is_the_distance_of_embedded_items(fitted, data):
    A, B = (fitted.transform_items(side) for side in split_pairs(np.asarray(data[1])))
    expected = paired_cosine_distances(A, B)
    np.testing.assert_allclose(fitted.pair_distance(data[1]), expected, rtol=1e-5, atol=1e-9)
    assert not hasattr(fitted, "decision_function")
    assert not hasattr(fitted, "classes_")


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_weight_two_equals_two_copies_and_weight_zero_none(data, loss):
    P, y = np.asarray(data[0])[:40], data[2][:40]
    weight = np.random.default_rng(0).integers(0, 3, size=40)
    weighted, repeated = (
        SiameseRegressor(loss=loss, batch_size=100, max_iter=20, random_state=0).fit(*parts)
        for parts in ((P, y, weight), (P.repeat(weight, axis=0), y.repeat(weight)))
    )
    np.testing.assert_allclose(weighted.predict(P), repeated.predict(P), rtol=1e-6)


def test_the_prediction_is_the_best_line_of_the_training_pairs(fitted, data):
    P, _, y, _ = data
    residual = y - fitted.predict(P)
    assert abs(residual.mean()) < 1e-5
    assert abs(np.corrcoef(residual, fitted.predict(P))[0, 1]) < 1e-5


def test_early_stopping_keeps_the_best_weights(data):
    P, Q, y, z = data
    options = {"early_stopping": True, "n_iter_no_change": 1, "width": 32, "random_state": 0}
    options["max_iter"] = 8
    regressor = SiameseRegressor(**options).fit(P, y, X_val=Q, y_val=z)
    assert regressor.score(Q, z) == pytest.approx(max(regressor.validation_scores_), abs=1e-6)
    held_out = SiameseRegressor(**options, validation_fraction=0.3).fit(P, y)
    assert len(held_out.validation_scores_) == held_out.n_iter_
    by_rank = SiameseRegressor(**options, scoring=make_scorer(spearman), loss="cosent")
    by_rank.fit(P, y, X_val=Q, y_val=z)
    best = max(by_rank.validation_scores_)
    assert spearman(z, by_rank.predict(Q)) == pytest.approx(best, abs=1e-4)


def test_a_search_by_rank_correlation_and_a_pipeline_work(data):
    P, Q, y, z = data
    model = make_pipeline(PairTransformer(StandardScaler()), SiameseRegressor(**QUICK))
    grid = {"siameseregressor__head": ["distance", "weighted_l1"]}
    search = GridSearchCV(model, grid, scoring=make_scorer(spearman), cv=2).fit(np.asarray(P), y)
    expected = spearman(z, search.predict(np.asarray(Q)))
    assert search.score(np.asarray(Q), z) == pytest.approx(expected)


def test_a_warm_start_continues(data):
    P, _, y, _ = data
    regressor = SiameseRegressor(**QUICK, warm_start=True).fit(P, y)
    before, loss = regressor.score(P, y), regressor.loss_curve_[-1]
    regressor.fit(P, y)
    assert regressor.n_iter_ == 6
    assert regressor.loss_curve_[3] < 1.5 * loss
    assert regressor.score(P, y) > before
    with pytest.raises(ValueError, match="head has changed from 'cosine' to 'mlp'"):
        regressor.set_params(head="mlp").fit(P, y)


def chunked(P, y, *, loss="cosent", n_passes=10, **options):
    """Return a regressor of several passes over five chunks, with the step size of ``fit``."""
    regressor = SiameseRegressor(loss=loss, width=64, random_state=0)
    for turn in range(n_passes):
        regressor.set_params(learning_rate_init=5e-3 * (1 - turn / n_passes))
        for chunk in np.array_split(np.random.default_rng(turn).permutation(len(P)), 5):
            regressor.partial_fit(P[chunk], y[chunk], **options)
    return regressor


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_partial_fit_in_chunks_learns_as_well_as_fit(data, loss):
    P, Q, y, z = data
    regressor = chunked(P, y, loss=loss)
    whole = SiameseRegressor(loss=loss, width=64, max_iter=10, random_state=0).fit(P, y)
    assert regressor.n_iter_ == len(regressor.loss_curve_) == 50
    assert regressor.score(Q, z) > whole.score(Q, z) - 0.03


def test_a_small_or_constant_chunk_changes_predictions_little(data):
    P, Q, y, _ = data
    for values in (y[:2], np.full(40, y[0])):
        regressor = chunked(P, y, n_passes=3)
        before = regressor.predict(Q)
        after = regressor.partial_fit(P[: len(values)], values).predict(Q)
        assert np.abs(after - before).mean() < 0.3 * before.std()


def test_partial_fit_continues_with_its_optimizer_and_the_first_standardization(data):
    P, _, y, _ = data
    regressor = SiameseRegressor(**QUICK).fit(P[:400], y[:400])
    moments = regressor.head_.target_moments()
    assert moments == pytest.approx((y[:400].mean(), y[:400].std()))
    regressor.partial_fit(P[:400], 2 * y[:400])
    steps = [state["step"].item() for state in regressor._optimizer_state.values()]
    regressor.partial_fit(P[:400], y[:400])
    later = [state["step"].item() for state in regressor._optimizer_state.values()]
    assert later == [2 * step for step in steps]
    assert regressor.head_.target_moments() == moments


def test_a_chunk_of_greater_numbers_has_a_greater_loss(data):
    P, _, y, _ = data
    losses = []
    for scale in (1, 3):
        regressor = SiameseRegressor(loss="squared_error", **QUICK).fit(P[:400], y[:400])
        center = y[:400].mean()
        chunk = center + scale * (y[:400] - center)
        losses.append(regressor.partial_fit(P[:400], chunk).loss_curve_[-1])
    assert losses[1] > 2 * losses[0]


def test_a_weight_of_zero_in_a_chunk_equals_its_absence(data):
    P, Q, y, _ = data
    P, y, used = P[:300], y[:300], np.arange(300) % 3 > 0
    options = {"random_state": 0, "batch_size": 1000}
    weighted = SiameseRegressor(**options).partial_fit(P, y, sample_weight=used)
    alone = SiameseRegressor(**options).partial_fit(P[used], y[used])
    np.testing.assert_allclose(weighted.predict(Q), alone.predict(Q), rtol=1e-4)


def test_the_weights_of_a_user_are_not_changed(data):
    flat, y, weight = np.asarray(data[0])[:50].copy(), data[2][:50], np.ones(50)
    flat[:5, :6] = np.nan
    for frozen in (False, True):
        weight.flags.writeable = not frozen
        SiameseRegressor(tower="tdnn", depth=1, **QUICK).fit(flat, y, sample_weight=weight)
        assert (weight == 1).all()


def test_partial_fit_has_no_validation_split_and_restores_on_error(data):
    P, Q, y, _ = data
    assert not hasattr(SiameseRegressor(early_stopping=True), "partial_fit")
    regressor = SiameseRegressor(**QUICK).partial_fit(P[:100], y[:100])
    before = regressor.predict(Q)
    with pytest.raises(ValueError, match="fewer than two pairs"):
        regressor.partial_fit(P[:9], y[:9], sample_weight=np.arange(9) == 1)
    np.testing.assert_array_equal(regressor.predict(Q), before)


def test_a_pickled_regressor_predicts_the_same(fitted, data):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(data[1]), fitted.predict(data[1]))


def test_callbacks_augmentation_and_history_work(data, capsys):
    P, _, y, _ = data
    options = {"augment": partial(jitter, deviation=0.1), "loss": partial(cosent, scale=2.0)}
    regressor = SiameseRegressor(**QUICK, **options).set_callbacks(ProgressBar()).fit(P, y)
    assert "SiameseRegressor - fit" in capsys.readouterr().out
    assert sorted(regressor.history_) == ["correlation", "loss", "spread"]
    assert regressor.history_["correlation"][-1] > 0
    plain = SiameseRegressor(**QUICK, loss=options["loss"]).fit(P, y)
    assert not np.array_equal(plain.predict(P), regressor.predict(P))


def test_pairs_without_values_get_the_mean_of_the_other_pairs(data):
    P, _, y, _ = data
    flat = np.asarray(P)[:200].copy()
    flat[:5, :6] = np.nan
    regressor = SiameseRegressor(tower="tdnn", depth=1, **QUICK).fit(flat, y[:200])
    np.testing.assert_allclose(regressor.predict(flat)[:5], y[5:200].mean())
    assert np.isinf(regressor.pair_distance(flat)[:5]).all()


def test_losses_of_users_get_scores_targets_and_weights(data):
    P, _, y, _ = data
    seen = []

    def huber(score, y, weight):
        seen.append((score, y, weight))
        return torch.nn.functional.huber_loss(score, y)

    def of_embeddings(score, y, weight, A, B):
        seen.append((A, B))
        return ((A - B).norm(dim=1) + score - y).square().mean()

    of_embeddings.inputs = "embeddings"
    assert SiameseRegressor(**QUICK, loss=huber).fit(P, y).score(P, y) > 0
    score, target, weight = seen[-1]
    assert score.shape == target.shape == weight.shape
    SiameseRegressor(5, **QUICK, loss=of_embeddings).fit(P, y)
    assert seen[-1][0].shape[1] == 5


REFUSED = {
    "score": ({"loss": lambda score, y, weight: score}, "must return a scalar tensor"),
    "no gradient": ({"loss": lambda score, y, weight: score.detach().sum()}, "without a gradient"),
    "only the head": (
        {"loss": lambda score, y, weight: torch.ones(1, requires_grad=True).sum() + y.sum()},
        "pass no gradient to the tower",
    ),
    "failure": ({"loss": lambda score: score.sum()}, "loss failed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsuitable_losses_are_refused(data, name):
    parameters, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        SiameseRegressor(**QUICK, **parameters).fit(data[0], data[2])


def test_unsuitable_data_are_refused(data):
    P, _, y, _ = data
    regressor = SiameseRegressor(**QUICK)
    with pytest.raises(ValueError, match="y must be an array of numbers"):
        regressor.fit(P, np.full(len(y), "a"))
    with pytest.raises(ValueError, match="y contains NaN"):
        regressor.fit(P, np.where(y > y.mean(), np.nan, y))
    with pytest.raises(ValueError, match=r"y has numbers beyond 3e\+38; divide it"):
        regressor.fit(P, y * 1e40)
    with pytest.raises(ValueError, match=r"sample_weight is 1e\+10"):
        regressor.fit(P, y, np.full(len(y), 1e10))
    with pytest.raises(ValueError, match="fewer than two pairs"):
        regressor.fit(P, y, np.arange(len(y)) == 1)
    with pytest.raises(ValueError, match="y_val is passed, but X_val is not"):
        clone(regressor).set_params(early_stopping=True).fit(P, y, y_val=y)
    with pytest.raises(ValueError, match="holds out 1 of 3 pairs"):
        clone(regressor).set_params(early_stopping=True).fit(P[:3], y[:3])
    assert not hasattr(regressor, "tower_")


def test_constant_numbers_are_predicted(data):
    P, Q, y, _ = data
    for loss in REGRESSION_LOSSES:
        regressor = SiameseRegressor(**QUICK, loss=loss).fit(P, 0 * y + 7)
        np.testing.assert_allclose(regressor.predict(Q), 7)
