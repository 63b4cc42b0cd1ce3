"""All losses on six data sets: which one to pick.

Each loss trains the default tower for ten epochs with its own margin and distance and all else at
its default; some stand there once more with a miner of their own. Omniglot is tested on the
characters of alphabets never seen, the others on new rows of known classes. The mean rank is over
data sets and measures.
"""

from functools import partial

import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._common.cells import table
from benchmarks._common.data import load_fashion_mnist, load_mfeat, load_omniglot, small_faces
from benchmarks._common.figures import summary
from benchmarks._common.report import main, with_options
from sksiamese import SiameseEmbedder, make_pairs, split_pairs
from sksiamese.losses import LOSSES
from sksiamese.metrics import mean_average_precision_at_r

CONTENDERS = [(loss, "all") for loss in LOSSES] + [
    ("triplet", "semihard"),
    ("triplet", "hardest"),
    ("soft_margin_triplet", "hardest"),
    ("wu_margin", "distance_weighted"),
    ("multi_similarity", "multi_similarity"),
]
MEASURES = ("knn", "map_at_r", "auc")


def data_sets(folder, n_rows):
    """Yield name, rows and classes of each data set, and its training rows if they are fixed."""
    X, y, *_ = load_fashion_mnist(folder)
    yield "Fashion-MNIST", X[: 2 * n_rows].astype(np.float32), y[: 2 * n_rows], None
    yield "digits", *load_digits(return_X_y=True), None
    yield "mfeat", *load_mfeat(folder), None
    yield "faces", *small_faces(folder), None
    yield "breast cancer", *load_breast_cancer(return_X_y=True), None
    X, y, alphabet = load_omniglot(folder, n_alphabets=8)
    yield "Omniglot, unseen", X, y, alphabet < 5


def split(X, y, known, seed):
    """Return training and test part, in float32."""
    X = X.astype(np.float32)
    if known is not None:
        return X[known], X[~known], y[known], y[~known]
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)


def measure(Z_train, Z, y_train, y):
    """Return the figures of an embedding on test rows."""
    neighbors = KNeighborsClassifier()
    if set(y) <= set(y_train):
        knn = neighbors.fit(Z_train, y_train).score(Z, y)
    else:
        knn = cross_val_score(neighbors, Z, y, cv=5).mean()
    P, match, _ = make_pairs(Z, y, n_pairs=4000 if len(y) > 300 else 800, random_state=0)
    distance = paired_euclidean_distances(*split_pairs(P))
    return {
        "knn": float(knn),
        "map_at_r": mean_average_precision_at_r(y, Z),
        "auc": float(roc_auc_score(match, -distance)),
    }


@with_options(
    seeds=(3, "splits of each data set"),
    epochs=(10, "epochs of each fit"),
    rows=(3000, "training rows of Fashion-MNIST"),
)
def run(args):
    """Return a row for each loss and miner and one for the raw rows, with figures by data set."""
    found = {("raw rows", ""): {}} | {contender: {} for contender in CONTENDERS}
    for name, X, y, known in data_sets(args.data, args.rows):
        parts = [split(X, y, known, seed) for seed in range(args.seeds)]
        for loss, miner in found:
            figures = [
                figures_of(loss, miner, part, seed, args.epochs) for seed, part in enumerate(parts)
            ]
            found[loss, miner][name] = summary(figures)
    ranks = mean_ranks(found)
    return [
        {"loss": loss, "miner": miner, "rank": ranks[loss, miner], "data": figures}
        for (loss, miner), figures in found.items()
    ]


def figures_of(loss, miner, part, seed, epochs):
    """Return the figures of one loss and miner, or of the raw rows, on one split."""
    X_train, X, y_train, y = part
    if miner:
        embedder = SiameseEmbedder(
            loss=loss, miner=miner, max_iter=epochs, random_state=seed, device="cpu"
        ).fit(X_train, y_train)
        X_train, X = embedder.transform(X_train), embedder.transform(X)
    return measure(X_train, X, y_train, y)


def mean_ranks(found):
    """Return the mean rank of each contender over data sets and measures, None for raw rows."""
    names = [contender for contender in found if contender[1]]
    table = np.array(
        [
            [figures[measure]["mean"] for figures in found[name].values() for measure in MEASURES]
            for name in names
        ]
    )
    ranks = rankdata(-table, axis=0).mean(axis=1)
    return {("raw rows", ""): None} | dict(zip(names, ranks.tolist(), strict=True))


def tables(results):
    """Return the table of all losses on all data sets, best first."""
    ordered = sorted(results, key=lambda row: row["rank"] or float("inf"))
    columns = {
        "loss": "{loss}",
        "miner": "{miner}",
        "mean rank": lambda row: f"{row['rank']:.1f}" if row["rank"] else "",
        **{name: partial(percentages, name) for name in results[0]["data"]},
    }
    return {"loss_table": table(ordered, columns)}


def percentages(name, row):
    """Return the cell of the mean figures of a loss on one data set."""
    figures = row["data"][name]
    return " / ".join(f"{100 * figures[measure]['mean']:.1f}" for measure in MEASURES)


if __name__ == "__main__":
    main(run, tables)
