"""Test activations, normalization and shortcuts of the built-in towers."""

import copy
import pickle
from functools import partial
from itertools import product

import pytest
import torch
from torch import nn

from sksiamese.towers import ACTIVATIONS, TOWERS, cnn, mlp, multi_cue, tdnn
from sksiamese.towers._hidden import BatchNorm, Shortcut, new_activation, row_weights

CUES = {"a": slice(0, 6), "b": [6, 9, 11]}
FACTORIES = TOWERS | {"multi_cue": partial(multi_cue, cues=CUES)}
NORMALIZATIONS = {
    "cnn": ["batch", "group", "layer", None],
    "mlp": ["batch", "layer", None],
    "multi_cue": ["batch", "layer", None],
    "tdnn": ["layer", None],
}
each_tower = pytest.mark.parametrize("name", FACTORIES)
each_setting = pytest.mark.parametrize(
    ("name", "normalization", "shortcuts"),
    [(name, *one) for name in FACTORIES for one in product(NORMALIZATIONS[name], [False, True])],
)


def items(n, shape=(12,)):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def seeded(factory, **options):
    """Return a tower with the initial weights of a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return factory((12,), 5, depth=3, width=8, **options)


def weight_matrices(tower):
    """Return the initial weights of linear and convolutional layers."""
    kinds = nn.Linear, nn.Conv1d, nn.Conv2d
    return [layer.weight for layer in tower.modules() if isinstance(layer, kinds)]


@each_setting
def test_the_laws_of_towers_hold_for_all_hidden_layers(name, normalization, shortcuts):
    options = {"normalization": normalization, "shortcuts": shortcuts, "activation": "silu"}
    tower, X = seeded(FACTORIES[name], **options), items(50)
    tower(X).square().sum().backward()
    assert all((p.grad != 0).any() and p.grad.isfinite().all() for p in tower.parameters())
    tower.eval()
    torch.testing.assert_close(tower(X)[3:4], tower(X[3:4]))
    for twin in (pickle.loads(pickle.dumps(tower)), copy.deepcopy(tower)):
        assert torch.equal(twin(X), tower(X))
    assert any(isinstance(layer, Shortcut) for layer in tower.modules()) == (
        shortcuts and name != "tdnn"
    )


@each_tower
def test_each_option_changes_the_embedding(name):
    X = items(20)
    options = [{}, *({"activation": choice} for choice in ACTIVATIONS if choice != "relu")]
    options += [{"shortcuts": True}, {"activation": nn.Mish}]
    default = "group" if name == "cnn" else "layer" if name == "tdnn" else None
    options += [{"normalization": one} for one in NORMALIZATIONS[name] if one != default]
    if name == "cnn":  # Groups of 16 channels are all 8 channels.
        options.remove({"normalization": "layer"})
    Z = [seeded(FACTORIES[name], **one)(X) for one in options]
    assert all(not torch.allclose(Z[i], Z[j], atol=1e-4) for i in range(len(Z)) for j in range(i))


@each_tower
def test_the_defaults_are_rectified_units_without_shortcuts(name):
    norm = {"cnn": "group", "tdnn": "layer"}.get(name)
    options = {"activation": "relu", "normalization": norm, "shortcuts": False}
    one, other = (seeded(FACTORIES[name], **chosen) for chosen in ({}, options))
    assert list(one.state_dict()) == list(other.state_dict())
    assert torch.equal(one(items(5)), other(items(5)))


@each_tower
def test_activation_and_normalization_do_not_change_initial_weights(name):
    norm = NORMALIZATIONS[name][0]
    one, other = (
        weight_matrices(seeded(FACTORIES[name], **options))
        for options in ({}, {"activation": "tanh", "normalization": norm})
    )
    assert all(map(torch.equal, one, other))


@each_tower
def test_each_layer_has_an_activation_module_of_its_own(name):
    tower = seeded(FACTORIES[name], activation=partial(nn.PReLU, init=0.1))
    weights = [layer.weight for layer in tower.modules() if isinstance(layer, nn.PReLU)]
    assert len({id(weight) for weight in weights}) == len(weights) == {
        "cnn": 3, "mlp": 2, "multi_cue": 6, "tdnn": 3
    }[name]  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("elu", [-0.632, 0, 1]),
        ("gelu", [-0.159, 0, 0.841]),
        ("identity", [-1, 0, 1]),
        ("leaky_relu", [-0.01, 0, 1]),
        ("logistic", [0.269, 0.5, 0.731]),
        ("relu", [0, 0, 1]),
        ("silu", [-0.269, 0, 0.731]),
        ("tanh", [-0.762, 0, 0.762]),
    ],
)
def test_an_activation_is_the_function_of_its_name(activation, expected):
    values = new_activation(activation, (3,))(torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(values, torch.tensor(expected).float(), rtol=0, atol=1e-3)


@each_tower
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "relu6"}, r"activation must be one of \['elu', .* got 'relu6'"),
        ({"activation": None}, "activation must be one of .* got None"),
        ({"activation": nn.ReLU()}, "activation is a module, .* such as the class ReLU"),
        ({"activation": torch.relu}, "activation failed: .* such as nn.ReLU"),
        ({"activation": lambda: torch.relu}, "activation failed: it returned .* such as nn.ReLU"),
        ({"activation": nn.LSTM}, "activation failed: .* such as nn.ReLU"),
        ({"activation": nn.GLU}, "activation changed the shape of a batch"),
        ({"normalization": "instance"}, "normalization must be None or one of .* 'instance'"),
        ({"normalization": ["batch"]}, "normalization must be None or one of"),
        ({"shortcuts": 1}, "shortcuts must be True or False, got 1"),
        ({"shortcuts": None}, "shortcuts must be True or False, got None"),
    ],
)
def test_unsupported_values_are_refused_by_name(name, options, message):
    for depth in (1, 3):
        with pytest.raises(ValueError, match=message):
            FACTORIES[name]((12,), 5, depth=depth, width=8, **options)


def test_a_tdnn_refuses_batch_normalization_and_names_the_alternatives():
    with pytest.raises(ValueError, match=r"normalization='batch' .* set normalization='layer'"):
        tdnn((12,), 5, width=8, normalization="batch")


def test_shortcuts_add_the_input_of_each_hidden_layer():
    tower, X = mlp((8,), 4, depth=4, width=8, shortcuts=True), items(5, (8,))
    H = X
    for block in tower[1:-1]:
        linear = block.layer[0]
        H = H + torch.relu(linear(H))
    torch.testing.assert_close(tower(X), tower[-1](H))
    wide = mlp((8,), 4, depth=3, width=9, shortcuts=True)
    first, second = wide[1:-1]
    assert isinstance(first.shortcut, nn.Linear)
    assert isinstance(second.shortcut, nn.Identity)


def test_padding_does_not_change_the_embedding_with_other_hidden_layers():
    X = items(5, (20, 3))
    options = {"activation": "logistic", "normalization": None, "shortcuts": True}
    tower = tdnn((20, 3), 4, width=8, **options).eval()
    longer = tdnn((29, 3), 4, width=8, **options).eval()
    longer.load_state_dict(tower.state_dict())
    padded = torch.cat([X, torch.full((5, 9, 3), torch.nan)], dim=1)
    torch.testing.assert_close(longer(padded), tower(X))


@pytest.mark.parametrize("size", [1, 5, 28])
def test_shortcuts_of_a_cnn_fit_images_of_any_size(size):
    tower = cnn((2, size, 9), 4, depth=4, width=4, shortcuts=True)
    assert tower(items(3, (2, size, 9))).shape == (3, 4)


@pytest.mark.parametrize("shape", [(16, 5), (4, 5, 6, 7)])
def test_batch_normalization_equals_the_layer_of_torch(shape):
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    norm, expected = BatchNorm(5), kind(5, momentum=None)
    for seed in range(5):
        X = 10 + 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        one, other = X.clone().requires_grad_(), X.clone().requires_grad_()
        gradient = torch.linspace(-1, 2, X.numel()).view(shape)
        norm(one).backward(gradient)
        expected(other).backward(gradient)
        torch.testing.assert_close(norm(X), expected(X))
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.weight.grad, expected.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.mean, expected.running_mean)
    n_values = X[:, 0].numel()
    torch.testing.assert_close(norm.variance, expected.running_var * (n_values - 1) / n_values)
    norm.variance.copy_(expected.running_var)
    torch.testing.assert_close(norm.eval()(X), expected.eval()(X))


def test_running_averages_follow_the_latest_batches():
    norm = BatchNorm(1)
    X = items(1000, (1,))
    for batch in (X.repeat(20, 1) + 100).split(100):
        norm(batch)
    for batch in X.repeat(20, 1).split(100):
        norm(batch)
    torch.testing.assert_close(norm.mean, X.mean(dim=0), rtol=0, atol=0.1)
    torch.testing.assert_close(norm.variance, X.var(dim=0), rtol=0.1, atol=0)


def test_a_batch_of_one_row_is_normalized_by_the_running_averages():
    norm, X = BatchNorm(5), items(50, (5,))
    norm(X)
    before = copy.deepcopy(norm.state_dict())
    row = X[:1].clone().requires_grad_()
    Z = norm(row)
    Z.square().sum().backward()
    assert all(torch.equal(norm.state_dict()[name], before[name]) for name in before)
    assert (row.grad != 0).all()
    torch.testing.assert_close(Z, norm.eval()(X)[:1])


@pytest.mark.parametrize("shape", [(5,), (5, 2, 3)])
def test_a_row_of_weight_two_equals_two_copies(shape):
    one, other, X = BatchNorm(5), BatchNorm(5), items(6, shape)
    with row_weights(torch.tensor([0.5, 0.5, 0.5, 1.0, 1.0, 0.5], dtype=torch.float64)):
        weighted = one(X)
    copies = other(torch.cat([X, X[3:5]]))
    torch.testing.assert_close(weighted, copies[:6])
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name])
    torch.testing.assert_close(
        BatchNorm(5)(X), nn.functional.batch_norm(X, None, None, training=True)
    )


def test_evaluation_changes_no_running_average():
    tower = seeded(mlp, normalization="batch")
    tower(items(50))
    before = copy.deepcopy(tower.eval().state_dict())
    tower(items(50))
    assert all(torch.equal(tower.state_dict()[name], before[name]) for name in before)
