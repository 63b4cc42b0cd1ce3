"""Omniglot: recognize characters of unseen alphabets from one example each.

Trained on the 964 characters of the 30 background alphabets, tested on the 20 runs of Lake,
Salakhutdinov and Tenenbaum: in each, 20 images of one alphabet that is not among the 30 are
matched with 20 characters, each given by one example of another drawer, 400 trials in all.
Verification is tested on pairs of images of one evaluation alphabet, half of them of one
character. Its threshold is chosen on the pairs of ten evaluation alphabets and tested on those of
the other ten, in both directions.

``SiameseVerifier`` is the network of Koch, Zemel and Salakhutdinov: the weighted L1 distance of
convolutional towers, logistic loss, affine distortions; it is trained on all pairs of balanced
batches of characters. A character turned by 90, 180 or 270 degrees is another character.

The interval of the one-shot accuracy counts the 400 trials and the spread over seeds.

All settings were chosen by training on 24 background alphabets and testing on runs drawn in the
same way from the other six. The 400 trials only give the figures.
"""

from functools import partial

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_distances

from benchmarks._common.data import load_omniglot, load_omniglot_runs
from benchmarks._common.figures import best_threshold, of_runs, timed
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.systems._table import cited, find, published_rows, system
from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese.augment import affine
from sksiamese.losses import supcon
from sksiamese.metrics import pair_accuracy
from sksiamese.towers import cnn

SIZE = 35
N_COPIES = 8
COPIES = "SiameseEmbedder, supcon, mean of {} distorted copies"
N_TRIALS = 400
"""Trials of one-shot classification, 20 in each of the 20 runs."""

N_PAIRS = 500
"""Pairs of each alphabet that verification is tested on."""

distorted = partial(affine, rotation=10, scale=0.2, shear=0.25, translation=0.08)
TOWER = {
    "learned_weight": 1.0,
    "input_shape": (SIZE, SIZE),
    "tower": partial(cnn, width=32, pooling="flatten"),
    "augment": distorted,
    "device": "cpu",
    "precision": "bfloat16",
}
EMBEDDER = {
    "n_components": 256,
    "loss": partial(supcon, temperature=0.1),
    "batch_size": 256,
    "max_iter": 8,
}
VERIFIER = {
    "n_components": 128,
    "head": "weighted_manhattan",
    "margin": None,
    "class_weight": {False: 4.0, True: 1.0},
    "weight_decay": 0.1,
    "batch_size": 64,
    "max_iter": 8,
}
PUBLISHED = {
    "humans (Lake et al. 2015)": {"20-way one-shot": 0.955},
    "Bayesian program learning (Lake et al. 2015)": {"20-way one-shot": 0.967},
    "recursive cortical network (George et al. 2017)": {"20-way one-shot": 0.927},
    "siamese network (Koch et al. 2015)": {"20-way one-shot": 0.920, "pairs, accuracy": 0.9342},
    "prototypical network (Lake et al. 2019)": {"20-way one-shot": 0.863},
}


def with_turned(X, y):
    """Return characters and, as new characters, their copies turned by quarters."""
    images = X.reshape(len(X), SIZE, SIZE)
    turned = [np.rot90(images, quarter, axes=(1, 2)).reshape(len(X), -1) for quarter in range(4)]
    return np.concatenate(turned), np.concatenate([4 * y + quarter for quarter in range(4)])


def pairs_within(y, alphabet, n_pairs, seed):
    """Draw pairs of rows of one alphabet, half of them of one character.

    Returns
    -------
    pairs : ndarray of int of shape (n_alphabets * n_pairs, 2)
        Row numbers.

    match : ndarray of bool of shape (n_alphabets * n_pairs,)
        Whether both are of one character.
    """
    drawn = []
    for one in np.unique(alphabet):
        rows = np.flatnonzero(alphabet == one)
        pairs, match, _ = make_pairs(rows[:, None], y[rows], n_pairs=n_pairs, random_state=seed)
        drawn.append((pairs, match))
    return tuple(map(np.concatenate, zip(*drawn, strict=True)))


def one_shot(score, X_known, X, y):
    """Return the share of images with their greatest score for the right character.

    Parameters
    ----------
    score : callable
        ``score(A, B)`` returns the similarity of all rows of A and of B, of shape (n, m).

    X_known, X : ndarrays of shape (n_runs, 20, n_features)
        Examples, and images to classify.

    y : ndarray of int of shape (n_runs, 20)
        Positions of the right examples.
    """
    answers = [score(new, known).argmax(axis=1) for known, new in zip(X_known, X, strict=True)]
    return float((np.array(answers) == y).mean())


def verification(score, X, y, alphabet, seed):
    """Return accuracy and AUC on pairs within alphabets, with thresholds of the other half."""
    halves = np.random.default_rng(seed).permutation(np.unique(alphabet))
    found = []
    for half in np.array_split(halves, 2):
        rows = np.isin(alphabet, half)
        pairs, match = pairs_within(y[rows], alphabet[rows], N_PAIRS, seed)
        found.append((match, score(X[rows][pairs[:, 0]], X[rows][pairs[:, 1]])))
    accuracies = [
        pair_accuracy(match, scores, threshold=best_threshold(*other))
        for (match, scores), other in zip(found, found[::-1], strict=True)
    ]
    return {
        "pairs, accuracy": float(np.mean(accuracies)),
        "pairs, AUC": float(np.mean([roc_auc_score(*half) for half in found])),
    }


def fit_embedder(X, y, alphabet, seed):
    """Return scores of an embedder of turned characters, without and with distorted copies."""
    embedder = SiameseEmbedder(**TOWER, **EMBEDDER, random_state=seed).fit(*with_turned(X, y))

    def of_copies(X):
        generator = torch.Generator().manual_seed(seed)
        images = torch.from_numpy(X.reshape(-1, SIZE, SIZE))
        copies = [distorted(images, generator).numpy().reshape(X.shape) for _ in range(N_COPIES)]
        return np.mean([embedder.transform(copy) for copy in [X, *copies]], axis=0)

    return {
        "SiameseEmbedder, supcon": by_distance(embedder.transform),
        COPIES.format(N_COPIES): by_distance(of_copies),
    }


def no_fit(X, y, alphabet, seed):
    """Return scores without learning: distances between images."""
    return {"distance of ink": by_distance(np.asarray)}


def by_distance(embed):
    """Return the scores of an embedding: of all pairs of rows, and of given pairs."""
    return (
        lambda A, B: -cdist(embed(A), embed(B)),
        lambda A, B: -paired_distances(embed(A), embed(B)),
    )


def fit_verifier(X, y, alphabet, seed):
    """Return scores of the network of Koch on all pairs of batches of turned characters."""
    verifier = SiameseVerifier(**TOWER, **VERIFIER, random_state=seed)
    verifier.fit_rows(*with_turned(X, y))

    def of_pairs(A, B):
        return verifier.decision_function(np.hstack([A, B]))

    return {"SiameseVerifier, weighted L1": (verifier.decision_matrix, of_pairs)}


FITS = {"none": no_fit, "verifier": fit_verifier, "embedder": fit_embedder}


def measure(seed, fit, *, train, test, runs):
    """Return the figures of the models of one fit, by the name of the model."""
    scores, seconds = timed(FITS[fit], *train, seed)
    return {
        model: {"20-way one-shot": one_shot(of_all, *runs)}
        | verification(of_pairs, *test, seed)
        | {"seconds": seconds}
        for model, (of_all, of_pairs) in scores.items()
    }


def interval(row):
    """Return the cell of the 95 % interval of the one-shot accuracy; empty if published.

    All seeds share the 400 trials, so that their variance is not divided by the number of seeds.
    """
    if "runs" not in row:
        return ""
    shares = [run["20-way one-shot"] for run in row["runs"]]
    mean, n_seeds = np.mean(shares), len(shares)
    of_seeds = np.var(shares, ddof=1) / n_seeds if n_seeds > 1 else 0.0
    half = 1.96 * np.sqrt(mean * (1 - mean) / N_TRIALS + of_seeds)
    return f"{100 * (mean - half):.1f} to {100 * (mean + half):.1f}"


def median_seconds(row):
    """Return the cell of the median seconds of the runs, which busy moments hardly affect."""
    return f"{np.median([run['seconds'] for run in row['runs']]):.0f}" if "runs" in row else ""


def koch(results):
    """Return the row of the table of systems."""
    return [
        system(
            "Koch et al.",
            "Omniglot: 20-way one-shot, alphabets never seen",
            "20-way one-shot",
            find(results, model=COPIES.format(N_COPIES)),
            "embedder, supcon, mean of 8 distorted copies",
            "omniglot",
            rebuilt=find(results, model="SiameseVerifier, weighted L1"),
            published=cited(results, "siamese network", "20-way one-shot"),
        )
    ]


COLUMNS = {
    "model": "model",
    "20-way one-shot": "20-way one-shot",
    "95 % interval": interval,
    "pairs, accuracy": "pairs, accuracy",
    "pairs, AUC": "pairs, AUC",
    "seconds, median": median_seconds,
}


@benchmark(omniglot=COLUMNS, systems=koch)
def omniglot(data, *, seeds=5, verifier_seeds=3, alphabets=None, partial_file=""):
    """Return a row for each published figure and each model, with its figures."""
    read = partial(load_omniglot, data, n_alphabets=alphabets)
    parts = {"train": read("background"), "test": read("evaluation")}
    measured = partial(measure, **parts, runs=load_omniglot_runs(data))
    n_seeds = dict.fromkeys(FITS, seeds) | {"verifier": verifier_seeds}
    cases = [(seed, fit) for fit in FITS for seed in range(n_seeds[fit])]
    found = resume(partial_file, cases, measured)
    rows = [
        of_runs([found[seed, fit][model] for seed in range(n_seeds[fit])], model=model)
        for fit in FITS
        for model in found[0, fit]
    ]
    return published_rows(PUBLISHED) + rows


if __name__ == "__main__":
    start(omniglot)
