"""Fits of every kind, to interrupt and to resume; a script for torchrun."""

import os
import signal
import sys
import time
from functools import partial
from threading import Timer

import numpy as np
import torch
import torch.distributed as dist
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

from sksiamese import SiameseEmbedder, SiameseRegressor, SiameseVerifier, make_pairs
from sksiamese.augment import jitter
from sksiamese.callbacks import Checkpoint

N_EPOCHS = 4
SMALL = {"n_components": 6, "width": 16, "max_iter": N_EPOCHS, "batch_size": 50}
EARLY = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 1, "tol": 0.01}
IMAGES = {"tower": "cnn", "depth": 2, "input_shape": (8, 8), "width": 4}

EMBEDDER, VERIFIER, REGRESSOR = (
    partial(kind, **SMALL, random_state=0)
    for kind in (SiameseEmbedder, SiameseVerifier, SiameseRegressor)
)


def digits():
    """Return rows of digits, classes and pairs of rows."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:200], y[:200]
    pairs, match, _ = make_pairs(X, y, n_pairs=150, random_state=0)
    return X, y, pairs, match


X, Y, PAIRS, MATCH = digits()
WEIGHTS = 1.0 + np.arange(len(MATCH)) % 3
UNLABELED = np.where(np.arange(len(Y)) % 2, Y, -1)
LABELS = (Y[:, None] == np.arange(10)).astype(int) | (Y[:, None] == np.arange(10) + 1)
VIEW = make_pairs(X, Y, n_pairs=150, random_state=0, as_view=True)
TARGET = np.abs(PAIRS[:, :64] - PAIRS[:, 64:]).mean(axis=1)

ROWS, OF_PAIRS = (X, Y), (PAIRS, MATCH)
FITS = {
    "dropout and augmentation": (
        EMBEDDER(dropout=0.3, augment=jitter),
        ROWS,
        {},
    ),
    "memory": (EMBEDDER(loss="contrastive", memory_size=70), ROWS, {}),
    "proxies": (EMBEDDER(loss="proxy_anchor", regularizer="center", sampler="shuffled"), ROWS, {}),
    "random miner": (EMBEDDER(miner="distance_weighted", precision="float32"), ROWS, {}),
    "hard negatives": (EMBEDDER(sampler="hard_negatives", normalization="batch"), ROWS, {}),
    "images in bfloat16": (EMBEDDER(**IMAGES | {"precision": "bfloat16"}), ROWS, {}),
    "principal components": (EMBEDDER().set_params(n_components=32), ROWS, {}),
    "labels of several kinds": (EMBEDDER(loss="contrastive"), (X, LABELS), {}),
    "views": (
        EMBEDDER(n_views=2, augment=jitter, loss="supcon"),
        (X, None),
        {},
    ),
    "labeled and unlabeled rows": (
        EMBEDDER(n_views=2, unlabeled_label=-1, loss="supcon", memory_size=30),
        (X, UNLABELED),
        {},
    ),
    "numbers": (EMBEDDER(loss="rank_n_contrast", dropout=0.2, **EARLY), (X, X.mean(axis=1)), {}),
    "sparse rows": (EMBEDDER(optimizer="sgd", max_grad_norm=0.1), (csr_array(X), Y), {}),
    "early stopping": (EMBEDDER(**EARLY, normalization="batch"), ROWS, {}),
    "scorer": (
        EMBEDDER(**EARLY, scoring=SiameseEmbedder.score),
        (X[:150], Y[:150]),
        {"X_val": X[150:], "y_val": Y[150:]},
    ),
    "optimizer of float64 weights": (EMBEDDER(optimizer=torch.optim.NAdam), ROWS, {}),
    "verifier": (VERIFIER(dropout=0.2, **EARLY), OF_PAIRS, {"sample_weight": WEIGHTS}),
    "verifier of items": (VERIFIER(sampler="balanced"), VIEW[:2], {"groups": Y[VIEW[0].index]}),
    "verifier with principal components": (VERIFIER().set_params(n_components=64), OF_PAIRS, {}),
    "regressor": (
        REGRESSOR(dropout=0.2, **EARLY),
        (PAIRS, TARGET),
        {"sample_weight": WEIGHTS},
    ),
}


def fit(name, *callbacks, **parameters):
    """Return an estimator that is fitted with callbacks."""
    estimator, data, options = FITS[name]
    estimator = type(estimator)(**estimator.get_params() | parameters)
    return estimator.set_callbacks(*callbacks).fit(*data, **options)


def results(estimator):
    """Return all weights and the history of an estimator as a dict of arrays."""
    modules = {part: getattr(estimator, f"{part}_").state_dict() for part in estimator._parts}
    return {
        **{f"{part}.{k}": v.numpy() for part, w in modules.items() for k, v in w.items()},
        **{f"history.{name}": np.array(v) for name, v in estimator.history_.items()},
        "scores": np.array(estimator.validation_scores_ or []),
    }


class Callback:
    """A callback of scikit-learn's protocol with a function that is called before each epoch.

    Parameters
    ----------
    before_epoch : callable
        Function of the number of epochs that have ended.
    """

    def __init__(self, before_epoch):
        self.before_epoch = before_epoch

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Call the function before an epoch."""
        if context.task_name == "epoch":
            self.before_epoch(context.task_id)

    def on_fit_task_end(self, estimator, context):
        """Do nothing."""


def fit_and_save(name, directory, path, n_ended, report=None):
    """Fit with checkpoints in a process that may be killed, and save the results to a file.

    Parameters
    ----------
    name : str
        Name of the fit.

    directory : path
        Directory of the checkpoints; None for none.

    path : path
        File of the results.

    n_ended : list of int, or an array in shared memory, of one element
        Set to the number of epochs that have ended.

    report : callable, default=None
        Function of this number that is called before every epoch.
    """
    torch.set_num_threads(1)

    def before_epoch(n_epochs):
        if not n_epochs >= n_ended[0]:
            raise AssertionError(f"Resumed at epoch {n_epochs} after {n_ended[0]} epochs.")
        n_ended[0] = n_epochs
        if report:
            report(n_epochs)
        time.sleep(0.01)  # So that an epoch is not too short to be hit.

    checkpoint = [Checkpoint(directory, keep=2)] if directory else []
    fitted = fit(name, *checkpoint, Callback(before_epoch), max_iter=12, n_iter_no_change=12)
    np.savez(f"{path}.partial.npz", **results(fitted))
    os.replace(f"{path}.partial.npz", path)


def main(directory, n_kills):
    """Fit in all processes of torchrun, which restarts them after one has killed itself.

    After some restarts, compare the result with a fit without interruption.
    """
    torch.set_num_threads(1)
    rank, size, n_restarts = (
        int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT")
    )
    store = f"file://{directory}/store-{n_restarts}"  # No addresses of killed processes.
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    trained = []

    def kill_soon(n_epochs):
        trained.append(n_epochs)
        if n_restarts < int(n_kills) and rank == n_restarts % 2 and len(trained) == 2:
            delay = np.random.default_rng().uniform(0, 0.05)
            Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()

    path = f"{directory}/{rank}.npz"
    fit_and_save("dropout and augmentation", f"{directory}/checkpoints", path, [0], kill_soon)
    fit_and_save("dropout and augmentation", None, f"{path}.expected.npz", [0])
    np.testing.assert_equal(dict(np.load(path)), dict(np.load(f"{path}.expected.npz")))
    dist.destroy_process_group()
    if rank == 0:
        print(trained[0], n_restarts)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
