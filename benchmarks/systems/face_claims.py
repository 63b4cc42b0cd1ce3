"""AT&T faces: claims of people unseen in training, against one and against several references.

The five folds, images and models of ``systems/faces.py``. In each of ten trials some of the ten
images of each test person are drawn as references. Every other image of a test person claims to be
each of the eight test people: one claim in eight is genuine. One threshold is used for all people
of a fold.

"one reference" compares a probe with each reference by itself. The other scores are the terms of
``sksiamese.ReferenceVerifier``, for the same probes and references: mean and least distance, both
minus the same among the references, and two of them normalized by a cohort (T-norm). The cohort are
the 32 training people of the fold, with as many references each. No setting was chosen.
"""

import numpy as np
from scipy.spatial.distance import pdist, squareform

from benchmarks._common.data import load_att_faces
from benchmarks._common.figures import verification
from benchmarks._common.report import benchmark, start
from benchmarks.systems.faces import MODELS, over_folds, people_splits, views_of
from sksiamese import ReferenceVerifier

N_REFERENCES, N_TRIALS = (3, 5), 10
SHOWN = (
    "distance of pixels, mean 0 and deviation 1",
    "contrastive network",
    "SiameseEmbedder, log-volume of gradients, registered",
)
"""Models of ``systems/faces.py``."""

SINGLE = "one reference"
TERMS = (
    "mean distance to the references",
    "least distance to the references",
    "mean distance, minus the same among the references",
    "least distance, minus the same among the references",
)
"""Names of the terms of :func:`~sksiamese.metrics.reference_terms`, in their order."""

NORMALIZED = {"mean": f"{TERMS[0]}, T-norm", "mean_excess": f"{TERMS[2]}, T-norm"}
"""Names of normalized scores, by their term."""


def draw_references(y, n_references, rng):
    """Return a mask of images, the same number of each person."""
    order = rng.permutation(len(y))
    turn = np.empty(len(y), dtype=int)
    for person in np.unique(y):
        rows = order[y[order] == person]
        turn[rows] = np.arange(len(rows))
    return turn < n_references


def claim_scores(D, y, people, reference):
    """Return whether the claims of one trial match, and their scores by name.

    Parameters
    ----------
    D : ndarray of shape (n_images, n_images)
        Distances between all images.

    y : ndarray of shape (n_images,)
        Their people.

    people : ndarray of shape (n_people,)
        People to claim; the others are the cohort.

    reference : ndarray of bool of shape (n_images,)
        Whether each image is a reference, the same number for each person.

    Returns
    -------
    match : ndarray of bool of shape (n_claims,)
        Whether each claim is genuine.

    scores : dict of ndarray of shape (n_claims,) or (n_claims, n_references)
        Scores, larger for a match; for single references one in each column.
    """
    probes = np.flatnonzero(~reference & np.isin(y, people))
    claimed, probes = np.tile(people, len(probes)), np.repeat(probes, len(people))
    own = y[reference] == claimed[:, None]
    D_probes = D[np.ix_(probes, reference)]
    scores = {SINGLE: -D_probes[own].reshape(len(probes), -1)}
    for term, name in NORMALIZED.items():
        verifier = ReferenceVerifier("precomputed", term=term, cohort=np.setdiff1d(y, people))
        verifier.fit(D[np.ix_(reference, reference)], y[reference])
        *terms, scores[name] = verifier.claim_terms(D_probes, claimed).T
    scores |= {name: -one for name, one in zip(TERMS, terms, strict=True)}
    return y[probes] == claimed, scores


def measure(D, y, people, seed):
    """Return the figures of all scores by name, over all trials of one fold."""
    found = {name: {} for name in (SINGLE, *TERMS, *NORMALIZED.values())}
    for n_references in N_REFERENCES:
        rng = np.random.default_rng(seed)
        trials = [
            claim_scores(D, y, people, draw_references(y, n_references, rng))
            for _ in range(N_TRIALS)
        ]
        for name, figures in found.items():
            score = np.concatenate([scores[name] for _, scores in trials])
            match = np.concatenate([match for match, _ in trials])
            match = np.repeat(match, score.size // len(match))
            for key, value in verification(match, score.ravel()).items():
                figures[f"{key}, {n_references} references"] = value
    return found


@benchmark(face_claims=None)
def face_claims(data, *, seeds=3, folds=5):
    """Return a row for each model and score: means over all folds, for each seed."""
    images, y = load_att_faces(data)
    found = {model: [[] for _ in range(seeds)] for model in SHOWN}
    for people, others in people_splits(y, folds)["five folds of eight"]:
        learned = np.isin(y, others)
        views = views_of(images, learned)
        for model, runs in found.items():
            fit, view, metric = MODELS[model]
            seen = views[view][0]
            for seed, run in enumerate(runs):
                Z = fit(seen[learned], y[learned], seen, seed)
                run.append(measure(squareform(pdist(Z, metric)), y, people, seed))
    return [
        {"model": model, "score": score}
        | over_folds([[fold[score] for fold in run] for run in runs])
        for model, runs in found.items()
        for score in runs[0][0]
    ]


if __name__ == "__main__":
    start(face_claims)
