"""Display of the training history."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._checks import argument_errors
from .._extras import import_extra
from .._wrapped import inner_estimators

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("loss", "positive_distance", "negative_distance", "spread", "active")
"""Plotted entries of a history."""


class HistoryDisplay:
    """Training history: loss, mean distances and proportion of active pairs by epoch.

    Use :meth:`from_estimator` to create a display.

    Parameters
    ----------
    history : dict of array-like of shape (n_epochs,)
        ``history_`` of a fitted estimator.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (3,)
        Axes of the three panels.

    figure_ : Figure
        Figure of the panels.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.plot import HistoryDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> embedder = SiameseEmbedder(max_iter=3, random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(embedder)
    >>> [ax.get_title() for ax in display.axes_]
    ['loss', 'mean distance', 'active pairs']
    """

    def __init__(self, *, history: dict) -> None:
        self.history = history

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, axes: "Sequence[Axes] | np.ndarray | None" = None
    ) -> Self:
        """Plot the training history of a fitted estimator.

        Parameters
        ----------
        estimator : SiameseEmbedder, SiameseVerifier, or a meta-estimator
            Fitted estimator. It may be nested in a ``Pipeline``, a ``SiameseIdentifier``, a
            search, a ``FrozenEstimator``, or a classifier with a tuned threshold or calibration.

        axes : array-like of Axes of shape (3,), default=None
            Axes of the three panels. If None, a new figure is created.

        Returns
        -------
        display : HistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If ``estimator`` does not contain exactly one trained estimator.
        """
        with argument_errors("estimator", "must be a fitted estimator"):
            check_is_fitted(estimator)
        trained = _trained_estimators(estimator)
        if len(trained) != 1:
            names = ", ".join(type(one).__name__ for one in trained) or "none"
            raise ValueError(
                "estimator must be or contain one SiameseEmbedder or SiameseVerifier, but "
                f"{type(estimator).__name__} contains {names}; pass one of the steps of a "
                "pipeline, or use HistoryDisplay(history=one.history_).plot()."
            )
        return cls(history=trained[0].history_).plot(axes=axes)

    def plot(self, *, axes: "Sequence[Axes] | np.ndarray | None" = None) -> Self:
        """Plot the three panels.

        Parameters
        ----------
        axes : array-like of Axes of shape (3,), default=None
            Axes of the three panels. If None, a new figure is created.

        Returns
        -------
        display : HistoryDisplay
            The display.

        Raises
        ------
        ValueError
            If there are not three axes, or ``history`` lacks a plotted entry.
        """
        plt = import_extra("matplotlib.pyplot", "HistoryDisplay.plot")
        if not isinstance(self.history, dict) or not set(LINES) <= set(self.history):
            raise ValueError(
                f"history must have the entries {', '.join(LINES)}; pass the history_ of a fitted "
                "estimator."
            )
        if axes is None:
            _, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
        axes = np.ravel(axes)
        if len(axes) != 3 or not all(hasattr(ax, "plot") for ax in axes):
            raise ValueError(
                f"axes must be three Axes, for loss, distances and pairs, got {len(axes)} of type "
                f"{type(axes[0]).__name__ if len(axes) else None}; pass plt.subplots(1, 3)[1]."
            )
        epochs = np.arange(1, len(self.history["loss"]) + 1)
        panels = {
            "loss": {"loss": "loss"},
            "mean distance": {
                "matching": "positive_distance",
                "not matching": "negative_distance",
                "any": "spread",
            },
            "active pairs": {"share that moves the embedding": "active"},
        }
        for ax, (title, lines) in zip(axes, panels.items(), strict=True):
            for label, name in lines.items():
                ax.plot(epochs, self.history[name], label=label)
            ax.set(title=title, xlabel="epoch", ylim=(0, None))
        axes[1].set(ylim=(0, 1.2 * axes[1].dataLim.ymax))
        axes[1].legend(loc="upper center", ncols=3, fontsize="small")
        axes[2].set(ylim=(0, 1.05))
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


def _trained_estimators(estimator):
    """Return the trained estimators in an estimator, including itself."""
    inner = inner_estimators(estimator)
    if not inner and hasattr(estimator, "history_"):
        return [estimator]
    return list({id(found): found for one in inner for found in _trained_estimators(one)}.values())
