"""Identify characters of new alphabets: enrol some, reject others, search many templates.

An embedder learns from the characters of the background alphabets of Omniglot. Of the evaluation
alphabets, which it has never seen, 20 characters are enrolled by five images each and 20 more are
never enrolled; the other 15 images of the former and all 20 of the latter are to be told apart and
named. This is drawn 20 times for each seed. A character turned by 90, 180 or 270 degrees is
another in training, not in these tests.

How well a rate of false accepts is kept that was asked for is measured on such draws, too, of 20
and of 100 characters; once more with characters enrolled that the embedder has learned from, for
which nothing is promised.

The time of enrolling 100,000 embeddings and identifying 10,000 is that of ``NearestNeighbors``
by brute force on the same embeddings, by turns.

The settings are those of ``systems/omniglot.py``, with half the channels to take less time.
``--held-out``, to choose others, trains on 20 background alphabets and tests on the other ten. The
evaluation alphabets were looked at once, for the figures that are reported.
"""

import warnings
from functools import partial
from time import perf_counter

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from benchmarks._common.cells import RATIO, table
from benchmarks._common.data import load_omniglot
from benchmarks._common.figures import of_runs, spread
from benchmarks._common.report import main, with_options
from benchmarks.systems.omniglot import BLOCK, SIZE, with_turned
from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese.augment import affine
from sksiamese.losses import supcon
from sksiamese.metrics import detection_identification_rate
from sksiamese.towers import cnn

N_DRAWS = 20
N_CLASSES = 20
N_ENROLLED = 5
FAR = 0.01
RATES = [(20, 0.1), (20, 0.2), (100, 0.02), (100, 0.05)]
"""Numbers of characters enrolled, and rates of false accepts that are asked for."""

EMBEDDER = {
    "n_components": 64,
    "input_shape": (SIZE, SIZE),
    "tower": partial(cnn, width=16, pooling="flatten"),
    "augment": affine,
    "loss": partial(supcon, temperature=0.1),
    "batch_size": 256,
    "max_iter": 12,
    "device": "cpu",
}
AS_IT_IS = FrozenEstimator(FunctionTransformer().fit([[0.0]]))
"""For embeddings worked out before."""


def drawn(y, n_classes, rng):
    """Rows to enrol, other rows of the same classes, and rows of as many other classes."""
    classes = rng.permutation(np.unique(y))[: 2 * n_classes]
    rows = [rng.permutation(np.flatnonzero(y == one)) for one in classes[:n_classes]]
    enrolled = np.concatenate([some[:N_ENROLLED] for some in rows])
    new = np.concatenate([some[N_ENROLLED:] for some in rows])
    return enrolled, new, np.flatnonzero(np.isin(y, classes[n_classes:]))


def open_set(Z, y, strategy, seed):
    """Means over draws: area under the curve of unknown, rate of identification, accuracy."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(N_DRAWS):
        enrolled, new, strangers = drawn(y, N_CLASSES, rng)
        identifier = SiameseIdentifier(AS_IT_IS, strategy=strategy)
        identifier.fit(Z[enrolled], y[enrolled])
        rows, labels = np.concatenate([new, strangers]), identifier.classes_
        scores = -identifier.class_distances(Z[rows])
        found.append(
            {
                "auc": roc_auc_score(np.isin(y[rows], labels), scores.max(axis=1)),
                "dir": detection_identification_rate(y[rows], scores, labels=labels, far=FAR),
                "accuracy": identifier.score(Z[new], y[new]),
            }
        )
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def rates(Z, y, strangers, n_classes, target_far, seed):
    """Means over draws: false accepts, and right names, at a rate that was asked for.

    Parameters
    ----------
    Z : ndarray of shape (n_images, n_components)
        Embeddings of characters that are enrolled.

    y : ndarray of int of shape (n_images,)
        Their characters.

    strangers : ndarray of shape (n_strangers, n_components) or None
        Embeddings of characters never enrolled; by default of others of ``Z``.

    n_classes : int
        Characters enrolled in a draw.

    target_far : float
        Rate that is asked for.

    seed : int
        Source of the draws.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(N_DRAWS):
        enrolled, new, others = drawn(y, n_classes, rng)
        identifier = SiameseIdentifier(AS_IT_IS, target_far=target_far)
        identifier.fit(Z[enrolled], y[enrolled])
        unknown = Z[others] if strangers is None else strangers
        found.append(
            {
                "far": np.mean(identifier.predict(unknown) != identifier.unknown_label_),
                "accuracy": identifier.score(Z[new], y[new]),
            }
        )
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def characters(train, test, *, seeds, epochs):
    """Rows of models that identify, and rows of rates asked for."""
    X, y = test
    models, asked = {}, {}
    for seed in range(seeds):
        options = EMBEDDER | ({"max_iter": epochs} if epochs else {})
        start = perf_counter()
        embedder = SiameseEmbedder(**options, random_state=seed).fit(*with_turned(*train))
        seconds = perf_counter() - start
        Z, learned = embedder.transform(X), embedder.transform(train[0])
        for name, rows, cost in (("ink", X, 0.0), ("SiameseEmbedder", Z, seconds)):
            for strategy in ("prototype", "nearest"):
                figures = open_set(rows, y, strategy, seed) | {"seconds": cost}
                models.setdefault((name, strategy), []).append(figures)
        for n_classes, target_far in RATES:
            for kind, given in (("new", (Z, y, None)), ("learned from", (learned, train[1], Z))):
                figures = rates(*given, n_classes, target_far, seed)
                asked.setdefault((kind, n_classes, target_far), []).append(figures)
    return [
        of_runs(runs, embedding=name, strategy=strategy)
        for (name, strategy), runs in models.items()
    ], [
        of_runs(runs, characters=kind, n_classes=n_classes, target_far=target_far)
        for (kind, n_classes, target_far), runs in asked.items()
    ]


def search_time(n_templates, n_queries, rounds):
    """Seconds of enrolling and identifying, and of the same search by scikit-learn alone."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(n_templates, 64)).astype(np.float32)
    y = rng.integers(n_templates // 5 + 1, size=n_templates)
    queries = Z[rng.integers(n_templates, size=n_queries)]
    queries += rng.normal(scale=0.5, size=queries.shape).astype(np.float32)

    def ours():
        return SiameseIdentifier(AS_IT_IS, strategy="nearest").fit(Z, y).predict(queries)

    def theirs():
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(Z)
        return y[search.kneighbors(queries, return_distance=False)[:, 0]]

    seconds = {"SiameseIdentifier": [], "NearestNeighbors": []}
    for _ in range(rounds):
        answers = []
        for name, run in (("SiameseIdentifier", ours), ("NearestNeighbors", theirs)):
            start = perf_counter()
            answers.append(run())
            seconds[name].append(perf_counter() - start)
        if not np.array_equal(*answers):
            raise RuntimeError("both searches must give the same labels")
    ratio = np.divide(*seconds.values())
    return [
        {"templates": n_templates, "queries": n_queries, "name": name, "seconds": spread(values)}
        | ({"ratio": spread(ratio)} if name == "SiameseIdentifier" else {})
        for name, values in seconds.items()
    ]


def held_out(X, y, alphabet):
    """Training and test characters, all of the background alphabets."""
    alphabets = np.random.default_rng(0).permutation(np.unique(alphabet))
    learn = np.isin(alphabet, alphabets[: 2 * len(alphabets) // 3])
    return (X[learn], y[learn]), (X[~learn], y[~learn])


@with_options(
    seeds=(3, "runs of each model"),
    epochs=(None, "epochs of each fit"),
    alphabets=(None, "read only so many alphabets"),
    templates=(100_000, "to search among"),
    queries=(10_000, "to identify"),
    rounds=(7, "of each search"),
    held_out=(False, "test on background alphabets, to choose settings"),
)
def run(args):
    """Return the rows of models, of rates and of the search."""
    part = {"n_alphabets": args.alphabets, "block": BLOCK}
    train = load_omniglot(args.data, **part)
    if args.held_out:
        parts = held_out(*train)
    else:
        parts = train[:2], load_omniglot(args.data, "evaluation", **part)[:2]
    with threadpool_limits(args.threads), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "target_far=.* needs .* enrolled classes")
        models, asked = characters(*parts, seeds=args.seeds, epochs=args.epochs)
        search = search_time(args.templates, args.queries, args.rounds)
    return {"open_set": models, "rates": asked, "search": search}


def tables(results):
    """Return the tables of models, of rates and of the search."""
    models = {
        "embedding": "{embedding}",
        "strategy": "{strategy}",
        "AUC of unknown": "auc",
        "identified at 1 % false accepts": "dir",
        "named rightly without rejection": "accuracy",
        "seconds": "seconds",
    }
    asked = {
        "characters": "{characters}",
        "enrolled": "{n_classes}",
        "asked for": lambda row: f"{100 * row['target_far']:.0f}",
        "false accepts": "far",
        "named rightly": "accuracy",
    }
    searches = {
        "templates": "{templates:,}",
        "queries": "{queries:,}",
        "search": "{name}",
        "seconds": "{seconds[median]:.2f}",
        "ratio": lambda row: RATIO.format(**row) if "ratio" in row else "",
    }
    return {
        "identifier": table(results["open_set"], models),
        "identifier_rates": table(results["rates"], asked),
        "identifier_search": table(results["search"], searches),
    }


if __name__ == "__main__":
    main(run, tables)
