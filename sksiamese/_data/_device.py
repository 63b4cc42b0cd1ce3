"""Devices, and the random numbers that are drawn on them."""

import copy
import os
import threading
from contextlib import contextmanager

import torch

GENERATOR_LOCK = threading.RLock()
"""Lock of torch's global generators: threads that fit hold it for one step at a time."""


def _reset_after_fork():
    """Make a forked process independent of the threads of its parent, which it lacks.

    One of them may have held the lock, and OpenMP would wait for the others forever.
    """
    global GENERATOR_LOCK
    GENERATOR_LOCK = threading.RLock()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_reset_after_fork)


class RandomStream:
    """Random numbers of one fit, drawn from torch's global generators.

    Weights, dropout and augmentation draw from the global generators of the CPU and of the
    device. Within :meth:`active` these have the state of this stream, and afterwards the
    state that they had before. No lock is held between two steps, nor during callbacks.
    Generators of other devices are not touched, as their first use would allocate memory there.

    Parameters
    ----------
    seed : int
        Seed of the stream.

    device : torch.device
        Where the fit computes.
    """

    def __init__(self, seed, device):
        self.generators = [torch.default_generator]
        if device.type != "cpu":
            self.generators.append(global_generator(device))
        self.states = [
            torch.Generator(generator.device).manual_seed(seed).get_state()
            for generator in self.generators
        ]

    @contextmanager
    def active(self):
        """Give the global generators the state of this stream for a while."""
        with GENERATOR_LOCK:
            before = self._swap_states(self.states)
            try:
                yield
            finally:
                self.states = self._swap_states(before)

    def _swap_states(self, states):
        """Set the states of the global generators and return the former ones."""
        previous = [generator.get_state() for generator in self.generators]
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
        return previous


def global_generator(device):
    """Return torch's generator of a device, from which dropout and augmentation draw there."""
    if device.type == "cpu":
        return torch.default_generator
    return torch.get_device_module(device).default_generators[device.index]


def find_device(name):
    """The torch device of a name, with its number; "auto" is a CUDA device if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if torch.device(name).type in ("cpu", "cuda"):
            return torch.empty(0, device=name).device
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here; pass 'auto', 'cpu' or a CUDA device that torch "
            f"sees on this machine. Torch says: {error}"
        ) from error
    raise ValueError(
        f"device={name!r} is of a kind that is not supported; pass 'auto', 'cpu' or a CUDA device."
    )


def on_device(module, device):
    """A module for use on a device; the fitted one itself stays on the CPU."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def to_device(tensor, device):
    """Copy a CPU tensor to a device, asynchronously for CUDA."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
