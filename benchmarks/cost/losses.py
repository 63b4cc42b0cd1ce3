"""What losses and miners cost in time and memory, next to pytorch-metric-learning.

Time: forward and backward of loss and miner on the same embeddings of 512 rows and 128 components,
64 classes of eight rows, by turns in one run. Memory: what a process needs on top for one forward
and backward on 4,096 rows and 64 components, ten classes; each in a process of its own.
"""

from functools import partial
from time import perf_counter

import numpy as np
import torch
from pytorch_metric_learning import losses as peer
from pytorch_metric_learning import miners as peer_miners

from benchmarks._common.cells import RATIO, table
from benchmarks._common.figures import spread
from benchmarks._common.process import in_new_process, most_resident
from benchmarks._common.report import main, with_options
from sksiamese.distances import DISTANCES
from sksiamese.losses import LOSSES, NATURAL_DISTANCES
from sksiamese.mining import MINERS

TRIPLET = partial(peer.TripletMarginLoss, margin=0.2)
SEMIHARD = partial(peer_miners.TripletMarginMiner, margin=0.2, type_of_triplets="semihard")
EASY = partial(peer_miners.BatchEasyHardMiner, pos_strategy="easy", neg_strategy="semihard")
SMOOTH = partial(peer.TripletMarginLoss, margin=0, smooth_loss=True)
PEERS = {
    ("contrastive", "all"): (peer.ContrastiveLoss, None),
    ("triplet", "all"): (TRIPLET, None),
    ("triplet", "semihard"): (TRIPLET, SEMIHARD),
    ("triplet", "hardest"): (TRIPLET, peer_miners.BatchHardMiner),
    ("triplet", "angular"): (TRIPLET, peer_miners.AngularMiner),
    ("triplet", "easy_positive"): (TRIPLET, EASY),
    ("soft_margin_triplet", "all"): (SMOOTH, None),
    ("lifted_structure", "all"): (peer.GeneralizedLiftedStructureLoss, None),
    ("n_pairs", "all"): (partial(peer.NTXentLoss, temperature=1.0), None),
    ("supcon", "all"): (peer.SupConLoss, None),
    ("nca", "all"): (peer.NCALoss, None),
    ("multi_similarity", "all"): (peer.MultiSimilarityLoss, None),
    ("multi_similarity", "multi_similarity"): (
        peer.MultiSimilarityLoss,
        peer_miners.MultiSimilarityMiner,
    ),
    ("circle", "all"): (peer.CircleLoss, None),
    ("wu_margin", "distance_weighted"): (peer.MarginLoss, peer_miners.DistanceWeightedMiner),
    ("ranked_list", "all"): (partial(peer.RankedListLoss, margin=0.4, Tn=5, alpha=1.2), None),
    ("fastap", "all"): (peer.FastAPLoss, None),
    ("histogram", "all"): (peer.HistogramLoss, None),
    ("proxy_nca", "all"): (peer.ProxyNCALoss, None),
    ("proxy_anchor", "all"): (peer.ProxyAnchorLoss, None),
    ("normalized_softmax", "all"): (peer.NormalizedSoftmaxLoss, None),
    ("cosface", "all"): (peer.CosFaceLoss, None),
    ("arcface", "all"): (peer.ArcFaceLoss, None),
    ("soft_triple", "all"): (peer.SoftTripleLoss, None),
}
"""The peer's loss and its miner, by the names of ours."""


def data(n_rows, n_components, n_classes):
    """Return embeddings of classes that are half apart, and the classes."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n_rows) % n_classes
    centers = torch.randn(n_classes, n_components, generator=generator)
    return centers[y] + torch.randn(n_rows, n_components, generator=generator), y


def our_step(loss, miner, n_components, n_classes):
    """Return a function of embeddings and classes: forward and backward of one of our losses."""
    criterion, distance = LOSSES[loss], DISTANCES[NATURAL_DISTANCES[loss]]
    if isinstance(criterion, type):
        criterion = criterion(*(() if loss == "wu_margin" else (n_classes, n_components)))
    select = MINERS[miner]
    if miner == "distance_weighted":
        select = partial(select, n_components=n_components)

    def step(Z, y):
        Z = Z.clone().requires_grad_()
        if hasattr(criterion, "proxies"):
            criterion(Z, y).backward()
            return
        same = y[:, None] == y
        different = ~same
        criterion(*select(distance(Z, Z), same.fill_diagonal_(False), different)).backward()

    return step


def peer_step(loss, miner, n_components, n_classes):
    """Return the same function for the loss of the peer."""
    kind, miner_kind = PEERS[loss, miner]
    options = {}
    if NATURAL_DISTANCES[loss] == "cosine" and hasattr(LOSSES[loss], "cosines"):
        options = {"num_classes": n_classes, "embedding_size": n_components}
    criterion = kind(**options)
    select = miner_kind() if miner_kind else None

    def step(Z, y):
        Z = Z.clone().requires_grad_()
        selected = select(Z, y) if select else None
        criterion(Z, y, selected).backward()

    return step


def seconds(step, Z, y, n_steps):
    """Return the mean seconds of a step."""
    start = perf_counter()
    for _ in range(n_steps):
        step(Z, y)
    return (perf_counter() - start) / n_steps


def compare(loss, miner, *, n_rows, rounds):
    """Return the milliseconds of both losses, and the spread of their ratio."""
    Z, y = data(n_rows, 128, n_rows // 8)
    steps = [make(loss, miner, 128, n_rows // 8) for make in (our_step, peer_step)]
    n_steps = [max(1, round(0.05 / seconds(step, Z, y, 1))) for step in steps]
    taken = np.array(
        [
            [seconds(step, Z, y, n) for step, n in zip(steps, n_steps, strict=True)]
            for _ in range(rounds)
        ]
    )
    ours, theirs = np.median(taken, axis=0)
    return {
        "loss": loss,
        "miner": miner,
        "ours_ms": float(1000 * ours),
        "peer_ms": float(1000 * theirs),
        "ratio": spread(taken[:, 1] / taken[:, 0]),
    }


def peak(loss, miner, n_rows):
    """Return the megabytes that one step needs in addition to those of the process."""
    step = our_step(loss, miner, 64, 10)
    step(*data(64, 64, 10))
    Z, y = data(n_rows, 64, 10)
    before = most_resident()
    step(Z, y)
    return most_resident() - before


@with_options(
    rounds=(5, "timings of each contender"),
    rows=(512, "rows of a batch that is timed"),
    peak_rows=(4096, "rows for the memory"),
)
def run(args):
    """Return times of all losses and miners that the peer has too, and memory of all of ours."""
    pairs = [(loss, "all") for loss in LOSSES] + [("contrastive", miner) for miner in MINERS]
    return {
        "time": [
            compare(loss, miner, n_rows=args.rows, rounds=args.rounds) for loss, miner in PEERS
        ],
        "memory": [
            {
                "loss": loss,
                "miner": miner,
                "megabytes": in_new_process(peak, loss, miner, args.peak_rows),
            }
            for loss, miner in dict.fromkeys(pairs)
        ],
    }


def tables(results):
    """Return the tables of milliseconds and of megabytes."""
    names = {"loss": "{loss}", "miner": "{miner}"}
    milliseconds = {
        "ours, ms": "{ours_ms:.1f}",
        "peer, ms": "{peer_ms:.1f}",
        "peer / ours": RATIO.replace("2f", "1f"),
    }
    return {
        "losses_time": table(results["time"], names | milliseconds),
        "losses_memory": table(results["memory"], names | {"megabytes": "{megabytes:.0f}"}),
    }


if __name__ == "__main__":
    main(run, tables)
