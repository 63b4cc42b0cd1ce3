"""Test SiameseEmbedder: learning, composition, partial_fit, scores, refusals."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score, learning_curve
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from sksiamese import SiameseEmbedder
from sksiamese._training._embedding_task import EmbeddingTask
from sksiamese._training._objective import nearest_rows, pairs
from sksiamese.batches import class_balanced
from sksiamese.distances import euclidean
from sksiamese.losses import contrastive
from sksiamese.metrics import mean_average_precision_at_r, recall_at_k
from sksiamese.mining import hardest


@pytest.fixture(scope="module")
def fitted(digits):
    X_train, _, y_train, _ = digits
    return SiameseEmbedder(n_components=4, random_state=0).fit(X_train, y_train)


def test_four_components_classify_better_than_pca(digits, fitted):
    X_train, X_test, y_train, y_test = digits
    pca = PCA(n_components=4).fit(X_train)
    ours, theirs = (
        KNeighborsClassifier().fit(t.transform(X_train), y_train).score(t.transform(X_test), y_test)
        for t in (fitted, pca)
    )
    assert ours > 0.94
    assert ours > theirs + 0.07


def test_retrieval_is_better_than_on_raw_pixels(digits, fitted):
    _, X_test, _, y_test = digits
    raw = mean_average_precision_at_r(y_test, X_test)
    assert mean_average_precision_at_r(y_test, fitted.transform(X_test)) > raw + 0.2


def test_a_linear_classifier_is_better_on_the_embedding(digits):
    X_train, X_test, y_train, y_test = digits
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    ours = make_pipeline(SiameseEmbedder(random_state=0), LogisticRegression())
    raw = linear.fit(X_train, y_train).score(X_test, y_test)
    assert ours.fit(X_train, y_train).score(X_test, y_test) > raw


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"loss": "triplet", "margin": 0.2, "max_iter": 10}, marks=pytest.mark.slow),
        pytest.param(
            {"loss": "triplet", "margin": 0.2, "miner": "semihard", "max_iter": 10},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"loss": "contrastive", "miner": "hardest", "max_iter": 10}, marks=pytest.mark.slow
        ),
        pytest.param({"distance": "sqeuclidean", "max_iter": 10}, marks=pytest.mark.slow),
        {"distance": "cosine", "max_iter": 6},
        {"distance": "manhattan", "margin": 5.0, "max_iter": 6},
        {"depth": 1, "n_components": 20, "max_iter": 6},
        {"dropout": 0.2, "max_iter": 6},
        {"batch_size": 16, "max_iter": 3},
        {"batch_size": 4, "max_iter": 1},
    ],
    ids=str,
)
def test_embedder_learns_with_every_choice_of_parts(digits, parameters):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(random_state=0, **parameters)
    Z = embedder.fit(X_train, y_train).transform(X_test)
    metric = parameters.get("distance", "euclidean")
    gain = mean_average_precision_at_r(y_test, Z, metric=metric) - mean_average_precision_at_r(
        y_test, StandardScaler().fit(X_train).transform(X_test)
    )
    assert gain > 0.05


def test_callables_are_used_as_loss_miner_and_distance(digits):
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


def test_embedder_works_in_composite_estimators(digits):
    X_train, X_test, y_train, y_test = digits
    X_train, y_train = X_train[:600], y_train[:600]
    embedder = SiameseEmbedder(4, max_iter=6, random_state=0)
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


def test_set_output_names_the_columns(digits):
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


def test_rows_have_the_same_embedding_alone_and_in_bulk(digits, fitted):
    X = digits[1]
    singly = np.concatenate([fitted.transform(row[None]) for row in X[:20]])
    np.testing.assert_allclose(singly, fitted.transform(X)[:20], rtol=1e-9, atol=1e-12)


def test_input_shape_is_the_shape_that_the_tower_gets(digits):
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
    assert embedder.transform(X).shape == (len(X), 128)


def test_partial_fit_in_chunks_learns_as_well_as_fit(digits):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(random_state=0, learning_rate_init=2e-3)
    for epoch in range(10):
        for chunk in np.array_split(np.random.RandomState(epoch).permutation(1000), 4):
            embedder.partial_fit(X_train[chunk], y_train[chunk], classes=range(10))
    assert embedder.n_iter_ == len(embedder.loss_curve_) == 40
    assert recall_at_k(y_test, embedder.transform(X_test)) > 0.95


def test_partial_fit_continues_fit_and_its_optimizer(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=2, random_state=0).fit(X, y)
    before = embedder.tower_[1].learned[1][1].weight.clone()
    embedder.partial_fit(X, y)
    assert embedder.n_iter_ == 3
    assert not torch.equal(before, embedder.tower_[1].learned[1][1].weight)
    steps = [state["step"].item() for state in embedder._optimizer_state.values()]
    embedder.partial_fit(X, y)
    later = [state["step"].item() for state in embedder._optimizer_state.values()]
    assert later == [2 * step for step in steps]


def single_rows(y, batch_size, *, generator):
    """Yield batches of one row, and one of all rows."""
    rows = torch.arange(len(y))
    yield from [rows[:1], rows, rows[1:2]]


def test_batch_normalization_works_with_batches_of_one_row_and_in_chunks(digits):
    X, X_test, y, y_test = digits
    options = {"normalization": "batch", "loss": "normalized_softmax", "random_state": 0}
    embedder = SiameseEmbedder(sampler=single_rows, max_iter=20, **options).fit(X[:300], y[:300])
    assert np.isfinite(embedder.loss_curve_).all()
    assert embedder.score(X_test, y_test) > 0.9
    chunked = SiameseEmbedder(normalization="batch", random_state=0)
    for _ in range(3):
        for part in (slice(0, 500), slice(500, 1000)):
            chunked.partial_fit(X[part], y[part])
    assert chunked.score(X_test, y_test) > 0.93


def test_partial_fit_refuses_unknown_and_single_classes(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=2).partial_fit(X[y < 5], y[y < 5])
    with pytest.raises(ValueError, match="the first call of partial_fit; pass all labels"):
        embedder.partial_fit(X, y)
    with pytest.raises(ValueError, match="y has 1 class"):
        embedder.partial_fit(X[y == 3], y[y == 3])
    assert not hasattr(SiameseEmbedder(early_stopping=True), "partial_fit")


def test_invalid_classes_shapes_and_parts_are_refused(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="y has no class with two rows"):
        SiameseEmbedder().fit(X, np.arange(len(y)))
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


def test_a_collapse_with_the_hardest_miner_warns(digits):
    X, _, y, _ = digits
    noise = np.random.RandomState(0).permutation(y)
    embedder = SiameseEmbedder(
        loss="triplet", miner="hardest", margin=1.0, max_iter=40, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="use a milder miner"):
        embedder.fit(X, noise)


def test_partial_fit_accepts_chunks_without_some_classes(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(loss="cosface", unlabeled_label=-1, random_state=0)
    embedder.partial_fit(X[y < 5], y[y < 5], classes=np.arange(-1, 10))
    embedder.partial_fit(X, np.where(np.arange(len(y)) < 20, -1, y))
    assert embedder.classes_.tolist() == list(range(10))
    assert embedder.objective_.loss.proxies.shape == (10, 64)


def test_partial_fit_recovers_from_a_diverging_chunk(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(random_state=0).partial_fit(X, y)
    bad = X.copy()
    bad[0, 20] = 1e200
    with pytest.warns(ConvergenceWarning, match="NaN or infinite in epoch 2"):
        embedder.partial_fit(bad, y)
    embedder.partial_fit(X, y).partial_fit(X, y)
    assert np.isfinite(embedder.loss_curve_[2:]).all()


def test_an_interrupted_partial_fit_leaves_the_embedder_unchanged(digits):
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


def test_partial_fit_uses_parameters_set_after_fit(digits):
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


def test_pairs_exclude_a_row_with_itself():
    labels = torch.tensor([0, 1, 0])
    _, same, different = pairs(torch.rand(3, 2), labels, euclidean)
    assert same.tolist() == [[False, False, True], [False] * 3, [True, False, False]]
    assert different.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_nearest_rows_equal_scipy():
    rng = np.random.RandomState(0)
    Z, known = rng.normal(size=(2100, 2)), rng.normal(size=(50, 2))
    expected = cdist(Z, known).argmin(axis=1)
    found = nearest_rows(torch.tensor(Z), torch.tensor(known), euclidean)
    assert found.tolist() == expected.tolist()


@pytest.fixture(scope="module")
def few_shot():
    """Return rows of 40 people near a point of each; some people have a single row."""
    rng = np.random.default_rng(0)
    people = rng.permutation(np.repeat(np.arange(40), [1] * 12 + [2] * 10 + [5] * 18))
    return rng.normal(size=(40, 10))[people] + 0.1 * rng.normal(size=(len(people), 10)), people


SHORT = {"max_iter": 2, "random_state": 0}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"batch_size": 4},
        {"sampler": "shuffled", "batch_size": 32},
        {"miner": "hardest"},
        {"loss": "contrastive", "memory_size": 50},
        {"loss": "normalized_softmax"},
        {"early_stopping": True, "validation_fraction": 0.3},
    ],
)
def test_a_class_with_one_row_is_used_as_negatives(few_shot, parameters):
    X, y = few_shot
    embedder = SiameseEmbedder(32, learned_weight=1.0, **SHORT, **parameters).fit(X, y)
    assert len(embedder.classes_) == 40
    assert np.isfinite(embedder.loss_curve_).all()
    assert max(embedder.loss_curve_) > 0
    assert all(np.isfinite(values).all() for values in embedder.history_.values())
    embedder.set_params(warm_start=True).fit(X, y)


def test_the_single_row_of_a_class_is_a_negative():
    """The loss of two identical rows is zero unless a third row is their negative."""
    X, y = np.array([[0.0], [0.0], [0.1]]), [0, 0, 1]
    seen = []

    def loss(D, same, different):
        seen.append((same.sum().item(), different.sum().item()))
        return contrastive(D, same, different)

    SiameseEmbedder(loss=loss, max_iter=1, random_state=0).fit(X, y)
    assert (2, 4) in seen


def test_the_single_row_of_a_class_is_not_held_out(few_shot):
    _, y = few_shot
    alone = np.bincount(y)[y] == 1
    embedder = SiameseEmbedder(early_stopping=True, validation_fraction=0.3)
    task = EmbeddingTask(embedder, None, y, np.unique(y), None)
    rows, held_out = task.split(np.random.RandomState(0))
    assert not alone[held_out].any()
    assert set(np.flatnonzero(alone)) < set(rows)
    assert len(set(rows) | set(held_out)) == len(rows) + len(held_out) == len(y)


@pytest.mark.filterwarnings("ignore:The number of unique classes is greater than 50%")
def test_cross_validation_works_with_few_rows_a_class(few_shot):
    X, y = few_shot
    model = make_pipeline(SiameseEmbedder(**SHORT), KNeighborsClassifier(1))
    folds = KFold(3, shuffle=True, random_state=0)
    assert cross_val_score(model, X, y, cv=folds, error_score="raise").mean() > 0.6
    curve = learning_curve(model, X, y, cv=folds, train_sizes=[0.6, 1.0], error_score="raise")
    assert curve[2].shape == (2, 3)
    assert BaggingClassifier(model, 3, random_state=0).fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("options", [{}, {"loss": "contrastive"}, {"early_stopping": True}])
def test_classes_of_one_row_each_need_a_loss_of_classes(options):
    X, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30)
    with pytest.raises(ValueError, match="y has no class with two rows"):
        SiameseEmbedder(**SHORT, **options).fit(X, y)
    SiameseEmbedder(loss="normalized_softmax", **SHORT).fit(X, y)


def test_label_sets_without_a_matching_pair_are_refused():
    X, y = np.random.default_rng(0).normal(size=(4, 4)), np.eye(4)
    with pytest.raises(ValueError, match="y has no class with two rows"):
        SiameseEmbedder(**SHORT).fit(X, y)


@pytest.mark.parametrize(("n_rows", "fraction"), [(2, 0.5), (3, 0.66), (4, 0.75)])
def test_early_stopping_leaves_pairs_to_learn_from(n_rows, fraction):
    y = np.repeat(np.arange(20), n_rows)
    X = np.random.default_rng(0).normal(size=(len(y), 6))
    embedder = SiameseEmbedder(early_stopping=True, validation_fraction=fraction, **SHORT)
    with pytest.raises(ValueError, match="leaves no class with two training rows"):
        embedder.fit(X, y)
    if n_rows > 2:
        embedder.set_params(validation_fraction=0.34).fit(X, y)
        assert max(embedder.loss_curve_) > 0
    embedder.set_params(early_stopping=False).fit(X, y)
    assert max(embedder.loss_curve_) > 0


def numbers(dtype, offset):
    """Return rows of small differences on top of a large offset, and their classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    small = (rng.integers(0, 12, 400) + 30 * y).astype(dtype)
    return np.column_stack([small + np.array(offset, dtype), np.zeros(400, dtype)]), y


LARGE = [
    ("int32", 1_700_000_000, {}),
    ("uint32", 4_000_000_000, {}),
    ("int64", -1_700_000_000, {}),
    ("int64", 2**40, {"tower": "tdnn", "width": 16}),
    ("int64", 2**62, {}),
    ("int64", -(2**62), {"tower": "tdnn", "width": 16}),
    ("uint64", 2**60, {}),
    ("float64", 1e12, {"precision": "float32"}),
    ("float64", 1e12, {"precision": "bfloat16"}),
    ("float64", 1e12, {}),
]


@pytest.mark.parametrize(("dtype", "offset", "options"), LARGE)
def test_small_differences_of_large_numbers_are_kept(dtype, offset, options):
    X, y = numbers(dtype, offset)
    options = {"n_components": 32, "learned_weight": 1.0, "max_iter": 8, **options}
    embedder = SiameseEmbedder(random_state=0, **options).fit(X[:200], y[:200])
    nearest = KNeighborsClassifier(1).fit(embedder.transform(X[:200]), y[:200])
    assert nearest.score(embedder.transform(X[200:]), y[200:]) > 0.95


def test_an_integer_offset_does_not_change_the_embedding():
    X, y = numbers("int64", 0)
    Z = SiameseEmbedder(**SHORT).fit_transform(X, y)
    for offset in (2**30, 2**50, 2**61):
        np.testing.assert_allclose(
            SiameseEmbedder(**SHORT).fit_transform(X + offset, y), Z, atol=0.03
        )


def test_small_integers_are_computed_in_float32():
    X, y = numbers("int64", 0)
    for dtype in ("float32", "uint8", "int8", "int16", "uint16", "int32", "int64"):
        assert (
            SiameseEmbedder(**SHORT).fit(X.astype(dtype), y).tower_[0].mean.dtype == torch.float32
        )


def test_values_are_refused_only_if_their_squares_overflow():
    X, y = numbers("float64", 0)
    expected = SiameseEmbedder(**SHORT, precision="float32").fit_transform(X, y)
    Z = SiameseEmbedder(**SHORT, precision="float32").fit_transform(X * 1e39, y)
    np.testing.assert_allclose(Z, expected, atol=1e-5)
    with pytest.raises(ValueError, match="X has values too large to square"):
        SiameseEmbedder(**SHORT).fit(X * 1e200, y)
    make_pipeline(MaxAbsScaler(), SiameseEmbedder(**SHORT)).fit(X * 1e200, y)
    with pytest.raises(ValueError, match=r"beyond 2\*\*63"):
        SiameseEmbedder(**SHORT).fit(X.astype(np.uint64) + np.uint64(2**63), y)


@pytest.mark.parametrize("far", [3e38, 1e200, -1e300])
def test_transform_refuses_overflowing_rows_by_number(digits, far):
    embedder = SiameseEmbedder(**SHORT).fit(digits[0].astype(np.float32), digits[2])
    X = digits[1][:5].copy()
    X[3] = far
    with pytest.raises(ValueError, match="row 3 of X is NaN or infinite"):
        embedder.transform(X)


@pytest.mark.parametrize("shape", [(20, 16, 16, 3), (20, 9, 12, 1), (20, 28, 28, 4)])
def test_images_with_channels_last_are_refused_with_a_working_remedy(shape):
    images = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    y = np.arange(20) % 2
    n, height, width, channels = shape
    options = {"tower": "cnn", "depth": 2, "width": 8, **SHORT}
    with pytest.raises(ValueError, match="channels last") as error:
        SiameseEmbedder(**options).fit(images, y)
    assert f"input_shape={(channels, height, width)}" in str(error.value)
    with pytest.raises(ValueError, match="channels last") as error:
        SiameseEmbedder(**options, input_shape=shape[1:]).fit(images.reshape(n, -1), y)
    assert f"input_shape={(channels, height, width)}" in str(error.value)
    X = np.moveaxis(images, -1, 1).reshape(n, -1)
    SiameseEmbedder(**options, input_shape=(channels, height, width)).fit(X, y)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 16, 16), (3, 4, 3), (5, 5, 5), (16, 2, 4)])
def test_images_with_channels_first_are_accepted(shape):
    X = np.random.default_rng(0).normal(size=(20, int(np.prod(shape))))
    embedder = SiameseEmbedder(8, tower="cnn", depth=1, width=8, input_shape=shape, **SHORT)
    Z = embedder.fit(X, np.arange(20) % 2).transform(X)
    assert Z.shape == (20, 8)
    assert len(np.unique(Z, axis=0)) == 20


def test_score_is_recall_at_one(digits, fitted):
    _, X, _, y = digits
    assert fitted.score(X, y) == pytest.approx(recall_at_k(y, fitted.transform(X)))
    names = np.array(list("abcdefghij"))[y]
    assert fitted.score(X, names) == fitted.score(X, y)
    labels = np.eye(10, dtype=int)[y]
    assert fitted.score(X, labels) == fitted.score(X, y)


def test_score_does_not_depend_on_the_order_of_equal_rows(digits, fitted):
    X, y = np.repeat(digits[1][:1], 12, axis=0), np.repeat([0, 1, 2], 4)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(12)
        assert fitted.score(X, y[order]) == pytest.approx(3 / 11)


def test_score_ignores_rows_without_a_match_or_a_label(digits, fitted):
    _, X, _, y = digits
    alone = np.r_[np.arange(100, 105), y[5:]]
    nearest = KNeighborsClassifier(2).fit(fitted.transform(X), alone)
    second = nearest.kneighbors(fitted.transform(X), return_distance=False)[5:, 1]
    assert fitted.score(X, alone) == pytest.approx((alone[second] == alone[5:]).mean(), abs=0.01)
    embedder = clone(fitted).set_params(unlabeled_label=-1).fit(digits[0], digits[2])
    assert embedder.score(X, np.r_[[-1] * 5, y[5:]]) == embedder.score(X[5:], y[5:])
    with pytest.raises(ValueError, match="no two rows that match"):
        fitted.score(X[:5], np.arange(5))


def test_grid_search_ranks_embedders_by_retrieval(digits):
    X, y = digits[0][:500], digits[2][:500]
    grid = {"n_components": [1, 16]}
    for folds in (3, GroupKFold(3)):
        search = GridSearchCV(SiameseEmbedder(max_iter=5, random_state=0), grid, cv=folds)
        search.fit(X, y, groups=None if folds == 3 else y)
        assert search.best_params_ == {"n_components": 16}
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_partial_fit_compares_labels_exactly(digits):
    X, ids = digits[0][:200], 2**60 + np.arange(200) % 10
    embedder = SiameseEmbedder(max_iter=1, random_state=0).partial_fit(
        X, ids, classes=np.unique(ids)
    )
    assert embedder.classes_.tolist() == np.unique(ids).tolist()
    embedder.partial_fit(X, ids.astype(np.uint64))
    with pytest.raises(ValueError, match="No type represents both"):
        embedder.partial_fit(X, ids.astype(float) + (np.arange(200) % 2) * 2048)
    with pytest.raises(ValueError, match="y has strings"):
        embedder.partial_fit(X, ids.astype(str))
    with pytest.raises(ValueError, match="mixes labels"):
        SiameseEmbedder().partial_fit(X, ids, classes=[0, "a"])


@pytest.mark.parametrize(
    ("y", "label"), [(list("ab"), -1), ([True, False], -1), ([0, 1], "none"), ([0, 1], True)]
)
def test_an_unlabeled_label_of_another_kind_is_refused(digits, y, label):
    with pytest.raises(ValueError, match="unlabeled_label has"):
        SiameseEmbedder(unlabeled_label=label).fit(digits[0][:40], np.tile(y, 20))


def test_warm_start_compares_classes_exactly(digits):
    X, ids = digits[0][:100], 2**60 + np.arange(100) % 5
    embedder = SiameseEmbedder(warm_start=True, **SHORT).fit(X, ids)
    embedder.fit(X, ids.astype(np.uint64))
    for others in (ids + 1, ids.astype(str), ids % 2 == 0):
        with pytest.raises(ValueError, match="warm_start=True continues with the classes"):
            embedder.fit(X, others)
    with pytest.raises(ValueError, match="needs one class per row; call fit"):
        SiameseEmbedder(**SHORT).fit(X, np.eye(5)[ids - 2**60]).partial_fit(X, ids)
