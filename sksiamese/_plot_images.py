"""Displays of images: nearest neighbours and pairs, with frames that say right or wrong."""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import _safe_indexing, check_array, check_consistent_length, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._metrics_verification import check_pairs
from ._plot_sheet import GAP, LINE, as_images, draw_frame, draw_image, new_sheet, write_below
from .pairs import split_pairs


class NeighborsDisplay:
    """A sheet of images: each query in a row with the images nearest to it.

    Make one by :meth:`from_estimator`. Neighbours of the class of the query have a solid
    blue frame, others a broken orange one; below each image stands its class.

    Parameters
    ----------
    query_images : ndarray of shape (n_queries, height, width) or \
            (n_queries, height, width, 3)
        The queries, with values in [0, 1].

    query_labels : ndarray of shape (n_queries,)
        Their classes.

    images : ndarray of shape (n_queries, n_neighbors, height, width) or \
            (n_queries, n_neighbors, height, width, 3)
        The neighbours of each query, nearest first, with values in [0, 1].

    labels : ndarray of shape (n_queries, n_neighbors)
        Their classes.

    Attributes
    ----------
    frames_ : list of list of Rectangle
        The frames of the neighbours, for each query.

    ax_ : Axes
        Where it is drawn.

    figure_ : Figure
        The figure that holds it.

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

    def __init__(self, *, query_images, query_labels, images, labels):
        self.query_images = query_images
        self.query_labels = query_labels
        self.images = images
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        X_gallery,
        y_gallery,
        *,
        n_neighbors=8,
        metric="euclidean",
        image_shape=None,
        **kwargs,
    ):
        """Find the images nearest to queries and draw them.

        Parameters
        ----------
        estimator : SiameseEmbedder or other transformer
            Fitted transformer.

        X : array-like of shape (n_queries, n_features)
            Queries, one flattened image each.

        y : array-like of shape (n_queries,)
            Their classes.

        X_gallery : array-like of shape (n_samples, n_features)
            Images among which neighbours are sought. A query that is one of them is its own
            nearest neighbour.

        y_gallery : array-like of shape (n_samples,)
            Their classes.

        n_neighbors : int, default=8
            Neighbours of each query, >= 1.

        metric : str or callable, default="euclidean"
            Distance between embeddings, as for ``NearestNeighbors``.

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
            If rows and labels differ in number, the shape of an image is not known or not
            that of a row, or the gallery has fewer images than neighbours are asked for.
        """
        X, X_gallery = check_array(X), check_array(X_gallery, input_name="X_gallery")
        y, y_gallery = column_or_1d(y), column_or_1d(y_gallery)
        check_consistent_length(X, y)
        check_consistent_length(X_gallery, y_gallery)
        if image_shape is None:
            image_shape = getattr(estimator, "input_shape", None)
        images = as_images(np.concatenate([X, X_gallery]), image_shape)
        search = NearestNeighbors(n_neighbors=n_neighbors, metric=metric)
        search.fit(estimator.transform(X_gallery))
        nearest = search.kneighbors(estimator.transform(X), return_distance=False)
        display = cls(
            query_images=images[: len(X)],
            query_labels=y,
            images=images[len(X) :][nearest],
            labels=y_gallery[nearest],
        )
        return display.plot(**kwargs)

    def plot(self, *, ax=None, imshow_kwargs=None):
        """Draw the sheet.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; by default in a new figure.

        imshow_kwargs : dict, default=None
            Passed to ``Axes.imshow`` for every image.

        Returns
        -------
        display : NeighborsDisplay
            The display.
        """
        check_matplotlib_support("NeighborsDisplay.plot")
        from matplotlib import pyplot as plt

        aspect = self.query_images.shape[2] / self.query_images.shape[1]
        n_queries, n_neighbors = self.labels.shape
        across, down = aspect + GAP, 1 + GAP + LINE
        ax = new_sheet(ax, (n_neighbors + 1) * across + 2 * GAP, n_queries * down)
        self.frames_ = []
        for row, label in enumerate(self.query_labels):
            draw_image(ax, self.query_images[row], 0, row * down, imshow_kwargs)
            write_below(ax, label, aspect / 2, row * down)
            self.frames_.append([])
            for column, found in enumerate(self.labels[row]):
                left = (column + 1) * across + 2 * GAP
                draw_image(ax, self.images[row, column], left, row * down, imshow_kwargs)
                write_below(ax, found, left + aspect / 2, row * down)
                frame = draw_frame(ax, left, row * down, aspect, found == label)
                self.frames_[-1].append(frame)
        color = plt.rcParams["axes.edgecolor"]
        ax.axvline(across + GAP / 2, color=color, linewidth=plt.rcParams["axes.linewidth"])
        ax.set_title("queries | neighbours, nearest first", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class PairDisplay:
    """A sheet of pairs of images, with the score of each and whether it was decided rightly.

    Make one by :meth:`from_estimator` or :meth:`from_predictions`. Pairs that were decided
    rightly have a solid blue frame, others a broken orange one; below each pair stands
    whether it matches, and its score.

    Parameters
    ----------
    left : ndarray of shape (n_pairs, height, width) or (n_pairs, height, width, 3)
        Left images, with values in [0, 1].

    right : ndarray of the shape of ``left``
        Right images, with values in [0, 1].

    match : ndarray of bool of shape (n_pairs,)
        Which pairs match.

    y_score : ndarray of shape (n_pairs,)
        Scores, larger for a match.

    threshold : float, default=0.0
        Least score of an accepted pair, in the unit of ``y_score``.

    Attributes
    ----------
    frames_ : list of Rectangle
        The frames of the pairs.

    ax_ : Axes
        Where it is drawn.

    figure_ : Figure
        The figure that holds it.

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

    def __init__(self, *, left, right, match, y_score, threshold=0.0):
        self.left = left
        self.right = right
        self.match = match
        self.y_score = y_score
        self.threshold = threshold

    @classmethod
    def from_estimator(cls, estimator, X, y, *, image_shape=None, **kwargs):
        """Score pairs by ``decision_function`` and draw some of them.

        Parameters
        ----------
        estimator : SiameseVerifier or other classifier of two classes
            Fitted classifier of pairs.

        X : {array-like, PairView} of shape (n_pairs, 2 * n_features)
            Pairs of flattened images.

        y : array-like of shape (n_pairs,)
            Binary labels; the greater one means a match.

        image_shape : tuple of int, default=None
            Shape of one image, (height, width), (1, height, width) or (3, height, width);
            by default ``input_shape`` of the estimator.

        **kwargs : dict
            Passed to :meth:`from_predictions`.

        Returns
        -------
        display : PairDisplay
            The display.
        """
        if image_shape is None:
            image_shape = getattr(estimator, "input_shape", None)
        y_score = estimator.decision_function(X)
        return cls.from_predictions(X, y, y_score, image_shape=image_shape, **kwargs)

    @classmethod
    def from_predictions(
        cls, X, y_true, y_score, *, image_shape, threshold=0.0, n_pairs=12, order="worst", **kwargs
    ):
        """Draw some of the pairs that were scored.

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

        n_pairs : int, default=12
            Number of pairs that are drawn, at most, >= 1.

        order : {"given", "worst"}, default="worst"
            Which pairs are drawn: the first ones, or those whose scores are furthest on the
            wrong side of the threshold.

        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        display : PairDisplay
            The display.

        Raises
        ------
        ValueError
            If pairs, labels and scores differ in number, ``y_true`` has not exactly two
            labels, or the shape of an image is not known or not that of an item.
        """
        if order not in ("given", "worst"):
            raise ValueError(f"order must be 'given' or 'worst', got {order!r}.")
        match, y_score = check_pairs(y_true, y_score)
        match = match == 1
        check_consistent_length(X, match)
        rows = np.arange(len(match))
        if order == "worst":
            rows = np.argsort(np.where(match, 1, -1) * (y_score - threshold), kind="stable")
        rows = rows[:n_pairs]
        left, right = split_pairs(_safe_indexing(X, rows))
        images = as_images(np.concatenate([left, right]), image_shape)
        display = cls(
            left=images[: len(rows)],
            right=images[len(rows) :],
            match=match[rows],
            y_score=y_score[rows],
            threshold=threshold,
        )
        return display.plot(**kwargs)

    def plot(self, *, ax=None, n_columns=4, imshow_kwargs=None):
        """Draw the sheet.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; by default in a new figure.

        n_columns : int, default=4
            Pairs in a row, >= 1.

        imshow_kwargs : dict, default=None
            Passed to ``Axes.imshow`` for every image.

        Returns
        -------
        display : PairDisplay
            The display.
        """
        check_matplotlib_support("PairDisplay.plot")
        aspect = self.left.shape[2] / self.left.shape[1]
        width, down = 2 * aspect + GAP / 2, 1 + GAP + LINE
        across = width + 2 * GAP
        n_rows = -(-len(self.match) // n_columns)
        ax = new_sheet(ax, min(n_columns, len(self.match)) * across, n_rows * down)
        right_decisions = (self.y_score >= self.threshold) == self.match
        self.frames_ = []
        for number, decided_rightly in enumerate(right_decisions):
            row, column = divmod(number, n_columns)
            left, top = column * across, row * down
            draw_image(ax, self.left[number], left, top, imshow_kwargs)
            draw_image(ax, self.right[number], left + aspect + GAP / 2, top, imshow_kwargs)
            kind = "match" if self.match[number] else "no match"
            write_below(ax, f"{kind}: {self.y_score[number]:.3g}", left + width / 2, top)
            self.frames_.append(draw_frame(ax, left, top, width, decided_rightly))
        ax.set_title(f"pairs accepted from {self.threshold:.3g} on", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self
