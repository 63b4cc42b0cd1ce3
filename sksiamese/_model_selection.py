"""Estimate performance on unseen classes from the training classes."""

from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from scipy.stats import t as student_t
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import ShuffleSplit
from sklearn.preprocessing import StandardScaler
from sklearn.utils import (
    Bunch,
    _safe_indexing,
    check_consistent_length,
    check_random_state,
    gen_batches,
)
from sklearn.utils._chunking import get_chunk_n_rows
from sklearn.utils._response import _get_response_values_binary
from sklearn.utils.parallel import Parallel, delayed

from ._checks import HasMethods, Interval, as_floats, is_table, validate_params
from ._parameters import check_count
from ._typing import MatrixLike, RandomStateLike
from .metrics import equal_error_rate
from .metrics._identification import draw_episode, share_correct
from .metrics._verification import as_classes
from .pairs import make_pairs
from .pairs._items import as_items, flatten_rows
from .pairs._view import PairView

METRICS = ("roc_auc", "equal_error_rate", "one_shot_accuracy")
"""Names of the metrics."""

COMPARED = ("estimator", "standardized", "unscaled")
"""Names of the estimator and of both plain distances."""

RESPONSES = ["decision_function", "predict_proba"]
"""Methods that score pairs, in order of preference."""

N_EPISODES = 600
"""Number of one-shot episodes per split."""


@validate_params(
    {
        "estimator": [HasMethods("fit")],
        "n_classes": ["array-like", Interval(Integral, 2, None, closed="left"), None],
        "test_size": [
            Interval(Real, 0, 1, closed="neither"),
            Interval(Integral, 2, None, closed="left"),
        ],
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "n_pairs": [Interval(Integral, 2, None, closed="left")],
        "n_way": [Interval(Integral, 2, None, closed="left"), None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
def unseen_class_curve(
    estimator: Any,
    X: MatrixLike,
    y: ArrayLike,
    *,
    n_classes: ArrayLike | None = None,
    test_size: float = 0.25,
    n_splits: int = 10,
    n_pairs: int = 3000,
    n_way: int | None = None,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: RandomStateLike = None,
) -> Any:
    """Compute the performance on unseen classes against the number of training classes.

    Each split holds out classes at random. A clone of the estimator is fitted on some of the
    other classes, and evaluated on the held-out classes, which are unseen. The same pairs of
    unseen rows are evaluated with two plain distances, which need no training: the Euclidean
    distance of rows with columns standardized by the training rows, and of rows as they are.
    Train a model only if it is better than both.

    Read more in the :ref:`User Guide <n_identities>`.

    Parameters
    ----------
    estimator : estimator instance
        A transformer of rows that is fitted with classes, such as a
        :class:`~sksiamese.SiameseEmbedder`, evaluated by the Euclidean distance of its
        embeddings; or, without ``transform``, a classifier of pairs, such as a
        :class:`~sksiamese.SiameseVerifier`, evaluated by its ``decision_function`` or
        ``predict_proba``. It is not modified. For a :class:`~sksiamese.SiameseIdentifier`, pass
        its embedder.

    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Rows of numbers, without missing values.

    y : array-like of shape (n_samples,)
        Classes, of at least two rows each. At least five classes are required by default, and
        four with ``test_size=2``.

    n_classes : int or array-like of int, default=None
        Numbers of training classes, at least 2 each. They are sorted, and duplicates are removed.
        Within a split, the classes of a smaller number are among the classes of a larger one.
        By default, up to five numbers from 2 to all classes that are not held out, evenly spaced
        on a logarithmic scale.

    test_size : float or int, default=0.25
        Unseen classes of each split: their proportion in (0, 1), or their number, >= 2.

    n_splits : int, default=10
        Number of random splits of the classes, >= 2.

    n_pairs : int, default=3000
        Maximum number of pairs of unseen rows per split, and of training pairs for a classifier
        of pairs, >= 2. Half of them match.

    n_way : int, default=None
        Number of classes of a one-shot episode, >= 2. By default 5, or all unseen classes if
        there are fewer.

    confidence_level : float, default=0.95
        Confidence level of the intervals, in (0, 1).

    n_jobs : int, default=None
        Number of fits in parallel, as in scikit-learn.

    random_state : int, RandomState instance or None, default=None
        Controls the splits, pairs and episodes. Pass an int for reproducible output across
        multiple function calls, and set ``random_state`` of the estimator, too.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        n_classes : ndarray of int of shape (n_ticks,)
            Numbers of training classes, in ascending order.
        n_unseen : int
            Number of unseen classes of each split.
        n_way : int
            Number of classes of a one-shot episode.
        roc_auc : Bunch
            Area under the ROC curve of pairs of unseen rows, in [0, 1].
        equal_error_rate : Bunch
            Equal error rate of the same pairs, in [0, 1]; lower is better.
        one_shot_accuracy : Bunch
            Accuracy of the most similar of ``n_way`` examples, one of each class, in [0, 1].

        Each metric has the attributes ``estimator``, ``standardized``, ``unscaled``, the two
        plain distances, and ``lead``: the difference between the estimator and the better plain
        distance of the same split, positive if the estimator is better. Each of these is a Bunch
        of ``scores``, an ndarray of shape (n_ticks, n_splits), and their ``mean`` and confidence
        interval from ``low`` to ``high``, ndarrays of shape (n_ticks,).

    Raises
    ------
    ValueError
        If there are too few classes, a class has a single row, or X is not numeric.

    See Also
    --------
    sksiamese.plot.UnseenClassesDisplay : Plot the curve.
    sklearn.model_selection.learning_curve : Vary the number of rows instead.

    Notes
    -----
    Splits share classes, so that their scores are correlated, and the interval of independent
    scores would be too narrow. The intervals here are Student's t intervals with the corrected
    variance of [1]_: ``1 / n_splits + n_unseen / n_other`` times the variance of the scores, in
    which ``n_other`` is the number of classes that are not held out. The correction is a
    heuristic, and more splits cannot make the interval narrower than the second term; more
    classes can. The interval covers the draw of the training classes and of the unseen classes.
    Its limits may lie outside the range of the metric.

    The curve ends at the number of classes that are not held out. Do not extrapolate: a curve
    that rises up to its end shows that more classes help, but not how many are enough.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine Learning
       52, 2003.

    Examples
    --------
    Two or five digits are too few to learn features of other digits. The default, which also
    compares principal components, is about as good as the better plain distance:

    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder, unseen_class_curve
    >>> X, y = load_digits(return_X_y=True)
    >>> curve = unseen_class_curve(
    ...     SiameseEmbedder(max_iter=5, random_state=0), X, y, n_classes=[2, 5], test_size=5,
    ...     n_splits=3, random_state=2,
    ... )
    >>> curve.roc_auc.unscaled.mean.round(2).tolist()
    [0.87, 0.87]
    >>> curve.roc_auc.lead.mean.round(2).tolist()
    [-0.01, -0.01]
    """
    X, values, labels = _check_rows(X, y)
    classes, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if sizes.min() == 1:
        single = classes[sizes == 1]
        raise ValueError(
            f"y has {len(single)} classes with a single row, such as {single[:5].tolist()}, but "
            "matching pairs need two; leave their rows out."
        )
    rng = check_random_state(random_state)
    splits = _split_classes(len(classes), test_size, n_splits, rng)
    n_other, n_unseen = map(len, splits[0])
    n_classes, n_way = _check_sizes(n_classes, n_way, n_other, n_unseen)
    data = estimator, X, values, labels, codes, n_pairs, n_way
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_splits)
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_score_split)(*data, other[:n], unseen, seed)
        for n in n_classes
        for (other, unseen), seed in zip(splits, seeds, strict=True)
    )
    scores = np.reshape(scores, (len(n_classes), n_splits, len(COMPARED), len(METRICS)))
    interval = partial(_with_interval, ratio=n_unseen / n_other, level=confidence_level)
    metrics = {
        metric: _compare(
            metric, dict(zip(COMPARED, np.moveaxis(part, 2, 0), strict=True)), interval
        )
        for metric, part in zip(METRICS, np.moveaxis(scores, 3, 0), strict=True)
    }
    return Bunch(n_classes=n_classes, n_unseen=n_unseen, n_way=n_way, **metrics)


def _check_rows(X, y):
    """Return validated rows for the estimator, the same rows as flat floats, and labels."""
    X, labels = as_items(X, "X"), as_classes(y, "y")
    X = X if is_table(X) or issparse(X) else np.asarray(X)
    check_consistent_length(X, labels)
    remedy = "encode them as numbers, which the plain distances need"
    return X, as_floats(flatten_rows(X), "X", remedy, accept_sparse="csr"), labels


def _split_classes(n_classes, test_size, n_splits, rng):
    """Return the other and the unseen classes of each split, both in random order."""
    if n_classes < 4:
        raise ValueError(
            f"y has {n_classes} classes, but at least 4 are required, two to train on and two "
            "unseen ones; add classes."
        )
    splitter = ShuffleSplit(n_splits, test_size=test_size, random_state=rng)
    splits = list(splitter.split(np.empty((n_classes, 1))))
    n_other, n_unseen = map(len, splits[0])
    if min(n_other, n_unseen) < 2:
        raise ValueError(
            f"test_size={test_size} holds out {n_unseen} of the {n_classes} classes of y, but two "
            "unseen and two other classes are required; change test_size, or pass more classes."
        )
    return splits


def _check_sizes(n_classes, n_way, n_other, n_unseen):
    """Return the numbers of training classes, and the number of classes of an episode."""
    if n_classes is None:
        n_classes = np.geomspace(2, n_other, 5).round().astype(int)
    n_classes = [check_count("each of n_classes", n, 2) for n in np.ravel(n_classes)]
    if not n_classes or max(n_classes) > n_other:
        raise ValueError(
            f"n_classes must hold numbers from 2 to {n_other}, the classes that test_size leaves, "
            f"got {n_classes}; lower n_classes or test_size."
        )
    n_way = min(5, n_unseen) if n_way is None else n_way
    if n_way > n_unseen:
        raise ValueError(f"n_way={n_way} is more than the {n_unseen} unseen classes; lower it.")
    return np.unique(n_classes), n_way


def _score_split(estimator, X, values, labels, codes, n_pairs, n_way, known, unseen, seed):
    """Return the metrics of the estimator and of the plain distances for one split.

    Parameters
    ----------
    estimator : estimator instance
        Estimator to clone and fit.

    X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, ...)
        Rows.

    values : {ndarray, CSR matrix} of shape (n_samples, n_features)
        The same rows as floats.

    labels, codes : ndarray of shape (n_samples,)
        Classes, and their numbers.

    n_pairs, n_way : int
        Maximum number of pairs, and number of classes of an episode.

    known, unseen : ndarray of int
        Numbers of the training classes and of the unseen classes.

    seed : int
        Seed of pairs and episodes.

    Returns
    -------
    scores : list of list of float of shape (len(COMPARED), len(METRICS))
        Metrics.
    """
    train, test = (np.flatnonzero(np.isin(codes, part)) for part in (known, unseen))
    pairs, match = _draw_pairs(values[test], codes[test], n_pairs, seed)
    episodes = _draw_episodes(codes[test], n_way, seed)
    scaler = StandardScaler(with_mean=False).fit(values[train])  # Distances do not need the mean.
    X_train, X_test = _safe_indexing(X, train), _safe_indexing(X, test)
    if hasattr(estimator, "transform"):
        model = clone(estimator).fit(X_train, labels[train])
        Z = as_floats(
            model.transform(X_test), "transform(X)", "return numbers", accept_sparse="csr"
        )
        similarity = partial(_negative_distances, Z)
    else:
        model = clone(estimator).fit(*_draw_pairs(X_train, codes[train], n_pairs, seed))
        similarity = partial(_pair_scores, model, X_test)
    similarities = (
        similarity,
        partial(_negative_distances, scaler.transform(values[test])),
        partial(_negative_distances, values[test]),
    )
    return [_evaluate(one, pairs.index, match, episodes) for one in similarities]


def _draw_pairs(X, codes, n_pairs, seed):
    """Return pairs as a view, as many matching as other ones, and whether they match."""
    sizes = np.unique(codes, return_counts=True)[1]
    n_matching = (sizes * (sizes - 1)).sum() // 2
    n_other = (len(codes) ** 2 - (sizes**2).sum()) // 2
    n_pairs = int(min(n_pairs, 2 * n_matching, 2 * n_other))
    return make_pairs(X, codes, n_pairs=n_pairs, as_view=True, random_state=seed)[:2]


def _draw_episodes(codes, n_way, seed):
    """Return the pairs of queries and examples, of shape (n_episodes, n_way, n_way, 2)."""
    rng = np.random.RandomState(seed)
    groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    rows = np.stack([draw_episode(groups, n_way, 1, rng) for _ in range(N_EPISODES)])
    query, example = np.broadcast_arrays(rows[:, :, None, 0], rows[:, None, :, 1])
    return np.stack([query, example], axis=-1)


def _negative_distances(Z, index):
    """Return the negative Euclidean distances of pairs of rows, given by their numbers."""
    batches = gen_batches(len(index), get_chunk_n_rows(24 * Z.shape[1], max_n_rows=len(index)))
    sides = ((Z[index[batch, 0]], Z[index[batch, 1]]) for batch in batches)
    return -np.concatenate([paired_euclidean_distances(left, right) for left, right in sides])


def _pair_scores(model, items, index):
    """Return the scores of a classifier for pairs of items, given by their numbers."""
    return _get_response_values_binary(model, PairView(items, index), RESPONSES)[0]


def _evaluate(similarity, index, match, episodes):
    """Return the metrics of a function that scores pairs, in the order of ``METRICS``."""
    y_score = similarity(index)
    by_example = similarity(episodes.reshape(-1, 2)).reshape(episodes.shape[:-1])
    accuracy = share_correct(-by_example).mean()
    return [roc_auc_score(match, y_score), equal_error_rate(match, y_score), accuracy]


def _compare(metric, scores, interval):
    """Return the scores of all compared, and the lead over the better plain distance."""
    sign = -1 if metric == "equal_error_rate" else 1
    plain = np.maximum(sign * scores["standardized"], sign * scores["unscaled"])
    scores = scores | {"lead": sign * scores["estimator"] - plain}
    return Bunch(**{name: interval(part) for name, part in scores.items()})


def _with_interval(scores, *, ratio, level):
    """Return scores of shape (n_ticks, n_splits) with their mean and confidence interval."""
    n_splits = scores.shape[1]
    mean, variance = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    margin = student_t.ppf((1 + level) / 2, n_splits - 1)
    margin *= np.sqrt(variance * (1 / n_splits + ratio))
    return Bunch(scores=scores, mean=mean, low=mean - margin, high=mean + margin)
