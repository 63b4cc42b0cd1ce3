"""Test that exported estimators compute the same as the fitted ones."""

import json
import runpy
from functools import partial
from itertools import product
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from sksiamese import (
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    make_pairs,
)
from sksiamese.distances import DISTANCES
from sksiamese.export import to_onnx
from sksiamese.heads import HEADS
from sksiamese.towers import cnn, multi_cue, pretrained, tdnn

SMALL = {"n_components": 8, "width": 16, "max_iter": 1, "random_state": 0}
CUES = {"top": slice(0, 30), "bottom": slice(30, 64)}
TOWERS = {
    "mlp": {},
    "cnn": {"tower": partial(cnn, pooling="flatten"), "input_shape": (8, 8), "width": 4},
    "tdnn": {"tower": tdnn, "input_shape": (32, 2)},
    "multi_cue": {"tower": partial(multi_cue, cues=CUES)},
    "pretrained": {
        "tower": partial(pretrained, backbone=nn.Conv1d(8, 4, 3)),
        "input_shape": (8, 8),
    },
    "batch_norm": {"normalization": "batch", "shortcuts": True, "activation": "gelu"},
    "principal_components": {"n_components": 32},
}
HEADS_OF_DISTANCE = ["adaptive_distance", "distance"]
CASES = [
    ("mlp", "weighted_l1", "euclidean"),
    ("cnn", "cosine", "euclidean"),
    ("tdnn", "mlp", "euclidean"),
    ("multi_cue", "weighted_manhattan", "euclidean"),
    ("pretrained", "adaptive_distance", "manhattan"),
    ("batch_norm", "distance", "euclidean"),
    ("principal_components", "distance", "cosine"),
    ("mlp", "distance", "chord"),
    ("mlp", "distance", "sqeuclidean"),
]
"""Tower, head and distance: each of them at least once; all combinations are soak tests."""
ALL_CASES = {
    *product(TOWERS, HEADS, ["euclidean"]),
    *product(["mlp"], HEADS_OF_DISTANCE, DISTANCES),
}


@pytest.fixture(scope="module")
def rows(digits):
    X, _, y, _ = digits
    return X[:200].astype(np.float32), y[:200]


@pytest.fixture(scope="module")
def pairs(rows):
    P, match, _ = make_pairs(*rows, n_pairs=300, random_state=0)
    return P, match


@pytest.fixture(scope="module")
def verifier(pairs):
    return SiameseVerifier(**SMALL).fit(*pairs)


@pytest.fixture
def run(tmp_path):
    """Return a function that exports an estimator, and returns its outputs for some rows."""

    def outputs(estimator, X, **options):
        path = tmp_path / "model.onnx"
        to_onnx(estimator, path, **options)
        session = onnxruntime.InferenceSession(path)
        (entry,) = session.get_inputs()
        names = [output.name for output in session.get_outputs()]
        assert {value.shape[0] for value in (entry, *session.get_outputs())} == {"n"}
        assert entry.shape[1] == X.shape[1]
        outputs.metadata = session.get_modelmeta().custom_metadata_map
        outputs.metadata = {name: json.loads(v) for name, v in outputs.metadata.items()}
        found = dict(zip(names, session.run(None, {entry.name: X}), strict=True))
        for n in (1, 2, 7):
            for name, value in zip(names, session.run(None, {entry.name: X[:n]}), strict=True):
                np.testing.assert_allclose(value, found[name][:n], atol=1e-5, rtol=1e-5)
        return found

    return outputs


def check_verifier(run, classifier, P, **options):
    """Raise unless the outputs of an exported classifier are those of the fitted one."""
    found = run(classifier, P, **options)
    expected = classifier.predict_proba(P)[:, 1]
    np.testing.assert_allclose(found["probability"], expected, atol=1e-5, rtol=0)
    assert found["decision"].dtype == bool
    predicted = classifier.classes_[found["decision"].astype(int)]
    np.testing.assert_array_equal(predicted, classifier.predict(P))
    assert run.metadata["classes"] == classifier.classes_.tolist()
    return found


def fit_verifier(tower, head, distance, pairs):
    options = SMALL | {"head": head, "distance": distance} | TOWERS[tower]
    return SiameseVerifier(**options).fit(*pairs)


@pytest.mark.parametrize(("tower", "head", "distance"), CASES)
def test_a_verifier_computes_the_same(tower, head, distance, pairs, run):
    P, _ = pairs
    verifier = fit_verifier(tower, head, distance, pairs)
    found = check_verifier(run, verifier, P)
    assert [*found] == ["embeddings", "logit", "probability", "decision"]
    np.testing.assert_allclose(found["logit"], verifier.decision_function(P), atol=1e-4)
    for side, half in zip(found["embeddings"].swapaxes(0, 1), (P[:, :64], P[:, 64:]), strict=True):
        np.testing.assert_allclose(side, verifier.transform_items(half), atol=1e-5)


@pytest.mark.soak
@pytest.mark.parametrize(("tower", "head", "distance"), sorted(ALL_CASES - {*CASES}))
def test_all_towers_heads_and_distances_compute_the_same(tower, head, distance, pairs, run):
    check_verifier(run, fit_verifier(tower, head, distance, pairs), pairs[0])


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # Of nn.GroupNorm.
@pytest.mark.parametrize("tower", TOWERS)
def test_pytorch_exports_and_traces_a_tower(tower, rows):
    X, y = rows
    network = SiameseEmbedder(**SMALL | TOWERS[tower]).fit(X, y).tower_
    X = torch.from_numpy(X)
    with torch.no_grad():
        expected = network(X)
        traced = torch.jit.trace(network, X[:2])
        size = {0: torch.export.Dim("n")}
        exported = torch.export.export(network, (X[:2],), dynamic_shapes=(size,)).module()
        for n in (1, 2, 7, len(X)):
            torch.testing.assert_close(traced(X[:n]), expected[:n])
            torch.testing.assert_close(exported(X[:n]), expected[:n])


def test_an_embedder_computes_the_same(rows, run):
    X, y = rows
    table = pd.DataFrame(X, columns=[f"pixel {number}" for number in range(64)])
    search = GridSearchCV(SiameseEmbedder(**SMALL), {"distance": ["cosine"]}, cv=2).fit(table, y)
    found = run(search, X)
    assert [*found] == ["embedding"]
    np.testing.assert_allclose(found["embedding"], search.transform(table), atol=1e-5)
    assert run.metadata["estimator"] == "SiameseEmbedder"
    assert run.metadata["feature_names"] == [*table.columns]


def test_a_regressor_computes_the_same(pairs, run):
    P, match = pairs
    y = 2000.0 + match
    regressor = SiameseRegressor(**SMALL).fit(P, y)
    found = run(regressor, P)
    assert [*found] == ["embeddings", "score"]
    np.testing.assert_allclose(found["score"], regressor.predict(P), rtol=1e-6)


@pytest.mark.slow
def test_rows_in_float64_are_exported_in_both_dtypes(pairs, run):
    P, match = pairs[0].astype(np.float64), pairs[1]
    verifier = SiameseVerifier(**SMALL).fit(P, match)
    wide = check_verifier(run, verifier, P, dtype="float64")
    found = run(verifier, P.astype(np.float32))
    np.testing.assert_allclose(found["probability"], wide["probability"], atol=1e-5)


def test_large_integers_need_float64(pairs, run):
    P, match = pairs[0].astype(np.int64) + 2**40, pairs[1]
    verifier = SiameseVerifier(**SMALL).fit(P, match)
    with pytest.raises(ValueError, match="integers that float32 cannot represent; pass dtype"):
        run(verifier, P)
    found = run(verifier, P.astype(np.float64), dtype="float64")
    np.testing.assert_allclose(found["probability"], verifier.predict_proba(P)[:, 1], atol=1e-5)


def test_missing_values_are_exported(pairs, run):
    P, match = pairs[0].copy(), pairs[1]
    P[::3, 10:20] = P[1::5, 100:] = np.nan
    options = SMALL | TOWERS["tdnn"]
    verifier = SiameseVerifier(**options).fit(P, match)
    P[:3, :64] = np.nan
    found = check_verifier(run, verifier, P)
    assert (found["logit"][:3] == -1e9).all()
    embedder = SiameseEmbedder(**options).fit(P[3:, :64], match[3:])
    Z = run(embedder, P[:, :64])["embedding"]
    assert np.isnan(Z[:3]).all()
    np.testing.assert_allclose(Z[3:], embedder.transform(P[3:, :64]), atol=1e-5)


@pytest.mark.parametrize(
    "labels",
    [["different", "same"], pytest.param([-1, 2**60], marks=pytest.mark.slow)],
    ids=repr,
)
def test_labels_of_any_type_are_in_the_metadata(labels, pairs, run):
    P, match = pairs
    verifier = SiameseVerifier(**SMALL, head="cosine").fit(P, np.array(labels)[match.astype(int)])
    check_verifier(run, verifier, P)
    assert run.metadata["estimator"] == "SiameseVerifier"


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.3, "pos_label": False},
        {"threshold": -0.5, "response_method": "decision_function"},
        pytest.param({"threshold": 0.7}, marks=pytest.mark.slow),
        pytest.param(
            {"response_method": "decision_function", "pos_label": False}, marks=pytest.mark.slow
        ),
    ],
    ids=repr,
)
def test_a_fixed_threshold_decides_the_same(options, verifier, pairs, run):
    model = FixedThresholdClassifier(FrozenEstimator(verifier), **options)
    if "pos_label" in options:  # Otherwise the fitted estimator inside is sufficient.
        model.fit(*pairs)
    found = check_verifier(run, model, pairs[0])
    assert 0 < found["decision"].mean() < 1


def test_a_tuned_threshold_decides_the_same(pairs, run):
    model = TunedThresholdClassifierCV(SiameseVerifier(**SMALL), cv=2, scoring="f1").fit(*pairs)
    check_verifier(run, model, pairs[0])


@pytest.mark.parametrize(
    "method", ["sigmoid", "isotonic", pytest.param("temperature", marks=pytest.mark.slow)]
)
def test_a_calibrated_verifier_computes_the_same(method, verifier, pairs, run):
    P, match = pairs
    model = CalibratedClassifierCV(FrozenEstimator(verifier), method=method).fit(P, match)
    found = run(model, P)
    assert [*found] == ["embeddings", "logit", "probability", "decision"]
    if method != "isotonic":
        check_verifier(run, model, P)
        return
    # A rounding error of the logit is multiplied by the slope of the isotonic regression.
    (part,) = model.calibrated_classifiers_
    expected = part.calibrators[0].predict(found["logit"].astype(np.float64))
    np.testing.assert_allclose(found["probability"], expected, atol=1e-3)
    assert np.median(np.abs(found["probability"] - model.predict_proba(P)[:, 1])) < 1e-6
    assert (found["decision"] == model.predict(P)).mean() > 0.99


def test_several_calibrated_verifiers_are_averaged(pairs, run):
    model = CalibratedClassifierCV(SiameseVerifier(**SMALL, head="cosine"), cv=2).fit(*pairs)
    strict = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.6).fit(*pairs)
    assert [*check_verifier(run, strict, pairs[0])] == ["probability", "decision"]


def check_identifier(run, identifier, X):
    """Raise unless the outputs of an exported identifier are those of the fitted one."""
    found = run(identifier, X)
    expected = {
        "embedding": identifier.embedder_.transform(X),
        "distances": identifier.class_distances(X),
        "probability": identifier.predict_proba(X),
    }
    assert [*found] == [*expected, "label", "rejected"]
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)
    labels = np.array(run.metadata["classes"])[found["label"]]
    if found["rejected"].any():
        labels = np.where(found["rejected"], run.metadata["unknown_label"], labels)
    np.testing.assert_array_equal(labels, identifier.predict(X))
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": "nearest", "n_neighbors": 3, "metric": "manhattan"},
        {"metric": "correlation", "strategy": "nearest", "n_neighbors": 500},
        pytest.param({"metric": "cosine"}, marks=pytest.mark.slow),
        pytest.param({"metric": "chebyshev"}, marks=pytest.mark.slow),
        pytest.param({"metric": "sqeuclidean"}, marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_an_identifier_computes_the_same(options, rows, run):
    X, y = rows
    identifier = SiameseIdentifier(SiameseEmbedder(**SMALL), **options).fit(X[:100], y[:100])
    check_identifier(run, identifier, X)


def test_an_identifier_rejects_the_same_after_enrollment_and_forgetting(rows, run):
    X, y = rows
    names = np.array([f"person {label}" for label in y])
    embedder = FrozenEstimator(SiameseEmbedder(**SMALL).fit(X[y < 3], y[y < 3]))
    identifier = SiameseIdentifier(embedder, strategy="nearest", target_far=0.4)
    enrolled = (y >= 3) & (y < 8)
    identifier.fit(X[enrolled][::2], names[enrolled][::2])
    assert 0 < check_identifier(run, identifier, X)["rejected"].mean() < 1
    assert run.metadata["unknown_label"] == "unknown"
    identifier.partial_fit(X[y > 7], names[y > 7]).forget(["person 3"])
    check_identifier(run, identifier, X)
    assert run.metadata["classes"] == [f"person {label}" for label in range(4, 10)]
    identifier.set_params(target_far=0.1)
    with pytest.raises(ValueError, match=r"target_far was set to 0\.1 after"):
        run(identifier, X)


class ByColumns(nn.Module):
    """Tower of a user, with a layer that ONNX does not have."""

    def __init__(self, n_features, n_components, *, exportable):
        super().__init__()
        self.exportable = exportable
        self.layer = nn.Linear(n_features, n_components)

    def forward(self, X):
        Z = self.layer(X)
        return torch.tanh(Z) if self.exportable else Z * float(len(Z.unique()) > 0)


def by_columns(input_shape, n_components, exportable=True):
    return ByColumns(*input_shape, n_components, exportable=exportable)


def test_a_tower_of_a_user_is_exported_if_pytorch_can(rows, run):
    X, y = rows
    embedder = SiameseEmbedder(**SMALL, tower=by_columns).fit(X, y)
    np.testing.assert_allclose(run(embedder, X)["embedding"], embedder.transform(X), atol=1e-5)
    other = SiameseEmbedder(**SMALL, tower=partial(by_columns, exportable=False)).fit(X, y)
    with pytest.raises(ValueError, match=r"A tower, head or activation of your own must"):
        run(other, X)


def test_what_cannot_be_exported_is_refused(rows, pairs, verifier, run):
    X, y = rows
    with pytest.raises(NotFittedError):
        run(SiameseVerifier(), X)
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'int8'"):
        run(verifier, X, dtype="int8")
    with pytest.raises(ValueError, match="is a Pipeline, which cannot be exported; pass its last"):
        run(make_pipeline(StandardScaler(), SiameseEmbedder(**SMALL)).fit(X, y), X)
    with pytest.raises(ValueError, match="RandomForestClassifier, which cannot be exported; pass"):
        run(RandomForestClassifier(n_estimators=1).fit(X, y), X)
    identifier = SiameseIdentifier(FunctionTransformer()).fit(X, y)
    with pytest.raises(ValueError, match="a FunctionTransformer as embedder, which cannot be exp"):
        run(identifier, X)
    identifier = SiameseIdentifier(SiameseEmbedder(**SMALL), metric="canberra").fit(X, y)
    with pytest.raises(ValueError, match="metric='canberra' cannot be exported; set the metric"):
        run(identifier, X)


def test_an_export_leaves_the_estimator_unchanged(pairs, tmp_path):
    P, match = pairs[0].astype(np.float64), pairs[1]
    verifier = SiameseVerifier(**SMALL).fit(P, match)
    before = verifier.decision_function(P)
    to_onnx(verifier, tmp_path / "model.onnx")
    np.testing.assert_array_equal(verifier.decision_function(P), before)


@pytest.fixture(scope="module")
def service():
    """Run the example of a service, and return its names."""
    return runpy.run_path(str(Path(__file__).parents[1] / "examples" / "13_service.py"))


def test_the_service_enrolls_verifies_identifies_and_rejects(service):
    shares, claims = service["shares"], service["claims"]
    assert shares[7] > 0.6
    assert shares[8] > 0.6
    assert shares[9] > 0.6
    assert claims[7]["match"]
    assert not claims[9]["match"]


def test_the_service_reports_errors(service):
    X, send = service["images"], service["send"]
    server = service["start_server"](service["path"])
    try:
        assert send(server, "identify", row=X[7][0]) == {"name": None}
        assert send(server, "enrol", name="seven", row=X[7][0]) == {"n_rows": 1}
        assert send(server, "identify", row=X[7][0]) == {"name": "seven"}
        requests = [
            ("verify", {"name": "nobody", "row": X[7][0]}, 404),
            ("forget", {"name": "seven"}, 404),
            ("identify", {"row": X[7][0][:5]}, 400),
            ("identify", {"row": "text"}, 400),
            ("identify", {"row": [np.nan] * 64}, 400),
            ("identify", {"image": X[7][0]}, 400),
            ("enrol", {"name": "six", "row": [1, 2]}, 400),
        ]
        for route, body, status in requests:
            with pytest.raises(HTTPError) as caught:
                send(server, route, **body)
            assert caught.value.code == status
            caught.value.close()
        assert send(server, "verify", name="seven", row=X[7][0])["match"]
    finally:
        server.shutdown()
        server.server_close()
