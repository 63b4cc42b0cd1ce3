"""Test distances against plain loops and scipy, and their common properties."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from sksiamese.distances import DISTANCES, paired

SCIPY_NAMES = {"chord": "euclidean", "manhattan": "cityblock"}

each_distance = pytest.mark.parametrize("name", DISTANCES)


def rows(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_hand(name, a, b):
    """Return the distance of two points, in plain Python."""
    if name == "chord":
        a, b = ([x / math.hypot(*point) for x in point] for point in (a, b))
    differences = [x - y for x, y in zip(a, b, strict=True)]
    if name == "manhattan":
        return sum(abs(x) for x in differences)
    if name == "cosine":
        product = sum(x * y for x, y in zip(a, b, strict=True))
        return 1 - product / math.hypot(*a) / math.hypot(*b)
    length = math.hypot(*differences)
    return length**2 if name == "sqeuclidean" else length


@each_distance
def test_distances_equal_plain_loops(name):
    A, B = rows(4, 3), rows(5, 3, seed=1)
    D = DISTANCES[name](A, B)
    expected = [[by_hand(name, a, b) for b in B.tolist()] for a in A.tolist()]
    torch.testing.assert_close(D, torch.tensor(expected, dtype=D.dtype))


@each_distance
@pytest.mark.parametrize("n", [3, 40])
def test_distances_equal_scipy(name, n):
    A, B = rows(n, 7), rows(n + 2, 7, seed=1)
    if name == "chord":
        A, B = (points / points.norm(dim=1, keepdim=True) for points in (A, B))
    expected = cdist(A, B, SCIPY_NAMES.get(name, name))
    np.testing.assert_allclose(DISTANCES[name](A, B), expected, rtol=1e-10)


@each_distance
@pytest.mark.parametrize("shift", [0, 100])
@pytest.mark.parametrize("n", [5, 300])
def test_a_distance_is_symmetric_never_negative_and_zero_on_itself(name, n, shift):
    Z = rows(n, 64, dtype=torch.float32) + shift
    D = DISTANCES[name](Z, Z)
    assert (D >= 0).all()
    torch.testing.assert_close(D, D.T, rtol=1e-5, atol=rounding(name))
    exact = name == "manhattan" or (n == 5 and name != "cosine")
    assert D.diagonal().max() <= (0 if exact else rounding(name))


def rounding(name):
    """Return the tolerance of the float32 distance of a row to itself; roots magnify the error."""
    return 1e-2 if name in ("chord", "euclidean") else 1e-4


@each_distance
def test_float32_agrees_with_float64_for_embeddings_far_from_the_origin(name):
    Z = rows(300, 64, dtype=torch.float32) + 100
    low, high = (DISTANCES[name](x, x) for x in (Z, Z.double()))
    assert low.dtype == torch.float32
    assert high.dtype == torch.float64
    others = ~torch.eye(len(Z), dtype=torch.bool)
    torch.testing.assert_close(low.double()[others], high[others], rtol=1e-5, atol=1e-6)


@each_distance
@pytest.mark.parametrize("n", [6, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_for_identical_rows_and_for_rows_of_zeros(name, n, dtype):
    Z = rows(n, 3, dtype=dtype)
    Z[1] = Z[0]
    Z[2:4] = 0
    Z.requires_grad_()
    DISTANCES[name](Z, Z).sum().backward()
    assert Z.grad.isfinite().all()
    assert (Z.grad != 0).any()


@each_distance
@pytest.mark.parametrize("n", [3, 26])
def test_gradients_equal_finite_differences(name, n):
    A, B = rows(n, 2).requires_grad_(), rows(n, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(DISTANCES[name], (A, B), fast_mode=True)


@each_distance
def test_permuting_the_rows_permutes_the_distances(name):
    A, B = rows(30, 4), rows(40, 4, seed=1)
    p, q = A[:, 0].argsort(), B[:, 0].argsort()
    torch.testing.assert_close(DISTANCES[name](A[p], B[q]), DISTANCES[name](A, B)[p][:, q])


@each_distance
def test_leading_dimensions_are_a_batch_of_matrices(name):
    A, B = rows(2, 3, 4, 5), rows(2, 3, 6, 5, seed=1)
    D = DISTANCES[name](A, B)
    assert D.shape == (2, 3, 4, 6)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(D[i, j], DISTANCES[name](A[i, j], B[i, j]))


@each_distance
def test_paired_distances_are_the_diagonal_of_the_matrix(name):
    A, B = rows(30, 4), rows(30, 4, seed=1)
    d = paired(DISTANCES[name], A, B)
    assert d.shape == (30,)
    torch.testing.assert_close(d, DISTANCES[name](A, B).diagonal())


@each_distance
def test_gradients_of_paired_distances_are_those_of_the_diagonal(name):
    A, B = rows(30, 4), rows(30, 4, seed=1)
    A[1] = B[1]
    A.requires_grad_()
    (of_pairs,) = torch.autograd.grad(paired(DISTANCES[name], A, B).sum(), A)
    (of_matrix,) = torch.autograd.grad(DISTANCES[name](A, B).diagonal().sum(), A)
    assert of_pairs.isfinite().all()
    torch.testing.assert_close(of_pairs, of_matrix)


@each_distance
def test_scaling_the_embedding_scales_the_distance_by_its_degree(name):
    A, B = rows(4, 3), rows(5, 3, seed=1)
    degree = {"chord": 0, "cosine": 0, "sqeuclidean": 2}.get(name, 1)
    torch.testing.assert_close(DISTANCES[name](3 * A, 3 * B), 3**degree * DISTANCES[name](A, B))


def test_cosine_is_in_zero_to_two_and_one_for_rows_of_zeros():
    A = torch.tensor([[1.0, 1.0], [-2.0, -2.0], [0.0, 0.0]])
    expected = torch.tensor([[0.0, 2.0, 1.0], [2.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    torch.testing.assert_close(DISTANCES["cosine"](A, A), expected)


@each_distance
def test_gradients_within_one_set_equal_two_copies(name):
    weight = rows(6, 6, seed=1)
    gradients = []
    for copies in (1, 2):
        Z = rows(6, 3).requires_grad_()
        B = Z if copies == 1 else Z.clone()
        (DISTANCES[name](Z, B) * weight).sum().backward()
        gradients.append(Z.grad)
    torch.testing.assert_close(*gradients)
