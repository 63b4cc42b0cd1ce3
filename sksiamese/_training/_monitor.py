"""Monitor the training: history, patience, best weights, divergence and collapse."""

import copy
from math import inf, isfinite

import numpy as np

NO_SPREAD = 1e-6
"""Mean distance below which all embeddings count as equal."""

COLLAPSE = 0.01
"""Share of the initial spread, or of the margin, below which the embedding has collapsed."""

STATE = (
    "history",
    "validation_scores",
    "best",
    "n_no_change",
    "n_epochs",
    "diverged",
    "initial_spread",
)
"""Attributes of a monitor that a checkpoint stores, in addition to the weights."""


class Monitor:
    """Record each epoch, decide when to stop, and keep the weights to restore.

    Parameters
    ----------
    task : Task
        Task to monitor.

    module : nn.Module
        Module in training, on its device.

    rows : ndarray of int
        Training rows.

    score : callable or None
        ``score(monitor)`` returns the validation score; None without early stopping.

    tol : float
        Minimum improvement of the loss or of the validation score.

    n_iter_no_change : int
        Maximum number of consecutive epochs without an improvement of ``tol``.

    history : dict of ndarray
        History of previous epochs of the module.

    rng_context : callable
        ``rng_context()`` returns the context manager in which random numbers are drawn.

    Attributes
    ----------
    history : dict of list of float
        Measures of each epoch, including the loss.

    validation_scores : list of float or None
        Validation score of each epoch; None without early stopping.

    n_epochs : int
        Number of epochs of this fit that have ended.

    diverged : bool
        Whether the loss or the weights became NaN or infinite.
    """

    def __init__(self, task, module, rows, score, *, tol, n_iter_no_change, history, rng_context):
        self.task, self.module, self.rows, self.score = task, module, rows, score
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
        self.rng_context = rng_context
        self.diagnose = rng_context()(task.diagnose)
        self.initial_spread = self.diagnose(module, rows)["spread"]
        self.history = {name: list(values) for name, values in ({"loss": []} | history).items()}
        self.n_previous = len(self.history["loss"])
        self.validation_scores = None if score is None else []
        self.best, self.n_no_change, self.n_epochs = -inf, 0, 0
        self.weights = copy.deepcopy(module.state_dict())
        self.diverged = False

    def check_score(self):
        """Raise unless the score of the untrained module is finite."""
        if not isfinite(self.initial_spread):
            return  # Training reports the non-finite embeddings.
        value = self.score(self)
        if not isfinite(value):
            raise ValueError(
                f"The validation score is {value} before training; check X_val and y_val for "
                "outliers, or change scoring."
            )

    def record(self, loss):
        """Record an epoch and return whether to stop."""
        measures = {"loss": loss, **self.diagnose(self.module, self.rows)}
        self.diverged = not (
            isfinite(loss)
            and isfinite(measures["spread"])
            and all(weight.isfinite().all() for weight in self.module.parameters())
        )
        for name, value in measures.items():
            self.history.setdefault(name, []).append(value)
        if self.diverged:
            self.module.load_state_dict(self.weights)
        stop = self.diverged or self._is_exhausted(loss)
        self.n_epochs += 1
        return stop

    def _is_exhausted(self, loss):
        """Return whether loss or score has stopped improving; keep the weights to restore."""
        value = -loss
        if self.validation_scores is not None:
            value = self.score(self)
            self.validation_scores.append(value)
        if value > self.best or self.validation_scores is None:
            self.weights = copy.deepcopy(self.module.state_dict())
        improved = value >= self.best + self.tol
        self.n_no_change = 0 if improved else self.n_no_change + 1
        self.best = max(value, self.best)
        return self.n_no_change > self.n_iter_no_change

    def finish(self):
        """Restore the best weights of early stopping."""
        if self.validation_scores:
            self.module.load_state_dict(self.weights)

    def return_to_last_epoch(self):
        """Return to the end of the last complete epoch, or to the best one of early stopping."""
        self.module.load_state_dict(self.weights)
        n_incomplete = len(self.history["loss"]) - self.n_previous - self.n_epochs
        for values in self.history.values():
            del values[len(values) - n_incomplete :]
        del (self.validation_scores or [])[self.n_epochs :]

    def state_dict(self):
        """Return the state of the monitor, without the weights that the module has as well."""
        state = {name: getattr(self, name) for name in STATE}
        return state | {"weights": None if self.validation_scores is None else self.weights}

    def load_state_dict(self, state):
        """Restore the state of a monitor; the module must have been restored before."""
        for name in STATE:
            setattr(self, name, state[name])
        self.weights = state["weights"]
        if self.weights is None:
            self.weights = copy.deepcopy(self.module.state_dict())

    def failure_message(self, learning_rate):
        """Return a warning if the training has diverged or collapsed, otherwise None."""
        rate = f"learning_rate_init (now {learning_rate})"
        if self.diverged:
            return (
                "The loss or the embedding became NaN or infinite in epoch "
                f"{len(self.history['loss'])}; the previous weights are kept. Lower {rate}, or "
                "check X for outliers."
            )
        expected = min(self.initial_spread, self.task.margin or self.initial_spread)
        if self.diagnose(self.module, self.rows)["spread"] < max(NO_SPREAD, COLLAPSE * expected):
            return (
                "The embedding has collapsed: all rows are embedded at nearly the same point. "
                f"Lower {rate}, use a milder miner, such as 'all' or 'semihard', or a shallower or "
                "wider tower, and check that X is not constant."
            )
        return None

    def attributes(self):
        """Return copies of the history as fitted attributes."""
        losses = self.history["loss"]
        return {
            "history_": {name: np.array(values) for name, values in self.history.items()},
            "loss_curve_": list(losses),
            "n_iter_": len(losses),
            "validation_scores_": self.validation_scores,
        }

    def __str__(self):
        losses = self.history["loss"]
        line = f"Epoch {len(losses)}, loss = {losses[-1]:.6f}"
        if self.validation_scores:
            line += f", validation score = {self.validation_scores[-1]:.4f}"
        return line
