"""Display of an embedding in two dimensions."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import check_is_fitted

from .._checks import HasMethods, argument_errors, as_floats
from ..metrics._verification import as_classes

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Colours that the colour-blind tell apart, on white and on black."""

MARKERS = "o^sDvP"
"""Shapes of points: each serves all colours in turn."""


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
        misfit = argument_errors("projection", "fails on Z; choose one that gives two columns")
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
