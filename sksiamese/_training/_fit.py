"""Create the optimizer of a fit, and the batches of its epochs."""

import copy
import inspect
from functools import partial
from math import cos, isfinite, pi
from numbers import Real

import torch

from ._lookup import resolve
from ._user_parts import call_part, describe, part_error

OPTIMIZERS = {
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}
"""Optimizers by name."""


def constant(progress):
    """Return 1, the factor of a constant step size."""
    return 1.0


def linear(progress):
    """Return a factor that decreases linearly from 1 to 0."""
    return 1 - progress


def cosine(progress):
    """Return a factor that decreases from 1 to 0 along half a cosine."""
    return (1 + cos(pi * progress)) / 2


def one_cycle(progress):
    """Return a factor that increases from 1/25 to 1, then decreases to nearly 0, along cosines."""
    if progress < WARM_UP:
        return 1 - (1 - 1 / 25) * cosine(progress / WARM_UP)
    return 4e-6 + (1 - 4e-6) * cosine((progress - WARM_UP) / (1 - WARM_UP))


WARM_UP = 0.3
"""Share of the epochs in which the step size of "one_cycle" increases."""

SCHEDULES = {"constant": constant, "cosine": cosine, "linear": linear, "one_cycle": one_cycle}
"""Factors of the step size by name, as functions of the share of the epochs that are over."""


def new_optimizer(module, choice, *, learning_rate, weight_decay, state):
    """Return an optimizer of the weights of a module, with the state of a previous optimizer."""
    if not any(weight.requires_grad for weight in module["tower"].parameters()):
        raise ValueError("tower has no weights to train; pass another tower.")
    decay = {"weight_decay": weight_decay} if isinstance(choice, str) else {}
    factory, groups = resolve(OPTIMIZERS, choice), parameter_groups(module)
    optimizer = call_part("optimizer", factory, groups, lr=learning_rate, **decay)
    check_optimizer(optimizer, groups)
    settings = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": copy.deepcopy(state), "param_groups": settings})
    return optimizer


def check_optimizer(optimizer, groups):
    """Raise unless a factory has returned an optimizer of some groups of weights."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise part_error("optimizer", f"returned {describe(optimizer)}")
    factors = [group.get("factor") for group in optimizer.param_groups]
    if factors != [group["factor"] for group in groups]:
        raise part_error("optimizer", "has other groups of weights than params")
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise part_error(
            "optimizer", f"{type(optimizer).__name__} needs a closure; choose another optimizer"
        )


def parameter_groups(module):
    """Return the weights to train, grouped by the factor of their learning rate."""
    factor_of = dict.fromkeys(module.parameters(), 1.0)
    for part in module.modules():
        if hasattr(part, "learning_rate_factor"):
            factor_of.update(dict.fromkeys(part.parameters(), part.learning_rate_factor))
    groups = {}
    for weight, factor in factor_of.items():
        if weight.requires_grad:
            groups.setdefault(factor, []).append(weight)
    return [{"params": weights, "factor": factor} for factor, weights in groups.items()]


def optimizer_state(optimizer):
    """Return a copy of the moments of an optimizer, on the CPU."""
    return {
        parameter: {name: to_cpu(value) for name, value in moments.items()}
        for parameter, moments in optimizer.state_dict()["state"].items()
    }


def to_cpu(value):
    """Return a copy of a moment of an optimizer, on the CPU if it is a tensor."""
    return value.detach().cpu().clone() if torch.is_tensor(value) else copy.deepcopy(value)


def schedule(task, rows, optimizer, *, learning_rate, factor, epochs, max_iter, generator):
    """Yield the batches of each epoch, after the factor of the learning rate has been set.

    Parameters
    ----------
    task : Task
        Task that draws the batches.

    rows : ndarray of int
        Training rows.

    optimizer : torch.optim.Optimizer
        Optimizer; its learning rate is set.

    learning_rate : float
        Learning rate for a factor of 1.

    factor : str or callable
        Name in ``SCHEDULES``, or function of the share of the epochs that are over, in [0, 1).

    epochs : iterable of int
        Numbers of the epochs, from 0.

    max_iter : int
        Number of all epochs.

    generator : torch.Generator
        Random number generator of the batches.

    Yields
    ------
    batches : iterable
        Batches of an epoch.
    """
    function = resolve(SCHEDULES, factor)
    for epoch in epochs:
        value = call_part("learning_rate", function, epoch / max_iter)
        if not (isinstance(value, Real) and isfinite(value) and value >= 0):
            raise part_error("learning_rate", f"returned {value!r}")
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * group["factor"] * float(value)
        yield task.batches(rows, epoch, generator)
