"""Fuzzing: generated calls of everything public; see :mod:`tests.fuzzing.engine`.

To add a target, add a line to a table: its public name, then the callable, the arguments that are
in every call, the law of its results (:mod:`tests.fuzzing.laws`) and the kinds of its arguments
(:mod:`tests.fuzzing.values`). A word after the name tells several targets of one object apart.
"""

from .displays import EXPLAIN, PLOTS
from .engine import Call, Outcome, limit_memory, run, values_of
from .estimators import ESTIMATORS
from .storage import STORAGE
from .tools import METRICS, PAIR_TOOLS
from .torch_parts import TORCH
from .values import Scene

__all__ = ["TARGETS", "Call", "Outcome", "Scene", "limit_memory", "run", "values_of"]

TARGETS = {**ESTIMATORS, **PAIR_TOOLS, **METRICS, **TORCH, **PLOTS, **EXPLAIN, **STORAGE}
"""The targets by public name."""
