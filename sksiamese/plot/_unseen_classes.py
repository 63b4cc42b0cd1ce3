"""Display of the performance on unseen classes."""

from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions

from .._checks import HasMethods, validate_params
from .._extras import import_extra
from .._model_selection import METRICS, unseen_class_curve
from .._typing import MatrixLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = {
    "estimator": ("estimator", "-"),
    "standardized": ("plain distance, standardized columns", "--"),
    "unscaled": ("plain distance, rows as they are", ":"),
}
"""Label and style of each line, by its name in the curve."""

METRIC = [StrOptions(set(METRICS))]
"""Constraint of a metric, for ``validate_params``."""

AXES = [HasMethods(["plot", "fill_between"]), None]
"""Constraint of axes, for ``validate_params``."""


class UnseenClassesDisplay:
    """Performance on unseen classes against the number of training classes.

    Create one by :meth:`from_estimator` or :meth:`from_curve`. The estimator and both plain
    distances are drawn as lines of the means over splits, with the confidence interval of the
    estimator as a band. The title is the lead of the estimator over the better plain distance,
    for the largest number of training classes. Its interval is usually narrower than the band,
    as it compares scores of the same split.

    Read more in the :ref:`User Guide <n_identities>`.

    Parameters
    ----------
    curve : Bunch
        Result of :func:`~sksiamese.unseen_class_curve`.

    metric : {"roc_auc", "equal_error_rate", "one_shot_accuracy"}, default="roc_auc"
        Metric to draw.

    Attributes
    ----------
    lines_ : list of Line2D
        Lines of the estimator, of standardized columns and of rows as they are.

    fill_between_ : PolyCollection
        Confidence interval of the estimator.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Plot scores against the number of rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.plot import UnseenClassesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = UnseenClassesDisplay.from_estimator(
    ...     SiameseEmbedder(max_iter=2, random_state=0), X, y, n_classes=[2, 5], n_splits=2,
    ...     random_state=0,
    ... )
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('number of training classes', 'roc auc of unseen classes')
    """

    def __init__(self, *, curve: Bunch, metric: str = "roc_auc") -> None:
        self.curve = curve
        self.metric = metric

    @classmethod
    @validate_params({"metric": METRIC, "ax": AXES}, prefer_skip_nested_validation=False)
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        metric: str = "roc_auc",
        ax: "Axes | None" = None,
        **kwargs: Any,
    ) -> Self:
        """Compute the curve and draw it.

        Parameters
        ----------
        estimator : estimator instance
            Transformer of rows or classifier of pairs. It is cloned and fitted.

        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows of numbers.

        y : array-like of shape (n_samples,)
            Classes.

        metric : {"roc_auc", "equal_error_rate", "one_shot_accuracy"}, default="roc_auc"
            Metric to draw.

        ax : Axes, default=None
            Axes to draw into. By default a new figure is created.

        **kwargs : dict
            Passed to :func:`~sksiamese.unseen_class_curve`.

        Returns
        -------
        display : UnseenClassesDisplay
            The display; ``display.curve`` has the other metrics, too.
        """
        curve = unseen_class_curve(estimator, X, y, **kwargs)
        return cls.from_curve(curve, metric=metric, ax=ax)

    @classmethod
    def from_curve(cls, curve: Bunch, *, metric: str = "roc_auc", **kwargs: Any) -> Self:
        """Draw a curve.

        Parameters
        ----------
        curve : Bunch
            Result of :func:`~sksiamese.unseen_class_curve`.

        metric : {"roc_auc", "equal_error_rate", "one_shot_accuracy"}, default="roc_auc"
            Metric to draw.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : UnseenClassesDisplay
            The display.
        """
        return cls(curve=curve, metric=metric).plot(**kwargs)

    @validate_params(
        {
            "ax": AXES,
            "line_kwargs": [dict, None],
            "fill_between_kwargs": [dict, None],
        },
        prefer_skip_nested_validation=False,
    )
    def plot(
        self,
        *,
        ax: "Axes | None" = None,
        line_kwargs: dict | None = None,
        fill_between_kwargs: dict | None = None,
    ) -> Self:
        """Draw the lines and the band.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw into. By default a new figure is created.

        line_kwargs : dict, default=None
            Passed to ``Axes.plot`` for each line.

        fill_between_kwargs : dict, default=None
            Passed to ``Axes.fill_between`` for the band.

        Returns
        -------
        display : UnseenClassesDisplay
            The display.
        """
        plt = import_extra("matplotlib.pyplot", "UnseenClassesDisplay.plot")
        scores, n_classes = _scores_of(self.curve, self.metric), self.curve.n_classes

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.lines_ = []
        for name, (label, style) in LINES.items():
            options = {"label": label, "linestyle": style, "marker": "o", **(line_kwargs or {})}
            self.lines_ += ax.plot(n_classes, scores[name].mean, **options)
        band = {"alpha": 0.25, "color": self.lines_[0].get_color(), **(fill_between_kwargs or {})}
        self.fill_between_ = ax.fill_between(
            n_classes, scores.estimator.low, scores.estimator.high, **band
        )
        mean, low, high = (float(scores.lead[key][-1]) for key in ("mean", "low", "high"))
        ax.set(
            xlabel="number of training classes",
            ylabel=f"{self.metric.replace('_', ' ')} of unseen classes",
            title=f"lead at {n_classes[-1]} classes: {mean:+.3f} [{low:+.3f}, {high:+.3f}]",
        )
        ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


@validate_params({"curve": [dict], "metric": METRIC}, prefer_skip_nested_validation=True)
def _scores_of(curve, metric):
    """Return the scores of one metric; raise unless the curve has them."""
    if not {"n_classes", metric} <= set(curve):
        raise ValueError("curve must have n_classes and scores; pass that of unseen_class_curve.")
    return curve[metric]
