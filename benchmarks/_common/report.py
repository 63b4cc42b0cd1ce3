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
PACKAGES = (
    "sksiamese",
    "scikit-learn",
    "torch",
    "numpy",
    "scipy",
    "pytorch-metric-learning",
    "metric-learn",
    "skorch",
    "dtaidistance",
)


def with_options(**options):
    """Declare the options of a run.

    Parameters
    ----------
    **options : tuple
        Default and help of each option. The default gives the type: None is for an optional
        integer, False for a switch.
    """

    def declare(run):
        run.options = options
        return run

    return declare


def main(run, tables, arguments=None, *, name=None):
    """Run a benchmark, write the JSON of its results and print its tables.

    Parameters
    ----------
    run : callable
        ``run(args)`` returns the results: rows, or the rows of each table by its name. ``args``
        has an attribute for each of its options, and ``data``, ``out`` and ``threads``. The
        docstring of its module describes the benchmark.

    tables : dict or callable
        Columns of each table by its name, see :func:`table`, or a function of the results that
        returns tables by name.

    arguments : list of str, default=None
        Arguments, by default those of the command line.

    name : str, default=None
        Name of the JSON, by default that of the module of ``run``.
    """
    module, options = inspect.getmodule(run), getattr(run, "options", {})
    args = parser(module.__doc__, options).parse_args(arguments)
    torch.set_num_threads(args.threads)
    results = run(args)
    record = {
        "settings": {option: getattr(args, option) for option in (*options, "threads")},
        "versions": versions(),
        "machine": machine(),
        "results": results,
        "tables": tables_of(tables, results),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{name or Path(module.__file__).stem}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    sys.stdout.write("\n".join(map(markdown, record["tables"].values())))


def tables_of(tables, results):
    """Return the tables of results by name, each a header and rows of strings."""
    if callable(tables):
        return tables(results)
    rows = results if isinstance(results, dict) else dict.fromkeys(tables, results)
    return {name: table(rows[name], columns) for name, columns in tables.items()}


def main_by_name(benchmarks):
    """Run the benchmark that the first argument of the command line names.

    Parameters
    ----------
    benchmarks : dict of tuple
        ``run`` and ``tables`` of :func:`main` for each name.
    """
    chooser = argparse.ArgumentParser()
    chooser.add_argument("benchmark", choices=benchmarks)
    name = chooser.parse_args(sys.argv[1:2]).benchmark
    main(*benchmarks[name], sys.argv[2:], name=name)


def parser(description, options):
    """Return the parser of a script."""
    result = argparse.ArgumentParser(description=description.splitlines()[0])
    add = result.add_argument
    add("--data", type=Path, default=DATA, help="folder of data sets, default: $SKSIAMESE_DATA")
    add("--out", type=Path, default=RESULTS, help="folder for the JSON of results")
    add("--threads", type=int, default=2, help="threads of torch")
    for name, (default, text) in options.items():
        kind = int if default is None else type(default)
        reads = {"action": "store_true"} if kind is bool else {"type": kind}
        add(f"--{name.replace('_', '-')}", default=default, help=text, **reads)
    return result


def versions():
    """Return the versions of the packages that are installed."""
    return {package: version(package) for package in PACKAGES if any(distributions(name=package))}


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
