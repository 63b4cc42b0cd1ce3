"""Verification: pairs of new images of known identities, and of identities never seen.

On digits the verifier learns from 3,000 pairs of 1,000 rows and meets pairs of the other rows.
Then whole identities are held out: two of the ten digits, or eight of the forty people of the
AT&T faces, with more and more people to learn from. The verifier has its defaults, no
contrastive loss, or a tower as narrow and deep as that of the embedder. Beside its logit stand
the distance of its embeddings and that of the images themselves, with a threshold chosen on the
training pairs.
"""

from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from benchmarks._common.cells import table
from benchmarks._common.data import small_faces
from benchmarks._common.figures import best_threshold, of_runs
from benchmarks._common.report import main, with_options
from sksiamese import SiameseVerifier, make_pairs, split_pairs
from sksiamese.metrics import equal_error_rate, pair_accuracy, true_accept_rate

N_PAIRS = 3000
VERIFIERS = {
    "SiameseVerifier": {},
    "SiameseVerifier, margin=None": {"margin": None},
    "SiameseVerifier, depth=3, width=128": {"depth": 3, "width": 128},
}
N_PEOPLE = (4, 8, 16, 32)


def compare(train, test, seed):
    """Return the figures of all models on test pairs; both parts are pairs and their matches."""
    figures, distances = {}, {}
    for name, parameters in VERIFIERS.items():
        verifier = SiameseVerifier(random_state=seed, device="cpu", **parameters).fit(*train)
        figures[name] = measure(test[1], verifier.decision_function(test[0]), threshold=0)
        distances[f"{name}, pair_distance"] = verifier.pair_distance
    scaler = StandardScaler().fit(np.vstack(split_pairs(train[0])))
    distances["distance of standardised pixels"] = partial(pixel_distance, scaler.transform)
    distances["distance of pixels"] = partial(pixel_distance, np.asarray)
    for name, distance in distances.items():
        threshold = best_threshold(train[1], -distance(train[0]))
        figures[name] = measure(test[1], -distance(test[0]), threshold=threshold)
    return figures


def pixel_distance(change, P):
    """Return the Euclidean distance of the transformed items of each pair."""
    return paired_euclidean_distances(*map(change, split_pairs(P)))


def measure(match, score, *, threshold):
    """Return the figures of one model."""
    return {
        "auc": float(roc_auc_score(match, score)),
        "accuracy": pair_accuracy(match, score, threshold=threshold),
        "eer": equal_error_rate(match, score),
        "tar": true_accept_rate(match, score, far=0.01),
    }


def known_digits(n_seeds):
    """Yield training and test pairs of different rows of the same ten digits, seed by seed."""
    X, y = load_digits(return_X_y=True)
    for seed in range(n_seeds):
        order = np.random.default_rng(seed).permutation(len(y))
        yield [pairs_of(X[rows], y[rows], N_PAIRS, seed) for rows in np.split(order, [1000])]


def unseen_digits(n_splits):
    """Yield training pairs of eight digits and test pairs of the other two, split by split."""
    X, y = load_digits(return_X_y=True)
    for split in range(n_splits):
        order = np.random.default_rng(split // 5).permutation(10)
        new = np.isin(y, order[2 * (split % 5) :][:2])
        yield [pairs_of(X[rows], y[rows], N_PAIRS, split) for rows in (~new, new)]


def unseen_people(X, y, n_people, n_folds):
    """Yield training pairs of some people and test pairs of others, fold by fold.

    There are as many pairs as match at all, ten images to a person, and as many others.
    """
    people = np.unique(y)
    folds = KFold(5, shuffle=True, random_state=0).split(people)
    for fold, (known, new) in zip(range(n_folds), folds, strict=False):
        known = np.random.default_rng(fold).permutation(known)[:n_people]
        yield [
            pairs_of(X[rows], y[rows], 90 * len(group), fold)
            for group in (known, new)
            for rows in [np.isin(y, people[group])]
        ]


def pairs_of(X, y, n_pairs, seed):
    """Return pairs, and whether they match."""
    P, match, _ = make_pairs(X, y, n_pairs=n_pairs, random_state=seed)
    return P, match


def rows_of(task, n_identities, splits):
    """Return the rows of one task, a row for each model."""
    runs = [compare(*split, seed) for seed, split in enumerate(splits)]
    return [
        of_runs([run[model] for run in runs], task=task, n_identities=n_identities, model=model)
        for model in runs[0]
    ]


@with_options(
    seeds=(10, "runs on digits, known identities"),
    splits=(10, "choices of two unseen digits"),
    folds=(5, "folds of people, at most 5"),
)
def run(args):
    """Return the rows of known identities, and of identities never seen."""
    known = rows_of("digits, new rows", 10, known_digits(args.seeds))
    unseen = rows_of("digits, two unseen", 8, unseen_digits(args.splits))
    X, y = small_faces(args.data)
    for n_people in N_PEOPLE:
        splits = unseen_people(X, y, n_people, args.folds)
        unseen += rows_of("faces, eight unseen", n_people, splits)
    return {"known": known, "unseen": unseen}


def tables(results):
    """Return the tables of known identities, and of identities never seen."""
    model = {"model": "{model}"}
    figures = {"AUC": "auc", "accuracy": "accuracy", "EER": "eer", "TAR at FAR 1 %": "tar"}
    task = {"test pairs": "{task}", "identities learned from": "{n_identities}"}
    return {
        "verify_digits": table(results["known"], model | figures),
        "unseen_identities": table(results["unseen"], task | model | figures),
    }


if __name__ == "__main__":
    main(run, tables)
