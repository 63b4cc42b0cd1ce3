"""The benchmark of verification from labels on tiny settings: its roles, its pairs, its figures."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sksiamese import PairTransformer, PairView
from tests._helpers.benchmarks import needs_data, run


@needs_data
@pytest.mark.parametrize("only", ["faces", "new classes"])
def test_verifiers_of_labels_report_errors_rates_and_coverage(
    load_script, tmp_path, monkeypatch, only
):
    module = load_script("quality.label_verification")
    load = module.load_fashion_mnist
    monkeypatch.setattr(module, "load_fashion_mnist", lambda at: [p[:900] for p in load(at)])
    monkeypatch.setattr(module, "N_DRAWS", 2)
    results = run(module, tmp_path, "--seeds", 2, "--epochs", 1, "--only", only)
    assert [row["rate"] for row in results] == [0.01, 0.05]
    for row in results:
        assert only in row["task"]
        assert len(row["runs"]) == 2
        figures = {key: value["mean"] for key, value in row["summary"].items()}
        assert set(figures) == {"eer", "ece", "far", "accepted", "pairs", "shared", "seconds"}
        assert 0 < figures["eer"] < 0.5
        assert all(0 <= figures[key] <= 1 for key in ("ece", "far", "accepted", "pairs", "shared"))
    strict, loose = results
    assert strict["summary"]["far"]["mean"] < loose["summary"]["far"]["mean"]


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
    learned, used = [], set()

    def fit(rows, **options):
        learned.append(set(rows))
        return LogisticRegression().fit([[0.0], [1.0]], [0, 1])

    def figures_of(model, *roles):
        used.update(*roles)
        return [{"eer": 0.0}]

    monkeypatch.setattr(module, "figures_of", figures_of)
    for held_out in (False, True):
        used.clear()
        options = {"output": "distance", "epochs": None, "held_out": held_out}
        task = (np.arange(70), fit, lambda rows, seed: rows, module.deal_rows, 0)
        module.run_seed(*task, **options)
        assert not used & learned[-1]
    assert [len(rows) for rows in learned] == [50, 35]
    assert used | learned[1] == learned[0]


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
    assert loose["far"] == np.mean(accepted[~test[1]] > limit)
    assert loose["accepted"] == np.mean(accepted[test[1]] > limit)
    assert strict["eer"] == loose["eer"] == module.equal_error_rate(test[1], accepted)
    assert strict["far"] < loose["far"] < 0.15
    assert {loose["pairs"], loose["shared"]} == {1.0}
