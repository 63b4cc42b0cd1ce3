"""Display of pairs of images, framed as correct or incorrect."""

from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import StrOptions

from .._checks import HasMethods, Interval, validate_params
from .._extras import import_extra
from ..metrics._verification import THRESHOLD, check_pairs
from ..pairs._layout import flatten_pairs, split_pairs, to_view
from ._decisions import accepted_pairs, pair_decisions
from ._image_grid import GAP, LINE, as_images, draw_caption, draw_frame, draw_image, image_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PairDisplay:
    """Grid of pairs of images with their scores, framed as correct or incorrect.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create a display. Correctly
    classified pairs have a solid blue frame, others a dashed orange frame. The true label and
    the score are printed below each pair.

    Parameters
    ----------
    left : ndarray of shape (n_pairs, height, width) or (n_pairs, height, width, 3)
        Left images, with values in [0, 1].

    right : ndarray of the shape of ``left``
        Right images, with values in [0, 1].

    match : ndarray of bool of shape (n_pairs,)
        Mask of matching pairs.

    y_score : ndarray of shape (n_pairs,)
        Scores, larger for a match.

    accepted : ndarray of bool of shape (n_pairs,)
        Mask of accepted pairs.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``.

    Attributes
    ----------
    frames_ : list of Rectangle
        Frames of the pairs.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import make_pairs
    >>> from sksiamese.plot import PairDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> pairs, match, _ = make_pairs(X, y, n_pairs=100, random_state=0)
    >>> closeness = -((pairs[:, :64] - pairs[:, 64:]) ** 2).sum(axis=1)
    >>> display = PairDisplay.from_predictions(
    ...     pairs, match, closeness, threshold=-1500, image_shape=(8, 8), n_pairs=6
    ... )
    >>> display.left.shape
    (6, 8, 8)
    """

    def __init__(
        self,
        *,
        left: np.ndarray,
        right: np.ndarray,
        match: np.ndarray,
        y_score: np.ndarray,
        accepted: np.ndarray,
        threshold: float = 0.0,
    ) -> None:
        self.left = left
        self.right = right
        self.match = match
        self.y_score = y_score
        self.accepted = accepted
        self.threshold = threshold

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
        image_shape: tuple[int, ...] | None = None,
        threshold: float | None = None,
        **kwargs: Any,
    ) -> Self:
        """Score pairs and plot some of them.

        Parameters
        ----------
        estimator : SiameseVerifier or other binary classifier
            Fitted classifier of pairs.

        X : {array-like, PairView} of shape (n_pairs, 2 * n_features)
            Pairs of flattened images.

        y : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        image_shape : tuple of int, default=None
            Shape of one image, (height, width), (1, height, width) or (3, height, width);
            by default ``input_shape`` of the estimator.

        threshold : float, default=None
            Least score of an accepted pair; by default ``predict`` determines the accepted
            pairs, as in :meth:`PairScoreDisplay.from_estimator`.

        **kwargs : dict
            Passed to :meth:`from_predictions`.

        Returns
        -------
        display : PairDisplay
            Display with the scores of ``decision_function`` if the estimator has it, else with
            the probability of a match.
        """
        if image_shape is None:
            image_shape = getattr(estimator, "input_shape", None)
        y_score, accepted, threshold, _ = pair_decisions(estimator, X, threshold)
        decided = {"accepted": accepted, "threshold": threshold}
        return cls.from_predictions(X, y, y_score, image_shape=image_shape, **decided, **kwargs)

    @classmethod
    @validate_params(
        {
            "threshold": THRESHOLD,
            "n_pairs": [Interval(Integral, 1, None, closed="left")],
            "order": [StrOptions({"given", "worst"})],
        },
        prefer_skip_nested_validation=False,
    )
    def from_predictions(
        cls,
        X: ArrayLike,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        image_shape: tuple[int, ...],
        threshold: float = 0.0,
        accepted: ArrayLike | None = None,
        n_pairs: int = 12,
        order: Literal["given", "worst"] = "worst",
        **kwargs: Any,
    ) -> Self:
        """Plot some of the scored pairs.

        Parameters
        ----------
        X : {array-like, PairView} of shape (n_pairs, 2 * n_features)
            Pairs of flattened images.

        y_true : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        y_score : array-like of shape (n_pairs,)
            Scores, larger for a match.

        image_shape : tuple of int
            Shape of one image, (height, width), (1, height, width) or (3, height, width).

        threshold : float, default=0.0
            Least score of an accepted pair, in the unit of ``y_score``.

        accepted : array-like of bool of shape (n_pairs,), default=None
            Mask of accepted pairs; by default ``y_score >= threshold``.

        n_pairs : int, default=12
            Maximum number of plotted pairs, >= 1.

        order : {"given", "worst"}, default="worst"
            Which pairs are plotted: "given" for the first ones, "worst" for the pairs with
            scores farthest on the wrong side of the threshold, with ties broken by row number.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PairDisplay
            The display.

        Raises
        ------
        ValueError
            If the numbers of pairs, labels and scores differ, ``y_true`` does not have exactly
            two labels, ``image_shape`` is missing or does not match the items, or ``n_pairs``
            is not an integer >= 1.
        """
        match, y_score = check_pairs(y_true, y_score)
        match = match == 1
        accepted = accepted_pairs(y_score, threshold, accepted)
        pairs = to_view(flatten_pairs(X))
        check_consistent_length(pairs, match)
        rows = np.arange(len(match))
        if order == "worst":
            rows = np.argsort(np.where(match, 1, -1) * (y_score - threshold), kind="stable")
        rows = rows[:n_pairs]
        left, right = split_pairs(np.asarray(pairs[rows]))
        images = as_images(np.concatenate([left, right]), image_shape)
        display = cls(
            left=images[: len(rows)],
            right=images[len(rows) :],
            match=match[rows],
            y_score=y_score[rows],
            accepted=accepted[rows],
            threshold=threshold,
        )
        return display.plot(**kwargs)

    @validate_params(
        {
            "ax": [HasMethods("imshow"), None],
            "n_columns": [Interval(Integral, 1, None, closed="left")],
            "imshow_kwargs": [dict, None],
        },
        prefer_skip_nested_validation=True,
    )
    def plot(
        self, *, ax: "Axes | None" = None, n_columns: int = 4, imshow_kwargs: dict | None = None
    ) -> Self:
        """Plot the pairs.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to plot on. If None, a new figure is created.

        n_columns : int, default=4
            Number of pairs in a row, >= 1.

        imshow_kwargs : dict, default=None
            Passed to ``Axes.imshow`` for every image.

        Returns
        -------
        display : PairDisplay
            The display.

        Raises
        ------
        ValueError
            If ``n_columns`` is not an integer >= 1.
        """
        import_extra("matplotlib", "PairDisplay.plot")
        aspect = self.left.shape[2] / self.left.shape[1]
        width, down = 2 * aspect + GAP / 2, 1 + GAP + LINE
        across = width + 2 * GAP
        n_columns = int(n_columns)
        n_rows = -(-len(self.match) // n_columns)
        ax = image_axes(ax, min(n_columns, len(self.match)) * across, n_rows * down)
        self.frames_ = []
        for number, decided_rightly in enumerate(self.accepted == self.match):
            row, column = divmod(number, n_columns)
            left, top = column * across, row * down
            draw_image(ax, self.left[number], left, top, imshow_kwargs)
            draw_image(ax, self.right[number], left + aspect + GAP / 2, top, imshow_kwargs)
            kind = "match" if self.match[number] else "no match"
            draw_caption(ax, f"{kind}: {self.y_score[number]:.3g}", left + width / 2, top)
            self.frames_.append(draw_frame(ax, left, top, width, decided_rightly))
        ax.set_title(f"pairs accepted from {self.threshold:.3g} on", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self
