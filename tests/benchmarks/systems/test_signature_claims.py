"""The benchmark of claims of writers on tiny settings, and its protocol."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_claims_of_new_writers_are_scored(load_script, tmp_path, monkeypatch):
    module = load_script("systems.signature_claims")
    monkeypatch.setitem(load_script("systems.signatures").EMBEDDER, "max_iter", 1)
    monkeypatch.setattr(module, "CHANNELS", module.CHANNELS[1:2])
    part = tmp_path / "part"
    results = run(module, tmp_path, "--seeds", 1, "--writers", 2, "--partial-file", part)
    ours = results[len(module.PUBLISHED) :]
    warping, delays = ours[:4], ours[4:]
    assert [row["model"] for row in warping] == [
        module.WARPING,
        module.EXCESS,
        module.LEARNED,
        module.AVERAGED,
    ]
    assert [row["model"] for row in delays] == [
        module.DELAYS,
        module.DELAYS_EXCESS,
        module.NORMALIZED,
    ]
    for row in warping:
        assert 0 <= row["summary"]["skilled, EER"]["mean"] < 0.3
        assert 0.7 < row["summary"][module.ACCEPTED]["mean"] <= 1
    assert len(part.read_text().splitlines()) == 4


def test_probes_are_own_signatures_and_others_of_the_fold(load_script):
    module = load_script("systems.signature_claims")
    probes = module.probes_of(module.FOLDS)
    assert sorted(probes) == list(range(1, 41))
    for fold in module.FOLDS:
        for own in fold:
            writer, number = probes[own] // 40 + 1, probes[own] % 40 + 1
            assert (writer[:40] == own).all()
            assert number[:40].tolist() == list(range(1, 41))
            assert set(writer[40:]) <= set(fold) - {own}
            assert len(set(probes[own])) == 60
            assert number[40:].max() <= 20


def test_enrolled_signatures_are_five_of_the_first_ten(load_script):
    drawn = load_script("systems.signature_claims").draws(0, 40)
    assert drawn.shape == (40, 10, 5)
    assert drawn.min() == 0
    assert drawn.max() == 9
    assert all(len(set(one)) == 5 for one in drawn.reshape(-1, 5).tolist())


def test_terms_are_differences_and_ratios(load_script):
    rng = np.random.default_rng(0)
    D = squareform(pdist(rng.normal(size=(14, 2))))[:, :10]
    columns, terms = load_script("systems.signature_claims").terms_of(D, [1, 4, 7])
    among = D[np.ix_([1, 4, 7], [1, 4, 7])]
    spread = among.sum() / 6
    mean = D[10:, [1, 4, 7]].mean(axis=1)
    assert terms.mean == pytest.approx(mean)
    assert columns[:, 0] == pytest.approx(mean - spread)
    assert columns[:, 2] == pytest.approx(np.log(mean / spread))
