"""Displays draw what they say, where they are told."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

from sksiamese import SiameseEmbedder, SiameseVerifier
from sksiamese.plot import HistoryDisplay


@pytest.fixture(autouse=True)
def no_screen():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.mark.parametrize("kind", ["embedder", "verifier"])
def test_the_history_of_both_estimators_is_drawn_in_three_panels(digits, digit_pairs, kind):
    if kind == "embedder":
        estimator = SiameseEmbedder(max_iter=3, random_state=0).fit(digits[0], digits[2])
    else:
        estimator = SiameseVerifier(max_iter=3, random_state=0).fit(digit_pairs[0], digit_pairs[2])
    display = HistoryDisplay.from_estimator(estimator)
    drawn = [[line.get_ydata() for line in ax.lines] for ax in display.axes_]
    names = [["loss"], ["positive_distance", "negative_distance", "spread"], ["active"]]
    for lines, wanted in zip(drawn, names, strict=True):
        for line, name in zip(lines, wanted, strict=True):
            np.testing.assert_array_equal(line, estimator.history_[name])
    assert display.axes_[0].lines[0].get_xdata().tolist() == [1, 2, 3]
    assert display.figure_ is display.axes_[2].figure


def test_a_display_draws_where_it_is_told():
    names = ("loss", "positive_distance", "negative_distance", "spread", "active")
    history = {name: [0.5, 0.25] for name in names}
    figure, axes = plt.subplots(3)
    assert HistoryDisplay(history=history).plot(axes=axes).figure_ is figure
    with pytest.raises(ValueError, match="axes must be three"):
        HistoryDisplay(history=history).plot(axes=axes[:2])


def test_an_estimator_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(SiameseEmbedder())
