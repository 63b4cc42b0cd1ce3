"""The fixture of the tests of benchmarks."""

import importlib

import pytest


@pytest.fixture
def load_script():
    """Return a function that imports a module of ``benchmarks``, such as "systems.faces"."""
    return lambda name: importlib.import_module(f"benchmarks.{name}")
