"""Test the versions that are printed for reports of errors."""

import re

import sklearn
import torch

import sksiamese
from sksiamese import show_versions
from sksiamese._extras import EXTRAS


def entries(printed):
    """Return the value of each printed name."""
    return dict(re.findall(r"^ *(\w+): (.*)$", printed, re.MULTILINE))


def test_versions_threads_and_devices_are_printed(capsys):
    show_versions()
    found = entries(capsys.readouterr().out)
    assert {"python", "executable", "machine", "numpy", "scipy", "joblib"} <= set(found)
    assert found["sksiamese"] == sksiamese.__version__
    assert found["sklearn"] == sklearn.__version__
    assert found["torch"] == torch.__version__
    assert found["threads"] == str(torch.get_num_threads())
    assert found["CUDA"] == str(torch.version.cuda)
    assert (found["devices"] == "None") == (not torch.cuda.is_available())
    assert {name for packages in EXTRAS.values() for name in packages} <= set(found)


def test_a_package_that_is_not_installed_is_none(capsys, monkeypatch):
    monkeypatch.setitem(EXTRAS, "ann", ("no_such_package",))
    show_versions()
    assert entries(capsys.readouterr().out)["no_such_package"] == "None"
