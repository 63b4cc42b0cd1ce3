"""SVC2004 Task 2: distinguish pen signatures of unseen writers from skilled forgeries.

The protocol of the competition. For each writer, in ten trials, five of the genuine signatures 1
to 10 are enrolled, drawn at random; the genuine ones 11 to 20, the 20 skilled forgeries and 20
random forgeries, genuine signatures of other writers, are compared with them. The score of a
signature is its mean distance to the five, divided by the root of their mean distance to each
other, and there is one threshold for all writers. In four folds, ten writers are tested by models
of the other thirty. The skilled forgeries of the thirty are learned from, too, as rows without a
match.

Of the time stamps only the steps are used, for velocities and pauses: the time of writing is an
artifact of the recording and no feature.

All settings were chosen by tests on thirty writers, ten at a time, with models of the other twenty.
The ten writers of the first fold took no part in this, so their error has a column of its own.
"""

from functools import partial

import numpy as np
import torch
from dtaidistance import dtw_ndim
from scipy.ndimage import gaussian_filter1d

from benchmarks._common.data import load_svc2004
from benchmarks._common.figures import of_runs, timed
from benchmarks._common.report import benchmark, start
from benchmarks.systems._alignment import LocalFeatures, aligned, spread_ratio
from benchmarks.systems._table import published_rows
from sksiamese import SiameseEmbedder
from sksiamese.augment import jitter, rescale, time_warp
from sksiamese.batches import hierarchical
from sksiamese.metrics import equal_error_rate, true_accept_rate

N_STEPS, N_LOCAL, N_CUES = 128, 32, 16
N_TRIALS, N_ENROLLED, N_RANDOM = 10, 5, 20
N_GENUINE = 20
FOLDS = np.random.default_rng(0).permutation(np.arange(1, 41)).reshape(4, 10)
"""Writers of each fold."""

SCALED = ("vx", "vy", "acceleration", "pressure", "change")
"""Channels that have mean 0 and deviation 1 in each signature."""

PLAIN = ("x", "y", "vx", "vy", "pressure", "change")
"""Channels that plain dynamic time warping compares."""

EMBEDDER = {
    "n_components": 32,
    "width": 32,
    "loss": spread_ratio,
    "batch_size": 48,
    "max_iter": 8,
    "weight_decay": 0.1,
    "tol": 0,
    "device": "cpu",
}
MODELS = {
    "SiameseEmbedder, tdnn": {"tower": "tdnn", "width": 64},
    "SiameseEmbedder, time delays aligned": {
        "n_components": N_LOCAL * N_CUES,
        "tower": partial(LocalFeatures, n_local=N_LOCAL),
        "distance": partial(aligned, n_steps=N_LOCAL),
    },
}
WARPING = "dynamic time warping"
SKILLED, ACCEPTED = "skilled, EER", "genuine accepted, 80 % of skilled detected"
PUBLISHED = {
    "best of the competition, 60 other writers (Yeung et al. 2004)": {SKILLED: 0.0289},
    "siamese time delays, other data (Bromley et al. 1993)": {ACCEPTED: 0.955},
}


def channels_of(points):
    """Compute the features of each point of a signature.

    Parameters
    ----------
    points : ndarray of int of shape (n_points, 7)
        As :func:`benchmarks._common.data.load_svc2004` gives them.

    Returns
    -------
    channels : dict of ndarray of shape (n_points,)
        Place and velocity in units of the size of the signature, direction, acceleration,
        pressure, and the angles of the pen as shares of their range. In gaps the pen was up; they
        count for 50 ms at most.
    """
    x, y, pressure = (gaussian_filter1d(points[:, n].astype(float), 1) for n in (0, 1, 6))
    gap = np.diff(points[:, 2], prepend=points[0, 2] - 10).clip(1) / 10
    clock = gap.clip(1, 5).cumsum()
    x, y = x - x.mean(), y - y.mean()
    size = np.hypot(x.std(), y.std())
    x, y = x / size, y / size
    vx, vy = np.gradient(x, clock), np.gradient(y, clock)
    speed = np.hypot(vx, vy)
    angle = gaussian_filter1d(np.unwrap(np.arctan2(vy, vx)), 1)
    return {
        "x": x,
        "y": y,
        "vx": vx,
        "vy": vy,
        "speed": speed,
        "log speed": np.log(speed + 0.005),
        "cosine": vx / (speed + 0.001),
        "sine": vy / (speed + 0.001),
        "turn": np.gradient(angle).clip(-1.5, 1.5),
        "acceleration": np.gradient(speed),
        "pressure": pressure,
        "change": np.gradient(pressure),
        "level": pressure,
        "gap": np.log(gap.clip(1)),
        "azimuth": points[:, 4] / 3600,
        "altitude": points[:, 5] / 900,
    }


def series_of(signatures):
    """Resample signatures to N_STEPS, and standardize the channels in SCALED within each.

    Returns
    -------
    X : ndarray of float32 of shape (n_signatures, N_STEPS, n_channels)
        Channels at steps that are evenly spaced among the points.

    names : list of str
        Names of the channels.
    """
    X = []
    for points in signatures:
        at, known = np.linspace(0, len(points) - 1, N_STEPS), np.arange(len(points))
        channels = channels_of(points)
        X.append([np.interp(at, known, channel) for channel in channels.values()])
    X, names = np.swapaxes(X, 1, 2), list(channels)
    scaled = np.isin(names, SCALED)
    part = X[:, :, scaled]
    X[:, :, scaled] = (part - part.mean(axis=1, keepdims=True)) / part.std(axis=1, keepdims=True)
    return X.astype(np.float32), names


def scores(D, writer, number, rng):
    """Return the scores of all trials; smaller is more similar to the enrolled signatures.

    Parameters
    ----------
    D : ndarray of shape (n, n)
        Distances of the signatures of some writers.

    writer, number : ndarrays of int of shape (n,)
        Writers, and numbers of their signatures.

    rng : Generator
        Source of randomness.

    Returns
    -------
    found : dict of ndarray of shape (n_writers, n_scores)
        Of ``"genuine"`` signatures, ``"skilled"`` and ``"random"`` forgeries.
    """
    found = {"genuine": [], "skilled": [], "random": []}
    for own in np.unique(writer):
        mine = writer == own
        known, genuine, skilled, random = (
            np.flatnonzero(rows)
            for rows in (
                mine & (number <= 10),
                mine & (number > 10) & (number <= N_GENUINE),
                mine & (number > N_GENUINE),
                ~mine & (number <= N_GENUINE),
            )
        )
        for _ in range(N_TRIALS):
            enrolled = rng.choice(known, N_ENROLLED, replace=False)
            drawn = rng.choice(random, N_RANDOM, replace=False)
            for kind, rows in zip(found, (genuine, skilled, drawn), strict=True):
                found[kind].append(relative_distance(D, enrolled, rows))
    n_writers = len(np.unique(writer))
    return {kind: np.reshape(values, (n_writers, -1)) for kind, values in found.items()}


def relative_distance(D, enrolled, rows):
    """Return the mean distance to enrolled rows over the root of their mean distance."""
    n = len(enrolled)
    spread = D[np.ix_(enrolled, enrolled)].sum() / (n * (n - 1))
    return D[np.ix_(rows, enrolled)].mean(axis=1) / np.sqrt(spread)


def figures_of(distances, tests, writer, number, seed):
    """Return the figures of the distances of the signatures of each fold, for all writers."""
    rng = np.random.default_rng(seed)
    parts = [
        scores(D, writer[test], number[test], rng) for D, test in zip(distances, tests, strict=True)
    ]
    found = {kind: np.concatenate([part[kind] for part in parts]) for kind in parts[0]}
    return measure(found, len(parts[0]["genuine"]))


def measure(found, n_first):
    """Return the figures of the scores of all writers, the ``n_first`` of the first fold first."""
    genuine, skilled = found["genuine"], found["skilled"]
    per_writer = [equal_error_rate(*matches(*own)) for own in zip(genuine, skilled, strict=True)]
    return {
        SKILLED: equal_error_rate(*matches(genuine, skilled)),
        f"{SKILLED}, first fold": equal_error_rate(*matches(genuine[:n_first], skilled[:n_first])),
        f"{SKILLED} per writer": float(np.mean(per_writer)),
        ACCEPTED: true_accept_rate(*matches(genuine, skilled), far=0.2),
        "random, EER": equal_error_rate(*matches(genuine, found["random"])),
    }


def matches(genuine, forged):
    """Return whether signatures match, and their similarities."""
    match = np.repeat([True, False], [genuine.size, forged.size])
    return match, -np.concatenate([genuine.ravel(), forged.ravel()])


def warping(X, names):
    """Return the distances of plain dynamic time warping between all series."""
    X = X[:, :, [names.index(name) for name in PLAIN]].astype(float)
    X = X / X.std(axis=(0, 1))
    return dtw_ndim.distance_matrix(X, ndim=len(PLAIN), use_c=True)


def vary(X, generator):
    """Warp, scale and disturb series."""
    X = time_warp(X, generator, strength=0.2)
    return jitter(rescale(X, generator, deviation=0.1), generator, deviation=0.05)


def fit(X, writer, number, *, seed, **parameters):
    """Return an embedder of series, fitted on some writers."""
    classes = (writer[:, None] == np.unique(writer)) & (number[:, None] <= N_GENUINE)
    embedder = SiameseEmbedder(
        **EMBEDDER | parameters,
        input_shape=X.shape[1:],
        augment=vary,
        sampler=partial(hierarchical, groups=writer, n_groups=2),
        random_state=seed,
    )
    return embedder.fit(X.reshape(len(X), -1), classes.astype(int))


def distances(embedder, X):
    """Return the distances between all series."""
    Z = torch.from_numpy(embedder.transform(X.reshape(len(X), -1)))
    return embedder.objective_.distance(Z, Z).numpy()


def compare(signatures, writer, number, folds, n_seeds):
    """Return a row for each model, with its figures."""
    X, names = series_of(signatures)
    tests = [np.isin(writer, fold) for fold in folds]
    learned = [np.isin(writer, folds) & ~test for test in tests]
    warped = [warping(X[test], names) for test in tests]

    def fit_all(seed, parameters):
        folds = [(X[rows], writer[rows], number[rows]) for rows in learned]
        return [fit(*fold, seed=seed, **parameters) for fold in folds]

    found = {WARPING: []} | {name: [] for name in MODELS}
    for seed in range(n_seeds):
        found[WARPING].append(figures_of(warped, tests, writer, number, seed))
        for name, parameters in MODELS.items():
            fitted, seconds = timed(fit_all, seed, parameters)
            D = [distances(one, X[test]) for one, test in zip(fitted, tests, strict=True)]
            figures = figures_of(D, tests, writer, number, seed)
            found[name].append(figures | {"seconds": seconds})
    return [of_runs(runs, model=name) for name, runs in found.items()]


@benchmark(signatures=None)
def signatures(data, *, seeds=3, writers=None):
    """Return a row for each published figure and each model, with its figures."""
    folds = FOLDS[:, :writers]
    return published_rows(PUBLISHED) + compare(*load_svc2004(data), folds, seeds)


if __name__ == "__main__":
    start(signatures)
