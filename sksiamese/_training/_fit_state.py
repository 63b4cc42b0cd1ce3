"""Gather and restore the state of a fit in progress."""

from typing import NamedTuple

import torch

from .._data._device import RandomStream
from .._distributed import gather_from_all_ranks, rank
from ._monitor import Monitor


class FitState(NamedTuple):
    """Parts of a fit that change from epoch to epoch."""

    monitor: Monitor
    """Module, task and history."""

    optimizer: torch.optim.Optimizer
    """Optimizer of the module."""

    generator: torch.Generator
    """Random number generator of the batches."""

    stream: RandomStream
    """Random numbers of this process, for dropout and augmentation."""

    def state_dict(self):
        """Return the state as nested dicts and lists of tensors and plain values.

        All processes must call this method. The learning rate follows from the number of epochs.
        """
        module, memory = self.monitor.module, self.monitor.task.memory
        weights = module.named_parameters()
        return {
            "module": module.state_dict(),
            "frozen": [name for name, weight in weights if not weight.requires_grad],
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "streams": gather_from_all_ranks(self.stream.states),
            "monitor": self.monitor.state_dict(),
            "memory": None if memory is None else memory.entries,
        }

    def load_state_dict(self, state):
        """Restore the state; module, optimizer and task must belong to the same fit."""
        module = self.monitor.module
        module.load_state_dict(state["module"])
        for name, weight in module.named_parameters():
            weight.requires_grad_(name not in state["frozen"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.generator.set_state(state["generator"])
        self.stream.states = state["streams"][rank()]
        self.monitor.load_state_dict(state["monitor"])
        if state["memory"] is not None:
            device = next(module.parameters()).device
            self.monitor.task.memory.entries = tuple(part.to(device) for part in state["memory"])


def load_optimizer(optimizer, state):
    """Restore an optimizer; unlike PyTorch, do not round its tensors to the dtype of weights."""
    optimizer.load_state_dict(state)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    for number, weight in zip(numbers, weights, strict=True):
        loaded = optimizer.state.get(weight, {})
        for name, value in state["state"].get(number, {}).items():
            if torch.is_tensor(value) and value.dtype != loaded[name].dtype:
                loaded[name] = value.to(loaded[name].device)
