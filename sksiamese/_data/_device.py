"""Devices and their random numbers."""

import copy
import os
import threading
from contextlib import contextmanager

import torch

GENERATOR_LOCK = threading.RLock()
"""Lock of PyTorch's global generators, held during each training step of a fit."""


def _reset_after_fork():
    """Replace the lock and use one thread in a forked process, which has no other threads.

    A thread of the parent may have held the lock, and OpenMP would wait for missing threads.
    """
    global GENERATOR_LOCK
    GENERATOR_LOCK = threading.RLock()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows cannot fork.
    os.register_at_fork(after_in_child=_reset_after_fork)


class RandomStream:
    """Random numbers of one fit, drawn from the global generators of PyTorch.

    Initial weights, dropout and augmentation use the global generators of the CPU and of the
    device. Within :meth:`active`, these generators have the state of this stream; their previous
    state is restored afterwards. The lock is not held between steps or during callbacks.
    Generators of other devices are not used, as this would allocate memory on these devices.

    Parameters
    ----------
    seed : int
        Seed of the stream.

    device : torch.device
        Device of the computation.
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
        """Set the global generators to the state of this stream within the context."""
        with GENERATOR_LOCK:
            before = self._swap_states(self.states)
            try:
                yield
            finally:
                self.states = self._swap_states(before)

    def _swap_states(self, states):
        """Set the states of the global generators, and return their previous states."""
        previous = [generator.get_state() for generator in self.generators]
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
        return previous


def global_generator(device):
    """Return the global generator of a device."""
    if device.type == "cpu":
        return torch.default_generator
    return torch.get_device_module(device).default_generators[device.index]


def find_device(name):
    """Return the device with its index for a name; "auto" is a CUDA device if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if torch.device(name).type in ("cpu", "cuda"):
            return torch.empty(0, device=name).device
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device={name!r} is not available; pass 'auto', 'cpu' or a CUDA device of this "
            f"machine. {error}"
        ) from error
    raise ValueError(f"device={name!r} is not supported; pass 'auto', 'cpu' or a CUDA device.")


def on_device(module, device):
    """Return a copy of a module on a device, or the module itself for the CPU."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def to_device(tensor, device):
    """Copy a CPU tensor to a device, asynchronously for CUDA."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
