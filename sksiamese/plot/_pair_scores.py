"""Displays of numbers: the scores of pairs, the map of an embedding."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import check_is_fitted

from .._checks import HasMethods, as_floats, errors_named
from ..metrics._verification import THRESHOLD, as_classes, check_pairs
from ._decisions import accepted_pairs, decisions

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Colours that the colour-blind tell apart, on white and on black."""

MARKERS = "o^sDvP"
"""Shapes of points: each serves all colours in turn."""


class PairScoreDisplay:
    """Scores of matching and of other pairs, and the threshold between them.

    Make one by :meth:`from_estimator` or :meth:`from_predictions`. Both kinds of pair are
    drawn as shares of their own number, so that many non-matching pairs do not hide a few
    matching ones.

    Parameters
    ----------
    match : ndarray of bool of shape (n_pairs,)
        Which pairs match.

    y_score : ndarray of shape (n_pairs,)
        Scores, larger for a match.

    accepted : ndarray of bool of shape (n_pairs,)
        Which pairs are accepted.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``.

    score_name : str, default="score"
        What the score is.

    Attributes
    ----------
    far_ : float
        Share of the non-matching pairs that are accepted, in [0, 1].

    frr_ : float
        Share of the matching pairs that are rejected, in [0, 1].

    bars_ : tuple of two BarContainer
        The histograms of the non-matching and of the matching pairs.

    line_ : Line2D
        The threshold.

    ax_ : Axes
        Where it is drawn.

    figure_ : Figure
        The figure that holds it.

    References
    ----------
    A. Jain, A. Ross, S. Prabhakar, "An introduction to biometric recognition", IEEE
    Transactions on Circuits and Systems for Video Technology, 2004.

    Examples
    --------
    >>> from sksiamese.plot import PairScoreDisplay
    >>> display = PairScoreDisplay.from_predictions([0, 0, 0, 0, 1, 1], [-3, -2, -1, 2, -1, 3])
    >>> display.far_, display.frr_
    (0.25, 0.5)
    """

    def __init__(self, *, match, y_score, accepted, threshold=0.0, score_name="score"):
        self.match = match
        self.y_score = y_score
        self.accepted = accepted
        self.threshold = threshold
        self.score_name = score_name

    @classmethod
    @validate_params(
        {"estimator": [HasMethods("predict")], "threshold": [*THRESHOLD, None]},
        prefer_skip_nested_validation=False,
    )
    def from_estimator(cls, estimator, X, y, *, threshold=None, **kwargs):
        """Score pairs and draw their scores.

        Parameters
        ----------
        estimator : SiameseVerifier or other classifier of two classes
            Fitted classifier of pairs; a match is the second of its ``classes_``.

        X : {array-like, PairView} of shape (n_pairs, 2 * n_features)
            Pairs.

        y : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        threshold : float, default=None
            Least score of an accepted pair. By default ``predict`` says which pairs are
            accepted, and the threshold is 0 for a decision function and 0.5 for a
            probability, or else the least score that ``predict`` accepts, infinite if none.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PairScoreDisplay
            The display, of ``decision_function`` if the estimator has it, else of the
            probability of a match.
        """
        y_score, accepted, threshold, name = decisions(estimator, X, threshold)
        decided = {"accepted": accepted, "threshold": threshold, "score_name": name}
        return cls.from_predictions(y, y_score, **decided, **kwargs)

    @classmethod
    @validate_params(
        {"threshold": THRESHOLD, "score_name": [str]}, prefer_skip_nested_validation=False
    )
    def from_predictions(
        cls, y_true, y_score, *, threshold=0.0, accepted=None, score_name="score", **kwargs
    ):
        """Draw the scores of pairs.

        Parameters
        ----------
        y_true : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        y_score : array-like of shape (n_pairs,)
            Scores, larger for a match.

        threshold : float, default=0.0
            Least score of an accepted pair, in the unit of ``y_score``.

        accepted : array-like of bool of shape (n_pairs,), default=None
            Which pairs are accepted; by default those whose score reaches the threshold.

        score_name : str, default="score"
            What the score is, for the axis.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PairScoreDisplay
            The display.

        Raises
        ------
        ValueError
            If ``y_true`` has not exactly two labels, or another length than ``y_score`` or
            ``accepted``.
        """
        match, y_score = check_pairs(y_true, y_score)
        display = cls(
            match=match == 1,
            y_score=y_score,
            accepted=accepted_pairs(y_score, threshold, accepted),
            threshold=threshold,
            score_name=score_name,
        )
        return display.plot(**kwargs)

    @validate_params(
        {
            "ax": [HasMethods(["hist", "axvline"]), None],
            "hist_kwargs": [dict, None],
            "line_kwargs": [dict, None],
        },
        prefer_skip_nested_validation=True,
    )
    def plot(self, *, ax=None, bins=50, hist_kwargs=None, line_kwargs=None):
        """Draw both histograms and the threshold.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; by default in a new figure.

        bins : int, str or array-like of shape (n_bins + 1,), default=50
            Bins of both histograms, as for :func:`numpy.histogram_bin_edges`.

        hist_kwargs : dict, default=None
            Passed to ``Axes.hist`` for both histograms.

        line_kwargs : dict, default=None
            Passed to ``Axes.axvline`` for the threshold.

        Returns
        -------
        display : PairScoreDisplay
            The display.
        """
        check_matplotlib_support("PairScoreDisplay.plot")
        from matplotlib import pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        edges = np.histogram_bin_edges(self.y_score, bins)
        self.far_ = float(self.accepted[~self.match].mean())
        self.frr_ = float(1 - self.accepted[self.match].mean())
        self.bars_ = tuple(
            ax.hist(
                self.y_score[rows],
                edges,
                **{
                    "weights": np.full(rows.sum(), 1 / rows.sum()),
                    "alpha": 0.6,
                    "label": label,
                    **(hist_kwargs or {}),
                },
            )[2]
            for rows, label in ((~self.match, "not matching"), (self.match, "matching"))
        )
        text = f"threshold {self.threshold:.3g}: FAR {self.far_:.1%}, FRR {self.frr_:.1%}"
        style = {"color": plt.rcParams["axes.labelcolor"], "linestyle": "--", "label": text}
        self.line_ = ax.axvline(self.threshold, **{**style, **(line_kwargs or {})})
        ax.set(xlabel=self.score_name, ylabel="share of the pairs of each kind")
        ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class EmbeddingDisplay:
    """The map of an embedding in two dimensions, with the classes of its points.

    Make one by :meth:`from_estimator` or :meth:`from_embeddings`. Classes differ in colour
    and, from the seventh on, in shape; the colours are told apart by the colour-blind, too.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        The points.

    y : ndarray of shape (n_samples,)
        Their classes, 36 at most.

    axis_name : str, default="component"
        What the two axes are; they are numbered.

    Attributes
    ----------
    scatters_ : list of PathCollection
        The points of each class, in the order of the sorted classes.

    ax_ : Axes
        Where it is drawn.

    figure_ : Figure
        The figure that holds it.

    References
    ----------
    M. Okabe, K. Ito, "Color universal design: how to make figures and presentations that
    are friendly to colorblind people", 2008.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.plot import EmbeddingDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> embedder = SiameseEmbedder(max_iter=3, random_state=0).fit(X[:1000], y[:1000])
    >>> display = EmbeddingDisplay.from_estimator(embedder, X[1000:], y[1000:])
    >>> len(display.scatters_), display.ax_.get_xlabel()
    (10, 'principal component 1')
    """

    def __init__(self, *, points, y, axis_name="component"):
        self.points = points
        self.y = y
        self.axis_name = axis_name

    @classmethod
    @validate_params({"estimator": [HasMethods("transform")]}, prefer_skip_nested_validation=False)
    def from_estimator(cls, estimator, X, y, *, projection=None, **kwargs):
        """Embed rows and draw their map.

        Parameters
        ----------
        estimator : SiameseEmbedder or other transformer
            Fitted transformer.

        X : array-like of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Their classes, 36 at most.

        projection : transformer, default=None
            See :meth:`from_embeddings`.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : EmbeddingDisplay
            The display.
        """
        check_is_fitted(estimator)
        return cls.from_embeddings(estimator.transform(X), y, projection=projection, **kwargs)

    @classmethod
    @validate_params(
        {"projection": [HasMethods("fit_transform"), None]}, prefer_skip_nested_validation=False
    )
    def from_embeddings(cls, Z, y, *, projection=None, **kwargs):
        """Draw the map of embeddings.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Embeddings, two components at least, such as ``transform_items`` of a
            ``SiameseVerifier`` gives.

        y : array-like of shape (n_samples,)
            Their classes, 36 at most.

        projection : transformer, default=None
            What makes two columns of the components, such as ``TSNE(random_state=0)``; a
            clone of it is fitted to Z. By default two components are drawn as they are, and
            of more of them the two principal components.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If Z has fewer than two columns or another length than y, ``projection`` gives
            another number of columns than two, or there are more than 36 classes.
        """
        Z = as_floats(Z, "Z", "give a row of components for each class", ensure_min_features=2)
        y = as_classes(y, "y")
        check_consistent_length(Z, y)
        if projection is None and Z.shape[1] == 2:
            return cls(points=Z, y=y).plot(**kwargs)
        name = "principal component" if projection is None else type(projection).__name__
        projection = PCA(2, random_state=0) if projection is None else clone(projection)
        misfit = errors_named("projection", "fails on Z; choose one that gives two columns")
        with misfit, np.errstate(invalid="ignore", over="ignore"):  # Variances of extremes.
            points = projection.fit_transform(Z)
        if points.shape != (len(Z), 2):
            raise ValueError(
                f"projection must give two columns, but {name} gave an array of shape "
                f"{points.shape}; set its n_components=2."
            )
        if not np.isfinite(points).all():
            raise ValueError("projection gives NaN or infinite values for Z; scale Z beforehand.")
        return cls(points=points, y=y, axis_name=name).plot(**kwargs)

    @validate_params(
        {"ax": [HasMethods(["scatter", "legend"]), None], "scatter_kwargs": [dict, None]},
        prefer_skip_nested_validation=True,
    )
    def plot(self, *, ax=None, scatter_kwargs=None):
        """Draw the points, class by class.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; by default in a new figure.

        scatter_kwargs : dict, default=None
            Passed to ``Axes.scatter`` for every class.

        Returns
        -------
        display : EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If there are more than 36 classes.
        """
        check_matplotlib_support("EmbeddingDisplay.plot")
        from matplotlib import pyplot as plt

        classes = np.unique(self.y)
        if len(classes) > len(PALETTE) * len(MARKERS):
            raise ValueError(
                f"y has {len(classes)} classes, but colours and shapes tell "
                f"{len(PALETTE) * len(MARKERS)} apart; draw the rows of fewer classes."
            )
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.scatters_ = []
        for number, label in enumerate(classes):
            style = {
                "s": 18,
                "alpha": 0.9,
                "linewidths": 0,
                "color": PALETTE[number % len(PALETTE)],
                "marker": MARKERS[number // len(PALETTE)],
                "label": str(label),
                **(scatter_kwargs or {}),
            }
            self.scatters_.append(ax.scatter(*self.points[self.y == label].T, **style))
        ax.set(xlabel=f"{self.axis_name} 1", ylabel=f"{self.axis_name} 2", xticks=[], yticks=[])
        columns = -(-len(classes) // 12)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), ncols=columns, markerscale=1.5)
        self.ax_, self.figure_ = ax, ax.figure
        return self
