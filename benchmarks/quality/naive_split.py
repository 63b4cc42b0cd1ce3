"""What a split of pairs at random promises of new people, and what the same model then keeps.

AT&T faces, reduced to 28 x 23 grey values: of the 40 people eight are set aside, five times, so
that each is set aside once. From the pairs of the other 32, all 1,440 that match and as many
others, five-fold cross-validation predicts how a verifier will do: by folds of pairs at random
(``StratifiedKFold``), which share people and images, and by ``PairKFold``, which keeps people
apart, with the share of matches of all pairs or, with ``stratify=False``, with all pairs that are
left. Then the verifier is trained on all of these pairs and meets the pairs of the eight people.
All use the verifier with its defaults; nothing was chosen by these figures.
"""

import numpy as np
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate

from benchmarks._common.cells import table
from benchmarks._common.data import small_faces
from benchmarks._common.figures import of_runs
from benchmarks._common.report import main, with_options
from sksiamese import PairKFold, SiameseVerifier, make_pairs
from sksiamese.metrics import equal_error_rate

SCORERS = {
    "auc": get_scorer("roc_auc"),
    "accuracy": get_scorer("accuracy"),
    "eer": make_scorer(equal_error_rate, response_method="decision_function"),
}
NAIVE, APART, ALL_LEFT = "pairs at random", "PairKFold", "PairKFold(stratify=False)"
TRUTH = "new people"


def pairs_of(X, y, seed):
    """All matching pairs of ten images a person, and as many others; whether; the people."""
    n_pairs = 90 * len(np.unique(y))
    pairs, match, _ = make_pairs(X, y, n_pairs=n_pairs, as_view=True, random_state=seed)
    return pairs, match, y[pairs.index]


def compare(known, new, *, seed, max_iter):
    """Figures that both splits of known pairs promise, and those of new pairs."""
    pairs, match, people = known
    verifier = SiameseVerifier(max_iter=max_iter, random_state=seed, device="cpu")
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
        figures[name]["match_share"] = float(np.mean([match[rows].mean() for rows in tested]))
        n_used = np.mean([len(a) + len(b) for a, b in zip(tested, trained, strict=True)])
        figures[name]["dropped"] = float(1 - n_used / len(match))
    verifier.fit(pairs, match)
    figures[TRUTH] = {key: float(score(verifier, *new[:2])) for key, score in SCORERS.items()}
    figures[TRUTH]["match_share"] = float(new[1].mean())
    return figures


@with_options(seeds=(5, "choices of eight people"), max_iter=(30, "epochs of the verifier"))
def run(args):
    """Return a row for each split and one for the truth, over as many choices of eight people."""
    X, y = small_faces(args.data)
    people = np.unique(y)
    runs = []
    for seed in range(args.seeds):
        folds = KFold(5, shuffle=True, random_state=seed // 5).split(people)
        known, new = list(folds)[seed % 5]
        parts = [np.isin(y, people[group]) for group in (known, new)]
        drawn = [pairs_of(X[rows], y[rows], seed) for rows in parts]
        runs.append(compare(*drawn, seed=seed, max_iter=args.max_iter))
    return [of_runs([figures[name] for figures in runs], split=name) for name in runs[0]]


def tables(results):
    """Return the table of what each split promises."""
    columns = {
        "pairs to test on": "{split}",
        "AUC": "auc",
        "accuracy": "accuracy",
        "EER": "eer",
        "matches": "match_share",
        "pairs dropped": "dropped",
    }
    return {"naive_split": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
