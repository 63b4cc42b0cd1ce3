"""Measure the memory of training and embedding: arrays, files of 6 GB, and sparse rows.

Every case runs in a new process, which records its memory after the import of the packages, makes
its rows, fits :class:`SiameseEmbedder` and embeds all rows. Peaks of resident memory are those of
the kernel, reset before each step.

``memory``: arrays of several sizes, types and batches, trained on for an epoch. Files: float32 rows
in a temporary folder, as a ``np.memmap`` and through an object that reads the requested rows, as
arrays of h5py and zarr do. Pages of a mapped file are the cache of the disk: they stay resident
until the kernel needs the memory. The process depends on its anonymous memory, which is measured
every 5 ms. An epoch is cut to 2,000 batches here; all rows are standardized and embedded.

``sparse_memory``: 50,000 rows of 20,000 columns with about 100 values each, 4 GB as a dense array
of float32 and 40 MB as a CSR array; three epochs.
"""

import tempfile
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from benchmarks._common.figures import timed
from benchmarks._common.process import greatest_during, in_new_process, megabytes, most_resident
from benchmarks._common.report import ALONE, benchmark, start
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
N_CLASSES, N_TOPIC, N_VALUES = 20, 200, 100
"""Classes of sparse rows, columns that one class prefers, and values of a row."""


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
    for first in range(0, n_rows, CHUNK):
        part = slice(first, first + CHUNK)
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


def peaks(function, *arguments):
    """Return the peaks of memory during a call, and its seconds."""
    Path("/proc/self/clear_refs").write_text("5")
    (_, seconds), anonymous = greatest_during(
        partial(timed, function, *arguments), partial(megabytes, "RssAnon"), interval=0.005
    )
    return {"resident": most_resident(), "anonymous": anonymous, "seconds": seconds}


def measure(case):
    """Return the memory of this process in MB, at each step of a case."""
    imports = megabytes("VmRSS")
    options = ALONE | {"max_iter": 1, "batch_size": case["batch_size"]}
    embedder = SiameseEmbedder(**options, random_state=0, device="cpu")
    shape = case["rows"], case["columns"]
    if "path" in case:
        X = Reader(case["path"], shape)
        if case["kind"] == "np.memmap":
            X = np.memmap(case["path"], np.float32, "r", shape=shape)
        y = np.load(case["labels"])
        embedder.set_params(sampler=some_batches)
    else:
        X, y = made_rows(*shape, case["dtype"])
    return {
        "imports": imports,
        "data": np.prod(X.shape) * X.dtype.itemsize / 2**20,
        "fit": peaks(embedder.fit, X, y),
        "transform": peaks(embedder.transform, X),
    }


def files(gigabytes):
    """Return a row for each way to read a file, and each step."""
    columns, results = BASE["columns"], []
    n_rows = max(1, int(gigabytes * 1e9 / (4 * columns * CHUNK))) * CHUNK
    case = BASE | {"rows": n_rows, "dtype": "float32"}
    with tempfile.TemporaryDirectory() as folder:
        path, labels = Path(folder, "rows.dat"), Path(folder, "labels.npy")
        np.save(labels, write_rows(path, n_rows, columns))
        for kind in KINDS:
            row = case | {"kind": kind}
            found = in_new_process(measure, row | {"path": path, "labels": labels})
            results += [row | found | found[step] | {"step": step} for step in STEPS]
    return results


def in_addition(step, row):
    """Return the cell of the peak of a step, less the imported packages and the data."""
    return f"{row[step]['resident'] - row['imports'] - row['data']:.0f}"


ARRAYS = {
    "rows": "{rows:,}",
    "columns": "{columns:,}",
    "type": "{dtype}",
    "batch": "{batch_size:,}",
    "MB of data": "{data:.0f}",
    "MB of fit, without the data": partial(in_addition, "fit"),
    "MB of transform, without the data": partial(in_addition, "transform"),
    "MB of the process": lambda row: f"{max(row[step]['resident'] for step in STEPS):.0f}",
}
FILES = {
    "rows in a file": "{kind}",
    "GB": lambda row: f"{row['data'] * 2**20 / 1e9:.1f}",
    "step": "{step}",
    "seconds": "{seconds:.0f}",
    "MB, anonymous": "{anonymous:.0f}",
    "MB, pages of files too": "{resident:.0f}",
}


@benchmark(memory=ARRAYS, memory_files=FILES)
def memory(data, *, scale=1.0, gigabytes=6.3):
    """Return the memory of all cases with their rows scaled, and of files of some gigabytes."""
    cases = [BASE | change for change in CHANGES]
    cases = [case | {"rows": int(case["rows"] * scale)} for case in cases]
    arrays = [case | in_new_process(measure, case) for case in cases]
    return {"memory": arrays, "memory_files": files(gigabytes)}


def sparse_rows(n_rows, n_columns):
    """Make rows with a fifth of their values in columns that their class prefers.

    Returns
    -------
    X : CSR array of float32 of shape (n_rows, n_columns)
        Positive values.

    y : ndarray of int of shape (n_rows,)
        Classes.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(N_CLASSES, size=n_rows)
    topics = rng.integers(n_columns, size=(N_CLASSES, N_TOPIC), dtype=np.int32)
    columns = rng.integers(n_columns, size=(n_rows, N_VALUES), dtype=np.int32)
    n_own = N_VALUES // 5
    columns[:, :n_own] = topics[y[:, None], rng.integers(N_TOPIC, size=(n_rows, n_own))]
    values = rng.random(columns.size, dtype=np.float32)
    starts = np.arange(0, columns.size + 1, N_VALUES, dtype=np.int32)
    X = csr_array((values, columns.ravel(), starts), shape=(n_rows, n_columns))
    X.sum_duplicates()
    return X, y


def measure_sparse(n_rows, n_columns, n_epochs):
    """Return the peaks of this process in MB, and the sizes of the rows."""
    imports = most_resident()
    X, y = sparse_rows(n_rows, n_columns)
    made = most_resident()
    embedder = SiameseEmbedder(**ALONE, max_iter=n_epochs, random_state=0, device="cpu").fit(X, y)
    embedder.transform(X)
    return {
        "n_rows": n_rows,
        "n_columns": n_columns,
        "imports": imports,
        "rows": made,
        "peak": most_resident(),
        "csr": (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 2**20,
        "dense": X.shape[0] * X.shape[1] * X.dtype.itemsize / 2**20,
    }


SPARSE = {
    "rows": "{n_rows:,}",
    "columns": "{n_columns:,}",
    "as a dense array": "{dense:.0f}",
    "as CSR": "{csr:.0f}",
    "process, packages imported": "{imports:.0f}",
    "process, rows made": "{rows:.0f}",
    "process, trained and embedded": "{peak:.0f}",
}


@benchmark(sparse_memory=SPARSE)
def sparse_memory(data, *, epochs=3, rows=50_000, columns=20_000):
    """Return the memory of sparse rows."""
    return [in_new_process(measure_sparse, rows, columns, epochs)]


if __name__ == "__main__":
    start(memory, sparse_memory)
