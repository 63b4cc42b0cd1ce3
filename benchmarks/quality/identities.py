"""Measure verification of known and unseen identities, and estimates by splits of pairs.

``verify_digits``: on digits the verifier learns from 3,000 pairs of 1,000 rows, and is tested on
pairs of the other rows. Then whole identities are held out: two of the ten digits, or eight of the
forty people of the AT&T faces, with more and more people to learn from. The verifier has its
defaults, no contrastive loss, or a tower with the width and depth of the embedder. Its logit is
compared with the distance of its embeddings and with the distance of the images themselves, with a
threshold chosen on the training pairs.

``naive_split``: AT&T faces, reduced to 28 x 23 gray values: of the 40 people eight are held out, in
five folds. On pairs of the other 32, all 1,440 that match and as many others, five-fold
cross-validation estimates the performance of a verifier: by folds of pairs at random
(``StratifiedKFold``), which share people and images, and by ``PairKFold``, which keeps people
apart, with the share of matches of all pairs or, with ``stratify=False``, with all pairs that are
left. Then the verifier is trained on all of these pairs and tested on the pairs of the eight
people. The verifier has its defaults; nothing was chosen by these figures.
"""

from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import get_scorer, make_scorer, roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.preprocessing import StandardScaler

from benchmarks._common.data import small_faces
from benchmarks._common.figures import best_threshold, of_runs
from benchmarks._common.report import ALONE, benchmark, start
from sksiamese import PairKFold, SiameseVerifier, make_pairs, split_pairs
from sksiamese.metrics import equal_error_rate, pair_accuracy, true_accept_rate

N_PAIRS = 3000
VERIFIERS = {
    "SiameseVerifier": {},
    "SiameseVerifier, margin=None": {"margin": None},
    "SiameseVerifier, depth=3, width=128": {"depth": 3, "width": 128},
}
N_PEOPLE = (4, 8, 16, 32)
SCORERS = {
    "AUC": get_scorer("roc_auc"),
    "accuracy": get_scorer("accuracy"),
    "EER": make_scorer(equal_error_rate, response_method="decision_function"),
}
NAIVE, APART, ALL_LEFT = "pairs at random", "PairKFold", "PairKFold(stratify=False)"
TRUTH = "new people"


def compare_models(train, test, seed):
    """Return the figures of all models on test pairs; both parts are pairs and their matches."""
    figures, distances = {}, {}
    for name, parameters in VERIFIERS.items():
        verifier = SiameseVerifier(random_state=seed, device="cpu", **ALONE | parameters)
        verifier.fit(*train)
        figures[name] = measure(test[1], verifier.decision_function(test[0]), threshold=0)
        distances[f"{name}, pair_distance"] = verifier.pair_distance
    scaler = StandardScaler().fit(np.vstack(split_pairs(train[0])))
    distances["distance of standardized pixels"] = partial(pixel_distance, scaler.transform)
    distances["distance of pixels"] = partial(pixel_distance, np.asarray)
    for name, distance in distances.items():
        threshold = best_threshold(train[1], -distance(train[0]))
        figures[name] = measure(test[1], -distance(test[0]), threshold=threshold)
    return figures


def pixel_distance(transform, P):
    """Return the Euclidean distance of the transformed items of each pair."""
    return paired_euclidean_distances(*map(transform, split_pairs(P)))


def measure(match, score, *, threshold):
    """Return the figures of one model."""
    return {
        "AUC": float(roc_auc_score(match, score)),
        "accuracy": pair_accuracy(match, score, threshold=threshold),
        "EER": equal_error_rate(match, score),
        "TAR at FAR 1 %": true_accept_rate(match, score, far=0.01),
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

    All pairs of the ten images of a person match, and as many pairs do not.
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
    return make_pairs(X, y, n_pairs=n_pairs, random_state=seed)[:2]


def rows_of(splits, **labels):
    """Return a row for each model, with labels of the task."""
    runs = [compare_models(*split, seed) for seed, split in enumerate(splits)]
    return [of_runs([run[model] for run in runs], **labels, model=model) for model in runs[0]]


@benchmark(verify_digits=None, unseen_identities=None)
def verify_digits(data, *, seeds=10, splits=10, folds=5):
    """Return the rows of known identities, and of unseen ones."""
    digits = {"test pairs": "digits, two unseen", "identities learned from": 8}
    unseen = rows_of(unseen_digits(splits), **digits)
    X, y = small_faces(data)
    for n_people in N_PEOPLE:
        faces = {"test pairs": "faces, eight unseen", "identities learned from": n_people}
        unseen += rows_of(unseen_people(X, y, n_people, folds), **faces)
    return {"verify_digits": rows_of(known_digits(seeds)), "unseen_identities": unseen}


def compare_splits(known, new, *, seed, max_iter):
    """Return the figures estimated by each split of known pairs, and those of new pairs."""
    pairs, match, people = known
    verifier = SiameseVerifier(**ALONE, max_iter=max_iter, random_state=seed, device="cpu")
    options = {"shuffle": True, "random_state": seed}
    figures = {}
    for name, folds, groups in (
        (NAIVE, StratifiedKFold(5, **options), None),
        (APART, PairKFold(5, **options), people),
        (ALL_LEFT, PairKFold(5, **options, stratify=False), people),
    ):
        scores = cross_validate(
            verifier, pairs, match, groups=groups, cv=folds, scoring=SCORERS, return_indices=True
        )
        figures[name] = {key: float(scores[f"test_{key}"].mean()) for key in SCORERS}
        tested, trained = scores["indices"]["test"], scores["indices"]["train"]
        figures[name]["matches"] = float(np.mean([match[rows].mean() for rows in tested]))
        n_used = np.mean([len(a) + len(b) for a, b in zip(tested, trained, strict=True)])
        figures[name]["pairs dropped"] = float(1 - n_used / len(match))
    verifier.fit(pairs, match)
    figures[TRUTH] = {key: float(score(verifier, *new[:2])) for key, score in SCORERS.items()}
    figures[TRUTH]["matches"] = float(new[1].mean())
    return figures


def pairs_of_people(X, y, seed):
    """Return all matching pairs of ten images a person and as many others, and their people."""
    n_pairs = 90 * len(np.unique(y))
    pairs, match, _ = make_pairs(X, y, n_pairs=n_pairs, as_view=True, random_state=seed)
    return pairs, match, y[pairs.index]


@benchmark(naive_split=None)
def naive_split(data, *, seeds=5, max_iter=30):
    """Return a row for each split and one for new people, over several choices of people."""
    X, y = small_faces(data)
    people, runs = np.unique(y), []
    for seed in range(seeds):
        folds = KFold(5, shuffle=True, random_state=seed // 5).split(people)
        rows = [np.isin(y, people[group]) for group in list(folds)[seed % 5]]
        known, new = (pairs_of_people(X[part], y[part], seed) for part in rows)
        runs.append(compare_splits(known, new, seed=seed, max_iter=max_iter))
    rows = [(name, [figures[name] for figures in runs]) for name in runs[0]]
    return [of_runs(figures, **{"pairs to test on": name}) for name, figures in rows]


if __name__ == "__main__":
    start(verify_digits, naive_split)
