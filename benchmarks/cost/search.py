"""What a search costs on two cores: two workers beside one process.

``GridSearchCV`` over ``n_components`` and ``margin`` of :class:`SiameseEmbedder`, followed by 5-NN,
on 10,000 rows of Fashion-MNIST, in three folds: in one process with one thread of torch, in one
process with all threads, and with ``n_jobs=2``, where joblib grants each worker its share of the
cores. The three take turns. The first round starts the workers, which then stay; it is reported
apart. Scores of two workers must be those of one process with one thread.
"""

import sys
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder

GRID = {"siameseembedder__n_components": [16, 32], "siameseembedder__margin": [0.1, 0.2]}


def search(X, y, *, n_epochs, n_jobs, threads):
    """Scores of all candidates, and seconds of the search."""
    torch.set_num_threads(threads)
    embedder = SiameseEmbedder(max_iter=n_epochs, random_state=0, device="cpu")
    model = make_pipeline(embedder, KNeighborsClassifier(5))
    start = perf_counter()
    found = GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs, refit=False).fit(X, y)
    seconds = perf_counter() - start
    if torch.get_num_threads() != threads:
        raise ValueError(f"the search has left {torch.get_num_threads()} threads, not {threads}.")
    return found.cv_results_["mean_test_score"], seconds


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3, help="timings of each way")
    options.add_argument("--epochs", type=int, default=10, help="epochs of each fit")
    options.add_argument("--rows", type=int, default=10_000, help="number of images")
    args = options.parse_args(arguments)
    X, y, *_ = _data.load_fashion_mnist(args.data)
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
    alone, threaded, workers = scores.values()
    if not np.array_equal(alone, workers):
        raise ValueError(f"two workers must find the scores of one process, {alone}: {workers}.")
    least = min(min(seconds[way]) for way in list(ways)[:2])
    results = [
        {"way": way, "first": taken[0], "seconds": min(taken), "speedup": least / min(taken)}
        for way, taken in seconds.items()
    ]
    settings = {key: getattr(args, key) for key in ("rounds", "epochs", "rows", "threads")}
    settings["largest_gap_of_threads"] = float(np.abs(alone - threaded).max())
    _report.write(args.out / "search.json", results, **settings)
    sys.stdout.write(tables.markdown(*tables.search(results)))


if __name__ == "__main__":
    main()
