"""Find the data sets, and run the scripts of benchmarks."""

import importlib
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


def run(script, out, *arguments, name=None):
    """Return the results of a benchmark of a script that writes its JSON into the folder out.

    The name of the benchmark is by default that of the script.
    """
    name = name or script.__name__.rpartition(".")[2]
    common = ["--data", DATA, "--out", out, "--threads", torch.get_num_threads()]
    arguments = [str(argument) for argument in [*common, *arguments]]
    script.start(getattr(script, name), arguments=arguments)
    record = json.loads((out / f"{name}.json").read_text())
    assert set(record) == {"settings", "versions", "machine", "results", "tables"}
    assert record["tables"] == tables_of(script, name, record["results"])
    return record["results"]


def tables_of(script, name, results):
    """Return the tables of the results of a benchmark of a script."""
    report = importlib.import_module("benchmarks._common.report")
    return report.tables_of(getattr(script, name).tables, results)
