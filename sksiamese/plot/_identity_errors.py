"""Display of error rates by identity."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._checks import HasMethods, validate_params
from .._extras import import_extra
from ..metrics import equal_error_rate, error_rate_by_identity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_NAMES = 40
"""Maximum number of identities that are named below their bars."""


class IdentityErrorDisplay:
    """Error rate of each identity, greatest first, compared with one threshold for all.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create a display. Each bar is the
    error rate of one identity with thresholds of its own. The dashed line is their mean, and the
    solid line the error rate of all claims together, with the same threshold for all identities.

    Read more in the :ref:`User Guide <claims>`.

    Parameters
    ----------
    identities : ndarray of shape (n_identities,)
        Identities.

    rates : ndarray of shape (n_identities,)
        Error rate of each identity, in [0, 1].

    overall : float
        Error rate of all claims together, in [0, 1].

    rate_name : str, default="error rate"
        Name of the rate, for the axis label.

    Attributes
    ----------
    bars_ : BarContainer
        Bars of the identities, in descending order of their rates.

    mean_line_, overall_line_ : Line2D
        Lines of the mean of the rates, and of the rate of all claims together.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

    See Also
    --------
    sksiamese.metrics.error_rate_by_identity : Compute the rates.
    sklearn.metrics.DetCurveDisplay : Plot the error rates of all claims at all thresholds.

    Examples
    --------
    >>> from sksiamese.plot import IdentityErrorDisplay
    >>> y_true, y_score = [0, 0, 1, 1, 0, 0, 1, 1], [1, 2, 3, 4, 5, 7, 6, 8]
    >>> display = IdentityErrorDisplay.from_predictions(y_true, y_score, list("aaaabbbb"))
    >>> display.identities.tolist(), display.rates.tolist(), display.overall
    (['a', 'b'], [0.0, 0.5], 0.5)
    """

    def __init__(
        self,
        *,
        identities: np.ndarray,
        rates: np.ndarray,
        overall: float,
        rate_name: str = "error rate",
    ) -> None:
        self.identities = identities
        self.rates = rates
        self.overall = overall
        self.rate_name = rate_name

    @classmethod
    @validate_params(
        {"estimator": [HasMethods("claim_scores")]}, prefer_skip_nested_validation=False
    )
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        claimed: ArrayLike,
        y: ArrayLike,
        *,
        metric: Callable = equal_error_rate,
        **kwargs: Any,
    ) -> Self:
        """Score claims and plot the error rate of each claimed identity.

        Parameters
        ----------
        estimator : ReferenceVerifier
            Fitted estimator with the method ``claim_scores``.

        X : array-like of shape (n_claims, n_features) or list
            Probes, in the format of the estimator.

        claimed : array-like of shape (n_claims,)
            Identity claimed for each probe.

        y : array-like of shape (n_claims,)
            Binary labels of the claims; the greater one means a match.

        metric : callable, default=equal_error_rate
            Function of labels and scores that returns an error rate.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : IdentityErrorDisplay
            The display.
        """
        y_score = estimator.claim_scores(X, claimed)
        return cls.from_predictions(y, y_score, claimed, metric=metric, **kwargs)

    @classmethod
    @validate_params({"metric": [callable]}, prefer_skip_nested_validation=False)
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        identities: ArrayLike,
        *,
        metric: Callable = equal_error_rate,
        **kwargs: Any,
    ) -> Self:
        """Plot the error rate of each identity.

        Parameters
        ----------
        y_true : array-like of shape (n_claims,)
            Binary labels; the greater one means a match.

        y_score : array-like of shape (n_claims,)
            Scores, larger for a match.

        identities : array-like of shape (n_claims,)
            Claimed identity of each score.

        metric : callable, default=equal_error_rate
            Function of ``y_true`` and ``y_score`` that returns an error rate, such as
            ``partial(false_reject_rate, far=0.01)``.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : IdentityErrorDisplay
            The display.

        Raises
        ------
        ValueError
            If an identity lacks matching or non-matching claims, or a label is missing.
        """
        found = error_rate_by_identity(y_true, y_score, identities, metric=metric)
        name = getattr(getattr(metric, "func", metric), "__name__", "error rate").replace("_", " ")
        display = cls(
            identities=found.identities,
            rates=found.rates,
            overall=float(metric(y_true, y_score)),
            rate_name="error rate" if name == "<lambda>" else name,
        )
        return display.plot(**kwargs)

    @validate_params(
        {
            "ax": [HasMethods(["bar", "axhline"]), None],
            "bar_kwargs": [dict, None],
            "line_kwargs": [dict, None],
        },
        prefer_skip_nested_validation=True,
    )
    def plot(
        self,
        *,
        ax: "Axes | None" = None,
        bar_kwargs: dict | None = None,
        line_kwargs: dict | None = None,
    ) -> Self:
        """Plot the bars and both lines.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to plot on. If None, a new figure is created.

        bar_kwargs : dict, default=None
            Passed to ``Axes.bar``.

        line_kwargs : dict, default=None
            Passed to ``Axes.axhline`` for both lines.

        Returns
        -------
        display : IdentityErrorDisplay
            The display.
        """
        plt = import_extra("matplotlib.pyplot", "IdentityErrorDisplay.plot")

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        order = np.argsort(-self.rates, kind="stable")
        position, mean = np.arange(len(order)), self.rates.mean()
        style = {"width": 0.8 if len(order) <= MAX_NAMES else 1.0, "alpha": 0.6}
        self.bars_ = ax.bar(position, self.rates[order], **{**style, **(bar_kwargs or {})})
        color = plt.rcParams["axes.labelcolor"]
        self.mean_line_, self.overall_line_ = (
            ax.axhline(rate, **{"color": color, **line, **(line_kwargs or {})})
            for rate, line in (
                (mean, {"linestyle": "--", "label": f"mean of identities: {mean:.1%}"}),
                (self.overall, {"label": f"one threshold for all: {self.overall:.1%}"}),
            )
        )
        named = len(order) <= MAX_NAMES
        ax.set_xticks(position if named else [], self.identities[order] if named else [])
        ax.tick_params(axis="x", rotation=90 if len(order) > 12 else 0)
        ax.set(xlabel=f"{len(order)} identities", ylabel=self.rate_name, ylim=(0, None))
        ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
