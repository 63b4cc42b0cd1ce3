"""Measure the identifier: enrolled and unknown classes, rates of false accepts, and the search.

``identifier``: an embedder learns from the characters of the background alphabets of Omniglot. Of
the evaluation alphabets, which are unseen, 20 characters are enrolled by five images each and 20
more are never enrolled; the other 15 images of the former and all 20 of the latter are identified
or rejected. This is drawn 20 times for each seed. A character turned by 90, 180 or 270 degrees is
another in training, not in these tests.

The false accepts at a requested rate are measured on such draws, too, of 20 and of 100 characters;
once more with enrolled characters that the embedder has learned from, for which the rate is not
guaranteed. The time of enrolling 100,000 embeddings and identifying 10,000 is compared with
``NearestNeighbors`` by brute force on the same embeddings, by turns.

The settings are from ``systems/omniglot.py``, with half the channels to save time; they
were chosen on background alphabets. The evaluation alphabets only give the figures.

``false_accept_rate``: each draw enrolls some classes, and identifies rows of others that were never
enrolled. The rate is the mean over draws of the share of these rows that are accepted, with its
95 % interval over draws; the requested rate must not lie below it.

Kinds of data: one row a class; near-identical rows; wide classes; heavy tails; hubs, by a metric
that is not symmetric; whole numbers with many ties; classes of unequal sizes; families of similar
classes; letters of the UCI, turned to make many classes, by an embedder trained on other ones.
"""

import warnings
from functools import partial

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from benchmarks._common.data import load_omniglot
from benchmarks._common.figures import RATIO, by_turns, mean_of, of_runs, spread, timed
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks.systems.omniglot import SIZE, with_turned
from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese.augment import affine
from sksiamese.losses import supcon
from sksiamese.metrics import detection_identification_rate
from sksiamese.towers import cnn

N_DRAWS = 20
N_CLASSES = 20
N_ENROLLED = 5
RATES = [(20, 0.1), (20, 0.2), (100, 0.02), (100, 0.05)]
"""Numbers of enrolled characters, and requested rates of false accepts, of ``identifier``."""

EMBEDDER = {
    "n_components": 64,
    "learned_weight": 1.0,
    "input_shape": (SIZE, SIZE),
    "tower": partial(cnn, width=16, pooling="flatten"),
    "augment": affine,
    "loss": partial(supcon, temperature=0.1),
    "batch_size": 256,
    "max_iter": 12,
    "device": "cpu",
}
IDENTITY = FrozenEstimator(FunctionTransformer().fit([[0.0]]))
"""Embedder that returns rows unchanged, for embeddings computed before."""

SETTINGS = [(39, 0.05), (99, 0.02), (99, 0.05), (199, 0.05)]
"""Numbers of enrolled classes, and requested rates, of ``false_accept_rate``."""

N_NEW = 20
"""Classes that are never enrolled, in each draw of ``false_accept_rate``."""


def draw(y, n_classes, rng):
    """Return rows to enroll, other rows of the same classes, and rows of as many other classes."""
    classes = rng.permutation(np.unique(y))[: 2 * n_classes]
    rows = [rng.permutation(np.flatnonzero(y == one)) for one in classes[:n_classes]]
    enrolled = np.concatenate([some[:N_ENROLLED] for some in rows])
    new = np.concatenate([some[N_ENROLLED:] for some in rows])
    return enrolled, new, np.flatnonzero(np.isin(y, classes[n_classes:]))


def open_set(Z, y, strategy, seed):
    """Return means over draws: area under the curve of unknown, identification rate, accuracy."""
    rng, runs = np.random.default_rng(seed), []
    for _ in range(N_DRAWS):
        enrolled, new, unknown = draw(y, N_CLASSES, rng)
        identifier = SiameseIdentifier(IDENTITY, strategy=strategy).fit(Z[enrolled], y[enrolled])
        rows, labels = np.concatenate([new, unknown]), identifier.classes_
        scores = -identifier.class_distances(Z[rows])
        runs.append(
            {
                "AUC of unknown": roc_auc_score(np.isin(y[rows], labels), scores.max(axis=1)),
                "identified at 1 % false accepts": detection_identification_rate(
                    y[rows], scores, labels=labels, far=0.01
                ),
                "correctly identified without rejection": identifier.score(Z[new], y[new]),
            }
        )
    return mean_of(runs)


def rates(Z, y, unknown, n_classes, target_far, seed):
    """Return means over draws: false accepts and accuracy at a requested rate.

    Parameters
    ----------
    Z : ndarray of shape (n_images, n_components)
        Embeddings of characters that are enrolled.

    y : ndarray of int of shape (n_images,)
        Their characters.

    unknown : ndarray of shape (n_unknown, n_components) or None
        Embeddings of characters never enrolled; by default of others of ``Z``.

    n_classes : int
        Number of enrolled characters in a draw.

    target_far : float
        Requested rate.

    seed : int
        Seed of the draws.
    """
    rng, runs = np.random.default_rng(seed), []
    for _ in range(N_DRAWS):
        enrolled, new, others = draw(y, n_classes, rng)
        identifier = SiameseIdentifier(IDENTITY, target_far=target_far)
        identifier.fit(Z[enrolled], y[enrolled])
        rows = Z[others] if unknown is None else unknown
        far = np.mean(identifier.predict(rows) != identifier.unknown_label_)
        runs.append(
            {"false accepts": far, "correctly identified": identifier.score(Z[new], y[new])}
        )
    return mean_of(runs)


def identify_characters(train, test, seeds):
    """Return rows of embeddings and strategies, and rows of requested rates."""
    X, y = test
    fitted = []
    for seed in range(seeds):
        embedder = SiameseEmbedder(**EMBEDDER, random_state=seed)
        _, seconds = timed(embedder.fit, *with_turned(*train))
        fitted.append((embedder.transform(X), embedder.transform(train[0]), seconds))
    models, requested = [], []
    for name in ("ink", "SiameseEmbedder"):
        for strategy in ("prototype", "nearest"):
            runs = []
            for seed, (Z, _, seconds) in enumerate(fitted):
                items, cost = (X, 0.0) if name == "ink" else (Z, seconds)
                runs.append(open_set(items, y, strategy, seed) | {"seconds": cost})
            models.append(of_runs(runs, embedding=name, strategy=strategy))
    for n_classes, target_far in RATES:
        for kind in ("new", "learned from"):
            runs = []
            for seed, (Z, Z_train, _) in enumerate(fitted):
                items = (Z, y, None) if kind == "new" else (Z_train, train[1], Z)
                runs.append(rates(*items, n_classes, target_far, seed))
            labels = {"characters": kind, "n_classes": n_classes, "target_far": target_far}
            requested.append(of_runs(runs, **labels))
    return models, requested


def compare_search(n_templates, n_queries, rounds):
    """Return the seconds of enrolling and identifying, and of scikit-learn's search alone."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(n_templates, 64)).astype(np.float32)
    y = rng.integers(n_templates // 5 + 1, size=n_templates)
    queries = Z[rng.integers(n_templates, size=n_queries)]
    queries += rng.normal(scale=0.5, size=queries.shape).astype(np.float32)

    def ours():
        return SiameseIdentifier(IDENTITY, strategy="nearest").fit(Z, y).predict(queries)

    def theirs():
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(Z)
        return y[search.kneighbors(queries, return_distance=False)[:, 0]]

    ways = {"SiameseIdentifier": partial(timed, ours), "NearestNeighbors": partial(timed, theirs)}
    found = by_turns(ways, rounds, warm_up=0)
    for (our_labels, _), (their_labels, _) in zip(*found.values(), strict=True):
        if not np.array_equal(our_labels, their_labels):
            raise RuntimeError("both searches must give the same labels")
    seconds = {name: [taken for _, taken in turns] for name, turns in found.items()}
    sizes = {"templates": n_templates, "queries": n_queries}
    rows = [sizes | {"name": name, "seconds": spread(taken)} for name, taken in seconds.items()]
    rows[0]["ratio"] = spread(np.divide(*seconds.values()))
    return rows


REQUESTED = {"enrolled": "{n_classes}", "requested": lambda row: f"{100 * row['target_far']:.0f}"}
RATES_TABLE = {
    "characters": "{characters}",
    **REQUESTED,
    "false accepts": "false accepts",
    "correctly identified": "correctly identified",
}
SEARCH_TABLE = {
    "templates": "{templates:,}",
    "queries": "{queries:,}",
    "search": "{name}",
    "seconds": "{seconds[median]:.2f}",
    "ratio": lambda row: RATIO.format(**row) if "ratio" in row else "",
}


@benchmark(identifier=None, identifier_rates=RATES_TABLE, identifier_search=SEARCH_TABLE)
def identifier(data, *, seeds=3, alphabets=None, templates=100_000, queries=10_000, rounds=7):
    """Return the rows of models, of requested rates and of the search."""
    read = partial(load_omniglot, data, n_alphabets=alphabets)
    train, test = read("background")[:2], read("evaluation")[:2]
    with threadpool_limits(torch.get_num_threads()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "target_far=.* needs .* enrolled classes")
        models, requested = identify_characters(train, test, seeds)
        search = compare_search(templates, queries, rounds)
    return {"identifier": models, "identifier_rates": requested, "identifier_search": search}


def around(centres, n_rows, spread, rng):
    """Return rows around centers, and the numbers of their classes."""
    y = np.repeat(np.arange(len(centres)), n_rows)
    return centres[y] + spread * rng.normal(size=(len(y), centres.shape[1])), y


def gaussian(n_classes, rng, *, n_rows, spread):
    """Return normal classes with normal centers."""
    return around(rng.normal(size=(n_classes, 8)), n_rows, spread, rng)


def heavy_tails(n_classes, rng):
    """Return classes with centers by Student's t, a few of them far from all others."""
    return around(rng.standard_t(1.5, size=(n_classes, 4)), 3, 0.3, rng)


def hubs(n_classes, rng):
    """Return rows of 24 components and the hubness that :func:`to_hubs` divides by."""
    X, y = around(rng.normal(size=(n_classes, 24)), 2, 0.5, rng)
    return np.column_stack([X, rng.exponential(2.0, size=n_classes)[y]]), y


def to_hubs(row, template):
    """Return an asymmetric distance: some templates are near to every row."""
    return np.linalg.norm(row[:-1] - template[:-1]) / (1 + template[-1])


def ties(n_classes, rng):
    """Return whole numbers from 0 to 9 in four columns: many distances are equal."""
    return rng.integers(0, 10, size=(2 * n_classes, 4)), np.repeat(np.arange(n_classes), 2)


def unequal_sizes(n_classes, rng):
    """Return classes of 1 to 30 rows, the larger the wider."""
    n_rows = np.minimum(30, rng.geometric(0.15, size=n_classes))
    spread = np.repeat(0.05 * n_rows, n_rows)[:, None]
    return around(rng.normal(size=(n_classes, 6)), n_rows, spread, rng)


def clusters(n_classes, rng):
    """Return families of four near classes of two rows."""
    parents = np.repeat(rng.normal(size=(-(-n_classes // 4), 8)), 4, axis=0)
    centres = parents + 0.1 * rng.normal(size=parents.shape)
    return around(rng.permutation(centres)[:n_classes], 2, 0.05, rng)


def letters(folder):
    """Return embeddings of turned letters that are unseen in training, and their classes.

    A random rotation of the 16 columns makes another class of each letter.
    """
    table = np.loadtxt(folder / "uci" / "letter-recognition.data.gz", str, delimiter=",")
    X, y = table[:, 1:].astype(np.float32), np.unique(table[:, 0], return_inverse=True)[1]
    X, rng, parts = (X - X.mean(axis=0)) / X.std(axis=0), np.random.default_rng(0), []
    for number in range(20):
        turn = np.linalg.qr(rng.normal(size=(16, 16)))[0].astype(np.float32)
        for letter in range(26):
            chosen = rng.permutation(np.flatnonzero(y == letter))[:10]
            parts.append((X[chosen] @ turn, np.full(10, 26 * number + letter)))
    X, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    learned = y < 130
    embedder = SiameseEmbedder(**ALONE, max_iter=20, random_state=0, device="cpu")
    return embedder.fit(X[learned], y[learned]).transform(X[~learned]), y[~learned]


def some_classes(n_classes, rng, *, Z, y, n_rows):
    """Return some embeddings of some classes."""
    chosen = rng.permutation(np.unique(y))[:n_classes]
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == one))[:n_rows] for one in chosen])
    return Z[rows], np.repeat(np.arange(n_classes), n_rows)


def kinds(folder):
    """Return kinds of data by name: a function that draws classes, and identifier options."""
    Z, y = letters(folder)
    nearest = {"strategy": "nearest"}
    return {
        "one row a class": (partial(gaussian, n_rows=1, spread=0.0), {}),
        "near-identical rows": (partial(gaussian, n_rows=5, spread=0.02), nearest),
        "wide classes": (partial(gaussian, n_rows=5, spread=2.0), {}),
        "heavy tails": (heavy_tails, nearest),
        "hubs, no symmetry": (hubs, {"metric": to_hubs}),
        "ties": (ties, {"metric": "manhattan"} | nearest),
        "unequal sizes": (unequal_sizes, {}),
        "clusters": (clusters, {}),
        "trained embedder, one row": (partial(some_classes, Z=Z, y=y, n_rows=1), {}),
        "trained embedder, five rows": (partial(some_classes, Z=Z, y=y, n_rows=5), {}),
    }


def simulate(make_classes, options, n_classes, target_far, n_draws):
    """Return the mean rate of false accepts over draws, and its 95 % interval."""
    rng, rates = np.random.default_rng(0), []
    for _ in range(n_draws):
        X, y = make_classes(n_classes + N_NEW, rng)
        new = y >= n_classes
        identifier = SiameseIdentifier(IDENTITY, target_far=target_far, **options)
        identifier.fit(X[~new], y[~new])
        accepted = identifier.predict(X[new]) != identifier.unknown_label_
        by_class = np.bincount(y[new] - n_classes, accepted) / np.bincount(y[new] - n_classes)
        rates.append(by_class.mean())
    far, error = np.mean(rates), 1.96 * np.std(rates, ddof=1) / np.sqrt(n_draws)
    return {"far": float(far), "interval": [float(far - error), float(far + error)]}


FAR_TABLE = {
    "data": "{data}",
    **REQUESTED,
    "false accepts, %": lambda row: f"{100 * row['far']:.2f}",
    "interval at 95 %": lambda row: "{:.2f} to {:.2f}".format(
        *(100 * max(0, bound) for bound in row["interval"])
    ),
}


@benchmark(false_accept_rate=FAR_TABLE)
def false_accept_rate(data, *, draws=400):
    """Return a row for each kind of data and each setting."""
    results = []
    with threadpool_limits(torch.get_num_threads()):
        for name, (make_classes, options) in kinds(data).items():
            slow = callable(options.get("metric"))
            n_draws = max(2, draws // 8) if slow else draws
            for n_classes, target_far in SETTINGS:
                row = {"data": name, "n_classes": n_classes, "target_far": target_far}
                figures = simulate(make_classes, options, n_classes, target_far, n_draws)
                results.append(row | {"draws": n_draws} | figures)
    return results


if __name__ == "__main__":
    start(identifier, false_accept_rate)
