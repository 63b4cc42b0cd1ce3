"""The benchmark of verification on tiny settings: its identities, its report."""

import operator

import numpy as np

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_every_table_of_unseen_identities_carries_the_raw_distance(
    load_script, tmp_path, monkeypatch
):
    module = load_script("quality.identities")
    monkeypatch.setattr(module, "N_PAIRS", 200)
    monkeypatch.setattr(module, "N_PEOPLE", (4, 8))
    results = run(module, tmp_path, "--seeds", 1, "--splits", 1, "--folds", 1, name="verify_digits")
    assert len({row["model"] for row in results["verify_digits"]}) == 2 * len(module.VERIFIERS) + 2
    task = operator.itemgetter("test pairs", "identities learned from")
    groups = {task(row) for row in results["unseen_identities"]}
    assert len(groups) == 3
    for group in groups:
        rows = [row for row in results["unseen_identities"] if task(row) == group]
        assert {"SiameseVerifier", "distance of pixels"} < {row["model"] for row in rows}
        assert all(
            set(row["summary"]) == {"AUC", "accuracy", "EER", "TAR at FAR 1 %"} for row in rows
        )


def test_people_of_test_pairs_are_not_trained_on(load_script):
    people = np.repeat(np.arange(40), 10)
    images = 100 * people[:, None] + np.tile(np.arange(10), 40)[:, None]
    tested = set()
    for (P, match), (P_test, _) in load_script("quality.identities").unseen_people(
        images, people, 16, 5
    ):
        known, new = set((P // 100).ravel()), set((P_test // 100).ravel())
        assert (len(known), len(new)) == (16, 8)
        assert not known & new
        assert match.sum() == 16 * 45
        tested |= new
    assert tested == set(range(40))


def test_unseen_digits_are_never_learned_from(load_script, monkeypatch):
    module = load_script("quality.identities")
    y = np.repeat(np.arange(10), 40)
    X = 100 * y[:, None] + np.tile(np.arange(40), 10)[:, None]
    monkeypatch.setattr(module, "load_digits", lambda return_X_y: (X, y))
    monkeypatch.setattr(module, "N_PAIRS", 1000)
    held_out = []
    for (P, _), (P_test, _) in module.unseen_digits(5):
        known, new = set((P // 100).ravel()), set((P_test // 100).ravel())
        assert (len(known), len(new)) == (8, 2)
        assert not known & new
        held_out += new
    assert sorted(held_out) == list(range(10))
