"""Names of classes and functions in files, and the objects that they stand for.

Names are compared with fixed tables and with the names that a caller allows, as text, before any
module is imported.
"""

import copy
import importlib
from collections.abc import Iterable
from functools import cache

import torch
from torch import nn

from .. import (
    alignment,
    augment,
    batches,
    distances,
    heads,
    losses,
    metrics,
    mining,
    pairs,
    regularizers,
    towers,
)
from .._embedder import SiameseEmbedder
from .._gallery._updates import NearestOthers
from .._identifier import SiameseIdentifier
from .._reference_verifier import ReferenceVerifier
from .._regressor import SiameseRegressor
from .._verifier import SiameseVerifier
from ..pairs._split import PairKFold, PairShuffleSplit
from ..pairs._transformer import PairTransformer

ESTIMATORS = (
    PairTransformer,
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
)
"""Public estimators."""

SPLITTERS = (PairKFold, PairShuffleSplit)
"""Splitters, which are parameters of searches."""

MODULES = {
    "alignment": alignment,
    "augment": augment,
    "batches": batches,
    "distances": distances,
    "heads": heads,
    "losses": losses,
    "metrics": metrics,
    "mining": mining,
    "pairs": pairs,
    "regularizers": regularizers,
    "towers": towers,
}
"""Public modules with functions and classes that may be parameters."""

ACTIVATIONS = (
    *("CELU", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU"),
    *("LogSigmoid", "Mish", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softsign"),
    *("Tanh", "Tanhshrink"),
)
"""Activations of ``torch.nn``, which need no memory of their own."""

OPTIMIZERS = ("Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD")
"""Optimizers of ``torch.optim``."""

CONTAINERS = {
    "sklearn.calibration": ("CalibratedClassifierCV", "_CalibratedClassifier"),
    "sklearn.compose": ("ColumnTransformer", "TransformedTargetRegressor"),
    "sklearn.ensemble": ("StackingClassifier", "VotingClassifier", "VotingRegressor"),
    "sklearn.frozen": ("FrozenEstimator",),
    "sklearn.model_selection": (
        *("FixedThresholdClassifier", "GridSearchCV", "RandomizedSearchCV"),
        "TunedThresholdClassifierCV",
    ),
    "sklearn.multiclass": ("OneVsOneClassifier", "OneVsRestClassifier"),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
}
"""Classes of scikit-learn that may contain estimators of this package."""

HELPERS = {
    "sklearn.calibration": ("_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.metrics._scorer": ("_CurveScorer", "_PassthroughScorer", "_Scorer"),
    "sklearn.model_selection": (
        *("GroupKFold", "KFold", "ShuffleSplit", "StratifiedKFold", "StratifiedShuffleSplit"),
    ),
    "sklearn.utils._metadata_requests": (
        *("MetadataRequest", "MethodMetadataRequest", "MetadataRouter"),
    ),
}
"""Classes of scikit-learn without data, which skops does not trust, or which containers need."""


@cache
def known_objects():
    """Return the objects that need no permission, by name."""
    found = {}
    for name, module in MODULES.items():
        items = {key: getattr(module, key) for key in module.__all__}
        found |= {f"sksiamese.{name}:{key}": item for key, item in items.items() if callable(item)}
    found |= {f"torch.nn:{name}": getattr(nn, name) for name in ACTIVATIONS}
    found |= {f"torch.optim:{name}": getattr(torch.optim, name) for name in OPTIMIZERS}
    return {
        **found,
        **known_classes(),
        **known_metrics(),
        "copy:deepcopy": copy.deepcopy,
        "sksiamese:NearestOthers": NearestOthers,
    }


@cache
def known_classes():
    """Return the classes of objects that need no permission, by name."""
    ours = {f"sksiamese:{kind.__name__}": kind for kind in (*ESTIMATORS, *SPLITTERS)}
    return ours | {
        f"{module}:{name}": getattr(importlib.import_module(module), name)
        for table in (CONTAINERS, HELPERS)
        for module, names in table.items()
        for name in names
        if hasattr(importlib.import_module(module), name)
    }


def known_metrics():
    """Return the metrics of scikit-learn, which are parameters of scorers, by name."""
    from sklearn import metrics

    items = {name: getattr(metrics, name) for name in metrics.__all__}
    return {
        f"sklearn.metrics:{name}": item
        for name, item in items.items()
        if callable(item) and not isinstance(item, type)
    }


@cache
def known_names():
    """Return the names that need no permission by the identity of their objects."""
    return {id(item): name for name, item in known_objects().items()}


def name_of(item):
    """Return the name of a class or function; raise unless the name leads back to it."""
    if id(item) in known_names():
        return known_names()[id(item)]
    if getattr(nn, getattr(item, "__name__", ""), None) is item:
        return f"torch.nn:{item.__name__}"
    module, qualname = getattr(item, "__module__", None), getattr(item, "__qualname__", None)
    name = f"{module}:{qualname}"
    try:
        found = import_name(name) is item
    except (AttributeError, ImportError, ValueError):
        found = False
    if not found:
        raise ValueError(
            f"{item!r} cannot be found by a name, such as a lambda or a function within a "
            "function; define it at the top of a module."
        )
    return name


def import_name(name):
    """Import the object of a name ``module:qualname``."""
    module, _, qualname = name.partition(":")
    item = importlib.import_module(module)
    for part in qualname.split("."):
        item = getattr(item, part)
    return item


def allowed_names(trusted):
    """Return the names that a caller allows, as a set; it may pass the objects themselves."""
    if isinstance(trusted, str):
        raise ValueError(f"trusted must be a list of names, got the text {trusted!r}.")
    if not isinstance(trusted, Iterable) or not all(
        isinstance(item, str) or callable(item) for item in trusted
    ):
        raise ValueError(
            "trusted must be a list of names such as 'mypackage.towers:MyTower', or of classes and "
            f"functions, got {trusted!r}."
        )
    names = {item if isinstance(item, str) else name_of(item) for item in trusted}
    wrong = sorted(name for name in names if name.count(":") != 1)
    if wrong:
        raise ValueError(f"trusted has {wrong[0]!r}, but names have the form 'module:name'.")
    return names


def find(name, allowed):
    """Return the object of a name, and raise unless it is known or allowed."""
    if not isinstance(name, str):
        raise ValueError(f"it has {name!r} as a name.")
    if name in known_objects():
        return known_objects()[name]
    if name not in allowed:
        raise ValueError(f"{name!r} is not trusted.")
    try:
        return import_name(name)
    except (AttributeError, ImportError) as error:
        raise ValueError(f"{name!r} cannot be imported: {error}.") from error
