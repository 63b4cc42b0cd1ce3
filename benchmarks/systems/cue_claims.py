"""Several cues: claims of digits unseen in training, against several references.

The folds and the verifier of fused distances of six feature sets of ``systems/two_cues.py``, and
the claims of ``systems/face_claims.py``: in each of ten trials, three or five items of each digit
are references. The distance of two items is ``log(1 + exp(-logit))``, the negative logarithm of the
probability of a match. The first 40 items of each digit are used. No setting was chosen.
"""

from functools import partial

import numpy as np

from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.systems.face_claims import measure
from benchmarks.systems.faces import over_folds
from benchmarks.systems.two_cues import digits, fitted, folds_of

N_ITEMS = 40
"""Maximum number of items of each class."""


def first_items(y):
    """Return the numbers of the first items of each class."""
    rows = [np.flatnonzero(y == label)[:N_ITEMS] for label in np.unique(y)]
    return np.sort(np.concatenate(rows))


def claims_of(fold, seed, *, loaded):
    """Return the figures of all scores of one fold and seed."""
    y, _, models = loaded
    new, settings = folds_of(y, fold + 1)[fold], models["distances"]
    X = {cue: settings["look"](rows, ~new) for cue, rows in settings["items"].items()}
    X, verifiers = fitted("distances", settings, X, y, new, seed)
    rows = first_items(y)
    logit = np.mean([verifier.decision_matrix(X[rows]) for verifier in verifiers], axis=0)
    return measure(np.logaddexp(0, -logit), y[rows], np.unique(y[new]), seed)


@benchmark(cue_claims=None)
def cue_claims(data, *, seeds=3, folds=5, partial_file=""):
    """Return a row for each score: means over all folds, for each seed."""
    cases = [(fold, seed) for fold in range(folds) for seed in range(seeds)]
    found = resume(partial_file, cases, partial(claims_of, loaded=digits(data)))
    return [
        {"score": score}
        | over_folds([[found[fold, seed][score] for fold in range(folds)] for seed in range(seeds)])
        for score in found[0, 0]
    ]


if __name__ == "__main__":
    start(cue_claims)
