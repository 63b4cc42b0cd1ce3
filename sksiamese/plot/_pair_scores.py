"""Display of the score distributions of pairs."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._checks import HasMethods, argument_errors, validate_params
from .._extras import import_extra
from ..metrics._verification import THRESHOLD, check_pairs
from ._decisions import accepted_pairs, pair_decisions

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PairScoreDisplay:
    """Histograms of the scores of matching and non-matching pairs, and the threshold.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create a display. Each histogram
    is normalized by the number of pairs of its kind, so that few matching pairs remain visible
    next to many non-matching pairs.

    Parameters
    ----------
    match : ndarray of bool of shape (n_pairs,)
        Mask of matching pairs.

    y_score : ndarray of shape (n_pairs,)
        Scores, larger for a match.

    accepted : ndarray of bool of shape (n_pairs,)
        Mask of accepted pairs.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``.

    score_name : str, default="score"
        Name of the score, for the axis label.

    Attributes
    ----------
    far_ : float
        False-accept rate, in [0, 1].

    frr_ : float
        False-reject rate, in [0, 1].

    bars_ : tuple of two BarContainer
        Histograms of the non-matching and of the matching pairs.

    line_ : Line2D
        Line at the threshold.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

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

    def __init__(
        self,
        *,
        match: np.ndarray,
        y_score: np.ndarray,
        accepted: np.ndarray,
        threshold: float = 0.0,
        score_name: str = "score",
    ) -> None:
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
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        threshold: float | None = None,
        **kwargs: Any,
    ) -> Self:
        """Score pairs and plot the scores.

        Parameters
        ----------
        estimator : SiameseVerifier or other binary classifier
            Fitted classifier of pairs; a match is the second of its ``classes_``.

        X : {array-like, PairView} of shape (n_pairs, 2 * n_features)
            Pairs.

        y : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        threshold : float, default=None
            Least score of an accepted pair. By default ``predict`` determines the accepted
            pairs. The threshold is then 0 for a decision function and 0.5 for a probability
            or, if ``predict`` disagrees with it, the least accepted score, infinite if no pair
            is accepted.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PairScoreDisplay
            Display of ``decision_function`` if the estimator has it, else of the probability
            of a match.
        """
        y_score, accepted, threshold, name = pair_decisions(estimator, X, threshold)
        decided = {"accepted": accepted, "threshold": threshold, "score_name": name}
        return cls.from_predictions(y, y_score, **decided, **kwargs)

    @classmethod
    @validate_params(
        {"threshold": THRESHOLD, "score_name": [str]}, prefer_skip_nested_validation=False
    )
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        threshold: float = 0.0,
        accepted: ArrayLike | None = None,
        score_name: str = "score",
        **kwargs: Any,
    ) -> Self:
        """Plot the scores of pairs.

        Parameters
        ----------
        y_true : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        y_score : array-like of shape (n_pairs,)
            Scores, larger for a match.

        threshold : float, default=0.0
            Least score of an accepted pair, in the unit of ``y_score``.

        accepted : array-like of bool of shape (n_pairs,), default=None
            Mask of accepted pairs; by default ``y_score >= threshold``.

        score_name : str, default="score"
            Name of the score, for the axis label.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PairScoreDisplay
            The display.

        Raises
        ------
        ValueError
            If ``y_true`` does not have exactly two labels, or the lengths of ``y_true``,
            ``y_score`` and ``accepted`` differ.
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
    def plot(
        self,
        *,
        ax: "Axes | None" = None,
        bins: ArrayLike = 50,
        hist_kwargs: dict | None = None,
        line_kwargs: dict | None = None,
    ) -> Self:
        """Plot both histograms and the threshold.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to plot on. If None, a new figure is created.

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
        plt = import_extra("matplotlib.pyplot", "PairScoreDisplay.plot")

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        with argument_errors("bins", "must be as for numpy.histogram_bin_edges, such as 50"):
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
