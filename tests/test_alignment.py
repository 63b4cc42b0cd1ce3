"""Compare time warping with a plain loop over cells, and with dtaidistance."""

from functools import partial

import numpy as np
import pytest
import torch

from sksiamese import SiameseEmbedder, alignment
from sksiamese.alignment import pad_series, time_warping
from sksiamese.distances import paired


def by_hand(a, b, *, band=1.0, normalize=True):
    """Return the distance of two series by dynamic programming, cell by cell."""
    n, m = len(a), len(b)
    sums, counts = np.full((n + 1, m + 1), np.inf), np.zeros((n + 1, m + 1))
    sums[0, 0] = 0
    width = 1 if min(n, m) == 1 else max(band, 0.5 / (min(n, m) - 1))
    for i in range(n):
        for j in range(m):
            if abs(i / max(n - 1, 1) - j / max(m - 1, 1)) <= width + 1e-9:
                before = [(i, j), (i, j + 1), (i + 1, j)]
                best = min(before, key=lambda cell: sums[cell])
                sums[i + 1, j + 1] = sums[best] + np.linalg.norm(a[i] - b[j])
                counts[i + 1, j + 1] = counts[best] + 1
    return sums[n, m] / counts[n, m] if normalize else sums[n, m]


def series(*lengths, n_channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_channels)) for length in lengths]


@pytest.fixture
def seven():
    return series(1, 2, 5, 9, 17, 30, 12)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("band", [1.0, 0.3, 0.1, 0.0])
def test_distances_equal_a_plain_loop(seven, band, normalize):
    options = {"band": band, "normalize": normalize}
    X = pad_series(seven)
    expected = np.array([[by_hand(a, b, **options) for b in seven] for a in seven])
    assert np.isfinite(expected).all()
    found = time_warping(X, X, n_channels=3, **options)
    assert np.abs(found.numpy() - expected).max() < 1e-7
    along = time_warping(X.clone().requires_grad_(), X, n_channels=3, **options)
    assert np.abs(along.detach().numpy() - expected).max() < 1e-12


def test_sums_equal_dtaidistance():
    dtw_ndim = pytest.importorskip("dtaidistance.dtw_ndim")
    ours = series(8, 13, 21)
    X = pad_series(ours)
    found = time_warping(X, X, n_channels=3, normalize=False)
    for i in range(3):
        for j in range(i):
            total = dtw_ndim.distance(ours[i], ours[j], inner_dist="euclidean")
            assert found[i, j].item() == pytest.approx(total, abs=1e-7)


@pytest.mark.parametrize("cells", [1, 100, 10**6])
def test_distances_do_not_depend_on_blocks(seven, cells, monkeypatch):
    X = pad_series(seven)
    expected = time_warping(X, X[:4], n_channels=3)
    monkeypatch.setattr(alignment, "CELLS_AT_ONCE", cells)
    assert torch.allclose(time_warping(X, X[:4], n_channels=3), expected, atol=1e-12)
    three = torch.stack([X, X.flip(0), X])
    assert torch.allclose(time_warping(three, X[:4], n_channels=3)[0], expected, atol=1e-12)


def test_padding_does_not_change_distances(seven):
    X = pad_series(seven)
    longer = torch.nn.functional.pad(X, (0, 12), value=torch.nan)
    earlier = torch.nn.functional.pad(X, (12, 0), value=torch.nan)
    expected = time_warping(X, X, n_channels=3)
    for other in (longer, earlier):
        assert torch.allclose(time_warping(other, X, n_channels=3), expected, atol=1e-12)


def test_float32_and_integers(seven):
    X = pad_series(seven)
    found = time_warping(X.float(), X.float(), n_channels=3)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), time_warping(X, X, n_channels=3), atol=3e-3)
    assert time_warping(torch.tensor([[0, 1, 5]]), torch.tensor([[0, 5]])).item() == pytest.approx(
        1 / 3
    )


def test_gradient_equals_finite_differences():
    A, B = (
        pad_series(series(*lengths, n_channels=2, seed=n))
        for n, lengths in enumerate([(4, 7), (5, 3, 6)])
    )
    known = A.isfinite()

    def distances(values):
        return time_warping(A.masked_scatter(known, values), B, n_channels=2)

    assert torch.autograd.gradcheck(distances, A[known].requires_grad_())


def test_gradient_of_identical_series_is_finite(seven):
    X = pad_series(seven).requires_grad_()
    D = time_warping(X, X, n_channels=3)
    assert (D.diag() == 0).all()
    D.sum().backward()
    assert X.grad.isfinite().all()


def test_pairs_row_by_row_equal_the_diagonal(seven):
    X = pad_series(seven)
    distance = partial(time_warping, n_channels=3)
    expected = distance(X, X.flip(0)).diag()
    assert torch.allclose(paired(distance, X, X.flip(0)), expected, atol=1e-12)


def test_pad_series_keeps_steps_in_order():
    found = pad_series([np.array([[1, 2], [3, 4]]), np.array([[5, 6]])])
    assert found.dtype == torch.float32
    assert found.nan_to_num(-1).tolist() == [[1, 2, 3, 4], [5, 6, -1, -1]]


def test_an_embedder_learns_a_distance_of_local_features():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = np.sin(np.arange(12) * (1 + y[:, None]) / 3 + rng.uniform(0, 1, size=(40, 1)))
    distance = partial(time_warping, n_channels=2)
    embedder = SiameseEmbedder(
        12, width=16, distance=distance, learned_weight=1.0, max_iter=5, random_state=0
    )
    assert embedder.fit(X, y).loss_curve_[-1] < embedder.loss_curve_[0]


def test_invalid_arguments_raise_by_name(seven):
    X = pad_series(seven)
    with pytest.raises(ValueError, match=r"A has 90 columns, .* n_channels=4"):
        time_warping(X, X, n_channels=4)
    with pytest.raises(ValueError, match="B has a series without steps"):
        time_warping(X, X * torch.nan, n_channels=3)
    with pytest.raises(ValueError, match="band must be"):
        time_warping(X, X, band=-0.1)
    with pytest.raises(ValueError, match="normalize must be"):
        time_warping(X, X, normalize="path")
    with pytest.raises(ValueError, match="series must be arrays"):
        pad_series([np.zeros((2, 3)), np.zeros((2, 2))])
    with pytest.raises(ValueError, match="series must be arrays"):
        pad_series([])
