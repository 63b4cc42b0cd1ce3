"""Test code for accelerators on the CPU: same results, and no synchronization.

Tensors of the device "meta" have no values: whoever asks for one, or for a size that depends on
one, gets an error.
"""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch.utils._python_dispatch import TorchDispatchMode

from sksiamese import (
    PairView,
    SiameseEmbedder,
    SiameseRegressor,
    SiameseVerifier,
    _base,
    make_pairs,
)
from sksiamese._data import _chunks, _device, _items
from sksiamese._data._streaming import Rows
from sksiamese.augment import affine
from sksiamese.distances import DISTANCES
from sksiamese.heads import HEADS
from sksiamese.losses import LOSSES, LogisticDistance, WuMargin, _masked, soft_margin_triplet
from sksiamese.mining import MINERS, angular, distance_weighted
from sksiamese.regularizers import REGULARIZERS
from sksiamese.towers import TOWERS, multi_cue

N_CLASSES, N_COMPONENTS = 4, 8
LEARNED = LogisticDistance, WuMargin
PAIR_LOSSES = {
    name: loss() if loss in LEARNED else loss
    for name, loss in LOSSES.items()
    if loss in LEARNED or not (isinstance(loss, type) or name == "prototypical")
}
CLASS_LOSSES = {name: loss for name, loss in LOSSES.items() if name not in PAIR_LOSSES}
CONFIGURED = {**MINERS, "distance_weighted": partial(distance_weighted, n_components=N_COMPONENTS)}
LABELS = {
    "several classes": [0, 1, 2, 0, 1, 2, 0, 1, 0, 3, 0, 2],
    "one class": [0, 0, 0, 0, 0],
    "no positives": [0, 1, 2, 3],
}
each_loss = pytest.mark.parametrize("loss", PAIR_LOSSES.values(), ids=PAIR_LOSSES)


@pytest.fixture
def as_accelerator(monkeypatch):
    """Return a function that makes CPU tensors use the code of accelerators."""
    return lambda: monkeypatch.setattr(_masked, "on_cpu", lambda D: False)


def pairs(labels, device="cpu"):
    """Return the distances and masks of a batch."""
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


@pytest.mark.parametrize("miner", [name for name in MINERS if name != "distance_weighted"])
@each_loss
def test_losses_of_mined_pairs_agree_on_cpu_and_accelerator(loss, miner, as_accelerator):
    def by_labels():
        return {
            name: value_and_gradient(loss, MINERS[miner], *pairs(labels))
            for name, labels in LABELS.items()
        }

    on_cpu = by_labels()
    as_accelerator()
    torch.testing.assert_close(by_labels(), on_cpu)


def test_distance_weighted_draws_a_negative_of_the_same_anchor(as_accelerator):
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
    """Return whether a loss of mined pairs depends on the number of pairs."""
    every = CONFIGURED["all"], CONFIGURED["multi_similarity"]
    return miner is angular or (loss is soft_margin_triplet and miner in every)


@each_loss
def test_losses_of_mined_pairs_do_not_synchronise_with_the_device(loss):
    if isinstance(loss, torch.nn.Module):
        loss = type(loss)().to("meta")
    for name, miner in CONFIGURED.items():
        batch = pairs(LABELS["several classes"], "meta")
        if waits(loss, miner):
            with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
                value_and_gradient(loss, miner, *batch)
        else:
            value, gradient = value_and_gradient(loss, miner, *batch)
            assert value.shape == (), name
            assert gradient.shape == batch[0].shape, name


@pytest.mark.parametrize("name", [*CLASS_LOSSES, *REGULARIZERS])
def test_class_losses_and_regularizers_do_not_synchronise_with_the_device(name):
    Z = torch.rand(12, N_COMPONENTS, device="meta", requires_grad=True)
    y = torch.zeros(12, dtype=torch.int64, device="meta")
    choice = {**CLASS_LOSSES, **REGULARIZERS}[name]
    if isinstance(choice, type):
        choice = choice(N_CLASSES, N_COMPONENTS).to("meta")
    value = choice(Z) if name in ("covariance", "norm", "variance") else choice(Z, y)
    value.backward()
    assert Z.grad.shape == Z.shape


@pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES)
def test_distances_do_not_synchronise_with_the_device(distance):
    Z = torch.rand(12, N_COMPONENTS, device="meta", requires_grad=True)
    distance(Z, Z).sum().backward()
    assert Z.grad.shape == Z.shape


@pytest.mark.parametrize("normalization", ["batch", "layer"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "tdnn", "multi_cue"])
def test_towers_do_not_synchronise_with_the_device(name, normalization):
    cues = {"head": [0, 2, 4], "body": slice(1, 10)}
    factory = {**TOWERS, "multi_cue": partial(multi_cue, cues=cues)}[name]
    options = {"depth": 2, "width": 8, "dropout": 0.1, "shortcuts": True}
    options["normalization"] = "layer" if name == "tdnn" else normalization
    tower = factory((16,), N_COMPONENTS, **options).to("meta")
    assert {t.device.type for t in tower.state_dict().values()} == {"meta"}
    tower(torch.empty(5, 16, device="meta")).sum().backward()
    assert all(weight.grad is not None for weight in tower.parameters())


class Watch(TorchDispatchMode):
    """Record the operations that synchronize: reading numbers, and sizes that depend on values."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "bincount", "equal")

    def __init__(self):
        super().__init__()
        self.seen, self.n_batches, self.in_batch = [], 0, False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        by_mask = any(index is not None and index.dtype == torch.bool for index in indices)
        if self.in_batch and (by_mask or name in self.WAITING):
            self.seen.append(name)
        return function(*args, **kwargs or {})

    def during(self, batches):
        """Yield the batches of an epoch; drawing them is not watched."""
        for batch in batches:
            self.in_batch = True
            self.n_batches += 1
            yield batch
            self.in_batch = False


@pytest.fixture
def watch(monkeypatch, as_accelerator):
    """Watch the training steps of every fit, with data stored as on an accelerator."""
    watch = Watch()

    def train(module, epochs, *args, **options):
        with watch:
            engine_train(module, map(watch.during, epochs), *args, **options)

    engine_train = _base.train
    monkeypatch.setattr(_base, "train", train)
    monkeypatch.setattr(_items, "fits_in_memory", lambda X, device: True)
    as_accelerator()
    return watch


X = np.random.default_rng(0).normal(size=(60, 16)).astype(np.float32)
Y = np.arange(60) % 3
FAST = {"max_iter": 2, "batch_size": 20, "random_state": 0, "device": "cpu"}
FITS = {
    **{loss: {"loss": loss} for loss in LOSSES if loss != "soft_margin_triplet"},
    **{miner: {"miner": miner} for miner in MINERS if miner != "angular"},
    **{name: {"regularizer": name} for name in REGULARIZERS},
    "soft margin, mined": {"loss": "soft_margin_triplet", "miner": "hardest"},
    "memory": {"memory_size": 30},
    "augmented": {"augment": affine, "input_shape": (4, 4), "precision": "bfloat16"},
    "normalized": {"normalization": "batch", "shortcuts": True, "activation": "gelu"},
    "unlabeled": {"unlabeled_label": 2, "regularizer": "variance"},
}


@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
def test_training_steps_do_not_synchronise_with_the_device(options, watch):
    SiameseEmbedder(**FAST | options).fit(X, Y)
    assert watch.n_batches >= 4
    assert watch.seen == []


@pytest.mark.parametrize("head", HEADS)
def test_training_steps_of_a_verifier_do_not_synchronise_with_the_device(head, watch):
    SiameseVerifier(**FAST, head=head).fit(np.hstack([X, X[::-1]]), Y[::-1] == Y)
    assert watch.n_batches == 6
    assert watch.seen == []


def test_watch_finds_steps_that_synchronise(watch):
    for options in ({"miner": "angular"}, {"loss": "soft_margin_triplet"}):
        SiameseEmbedder(**FAST | options).fit(X, Y)
        assert "nonzero" in watch.seen
        watch.seen.clear()


CARD = torch.device("cuda", 0)


class Stored:
    """An array that is not a numpy array."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __getitem__(self, key):
        return self.rows[key]


@pytest.mark.parametrize(
    ("free", "unused", "kept"), [(8000, 0, True), (7999, 0, False), (5000, 3000, True)]
)
def test_data_stay_on_cuda_if_they_fit_eight_times_into_free_memory(
    free, unused, kept, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**6))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: unused + 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 500)
    rows = np.zeros((25, 10), np.float32)
    for X in (rows, rows[:, :5].astype(np.float64), csr_array(rows), Rows(Stored(rows))):
        assert _items.fits_in_memory(X, CARD) == kept
    assert not _items.fits_in_memory(rows, torch.device("cpu"))


def read_only(rows):
    """Return a read-only copy of an array."""
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


@pytest.mark.parametrize("kind", [np.asarray, np.uint8, read_only, csr_array, Stored])
@pytest.mark.parametrize("estimator", [SiameseEmbedder, SiameseRegressor, SiameseVerifier])
def test_training_is_the_same_for_data_kept_on_or_sent_to_the_device(estimator, kind, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK", 50)
    given, y = kind(np.maximum(9 * X, 0)), Y
    if estimator is not SiameseEmbedder:
        pairs, y, _ = make_pairs(X, Y, n_pairs=100, as_view=True, random_state=0)
        given = PairView(given, pairs.index)
    sent = estimator(**FAST).fit(given, y)
    monkeypatch.setattr(_items, "fits_in_memory", lambda X, device: True)
    kept = estimator(**FAST).fit(given, y)
    assert kept.loss_curve_ == sent.loss_curve_


def test_writable_arrays_are_read_without_a_copy_on_the_cpu():
    rows, cpu = X.copy(), torch.device("cpu")
    items = _items.Items(rows, cpu)
    assert items.cached.data_ptr() == rows.ctypes.data
    assert _items.Items(read_only(rows), cpu).cached is None
    some = np.array([5, 2, 5])
    for kind in (np.asarray, read_only, csr_array):
        np.testing.assert_array_equal(_items.Items(kind(rows), cpu)[some], rows[some])


def test_row_numbers_are_contiguous_when_sent_to_the_device(monkeypatch):
    """CUDA synchronizes to copy row numbers that are not contiguous, such as a shard."""
    asked = []
    monkeypatch.setattr(_items, "to_device", lambda tensor, device: asked.append(tensor) or tensor)
    some = np.arange(10)[1::3]
    found = _items.Items(X.copy(), torch.device("cpu"))[some]
    np.testing.assert_array_equal(found, X[some])
    assert asked[0].is_contiguous()


class Pageable:
    """Record the calls on a CPU tensor."""

    def __init__(self):
        self.done = []

    def pin_memory(self):
        self.done.append("pinned")
        return self

    def to(self, device, **options):
        self.done.append((device, options))
        return self


def test_copies_to_cuda_are_pinned_and_asynchronous():
    tensor = Pageable()
    _device.to_device(tensor, CARD)
    assert tensor.done == ["pinned", (CARD, {"non_blocking": True})]


def test_nothing_is_pinned_for_the_cpu():
    tensor, cpu = Pageable(), torch.device("cpu")
    _device.to_device(tensor, cpu)
    assert tensor.done == [(cpu, {})]


def test_device_auto_is_cuda_if_available(monkeypatch):
    asked = []
    empty = torch.empty

    def recorded(*size, device):
        asked.append(device)
        return empty(*size, device="cpu")

    monkeypatch.setattr(torch, "empty", recorded)
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        _device.find_device("auto")
    _device.find_device("cuda:3")
    assert asked == ["cuda", "cpu", "cuda:3"]


def test_random_stream_uses_only_the_generators_of_its_device_and_the_cpu(monkeypatch):
    generators = [torch.Generator().manual_seed(number) for number in range(3)]
    monkeypatch.setattr(torch.cuda, "default_generators", generators)
    before = [generator.get_state() for generator in (torch.default_generator, *generators)]
    stream = _device.RandomStream(7, torch.device("cuda", 1))
    expected = torch.rand(6, generator=torch.Generator().manual_seed(7))
    for part in expected.split(3):
        with stream.active():
            assert torch.equal(torch.rand(3), part)
            assert torch.equal(torch.rand(3, generator=generators[1]), part)
            assert generators[0].initial_seed() == 0
            assert generators[2].initial_seed() == 2
        after = [generator.get_state() for generator in (torch.default_generator, *generators)]
        assert all(map(torch.equal, before, after))
    assert _device.global_generator(torch.device("cuda", 1)) is generators[1]
