"""All losses on six data sets: which one to pick.

Each loss trains the default tower for ten epochs with its own margin and distance and all else at
its default; some stand there once more with a miner of their own. Omniglot is tested on the
characters of alphabets never seen, the others on new rows of known classes. The mean rank is over
data sets and measures.
"""

import sys

import _data
import _report
import numpy as np
import tables
import torch
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier

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
    """Training and test rows of each data set, and whether the test classes are known."""
    X, y, *_ = _data.load_fashion_mnist(folder)
    yield "Fashion-MNIST", X[: 2 * n_rows].astype(np.float32), y[: 2 * n_rows], None
    yield "digits", *load_digits(return_X_y=True), None
    yield "mfeat", *_data.load_mfeat(folder), None
    faces, y = _data.load_att_faces(folder)
    blocks = faces.reshape(len(faces), 28, 4, 23, 4).astype(np.float32).mean(axis=(2, 4))
    yield "faces", blocks.reshape(len(faces), -1), y, None
    yield "breast cancer", *load_breast_cancer(return_X_y=True), None
    X, y, alphabet = _data.load_omniglot(folder, n_alphabets=8)
    yield "Omniglot, unseen", X, y, alphabet < 5


def split(X, y, known, seed):
    """Training and test part, in float32."""
    X = X.astype(np.float32)
    if known is not None:
        return X[known], X[~known], y[known], y[~known]
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)


def measure(Z_train, Z, y_train, y):
    """What an embedding is worth on test rows."""
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


def run(folder, *, seeds, epochs, rows):
    """A row for each loss and miner and for the raw data, with its figures on each data set."""
    found = {("raw rows", ""): {}} | {contender: {} for contender in CONTENDERS}
    for name, X, y, known in data_sets(folder, rows):
        parts = [split(X, y, known, seed) for seed in range(seeds)]
        for loss, miner in found:
            figures = [
                figures_of(loss, miner, part, seed, epochs) for seed, part in enumerate(parts)
            ]
            found[loss, miner][name] = _report.summary(figures)
    ranks = mean_ranks(found)
    return [
        {"loss": loss, "miner": miner, "rank": ranks[loss, miner], "data": figures}
        for (loss, miner), figures in found.items()
    ]


def figures_of(loss, miner, part, seed, epochs):
    """Figures of one loss and miner, or of the raw rows, on one split."""
    X_train, X, y_train, y = part
    if miner:
        embedder = SiameseEmbedder(
            loss=loss, miner=miner, max_iter=epochs, random_state=seed, device="cpu"
        ).fit(X_train, y_train)
        X_train, X = embedder.transform(X_train), embedder.transform(X)
    return measure(X_train, X, y_train, y)


def mean_ranks(found):
    """Mean rank of each contender over data sets and measures; the raw rows have none."""
    names = [contender for contender in found if contender[1]]
    table = np.array(
        [
            [figures[measure]["mean"] for figures in found[name].values() for measure in MEASURES]
            for name in names
        ]
    )
    ranks = rankdata(-table, axis=0).mean(axis=1)
    return {("raw rows", ""): None} | dict(zip(names, ranks.tolist(), strict=True))


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=3, help="splits of each data set")
    options.add_argument("--epochs", type=int, default=10, help="epochs of each fit")
    options.add_argument("--rows", type=int, default=3000, help="training rows of Fashion-MNIST")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    settings = {key: getattr(args, key) for key in ("seeds", "epochs", "rows")}
    results = run(args.data, **settings)
    _report.write(args.out / "loss_table.json", results, threads=args.threads, **settings)
    sys.stdout.write(tables.markdown(*tables.loss_table(results)))


if __name__ == "__main__":
    main()
