"""Enrollment: validation of labels and embeddings, templates, and removal of classes."""

import copy
from collections.abc import Mapping, Set
from hashlib import sha256

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from .._checks import as_array, as_floats
from .._distributed import broadcast_from_rank0
from .._labels import as_labels, label_kind, to_common_dtype
from .._wrapped import inner_estimators


def as_class_labels(X, y):
    """Validate the labels of rows to enroll; a class may have a single row."""
    y = as_labels(y, warn=True)
    check_consistent_length(X, y)
    kind = type_of_target(y, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"Unknown label type: {kind}; y must have classes as integers or strings.")
    return y


def training_mask(y, validation_fraction, random_state):
    """Return the mask of training rows; held-out classes are used to choose a threshold."""
    classes = np.unique(y)
    n_held_out = int(np.ceil(validation_fraction * len(classes)))
    if len(classes) - n_held_out < 2:
        raise ValueError(
            "target_far is estimated on classes that the embedder is not trained on, here "
            f"{n_held_out} of {len(classes)}, which leaves fewer than two classes for training; "
            "give more classes, change validation_fraction, or pass a FrozenEstimator."
        )
    learned, _ = train_test_split(classes, test_size=n_held_out, random_state=random_state)
    return np.isin(y, broadcast_from_rank0(learned))


def resolve_unknown_label(label, classes):
    """Return the label of rejected rows, by default -1 or "unknown"; raise if it is a class."""
    if classes.dtype.kind == "b":
        raise ValueError(
            "y has booleans, which leaves no label for unknown rows; pass y.astype(int)."
        )
    if label is None:
        label = "unknown" if label_kind(classes) == "strings" else -1
    try:
        (unknown,), known = to_common_dtype([label], classes, "unknown_label", "classes_")
    except ValueError as error:
        raise ValueError(
            f"unknown_label={label!r} is incompatible with y; choose another one: {error}"
        ) from error
    if unknown in known or (label_kind(classes) == "numbers" and not float(unknown).is_integer()):
        raise ValueError(
            f"unknown_label={label!r} must not be a class of y, and must be an integer if y has "
            "numbers; choose another one."
        )
    return label


def check_rows(X):
    """Raise unless X is an array, a table, or a nonempty list of rows."""
    shape = getattr(X, "shape", None)
    is_array = shape is not None or hasattr(X, "__array__")
    is_one = not shape if isinstance(shape, tuple) else not hasattr(X, "__len__")
    is_other = isinstance(X, Mapping | Set | str | bytes | type) and not issparse(X)
    if is_other or (is_one and not (shape is None and is_array)):
        raise ValueError(
            "X must be an array, a table or a list of rows, of shape (n_samples, n_features), got "
            f"{type(X).__name__}; convert it to an array or a DataFrame."
        )
    if not is_array and len(X) == 0:
        raise ValueError("X is empty; pass at least one row.")


def check_embeddings(Z, X, n_components=None):
    """Validate the embeddings of rows; return them as an array of float32 or float64.

    Raise unless there is one finite embedding for each row, of size ``n_components`` if given.
    """
    Z = Z.toarray() if issparse(Z) else as_array(Z, "the result of embedder for X")
    if Z.ndim != 2:
        raise ValueError(
            "embedder must return an array of shape (n_samples, n_components) for X, but returned "
            f"an array of {Z.ndim} dimensions."
        )
    remedy = "convert X to numbers first, such as dates to days"
    Z = as_floats(Z, "the result of embedder for X", remedy, ensure_all_finite=False)
    n_rows = _num_samples(X)
    if len(Z) != n_rows:
        raise ValueError(
            f"embedder returned {len(Z)} embeddings for {n_rows} rows; its transform must return "
            "one embedding for each row, in the same order."
        )
    if n_components is not None and Z.shape[1] != n_components:
        raise ValueError(
            f"embedder returned {Z.shape[1]} components, but enrolled embeddings have "
            f"{n_components}; pass X with the same columns as in fit."
        )
    bad = ~np.isfinite(Z).all(axis=1)
    if bad.any():
        raise ValueError(
            f"embedder returned NaN or infinite values for {bad.sum()} rows, such as row "
            f"{bad.argmax()}; X may have NaN, or values that are too large for its precision: "
            "scale X, or remove these rows."
        )
    return Z


def digests(labels):
    """Return the SHA-256 digests of labels; equal integers of any dtype have equal digests."""
    texts = (
        str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
        for label in labels.tolist()
    )
    return np.array([sha256(text.encode()).hexdigest() for text in texts], dtype="U64")


def anonymize_classes(embedder):
    """Return a copy of a fitted embedder with ``classes_`` replaced by integer codes.

    Nested estimators, such as the best one of a search, are included.
    """
    embedder = copy.deepcopy(embedder)
    parts = [embedder]
    while parts:
        part = parts.pop()
        if "classes_" in vars(part):
            part.classes_ = np.arange(len(part.classes_))
        parts += inner_estimators(part)
        parts += [value for value in part.get_params().values() if hasattr(value, "get_params")]
    return embedder
