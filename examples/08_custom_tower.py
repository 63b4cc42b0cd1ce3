"""
Bring your own tower
====================

A tower, a loss and a distance of your own need a few lines each and no registration, and can be
searched like the built-in ones. The tower of this example ignores the position of a digit on a
sheet. (``tower="cnn"`` does so, too, and performs still better; this example shows how to
write a tower.)
"""

# %%
# The data are sheets of 12 x 12 pixels with a digit of 8 x 8 pixels at a random position. 800
# sheets are used for training.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn
from torch.nn import functional as F

from sksiamese import SiameseEmbedder
from sksiamese.distances import chord

digits, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
sheets = np.zeros((len(digits), 12, 12), dtype=np.float32)
corners = rng.integers(5, size=(len(y), 2))
for sheet, digit, (top, left) in zip(sheets, digits, corners, strict=True):
    sheet[top : top + 8, left : left + 8] = digit.reshape(8, 8)
X = sheets.reshape(len(sheets), -1)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=800, stratify=y, random_state=0
)

# %%
# A tower
# -------
#
# A tower receives the shape of an item and the number of components. The signature contains
# ``depth`` and ``width``, so the estimator passes its own values. This tower applies the same small
# network to every window of the sheet and returns the maximum of each component.


class Windows(nn.Module):
    """Apply the same fully connected layers to all windows of an image, then the maximum."""

    def __init__(self, input_shape, n_components, depth, width, size=8):
        super().__init__()
        self.size = size
        sizes = [size**2] + [width] * (depth - 1)
        hidden = [nn.Sequential(nn.Linear(*pair), nn.ReLU()) for pair in pairwise(sizes)]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], n_components))

    def forward(self, X):
        """Return the embeddings of images of shape (n, height, width)."""
        windows = F.unfold(X.unsqueeze(1), self.size).mT
        return self.layers(windows).amax(dim=1)


# %%
# A distance and a loss
# ---------------------
#
# A distance maps arrays of shape (..., n, k) and (..., m, k) to (..., n, m). Its gradient must be
# finite everywhere, also for two equal rows. The gradient of the arc cosine is infinite there; the
# arc tangent of two chords gives the same angle with a finite gradient. A loss receives distances
# and the two masks of the pairs. The signature contains ``margin``, so the estimator passes its own
# value, here in radians.


def angle(A, B):
    """Return the angles between all rows of two sets, in [0, pi]."""
    return 2 * torch.atan2(chord(A, B), chord(A, -B))


def pull_and_push(D, same, different, margin=1.0):
    """Return the mean distance of matching pairs plus the mean margin violation of the others."""
    pull = (D * same).sum() / same.sum().clamp_min(1)
    push = (F.relu(margin - D) * different).sum() / different.sum().clamp_min(1)
    return pull + push


# %%
# Search
# ------
#
# The neighbors are searched with the cosine distance, which orders rows as the angle does.

own = {"tower": Windows, "distance": angle, "loss": pull_and_push}
embedder = SiameseEmbedder(16, **own, width=64, input_shape=(12, 12), max_iter=15, random_state=0)
model = make_pipeline(embedder, KNeighborsClassifier(metric="cosine"))
grid = {"siameseembedder__depth": [1, 2, 3], "siameseembedder__margin": [0.5, 1.0]}
search = GridSearchCV(model, grid, cv=3)
default = make_pipeline(SiameseEmbedder(16, random_state=0), KNeighborsClassifier())
models = {"raw pixels": KNeighborsClassifier(), "default tower": default, "own tower": search}
accuracy = {}
for name, model in models.items():
    accuracy[name] = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:14s} accuracy on new sheets {accuracy[name]:.3f}")
print("best:", search.best_params_)

# %%
# The default tower is worse than raw pixels, the own tower far better.

figure, ax = plt.subplots(layout="constrained")
bars = ax.bar(list(accuracy), list(accuracy.values()), color=["gray", "C0", "C1"])
ax.bar_label(bars, fmt="%.2f")
ax.set(title="5 nearest neighbors", ylabel="accuracy on new sheets", ylim=(0, 1))
figure.savefig("custom_tower.png", dpi=120)

# %%
# The search compares depths and margins by cross-validation.

_, ax = plt.subplots(layout="constrained")
scores = search.cv_results_["mean_test_score"].reshape(3, 2)
for margin, line in zip(grid["siameseembedder__margin"], scores.T, strict=True):
    ax.plot(grid["siameseembedder__depth"], line, "o-", label=f"margin {margin}")
ax.set(title="Search results", xlabel="depth", ylabel="accuracy, 3 folds", xticks=[1, 2, 3])
ax.legend()

# %%
# Nine of the sheets:

_, ax = plt.subplots(layout="constrained")
framed = np.pad(sheets[:9], ((0, 0), (1, 1), (1, 1)), constant_values=16).reshape(3, 3, 14, 14)
ax.imshow(framed.swapaxes(1, 2).reshape(42, 42), cmap="gray_r")
ax.set(title="A digit at a random position of each sheet", xticks=[], yticks=[])
