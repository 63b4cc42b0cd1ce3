"""Base class of the estimators that train a tower."""

import copy
import warnings
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from textwrap import shorten

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import check_array, check_X_y
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data
from torch import nn

from ._checks import Interval, argument_errors, as_rows
from ._combined import Combined, CombinedHead
from ._data._device import RandomStream, find_device, on_device
from ._data._embed import embed_rows
from ._data._items import COMPACT_DTYPES, DTYPES, float_dtype
from ._data._streaming import Rows, empty_rows, is_source, validate_rows
from ._distributed import broadcast_from_rank0, check_equal_on_all_ranks, rank
from ._labels import label_kind, to_common_dtype
from ._state import VersionedState, called_by_skops
from ._training._callbacks import FitCallbacks
from ._training._checkpoints import FitCheckpoint, describe_fit, is_alone
from ._training._fit import OPTIMIZERS, SCHEDULES, new_optimizer, optimizer_state, schedule
from ._training._fit_state import FitState
from ._training._lookup import comparison_key
from ._training._loop import train
from ._training._monitor import Monitor
from ._training._rebuild import LAYOUT, WEIGHTS, from_arrays, to_arrays
from ._training._tower import (
    CHANGEABLE,
    item_shape,
    tower_attribute,
    update_learning_rate_factors,
)
from ._training._validation import apply_scorer
from .callbacks import Checkpoint
from .distances import DISTANCES
from .towers import ACTIVATIONS, TOWERS

ROWS_WANTED = "must hold rows of real numbers, one row for each sample"
"""Requirement in errors about rows that scikit-learn rejects."""

VALIDATION_WANTED = "X_val", "and y_val must be valid for fit, as X and y", "y_val", "scoring"
"""Arguments of :func:`argument_errors` for validation data."""


class BaseSiamese(VersionedState, CallbackSupportMixin, BaseEstimator):
    """Base class of embedder and verifier, with common parameters, validation and training."""

    _parts = ("tower",)
    """Names of the trained modules, which are fitted attributes with a trailing underscore."""

    _architecture_names = (
        "n_components",
        "tower",
        "depth",
        "width",
        "activation",
        "normalization",
        "shortcuts",
        "input_shape",
        "scaling",
        "dropout",
        "precision",
        "learned_weight",
    )
    """Parameters that cannot be changed for a fitted module."""

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learned_weight": [Interval(Real, 0, 1, closed="right"), StrOptions({"auto"})],
        "tower": [StrOptions(set(TOWERS)), callable],
        "depth": [Interval(Integral, 1, 1000, closed="both")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), callable, None],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "shortcuts": ["boolean"],
        "input_shape": [tuple, list, None],
        "scaling": [StrOptions({"auto", "columns", "shared"}), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "augment": [callable, None],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "distance": [StrOptions(set(DISTANCES)), callable],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "learning_rate": [StrOptions(set(SCHEDULES)), callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "device": [str],
        "precision": [StrOptions({"bfloat16", "float32"}), None],
        "verbose": ["verbose"],
    }

    def __getstate__(self):
        state = super().__getstate__()
        return to_arrays(self, state) if called_by_skops() else state

    def __setstate__(self, state):
        layout, weights = state.get(LAYOUT), state.get(WEIGHTS)
        super().__setstate__({k: v for k, v in state.items() if k not in (LAYOUT, WEIGHTS)})
        if layout is not None:
            from_arrays(self, layout, weights)

    def _encode(self, y, *, resume=False):
        """Return the classes of y, and their codes for each row."""
        axis = 0 if y.ndim > 1 else None
        classes, codes = np.unique(y, return_inverse=True, axis=axis)
        # Each class twice, as scikit-learn warns about small classes, which are common here.
        check_classification_targets(y if y.ndim > 1 else classes.repeat(2))
        if len(classes) < 2:
            raise ValueError(
                "y has 1 class only, so there is nothing to learn; pass data of at least two "
                "classes."
            )
        if resume and not same_classes(classes, self.classes_):
            raise ValueError(
                "warm_start=True continues with the classes of the first fit, but y has other "
                "classes; set warm_start=False to start again."
            )
        return (self.classes_ if resume else classes), codes

    def _fit_task(self, task, fit_data, scorer_data=None, *, resume, incremental=False):
        """Train a new module or a copy of the fitted one, and set fitted attributes at the end."""
        check_equal_on_all_ranks("y", task.y)
        check_equal_on_all_ranks("y_val", *([] if task.y_val is None else [task.y_val]))
        max_iter = 1 if incremental else self.max_iter
        context = self._init_callback_context("fit", max_subtasks=max_iter)
        checkpoint = self._open_checkpoint(task, context, resume=resume, incremental=incremental)
        random_state = broadcast_from_rank0(checkpoint.random_state(self.random_state))
        seed, device = self._draw_seed(random_state, resume=resume), find_device(self.device)
        rows, held_out = task.split(random_state)
        stream = RandomStream(seed + rank(), device)
        with torch.inference_mode(False), torch.enable_grad():
            with stream.active():
                module = self._copy_fitted_module() if resume else task.build(rows)
                retuned = resume and update_learning_rate_factors(
                    module["tower"], task.spec, self._architecture["tower"]
                )
            for message in [] if resume else task.initial_warnings(module, rows):
                warnings.warn(message, stacklevel=4)
            buffers = module["tower"][0].buffers()
            check_equal_on_all_ranks("X", *(buffer.numpy() for buffer in buffers))
            module = broadcast_from_rank0(module).to(device)
            proceed = resume and incremental and not retuned
            state = self._optimizer_state if proceed and self._has_same_optimizer() else {}
            optimizer = self._new_optimizer(module, state)
            task.check(module, rows)
            task.prepare(module, rows)
            score = self._validation_score(task, rows, held_out, scorer_data, stream.active)
            monitor = self._new_monitor(task, module, rows, score, stream, resume=resume)
            generator = torch.Generator().manual_seed(seed)
            fit_state = FitState(monitor, optimizer, generator, stream)
            callbacks = FitCallbacks(
                self, context, fit_data, partial(self._current_attributes, monitor)
            )
            with exposed(self, module):
                interrupted = self._run_epochs(
                    fit_state, checkpoint, callbacks, incremental=incremental
                )
            for message in (interrupted, monitor.failure_message(self.learning_rate_init)):
                if message:
                    warnings.warn(message, ConvergenceWarning, stacklevel=4)
            combine(task, module.cpu().eval(), rows, keep=resume and monitor.diverged)
        module = broadcast_from_rank0(module)
        vars(self).update(self._fitted_attributes(monitor, module))
        keep = incremental and not monitor.diverged
        self._optimizer_state = optimizer_state(optimizer) if keep else state
        if not interrupted:
            checkpoint.end()
        return self

    def _new_optimizer(self, module, state):
        """Return an optimizer of a module, with the state of a previous optimizer."""
        return new_optimizer(
            module,
            self.optimizer,
            learning_rate=self.learning_rate_init,
            weight_decay=self.weight_decay,
            state=state,
        )

    def _new_monitor(self, task, module, rows, score, stream, *, resume):
        """Return a monitor of a module; raise if its validation score is not finite."""
        monitor = Monitor(
            task,
            module,
            rows,
            score,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            history=self.history_ if resume else {},
            rng_context=stream.active,
        )
        if score is not None and (task.y_val is not None or self.scoring is not None):
            with argument_errors(*VALIDATION_WANTED):
                monitor.check_score()
        return monitor

    def _open_checkpoint(self, task, context, *, resume, incremental):
        """Return the checkpoint of a fit, which may hold the state of an interrupted fit."""
        callbacks = getattr(self, "_skl_callbacks", [])
        found = [one for one in callbacks if isinstance(one, Checkpoint)]
        if len(found) > 1:
            raise ValueError(f"{len(found)} Checkpoint callbacks are set; set only one.")
        if found and incremental:
            raise ValueError(
                "partial_fit trains for one epoch only, and does not save checkpoints; remove the "
                "callback by set_callbacks(), and dump the estimator between calls."
            )
        fitted = [getattr(self, f"{name}_") for name in self._parts if resume]
        describe = partial(describe_fit, self, task, fitted=fitted)
        return FitCheckpoint(*(found or [None]), describe, alone=is_alone(context))

    def _run_epochs(self, fit_state, checkpoint, callbacks, *, incremental):
        """Train until the last epoch, or until the monitor or a callback stops training.

        Return a message if a keyboard interrupt has ended the training, otherwise None.
        """
        monitor, optimizer = fit_state.monitor, fit_state.optimizer
        max_iter, message = 1 if incremental else self.max_iter, None
        try:
            callbacks.begin()
            checkpoint.restore(fit_state)  # Callbacks may have changed the module.
            callbacks.skip(monitor.n_epochs)
            epochs = schedule(
                monitor.task,
                monitor.rows,
                optimizer,
                learning_rate=self.learning_rate_init,
                factor="constant" if incremental else self.learning_rate,
                epochs=range(max_iter if checkpoint.is_stopped else monitor.n_epochs, max_iter),
                max_iter=max_iter,
                generator=fit_state.generator,
            )
            train(
                monitor.module,
                callbacks.wrap_epochs(epochs),
                monitor.task.loss,
                optimizer,
                on_epoch_end=partial(self._end_epoch, fit_state, checkpoint, callbacks),
                max_grad_norm=self.max_grad_norm,
                rng_context=monitor.rng_context,
            )
        except KeyboardInterrupt:
            if not (checkpoint.keeps_on_interrupt and monitor.n_epochs):
                raise
            optimizer.zero_grad()
            monitor.return_to_last_epoch()
            message = f"A keyboard interrupt ended the training after epoch {monitor.n_epochs}."
        monitor.finish()
        callbacks.end()
        return message

    @property
    def training_module(self) -> nn.Module:
        """Module in training, for callbacks, which may read and change it.

        It is an ``nn.ModuleDict`` with the tower and the objective or head, on the device of the
        training. Outside of a fit, the attribute does not exist.
        """
        module = vars(self).get("_training_module")
        if module is None:
            raise AttributeError("training_module exists during a fit only, for its callbacks.")
        return module

    def _draw_seed(self, random_state, *, resume):
        """Draw the seed of a fit; for a warm start it depends on the number of previous epochs."""
        seed = random_state.randint(np.iinfo(np.int32).max)
        if not resume:
            return seed
        return int(np.random.SeedSequence([seed, self.n_iter_]).generate_state(1)[0])

    def _validation_score(self, task, rows, held_out, scorer_data, rng_context):
        """Return a function of the monitor that computes the validation score, or None."""
        if held_out is None:
            return None
        if self.scoring is None:
            score = rng_context()(task.score)
            return lambda monitor: score(monitor.module, rows, held_out)
        scorer, data = check_scoring(self, self.scoring), scorer_data.select(held_out)

        def apply(monitor):
            estimator = copy.copy(self)
            vars(estimator).update(self._current_attributes(monitor))
            return apply_scorer(scorer, estimator, data)

        return apply

    def _end_epoch(self, fit_state, checkpoint, callbacks, loss):
        """Record an epoch, report it, save it if necessary, and return whether to stop."""
        exhausted = fit_state.monitor.record(loss)
        if self.verbose:
            print(fit_state.monitor)  # noqa: T201
        stop = callbacks.end_epoch() or exhausted
        checkpoint.end_epoch(fit_state, stopped=stop)
        return stop

    def _current_attributes(self, monitor):
        """Return the fitted attributes at the current state of the training, as a dict."""
        module = copy.deepcopy(monitor.module).cpu().eval()
        monitor.task.combine(module, monitor.rows)
        return {**self._fitted_attributes(monitor, module), "_training_module": None}

    def _fitted_attributes(self, monitor, module):
        """Return the fitted attributes as a dict."""
        return {
            "_architecture": self._architecture_parameters(),
            "_optimizer": self.optimizer,
            **{f"{name}_": part for name, part in module.items()},
            **monitor.task.attributes(),
            **monitor.attributes(),
        }

    def _has_same_optimizer(self):
        """Return whether the optimizer has not been changed since the last fit."""
        return comparison_key(self.optimizer) == comparison_key(self._optimizer)

    def _copy_fitted_module(self):
        """Return a copy of the fitted module, so that a failed fit does not change it."""
        for name, value in self._architecture_parameters().items():
            ignored = CHANGEABLE if name == "tower" else ()
            fitted = self._architecture[name]
            if comparison_key(value, ignored=ignored) != comparison_key(fitted, ignored=ignored):
                before, after = (shorten(repr(v), 80) for v in (fitted, value))
                raise ValueError(
                    f"{name} has changed from {before} to {after} since the tower was built; set "
                    "warm_start=False and call fit to build a new one."
                )
        parts = {name: getattr(self, f"{name}_") for name in self._parts}
        module = copy.deepcopy(nn.ModuleDict(parts))
        for part in combined_parts(module):
            part.separate()
        return module

    def _architecture_parameters(self):
        return {name: getattr(self, name) for name in self._architecture_names}

    def _check_array_options(self, X):
        """Return options for scikit-learn's validation of X."""
        finite = "allow-nan" if tower_attribute(self.tower, "allow_nan", False) else True
        return {
            "dtype": [fallback_dtype(X), *(DTYPES if issparse(X) else COMPACT_DTYPES)],
            "order": "C",
            "accept_sparse": "csr",
            "ensure_all_finite": finite,
        }

    def _check_has_labels(self, y):
        """Raise unless labels are passed."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )

    def _validate_rows(self, X, y=None, *, reset, **options):
        """Return rows, and labels if given, validated by scikit-learn.

        Rows of a source, such as a file, are validated each time that they are read; an array of
        zeros of the same length replaces them in the validation of the labels.
        """
        labels = "no_validation" if y is None else y
        if not is_source(X):
            X = as_rows(X, "X")
            options |= self._check_array_options(X)
            with argument_errors("X", ROWS_WANTED, "y"):
                result = validate_data(self, X, labels, reset=reset, **options)
            self._check_not_empty(result if y is None else result[0])
            return result
        validate_data(self, X, labels, reset=reset, skip_check_array=True)
        checks = {"input_name": "X", "estimator": self, **self._check_array_options(X)}
        rows = validate_rows(Rows(X), extra_check=self._check_not_empty, **checks)
        zeros = np.zeros((X.shape[0], min(1, X.shape[1])), np.uint8)
        if y is not None:
            return rows, check_X_y(zeros, y, estimator=self, **options)[1]
        check_array(zeros, estimator=self, **options)
        return rows

    def _check_not_empty(self, X, name="X"):
        """Raise if a row has only NaN, for a tower that allows NaN."""
        empty = self._empty_rows(X)
        if empty.any():
            raise ValueError(
                f"{name} has rows with only NaN, or with NaN in every step, such as rows "
                f"{np.flatnonzero(empty)[:5].tolist()}; remove these rows."
            )

    def _empty_rows(self, X):
        """Return a mask of rows with only NaN, for a tower that allows NaN."""
        if not tower_attribute(self.tower, "allow_nan", False):
            return np.zeros(X.shape[0], dtype=bool)
        by_step = isinstance(tower_attribute(self.tower, "scaling", "auto"), tuple)
        return empty_rows(X, item_shape(self.input_shape, X.shape[1]), by_step=by_step)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = tower_attribute(self.tower, "allow_nan", False)
        return tags

    def _embed(self, X, part="row", name="X"):
        """Embed validated rows; raise if an embedding is not finite."""
        tower = on_device(self.tower_, find_device(self.device))
        Z = embed_rows(tower, X).numpy().astype(float_dtype(X.dtype), copy=False)
        check_finite(Z, "embedding", part, name)
        return Z

    def _item_names(self):
        """Return the names of the columns of an item, or None."""
        return getattr(self, "feature_names_in_", None)


@contextmanager
def exposed(estimator, module):
    """Set the attribute ``training_module`` of an estimator within the context."""
    estimator._training_module = module
    try:
        yield
    finally:
        del estimator._training_module


def check_finite(result, what, part, name):
    """Raise if a row of a result is not finite."""
    is_bad = ~np.isfinite(result).all(axis=1)
    if is_bad.any():
        raise ValueError(
            f"The {what} of {part} {is_bad.argmax()} of {name} is NaN or infinite; its values are "
            "too far from those of the training data. Leave such rows out."
        )


def combine(task, module, rows, *, keep):
    """Combine a trained module with principal components, or keep the fitted combination."""
    if not keep:
        task.combine(module, rows)
    for part in combined_parts(module) if keep else []:
        part.rejoin()


def combined_parts(module):
    """Return the parts of a module that combine a learned part with principal components."""
    return [part for part in module.modules() if isinstance(part, Combined | CombinedHead)]


def has_no_validation_split(estimator):
    """Return True, or raise if the estimator needs a validation split."""
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit trains on one chunk at a time and has no validation split; set "
            "early_stopping=False."
        )
    return True


def fallback_dtype(X):
    """Return the dtype to which values of an unsupported dtype are converted.

    It is float32 for booleans, integers and values of less than 64 bits. It is float64 for all
    others, and for values without a dtype.
    """
    dtype = getattr(X, "dtype", None)
    is_narrow = getattr(dtype, "kind", "f") in "bui" or getattr(dtype, "itemsize", 8) < 8
    return np.float32 if is_narrow else np.float64


def same_classes(classes, fitted):
    """Return whether two arrays of classes are equal, compared without rounding."""
    if classes.ndim != 1 or fitted.ndim != 1:
        return np.array_equal(classes, fitted)
    return label_kind(classes) == label_kind(fitted) and np.array_equal(
        *to_common_dtype(classes, fitted, "y", "classes_")
    )
