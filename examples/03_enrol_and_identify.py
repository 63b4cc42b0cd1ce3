"""
Enroll, identify, reject
========================

:class:`~sksiamese.SiameseIdentifier` enrolls classes after training, predicts the class of new
rows, and rejects rows that are too far from all enrolled classes. This example trains on seven
digits, enrolls an eighth from five images, and tests the rejection of the other two.
"""

# %%
# Train once, enroll at any time
# ------------------------------
#
# ``fit`` trains an embedder on the digits 0 to 6 and enrolls them: each is represented by the mean
# of its embeddings, its *prototype*. ``partial_fit`` then enrolls five images of a 7, without
# training. The baseline is an identifier of raw pixels; any transformer of scikit-learn can
# replace the embedder.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import FunctionTransformer

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese.metrics import detection_identification_rate
from sksiamese.plot import PairScoreDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, stratify=y, random_state=0
)
learned = y_train < 7
few = np.flatnonzero(y_train == 7)[:5]
identifiers = {}
for name, embedder in (
    ("raw pixels", FunctionTransformer()),
    ("SiameseEmbedder", SiameseEmbedder(random_state=0)),
):
    identifier = SiameseIdentifier(embedder).fit(X_train[learned], y_train[learned])
    identifiers[name] = identifier.partial_fit(X_train[few], y_train[few])
    old, eighth = y_test < 7, y_test == 7
    print(
        f"{name:16s} accuracy: digits 0 to 6 {identifier.score(X_test[old], y_test[old]):.3f}   "
        f"the 7 {identifier.score(X_test[eighth], y_test[eighth]):.3f}"
    )

# %%
# Reject unknown digits
# ---------------------
#
# The embedder identifies the training digits and the new digit better than raw pixels. As seven
# training digits are few, principal components of the images have most of the weight, see
# :ref:`identities`. The digits 8 and 9 are never enrolled. The area under the ROC curve measures
# how well the distance to the nearest prototype separates them from the others. The detection and
# identification rate is the share of images of enrolled digits that are accepted and assigned the
# right digit, at a given false-accept rate of unknown images.

known = y_test < 8
rates = np.linspace(0, 0.3, 31)
curves, nearest = {}, {}
for name, identifier in identifiers.items():
    scores = -identifier.class_distances(X_test)
    nearest[name] = -scores.max(axis=1)
    curves[name] = [
        detection_identification_rate(y_test, scores, labels=identifier.classes_, far=far)
        for far in rates
    ]
    print(
        f"{name:16s} AUC of unknown {roc_auc_score(known, -nearest[name]):.3f}   "
        f"identified at 5 % false accepts {curves[name][5]:.3f}"
    )

# %%
# With ``target_far`` the identifier chooses the threshold itself, on enrolled classes that it
# was not trained on. A rate of 5 % requires 39 of them, more than there are digits;
# :ref:`identify` has an example. The threshold of the plot is the 5 % quantile of the distances
# of unknown images.

name = "SiameseEmbedder"
threshold = np.quantile(nearest[name][~known], 0.05)
figure, ax = plt.subplots(layout="constrained")
PairScoreDisplay.from_predictions(
    known,
    -nearest[name],
    threshold=-threshold,
    score_name="closeness to the nearest prototype",
    ax=ax,
)
ax.set(title="SiameseEmbedder", ylabel="share of the images of each kind")
handles, (_, _, rates_at_threshold) = ax.get_legend_handles_labels()
names = ["8 and 9, never enrolled", "enrolled digits", rates_at_threshold]
ax.legend(handles, names, loc="center left")
figure.savefig("enrolled_digits.png", dpi=120)

# %%
# At every false-accept rate, more images are identified with the embedder than with raw pixels.

_, ax = plt.subplots(layout="constrained")
for model, curve in curves.items():
    ax.plot(rates, curve, label=model)
ax.set(title="Detection and identification", xlabel="false-accept rate", ylabel="identified")
ax.legend()

# %%
# The title of each image is its prediction; the last four images are of the digits 8 and 9.

named = identifiers[name].predict(X_test)
shown = np.concatenate([np.flatnonzero(y_test == digit)[:2] for digit in range(10)])
_, axes = plt.subplots(4, 5, figsize=(6.4, 6), layout="constrained")
for ax, row in zip(axes.flat, shown, strict=True):
    ax.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
    ax.set_title(named[row] if nearest[name][row] <= threshold else "unknown")
    ax.set_axis_off()
