"""Task of training an embedder on several views of each row."""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from .._data._device import global_generator, to_device
from .._data._embed import embed
from .._data._items import as_tensor
from .._data._streaming import Rows
from ..batches import shuffled
from ._combination import pairs_among, standardized
from ._embedding_task import (
    N_DIAGNOSIS,
    N_PAIRED,
    N_TRIAL,
    EmbeddingTask,
    mask_labels_except,
)
from ._objective import CrossBatchMemory, match_mask, reads_pairs
from ._user_parts import draw_batches

LEARNED_WEIGHT = 0.5
"""Automatic weight of the learned part, if there are unlabeled rows."""


class ViewsTask(EmbeddingTask):
    """Train a tower on several views of each row, which match each other.

    A view is a copy of the row, or of one of its nearest neighbors, to be augmented. The views of
    a labeled row are copies. An unlabeled row i is a class of its own, of number -1 - i, and does
    not form pairs with labeled rows, which may be of the same class.

    Parameters
    ----------
    estimator : SiameseEmbedder
        Estimator to train; its parameters are read once.

    X, y, classes, spec, validation : object
        As for :class:`EmbeddingTask`; all of y may be -1.
    """

    def __init__(self, estimator, X, y, classes, spec, validation=None):
        unlabeled = y < 0
        self.has_labels = not unlabeled.all()
        check_unlabeled_rows(estimator, X, unlabeled, classes)
        numbers = np.arange(len(y))
        super().__init__(estimator, X, y if self.has_labels else numbers, classes, spec, validation)
        if unlabeled.any() and spec.learned_weight == "auto":
            self.spec = spec._replace(learned_weight=LEARNED_WEIGHT)
        self.reads_pairs = reads_pairs(estimator.loss)
        self.n_views, self.n_neighbors = estimator.n_views, estimator.n_neighbors
        self.neighbors = None
        self.unlabeled_pool = (self.labels < 0).nonzero().squeeze(1)
        if self.has_labels and unlabeled.any():
            self.memory = CrossBatchMemory(estimator.memory_size, partly_labeled=True)
        classes_of_rows = np.where(unlabeled, -1 - numbers, y)
        self.classes_of_views = torch.from_numpy(classes_of_rows).repeat(self.n_views)
        self.unlabeled = torch.from_numpy(unlabeled)

    def hold_out(self, random_state):
        """Return labeled rows for training and validation."""
        if not self.has_labels:
            raise ValueError(
                "early_stopping=True holds out rows with labels, but no row has one; pass X_val "
                "and y_val, or set early_stopping=False."
            )
        return super().hold_out(random_state)

    def build(self, rows):
        """Return a new tower, which standardizes by all rows, and a new objective."""
        return super().build(self._with_unlabeled(rows))

    def prepare(self, module, rows):
        """Place rows and the classes of all views on the device, and find nearest neighbors."""
        super().prepare(module, rows)
        self.device_labels = to_device(self.classes_of_views, self.items.device)
        if self.n_neighbors and self.unlabeled.any():
            rows = self._with_unlabeled(rows)
            n_neighbors = min(self.n_neighbors, len(rows) - 1)
            search = NearestNeighbors(n_neighbors=n_neighbors)
            search.fit(standardized(module["tower"][0], self.X, rows))
            found = rows[search.kneighbors(return_distance=False)]
            self.neighbors = torch.zeros(len(self.labels), n_neighbors, dtype=torch.int64)
            self.neighbors[rows] = torch.from_numpy(found)

    def batches(self, rows, epoch, generator):
        """Yield the rows of all views of a batch, and the numbers of views that the loss reads.

        The number of a view is the number of its row plus a multiple of the number of rows.
        """
        pool = self.unlabeled_pool[torch.randperm(len(self.unlabeled_pool), generator=generator)]
        labels, batches = mask_labels_except(self.labels, rows), []
        sampler = self.sampler if self.has_labels else shuffled
        while len(batches) < max(1, len(pool) / self.batch_size):
            batches += draw_batches(sampler, labels, self.batch_size, generator)
        for labeled, unlabeled in zip(batches, pool.tensor_split(len(batches)), strict=True):
            labeled, unlabeled = self._views(labeled), self._views(unlabeled)
            views = torch.cat([labeled, unlabeled])
            yield self._draw_rows(views, generator), views if self.reads_pairs else labeled

    def diagnose(self, module, rows):
        """Return measures of the distances between rows, or between views without labels."""
        if self.has_labels:
            return super().diagnose(module, rows)
        tower = module["tower"]
        device = tower[0].mean.device
        views = self._views(torch.from_numpy(rows[: max(2, N_DIAGNOSIS // self.n_views)]))
        chosen = self._draw_rows(views, torch.Generator().manual_seed(0))
        items = self.augment(as_tensor(self.X[chosen.numpy()], tower[0]), global_generator(device))
        Z = embed(tower, [items], len(views)).to(device)
        return module["objective"].diagnose(Z, self.device_labels[views.to(device)])

    def _views(self, rows):
        """Return the numbers of all views of some rows."""
        return (rows + torch.arange(self.n_views)[:, None] * len(self.labels)).flatten()

    def _draw_rows(self, views, generator):
        """Return the row of each view: a neighbor for further views of unlabeled rows."""
        n_rows = len(self.labels)
        rows = views % n_rows
        if self.neighbors is not None:
            drawn = torch.randint(self.neighbors.shape[1], rows.shape, generator=generator)
            is_drawn = self.unlabeled[rows] & (views >= n_rows)
            rows = self.neighbors[rows, drawn].where(is_drawn, rows)
        return rows

    def _with_unlabeled(self, rows):
        """Return training rows and all unlabeled rows."""
        return np.union1d(rows, self.unlabeled_pool.numpy())

    def _trial_rows(self, rows):
        """Return some rows twice, as no two of them may be of the same class."""
        return super()._trial_rows(rows)[: N_TRIAL // 2].repeat(2)

    def _pair_sample(self, rows):
        """Return a sample of the pairs of training rows and unlabeled rows."""
        rows = self._with_unlabeled(rows)
        if not self.unlabeled[rows].any():
            return super()._pair_sample(rows)
        labels = self.classes_of_views[rows]
        sample = np.random.default_rng(0).permutation(len(rows))[:N_PAIRED]
        same = match_mask(labels[sample], labels[sample], None).numpy()
        _, sizes = labels.unique(return_counts=True)
        return pairs_among(rows[sample], same, sizes.numpy(), self.X.shape[1])


def check_unlabeled_rows(estimator, X, unlabeled, classes):
    """Raise unless an embedder can learn from unlabeled rows, if there are any."""
    if not unlabeled.any():
        return
    if classes.ndim > 1:
        raise ValueError(
            "y is an indicator matrix with unlabeled rows, which n_views > 1 does not support; "
            "leave these rows out, or pass one class per row."
        )
    if unlabeled.all() and not reads_pairs(estimator.loss):
        raise ValueError(
            f"loss={estimator.loss!r} learns from classes, but no row has a label; choose a loss "
            "of pairs, such as 'supcon'."
        )
    if estimator.n_neighbors and isinstance(X, Rows):
        raise ValueError(
            "n_neighbors needs all rows in memory to find the nearest ones; pass an array, or set "
            "n_neighbors=0 and augment."
        )
    if not (estimator.n_neighbors or estimator.augment or estimator.dropout):
        raise ValueError(
            "n_neighbors=0 and augment=None make all views of an unlabeled row equal, so that "
            "there is nothing to learn from them; set n_neighbors=10 or augment."
        )
