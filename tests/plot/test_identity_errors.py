"""Test the display of error rates by identity."""

from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from sksiamese import ReferenceVerifier
from sksiamese.metrics import equal_error_rate, error_rate_by_identity, false_reject_rate
from sksiamese.plot import IdentityErrorDisplay


@pytest.fixture(autouse=True)
def no_screen():
    mpl.use("Agg")
    yield
    plt.close("all")


def claims(n_identities=6):
    rng = np.random.default_rng(0)
    n = 40 * n_identities
    match, identities = np.arange(n) % 2, np.arange(n) // 40
    return match, match + rng.normal(size=n) + rng.normal(size=n_identities)[identities], identities


@pytest.mark.parametrize("metric", [equal_error_rate, partial(false_reject_rate, far=0.2)])
def test_bars_are_the_rates_of_identities_greatest_first(metric):
    match, score, identities = claims()
    display = IdentityErrorDisplay.from_predictions(match, score, identities, metric=metric)
    found = error_rate_by_identity(match, score, identities, metric=metric)
    heights = [bar.get_height() for bar in display.bars_]
    assert heights == sorted(found.rates, reverse=True)
    labels = display.ax_.get_xticklabels()
    named = {text.get_text(): h for text, h in zip(labels, heights, strict=True)}
    assert named == dict(zip(map(str, found.identities), found.rates.tolist(), strict=True))
    assert display.mean_line_.get_ydata() == pytest.approx([found.mean] * 2)
    assert display.overall_line_.get_ydata() == pytest.approx([metric(match, score)] * 2)
    name = "equal error rate" if metric is equal_error_rate else "false reject rate"
    assert display.ax_.get_ylabel() == name


def test_many_identities_are_not_named():
    display = IdentityErrorDisplay.from_predictions(*claims(60))
    assert len(display.bars_) == 60
    assert display.ax_.get_xticklabels() == []
    assert display.ax_.get_xlabel() == "60 identities"


def test_an_estimator_is_scored_and_drawn_on_given_axes():
    rng = np.random.default_rng(0)
    own, claimed = np.repeat([0, 1, 2], 20), np.tile([0, 1, 2], 20)
    X = 2 * own[:, None] + rng.normal(size=(60, 2))
    verifier = ReferenceVerifier().fit([[0, 0], [1, 0], [2, 2], [3, 2], [4, 4], [4, 5]], own[::10])
    ax = plt.subplots()[1]
    display = IdentityErrorDisplay.from_estimator(
        verifier, X, claimed, own == claimed, ax=ax, bar_kwargs={"alpha": 1}
    )
    rates = error_rate_by_identity(own == claimed, verifier.claim_scores(X, claimed), claimed).rates
    assert display.rates.tolist() == rates.tolist()
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.bars_[0].get_alpha() == 1


@pytest.mark.parametrize(
    ("name", "value"), [("ax", 3), ("bar_kwargs", "red"), ("line_kwargs", 3), ("metric", "eer")]
)
def test_an_invalid_argument_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        IdentityErrorDisplay.from_predictions(*claims(), **{name: value})
    with pytest.raises(ValueError, match="estimator"):
        IdentityErrorDisplay.from_estimator(3, [[0.0]], [0], [0])
