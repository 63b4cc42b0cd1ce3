"""Task of training a verifier on all pairs of batches of items with identities."""

from functools import partial

import numpy as np
import torch

from .._data._device import to_device
from .._data._embed import embed_now
from ..batches import SAMPLERS
from ..heads import cross
from ._lookup import bind_supported, resolve
from ._tower import embed_batch
from ._user_parts import call_part, draw_batches
from ._verification_task import VerificationTask


class AllPairsTask(VerificationTask):
    """Train a tower and a head on all pairs of each batch of items.

    The given pairs are used for the weights of matches and non-matches, for the measures of
    progress, and for validation. Items of held-out identities are not used.

    Parameters
    ----------
    estimator : SiameseVerifier
        Estimator to train; its parameters are read once.

    *data : objects
        Other arguments of :class:`VerificationTask`.

    identities : tuple of (labels, codes)
        Distinct labels of the identities, and their code for each item; -1 for items without.
    """

    def __init__(self, estimator, *data, identities):
        super().__init__(estimator, *data)
        labels, self.codes = identities
        sampler = resolve(SAMPLERS, estimator.sampler or "balanced")
        self.sampler = call_part("sampler", bind_supported, sampler, classes=labels.tolist())
        totals = np.bincount(self.match, self.weight)
        self.shares = totals / totals.sum()

    def prepare(self, module, rows):
        """Place items and identities on the device, and pass ``embed`` to the sampler."""
        super().prepare(module, rows)
        embed = partial(embed_now, module["tower"], self.pairs.items)
        self.sampler = bind_supported(self.sampler, embed=embed)
        self.device_codes = to_device(torch.from_numpy(self.codes), self.items.device)

    def batches(self, rows, epoch, generator):
        """Yield the items of a batch, and the weight of the contrastive loss."""
        trained = np.unique(self.codes[self.pairs.index[rows]])
        codes = np.where(np.isin(self.codes, trained), self.codes, -1)
        for batch in draw_batches(
            self.sampler, torch.from_numpy(codes), self.batch_size, generator
        ):
            yield batch.numpy(), self.contrastive_weight(epoch)

    def data(self):
        """Return pairs, labels, weights and identities, and the identities of all items."""
        return super().data() | {"groups": (self.groups, self.codes)}

    def loss(self, module, batch):
        """Return the losses of all pairs of the items of a batch."""
        rows, contrastive_weight = batch
        Z = embed_batch(
            module["tower"], self.items, rows, augment=self.augment, precision=self.precision
        )
        left, right = torch.triu_indices(len(Z), len(Z), 1, device=Z.device)
        codes = self.device_codes[to_device(torch.from_numpy(rows), Z.device)]
        same, different = self._kind_weights(codes[left] == codes[right], Z.dtype)
        logit = cross(module["head"], Z, Z)[left, right]
        D = None if self.margin is None else self.distance(Z, Z)[left, right]
        return self.loss_of_pairs(logit, D, same, different, contrastive_weight)

    def _kind_weights(self, match, dtype):
        """Return the weights of matches and of non-matches; each kind has its share in total."""
        parts = ((match, self.shares[1]), (~match, self.shares[0]))
        return [part.to(dtype) * (share / part.sum().clamp_min(1)) for part, share in parts]


def identities_of_items(pairs, match, weight, groups):
    """Convert the identities of both items of each pair to one code for each item.

    Parameters
    ----------
    pairs : PairView
        Pairs of items.

    match : ndarray of int of shape (n_pairs,)
        1 for a match.

    weight : ndarray of shape (n_pairs,)
        Weights of the pairs; pairs of weight zero are ignored.

    groups : ndarray of shape (n_pairs, 2)
        Identities of both items of each pair.

    Returns
    -------
    labels : ndarray
        Distinct identities.

    codes : ndarray of int of shape (n_items,)
        Codes of the identities; -1 for items without a pair.

    Raises
    ------
    ValueError
        If identities contradict the labels of the pairs, or an item has two identities.
    """
    rows = np.flatnonzero(weight > 0)
    labels, of_pairs = np.unique(groups[rows], return_inverse=True)
    of_pairs = of_pairs.reshape(-1, 2)
    wrong = (of_pairs[:, 0] == of_pairs[:, 1]) != (match[rows] == 1)
    if wrong.any():
        raise ValueError(
            f"groups contradicts y for {wrong.sum()} pairs, such as pair {rows[wrong][0]}: with a "
            "sampler, pairs match if and only if their two groups are equal. Pass the identities "
            "that y compares, or set sampler=None."
        )
    codes = np.full(pairs.items.shape[0], -1)
    codes[pairs.index[rows]] = of_pairs
    wrong = (codes[pairs.index[rows]] != of_pairs).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"groups has two identities for an item of pair {rows[wrong][0]}; pass one identity "
            "for each item, such as identities[pairs.index]."
        )
    return labels, codes
