"""What the tests of benchmarks share: where the data lie, and how a script is run."""

import json
import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("SKSIAMESE_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs the data sets in ../shared/data or $SKSIAMESE_DATA"
)


def run(module, out, *arguments):
    """Results of a script of ``benchmarks`` that writes its JSON into the empty folder out."""
    common = ["--data", DATA, "--out", out, "--threads", torch.get_num_threads()]
    module.main([str(argument) for argument in [*common, *arguments]])
    (path,) = out.iterdir()
    record = json.loads(path.read_text())
    assert set(record) == {"settings", "versions", "machine", "results"}
    assert path.name == f"{module.__name__}.json"
    return record["results"]
