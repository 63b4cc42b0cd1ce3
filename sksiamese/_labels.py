"""Validation of labels, for classes and identities. All conversions are exact."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._missing import is_pandas_na, is_scalar_nan

MAX_EXACT = 2**53
"""Largest integer up to which float64 represents all integers exactly."""

KINDS = {"U": "strings", "b": "booleans", "f": "numbers", "i": "numbers", "u": "numbers"}
"""Kinds of labels, by the kind of their dtype; arrays of objects have strings only."""


def as_labels(values, name="y", *, of_pairs=False, remedy="leave their rows out", warn=False):
    """Validate labels; return them as an array of strings, booleans or numbers.

    Parameters
    ----------
    values : array-like of shape (n_rows,), (n_rows, 1) or (n_pairs, 2)
        Labels: a list, an array, or a column of pandas, polars or pyarrow.

    name : str, default="y"
        Name of the parameter, for messages.

    of_pairs : bool, default=False
        Whether these are the labels of both items of pairs.

    remedy : str, default="leave their rows out"
        Remedy for missing labels, for the error message.

    warn : bool, default=False
        Whether to warn about a column vector, as in the estimators of scikit-learn.

    Returns
    -------
    labels : ndarray of shape (n_rows,) or (n_pairs, 2)
        Labels. NumPy arrays keep their dtype; other integers are converted to int64, or to
        uint64 if necessary.

    Raises
    ------
    ValueError
        If the shape is wrong, a label is missing, or the labels have mixed or unsupported
        types.
    """
    if warn and len(getattr(values, "shape", ())) == 2:
        warnings.warn(
            f"A column-vector {name} was passed when a 1d array was expected; pass {name}.ravel().",
            DataConversionWarning,
            stacklevel=3,
        )
    is_present, labels = present_labels(values, name, of_pairs=of_pairs)
    n_missing = (~is_present).sum()
    if n_missing:
        raise ValueError(f"{name} has {n_missing} missing labels (NaN, None or NA); {remedy}.")
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError(f"{name} has infinite labels; {remedy}, or pass strings.")
    return labels


def present_labels(values, name="y", *, of_pairs=False):
    """Return the mask of rows without missing labels, and the labels of these rows."""
    values = _as_label_array(values, name)
    if of_pairs and values.shape[1:] != (2,):
        raise ValueError(
            f"{name} must have shape (n_pairs, 2), with the labels of both items of a pair, got "
            f"{values.shape}; for a PairView of rows with labels y pass y[pairs.index]."
        )
    if not of_pairs and values.shape[1:] == (1,):
        values = values[:, 0]
    if not of_pairs and values.ndim > 1:
        raise ValueError(
            f"{name} must be a 1d array, got an array of shape {values.shape}; pass one label for "
            "each row."
        )
    is_present = ~_missing(values).any(axis=tuple(range(1, values.ndim)))
    labels = values if is_present.all() else values[is_present]
    if labels.dtype.kind == "O":
        labels = _from_objects(labels, name)
    return is_present, labels


def to_common_dtype(new, known, name, name_of_known):
    """Convert two arrays of labels to a common dtype that represents both exactly.

    Parameters
    ----------
    new, known : array-like of shape (n_new,), ndarray of shape (n_known,)
        Labels; ``known`` must be an array from :func:`as_labels`.

    name, name_of_known : str
        Names of both, for messages.

    Returns
    -------
    new, known : ndarray
        Labels, in the dtype of ``known`` if possible.

    Raises
    ------
    ValueError
        If the arrays have labels of different kinds, such as strings and numbers, or if
        integers beyond 2**53 are combined with floats.
    """
    new = as_labels(np.atleast_1d(new) if np.isscalar(new) else new, name)
    if len(new) == 0 or len(known) == 0:
        return new.astype(known.dtype) if len(new) == 0 else new, known
    if label_kind(new) != label_kind(known):
        raise ValueError(
            f"{name} has {label_kind(new)}, such as {_example(new)}, but {name_of_known} has "
            f"{label_kind(known)}, such as {_example(known)}; give both one type."
        )
    if label_kind(new) != "numbers":
        return new, known
    for dtype in (known.dtype, np.int64, np.uint64, np.float64):
        if _is_exact(dtype, new) and _is_exact(dtype, known):
            return new.astype(dtype), known.astype(dtype)
    raise ValueError(
        f"{name} has labels of type {new.dtype}, such as {_example(new)}, and {name_of_known} of "
        f"type {known.dtype}, such as {_example(known)}. No type represents both exactly; convert "
        f"{name} to the type of {name_of_known}, or both to strings."
    )


def check_known(labels, classes, name, name_of_classes):
    """Return labels in the dtype of the classes; raise if any label is not a class."""
    labels, classes = to_common_dtype(labels, classes, name, name_of_classes)
    others = np.setdiff1d(labels, classes)
    if len(others):
        raise ValueError(
            f"{name} has labels that are not in {name_of_classes}, such as "
            f"{others[:5].tolist()}; add them there, or remove their rows."
        )
    return labels


def label_kind(labels):
    """Return the kind of labels of an array: "strings", "booleans" or "numbers"."""
    return KINDS.get(labels.dtype.kind, "strings")


def is_missing(label):
    """Return whether a label is None, NaN or pandas.NA."""
    return label is None or is_scalar_nan(label) or is_pandas_na(label)


def _missing(values):
    """Return the mask of missing labels of an array."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=bool)
    return np.reshape([is_missing(label) for label in values.flat], values.shape).astype(bool)


def _as_label_array(values, name):
    """Convert labels to an array of a supported dtype, or of objects to be validated."""
    if values is None:
        raise ValueError(f"{name} is None, but labels are required; pass one for each row.")
    if isinstance(getattr(values, "dtype", None), np.dtype) or np.isscalar(values):
        array = np.asarray(values)
    else:
        # Convert to objects first, as np.asarray would convert mixed values inexactly.
        to_list = next((n for n in ("tolist", "to_list", "to_pylist") if hasattr(values, n)), None)
        array = np.asarray(getattr(values, to_list)() if to_list else values, dtype=object)
    if array.ndim == 0:
        raise ValueError(
            f"{name} must be a 1d array, got {type(values).__name__}; pass one label for each row."
        )
    if array.dtype.kind == "T":
        array = array.astype(object)
    if array.dtype.kind not in "O" + "".join(KINDS):
        raise _unsupported_error(name, array.dtype)
    return array


def _from_objects(values, name):
    """Convert an array of objects to the dtype common to all of them."""
    types = {type(value) for value in values.flat}
    if all(issubclass(kind, str) for kind in types):
        strings = values.astype(str)
        return strings if (strings == values).all() else values  # Trailing nulls are dropped.
    are_bools = {issubclass(kind, bool | np.bool_) for kind in types}
    if are_bools == {True}:
        return values.astype(bool)
    are_numbers = {issubclass(kind, Real) for kind in types}
    if are_bools == {False} and are_numbers == {True}:
        return _from_numbers(values, name)
    if len(types) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in types))
        raise ValueError(f"{name} mixes labels of types {names}; give them one type.")
    raise _unsupported_error(name, types.pop().__name__)


def _from_numbers(values, name):
    """Convert an array of number objects to a dtype that represents all of them exactly."""
    is_integer = [isinstance(value, Integral) for value in values.flat]
    if not all(is_integer):
        numbers = values.astype(np.float64)
        if (np.abs(numbers.ravel()[is_integer]) >= MAX_EXACT).any():
            raise ValueError(
                f"{name} mixes floats and whole numbers beyond 2**53, which floats cannot "
                "represent; give them one type."
            )
        return numbers
    least, largest = min(values.flat), max(values.flat)
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= least and largest <= np.iinfo(dtype).max:
            return values.astype(dtype)
    raise ValueError(f"{name} has whole numbers beyond 64 bits; pass them as strings.")


def _unsupported_error(name, kind):
    """Return an error for labels of an unsupported type."""
    what = "Complex data not supported" if "complex" in str(kind) else "Unknown label type"
    return ValueError(
        f"{what}: {kind}; {name} must have strings, integers or booleans; convert it with "
        "astype(str), for example."
    )


def _is_exact(dtype, values):
    """Return whether a dtype represents numbers exactly, and they are unambiguous as floats."""
    kinds = np.dtype(dtype).kind, values.dtype.kind
    if values.dtype == dtype:
        return True
    if "f" in kinds and kinds != ("f", "f") and (np.abs(values.astype(float)) >= MAX_EXACT).any():
        return False
    with np.errstate(invalid="ignore"):
        converted = values.astype(dtype)
        restored = converted.astype(values.dtype)
    return bool((converted == values).all() and (restored == values).all())


def _example(labels):
    """Format the first label for an error message."""
    return repr(labels[:1].tolist()[0])
