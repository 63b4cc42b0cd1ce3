"""The fixture of the tests of benchmarks."""

import importlib

import pytest
from scripts import ROOT


@pytest.fixture
def load_script(monkeypatch):
    """Return a function that imports a module of ``benchmarks``, such as "systems.faces"."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")
