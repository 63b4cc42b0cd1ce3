"""The simulation of false-accept rates on tiny settings."""

import numpy as np

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_rates_of_all_kinds_of_data_are_reported_with_intervals(load_script, tmp_path):
    module = load_script("quality.identifier")
    module.SETTINGS = [(19, 0.1)]
    results = run(module, tmp_path, "--draws", 2, name="false_accept_rate")
    assert len(results) == len({row["data"] for row in results}) == 10
    for row in results:
        assert row["interval"][0] <= row["far"] <= row["interval"][1]
        assert 0 <= row["far"] < 0.5


def test_each_kind_of_data_has_the_classes_asked_for(load_script):
    module = load_script("quality.identifier")
    for draw in (module.heavy_tails, module.hubs, module.ties, module.clusters):
        X, y = draw(13, np.random.default_rng(0))
        assert len(X) == len(y)
        assert np.unique(y).tolist() == list(range(13))


def test_classes_on_a_lattice_are_rejected_together(load_script):
    def draw(n_classes, rng):
        return rng.permutation(np.arange(float(n_classes)))[:, None], np.arange(n_classes)

    figures = load_script("quality.identifier").simulate(draw, {}, 199, 0.01, 3)
    assert figures == {"far": 0.0, "interval": [0.0, 0.0]}
