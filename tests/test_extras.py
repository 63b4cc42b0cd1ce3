"""Test that a missing optional package raises an error that names it and the remedy."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from sklearn.callback import ProgressBar
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseEmbedder, plot
from sksiamese._extras import EXTRAS, import_extra
from sksiamese.export import to_onnx
from sksiamese.neighbors import ApproximateNeighbors
from sksiamese.persistence import save
from tests.test_layers import OPTIONAL

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FOR_DEVELOPERS = {"bench", "dev", "docs", "test"}
X, Y = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]], [0, 0, 1, 1]


def export(folder):
    """Export an embedder."""
    to_onnx(SiameseEmbedder(max_iter=1).fit(X, Y), folder / "model.onnx")


def plot_of(name):
    """Return a function that plots an empty display."""
    display = getattr(plot, name)
    return lambda folder: object.__new__(display).plot()


FEATURES = {
    ("usearch", "ApproximateNeighbors"): lambda folder: ApproximateNeighbors().fit(X),
    ("onnx", "to_onnx"): export,
    ("onnxscript", "to_onnx"): export,
    ("safetensors", "sksiamese.persistence"): lambda folder: save(SiameseEmbedder(), folder / "a"),
    ("skops", "sksiamese.persistence"): lambda folder: save(StandardScaler().fit(X), folder / "a"),
    **{("matplotlib", f"{name}.plot"): plot_of(name) for name in plot.__all__},
}
"""Features by the package that they need, and by their name in the message."""

ELSEWHERE = {"onnxruntime", "rich"}
"""Packages of extras that this package never imports: it writes files for one, and scikit-learn
imports the other."""


def block(monkeypatch, package):
    """Make imports of a package fail."""
    for name in [package, *sys.modules]:
        if name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(("package", "feature"), FEATURES)
def test_a_missing_package_is_named_with_its_feature_and_the_remedy(
    package, feature, tmp_path, monkeypatch
):
    (extra,) = (name for name, packages in EXTRAS.items() if package in packages)
    block(monkeypatch, package)
    message = f'{feature} needs {package}; install it with pip install "sksiamese[{extra}]".'
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        FEATURES[package, feature](tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_scikit_learn_names_the_package_of_its_progress_bar(monkeypatch):
    block(monkeypatch, "rich")
    with pytest.raises(ImportError, match="requires rich"):
        ProgressBar()


def test_every_package_of_an_extra_is_tested():
    packages = {name for extra in EXTRAS.values() for name in extra}
    assert {package for package, _ in FEATURES} | ELSEWHERE == packages
    assert packages <= OPTIONAL


def test_the_extras_are_those_of_pyproject():
    extras = PROJECT["optional-dependencies"]
    names = {
        extra: tuple(re.match(r"[\w-]+", requirement)[0] for requirement in requirements)
        for extra, requirements in extras.items()
        if extra not in FOR_DEVELOPERS
    }
    names["onnx"] = names["onnx"][:-1]  # The last is torch, in a later version.
    assert names == EXTRAS


def test_a_package_that_cannot_be_imported_is_the_cause_of_the_error(monkeypatch):
    block(monkeypatch, "usearch")
    with pytest.raises(ImportError, match="usearch") as caught:
        import_extra("usearch.index", "search")
    assert isinstance(caught.value.__cause__, ImportError)
