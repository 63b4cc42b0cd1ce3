"""The targets among versions, files, exports, checkpoints and the approximate index."""

import io
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseEmbedder, show_versions
from sksiamese.callbacks import Checkpoint
from sksiamese.export import to_onnx
from sksiamese.neighbors import ApproximateNeighbors
from sksiamese.persistence import build_tower, load, load_weights, save

from . import laws as law
from .common import (
    ANYTHING,
    EMBEDDERS,
    FAST,
    IDENTIFIERS,
    REGRESSORS,
    VERIFIERS,
    common,
    embedder,
    method,
    target,
)
from .engine import Kind
from .values import ANY, ROWS, Scene, constants, number

FILE = "model"
PATH = Kind(constants(FILE), constants(None, 1, "", "missing/model", ["model"]))
ESTIMATOR = Kind(
    {f"{n} {label}": make for n, kind in enumerate((EMBEDDERS, VERIFIERS, REGRESSORS, IDENTIFIERS))
     for label, make in kind.good.items()},
    ANY | {"unfitted": lambda s: embedder(), "class": lambda s: SiameseEmbedder,
           "scaler": lambda s: StandardScaler().fit(s.rows)},
)  # fmt: skip
TOWERS = Kind({"embedder": lambda s: embedder()}, ESTIMATOR.odd)
INDEX = {
    "n_neighbors": number(2, 1, 5),
    "connectivity": number(16, 2),
    "expansion_add": number(16, 1),
    "expansion_search": number(16, 1),
    "n_jobs": number(None, 1, 2),
}
INDEXES = Kind({"index": lambda s: ApproximateNeighbors(2).fit(s.rows)},
               {"unfitted": lambda s: ApproximateNeighbors()})  # fmt: skip


def in_folder(function):
    """Return a function that is called with a path in a new folder, if the path is a name."""

    def call(path, **arguments):
        with tempfile.TemporaryDirectory() as folder:
            inside = Path(folder) / path if isinstance(path, str) and path else path
            return function(path=inside, **arguments)

    return call


def saved_then(function):
    """Return a function of a path of a saved embedder."""

    def call(path, **arguments):
        save(embedder().fit(Scene(4).rows, Scene(4).codes), Path(path).with_name(FILE))
        return function(path=path, **arguments)

    return in_folder(call)


def fit_with_checkpoint(directory, **options):
    """Return an embedder that is fitted with a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / directory if isinstance(directory, str) and directory else directory
        callback, scene = Checkpoint(inside, **options), Scene(4)
        return SiameseEmbedder(**FAST).set_callbacks(callback).fit(scene.rows, scene.codes)


def printed_versions():
    """Return the text that ``show_versions`` prints."""
    with redirect_stdout(io.StringIO()) as printed:
        show_versions()
    return printed.getvalue()


STORAGE = {
    "show_versions": target(printed_versions),
    **common(ApproximateNeighbors, "neighbors.ApproximateNeighbors"),
    "neighbors.ApproximateNeighbors": target(
        ApproximateNeighbors, law=law.parameters_kept, **INDEX),
    "neighbors.ApproximateNeighbors.fit": target(
        lambda X, **options: ApproximateNeighbors(**options).fit(X), "X", times=2, X=ROWS,
        y=ANYTHING, **INDEX),
    "neighbors.ApproximateNeighbors.set_params": target(
        lambda **options: ApproximateNeighbors().set_params(**options).fit(Scene(4).rows),
        **INDEX),
    "neighbors.ApproximateNeighbors.kneighbors": target(
        method("kneighbors"), "self X", law.anything, 2, self=INDEXES, X=ROWS,
        n_neighbors=number(2, 1), return_distance=Kind(constants(True, False), {})),
    "neighbors.ApproximateNeighbors.update": target(
        method("update"), "self X source", self=INDEXES, X=ROWS, source=Kind(
            {"new": lambda s: np.full(len(s.rows), -1)}, ANY | constants([0, -1], [99]))),
    "callbacks.Checkpoint": target(
        fit_with_checkpoint, "directory", directory=Kind(constants("run"), constants(None, 1)),
        every_n_epochs=number(1, None, 5), every_n_minutes=number(None, 0.1),
        keep=number(1, 2), on_interrupt=Kind(constants("raise", "keep"), ANY)),
    "export.to_onnx": target(
        in_folder(to_onnx), "estimator path", errors=(OSError,), estimator=ESTIMATOR, path=PATH,
        dtype=Kind(constants("float32", "float64"), ANY)),
    "persistence.save": target(
        in_folder(save), "estimator path", times=2, errors=(OSError,), estimator=ESTIMATOR,
        path=PATH),
    "persistence.load": target(
        saved_then(load), "path", path=Kind(constants(FILE), {}), trusted=Kind(
            constants((), ["torch.nn:ReLU"]), constants(None, 1, "torch.nn:ReLU", ["a"], [1]))),
    "persistence.load_weights": target(
        saved_then(load_weights), "estimator path", estimator=TOWERS,
        path=Kind(constants(FILE), {})),
    "persistence.build_tower": target(
        build_tower, "estimator n_features", estimator=TOWERS, n_features=number(4, 1),
        feature_names=Kind(constants(None, list("abcd")), constants(["a"], 1, [1, 2, 3, 4]))),
    **{
        f"{name}.training_module": target(
            lambda self: self.training_module, "self", self=kind, errors=(AttributeError,))
        for name, kind in (("SiameseEmbedder", EMBEDDERS), ("SiameseRegressor", REGRESSORS),
                           ("SiameseVerifier", VERIFIERS))
    },
}  # fmt: skip
"""The targets by public name."""
