"""Export fitted estimators to ONNX, for use without Python, scikit-learn and PyTorch."""

import copy
import json
import logging
import warnings
from contextlib import contextmanager
from math import inf
from os import PathLike
from typing import Any, Literal

import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.overrides import TorchFunctionMode

from ._checks import check_path
from ._embedder import SiameseEmbedder
from ._extras import import_extra
from ._gallery._distances import ANGULAR, EUCLIDEAN
from ._gallery._updates import class_codes
from ._identifier import SiameseIdentifier
from ._regressor import SiameseRegressor
from ._training._regression_task import PairPrediction
from ._training._tower import item_shape, tower_attribute
from ._verifier import EMPTY_ITEM_LOGIT, SiameseVerifier
from .towers import Standardize

__all__ = ["to_onnx"]

PACKAGES = "onnx", "onnxscript"
"""Packages of the extra ``onnx`` that the export needs."""

ORDERS = {"chebyshev": inf, "cityblock": 1, "l1": 1, "manhattan": 1}
"""Order of the norm of metrics that are norms of differences, other than the Euclidean norm."""

EXPORTED = (
    "SiameseEmbedder, SiameseVerifier, SiameseRegressor or SiameseIdentifier, or of a verifier in "
    "FixedThresholdClassifier, TunedThresholdClassifierCV, CalibratedClassifierCV, FrozenEstimator "
    "or a search"
)
"""Estimators that can be exported, for messages."""


def to_onnx(
    estimator: Any, path: str | PathLike[str], *, dtype: Literal["float32", "float64"] = "float32"
) -> None:
    """Write a fitted estimator to an ONNX file.

    The file has everything from raw rows to the result, including standardization, calibration,
    threshold and gallery. The number of rows is dynamic. All computations of the tower are in
    float32, also if the estimator was fitted on rows in float64.

    Read more in the :ref:`User Guide <export>`.

    Parameters
    ----------
    estimator : estimator instance
        Fitted :class:`SiameseEmbedder`, :class:`SiameseVerifier`, :class:`SiameseRegressor` or
        :class:`SiameseIdentifier` of a :class:`SiameseEmbedder`. A verifier may be inside
        ``FixedThresholdClassifier``, ``TunedThresholdClassifierCV`` or ``CalibratedClassifierCV``,
        and any of them inside ``FrozenEstimator`` or a search such as ``GridSearchCV``.

    path : str or path-like
        File to write; an existing file is replaced.

    dtype : {"float32", "float64"}, default="float32"
        Dtype of the input. Choose "float64" if float32 cannot represent the rows well enough, such
        as times in seconds since 1970.

    Raises
    ------
    ImportError
        If a package of the extra ``onnx`` is missing.

    ValueError
        If this estimator, its metric, or a tower or head of your own cannot be exported.

    See Also
    --------
    sksiamese.explain.explain_pairs : Contributions of columns to the logit of a verifier.

    Notes
    -----
    The input is ``"X"`` of shape (n, n_features) for an embedder and an identifier, and ``"pairs"``
    of shape (n, 2 * n_features), left item, then right item, for a verifier and a regressor.
    Outputs are float32 unless stated otherwise.

    - Embedder: ``"embedding"`` (n, n_components).
    - Verifier: ``"embeddings"`` (n, 2, n_components) of both items, ``"logit"`` (n,) of the
      verifier, ``"probability"`` (n,) of ``classes_[1]``, a match, after calibration, and
      ``"decision"`` (n,), bool, whether ``predict`` returns ``classes_[1]``. A
      ``CalibratedClassifierCV`` of several verifiers has no embeddings and no logit.
    - Regressor: ``"embeddings"`` (n, 2, n_components), and ``"score"`` (n,), the prediction.
    - Identifier: ``"embedding"`` (n, n_components), ``"distances"`` and ``"probability"``
      (n, n_classes), ``"label"`` (n,), int64, the index of the predicted class in ``classes_``,
      and ``"rejected"`` (n,), bool, whether ``predict`` returns ``unknown_label_`` instead.

    The metadata of the file has, as JSON, ``"estimator"``, the name of its class,
    ``"feature_names"`` of the input if there are any, ``"classes"`` of classifiers, and
    ``"unknown_label"`` of an identifier with ``target_far``.

    Inputs are not validated. If the tower allows NaN, a row of only NaN has an embedding of NaN and
    is rejected by an identifier, and its pairs have a logit of -1e9 as in
    :meth:`SiameseVerifier.decision_function`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import onnxruntime
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseVerifier, make_pairs
    >>> from sksiamese.export import to_onnx
    >>> X, y = load_digits(return_X_y=True)
    >>> pairs, match, _ = make_pairs(X, y, n_pairs=1000, random_state=0)
    >>> verifier = SiameseVerifier(max_iter=5, random_state=0).fit(pairs, match)
    >>> path = Path(mkdtemp(), "verifier.onnx")
    >>> to_onnx(verifier, path)
    >>> session = onnxruntime.InferenceSession(path)
    >>> (decision,) = session.run(["decision"], {"pairs": pairs.astype("float32")})
    >>> print(f"{(decision == verifier.predict(pairs)).mean():.0%} of the decisions are the same")
    100% of the decisions are the same
    """
    for package in PACKAGES:
        import_extra(package, "to_onnx")
    check_path(path)
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    estimator = _unwrap(estimator)
    module = _new_module(estimator)
    layers = [part for part in module.modules() if isinstance(part, Standardize)]
    if dtype == "float32" and any(layer.origin is not None for layer in layers):
        raise ValueError(
            "The estimator was fitted on integers that float32 cannot represent; pass "
            "dtype='float64'."
        )
    rows = torch.zeros(2, module.n_columns, dtype=getattr(torch, dtype))
    program = _convert(module.eval(), rows)
    program.model.metadata_props.update(_metadata(estimator))
    program.save(path)


def _unwrap(estimator):
    """Return the best estimator of a search and the estimator that is frozen."""
    while isinstance(estimator, FrozenEstimator) or hasattr(estimator, "best_estimator_"):
        frozen = isinstance(estimator, FrozenEstimator)
        estimator = estimator.estimator if frozen else estimator.best_estimator_
    return estimator


def _new_module(estimator):
    """Return a module that computes all outputs of an estimator, as a dict of tensors."""
    estimator = _unwrap(estimator)
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise ValueError(f"estimator must be a fitted estimator, got {estimator!r}.")
    if not isinstance(estimator, FixedThresholdClassifier):  # It may hold a fitted estimator.
        check_is_fitted(estimator)
    if isinstance(estimator, SiameseEmbedder):
        return _Embedder(estimator)
    if isinstance(estimator, SiameseRegressor):
        return _Regressor(estimator)
    if isinstance(estimator, SiameseIdentifier):
        return _Identifier(estimator)
    if isinstance(estimator, SiameseVerifier):
        return _Verifier(estimator)
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return _Threshold(estimator)
    if isinstance(estimator, CalibratedClassifierCV):
        return _Calibrated(estimator)
    if isinstance(estimator, Pipeline):
        raise ValueError(
            "estimator is a Pipeline, which cannot be exported; pass its last step, and convert "
            "the steps before it by another package, such as skl2onnx. Towers standardize rows "
            "themselves, so that a StandardScaler is usually not needed."
        )
    raise ValueError(
        f"estimator is a {type(estimator).__name__}, which cannot be exported; pass an instance of "
        f"{EXPORTED}."
    )


def _metadata(estimator):
    """Return the metadata of a file, JSON by name."""
    metadata = {"estimator": type(estimator).__name__}
    if hasattr(estimator, "feature_names_in_"):
        metadata["feature_names"] = estimator.feature_names_in_.tolist()
    if not isinstance(estimator, SiameseEmbedder | SiameseRegressor):
        metadata["classes"] = estimator.classes_.tolist()
    if getattr(estimator, "unknown_label_", None) is not None:
        metadata["unknown_label"] = estimator.unknown_label_
    return {name: json.dumps(value) for name, value in metadata.items()}


def _convert(module, rows):
    """Return the ONNX program of a module for any number of rows like these."""
    try:
        with torch.no_grad(), _without_messages():
            names = list(module(rows))
            size = {0: torch.export.Dim("n")}
            program = torch.export.export(module, (rows,), dynamic_shapes=(size,), strict=False)
            return torch.onnx.export(
                program,
                input_names=[module.input_name],
                output_names=names,
                dynamic_shapes=({0: "n"},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise ValueError(
            "The estimator cannot be exported. A tower, head or activation of your own must "
            "consist of operations that torch.export and ONNX support, for any number of rows: "
            f"{error}"
        ) from error


@contextmanager
def _without_messages():
    """Hide messages of PyTorch about its own code and about optional packages of its own."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            yield
    finally:
        logger.setLevel(level)


class _ExportableDistances(TorchFunctionMode):
    """Replace ``torch.cdist``, which ONNX does not have, by other operations."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call a function of PyTorch, or the replacement."""
        return (_cdist if function is torch.cdist else function)(*args, **(kwargs or {}))


def _cdist(A, B, p=2.0, compute_mode=None):
    """Compute the distances of ``torch.cdist`` by other operations.

    Euclidean distances to several rows are computed by a matrix product, as by ``torch.cdist``,
    because the differences of all pairs of rows would need much memory.
    """
    if p != 2 or B.shape[-2] == 1:
        return torch.linalg.vector_norm(A.unsqueeze(-2) - B.unsqueeze(-3), ord=p, dim=-1)
    squares = A.square().sum(dim=-1, keepdim=True) + B.square().sum(dim=-1).unsqueeze(-2)
    return (squares - 2 * A @ B.mT).clamp_min(0).sqrt()


class _Tower(nn.Module):
    """Embed raw rows in float32, and return a mask of rows without values."""

    def __init__(self, estimator, n_features):
        super().__init__()
        tower = copy.deepcopy(estimator.tower_)
        self.standardize, self.network = tower[0], tower[1:].float()
        self.standardize.output = self.standardize.output.float()
        self.allow_nan = tower_attribute(estimator.tower, "allow_nan", False)
        self.by_step = isinstance(tower_attribute(estimator.tower, "scaling", "auto"), tuple)
        self.n_steps = item_shape(estimator.input_shape, n_features)[0]

    def forward(self, X):
        """Return embeddings (n, n_components), and a mask (n,) of rows with only NaN."""
        Z = self.network(self.standardize(self.standardize.to_float(X)))
        if not self.allow_nan:
            return Z, torch.zeros_like(Z[:, 0], dtype=torch.bool)
        missing = X.isnan().reshape(X.shape[0], self.n_steps, -1)
        missing = missing.any(dim=2) if self.by_step else missing.all(dim=2)
        return Z, missing.all(dim=1)


class _Embedder(nn.Module):
    """Compute the output of an embedder."""

    input_name = "X"

    def __init__(self, embedder):
        super().__init__()
        self.n_columns = embedder.n_features_in_
        self.tower = _Tower(embedder, self.n_columns)

    def forward(self, X):
        """Return the embeddings of rows, which are NaN for rows with only NaN."""
        Z, empty = self.tower(X)
        return {"embedding": Z.masked_fill(empty[:, None], torch.nan)}


class _Pairs(nn.Module):
    """Embed both items of pairs, and compute the result of the head."""

    input_name = "pairs"

    def __init__(self, estimator, empty_value):
        super().__init__()
        self.n_columns = estimator.n_features_in_
        self.n_features = (self.n_columns + 1) // 2
        self.tower = _Tower(estimator, self.n_features)
        self.head, self.empty_value = copy.deepcopy(estimator.head_), empty_value
        (self.head.score if isinstance(self.head, PairPrediction) else self.head).float()

    def compare(self, pairs):
        """Return embeddings (n, 2, n_components), and the result of the head (n,) in float64."""
        items = torch.stack([pairs[:, : self.n_features], pairs[:, -self.n_features :]], dim=1)
        Z, empty = self.tower(items.flatten(0, 1))
        Z, empty = Z.unflatten(0, (-1, 2)), empty.unflatten(0, (-1, 2)).any(dim=1)
        with _ExportableDistances():
            result = self.head(Z[:, 0], Z[:, 1]).double()
        return Z, result.masked_fill(empty, self.empty_value)


class _Regressor(_Pairs):
    """Compute the outputs of a regressor."""

    def __init__(self, regressor):
        super().__init__(regressor, regressor.head_.mean.item())

    def forward(self, pairs):
        """Return embeddings and predictions."""
        Z, score = self.compare(pairs)
        return {"embeddings": Z, "score": score.float()}


class _Verifier(_Pairs):
    """Compute the outputs of a verifier."""

    def __init__(self, verifier):
        super().__init__(verifier, EMPTY_ITEM_LOGIT)

    def classify(self, pairs):
        """Return embeddings, logit, probability and decision; numbers in float64."""
        Z, logit = self.compare(pairs)
        outputs = {"embeddings": Z, "logit": logit}
        return outputs | {"probability": logit.sigmoid(), "decision": logit > 0}

    def forward(self, pairs):
        """Return the outputs in float32."""
        return _to_float32(self.classify(pairs))


class _Threshold(nn.Module):
    """Compute the outputs of a verifier with another threshold."""

    input_name = "pairs"

    def __init__(self, estimator):
        super().__init__()
        self.inner = _new_module(getattr(estimator, "estimator_", estimator.estimator))
        self.n_columns = self.inner.n_columns
        uses_logit = estimator.response_method == "decision_function"
        self.response = "logit" if uses_logit else "probability"
        if isinstance(estimator, TunedThresholdClassifierCV):
            threshold, label = estimator.best_threshold_, estimator._curve_scorer._get_pos_label()
        else:
            threshold, label = estimator.threshold, estimator.pos_label
        if threshold == "auto":
            threshold = 0.0 if uses_logit else 0.5
        self.threshold = float(threshold)
        self.reverse = label is not None and label == estimator.classes_[0]

    def classify(self, pairs):
        """Return the outputs of the verifier with another decision; numbers in float64."""
        outputs = self.inner.classify(pairs)
        score = outputs[self.response]
        if not self.reverse:
            return outputs | {"decision": score >= self.threshold}
        score = -score if self.response == "logit" else 1 - score
        return outputs | {"decision": score < self.threshold}

    def forward(self, pairs):
        """Return the outputs in float32."""
        return _to_float32(self.classify(pairs))


class _Calibrated(nn.Module):
    """Compute the outputs of verifiers with calibrated probabilities, and their mean."""

    input_name = "pairs"

    def __init__(self, estimator):
        super().__init__()
        parts = estimator.calibrated_classifiers_
        estimators = [_unwrap(part.estimator) for part in parts]
        distinct = {id(estimator): estimator for estimator in estimators}
        self.inner = nn.ModuleList(map(_new_module, distinct.values()))
        self.n_columns = self.inner[0].n_columns
        self.number = [list(distinct).index(id(estimator)) for estimator in estimators]
        self.calibrators = nn.ModuleList(_calibrator(*part.calibrators) for part in parts)

    def classify(self, pairs):
        """Return probability and decision, and the other outputs of a single verifier."""
        outputs = [inner.classify(pairs) for inner in self.inner]
        parts = zip(self.number, self.calibrators, strict=True)
        probabilities = [calibrator(outputs[number]["logit"]) for number, calibrator in parts]
        probability = torch.stack(probabilities).mean(dim=0)
        kept = outputs[0] if len(outputs) == 1 else {}
        return kept | {"probability": probability, "decision": probability > 0.5}

    def forward(self, pairs):
        """Return the outputs in float32."""
        return _to_float32(self.classify(pairs))


def _calibrator(fitted):
    """Return a module that maps logits to probabilities, in float64."""
    if isinstance(fitted, IsotonicRegression):
        return _Isotonic(fitted)
    if hasattr(fitted, "beta_"):  # Temperature scaling.
        return _Sigmoid(2 * float(fitted.beta_), 0.0)
    return _Sigmoid(-fitted.a_, -fitted.b_)


class _Sigmoid(nn.Module):
    """Logistic function of a linear function of the logit."""

    def __init__(self, slope, intercept):
        super().__init__()
        self.slope, self.intercept = float(slope), float(intercept)

    def forward(self, logit):
        """Return probabilities."""
        return (self.slope * logit + self.intercept).sigmoid()


class _Isotonic(nn.Module):
    """Linear interpolation between the knots of an isotonic regression."""

    def __init__(self, fitted):
        super().__init__()
        x, y = (torch.tensor(k).double() for k in (fitted.X_thresholds_, fitted.y_thresholds_))
        if len(x) == 1:
            x, y = torch.cat([x, x + 1]), y.repeat(2)
        self.register_buffer("x", x)
        self.register_buffer("y", y)
        self.register_buffer("slope", y.diff() / x.diff())

    def forward(self, logit):
        """Return probabilities."""
        logit = logit.clamp(self.x[0], self.x[-1])
        last = (logit[:, None] > self.x[1:-1]).sum(dim=1)
        return self.y[last] + (logit - self.x[last]) * self.slope[last]


def _to_float32(outputs):
    """Return outputs with numbers in float32."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in outputs.items()
    }


class _Identifier(nn.Module):
    """Compute the outputs of an identifier; distances to templates in float64."""

    input_name = "X"

    def __init__(self, identifier):
        super().__init__()
        identifier._check_target_far()
        embedder = _unwrap(identifier.embedder_)
        if not isinstance(embedder, SiameseEmbedder):
            raise ValueError(
                f"estimator has a {type(embedder).__name__} as embedder, which cannot be exported; "
                "use a SiameseEmbedder, without other steps of a Pipeline."
            )
        templates, labels, self.metric = identifier._gallery
        if callable(self.metric) or self.metric not in EUCLIDEAN | ANGULAR | ORDERS.keys():
            names = sorted(EUCLIDEAN | ANGULAR | ORDERS.keys())
            raise ValueError(
                f"metric={self.metric!r} cannot be exported; set the metric of the identifier to "
                f"one of {names}, and call fit."
            )
        self.embedder = _Embedder(embedder)
        self.n_columns = self.embedder.n_columns
        templates, origin = torch.tensor(templates).double(), torch.tensor(identifier._origin_)
        self.register_buffer("origin", origin)
        self.register_buffer("templates", self._points(templates))
        self.register_buffer("codes", torch.from_numpy(class_codes(labels)))
        self.n_classes = len(identifier.classes_)
        self.n_neighbors = min(identifier.n_neighbors, len(templates))
        self.temperature, self.threshold = identifier.temperature_, float(identifier.threshold_)

    def _points(self, Z):
        """Return points to compare: centered for Euclidean, normalized for angular metrics."""
        if self.metric in EUCLIDEAN:
            return Z - self.origin
        if self.metric == "correlation":
            Z = Z - Z.mean(dim=1, keepdim=True)
        return nn.functional.normalize(Z, eps=1e-300) if self.metric in ANGULAR else Z

    def _distances(self, Z):
        """Return the distances of embeddings to templates, (n, n_templates)."""
        points = self._points(Z.double())
        if self.metric in ANGULAR:
            return (1 - points @ self.templates.mT).clamp_min(0)
        D = _cdist(points, self.templates, ORDERS.get(self.metric, 2))
        return D.square() if self.metric == "sqeuclidean" else D

    def forward(self, X):
        """Return embedding, distances, probability, label, and whether rows are rejected."""
        Z = self.embedder(X)["embedding"]
        to_templates = self._distances(Z)
        distances = self._nearest_of_classes(to_templates)
        probability = (-distances / self.temperature).softmax(dim=1)
        if self.n_neighbors == 1:
            distance, label = distances.min(dim=1)
        else:
            D, index = to_templates.topk(self.n_neighbors, dim=1, largest=False)
            labels = self.codes[index]
            votes = (labels[:, :, None] == labels[:, None]).sum(dim=2)
            winner = votes.argmax(dim=1, keepdim=True)
            distance, label = (part.gather(1, winner)[:, 0] for part in (D, labels))
            classes = torch.arange(self.n_classes)
            votes = (labels[:, :, None] == classes).sum(dim=1)
            probability = (probability + votes) / (1 + self.n_neighbors)
        return {
            "embedding": Z,
            "distances": distances.float(),
            "probability": probability.float(),
            "label": label,
            "rejected": ~(distance <= self.threshold),
        }

    def _nearest_of_classes(self, D):
        """Return the distance to the nearest template of each class, (n, n_classes)."""
        if len(self.codes) == self.n_classes:
            return D
        nearest = D.new_full((D.shape[0], self.n_classes), inf)
        return nearest.scatter_reduce(1, self.codes.expand(D.shape), D, "amin")
