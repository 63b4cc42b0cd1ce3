"""Simulate the false-accept rate of ``target_far`` on data of many kinds.

Each draw enrols some classes, and identifies rows of others that were never enrolled. The rate is
the mean over draws of the share of these rows that are accepted, with its interval at 95 % over
draws; what was asked for must not lie below it. The share of new rows of enrolled classes that
are named rightly is reported beside it.

Kinds of data: one row a class; near-identical rows; wide classes; heavy tails; hubs, by a metric
that is not symmetric; whole numbers with many ties; classes of unequal sizes; families of similar
classes; letters of the UCI, turned to make many classes, by an embedder trained on other ones.
"""

import gzip
from functools import partial

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from benchmarks._common.cells import table
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder, SiameseIdentifier

AS_IT_IS = FrozenEstimator(FunctionTransformer().fit([[0.0]]))
SETTINGS = [(39, 0.05), (99, 0.02), (99, 0.05), (199, 0.05)]
"""Numbers of classes enrolled, and rates asked for."""

N_NEW = 20
"""Classes that are never enrolled, in each draw."""


def rows_of(centres, n_rows, spread, rng):
    """Rows about centres, and numbers of their classes."""
    y = np.repeat(np.arange(len(centres)), n_rows)
    return centres[y] + spread * rng.normal(size=(len(y), centres.shape[1])), y


def gaussian(n_classes, rng, *, n_rows, spread, n_components=8):
    """Normal classes, whose centres are normal, too."""
    return rows_of(rng.normal(size=(n_classes, n_components)), n_rows, spread, rng)


def heavy_tails(n_classes, rng):
    """Centres by Student's t of 1.5 degrees of freedom: a few of them far from all others."""
    return rows_of(rng.standard_t(1.5, size=(n_classes, 4)), 3, 0.3, rng)


def hubs(n_classes, rng):
    """Rows of 24 components and their hubness: what :func:`to_hubs` subtracts."""
    X, y = rows_of(rng.normal(size=(n_classes, 24)), 2, 0.5, rng)
    return np.column_stack([X, rng.exponential(2.0, size=n_classes)[y]]), y


def to_hubs(row, template):
    """A distance that is not symmetric: some templates are near to every row."""
    return np.linalg.norm(row[:-1] - template[:-1]) / (1 + template[-1])


def ties(n_classes, rng):
    """Whole numbers from 0 to 9 in four columns: many distances are equal."""
    return rng.integers(0, 10, size=(2 * n_classes, 4)), np.repeat(np.arange(n_classes), 2)


def unequal_sizes(n_classes, rng):
    """Classes of 1 to 30 rows, of which large ones are wider."""
    n_rows = np.minimum(30, rng.geometric(0.15, size=n_classes))
    spread = np.repeat(0.05 * n_rows, n_rows)[:, None]
    return rows_of(rng.normal(size=(n_classes, 6)), n_rows, spread, rng)


def clusters(n_classes, rng):
    """Families of four near classes of two rows."""
    parents = np.repeat(rng.normal(size=(-(-n_classes // 4), 8)), 4, axis=0)
    centres = parents + 0.1 * rng.normal(size=parents.shape)
    return rows_of(rng.permutation(centres)[:n_classes], 2, 0.05, rng)


def letters(folder, seed):
    """Embeddings of distorted letters that an embedder has not learned from, and their classes.

    A distortion of the 16 columns, by a random rotation, makes another class of each letter.
    """
    with gzip.open(folder / "uci" / "letter-recognition.data.gz", "rt") as file:
        table = np.array([line.strip().split(",") for line in file])
    X, y = table[:, 1:].astype(np.float32), np.unique(table[:, 0], return_inverse=True)[1]
    X, rng, parts = (X - X.mean(axis=0)) / X.std(axis=0), np.random.default_rng(seed), []
    for number in range(20):
        turn = np.linalg.qr(rng.normal(size=(16, 16)))[0].astype(np.float32)
        for letter in range(26):
            chosen = rng.permutation(np.flatnonzero(y == letter))[:10]
            parts.append((X[chosen] @ turn, np.full(10, 26 * number + letter)))
    X, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    learned = y < 130
    embedder = SiameseEmbedder(max_iter=20, random_state=seed, device="cpu")
    embedder.fit(X[learned], y[learned])
    return embedder.transform(X[~learned]), y[~learned]


def some_classes(n_classes, rng, *, Z, y, n_rows):
    """Some rows of some classes of given embeddings."""
    chosen = rng.permutation(np.unique(y))[:n_classes]
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == one))[:n_rows] for one in chosen])
    return Z[rows], np.repeat(np.arange(n_classes), n_rows)


def kinds(folder):
    """Kinds of data by name: how a draw is made, and options of the identifier."""
    Z, y = letters(folder, 0)
    nearest = {"strategy": "nearest"}
    return {
        "one row a class": (partial(gaussian, n_rows=1, spread=0.0), {}),
        "near-identical rows": (partial(gaussian, n_rows=5, spread=0.02), nearest),
        "wide classes": (partial(gaussian, n_rows=5, spread=2.0), {}),
        "heavy tails": (heavy_tails, nearest),
        "hubs, no symmetry": (hubs, {"metric": to_hubs}),
        "ties": (ties, {"metric": "manhattan", "strategy": "nearest"}),
        "unequal sizes": (unequal_sizes, {}),
        "clusters": (clusters, {}),
        "trained embedder, one row": (partial(some_classes, Z=Z, y=y, n_rows=1), {}),
        "trained embedder, five rows": (partial(some_classes, Z=Z, y=y, n_rows=5), {}),
    }


def simulated(draw, options, n_classes, target_far, n_draws, seed):
    """Mean rate of false accepts over draws, and its interval at 95 %."""
    rng, far = np.random.default_rng(seed), []
    for _ in range(n_draws):
        X, y = draw(n_classes + N_NEW, rng)
        new = y >= n_classes
        identifier = SiameseIdentifier(AS_IT_IS, target_far=target_far, **options)
        identifier.fit(X[~new], y[~new])
        accepted = identifier.predict(X[new]) != identifier.unknown_label_
        by_class = np.bincount(y[new] - n_classes, accepted) / np.bincount(y[new] - n_classes)
        far.append(by_class.mean())
    error = 1.96 * np.std(far, ddof=1) / np.sqrt(n_draws)
    return {
        "far": float(np.mean(far)),
        "interval": [float(np.mean(far) - error), float(np.mean(far) + error)],
    }


@with_options(draws=(400, "draws of each setting"))
def run(args):
    """Return a row for each kind of data and each setting."""
    results = []
    with threadpool_limits(args.threads):
        for name, (draw, options) in kinds(args.data).items():
            for n_classes, target_far in SETTINGS:
                slow = callable(options.get("metric"))
                n_draws = max(2, args.draws // 8) if slow else args.draws
                row = {"data": name, "n_classes": n_classes, "target_far": target_far}
                figures = simulated(draw, options, n_classes, target_far, n_draws, seed=0)
                results.append(row | {"draws": n_draws} | figures)
    return results


def tables(results):
    """Return the table of simulated rates."""
    columns = {
        "data": "{data}",
        "enrolled": "{n_classes}",
        "asked for": lambda row: f"{100 * row['target_far']:.0f}",
        "false accepts, %": lambda row: f"{100 * row['far']:.2f}",
        "interval at 95 %": lambda row: "{:.2f} to {:.2f}".format(
            *(100 * max(0, bound) for bound in row["interval"])
        ),
    }
    return {"false_accept_rate": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
