"""Read the options of a benchmark, run it, and write its results and tables as JSON."""

import argparse
import inspect
import json
import os
import platform
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import torch

from benchmarks._common.cells import markdown, table

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
DATA = Path(os.environ.get("SKSIAMESE_DATA", ROOT.parent / "shared" / "data"))
PACKAGES = ("sksiamese", "scikit-learn", "torch", "numpy", "scipy")
PEERS = ("pytorch-metric-learning", "metric-learn", "skorch", "dtaidistance", "umap-learn")
ALONE = {"n_components": 32, "learned_weight": 1.0}
"""Parameters of estimators that use the learned embedding alone, without principal components."""


def benchmark(**tables):
    """Declare that a function is a benchmark.

    The function gets the folder of the data sets, and its options by keyword, each with a default;
    None is the default of an optional integer. It returns rows, or a dict of rows by table.

    Parameters
    ----------
    **tables : dict, callable or None
        For each table its columns, see :func:`table`, or a function that makes its rows from the
        results.
    """

    def declare(function):
        parameters = inspect.signature(function).parameters.values()
        function.options = {p.name: p.default for p in parameters if p.default is not p.empty}
        function.tables = tables
        return function

    return declare


def tables_of(tables, results):
    """Return the tables of results by name, see :func:`benchmark`."""
    if callable(tables):
        return tables(results)
    found = {}
    for name, columns in tables.items():
        rows = results[name] if isinstance(results, dict) and name in results else results
        found[name] = table(columns(rows)) if callable(columns) else table(rows, columns)
    return found


def start(*benchmarks, arguments=None):
    """Run a benchmark of a script, write the JSON of its results and print its tables.

    Parameters
    ----------
    *benchmarks : callable
        All benchmarks of the script. If there are several, the first argument names one.

    arguments : list of str, default=None
        Arguments, by default those of the command line.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = benchmarks[0]
    if len(benchmarks) > 1:
        chooser, by_name = argparse.ArgumentParser(), {one.__name__: one for one in benchmarks}
        chooser.add_argument("benchmark", choices=by_name)
        chosen, arguments = by_name[chooser.parse_args(arguments[:1]).benchmark], arguments[1:]
    args = parser(chosen).parse_args(arguments)
    torch.set_num_threads(args.threads)
    settings = {name: getattr(args, name) for name in chosen.options}
    results = chosen(args.data, **settings)
    record = {
        "settings": settings | {"threads": args.threads},
        "versions": versions(),
        "machine": machine(),
        "results": results,
        "tables": tables_of(chosen.tables, results),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{chosen.__name__}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    sys.stdout.write("\n".join(map(markdown, record["tables"].values())))


def parser(benchmark):
    """Return the parser of the options of a benchmark."""
    result = argparse.ArgumentParser(
        description=benchmark.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = result.add_argument
    add("--data", type=Path, default=DATA, help="folder of data sets, default: $SKSIAMESE_DATA")
    add("--out", type=Path, default=RESULTS, help="folder for the JSON of results")
    add("--threads", type=int, default=2, help="threads of torch")
    for name, default in benchmark.options.items():
        kind = int if default is None else type(default)
        add(f"--{name.replace('_', '-')}", type=kind, default=default, help=f"default: {default}")
    return result


def versions():
    """Return the versions of the packages that are installed."""
    installed = [name for name in (*PACKAGES, *PEERS) if any(distributions(name=name))]
    return {name: version(name) for name in installed}


def machine():
    """Return a description of the machine."""
    found = {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    if torch.cuda.is_available():
        found["card"] = torch.cuda.get_device_name()
    return found


def processor():
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
