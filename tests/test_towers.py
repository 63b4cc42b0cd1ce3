"""Towers: what every factory must give, the multilayer perceptron, standardisation."""

import copy
import pickle
from itertools import product
from math import prod

import numpy as np
import pytest
import torch
from torch import nn

from sksiamese.towers import TOWERS, Standardize, mlp

each_tower = pytest.mark.parametrize("factory", TOWERS.values(), ids=TOWERS)
each_shape = pytest.mark.parametrize("shape", [(12,), (3, 4), (1, 3, 4)], ids=str)


def items(n, shape):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def weight_layers(tower):
    return [layer for layer in tower.modules() if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *product(["cnn", "mlp"], [(12,), (3, 4), (1, 3, 4)]),
        *product(["tdnn"], [(12,), (3, 4), (30, 2)]),
    ],
)
def test_a_tower_maps_items_to_embeddings(name, shape):
    factory = TOWERS[name]
    tower = factory(shape, 5)
    assert isinstance(tower, nn.Module)
    assert tower(items(7, shape)).shape == (7, 5)
    assert tower(items(1, shape)).shape == (1, 5)


@each_tower
def test_the_embedding_of_an_item_does_not_depend_on_its_batch(factory):
    tower, X = factory((12,), 5).eval(), items(7, (12,))
    torch.testing.assert_close(tower(X)[3:4], tower(X[3:4]))


@each_tower
def test_every_weight_takes_part(factory):
    tower = factory((12,), 5)
    tower(items(100, (12,))).square().sum().backward()
    assert all((p.grad != 0).any() and p.grad.isfinite().all() for p in tower.parameters())


@each_tower
def test_dropout_acts_in_training_only(factory):
    tower, X = factory((12,), 5, dropout=0.5), items(7, (12,))
    assert not torch.equal(tower(X), tower(X))
    tower.eval()
    assert torch.equal(tower(X), tower(X))
    without = factory((12,), 5)
    assert torch.equal(without(X), without(X))


@each_tower
def test_two_calls_give_two_towers(factory):
    one, other = factory((12,), 5), factory((12,), 5)
    assert not {id(p) for p in one.parameters()} & {id(p) for p in other.parameters()}


@each_tower
def test_a_tower_can_be_pickled_and_copied(factory):
    tower, X = factory((12,), 5).eval(), items(7, (12,))
    for twin in (pickle.loads(pickle.dumps(tower)), copy.deepcopy(tower)):
        assert torch.equal(twin(X), tower(X))


@each_shape
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_depth_counts_the_weight_layers_of_an_mlp_and_width_their_units(depth, shape):
    layers = weight_layers(mlp(shape, 5, depth=depth, width=6))
    sizes = [prod(shape), *[6] * (depth - 1), 5]
    assert [layer.in_features for layer in layers] == sizes[:-1]
    assert [layer.out_features for layer in layers] == sizes[1:]


def test_an_mlp_of_depth_one_is_affine_and_a_deeper_one_is_not():
    A, B = items(20, (12,)).chunk(2)
    for depth, affine in ((1, True), (2, False)):
        tower = mlp((12,), 5, depth=depth)
        assert torch.allclose(tower(A) + tower(B), 2 * tower((A + B) / 2), atol=1e-5) is affine


def test_the_last_layer_of_an_mlp_is_neither_rectified_nor_dropped_out():
    tower = mlp((12,), 50, dropout=0.9)
    Z = tower(items(100, (12,)))
    assert (Z < 0).any()
    assert (Z != 0).all()
    assert isinstance(tower[-1], nn.Linear)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardize_gives_columns_of_mean_zero_and_scale_one(dtype):
    X = np.random.default_rng(0).normal([1, -20], [3, 0.1], size=(100, 2)).astype(dtype)
    Z = Standardize(X.mean(axis=0), X.std(axis=0))(torch.from_numpy(X))
    assert Z.numpy().dtype == dtype
    np.testing.assert_allclose(Z, (X - X.mean(axis=0)) / X.std(axis=0))
    np.testing.assert_allclose(Z.mean(dim=0), 0, atol=1e-4)
    np.testing.assert_allclose(Z.std(dim=0, correction=0), 1, rtol=1e-4)


def test_standardize_has_state_but_nothing_to_train():
    layer = Standardize([1.0, 2.0], [3.0, 4.0])
    assert list(layer.parameters()) == []
    assert set(layer.state_dict()) == {"mean", "scale"}
