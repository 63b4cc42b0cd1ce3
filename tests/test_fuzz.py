"""Generated calls of everything public; see :mod:`fuzzing`."""

import inspect

import pytest
import torch
from fuzzing import TARGETS, Scene, run

import sksiamese

N_CALLS = 10
"""Calls of a target; ``tests/fuzz.py`` makes as many as time allows."""


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
        and name not in foreign
        and not isinstance(getattr(kind, name), int | type(Ellipsis))
        and name not in getattr(kind, "_fields", ())
    }


def test_everything_public_is_a_target():
    assert public_names() <= set(TARGETS)


def test_every_target_is_public():
    assert {name.split(" ")[0] for name in TARGETS} - public_names() == {"PairView.__getitem__"}


@pytest.mark.parametrize("name", TARGETS)
def test_a_generated_call_gives_a_lawful_result_or_names_what_is_wrong(name):
    def report(call, outcome):
        assert not outcome.is_finding, f"{call}\n{outcome}"

    run(name, TARGETS[name], Scene, report, n_calls=round(N_CALLS * TARGETS[name].times))
