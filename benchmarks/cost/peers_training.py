"""What training costs next to pytorch-metric-learning, skorch and scikit-learn's NCA.

An epoch on Fashion-MNIST in float32, the tower 784-128-128-32 with fused AdamW on batches of 25
rows of each of the ten classes:

- ours: the real ``fit``, its epochs timed by a callback;
- pytorch-metric-learning: the loop of its documentation, with ``MPerClassSampler``, miner, loss
  and a ``DataLoader`` over tensors;
- skorch: a ``NeuralNet`` of our tower and our distances and losses, its batches shuffled.

All take turns in every round, ratios are formed within a round.

Then the time to an accuracy of 5 nearest neighbours, of 5,000 held-out training rows among all
others, test rows being left alone: our embedder on all of these others, with its defaults, and
``NeighborhoodComponentsAnalysis`` on as many standardised rows as it can bear, both of 32
components. Looking at the accuracy is not counted.
"""

from functools import partial
from time import perf_counter

import numpy as np
import torch
from pytorch_metric_learning import losses as peer
from pytorch_metric_learning import miners, samplers
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNet
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks._common.cells import RATIO, table
from benchmarks._common.report import main, with_options
from benchmarks.cost.epoch_cost import LEARNING_RATE, TOWERS, by_turns, images, ours
from sksiamese import SiameseEmbedder
from sksiamese.distances import DISTANCES
from sksiamese.losses import LOSSES, NATURAL_DISTANCES
from sksiamese.mining import MINERS
from sksiamese.towers import Standardize

PER_CLASS = 25
N_HELD_OUT = 5000
TARGET = 0.88
CASES = {
    "contrastive": ("contrastive", "all", peer.ContrastiveLoss, None),
    "supcon": ("supcon", "all", peer.SupConLoss, None),
    "semihard": (
        "triplet",
        "semihard",
        partial(peer.TripletMarginLoss, margin=0.2),
        partial(miners.TripletMarginMiner, margin=0.2, type_of_triplets="semihard"),
    ),
}
"""Our loss and miner, and the loss and miner of pytorch-metric-learning, by name."""


class Tower(nn.Sequential):
    """Standardisation and the layers of the embedder's tower."""

    def __init__(self, mean, scale):
        super().__init__(Standardize(mean, scale), TOWERS["mlp"]["tower"]((784,), 32))


class PairLoss(nn.Module):
    """One of our losses of pairs as a criterion of embeddings and classes."""

    def __init__(self, loss, miner):
        super().__init__()
        self.loss, self.miner = LOSSES[loss], MINERS[miner]
        self.distance = DISTANCES[NATURAL_DISTANCES[loss]]

    def forward(self, Z, y):
        """Return the loss of all mined pairs."""
        same = y[:, None] == y
        different = ~same
        return self.loss(*self.miner(self.distance(Z, Z), same.fill_diagonal_(False), different))


def peer_loop(X, y, loss, miner):
    """Return the mean seconds of two epochs of pytorch-metric-learning."""
    torch.manual_seed(0)
    model, loss_func = Tower(X.mean(), X.std()), loss()
    mining_func = miner() if miner else None
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(y.astype(np.int64)))
    sampler = samplers.MPerClassSampler(y, m=PER_CLASS, length_before_new_iter=len(y))
    loader = DataLoader(dataset, batch_size=10 * PER_CLASS, sampler=sampler)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    start = perf_counter()
    for _ in range(2):
        for data, labels in loader:
            optimizer.zero_grad()
            embeddings = model(data)
            mined = mining_func(embeddings, labels) if mining_func else None
            loss_func(embeddings, labels, mined).backward()
            optimizer.step()
    return {"epoch": (perf_counter() - start) / 2}


def skorch_fit(X, y, loss, miner):
    """Return the mean seconds of two epochs of skorch, by its own clock."""
    net = NeuralNet(
        Tower,
        module__mean=X.mean(),
        module__scale=X.std(),
        criterion=PairLoss,
        criterion__loss=loss,
        criterion__miner=miner,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=LEARNING_RATE,
        batch_size=10 * PER_CLASS,
        iterator_train__shuffle=True,
        train_split=None,
        max_epochs=2,
        verbose=0,
    )
    net.fit(X, y.astype(np.int64))
    return {"epoch": np.mean(net.history[:, "dur"])}


def epochs(X, y, *, rounds):
    """Return a row for each loss and trainer: seconds of an epoch, and how many times ours."""
    rows = []
    for name, (loss, miner, peer_loss, peer_miner) in CASES.items():
        our_fit = partial(ours, loss=loss, miner=miner, batch_size=10 * PER_CLASS, **TOWERS["mlp"])
        timed = {
            "SiameseEmbedder": our_fit,
            "pytorch-metric-learning": partial(peer_loop, loss=peer_loss, miner=peer_miner),
            "skorch": partial(skorch_fit, loss=loss, miner=miner),
        }
        rows += [{"loss": name} | row for row in by_turns(timed, X, y, rounds)]
    return rows


class Accuracy:
    """Accuracy of 5 nearest neighbours along a training, by the seconds that training took."""

    def __init__(self, X, y):
        split = train_test_split(X, y, test_size=N_HELD_OUT, stratify=y, random_state=0)
        self.X, self.X_held_out, self.y, self.y_held_out = split
        self.seconds, self.curve = 0.0, []
        self.begin = perf_counter()

    def look(self, transform):
        """Stop the clock, and record the accuracy on transformed rows."""
        self.seconds += perf_counter() - self.begin
        neighbors = KNeighborsClassifier(algorithm="brute").fit(transform(self.X), self.y)
        accuracy = neighbors.score(transform(self.X_held_out), self.y_held_out)
        self.curve.append({"seconds": self.seconds, "accuracy": accuracy})
        self.begin = perf_counter()

    def setup(self, estimator, context):
        """Prepare nothing."""

    def teardown(self, estimator, context):
        """Clean up nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Begin nothing."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """Record the accuracy after every epoch."""
        if context.task_name == "epoch":
            self.look(fitted_estimator.transform)


def our_accuracy(X, y):
    """Return the curve of the embedder with its defaults, epoch by epoch."""
    clock = Accuracy(X, y)
    SiameseEmbedder(random_state=0, device="cpu").set_callbacks(clock).fit(clock.X, clock.y)
    return clock.curve


def nca_accuracy(X, y, *, n_rows, max_iter, every=5):
    """Return the curve of scikit-learn's components on some rows, every few iterations."""
    clock = Accuracy(X, y)
    few, _, y_few, _ = train_test_split(
        clock.X, clock.y, train_size=n_rows, stratify=clock.y, random_state=0
    )
    scaler = StandardScaler()

    def look(transformation, n_iter):
        if n_iter % every == 0:
            components = transformation.reshape(32, -1)
            clock.look(lambda rows: scaler.transform(rows) @ components.T)

    nca = NeighborhoodComponentsAnalysis(32, max_iter=max_iter, callback=look, random_state=0)
    nca.fit(scaler.fit_transform(few), y_few)
    return clock.curve


def reached(name, n_rows, curve):
    """Return the time at which a curve reaches the target, and its best point."""
    seconds = [point["seconds"] for point in curve if point["accuracy"] >= TARGET]
    best = max(curve, key=lambda point: point["accuracy"])
    return {
        "name": name,
        "rows": n_rows,
        "seconds_to_target": min(seconds, default=None),
        "best": best,
        "curve": curve,
    }


def accuracies(X, y, *, nca_rows, nca_iter):
    """Return the curves of accuracy over time, ours and the one of NCA."""
    curve = nca_accuracy(X, y, n_rows=nca_rows, max_iter=nca_iter)
    return [
        reached("SiameseEmbedder", len(X) - N_HELD_OUT, our_accuracy(X, y)),
        reached("NeighborhoodComponentsAnalysis", nca_rows, curve),
    ]


@with_options(
    rounds=(5, "timings of each contender"),
    rows=(None, "use only so many images"),
    nca_rows=(5000, "rows that NCA learns from"),
    nca_iter=(50, "iterations of NCA at most"),
)
def run(args):
    """Return the seconds of an epoch, and the curves of accuracy."""
    X, y = images(args)
    return {
        "epochs": epochs(X, y, rounds=args.rounds),
        "accuracy": accuracies(X, y, nca_rows=args.nca_rows, nca_iter=args.nca_iter),
    }


def tables(results):
    """Return the tables of the seconds of an epoch, and of the seconds to an accuracy."""

    def reached(row):
        seconds = row["seconds_to_target"]
        return "not reached" if seconds is None else f"{seconds:.1f}"

    epochs = {
        "loss": "{loss}",
        "trained by": "{name}",
        "seconds an epoch": "{seconds[median]:.2f}",
        "times ours": RATIO,
    }
    accuracy = {
        "model": "{name}",
        "rows": "{rows:,}",
        "seconds to 88 %": reached,
        "best accuracy": lambda row: f"{100 * row['best']['accuracy']:.1f} %",
        "after seconds": "{best[seconds]:.1f}",
    }
    return {
        "peers_epochs": table(results["epochs"], epochs),
        "peers_accuracy": table(results["accuracy"], accuracy),
    }


if __name__ == "__main__":
    main(run, tables)
