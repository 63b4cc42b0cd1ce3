"""What a split of pairs at random promises of new people, and what the same model then keeps.

AT&T faces, reduced to 28 x 23 grey values: of the 40 people eight are set aside, five times, so
that each is set aside once. From the pairs of the other 32, all 1,440 that match and as many
others, five-fold cross-validation foretells how a verifier will do: by folds of pairs at random
(``StratifiedKFold``), which share people and images, and by ``PairKFold``, which keeps people
apart. Then the verifier is trained on all of these pairs and meets the pairs of the eight people.
Both take the verifier with its defaults; nothing was chosen by these figures.
"""

import sys

import _report
import numpy as np
import tables
import torch
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from verify_digits import small_faces

from sksiamese import PairKFold, SiameseVerifier, make_pairs
from sksiamese.metrics import equal_error_rate

SCORERS = {
    "auc": get_scorer("roc_auc"),
    "accuracy": get_scorer("accuracy"),
    "eer": make_scorer(equal_error_rate, response_method="decision_function"),
}
NAIVE, APART, TRUTH = "pairs at random", "PairKFold", "new people"


def pairs_of(X, y, seed):
    """All matching pairs of ten images a person, and as many others; whether; the people."""
    n_pairs = 90 * len(np.unique(y))
    pairs, match, _ = make_pairs(X, y, n_pairs=n_pairs, as_view=True, random_state=seed)
    return pairs, match, y[pairs.index]


def compare(known, new, *, seed, max_iter):
    """Figures that both splits of known pairs promise, and those of new pairs."""
    pairs, match, people = known
    verifier = SiameseVerifier(max_iter=max_iter, random_state=seed, device="cpu")
    naive = StratifiedKFold(5, shuffle=True, random_state=seed)
    apart = PairKFold(5, shuffle=True, random_state=seed)
    figures = {}
    for name, options in (
        (NAIVE, {"cv": naive}),
        (APART, {"cv": apart, "groups": people}),
    ):
        scores = cross_validate(verifier, pairs, match, scoring=SCORERS, **options)
        figures[name] = {key: float(scores[f"test_{key}"].mean()) for key in SCORERS}
    dropped = apart.n_dropped(groups=people).mean() / len(match)
    for name, share in ((NAIVE, 0.0), (APART, float(dropped))):
        figures[name]["dropped"] = share
    verifier.fit(pairs, match)
    figures[TRUTH] = {key: float(score(verifier, *new[:2])) for key, score in SCORERS.items()}
    return {name: figures[name] for name in (NAIVE, APART, TRUTH)}


def run(folder, *, seeds, max_iter):
    """A row for each split and one for the truth, over as many choices of eight people."""
    X, y = small_faces(folder)
    people = np.unique(y)
    runs = []
    for seed in range(seeds):
        folds = KFold(5, shuffle=True, random_state=seed // 5).split(people)
        known, new = list(folds)[seed % 5]
        parts = [np.isin(y, people[group]) for group in (known, new)]
        drawn = [pairs_of(X[rows], y[rows], seed) for rows in parts]
        runs.append(compare(*drawn, seed=seed, max_iter=max_iter))
    return [
        {
            "split": name,
            "summary": _report.summary([figures[name] for figures in runs]),
            "runs": [figures[name] for figures in runs],
        }
        for name in runs[0]
    ]


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5, help="choices of eight people")
    options.add_argument("--max-iter", type=int, default=30, help="epochs of the verifier")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    settings = {key: getattr(args, key) for key in ("seeds", "max_iter")}
    results = run(args.data, **settings)
    _report.write(args.out / "naive_split.json", results, threads=args.threads, **settings)
    sys.stdout.write(tables.markdown(*tables.naive_split(results)))


if __name__ == "__main__":
    main()
