"""Display of embeddings in two dimensions."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .._checks import HasMethods, argument_errors, as_floats, validate_params
from .._extras import import_extra
from ..metrics._verification import as_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Colorblind-safe colors, visible on white and on black."""

MARKERS = "o^sDvP"
"""Markers; each is used with all colors before the next one."""


class EmbeddingDisplay:
    """Scatter plot of embeddings in two dimensions, by class.

    Use :meth:`from_estimator` or :meth:`from_embeddings` to create a display. Classes have
    different colorblind-safe colors and, from the seventh class on, different markers.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Points in two dimensions.

    y : ndarray of shape (n_samples,)
        Class of each point, at most 36 classes.

    axis_name : str, default="component"
        Name of both axes, followed by their number.

    Attributes
    ----------
    scatters_ : list of PathCollection
        Points of each class, in the order of the sorted classes.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

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

    def __init__(self, *, points: np.ndarray, y: np.ndarray, axis_name: str = "component") -> None:
        self.points = points
        self.y = y
        self.axis_name = axis_name

    @classmethod
    @validate_params({"estimator": [HasMethods("transform")]}, prefer_skip_nested_validation=False)
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, y: ArrayLike, *, projection: Any = None, **kwargs: Any
    ) -> Self:
        """Embed rows and plot the embeddings.

        Parameters
        ----------
        estimator : SiameseEmbedder or other transformer
            Fitted transformer.

        X : array-like of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Class of each row, at most 36 classes.

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
    def from_embeddings(
        cls, Z: ArrayLike, y: ArrayLike, *, projection: Any = None, **kwargs: Any
    ) -> Self:
        """Plot embeddings.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Embeddings with at least two components, for example from ``transform_items`` of a
            ``SiameseVerifier``.

        y : array-like of shape (n_samples,)
            Class of each embedding, at most 36 classes.

        projection : transformer, default=None
            Transformer to two columns, such as ``TSNE(random_state=0)``; a clone of it is
            fitted to ``Z``. By default, embeddings with more than two components are projected
            on their first two principal components.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : EmbeddingDisplay
            The display.

        Raises
        ------
        ValueError
            If ``Z`` has fewer than two columns or its length differs from that of ``y``,
            ``projection`` does not return two columns, or there are more than 36 classes.
        """
        Z = as_floats(Z, "Z", "give one row of components for each label", ensure_min_features=2)
        y = as_classes(y, "y")
        check_consistent_length(Z, y)
        if projection is None and Z.shape[1] == 2:
            return cls(points=Z, y=y).plot(**kwargs)
        name = "principal component" if projection is None else type(projection).__name__
        projection = PCA(2, random_state=0) if projection is None else clone(projection)
        misfit = argument_errors("projection", "fails on Z; choose one that returns two columns")
        with misfit, np.errstate(invalid="ignore", over="ignore"):  # Variances of extremes.
            points = projection.fit_transform(Z)
        if points.shape != (len(Z), 2):
            raise ValueError(
                f"projection must return two columns, but {name} returned an array of shape "
                f"{points.shape}; set its n_components=2."
            )
        if not np.isfinite(points).all():
            raise ValueError("projection returns NaN or infinite values for Z; scale Z first.")
        return cls(points=points, y=y, axis_name=name).plot(**kwargs)

    @validate_params(
        {"ax": [HasMethods(["scatter", "legend"]), None], "scatter_kwargs": [dict, None]},
        prefer_skip_nested_validation=True,
    )
    def plot(self, *, ax: "Axes | None" = None, scatter_kwargs: dict | None = None) -> Self:
        """Plot the points of each class.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to plot on. If None, a new figure is created.

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
        plt = import_extra("matplotlib.pyplot", "EmbeddingDisplay.plot")

        classes = np.unique(self.y)
        if len(classes) > len(PALETTE) * len(MARKERS):
            raise ValueError(
                f"y has {len(classes)} classes, but colors and markers distinguish at most "
                f"{len(PALETTE) * len(MARKERS)}; plot the rows of fewer classes."
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
