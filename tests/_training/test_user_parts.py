"""Test that invalid losses, miners, towers and other callables are refused by name."""

import copy
import itertools
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning import losses as peer
from pytorch_metric_learning import miners as peer_miners
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn

from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese.augment import jitter, time_warp
from sksiamese.batches import hierarchical, weighted
from sksiamese.heads import HEADS
from sksiamese.losses import LOSSES, contrastive, triplet
from sksiamese.mining import MINERS

SHORT = {"n_components": 8, "max_iter": 1, "random_state": 0}


@pytest.fixture(scope="module")
def data(digits):
    X, _, y, _ = digits
    return X[:200].astype(np.float32), y[:200]


@pytest.fixture(scope="module")
def few_pairs(data):
    P, match, _ = make_pairs(*data, n_pairs=200, random_state=0)
    return P, match


def assert_refused(fit, name, problem=""):
    """Check that a fit raises an error that begins with the name of a parameter."""
    with pytest.raises(ValueError, match=rf"^{name}\b.*{problem}.* sksiamese\.\w+\."):
        fit()


def cosine_similarity(A, B):
    return F.normalize(A, dim=-1) @ F.normalize(B, dim=-1).mT


class Detached(nn.Module):
    """A loss without a gradient."""

    def forward(self, D, same, different):
        return D.detach().mean()


class Adder(nn.Module):
    """A loss of classes with an unknown constructor argument."""

    def __init__(self, n_classes, temperature):
        super().__init__()


LOSSES_THAT_DO_NOT_FIT = {
    "triplets of torch": (nn.TripletMarginLoss(), "failed|far apart"),
    "class of torch": (nn.TripletMarginLoss, "failed|far apart"),
    "function of torch": (partial(F.triplet_margin_loss, margin=0.5), "failed|far apart"),
    "ranking of torch": (nn.MarginRankingLoss(), "failed"),
    "wrapped triplets": (lambda a, p, n: F.triplet_margin_loss(a, p * 1.0, n * 1.0), "far apart"),
    "similarities": (lambda D, same, different: -contrastive(D, same, different), "far apart"),
    "masks swapped": (lambda D, same, different: contrastive(D, different, same), "far apart"),
    "four arguments": (lambda D, same, different, weight: D.mean(), "missing 1 required"),
    "no argument": (lambda: 0, "takes 0 positional"),
    "one value a pair": (lambda D, same, different: D, r"returned \(\d+, \d+\)"),
    "a float": (lambda Z, y: 0.0, "returned float"),
    "nothing": (lambda Z, y: None, "returned NoneType"),
    "no gradient": (Detached(), "without a gradient"),
    "NaN": (lambda Z, y: (Z - torch.inf).sum() * 0, "returned nan"),
    "options that fail": (partial(triplet, margin="wide"), "failed"),
    "an array": (lambda Z, y: Z.detach().numpy().sum(), "returned float32"),
    "a constructor that needs more": (Adder, "temperature"),
    "no signature": (torch.dist, "no signature"),
}


@pytest.mark.parametrize("name", LOSSES_THAT_DO_NOT_FIT)
def test_invalid_losses_are_refused_by_name(data, name):
    loss, problem = LOSSES_THAT_DO_NOT_FIT[name]
    assert_refused(lambda: SiameseEmbedder(loss=loss, **SHORT).fit(*data), "loss", f"({problem})")


@pytest.mark.parametrize(
    "loss",
    [
        lambda D, same, different=None: contrastive(D, same, different),
        lambda D, same, different: D[same].mean() - D[different].clamp_max(1).mean(),
        lambda D, same, different: contrastive(D, same, different).reshape(1),
        lambda Z, y: F.cross_entropy(Z, y % 8),
        nn.CrossEntropyLoss(),
        peer.SupConLoss(),
        partial(peer.ArcFaceLoss, 10, 8),
        peer.TripletMarginLoss(),
    ],
)
def test_valid_losses_of_any_form_train(data, loss):
    X, y = data
    embedder = SiameseEmbedder(loss=loss, **SHORT).fit(X[y < 8], y[y < 8])
    assert np.isfinite(embedder.transform(X)).all()


def test_built_in_losses_and_miners_pass_the_checks_of_user_parts(data):
    X, y = data
    for loss, miner in [
        *((loss, "all") for loss in LOSSES),
        *(("triplet", name) for name in MINERS),
    ]:
        embedder = SiameseEmbedder(loss=loss, miner=miner, **SHORT)
        assert np.isfinite(embedder.fit(X, y).loss_curve_).all()


DISTANCES_THAT_DO_NOT_FIT = {
    "row by row": (F.cosine_similarity, "failed|returned"),
    "similarities": (cosine_similarity, "negative|row and itself"),
    "positive similarities": (lambda A, B: 1 + cosine_similarity(A, B), "row and itself"),
    "products": (lambda A, B: -A @ B.mT, "negative"),
    "one value": (lambda A, B: (A - B[:1]).square().sum(), "returned"),
    "another dtype": (lambda A, B: torch.cdist(A, B).double(), "float64 instead"),
    "no gradient": (lambda A, B: torch.cdist(A, B).detach(), "without a gradient"),
    "one argument": (lambda A: A, "failed"),
    "NaN": (lambda A, B: torch.cdist(A, B) * torch.nan, "NaN or infinite"),
}


@pytest.mark.parametrize("name", DISTANCES_THAT_DO_NOT_FIT)
@pytest.mark.parametrize("estimator", [SiameseEmbedder, SiameseVerifier])
def test_invalid_distances_are_refused_by_name(data, few_pairs, name, estimator):
    distance, problem = DISTANCES_THAT_DO_NOT_FIT[name]
    X, y = data if estimator is SiameseEmbedder else few_pairs
    assert_refused(
        lambda: estimator(distance=distance, **SHORT).fit(X, y), "distance", f"({problem})"
    )


def test_an_asymmetric_distance_is_refused_by_the_verifier(data, few_pairs):
    def oriented(A, B):
        return torch.cdist(A, B) * (1.5 + torch.tanh(A[..., :1] - B[..., 0].unsqueeze(-2)))

    SiameseEmbedder(distance=oriented, **SHORT).fit(*data)
    fit = partial(SiameseVerifier(distance=oriented, **SHORT).fit, *few_pairs)
    assert_refused(fit, "distance", "swapped")


def test_the_embedder_accepts_a_distance_of_matrices_only(data):
    def of_matrices(A, B):
        n, m = len(A), len(B)
        return (A.repeat_interleave(m, 0) - B.repeat(n, 1)).abs().sum(dim=1).reshape(n, m)

    assert SiameseEmbedder(distance=of_matrices, **SHORT).fit(*data).n_iter_ == 1


MINERS_THAT_DO_NOT_FIT = {
    "one tensor": (lambda D, same, different: D, "returned"),
    "two tensors": (lambda D, same, different: (D, same), "returned tuple"),
    "row numbers": (lambda D, same, different: D.topk(2).indices.T, "returned"),
    "of the peer": (peer_miners.MultiSimilarityMiner(), "failed|returned"),
    "masks as numbers": (lambda D, s, d: (D, s.float(), d.float()), "float32, torch.float32"),
    "other shapes": (lambda D, s, d: (D[:, :2], s, d), "shapes"),
    "flat": (lambda D, s, d: (D[s], s[s], d[s]), "shapes"),
    "no gradient": (lambda D, s, d: (D.detach(), s, d), "without a gradient"),
    "another dtype": (lambda D, s, d: (D.double(), s, d), "float64"),
    "both masks": (lambda D, s, d: (D, s | d, d), "both masks"),
    "two arguments": (lambda D, same: (D, same, ~same), "failed"),
}


@pytest.mark.parametrize("name", MINERS_THAT_DO_NOT_FIT)
def test_invalid_miners_are_refused_by_name(data, name):
    miner, problem = MINERS_THAT_DO_NOT_FIT[name]
    assert_refused(
        lambda: SiameseEmbedder(miner=miner, **SHORT).fit(*data), "miner", f"({problem})"
    )


@pytest.mark.parametrize(
    ("regularizer", "problem"),
    [
        (lambda Z: Z, "returned"),
        (lambda Z: 0.5, "returned float"),
        (lambda Z: Z.detach().mean(), "without a gradient"),
        (lambda Z: Z.mean() * torch.nan, "returned nan"),
        (lambda Z, y, more: Z.mean(), "failed"),
        (nn.Linear, "required argument 'in_features'"),
    ],
)
def test_invalid_regularizers_are_refused_by_name(data, regularizer, problem):
    fit = partial(SiameseEmbedder(regularizer=regularizer, **SHORT).fit, *data)
    assert_refused(fit, "regularizer", problem)


def sampler_of(*batches):
    return lambda y, batch_size, *, generator: iter(batches)


SAMPLERS_THAT_DO_NOT_FIT = {
    "no batches": (sampler_of(), "no batch"),
    "an empty batch": (sampler_of([0, 1], []), "instead of a batch"),
    "beyond the last row": (sampler_of([0, 1], [5, 200]), "from 0 to 200"),
    "negative": (sampler_of(np.array([-1, 4])), "from -1 to 4"),
    "floats": (sampler_of(np.array([0.0, 1.0])), "integers"),
    "a mask": (sampler_of(np.ones(200, dtype=bool)), "integers"),
    "row by row": (sampler_of(0, 1, 2), "int instead of a batch"),
    "strings": (sampler_of(["a", "b"]), "failed"),
    "two axes": (sampler_of([[0, 1], [2, 3]]), "instead of a batch"),
    "nothing": (lambda y, batch_size, *, generator: None, "failed"),
    "no generator": (lambda y, batch_size: [[0, 1]], "failed"),
    "no end": (lambda y, size, *, generator: itertools.repeat([0, 1, 2, 3]), "or more"),
}


@pytest.mark.parametrize("name", SAMPLERS_THAT_DO_NOT_FIT)
def test_invalid_samplers_are_refused_by_name(data, name):
    sampler, problem = SAMPLERS_THAT_DO_NOT_FIT[name]
    assert_refused(lambda: SiameseEmbedder(sampler=sampler, **SHORT).fit(*data), "sampler", problem)


def test_batches_may_be_lists_arrays_or_tensors_of_integers(data):
    batches = [np.arange(100), torch.arange(100, 200, dtype=torch.int32)]
    transformed = []
    for kind in (list, partial(np.asarray, dtype=np.uint16), torch.as_tensor):
        sampler = sampler_of(*(kind(batch) for batch in batches))
        transformed.append(SiameseEmbedder(sampler=sampler, **SHORT).fit(*data).transform(data[0]))
    np.testing.assert_array_equal(transformed[0], transformed[1])
    np.testing.assert_array_equal(transformed[0], transformed[2])


@pytest.mark.parametrize("reason", [{"early_stopping": True}, {"unlabeled_label": 0}])
def test_a_sampler_that_draws_held_out_or_unlabeled_rows_is_refused(data, reason):
    sampler = sampler_of(np.arange(len(data[0])))
    fit = partial(SiameseEmbedder(sampler=sampler, **reason, **SHORT).fit, *data)
    assert_refused(fit, "sampler", "held out or unlabeled")


def test_samplers_by_class_work_in_cross_validation(data):
    X, y = data
    names = np.array(["zero", "one", *"abcdefgh"])[y]
    samplers = [
        partial(weighted, weight={name: 1 + len(name) for name in names}),
        partial(hierarchical, groups={name: "low" if name < "c" else "high" for name in names}),
        partial(hierarchical, groups={name: ord(name[0]) % 2 for name in names}, n_groups=2),
    ]
    for sampler in samplers:
        model = make_pipeline(SiameseEmbedder(sampler=sampler, **SHORT), KNeighborsClassifier(1))
        cv = KFold(3, shuffle=True, random_state=0)
        assert cross_val_score(clone(model), X, names, cv=cv).min() > 0.5


def test_samplers_by_class_equal_samplers_by_row(data):
    X, y = data
    weight, group = {k: 1 + k % 3 for k in range(10)}, {k: k // 5 for k in range(10)}
    for sampler, name, by_class in ((weighted, "weight", weight), (hierarchical, "groups", group)):
        by_row = np.array([by_class[label] for label in y])
        one, same = (
            SiameseEmbedder(sampler=partial(sampler, **{name: values}), **SHORT).fit(X, y)
            for values in (by_class, by_row)
        )
        np.testing.assert_array_equal(one.transform(X), same.transform(X))


@pytest.mark.parametrize(
    ("sampler", "problem"),
    [
        (partial(weighted, weight={0: 1, 1: 1}), r"weight has no value for classes such as \[2, 3"),
        (partial(weighted, weight=np.ones(300)), r"weight has shape \(300,\) for 200 rows"),
        (partial(weighted, weight=dict.fromkeys(range(10), -1)), "weight must be finite"),
        (partial(weighted, weight=dict.fromkeys(range(10), np.nan)), "weight must be finite"),
        (partial(hierarchical, groups={"0": 1}), "groups has no value for classes"),
        (partial(hierarchical, groups=[0, 1]), r"groups has shape \(2,\) for 200 rows"),
    ],
)
def test_samplers_without_a_value_for_a_class_are_refused_with_the_remedy(data, sampler, problem):
    assert_refused(lambda: SiameseEmbedder(sampler=sampler, **SHORT).fit(*data), "sampler", problem)


@pytest.mark.parametrize(
    ("augment", "problem"),
    [
        (lambda items, generator: items.double(), "float64"),
        (lambda items, generator: items / 0, "NaN or infinite"),
        (lambda items: items, "failed"),
        (lambda items, generator: None, "NoneType"),
        (lambda items, generator: items.long(), "int64"),
        (lambda items, generator: items[:-1], "returned"),
    ],
)
@pytest.mark.parametrize("estimator", [SiameseEmbedder, SiameseVerifier])
def test_invalid_augmentations_are_refused_by_name(data, few_pairs, estimator, augment, problem):
    X, y = data if estimator is SiameseEmbedder else few_pairs
    with pytest.raises(ValueError, match=f"^augment .*{problem}"):
        estimator(augment=augment, **SHORT).fit(X, y)


def test_an_augmentation_may_keep_the_padding_of_series(data):
    X, y = data
    X = X.copy()
    X[:, 50:] = np.nan
    embedder = SiameseEmbedder(tower="tdnn", width=8, augment=jitter, **SHORT).fit(X, y)
    assert np.isfinite(embedder.loss_curve_).all()
    assert np.isfinite(embedder.transform(X)).all()


def test_an_augmentation_of_series_refuses_images(data):
    assert_refused(
        partial(SiameseEmbedder(augment=time_warp, input_shape=(1, 8, 8), **SHORT).fit, *data),
        "augment",
        r"needs series .*got \(\d+, 1, 8, 8\)",
    )


class Concatenated(nn.Module):
    """A head with different weights for the left and the right item."""

    def __init__(self, n_components):
        super().__init__()
        self.linear = nn.Linear(2 * n_components, 1)

    def forward(self, A, B):
        return self.linear(torch.cat([A, B], dim=1)).squeeze(1)


def head_of(function):
    """Return a head without weights that calls a function."""

    class Head(nn.Module):
        def __init__(self, n_components):
            super().__init__()

        def forward(self, A, B):
            return function(A, B)

    return Head


HEADS_THAT_DO_NOT_FIT = {
    "order": (Concatenated, "swapped"),
    "NaN": (head_of(lambda A, B: (A * B).sum(dim=1) * torch.nan), "NaN or infinite"),
    "dtype": (head_of(lambda A, B: (A * B).sum(dim=1).double()), "float64 for embeddings"),
    "shape": (head_of(lambda A, B: A * B), r"logits of shape \(32,\), but returned \(32, 8\)"),
    "a number": (head_of(lambda A, B: 1.0), "but returned float"),
    "failure": (head_of(lambda A, B: A @ B), "failed"),
    "no module": (lambda n_components: torch.dist, "instead of an nn.Module"),
    "a module": (HEADS["mlp"](8), "which every fit would modify"),
    "other arguments": (lambda n_components, width, depth: None, "required argument 'width'"),
}


@pytest.mark.parametrize("name", HEADS_THAT_DO_NOT_FIT)
def test_invalid_heads_are_refused_by_name(few_pairs, name):
    head, problem = HEADS_THAT_DO_NOT_FIT[name]
    X, y = few_pairs
    with pytest.raises(ValueError, match=f"^head .*{problem}"):
        SiameseVerifier(head=head, **SHORT).fit(X.astype(np.float32), y)


@pytest.mark.parametrize(
    "head",
    [
        partial(copy.deepcopy, HEADS["cosine"](8)),
        lambda: HEADS["mlp"](8),
        lambda *, n_components: HEADS["mlp"](n_components),
        lambda size: HEADS["mlp"](size),
        lambda n_components, margin, distance: HEADS["distance"](n_components, distance, margin),
    ],
)
def test_a_head_factory_gets_the_arguments_of_its_signature(few_pairs, head):
    first = SiameseVerifier(head=head, **SHORT).fit(*few_pairs)
    again = SiameseVerifier(head=head, **SHORT).fit(*few_pairs)
    X = few_pairs[0]
    np.testing.assert_array_equal(first.decision_function(X), again.decision_function(X))


def test_trials_change_neither_parts_nor_generators(data):
    class Counts(nn.Module):
        """A loss with dropout and a buffer that counts calls."""

        def __init__(self):
            super().__init__()
            self.register_buffer("n_calls", torch.zeros(()))

        def forward(self, D, same, different):
            self.n_calls += 1
            return contrastive(F.dropout(D, 0.1), same, different)

    state = torch.get_rng_state()
    embedder = SiameseEmbedder(loss=Counts(), batch_size=200, **SHORT).fit(*data)
    n_batches, n_diagnoses = 1, 3
    assert embedder.objective_.loss.n_calls == n_batches + n_diagnoses
    assert torch.equal(torch.get_rng_state(), state)


def test_a_refused_part_leaves_a_fitted_estimator_unchanged(data):
    X, y = data
    embedder = SiameseEmbedder(warm_start=True, **SHORT).fit(X, y)
    before = embedder.transform(X)
    assert_refused(partial(embedder.set_params(sampler=sampler_of([])).fit, X, y), "sampler")
    np.testing.assert_array_equal(embedder.transform(X), before)
    assert embedder.set_params(sampler="balanced").fit(X, y).n_iter_ == 2


TOWERS_THAT_DO_NOT_FIT = {
    "a layer": (nn.Linear, "failed"),
    "another size": (lambda shape, n: nn.Sequential(nn.Flatten(), nn.Linear(9, n)), "9x8"),
    "a builtin": (dict, "no signature"),
    "other arguments": (lambda shape, n, layers: None, "required argument 'layers'"),
}


@pytest.mark.parametrize("name", TOWERS_THAT_DO_NOT_FIT)
def test_invalid_towers_are_refused_by_name(data, name):
    tower, problem = TOWERS_THAT_DO_NOT_FIT[name]
    options = {**SHORT, "tower": tower, "n_components": 8}
    assert_refused(lambda: SiameseEmbedder(**options).fit(*data), "tower", problem)


def test_errors_of_a_built_in_tower_name_its_parameter():
    X = np.zeros((12, 48))
    X[::2] = 1
    model = SiameseEmbedder(tower="cnn", input_shape=(4, 4, 3), **SHORT)
    with pytest.raises(ValueError, match=r"^input_shape=\(4, 4, 3\) has its channels last"):
        model.fit(X, np.arange(12) % 3)
