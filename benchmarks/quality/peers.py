"""Run the checks of scikit-learn on the estimators of this package and of its peers.

Every estimator goes through ``check_estimator`` as it is constructed, without expected failures,
and then is fitted on the digits.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import warnings
from collections import Counter

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.utils.estimator_checks import check_estimator
from skorch import NeuralNetClassifier
from torch import nn

import sksiamese
from benchmarks._common.report import benchmark, start

OF_PAIRS = (
    sksiamese.PairTransformer,
    sksiamese.SiameseRegressor,
    sksiamese.SiameseVerifier,
)
OUTCOMES = ("passed", "failed", "skipped")


class LazyNet(nn.Module):
    """A network for skorch that accepts any number of features and any dtype."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, X):
        """Return the probabilities of the ten digits."""
        return self.layers(X.float()).softmax(dim=-1)


def estimators():
    """Return our estimators, scikit-learn's own and those of the peers, by name."""
    from metric_learn import LMNN, NCA

    return {
        "SiameseEmbedder": sksiamese.SiameseEmbedder(),
        "SiameseVerifier": sksiamese.SiameseVerifier(),
        "SiameseRegressor": sksiamese.SiameseRegressor(),
        "SiameseIdentifier": sksiamese.SiameseIdentifier(),
        "ReferenceVerifier": sksiamese.ReferenceVerifier(),
        "PairTransformer": sksiamese.PairTransformer(),
        "sklearn NeighborhoodComponentsAnalysis": NeighborhoodComponentsAnalysis(),
        "metric-learn LMNN": LMNN(),
        "metric-learn NCA": NCA(),
        "skorch NeuralNetClassifier": NeuralNetClassifier(
            LazyNet, max_epochs=5, train_split=None, verbose=0
        ),
    }


def check(estimator):
    """Return the counts of checks by outcome, and the error that stopped them."""
    try:
        results, stopped = check_estimator(estimator, on_fail=None, on_skip=None), ""
    except Exception as error:
        results, stopped = [], type(error).__name__
    counts = Counter(result["status"] for result in results)
    return {outcome: counts[outcome] for outcome in OUTCOMES} | {"stopped by": stopped}


def try_on_digits(estimator):
    """Fit on digits, or on pairs of them; return "yes" or the name of the error."""
    X, y = load_digits(return_X_y=True)
    if isinstance(estimator, OF_PAIRS):
        X, y, _ = sksiamese.make_pairs(X, y, n_pairs=1000, random_state=0)
    try:
        estimator.fit(X, y)
    except Exception as error:
        return type(error).__name__
    return "yes"


@benchmark(peers=None)
def peers(data):
    """Return a row for every estimator, checked and fitted without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            {"estimator": name, **check(estimator), "fits digits": try_on_digits(clone(estimator))}
            for name, estimator in estimators().items()
        ]


if __name__ == "__main__":
    start(peers)
