"""Test generated calls of all public objects; see :mod:`tests.fuzzing`."""

import inspect
import operator
import warnings
from collections import defaultdict

import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

import sksiamese
from tests.fuzzing import TARGETS, Scene, run
from tests.fuzzing.engine import Call, Kind, Target, evaluate

N_CALLS = 3
"""Calls of a target; ``tests.fuzz``, in the second step of CI, makes more."""


HOOKS = {"on_fit_task_begin", "on_fit_task_end", "setup", "teardown"}
"""Methods of a callback, which scikit-learn calls."""


def public_names():
    """Return the dotted names of all public functions, classes and methods."""
    names = set()
    for module in [sksiamese, *filter(inspect.ismodule, vars(sksiamese).values())]:
        prefix = module.__name__.removeprefix("sksiamese").removeprefix(".")
        if prefix.startswith("_") or prefix == "pairs":
            continue
        for name in module.__all__:
            if callable(getattr(module, name)):
                full_name = f"{prefix}.{name}".removeprefix(".")
                names |= {full_name, *methods_of(getattr(module, name), full_name)}
    return names


def methods_of(kind, full_name):
    """Return the dotted names of the public methods that a class does not have by torch."""
    if not inspect.isclass(kind):
        return set()
    foreign = {*dir(torch.nn.Module), *dir(tuple)} - {"forward"}
    return {
        f"{full_name}.{name}"
        for name in dir(kind)
        if not name.startswith("_")
        and name not in foreign | HOOKS
        and not isinstance(getattr(kind, name), int | str | type(Ellipsis))
        and name not in getattr(kind, "_fields", ())
    }


def test_everything_public_is_a_target():
    assert public_names() <= set(TARGETS)


def test_every_target_is_public():
    assert {name.split(" ")[0] for name in TARGETS} - public_names() == {"PairView.__getitem__"}


BATCH = {"A", "B", "D", "Z", "different", "same"}
"""Tensors that some targets make of one argument."""


def test_every_parameter_is_an_argument_of_a_target():
    generated = defaultdict(set)
    for name, made in TARGETS.items():
        generated[name.split(" ")[0]] |= made.arguments.keys()
    lacking = {}
    for name in public_names() - {"PairView.dtype", "PairView.left", "PairView.right"}:
        public = operator.attrgetter(name)(sksiamese)
        parameters = inspect.signature(public).parameters.values() if callable(public) else ()
        named = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if named - generated[name] - BATCH - {"self"}:
            lacking[name] = named - generated[name] - BATCH - {"self"}
    assert lacking == {}


def outcome_of(function, law=lambda result, arguments: None):
    """Return the outcome of a call of a function of one argument, ``rate``."""
    kind = Kind({"half": lambda scene: 0.5}, {})
    made = Target(function, {"rate": kind}, law, required=("rate",))
    return evaluate(Call("a function", 0, {"rate": "half"}), made, Scene)


def raising(error):
    """Return a function that raises an error."""

    def function(rate):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("rate must be in [0, 1]"), "refusal"),
        (TypeError("The 'rate' parameter must be a number"), "refusal"),
        (NotFittedError("call fit"), "refusal"),
        (ValueError("Found array with 0 sample(s)"), "refusal"),
        (ValueError("could not convert string to float"), "ValueError"),
        (ValueError("errors of a crate"), "ValueError"),
        (IndexError("rate is too far"), "IndexError"),
        (RuntimeError("rate"), "RuntimeError"),
    ],
)
def test_an_error_is_a_finding_unless_it_names_an_argument(error, kind):
    outcome = outcome_of(raising(error))
    assert outcome.kind == kind
    assert outcome.is_finding == (kind != "refusal")


@pytest.mark.parametrize(
    ("category", "kind"),
    [(UserWarning, "result"), (RuntimeWarning, "RuntimeWarning"), (FutureWarning, "FutureWarning")],
)
def test_a_warning_is_a_finding_unless_it_is_meant_for_users(category, kind):
    assert outcome_of(lambda rate: warnings.warn("look", category, stacklevel=2)).kind == kind


def test_a_result_against_the_law_is_a_finding():
    def law(result, arguments):
        assert result > arguments["rate"]

    assert outcome_of(lambda rate: 1, law).kind == "result"
    assert outcome_of(lambda rate: 0, law).kind == "BrokenLaw"
    assert outcome_of(lambda rate: "a", law).kind == "TypeError later"


def test_a_call_is_generated_the_same_way_every_time():
    found = [[], []]
    for made in found:
        run("metrics.recall_at_k", TARGETS["metrics.recall_at_k"], Scene,
            lambda call, outcome, made=made: made.append(str(call)), n_calls=20)  # fmt: skip
    assert found[0] == found[1]
    assert len(found[0]) == 20


@pytest.mark.parametrize("name", TARGETS)
def test_generated_calls_give_valid_results_or_errors_that_name_an_argument(name):
    def report(call, outcome):
        assert not outcome.is_finding, f"{call}\n{outcome}"

    run(name, TARGETS[name], Scene, report, n_calls=round(N_CALLS * TARGETS[name].times))
    plt.close("all")
