"""What ``partial_fit`` over chunks reaches beside ``fit``: 5-NN on Fashion-MNIST.

``fit`` sees the 60,000 training images for 20 epochs, its default. ``partial_fit`` sees them in six
chunks that are drawn once, and goes over all of them 20 times: at the step size of the default, and
with ``learning_rate_init`` lowered before each pass along the straight line on which ``fit`` lowers
it before each epoch. All else is default. That the step size has to fall was found on 4,000
held-out training images; the test images are looked at for the figures alone.
"""

import sys
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch
from sklearn.neighbors import KNeighborsClassifier

from sksiamese import SiameseEmbedder


def fit(X, y, n_passes, seed):
    """Trained on all rows at once."""
    return SiameseEmbedder(max_iter=n_passes, random_state=seed, device="cpu").fit(X, y)


def fit_chunks(X, y, n_passes, seed, *, n_chunks, falls):
    """Trained on one chunk after the other, again and again."""
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
    """Accuracy of 5-NN on embeddings of the test images, and seconds of the training."""
    X, y, X_test, y_test = data
    start = perf_counter()
    embedder = train(X, y, n_passes, seed)
    seconds = perf_counter() - start
    neighbors = KNeighborsClassifier(5).fit(embedder.transform(X), y)
    return {"knn": neighbors.score(embedder.transform(X_test), y_test), "seconds": seconds}


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=3, help="runs of each way")
    options.add_argument("--passes", type=int, default=20, help="epochs, or passes over all chunks")
    options.add_argument("--chunks", type=int, default=6, help="number of chunks")
    options.add_argument("--rows", type=int, default=60_000, help="number of training images")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    X, y, *test = _data.load_fashion_mnist(args.data)
    data = X[: args.rows], y[: args.rows], *test

    def by_chunks(falls):
        return lambda *given: fit_chunks(*given, n_chunks=args.chunks, falls=falls)

    ways = {
        "fit": fit,
        "partial_fit, step size falls": by_chunks(True),
        "partial_fit, step size stays": by_chunks(False),
    }
    results = []
    for way, train in ways.items():
        runs = [measure(train, data, args.passes, seed) for seed in range(args.seeds)]
        results.append({"way": way, "summary": _report.summary(runs), "runs": runs})
    settings = {key: getattr(args, key) for key in ("seeds", "passes", "chunks", "rows", "threads")}
    _report.write(args.out / "chunks.json", results, **settings)
    sys.stdout.write(tables.markdown(*tables.chunks(results)))


if __name__ == "__main__":
    main()
