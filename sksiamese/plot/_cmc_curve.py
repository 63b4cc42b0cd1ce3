"""Display of the cumulative match characteristic: recall over the number of neighbors."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._checks import HasMethods, validate_params
from .._extras import import_extra
from ..metrics import cmc_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CmcCurveDisplay:
    """Cumulative match characteristic (CMC): recall at k over the number k of neighbors.

    Use :meth:`from_estimator` or :meth:`from_embeddings` to create a display. Pass ``ax`` and
    ``name`` to compare several embeddings.

    Read more in the :ref:`User Guide <retrieval>`.

    Parameters
    ----------
    recall : ndarray of shape (k,)
        Recall at 1, 2, ..., k, in [0, 1].

    name : str, default=None
        Name of the curve, for the legend.

    Attributes
    ----------
    line_ : Line2D
        Curve.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

    See Also
    --------
    sksiamese.metrics.cmc_curve : Compute the curve.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.plot import CmcCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> embedder = SiameseEmbedder(2, max_iter=3, random_state=0).fit(X[y < 5], y[y < 5])
    >>> display = CmcCurveDisplay.from_estimator(embedder, X[y >= 5], y[y >= 5], k=3)
    >>> display.recall.round(2).tolist()
    [0.44, 0.61, 0.74]
    """

    def __init__(self, *, recall: np.ndarray, name: str | None = None) -> None:
        self.recall = recall
        self.name = name

    @classmethod
    @validate_params({"estimator": [HasMethods("transform")]}, prefer_skip_nested_validation=False)
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        X_gallery: ArrayLike | None = None,
        y_gallery: ArrayLike | None = None,
        **kwargs: Any,
    ) -> Self:
        """Embed rows and plot the curve.

        Parameters
        ----------
        estimator : SiameseEmbedder or other transformer
            Fitted transformer.

        X : array-like of shape (n_samples, n_features)
            Queries.

        y : array-like of shape (n_samples,)
            Class of each query.

        X_gallery : array-like of shape (n_gallery, n_features), default=None
            Gallery to search. By default every query is searched for among the others.

        y_gallery : array-like of shape (n_gallery,), default=None
            Class of each row of the gallery.

        **kwargs : dict
            Passed to :meth:`from_embeddings`.

        Returns
        -------
        display : CmcCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If only one of ``X_gallery`` and ``y_gallery`` is given.
        """
        check_is_fitted(estimator)
        if (X_gallery is None) != (y_gallery is None):
            raise ValueError("X_gallery and y_gallery belong together; pass both, or none.")
        Z_gallery = None if X_gallery is None else estimator.transform(X_gallery)
        gallery = {"Z_gallery": Z_gallery, "y_gallery": y_gallery}
        return cls.from_embeddings(estimator.transform(X), y, **gallery, **kwargs)

    @classmethod
    @validate_params({"name": [str, None]}, prefer_skip_nested_validation=False)
    def from_embeddings(
        cls,
        Z: ArrayLike,
        y: ArrayLike,
        *,
        Z_gallery: ArrayLike | None = None,
        y_gallery: ArrayLike | None = None,
        k: int = 10,
        exclude_self: bool | None = None,
        average: Literal["micro", "macro"] = "micro",
        metric: str | Callable = "euclidean",
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the curve of embeddings.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Embeddings of the queries.

        y : array-like of shape (n_samples,)
            Class of each query.

        Z_gallery : array-like of shape (n_gallery, n_components), default=None
            Embeddings of the gallery to search.

        y_gallery : array-like of shape (n_gallery,), default=None
            Class of each row of the gallery.

        k : int, default=10
            Greatest number of neighbors, as for :func:`~sksiamese.metrics.cmc_curve`.

        exclude_self : bool, default=None
            Whether to exclude gallery row i for query i. By default only without a gallery.

        average : {"micro", "macro"}, default="micro"
            Whether to average over queries, or over classes of the mean of each class.

        metric : str or callable, default="euclidean"
            Distance between embeddings, as for ``sklearn.metrics.pairwise_distances``.

        name : str, default=None
            Name of the curve, for the legend.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : CmcCurveDisplay
            The display.

        Raises
        ------
        ValueError
            Under the same conditions as :func:`~sksiamese.metrics.cmc_curve`, or if ``average``
            is None.
        """
        if average is None:
            raise ValueError("average must be 'micro' or 'macro' for a single curve, got None.")
        recall = cmc_curve(
            y,
            Z,
            k=k,
            y_gallery=y_gallery,
            Z_gallery=Z_gallery,
            exclude_self=exclude_self,
            average=average,
            metric=metric,
        )
        return cls(recall=recall, name=name).plot(**kwargs)

    @validate_params(
        {"ax": [HasMethods("plot"), None], "line_kwargs": [dict, None]},
        prefer_skip_nested_validation=True,
    )
    def plot(self, *, ax: "Axes | None" = None, line_kwargs: dict | None = None) -> Self:
        """Plot the curve.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to plot on. If None, a new figure is created.

        line_kwargs : dict, default=None
            Passed to ``Axes.plot``.

        Returns
        -------
        display : CmcCurveDisplay
            The display.
        """
        plt = import_extra("matplotlib.pyplot", "CmcCurveDisplay.plot")
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        style = {"marker": "o", "markersize": 4, "label": self.name, **(line_kwargs or {})}
        (self.line_,) = ax.plot(np.arange(1, len(self.recall) + 1), self.recall, **style)
        ax.set(xlabel="number of neighbors k", ylabel="recall at k")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if style["label"] is not None:
            ax.legend(loc="lower right", fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
