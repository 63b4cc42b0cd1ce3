"""Compare losses and gradients with pytorch-metric-learning, in float64."""

from functools import partial

import pytest
import torch
from pytorch_metric_learning import distances as peer_distances
from pytorch_metric_learning import losses as peer
from pytorch_metric_learning.reducers import MeanReducer

from sksiamese import losses
from sksiamese.distances import DISTANCES

EUCLIDEAN = peer_distances.LpDistance(normalize_embeddings=False)
SQUARED = peer_distances.LpDistance(normalize_embeddings=False, power=2)

PAIRS = [
    ("circle", "cosine", peer.CircleLoss()),
    ("fastap", "cosine", peer.FastAPLoss()),
    ("fastap", "cosine", peer.FastAPLoss(num_bins=4), {"n_bins": 4}),
    ("histogram", "cosine", peer.HistogramLoss()),
    ("lifted_structure", "euclidean", peer.GeneralizedLiftedStructureLoss(distance=EUCLIDEAN)),
    ("multi_similarity", "cosine", peer.MultiSimilarityLoss()),
    ("n_pairs", "cosine", peer.NTXentLoss(temperature=0.07), {"temperature": 0.07}),
    ("nca", "sqeuclidean", peer.NCALoss(distance=SQUARED)),
    ("supcon", "cosine", peer.SupConLoss()),
    (
        "triplet",
        "euclidean",
        peer.TripletMarginLoss(margin=0.05, distance=EUCLIDEAN),
        {"margin": 0.05},
    ),
    (
        "triplet",
        "euclidean",
        peer.TripletMarginLoss(margin=2.0, distance=EUCLIDEAN),
        {"margin": 2.0},
    ),
    (
        "soft_margin_triplet",
        "euclidean",
        peer.TripletMarginLoss(
            margin=0, smooth_loss=True, distance=EUCLIDEAN, reducer=MeanReducer()
        ),
    ),
]

PROXIES = [
    ("arcface", peer.ArcFaceLoss(5, 4, margin=28.64788975654116), "W"),
    ("cosface", peer.CosFaceLoss(5, 4), "W"),
    ("normalized_softmax", peer.NormalizedSoftmaxLoss(5, 4), "W"),
    ("proxy_anchor", peer.ProxyAnchorLoss(5, 4), "proxies"),
    ("proxy_nca", peer.ProxyNCALoss(5, 4, softmax_scale=9), "proxies"),
    ("soft_triple", peer.SoftTripleLoss(5, 4), "fc"),
]


def embeddings():
    """Return rows of five classes, about as far apart as they are wide."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(40) % 5
    Z = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    return Z + 2 * torch.nn.functional.one_hot(y, 5)[:, :4], y


def value_and_gradients(loss, *tensors):
    value = loss(*tensors)
    return value, torch.autograd.grad(value, [t for t in tensors if t.requires_grad])


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize(
    ("name", "distance", "theirs", "options"), [(*row, {})[:4] for row in PAIRS]
)
def test_pair_losses_equal_pytorch_metric_learning(name, distance, theirs, options):
    Z, y = embeddings()
    same = y[:, None] == y
    masks = same & ~torch.eye(len(y), dtype=torch.bool), ~same

    def ours(Z):
        return partial(losses.LOSSES[name], **options)(DISTANCES[distance](Z, Z), *masks)

    Z.requires_grad_()
    value, (gradient,) = value_and_gradients(ours, Z)
    expected, (expected_gradient,) = value_and_gradients(lambda Z: theirs(Z, y), Z)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-6, atol=1e-6)
    assert gradient.abs().max() > 1e-4


def test_the_contrastive_loss_of_matching_pairs_equals_pytorch_metric_learning():
    # Matching pairs only, as pytorch-metric-learning does not square the others.
    Z, y = embeddings()
    same = (y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)
    theirs = peer.ContrastiveLoss(neg_margin=0, distance=SQUARED, reducer=MeanReducer())
    value = losses.contrastive(DISTANCES["euclidean"](Z, Z), same, torch.zeros_like(same))
    torch.testing.assert_close(value, theirs(Z, y))


def test_the_ranked_list_loss_equals_pytorch_metric_learning():
    # pytorch-metric-learning adds 1e-5 to every weight of its means.
    Z, y = embeddings()
    same = y[:, None] == y
    masks = same & ~torch.eye(len(y), dtype=torch.bool), ~same
    theirs = peer.RankedListLoss(margin=0.4, alpha=1.2, Tn=5, imbalance=0.3)
    value = losses.ranked_list(
        DISTANCES["chord"](Z, Z), *masks, margin=0.4, boundary=1.2, temperature=0.2, balance=0.3
    )
    torch.testing.assert_close(value, theirs(Z, y), rtol=1e-4, atol=0)


def test_the_wu_margin_loss_equals_pytorch_metric_learning():
    # pytorch-metric-learning counts a pair once for each of its triplets.
    Z, y = embeddings()[0][:4], torch.tensor([0, 0, 1, 1])
    same = y[:, None] == y
    masks = same & ~torch.eye(4, dtype=torch.bool), ~same
    ours, theirs = losses.WuMargin().double(), peer.MarginLoss(distance=EUCLIDEAN)
    D = DISTANCES["euclidean"](Z, Z)
    twice = torch.cat([D, D.where(masks[0], 0)], dim=1)
    doubled = [
        torch.cat([masks[0], masks[0]], dim=1),
        torch.cat([masks[1], masks[1] & False], dim=1),
    ]
    torch.testing.assert_close(ours(twice, *doubled), theirs(Z, y).squeeze())


@pytest.mark.parametrize(("name", "theirs", "weights"), PROXIES)
def test_proxy_losses_equal_pytorch_metric_learning(name, theirs, weights):
    Z, y = embeddings()
    ours = losses.LOSSES[name](5, 4).double()
    theirs = theirs.double()
    proxies = getattr(theirs, weights)
    transposed = proxies.shape[0] == 4
    with torch.no_grad():
        ours.proxies.copy_(proxies.T if transposed else proxies)
    Z.requires_grad_()
    found = torch.autograd.grad(ours(Z, y), [Z, ours.proxies])
    value = theirs(Z, y)
    expected = torch.autograd.grad(value, [Z, proxies])
    torch.testing.assert_close(ours(Z, y), value, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-6, atol=1e-6)
    expected_proxies = expected[1].T if transposed else expected[1]
    torch.testing.assert_close(found[1], expected_proxies, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "theirs", "weights"), PROXIES)
def test_proxy_losses_of_far_rows_and_absent_classes_equal_pytorch_metric_learning(
    name, theirs, weights
):
    Z, y = embeddings()
    Z, y = -Z[y < 3], y[y < 3]
    ours, theirs = losses.LOSSES[name](5, 4).double(), theirs.double()
    proxies = getattr(theirs, weights)
    with torch.no_grad():
        ours.proxies.copy_(proxies.T if proxies.shape[0] == 4 else proxies)
        if name == "arcface":  # Some angles exceed the greatest one with a margin.
            Z[::2] = -ours.proxies[y[::2]] + 0.1 * Z[::2]
    torch.testing.assert_close(ours(Z, y), theirs(Z, y), rtol=1e-6, atol=1e-6)


def test_every_proxy_loss_is_compared_with_pytorch_metric_learning():
    assert {name for name, *_ in PROXIES} == set(losses._proxy.LOSSES)
