"""Measure the cost of losses and training against pytorch-metric-learning and skorch.

``losses``: forward and backward of loss and miner on the same embeddings of 512 rows and 128
components, 64 classes of eight rows, by turns; and the memory that a process needs in addition for
one forward and backward on 4,096 rows and 64 components, ten classes, each in a new process.

``peers_training``: an epoch on Fashion-MNIST in float32, the tower 784-128-128-32 with fused AdamW
on batches of 25 rows of each of the ten classes:

- ours: the real ``fit``, its epochs timed by a callback;
- pytorch-metric-learning: the loop of its documentation, with ``MPerClassSampler``, miner, loss
  and a ``DataLoader`` over tensors;
- skorch: a ``NeuralNet`` of our tower, distances and losses, its batches shuffled.

All take turns in every round, ratios are formed within a round.
"""

from functools import partial
from time import perf_counter

import numpy as np
import torch
from pytorch_metric_learning import losses as peer
from pytorch_metric_learning import miners, samplers
from skorch import NeuralNet
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks._common.figures import RATIO, by_turns, seconds_of, spread
from benchmarks._common.process import in_new_process, most_resident
from benchmarks._common.report import benchmark, start
from benchmarks.cost.training import LEARNING_RATE, TOWERS, compare, images, our_fit
from sksiamese.distances import DISTANCES
from sksiamese.losses import LOSSES, NATURAL_DISTANCES, prototypical
from sksiamese.mining import MINERS
from sksiamese.towers import Standardize

TRIPLET = partial(peer.TripletMarginLoss, margin=0.2)
SEMIHARD = partial(miners.TripletMarginMiner, margin=0.2, type_of_triplets="semihard")
EASY = partial(miners.BatchEasyHardMiner, pos_strategy="easy", neg_strategy="semihard")
SMOOTH = partial(peer.TripletMarginLoss, margin=0, smooth_loss=True)
RANKED = partial(peer.RankedListLoss, margin=0.4, Tn=5, alpha=1.2)
SIMILARITY = peer.MultiSimilarityLoss
PEERS = {
    ("contrastive", "all"): (peer.ContrastiveLoss, None),
    ("triplet", "all"): (TRIPLET, None),
    ("triplet", "semihard"): (TRIPLET, SEMIHARD),
    ("triplet", "hardest"): (TRIPLET, miners.BatchHardMiner),
    ("triplet", "angular"): (TRIPLET, miners.AngularMiner),
    ("triplet", "easy_positive"): (TRIPLET, EASY),
    ("soft_margin_triplet", "all"): (SMOOTH, None),
    ("lifted_structure", "all"): (peer.GeneralizedLiftedStructureLoss, None),
    ("n_pairs", "all"): (partial(peer.NTXentLoss, temperature=1.0), None),
    ("supcon", "all"): (peer.SupConLoss, None),
    ("nca", "all"): (peer.NCALoss, None),
    ("multi_similarity", "all"): (SIMILARITY, None),
    ("multi_similarity", "multi_similarity"): (SIMILARITY, miners.MultiSimilarityMiner),
    ("circle", "all"): (peer.CircleLoss, None),
    ("wu_margin", "distance_weighted"): (peer.MarginLoss, miners.DistanceWeightedMiner),
    ("ranked_list", "all"): (RANKED, None),
    ("fastap", "all"): (peer.FastAPLoss, None),
    ("histogram", "all"): (peer.HistogramLoss, None),
    ("proxy_nca", "all"): (peer.ProxyNCALoss, None),
    ("proxy_anchor", "all"): (peer.ProxyAnchorLoss, None),
    ("normalized_softmax", "all"): (peer.NormalizedSoftmaxLoss, None),
    ("cosface", "all"): (peer.CosFaceLoss, None),
    ("arcface", "all"): (peer.ArcFaceLoss, None),
    ("soft_triple", "all"): (peer.SoftTripleLoss, None),
}
"""Loss and miner of pytorch-metric-learning, by the names of ours."""

TRAINED = {
    "contrastive": ("contrastive", "all"),
    "supcon": ("supcon", "all"),
    "semihard": ("triplet", "semihard"),
}
"""Losses and miners of ``peers_training``."""

BATCH_SIZE = 250
"""Size of the batches of ``peers_training``: 25 rows of each of the ten classes."""


def clusters(n_rows, n_components, n_classes):
    """Return overlapping classes of embeddings, and the classes."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n_rows) % n_classes
    centers = torch.randn(n_classes, n_components, generator=generator)
    return centers[y] + torch.randn(n_rows, n_components, generator=generator), y


class OurLoss(nn.Module):
    """One of our losses and miners as a criterion of embeddings and classes."""

    def __init__(self, loss, miner, n_components=None, n_classes=None):
        super().__init__()
        self.distance, self.miner = DISTANCES[NATURAL_DISTANCES[loss]], MINERS[miner]
        if miner == "distance_weighted":
            self.miner = partial(self.miner, n_components=n_components)
        self.loss = LOSSES[loss]
        if hasattr(self.loss, "cosines"):
            self.loss = self.loss(n_classes, n_components)
        elif isinstance(self.loss, type):
            self.loss = self.loss()

    def forward(self, Z, y):
        """Return the loss."""
        if hasattr(self.loss, "proxies") or self.loss is prototypical:
            return self.loss(Z, y)
        same = y[:, None] == y
        different = ~same
        return self.loss(*self.miner(self.distance(Z, Z), same.fill_diagonal_(False), different))


class PeerLoss(nn.Module):
    """The loss and miner of pytorch-metric-learning that correspond to ours."""

    def __init__(self, loss, miner, n_components=None, n_classes=None):
        super().__init__()
        make_loss, make_miner = PEERS[loss, miner]
        has_proxies = NATURAL_DISTANCES[loss] == "cosine" and hasattr(LOSSES[loss], "cosines")
        sizes = {"num_classes": n_classes, "embedding_size": n_components} if has_proxies else {}
        self.loss, self.miner = make_loss(**sizes), make_miner() if make_miner else None

    def forward(self, Z, y):
        """Return the loss."""
        return self.loss(Z, y, self.miner(Z, y) if self.miner else None)


def step(criterion, Z, y, n_steps=1):
    """Run forward and backward."""
    for _ in range(n_steps):
        criterion(Z.clone().requires_grad_(), y).backward()


def compare_losses(loss, miner, *, n_rows, rounds):
    """Return the milliseconds of both losses, and the spread of their ratio."""
    Z, y = clusters(n_rows, 128, n_rows // 8)
    timings = {}
    for kind in (OurLoss, PeerLoss):
        criterion = kind(loss, miner, 128, n_rows // 8)
        n_steps = max(1, round(0.05 / seconds_of(step, criterion, Z, y)))
        timings[kind] = partial(mean_seconds, criterion, Z, y, n_steps)
    ours, theirs = map(np.array, by_turns(timings, rounds, warm_up=0).values())
    return {
        "loss": loss,
        "miner": miner,
        "ours_ms": float(1000 * np.median(ours)),
        "peer_ms": float(1000 * np.median(theirs)),
        "ratio": spread(theirs / ours),
    }


def mean_seconds(criterion, Z, y, n_steps):
    """Return the mean seconds of a step."""
    return seconds_of(step, criterion, Z, y, n_steps) / n_steps


def peak(loss, miner, n_rows):
    """Return the MB that one step needs in addition to those of the process."""
    criterion = OurLoss(loss, miner, 64, 10)
    step(criterion, *clusters(64, 64, 10))
    Z, y = clusters(n_rows, 64, 10)
    before = most_resident()
    step(criterion, Z, y)
    return most_resident() - before


NAMES = {"loss": "{loss}", "miner": "{miner}"}
MILLISECONDS = {
    "ours, ms": "{ours_ms:.1f}",
    "peer, ms": "{peer_ms:.1f}",
    "peer / ours": RATIO.replace("2f", "1f"),
}


@benchmark(losses_time=NAMES | MILLISECONDS, losses_memory=NAMES | {"megabytes": "{megabytes:.0f}"})
def losses(data, *, rounds=5, rows=512, peak_rows=4096):
    """Return the times of all losses and miners that the peer has too, and the memory of ours."""
    cases = [(loss, "all") for loss in LOSSES] + [("contrastive", miner) for miner in MINERS]
    memory = []
    for loss, miner in dict.fromkeys(cases):
        megabytes = in_new_process(peak, loss, miner, peak_rows)
        memory.append({"loss": loss, "miner": miner, "megabytes": megabytes})
    time = [compare_losses(*case, n_rows=rows, rounds=rounds) for case in PEERS]
    return {"losses_time": time, "losses_memory": memory}


class Tower(nn.Sequential):
    """Standardization and the layers of the embedder's tower."""

    def __init__(self, mean, scale, n_features=784):
        super().__init__(Standardize(mean, scale), TOWERS["mlp"]["tower"]((n_features,), 32))


def train_as_documented(model, criterion, X, y, n_epochs):
    """Train by the loop of the documentation of pytorch-metric-learning; return its seconds."""
    n_classes = len(np.unique(y))
    per_class = BATCH_SIZE // n_classes
    dataset = TensorDataset(torch.from_numpy(X), torch.from_numpy(y.astype(np.int64)))
    sampler = samplers.MPerClassSampler(y, m=per_class, length_before_new_iter=len(y))
    loader = DataLoader(dataset, batch_size=n_classes * per_class, sampler=sampler)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    begin = perf_counter()
    for _ in range(n_epochs):
        for rows, labels in loader:
            optimizer.zero_grad()
            criterion(model(rows), labels).backward()
            optimizer.step()
    return perf_counter() - begin


def skorch_net(mean, scale, criterion, n_epochs, n_features=784):
    """Return a NeuralNet of our tower."""
    return NeuralNet(
        Tower,
        module__mean=mean,
        module__scale=scale,
        module__n_features=n_features,
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        max_epochs=n_epochs,
        verbose=0,
    )


def peer_loop(X, y, loss, miner):
    """Return the mean seconds of two epochs of pytorch-metric-learning."""
    torch.manual_seed(0)
    model, criterion = Tower(X.mean(), X.std()), PeerLoss(loss, miner)
    return {"epoch": train_as_documented(model, criterion, X, y, n_epochs=2) / 2}


def skorch_fit(X, y, loss, miner):
    """Return the mean seconds of two epochs of skorch, by its own clock."""
    net = skorch_net(X.mean(), X.std(), OurLoss(loss, miner), n_epochs=2)
    net.fit(X, y.astype(np.int64))
    return {"epoch": np.mean(net.history[:, "dur"])}


def epochs(X, y, rounds):
    """Return a row for each loss and trainer: seconds of an epoch, and their ratio to ours."""
    ours = partial(our_fit, batch_size=BATCH_SIZE, **TOWERS["mlp"])
    trainers = {"SiameseEmbedder": ours, "pytorch-metric-learning": peer_loop, "skorch": skorch_fit}
    return [
        {"loss": name} | row
        for name, (loss, miner) in TRAINED.items()
        for row in compare(trainers, X, y, rounds, loss=loss, miner=miner)
    ]


PEERS_EPOCHS = {
    "loss": "{loss}",
    "trained by": "{name}",
    "seconds an epoch": "{seconds[median]:.2f}",
    "times ours": RATIO,
}


@benchmark(peers_epochs=PEERS_EPOCHS)
def peers_training(data, *, rounds=5, rows=None):
    """Return the seconds of an epoch by loss and trainer."""
    return epochs(*images(data, rows), rounds)


if __name__ == "__main__":
    start(losses, peers_training)
