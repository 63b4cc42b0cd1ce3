"""Explanations: contributions of the columns of two items to the logit of a match."""

from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ._checks import HasMethods, Interval, validate_params
from ._data._device import find_device, on_device
from ._data._items import as_tensor
from ._verifier import SiameseVerifier
from ._wrapped import inner_estimators

__all__ = ["Explanation", "explain_pairs"]


class Explanation(NamedTuple):
    """Contributions to the logits of pairs, returned by :func:`explain_pairs`.

    Parameters
    ----------
    contributions : ndarray of float64 of shape (n_pairs, n_features) or \
            (n_pairs, n_components)
        Contribution of each column of the items, or of each component of the embedding, to
        the logit.

    reference : ndarray of float64 of shape (n_pairs,)
        Logit of the pair if both items are replaced by their mean.

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
    def residual(self) -> np.ndarray:
        """Error of the sum rule, the unexplained part of the logits, of shape (n_pairs,)."""
        return self.logit - self.reference - self.contributions.sum(axis=1)


@validate_params(
    {
        "verifier": [HasMethods("predict")],
        "by": [StrOptions({"column", "component"})],
        "n_steps": [Interval(Integral, 1, 1000, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def explain_pairs(
    verifier: Any, X: ArrayLike, *, by: Literal["column", "component"] = "column", n_steps: int = 64
) -> Explanation:
    r"""Compute the contribution of each column of two items to the logit of a match.

    Contributions are integrated gradients along the straight path from (m, m) to the pair
    (x, x'), with the midpoint m of both items. The contribution of a column is the integral of
    the gradient times the difference in this column, summed over both items. Contributions
    satisfy the *sum rule*

    .. math:: \sum_k c_k = \mathrm{logit}(x, x') - \mathrm{logit}(m, m)

    up to the error of the numerical integration, :attr:`Explanation.residual`. A negative
    contribution is evidence against a match. The contribution of a column with equal values is
    zero, and contributions are symmetric in both items.

    Parameters
    ----------
    verifier : SiameseVerifier, or a meta-estimator
        Fitted verifier. It may be the last step of a ``Pipeline``, and nested in a search, a
        ``FrozenEstimator``, ``FixedThresholdClassifier``, ``TunedThresholdClassifierCV`` or
        ``CalibratedClassifierCV``, which do not change logits; see Notes.

    X : {array-like, PairView} of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
        Pairs, in a format supported by ``verifier.predict``.

    by : {"column", "component"}, default="column"
        Whether to attribute the logit to the columns of an item, or to the components of its
        embedding. For components, the path starts at the midpoint of both embeddings, and only
        the head is integrated.

    n_steps : int, default=64
        Number of points of the Gauss-Legendre quadrature, in [1, 1000].

    Returns
    -------
    explanation : Explanation
        Named tuple of ``contributions``, ``reference`` and ``logit``, with the property
        ``residual``.

    Raises
    ------
    ValueError
        If the format of the pairs differs from ``fit``, a parameter is invalid, ``verifier``
        does not contain a ``SiameseVerifier``, or it contains several with contributions that
        cannot be averaged.

    Notes
    -----
    For ``by="component"`` and ``learned_weight=1.0``, any number of steps is exact with the heads
    ``"weighted_l1"``, for which the contribution of component k is
    ``10 * weight[k] * abs(a[k] - b[k])``, and ``"weighted_manhattan"``, and with
    ``"adaptive_distance"`` on the Euclidean distance. Otherwise the residual decreases quickly with
    the number of steps if tower and head are smooth, but only in inverse proportion to it if
    rectified units switch along the path. Check the residual, and increase ``n_steps`` if it is
    too large.

    Pairs are processed in batches of ``batch_size`` of the verifier, because gradients need as
    much memory as a training step. Sparse items are converted to dense batches; contributions
    are dense. A step of a series that is NaN in one of the items has no contribution: the
    lengths of series are constant along the path, so that a difference in length is part of
    ``reference``.

    In a pipeline, columns are the inputs of the verifier, after all other steps. Decisions by a
    threshold and calibrated probabilities are functions of the explained logit. A
    ``CalibratedClassifierCV`` with ``ensemble=True`` contains a verifier for each fold;
    contributions, reference and logit are then averaged. This is not possible for the
    components of several embeddings, nor for columns that each fold transforms differently.

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
            f"verifier contains {len(inner)} verifiers, and the meaning of by={by!r} differs "
            "between them, so that contributions cannot be averaged; calibrate with "
            "ensemble=False, or explain one of [one.estimator for one in "
            "verifier.calibrated_classifiers_]."
        )
    parts = zip(
        *(_explain_verifier(inner_verifier, pairs, by, n_steps) for inner_verifier, pairs in inner),
        strict=True,
    )
    return Explanation(*(np.mean(part, axis=0) for part in parts))


def _inner_verifiers(estimator, X):
    """Return the verifiers in an estimator, each with its input pairs."""
    if isinstance(estimator, SiameseVerifier):
        return [(estimator, X)]
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        return _inner_verifiers(estimator[-1], X)
    inner = inner_estimators(estimator)
    if not inner:
        raise ValueError(
            "The 'verifier' parameter of explain_pairs must be a SiameseVerifier or an estimator "
            f"that contains one, got {type(estimator).__name__}."
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
    """Integrate gradients of a function of A and B; return contributions and both end values.

    The path is parametrized by half the difference of A and B, so that its gradient is the sum
    over both items. The difference is zero if either item is NaN; NaN is constant on the path.
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
                "head passes no gradient to the embedding, which explanations require; do not "
                "detach tensors in evaluation mode."
            )
        gradient += float(weight) * partial_gradient
    with torch.no_grad():
        return half * gradient, function(left, right), function(A, B)
