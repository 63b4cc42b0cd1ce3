"""SiameseEmbedder: what it learns, where it fits in, what it refuses."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseEmbedder
from sksiamese._embedding import nearest_rows, pairs
from sksiamese.batches import class_balanced
from sksiamese.distances import euclidean
from sksiamese.losses import contrastive
from sksiamese.metrics import mean_average_precision_at_r, recall_at_k
from sksiamese.mining import hardest


@pytest.fixture(scope="module")
def fitted(digits):
    X_train, _, y_train, _ = digits
    return SiameseEmbedder(n_components=4, random_state=0).fit(X_train, y_train)


def test_four_components_tell_new_digits_apart_far_better_than_principal_components(digits, fitted):
    X_train, X_test, y_train, y_test = digits
    pca = PCA(n_components=4).fit(X_train)
    ours, theirs = (
        KNeighborsClassifier().fit(t.transform(X_train), y_train).score(t.transform(X_test), y_test)
        for t in (fitted, pca)
    )
    assert ours > 0.94
    assert ours > theirs + 0.07


def test_retrieval_of_new_digits_is_far_better_than_on_raw_pixels(digits, fitted):
    _, X_test, _, y_test = digits
    raw = mean_average_precision_at_r(y_test, X_test)
    assert mean_average_precision_at_r(y_test, fitted.transform(X_test)) > raw + 0.2


def test_a_linear_classifier_gains_from_the_embedding(digits):
    X_train, X_test, y_train, y_test = digits
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    ours = make_pipeline(SiameseEmbedder(random_state=0), LogisticRegression())
    raw = linear.fit(X_train, y_train).score(X_test, y_test)
    assert ours.fit(X_train, y_train).score(X_test, y_test) > raw


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "triplet", "margin": 0.2},
        {"loss": "triplet", "margin": 0.2, "miner": "semihard"},
        {"loss": "triplet", "margin": 0.2, "miner": "hardest"},
        {"loss": "contrastive", "miner": "semihard"},
        {"loss": "contrastive", "miner": "hardest"},
        {"distance": "sqeuclidean"},
        {"distance": "cosine"},
        {"distance": "manhattan", "margin": 5.0},
        {"depth": 1, "n_components": 20},
        {"dropout": 0.2},
        {"batch_size": 16, "max_iter": 10},
        {"batch_size": 4, "max_iter": 3},
    ],
    ids=str,
)
def test_every_choice_of_parts_learns(digits, parameters):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(random_state=0, **parameters)
    Z = embedder.fit(X_train, y_train).transform(X_test)
    metric = parameters.get("distance", "euclidean")
    gain = mean_average_precision_at_r(y_test, Z, metric=metric) - mean_average_precision_at_r(
        y_test, StandardScaler().fit(X_train).transform(X_test)
    )
    assert gain > 0.05


def test_own_loss_miner_and_distance_are_used_and_margin_reaches_the_loss(digits):
    X, _, y, _ = digits
    seen = {}

    def loss(D, same, different, margin):
        seen.update(margin=margin, shape=D.shape[1])
        return contrastive(D, same, different, margin=margin)

    SiameseEmbedder(
        loss=loss,
        margin=3.0,
        miner=lambda D, same, different: hardest(D + 0, same, different),
        distance=lambda A, B: 2 * euclidean(A, B),
        max_iter=1,
    ).fit(X, y)
    assert seen == {"margin": 3.0, "shape": 2}


@pytest.mark.parametrize("last", [KNeighborsClassifier(), LogisticRegression()], ids=str)
def test_grid_search_over_depth_and_margin_is_the_same_alone_and_in_parallel(digits, last):
    X, _, y, _ = digits
    model = make_pipeline(SiameseEmbedder(4, max_iter=5, random_state=0), last)
    grid = {"siameseembedder__depth": [1, 2], "siameseembedder__margin": [0.1, 2.0]}
    scores = [
        GridSearchCV(model, grid, cv=3, n_jobs=n_jobs).fit(X, y).cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_allclose(*scores)
    assert scores[0][0] != scores[0][1]
    assert scores[0][2] != scores[0][3]


def test_it_works_within_the_composers_of_scikit_learn(digits):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(4, max_iter=20, random_state=0)
    halves = [("upper", clone(embedder), slice(0, 32)), ("lower", clone(embedder), slice(32, 64))]
    for first in (
        make_pipeline(StandardScaler(), embedder),
        ColumnTransformer(halves),
        FeatureUnion([("ours", embedder), ("pca", PCA(2, whiten=True))]),
        FrozenEstimator(clone(embedder).fit(X_train, y_train)),
    ):
        model = make_pipeline(first, KNeighborsClassifier())
        assert model.fit(X_train, y_train).score(X_test, y_test) > 0.85
        assert cross_val_score(model, X_train, y_train, cv=2).shape == (2,)


def test_output_names_and_frames(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(3, max_iter=1).set_output(transform="pandas").fit(X, y)
    frame = embedder.transform(X)
    assert list(frame.columns) == ["siameseembedder0", "siameseembedder1", "siameseembedder2"]
    embedder.set_params(n_components=7)
    assert len(embedder.get_feature_names_out()) == 3


@pytest.mark.parametrize("fit_dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.uint8, np.float32)],
)
def test_embeddings_have_the_dtype_of_the_rows(digits, fit_dtype, dtype, expected):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=1).fit(X.astype(fit_dtype), y)
    assert embedder.transform(X.astype(dtype)).dtype == expected


def test_rows_are_embedded_one_by_one_as_in_bulk(digits, fitted):
    X = digits[1]
    singly = np.concatenate([fitted.transform(row[None]) for row in X[:20]])
    np.testing.assert_allclose(singly, fitted.transform(X)[:20], rtol=1e-9, atol=1e-12)


def test_the_tower_sees_images_if_told_their_shape(digits):
    X, _, y, _ = digits

    def tower(input_shape, n_components):
        n_channels = input_shape[0]
        return torch.nn.Sequential(
            torch.nn.Conv2d(n_channels, 4, 3),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(4 * 36, n_components),
        )

    embedder = SiameseEmbedder(tower=tower, input_shape=(1, 8, 8), max_iter=2).fit(X, y)
    assert embedder.transform(X).shape == (len(X), 32)


def test_chunks_of_partial_fit_learn_what_fit_learns(digits):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(random_state=0, learning_rate_init=1e-3)
    for epoch in range(20):
        for chunk in np.array_split(np.random.RandomState(epoch).permutation(1000), 4):
            embedder.partial_fit(X_train[chunk], y_train[chunk], classes=range(10))
    assert embedder.n_iter_ == len(embedder.loss_curve_) == 80
    assert recall_at_k(y_test, embedder.transform(X_test)) > 0.95


def test_partial_fit_goes_on_from_fit_and_keeps_the_state_of_its_optimizer(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=2, random_state=0).fit(X, y)
    before = embedder.tower_[2][1].weight.clone()
    embedder.partial_fit(X, y)
    assert embedder.n_iter_ == 3
    assert not torch.equal(before, embedder.tower_[2][1].weight)
    steps = [state["step"].item() for state in embedder._momenta.values()]
    embedder.partial_fit(X, y)
    later = [state["step"].item() for state in embedder._momenta.values()]
    assert later == [2 * step for step in steps]


def test_partial_fit_refuses_what_it_cannot_do(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=2).partial_fit(X[y < 5], y[y < 5])
    with pytest.raises(ValueError, match="first call of partial_fit did not know; pass all labels"):
        embedder.partial_fit(X, y)
    with pytest.raises(ValueError, match="y has 1 class"):
        embedder.partial_fit(X[y == 3], y[y == 3])
    assert not hasattr(SiameseEmbedder(early_stopping=True), "partial_fit")


def test_unfit_classes_and_shapes_are_refused(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=r"single row, \[77\] among them"):
        SiameseEmbedder().fit(X, np.where(np.arange(len(y)) == 3, 77, y))
    with pytest.raises(
        ValueError, match=r"pass X.reshape\(len\(X\), -1\) and input_shape=\(8, 8\)"
    ):
        SiameseEmbedder().fit(X.reshape(-1, 8, 8), y)
    with pytest.raises(ValueError, match="'batch_size' parameter"):
        SiameseEmbedder(batch_size=3).fit(X, y)
    with pytest.raises(ValueError, match="'loss' parameter"):
        SiameseEmbedder(loss="hinge").fit(X, y)
    with pytest.raises(ValueError, match="'miner' parameter"):
        SiameseEmbedder(miner="softest").fit(X, y)


def test_a_batch_hard_loss_that_collapses_is_told_of(digits):
    X, _, y, _ = digits
    noise = np.random.RandomState(0).permutation(y)
    embedder = SiameseEmbedder(
        loss="triplet", miner="hardest", margin=1.0, max_iter=40, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="use a milder miner"):
        embedder.fit(X, noise)


def test_the_classes_of_partial_fit_need_all_be_known_but_not_all_be_there(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(loss="cosface", unlabeled_label=-1, random_state=0)
    embedder.partial_fit(X[y < 5], y[y < 5], classes=np.arange(-1, 10))
    embedder.partial_fit(X, np.where(np.arange(len(y)) < 20, -1, y))
    assert embedder.classes_.tolist() == list(range(10))
    assert embedder.objective_.loss.proxies.shape == (10, 32)


def test_a_chunk_that_diverges_does_not_spoil_the_chunks_after_it(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(random_state=0).partial_fit(X, y)
    bad = X.copy()
    bad[0, 20] = 1e200
    with pytest.warns(ConvergenceWarning, match="NaN or infinite in epoch 2"):
        embedder.partial_fit(bad, y)
    embedder.partial_fit(X, y).partial_fit(X, y)
    assert np.isfinite(embedder.loss_curve_[2:]).all()


def test_an_interrupted_partial_fit_leaves_no_trace(digits):
    X, _, y, _ = digits

    class Interrupt:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    untouched, interrupted = (SiameseEmbedder(random_state=0).partial_fit(X, y) for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        interrupted.set_callbacks(Interrupt()).partial_fit(X, y)
    interrupted.set_callbacks()
    expected = untouched.partial_fit(X, y).transform(X)
    np.testing.assert_array_equal(interrupted.partial_fit(X, y).transform(X), expected)


def test_partial_fit_heeds_parameters_that_were_set_since(digits):
    X, _, y, _ = digits
    plain, decayed = (SiameseEmbedder(random_state=0).partial_fit(X, y) for _ in range(2))
    decayed.set_params(weight_decay=100.0)
    assert not np.allclose(
        plain.partial_fit(X, y).transform(X), decayed.partial_fit(X, y).transform(X)
    )


def test_every_call_of_partial_fit_draws_other_batches(digits):
    X, _, y, _ = digits
    drawn = []

    def spy(y, batch_size, *, generator):
        for rows in class_balanced(y, batch_size, generator=generator):
            drawn.append(tuple(rows.tolist()))
            yield rows

    embedder = SiameseEmbedder(sampler=spy, random_state=0)
    for _ in range(3):
        embedder.partial_fit(X, y)
    assert len(set(drawn)) == len(drawn)


def test_early_stopping_works_with_one_held_out_row_of_a_class(digits):
    X, _, y, _ = digits
    few = np.concatenate([np.flatnonzero(y == label)[:10] for label in range(10)])
    embedder = SiameseEmbedder(early_stopping=True, random_state=0).fit(X[few], y[few])
    assert max(embedder.validation_scores_) > 0.5


def test_callbacks_may_transform_to_pandas(digits):
    X, _, y, _ = digits
    shapes = []

    class Look:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            shapes.append(fitted_estimator.transform(X).shape)

    embedder = SiameseEmbedder(5, max_iter=1).set_output(transform="pandas")
    embedder.set_callbacks(Look()).fit(X, y)
    embedder.set_params(n_components=7).fit(X, y)
    assert shapes == [(1000, 5), (1000, 5), (1000, 7), (1000, 7)]


def test_pairs_are_all_but_those_of_a_row_with_itself():
    labels = torch.tensor([0, 1, 0])
    _, same, different = pairs(torch.rand(3, 2), labels, euclidean)
    assert same.tolist() == [[False, False, True], [False] * 3, [True, False, False]]
    assert different.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_the_nearest_rows_are_those_of_plain_numpy():
    rng = np.random.RandomState(0)
    Z, known = rng.normal(size=(2100, 2)), rng.normal(size=(50, 2))
    expected = cdist(Z, known).argmin(axis=1)
    found = nearest_rows(torch.tensor(Z), torch.tensor(known), euclidean)
    assert found.tolist() == expected.tolist()
