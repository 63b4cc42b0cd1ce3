"""What an identifier enrols: labels, embeddings, templates, and the names that it forgets."""

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
    """Return the labels of rows to enrol, as an array; a class may have one row only."""
    y = as_labels(y, warn=True)
    check_consistent_length(X, y)
    kind = type_of_target(y, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}; y must hold classes, whole numbers or strings."
        )
    return y


def training_mask(y, validation_fraction, random_state):
    """Return which rows an embedder is trained on if others are kept to choose a threshold."""
    classes = np.unique(y)
    n_held_out = int(np.ceil(validation_fraction * len(classes)))
    if len(classes) - n_held_out < 2:
        raise ValueError(
            "target_far is measured on classes that the embedder is not trained on, here "
            f"{n_held_out} of {len(classes)}, which leaves less than two to learn from; give more "
            "classes, change validation_fraction, or pass a FrozenEstimator."
        )
    learned, _ = train_test_split(classes, test_size=n_held_out, random_state=random_state)
    return np.isin(y, broadcast_from_rank0(learned))


def resolve_unknown_label(label, classes):
    """Return the label of rejected rows, by default -1 or "unknown"; raise if a class has it."""
    if classes.dtype.kind == "b":
        raise ValueError(
            "y has booleans, among which there is no label for the unknown; pass y.astype(int)."
        )
    if label is None:
        label = "unknown" if label_kind(classes) == "strings" else -1
    try:
        (unknown,), known = to_common_dtype([label], classes, "unknown_label", "classes_")
    except ValueError as error:
        raise ValueError(
            f"unknown_label={label!r} does not fit, choose another for y: {error}"
        ) from error
    if unknown in known or (label_kind(classes) == "numbers" and not float(unknown).is_integer()):
        raise ValueError(
            f"unknown_label={label!r} must be a label of no class of y, and a whole number "
            "among numbers; choose another."
        )
    return label


def check_rows(X):
    """Raise unless X is an array, a table, or a list of one row or more."""
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
        raise ValueError("X is empty; pass one row or more.")


def check_embeddings(Z, X, n_components=None):
    """Return the embeddings of rows as an array of float32 or float64.

    Raise unless there is a finite row of ``n_components`` numbers, if given, for each row.
    """
    Z = Z.toarray() if issparse(Z) else as_array(Z, "the result of embedder for X")
    if Z.ndim != 2:
        raise ValueError(
            "embedder must return an array of shape (n_samples, n_components) from X, but returned "
            f"one of {Z.ndim} dimensions."
        )
    remedy = "convert X to numbers first, such as dates to days"
    Z = as_floats(Z, "the result of embedder for X", remedy, ensure_all_finite=False)
    n_rows = _num_samples(X)
    if len(Z) != n_rows:
        raise ValueError(
            f"embedder returned {len(Z)} embeddings for {n_rows} rows; its transform must return "
            "one for each row, in their order."
        )
    if n_components is not None and Z.shape[1] != n_components:
        raise ValueError(
            f"embedder returned {Z.shape[1]} components, but those enrolled have {n_components}; "
            "pass X of the same columns as in fit."
        )
    bad = ~np.isfinite(Z).all(axis=1)
    if bad.any():
        raise ValueError(
            f"embedder returned NaN or infinite values for {bad.sum()} rows, such as row "
            f"{bad.argmax()}; X may have values that are too large for its precision, or NaN: "
            "scale X, or leave these rows out."
        )
    return Z


def prototypes(Z, labels):
    """Return the mean of every class; labels are sorted."""
    _, first, count = np.unique(labels, return_index=True, return_counts=True)
    total = np.add.reduceat(Z, first, axis=0, dtype=np.float64)
    return (total / count[:, None]).astype(Z.dtype)


def digests(labels):
    """Return the SHA-256 digests of labels; whole numbers have one whatever their type."""
    texts = (
        str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
        for label in labels.tolist()
    )
    return np.array([sha256(text.encode()).hexdigest() for text in texts], dtype="U64")


def anonymize_classes(embedder):
    """Return a copy of a fitted embedder in which the classes that it was trained on are numbers.

    These are also replaced in the estimators that it holds, such as the best one of a search.
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
