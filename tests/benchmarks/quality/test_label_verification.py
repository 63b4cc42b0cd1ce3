"""The benchmark of verification from labels on tiny settings: its roles, its pairs, its figures."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sksiamese import PairTransformer, PairView
from tests._helpers.benchmarks import needs_data, run


@needs_data
@pytest.mark.parametrize("task", ["AT&T faces, new people", "Fashion-MNIST, new classes"])
def test_verifiers_of_labels_report_errors_rates_and_what_intervals_hold(
    load_script, tmp_path, monkeypatch, task
):
    module = load_script("quality.label_verification")
    load = module.load_fashion_mnist
    monkeypatch.setattr(module, "load_fashion_mnist", lambda at: [p[:900] for p in load(at)])
    monkeypatch.setattr(module, "N_DRAWS", 2)
    monkeypatch.setattr(module, "TASKS", {task: module.TASKS[task]})
    monkeypatch.setitem(module.SUPCON, "max_iter", 1)
    results = run(module, tmp_path, "--seeds", 2)
    assert [row["requested"] for row in results] == ["1", "5"]
    for row in results:
        assert row["data"] == task
        assert len(row["runs"]) == 2
        figures = {key: value["mean"] for key, value in row["summary"].items()}
        assert len(figures) == 7
        assert figures.pop("seconds") > 0
        assert 0 < figures["EER"] < 0.5
        assert all(0 <= value <= 1 for value in figures.values())
    strict, loose = results
    assert strict["summary"]["false accepts"]["mean"] < loose["summary"]["false accepts"]["mean"]


def test_no_identity_has_two_roles(load_script):
    y = np.repeat(np.arange(10, 50), 3)
    rng = np.random.default_rng(0)
    module = load_script("quality.label_verification")
    learned, draws = module.deal_identities(y, rng, shares=(0.6, 0.2))
    assert len(draws) == module.N_DRAWS
    for others, new in draws:
        roles = [set(y[rows]) for rows in (learned, others, new)]
        assert [len(role) for role in roles] == [24, 8, 8]
        assert len(set.union(*roles)) == 40
        assert len(learned) + len(others) + len(new) == len(y)
    assert len({tuple(new) for _, new in draws}) > 10


def test_no_row_has_two_roles_and_the_last_are_tested(load_script):
    y, module = np.zeros(700), load_script("quality.label_verification")
    learned, draws = module.deal_rows(y, np.random.default_rng(0))
    assert len(learned) == 500
    calibrated = np.concatenate([others for others, _ in draws])
    assert sorted([*learned, *calibrated]) == list(range(600))
    assert all(new.tolist() == list(range(600, 700)) for _, new in draws)


def test_held_out_roles_are_drawn_from_training_rows(load_script, monkeypatch):
    module = load_script("quality.label_verification")
    learned, used = set(), set()

    def fit(rows, seed):
        learned.update(rows)
        return LogisticRegression().fit([[0.0], [1.0]], [0, 1])

    def figures_of(model, *roles):
        used.update(*roles)
        return [{"EER": 0.0}]

    monkeypatch.setattr(module, "figures_of", figures_of)
    module.run_seed(np.arange(70), fit, lambda rows, seed: rows, module.deal_rows, 0)
    assert len(learned) == 50
    assert not used & learned
    assert used | learned == set(range(70))


def test_pairs_of_signatures_are_of_one_writer_and_have_a_genuine_one(load_script):
    writer, genuine = np.repeat([1, 2, 3], 4), np.tile([True, True, False, False], 3)
    X = np.arange(12.0)[:, None]
    P, match, groups = load_script("quality.label_verification").pairs_of_signatures(
        X, writer, genuine, np.arange(4, 12), seed=0
    )
    assert len(P.index) == 2 * (1 + 4)
    assert match.sum() == 2
    assert (groups[:, 0] == groups[:, 1]).all()
    assert (writer[P.index] == groups).all()
    assert set(groups.ravel()) == {2, 3}
    assert (genuine[P.index].all(axis=1) == match).all()
    assert genuine[P.index].any(axis=1).all()


@pytest.mark.parametrize("share_rows", [False, True])
def test_pairs_of_images_report_their_shared_identities(load_script, share_rows):
    y, rows = np.arange(60) % 3, np.arange(10, 60)
    X = np.arange(60.0)[:, None]
    P, match, groups = load_script("quality.label_verification").pairs_of_images(
        X, y, rows, 0, share_rows=share_rows
    )
    assert set(P.index.ravel()) <= set(rows)
    assert match.mean() == 0.5
    assert ((y[P.index[:, 0]] == y[P.index[:, 1]]) == match).all()
    assert (groups == (P.index if share_rows else y[P.index])).all()


def test_figures_of_test_pairs_use_thresholds_of_other_pairs(load_script):
    module = load_script("quality.label_verification")
    rng = np.random.default_rng(0)

    def pairs(n):
        match = np.arange(n) % 2 == 0
        X = np.where(match, 1, 2)[:, None] * rng.random((n, 1))
        items = np.concatenate([np.zeros((1, 1)), X])
        view = PairView(items, np.column_stack([np.zeros(n, int), np.arange(n) + 1]))
        return view, match, view.index

    calibration, test = pairs(400), pairs(4000)
    model = make_pipeline(PairTransformer(output="distance"), LogisticRegression())
    strict, loose = module.figures_of(model, calibration, test)
    accepted = model.predict_proba(test[0])[:, 1]
    limit = np.sort(model.predict_proba(calibration[0])[~calibration[1], 1])[-11]
    assert loose["false accepts"] == np.mean(accepted[~test[1]] > limit)
    assert loose["matches accepted"] == np.mean(accepted[test[1]] > limit)
    assert strict["EER"] == loose["EER"] == module.equal_error_rate(test[1], accepted)
    assert strict["false accepts"] < loose["false accepts"] < 0.15
    assert loose["held by the interval of pairs"] == loose["held by the interval of groups"] == 1
