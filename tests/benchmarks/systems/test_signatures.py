"""The signature benchmark on tiny settings: its protocol, its alignment, its loader, its report."""

import math
import zipfile

import numpy as np
import pytest
import torch
from dtaidistance import dtw_ndim
from scipy.spatial.distance import cdist

from tests._helpers.benchmarks import DATA, needs_data, run


@pytest.fixture
def alignment(load_script):
    return load_script("systems._alignment")


def series(n, n_steps, n_values, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_steps * n_values, generator=generator, dtype=torch.float64)


def drawn(n_points, rng):
    """Return a signature of random strokes: x, y, time, button, azimuth, altitude, pressure."""
    points = rng.integers(0, 500, size=(n_points, 7)).cumsum(axis=0)
    points[:, 2] = 10 * np.arange(n_points)
    return points


@needs_data
def test_signatures_of_new_writers_are_verified(load_script, tmp_path, monkeypatch):
    module = load_script("systems.signatures")
    monkeypatch.setitem(module.EMBEDDER, "max_iter", 1)
    results = run(module, tmp_path, "--seeds", 1, "--writers", 2)
    published, ours = results[: len(module.PUBLISHED)], results[len(module.PUBLISHED) :]
    assert [row["model"] for row in published] == list(module.PUBLISHED)
    assert [row["model"] for row in ours] == [module.WARPING, *module.MODELS]
    for row in ours:
        assert len({*row["summary"]} - {"seconds"}) == 5
        assert 0 < row["summary"]["skilled, EER"]["mean"] < 0.5
    for row in (ours[0], ours[-1]):  # those that align; one epoch is too little for the other
        assert row["summary"]["random, EER"]["mean"] < row["summary"]["skilled, EER"]["mean"]
        assert 0.5 < row["summary"][module.ACCEPTED]["mean"] <= 1


def test_a_trial_follows_the_competition(load_script, monkeypatch):
    module = load_script("systems.signatures")
    writer, number = np.repeat([3, 5, 8], 40), np.tile(np.arange(1, 41), 3)
    trials = []

    def record(D, enrolled, rows):
        trials.append((enrolled, rows))
        return np.zeros(len(rows))

    monkeypatch.setattr(module, "relative_distance", record)
    found = module.scores(None, writer, number, np.random.default_rng(0))
    shapes = {kind: values.shape for kind, values in found.items()}
    assert shapes == {"genuine": (3, 100), "skilled": (3, 200), "random": (3, 200)}
    for n, (enrolled, rows) in enumerate(trials):
        own = [3, 5, 8][n // 30]
        assert len(set(enrolled)) == 5
        assert set(number[enrolled]) <= set(range(1, 11))
        assert set(writer[enrolled]) == {own}
        if n % 3 < 2:
            assert set(writer[rows]) == {own}
            assert number[rows].tolist() == list((range(11, 21), range(21, 41))[n % 3])
        else:
            assert len(set(rows)) == 20
            assert own not in writer[rows]
            assert number[rows].max() <= 20
    assert len({tuple(enrolled) for enrolled, _ in trials[:30:3]}) > 5


def test_the_score_is_a_mean_distance_over_the_root_of_the_spread(load_script):
    D = np.abs(np.subtract.outer(*2 * [np.array([0.0, 1.0, 3.0, 10.0, 4.0])]))
    found = load_script("systems.signatures").relative_distance(D, [0, 1, 2], [3, 4])
    root = ((1 + 3 + 2) / 3) ** 0.5
    assert found == pytest.approx([(10 + 9 + 7) / 3 / root, (4 + 3 + 1) / 3 / root])


def test_figures_follow_from_the_scores(load_script):
    found = {
        "genuine": np.array([[1.0, 2.0, 3.0, 6.0], [10.0, 11.0, 12.0, 13.0]]),
        "skilled": np.array([[4.0, 7.0, 8.0, 9.0], [20.0, 21.0, 22.0, 23.0]]),
        "random": np.full((2, 4), 99.0),
    }
    figures = load_script("systems.signatures").measure(found, 1)
    assert figures == {
        "skilled, EER": pytest.approx(0.5),
        "skilled, EER, first fold": pytest.approx(0.25),
        "skilled, EER per writer": pytest.approx(0.125),
        "genuine accepted, 80 % of skilled detected": pytest.approx(0.5),
        "random, EER": 0,
    }


def test_no_writer_is_learned_from_and_tested(load_script, monkeypatch):
    module = load_script("systems.signatures")
    folds = module.FOLDS[:, :2]
    rng = np.random.default_rng(0)
    writer, number = np.repeat(np.arange(1, 41), 40), np.tile(np.arange(1, 41), 40)
    rows = np.isin(writer, folds)
    signatures = [drawn(30, rng) for _ in range(rows.sum())]
    learned = []

    def distances(X, names=None):
        return cdist(X[:, :, 0], X[:, :, 0])

    def fit(X, writer, number, **options):
        learned.append(set(writer))
        return distances

    monkeypatch.setattr(module, "fit", fit)
    monkeypatch.setattr(module, "distances", lambda embedder, X: distances(X))
    monkeypatch.setattr(module, "warping", distances)
    monkeypatch.setattr(module, "MODELS", {"one": {}})
    results = module.compare(signatures, writer[rows], number[rows], folds, n_seeds=1)
    assert len(learned) == len(folds)
    for known, fold in zip(learned, folds, strict=True):
        assert known == set(folds.ravel()) - set(fold)
    warped, own = (row["runs"][0] for row in results[-2:])
    assert {key: own[key] for key in warped} == warped


def test_every_writer_is_in_one_fold(load_script):
    assert sorted(load_script("systems.signatures").FOLDS.ravel()) == list(range(1, 41))


def test_features_ignore_position_size_and_clock(load_script):
    module = load_script("systems.signatures")
    points = drawn(60, np.random.default_rng(0))
    moved = points.copy()
    moved[:, :3] = 3 * points[:, :3] + [700, -40, 0]
    moved[:, 2] = points[:, 2] + 123_456_789
    X, names = module.series_of([points, moved])
    assert X.shape == (2, module.N_STEPS, len(names))
    np.testing.assert_allclose(X[0], X[1], rtol=1e-3, atol=1e-4)


def test_a_pause_is_a_gap_and_no_slow_stroke(load_script):
    module = load_script("systems.signatures")
    points = drawn(60, np.random.default_rng(0))
    paused = points.copy()
    paused[30:, 2] += 3900
    before, after = module.channels_of(points), module.channels_of(paused)
    assert after["gap"].argmax() == 30
    assert np.delete(after["gap"], 30).max() == 0
    assert after["gap"][30] == pytest.approx(math.log(391))
    assert (after["x"] == before["x"]).all()
    np.testing.assert_allclose(np.delete(after["vx"], [29, 30]), np.delete(before["vx"], [29, 30]))


def test_repeated_and_decreasing_time_stamps_are_accepted(load_script):
    module = load_script("systems.signatures")
    points = drawn(60, np.random.default_rng(0))
    points[20:, 2] -= 10
    points[40:, 2] -= 19
    assert all(np.isfinite(channel).all() for channel in module.channels_of(points).values())


@pytest.mark.parametrize("n_values", [1, 3])
def test_aligned_series_have_the_distance_of_dynamic_time_warping(alignment, n_values):
    A, B = series(4, 9, n_values), series(5, 9, n_values, seed=1)
    wanted = [
        [dtw_ndim.distance(*(Z.reshape(9, -1).numpy() for Z in (a, b))) / 3 for b in B] for a in A
    ]
    torch.testing.assert_close(
        alignment.aligned(A, B, n_steps=9),
        torch.tensor(wanted, dtype=torch.float64),
        atol=1e-5,
        rtol=0,
    )


def test_alignment_does_not_depend_on_its_chunks(alignment, monkeypatch):
    A, B = series(7, 6, 2), series(5, 6, 2, seed=1)
    whole = alignment.aligned(A, B, n_steps=6)
    monkeypatch.setattr(alignment, "PAIRS_AT_ONCE", 11)
    torch.testing.assert_close(alignment.aligned(A, B, n_steps=6), whole)


def test_the_gradient_of_an_alignment_is_exact(alignment):
    A, B = series(3, 5, 2), series(2, 5, 2, seed=1)
    assert torch.autograd.gradcheck(
        lambda A, B: alignment.aligned(A, B, n_steps=5), (A.requires_grad_(), B.requires_grad_())
    )


def test_a_series_is_at_no_distance_from_itself_with_a_finite_gradient(alignment):
    A = series(3, 5, 2).requires_grad_()
    D = alignment.aligned(A, A, n_steps=5)
    D.sum().backward()
    assert D.diagonal().max() < 0.01
    assert A.grad.isfinite().all()


def test_local_features_keep_their_order(alignment):
    torch.manual_seed(0)
    tower = alignment.LocalFeatures((12, 2), 8, width=6, n_local=4)
    X = torch.randn(1, 12, 2)
    other = X.clone()
    other[:, -1] += 1
    changed = (tower(X) != tower(other)).reshape(4, 2).any(dim=1)
    assert tower(X).shape == (1, 8)
    assert changed[-1]
    far = alignment.LocalFeatures((200, 2), 8, width=6, n_local=4)
    X = torch.randn(1, 200, 2)
    other = X.clone()
    other[:, -1] += 1
    changed = (far(X) != far(other)).reshape(4, 2).any(dim=1)
    assert changed.tolist() == [False, False, False, True]


def test_the_loss_equals_loops_over_pairs(alignment):
    D = torch.tensor([[1.0, 2.0, 3.0, 0.5], [2.0, 1.0, 1.0, 4.0], [9.0, 9.0, 9.0, 9.0]])
    same = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]).bool()
    different = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]).bool()
    pull = [2 / 2.5 / 1.5, 3 / 2.5 / 1.5, 2 / 2 / 1.5]
    push = [0.5 / 2.5 / 1.5, 1 / 2 / 1.5, 4 / 2 / 1.5]
    wanted = np.mean([math.log1p(r**4) for r in pull]) + np.mean([math.log1p(r**-4) for r in push])
    loss = alignment.spread_ratio(D, same, different, sharpness=4.0, threshold=1.5)
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


def test_the_loss_has_a_finite_gradient_for_identical_rows(alignment):
    D = torch.tensor([[0.0, 2.0, 3.0], [2.0, 0.0, 1.0], [3.0, 1.0, 0.0]], requires_grad=True)
    same = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    alignment.spread_ratio(D, same, ~same & ~torch.eye(3).bool()).backward()
    assert D.grad.isfinite().all()
    assert (D.grad.diagonal() == 0).all()


@needs_data
def test_the_signatures_of_the_competition_are_read_exactly(load_script):
    signatures, writer, number = load_script("_common.data").load_svc2004(DATA)
    assert len(signatures) == 1600
    assert writer[::40].tolist() == number[:40].tolist() == list(range(1, 41))
    assert {points.shape[1] for points in signatures} == {7}
    assert (min(map(len, signatures)), max(map(len, signatures))) == (80, 713)
    steps = [np.diff(points[:, 2]) for points in signatures]
    assert sum(step.min() < 0 for step in steps) == 13
    assert max(step.max() for step in steps) == 3885
    assert {int(button) for points in signatures for button in points[:, 3]} == set(range(6))


def write_signatures(folder, changed):
    path = folder / "svc2004" / "Task2.zip"
    path.parent.mkdir()
    good = "2\n1 2 3 1 5 6 7\n2 3 13 1 5 6 7\n"
    with zipfile.ZipFile(path, "w") as archive:
        for writer in range(1, 41):
            for number in range(1, 41):
                content = changed if (writer, number) == (7, 21) else good
                if content is not None:
                    archive.writestr(f"Task2/U{writer}S{number}.TXT", content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "U7S21.TXT cannot be read"),
        ("", "U7S21.TXT .*not enough values"),
        ("x y\n1 2 3 1 5 6 7\n", "U7S21.TXT .*b'y'"),
        ("2\n1 2 3 1 5 6 7\n2 3 13 1\n", r"U7S21.TXT .*size 11 into shape \(2,7\)"),
        ("1\n1 2 3 1 5 six 7\n", "U7S21.TXT .*b'six'"),
        ("3\n1 2 3 1 5 6 7\n2 3 13 1 5 6 7\n", r"U7S21.TXT .*size 14 into shape \(3,7\)"),
        ("2\n1 2 3\n2 3 13\n", r"U7S21.TXT .*size 6 into shape \(2,7\)"),
        ("0\n", "U7S21.TXT .*has no points"),
    ],
)
def test_bad_signatures_are_refused_by_name(load_script, tmp_path, content, message):
    write_signatures(tmp_path, content)
    with pytest.raises(ValueError, match=message):
        load_script("_common.data").load_svc2004(tmp_path)


def test_a_truncated_archive_of_signatures_is_refused_by_name(load_script, tmp_path):
    write_signatures(tmp_path, "1\n1 2 3 1 5 6 7\n")
    path = tmp_path / "svc2004" / "Task2.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"Task2\.zip cannot be read .* download it again"):
        load_script("_common.data").load_svc2004(tmp_path)
