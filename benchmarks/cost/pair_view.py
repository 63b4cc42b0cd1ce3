"""What it costs to verify many pairs of few items: 1,000,000 pairs of the 60,000 of Fashion-MNIST.

The pairs are a ``PairView``, row numbers into the images as they are (uint8, 47 MB); as an array
they would take 1.6 GB, and 6.3 GB in float32. Time: ``predict_proba``, beside the least that it
could take, which is to embed all images once (``transform_items``) and to run the head over all
pairs; by turns, with the ratio formed within a round. Memory: what the process needs at its peak
beside what it held before, images included, in a process of its own. The verifier has its
defaults and is trained briefly, as its weights do not matter here.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch

from sksiamese import SiameseVerifier, make_pairs

CHUNK = 4096


def prepare(folder, n_items, n_pairs):
    """Images, a view of pairs of them, and a verifier."""
    X, y, *_ = _data.load_fashion_mnist(folder)
    X, y = X[:n_items], y[:n_items]
    pairs, match, _ = make_pairs(X, y, n_pairs=n_pairs, as_view=True, random_state=0)
    few = slice(2000)
    verifier = SiameseVerifier(max_iter=1, random_state=0, device="cpu")
    return X, pairs, verifier.fit(pairs[few], match[few])


@torch.inference_mode()
def head_over_pairs(verifier, Z, index):
    """Logits of all pairs from embeddings, by a bare loop."""
    Z, index = torch.from_numpy(Z), torch.from_numpy(index)
    return torch.cat([verifier.head_(*Z[rows.T]) for rows in index.split(CHUNK)])


def seconds_of(function, *arguments):
    """Result and seconds of a call."""
    start = perf_counter()
    result = function(*arguments)
    return result, perf_counter() - start


def time(X, pairs, verifier, rounds):
    """Seconds of each part, by turns, after one round of warm-up."""
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
        "ratio": dict(
            zip(("min", "median", "max"), np.quantile(ratio, [0, 0.5, 1]).tolist(), strict=True)
        ),
    }


def memory(pairs, verifier):
    """Megabytes that predict_proba needs beside what the process held before."""
    status = Path("/proc/self/status").read_text()
    before = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024
    verifier.predict_proba(pairs)
    return {"megabytes": _report.most_resident() - before, "megabytes_before": before}


def memory_in_new_process(args):
    """The same, measured in a process of its own."""
    options = {"data": args.data, "threads": args.threads, "items": args.items, "pairs": args.pairs}
    command = [sys.executable, __file__, "--memory"]
    command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7, help="timings of each part")
    options.add_argument("--items", type=int, default=60_000, help="number of images")
    options.add_argument("--pairs", type=int, default=1_000_000, help="number of pairs")
    options.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    X, pairs, verifier = prepare(args.data, args.items, args.pairs)
    if args.memory:
        json.dump(memory(pairs, verifier), sys.stdout)
        return
    results = time(X, pairs, verifier, args.rounds) | memory_in_new_process(args)
    settings = {key: getattr(args, key) for key in ("rounds", "items", "pairs", "threads")}
    results |= {"items": args.items, "pairs": args.pairs}
    _report.write(args.out / "pair_view.json", results, **settings)
    sys.stdout.write(tables.markdown(*tables.pair_view(results)))


if __name__ == "__main__":
    main()
