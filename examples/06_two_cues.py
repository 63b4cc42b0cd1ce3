"""
Two cues
========

Items are often described by several cues: face and voice, shape and color, upper and
lower half. :func:`~sksiamese.towers.multi_cue` uses one tower for each cue and fuses their
outputs. This example compares it with verifiers of a single cue.
"""

# %%
# Training and test pairs are of different images of digits. The test pairs are drawn as pairs of
# row numbers, to look up their digits below.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split

from sksiamese import SiameseVerifier, make_pairs, stack_pairs
from sksiamese.metrics import equal_error_rate
from sksiamese.towers import multi_cue

X, y = load_digits(return_X_y=True)
X = X.astype("float32")
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, stratify=y, random_state=0
)
P_train, match_train, _ = make_pairs(X_train, y_train, n_pairs=2000, random_state=0)
rows = np.arange(len(X_test)).reshape(-1, 1)
drawn, match_test, _ = make_pairs(rows, y_test, n_pairs=10_000, random_state=0)
P_test = stack_pairs(X_test[drawn[:, 0]], X_test[drawn[:, 1]])

# %%
# Define the cues
# ---------------
#
# A cue is a name and the columns of one *item*, not of a pair: a slice, a list of numbers
# or, for a DataFrame, a list of column names. The first 32 of 64 pixels are the upper half
# of a digit. The tower ignores columns that are in no cue, so a verifier of a single cue is
# defined in the same way.

upper, lower = slice(0, 32), slice(32, 64)
cues = {
    "upper half": {"upper": upper},
    "lower half": {"lower": lower},
    "both halves": {"upper": upper, "lower": lower},
}

# %%
# Fuse and compare
# ----------------
#
# Two fully connected layers fuse the towers of the cues. ``head="mlp"`` compares the embeddings
# by a small network of the products and the differences of their components.

verifiers = {
    name: SiameseVerifier(tower=partial(multi_cue, cues=parts), head="mlp", random_state=0)
    for name, parts in cues.items()
}
for name, verifier in verifiers.items():
    logit = verifier.fit(P_train, match_train).decision_function(P_test)
    auc, eer = roc_auc_score(match_test, logit), equal_error_rate(match_test, logit)
    accuracy = verifier.score(P_test, match_test)
    print(f"{name:12s} AUC {auc:.3f}   EER {eer:.3f}   accuracy {accuracy:.3f}")

# %%
# Compare the errors
# ------------------
#
# Some pairs of digits look alike in one half. Most of them differ in the other half.


def false_accepts(verifier):
    """Return the false-accept rate for each two different digits."""
    table = np.zeros((2, 10, 10))
    digits = y_test[drawn].T
    np.add.at(table[0], tuple(digits), verifier.predict(P_test))
    np.add.at(table[1], tuple(digits), 1)
    accepted, total = table + table.transpose(0, 2, 1)
    np.fill_diagonal(accepted, np.nan)
    return accepted / total


confusions = {name: false_accepts(verifier) for name, verifier in verifiers.items()}
for name, rates in confusions.items():
    worst = np.unravel_index(np.nanargmax(rates), rates.shape)
    print(f"{name:12s} accepts {np.nanmax(rates):.0%} of the pairs of {worst[0]} and {worst[1]}")

# %%
# The ROC curve of both halves is above the curves of single halves.

figure, curves = plt.subplots(layout="constrained")
for name, verifier in verifiers.items():
    RocCurveDisplay.from_estimator(verifier, P_test, match_test, name=name, ax=curves)
curves.set(title="Pairs of new images", xlabel="false-accept rate", ylabel="true-accept rate")
figure.savefig("two_cues.png", dpi=120)

# %%
# Each half has pairs of digits that it confuses; both halves together confuse few.

figure, maps = plt.subplots(3, 1, figsize=(6.4, 13), layout="constrained")
for ax, (name, rates) in zip(maps, confusions.items(), strict=True):
    image = ax.imshow(rates, cmap="Reds", vmin=0, vmax=0.7)
    ax.set(title=name, xlabel="digit", xticks=range(10), yticks=range(10))
figure.colorbar(image, ax=maps, label="false-accept rate of such pairs")
