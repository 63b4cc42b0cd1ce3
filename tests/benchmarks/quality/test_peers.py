"""The checks of scikit-learn on an estimator that passes and on one that stops them."""

from sklearn.dummy import DummyClassifier
from sklearn.neighbors import NeighborhoodComponentsAnalysis

from tests._helpers.benchmarks import run


def test_an_estimator_that_stops_the_checks_is_reported(load_script, tmp_path, monkeypatch):
    module = load_script("quality.peers")

    class Broken(DummyClassifier):
        def __sklearn_tags__(self):
            raise RuntimeError

        def fit(self, X, y):
            raise TypeError

    chosen = {"ours": NeighborhoodComponentsAnalysis(max_iter=5), "broken": Broken()}
    monkeypatch.setattr(module, "estimators", lambda: chosen)
    passing, broken = run(module, tmp_path)
    assert list(passing.values()) == ["ours", 48, 0, 0, "", "yes"]
    assert list(broken.values()) == ["broken", 0, 0, 0, "RuntimeError", "TypeError"]
