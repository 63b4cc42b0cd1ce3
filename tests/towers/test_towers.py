"""Test towers, their factories and standardization."""

import copy
import itertools
import pickle
from contextlib import nullcontext
from functools import partial
from itertools import product
from math import prod

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sksiamese import SiameseEmbedder, SiameseVerifier, heads, make_pairs
from sksiamese._data._standardization import fit_standardize
from sksiamese.towers import TOWERS, Standardize, cnn, mlp, multi_cue, pretrained, tdnn

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
def test_every_weight_has_a_gradient(factory):
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
def test_a_factory_returns_a_new_tower(factory):
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


def test_standardize_has_no_trainable_weights():
    layer = Standardize([1.0, 2.0], [3.0, 4.0])
    assert list(layer.parameters()) == []
    assert set(layer.state_dict()) == {"mean", "scale"}


def test_depth_counts_the_blocks_of_a_cnn_and_width_doubles():
    convolutions = [m for m in cnn((28, 28), 5, depth=3, width=4).modules() if type(m) is nn.Conv2d]
    assert [c.out_channels for c in convolutions] == [4, 8, 16]


def test_flattened_pooling_keeps_positions_and_global_pooling_averages():
    for pooling, n_features in (("global", 8), ("flatten", 8 * 3 * 2)):
        tower = cnn((1, 9, 7), 5, depth=2, width=4, pooling=pooling)
        assert tower[-1].in_features == n_features


@pytest.mark.parametrize(
    ("factory", "shape", "message"),
    [
        (cnn, (1, 2, 3, 4), "needs images"),
        (partial(cnn, pooling="max"), (8, 8), "pooling must be"),
        (tdnn, (1, 2, 3), "needs series"),
        (partial(multi_cue, cues={"a": slice(5, 5)}), (8,), "cues .* for 'a'"),
        (partial(multi_cue, cues={"a": [1, 8]}), (8,), "which has 8"),
        (partial(multi_cue, cues={"a": ["x"]}), (8,), "requires data with column names"),
        (partial(multi_cue, cues={"a": [0]}, towers={"b": mlp}), (8,), r"towers has cues \['b'\]"),
    ],
)
def test_towers_refuse_invalid_shapes(factory, shape, message):
    with pytest.raises(ValueError, match=message):
        factory(shape, 4)


def test_padding_does_not_change_the_embedding():
    X = items(5, (20, 3))
    tower = tdnn((20, 3), 4, width=8).eval()
    padded = torch.cat([X, torch.full((5, 9, 3), torch.nan)], dim=1)
    longer = tdnn((29, 3), 4, width=8).eval()
    longer.load_state_dict(tower.state_dict())
    torch.testing.assert_close(longer(padded), tower(X))
    assert not torch.allclose(longer(padded.nan_to_num(0)), tower(X))


def test_time_delays_grow_with_depth():
    X = items(1, (200, 1)).requires_grad_()
    for depth, reach in ((1, 2), (2, 6), (3, 14)):
        delays = tdnn((200, 1), 4, depth=depth, width=4)[2]
        H = X
        for convolution in delays.convolutions:
            H = convolution(H.mT).mT
        (gradient,) = torch.autograd.grad(H[0, 100].sum(), X)
        seen = gradient[0, :, 0].nonzero().squeeze(1)
        assert (seen.min().item(), seen.max().item()) == (100 - reach, 100 + reach)


def ragged_waves(n=300):
    """Return series of three frequencies, of different lengths, padded with NaN."""
    rng = np.random.default_rng(0)
    y, t = np.arange(n) % 3, np.arange(60)
    X = np.sin(t * (0.3 + 0.15 * y)[:, None] + rng.uniform(0, 6, (n, 1)))
    X += rng.normal(scale=0.3, size=X.shape)
    X[t >= rng.integers(30, 60, (n, 1))] = np.nan
    return X.astype(np.float32), y


def test_series_of_different_lengths_have_different_embeddings():
    X, y = ragged_waves()
    options = {"tower": "tdnn", "width": 16, "input_shape": (60, 1), "random_state": 0}
    embedder = SiameseEmbedder(4, max_iter=15, batch_size=32, **options).fit(X[:200], y[:200])
    Z, centers = embedder.transform(X[200:]), []
    for label in range(3):
        centers.append(embedder.transform(X[:200][y[:200] == label]).mean(axis=0))
    nearest = np.linalg.norm(Z[:, None] - np.array(centers), axis=2).argmin(axis=1)
    assert (nearest == y[200:]).mean() > 0.95
    P, match, _ = make_pairs(X, y, n_pairs=200, random_state=0)
    verifier = SiameseVerifier(max_iter=1, **options).fit(P, match)
    assert np.isfinite(verifier.decision_function(P)).all()


def test_nan_is_refused_by_towers_without_missing_values():
    X, y = ragged_waves()
    with pytest.raises(ValueError, match="contains NaN"):
        SiameseEmbedder().fit(X, y)
    assert not SiameseEmbedder().__sklearn_tags__().input_tags.allow_nan
    assert SiameseEmbedder(tower=partial(tdnn, depth=1)).__sklearn_tags__().input_tags.allow_nan


def test_images_and_series_are_standardised_by_channel():
    X, y = ragged_waves()
    tower = SiameseEmbedder(tower="tdnn", input_shape=(30, 2), max_iter=1).fit(X, y).tower_
    mean, scale = tower[0].mean.view(30, 2), tower[0].scale.view(30, 2)
    assert (mean == mean[0]).all()
    assert (scale == scale[0]).all()
    series = X.reshape(len(X), 30, 2)
    np.testing.assert_allclose(mean[0], np.nanmean(series, axis=(0, 1)), rtol=1e-4)
    np.testing.assert_allclose(scale[0], np.nanstd(series, axis=(0, 1)), rtol=1e-4)


def test_a_constant_image_is_not_scaled_up():
    X = np.full((20, 16), 254.7)
    y = np.arange(20) % 2
    embedder = SiameseEmbedder(tower="cnn", width=4, depth=1, input_shape=(4, 4), max_iter=1)
    with pytest.warns(ConvergenceWarning, match="X is not constant"):
        embedder.fit(X, y)
    assert (embedder.tower_[0].scale == 1).all()


def test_each_cue_has_its_own_tower_over_its_own_columns():
    cues = {"type": slice(0, 4), "a.b": [9, 5]}
    tower = multi_cue((10,), 3, cues=cues, width=8, dropout=0.0)
    X = items(6, (10,))
    with torch.no_grad():
        parts = [tower.towers[0](X[:, :4]), tower.towers[1](X[:, [9, 5]])]
        torch.testing.assert_close(tower(X), tower.fusion(torch.cat(parts, dim=1)))
        changed = X.clone()
        changed[:, 6] += 1
        assert torch.equal(tower(X), tower(changed))


def test_cues_may_name_columns_of_a_table(digits):
    X, _, y, _ = digits
    table = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    cues = {"upper": [f"p{i}" for i in range(32)], "lower": [f"p{i}" for i in range(32, 64)]}
    tower = partial(multi_cue, cues=cues, towers={"upper": partial(cnn, depth=1, width=4)})
    fitted = SiameseEmbedder(tower=tower, max_iter=1).fit(table, y).tower_[2]
    numbers = [part.columns.tolist() for part in fitted.columns]
    assert numbers == [list(range(32)), list(range(32, 64))]
    P, match, _ = make_pairs(X, y, n_pairs=100, random_state=0)
    names = [*table.columns, *(f"other_{name}" for name in table.columns)]
    verifier = SiameseVerifier(tower=tower, max_iter=1).fit(pd.DataFrame(P, columns=names), match)
    assert verifier.tower_[2].columns[1].columns[0] == 32


class Backbone(nn.Module):
    """A pretrained backbone with layers that behave differently in training."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 20), nn.BatchNorm1d(20), nn.ReLU())

    def forward(self, X):
        return self.layers(X)


def test_a_frozen_backbone_is_not_trained_and_a_tuned_one_moves_less(digits):
    X, _, y, _ = digits
    backbone = Backbone()
    before = copy.deepcopy(backbone.state_dict())
    moved = {}
    for factor in (0, 0.1, 1):
        tower = partial(pretrained, backbone=backbone, learning_rate_factor=factor)
        fitted = SiameseEmbedder(8, tower=tower, max_iter=2, weight_decay=0, random_state=0)
        after = fitted.fit(X.astype(np.float32), y).tower_[2].backbone.state_dict()
        moved[factor] = (after["layers.0.weight"] - before["layers.0.weight"]).abs().mean().item()
        same = [torch.equal(after[name], before[name]) for name in before]
        assert all(same) == (factor == 0)
    assert moved[0] == 0
    assert 0.05 < moved[0.1] / moved[1] < 0.3
    assert all(torch.equal(backbone.state_dict()[name], before[name]) for name in before)


def test_a_cnn_learns_digits_better_than_chance_from_few_images(digits):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(
        8, tower="cnn", depth=2, width=8, input_shape=(8, 8), max_iter=25, random_state=0
    )
    Z_train = embedder.fit(X_train, y_train).transform(X_train)
    D = np.linalg.norm(embedder.transform(X_test)[:, None] - Z_train, axis=2)
    assert (y_train[D.argmin(axis=1)] == y_test).mean() > 0.9


def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8))


def named_alone(*, input_shape, n_components):
    return mlp(input_shape, n_components)


def turned(n_components, input_shape):
    return mlp(input_shape, n_components)


def by_place(shape, size, /, width, *, depth):
    assert (width, depth) == (16, 2)
    return mlp(shape, size, width=width, depth=depth)


def with_default(shape, hidden=5):
    assert hidden == 5
    return net()


def with_rest(depth, *rest):
    return mlp(*rest, depth=depth)


class WithoutArguments(nn.Sequential):
    """A tower of fixed size."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 8))


NET = net()
FACTORIES = [
    partial(copy.deepcopy, NET),
    net,
    lambda module=NET: copy.deepcopy(module),
    WithoutArguments,
    named_alone,
    partial(named_alone, n_components=8),
    turned,
    by_place,
    with_default,
    with_rest,
    lambda *sizes: mlp(*sizes),
    lambda **sizes: mlp(**sizes),
    partial(mlp, width=4),
]


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("estimator", [SiameseEmbedder, SiameseVerifier])
def test_a_factory_gets_the_arguments_of_its_signature(digits, digit_pairs, estimator, factory):
    X, y = (digits[0], digits[2]) if estimator is SiameseEmbedder else digit_pairs[::2]
    model = estimator(8, tower=factory, width=16, depth=2, max_iter=1, random_state=0)
    model.fit(X[:100], y[:100])
    embed = model.transform if estimator is SiameseEmbedder else model.transform_items
    assert embed(np.zeros((3, 64))).shape == (3, 8)


def test_unknown_required_arguments_of_a_factory_are_refused_by_name(digits):
    def factory(input_shape, n_components, n_heads):
        return mlp(input_shape, n_components)

    X, _, y, _ = digits
    with pytest.raises(ValueError, match=r"partial\(tower, n_heads=...\)"):
        SiameseEmbedder(tower=factory).fit(X, y)
    SiameseEmbedder(tower=partial(factory, n_heads=2), max_iter=1).fit(X, y)


def test_a_head_factory_may_copy_a_module(digit_pairs):
    X, _, y, _ = digit_pairs
    head = partial(copy.deepcopy, heads.WeightedL1(128))
    SiameseVerifier(head=head, max_iter=1).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="head has a required argument 'other'"):
        SiameseVerifier(head=lambda n_components, other: None).fit(X[:100], y[:100])


class Cast(nn.Module):
    """A tower with an output, and optionally weights, of another dtype."""

    def __init__(self, output, weight=torch.float32, item=None, hidden=None):
        super().__init__()
        self.output, self.item = output, item
        self.frozen = nn.Linear(64, 64, dtype=hidden) if hidden else nn.Identity()
        self.frozen.requires_grad_(False)
        self.linear = nn.Linear(64, 8, dtype=weight)

    def forward(self, X):
        Z = X.flatten(1)
        if not isinstance(self.frozen, nn.Identity):
            Z = self.frozen(Z.to(self.frozen.weight.dtype)).to(X.dtype)
        return self.linear(Z if self.item is None else Z.to(self.item)).to(self.output)


half, brain = torch.float16, torch.bfloat16
CASTS = [
    partial(Cast, brain),
    partial(Cast, half),
    partial(Cast, torch.float64),
    partial(Cast, brain, weight=brain, item=brain),
    partial(Cast, torch.float32, hidden=brain),
    partial(Cast, torch.float32, hidden=half),
    partial(pretrained, backbone=nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).to(brain)),
    partial(
        pretrained,
        backbone=nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).to(brain),
        learning_rate_factor=0,
    ),
]


@pytest.mark.parametrize("tower", CASTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tower_may_compute_in_another_type(digits, digit_pairs, tower, dtype):
    X, _, y, _ = digits
    X = X[:100].astype(dtype)
    embedder = SiameseEmbedder(8, tower=tower, max_iter=2, random_state=0).fit(X, y[:100])
    assert embedder.transform(X).dtype == dtype
    assert np.isfinite(embedder.loss_curve_).all()
    P, match = digit_pairs[0][:100].astype(dtype), digit_pairs[2][:100]
    for precision in (None, "bfloat16"):
        verifier = SiameseVerifier(8, tower=tower, max_iter=2, precision=precision, random_state=0)
        verifier.set_params(width=16, depth=2).fit(P, match)
        assert np.isfinite(verifier.decision_function(P)).all()


def test_weights_of_less_precision_that_are_frozen_keep_their_type(digits):
    X, _, y, _ = digits
    tower = SiameseEmbedder(8, tower=partial(Cast, torch.float32, hidden=brain), max_iter=2)
    tower = tower.fit(X, y).tower_[2]
    assert (tower.frozen.weight.dtype, tower.linear.weight.dtype) == (brain, torch.float32)


class Complex(nn.Module):
    """A tower with complex weights or a complex output."""

    def __init__(self, weight, output):
        super().__init__()
        self.output = output
        self.weight = nn.Parameter(torch.randn(64, 8, dtype=weight))
        self.register_buffer("basis", torch.randn(64, 8))

    def forward(self, X):
        return (X.flatten(1).to(self.weight.dtype) @ self.weight).to(self.output)


class ComplexBuffer(Complex):
    """A tower with a complex buffer."""

    def __init__(self):
        super().__init__(torch.float32, torch.float32)
        self.basis = self.basis.to(torch.complex64)


@pytest.mark.parametrize(
    ("tower", "message"),
    [
        (partial(Complex, torch.complex64, torch.float32), "complex weights, 'weight' among them"),
        (ComplexBuffer, "complex weights, 'basis' among them"),
        (partial(Complex, torch.float32, torch.complex64), "but returned torch.complex"),
        (partial(Complex, torch.float32, torch.int64), "but returned torch.int64"),
    ],
)
def test_complex_weights_and_outputs_are_refused_by_name(digits, tower, message):
    with pytest.raises(ValueError, match=message):
        SiameseEmbedder(8, tower=tower).fit(digits[0], digits[2])


class Growing(nn.Module):
    """A tower that caches and reuses a tensor."""

    def __init__(self, input_shape, n_components, weight):
        super().__init__()
        self.linear, self.kept, self.last = nn.Linear(64, n_components), None, None
        self.weight = weight

    def forward(self, X):
        if self.kept is None or len(self.kept) < len(X):
            self.kept = torch.full((len(X), 1), self.weight)
        self.last = self.linear(X.flatten(1)) * self.kept[: len(X)]
        return self.last


@pytest.mark.parametrize("context", [nullcontext, torch.no_grad, torch.inference_mode])
def test_a_tower_may_cache_tensors(digits, context):
    X, _, y, _ = digits
    tower = partial(Growing, weight=1.0)
    model = SiameseEmbedder(tower=tower, max_iter=2, warm_start=True, random_state=0)
    with context():
        Z = model.fit(X, y).transform(np.tile(X, (3, 1)))
    np.testing.assert_allclose(Z[: len(X)], Z[-len(X) :])
    model.fit(X, y).partial_fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.transform(X), model.transform(X))


def test_input_shape_may_hold_numbers_of_numpy(digits):
    X, _, y, _ = digits
    for name in ("mlp", "cnn", "tdnn"):
        plain, numpy = (
            SiameseEmbedder(tower=name, depth=2, width=8, input_shape=shape, max_iter=1)
            .set_params(random_state=0)
            .fit_transform(X[:60], y[:60])
            for shape in ((8, 8), list(np.array([8, 8], np.int16)))
        )
        np.testing.assert_array_equal(plain, numpy)


@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 10**9},
        {"tower": "tdnn", "width": 10**9},
        {"tower": "cnn", "depth": 400},
    ],
)
def test_towers_larger_than_memory_are_refused_before_they_are_built(digits, sizes):
    with pytest.raises(ValueError, match="would need more memory than available; lower them"):
        SiameseEmbedder(**sizes).fit(digits[0], digits[2])


@pytest.mark.parametrize("sizes", [{"width": 10**25}, {"n_components": 10**20}])
def test_sizes_beyond_32_bits_are_refused_by_name(digits, sizes):
    (name,) = sizes
    with pytest.raises(ValueError, match=f"^{name} must be a whole number from 1 to 2147483647"):
        SiameseEmbedder(**sizes).fit(digits[0], digits[2])


def test_large_row_weights_are_accepted():
    X, weight = np.random.default_rng(0).normal(size=(50, 3)), np.linspace(1, 2, 50)
    options = {"rows": np.arange(50)}
    plain = fit_standardize(X, sample_weight=weight, **options)
    huge = fit_standardize(X, sample_weight=weight * 2.0**1000, **options)
    assert torch.equal(plain.mean, huge.mean)
    assert torch.equal(plain.scale, huge.scale)


def test_a_pretrained_tower_scales_items_by_the_mean_and_scale_of_its_own(digits):
    X, y = digits[0][:100].astype(np.float32), digits[2][:100]
    shape, moments = (4, 4, 4), {"mean": [1.0, 2.0, 3.0, 4.0], "scale": 5.0}
    item = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(4, 1, 1)
    for factor in (0, 0.1):
        tower = partial(pretrained, backbone=nn.Flatten(), learning_rate_factor=factor, **moments)
        options = {"tower": tower, "input_shape": shape, "max_iter": 1, "random_state": 0}
        fitted = SiameseEmbedder(8, **options).fit(X, y).tower_
        with torch.no_grad():
            items = (torch.from_numpy(X).view(-1, *shape) - item) / 5
            torch.testing.assert_close(
                fitted(torch.from_numpy(X)), fitted[2].output(items.flatten(1))
            )
        P, match, _ = make_pairs(X, y, n_pairs=50, random_state=0)
        assert np.isfinite(SiameseVerifier(8, **options).fit(P, match).decision_function(P)).all()


@pytest.mark.parametrize(
    "moments",
    [
        {"mean": [1.0, 2.0]},
        {"mean": "a"},
        {"mean": np.nan},
        {"mean": np.zeros((2, 4, 4, 4))},
        {"scale": 0.0},
        {"scale": [1.0, 1.0, -1.0, 1.0]},
    ],
)
def test_means_and_scales_that_do_not_fit_an_item_are_refused_by_name(moments):
    (name,) = moments
    with pytest.raises(ValueError, match=rf"^{name} must be a finite number.*got"):
        pretrained((4, 4, 4), 2, backbone=nn.Flatten(), **moments)


def test_a_frozen_backbone_is_tuned_by_a_warm_start_with_another_factor(digits):
    X, y = digits[0][:200].astype(np.float32), digits[2][:200]

    def tower(backbone, factor):
        options = {"backbone": backbone, "learning_rate_factor": factor, "mean": np.ones(64)}
        return partial(
            multi_cue, cues={"a": slice(0, 64)}, towers={"a": partial(pretrained, **options)}
        )

    for dtype in (torch.float32, torch.bfloat16):
        backbone = nn.Linear(64, 20).to(dtype)
        model = SiameseEmbedder(8, max_iter=2, warm_start=True, random_state=0)
        weights = []
        for factor in (0, 0.1, 0.1, 0):
            model.set_params(tower=tower(backbone, factor)).fit(X, y)
            model.partial_fit(X, y)
            weights.append(model.tower_[2].towers[0].backbone.weight.float())
        moved = [
            not torch.equal(*pair)
            for pair in itertools.pairwise([backbone.weight.float(), *weights])
        ]
        assert moved == [False, True, True, False]
        assert model.n_iter_ == 12
        with pytest.raises(
            ValueError, match=r"^tower has changed from .* warm_start=False"
        ) as error:
            model.set_params(tower=tower(nn.Linear(64, 20), 0.1)).fit(X, y)
        assert "\n" not in str(error.value)
