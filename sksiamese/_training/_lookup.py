"""Look up parts by name, and bind the arguments of their factories."""

import inspect
from functools import partial

import numpy as np
import torch


def resolve(table, choice):
    """Return the entry of a table for a name, or the choice itself if it is not a name."""
    return table[choice] if isinstance(choice, str) else choice


def comparison_key(value, *, ignored=()):
    """Return a key that is equal for equal values of a parameter.

    Keyword arguments of a ``functools.partial`` that are named in ``ignored`` have no effect.
    """
    if isinstance(value, partial):
        keywords = {name: v for name, v in value.keywords.items() if name not in ignored}
        parts = (value.args, keywords)
        return value.func, *(comparison_key(part, ignored=ignored) for part in parts)
    if isinstance(value, np.ndarray | torch.Tensor):
        return comparison_key(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(comparison_key(part, ignored=ignored) for part in value)
    if isinstance(value, dict):
        return {name: comparison_key(part, ignored=ignored) for name, part in value.items()}
    return value


def bind_supported(function, **options):
    """Bind the options in the signature of a callable, unless a partial has bound them."""
    bound = getattr(function, "keywords", {})
    names = inspect.signature(function).parameters.keys() - bound.keys()
    return partial(function, **{k: v for k, v in options.items() if k in names})


def bind(name, factory, leading, **options):
    """Bind the arguments that the signature of a factory accepts.

    Arguments that a ``functools.partial`` has bound are not changed.

    Parameters
    ----------
    name : str
        Parameter of the estimator, for messages.

    factory : callable
        Factory of a module.

    leading : dict
        Arguments by name. Arguments that are not in the signature are passed by position, to
        required parameters with other names and to ``*args``.

    **options : object
        Arguments that are passed only if they are in the signature.

    Returns
    -------
    bound : functools.partial
        Factory that needs no further arguments.

    Raises
    ------
    ValueError
        If a required parameter has no value, or the factory has no signature.
    """
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} has no signature that Python can read; wrap it in a function. {error}"
        ) from error
    bound = getattr(factory, "keywords", {})
    free = {name: p for name, p in signature.parameters.items() if name not in bound}
    unnamed = {name: v for name, v in leading.items() if name not in signature.parameters}
    values = {name: v for name, v in {**leading, **options}.items() if name in free}
    for parameter, declared in free.items():
        if declared.kind is declared.VAR_POSITIONAL:
            values[parameter], unnamed = tuple(unnamed.values()), {}
        elif declared.kind is declared.VAR_KEYWORD:
            values[parameter] = unnamed if len(free) == 1 else {}
        elif parameter not in values and declared.default is declared.empty:
            if declared.kind is declared.KEYWORD_ONLY or not unnamed:
                raise ValueError(
                    f"{name} has a required argument {parameter!r} that is not passed to it; bind "
                    f"it with functools.partial({name}, {parameter}=...)."
                )
            values[parameter] = unnamed.pop(next(iter(unnamed)))
    arguments = inspect.BoundArguments(signature, values)
    arguments.apply_defaults()
    return partial(factory, *arguments.args, **arguments.kwargs)
