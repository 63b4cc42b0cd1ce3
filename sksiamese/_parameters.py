"""Checks of parameters in plain Python, for the functions that know torch alone."""

from math import inf
from numbers import Integral, Real

LARGEST = 3e38
"""Largest magnitude of a number, so that float32 holds it."""

LARGEST_COUNT = 2**31 - 1
"""Largest count."""


def declared(part, name, default):
    """Return an attribute that a part, or the function or class of a partial, declares."""
    return getattr(part, name, getattr(getattr(part, "func", part), name, default))


def check_real(name, value, *, least=-inf, most=inf, above=-inf, below=inf):
    """Return a parameter as a float; raise unless it is a finite number within limits.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.

    value : object
        Its value.

    least, most : float
        Limits that are allowed themselves.

    above, below : float
        Limits that are not.

    Returns
    -------
    value : float
        The value.

    Raises
    ------
    ValueError
        If the value is not a number, is a boolean, NaN or infinite, or lies beyond a limit.
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
    """Return a parameter as an int; raise unless it is a whole number of at least ``least``.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.

    value : object
        Its value.

    least : int, default=1
        Least value.

    Returns
    -------
    value : int
        The value.

    Raises
    ------
    ValueError
        If the value is not a whole number, is a boolean, or lies beyond the limits.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (is_whole and least <= value <= LARGEST_COUNT):
        raise ValueError(
            f"{name} must be a whole number from {least} to {LARGEST_COUNT}, got {value!r}."
        )
    return int(value)


def check_shape(name, shape):
    """Return the shape of an item as a tuple of int; raise unless it holds whole numbers above 0.

    Parameters
    ----------
    name : str
        Name of the parameter, for the message.

    shape : object
        Its value.

    Returns
    -------
    shape : tuple of int
        The shape.

    Raises
    ------
    ValueError
        If the shape is not a tuple or list, is empty, or holds anything but whole numbers above 0.
    """
    if not isinstance(shape, tuple | list) or not shape:
        raise ValueError(
            f"{name} must be a tuple of whole numbers, such as (28, 28), got {shape!r}."
        )
    return tuple(check_count(f"each size in {name}={shape!r}", size) for size in shape)
