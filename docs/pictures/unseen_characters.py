"""Draw the picture of the landing page: characters of an alphabet that is not in training.

Run ``python -m docs.pictures.unseen_characters --data DIR`` in the root of the repository. DIR
holds ``omniglot/`` with the archives that the authors of Omniglot publish (MIT license).
"""

import argparse
import os
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.manifold import TSNE

from benchmarks._common.data import load_omniglot
from sksiamese import SiameseVerifier, make_pairs
from sksiamese.augment import affine
from sksiamese.metrics import recall_at_k
from sksiamese.towers import cnn

FOLDER = Path(__file__).parent
SIZE = 35
CALIBRATION, SHOWN = range(10), 13
"""Evaluation alphabets of the calibration and of the picture, by number."""

N_CHARACTERS = 10
COLORS = {"light": ("#14181e", "white"), "dark": ("#ced6dd", "#14181e")}
"""Colors of the text and of the background of each theme."""

SHAPES = ("wide", "narrow")
"""Shapes of the picture, for a screen and for a phone."""


def learn(data):
    """Return a verifier of background alphabets, calibrated on pairs of evaluation alphabets."""
    X, y, _ = load_omniglot(data, "background")
    verifier = SiameseVerifier(
        tower=partial(cnn, width=32, pooling="flatten"),
        input_shape=(SIZE, SIZE),
        augment=partial(affine, rotation=10, scale=0.2, shear=0.25, translation=0.08),
        head="cosine",
        learned_weight=1.0,
        max_iter=10,
        random_state=0,
    ).fit_rows(X, y)
    X, y, alphabet = load_omniglot(data, "evaluation")
    rows = np.isin(alphabet, CALIBRATION)
    pairs, match, _ = make_pairs(X[rows], y[rows], n_pairs=10_000, as_view=True, random_state=0)
    return CalibratedClassifierCV(FrozenEstimator(verifier)).fit(pairs, match), verifier


def show(data):
    """Return the images, characters, embeddings, pairs and probabilities of the picture."""
    calibrated, verifier = learn(data)
    X, y, alphabet = load_omniglot(data, "evaluation")
    X, y = X[alphabet == SHOWN], y[alphabet == SHOWN]
    X, y = X[y < y.min() + N_CHARACTERS], y[y < y.min() + N_CHARACTERS]
    pairs, match, _ = make_pairs(X, y, n_pairs=6, random_state=1)
    order = np.argsort(~match, kind="stable")
    pairs, match = pairs[order], match[order]
    probability = calibrated.predict_proba(pairs)[:, 1]
    return X, y, verifier.transform_items(X), pairs, match, probability


def arrange(shape, background):
    """Return a figure with two parts for points and one for pairs, side by side if it is wide."""
    style = {"layout": "constrained", "facecolor": background}
    if shape == "wide":
        figure = plt.figure(figsize=(13, 4.6), **style)
        return figure, *figure.subfigures(1, 3, width_ratios=[1, 1, 1.05])
    figure = plt.figure(figsize=(6.4, 6.8), **style)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 0.8])
    return figure, *top.subfigures(1, 2), bottom


def draw(shape, theme, X, y, Z, pairs, match, probability):
    """Draw and save the picture of one shape in the colors of one theme."""
    text, background = COLORS[theme]
    colors = dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor"), text)
    with plt.rc_context({**colors, "axes.edgecolor": "0.5", "font.size": 13}):
        figure, before, after, examples = arrange(shape, background)
        for part, title, rows in ((before, "Before: pixels", X), (after, "After: embedding", Z)):
            ax = part.subplots()
            ax.set_facecolor(background)
            points = TSNE(init="pca", random_state=0).fit_transform(rows)
            for number, character in enumerate(np.unique(y)):
                ax.scatter(*points[y == character].T, s=36, color=f"C{number}")
            nearest = recall_at_k(y, rows)
            ax.set(title=title, xticks=[], yticks=[])
            gap = " " if shape == "wide" else "\n"
            ax.set_xlabel(f"nearest neighbor is{gap}the same character: {nearest:.0%}")
        for part in (before, after, examples):
            part.set_facecolor(background)
        axes = examples.subplots(3, 2)
        for ax, pair, same, share in zip(axes.T.flat, pairs, match, probability, strict=True):
            left, right = pair.reshape(2, SIZE, SIZE)
            ax.imshow(np.hstack([left, np.zeros((SIZE, 6)), right]), cmap="gray_r")
            ax.set(xticks=[], yticks=[])
            ax.set_xlabel(f"match: {share:.1%}")
            if ax in axes[0]:
                ax.set_title("Same" if same else "Different")
        suffix = theme if shape == "wide" else f"{shape}_{theme}"
        figure.savefig(FOLDER / f"unseen_characters_{suffix}.png", dpi=100)
        plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKSIAMESE_DATA"))
    shown = show(Path(parser.parse_args().data))
    for shape in SHAPES:
        for theme in COLORS:
            draw(shape, theme, *shown)
