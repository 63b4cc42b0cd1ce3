"""
Two cues
========

What is known of a thing often comes in parts: face and voice, shape and colour, upper and
lower half. :func:`~sksiamese.towers.multi_cue` gives each part a tower of its own and fuses
what they see. Here it is compared with verifiers that have one of the parts only.
"""

# %%
# Pairs of digits to learn from and, of other images, to test on. The test pairs are drawn as
# pairs of row numbers, so that we know later which digits they show.

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
# Say which columns belong together
# ---------------------------------
#
# A cue is a name and the columns of one *item*, not of a pair: a slice, a list of numbers
# or, for a DataFrame, a list of column names. The first 32 of 64 pixels are the upper half
# of a digit. What no cue names the tower does not see, so a verifier of one cue is made in
# the same way.

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
# Two fully connected layers fuse the towers of the cues. ``head="mlp"`` then compares the
# embeddings by a small network, which reads products of components as well as differences.

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
# What one cue cannot see
# -----------------------
#
# Each half has pairs of digits that it cannot tell apart; the other half mostly can.


def false_accepts(verifier):
    """Share of the pairs of any two different digits that are taken for a match."""
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
    print(f"{name:12s} takes {worst[0]} for {worst[1]} in {np.nanmax(rates):.0%} of such pairs")

# %%
# The curves of all pairs, and the mistakes by digit.

figure, (curves, *maps) = plt.subplots(
    1, 4, figsize=(16, 4), width_ratios=[1.1, 1, 1, 1], layout="constrained"
)
for name, verifier in verifiers.items():
    RocCurveDisplay.from_estimator(verifier, P_test, match_test, name=name, ax=curves)
curves.set(title="Pairs of new images", xlabel="false-accept rate", ylabel="true-accept rate")
for ax, (name, rates) in zip(maps, confusions.items(), strict=True):
    image = ax.imshow(rates, cmap="Reds", vmin=0, vmax=0.7)
    ax.set(title=name, xlabel="digit", xticks=range(10), yticks=range(10))
figure.colorbar(image, ax=maps, label="share of such pairs accepted by mistake")
figure.savefig("two_cues.png", dpi=120)
