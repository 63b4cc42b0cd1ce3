"""Metrics of identification among enrolled classes, open-set and few-shot."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state

from .._checks import HasMethods, Interval, as_floats, validate_params
from .._labels import to_common_dtype
from .._typing import RandomStateLike
from ._ranking import exact_distances
from ._verification import RATE, as_classes, max_n_accepted


@validate_params({"far": RATE}, prefer_skip_nested_validation=True)
def detection_identification_rate(
    y_true: ArrayLike, y_score: ArrayLike, *, labels: ArrayLike, far: float = 0.01
) -> float:
    """Compute the detection and identification rate at a false-accept rate (DIR at FAR).

    The rate, of rank 1, is the proportion of rows of enrolled classes that are accepted and
    correctly identified. A row is identified as the class with the greatest score and accepted
    if that score reaches a threshold. If several classes share the greatest score, the row
    counts as the fraction of them that are correct. The threshold is the least one that
    accepts at most ``far`` of the rows of classes never enrolled. For a summary over all
    thresholds use ``roc_auc_score(np.isin(y_true, labels), y_score.max(axis=1))``.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels; rows with a label that is not in ``labels`` are of classes never enrolled.

    y_score : array-like of shape (n_samples, n_classes)
        Scores, larger for a match; negate distances.

    labels : array-like of shape (n_classes,)
        Enrolled classes, in the order of the columns of ``y_score``.

    far : float, default=0.01
        Largest tolerated proportion of accepted rows of classes never enrolled, in [0, 1].

    Returns
    -------
    rate : float
        Detection and identification rate, in [0, 1].

    Raises
    ------
    ValueError
        If the shapes are inconsistent, ``far`` is not in [0, 1], ``labels`` has duplicates, a
        label is missing, or there are no rows of enrolled classes or no others.

    References
    ----------
    P. J. Phillips, P. Grother, R. Micheals, "Evaluation methods in face recognition",
    Handbook of Face Recognition, Springer 2011.

    Examples
    --------
    >>> from sksiamese.metrics import detection_identification_rate
    >>> scores = [[-1, -5], [-4, -2], [-3, -9], [-7, -8], [-2.5, -6]]
    >>> detection_identification_rate(
    ...     ["a", "b", "b", "c", "c"], scores, labels=["a", "b"], far=0.5
    ... )
    0.6666666666666666
    """
    labels = as_classes(labels, "labels")
    y_true, labels = to_common_dtype(as_classes(y_true), labels, "y_true", "labels")
    if len(np.unique(labels)) < len(labels):
        raise ValueError("labels has a class twice; give each enrolled class once.")
    remedy = "give a column of scores for each enrolled class"
    y_score = as_floats(y_score, "y_score", remedy, ensure_2d=False, allow_nd=True)
    check_consistent_length(y_true, y_score)
    if y_score.shape[1:] != labels.shape:
        raise ValueError(
            f"y_score has shape {y_score.shape}, but there are {len(labels)} labels; give a column "
            "of scores for each, for a SiameseIdentifier -class_distances(X)."
        )
    is_enrolled = np.isin(y_true, labels)
    if is_enrolled.all() or not is_enrolled.any():
        kind = "of enrolled classes" if is_enrolled.all() else "never enrolled"
        raise ValueError(f"y_true has rows {kind} only; both kinds are required.")
    best = y_score.max(axis=1)
    impostor_scores = np.sort(best[~is_enrolled])[::-1]
    n_accepted = max_n_accepted(far, len(impostor_scores))
    highest_rejected = impostor_scores[n_accepted] if n_accepted < len(impostor_scores) else -np.inf
    is_best = y_score == best[:, None]
    share_correct = (is_best & (labels == y_true[:, None])).sum(axis=1) / is_best.sum(axis=1)
    return float((share_correct * (best > highest_rejected))[is_enrolled].mean())


@validate_params(
    {
        "n_way": [Interval(Integral, 2, None, closed="left")],
        "k_shot": [Interval(Integral, 1, None, closed="left")],
        "n_episodes": [Interval(Integral, 1, None, closed="left")],
        "metric": [str, callable],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
def few_shot_accuracy(
    y_true: ArrayLike,
    Z: ArrayLike,
    *,
    n_way: int = 5,
    k_shot: int = 1,
    n_episodes: int = 600,
    metric: str | Callable = "euclidean",
    random_state: RandomStateLike = None,
) -> float:
    """Compute the accuracy of classification from a few examples (N-way k-shot).

    Each episode draws ``n_way`` classes, and ``k_shot`` examples and one query from each class.
    A query is assigned to the class with the nearest mean example. If several are equally near,
    the query counts as the fraction of them that are correct.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.

    Z : array-like of shape (n_samples, n_components)
        Embeddings.

    n_way : int, default=5
        Number of classes in an episode, >= 2.

    k_shot : int, default=1
        Number of examples of each class, >= 1. Classes with at most ``k_shot`` rows are ignored.

    n_episodes : int, default=600
        Number of episodes, >= 1.

    metric : str or callable, default="euclidean"
        Any metric of ``sklearn.metrics.pairwise_distances``.

    random_state : int, RandomState instance or None, default=None
        Controls the random sampling of episodes. Pass an int for reproducible output across
        multiple function calls.

    Returns
    -------
    accuracy : float
        Mean over all queries, in [0, 1]; the chance level is ``1 / n_way``.

    Raises
    ------
    ValueError
        If a number is not an integer or too small, a label is missing, fewer than ``n_way``
        classes have more than ``k_shot`` rows, or the metric is unknown or returns NaN.

    References
    ----------
    O. Vinyals, C. Blundell, T. Lillicrap, K. Kavukcuoglu, D. Wierstra, "Matching networks
    for one shot learning", NeurIPS 2016; means of examples: J. Snell, K. Swersky, R. Zemel,
    "Prototypical networks for few-shot learning", NeurIPS 2017.

    Examples
    --------
    >>> from sksiamese.metrics import few_shot_accuracy
    >>> Z = [[0.0], [1.0], [5.0], [6.0], [9.0], [9.5]]
    >>> few_shot_accuracy([0, 0, 1, 1, 2, 2], Z, n_way=2, random_state=0)
    1.0
    """
    codes = np.unique(as_classes(y_true), return_inverse=True)[1]
    Z = as_floats(Z, "Z", "give one row of components for each label")
    if isinstance(metric, str) and metric == "precomputed":
        raise ValueError(
            "metric='precomputed' is not supported, as few-shot accuracy needs distances to means "
            "of examples; choose another metric."
        )
    check_consistent_length(codes, Z)
    order, count = np.argsort(codes, kind="stable"), np.bincount(codes)
    groups = np.split(order, count.cumsum()[:-1])
    groups = [rows for rows in groups if len(rows) > k_shot]
    if len(groups) < n_way:
        raise ValueError(
            f"n_way={n_way} classes of {k_shot + 1} rows are required, but y_true has "
            f"{len(groups)}; lower n_way or k_shot."
        )
    rng = check_random_state(random_state)
    accuracies = [_episode(Z, groups, n_way, k_shot, metric, rng).mean() for _ in range(n_episodes)]
    return float(np.mean(accuracies))


@validate_params({"estimator": [HasMethods("transform")]}, prefer_skip_nested_validation=False)
def few_shot_score(estimator: Any, X: ArrayLike, y: ArrayLike, **options: Any) -> float:
    """Score an embedder by few-shot accuracy, for use as ``scoring``.

    The rows should be of classes that the embedder was not trained on: cross-validate with
    ``GroupKFold`` and the classes as groups. Set options with ``functools.partial``.

    Parameters
    ----------
    estimator : transformer
        Fitted embedder.

    X : array-like of shape (n_samples, n_features)
        Rows.

    y : array-like of shape (n_samples,)
        Labels.

    **options : dict
        Parameters of :func:`few_shot_accuracy`.

    Returns
    -------
    accuracy : float
        Few-shot accuracy, in [0, 1].

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.metrics import few_shot_score
    >>> X, y = load_digits(return_X_y=True)
    >>> scores = cross_val_score(
    ...     SiameseEmbedder(max_iter=2, random_state=0), X, y, groups=y, cv=GroupKFold(2),
    ...     scoring=partial(few_shot_score, n_way=2, k_shot=5, random_state=0),
    ... )
    >>> print(f"lower accuracy of both splits: {scores.min():.1f}")
    lower accuracy of both splits: 0.9
    """
    return few_shot_accuracy(y, estimator.transform(X), **options)


def draw_episode(groups, n_way, k_shot, rng):
    """Return rows of random classes, of shape (n_way, 1 + k_shot): a query, then examples."""
    classes = rng.choice(len(groups), n_way, replace=False)
    return np.stack([rng.choice(groups[code], k_shot + 1, replace=False) for code in classes])


def share_correct(D):
    """Return the accuracy of each query, in [0, 1], by its distances to the classes of an episode.

    Episodes may have leading axes. The correct class of a query has its number.
    """
    is_nearest = D.min(axis=-1, keepdims=True) == D
    return np.diagonal(is_nearest, axis1=-2, axis2=-1) / is_nearest.sum(axis=-1)


def _episode(Z, groups, n_way, k_shot, metric, rng):
    """Return the accuracy of each query of a random episode, in [0, 1]."""
    rows = draw_episode(groups, n_way, k_shot, rng)
    return share_correct(exact_distances(Z[rows[:, 0]], Z[rows[:, 1:]].mean(axis=1), metric))
