"""Measure the search of galleries of many templates, exactly and by an approximate index.

``approximate``: :class:`SiameseIdentifier` with all rows as templates: the training rows of
Fashion-MNIST as an embedder embeds them, and embeddings drawn at random around the centers of
classes of five rows, with 64 components that vary in 64 or 16 directions. The
exact search computes all distances; :class:`ApproximateNeighbors` searches a graph, with one
thread. Queries are further rows of the classes. Recall is the share of the five nearest templates
that are found. One row at a time is enrolled after that; the median is reported.
"""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer

from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import seconds_of, timed
from benchmarks._common.report import benchmark, start
from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese.neighbors import ApproximateNeighbors

ROWS_PER_CLASS, N_COMPONENTS, N_FOUND = 5, 64, 5
INDEXES = {"exact": None, "approximate": ApproximateNeighbors()}


def draw(n_templates, n_queries, n_directions):
    """Return templates and queries in float32, with their classes."""
    rng = np.random.default_rng(0)
    n_classes = n_templates // ROWS_PER_CLASS
    y = np.repeat(np.arange(n_classes), ROWS_PER_CLASS)
    y_new = rng.integers(n_classes, size=n_queries)
    centers = rng.standard_normal((n_classes, n_directions), dtype=np.float32)
    noise = rng.standard_normal((len(y) + n_queries, n_directions), dtype=np.float32) / 4
    noise += centers[np.concatenate([y, y_new])]
    Z = noise @ rng.standard_normal((n_directions, N_COMPONENTS), dtype=np.float32)
    return Z[: len(y)], y, Z[len(y) :], y_new


def embed(data, n_templates, n_queries):
    """Return embedded rows of Fashion-MNIST as templates and queries, with their classes."""
    X, y, X_new, y_new = load_fashion_mnist(data, n_templates)
    embedder = SiameseEmbedder(N_COMPONENTS, random_state=0).fit(X, y)
    Z, Z_new = (embedder.transform(rows) for rows in (X, X_new[:n_queries]))
    return Z.astype(np.float32), y, Z_new.astype(np.float32), y_new[:n_queries]


def measure(name, drawn, rounds):
    """Return a row for each index."""
    X, y, Q, truth = drawn
    embedder = FrozenEstimator(FunctionTransformer().fit(X[:2]))
    found, rows = {}, []
    for kind, index in INDEXES.items():
        options = {"strategy": "nearest", "neighbors": index}
        identifier, build = timed(SiameseIdentifier(embedder, **options).fit, X, y)
        (_, found[kind]), search = timed(identifier.kneighbors, Q, N_FOUND)
        pairs = zip(found["exact"], found[kind], strict=True)
        row = {
            "data": name,
            "index": kind,
            "templates": len(X),
            "build": build,
            "recall": np.mean([np.isin(*pair).mean() for pair in pairs]),
            "accuracy": identifier.score(Q, truth),
            "queries": len(Q) / search,
        }
        if index is not None:
            row["megabytes"] = identifier.neighbors_.index_.serialized_length / 1e6
        new = np.array([len(X)])
        row["enroll"] = 1e3 * np.median(
            [seconds_of(identifier.partial_fit, Q[[n]], new + n) for n in range(rounds)]
        )
        rows.append(row)
    return rows


APPROXIMATE = {
    "embeddings": "data",
    "index": "index",
    "templates": "{templates:,}",
    "fit, seconds": "{build:.1f}",
    "size of the index, MB": lambda row: f"{row['megabytes']:,.0f}" if "megabytes" in row else "",
    "recall at 5": "{recall:.3f}",
    "accuracy": "{accuracy:.3f}",
    "queries per second": "{queries:,.0f}",
    "partial_fit of one row, milliseconds": "{enroll:,.0f}",
}


@benchmark(approximate=APPROXIMATE)
def approximate(data, *, rounds=5, queries=1000, templates=1_000_000):
    """Return a row for each data set and index."""
    rows = measure("Fashion-MNIST", embed(data, min(templates, 60_000), queries), rounds)
    for n_templates, n_directions in (
        (templates // 10, 64),
        (templates // 10, 16),
        (templates, 16),
    ):
        drawn = draw(n_templates, queries, n_directions)
        rows += measure(f"random, {n_directions} directions", drawn, rounds)
    return rows


if __name__ == "__main__":
    start(approximate)
