"""
Learn without labels
====================

Train an embedding on rows without labels, then classify with one label of each class.
:class:`~sksiamese.SiameseEmbedder` learns that two views of an image match: the image itself and
one of its nearest neighbors, both slightly distorted.
"""

# %%
# All training images are used, but none of their labels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sksiamese import SiameseEmbedder
from sksiamese.augment import affine

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X.astype("float32"), y, random_state=0)

embedder = SiameseEmbedder(
    loss="n_pairs", n_views=2, augment=affine, input_shape=(8, 8), random_state=0
).fit(X_train)

# %%
# How many labels are enough?
# ---------------------------
#
# Draw some labels of each class, and classify the test images by the nearest labeled image. The
# accuracy is the mean over twenty draws.

Z_train, Z_test = embedder.transform(X_train), embedder.transform(X_test)
n_labels = (1, 2, 5, 10, 50)


def accuracy(train, test, n, draws=20):
    """Return the mean accuracy of nearest neighbors with n labels of each class."""
    scores = []
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(train))
        known = np.concatenate([order[y_train[order] == label][:n] for label in range(10)])
        nearest = KNeighborsClassifier(1).fit(train[known], y_train[known])
        scores.append(nearest.score(test, y_test))
    return np.mean(scores)


curves = {
    "pixels": [accuracy(X_train, X_test, n) for n in n_labels],
    "embedding without labels": [accuracy(Z_train, Z_test, n) for n in n_labels],
}
print(f"{'accuracy by number of labels':30}", *(f"{n:4}" for n in n_labels))
for name, curve in curves.items():
    print(f"{name:30}", *(f"{score:.2f}" for score in curve))

# %%
# The fewer labels there are, the more the embedding helps. With many labels, pass them to ``fit``:
# rows without one are then used as well, if they are marked by ``unlabeled_label``.

partly = np.where(np.arange(len(y_train)) % 20 == 0, y_train, -1)
embedder.set_params(unlabeled_label=-1).fit(X_train, partly)
print(f"recall at 1, with labels of 5 % of the rows: {embedder.score(X_test, y_test):.3f}")

figure, axes = plt.subplots(layout="constrained")
for name, curve in curves.items():
    axes.plot([str(n) for n in n_labels], curve, "o-", label=name)
axes.set(title="Digits", xlabel="labels of each class", ylabel="accuracy of the nearest neighbor")
axes.legend(loc="lower right")
figure.savefig("without_labels.png", dpi=120)
