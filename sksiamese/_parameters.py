"""Validation of parameters in plain Python, for modules without scikit-learn."""

from math import inf
from numbers import Integral, Real

LARGEST = 3e38
"""Largest allowed magnitude of a number, within the range of float32."""

LARGEST_COUNT = 2**31 - 1
"""Largest allowed count."""


def part_attribute(part, name, default):
    """Return an attribute that a part, or the function or class of a partial, declares."""
    return getattr(part, name, getattr(getattr(part, "func", part), name, default))


def check_real(name, value, *, least=-inf, most=inf, above=-inf, below=inf):
    """Validate a finite number within limits; return it as a float.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.

    value : object
        Value of the parameter.

    least, most : float
        Inclusive limits.

    above, below : float
        Exclusive limits.

    Returns
    -------
    value : float
        Validated value.

    Raises
    ------
    ValueError
        If the value is not a number, is a boolean, NaN or infinite, or is out of the limits.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    within = is_number and least <= value <= most and above < value < below
    if not (within and abs(value) <= LARGEST):
        limits = {">=": least, "<=": most, ">": above, "<": below}
        wanted = " and ".join(
            f"{sign} {limit:g}" for sign, limit in limits.items() if abs(limit) < inf
        )
        raise ValueError(f"{name} must be a finite number {wanted}".rstrip() + f", got {value!r}.")
    return float(value)


def check_count(name, value, least=1):
    """Validate an integer >= ``least``; return it as an int.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.

    value : object
        Value of the parameter.

    least : int, default=1
        Inclusive lower limit.

    Returns
    -------
    value : int
        Validated value.

    Raises
    ------
    ValueError
        If the value is not an integer, is a boolean, or is out of the limits.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (is_whole and least <= value <= LARGEST_COUNT):
        raise ValueError(
            f"{name} must be a whole number from {least} to {LARGEST_COUNT}, got {value!r}."
        )
    return int(value)


def check_shape(name, shape):
    """Validate the shape of an item; return it as a tuple of int.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.

    shape : object
        Value of the parameter.

    Returns
    -------
    shape : tuple of int
        Validated shape.

    Raises
    ------
    ValueError
        If the shape is not a nonempty tuple or list of integers > 0.
    """
    if not isinstance(shape, tuple | list) or not shape:
        raise ValueError(
            f"{name} must be a tuple of whole numbers, such as (28, 28), got {shape!r}."
        )
    return tuple(check_count(f"each size in {name}={shape!r}", size) for size in shape)
