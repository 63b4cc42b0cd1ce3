"""What training on sparse rows takes in memory: never all of them as a dense array.

50,000 rows of 20,000 columns with about 100 values each are 4 GB as a dense array of float32 and
40 MB as a CSR array. ``SiameseEmbedder``, its defaults but for the epochs, is trained on them and
embeds them all, in a process of its own. The peak of this process is read when the packages are
imported, when the rows are there, and at the end.
"""

import argparse
import json
import subprocess
import sys
from time import perf_counter

import _report
import numpy as np
import tables
import torch
from scipy.sparse import csr_array

from sksiamese import SiameseEmbedder

N_CLASSES, N_TOPIC, N_VALUES = 20, 200, 100
"""Classes, columns that one class prefers, and values of a row, a few of which may coincide."""


def sparse_rows(n_rows, n_columns, *, seed):
    """Rows that take a fifth of their columns from those of their class.

    Returns
    -------
    X : CSR array of float32 of shape (n_rows, n_columns)
        Positive values.

    y : ndarray of int of shape (n_rows,)
        Classes.
    """
    rng = np.random.default_rng(seed)
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


def measure(n_rows, n_columns, n_epochs, seed):
    """Peaks of this process in megabytes, seconds of the fit, and what it has learned."""
    megabytes = {"imports": _report.most_resident()}
    X, y = sparse_rows(n_rows, n_columns, seed=seed)
    megabytes["rows"] = _report.most_resident()
    start = perf_counter()
    embedder = SiameseEmbedder(max_iter=n_epochs, random_state=seed, device="cpu").fit(X, y)
    seconds = perf_counter() - start
    embedder.transform(X)
    return {
        **megabytes,
        "peak": _report.most_resident(),
        "csr": (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 2**20,
        "dense": X.shape[0] * X.shape[1] * X.dtype.itemsize / 2**20,
        "seconds": seconds,
        "active": float(embedder.history_["active"][-1]),
    }


def measure_in_new_process(*arguments, threads):
    """The same, measured in a process of its own."""
    numbers = map(str, arguments)
    command = [sys.executable, __file__, "--threads", str(threads), "--measure", *numbers]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=1, help="runs")
    options.add_argument("--epochs", type=int, default=3, help="epochs of each fit")
    options.add_argument("--rows", type=int, default=50_000, help="rows")
    options.add_argument("--columns", type=int, default=20_000, help="columns")
    options.add_argument("--measure", type=int, nargs=4, help=argparse.SUPPRESS)
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    if args.measure:
        sys.stdout.write(json.dumps(measure(*args.measure)) + "\n")
        return
    settings = {key: getattr(args, key) for key in ("seeds", "epochs", "rows", "columns")}
    size = (args.rows, args.columns, args.epochs)
    runs = [measure_in_new_process(*size, seed, threads=args.threads) for seed in range(args.seeds)]
    results = {"shape": size[:2], "summary": _report.summary(runs), "runs": runs}
    _report.write(args.out / "sparse_memory.json", results, threads=args.threads, **settings)
    sys.stdout.write(tables.markdown(*tables.sparse_memory(results)))


if __name__ == "__main__":
    main()
