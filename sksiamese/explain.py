"""Explanations: what the columns of two items add to the logit of their match."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import (
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import check_is_fitted

from ._checks import HasMethods, Interval
from ._data._device import find_device, on_device
from ._data._items import as_tensor
from ._verifier import SiameseVerifier
from ._wrapped import inner_estimators

__all__ = ["Explanation", "explain_pairs"]


class Explanation(NamedTuple):
    """Contributions to the logits of pairs, as :func:`explain_pairs` returns them.

    Parameters
    ----------
    contributions : ndarray of float64 of shape (n_pairs, n_features) or \
            (n_pairs, n_components)
        What each column of the items, or each component of the embedding, adds to the
        logit.

    reference : ndarray of float64 of shape (n_pairs,)
        Logit of the pair without its differences.

    logit : ndarray of float64 of shape (n_pairs,)
        Logit of the pair.

    Examples
    --------
    >>> import numpy as np
    >>> from sksiamese.explain import Explanation
    >>> found = Explanation(np.array([[-3.0, 0.5]]), np.array([2.0]), np.array([-0.25]))
    >>> found.residual
    array([0.25])
    """

    contributions: np.ndarray
    reference: np.ndarray
    logit: np.ndarray

    @property
    def residual(self):
        """What the contributions leave unexplained, of shape (n_pairs,): the sum rule's error."""
        return self.logit - self.reference - self.contributions.sum(axis=1)


@validate_params(
    {
        "verifier": [HasMethods("predict")],
        "by": [StrOptions({"column", "component"})],
        "n_steps": [Interval(Integral, 1, 1000, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def explain_pairs(verifier, X, *, by="column", n_steps=64):
    r"""Say what each column of two items adds to the logit of their match.

    Where two items x and x' differ, both walk to the point half-way between them, at which
    they are one item m, and the logit is followed: the contribution of a column is what
    the logit gains or loses by its difference on the way back from (m, m) to (x, x'), the
    integral of gradient times difference, summed over both sides. Contributions obey the
    *sum rule*

    .. math:: \sum_k c_k = \mathrm{logit}(x, x') - \mathrm{logit}(m, m)

    up to the error of the integral, which :attr:`Explanation.residual` tells.
    A contribution below zero speaks against a match. A column in which both items agree
    contributes nothing; swapping the items changes nothing.

    Parameters
    ----------
    verifier : SiameseVerifier, or an estimator that holds one
        Fitted verifier. It may be the last step of a ``Pipeline``, and be held by a search, a
        ``FrozenEstimator``, ``FixedThresholdClassifier``, ``TunedThresholdClassifierCV`` or
        ``CalibratedClassifierCV``, which change no logit; see Notes.

    X : {array-like, PairView} of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
        Pairs, as ``verifier.predict`` takes them.

    by : {"column", "component"}, default="column"
        Whether to divide the logit among the columns of an item, or among the components
        of its embedding. For the latter the walk leads to the point half-way between both
        embeddings, and the tower takes no part in it.

    n_steps : int, default=64
        Points on the way at which the gradient is taken, those of Gauss and Legendre,
        in [1, 1000].

    Returns
    -------
    explanation : Explanation
        ``contributions``, ``reference``, ``logit`` and ``residual``.

    Raises
    ------
    ValueError
        If the pairs are not like those that the verifier was fitted on, a parameter is
        unfit, ``verifier`` holds no ``SiameseVerifier``, or it holds several whose
        contributions have no mean.

    Notes
    -----
    For ``by="component"`` any number of steps is exact with the head ``"weighted_l1"``, where
    the contribution of component k is ``10 * weight[k] * abs(a[k] - b[k])``, and with
    ``"adaptive_distance"`` on the Euclidean distance. Elsewhere the
    residual falls quickly with the steps where tower and head are smooth, and like their
    inverse where rectified units switch on the way. Look at it, and
    take more steps where it is too large.

    Pairs are taken ``batch_size`` of the verifier at a time, as gradients need the memory of
    a step of training. Sparse items are made dense
    then; the contributions are dense. A step that one series lacks, NaN, contributes
    nothing: series keep their lengths on the way, so that a difference in length is part
    of ``reference``.

    In a pipeline, columns are those of the items that the verifier gets, after all other steps.
    Decisions by a threshold and calibrated probabilities are functions of the logit, which is
    explained. A
    ``CalibratedClassifierCV`` with ``ensemble=True`` holds a verifier for each fold: contributions,
    reference and logit are then their means. Components of several embeddings have no mean, nor
    have columns that each fold has transformed in its own way.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks",
    ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sksiamese import SiameseVerifier, make_pairs
    >>> from sksiamese.explain import explain_pairs
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> pairs, match, _ = make_pairs(X, X[:, 2] > 0, n_pairs=500, random_state=0)
    >>> verifier = SiameseVerifier(random_state=0).fit(pairs, match)
    >>> explanation = explain_pairs(verifier, pairs[~match])
    >>> int(np.abs(explanation.contributions).mean(axis=0).argmax())
    2
    """
    check_is_fitted(verifier)
    inner = _inner_verifiers(verifier, X)
    have_mean = by == "column" and all(pairs is X for _, pairs in inner)
    if len(inner) > 1 and not have_mean:
        raise ValueError(
            f"verifier holds {len(inner)} verifiers, and what by={by!r} refers to differs between "
            "them, so that contributions have no mean; calibrate with ensemble=False, or explain "
            "one of [one.estimator for one in verifier.calibrated_classifiers_]."
        )
    parts = zip(
        *(_explain_verifier(inner_verifier, pairs, by, n_steps) for inner_verifier, pairs in inner),
        strict=True,
    )
    return Explanation(*(np.mean(part, axis=0) for part in parts))


def _inner_verifiers(estimator, X):
    """Return the verifiers that an estimator holds, and the pairs that each of them gets."""
    if isinstance(estimator, SiameseVerifier):
        return [(estimator, X)]
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        return _inner_verifiers(estimator[-1], X)
    inner = inner_estimators(estimator)
    if not inner:
        raise ValueError(
            "The 'verifier' parameter of explain_pairs must be a SiameseVerifier or an estimator "
            f"that holds one, got {type(estimator).__name__}."
        )
    return [pair for one in inner for pair in _inner_verifiers(one, X)]


def _explain_verifier(verifier, X, by, n_steps):
    """Return the contributions, references and logits of pairs, of a verifier itself."""
    pairs = verifier._validate(X, reset=False)
    device = find_device(verifier.device)
    tower, head = (on_device(part, device) for part in (verifier.tower_, verifier.head_))

    def by_items(A, B):
        return head(tower(A), tower(B))

    parts = []
    with torch.inference_mode(False), torch.enable_grad():
        for batch in gen_batches(len(pairs), verifier.batch_size):
            A, B = (as_tensor(pairs.items[side], tower[0]) for side in pairs.index[batch].T)
            if by == "component":
                with torch.no_grad():
                    A, B = tower(A), tower(B)
            parts.append(_integrate(head if by == "component" else by_items, A, B, n_steps))
    return [torch.cat(part).double().cpu().numpy() for part in zip(*parts, strict=True)]


def _integrate(function, A, B, n_steps):
    """Contributions of the columns of A and B to a function of both, and its values at both ends.

    Half the difference of both is their one variable, so that its gradient is the sum over
    both sides. It is zero where either is NaN, which stays in place on the whole way.
    """
    half = ((A - B) / 2).nan_to_num()
    left, right = A - half, B + half
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    gradient = torch.zeros_like(half)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        step = (float(node) * half).requires_grad_()
        logit = function(left + step, right - step).sum()
        (partial_gradient,) = torch.autograd.grad(logit, step, allow_unused=True)
        if partial_gradient is None:
            raise ValueError(
                "head passes no gradient on to the embedding, of which explanations are made; "
                "let it detach nothing once its eval() was called."
            )
        gradient += float(weight) * partial_gradient
    with torch.no_grad():
        return half * gradient, function(left, right), function(A, B)
