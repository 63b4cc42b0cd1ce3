"""Test that displays draw the right values on the given axes."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgba
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sksiamese import PairView, SiameseEmbedder, SiameseIdentifier, SiameseVerifier
from sksiamese.plot import (
    EmbeddingDisplay,
    HistoryDisplay,
    NeighborsDisplay,
    PairDisplay,
    PairScoreDisplay,
)

AS_THEY_ARE = FunctionTransformer()


@pytest.fixture(autouse=True)
def no_screen():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.mark.parametrize("kind", ["embedder", "verifier"])
def test_the_history_of_both_estimators_is_drawn_in_three_panels(digits, digit_pairs, kind):
    if kind == "embedder":
        estimator = SiameseEmbedder(width=32, max_iter=3, random_state=0).fit(digits[0], digits[2])
    else:
        estimator = SiameseVerifier(width=32, max_iter=3, random_state=0).fit(
            digit_pairs[0], digit_pairs[2]
        )
    display = HistoryDisplay.from_estimator(estimator)
    drawn = [[line.get_ydata() for line in ax.lines] for ax in display.axes_]
    names = [["loss"], ["positive_distance", "negative_distance", "spread"], ["active"]]
    for lines, wanted in zip(drawn, names, strict=True):
        for line, name in zip(lines, wanted, strict=True):
            np.testing.assert_array_equal(line, estimator.history_[name])
    assert display.axes_[0].lines[0].get_xdata().tolist() == [1, 2, 3]
    assert display.figure_ is display.axes_[2].figure


def test_history_display_draws_on_given_axes():
    names = ("loss", "positive_distance", "negative_distance", "spread", "active")
    history = {name: [0.5, 0.25] for name in names}
    figure, axes = plt.subplots(3)
    assert HistoryDisplay(history=history).plot(axes=axes).figure_ is figure
    with pytest.raises(ValueError, match="axes must be three"):
        HistoryDisplay(history=history).plot(axes=axes[:2])


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(SiameseEmbedder())


BRIEFLY = {"max_iter": 2, "width": 8, "random_state": 0}
HOLDERS = {
    "pipeline that ends with it": lambda model: make_pipeline(StandardScaler(), model),
    "pipeline that goes on": lambda model: make_pipeline(model, LogisticRegression()),
    "identifier": SiameseIdentifier,
    "identifier of a pipeline": lambda model: SiameseIdentifier(make_pipeline(PCA(9), model)),
    "search": lambda model: GridSearchCV(
        make_pipeline(model, LogisticRegression()), {"siameseembedder__depth": [1]}, cv=2
    ),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_history_display_finds_the_embedder_inside_other_estimators(digits, holder):
    model = HOLDERS[holder](SiameseEmbedder(**BRIEFLY)).fit(digits[0], digits[2])
    display = HistoryDisplay.from_estimator(model)
    assert display.axes_[0].lines[0].get_xdata().tolist() == [1, 2]
    assert set(display.history) >= {"loss", "active", "spread"}


def test_history_display_finds_the_verifier_inside_other_estimators(digit_pairs):
    P, match = digit_pairs[0][:200], digit_pairs[2][:200]
    verifier = SiameseVerifier(**BRIEFLY).fit(P, match)
    frozen = FrozenEstimator(verifier)
    models = [
        frozen,
        FixedThresholdClassifier(frozen).fit(P, match),
        TunedThresholdClassifierCV(frozen, cv="prefit", refit=False).fit(P, match),
        CalibratedClassifierCV(frozen, cv=2).fit(P, match),
        make_pipeline("passthrough", frozen),
    ]
    for model in models:
        assert HistoryDisplay.from_estimator(model).history is verifier.history_


def test_history_display_refuses_no_or_several_trained_estimators(digits, digit_pairs):
    X, y = digits[0][:200], digits[2][:200]
    with pytest.raises(ValueError, match="PCA contains none"):
        HistoryDisplay.from_estimator(PCA(2).fit(X))
    two = make_pipeline(SiameseEmbedder(**BRIEFLY), SiameseEmbedder(**BRIEFLY)).fit(X, y)
    with pytest.raises(ValueError, match=r"contains SiameseEmbedder, SiameseEmbedder; .*steps"):
        HistoryDisplay.from_estimator(two)
    assert HistoryDisplay.from_estimator(two[1]).history is two[1].history_
    assert HistoryDisplay(history=two[0].history_).plot().history is two[0].history_
    folds = CalibratedClassifierCV(SiameseVerifier(**BRIEFLY), cv=2)
    with pytest.raises(ValueError, match="contains SiameseVerifier, SiameseVerifier"):
        HistoryDisplay.from_estimator(folds.fit(digit_pairs[0][:99], digit_pairs[2][:99]))
    for history in ({}, {"loss": [1.0]}, None, [1.0]):
        with pytest.raises(ValueError, match="history must have the entries"):
            HistoryDisplay(history=history).plot()
    for axes in ("abc", 3, [None] * 3, []):
        with pytest.raises(ValueError, match="axes must be three"):
            HistoryDisplay(history=two[0].history_).plot(axes=axes)


def scores(n=200):
    """Return labels and scores of pairs, seven in ten of them not matching."""
    match = np.arange(n) % 10 < 3
    return match, np.random.default_rng(0).normal(size=n) + 2 * match


def points(n_classes, n_components=3):
    """Return embeddings, four rows of each class, and their classes."""
    y = np.arange(4 * n_classes) % n_classes
    return np.random.default_rng(0).normal(size=(len(y), n_components)) + y[:, None], y


def gray_levels(n_pairs=6):
    """Return pairs of constant images of 2 x 3 pixels: 0 on the left, their number on the right."""
    right = np.arange(n_pairs, dtype=float)
    return np.hstack([np.zeros((n_pairs, 6)), np.repeat(right[:, None], 6, axis=1)])


def test_pair_scores_are_drawn_as_densities_with_rates_at_the_threshold():
    match, score = scores()
    display = PairScoreDisplay.from_predictions(match, score, threshold=0.7, ax=plt.figure().gca())
    for bars, rows in zip(display.bars_, (~match, match), strict=True):
        counts, _ = np.histogram(score[rows], np.histogram_bin_edges(score, 50))
        heights = [patch.get_height() for patch in bars]
        np.testing.assert_allclose(heights, counts / rows.sum())
    assert display.far_ == np.mean(score[~match] >= 0.7)
    assert display.frr_ == pytest.approx(np.mean(score[match] < 0.7))
    assert display.line_.get_xdata() == [0.7, 0.7]
    wanted = f"threshold 0.7: FAR {display.far_:.1%}, FRR {display.frr_:.1%}"
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["not matching", "matching", wanted]


def test_pair_scores_are_logits_or_else_probabilities():
    match, score = scores()
    logistic = LogisticRegression().fit(score[:, None], match)
    calibrated = CalibratedClassifierCV(logistic, method="sigmoid").fit(score[:, None], match)
    by_logit = PairScoreDisplay.from_estimator(logistic, score[:, None], match, bins=7)
    np.testing.assert_array_equal(by_logit.y_score, logistic.decision_function(score[:, None]))
    assert by_logit.threshold == 0
    assert len(by_logit.bars_[0]) == 7
    by_probability = PairScoreDisplay.from_estimator(calibrated, score[:, None], match)
    probability = calibrated.predict_proba(score[:, None])[:, 1]
    np.testing.assert_array_equal(by_probability.y_score, probability)
    assert by_probability.threshold == 0.5
    assert by_probability.ax_.get_xlabel() == "probability of a match"
    strict = PairScoreDisplay.from_estimator(calibrated, score[:, None], match, threshold=0.9)
    assert strict.far_ < by_probability.far_


THRESHOLDS = {
    "by probability": lambda model: FixedThresholdClassifier(
        model, threshold=0.9, response_method="predict_proba"
    ),
    "by logit": lambda model: FixedThresholdClassifier(
        model, threshold=2.0, response_method="decision_function"
    ),
    "of the other label": lambda model: FixedThresholdClassifier(
        model, threshold=0.2, pos_label=False, response_method="predict_proba"
    ),
    "tuned": lambda model: TunedThresholdClassifierCV(
        model, scoring="recall", cv="prefit", refit=False
    ),
    "in a pipeline": lambda model: make_pipeline(
        FunctionTransformer(), FixedThresholdClassifier(model, threshold=0.9)
    ),
    "in a search": lambda model: GridSearchCV(
        FixedThresholdClassifier(model), {"threshold": [0.9]}
    ),
    "of a classifier without logits": lambda model: FixedThresholdClassifier(
        GaussianNB(), threshold=0.9
    ),
    "none is accepted": lambda model: FixedThresholdClassifier(model, threshold=1.1),
}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_displays_use_the_threshold_of_the_classifier(name):
    match, score = scores()
    pairs = np.repeat(score[:, None], 12, axis=1)
    model = THRESHOLDS[name](FrozenEstimator(LogisticRegression().fit(pairs, match)))
    accepted = model.fit(pairs, match).predict(pairs)
    display = PairScoreDisplay.from_estimator(model, pairs, match)
    assert display.far_ == np.mean(accepted[~match])
    assert display.frr_ == pytest.approx(np.mean(~accepted[match]))
    np.testing.assert_array_equal(display.y_score >= display.threshold, accepted)
    sheet = PairDisplay.from_estimator(model, pairs, match, image_shape=(2, 3), order="given")
    np.testing.assert_array_equal(sheet.accepted, accepted[:12])
    assert sheet.threshold == display.threshold


def test_a_score_at_the_threshold_is_drawn_as_predicted(digit_pairs):
    P, match = digit_pairs[0][:40], digit_pairs[2][:40]
    options = {"learned_weight": 1.0, "width": 32, "input_shape": (8, 8), "max_iter": 1}
    verifier = SiameseVerifier(**options, random_state=0).fit(P, match)
    for weight in verifier.head_.parameters():
        weight.detach().zero_()
    assert not verifier.decision_function(P).any()
    assert not verifier.predict(P).any()
    display = PairScoreDisplay.from_estimator(verifier, P, match)
    assert (display.far_, display.frr_, display.threshold) == (0, 1, 0)
    sheet = PairDisplay.from_estimator(verifier, P, match, n_pairs=40, order="given")
    wrong = [to_hex(frame.get_edgecolor()) == "#d55e00" for frame in sheet.frames_]
    assert wrong == list(match)
    told = PairScoreDisplay.from_estimator(verifier, P, match, threshold=0)
    assert (told.far_, told.frr_) == (1, 0)


def test_pairs_of_a_classifier_without_logits_are_drawn_by_their_probability():
    match, score = scores()
    pairs = np.repeat(score[:, None], 12, axis=1)
    model = CalibratedClassifierCV(LogisticRegression()).fit(pairs, match)
    display = PairDisplay.from_estimator(
        model, pairs, match, image_shape=(2, 3), n_pairs=200, order="given"
    )
    np.testing.assert_array_equal(display.y_score, model.predict_proba(pairs)[:, 1])
    assert display.threshold == 0.5


def test_the_map_of_many_points_is_deterministic():
    Z, y = np.random.default_rng(0).normal(size=(550, 60)), np.arange(550) % 3
    np.random.seed(0)
    expected = np.random.random()
    maps = []
    for seed in (0, 1):
        np.random.seed(seed)
        maps.append(EmbeddingDisplay.from_embeddings(Z, y).points)
    np.testing.assert_array_equal(*maps)
    np.random.seed(0)
    EmbeddingDisplay.from_embeddings(Z, y)
    assert np.random.random() == expected


def test_points_of_each_class_are_drawn_in_two_principal_components():
    Z, y = points(10)
    display = EmbeddingDisplay.from_estimator(AS_THEY_ARE, Z, np.array(list("abcdefghij"))[y])
    expected = PCA(2).fit_transform(Z)
    for number, scatter in enumerate(display.scatters_):
        np.testing.assert_allclose(scatter.get_offsets(), expected[y == number])
        assert scatter.get_label() == "abcdefghij"[number]
    assert display.ax_.get_ylabel() == "principal component 2"


def test_every_class_has_its_own_colour_or_marker():
    display = EmbeddingDisplay.from_embeddings(*points(36))
    looks = {
        (to_hex(scatter.get_facecolor()[0]), scatter.get_paths()[0].vertices.tobytes())
        for scatter in display.scatters_
    }
    assert len(looks) == 36
    with pytest.raises(ValueError, match="y has 37 classes"):
        EmbeddingDisplay.from_embeddings(*points(37))


def test_embedding_display_accepts_any_projection():
    Z, y = points(3)
    tsne = TSNE(perplexity=3, max_iter=250, random_state=0)
    display = EmbeddingDisplay.from_embeddings(Z, y, projection=tsne)
    np.testing.assert_allclose(display.points, tsne.fit_transform(Z))
    assert display.ax_.get_xlabel() == "TSNE 1"
    plane = EmbeddingDisplay.from_embeddings(Z[:, :2], y, scatter_kwargs={"s": 5})
    np.testing.assert_array_equal(plane.points, Z[:, :2])
    assert plane.scatters_[0].get_sizes() == [5]
    with pytest.raises(ValueError, match="projection must return two columns"):
        EmbeddingDisplay.from_embeddings(Z, y, projection=PCA(3))
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        EmbeddingDisplay.from_embeddings(Z[:, :1], y)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        EmbeddingDisplay.from_embeddings(Z, y[1:])


def test_neighbours_are_drawn_next_to_their_query_nearest_first():
    gallery, labels = np.repeat([[10.0], [4.0], [1.0]], 6, axis=1), np.array(["x", "b", "a"])
    display = NeighborsDisplay.from_estimator(
        AS_THEY_ARE, np.zeros((1, 6)), ["a"], gallery, labels, n_neighbors=2, image_shape=(2, 3)
    )
    assert display.labels.tolist() == [["a", "b"]]
    levels = [image.get_array().mean() for image in display.ax_.images]
    np.testing.assert_allclose(levels, [0, 0.1, 0.4])
    assert [image.get_array().shape for image in display.ax_.images] == [(2, 3)] * 3
    lefts = [image.get_extent()[0] for image in display.ax_.images]
    assert lefts == sorted(lefts)
    assert [text.get_text() for text in display.ax_.texts] == ["a", "a", "b"]


def test_neighbours_display_uses_the_given_metric():
    gallery = np.array([[3.0, 0, 0, 0, 0, 0], [1.0, 1, 1, 1, 1, 0]])
    nearest = [
        NeighborsDisplay.from_estimator(
            AS_THEY_ARE,
            np.zeros((1, 6)),
            ["far"],
            gallery,
            ["one", "all"],
            n_neighbors=1,
            metric=metric,
            image_shape=(2, 3),
        ).labels.item()
        for metric in ("euclidean", "manhattan")
    ]
    assert nearest == ["all", "one"]


def test_displays_pass_column_names_to_transformers():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(8, 6)), columns=list("abcdef"))
    scaler = StandardScaler().fit(table)
    display = NeighborsDisplay.from_estimator(
        scaler, table[:2], [0, 1], table, np.arange(8), n_neighbors=1, image_shape=(2, 3)
    )
    assert display.labels.tolist() == [[0], [1]]


def test_right_and_wrong_neighbours_differ_in_colour_and_line():
    gallery, labels = np.repeat([[1.0], [4.0]], 6, axis=1), [0, 1]
    display = NeighborsDisplay.from_estimator(
        AS_THEY_ARE, np.zeros((1, 6)), [0], gallery, labels, n_neighbors=2, image_shape=(2, 3)
    )
    right, wrong = display.frames_[0]
    assert right.get_edgecolor() == to_rgba("#0072b2")
    assert wrong.get_edgecolor() == to_rgba("#d55e00")
    assert right.get_linestyle() != wrong.get_linestyle()


def test_image_shape_defaults_to_input_shape_of_the_embedder(digits):
    X_train, X_test, y_train, y_test = digits
    embedder = SiameseEmbedder(input_shape=(8, 8), max_iter=1, random_state=0)
    embedder.fit(X_train, y_train)
    display = NeighborsDisplay.from_estimator(
        embedder, X_test[:3], y_test[:3], X_train, y_train, n_neighbors=4
    )
    assert display.images.shape == (3, 4, 8, 8)
    assert len(display.ax_.images) == 15


def test_pairs_are_drawn_worst_decision_first():
    match, score = np.array([1, 0, 1, 0, 1, 0]), np.array([3.0, -1.0, -2.0, 5.0, 0.5, 0.0])
    display = PairDisplay.from_predictions(
        gray_levels(), match, score, image_shape=(2, 3), n_pairs=4
    )
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == ["no match: 5", "match: -2", "no match: 0", "match: 0.5"]
    np.testing.assert_allclose(display.right[:, 0, 0], np.array([3, 2, 5, 4]) / 5)
    assert not display.left.any()
    wrong = [to_hex(frame.get_edgecolor()) == "#d55e00" for frame in display.frames_]
    assert wrong == [True, True, True, False]


def test_pairs_are_drawn_in_the_given_order_and_by_the_given_threshold():
    match, score = np.array([1, 0, 1, 0, 1, 0]), np.array([3.0, -1.0, -2.0, 5.0, 0.5, 0.0])
    pairs = PairView(np.repeat(np.arange(6.0)[:, None], 6, axis=1), [[0, k] for k in range(6)])
    display = PairDisplay.from_predictions(
        pairs, match, score, image_shape=(1, 2, 3), threshold=4, order="given", n_columns=2
    )
    np.testing.assert_allclose(display.right[:, 0, 0], np.arange(6) / 5)
    wrong = [to_hex(frame.get_edgecolor()) == "#d55e00" for frame in display.frames_]
    assert wrong == [True, False, True, True, True, False]
    assert len({frame.get_x() for frame in display.frames_}) == 2
    assert len({frame.get_y() for frame in display.frames_}) == 3


def test_images_in_colour_are_drawn_in_colour():
    pairs = np.random.default_rng(0).uniform(0, 255, size=(2, 2 * 3 * 4 * 5))
    display = PairDisplay.from_predictions(pairs, [0, 1], [0.0, 1.0], image_shape=(3, 4, 5))
    assert display.left.shape == (2, 4, 5, 3)
    reds = pairs[1, :20].reshape(4, 5)
    expected = (reds - pairs.min()) / np.ptp(pairs)
    np.testing.assert_allclose(display.left[list(display.match).index(True), ..., 0], expected)


def test_pair_display_shows_logits_of_a_verifier(digit_pairs):
    P_train, P_test, match_train, match_test = digit_pairs
    verifier = SiameseVerifier(width=32, input_shape=(8, 8), max_iter=1, random_state=0)
    verifier.fit(P_train, match_train)
    display = PairDisplay.from_estimator(verifier, P_test, match_test, order="given", n_pairs=3)
    np.testing.assert_array_equal(display.y_score, verifier.decision_function(P_test)[:3])
    np.testing.assert_allclose(display.left[0].ravel(), P_test[0, :64] / 16)


def test_images_of_a_wrong_shape_are_refused():
    pairs, match, score = gray_levels(4), [0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="image_shape is None"):
        PairDisplay.from_predictions(pairs, match, score, image_shape=None)
    with pytest.raises(ValueError, match="has 9 values, but an item of X has 6"):
        PairDisplay.from_predictions(pairs, match, score, image_shape=(3, 3))
    with pytest.raises(ValueError, match="image_shape must be"):
        PairDisplay.from_predictions(pairs, match, score, image_shape=(2, 3, 1))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        PairDisplay.from_predictions(pairs[1:], match, score, image_shape=(2, 3))
    with pytest.raises(ValueError, match="'order' parameter"):
        PairDisplay.from_predictions(pairs, match, score, image_shape=(2, 3), order="best")
    for options in ({"n_pairs": 0}, {"n_pairs": -1}, {"n_columns": 0}):
        wanted = f"'{next(iter(options))}' parameter .* must be an int in the range"
        with pytest.raises(ValueError, match=wanted):
            PairDisplay.from_predictions(pairs, match, score, image_shape=(2, 3), **options)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        PairScoreDisplay.from_predictions(match, score, accepted=[True])
    with pytest.raises(ValueError, match="image_shape is None"):
        NeighborsDisplay.from_estimator(AS_THEY_ARE, pairs[:1], [0], pairs, match)


def test_neighbours_at_the_same_distance_keep_the_order_of_the_gallery():
    gallery = np.repeat(np.array([[0.3], [0.1], [0.3], [0.1]]), 6, axis=1)
    for labels in (list("abcd"), list("wxyz")):
        display = NeighborsDisplay.from_estimator(
            AS_THEY_ARE,
            gallery[:1],
            [labels[0]],
            gallery,
            labels,
            n_neighbors=4,
            image_shape=(2, 3),
        )
        assert display.labels.tolist() == [[labels[n] for n in (0, 2, 1, 3)]]


def pairs_drawn(**options):
    given = {
        "X": gray_levels(4),
        "y_true": [0, 1, 0, 1],
        "y_score": [0.0, 1.0, 2.0, 3.0],
        "image_shape": (2, 3),
    }
    return PairDisplay.from_predictions(**given | options)


def scores_drawn(**options):
    given = {"y_true": [0, 1, 0, 1], "y_score": [0.0, 1.0, 2.0, 3.0]}
    return PairScoreDisplay.from_predictions(**given | options)


def map_drawn(**options):
    given = {"Z": np.eye(4), "y": [0, 1, 0, 1]}
    return EmbeddingDisplay.from_embeddings(**given | options)


def neighbors_drawn(**options):
    given = {
        "estimator": AS_THEY_ARE,
        "X": gray_levels(1)[:, :6],
        "y": [0],
        "X_gallery": np.eye(6),
        "y_gallery": [0, 1, 0, 1, 0, 1],
        "n_neighbors": 2,
        "image_shape": (2, 3),
    }
    return NeighborsDisplay.from_estimator(**given | options)


NO_NUMBER = ("1", np.nan, [1], {}, 1j)
NO_COUNT = (0, -1, 1.5, "2", None, [1])
NO_SCORES = (None, [], ["a"] * 4, [0.1, np.nan, 0.2, 0.3], [[0.1] * 2] * 4, {"a": 1})
NO_LABELS = (None, [], 1, [0, None, 0, 1], [0, "a", 0, 1], [[0, 1]] * 4)
NO_TABLE = (None, [], "abc", [["a"] * 6] * 4, np.full((4, 6), np.nan), np.zeros((4, 2, 3)))
NO_SHAPE = (3, "ab", (2.0, 3.0), (0, 6), (-2, -3), (), (2, 3, 1))
REFUSED = [
    (pairs_drawn, "threshold", NO_NUMBER),
    (pairs_drawn, "n_pairs", NO_COUNT),
    (pairs_drawn, "n_columns", NO_COUNT),
    (pairs_drawn, "order", ("best", None, 3)),
    (pairs_drawn, "y_score", NO_SCORES),
    (pairs_drawn, "y_true", NO_LABELS),
    (pairs_drawn, "accepted", ([], ["no"] * 4, [0, 1, 2, 3], 1, [None] * 4)),
    (pairs_drawn, "image_shape", (None, *NO_SHAPE)),
    (pairs_drawn, "ax", ("here", 3)),
    (pairs_drawn, "imshow_kwargs", ("gray", [1])),
    (scores_drawn, "threshold", NO_NUMBER),
    (scores_drawn, "y_score", NO_SCORES),
    (scores_drawn, "y_true", NO_LABELS),
    (scores_drawn, "accepted", ([], ["no"] * 4, [0, 1, 2, 3], 1, [None] * 4)),
    (scores_drawn, "score_name", (None, 3)),
    (scores_drawn, "bins", (0, -1, 1.5, "no rule", 10**30)),
    (scores_drawn, "ax", ("here", 3)),
    (map_drawn, "Z", (None, [], "abc", [["a"] * 6] * 4, np.full((4, 6), np.inf), np.zeros(4))),
    (map_drawn, "y", NO_LABELS),
    (map_drawn, "projection", ("TSNE", 2)),
    (map_drawn, "scatter_kwargs", ("x", 3)),
    (neighbors_drawn, "estimator", (None, "embedder", LogisticRegression())),
    (neighbors_drawn, "X", NO_TABLE),
    (neighbors_drawn, "X_gallery", NO_TABLE),
    (neighbors_drawn, "y", (None, [], 1, [None], ["a"], [[0, 1]])),
    (neighbors_drawn, "y_gallery", (None, [], 1, [*"abcdef"], [None] * 6)),
    (neighbors_drawn, "n_neighbors", (*NO_COUNT, 7)),
    (neighbors_drawn, "metric", ("nearest", None, 2, lambda a, b: "near")),
    (neighbors_drawn, "image_shape", NO_SHAPE),
]


@pytest.mark.parametrize(
    ("draw", "name", "values"),
    REFUSED,
    ids=[f"{draw.__name__} {name}" for draw, name, _ in REFUSED],
)
def test_invalid_arguments_of_displays_are_refused_by_name(draw, name, values):
    draw()
    for value in values:
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            draw(**{name: value})


@pytest.mark.parametrize("display", [PairScoreDisplay, PairDisplay, EmbeddingDisplay])
def test_displays_of_estimators_need_estimators(display):
    for estimator in (None, "model", SiameseEmbedder):
        with pytest.raises((TypeError, ValueError), match=r"estimator|is a class, not an instance"):
            display.from_estimator(estimator, gray_levels(4), [0, 1, 0, 1])


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_displays_use_the_colours_of_the_style(style):
    with plt.style.context(style):
        ink, background = plt.rcParams["text.color"], plt.rcParams["axes.facecolor"]
        display = PairScoreDisplay.from_predictions(*scores())
        assert to_hex(display.line_.get_color()) == to_hex(ink) != to_hex(background)
        sheet = PairDisplay.from_predictions(
            gray_levels(), [0, 1, 0, 1, 0, 1], np.arange(6.0), image_shape=(2, 3)
        )
        assert {to_hex(text.get_color()) for text in sheet.ax_.texts} == {to_hex(ink)}


def test_displays_draw_on_given_axes():
    axes = plt.figure().subplots(4)
    gallery = np.repeat([[1.0], [4.0]], 6, axis=1)
    displays = [
        PairScoreDisplay.from_predictions(*scores(), ax=axes[0]),
        EmbeddingDisplay.from_embeddings(*points(3), ax=axes[1]),
        NeighborsDisplay.from_estimator(
            AS_THEY_ARE,
            gallery,
            [0, 1],
            gallery,
            [0, 1],
            n_neighbors=1,
            image_shape=(2, 3),
            ax=axes[2],
        ),
        PairDisplay.from_predictions(
            gray_levels(2), [0, 1], [0.0, 1.0], image_shape=(2, 3), ax=axes[3]
        ),
    ]
    assert [display.ax_ for display in displays] == list(axes)
    assert {display.figure_ for display in displays} == {axes[0].figure}
