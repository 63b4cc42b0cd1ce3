"""The targets among displays and explanations."""

import functools

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sksiamese import explain, metrics, plot, unseen_class_curve

from . import laws as law
from .common import (
    ANYTHING,
    CLAIMS,
    EMBEDDERS,
    IDENTIFIERS,
    METRIC,
    REFERENCE_VERIFIERS,
    SHAPE,
    VERIFIERS,
    embedder,
    fitted,
    target,
)
from .engine import Kind
from .values import (
    ANY,
    CLASSES,
    EMBEDDINGS,
    MATCHES,
    PAIRS,
    ROWS,
    SCORES,
    constants,
    length,
    number,
)

NOT_DRAWN = Kind(constants(None), ANY)
IMAGE_SHAPE = Kind(constants((2, 2), (1, 2, 2), [2, 2]), SHAPE.odd)
HISTORY = Kind({"of an embedder": lambda s: fitted("embedder").history_}, {})
SEEN = Kind({"images": lambda s: abs(s.rows[:3]).reshape(3, 2, 2) / 9}, {})
THREE = Kind({"numbers": lambda s: np.array([0, 1, 1])}, {})
TRUE = Kind({"booleans": lambda s: np.array([False, True, True])}, {})
DRAWN_PAIRS = {
    "left": SEEN, "right": SEEN, "match": TRUE, "y_score": THREE, "accepted": TRUE,
    "threshold": Kind(constants(0.0, 0.5), {}),
}  # fmt: skip
STYLE = Kind(constants(None, {}, {"alpha": 0.5}), {k: v for k, v in ANY.items() if k != "{'a': 1}"})
ACCEPTED = Kind(
    {"None": lambda s: None, "array": lambda s: s.score > 0, "list": lambda s: [
        bool(x) for x in s.score > 0]},
    ANY | MATCHES.odd)  # fmt: skip
THRESHOLD = number(0.0, 0.5, None)
NOT_CALLABLE = {k: v for k, v in ANY.items() if k not in ("class", "function")}
RATE_METRIC = Kind(constants(equal_error_rate=metrics.equal_error_rate), NOT_CALLABLE)


def drawn(make, *data):
    """Return a function that builds a display of some arguments and plots it with the rest."""

    def call(**arguments):
        given = {name: arguments.pop(name) for name in data if name in arguments}
        return make(**given).plot(**arguments)

    return call


@functools.cache
def small_curve():
    """Return the curve of a PCA on twelve classes."""
    X = np.random.default_rng(0).normal(size=(48, 4))
    y = np.arange(48) % 12
    return unseen_class_curve(
        PCA(2), X, y, n_classes=[2, 6], n_splits=2, n_pairs=20, random_state=0
    )


CURVE = Kind({"of PCA": lambda s: small_curve()}, {})
CURVE_METRIC = number("roc_auc", "equal_error_rate", "one_shot_accuracy")
CURVE_OPTIONS = {
    "estimator": Kind({"items": lambda s: FunctionTransformer()}, ANY),
    "X": ROWS,
    "y": CLASSES,
    "n_classes": Kind(constants([2]), ANY),
    "test_size": number(2, 3),
    "n_splits": length(2),
    "n_pairs": length(20),
    "n_way": number(2, None),
    "confidence_level": number(0.9),
    "n_jobs": Kind(constants(None), {}),
    "random_state": Kind(constants(0), ANY),
}
PROJECTION = Kind(
    constants(None) | {"pca": lambda s: PCA(2), "three": lambda s: PCA(3)},
    ANY | {"one": lambda s: PCA(1), "class": lambda s: PCA, "scaler": lambda s: StandardScaler(
        ), "embedder": lambda s: embedder()})  # fmt: skip
POINTS = Kind({"points": lambda s: s.rows[:, :2]}, {})
SEEN_CLASSES = Kind({"codes": lambda s: s.codes, "strings": lambda s: s.codes.astype(str)}, {})
SEEN_MATCHES = Kind({"match": lambda s: s.match}, {})
SEEN_SCORES = Kind({"scores": lambda s: s.score}, {})
AX = Kind(constants(None), ANY)
PLOTS = {
    "plot.HistoryDisplay": target(plot.HistoryDisplay, "history", history=HISTORY),
    "plot.HistoryDisplay.plot": target(
        drawn(plot.HistoryDisplay, "history"), "history", history=HISTORY, axes=AX),
    "plot.HistoryDisplay.from_estimator": target(
        plot.HistoryDisplay.from_estimator, "estimator", axes=AX,
        estimator=Kind(EMBEDDERS.good | VERIFIERS.good, ANY | EMBEDDERS.odd | IDENTIFIERS.good)),
    "plot.EmbeddingDisplay": target(
        plot.EmbeddingDisplay, "points y", points=POINTS, y=SEEN_CLASSES, axis_name=number("a")),
    "plot.EmbeddingDisplay.plot": target(
        drawn(plot.EmbeddingDisplay, "points", "y", "axis_name"), "points y", points=POINTS,
        y=SEEN_CLASSES, axis_name=number("a"), ax=AX, scatter_kwargs=STYLE),
    "plot.EmbeddingDisplay.from_estimator": target(
        plot.EmbeddingDisplay.from_estimator, "estimator X y", estimator=EMBEDDERS, X=ROWS,
        y=CLASSES, projection=PROJECTION, ax=AX, scatter_kwargs=STYLE),
    "plot.EmbeddingDisplay.from_embeddings": target(
        plot.EmbeddingDisplay.from_embeddings, "Z y", Z=EMBEDDINGS, y=CLASSES,
        projection=PROJECTION, ax=AX),
    "plot.UnseenClassesDisplay": target(
        plot.UnseenClassesDisplay, "curve", curve=CURVE, metric=CURVE_METRIC),
    "plot.UnseenClassesDisplay.plot": target(
        drawn(plot.UnseenClassesDisplay, "curve"), "curve", curve=CURVE, ax=AX, line_kwargs=STYLE,
        fill_between_kwargs=STYLE),
    "plot.UnseenClassesDisplay.from_curve": target(
        plot.UnseenClassesDisplay.from_curve, "curve", curve=CURVE, metric=CURVE_METRIC),
    "plot.UnseenClassesDisplay.from_estimator": target(
        plot.UnseenClassesDisplay.from_estimator, "estimator X y n_splits n_pairs", ax=AX,
        metric=CURVE_METRIC, **CURVE_OPTIONS),
    "unseen_class_curve": target(
        unseen_class_curve, "estimator X y n_splits n_pairs", **CURVE_OPTIONS),
    "plot.NeighborsDisplay": target(
        plot.NeighborsDisplay, "query_images query_labels images labels", query_images=SEEN,
        query_labels=THREE, images=SEEN, labels=THREE),
    "plot.NeighborsDisplay.plot": target(
        drawn(plot.NeighborsDisplay, "query_images", "query_labels", "images", "labels"),
        "query_images query_labels images labels", query_images=SEEN, query_labels=THREE,
        images=Kind({"images": lambda s: abs(s.rows[:6]).reshape(3, 2, 2, 2) / 9}, {}),
        labels=Kind({"labels": lambda s: np.arange(6).reshape(3, 2)}, {}), ax=AX,
        imshow_kwargs=STYLE),
    "plot.NeighborsDisplay.from_estimator": target(
        lambda X, y, X_gallery, y_gallery, **options: plot.NeighborsDisplay.from_estimator(
            X=X[:3], y=y[:3], X_gallery=X_gallery, y_gallery=y_gallery, **options),
        "estimator X y X_gallery y_gallery image_shape", estimator=EMBEDDERS,
        X=Kind({"rows": lambda s: s.rows}, {"list": lambda s: s.rows.tolist()}),
        y=Kind({"codes": lambda s: s.codes}, {"strings": lambda s: s.codes.astype(str)}),
        X_gallery=ROWS, y_gallery=CLASSES, n_neighbors=number(1, 3), metric=METRIC,
        image_shape=IMAGE_SHAPE, ax=AX, imshow_kwargs=STYLE),
    "plot.PairDisplay": target(
        plot.PairDisplay, "left right match y_score accepted", **DRAWN_PAIRS),
    "plot.PairDisplay.plot": target(
        drawn(plot.PairDisplay, *DRAWN_PAIRS), "left right match y_score accepted", **DRAWN_PAIRS,
        ax=AX, n_columns=number(4, 1), imshow_kwargs=STYLE),
    "plot.PairDisplay.from_estimator": target(
        plot.PairDisplay.from_estimator, "estimator X y image_shape", estimator=VERIFIERS, X=PAIRS,
        y=MATCHES, image_shape=IMAGE_SHAPE, threshold=THRESHOLD, n_pairs=number(4)),
    "plot.PairDisplay.from_predictions": target(
        plot.PairDisplay.from_predictions, "X y_true y_score image_shape", X=PAIRS, y_true=MATCHES,
        y_score=SCORES, image_shape=IMAGE_SHAPE, threshold=THRESHOLD, accepted=ACCEPTED,
        n_pairs=number(4, 1), order=number("worst", "given"), ax=AX),
    "plot.PairScoreDisplay": target(
        plot.PairScoreDisplay, "match y_score accepted", match=SEEN_MATCHES, y_score=SEEN_SCORES,
        accepted=SEEN_MATCHES, threshold=DRAWN_PAIRS["threshold"], score_name=number("a")),
    "plot.PairScoreDisplay.plot": target(
        drawn(plot.PairScoreDisplay, "match", "y_score", "accepted", "threshold", "score_name"),
        "match y_score accepted", match=SEEN_MATCHES, y_score=SEEN_SCORES,
        accepted=SEEN_MATCHES, threshold=DRAWN_PAIRS["threshold"], score_name=number("a"), ax=AX,
        bins=number(5), hist_kwargs=STYLE, line_kwargs=STYLE),
    "plot.PairScoreDisplay.from_estimator": target(
        plot.PairScoreDisplay.from_estimator, "estimator X y", estimator=VERIFIERS, X=PAIRS,
        y=MATCHES, threshold=THRESHOLD, ax=AX, bins=number(5)),
    "plot.PairScoreDisplay.from_predictions": target(
        plot.PairScoreDisplay.from_predictions, "y_true y_score", y_true=MATCHES, y_score=SCORES,
        threshold=number(0.0), accepted=ACCEPTED, score_name=number("a"), ax=AX),
    "plot.CmcCurveDisplay": target(
        plot.CmcCurveDisplay, "recall", recall=SEEN_SCORES, name=number(None, "a")),
    "plot.CmcCurveDisplay.plot": target(
        drawn(plot.CmcCurveDisplay, "recall", "name"), "recall", recall=SEEN_SCORES,
        name=Kind(constants(None, "a"), {}), ax=AX, line_kwargs=STYLE),
    "plot.CmcCurveDisplay.from_estimator": target(
        plot.CmcCurveDisplay.from_estimator, "estimator X y", estimator=EMBEDDERS, X=ROWS,
        y=CLASSES, X_gallery=ROWS, y_gallery=CLASSES, ax=AX),
    "plot.CmcCurveDisplay.from_embeddings": target(
        plot.CmcCurveDisplay.from_embeddings, "Z y", Z=EMBEDDINGS, y=CLASSES, k=number(1, 3),
        Z_gallery=EMBEDDINGS, y_gallery=CLASSES, exclude_self=number(None, False),
        average=Kind(constants("micro", "macro"), ANY),
        metric=METRIC, name=Kind(constants(None, "a"), {}), ax=AX, line_kwargs=STYLE),
    "plot.IdentityErrorDisplay": target(
        plot.IdentityErrorDisplay, "identities rates overall", identities=SEEN_CLASSES,
        rates=SEEN_SCORES, overall=number(0.5), rate_name=number("a")),
    "plot.IdentityErrorDisplay.plot": target(
        drawn(plot.IdentityErrorDisplay, "identities", "rates", "overall", "rate_name"),
        "identities rates overall", identities=SEEN_CLASSES, rates=SEEN_SCORES,
        overall=DRAWN_PAIRS["threshold"], rate_name=number("a"), ax=AX, bar_kwargs=STYLE,
        line_kwargs=STYLE),
    "plot.IdentityErrorDisplay.from_estimator": target(
        plot.IdentityErrorDisplay.from_estimator, "estimator X claimed y", ax=AX,
        estimator=Kind(REFERENCE_VERIFIERS.good, REFERENCE_VERIFIERS.odd | ANY), X=ROWS,
        claimed=CLAIMS, y=MATCHES, metric=RATE_METRIC),
    "plot.IdentityErrorDisplay.from_predictions": target(
        plot.IdentityErrorDisplay.from_predictions, "y_true y_score identities", y_true=MATCHES,
        y_score=SCORES, identities=CLASSES, ax=AX, bar_kwargs=STYLE, line_kwargs=STYLE,
        metric=RATE_METRIC),
}  # fmt: skip
EXPLAIN = {
    "explain.explain_pairs": target(
        explain.explain_pairs, "verifier X n_steps", law.anything, 2, verifier=Kind(
            VERIFIERS.good, VERIFIERS.odd | ANY), X=PAIRS, by=number("column", "component"),
        n_steps=length(2, 4)),
    "explain.Explanation": target(
        explain.Explanation, "contributions reference logit", contributions=ANYTHING,
        reference=ANYTHING, logit=ANYTHING),
    "explain.Explanation.residual": target(
        lambda X: explain.Explanation(X, X[:, 0], X[:, 0]).residual, "X", law.finite,
        X=Kind({"array": lambda s: s.rows}, {})),
}  # fmt: skip
