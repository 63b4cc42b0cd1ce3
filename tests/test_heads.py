"""Test heads: common properties, and the weighted distance against a loop."""

import pickle

import pytest
import torch

from sksiamese.distances import manhattan
from sksiamese.heads import HEADS, MLP, AdaptiveDistance, Cosine, Distance, WeightedL1

TRAINING = {name: head for name, head in HEADS.items() if name != "distance"}
each_head = pytest.mark.parametrize("factory", HEADS.values(), ids=HEADS)
each_head_that_trains_the_tower = pytest.mark.parametrize(
    "factory", TRAINING.values(), ids=TRAINING
)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def sides(n=50, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, n, 8, generator=generator, dtype=dtype).unbind()


@each_dtype
@each_head
def test_heads_are_exactly_symmetric(factory, dtype):
    head, (A, B) = factory(8).to(dtype), sides(dtype=dtype)
    assert torch.equal(head(A, B), head(B, A))


@each_dtype
@each_head
def test_a_head_returns_one_logit_a_pair_in_the_dtype_of_embeddings(factory, dtype):
    head = factory(8).to(dtype)
    for n in (0, 1, 50):
        logit = head(*sides(n, dtype))
        assert logit.shape == (n,)
        assert logit.dtype == dtype


@each_head
def test_the_logit_of_a_pair_does_not_depend_on_its_batch(factory):
    head, (A, B) = factory(8).eval(), sides()
    torch.testing.assert_close(head(A, B)[3:4], head(A[3:4], B[3:4]))


@each_head_that_trains_the_tower
def test_gradients_of_heads_are_finite_for_identical_items(factory):
    head, (A, B) = factory(8), sides()
    A = A.clone().requires_grad_()
    B = torch.cat([A.detach()[:25], B[25:]]).requires_grad_()
    head(A, B).sum().backward()
    assert A.grad.isfinite().all()
    assert B.grad.isfinite().all()
    assert all((p.grad != 0).any() for p in head.parameters())


@each_head_that_trains_the_tower
def test_swapping_the_items_swaps_their_gradients(factory):
    head, (A, B) = factory(8), sides()
    A, B = A.clone().requires_grad_(), B.clone().requires_grad_()
    forth = torch.autograd.grad(head(A, B).sum(), (A, B))
    back = torch.autograd.grad(head(B, A).sum(), (A, B))
    assert all(torch.equal(x, y) for x, y in zip(forth, back, strict=True))


@each_head
def test_a_head_can_be_pickled(factory):
    head, (A, B) = factory(8), sides()
    assert torch.equal(pickle.loads(pickle.dumps(head))(A, B), head(A, B))


@each_head
def test_a_head_can_learn_that_near_items_match(factory):
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(400, 8, generator=generator)
    match = torch.arange(400) % 2 == 0
    B = A + torch.randn(400, 8, generator=generator) * torch.where(match, 0.05, 3.0)[:, None]
    head = factory(8)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        logit = head(A, B)
        torch.nn.functional.binary_cross_entropy_with_logits(logit, match.float()).backward()
        optimizer.step()
    assert ((head(A, B) > 0) == match).double().mean() > 0.95


def test_the_weighted_distance_equals_a_plain_loop():
    head, (A, B) = WeightedL1(8).double(), sides(5, torch.float64)
    weight, bias = head.linear.weight[0].tolist(), head.linear.bias.item()
    expected = [
        bias + 10 * sum(w * abs(x - y) for w, x, y in zip(weight, a, b, strict=True))
        for a, b in zip(A.tolist(), B.tolist(), strict=True)
    ]
    torch.testing.assert_close(head(A, B), torch.tensor(expected, dtype=torch.float64))


def test_the_distance_head_reads_the_distance_only():
    A, B = (side.requires_grad_() for side in sides(5))
    head = Distance(8, distance=manhattan, margin=4.0)
    expected = 10 * (0.5 - (A - B).abs().sum(dim=1) / 4)
    torch.testing.assert_close(head(A, B), expected)
    head(A, B).sum().backward()
    assert A.grad is None
    assert B.grad is None
    assert head.scale.grad.abs() > 0
    assert head.threshold.grad.abs() > 0


def test_the_distance_head_has_gradients_after_training():
    A, B = (side.requires_grad_() for side in sides(5))
    Distance(8).eval()(A, B).sum().backward()
    assert (A.grad == -B.grad).all()
    assert A.grad.abs().sum() > 0


def test_the_adaptive_distance_head_has_a_threshold_for_both_items():
    A, B = sides(5)
    head = AdaptiveDistance(8, distance=manhattan, margin=4.0)
    D = (A - B).abs().sum(dim=1) / 4
    weight = torch.linspace(-1, 1, 8).to(head.items.weight)
    with torch.no_grad():
        head.items.weight.copy_(weight[None])
    torch.testing.assert_close(head(A, B), 5 * (0.5 - D) + 20 * (A @ weight + B @ weight))


def test_the_cosine_head_ignores_the_length_of_embeddings():
    A, B = sides(5)
    head = Cosine(8)
    torch.testing.assert_close(head(A, B), head(3 * A, 0.2 * B))
    cosine = (A * B).sum(dim=1) / A.norm(dim=1) / B.norm(dim=1)
    torch.testing.assert_close(head(A, B), 10 * cosine - 5)


def test_the_mlp_head_has_three_layers_with_rectifiers():
    kinds = [type(layer).__name__ for layer in MLP(8).layers]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize(("factory", "cosine"), [(Cosine, 0.99), (AdaptiveDistance, 0.0)])
def test_weight_decay_does_not_apply_to_the_threshold(factory, cosine):
    head = factory(2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=1.0)
    A = torch.tensor([[1.0, 0.0]])
    B = torch.tensor([[cosine, (1 - cosine**2) ** 0.5]])
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.softplus(head(A, B)).mean().backward()
        optimizer.step()
    assert head(A, B).item() < -3
