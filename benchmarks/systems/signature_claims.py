"""SVC2004 Task 2: claims of writers, with sets of references and normalized scores.

The protocol of ``systems/signatures.py``: five references in each of ten trials, four folds of ten
test writers, and one threshold for all writers. Random forgeries are 20 signatures of other
writers of the fold, the same in all trials.

Series of nine sets of channels, smoothed by 1 and by 2 points, each of mean 0 and deviation 1 in a
signature, are compared by time warping; the sum along the path is divided by the number of points
of the reference. A ridge logistic learns from the claims of training writers, forgeries included:
distances minus and over the same among the references, and features of fluency against their mean
over the references. Its penalty is chosen inside each fold, by the equal error rate of ten
training writers at a time; another row is the mean of the logits for all penalties.

The time-delay network is the one of ``systems/signatures.py``; its cohort are the training writers.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._common.data import load_svc2004
from benchmarks._common.figures import of_runs
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.systems._table import find, published_by, published_rows, system
from benchmarks.systems.signatures import (
    ACCEPTED,
    FOLDS,
    MODELS,
    N_ENROLLED,
    N_TRIALS,
    PUBLISHED,
    SKILLED,
    distances,
    fit,
    series_of,
)
from sksiamese.alignment import pad_series, time_warping
from sksiamese.metrics import (
    equal_error_rate,
    error_rate_by_identity,
    normalize_scores,
    reference_terms,
    true_accept_rate,
)

CHANNELS = (
    ("vx", "vy", "ax", "ay", "pressure", "change", "speed", "azimuth", "altitude"),
    ("x", "y", "vx", "vy", "pressure", "change"),
    ("x", "y", "log speed", "cosine", "sine", "pressure"),
    ("pressure", "change"),
    ("x", "y"),
    ("speed", "log speed"),
    ("vx", "vy"),
    ("cosine", "sine"),
    ("azimuth", "altitude"),
)
"""Sets of channels that time warping compares."""

WIDTHS = (1, 2)
"""Smoothings of the channels in points."""

PENALTIES = (0.03, 0.1, 0.3, 1)
"""Inverse penalties to choose from."""

N_REFERENCES, N_GENUINE, N_RANDOM = 10, 20, 20
KINDS = np.repeat(["genuine", "skilled", "random"], [10, 20, N_RANDOM])
"""Kinds of the probes of a writer: signatures 11 to 20, 21 to 40, and random forgeries."""

WARPING = "time warping, mean distance"
EXCESS = "time warping, minus the distance among references"
LEARNED = "time warping and fluency, ridge logistic"
AVERAGED = f"{LEARNED}, mean over penalties"
DELAYS = "time delays (SiameseEmbedder, tdnn), mean distance"
DELAYS_EXCESS = "time delays (SiameseEmbedder, tdnn), minus the same among references"
NORMALIZED = f"{DELAYS_EXCESS}, T-norm"


def channels_of(points, width):
    """Compute the channels of a signature, smoothed by a Gaussian of some points."""
    x, y, pressure = (gaussian_filter1d(points[:, n].astype(float), width) for n in (0, 1, 6))
    vx, vy = np.gradient(x), np.gradient(y)
    speed = np.hypot(vx, vy)
    floor = speed + 0.05 * speed.mean()
    channels = {
        "x": x, "y": y, "vx": vx, "vy": vy, "ax": np.gradient(vx), "ay": np.gradient(vy),
        "pressure": pressure, "change": np.gradient(pressure), "speed": speed,
        "log speed": np.log(floor), "cosine": vx / floor, "sine": vy / floor,
        "azimuth": points[:, 4].astype(float), "altitude": points[:, 5].astype(float),
    }  # fmt: skip
    return {name: (c - c.mean()) / max(c.std(), 1e-9) for name, c in channels.items()}


def fluency(points):
    """Compute the logarithms of 15 features of the fluency of a signature.

    Points, time without long gaps, time in gaps, minima of the speed, sign changes of both
    velocities, variation of the speed and of the pressure, mean acceleration, speed, turning and
    jerk, deviation of the pressure, width and height.
    """
    x, y, pressure = (gaussian_filter1d(points[:, n].astype(float), 1) for n in (0, 1, 6))
    gap = np.diff(points[:, 2], prepend=points[0, 2] - 10).clip(1) / 10
    clock = gap.clip(1, 5).cumsum()
    vx, vy = np.gradient(x, clock), np.gradient(y, clock)
    ax, ay = np.gradient(vx, clock), np.gradient(vy, clock)
    speed, turn = np.hypot(vx, vy), np.abs(np.gradient(np.unwrap(np.arctan2(vy, vx))))
    total = speed.sum() + 1e-6
    features = [
        len(points), clock[-1], (gap - gap.clip(0, 2)).sum() + 1,
        np.sum((speed[1:-1] < speed[:-2]) & (speed[1:-1] <= speed[2:])),
        *(np.sum(np.sign(v[1:]) != np.sign(v[:-1])) for v in (vx, vy)),
        np.abs(np.diff(speed)).sum() / total, np.abs(np.diff(pressure)).sum() / pressure.mean(),
        np.hypot(ax, ay).mean(), speed.mean(), (speed * turn).sum() / total,
        np.abs(np.gradient(ax)).mean(), pressure.std(), x.std(), y.std(),
    ]  # fmt: skip
    return np.log(np.array(features) + 1e-3)


def probes_of(writers):
    """Return the rows of all signatures that are compared with each writer, (n_writers, 60).

    They are the own signatures, 1 to 40, and random forgeries.
    """
    rng, rows = np.random.default_rng(0), {}
    for fold in writers:
        for own in fold:
            others = np.setdiff1d(fold, own)
            genuine = ((others - 1)[:, None] * 40 + np.arange(N_GENUINE)).ravel()
            drawn = rng.choice(genuine, N_RANDOM, replace=False)
            rows[own] = np.r_[(own - 1) * 40 + np.arange(40), drawn]
    return rows


def warped(signatures, probes, names, width):
    """Return the distances of the probes of each writer to the references, (n_writers, 60, 10)."""
    series = []
    for points in signatures:
        channels = channels_of(points, width)
        series.append(np.column_stack([channels[name] for name in names]).astype(np.float32))
    found = []
    for rows in probes.values():
        X, n_points = pad_series([series[row] for row in rows]), [len(series[row]) for row in rows]
        D = time_warping(X, X[:N_REFERENCES], n_channels=len(names), normalize=False)
        found.append(D.numpy() / n_points[:N_REFERENCES])
    return found


def terms_of(D, enrolled):
    """Return the terms of all claims of a writer: excesses, and logarithms of ratios."""
    terms = reference_terms(D[N_REFERENCES:, enrolled], D[np.ix_(enrolled, enrolled)])
    among = terms.mean - terms.mean_excess, terms.least - terms.least_excess
    ratios = np.log(terms.mean / among[0]), np.log(terms.least / among[1])
    return np.column_stack([terms.mean_excess, terms.least_excess, *ratios]), terms


def fluency_terms(F, enrolled):
    """Return the differences of features to their mean over references, in three forms."""
    gap = F[N_REFERENCES:] - F[enrolled].mean(axis=0)
    return np.hstack([gap, np.abs(gap), np.abs(gap) / (F[enrolled].std(axis=0) + 0.1)])


def draws(seed, n_writers):
    """Return the enrolled signatures of the trials of each writer, (n_writers, N_TRIALS, 5)."""
    rng = np.random.default_rng(seed)
    shape = n_writers * N_TRIALS, N_REFERENCES
    order = rng.permuted(np.tile(np.arange(N_REFERENCES), (shape[0], 1)), axis=1)
    return order[:, :N_ENROLLED].reshape(n_writers, N_TRIALS, N_ENROLLED)


def measure(score, writer, kind):
    """Return the figures of the scores of claims."""
    match, skilled, random = kind == "genuine", kind != "random", kind != "skilled"
    by_writer = error_rate_by_identity(match[skilled], score[skilled], writer[skilled])
    return {
        SKILLED: equal_error_rate(match[skilled], score[skilled]),
        f"{SKILLED} per writer": by_writer.mean,
        ACCEPTED: true_accept_rate(match[skilled], score[skilled], far=0.2),
        "random, EER": equal_error_rate(match[random], score[random]),
    }


def learned_scores(X, match, writer, kind, fold):
    """Return the scores of test writers by models of the others: penalty chosen, mean of all."""
    chosen, mean = np.empty(len(match)), np.empty(len(match))
    for number in np.unique(fold):
        test, train = fold == number, (fold != number) & (kind != "random")
        inner = list(GroupKFold(3).split(match[train], groups=writer[train]))
        errors, scores = [], []
        for penalty in PENALTIES:
            model, data = ridge(penalty), (X[train], match[train])
            found = cross_val_predict(model, *data, cv=inner, method="decision_function")
            errors.append(equal_error_rate(match[train], found))
            scores.append(model.fit(*data).decision_function(X[test]))
        chosen[test], mean[test] = scores[np.argmin(errors)], np.mean(scores, axis=0)
    return {LEARNED: chosen, AVERAGED: mean}


def ridge(penalty):
    """Return a ridge logistic of standardized terms."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300))


def claims_by_warping(compared, F, enrolled, folds):
    """Return the figures of time warping, of one seed, by model."""
    n_claims = len(KINDS) * N_TRIALS
    writer = np.repeat(np.arange(len(F)), n_claims)
    kind, fold = np.tile(KINDS, len(F) * N_TRIALS), np.repeat(folds, n_claims)
    tables, score = [], {WARPING: [], EXCESS: []}
    for own, trials in enumerate(enrolled):
        for drawn in trials:
            parts = [terms_of(D[own], drawn) for D in compared]
            features = [columns for columns, _ in parts] + [fluency_terms(F[own], drawn)]
            tables.append(np.hstack(features))
            score[WARPING].append(-parts[0][1].mean)
            score[EXCESS].append(-parts[0][1].mean_excess)
    score = {name: np.concatenate(parts) for name, parts in score.items()}
    X = np.concatenate(tables)
    score |= learned_scores(X, kind == "genuine", writer, kind, fold)
    return {name: measure(one, writer, kind) for name, one in score.items()}


def claims_by_delays(X, writer, number, probes, enrolled, seed):
    """Return the figures of the time-delay network, of one seed, by model."""
    found, order = {DELAYS: [], DELAYS_EXCESS: [], NORMALIZED: []}, list(probes)
    for start_row in range(0, len(order), len(order) // len(FOLDS)):
        fold = order[start_row : start_row + len(order) // len(FOLDS)]
        train = np.isin(writer, order) & ~np.isin(writer, fold)
        model = fit(
            X[train], writer[train], number[train], seed=seed, **MODELS["SiameseEmbedder, tdnn"]
        )
        D = distances(model, X)
        cohort = [(one - 1) * 40 + np.arange(N_REFERENCES) for one in np.setdiff1d(order, fold)]
        for own in fold:
            rows = probes[own]
            others = [
                reference_terms(D[np.ix_(rows, one)], D[np.ix_(one, one)]).mean_excess
                for one in cohort
            ]
            others = -np.column_stack(others)[N_REFERENCES:]
            for drawn in enrolled[order.index(own)]:
                terms = terms_of(D[np.ix_(rows, rows[:N_REFERENCES])], drawn)[1]
                found[DELAYS].append(-terms.mean)
                found[DELAYS_EXCESS].append(-terms.mean_excess)
                score = normalize_scores(-terms.mean_excess, probe_cohort=others)
                found[NORMALIZED].append(score)
    of_writer = np.repeat(np.arange(len(order)), len(KINDS) * N_TRIALS)
    kind = np.tile(KINDS, len(order) * N_TRIALS)
    return {name: measure(np.concatenate(one), of_writer, kind) for name, one in found.items()}


def bromley(results):
    """Return the rows of the table of systems."""
    return [
        system(
            "Bromley et al.",
            f"SVC2004: new writers, one threshold; {task}",
            measure,
            find(results, model=LEARNED),
            "time warping and fluency, against references",
            "signature_claims",
            rebuilt=find(results, model=DELAYS_EXCESS),
            published=f"{published_by(results, source, measure)}, other {difference}",
        )
        for measure, task, source, difference in (
            (ACCEPTED, "genuine accepted, 80 % of skilled forgeries detected", "siamese", "data"),
            (SKILLED, "equal error rate, skilled forgeries", "best of", "writers"),
        )
    ]


@benchmark(signature_claims=None, systems=bromley)
def signature_claims(data, *, seeds=3, writers=None, partial_file=""):
    """Return a row for each published figure and each model, with its figures."""
    folds = FOLDS[:, :writers]
    signatures, writer, number = load_svc2004(data)
    probes = probes_of(folds)
    F = np.array([[fluency(signatures[row]) for row in rows] for rows in probes.values()])
    X, _ = series_of(signatures)

    def measured(kind, first, width):
        if kind == "distances":
            D = warped(signatures, probes, CHANNELS[first], width)
            return np.round(D, 6).tolist()
        enrolled = draws(first, len(probes))
        if kind == "delays":
            return claims_by_delays(X, writer, number, probes, enrolled, first)
        return claims_by_warping(compared, F, enrolled, np.repeat(np.arange(4), folds.shape[1]))

    cases = [("distances", n, width) for width in WIDTHS for n in range(len(CHANNELS))]
    found = resume(partial_file, cases, measured)
    compared = [np.array(D) for D in found.values()]
    cases, runs = [(kind, seed, 0) for seed in range(seeds) for kind in ("warping", "delays")], {}
    for figures in resume(partial_file, cases, measured).values():
        for name, one in figures.items():
            runs.setdefault(name, []).append(one)
    return published_rows(PUBLISHED) + [of_runs(one, model=name) for name, one in runs.items()]


if __name__ == "__main__":
    start(signature_claims)
