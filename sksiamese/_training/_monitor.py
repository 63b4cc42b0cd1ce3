"""One training: what an estimator has to bring, and scikit-learn's rules for it."""

import copy
import inspect
import warnings
from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

NO_SPREAD = 1e-6
"""Mean distance of embeddings that are not apart at all."""


class Task(NamedTuple):
    """What sets the training of one estimator apart; the rest is common to all."""

    given: dict
    """``X``, ``y`` and ``metadata`` as fit was given them, for the callbacks."""

    y: np.ndarray
    """Codes of the classes, for a stratified split; -1 where there is none."""

    classes: np.ndarray
    """The classes."""

    build: Callable
    """``build(rows)``: a new ``nn.ModuleDict`` for these rows of the training data; its
    parts, ``"tower"`` among them, become fitted attributes."""

    batches: Callable
    """``batches(rows, epoch, generator)``: the batches of one epoch."""

    loss_on: Callable
    """``loss_on(device)``: a function ``loss(module, batch)``, which gives a scalar tensor."""

    score: Callable
    """``score(module, rows, held_out)``: validation score, greater is better."""

    check: Callable
    """``check(module, rows)``: raises unless the parts that a user wrote fit these rows."""

    diagnosis: Callable
    """``diagnosis(rows)``: for these rows of the training data a function of the module
    that says where training stands, as a dict of floats, ``"spread"`` among them."""

    margin: float | None
    """Distance that the loss demands, if it is known."""

    split: Callable | None = None
    """``split(y, random_state)``: rows for training and for validation; None for a stratified
    split of the rows."""


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

    max_iter : int
        Number of epochs at most.

    past : dict of ndarray
        History of the epochs that the module has been trained for before.

    drawing : callable
        ``drawing()`` is a context within which random numbers are drawn; callbacks run outside.
    """

    def __init__(self, estimator, module, task, rows, held_out, *, max_iter, past, drawing):
        self.estimator = estimator
        self.module = module
        self.task = task
        self.rows = rows
        self.held_out = held_out
        self.diagnose = drawing()(task.diagnosis(rows))
        self.score = drawing()(task.score)
        self.initial_spread = self.diagnose(module)["spread"]
        self.history = {name: list(values) for name, values in past.items()}
        self.validation_scores = [] if estimator.early_stopping else None
        self.best = -np.inf
        self.n_no_change = 0
        self.weights = copy.deepcopy(module.state_dict())
        self.diverged = False
        self.context = estimator._init_callback_context("fit", max_subtasks=max_iter)
        self.context.call_on_fit_task_begin(estimator=estimator, **task.given)

    def announce(self, epochs):
        """Pass on the epochs, telling the callbacks where each begins."""
        for batches in epochs:
            self.epoch = self.context.subcontext("epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.task.given)
            yield batches

    def end_epoch(self, loss):
        """Keep the books of an epoch; true where training should end."""
        weights = self.module.parameters()
        found = {"loss": loss, **self.diagnose(self.module)}
        self.diverged = not (
            isfinite(loss)
            and isfinite(found["spread"])
            and all(w.isfinite().all() for w in weights)
        )
        for name, value in found.items():
            self.history.setdefault(name, []).append(value)
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
                "The loss or the embedding became NaN or infinite in epoch "
                f"{len(self.history['loss'])}; the weights before it are kept. Lower {rate} or "
                "look for outliers in X."
            )
        elif self.diagnose(self.module)["spread"] < max(
            NO_SPREAD, 0.01 * min(self.initial_spread, self.task.margin or self.initial_spread)
        ):
            self._warn(
                "The embedding has collapsed: all rows are embedded at nearly the same point. "
                f"Lower {rate}, use a milder miner, such as 'all' or 'semihard', or a shallower or "
                "wider tower, and see that X is not constant."
            )

    def attributes(self, module):
        """The fitted attributes of an estimator whose training ends here."""
        return {
            "_architecture": self.estimator._architecture_parameters(),
            **{f"{name}_": part for name, part in module.items()},
            "classes_": self.task.classes,
            "history_": {name: np.array(values) for name, values in self.history.items()},
            "loss_curve_": list(self.history["loss"]),
            "n_iter_": len(self.history["loss"]),
            "validation_scores_": self.validation_scores,
        }

    def _exhausted(self):
        """Tell whether loss or score has stopped improving; keep the weights to return to."""
        if self.estimator.early_stopping:
            self.validation_scores.append(self.score(self.module, self.rows, self.held_out))
            value = self.validation_scores[-1]
        else:
            value = -self.history["loss"][-1]
        if value > self.best or not self.estimator.early_stopping:
            self.weights = copy.deepcopy(self.module.state_dict())
        improved = value >= self.best + self.estimator.tol
        self.n_no_change = 0 if improved else self.n_no_change + 1
        self.best = max(value, self.best)
        return self.n_no_change > self.estimator.n_iter_no_change

    def _tell_end_of(self, context):
        return context.call_on_fit_task_end(
            estimator=self.estimator,
            **self.task.given,
            reconstruction_attributes=lambda: self.attributes(
                copy.deepcopy(self.module).cpu().eval()
            ),
        )

    def _print(self):
        losses = self.history["loss"]
        line = f"Epoch {len(losses)}, loss = {losses[-1]:.6f}"
        if self.validation_scores:
            line += f", validation score = {self.validation_scores[-1]:.4f}"
        print(line)  # noqa: T201

    def _warn(self, message):
        warnings.warn(message, ConvergenceWarning, stacklevel=6)


def named(table, choice):
    """Look a name up in its table; what is not a name is the thing itself."""
    return table[choice] if isinstance(choice, str) else choice


def accepting(function, **options):
    """Bind those options that a callable names and that a ``functools.partial`` leaves open."""
    bound = getattr(function, "keywords", {})
    names = inspect.signature(function).parameters.keys() - bound.keys()
    return partial(function, **{k: v for k, v in options.items() if k in names})


def bind(name, factory, leading, **options):
    """Bind those arguments of a factory that its signature takes.

    Arguments that a ``functools.partial`` has bound stay as they are.

    Parameters
    ----------
    name : str
        Parameter of the estimator, for the message.

    factory : callable
        Factory of a module.

    leading : dict
        Arguments by name. Those that the signature does not name go to its required
        parameters of other names and to ``*args``, by position.

    **options : object
        Arguments that are passed only if the signature names them.

    Returns
    -------
    bound : functools.partial
        The factory, to be called without arguments.

    Raises
    ------
    ValueError
        If a required parameter is left without a value, or there is no signature.
    """
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} has no signature that Python can read; wrap it in a function. {error}"
        ) from error
    bound = getattr(factory, "keywords", {})
    free = {name: p for name, p in signature.parameters.items() if name not in bound}
    spare = {name: v for name, v in leading.items() if name not in signature.parameters}
    given = {name: v for name, v in {**leading, **options}.items() if name in free}
    for parameter, declared in free.items():
        if declared.kind is declared.VAR_POSITIONAL:
            given[parameter], spare = tuple(spare.values()), {}
        elif declared.kind is declared.VAR_KEYWORD:
            given[parameter] = spare if len(free) == 1 else {}
        elif parameter not in given and declared.default is declared.empty:
            if declared.kind is declared.KEYWORD_ONLY or not spare:
                raise ValueError(
                    f"{name} has a required argument {parameter!r} that is not passed to it; bind "
                    f"it by functools.partial({name}, {parameter}=...)."
                )
            given[parameter] = spare.pop(next(iter(spare)))
    arguments = inspect.BoundArguments(signature, given)
    arguments.apply_defaults()
    return partial(factory, *arguments.args, **arguments.kwargs)
