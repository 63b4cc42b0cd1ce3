"""Write and read the checkpoints of a fit."""

import os
import time
import warnings
from contextlib import suppress
from multiprocessing import current_process
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import current_thread, main_thread

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._data._device import find_device
from .._distributed import broadcast_from_rank0, call_on_rank0, n_processes
from ._fingerprint import describe_data, describe_parameter, differences, digest

FORMAT = 1
"""Version of the content of a file."""

IGNORED = ("device", "verbose", "warm_start")
"""Parameters of an estimator that a fit may change when it resumes."""


class FitCheckpoint:
    """Checkpoints of one fit; without a callback, no method has an effect.

    The first process reads and writes all files, and only its callback counts.

    Parameters
    ----------
    callback : Checkpoint or None
        Settings.

    describe : callable
        ``describe()`` returns the description of data and parameters, as a dict of texts.

    alone : bool
        Whether no other fits may run at the same time.
    """

    def __init__(self, callback, describe, *, alone):
        self.callback = broadcast_from_rank0(callback)
        self.content, self.time = None, time.monotonic()
        if self.callback is None:
            return
        if self.keeps_on_interrupt and n_processes() > 1:
            raise ValueError(
                "on_interrupt='keep' works in a single process only, as several processes are "
                "interrupted at different steps; set on_interrupt='raise'."
            )
        description = call_on_rank0(describe)
        self.files = CheckpointFiles(self.callback.directory, description, self.callback.keep)
        self.content = call_on_rank0(self.files.open, alone)

    @property
    def keeps_on_interrupt(self):
        """Return whether an interrupted fit ends after its last complete epoch."""
        return self.callback is not None and self.callback.on_interrupt == "keep"

    @property
    def is_stopped(self):
        """Return whether the training of an interrupted fit had already ended."""
        return self.content is not None and self.content["stopped"]

    def random_state(self, value):
        """Return the random state of the fit for the parameter ``random_state``.

        For an interrupted fit, it is the random state at the beginning of that fit.
        """
        if self.content is None:
            random_state = check_random_state(value)
            name, key, *counts = random_state.get_state()
            self.initial = [name, key.tolist(), *counts]
            return random_state
        self.initial = self.content["random_state"]
        random_state = np.random.RandomState() if value is None else check_random_state(value)
        random_state.set_state(self.initial)
        return random_state

    def restore(self, fit_state):
        """Restore the state of the fit from the last checkpoint, if there is one."""
        if self.content is None:
            return
        try:
            fit_state.load_state_dict(self.content["state"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"The checkpoint in {self.callback.directory} does not fit the modules or the "
                "optimizer of this fit; if their code has changed, use an empty directory to start "
                f"again. ({error})"
            ) from error
        self.content = {"stopped": self.content["stopped"]}  # Free the memory of the weights.

    def end_epoch(self, fit_state, *, stopped):
        """Write a checkpoint if it is due; ``stopped`` is whether the training ends."""
        if self.callback is None or not broadcast_from_rank0(self._is_due(fit_state.monitor)):
            return
        state = fit_state.state_dict()
        content = {"stopped": stopped, "random_state": self.initial, "state": state}
        call_on_rank0(self.files.write, fit_state.monitor.n_epochs, content)
        self.time = time.monotonic()

    def _is_due(self, monitor):
        n_epochs, n_minutes = self.callback.every_n_epochs, self.callback.every_n_minutes
        if n_epochs is not None and monitor.n_epochs % n_epochs == 0:
            return True
        return n_minutes is not None and time.monotonic() >= self.time + 60 * n_minutes

    def end(self):
        """Delete the checkpoints of a fit that has ended."""
        if self.callback is not None:
            call_on_rank0(self.files.delete)


class CheckpointFiles:
    """Files with the checkpoints of one fit, in a folder of its own.

    The folder is named by a digest of the description. It remains, empty, after the fit.

    Parameters
    ----------
    directory : str or path
        Folder of the folders of all fits.

    description : dict of str
        Description of data and parameters.

    keep : int
        Number of checkpoints to keep.
    """

    def __init__(self, directory, description, keep):
        self.description, self.keep = description, keep
        self.folder = Path(directory) / digest(description)

    def open(self, alone):
        """Create the folder, or return the content of its last readable file, if there is one.

        If no other fits may run at the same time, raise if another fit was interrupted.
        """
        if self.folder.exists():
            return read_last(self.folder)
        if alone:
            check_no_other_fit(self.folder.parent, self.description)
        self.folder.mkdir(parents=True, exist_ok=True)
        return None

    def write(self, n_epochs, content):
        """Write a checkpoint after some epochs, and delete old ones."""
        content = to_plain(content, "checkpoint")
        head = {"format": FORMAT, "description": self.description, "digest": digest(content)}
        write_atomically(self.folder / f"epoch-{n_epochs:06d}.pt", head | content)
        for path in checkpoints(self.folder)[self.keep :]:
            path.unlink(missing_ok=True)

    def delete(self):
        """Delete all files of the folder."""
        for path in self.folder.glob("*"):
            path.unlink(missing_ok=True)


def checkpoints(folder):
    """Return the paths of the checkpoints in a folder, the last one first."""
    return sorted(folder.glob("epoch-*.pt"), key=lambda path: int(path.stem[6:]), reverse=True)


def write_atomically(path, content):
    """Write a file under another name, and rename it after it has reached the disk.

    An equal fit in another process deletes all files when it ends; then there is no file.
    """
    with NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileNotFoundError):
        os.replace(file.name, path)
    if os.name == "posix":  # Windows cannot open folders.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path):
    """Return the content of a file; raise a ValueError if it is damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        version, description = content.pop("format"), content.pop("description")
        if version == FORMAT and content.pop("digest") == digest(content):
            return description, content
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} cannot be read. ({error})") from error
    raise ValueError(f"{path} is damaged, or was written by another version of sksiamese.")


def read_last(folder):
    """Return the content of the last readable checkpoint in a folder, None without any.

    Raise if there are checkpoints, but none can be read.
    """
    errors = []
    for path in checkpoints(folder):
        try:
            content = read(path)[1]
        except ValueError as error:
            errors.append(str(error))
            continue
        except FileNotFoundError:
            continue  # An equal fit in another process has deleted it.
        if errors:
            warnings.warn(f"{errors[0]} The fit resumes from {path.name}.", stacklevel=2)
        return content
    if errors:
        raise ValueError(f"{errors[0]} Delete {folder} to start again.")
    return None


def check_no_other_fit(directory, description):
    """Raise if a directory has checkpoints of an interrupted fit, with how that fit differs."""
    paths = sorted(directory.glob("*/epoch-*.pt"), key=lambda path: path.stat().st_mtime)
    if paths:
        changes = "; ".join(differences(read(paths[-1])[0], description))
        raise ValueError(
            f"{directory} has a checkpoint of an interrupted fit of other data or parameters: "
            f"{changes}. Pass the same ones to resume that fit, or use an empty directory."
        )


def describe_fit(estimator, task, *, fitted):
    """Return a description of the data and the parameters of a fit, as a dict of texts.

    Parameters
    ----------
    estimator : estimator instance
        Estimator.

    task : Task
        Task of the fit, with the data.

    fitted : list of nn.Module
        Modules on which a warm start continues.
    """
    parameters = {k: v for k, v in estimator.get_params(deep=False).items() if k not in IGNORED}
    return {
        "estimator": type(estimator).__name__,
        **{name: describe_parameter(value) for name, value in parameters.items()},
        **{name: describe_data(value) for name, value in task.data().items()},
        "the fitted tower": describe_parameter(fitted),
        "the type of the device": find_device(estimator.device).type,
        "the number of processes": str(n_processes()),
    }


def is_alone(context):
    """Return whether no other fits may run at the same time as the fit of a context."""
    is_main = current_process().name == "MainProcess" and current_thread() is main_thread()
    return is_main and context.parent is None


def to_plain(value, name):
    """Convert a state to dicts, lists, CPU tensors and plain values; raise if that is impossible.

    Tensors that are a part of a larger one are copied, as the file would contain all of it.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        is_whole = value.untyped_storage().nbytes() == value.nbytes
        return value if is_whole else value.clone()
    if isinstance(value, dict):
        return {key: to_plain(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = (to_plain(part, f"{name}[{i}]") for i, part in enumerate(value))
        return type(value)(parts) if type(value) in (list, tuple) else list(parts)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(
        f"{name} is a {type(value).__name__}, but a checkpoint holds tensors, numbers and texts "
        "only; use an optimizer and modules with such a state."
    )
