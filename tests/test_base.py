"""Test properties of all trained estimators: seeds, dtypes, callbacks, warm starts, failures."""

import copy
import functools
import io
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from torch import nn

from sksiamese import SiameseEmbedder, SiameseRegressor, SiameseVerifier
from sksiamese._data._chunks import CHUNK
from sksiamese._data._device import on_device
from sksiamese._data._standardization import fit_standardize
from sksiamese.losses import supcon
from sksiamese.towers import mlp, pretrained
from sksiamese.towers._hidden import BatchNorm

FAST = {"max_iter": 3, "width": 32, "random_state": 0}


@pytest.fixture(params=[SiameseEmbedder, SiameseRegressor, SiameseVerifier])
def case(request, digits, digit_pairs):
    """Return an estimator class with data to fit it on, 200 rows of 64 or 128 columns."""
    if request.param is SiameseEmbedder:
        return request.param, digits[0][:200], digits[2][:200]
    return request.param, digit_pairs[0][:200], digit_pairs[2][:200]


of_classes = pytest.mark.parametrize("case", [SiameseEmbedder, SiameseVerifier], indirect=True)


def outputs(estimator, X):
    """Return the output of a fitted estimator."""
    methods = {SiameseEmbedder: "transform", SiameseRegressor: "predict"}
    return getattr(estimator, methods.get(type(estimator), "decision_function"))(X)


class Recorder:
    """A callback that records its calls."""

    def __init__(self, stop_after=np.inf, raises=None):
        self.stop_after = stop_after
        self.raises = raises
        self.epochs = 0
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.calls.append(f"end {context.task_name}")
        self.last_output = outputs(fitted_estimator, X)
        self.epochs += context.task_name == "epoch"
        if self.raises and self.epochs == 2:
            raise self.raises
        return self.epochs >= self.stop_after


def test_same_seed_gives_the_same_result(case):
    estimator, X, y = case
    first, second, other = (
        outputs(estimator(**{**FAST, "random_state": seed}, dropout=0.2).fit(X, y), X)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_a_random_state_instance_advances_from_fit_to_fit(case):
    estimator, X, y = case
    rng = np.random.RandomState(0)
    first, second = (outputs(estimator(max_iter=1, random_state=rng).fit(X, y), X) for _ in "ab")
    assert not np.allclose(first, second)


def test_global_generators_are_not_used(case):
    estimator, X, y = case
    results = []
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = np.random.get_state()[1].copy(), torch.get_rng_state()
        model = estimator(**FAST, dropout=0.2, early_stopping=True).fit(X, y)
        results.append(outputs(model, X))
        np.testing.assert_array_equal(before[0], np.random.get_state()[1])
        assert torch.equal(before[1], torch.get_rng_state())
    np.testing.assert_array_equal(*results)


def test_fits_in_threads_do_not_disturb_each_other(case):
    estimator, X, y = case
    models = [estimator(max_iter=3, random_state=seed, dropout=0.2) for seed in range(4)]
    expected = [outputs(clone(model).fit(X, y), X) for model in models]
    before = torch.get_rng_state()
    fitted = joblib.Parallel(n_jobs=4, prefer="threads")(
        joblib.delayed(model.fit)(X, y) for model in models
    )
    np.testing.assert_array_equal([outputs(model, X) for model in fitted], expected)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_computation_runs_in_the_dtype_of_the_data(case, dtype):
    estimator, X, y = case
    model = estimator(**FAST).fit(X.astype(dtype), y)
    assert {p.numpy(force=True).dtype for p in model.tower_.parameters()} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float16])
def test_other_dtypes_are_computed_in_float32(case, dtype):
    estimator, X, y = case
    model = estimator(**FAST).fit(X.astype(dtype), y)
    assert {p.dtype for p in model.tower_.parameters()} == {torch.float32}
    assert np.isfinite(outputs(model, X.astype(dtype))).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_less_precision_on_request_keeps_the_type_of_the_embedding(case, precision):
    estimator, X, y = case
    X = X.astype(np.float64)
    model = estimator(**FAST, precision=precision).fit(X, y)
    assert {p.dtype for p in model.tower_.parameters()} == {torch.float32}
    assert outputs(model, X).dtype == np.float64
    full = outputs(estimator(**FAST).fit(X, y), X)
    difference = np.abs(outputs(model, X) - full).max() / np.abs(full).max()
    assert difference > (1e-3 if precision == "bfloat16" else 0)
    assert np.corrcoef(outputs(model, X).ravel(), full.ravel())[0, 1] > 0.95


def test_layers_run_in_bfloat16_during_training_alone(case):
    estimator, X, y = case
    seen = {True: set(), False: set()}

    class Tower(nn.Linear):
        def __init__(self, input_shape, n_components):
            super().__init__(*input_shape, n_components)

        def forward(self, X):
            Z = super().forward(X)
            seen[self.training].add(Z.dtype)
            return Z

    model = estimator(**FAST, tower=Tower, precision="bfloat16").fit(X, y)
    outputs(model, X)
    assert seen == {True: {torch.bfloat16}, False: {torch.float32}}


def test_memory_layout_does_not_matter(case, tmp_path):
    estimator, X, y = case
    expected = outputs(estimator(**FAST).fit(X, y), X)
    joblib.dump(X, tmp_path / "X")
    memmap = joblib.load(tmp_path / "X", mmap_mode="r")
    for same in (memmap, np.asfortranarray(X), X[::-1, ::-1].copy()[::-1, ::-1]):
        np.testing.assert_array_equal(outputs(estimator(**FAST).fit(same, y), same), expected)


@of_classes
def test_frames_and_string_labels_are_accepted(case):
    estimator, X, y = case
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    labels = pd.Series([f"class {int(label)}" for label in y])
    model = estimator(**FAST).fit(frame, labels)
    np.testing.assert_array_equal(model.feature_names_in_, frame.columns)
    np.testing.assert_array_equal(
        outputs(model, frame), outputs(estimator(**FAST).fit(X, labels), X)
    )
    assert model.classes_[0] == "class 0"


def test_fitted_estimators_can_be_pickled_dumped_and_copied(case, tmp_path):
    estimator, X, y = case
    model = estimator(**FAST).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    for twin in (
        pickle.loads(pickle.dumps(model)),
        joblib.load(tmp_path / "model"),
        copy.deepcopy(model),
    ):
        np.testing.assert_array_equal(outputs(twin, X), outputs(model, X))
    with pytest.raises(NotFittedError):
        outputs(clone(model), X)


def test_the_trained_module_is_moved_to_the_cpu(case, monkeypatch):
    estimator, X, y = case
    moves = []
    monkeypatch.setattr(nn.Module, "cpu", lambda module: moves.append(module) or module)
    model = estimator(**FAST).fit(X, y)
    assert any(model.tower_ is part for part in moves[-1].values())


def test_on_device_moves_a_copy():
    tower = nn.Linear(2, 1)
    assert on_device(tower, torch.device("meta")).weight.device.type == "meta"
    assert tower.weight.device.type == "cpu"
    assert on_device(tower, torch.device("cpu")) is tower


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_model_fitted_on_cuda_unpickles_without_it(case):
    estimator, X, y = case
    state = pickle.dumps(estimator(**FAST, device="cuda").fit(X, y))
    assert b"cuda:" not in state
    assert {p.device.type for p in pickle.loads(state).tower_.parameters()} == {"cpu"}


def test_callbacks_are_called_for_the_fit_and_every_epoch(case):
    estimator, X, y = case
    recorder = Recorder()
    model = estimator(**FAST).set_callbacks(recorder).fit(X, y)
    epochs = ["begin epoch", "end epoch"] * 3
    assert recorder.calls == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    np.testing.assert_array_equal(recorder.last_output, outputs(model, X))


def test_a_callback_ends_the_training(case):
    estimator, X, y = case
    model = estimator(max_iter=9).set_callbacks(Recorder(stop_after=2)).fit(X, y)
    assert model.n_iter_ == 2


def test_progress_bar_of_scikit_learn_works(case, capsys):
    estimator, X, y = case
    estimator(**FAST).set_callbacks(ProgressBar()).fit(X, y)
    assert estimator.__name__ in capsys.readouterr().out


def test_scoring_monitor_of_scikit_learn_scores_every_epoch(case):
    estimator, X, y = case
    monitor = ScoringMonitor(scoring=lambda model, X, y: {"spread": float(outputs(model, X).std())})
    estimator(**FAST).set_callbacks(monitor).fit(X, y)
    scores = [row["spread"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(set(scores)) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_fit_leaves_the_estimator_unchanged(case, error):
    estimator, X, y = case
    model = estimator(**FAST).set_callbacks(Recorder(raises=error()))
    with pytest.raises(error):
        model.fit(X, y)
    assert set(vars(model)) == {*model.get_params(), "_skl_callbacks"}

    model.set_callbacks().fit(X, y)
    before = outputs(model, X)
    model.set_callbacks(Recorder(raises=error()))
    with pytest.raises(error):
        model.fit(X[:, 2:], y)
    assert model.n_features_in_ == X.shape[1]
    np.testing.assert_array_equal(outputs(model, X), before)


@of_classes
def test_a_refused_fit_leaves_the_estimator_unchanged(case):
    estimator, X, y = case
    model = estimator(**FAST).fit(pd.DataFrame(X).add_prefix("c"), y)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="1 class"):
        model.fit(X[:, 2:], np.zeros(len(X)))
    assert vars(model) == before


BAD_PARAMETERS = [
    ({"tower": "resnet"}, "'tower' parameter"),
    ({"distance": "chebyshev"}, "'distance' parameter"),
    ({"depth": 0}, "'depth' parameter"),
    ({"width": 0}, "'width' parameter"),
    ({"margin": 0.0}, "'margin' parameter"),
    ({"margin": -1.0}, "'margin' parameter"),
    ({"batch_size": 1}, "'batch_size' parameter"),
    ({"dropout": 1.0}, "'dropout' parameter"),
    ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
    ({"depth": 10**9}, "'depth' parameter"),
    ({"activation": "relu6"}, "'activation' parameter"),
    ({"normalization": "group"}, "'normalization' parameter"),
    ({"shortcuts": "yes"}, "'shortcuts' parameter"),
    ({"activation": nn.ReLU()}, "activation is a module, which all layers would share"),
    ({"activation": nn.GLU}, "activation changed the shape of a batch"),
    ({"tower": "tdnn", "normalization": "batch"}, "set normalization='layer', its default"),
    ({"device": "hpu"}, "device='hpu' is not supported"),
    ({"device": "privateuseone"}, "device='privateuseone' is not supported"),
    ({"device": ""}, "device='' is not available; pass 'auto'"),
    ({"device": "tpu"}, "device='tpu' is not available; pass 'auto'"),
    ({"device": "cuda:99"}, "device='cuda:99' is not available; pass 'auto'"),
    ({"device": "meta"}, "device='meta' is not supported"),
    ({"distance": nn.PairwiseDistance()}, "distance is a module, which every fit would modify"),
    ({"input_shape": (5, 5)}, r"input_shape=\(5, 5\) has 25 values, but an item of X has 64"),
    ({"early_stopping": True, "validation_fraction": 1e-3}, "change validation_fraction"),
    ({"tower": nn.Linear(64, 128)}, "pass a callable that returns a new one"),
    ({"tower": lambda shape, n: None}, "returned NoneType instead of an nn.Module"),
    (
        {"tower": lambda shape, n: nn.Linear(64, n + 1)},
        r"returned \(2, 129\); change",
    ),
    ({"tower": lambda shape, n: nn.LSTM(64, n)}, "returned tuple; change its last layer"),
    (
        {"tower": lambda shape, n: NaNs()},
        "tower returned NaN or infinite values before any",
    ),
]


class NaNs(nn.Module):
    """A tower that returns NaN."""

    def forward(self, X):
        return X.repeat(1, 2) * torch.nan


@of_classes
@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS)
def test_bad_parameters_are_refused_by_name(case, parameters, message):
    estimator, X, y = case
    model = estimator(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())


@of_classes
def test_bad_data_is_refused(case):
    estimator, X, y = case
    for value in (np.nan, np.inf):
        bad = X.copy()
        bad[3, 3] = value
        with pytest.raises(ValueError, match="Input X contains"):
            estimator().fit(bad, y)
        with pytest.raises(ValueError, match="Input X contains"):
            outputs(estimator(**FAST).fit(X, y), bad)
    with pytest.raises(ValueError, match="requires y to be passed"):
        estimator().fit(X, None)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        estimator().fit(X, np.linspace(0, 1, len(X)))
    with pytest.raises(ValueError, match="features, but"):
        outputs(estimator(**FAST).fit(X, y), X[:, 2:])


def test_a_loss_that_becomes_nan_warns_and_keeps_the_last_good_weights(case):
    estimator, X, y = case
    model = estimator(learning_rate_init=1e30, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Lower learning_rate_init"):
        model.fit(X.astype(np.float32), y)
    assert np.isfinite(outputs(model, X)).all()
    assert model.n_iter_ < model.max_iter


@of_classes
def test_a_collapsed_embedding_warns(case):
    estimator, X, y = case
    with pytest.warns(ConvergenceWarning, match="embedding has collapsed"):
        estimator(tower=Collapsing, max_iter=2).fit(X, y)


@pytest.mark.parametrize("options", [{"depth": 40, "width": 16}, {"depth": 3, "width": 1}])
def test_an_embedding_that_begins_collapsed_warns(case, options):
    estimator, X, y = case
    with pytest.warns(ConvergenceWarning, match="a shallower or wider tower"):
        estimator(**FAST | options).fit(np.ones_like(X), y)


def test_training_works_under_no_grad_and_inference_mode(case):
    estimator, X, y = case
    expected = outputs(estimator(**FAST).fit(X, y), X)
    with torch.no_grad():
        np.testing.assert_array_equal(outputs(estimator(**FAST).fit(X, y), X), expected)
    with torch.inference_mode():
        model = estimator(**FAST, warm_start=True).fit(X, y)
    model.fit(X, y)


LONG = {
    "big-endian": lambda X: X.astype(">f8"),
    "object": lambda X: X.astype(object),
    "list": lambda X: X.tolist(),
    "pandas Float64": lambda X: pd.DataFrame(X).astype("Float64"),
    "polars": pl.DataFrame,
    "torch": torch.from_numpy,
}
SHORT = {
    "float16": lambda X: X.astype(np.float16),
    "uint16": lambda X: X.astype(np.uint16),
    "uint64": lambda X: X.astype(np.uint64),
    "torch": lambda X: torch.from_numpy(X).float(),
}


@pytest.mark.parametrize("kind", LONG)
def test_tables_and_lists_of_float64_are_computed_in_float64(kind):
    X, y = np.random.default_rng(0).normal(size=(60, 4)) + 1e6, np.arange(60) % 2
    expected = SiameseEmbedder(**FAST).fit(X, y).transform(X)
    found = SiameseEmbedder(**FAST).fit(LONG[kind](X), y).transform(LONG[kind](X))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", SHORT)
def test_shorter_numbers_are_computed_in_float32(kind):
    X, y = SHORT[kind](100 * np.random.default_rng(0).random((60, 4))), np.arange(60) % 2
    assert SiameseEmbedder(**FAST).fit(X, y).transform(X).dtype == np.float32


class Collapsing(nn.Module):
    """A tower with an output that collapses in training."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.linear = nn.Linear(input_shape[0], n_components)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, X):
        if self.training:
            self.scale.zero_()
        return self.linear(X) * self.scale


def test_healthy_training_does_not_warn(case):
    estimator, X, y = case
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator(random_state=0).fit(X, y)
    assert caught == []


def test_verbose_prints_a_line_for_every_epoch(case, capsys):
    estimator, X, y = case
    estimator(**FAST, early_stopping=True, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Epoch 1, loss = ")
    assert "validation score = " in lines[0]


def test_training_ends_when_the_loss_no_longer_improves(case):
    estimator, X, y = case
    model = estimator(max_iter=50, tol=10.0, n_iter_no_change=2).fit(X, y)
    assert model.n_iter_ == 4


def test_early_stopping_returns_to_the_best_weights(case):
    estimator, X, y = case
    recorder = Recorder()
    model = estimator(early_stopping=True, max_iter=15, n_iter_no_change=5, random_state=0)
    model.set_callbacks(recorder).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_ == len(model.loss_curve_)
    assert all(0 <= score <= 1 for score in model.validation_scores_)
    best = int(np.argmax(model.validation_scores_)) + 1
    shorter = Recorder()
    clone(model).set_callbacks(shorter, Stop(best)).fit(X, y)
    np.testing.assert_allclose(recorder.last_output, shorter.last_output)


class Stop(Recorder):
    """A callback that stops training after some epochs."""

    def __init__(self, after):
        super().__init__(stop_after=after)


def test_warm_start_continues_with_the_fitted_tower(case):
    estimator, X, y = case
    model = estimator(max_iter=5, warm_start=True, random_state=0).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    assert model.loss_curve_[:5] == first
    assert model.n_iter_ == 10
    assert model.loss_curve_[5] < np.mean(first[:2])


def test_warm_start_compares_parameters_by_value(digits):
    X, _, y, _ = digits
    options = [
        {"input_shape": shape, "loss": functools.partial(supcon, temperature=temperature)}
        for shape, temperature in (((8, 8), 0.2), ([8, 8], 0.2), ((8, 8), 0.3))
    ]
    model = SiameseEmbedder(**FAST, warm_start=True, **options[0]).fit(X, y)
    assert model.set_params(**options[1]).fit(X, y).n_iter_ == 6
    with pytest.raises(ValueError, match="loss has changed"):
        model.set_params(**options[2]).fit(X, y)


@of_classes
def test_warm_start_refuses_changes_that_need_a_new_tower(case):
    estimator, X, y = case
    model = estimator(**FAST, depth=3, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="depth has changed from 3 to 4"):
        model.set_params(depth=4).fit(X, y)
    model.set_params(depth=3)
    with pytest.raises(ValueError, match="precision has changed from None to 'bfloat16'"):
        model.set_params(precision="bfloat16").fit(X, y)
    model.set_params(precision=None)
    with pytest.raises(ValueError, match="set warm_start=False"):
        model.fit(X, np.where(y == y[0], 17, 18))
    with pytest.raises(ValueError, match="features, but"):
        model.fit(X[:, 2:], y)


def test_a_tower_factory_gets_the_parameters_of_its_signature(case):
    estimator, X, y = case
    seen = {}

    def factory(input_shape, n_components, depth):
        seen.update(input_shape=input_shape, n_components=n_components, depth=depth)
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(n_components))

    estimator(5, tower=factory, depth=7, input_shape=(8, 8), **FAST).fit(X, y)
    assert seen == {"input_shape": (8, 8), "n_components": 5, "depth": 7}
    estimator(5, tower=functools.partial(factory, depth=2), **FAST).fit(X, y)
    assert seen["depth"] == 2


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "tanh"},
        {"activation": nn.Mish},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"shortcuts": True},
        {"depth": 6, "activation": "silu", "normalization": "batch", "shortcuts": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hidden_layers_are_parameters_of_both_estimators(case, options, dtype):
    estimator, X, y = case
    X = X.astype(dtype)
    expected = outputs(estimator(**FAST).fit(X, y), X)
    model = estimator(**FAST | options).fit(X, y)
    found = outputs(model, X)
    assert np.isfinite(found).all()
    assert not np.allclose(found, expected)
    weights = {w.dtype for w in model.tower_.state_dict().values() if w.is_floating_point()}
    assert weights == {torch.from_numpy(X).dtype}
    np.testing.assert_array_equal(outputs(estimator(**FAST | options).fit(X, y), X), found)
    np.testing.assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), X), found)
    precise = estimator(**FAST | options, precision="bfloat16").fit(X, y)
    assert np.isfinite(outputs(precise, X)).all()


def test_the_default_activation_is_relu(case):
    estimator, X, y = case
    one, other = (estimator(**FAST, activation=name).fit(X, y) for name in (None, "relu"))
    np.testing.assert_array_equal(outputs(one, X), outputs(other, X))


HIDDEN = {"activation": "tanh", "normalization": "layer", "shortcuts": True}


@pytest.mark.parametrize("name", HIDDEN)
def test_an_option_that_a_tower_does_not_have_is_refused(case, name):
    estimator, X, y = case
    without = functools.partial(pretrained, backbone=nn.Flatten())
    bound = functools.partial(mlp, **{name: HIDDEN[name]})
    options = {name: HIDDEN[name]}
    for tower in (without, bound, lambda input_shape, n_components: mlp(input_shape, n_components)):
        with pytest.raises(ValueError, match=f"{name}=.* has no effect.*; set {name}="):
            estimator(**FAST, tower=tower, **options).fit(X, y)
        estimator(**FAST, tower=tower).fit(X, y)


def test_a_factory_gets_the_hidden_layers_that_its_signature_names(case):
    estimator, X, y = case
    seen = []

    def factory(input_shape, n_components, activation="gelu", normalization=None, shortcuts=None):
        seen.append((activation, normalization, shortcuts))
        return mlp(input_shape, n_components)

    estimator(**FAST, tower=factory).fit(X, y)
    estimator(**FAST, tower=factory, **HIDDEN).fit(X, y)
    assert seen == [("gelu", None, False), ("tanh", "layer", True)]

    def needs(input_shape, n_components, activation):
        return mlp(input_shape, n_components, activation=activation)

    with pytest.raises(ValueError, match=r"activation=None uses the default.*; set activ"):
        estimator(**FAST, tower=needs).fit(X, y)
    estimator(**FAST, tower=needs, activation="elu").fit(X, y)


@pytest.mark.parametrize("name", HIDDEN)
def test_warm_start_compares_hidden_layers(case, name):
    estimator, X, y = case
    model = estimator(**FAST, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=f"{name} has changed from .* to {HIDDEN[name]!r}"):
        model.set_params(**{name: HIDDEN[name]}).fit(X, y)


def batch_norms(model):
    """Return the batch normalization layers of a fitted tower."""
    return [layer for layer in model.tower_.modules() if isinstance(layer, BatchNorm)]


def test_batch_normalization_embeds_each_row_alone_and_changes_nothing(case):
    estimator, X, y = case
    model = estimator(**FAST, depth=3, normalization="batch").fit(X, y)
    assert len(batch_norms(model)) == 2
    before = copy.deepcopy(model.tower_.state_dict())
    together, alone = (
        outputs(model, X),
        np.concatenate([outputs(model, X[i : i + 1]) for i in (0, 7)]),
    )
    np.testing.assert_allclose(alone, together[[0, 7]], rtol=1e-4, atol=1e-5)
    after = model.tower_.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_warm_start_continues_running_averages_and_a_failed_one_keeps_them(case):
    estimator, X, y = case
    model = estimator(**FAST, normalization="batch", warm_start=True).fit(X, y)
    (norm, *_) = batch_norms(model)
    n_batches = int(norm.n_batches)
    assert n_batches > 0
    model.fit(X, y)
    (norm, *_) = batch_norms(model)
    assert int(norm.n_batches) == 2 * n_batches
    before = copy.deepcopy(norm.state_dict())
    with pytest.raises(RuntimeError, match="stop"):
        model.set_callbacks(Recorder(raises=RuntimeError("stop"))).fit(X, y)
    (norm, *_) = batch_norms(model)
    assert all(torch.equal(norm.state_dict()[name], before[name]) for name in before)


def test_early_stopping_restores_running_averages(case):
    estimator, X, y = case
    states = []

    class Keep(Recorder):
        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            if context.task_name == "epoch":
                states.append(copy.deepcopy(fitted_estimator.tower_.state_dict()))

    options = {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 8, "tol": 0.0}
    model = estimator(**FAST | options, normalization="batch", learning_rate_init=0.02)
    model.set_callbacks(Keep()).fit(X, y)
    best = int(np.argmax(model.validation_scores_))
    assert best + 1 < len(states)
    fitted = model.tower_.state_dict()
    norms = [name for name in fitted if name.endswith(("n_batches", "variance"))]
    assert norms
    assert all(torch.equal(fitted[name], states[best][name]) for name in norms)
    assert not any(torch.equal(fitted[name], states[-1][name]) for name in norms)


def test_standardisation_in_chunks_equals_all_rows():
    X = np.random.RandomState(0).normal(100, 3, (2 * CHUNK + 7, 2))
    layer = fit_standardize(X[:CHUNK], X[CHUNK : 2 * CHUNK], rows=np.arange(CHUNK))
    np.testing.assert_allclose(layer.mean, X[: 2 * CHUNK].mean(axis=0))
    np.testing.assert_allclose(layer.scale, X[: 2 * CHUNK].std(axis=0))


def test_state_dict_of_the_tower_can_be_saved(case):
    estimator, X, y = case
    model = estimator(**FAST).fit(X, y)
    file = io.BytesIO()
    torch.save(model.tower_.state_dict(), file)
    file.seek(0)
    assert torch.load(file, weights_only=True).keys() == model.tower_.state_dict().keys()


@pytest.mark.parametrize(
    "shape", [(-8, -8), (8, 8.0), (0, 64), (True, 64), (np.True_, 64), ("8", 8), (None, 64)]
)
def test_invalid_input_shapes_are_refused(case, shape):
    estimator, X, y = case
    with pytest.raises(ValueError, match=r"input_shape=.* must be a whole number from 1"):
        estimator(input_shape=shape).fit(X, y)


@of_classes
@pytest.mark.parametrize("margin", [10**39, 10**400])
def test_margin_that_is_too_large_raises(case, margin):
    estimator, X, y = case
    with pytest.raises(ValueError, match="margin must be"):
        estimator(margin=margin).fit(X, y)


@pytest.mark.parametrize("batch_size", [2**31, 2**63, 10**30, 10**400])
def test_batch_size_may_exceed_the_number_of_rows(case, batch_size):
    estimator, X, y = case
    expected = outputs(estimator(batch_size=1000, **FAST).fit(X, y), X)
    found = outputs(estimator(batch_size=batch_size, **FAST).fit(X, y), X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"distance": "manhattan"},
        {"tower": "cnn", "depth": 2, "width": 8, "input_shape": (8, 8), "dropout": 0.1},
        {"tower": "tdnn", "depth": 2, "width": 8, "input_shape": (8, 8)},
        {"early_stopping": True, "validation_fraction": 0.3},
    ],
)
def test_deterministic_algorithms_give_the_same_result(case, parameters):
    estimator, X, y = case
    expected = outputs(estimator(**FAST | parameters).fit(X, y), X)
    torch.use_deterministic_algorithms(True)
    try:
        found = outputs(estimator(**FAST | parameters).fit(X, y), X)
    finally:
        torch.use_deterministic_algorithms(False)
    np.testing.assert_array_equal(found, expected)


def test_a_tower_without_weights_is_refused(case):
    estimator, X, y = case
    with pytest.raises(ValueError, match="tower has no weights"):
        estimator(64, tower=lambda input_shape, n_components: nn.Flatten()).fit(X, y)
