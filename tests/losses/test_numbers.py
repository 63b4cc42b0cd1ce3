"""Test losses of numbers against plain loops, and their common properties."""

from functools import partial

import pytest
import torch

from sksiamese.losses import NUMBER_LOSSES, kernel_regression, rank_n_contrast

each_loss = pytest.mark.parametrize("loss", NUMBER_LOSSES.values(), ids=NUMBER_LOSSES)


def kernel_regression_by_hand(D, y):
    costs = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        weight = [torch.exp(-D[i, j]) for j in others]
        predicted = sum(w * y[j] for w, j in zip(weight, others, strict=True)) / sum(weight)
        costs.append((predicted - y[i]) ** 2)
    return sum(costs) / len(costs)


def rank_n_contrast_by_hand(D, y, temperature=2.0):
    costs = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        for j in others:
            farther = [k for k in others if abs(y[i] - y[k]) >= abs(y[i] - y[j])]
            total = sum(torch.exp(-D[i, k] / temperature) for k in farther)
            costs.append(-torch.log(torch.exp(-D[i, j] / temperature) / total))
    return sum(costs) / len(costs)


def draw(n_rows=9, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    D = 2 * torch.rand(n_rows, n_rows, generator=generator, dtype=dtype)
    return D, torch.randn(n_rows, generator=generator, dtype=dtype)


def value_and_gradient(loss, D, y):
    D = D.detach().clone().requires_grad_()
    value = loss(D, y)
    value.backward()
    return value.detach(), D.grad


@pytest.mark.parametrize("numbers", ["distinct", "tied", "constant"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (kernel_regression, kernel_regression_by_hand),
        (rank_n_contrast, rank_n_contrast_by_hand),
        (
            partial(rank_n_contrast, temperature=0.2),
            partial(rank_n_contrast_by_hand, temperature=0.2),
        ),
    ],
)
def test_values_and_gradients_equal_plain_loops(loss, expected, seed, numbers):
    D, y = draw(seed=seed)
    y = {"distinct": y, "tied": y.round(), "constant": 0 * y + 3}[numbers]
    torch.testing.assert_close(value_and_gradient(loss, D, y), value_and_gradient(expected, D, y))


def test_differences_that_are_equal_up_to_rounding_count_as_equal():
    D, _ = draw(7)
    y = torch.tensor([1.0, 2, 3, 4, 5, 6, 7], dtype=torch.float64)
    for divisor in (0.3, 3.0, 7.0):
        torch.testing.assert_close(rank_n_contrast(D, (y - 4) / divisor), rank_n_contrast(D, y))


@each_loss
@pytest.mark.parametrize("n_rows", [0, 1])
def test_a_row_without_a_neighbor_costs_nothing(loss, n_rows):
    D, y = draw(n_rows)
    value, gradient = value_and_gradient(loss, D, y)
    assert value == 0
    assert (gradient == 0).all()


@each_loss
def test_distances_too_large_for_exponentials_give_finite_gradients(loss):
    D, y = draw(dtype=torch.float32)
    value, gradient = value_and_gradient(loss, 1e6 * (1 + D), y)
    assert value.isfinite()
    assert gradient.isfinite().all()


def test_the_kernel_regression_is_perfect_if_equal_numbers_are_close():
    y = torch.arange(12) % 3.0
    assert kernel_regression(1000 * (y[:, None] - y).abs(), y) < 1e-12
    D, _ = draw(12)
    assert kernel_regression(D, 0 * y.double() + 5) == pytest.approx(0, abs=1e-20)


@each_loss
def test_a_loss_is_lower_if_distances_follow_differences(loss):
    _, y = draw(20)
    gap = (y[:, None] - y).abs()
    assert loss(4 * gap, y) < loss(0 * gap, y) < loss(4 * (gap.max() - gap), y)


@each_loss
def test_a_loss_does_not_depend_on_the_order_of_rows_or_a_shift_of_the_numbers(loss):
    D, y = draw()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(D[order][:, order], y[order] + 3), loss(D, y))


@each_loss
def test_float32_agrees_with_float64(loss):
    D, y = draw(100, dtype=torch.float32)
    y = (16 * y).round() / 16  # Exact, as differences that are equal up to rounding are ties.
    low, high = value_and_gradient(loss, D, y), value_and_gradient(loss, D.double(), y.double())
    torch.testing.assert_close(low[0].double(), high[0], rtol=1e-5, atol=0)
    scale = high[1].abs().max().item()
    torch.testing.assert_close(low[1].double(), high[1], rtol=0, atol=1e-4 * scale)


def test_the_temperature_must_be_positive():
    with pytest.raises(ValueError, match="temperature"):
        rank_n_contrast(*draw(), temperature=0)
