"""Measure exported verifiers: size, time and accuracy, also with weights and activations in int8.

``export``: :class:`SiameseVerifier` with a multilayer perceptron and with convolutions learns from
pairs of the digits 0 to 6, or of seven classes of Fashion-MNIST. Its ``predict_proba`` is compared
with the file of :func:`sksiamese.export.to_onnx` in onnxruntime, as it is and after
``quantize_dynamic`` of onnxruntime, all with one thread. Size: of the file; of the pickled
estimator for ``predict_proba``. Time: one pair and many pairs as an array of float32, by turns;
the median is reported. Accuracy: the area under the ROC curve for pairs of the other three classes,
on average over seeds, and the greatest difference of a probability from ``predict_proba``.
"""

import logging
import pickle
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import quantize_dynamic
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from benchmarks._common.data import load_fashion_mnist
from benchmarks._common.figures import by_turns, seconds_of
from benchmarks._common.report import benchmark, start
from sksiamese import SiameseVerifier, make_pairs
from sksiamese.export import to_onnx
from sksiamese.towers import cnn

N_KNOWN = 7
"""Number of classes to train on; the classes after them are unseen."""


def load(data, name, n_rows):
    """Return rows as float32, their classes, and the shape of an image."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X[:n_rows].astype(np.float32), y[:n_rows], (8, 8)
    X, y, *_ = load_fashion_mnist(data, n_rows)
    return X.astype(np.float32), y, (28, 28)


def new_session(path):
    """Return a session of onnxruntime with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


def probability(session, pairs):
    """Return the probability of a match for each pair, by onnxruntime."""
    return session.run(["probability"], {"pairs": pairs})[0]


def quantize(source, target):
    """Write a model with weights in int8, without the advice of onnxruntime to prepare it."""
    logging.disable(logging.WARNING)
    try:
        quantize_dynamic(source, target)
    finally:
        logging.disable(logging.NOTSET)


def measure(verifier, pairs, match, rounds, folder):
    """Return the figures of each way to compute the probabilities of pairs."""
    plain, int8 = folder / "plain.onnx", folder / "int8.onnx"
    to_onnx(verifier, plain)
    quantize(plain, int8)
    ways = {
        "predict_proba": lambda pairs: verifier.predict_proba(pairs)[:, 1],
        "onnxruntime": partial(probability, new_session(plain)),
        "onnxruntime, int8": partial(probability, new_session(int8)),
    }
    size = dict.fromkeys(ways, len(pickle.dumps(verifier)))
    size |= {"onnxruntime": plain.stat().st_size, "onnxruntime, int8": int8.stat().st_size}
    expected, figures = ways["predict_proba"](pairs), {}
    seconds = {}
    for name, part in (("one", pairs[:1]), ("many", pairs[:1000])):
        calls = {way: partial(seconds_of, function, part) for way, function in ways.items()}
        seconds[name] = by_turns(calls, rounds, warm_up=3)
    for way, function in ways.items():
        found = function(pairs)
        figures[way] = {
            "bytes": size[way],
            "one": 1e3 * float(np.median(seconds["one"][way])),
            "many": 1e3 * float(np.median(seconds["many"][way])),
            "auc": roc_auc_score(match, found),
            "difference": float(np.abs(found - expected).max()),
        }
    return figures


def runs_of(data, name, tower, rows, n_pairs, epochs, rounds, seeds):
    """Return the figures of each way, seed by seed."""
    X, y, shape = load(data, name, rows)
    options = {"tower": partial(cnn, width=16), "input_shape": shape} if tower == "cnn" else {}
    known, found = y < N_KNOWN, []
    for seed in range(seeds):
        pairs, match, _ = make_pairs(X[known], y[known], n_pairs=n_pairs, random_state=seed)
        verifier = SiameseVerifier(**options, max_iter=epochs, random_state=seed, device="cpu")
        verifier.fit(pairs, match)
        unseen = make_pairs(X[~known], y[~known], n_pairs=n_pairs, random_state=seed)[:2]
        with tempfile.TemporaryDirectory() as folder:
            found.append(measure(verifier, *unseen, rounds, Path(folder)))
    return found


EXPORT = {
    "data": "{data}",
    "tower": "{tower}",
    "way": "{way}",
    "kilobytes": lambda row: f"{row['bytes'] / 1000:,.0f}",
    "one pair, milliseconds": "{one:.2f}",
    "1,000 pairs, milliseconds": "{many:.1f}",
    "AUC of unseen classes": "{auc:.4f}",
    "greatest difference of a probability": "{difference:.1g}",
}


@benchmark(export=EXPORT)
def export(data, *, rows=10_000, pairs=3000, epochs=10, rounds=30, seeds=3):
    """Return a row for each data set, tower and way to compute probabilities."""
    results = []
    for name in ("digits", "Fashion-MNIST"):
        for tower in ("mlp", "cnn"):
            runs = runs_of(data, name, tower, rows, pairs, epochs, rounds, seeds)
            for way in runs[0]:
                columns = {key: [run[way][key] for run in runs] for key in runs[0][way]}
                figures = {key: float(np.mean(values)) for key, values in columns.items()}
                figures["difference"] = max(columns["difference"])
                results.append({"data": name, "tower": tower, "way": way, **figures})
    return results


if __name__ == "__main__":
    start(export)
