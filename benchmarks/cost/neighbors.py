"""Measure the search of galleries of many templates, exactly and by an approximate index.

``approximate``: :class:`SiameseIdentifier` with all rows as templates, of classes of five rows and
64 components, on embeddings drawn at random around the center of their class. The exact search
computes all distances; :class:`ApproximateNeighbors` searches a graph, with one thread. Queries are
further rows of the classes. Recall is the share of the five nearest templates that are found. One
row at a time is enrolled after that; the median is reported.
"""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer

from benchmarks._common.figures import seconds_of, timed
from benchmarks._common.report import benchmark, start
from sksiamese import SiameseIdentifier
from sksiamese.neighbors import ApproximateNeighbors

ROWS_PER_CLASS, N_COMPONENTS, N_FOUND = 5, 64, 5
INDEXES = {"exact": None, "approximate": ApproximateNeighbors()}


def draw(n_templates, n_queries):
    """Return templates and queries in float32, with their classes."""
    rng = np.random.default_rng(0)
    n_classes = n_templates // ROWS_PER_CLASS
    centers = rng.normal(size=(n_classes, N_COMPONENTS)).astype(np.float32)
    y = np.repeat(np.arange(n_classes), ROWS_PER_CLASS)
    y_new = rng.integers(n_classes, size=n_queries)
    noise = rng.standard_normal((len(y) + n_queries, N_COMPONENTS), dtype=np.float32)
    return centers[y] + noise[: len(y)], y, centers[y_new] + noise[len(y) :], y_new


def measure(n_templates, n_queries, rounds):
    """Return a row for each index."""
    X, y, Q, truth = draw(n_templates, n_queries)
    embedder = FrozenEstimator(FunctionTransformer().fit(X[:2]))
    found, rows = {}, []
    for name, index in INDEXES.items():
        options = {"strategy": "nearest", "neighbors": index}
        identifier, build = timed(SiameseIdentifier(embedder, **options).fit, X, y)
        (_, found[name]), search = timed(identifier.kneighbors, Q, N_FOUND)
        pairs = zip(found["exact"], found[name], strict=True)
        row = {
            "index": name,
            "templates": n_templates,
            "build": build,
            "recall": np.mean([np.isin(*pair).mean() for pair in pairs]),
            "accuracy": identifier.score(Q, truth),
            "queries": n_queries / search,
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
    """Return a row for each index and number of templates."""
    return measure(templates // 10, queries, rounds) + measure(templates, queries, rounds)


if __name__ == "__main__":
    start(approximate)
