"""Test the objective of the embedder: losses, memory, regularizers, labels."""

import copy
import pickle
from functools import partial
from itertools import cycle, product

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from pytorch_metric_learning import losses as peer
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from sksiamese import SiameseEmbedder
from sksiamese._training._objective import (
    CrossBatchMemory,
    class_indicators,
    match_mask,
    pairs,
    reads_pairs,
    resolve_distance,
)
from sksiamese._training._user_parts import declared_inputs
from sksiamese.batches import hierarchical, weighted
from sksiamese.distances import euclidean
from sksiamese.losses import (
    LOSSES,
    NATURAL_DISTANCES,
    NUMBER_LOSSES,
    ProxyAnchor,
    contrastive,
    supcon,
)
from sksiamese.metrics import recall_at_k
from sksiamese.mining import MINERS
from sksiamese.regularizers import REGULARIZERS, norm, variance


@pytest.mark.parametrize("loss", LOSSES)
def test_the_embedder_learns_with_every_loss(digits, loss):
    X_train, X_test, y_train, y_test = digits
    options = {"max_iter": 6, "learning_rate_init": 4e-3, "random_state": 0}
    embedder = SiameseEmbedder(16, loss=loss, **options).fit(X_train, y_train)
    neighbors = KNeighborsClassifier().fit(embedder.transform(X_train), y_train)
    assert neighbors.score(embedder.transform(X_test), y_test) > 0.93
    history = embedder.history_
    assert set(history) == {"loss", "active", "positive_distance", "negative_distance", "spread"}
    assert all(values.shape == (6,) and np.isfinite(values).all() for values in history.values())
    assert (history["positive_distance"] < history["negative_distance"]).all()
    assert ((history["active"] >= 0) & (history["active"] <= 1)).all()


FOUR_LOSSES = ["wu_margin", "triplet", "contrastive", "supcon"]
MINED = [*zip(MINERS, cycle(FOUR_LOSSES), strict=False)]
MORE_MINED = [pair for pair in product(MINERS, FOUR_LOSSES) if pair not in MINED]


@pytest.mark.parametrize(
    ("miner", "loss"),
    [*MINED, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in MORE_MINED)],
)
def test_the_embedder_learns_with_every_miner(digits, miner, loss):
    X, X_test, y, y_test = digits
    embedder = SiameseEmbedder(loss=loss, miner=miner, distance="chord", max_iter=8, random_state=0)
    assert recall_at_k(y_test, embedder.fit(X, y).transform(X_test)) > 0.88


@pytest.mark.parametrize(
    ("loss", "miner"),
    [*product(LOSSES, ["all"]), ("contrastive", "distance_weighted"), ("triplet", "angular")],
)
def test_a_loss_that_becomes_nan_warns(digits, loss, miner):
    X, y = digits[0][:300], digits[2][:300]
    embedder = SiameseEmbedder(
        loss=loss, miner=miner, learning_rate_init=1e30, max_iter=3, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        embedder.fit(X, y)
    assert np.isfinite(embedder.transform(X)).all()


def test_weights_of_a_loss_are_trained_and_pickled(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(loss="wu_margin", max_iter=2, random_state=0).fit(X, y)
    assert embedder.objective_.loss.boundary.item() != pytest.approx(1.2, abs=1e-6)
    again = pickle.loads(pickle.dumps(embedder))
    assert again.objective_.loss.boundary == embedder.objective_.loss.boundary


@pytest.mark.parametrize("loss", ["proxy_anchor", partial(ProxyAnchor, scale=16.0)], ids=str)
def test_warm_start_continues_with_the_proxies_and_uses_a_new_margin(digits, loss):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(loss=loss, max_iter=3, warm_start=True, random_state=0).fit(X, y)
    before = embedder.objective_.loss.proxies.detach().clone()
    embedder.set_params(margin=0.3, learning_rate_init=1e-6).fit(X, y)
    assert embedder.objective_.loss.margin == 0.3
    torch.testing.assert_close(embedder.objective_.loss.proxies, before, rtol=0, atol=1e-3)
    with pytest.raises(ValueError, match="loss has changed from"):
        embedder.set_params(loss="contrastive").fit(X, y)


@pytest.mark.parametrize(
    "loss",
    [
        peer.ContrastiveLoss(),
        peer.SupConLoss(),
        peer.ProxyAnchorLoss(num_classes=10, embedding_size=128),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_losses_of_pytorch_metric_learning_are_accepted(digits, loss):
    X, X_test, y, y_test = digits
    before = copy.deepcopy(loss.state_dict())
    embedder = SiameseEmbedder(loss=loss, max_iter=5, random_state=0).fit(X, y)
    assert recall_at_k(y_test, embedder.transform(X_test), metric="cosine") > 0.9
    assert all(torch.equal(loss.state_dict()[name], before[name]) for name in before)
    for name, value in before.items():
        assert not torch.equal(embedder.objective_.loss.state_dict()[name], value)


def test_supcon_minimises_the_same_loss_as_pytorch_metric_learning(digits):
    X, _, y, _ = digits
    theirs = peer.SupConLoss(temperature=0.2)
    options = {"distance": "cosine", "learned_weight": 1.0, "max_iter": 2, "random_state": 0}
    ours = SiameseEmbedder(loss=partial(supcon, temperature=0.2), **options).fit(X, y)
    same = SiameseEmbedder(loss=theirs, **options).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, same.loss_curve_, rtol=1e-6)


def test_distance_auto_is_the_natural_distance_of_the_loss():
    assert set(NATURAL_DISTANCES) == {*LOSSES, *NUMBER_LOSSES}
    for name, loss in LOSSES.items():
        for given in (name, loss, partial(loss)):
            assert resolve_distance("auto", given) == NATURAL_DISTANCES[name]
    anchor = ProxyAnchor(3, 2)
    assert resolve_distance("auto", anchor) == "cosine"
    assert resolve_distance("auto", lambda D, s, d: D.sum()) == "euclidean"
    assert resolve_distance("manhattan", "supcon") == "manhattan"


@pytest.mark.parametrize(
    ("distance", "unit"), [("cosine", True), ("chord", True), ("euclidean", False)]
)
def test_embeddings_have_unit_length_if_the_distance_ignores_it(digits, distance, unit):
    X, _, y, _ = digits
    Z = SiameseEmbedder(distance=distance, max_iter=1, random_state=0).fit(X, y).transform(X)
    assert np.allclose(np.linalg.norm(Z, axis=1), 1) == unit


def test_margin_auto_is_the_default_of_the_loss(digits):
    X, _, y, _ = digits
    margins = {}
    for loss in ("triplet", "cosface", "proxy_anchor"):
        for margin in ("auto", 0.7):
            embedder = SiameseEmbedder(loss=loss, margin=margin, max_iter=1, random_state=0)
            objective = embedder.fit(X, y).objective_
            bound = getattr(objective.loss, "keywords", vars(objective.loss))
            margins[loss, margin] = bound.get("margin")
    assert margins == {
        ("triplet", "auto"): None,
        ("triplet", 0.7): 0.7,
        ("cosface", "auto"): 0.35,
        ("cosface", 0.7): 0.7,
        ("proxy_anchor", "auto"): 0.1,
        ("proxy_anchor", 0.7): 0.7,
    }


def test_memory_pairs_a_batch_with_the_latest_embeddings_of_other_rows():
    memory = CrossBatchMemory(3)
    first, second = torch.rand(2, 2, dtype=torch.float64), torch.rand(2, 2, dtype=torch.float64)
    rows = torch.tensor([4, 5])
    D, same, different = memory.pairs(first, torch.tensor([0, 1]), rows, euclidean)
    assert D.shape == (2, 2)
    assert not same.any()
    assert different.tolist() == [[False, True], [True, False]]

    second.requires_grad_()
    rows = torch.tensor([6, 4])
    D, same, different = memory.pairs(second, torch.tensor([0, 0]), rows, euclidean)
    torch.testing.assert_close(D, euclidean(second, torch.cat([second, first])))
    assert same.tolist() == [[False, True, True, False], [True, False, False, False]]
    assert different.tolist() == [[False, False, False, True]] * 2
    Z, y, rows = memory.entries
    assert rows.tolist() == [6, 4, 4]
    assert y.tolist() == [0, 0, 0]
    assert not Z.requires_grad


def test_no_row_without_labels_is_paired_with_itself():
    sets, y, rows = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 0, 1]), torch.arange(3)
    Z = torch.rand(3, 2)
    _, same, different = pairs(Z, y, euclidean, sets)
    assert not same.any()
    assert different.tolist() == (~torch.eye(3, dtype=torch.bool)).tolist()
    memory = CrossBatchMemory(3)
    memory.pairs(Z, y, rows, euclidean, sets)
    _, _, different = memory.pairs(Z, y, rows, euclidean, sets)
    assert not different.view(3, 2, 3).diagonal(dim1=0, dim2=2).any()


def test_partial_fit_warns_of_a_chunk_without_matching_pairs(digits):
    X, _, y, _ = digits
    one_each = np.unique(y, return_index=True)[1]
    embedder = SiameseEmbedder(random_state=0).partial_fit(X[:200], y[:200])
    with pytest.warns(UserWarning, match="X has no two rows of the same class"):
        embedder.partial_fit(X[one_each], y[one_each])
    by_classes = SiameseEmbedder(loss="proxy_anchor", random_state=0).partial_fit(X[:200], y[:200])
    by_classes.partial_fit(X[one_each], y[one_each])


def test_nan_is_refused_as_unlabeled_label(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="mark them by a label such as -1"):
        SiameseEmbedder(unlabeled_label=np.nan).fit(X, np.where(y < 5, y, np.nan))


def test_a_memory_adds_pairs_to_the_loss(digits):
    X, X_test, y, y_test = digits
    widths = []

    def loss(D, same, different):
        widths.append(D.shape[1])
        return contrastive(D, same, different)

    embedder = SiameseEmbedder(
        loss=loss, batch_size=40, memory_size=100, max_iter=2, random_state=0
    )
    embedder.fit(X, y)
    trained = [width for width in widths if width not in (30, 32, 250, 256)]
    assert trained[:4] == [40, 80, 120, 140]
    remembering = SiameseEmbedder(memory_size=512, max_iter=8, random_state=0).fit(X, y)
    assert recall_at_k(y_test, remembering.transform(X_test)) > 0.93


class NearerThan(nn.Module):
    """A miner with a buffer and a weight."""

    def __init__(self, limit):
        super().__init__()
        self.register_buffer("limit", torch.tensor(limit))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, D, same, different):
        return D * self.scale, same, different & (self.limit > D)


def test_a_miner_that_is_a_module_is_copied(digits):
    X, _, y, _ = digits
    miner = NearerThan(2.0)
    embedder = SiameseEmbedder(miner=miner, max_iter=2, random_state=0).fit(X, y)
    assert miner.scale.item() == 1
    assert embedder.objective_.miner.scale.item() != 1
    assert embedder.objective_.miner.limit.item() == 2


def test_angular_mining_with_a_memory_is_refused(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="set memory_size=0 or choose another miner"):
        SiameseEmbedder(miner="angular", batch_size=40, memory_size=100).fit(X, y)


@pytest.mark.parametrize("regularizer", [*REGULARIZERS, lambda Z: Z.abs().sum(dim=1).mean()])
def test_a_regularizer_lowers_its_cost(digits, regularizer):
    X, _, y, _ = digits
    X, y = X[:600], y[:600]
    options = {"regularizer": regularizer, "learned_weight": 1.0, "max_iter": 4, "random_state": 0}
    free, bound = (
        SiameseEmbedder(regularizer_weight=weight, **options).fit(X, y) for weight in (0.0, 5.0)
    )
    part = bound.objective_.regularizer
    costs = []
    for embedder in (free, bound):
        Z = torch.from_numpy(embedder.transform(X))
        if regularizer == "center":
            centers = torch.stack([Z[y == label].mean(dim=0) for label in range(10)])
            costs.append((Z - centers[y]).square().sum(dim=1).mean())
        else:
            costs.append(part(Z))
    assert costs[1] < 0.8 * costs[0]


def test_regularizers_equal_plain_numpy():
    Z = np.random.default_rng(0).normal(size=(20, 3))
    torch.testing.assert_close(norm(torch.tensor(Z)).item(), np.mean(np.sum(Z**2, axis=1)))
    short = np.maximum(0, 2 - np.sqrt(Z.var(axis=0, ddof=1) + 1e-4)).mean()
    torch.testing.assert_close(variance(torch.tensor(Z), deviation=2.0).item(), short)
    matrix = np.cov(Z.T)
    off = (matrix**2).sum() - (np.diag(matrix) ** 2).sum()
    torch.testing.assert_close(REGULARIZERS["covariance"](torch.tensor(Z)).item(), off / 3)


def test_unlabeled_rows_are_ignored_without_a_regularizer(digits):
    X, _, y, _ = digits
    hidden = np.arange(len(y)) % 3 == 0
    for labels in (np.where(hidden, -1, y), np.where(hidden, "?", y.astype(str))):
        mixed = SiameseEmbedder(unlabeled_label=labels[0], max_iter=3, random_state=0)
        mixed.fit(X, labels)
        alone = SiameseEmbedder(max_iter=3, random_state=0).fit(X[~hidden], y[~hidden])
        np.testing.assert_allclose(mixed.transform(X), alone.transform(X), atol=1e-6)
        assert len(mixed.classes_) == 10


def test_unlabeled_rows_reach_regularizers_without_classes(digits):
    X, _, y, _ = digits
    seen, classes_seen = [], []

    def cost(Z):
        seen.append(len(Z))
        return Z.square().mean()

    def class_cost(Z, y):
        classes_seen.append(len(Z))
        assert (y >= 0).all()
        return Z.square().mean()

    labels = np.where(np.arange(len(y)) < 100, y, -1)
    options = {"unlabeled_label": -1, "batch_size": 40, "max_iter": 1, "random_state": 0}
    SiameseEmbedder(regularizer=cost, **options).fit(X, labels)
    SiameseEmbedder(regularizer=class_cost, **options).fit(X, labels)
    assert max(seen) > max(classes_seen)
    assert max(seen) <= 80
    assert max(classes_seen) <= 40


def test_minus_one_is_a_label_by_default(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(max_iter=1).fit(X, np.where(y > 4, 1, -1))
    assert embedder.classes_.tolist() == [-1, 1]


def test_y_without_labels_is_refused(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="all of y is unlabeled_label=7"):
        SiameseEmbedder(unlabeled_label=7).fit(X, np.full(len(y), 7))
    with pytest.raises(ValueError, match="y has 1 class"):
        SiameseEmbedder(unlabeled_label=7).fit(X, np.where(y == 7, 7, 0))


def test_unlabeled_rows_are_never_held_out(digits):
    X, _, y, _ = digits
    labels = np.where(np.arange(len(y)) % 2, y, -1)
    embedder = SiameseEmbedder(
        unlabeled_label=-1, early_stopping=True, regularizer="variance", random_state=0
    )
    assert max(embedder.fit(X, labels).validation_scores_) > 0.9


@pytest.mark.parametrize(
    "sampler",
    [
        "shuffled",
        partial(hierarchical, groups=np.arange(1000) % 2),
        partial(weighted, weight=np.linspace(0, 1, 1000)),
    ],
    ids=["shuffled", "hierarchical", "weighted"],
)
def test_the_embedder_learns_with_every_sampler(digits, sampler):
    X, X_test, y, y_test = digits
    embedder = SiameseEmbedder(sampler=sampler, max_iter=8, random_state=0).fit(X, y)
    assert recall_at_k(y_test, embedder.transform(X_test)) > 0.93


class OfPairs(nn.Module):
    """A loss of pairs with an argument for classes that is left out."""

    inputs = "pairs"

    def forward(self, D, same, different, y=None):
        return contrastive(D, same, different)


class Callable:
    """A loss without a declaration, by the name of its argument."""

    def __call__(self, Z, labels):
        return Z.square().mean()


def of_classes(embeddings, persons):
    return embeddings.square().mean()


of_classes.inputs = "classes"


@pytest.mark.parametrize(
    ("loss", "inputs"),
    [
        (contrastive, "pairs"),
        (partial(contrastive, margin=2.0), "pairs"),
        (lambda D, same, different=None: D.mean(), "pairs"),
        (lambda D, *masks: D.mean(), "pairs"),
        (OfPairs(), "pairs"),
        (OfPairs, "pairs"),
        (nn.TripletMarginLoss, "pairs"),
        (ProxyAnchor(3, 2), "classes"),
        (ProxyAnchor, "classes"),
        (partial(ProxyAnchor, margin=0.2), "classes"),
        (peer.SupConLoss(), "classes"),
        (partial(peer.ArcFaceLoss, 10, 8), "classes"),
        (nn.CrossEntropyLoss(), "classes"),
        (lambda Z, y: Z.mean(), "classes"),
        (Callable(), "classes"),
        (of_classes, "classes"),
        (partial(of_classes), "classes"),
    ],
)
def test_a_loss_reads_its_declared_inputs_or_named_arguments(loss, inputs):
    assert declared_inputs("loss", loss, "pairs") == inputs


def test_built_in_losses_and_regularizers_read_the_right_inputs():
    of_classes = {name for name in LOSSES if not reads_pairs(name)}
    proxies = {name for name, loss in LOSSES.items() if hasattr(loss, "cosines")}
    assert of_classes == proxies | {"prototypical"}
    read = {
        name: declared_inputs("regularizer", r, "embeddings") for name, r in REGULARIZERS.items()
    }
    assert read == {**dict.fromkeys(REGULARIZERS, "embeddings"), "center": "classes"}


def test_a_loss_with_other_inputs_is_refused(digits):
    X, _, y, _ = digits
    loss = OfPairs()
    loss.inputs = "triplets"
    with pytest.raises(ValueError, match="loss has inputs='triplets'; set it to 'pairs' or"):
        SiameseEmbedder(loss=loss).fit(X, y)


@pytest.mark.parametrize("container", [np.asarray, csr_array, lambda y: y.tolist()])
def test_an_indicator_matrix_of_one_label_a_row_equals_classes(digits, container):
    X, _, y, _ = digits
    indicator = (y[:, None] == np.arange(10)[::-1]).astype(int)
    options = {"max_iter": 2, "random_state": 0, "memory_size": 30, "early_stopping": True}
    options["validation_fraction"] = 0.4
    several = SiameseEmbedder(**options).set_params(early_stopping=False)
    one = clone(several).fit(X, y)
    several.fit(X, container(indicator))
    assert_array_equal(several.transform(X), one.transform(X))
    assert several.classes_.shape == (10, 10)
    scores = SiameseEmbedder(**options).fit(X, container(indicator)).validation_scores_
    assert scores[-1] > 0.8


def test_rows_match_if_they_share_a_label():
    sets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0]])
    shared = class_indicators(sets)
    codes = torch.arange(4)
    expected = [[bool((a & b).any()) for b in sets] for a in sets]
    assert match_mask(codes, codes, shared).tolist() == expected
    _, same, different = pairs(torch.eye(4), codes, euclidean, shared)
    assert same[0].tolist() == [False, True, False, False]
    assert different[3].tolist() == [True, True, True, False]


def test_rows_with_a_common_label_are_embedded_together(digits):
    X_train, X, y_train, y = digits

    def labels(y):
        return np.stack([np.isin(y, [0, 1, 2]), np.isin(y, [2, 3, 4]), y > 4], axis=1).astype(int)

    Z = SiameseEmbedder(random_state=0).fit(X_train, labels(y_train)).transform(X)
    D = torch.cdist(*2 * [torch.from_numpy(Z)]).numpy()
    share = labels(y) @ labels(y).T > 0
    assert roc_auc_score(share.ravel(), -D.ravel()) > 0.9


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([[1, 2], [0, 1], [1, 0], [1, 0]], {}, "must be an indicator matrix"),
        ([[1, 1], [0, 1], [1, 0], [1, 0]], {"loss": "cosface"}, "needs one class per row"),
        ([[1, 0], [1, 0], [1, 0], [1, 0]], {}, "y has 1 class"),
    ],
)
def test_invalid_indicator_matrices_are_refused(y, options, message):
    X = np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match=message):
        SiameseEmbedder(**options).fit(X, y)
    with pytest.raises(ValueError, match=f"{message}|needs one class per row"):
        SiameseEmbedder(**options).partial_fit(X, y)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_runs_with_deterministic_algorithms(digits, loss):
    X, _, y, _ = digits
    torch.use_deterministic_algorithms(True)
    try:
        fits = [
            SiameseEmbedder(loss=loss, max_iter=1, random_state=0).fit(X[:100], y[:100])
            for _ in range(2)
        ]
    finally:
        torch.use_deterministic_algorithms(False)
    assert fits[0].loss_curve_ == fits[1].loss_curve_
    assert np.isfinite(fits[0].loss_curve_).all()


def test_a_loss_with_unknown_required_arguments_is_refused_by_name(digits):
    class Scaled(torch.nn.Module):
        def __init__(self, n_classes, power):
            super().__init__()

    with pytest.raises(ValueError, match=r"partial\(loss, power=...\)"):
        SiameseEmbedder(loss=Scaled).fit(digits[0], digits[2])
