"""What training on sparse rows takes in memory: never all of them as a dense array.

50,000 rows of 20,000 columns with about 100 values each are 4 GB as a dense array of float32 and
40 MB as a CSR array. ``SiameseEmbedder``, its defaults but for the epochs, is trained on them and
embeds them all, in a process of its own. The peak of this process is read when the packages are
imported, when the rows are there, and at the end.
"""

from time import perf_counter

import numpy as np
from scipy.sparse import csr_array

from benchmarks._common.cells import table
from benchmarks._common.figures import of_runs
from benchmarks._common.process import in_new_process, most_resident
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder

N_CLASSES, N_TOPIC, N_VALUES = 20, 200, 100
"""Classes, columns that one class prefers, and values of a row, a few of which may coincide."""


def sparse_rows(n_rows, n_columns, *, seed):
    """Make rows that have a fifth of their columns from those of their class.

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
    """Return the peaks of this process in megabytes, seconds of the fit, and active pairs."""
    megabytes = {"imports": most_resident()}
    X, y = sparse_rows(n_rows, n_columns, seed=seed)
    megabytes["rows"] = most_resident()
    start = perf_counter()
    embedder = SiameseEmbedder(max_iter=n_epochs, random_state=seed, device="cpu").fit(X, y)
    seconds = perf_counter() - start
    embedder.transform(X)
    return {
        **megabytes,
        "peak": most_resident(),
        "csr": (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 2**20,
        "dense": X.shape[0] * X.shape[1] * X.dtype.itemsize / 2**20,
        "seconds": seconds,
        "active": float(embedder.history_["active"][-1]),
    }


@with_options(
    seeds=(1, "runs"),
    epochs=(3, "epochs of each fit"),
    rows=(50_000, "rows"),
    columns=(20_000, "columns"),
)
def run(args):
    """Return the shape of the rows and the figures of all runs."""
    size = args.rows, args.columns
    runs = [in_new_process(measure, *size, args.epochs, seed) for seed in range(args.seeds)]
    return of_runs(runs, shape=size)


def tables(results):
    """Return the table of the memory that sparse rows take."""
    columns = {
        "rows": "{shape[0]:,}",
        "columns": "{shape[1]:,}",
        "as a dense array": "{summary[dense][mean]:.0f}",
        "as CSR": "{summary[csr][mean]:.0f}",
        "process, packages imported": "{summary[imports][mean]:.0f}",
        "process, rows made": "{summary[rows][mean]:.0f}",
        "process, trained and embedded": "{summary[peak][mean]:.0f}",
    }
    return {"sparse_memory": table([results], columns)}


if __name__ == "__main__":
    main(run, tables)
