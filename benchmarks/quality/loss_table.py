"""Compare all losses on six data sets.

Each loss trains the default tower for ten epochs with its own margin and distance and all other
parameters at their defaults; some once more with a suitable miner. Omniglot is tested on the
characters of unseen alphabets, the others on new rows of known classes. The mean rank is over data
sets and measures.
"""

import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._common.data import load_fashion_mnist, load_mfeat, load_omniglot, small_faces
from benchmarks._common.figures import summary
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks._common.resume import resume
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
    X, y, *_ = load_fashion_mnist(folder, 2 * n_rows)
    yield "Fashion-MNIST", X.astype(np.float32), y, None
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


def figures_of(loss, miner, part, seed, epochs):
    """Return the figures of one loss and miner, or of the raw rows, on one split."""
    X_train, X, y_train, y = part
    if miner:
        options = {"loss": loss, "miner": miner, "max_iter": epochs}
        embedder = SiameseEmbedder(**ALONE, **options, random_state=seed, device="cpu")
        embedder.fit(X_train, y_train)
        X_train, X = embedder.transform(X_train), embedder.transform(X)
    return measure(X_train, X, y_train, y)


def percentages(figures):
    """Return the cell of the mean figures of a loss on one data set."""
    return " / ".join(f"{100 * figures[measure]['mean']:.1f}" for measure in MEASURES)


def ranked(results):
    """Return the rows of the table, best first."""
    return [
        {
            "loss": row["loss"],
            "miner": row["miner"],
            "mean rank": f"{row['rank']:.1f}" if row["rank"] else "",
            **{name: percentages(figures) for name, figures in row["data"].items()},
        }
        for row in sorted(results, key=lambda row: row["rank"] or float("inf"))
    ]


@benchmark(loss_table=ranked)
def loss_table(data, *, seeds=3, epochs=10, rows=3000, partial_file=""):
    """Return a row for each loss and miner and one for the raw rows, with figures by data set."""
    parts = {
        name: [split(X, y, known, seed) for seed in range(seeds)]
        for name, X, y, known in data_sets(data, rows)
    }

    def over_seeds(loss, miner, name):
        splits = enumerate(parts[name])
        return summary([figures_of(loss, miner, part, seed, epochs) for seed, part in splits])

    contenders = [("raw rows", ""), *CONTENDERS]
    found = resume(partial_file, [(*one, name) for one in contenders for name in parts], over_seeds)
    results = [
        {"loss": loss, "miner": miner, "rank": None}
        | {"data": {name: found[loss, miner, name] for name in parts}}
        for loss, miner in contenders
    ]
    means = [
        [figures[measure]["mean"] for figures in row["data"].values() for measure in MEASURES]
        for row in results[1:]
    ]
    ranks = rankdata(-np.array(means), axis=0).mean(axis=1)
    for row, rank in zip(results[1:], ranks.tolist(), strict=True):
        row["rank"] = rank
    return results


if __name__ == "__main__":
    start(loss_table)
