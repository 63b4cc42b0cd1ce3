"""Fits of several processes of torch.distributed; a script for torchrun."""

import os
import runpy
import sys

import numpy as np
import pytest
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits

from sksiamese import (
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    make_pairs,
)

BRIEFLY = {"n_components": 6, "width": 16, "max_iter": 3, "random_state": 0}
FITS = {
    "pairs": SiameseEmbedder(**BRIEFLY, loss="contrastive", batch_size=50),
    "convolutions": SiameseEmbedder(
        **BRIEFLY | {"width": 4}, tower="cnn", depth=2, input_shape=(8, 8), batch_size=50
    ),
    "proxies": SiameseEmbedder(
        **BRIEFLY, loss="proxy_anchor", regularizer="center", sampler="shuffled", batch_size=61
    ),
    "memory": SiameseEmbedder(**BRIEFLY, miner="semihard", memory_size=70, batch_size=50),
    "early stopping": SiameseEmbedder(
        **BRIEFLY | {"max_iter": 9}, early_stopping=True, n_iter_no_change=1, tol=0.05
    ),
    "verifier": SiameseVerifier(**BRIEFLY, batch_size=33),
    "regressor": SiameseRegressor(**BRIEFLY, batch_size=33),
    "batch normalization": SiameseEmbedder(
        **BRIEFLY, depth=4, normalization="batch", shortcuts=True, batch_size=50
    ),
    "normalized convolutions": SiameseEmbedder(
        **BRIEFLY | {"width": 4},
        tower="cnn",
        depth=2,
        input_shape=(8, 8),
        normalization="batch",
        sampler="shuffled",
        batch_size=51,
        early_stopping=True,
    ),
    "short gradients": SiameseEmbedder(
        **BRIEFLY, optimizer="sgd", learning_rate_init=0.1, max_grad_norm=0.1, batch_size=51
    ),
    "normalized verifier": SiameseVerifier(**BRIEFLY, normalization="batch", batch_size=33),
}


class StopAt:
    """A callback that stops training after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context):
        """Return whether to stop training."""
        return context.task_name == "epoch" and context.task_id + 1 >= self.n_epochs


def fit(name, X, y):
    """Return a fitted estimator of the table; estimators of pairs get unequal weights."""
    if not isinstance(FITS[name], SiameseVerifier | SiameseRegressor):
        return FITS[name].fit(X, y)
    X_pairs, match, _ = make_pairs(X, y, n_pairs=150, random_state=0)
    return FITS[name].fit(X_pairs, match, sample_weight=1 + np.arange(len(match)) % 3)


def weights(estimator):
    """Return all learned weights as one vector."""
    parts = [getattr(estimator, f"{part}_") for part in estimator._parts]
    found = [part.state_dict().values() for part in parts]
    return torch.cat([value.flatten().double() for values in found for value in values]).numpy()


def few_digits():
    """Return rows and classes."""
    X, y = load_digits(return_X_y=True)
    return X[:230], y[:230]


def single_rows(y, batch_size, *, generator):
    """Yield a batch of one row, which processes cannot share."""
    yield torch.tensor([0])


def error(estimator, X, y, **options):
    """Return the message of a fit that must fail."""
    with pytest.raises(ValueError, match=r".") as failure:
        estimator.fit(X, y, **options)
    return str(failure.value)


def stopped(X, y):
    """Return the weights of an embedder with validation data of its own and a scorer."""
    embedder = SiameseEmbedder(**BRIEFLY, early_stopping=True, scoring=SiameseEmbedder.score)
    return weights(embedder.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:]))


def promise_kept(X, y):
    """Return the threshold of an identifier without a seed, and its learned classes."""
    embedder = SiameseEmbedder(**BRIEFLY)
    identifier = SiameseIdentifier(embedder, target_far=0.4, validation_fraction=0.4).fit(X, y)
    return np.append(identifier.learned_classes_, identifier.threshold_)


def learned():
    """Return what this process learns together with the others."""
    X, y = few_digits()
    rank = dist.get_rank()
    stops = [StopAt(2)] if rank == 0 else []
    return {
        **{name: weights(fit(name, X, y)) for name in FITS},
        "seedless": weights(SiameseEmbedder(max_iter=1, width=4, dropout=0.5).fit(X, y)),
        "n_iter": SiameseEmbedder(**BRIEFLY).set_callbacks(*stops).fit(X, y).n_iter_,
        "shared out": error(SiameseEmbedder(), X[rank:], y[rank:]),
        "other rows": error(SiameseEmbedder(), X + rank % 2, y),
        "threshold": promise_kept(X, y),
        "stopped": stopped(X, y),
        "other validation rows": error(
            SiameseEmbedder(early_stopping=True), X, y, X_val=X[rank:], y_val=y[rank:]
        ),
        "tiny": error(SiameseEmbedder(sampler=single_rows), X, y),
    }


def main(out, script=None):
    """Run a script, if any, then fit in all processes and write what each has learned."""
    torch.set_num_threads(1)
    if script:
        runpy.run_path(script)
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    dist.init_process_group("gloo", init_method=f"file://{out}/store", rank=rank, world_size=size)
    np.savez(f"{out}/{rank}.npz", **learned())
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
