"""Test optimizers and schedules against PyTorch."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from sksiamese import SiameseEmbedder, SiameseVerifier
from sksiamese._training._fit import WARM_UP, new_optimizer, schedule
from sksiamese.towers import pretrained

FAST = {"width": 16, "random_state": 0}


class Batches:
    """A task that draws its batches as the number of the epoch."""

    def batches(self, rows, epoch, generator):
        return epoch


def plain_optimizer(factor=1.0):
    weights = [nn.Parameter(torch.ones(1))]
    return torch.optim.SGD([{"params": weights, "factor": factor}], lr=0.5)


def rates(learning_rate, max_iter, factor=1.0):
    """Return the learning rate of each epoch, of 0.5 in all."""
    optimizer = plain_optimizer(factor)
    options = {"learning_rate": 0.5, "factor": learning_rate, "max_iter": max_iter}
    options |= {"epochs": range(max_iter), "generator": torch.Generator()}
    return [
        optimizer.param_groups[0]["lr"] for _ in schedule(Batches(), None, optimizer, **options)
    ]


SCHEDULERS = {
    "constant": lambda n: partial(lr_scheduler.ConstantLR, factor=1.0),
    "linear": lambda n: partial(
        lr_scheduler.LinearLR, start_factor=1.0, end_factor=0.0, total_iters=n
    ),
    "cosine": lambda n: partial(lr_scheduler.CosineAnnealingLR, T_max=n),
    # OneCycleLR counts from the first step to the last one, not to the end of the last epoch.
    "one_cycle": lambda n: partial(
        lr_scheduler.OneCycleLR,
        max_lr=0.5,
        total_steps=n + 1,
        pct_start=(WARM_UP * n + 1) / (n + 1),
        cycle_momentum=False,
    ),
}


@pytest.mark.parametrize("max_iter", [1, 2, 7, 20])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_learning_rates_are_those_of_pytorch(name, max_iter):
    optimizer = plain_optimizer()
    scheduler, expected = SCHEDULERS[name](max_iter)(optimizer), []
    for _ in range(max_iter):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(rates(name, max_iter), expected, rtol=1e-12)
    np.testing.assert_allclose(rates(name, max_iter, factor=0.1), 0.1 * np.array(expected))


def test_a_callable_maps_progress_to_the_factor():
    assert rates(lambda progress: 2 - progress, 4) == [1.0, 0.875, 0.75, 0.625]


@pytest.mark.parametrize("result", [-1, np.nan, np.inf, None, "a", 1j, torch.ones(2)])
def test_an_invalid_factor_is_refused(result):
    with pytest.raises(ValueError, match=r"learning_rate returned .*a finite number >= 0"):
        rates(lambda progress: result, 3)


@pytest.mark.parametrize(
    ("choice", "expected", "decay"),
    [
        ("adamw", torch.optim.AdamW, {"weight_decay": 0.3}),
        ("sgd", partial(torch.optim.SGD, momentum=0.9), {"weight_decay": 0.3}),
        (partial(torch.optim.RMSprop, alpha=0.9), partial(torch.optim.RMSprop, alpha=0.9), {}),
        (torch.optim.NAdam, torch.optim.NAdam, {}),
    ],
)
def test_steps_are_those_of_pytorch(choice, expected, decay):
    torch.manual_seed(0)
    module = nn.ModuleDict({"tower": nn.Linear(3, 2)})
    other = copy.deepcopy(module)
    ours = new_optimizer(module, choice, learning_rate=0.1, weight_decay=0.3, state={})
    plain = expected(other.parameters(), lr=0.1, **decay)
    X = torch.randn(5, 3)
    for _ in range(4):
        for part, optimizer in ((module, ours), (other, plain)):
            optimizer.zero_grad()
            part["tower"](X).square().sum().backward()
            optimizer.step()
    for weight, same in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(weight, same)


class Recorder(torch.optim.SGD):
    """An optimizer that records the learning rates of its groups at each step."""

    seen, norms = [], []

    def step(self, closure=None):
        self.seen.append(tuple(group["lr"] for group in self.param_groups))
        squares = [w.grad.square().sum() for g in self.param_groups for w in g["params"]]
        self.norms.append(sum(squares).sqrt().item())
        return super().step(closure)


def test_a_fit_sets_the_rate_of_each_epoch_and_keeps_the_factors_of_layers(digits):
    X, _, y, _ = digits
    net = nn.Sequential(nn.Linear(64, 16), nn.ReLU())
    tower = partial(pretrained, backbone=net, learning_rate_factor=0.5)
    Recorder.seen = []
    options = {"learning_rate_init": 0.2, "learning_rate": "cosine", "max_iter": 4}
    SiameseEmbedder(8, tower=tower, optimizer=Recorder, random_state=0, **options).fit(
        X[:200], y[:200]
    )
    expected = 0.2 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    by_epoch = np.array(Recorder.seen).reshape(4, -1, 2)
    for rates_of_steps in by_epoch.transpose(1, 0, 2):
        np.testing.assert_allclose(np.sort(rates_of_steps), np.c_[expected / 2, expected])


def norms(max_grad_norm, X, y):
    """Return the norms of the gradients of two epochs of small steps."""
    options = {"optimizer": Recorder, "learning_rate_init": 1e-9, "max_iter": 2, **FAST}
    Recorder.norms = []
    SiameseEmbedder(max_grad_norm=max_grad_norm, **options).fit(X[:300], y[:300])
    return np.array(Recorder.norms)


def test_longer_gradients_are_shortened_to_the_maximum_norm(digits):
    X, _, y, _ = digits
    free = norms(None, X, y)
    middle = np.median(free)
    np.testing.assert_allclose(norms(middle, X, y), free.clip(max=middle), rtol=1e-4)
    np.testing.assert_allclose(norms(1e9, X, y), free, rtol=1e-4)
    assert free.min() < middle < free.max()


@pytest.mark.parametrize("max_grad_norm", [0, -1.0, "a"])
def test_an_invalid_maximum_norm_is_refused(digits, max_grad_norm):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="'max_grad_norm' parameter"):
        SiameseEmbedder(max_grad_norm=max_grad_norm).fit(X, y)


@pytest.mark.parametrize("optimizer", ["sgd", partial(torch.optim.Adagrad, lr_decay=0.1)])
def test_both_estimators_learn_with_other_optimizers(digits, digit_pairs, optimizer):
    X_train, X_test, y_train, y_test = digits
    options = {"optimizer": optimizer, "learning_rate": "one_cycle", "random_state": 0}
    options |= {"learning_rate_init": 0.05, "weight_decay": 1e-3, "max_grad_norm": 1.0}
    embedder = SiameseEmbedder(max_iter=10, **options).fit(X_train, y_train)
    assert embedder.score(X_test, y_test) > 0.95
    P_train, P_test, match_train, match_test = digit_pairs
    verifier = SiameseVerifier(max_iter=10, **options).fit(P_train, match_train)
    assert verifier.score(P_test, match_test) > 0.85


@pytest.mark.parametrize("optimizer", ["sgd", torch.optim.NAdam, torch.optim.ASGD])
def test_partial_fit_continues_other_optimizers_after_pickling(digits, optimizer):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(optimizer=optimizer, **FAST).partial_fit(X[:200], y[:200])
    loaded = pickle.loads(pickle.dumps(embedder))
    forgetful = copy.deepcopy(embedder)
    forgetful._optimizer_state = {}
    outputs = [
        one.partial_fit(X[200:400], y[200:400]).transform(X)
        for one in (embedder, loaded, forgetful)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])


def test_partial_fit_with_another_optimizer_starts_its_state_anew(digits):
    X, _, y, _ = digits
    embedder = SiameseEmbedder(optimizer="sgd", **FAST).partial_fit(X[:200], y[:200])
    embedder.set_params(optimizer="adamw").partial_fit(X[:200], y[:200])
    assert all("exp_avg" in moments for moments in embedder._optimizer_state.values())
    embedder.set_params(optimizer=partial(torch.optim.AdamW, amsgrad=True))
    embedder.partial_fit(X[:200], y[:200])
    assert all("max_exp_avg_sq" in moments for moments in embedder._optimizer_state.values())


def test_the_step_size_of_partial_fit_is_constant(digits):
    X, _, y, _ = digits
    Recorder.seen = []
    embedder = SiameseEmbedder(optimizer=Recorder, learning_rate="one_cycle", **FAST)
    embedder.partial_fit(X[:200], y[:200]).partial_fit(X[:200], y[:200])
    assert {rate for rates in Recorder.seen for rate in rates} == {2e-3}


@pytest.mark.parametrize(
    ("optimizer", "problem"),
    [
        (lambda params, lr: None, "optimizer returned NoneType. optimizer"),
        (lambda params: None, "optimizer failed: .*unexpected keyword"),
        (partial(torch.optim.SGD, momentum=-1), "optimizer failed: Invalid momentum"),
        (torch.optim.LBFGS, "optimizer LBFGS needs a closure"),
        (
            lambda params, lr: torch.optim.SGD([w for g in params for w in g["params"]], lr=lr),
            "optimizer has other groups",
        ),
    ],
)
def test_an_invalid_optimizer_is_refused(digits, optimizer, problem):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=problem):
        SiameseEmbedder(optimizer=optimizer).fit(X[:100], y[:100])
