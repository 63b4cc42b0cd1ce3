"""What an accelerator runs, on the CPU: the same results, without waiting for a number.

Tensors of the device "meta" have no values: whoever asks for one, or for a size that depends on
one, gets an error.
"""

from functools import partial

import pytest
import torch

from sksiamese import _selection
from sksiamese.distances import DISTANCES
from sksiamese.losses import LOSSES, WuMargin, soft_margin_triplet
from sksiamese.mining import MINERS, angular, distance_weighted
from sksiamese.regularizers import REGULARIZERS

N_CLASSES, N_COMPONENTS = 4, 8
PAIR_LOSSES = {
    name: WuMargin() if loss is WuMargin else loss
    for name, loss in LOSSES.items()
    if loss is WuMargin or not isinstance(loss, type)
}
CLASS_LOSSES = {name: loss for name, loss in LOSSES.items() if name not in PAIR_LOSSES}
CONFIGURED = {**MINERS, "distance_weighted": partial(distance_weighted, n_components=N_COMPONENTS)}
LABELS = {
    "several classes": [0, 1, 2, 0, 1, 2, 0, 1, 0, 3, 0, 2],
    "one class": [0, 0, 0, 0, 0],
    "no positives": [0, 1, 2, 3],
}
each_loss = pytest.mark.parametrize("loss", PAIR_LOSSES.values(), ids=PAIR_LOSSES)
each_miner = pytest.mark.parametrize("miner", CONFIGURED.values(), ids=CONFIGURED)
each_batch = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


@pytest.fixture
def as_accelerator(monkeypatch):
    """A function after whose call tensors of the CPU go the way of those of an accelerator."""
    return lambda: monkeypatch.setattr(_selection, "on_cpu", lambda D: False)


def pairs(labels, device="cpu"):
    """Distances and the masks of a batch."""
    y = torch.tensor(labels)
    generator = torch.Generator().manual_seed(0)
    D = 2 * torch.rand(len(y), len(y), generator=generator)
    same = y[:, None] == y
    masks = same & ~torch.eye(len(y), dtype=torch.bool), ~same
    return D.to(device).requires_grad_(), *(mask.to(device) for mask in masks)


def value_and_gradient(loss, miner, D, *masks):
    value = loss(*miner(D, *masks))
    (gradient,) = torch.autograd.grad(value, D)
    return value, gradient


@each_batch
@pytest.mark.parametrize("miner", [name for name in MINERS if name != "distance_weighted"])
@each_loss
def test_the_loss_of_mined_pairs_is_that_of_the_cpu(loss, miner, labels, as_accelerator):
    on_cpu = value_and_gradient(loss, MINERS[miner], *pairs(labels))
    as_accelerator()
    torch.testing.assert_close(value_and_gradient(loss, MINERS[miner], *pairs(labels)), on_cpu)


def test_every_positive_gets_a_random_negative_of_its_anchor(as_accelerator):
    D, same, different = pairs(LABELS["several classes"])
    as_accelerator()
    mined, positive, negative = CONFIGURED["distance_weighted"](D, same, different)
    taken = positive[:, 0]
    assert torch.equal(mined[taken, 0], D[same])
    assert torch.equal(taken, negative[:, 1])
    assert not positive[:, 1].any()
    assert not negative[:, 0].any()
    for anchor, drawn in zip(same.nonzero()[:, 0], mined[taken, 1], strict=True):
        assert drawn in D[anchor][different[anchor]]


def waits(loss, miner):
    """Whether a loss of mined pairs has to know how many pairs there are."""
    every = CONFIGURED["all"], CONFIGURED["multi_similarity"]
    return miner is angular or (loss is soft_margin_triplet and miner in every)


@each_miner
@each_loss
def test_the_loss_of_mined_pairs_waits_for_no_number(loss, miner):
    if isinstance(loss, torch.nn.Module):
        loss = WuMargin().to("meta")
    batch = pairs(LABELS["several classes"], "meta")
    if waits(loss, miner):
        with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
            value_and_gradient(loss, miner, *batch)
    else:
        value, gradient = value_and_gradient(loss, miner, *batch)
        assert value.shape == ()
        assert gradient.shape == batch[0].shape


@pytest.mark.parametrize("name", [*CLASS_LOSSES, *REGULARIZERS])
def test_losses_of_classes_and_regularizers_wait_for_no_number(name):
    Z = torch.rand(12, N_COMPONENTS, device="meta", requires_grad=True)
    y = torch.zeros(12, dtype=torch.int64, device="meta")
    choice = {**CLASS_LOSSES, **REGULARIZERS}[name]
    if isinstance(choice, type):
        choice = choice(N_CLASSES, N_COMPONENTS).to("meta")
    value = choice(Z) if name in ("covariance", "norm", "variance") else choice(Z, y)
    value.backward()
    assert Z.grad.shape == Z.shape


@pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES)
def test_distances_wait_for_no_number(distance):
    Z = torch.rand(12, N_COMPONENTS, device="meta", requires_grad=True)
    distance(Z, Z).sum().backward()
    assert Z.grad.shape == Z.shape
