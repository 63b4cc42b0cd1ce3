"""Test that loaded estimators are equal to saved ones, in all settings."""

import copy
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import safetensors
import torch
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sksiamese import ReferenceVerifier, SiameseEmbedder, SiameseIdentifier, SiameseVerifier
from sksiamese.losses import ProxyAnchor
from sksiamese.neighbors import ApproximateNeighbors
from sksiamese.persistence import build_tower, load, load_weights, save
from sksiamese.persistence._file import versions
from sksiamese.towers import pretrained
from tests.persistence.models import (
    BRIEFLY,
    MATCH,
    PAIRS,
    QUIET,
    TRUSTED,
    X,
    Y,
    assert_same_results,
    data_of,
    results,
    settings,
)
from tests.test_common import TwoLayers

pytestmark = QUIET


def reload(estimator, folder, **options):
    """Return an estimator after it has been saved and loaded."""
    save(estimator, folder / "model.safetensors")
    return load(folder / "model.safetensors", **options)


def text(estimator):
    """Return the representation of an estimator, without addresses in memory."""
    return re.sub(r"at 0x\w+", "", repr(estimator))


@pytest.fixture(scope="module")
def fitted():
    """Return all estimators, fitted."""
    return [estimator.fit(*data_of(estimator)) for estimator in map(copy.copy, settings())]


def test_an_approximate_index_needs_permission(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) // 3
    embedder = FrozenEstimator(StandardScaler().fit(X))
    identifier = SiameseIdentifier(embedder, neighbors=ApproximateNeighbors()).fit(X, y)
    save(identifier, tmp_path / "model")
    name = "sksiamese.neighbors:ApproximateNeighbors"
    with pytest.raises(ValueError, match=f"pass trusted=\\['{name}'\\]"):
        load(tmp_path / "model")
    loaded = load(tmp_path / "model", trusted=[name])
    np.testing.assert_array_equal(loaded.predict(X), identifier.predict(X))
    assert loaded.partial_fit(X[:2], [98, 99]).neighbors_.n_samples_fit_ == 32


def test_a_loaded_estimator_is_the_same_in_all_settings(fitted, tmp_path):
    assert len(fitted) >= 70
    for estimator in fitted:
        loaded = reload(estimator, tmp_path, trusted=TRUSTED)
        assert text(loaded) == text(estimator)
        assert sorted(vars(loaded)) == sorted(vars(estimator)), repr(estimator)
        assert_same_results(estimator, loaded, data_of(estimator)[0])
        assert text(clone(loaded)) == text(clone(estimator))


def test_a_loaded_estimator_continues_to_train_equally(fitted, tmp_path):
    for estimator in fitted:
        data = data_of(estimator)
        loaded = reload(estimator, tmp_path, trusted=TRUSTED)
        pair = copy.deepcopy(estimator), loaded
        for one in pair:
            if hasattr(one, "partial_fit"):
                one.partial_fit(*data)
        # The state of the optimizer is saved as well.
        pair = pair[0], reload(pair[1], tmp_path, trusted=TRUSTED)
        for one in pair:
            if hasattr(one, "partial_fit"):
                one.partial_fit(*data)
            if hasattr(one, "warm_start"):
                one.set_params(warm_start=True).fit(*data)
        assert_same_results(*pair, data[0])


def test_an_estimator_that_is_not_fitted_is_saved(tmp_path):
    for estimator in settings():
        assert text(reload(estimator, tmp_path, trusted=TRUSTED)) == text(estimator)


IN_A_NEW_PROCESS = """
import sys
import numpy as np
from sksiamese.persistence import load

folder, *trusted = sys.argv[1:]
expected = np.load(f"{folder}/expected.npz")
for n in range(int(expected["n"])):
    loaded = load(f"{folder}/{n}.safetensors", trusted=trusted)
    for name in ("transform", "predict", "decision_function", "predict_proba"):
        if f"{n}.{name}" in expected:
            result = np.asarray(getattr(loaded, name)(expected[f"{n}.X"]))
            assert np.array_equal(result, expected[f"{n}.{name}"]), (n, name)
print("same")
"""


def test_a_new_process_loads_the_same(fitted, tmp_path):
    expected = {"n": len(fitted)}
    for n, estimator in enumerate(fitted):
        save(estimator, tmp_path / f"{n}.safetensors")
        rows = data_of(estimator)[0]
        found = {**results(estimator, rows), "X": rows}
        expected |= {f"{n}.{name}": result for name, result in found.items()}
    np.savez(tmp_path / "expected.npz", **expected)
    command = [sys.executable, "-c", IN_A_NEW_PROCESS, tmp_path, *TRUSTED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "same\n", done.stderr


def test_nothing_depends_on_the_global_generators(tmp_path):
    embedder = SiameseEmbedder(8, **BRIEFLY).fit(X, Y)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    reload(embedder, tmp_path)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])


def test_a_loaded_identifier_enrolls_and_forgets(tmp_path):
    identifier = SiameseIdentifier(SiameseEmbedder(8, **BRIEFLY), target_far=0.5, random_state=0)
    y = np.array(["ann", "bob", "eva", "joe"])[Y]
    identifier.fit(X, y)
    loaded = reload(identifier, tmp_path)
    for one in (identifier, loaded):
        one.partial_fit(X[:8] + 1, np.array(["new"] * 4 + ["other"] * 4)).forget(["eva", "new"])
    loaded = reload(loaded, tmp_path)
    assert loaded.classes_.tolist() == ["ann", "bob", "joe", "other"]
    assert loaded.threshold_ == identifier.threshold_
    assert loaded.temperature_ == identifier.temperature_
    assert b"eva" not in (tmp_path / "model.safetensors").read_bytes()


LABELS = [
    np.array([3, 1, 2**62, -5]),
    np.array([2, 7, 1, 200], dtype=np.uint8),
    np.array([True, False]),
    np.array([0.5, -0.0, 1e300, 3.0]),
    np.array(["é", "b", "\U0001f600", "long text"]),
    np.array([b"a", b"bc"]),
    np.array(["2020-01-01", "1999-12-31"], dtype="datetime64[D]"),
    np.array(["a", "b", "c"], dtype=object),
    np.array([1, 2, 10], dtype=object),
    np.array([1, 2, 3], dtype=">i4"),
    np.array([1, 5], dtype=np.uint64),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: str(labels.dtype))
def test_labels_of_any_type_are_exact(labels, tmp_path):
    y = labels[np.arange(len(X)) % len(labels)]
    verifier = ReferenceVerifier()
    verifier.classes_ = np.unique(y)
    verifier.scalars_ = [*np.unique(y)]
    verifier.nested_ = {"a": (y, {"b": y[:1]}), 3: [y]}
    loaded = reload(verifier, tmp_path)
    assert loaded.classes_.dtype == verifier.classes_.dtype
    assert loaded.classes_.tolist() == verifier.classes_.tolist()
    assert [type(part) for part in loaded.scalars_] == [type(part) for part in verifier.scalars_]
    assert loaded.scalars_ == verifier.scalars_
    assert loaded.nested_[3][0] is loaded.nested_["a"][0]


VALUES = [
    (None, True, -1, 2**70, 0.1, "text", float("inf"), float("-inf")),
    [[], (), {}, set(), frozenset({1})],
    {1: "a", "1": "b", None: 2.5, (1, 2): [3]},
    slice(1, None, 2),
    b"bytes\x00",
    torch.float64,
    np.float32(0.1),
    np.int64(7),
    np.ma.MaskedArray([1.0, 2.0], mask=[True, False]),
    nn.ReLU,
    partial(ProxyAnchor, alpha=32.0),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_exact(value, tmp_path):
    verifier = ReferenceVerifier()
    verifier.value_ = value
    found = reload(verifier, tmp_path).value_
    assert type(found) is type(value)
    if isinstance(value, partial):
        assert (found.func, found.args, found.keywords) == (value.func, (), {"alpha": 32.0})
    else:
        assert repr(found) == repr(value)


def test_order_and_shape_of_arrays_are_exact(tmp_path):
    verifier = ReferenceVerifier()
    cube = np.arange(24.0).reshape(2, 3, 4)
    verifier.arrays_ = [cube, cube.T, np.empty((0, 3)), np.array(5), cube[:, ::2]]
    for found, array in zip(reload(verifier, tmp_path).arrays_, verifier.arrays_, strict=True):
        assert (found.shape, found.dtype) == (array.shape, array.dtype)
        assert np.array_equal(found, array)
        assert found.flags.writeable
        assert found.flags.f_contiguous == (array.flags.f_contiguous or array.ndim == 0)


def test_generators_continue_equally(tmp_path):
    verifier = ReferenceVerifier()
    verifier.generators_ = [np.random.RandomState(1), np.random.default_rng(1)]
    verifier.generators_[0].normal(size=3)
    loaded = reload(verifier, tmp_path).generators_
    for found, generator in zip(loaded, verifier.generators_, strict=True):
        assert np.array_equal(found.normal(size=700), generator.normal(size=700))


@pytest.mark.parametrize("factor", [0.1, 0])
def test_a_pretrained_backbone_is_saved_with_its_own_weights(factor, tmp_path):
    backbone = nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU())
    backbone = backbone.bfloat16() if factor == 0 else backbone
    tower = partial(pretrained, backbone=backbone, learning_rate_factor=factor)
    embedder = SiameseEmbedder(8, tower=tower, input_shape=(1, 6), **BRIEFLY).fit(X, Y)
    trusted = [nn.Sequential, nn.Conv1d, nn.BatchNorm1d]
    loaded = reload(embedder, tmp_path, trusted=trusted)
    assert_same_results(embedder, loaded, X)
    for one in (embedder, loaded):
        one.set_params(warm_start=True).fit(X, Y)
    assert_same_results(embedder, loaded, X)
    assert_same_results(clone(embedder).fit(X, Y), clone(loaded).fit(X, Y), X)


def test_weights_that_a_module_shares_stay_shared(tmp_path):
    backbone = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    backbone[1].weight = backbone[0].weight
    embedder = SiameseEmbedder(tower=partial(pretrained, backbone=backbone))
    loaded = reload(embedder, tmp_path, trusted=[nn.Sequential, nn.Linear])
    found = loaded.tower.keywords["backbone"]
    assert found[0].weight is found[1].weight
    assert torch.equal(found(torch.ones(1, 6)), backbone(torch.ones(1, 6)))


def test_a_tree_of_scikit_learn_needs_permission(tmp_path):
    model = make_pipeline(SiameseEmbedder(8, **BRIEFLY), KNeighborsClassifier()).fit(X, Y)
    save(model, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"pass trusted=\[.*'sklearn.neighbors._kd_tree:KDTree'"):
        load(tmp_path / "model.safetensors")
    trusted = [
        "sklearn.metrics._dist_metrics:EuclideanDistance64",
        "sklearn.neighbors._kd_tree:KDTree",
    ]
    loaded = load(tmp_path / "model.safetensors", trusted=trusted)
    assert_same_results(model, loaded, X)


def test_tensors_have_readable_names(tmp_path):
    embedder = SiameseEmbedder(8, **BRIEFLY).fit(X, Y)
    save(embedder, tmp_path / "model.safetensors")
    with safetensors.safe_open(tmp_path / "model.safetensors", "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert torch.equal(weights["tower_.2.1.weight"], embedder.tower_[2][1].weight)
    assert weights["classes_"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"augment": lambda items, generator: items}, "augment: .*lambda.*at the top of a module"),
        ({"tower": type("Local", (TwoLayers,), {})}, "tower: .*cannot be found by a name"),
        ({"loss": object()}, "loss is of <class 'object'>, which cannot be saved"),
        (
            {"margin": np.array([1], dtype=np.clongdouble)},
            "margin: an array of dtype .* cannot be saved",
        ),
    ],
)
def test_values_that_cannot_be_saved_raise_and_leave_no_file(change, message, tmp_path):
    embedder = SiameseEmbedder(**change)
    with pytest.raises(ValueError, match=f"SiameseEmbedder cannot be saved: {message}"):
        save(embedder, tmp_path / "model.safetensors")
    assert not any(tmp_path.iterdir())


def test_an_estimator_that_contains_itself_raises(tmp_path):
    identifier = SiameseIdentifier()
    identifier.embedder = identifier
    with pytest.raises(ValueError, match="contains itself"):
        save(identifier, tmp_path / "model.safetensors")


def test_hooks_of_a_module_are_not_saved(tmp_path):
    backbone = nn.Linear(6, 6)
    backbone.register_forward_hook(print)
    with pytest.raises(ValueError, match="a module with hooks"):
        save(SiameseEmbedder(tower=partial(pretrained, backbone=backbone)), tmp_path / "model")


def test_other_objects_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="must be an estimator"):
        save([1], tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "trusted", ["tests.test_common:TwoLayers", ["tests.test_common.TwoLayers"]]
)
def test_trusted_must_be_a_list_of_names(trusted, tmp_path):
    save(SiameseEmbedder(tower=TwoLayers), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="trusted"):
        load(tmp_path / "model.safetensors", trusted=trusted)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.safetensors"):
        load(tmp_path / "missing.safetensors")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    save(SiameseIdentifier(SiameseEmbedder(8, **BRIEFLY)).fit(X, Y), path)
    for module in ("skops.io", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=rf"{module[:5]}.*sksiamese\[persistence\]"):
            load(path)


def test_another_version_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    embedder = SiameseEmbedder(8, **BRIEFLY).fit(X, Y)
    other = versions() | {"sksiamese": "0.0.9", "torch": "1.0.0"}
    with monkeypatch.context() as patch:
        patch.setattr("sksiamese.persistence._file.versions", lambda: other)
        save(embedder, path)
    message = r"was saved with sksiamese 0.0.9, torch 1.0.0, but sksiamese \S+, torch \S+ is"
    with pytest.warns(InconsistentVersionWarning, match=message) as caught:
        loaded = load(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_same_results(embedder, loaded, X)
    with pytest.warns(InconsistentVersionWarning, match=message) as caught:
        load_weights(SiameseEmbedder(8), path)
    assert caught[0].filename == __file__


def test_a_newer_format_is_named(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr("sksiamese.persistence._file.FORMAT", 7)
        save(SiameseEmbedder(), path)
    with pytest.raises(ValueError, match=r"model.safetensors.*format 7.*up to 1; install a newer"):
        load(path)


@pytest.mark.parametrize("kind", [SiameseEmbedder, SiameseVerifier])
def test_weights_load_into_an_estimator_that_is_not_fitted(kind, tmp_path):
    data = (X, Y) if kind is SiameseEmbedder else (PAIRS, MATCH)
    options = {"tower": TwoLayers, "width": 7, **BRIEFLY}
    fitted = kind(8, **options).fit(*data)
    save(fitted, tmp_path / "model.safetensors")
    estimator = kind(8, **options, verbose=1)
    assert load_weights(estimator, tmp_path / "model.safetensors") is estimator  # Nothing trusted.
    assert_same_results(fitted, estimator, data[0])
    assert estimator.verbose == 1
    for one in (fitted, estimator):
        one.set_params(warm_start=True, verbose=0).fit(*data)
    assert_same_results(fitted, estimator, data[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_components": 9}, "n_components=8, but the estimator has n_components=9"),
        ({"activation": "tanh"}, "activation=None, but the estimator has activation='tanh'"),
        ({"tower": TwoLayers}, r"weights that the network lacks, such as 'tower_.2.1.bias'"),
    ],
)
def test_weights_of_another_network_do_not_load(change, message, tmp_path):
    save(SiameseEmbedder(8, **BRIEFLY).fit(X, Y), tmp_path / "model.safetensors")
    estimator = SiameseEmbedder(**{"n_components": 8, **change})
    with pytest.raises(ValueError, match=message):
        load_weights(estimator, tmp_path / "model.safetensors")
    assert not hasattr(estimator, "tower_")


def test_weights_of_another_estimator_do_not_load(tmp_path):
    save(SiameseVerifier(8, **BRIEFLY).fit(PAIRS, MATCH), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="no fitted SiameseEmbedder"):
        load_weights(SiameseEmbedder(8), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="must be a SiameseEmbedder, "):
        load_weights(LogisticRegression(), tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "options",
    [{}, {"n_components": 8}, {"tower": "cnn", "distance": "cosine"}, {"tower": TwoLayers}],
)
def test_a_built_tower_has_the_layout_of_a_fitted_one(options):
    rows = X.astype(np.float32)
    embedder = SiameseEmbedder(**options, **BRIEFLY)
    tower = build_tower(embedder, 6)
    fitted = embedder.fit(rows, Y).tower_
    shapes = [
        {name: (weight.shape, weight.dtype) for name, weight in one.state_dict().items()}
        for one in (tower, fitted)
    ]
    assert shapes[0] == shapes[1]
    assert repr(tower) == repr(fitted)
    tower.load_state_dict(fitted.state_dict())
    items = torch.from_numpy(rows)
    assert torch.equal(tower(items), fitted(items))


def test_a_built_tower_depends_on_the_seed_only():
    weights = [build_tower(SiameseEmbedder(8, random_state=s), 6)[2][1].weight for s in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_tuned_threshold_is_loaded(tmp_path):
    tuned = TunedThresholdClassifierCV(SiameseVerifier(8, **BRIEFLY), cv=2).fit(PAIRS, MATCH)
    assert reload(tuned, tmp_path).best_threshold_ == tuned.best_threshold_
