"""Where scikit-learn and torch meet: what both siamese estimators have in common."""

import copy
import inspect
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from math import isfinite, prod
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from ._engine import embed, train
from .distances import DISTANCES
from .towers import TOWERS, Standardize

DTYPES = [np.float32, np.float64]
"""X of any other type becomes the first of these."""

CHUNK = 4096
"""Rows that are standardised or embedded at a time."""


class BaseSiamese(CallbackSupportMixin, BaseEstimator):
    """Parameters and training that embedder and verifier share."""

    _doc_link_module = "sksiamese"
    _doc_link_template = (
        "https://sksiamese.readthedocs.io/en/stable/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "tower": [StrOptions(set(TOWERS)), callable],
        "depth": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "input_shape": [tuple, list, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "distance": [StrOptions(set(DISTANCES)), callable],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "device": [str],
        "verbose": ["verbose"],
    }

    def _train(self, task, *, y, given, resume, incremental=False):
        """Train a new module, or the fitted one on, and only then set fitted attributes."""
        random_state = check_random_state(self.random_state)
        seed = random_state.randint(np.iinfo(np.int32).max)
        device = find_device(self.device)
        rows, held_out = self._split(y, random_state)
        generator = torch.Generator().manual_seed(seed)
        max_iter = 1 if incremental else self.max_iter
        with seeded(seed, device):
            module = self._resumed(task.module) if resume else task.build(rows)
            optimizer = torch.optim.AdamW(
                module.to(device).parameters(),
                lr=self.learning_rate_init,
                weight_decay=self.weight_decay,
            )
            if resume and self._optimizer_state:
                optimizer.load_state_dict(self._optimizer_state)
            run = Run(self, module, task, rows, held_out, given)
            run.begin(max_iter, past=self.loss_curve_ if resume else [])
            epochs = self._epochs(task, rows, generator, optimizer, max_iter)
            train(module, run.announce(epochs), task.loss, optimizer, on_epoch_end=run.end_epoch)
            run.end()
        vars(self).update(run.attributes(module.cpu().eval()))
        self._architecture = self._architecture_parameters()
        self._optimizer_state = optimizer.state_dict() if incremental else None
        return self

    def _epochs(self, task, rows, generator, optimizer, max_iter):
        """The batches of each epoch; the learning rate falls linearly towards zero."""
        for epoch in range(max_iter):
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate_init * (1 - epoch / max_iter)
            yield task.batches(rows, epoch, generator)

    def _resumed(self, module_of):
        """A copy of the fitted module, so that a failed fit leaves the estimator as it was."""
        for name, value in self._architecture_parameters().items():
            if value != self._architecture[name]:
                raise ValueError(
                    f"{name} has changed from {self._architecture[name]!r} to {value!r} since the "
                    "tower was built; set warm_start=False and call fit to build a new one."
                )
        return copy.deepcopy(module_of(self))

    def _architecture_parameters(self):
        names = ("n_components", "tower", "depth", "width", "input_shape", "dropout")
        return {name: getattr(self, name) for name in names}

    def _split(self, y, random_state):
        """Rows for training and, with early stopping, for validation."""
        rows = np.arange(len(y))
        if not self.early_stopping:
            return rows, None
        n_held_out = int(np.ceil(self.validation_fraction * len(y)))
        n_classes = len(np.unique(y))
        if n_held_out < n_classes or len(y) - n_held_out < n_classes:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out {n_held_out} of "
                f"{len(y)} rows, but training and validation each need a row of all "
                f"{n_classes} classes; change validation_fraction or set early_stopping=False."
            )
        return train_test_split(
            rows, test_size=n_held_out, stratify=y, random_state=random_state
        )

    def _new_tower(self, X, standardize):
        """Build the tower for rows like those of X and try it on them."""
        if isinstance(self.tower, nn.Module):
            raise ValueError(
                "tower is a module, which every fit would train on; pass a function that returns "
                "a new one, for instance functools.partial(copy.deepcopy, module)."
            )
        shape = (X.shape[1],) if self.input_shape is None else tuple(self.input_shape)
        if prod(shape) != X.shape[1]:
            raise ValueError(
                f"input_shape={shape} has {prod(shape)} values, but an item of X has "
                f"{X.shape[1]} features; pass the shape of one item."
            )
        factory = accepting(
            named(TOWERS, self.tower), depth=self.depth, width=self.width, dropout=self.dropout
        )
        body = factory(shape, self.n_components)
        if not isinstance(body, nn.Module):
            raise ValueError(
                f"tower returned {type(body).__name__} instead of an nn.Module; pass a callable "
                "that takes (input_shape, n_components) and returns a module."
            )
        tower = nn.Sequential(standardize, nn.Unflatten(1, shape), body)
        tower.to(torch.from_numpy(np.empty(0, X.dtype)).dtype).eval()
        with torch.no_grad():
            Z = tower(as_tensor(X, standardize))
        if not isinstance(Z, torch.Tensor) or Z.shape != (len(X), self.n_components):
            got = tuple(Z.shape) if isinstance(Z, torch.Tensor) else type(Z).__name__
            raise ValueError(
                f"tower must map {(len(X), *shape)} to {(len(X), self.n_components)}, but gave "
                f"{got}; change its last layer or n_components."
            )
        if not Z.isfinite().all():
            raise ValueError(
                "tower gave NaN or infinite values before any training; check its initial "
                "weights, and layers that divide or take logarithms."
            )
        return tower


class Task(NamedTuple):
    """What sets the training of one estimator apart; the rest is common to all."""

    items: np.ndarray
    """Rows that the tower embeds."""

    build: Callable
    """``build(rows)``: a new module for these rows of the training data."""

    module: Callable
    """``module(estimator)``: the module of a fitted estimator."""

    attributes: Callable
    """``attributes(module)``: its fitted attributes, ``tower_`` among them."""

    batches: Callable
    """``batches(rows, epoch, generator)``: the batches of one epoch."""

    loss: Callable
    """``loss(module, batch)``: a scalar tensor."""

    score: Callable
    """``score(module, rows)``: validation score, greater is better."""


class Run:
    """One training under scikit-learn's rules: callbacks, patience, warnings.

    Parameters
    ----------
    estimator : BaseSiamese
        Whose parameters and callbacks are in force.

    module : nn.Module
        What is trained, on its device.

    task : Task
        What it is trained for.

    rows : ndarray of int
        Rows for training.

    held_out : ndarray of int or None
        Rows for validation, with early stopping.

    given : dict
        ``X``, ``y`` and ``metadata`` as fit was given them, for the callbacks.
    """

    def __init__(self, estimator, module, task, rows, held_out, given):
        self.estimator = estimator
        self.module = module
        self.task = task
        self.held_out = held_out
        self.given = given
        self.sample = task.items[rows[:: max(1, len(rows) // 256)]]
        self.validation_scores = [] if estimator.early_stopping else None
        self.diverged = False

    def begin(self, max_iter, past):
        """Tell the callbacks, remember where the module starts from."""
        self.loss_curve = list(past)
        self.best = -np.inf
        self.n_no_change = 0
        self.initial_spread = self._spread()
        self.weights = copy.deepcopy(self.module.state_dict())
        self.context = self.estimator._init_callback_context("fit", max_subtasks=max_iter)
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.given)

    def announce(self, epochs):
        """Pass on the epochs, telling the callbacks where each begins."""
        for batches in epochs:
            self.epoch = self.context.subcontext("epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.given)
            yield batches

    def end_epoch(self, loss):
        """Keep the books of an epoch; true where training should end."""
        self.loss_curve.append(loss)
        parameters = self.module.parameters()
        self.diverged = not isfinite(loss) or not all(p.isfinite().all() for p in parameters)
        if self.diverged:
            self.module.load_state_dict(self.weights)
        exhausted = self.diverged or self._exhausted()
        if self.estimator.verbose:
            self._print()
        return self._tell_end_of(self.epoch) or exhausted

    def end(self):
        """Return to the best weights of early stopping, tell the callbacks, warn if it failed."""
        if self.validation_scores:
            self.module.load_state_dict(self.weights)
        self._tell_end_of(self.context)
        rate = f"learning_rate_init (now {self.estimator.learning_rate_init})"
        if self.diverged:
            self._warn(
                f"The loss or a weight became NaN or infinite in epoch {len(self.loss_curve)}; "
                f"the weights before it are kept. Lower {rate} or look for outliers in X."
            )
        elif self._spread() < 0.01 * min(
            self.initial_spread, self.estimator.margin or self.initial_spread
        ):
            self._warn(
                "The embedding has collapsed: all rows are embedded at nearly the same point. "
                f"Lower {rate}, or use a milder miner, such as 'all' or 'semihard'."
            )

    def attributes(self, module):
        """The fitted attributes of an estimator whose training ends here."""
        return {
            **self.task.attributes(module),
            "loss_curve_": self.loss_curve,
            "n_iter_": len(self.loss_curve),
            "validation_scores_": self.validation_scores,
        }

    def _exhausted(self):
        """Whether loss or validation score has stopped improving; keeps the weights to return to."""
        if self.estimator.early_stopping:
            self.validation_scores.append(self.task.score(self.module, self.held_out))
            value = self.validation_scores[-1]
        else:
            value = -self.loss_curve[-1]
        if value > self.best or not self.estimator.early_stopping:
            self.weights = copy.deepcopy(self.module.state_dict())
        improved = value >= self.best + self.estimator.tol
        self.n_no_change = 0 if improved else self.n_no_change + 1
        self.best = max(value, self.best)
        return self.n_no_change > self.estimator.n_iter_no_change

    def _tell_end_of(self, context):
        return context.call_on_fit_task_end(
            estimator=self.estimator,
            **self.given,
            reconstruction_attributes=lambda: self.attributes(
                copy.deepcopy(self.module).cpu().eval()
            ),
        )

    def _spread(self):
        """Mean distance between the embeddings of some rows."""
        Z = embed_rows(self.task.attributes(self.module)["tower_"], self.sample)
        return named(DISTANCES, self.estimator.distance)(Z, Z).mean().item()

    def _print(self):
        line = f"Epoch {len(self.loss_curve)}, loss = {self.loss_curve[-1]:.6f}"
        if self.validation_scores:
            line += f", validation score = {self.validation_scores[-1]:.4f}"
        print(line)  # noqa: T201

    def _warn(self, message):
        warnings.warn(message, ConvergenceWarning, stacklevel=5)


@contextmanager
def all_or_nothing(estimator):
    """Take back what a fit has set on the estimator if it does not reach its end."""
    before = {name: value for name, value in vars(estimator).items() if name.endswith("_")}
    try:
        yield
    except BaseException:
        for name in [name for name in vars(estimator) if name.endswith("_")]:
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


@contextmanager
def seeded(seed, device):
    """Seed torch's own generators, which weights and dropout use, and put them back."""
    backend = torch.get_device_module(device)
    devices = [] if device.type == "cpu" else list(range(backend.device_count()))
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            backend.manual_seed_all(seed)
        yield


def find_device(name):
    """The torch device of a name; "auto" is a CUDA device where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here; pass 'auto', 'cpu' or a device that torch "
            f"sees on this machine. Torch says: {error}"
        ) from error
    return device


def named(table, choice):
    """Look a name up in its table; what is not a name is the thing itself."""
    return table[choice] if isinstance(choice, str) else choice


def accepting(function, **options):
    """Bind those options that the signature of a callable names."""
    names = inspect.signature(function).parameters
    return partial(function, **{k: v for k, v in options.items() if k in names})


def standardization(*parts, rows, sample_weight=None):
    """The layer that standardises the rows of all parts taken together, chunk by chunk."""
    scaler = StandardScaler()
    for part in parts:
        for chunk in gen_batches(len(rows), CHUNK):
            weight = None if sample_weight is None else sample_weight[rows[chunk]]
            scaler.partial_fit(part[rows[chunk]], sample_weight=weight)
    return Standardize(scaler.mean_, scaler.scale_)


def as_tensor(rows, standardize):
    """Rows of an array as a tensor, of the dtype and on the device of a tower's first layer."""
    rows = rows if rows.flags.writeable else rows.copy()
    return torch.from_numpy(rows).to(standardize.mean)


def embed_rows(tower, X):
    """Embed the rows of an array, chunk by chunk, by a tower on its device."""
    chunks = (as_tensor(X[rows], tower[0]) for rows in gen_batches(len(X), CHUNK))
    return embed(tower, chunks)


def on_device(module, device):
    """A module for use on a device; the fitted one itself stays on the CPU."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)
