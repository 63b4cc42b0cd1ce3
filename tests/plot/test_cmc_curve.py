"""Test the display of recall over the number of neighbors."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from sksiamese.metrics import cmc_curve
from sksiamese.plot import CmcCurveDisplay

RNG = np.random.default_rng(0)
Y = np.arange(60) % 6
Z = RNG.normal(size=(6, 3))[Y] + RNG.normal(size=(60, 3))
GALLERY = {"Z_gallery": Z[:30], "y_gallery": Y[:30]}


@pytest.fixture(autouse=True)
def no_screen():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.mark.parametrize("options", [{}, GALLERY, {"average": "macro", "metric": "cosine"}])
def test_the_line_is_the_curve(options):
    display = CmcCurveDisplay.from_embeddings(Z, Y, k=5, **options)
    assert display.line_.get_xdata().tolist() == [1, 2, 3, 4, 5]
    assert display.line_.get_ydata().tolist() == cmc_curve(Y, Z, k=5, **options).tolist()
    assert display.ax_.get_legend() is None


def test_estimators_are_compared_on_given_axes():
    ax, pca = plt.subplots()[1], PCA(2).fit(Z)
    gallery = {"X_gallery": Z[:30], "y_gallery": Y[:30]}
    for name in ("first", "second"):
        display = CmcCurveDisplay.from_estimator(
            pca, Z[30:], Y[30:], **gallery, k=3, name=name, ax=ax, line_kwargs={"linewidth": 3}
        )
    expected = cmc_curve(
        Y[30:], pca.transform(Z[30:]), k=3, y_gallery=Y[:30], Z_gallery=pca.transform(Z[:30])
    )
    assert display.recall.tolist() == expected.tolist()
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.line_.get_linewidth() == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", "second"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ax", 3),
        ("line_kwargs", "red"),
        ("name", 3),
        ("k", 60),
        ("k", 0),
        ("average", None),
        ("average", "weighted"),
        ("metric", "none"),
        ("y_gallery", Y),
        ("Z_gallery", Z),
    ],
)
def test_an_invalid_argument_is_named(name, value):
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        CmcCurveDisplay.from_embeddings(Z, Y, **{name: value})


def test_an_estimator_must_be_a_fitted_transformer():
    with pytest.raises(ValueError, match="estimator"):
        CmcCurveDisplay.from_estimator(3, Z, Y)
    for gallery in ({"X_gallery": Z}, {"y_gallery": Y}):
        with pytest.raises(ValueError, match="X_gallery and y_gallery belong together"):
            CmcCurveDisplay.from_estimator(PCA().fit(Z), Z, Y, **gallery)
    with pytest.raises(NotFittedError):
        CmcCurveDisplay.from_estimator(PCA(), Z, Y)
