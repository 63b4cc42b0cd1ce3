"""Task of training an embedder on rows with numbers."""

import numpy as np
import torch
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from .._data._embed import embed_rows
from ..batches import SAMPLERS, shuffled
from ..regularizers import REGULARIZERS
from ._embedding_task import N_NEIGHBORS, EmbeddingTask
from ._lookup import resolve
from ._objective import Objective
from ._task import split_random
from ._user_parts import call_part, check_distance, check_scalar, declared_inputs

N_REGRESSION = 5
"""Number of nearest rows that predict a number."""


class NumbersObjective(Objective):
    """Loss of the distances and numbers of a batch, plus a weighted regularizer.

    Parameters
    ----------
    spec : ObjectiveSpec
        Loss, distance and regularizer.

    classes : ndarray of shape (0,)
        No classes.
    """

    def __init__(self, spec, classes):
        if spec.regularizer is not None:
            regularizer = resolve(REGULARIZERS, spec.regularizer)
            if declared_inputs("regularizer", regularizer, "embeddings") == "classes":
                raise ValueError(
                    f"regularizer={spec.regularizer!r} needs classes, but loss={spec.loss!r} "
                    "learns from numbers; set regularizer=None or choose one of embeddings."
                )
        super().__init__(spec, classes)

    def cost(self, Z, y):
        """Return the loss of embeddings with their numbers, without the regularizer."""
        return self.loss(self.distance(Z, Z), y)

    def forward(self, Z, y, rows, memory):
        """Return the loss of embeddings with numbers ``y``."""
        value = self.cost(Z, y)
        return value if self.regularizer is None else value + self.weight * self.regularizer(Z)

    def diagnose(self, Z, y):
        """Return the correlation of distances and differences of numbers, and the spread."""
        D = self.distance(Z, Z)
        gap = (y[:, None] - y).abs()
        correlation = torch.corrcoef(torch.stack([D.flatten(), gap.flatten()]))[0, 1]
        return {"correlation": correlation.item(), "spread": D.mean().item()}


class NumbersTask(EmbeddingTask):
    """Train a tower on rows with numbers, in shuffled batches.

    Parameters
    ----------
    estimator : SiameseEmbedder
        Estimator to train; its parameters are read once.

    X : {ndarray, sparse matrix, Rows} of shape (n_rows, n_features)
        Rows.

    target : ndarray of float64 of shape (n_rows,)
        Numbers.

    spec : TowerSpec
        Parameters that define the tower.

    validation : tuple of (X, target), default=None
        Separate validation rows, with their numbers.
    """

    objective_type = NumbersObjective

    def __init__(self, estimator, X, target, spec, validation=None):
        no_classes = np.empty(0, dtype=np.int64)
        super().__init__(estimator, X, np.zeros(len(target), dtype=np.int64), no_classes, spec)
        self.sampler, self.margin, self.target = shuffled, None, target
        self.validation = (X, target) if validation is None else validation
        self.y = np.unique(target, return_inverse=True)[1]
        self.y_val = (
            None if validation is None else np.unique(validation[1], return_inverse=True)[1]
        )
        scaler = StandardScaler().fit(target[:, None])
        self.numbers, self.validation_numbers = (
            torch.from_numpy(scaler.transform(values[:, None])[:, 0]).to(spec.dtype)
            for values in (target, self.validation[1])
        )

    def hold_out(self, random_state):
        """Return random rows for training and validation, at least two each."""
        return split_random(np.arange(len(self.y)), self.validation_fraction, random_state, "rows")

    def try_objective(self, objective, Z, y):
        """Raise unless the parts of an objective accept embeddings and numbers."""
        check_distance(objective.distance, Z)
        check_scalar("loss", call_part("loss", objective.cost, Z, y))
        if objective.regularizer is not None:
            check_scalar("regularizer", call_part("regularizer", objective.regularizer, Z))

    def score(self, module, rows, held_out):
        """Return the negative loss of validation rows, at most 4,096 of them."""
        sample = np.random.default_rng(0).permutation(held_out)[:N_NEIGHBORS]
        Z = embed_rows(module["tower"], self.validation[0], sample)
        objective = module["objective"]
        return -objective.cost(Z.to(self.items.device), self._validation_targets(sample)).item()

    def data(self):
        """Return rows and numbers, also those for validation."""
        given = {"X": self.X, "y": self.target}
        if self.y_val is None:
            return given
        return given | dict(zip(("X_val", "y_val"), self.validation, strict=True))

    def _validation_targets(self, rows):
        """Return the numbers of some validation rows on the device."""
        return self.validation_numbers[rows].to(self.items.device)

    def _targets(self, rows):
        return self.numbers[rows]


def check_number_parameters(estimator):
    """Raise if a parameter of an embedder has no effect for a loss of numbers."""
    unused = {
        "learned_weight": ("auto", 1),
        "memory_size": (0,),
        "miner": ("all",),
        "n_views": (1,),
        "sampler": tuple(SAMPLERS),
        "unlabeled_label": (None,),
        "validation": ("rows",),
    }
    for name, allowed in unused.items():
        value = getattr(estimator, name)
        if value not in allowed:
            raise ValueError(
                f"{name}={value!r} needs classes, but loss={estimator.loss!r} learns from numbers; "
                f"set {name}={allowed[0]!r}."
            )


def nearest_rows_score(Z, y, distance):
    """Return the coefficient of determination of the mean of the nearest other rows.

    Parameters
    ----------
    Z : Tensor of shape (n_rows, n_components)
        Embeddings.

    y : ndarray of float64 of shape (n_rows,)
        Numbers.

    distance : callable
        Distance between embeddings.

    Returns
    -------
    score : float
        Coefficient of determination, at most 1.
    """
    all_rows, nearest = torch.arange(len(Z)), []
    for rows in all_rows.split(1024):
        itself = rows[:, None] == all_rows
        D = distance(Z[rows], Z).masked_fill(itself, torch.inf)
        nearest.append(D.topk(min(N_REGRESSION, len(Z) - 1), largest=False).indices)
    return r2_score(y, y[torch.cat(nearest).numpy()].mean(axis=1))
