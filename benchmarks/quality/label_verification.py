"""Measure verifiers that learn from labels: thresholds and probabilities for unseen identities.

An embedder learns from labeled rows. ``PairTransformer(FrozenEstimator(embedder))`` and a logistic
regression make a verifier of it, which is calibrated on pairs of others, like its threshold for a
rate of false accepts: other people of the AT&T faces, other writers of SVC2004,
other images of Fashion-MNIST, or other classes of it. A third group is tested.

- Faces: 24 people to learn from, 8 to calibrate on, 8 to test, all pairs of their images.
- Signatures: writers likewise. Two genuine signatures match, a genuine one and a skilled forgery of
  it do not. Forgeries of the 24 writers are learned from, too, as rows without a match.
- Fashion-MNIST, new images: 50,000 to learn from; of the other 10,000 training images twenty times
  500 to calibrate on, 5,000 pairs of each; 20,000 pairs of the 10,000 test images.
- Fashion-MNIST, new classes: four to learn from, three to calibrate on and three to test, 20,000
  pairs of each.

Roles are drawn anew for each seed; people, writers and classes not learned from are divided
twenty times; calibration and test rows are never learned from.

A threshold comes with an interval. It holds the requested rate if the test pairs reach this rate at
a threshold within: too many are accepted at its lower end, or too few at its upper end, if not.
The rate of as few test people as were calibrated on is uncertain itself: an interval that is right
of all people 95 times in 100 holds the rate of such test people about 83 times.

Embedders have the settings of ``systems/faces.py`` and ``systems/signatures.py``, or their
defaults. The regression reads the distance, and no differences or products: this was chosen by
dealing out only the training rows of each seed (other seeds test some of them).
"""

from functools import partial

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks._common.data import load_att_faces, load_fashion_mnist, load_svc2004
from benchmarks._common.figures import mean_of, of_runs, timed
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks.systems.faces import BLOCK, SUPCON, flat, mirrored, smaller
from benchmarks.systems.signatures import N_GENUINE, series_of
from benchmarks.systems.signatures import fit as fit_series
from sksiamese import PairTransformer, PairView, SiameseEmbedder, make_pairs
from sksiamese.metrics import equal_error_rate, expected_calibration_error, threshold_at_far

N_DRAWS = 20
RATES = (0.01, 0.05)
"""Requested rates of false accepts."""


def deal_identities(y, rng, *, shares):
    """Return rows to learn from; then, draw by draw, rows to calibrate on and to test.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Identities; each has one role.

    rng : Generator
        Source of randomness.

    shares : tuple of float
        Shares of the identities to learn from, and to calibrate on.
    """
    identities = rng.permutation(np.unique(y))
    n_learned, n_others = np.rint(np.multiply(shares, len(identities))).astype(int)
    learned, others = np.split(identities, [n_learned])
    draws = [np.split(rng.permutation(others), [n_others]) for _ in range(N_DRAWS)]
    return rows_of(y, learned), [[rows_of(y, some) for some in draw] for draw in draws]


def rows_of(y, identities):
    """Return the rows of some identities."""
    return np.flatnonzero(np.isin(y, identities))


def deal_rows(y, rng):
    """Return the same for rows of any class: 5/7 to learn from, the last 1/7 to test."""
    first, last = np.split(np.arange(len(y)), [len(y) * 6 // 7])
    learned, others = np.split(rng.permutation(first), [len(y) * 5 // 7])
    return learned, [[some, last] for some in np.array_split(others, N_DRAWS)]


def pairs_of_faces(X, y, rows, seed):
    """Return all pairs, whether they match, and their people."""
    index = rows[np.column_stack(np.triu_indices(len(rows), 1))]
    groups = y[index]
    return PairView(X, index), groups[:, 0] == groups[:, 1], groups


def pairs_of_signatures(X, writer, genuine, rows, seed):
    """Return all pairs of a genuine signature and another of its writer; and as above."""
    index = rows[np.column_stack(np.triu_indices(len(rows), 1))]
    groups, true = writer[index], genuine[index]
    kept = (groups[:, 0] == groups[:, 1]) & true.any(axis=1)
    return PairView(X, index[kept]), true[kept].all(axis=1), groups[kept]


def pairs_of_images(X, y, rows, seed, *, share_rows):
    """Return pairs, half of them matches, and the rows or classes that they share."""
    positions, match, _ = make_pairs(
        rows[:, None], y[rows], n_pairs=min(10 * len(rows), 20_000), as_view=True, random_state=seed
    )
    index = rows[positions.index]
    return PairView(X, index), match, index if share_rows else y[index]


def faces(folder):
    """Return people, a function that fits on some rows, and one that pairs others."""
    images, people = load_att_faces(folder)
    images = smaller(images, BLOCK)

    def fit(rows, seed):
        learned = np.concatenate([images[rows], mirrored(images[rows])])
        options = ALONE | SUPCON | {"random_state": seed, "device": "cpu"}
        embedder = SiameseEmbedder(input_shape=images.shape[1:], **options)
        return embedder.fit(flat(learned), np.tile(people[rows], 2))

    return people, fit, partial(pairs_of_faces, flat(images), people)


def signatures(folder):
    """Return the same for writers."""
    points, writer, number = load_svc2004(folder)
    series, _ = series_of(points)
    X, genuine = flat(series), number <= N_GENUINE

    def fit(rows, seed):
        parts = series[rows], writer[rows], number[rows]
        return fit_series(*parts, seed=seed, tower="tdnn", width=64)

    return writer, fit, partial(pairs_of_signatures, X, writer, genuine)


def clothes(folder, *, share_rows):
    """Return the same for Fashion-MNIST; the last seventh of the rows are the test images."""
    X, y, X_test, y_test = load_fashion_mnist(folder)
    X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])

    def fit(rows, seed):
        return SiameseEmbedder(**ALONE, random_state=seed, device="cpu").fit(X[rows], y[rows])

    return y, fit, partial(pairs_of_images, X, y, share_rows=share_rows)


PEOPLE = partial(deal_identities, shares=(0.6, 0.2))
CLASSES = partial(deal_identities, shares=(0.4, 0.3))
TASKS = {
    "AT&T faces, new people": (faces, PEOPLE),
    "SVC2004, new writers": (signatures, PEOPLE),
    "Fashion-MNIST, new images": (partial(clothes, share_rows=True), deal_rows),
    "Fashion-MNIST, new classes": (partial(clothes, share_rows=False), CLASSES),
}
"""Functions that load the data, and that deal out roles."""


def figures_of(model, calibration, test):
    """Return the figures on test pairs, for each rate, of a verifier fitted on other pairs.

    Both are pairs, whether they match, and what they share.
    """
    pairs, match, shared = calibration
    score = model.fit(pairs, match).predict_proba(pairs)[:, 1]
    new_pairs, new_match, _ = test
    new_score = model.predict_proba(new_pairs)[:, 1]
    others, matching = new_score[~new_match], new_score[new_match]
    found = []
    for rate in RATES:
        threshold = threshold_at_far(match, score, rate).threshold
        figures = {
            "EER": equal_error_rate(new_match, new_score),
            "calibration error": expected_calibration_error(new_match, new_score),
            "false accepts": np.mean(others >= threshold),
            "matches accepted": np.mean(matching >= threshold),
        }
        for kind, groups in {"pairs": None, "groups": shared}.items():
            _, low, high = threshold_at_far(match, score, rate, groups=groups)
            holds = np.mean(others >= high) <= rate <= np.mean(others >= low)
            figures[f"held by the interval of {kind}"] = holds
        found.append(figures)
    return found


def run_seed(y, fit, pairs_of, deal, seed):
    """Return the means of the figures over all draws of one seed, for each rate."""
    learned, draws = deal(y, np.random.default_rng(seed))
    embedder, seconds = timed(fit, learned, seed)
    transformer = PairTransformer(FrozenEstimator(embedder), output="distance")
    model = make_pipeline(transformer, LogisticRegression())
    found = [figures_of(model, *(pairs_of(rows, seed) for rows in draw)) for draw in draws]
    return [mean_of(of_rate) | {"seconds": seconds} for of_rate in zip(*found, strict=True)]


@benchmark(label_verification=None)
def label_verification(data, *, seeds=3):
    """Return a row for each task and rate."""
    rows = []
    for name, (load, deal) in TASKS.items():
        task = load(data)
        runs = [run_seed(*task, deal, seed) for seed in range(seeds)]
        for rate, *of_rate in zip(RATES, *runs, strict=True):
            rows.append(of_runs(of_rate, **{"data": name, "requested": f"{100 * rate:.0f}"}))
    return rows


if __name__ == "__main__":
    start(label_verification)
