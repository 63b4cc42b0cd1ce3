"""What every benchmark script does: its options, and a JSON of its results."""

import argparse
import json
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_curve

ROOT = Path(__file__).resolve().parent
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


def parser(description):
    """Options common to all benchmarks."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("SKSIAMESE_DATA", ROOT.parent.parent / "shared" / "data")),
        help="folder of the data sets (default: $SKSIAMESE_DATA, else ../shared/data)",
    )
    options.add_argument(
        "--out", type=Path, default=ROOT / "results", help="folder for the JSON of results"
    )
    options.add_argument("--threads", type=int, default=2, help="threads of torch")
    return options


def write(path, results, **settings):
    """Write results with the settings, versions and machine that they come from."""
    record = {
        "settings": settings,
        "versions": _versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "results": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")


def summary(runs):
    """Mean and standard deviation over runs, key by key, of dicts of numbers."""
    return {
        key: {
            "mean": float(np.mean([run[key] for run in runs])),
            "std": float(np.std([run[key] for run in runs])),
        }
        for key in runs[0]
    }


def best_threshold(match, score):
    """The threshold on a score that decides most pairs rightly; its pairs are accepted."""
    rejected, accepted, thresholds = roc_curve(match, score)
    gain = accepted * np.sum(match) - rejected * np.sum(~match)
    return float(thresholds[gain.argmax()])


def megabytes(name):
    """A figure of the kernel about this process, such as VmRSS."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


def most_resident():
    """Peak of this process in megabytes; getrusage would count what its parent once held."""
    return megabytes("VmHWM")


def _versions():
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
