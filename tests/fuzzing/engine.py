"""Fuzzing: generated calls of public objects, and what may come of them.

A call is a target, a seed and the label of a value for each argument; :mod:`tests.fuzzing.values`
holds the values by label, the other modules the targets. A call may end in a result that passes the
laws of its target, or in a ValueError or TypeError that names an argument. All else is a finding.
"""

import contextlib
import io
import re
import signal
import sys
import traceback
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

import sksiamese

SECONDS_PER_CALL = 30
"""Time after which a call counts as hanging."""

# Messages of scikit-learn without the name of the argument, if only one array can be meant.
STOCK = re.compile(
    "Expected 2D array|Found array with|inconsistent numbers of samples|Complex data not supported"
    "|Unknown label type|np.matrix is not supported|is not compatible with arrays of bytes"
    "|Expected unique column names|Input items contains|used to seed|Seed must be between"
)

SILENT = (UserWarning, ResourceWarning)
"""Warnings that a call may give, if they do not come from torch."""


class Kind(NamedTuple):
    """Values of an argument by label: those that make sense, and those that may not."""

    good: dict
    odd: dict


class Target(NamedTuple):
    """A callable, the kinds of its arguments, and the law of its results.

    ``law(result, arguments)`` asserts what must hold. Arguments in ``required`` are in every
    call, of the others only some. ``errors`` may be raised without a name. A target is tried
    ``times`` as often as others.
    """

    call: Callable
    arguments: dict
    law: Callable
    required: tuple
    errors: tuple = ()
    times: float = 1.0


class Call(NamedTuple):
    """A generated call: a seed, and a label for each argument that is given."""

    target: str
    seed: int
    labels: dict

    def __str__(self):
        labels = "".join(f", {name}={label!r}" for name, label in self.labels.items())
        return f"repeat({self.target!r}, {self.seed}{labels})"


class Outcome(NamedTuple):
    """Outcome of a call; ``kind`` is "result", "refusal" or the name of a finding."""

    kind: str
    place: str = ""
    message: str = ""

    @property
    def is_finding(self):
        """Return whether this is neither a lawful result nor a proper refusal."""
        return self.kind not in ("result", "refusal")


@st.composite
def calls(draw, name, target):
    """Draw a call in which most values make sense: one that is all odd ends at the first check."""
    optional = [argument for argument in target.arguments if argument not in target.required]
    varied = draw(st.sets(st.sampled_from(optional), max_size=4)) if optional else set()
    present = [a for a in target.arguments if a in target.required or a in varied]
    odd = draw(st.sets(st.sampled_from(present), max_size=2)) if present else set()
    labels = {}
    for argument in present:
        kind = target.arguments[argument]
        values = kind.odd if argument in odd and kind.odd else kind.good
        labels[argument] = draw(st.sampled_from(list(values)))
    return Call(name, draw(st.integers(0, 999)), labels)


def evaluate(call, target, make_scene):
    """Make a call and judge what comes of it."""
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(_alarm())
        warnings.simplefilter("always")
        outcome = _evaluate(call, target, make_scene(call.seed))
    if not outcome.is_finding:
        for warning in caught:
            from_torch = Path(torch.__file__).parent in Path(warning.filename).parents
            if not issubclass(warning.category, SILENT) or from_torch:
                place = f"{Path(warning.filename).name}:{warning.lineno}"
                return Outcome(warning.category.__name__, place, str(warning.message))
    return outcome


def _evaluate(call, target, scene):
    arguments = values_of(call, target, scene)
    arrays = {name: a.copy() for name, a in arguments.items() if isinstance(a, np.ndarray)}
    try:
        result = target.call(**arguments)
    except target.errors as error:
        return Outcome("refusal", message=str(error))
    except Exception as error:
        if isinstance(error, NotFittedError) or (
            isinstance(error, ValueError | TypeError) and names_argument(str(error), call.labels)
        ):
            return Outcome("refusal", message=str(error))
        return Outcome(type(error).__name__, _place(error), str(error))
    try:
        assert all(_is_same(a, arguments[name]) for name, a in arrays.items()), "changes its data"
        target.law(result, arguments)
    except AssertionError as error:
        return Outcome("BrokenLaw", _place(error), str(error))
    except Exception as error:
        return Outcome(f"{type(error).__name__} later", _place(error), str(error))
    return Outcome("result")


def _is_same(before, after):
    """Return whether an array of numbers holds what it held before."""
    return before.dtype.kind not in "biuf" or np.array_equal(before, after, equal_nan=True)


def values_of(call, target, scene):
    """Return the values of the arguments of a call."""
    with warnings.catch_warnings(action="ignore"):
        return {
            name: {**target.arguments[name].odd, **target.arguments[name].good}[label](scene)
            for name, label in call.labels.items()
        }


def names_argument(message, names):
    """Return whether a message names one of the arguments that were given, or the data."""
    words = set(re.findall(r"\w+", message.replace("y_true", "y_true y")))
    return bool(words & set(names)) or bool(STOCK.search(message))


def _place(error):
    """Return the innermost line of the package in the traceback of an error, and its origin."""
    package = Path(sksiamese.__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if package in Path(frame.filename).parents] or frames[-1:]
    inner = ours[-1]
    return f"{Path(inner.filename).name}:{inner.lineno} {inner.name}"


@contextlib.contextmanager
def _alarm():
    """Raise in the main thread after too long a time."""

    def ring(*_):
        raise TimeoutError(f"The call took more than {SECONDS_PER_CALL} seconds.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS_PER_CALL)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(name, target, make_scene, report, *, n_calls, number=None, shrink=False):
    """Generate calls of a target and report each with its outcome.

    Without a ``number``, which seeds them, the calls are the same at every run.
    """

    @settings(
        max_examples=n_calls,
        derandomize=number is None,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
    )
    @given(calls(name, target))
    def generated(call):
        report(call, evaluate(call, target, make_scene))

    generated.__qualname__ = name
    if number is not None:
        generated = seed(zlib.crc32(name.encode()) + number)(generated)
    generated()


def limit_memory(n_bytes):
    """Let allocations beyond a limit fail, instead of the machine."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (n_bytes, resource.RLIM_INFINITY))
