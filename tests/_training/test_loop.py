"""Test the loops of training and inference."""

import pytest
import torch
from torch import nn

from sksiamese._data._embed import embed
from sksiamese._training._loop import train


class Recorder:
    """A model of one weight that records its training."""

    def __init__(self, stop_after=None):
        self.module = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.module.weight)
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=0.1)
        self.batches, self.modes, self.means = [], [], []
        self.stop_after = stop_after

    def loss(self, module, batch):
        self.batches.append(batch)
        self.modes.append(module.training)
        return (module.weight - batch).square().sum()

    def end_epoch(self, mean):
        self.means.append(mean)
        self.module.eval()
        return len(self.means) == self.stop_after

    def train(self, epochs):
        return train(self.module, epochs, self.loss, self.optimizer, on_epoch_end=self.end_epoch)


def test_training_leaves_no_gradients():
    recorder = Recorder()
    recorder.train([[1.0, 2.0]])
    assert recorder.module.weight != 0
    assert recorder.module.weight.grad is None


def test_training_takes_one_step_for_each_batch_in_order():
    recorder = Recorder()
    recorder.train([[1.0, 2.0, 3.0], [4.0], (x for x in (5.0, 6.0))])
    assert recorder.batches == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert len(recorder.means) == 3


def test_each_step_uses_the_gradient_of_its_batch_alone():
    recorder, weight = Recorder(), 0.0
    recorder.train([[1.0, 2.0], [3.0]])
    for batch in (1.0, 2.0, 3.0):
        weight -= 0.1 * 2 * (weight - batch)
    assert recorder.module.weight.item() == pytest.approx(weight)


def test_the_callback_of_an_epoch_gets_its_mean_loss():
    recorder = Recorder()
    recorder.train([[1.0, 2.0], [3.0]])
    weight, means = 0.0, []
    for epoch in ([1.0, 2.0], [3.0]):
        losses = []
        for batch in epoch:
            losses.append((weight - batch) ** 2)
            weight -= 0.1 * 2 * (weight - batch)
        means.append(sum(losses) / len(losses))
    assert recorder.means == pytest.approx(means)
    assert all(type(mean) is float for mean in recorder.means)


def test_training_ends_if_the_callback_of_an_epoch_returns_true():
    recorder = Recorder(stop_after=4)
    recorder.train([[1.0]] * 10)
    assert len(recorder.batches) == len(recorder.means) == 4


def test_no_epoch_is_drawn_after_the_last():
    begun = []

    def epochs():
        for epoch in range(5):
            begun.append(epoch)
            yield [1.0]

    Recorder(stop_after=2).train(epochs())
    assert begun == [0, 1]


def test_every_epoch_starts_in_training_mode():
    recorder = Recorder()
    recorder.module.eval()
    recorder.train([[1.0], [2.0]])
    assert recorder.modes == [True, True]


@pytest.fixture
def tower():
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).train()


def test_embedding_keeps_the_order_of_the_rows(tower):
    X = torch.randn(10, 3)
    Z = embed(tower, X.split([4, 5, 1]), len(X))
    torch.testing.assert_close(Z, tower.eval()(X).detach())


def test_embedding_uses_no_dropout_and_keeps_batch_statistics(tower):
    X = torch.randn(10, 3)
    before = {name: value.clone() for name, value in tower.state_dict().items()}
    assert torch.equal(embed(tower, [X], len(X)), embed(tower, [X], len(X)))
    assert not tower.training
    assert all(torch.equal(value, before[name]) for name, value in tower.state_dict().items())


def test_embedding_has_no_gradients_and_is_on_the_cpu(tower):
    Z = embed(tower, [torch.randn(10, 3)], 10)
    assert not Z.requires_grad
    assert Z.device.type == "cpu"


def test_embedding_reads_one_batch_at_a_time(tower):
    held = []

    def batches():
        for _ in range(3):
            held.append(None)
            yield torch.randn(2, 3)

    tower.register_forward_hook(lambda *_: held.pop())
    assert embed(tower, batches(), 6).shape == (6, 4)
    assert held == []
