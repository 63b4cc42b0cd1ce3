"""What it costs to verify many pairs of few items: 1,000,000 pairs of the 60,000 of Fashion-MNIST.

The pairs are a ``PairView``, row numbers into the images as they are (uint8, 47 MB); as an array
they would take 1.6 GB, and 6.3 GB in float32. Time: ``predict_proba``, beside the least that it
could take, which is to embed all images once (``transform_items``) and to run the head over all
pairs; by turns, with the ratio formed within a round. Memory: what the process needs at its peak
beside what it held before, images included, in a process of its own. The verifier has its
defaults and is trained briefly, as its weights do not matter here.
"""

from time import perf_counter

import numpy as np
import torch

from benchmarks._common.cells import RATIO
from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import spread
from benchmarks._common.process import in_new_process, megabytes, most_resident
from benchmarks._common.report import main, with_options
from sksiamese import SiameseVerifier, make_pairs

CHUNK = 4096


def prepare(args):
    """Return images, a view of pairs of them, and a verifier."""
    X, y, *_ = load_fashion_mnist(args.data)
    X, y = X[: args.items], y[: args.items]
    pairs, match, _ = make_pairs(X, y, n_pairs=args.pairs, as_view=True, random_state=0)
    few = slice(2000)
    verifier = SiameseVerifier(max_iter=1, random_state=0, device="cpu")
    return X, pairs, verifier.fit(pairs[few], match[few])


@torch.inference_mode()
def head_over_pairs(verifier, Z, index):
    """Return the logits of all pairs from embeddings, by a bare loop."""
    Z, index = torch.from_numpy(Z), torch.from_numpy(index)
    return torch.cat([verifier.head_(*Z[rows.T]) for rows in index.split(CHUNK)])


def seconds_of(function, *arguments):
    """Return the result and the seconds of a call."""
    start = perf_counter()
    result = function(*arguments)
    return result, perf_counter() - start


def time(X, pairs, verifier, rounds):
    """Return the seconds of each part, by turns, after one round of warm-up."""
    found = {"predict_proba": [], "transform_items": [], "head": []}
    for turn in range(rounds + 1):
        proba, whole = seconds_of(verifier.predict_proba, pairs)
        Z, embedding = seconds_of(verifier.transform_items, X)
        logit, head = seconds_of(head_over_pairs, verifier, Z, pairs.index)
        if turn > 0:
            for part, seconds in zip(found.values(), (whole, embedding, head), strict=True):
                part.append(seconds)
    gap = np.abs(proba[:, 1] - logit.sigmoid().numpy()).max()
    if gap > 1e-5:
        raise ValueError(f"both ways must give the same probabilities, but differ by {gap}.")
    ratio = np.divide(found["predict_proba"], np.add(found["transform_items"], found["head"]))
    return {
        "seconds": {name: float(np.median(values)) for name, values in found.items()},
        "ratio": spread(ratio),
    }


def memory(args):
    """Return the megabytes that predict_proba needs beside what the process held before."""
    _, pairs, verifier = prepare(args)
    before = megabytes("VmRSS")
    verifier.predict_proba(pairs)
    return {"megabytes": most_resident() - before, "megabytes_before": before}


@with_options(
    rounds=(7, "timings of each part"),
    items=(60_000, "number of images"),
    pairs=(1_000_000, "number of pairs"),
)
def run(args):
    """Return the seconds and the memory of all pairs."""
    sizes = {"items": args.items, "pairs": args.pairs}
    return time(*prepare(args), args.rounds) | in_new_process(memory, args) | sizes


def tables(results):
    """Return the table of what many pairs of few items cost."""
    rows = {
        "seconds to embed {items:,} items": "{seconds[transform_items]:.2f}",
        "seconds of the head over {pairs:,} pairs": "{seconds[head]:.2f}",
        "seconds of predict_proba of {pairs:,} pairs": "{seconds[predict_proba]:.2f}",
        "predict_proba / (embed + head)": RATIO,
        "megabytes at the peak, beside what was held before": "{megabytes:.0f}",
    }
    cells = [[cell.format(**results) for cell in row] for row in rows.items()]
    return {"pair_view": [["measure", "figure"], *cells]}


if __name__ == "__main__":
    main(run, tables)
