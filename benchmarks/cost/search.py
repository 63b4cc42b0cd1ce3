"""What a search costs on two cores: two workers beside one process.

``GridSearchCV`` over ``n_components`` and ``margin`` of :class:`SiameseEmbedder`, followed by 5-NN,
on 10,000 rows of Fashion-MNIST, in three folds: in one process with one thread of torch, in one
process with all threads, and with ``n_jobs=2``, where joblib grants each worker its share of the
cores. The three take turns. The first round starts the workers, which then stay; it is reported
apart. Scores of two workers must be those of one process with one thread.
"""

from time import perf_counter

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from benchmarks._common.cells import table
from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder

GRID = {"siameseembedder__n_components": [16, 32], "siameseembedder__margin": [0.1, 0.2]}


def search(X, y, *, n_epochs, n_jobs, threads):
    """Return the scores of all candidates, and the seconds of the search."""
    torch.set_num_threads(threads)
    embedder = SiameseEmbedder(max_iter=n_epochs, random_state=0, device="cpu")
    model = make_pipeline(embedder, KNeighborsClassifier(5))
    start = perf_counter()
    found = GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs, refit=False).fit(X, y)
    seconds = perf_counter() - start
    if torch.get_num_threads() != threads:
        raise ValueError(f"the search has left {torch.get_num_threads()} threads, not {threads}.")
    return found.cv_results_["mean_test_score"], seconds


@with_options(
    rounds=(3, "timings of each way"),
    epochs=(10, "epochs of each fit"),
    rows=(10_000, "number of images"),
)
def run(args):
    """Return a row for each way to search."""
    X, y, *_ = load_fashion_mnist(args.data)
    X, y = X[: args.rows], y[: args.rows]
    ways = {
        "one process, 1 thread": {"n_jobs": 1, "threads": 1},
        f"one process, threads: {args.threads}": {"n_jobs": 1, "threads": args.threads},
        "two workers": {"n_jobs": 2, "threads": args.threads},
    }
    scores, seconds = {}, {way: [] for way in ways}
    for _ in range(args.rounds):
        for way, how in ways.items():
            scores[way], taken = search(X, y, n_epochs=args.epochs, **how)
            seconds[way].append(taken)
    alone, _, workers = scores.values()
    if not np.array_equal(alone, workers):
        raise ValueError(f"two workers must find the scores of one process, {alone}: {workers}.")
    least = min(min(seconds[way]) for way in list(ways)[:2])
    return [
        {
            "way": way,
            "first": taken[0],
            "seconds": min(taken),
            "speedup": least / min(taken),
            "score_gap": float(np.abs(scores[way] - alone).max()),
        }
        for way, taken in seconds.items()
    ]


def tables(results):
    """Return the table of the time that a search takes."""
    columns = {
        "search": "{way}",
        "seconds, first": "{first:.1f}",
        "seconds, least": "{seconds:.1f}",
        "times as fast as one process": "{speedup:.2f}",
    }
    return {"search": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
