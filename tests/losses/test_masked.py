"""Test the order and alignment of distances."""

import pytest
import torch

from sksiamese.losses._masked import left_align, scatter_back, sort_rows

SPECIAL = [[0.5, -2.0, float("inf"), 0.0, -0.25, 3e-42, 1e30, -float("inf"), 0.25]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_columns", [1, 9, 700])
def test_sort_rows_orders_every_row(dtype, n_columns):
    """Rows are sorted in ascending order, together with their columns."""
    D = torch.cat([torch.tensor(SPECIAL), torch.randn(4, 9)]).to(dtype)
    D = D.repeat(1, n_columns)[:, torch.randperm(9 * n_columns)[:n_columns]]
    values, order = sort_rows(D)
    assert torch.equal(values, D.sort(dim=1).values)
    assert torch.equal(order.sort(dim=1).values, torch.arange(n_columns).expand_as(order))
    assert torch.equal(D.gather(1, order), values)


def test_scatter_back_inverts_left_align():
    """Values return to their positions."""
    D, mask = torch.randn(6, 8), torch.rand(6, 8) < 0.4
    assert torch.equal(scatter_back(*left_align(D, mask), mask), D.where(mask, 0))
