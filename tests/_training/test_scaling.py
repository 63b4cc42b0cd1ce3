"""How the items of a tower are scaled: by the user's choice, or by the documented rule."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese.towers import cnn, multi_cue, pretrained, tdnn

BRIEFLY = {"width": 8, "depth": 1, "max_iter": 1, "random_state": 0}


def flat(input_shape, n_components):
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(input_shape)), n_components))


class OfSeries(nn.Sequential):
    """A tower of a user that declares its axis of time."""

    scaling = (-2,)

    def __init__(self, input_shape, n_components):
        super().__init__(flat(input_shape, n_components))


class Unscaled(OfSeries):
    """A tower of a user that reads unscaled items."""

    scaling = None


class Wrong(OfSeries):
    """A tower of a user that declares a scaling that does not exist."""

    scaling = 0.5


def bounded(input_shape, n_components):
    return nn.Sequential(nn.Tanh(), flat(input_shape, n_components))


def codes(input_shape, n_components):
    return nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(256, n_components))


class Positions(nn.Module):
    """A tower that looks up positions, not codes."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.linear = flat(input_shape, n_components)
        self.positions = nn.Embedding(64, 1)

    def forward(self, X):
        return self.linear(X.flatten(1) + self.positions(torch.arange(64)).squeeze(1))


def pixels(n=60):
    """Items of 64 columns with different means and scales, and their classes."""
    rng = np.random.default_rng(0)
    return rng.normal(rng.normal(size=64), rng.uniform(1, 9, 64), (n, 64)), np.arange(n) % 3


def moments(X, shape, axes):
    """Mean and scale of each column, pooled along the axes of an item."""
    items = X.reshape(-1, *shape)
    options = {"axis": (0, *axes), "keepdims": True}
    statistics = (items.mean(**options), items.std(**options))
    return [np.broadcast_to(part, (1, *shape)).flatten() for part in statistics]


RULES = [
    # Tower, shape of an item, its axes under "auto" and under "shared".
    ("mlp", None, (), (-1,)),
    ("mlp", (8, 8), (), (-2, -1)),
    ("mlp", (4, 4, 4), (), (-2, -1)),
    ("cnn", None, (-1,), (-1,)),
    ("cnn", (8, 8), (-2, -1), (-2, -1)),
    ("cnn", (4, 4, 4), (-2, -1), (-2, -1)),
    ("tdnn", None, (), (-1,)),
    ("tdnn", (16, 4), (-2,), (-2,)),
    (partial(tdnn, depth=1), (16, 4), (-2,), (-2,)),
    (flat, None, (), (-1,)),
    (flat, (16, 4), (), (-2, -1)),
    (flat, (4, 4, 4), (-2, -1), (-2, -1)),
    (flat, (4, 2, 2, 4), (-3, -2, -1), (-3, -2, -1)),
    (Positions, (4, 4, 4), (-2, -1), (-2, -1)),
    (OfSeries, (16, 4), (-2,), (-2,)),
    (OfSeries, (4, 4, 4), (-2,), (-2,)),
    (Unscaled, (4, 4, 4), None, (-2, -1)),
    (partial(pretrained, backbone=nn.Flatten()), (4, 4, 4), None, (-2, -1)),
    (partial(pretrained, backbone=nn.Linear(64, 2)), None, None, (-1,)),
]


@pytest.mark.parametrize(("tower", "shape", "auto", "shared"), RULES)
def test_each_tower_gets_the_scaling_of_the_documented_rule(tower, shape, auto, shared):
    X, y = pixels()
    for scaling, axes in (("auto", auto), ("shared", shared), ("columns", ()), (None, None)):
        embedder = SiameseEmbedder(4, tower=tower, input_shape=shape, scaling=scaling, **BRIEFLY)
        layer = embedder.fit(X, y).tower_[0]
        if axes is None:
            assert torch.equal(layer(torch.from_numpy(X)), torch.from_numpy(X))
            continue
        mean, scale = moments(X, shape or (64,), axes)
        np.testing.assert_allclose(layer.mean, mean, rtol=1e-10)
        np.testing.assert_allclose(layer.scale, scale, rtol=1e-10)


@pytest.mark.parametrize("scaling", ["columns", "shared", None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64])
def test_every_scaling_works_for_embedder_and_verifier_and_in_chunks(digits, scaling, dtype):
    X, y = digits[0][:200].astype(dtype), digits[2][:200]
    options = {"scaling": scaling, "max_iter": 2, "random_state": 0}
    embedder = SiameseEmbedder(8, **options).partial_fit(X, y).partial_fit(X, y)
    assert np.isfinite(embedder.transform(X)).all()
    P, match, _ = make_pairs(X, y, n_pairs=100, random_state=0)
    weight = np.arange(100) % 3
    verifier = SiameseVerifier(8, **options).fit(P, match, sample_weight=weight)
    swapped = np.hstack([P[:, 64:], P[:, :64]])
    np.testing.assert_array_equal(
        verifier.decision_function(P), verifier.decision_function(swapped)
    )


def test_an_embedding_layer_gets_its_codes_whatever_their_dtype():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    X = 2 * rng.integers(0, 10, (300, 64)) + y[:, None]
    scores, options = [], {"tower": codes, "batch_size": 32, "random_state": 0}
    for dtype in (np.uint8, np.int64, np.float32):
        embedder = SiameseEmbedder(4, **options).fit(X[:200].astype(dtype), y[:200])
        scores.append(embedder.score(X[200:].astype(dtype), y[200:]))
    assert scores[0] == scores[1] == scores[2] > 0.95
    P, match, _ = make_pairs(X, y, n_pairs=100, random_state=0)
    assert SiameseVerifier(4, **options).fit(P, match).tower_[0].scale.eq(1).all()
    with pytest.raises(ValueError, match=r"^tower failed: index out of range"):
        SiameseEmbedder(4, **options, scaling="columns").fit(X, y)


def test_codes_beyond_float32_are_refused_instead_of_rounded():
    X, y = np.arange(120).reshape(60, 2) + 2**24, np.arange(60) % 3
    with pytest.raises(ValueError, match=r"beyond 2\*\*24.*pass X.astype\(float\)"):
        SiameseEmbedder(scaling=None, **BRIEFLY).fit(X, y)
    items = X.astype(float)
    layer = SiameseEmbedder(scaling=None, **BRIEFLY).fit(items, y).tower_[0]
    assert torch.equal(layer(torch.from_numpy(items)), torch.from_numpy(items))


def test_each_cue_has_the_scaling_of_its_own_tower():
    X, y = pixels()
    towers = {"shared": partial(cnn, depth=1), "none": partial(pretrained, backbone=nn.Flatten())}
    cues = {"columns": slice(0, 20), "shared": range(20, 40), "none": [40, 41, 42]}
    tower = partial(multi_cue, cues=cues, towers=towers)
    layer = SiameseEmbedder(4, tower=tower, **BRIEFLY).fit(X, y).tower_[0]
    mean, scale = moments(X, (64,), ())
    mean[20:40], scale[20:40] = X[:, 20:40].mean(), X[:, 20:40].std()
    mean[40:43], scale[40:43] = 0, 1
    np.testing.assert_allclose(layer.mean, mean)
    np.testing.assert_allclose(layer.scale, scale)


def test_cues_that_scale_a_common_column_differently_are_refused():
    X, y = pixels()
    cues = {"one": [0, 1], "other": [1, 2]}
    towers = {"one": partial(pretrained, backbone=nn.Flatten())}
    tower = partial(multi_cue, cues=cues, towers=towers)
    with pytest.raises(ValueError, match="share columns but scale them differently; set scaling="):
        SiameseEmbedder(4, tower=tower, **BRIEFLY).fit(X, y)
    for scaling in ("columns", None):
        SiameseEmbedder(4, tower=tower, scaling=scaling, **BRIEFLY).fit(X, y)


@pytest.mark.parametrize("factory", [Wrong, partial(Wrong)])
def test_a_declared_scaling_that_does_not_exist_is_refused(factory):
    with pytest.raises(ValueError, match=r"^tower declares scaling=0.5; set this attribute to"):
        SiameseEmbedder(4, tower=factory, **BRIEFLY).fit(*pixels())


def test_sparse_rows_are_divided_by_root_mean_squares_and_keep_their_zeros():
    X, y = pixels()
    X[X < 0] = 0
    X[:, 5] = 0
    own = np.sqrt((X**2).mean(axis=0))
    own[5] = 1
    scales = {"auto": np.sqrt((X**2).mean()), "shared": np.sqrt((X**2).mean()), "columns": own}
    for scaling, scale in {**scales, None: 1}.items():
        embedder = SiameseEmbedder(4, scaling=scaling, **BRIEFLY)
        layer = embedder.fit(sparse.csr_array(X), y).tower_[0]
        assert not layer.mean.any()
        np.testing.assert_allclose(layer.scale, np.broadcast_to(scale, 64))


def test_values_that_overflow_are_accepted_without_scaling():
    X, y = pixels()
    X[0, 0] = 1e200
    with pytest.raises(ValueError, match="too large to square"):
        SiameseEmbedder(4, **BRIEFLY).fit(X, y)
    embedder = SiameseEmbedder(4, tower=bounded, scaling=None, **BRIEFLY).fit(X, y)
    assert np.isfinite(embedder.transform(X)).all()


def test_missing_steps_are_kept_by_every_scaling():
    X, y = pixels()
    X[::2, 40:] = np.nan
    for scaling in ("auto", "columns", "shared", None):
        embedder = SiameseEmbedder(
            4, tower="tdnn", input_shape=(16, 4), scaling=scaling, max_iter=1, width=8
        )
        assert np.isfinite(embedder.fit(X, y).transform(X)).all()
