"""Display of nearest neighbors, framed as correct or incorrect."""

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .._checks import HasMethods, Interval, as_floats, validate_params
from .._extras import import_extra
from .._labels import to_common_dtype
from ..metrics._ranking import exact_distances
from ..metrics._verification import as_classes
from ._image_grid import GAP, LINE, as_images, draw_caption, draw_frame, draw_image, image_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NeighborsDisplay:
    """Grid of images: one query in each row, followed by its nearest neighbors.

    Use :meth:`from_estimator` to create a display. Neighbors of the class of the query have a
    solid blue frame, others a dashed orange frame. The class is printed below each image.

    Parameters
    ----------
    query_images : ndarray of shape (n_queries, height, width) or \
            (n_queries, height, width, 3)
        Query images, with values in [0, 1].

    query_labels : ndarray of shape (n_queries,)
        Classes of the queries.

    images : ndarray of shape (n_queries, n_neighbors, height, width) or \
            (n_queries, n_neighbors, height, width, 3)
        Neighbors of each query, nearest first, with values in [0, 1].

    labels : ndarray of shape (n_queries, n_neighbors)
        Classes of the neighbors.

    Attributes
    ----------
    frames_ : list of list of Rectangle
        Frames of the neighbors of each query.

    ax_ : Axes
        Axes of the plot.

    figure_ : Figure
        Figure of the plot.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.plot import NeighborsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> embedder = SiameseEmbedder(input_shape=(8, 8), max_iter=3, random_state=0)
    >>> embedder = embedder.fit(X[:1000], y[:1000])
    >>> display = NeighborsDisplay.from_estimator(
    ...     embedder, X[1000:1003], y[1000:1003], X[:1000], y[:1000], n_neighbors=5
    ... )
    >>> display.labels.shape
    (3, 5)
    """

    def __init__(
        self,
        *,
        query_images: np.ndarray,
        query_labels: np.ndarray,
        images: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        self.query_images = query_images
        self.query_labels = query_labels
        self.images = images
        self.labels = labels

    @classmethod
    @validate_params(
        {
            "estimator": [HasMethods("transform")],
            "n_neighbors": [Interval(Integral, 1, None, closed="left")],
            "metric": [str, callable],
        },
        prefer_skip_nested_validation=False,
    )
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        X_gallery: ArrayLike,
        y_gallery: ArrayLike,
        *,
        n_neighbors: int = 8,
        metric: str | Callable = "euclidean",
        image_shape: tuple[int, ...] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Find the nearest neighbors of queries and plot them.

        Parameters
        ----------
        estimator : SiameseEmbedder or other transformer
            Fitted transformer.

        X : array-like of shape (n_queries, n_features)
            Queries, one flattened image each.

        y : array-like of shape (n_queries,)
            Classes of the queries.

        X_gallery : array-like of shape (n_samples, n_features)
            Gallery in which neighbors are searched, one flattened image in each row. Ties are
            broken by row number. A query that is in the gallery is its own nearest neighbor.

        y_gallery : array-like of shape (n_samples,)
            Classes of the gallery.

        n_neighbors : int, default=8
            Number of neighbors of each query, >= 1.

        metric : str or callable, default="euclidean"
            Distance between embeddings, as for ``sklearn.metrics.pairwise_distances``.

        image_shape : tuple of int, default=None
            Shape of one image, (height, width), (1, height, width) or (3, height, width);
            by default ``input_shape`` of the estimator.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : NeighborsDisplay
            The display.

        Raises
        ------
        ValueError
            If the numbers of rows and labels differ, ``image_shape`` is missing or does not
            match the rows, or the gallery has fewer than ``n_neighbors`` images.
        """
        check_is_fitted(estimator)
        remedy = "give one row for each image"
        rows, gallery = as_floats(X, "X", remedy), as_floats(X_gallery, "X_gallery", remedy)
        y, y_gallery = to_common_dtype(
            as_classes(y, "y"), as_classes(y_gallery, "y_gallery"), "y", "y_gallery"
        )
        check_consistent_length(rows, y)
        check_consistent_length(gallery, y_gallery)
        if rows.shape[1] != gallery.shape[1]:
            raise ValueError(
                f"X_gallery has {gallery.shape[1]} columns, but X has {rows.shape[1]}; pass images "
                "of the same size."
            )
        if image_shape is None:
            image_shape = getattr(estimator, "input_shape", None)
        images = as_images(np.concatenate([rows, gallery]), image_shape)
        if n_neighbors > len(gallery):
            raise ValueError(
                f"n_neighbors={n_neighbors} exceeds the {len(gallery)} rows of X_gallery; lower it."
            )
        Z, Z_gallery = (
            as_floats(estimator.transform(given), "transform(X)", remedy, accept_sparse="csr")
            for given in (X, X_gallery)
        )
        distances = exact_distances(Z, Z_gallery, metric)
        nearest = distances.argsort(axis=1, kind="stable")[:, :n_neighbors]
        display = cls(
            query_images=images[: len(rows)],
            query_labels=y,
            images=images[len(rows) :][nearest],
            labels=y_gallery[nearest],
        )
        return display.plot(**kwargs)

    @validate_params(
        {"ax": [HasMethods("imshow"), None], "imshow_kwargs": [dict, None]},
        prefer_skip_nested_validation=True,
    )
    def plot(self, *, ax: "Axes | None" = None, imshow_kwargs: dict | None = None) -> Self:
        """Plot the images.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to plot on. If None, a new figure is created.

        imshow_kwargs : dict, default=None
            Passed to ``Axes.imshow`` for every image.

        Returns
        -------
        display : NeighborsDisplay
            The display.
        """
        plt = import_extra("matplotlib.pyplot", "NeighborsDisplay.plot")

        aspect = self.query_images.shape[2] / self.query_images.shape[1]
        n_queries, n_neighbors = self.labels.shape
        across, down = aspect + GAP, 1 + GAP + LINE
        ax = image_axes(ax, (n_neighbors + 1) * across + 2 * GAP, n_queries * down)
        self.frames_ = []
        for row, label in enumerate(self.query_labels):
            draw_image(ax, self.query_images[row], 0, row * down, imshow_kwargs)
            draw_caption(ax, label, aspect / 2, row * down)
            self.frames_.append([])
            for column, found in enumerate(self.labels[row]):
                left = (column + 1) * across + 2 * GAP
                draw_image(ax, self.images[row, column], left, row * down, imshow_kwargs)
                draw_caption(ax, found, left + aspect / 2, row * down)
                frame = draw_frame(ax, left, row * down, aspect, found == label)
                self.frames_[-1].append(frame)
        color = plt.rcParams["axes.edgecolor"]
        ax.axvline(across + GAP / 2, color=color, linewidth=plt.rcParams["axes.linewidth"])
        ax.set_title("queries | neighbors, nearest first", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self
