"""What scikit-learn's own checks say of this package and of its peers.

Every estimator goes through ``check_estimator`` as it is constructed, nothing expected to fail,
and then is fitted on the digits. Peers that are not installed are left out.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import warnings
from collections import Counter
from importlib.util import find_spec
from time import perf_counter

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

from benchmarks._common.cells import table
from benchmarks._common.report import main
from sksiamese import (
    PairTransformer,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseVerifier,
    make_pairs,
)


class LazyNet(nn.Module):
    """A network for skorch that takes any number of features and, unlike a plain one, any dtype."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, X):
        """Return the probabilities of the ten digits."""
        return self.layers(X.float()).softmax(dim=-1)


def estimators():
    """Return our estimators, scikit-learn's own and the peers that are installed, by name."""
    found = {
        "SiameseEmbedder": SiameseEmbedder(),
        "SiameseVerifier": SiameseVerifier(),
        "SiameseIdentifier": SiameseIdentifier(),
        "PairTransformer": PairTransformer(),
        "sklearn NeighborhoodComponentsAnalysis": NeighborhoodComponentsAnalysis(),
    }
    if find_spec("metric_learn"):
        from metric_learn import LMNN, NCA

        found |= {"metric-learn LMNN": LMNN(), "metric-learn NCA": NCA()}
    if find_spec("skorch"):
        from skorch import NeuralNetClassifier

        found["skorch NeuralNetClassifier"] = NeuralNetClassifier(
            LazyNet, max_epochs=5, train_split=None, verbose=0
        )
    return found


def check(estimator):
    """Return the counts of checks by outcome, names of the failed, and what stopped them."""
    start = perf_counter()
    try:
        results = check_estimator(estimator, on_fail=None, on_skip=None)
        stopped = None
    except Exception as error:
        results, stopped = [], type(error).__name__
    seconds = perf_counter() - start
    return {
        "counts": Counter(result["status"] for result in results),
        "failed": [result["check_name"] for result in results if result["status"] == "failed"],
        "stopped": stopped,
        "seconds": seconds,
    }


def try_on_digits(estimator):
    """Fit on digits, or on pairs of them; return "yes" or the name of the error."""
    X, y = load_digits(return_X_y=True)
    if isinstance(estimator, PairTransformer | SiameseVerifier):
        X, y, _ = make_pairs(X, y, n_pairs=1000, random_state=0)
    try:
        estimator.fit(X, y)
    except Exception as error:
        return type(error).__name__
    return "yes"


def run(args):
    """Return a row for every estimator, checked and fitted without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            {"name": name, **check(estimator), "digits": try_on_digits(clone(estimator))}
            for name, estimator in estimators().items()
        ]


def tables(results):
    """Return the table of scikit-learn's checks."""
    columns = {
        "estimator": "{name}",
        "passed": lambda row: str(row["counts"].get("passed", 0)),
        "failed": lambda row: str(row["counts"].get("failed", 0)),
        "skipped": lambda row: str(row["counts"].get("skipped", 0)),
        "stopped by": lambda row: row["stopped"] or "",
        "fits digits": "{digits}",
    }
    return {"peers": table(results, columns)}


if __name__ == "__main__":
    main(run, tables)
