"""Tests of the display of the performance on unseen classes."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA

from sksiamese import unseen_class_curve
from sksiamese.plot import UnseenClassesDisplay

RNG = np.random.default_rng(0)
Y = np.repeat(np.arange(8), 5)
X = RNG.normal(size=(8, 4))[Y] + RNG.normal(size=(40, 4))
OPTIONS = {"n_classes": [2, 3, 4], "n_splits": 2, "test_size": 4, "random_state": 0}
METRICS = ["roc_auc", "equal_error_rate", "one_shot_accuracy"]


@pytest.fixture(autouse=True)
def no_screen():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def curve():
    return unseen_class_curve(PCA(2), X, Y, **OPTIONS)


@pytest.mark.parametrize("metric", METRICS)
def test_lines_are_means_and_the_band_is_the_interval_of_the_estimator(curve, metric):
    display = UnseenClassesDisplay.from_curve(curve, metric=metric)
    names = ("estimator", "standardized", "unscaled")
    for line, name in zip(display.lines_, names, strict=True):
        assert_array_equal(line.get_xdata(), curve.n_classes)
        assert_array_equal(line.get_ydata(), curve[metric][name].mean)
    assert len({line.get_linestyle() for line in display.lines_}) == 3
    band = display.fill_between_.get_paths()[0].vertices
    for n, low, high in zip(
        curve.n_classes, curve[metric].estimator.low, curve[metric].estimator.high, strict=True
    ):
        edges = band[band[:, 0] == n, 1]
        assert (edges.min(), edges.max()) == pytest.approx((low, high))
    assert display.ax_.get_ylabel() == f"{metric.replace('_', ' ')} of unseen classes"


def test_the_title_is_the_lead_with_its_interval_at_the_largest_number_of_classes(curve):
    title = UnseenClassesDisplay.from_curve(curve).ax_.get_title()
    mean, low, high = (curve.roc_auc.lead[key][-1] for key in ("mean", "low", "high"))
    assert title == f"lead at 4 classes: {mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def test_from_estimator_draws_the_curve_of_the_estimator_into_given_axes(curve):
    figure, ax = plt.subplots()
    display = UnseenClassesDisplay.from_estimator(
        PCA(2), X, Y, metric="one_shot_accuracy", ax=ax, **OPTIONS
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    expected = curve.one_shot_accuracy.estimator.scores
    assert_array_equal(display.curve.one_shot_accuracy.estimator.scores, expected)
    assert_array_equal(display.lines_[0].get_ydata(), expected.mean(axis=1))


def test_options_of_lines_and_of_the_band_are_passed_on(curve):
    display = UnseenClassesDisplay.from_curve(
        curve, line_kwargs={"linewidth": 5}, fill_between_kwargs={"alpha": 0.5}
    )
    assert {line.get_linewidth() for line in display.lines_} == {5}
    assert display.fill_between_.get_alpha() == 0.5


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("curve", (None, [], {}, {"n_classes": [2]})),
        ("metric", (None, "auc", 1)),
        ("ax", ("here", 3)),
        ("line_kwargs", ("red", 3)),
        ("fill_between_kwargs", ("red", 3)),
    ],
)
def test_an_invalid_argument_is_named(curve, name, values):
    for value in values:
        with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
            UnseenClassesDisplay.from_curve(**{"curve": curve, name: value})


@pytest.mark.parametrize("wrong", [{"metric": "auc"}, {"ax": "here"}])
def test_an_invalid_argument_of_the_plot_is_found_before_any_fit(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UnseenClassesDisplay.from_estimator(None, X, Y, **wrong)
