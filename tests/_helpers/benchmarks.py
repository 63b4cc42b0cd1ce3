"""What the tests of benchmarks share: where the data sets are, and how a script is run."""

import json
import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SKSIAMESE_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs the data sets in ../shared/data or $SKSIAMESE_DATA"
)


def run(module, out, *arguments):
    """Return the results of a script that writes its JSON into the empty folder out."""
    common = ["--data", DATA, "--out", out, "--threads", torch.get_num_threads()]
    module.main(module.run, module.tables, [str(argument) for argument in [*common, *arguments]])
    (path,) = out.iterdir()
    record = json.loads(path.read_text())
    assert set(record) == {"settings", "versions", "machine", "results", "tables"}
    assert path.name == f"{module.__name__.rpartition('.')[2]}.json"
    assert record["tables"] == module.tables(record["results"])
    return record["results"]
