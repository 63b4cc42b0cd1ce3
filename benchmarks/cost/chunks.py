"""What ``partial_fit`` over chunks reaches beside ``fit``: 5-NN on Fashion-MNIST.

``fit`` sees the 60,000 training images for 20 epochs, its default. ``partial_fit`` sees them in six
chunks that are drawn once, and goes over all of them 20 times: at the step size of the default, and
with ``learning_rate_init`` lowered before each pass along the straight line on which ``fit`` lowers
it before each epoch. All else is default. That the step size has to fall was found on 4,000
held-out training images; the test images are looked at for the figures alone.
"""

from functools import partial
from time import perf_counter

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._common.cells import table
from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import of_runs
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder


def fit(X, y, n_passes, seed):
    """Train on all rows at once."""
    return SiameseEmbedder(max_iter=n_passes, random_state=seed, device="cpu").fit(X, y)


def fit_chunks(X, y, n_passes, seed, *, n_chunks, falls):
    """Train on one chunk after the other, several times over."""
    embedder = SiameseEmbedder(random_state=seed, device="cpu")
    first_rate = embedder.learning_rate_init
    chunks = np.array_split(np.random.default_rng(seed).permutation(len(X)), n_chunks)
    for turn in range(n_passes):
        if falls:
            embedder.set_params(learning_rate_init=first_rate * (1 - turn / n_passes))
        for rows in chunks:
            embedder.partial_fit(X[rows], y[rows], classes=np.unique(y))
    return embedder


def measure(train, data, n_passes, seed):
    """Return the accuracy of 5-NN on embedded test images, and the seconds of training."""
    X, y, X_test, y_test = data
    start = perf_counter()
    embedder = train(X, y, n_passes, seed)
    seconds = perf_counter() - start
    neighbors = KNeighborsClassifier(5).fit(embedder.transform(X), y)
    return {"knn": neighbors.score(embedder.transform(X_test), y_test), "seconds": seconds}


@with_options(
    seeds=(3, "runs of each way"),
    passes=(20, "epochs, or passes over all chunks"),
    chunks=(6, "number of chunks"),
    rows=(60_000, "number of training images"),
)
def run(args):
    """Return a row for each way to train."""
    X, y, *test = load_fashion_mnist(args.data)
    data = X[: args.rows], y[: args.rows], *test
    by_chunks = partial(fit_chunks, n_chunks=args.chunks)
    ways = {
        "fit": fit,
        "partial_fit, step size falls": partial(by_chunks, falls=True),
        "partial_fit, step size stays": partial(by_chunks, falls=False),
    }
    results = []
    for way, train in ways.items():
        runs = [measure(train, data, args.passes, seed) for seed in range(args.seeds)]
        results.append(of_runs(runs, way=way))
    return results


def tables(results):
    """Return the table of what training on chunks reaches."""
    columns = {"training": "{way}", "5-NN": "knn", "seconds": "seconds"}
    return {"chunks": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
