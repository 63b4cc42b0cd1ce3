"""Measure the cost of inference: rows, pairs, the import, a search, and enrollments.

``inference``: ``transform`` of :class:`SiameseEmbedder` on Fashion-MNIST as float32 and as uint8,
against its own tower in a plain loop over chunks of a float32 tensor, and over all rows at once;
with convolutions on a tenth of the rows. One pair of images: ``predict_proba`` of
:class:`SiameseVerifier` on an array and on a view, against its tower and head on two tensors. All
take turns; the least of their times is reported. The estimators are trained for an epoch on few
rows, as their weights do not matter here. Import: ``import sksiamese`` in a new process after the
import of torch and scikit-learn.

``pair_view``: 1,000,000 pairs of the 60,000 images, as a ``PairView`` of row numbers into the
images as uint8 (47 MB); as an array of float32 they would need 6.3 GB. Time: ``predict_proba``,
against the least possible, to embed all images once (``transform_items``) and to run the head over
all pairs; by turns, with the ratio formed within a round. Memory: the peak of a new process, less
its memory before, images included.

``search``: ``GridSearchCV`` over ``n_components`` and ``margin`` of :class:`SiameseEmbedder`,
followed by 5-NN, on 10,000 rows, in three folds: in one process with one thread of torch, in one
process with all threads, and with ``n_jobs=2``, where joblib gives each worker its share of the
cores. The three take turns. The first round starts the workers, which then stay; it is reported
apart. Scores of two workers must equal those of one process with one thread.

``enrollment``: :class:`SiameseIdentifier` with a false-accept rate of 1 % among normal classes of
two rows and 64 components. ``fit`` compares all classes with each other; then ``partial_fit``
enrolls classes of one row, one by one, and ``forget`` removes them, until the threshold of ``fit``
must be back. Medians are reported.
"""

import subprocess
import sys
from functools import partial

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import RATIO, by_turns, seconds_of, spread, timed
from benchmarks._common.process import in_new_process, megabytes, most_resident
from benchmarks._common.report import ALONE, benchmark, start
from sksiamese import PairView, SiameseEmbedder, SiameseIdentifier, SiameseVerifier, make_pairs
from sksiamese.towers import cnn

CHUNK, PAIRS_CHUNK = 1024, 4096
TOWERS = {"mlp": {}, "cnn": {"tower": partial(cnn, width=32), "input_shape": (28, 28)}}
GRID = {"siameseembedder__n_components": [16, 32], "siameseembedder__margin": [0.1, 0.2]}
IMPORT = """
import sklearn.callback, sklearn.frozen, sklearn.metrics, sklearn.model_selection
import sklearn.neighbors, sklearn.preprocessing, torch
from time import perf_counter
start = perf_counter()
import sksiamese
print(perf_counter() - start)
"""


@torch.inference_mode()
def embed(tower, X):
    """Embed the rows of a tensor in one piece."""
    return tower(X)


@torch.inference_mode()
def embed_chunks(tower, X):
    """Embed the rows of a tensor in chunks."""
    return torch.cat([tower(part) for part in X.split(CHUNK)])


@torch.inference_mode()
def match_probability(verifier, left, right):
    """Return the probability that two items match, by tower and head alone."""
    return verifier.head_(verifier.tower_(left), verifier.tower_(right)).sigmoid()


@torch.inference_mode()
def head_over_pairs(verifier, Z, index):
    """Return the probabilities of all pairs from embeddings, by a bare loop."""
    Z, index = torch.from_numpy(Z), torch.from_numpy(index)
    logits = [verifier.head_(*Z[rows.T]) for rows in index.split(PAIRS_CHUNK)]
    return torch.cat(logits).sigmoid().numpy()


def check_equal(found, wanted, tolerance):
    """Raise unless two ways give the same result."""
    gap = np.abs(found - wanted).max()
    if gap > tolerance:
        raise ValueError(f"both ways must give the same result, but differ by {gap}.")


def least_seconds(ways, rounds):
    """Return the least seconds of each function, by turns."""
    seconds = by_turns({way: partial(seconds_of, ways[way]) for way in ways}, rounds)
    return {way: min(values) for way, values in seconds.items()}


def many_rows(X, y, rounds):
    """Return a row for each tower and each way to embed many rows."""
    results = []
    for name, options in TOWERS.items():
        rows = X if name == "mlp" else X[: len(X) // 10]
        embedder = SiameseEmbedder(max_iter=1, random_state=0, device="cpu", **ALONE | options)
        embedder.fit(X[:1000], y[:1000])
        floats = rows.astype(np.float32)
        tensor, tower = torch.from_numpy(floats), embedder.tower_
        check_equal(embedder.transform(rows), embed_chunks(tower, tensor).numpy(), 1e-4)
        ways = {
            "tower, in chunks of a tensor": partial(embed_chunks, tower, tensor),
            "tower, all rows of a tensor": partial(embed, tower, tensor),
            "transform, float32": partial(embedder.transform, floats),
            "transform, uint8": partial(embedder.transform, rows),
        }
        seconds = least_seconds(ways, rounds)
        bare = seconds["tower, in chunks of a tensor"]
        for way, value in seconds.items():
            row = {"tower": name, "rows": len(rows), "way": way, "seconds": value}
            results.append(row | {"throughput": bare / value})
    return results


def one_pair(X, y, calls):
    """Return a row for each way to classify one pair."""
    items = X[:1000].astype(np.float32)
    pairs = PairView(items, np.arange(1000).reshape(-1, 2))
    match = y[pairs.index[:, 0]] == y[pairs.index[:, 1]]
    verifier = SiameseVerifier(**ALONE, max_iter=1, random_state=0, device="cpu").fit(pairs, match)
    view = PairView(items[:2], [[0, 1]])
    tensors = torch.from_numpy(items[:2]).split(1)
    ways = {
        "tower and head": partial(match_probability, verifier, *tensors),
        "predict_proba, array": partial(verifier.predict_proba, np.asarray(view)),
        "predict_proba, PairView": partial(verifier.predict_proba, view),
    }
    seconds = least_seconds(ways, calls)
    bare = seconds["tower and head"]
    return [
        {"way": way, "milliseconds": 1e3 * value, "beside": 1e3 * (value - bare)}
        for way, value in seconds.items()
    ]


def import_seconds():
    """Return the seconds of the import in a new process."""
    command = [sys.executable, "-c", IMPORT]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


INFERENCE_ROWS = {
    "tower": "{tower}",
    "rows": "{rows:,}",
    "way": "{way}",
    "seconds": "{seconds:.3f}",
    "throughput, times that of the tower in chunks": "{throughput:.2f}",
}
INFERENCE_PAIR = {
    "one pair": "{way}",
    "milliseconds": lambda row: f"{row['milliseconds']:.{2 if 'beside' in row else 0}f}",
    "more than tower and head": lambda row: f"{row['beside']:.2f}" if "beside" in row else "",
}


@benchmark(inference_rows=INFERENCE_ROWS, inference_pair=INFERENCE_PAIR)
def inference(data, *, rounds=15, calls=1000, imports=5, rows=60_000):
    """Return the seconds of many rows, of one pair and of the import."""
    X, y, *_ = load_fashion_mnist(data, rows)
    imported = 1e3 * min(import_seconds() for _ in range(imports))
    pair = [*one_pair(X, y, calls), {"way": "import sksiamese", "milliseconds": imported}]
    return {"inference_rows": many_rows(X, y, rounds), "inference_pair": pair}


def prepare_pairs(data, n_items, n_pairs):
    """Return images, a view of pairs of them, and a verifier."""
    X, y, *_ = load_fashion_mnist(data, n_items)
    pairs, match, _ = make_pairs(X, y, n_pairs=n_pairs, as_view=True, random_state=0)
    verifier = SiameseVerifier(**ALONE, max_iter=1, random_state=0, device="cpu")
    return X, pairs, verifier.fit(pairs[:2000], match[:2000])


def pair_seconds(X, pairs, verifier, rounds):
    """Return the median seconds of each step, and the ratio of predict_proba to the others."""
    Z = verifier.transform_items(X)
    probability = head_over_pairs(verifier, Z, pairs.index)
    check_equal(verifier.predict_proba(pairs)[:, 1], probability, 1e-5)
    steps = {
        "predict_proba": partial(seconds_of, verifier.predict_proba, pairs),
        "transform_items": partial(seconds_of, verifier.transform_items, X),
        "head": partial(seconds_of, head_over_pairs, verifier, Z, pairs.index),
    }
    seconds = by_turns(steps, rounds)
    whole, embedding, head = map(np.array, seconds.values())
    return {
        "seconds": {step: float(np.median(values)) for step, values in seconds.items()},
        "ratio": spread(whole / (embedding + head)),
    }


def pair_memory(*sizes):
    """Return the MB of predict_proba at its peak, and of the process before."""
    _, pairs, verifier = prepare_pairs(*sizes)
    before = megabytes("VmRSS")
    verifier.predict_proba(pairs)
    return {"megabytes": most_resident() - before, "megabytes_before": before}


def pair_view_rows(results):
    """Return the rows of the table of many pairs of few items."""
    cells = {
        "seconds to embed {items:,} items": "{seconds[transform_items]:.2f}",
        "seconds of the head over {pairs:,} pairs": "{seconds[head]:.2f}",
        "seconds of predict_proba of {pairs:,} pairs": "{seconds[predict_proba]:.2f}",
        "predict_proba / (embed + head)": RATIO,
        "peak megabytes, in addition to those used before": "{megabytes:.0f}",
    }
    return [
        {"measure": name.format(**results), "figure": cell.format(**results)}
        for name, cell in cells.items()
    ]


@benchmark(pair_view=pair_view_rows)
def pair_view(data, *, rounds=7, items=60_000, pairs=1_000_000):
    """Return the seconds and the memory of all pairs."""
    seconds = pair_seconds(*prepare_pairs(data, items, pairs), rounds)
    memory = in_new_process(pair_memory, data, items, pairs)
    return seconds | memory | {"items": items, "pairs": pairs}


def timed_search(X, y, *, n_epochs, n_jobs, threads):
    """Return the scores of all candidates, and the seconds of the search."""
    torch.set_num_threads(threads)
    embedder = SiameseEmbedder(**ALONE, max_iter=n_epochs, random_state=0, device="cpu")
    model = make_pipeline(embedder, KNeighborsClassifier(5))
    grid, seconds = timed(GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs, refit=False).fit, X, y)
    if torch.get_num_threads() != threads:
        raise ValueError(f"the search has left {torch.get_num_threads()} threads, not {threads}.")
    return grid.cv_results_["mean_test_score"], seconds


SEARCH = {
    "search": "{way}",
    "seconds, first": "{first:.1f}",
    "seconds, least": "{seconds:.1f}",
    "times as fast as one process": "{speedup:.2f}",
}


@benchmark(search=SEARCH)
def search(data, *, rounds=3, epochs=10, rows=10_000):
    """Return a row for each way to search."""
    X, y, *_ = load_fashion_mnist(data, rows)
    threads = torch.get_num_threads()
    settings = {
        "one process, 1 thread": {"n_jobs": 1, "threads": 1},
        f"one process, threads: {threads}": {"n_jobs": 1, "threads": threads},
        "two workers": {"n_jobs": 2, "threads": threads},
    }
    timed_images = partial(timed_search, X, y, n_epochs=epochs)
    ways = {way: partial(timed_images, **setting) for way, setting in settings.items()}
    found = by_turns(ways, rounds, warm_up=0)
    scores = [turns[-1][0] for turns in found.values()]
    check_equal(scores[2], scores[0], 0)
    seconds = {way: [taken for _, taken in turns] for way, turns in found.items()}
    one_process, one_process_threads, _ = map(min, seconds.values())
    reference = min(one_process, one_process_threads)
    return [
        {"way": way, "first": taken[0], "seconds": min(taken), "speedup": reference / min(taken)}
        for way, taken in seconds.items()
    ]


def enrollment_row(n_classes, rounds):
    """Return the seconds of fit, and the milliseconds of enrolling and of forgetting a class."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_classes), 2)
    X = rng.normal(size=(n_classes, 64))[y] + 0.1 * rng.normal(size=(2 * n_classes, 64))
    X, new = X.astype(np.float32), rng.normal(size=(rounds, 1, 64)).astype(np.float32)
    embedder = FrozenEstimator(FunctionTransformer().fit(X))
    identifier, seconds = timed(SiameseIdentifier(embedder, target_far=0.01).fit, X, y)
    threshold, labels = identifier.threshold_, n_classes + rng.permutation(rounds)
    enroll = [
        seconds_of(identifier.partial_fit, row, [label])
        for row, label in zip(new, labels, strict=True)
    ]
    forget = [seconds_of(identifier.forget, label) for label in labels]
    if identifier.threshold_ != threshold:
        raise ValueError("forget must give the threshold from before the enrollment.")
    milliseconds = {"enroll": 1e3 * np.median(enroll), "forget": 1e3 * np.median(forget)}
    return {"classes": n_classes, "seconds": seconds} | milliseconds


ENROLLMENT = {
    "classes": "{classes:,}",
    "fit, seconds": "{seconds:.2f}",
    "partial_fit of one row, milliseconds": "{enroll:.0f}",
    "forget one class, milliseconds": "{forget:.0f}",
    "fit / partial_fit": lambda row: f"{1e3 * row['seconds'] / row['enroll']:,.0f}",
}


@benchmark(enrollment=ENROLLMENT)
def enrollment(data, *, rounds=9, classes=100_000):
    """Return a row for each number of classes."""
    return [enrollment_row(classes // share, rounds) for share in (100, 10, 1)]


if __name__ == "__main__":
    start(inference, pair_view, search, enrollment)
