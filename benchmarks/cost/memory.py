"""What training and embedding take in memory, against rows, columns and batches; files of 6 GB.

Every case runs in a process of its own, which notes what it holds when the packages are imported,
makes its rows, fits :class:`SiameseEmbedder` for an epoch and embeds all rows. Peaks of resident
memory are those that the kernel keeps, reset before each step.

Files: float32 rows in a temporary folder, as a ``np.memmap`` and through an object that reads the
rows it is asked for, as arrays of h5py and zarr do. Pages of a mapped file are resident for as long
as the kernel has no better use for them; they are the cache of the disk, and are given up when
memory is short. What the process cannot do without is anonymous memory, which is looked at every
5 ms. An epoch is cut to 2,000 batches here; all rows are standardised and embedded.
"""

import tempfile
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import numpy as np

from benchmarks._common.cells import table
from benchmarks._common.process import in_new_process, megabytes, most_resident
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder
from sksiamese.batches import class_balanced

BASE = {"rows": 60_000, "columns": 784, "dtype": "uint8", "batch_size": 128}
CHANGES = [
    {},
    {"dtype": "float32"},
    {"dtype": "float64"},
    {"rows": 15_000},
    {"rows": 240_000},
    {"columns": 196},
    {"columns": 3136},
    {"batch_size": 512},
    {"batch_size": 2048},
]
STEPS = ("fit", "transform")
KINDS = ("np.memmap", "object that reads rows")
N_BATCHES, CHUNK = 2000, 10_000


class Reader:
    """Rows of a file that is open only while it is read."""

    def __init__(self, path, shape):
        self.path, self.shape, self.dtype = path, shape, np.dtype(np.float32)

    def __getitem__(self, key):
        """Return rows by a slice or by their numbers."""
        if isinstance(key, slice):
            return self.read(key.start, key.stop - key.start)
        return np.concatenate([self.read(number, 1) for number in key])

    def read(self, first, n_rows):
        """Read consecutive rows."""
        n_columns = self.shape[1]
        begin = int(first) * n_columns * self.dtype.itemsize
        values = np.fromfile(self.path, self.dtype, n_rows * n_columns, offset=begin)
        return values.reshape(n_rows, n_columns)


def made_rows(n_rows, n_columns, dtype):
    """Return rows of numbers below 256, brighter from class to class, and their classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=n_rows, dtype=np.uint8)
    X = np.empty((n_rows, n_columns), dtype)
    for start in range(0, n_rows, CHUNK):
        part = slice(start, start + CHUNK)
        X[part] = rng.integers(128, size=X[part].shape, dtype=np.uint8) + 12 * y[part, None]
    return X, y


def write_rows(path, n_rows, n_columns):
    """Write such rows to a file, each CHUNK of them in another order; return their classes."""
    X, y = made_rows(CHUNK, n_columns, np.float32)
    rng = np.random.default_rng(1)
    order = [rng.permutation(CHUNK) for _ in range(n_rows // CHUNK)]
    with path.open("wb") as file:
        for rows in order:
            file.write(X[rows].data)
    return np.concatenate([y[rows] for rows in order])


def some_batches(y, batch_size, *, generator):
    """Return the first batches of an epoch."""
    return islice(class_balanced(y, batch_size, generator=generator), N_BATCHES)


@contextmanager
def peaks(found, step):
    """Record the peaks of memory and the seconds of a step."""
    Path("/proc/self/clear_refs").write_text("5")
    anonymous, done = [megabytes("RssAnon")], Event()

    def look():
        while not done.wait(0.005):
            anonymous.append(megabytes("RssAnon"))

    watcher = Thread(target=look)
    watcher.start()
    start = perf_counter()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    found[step] = {
        "resident": most_resident(),
        "anonymous": max(anonymous),
        "seconds": perf_counter() - start,
    }


def measure(case):
    """Return the peaks of this process in megabytes, at each step of a case."""
    found = {"imports": megabytes("VmRSS")}
    embedder = SiameseEmbedder(
        max_iter=1, batch_size=case["batch_size"], random_state=0, device="cpu"
    )
    if "path" in case:
        shape = case["rows"], case["columns"]
        X = Reader(case["path"], shape)
        if case["kind"] == "np.memmap":
            X = np.memmap(case["path"], np.float32, "r", shape=shape)
        y = np.load(case["labels"])
        embedder.set_params(sampler=some_batches)
    else:
        X, y = made_rows(case["rows"], case["columns"], case["dtype"])
    found["data"] = np.prod(X.shape) * X.dtype.itemsize / 2**20
    with peaks(found, "fit"):
        embedder.fit(X, y)
    with peaks(found, "transform"):
        embedder.transform(X)
    return found


def files(gigabytes):
    """Yield the peaks of memory on a file, for each kind of access."""
    columns = BASE["columns"]
    n_rows = max(1, int(gigabytes * 1e9 / (4 * columns * CHUNK))) * CHUNK
    with tempfile.TemporaryDirectory() as folder:
        path, labels = Path(folder, "rows.dat"), Path(folder, "labels.npy")
        np.save(labels, write_rows(path, n_rows, columns))
        case = BASE | {"rows": n_rows, "dtype": "float32"}
        places = {"path": path, "labels": labels}
        for kind in KINDS:
            yield case | {"kind": kind} | in_new_process(measure, case | places | {"kind": kind})


@with_options(scale=(1.0, "share of the rows"), gigabytes=(6.3, "size of the file"))
def run(args):
    """Return the peaks of memory of all cases, and of files."""
    cases = [BASE | change for change in CHANGES]
    cases = [case | {"rows": int(case["rows"] * args.scale)} for case in cases]
    return {
        "arrays": [case | in_new_process(measure, case) for case in cases],
        "files": list(files(args.gigabytes)),
    }


def tables(results):
    """Return the tables of arrays and of files."""
    arrays = {
        "rows": "{rows:,}",
        "columns": "{columns:,}",
        "type": "{dtype}",
        "batch": "{batch_size:,}",
        "MB of data": "{data:.0f}",
        "MB of fit beside the data": partial(beside_data, "fit"),
        "MB of transform beside the data": partial(beside_data, "transform"),
        "MB of the process": lambda row: f"{max(row[step]['resident'] for step in STEPS):.0f}",
    }
    files = {
        "rows in a file": "{kind}",
        "GB": lambda row: f"{row['data'] * 2**20 / 1e9:.1f}",
        "step": "{step}",
        "seconds": "{seconds:.0f}",
        "MB, anonymous": "{anonymous:.0f}",
        "MB, pages of files too": "{resident:.0f}",
    }
    steps = [row | row[step] | {"step": step} for row in results["files"] for step in STEPS]
    return {"memory": table(results["arrays"], arrays), "memory_files": table(steps, files)}


def beside_data(step, row):
    """Return the cell of the peak of a step, less the imported packages and the data."""
    return f"{row[step]['resident'] - row['imports'] - row['data']:.0f}"


if __name__ == "__main__":
    main(run, tables)
