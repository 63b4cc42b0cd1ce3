"""
A convolutional tower
=====================

The default tower reads an image as a row of numbers. The ``"cnn"`` knows which pixels are
neighbours, and ``augment`` tells it which changes leave a digit what it is. With few rows to
learn from, it takes both.
"""

# %%
# A few images of each digit to learn from, 800 others to test on. ``input_shape`` says what
# a row of 64 numbers is.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder
from sksiamese.augment import affine
from sksiamese.towers import cnn

X, y = load_digits(return_X_y=True)
X = X.astype("float32")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=800, stratify=y, random_state=0)

# %%
# Towers by name, and with options
# --------------------------------
#
# ``tower="cnn"`` would do; ``functools.partial`` sets what the estimator has no parameter
# for. Images of 8 x 8 pixels are so small that it matters where a stroke is, so the features
# keep their place (``pooling="flatten"``) instead of being averaged over the image.

convolutional = {
    "tower": partial(cnn, width=32, pooling="flatten"),
    "depth": 2,
    "input_shape": (8, 8),
}

# %%
# What an augmentation does
# -------------------------
#
# An augmentation changes the items of every training batch anew. This is what
# :func:`~sksiamese.augment.affine` makes of one digit. Look before you train: what comes out
# must still be of its class. A 6 that is turned too far is a 9.

distorted = partial(affine, rotation=15, translation=0.1)
one_digit = torch.from_numpy(X_train[y_train == 6][:1]).reshape(1, 8, 8).repeat(5, 1, 1)
copies = distorted(one_digit, torch.Generator().manual_seed(0))

# %%
# Learn from few rows
# -------------------
#
# With so few rows an epoch is a batch or two, and the loss soon stands still. With
# ``n_iter_no_change`` as large as ``max_iter`` all towers get the same 60 epochs.

models = {
    "raw pixels": None,
    "mlp": {},
    "mlp, augmented": {"input_shape": (8, 8), "augment": distorted},
    "cnn": convolutional,
    "cnn, augmented": convolutional | {"augment": distorted},
}
sizes = (50, 100, 200)
accuracy = {name: [] for name in models}
for size in sizes:
    X_few, _, y_few, _ = train_test_split(
        X_train, y_train, train_size=size, stratify=y_train, random_state=0
    )
    for name, options in models.items():
        steps = [KNeighborsClassifier(n_neighbors=1)]
        if options is not None:
            steps.insert(
                0, SiameseEmbedder(**options, max_iter=60, n_iter_no_change=60, random_state=0)
            )
        model = make_pipeline(*steps).fit(X_few, y_few)
        accuracy[name].append(model.score(X_test, y_test))
for name, scores in accuracy.items():
    print(f"{name:16s}", *(f"{n} rows {s:.3f}  " for n, s in zip(sizes, scores, strict=True)))

# %%
# The plain distance of the pixels is strong on digits that are all centred. The tower and the
# augmentation together pass it at once; the default tower, distorted copies or not, does not.

figure, axes = plt.subplot_mosaic(
    [["one", "curves"], ["copies", "curves"]],
    figsize=(11, 4.6),
    width_ratios=[1, 1.3],
    layout="constrained",
)
axes["one"].imshow(one_digit[0], cmap="gray_r")
axes["one"].set_title("A digit to learn from")
axes["copies"].imshow(np.concatenate(list(copies), axis=1), cmap="gray_r")
axes["copies"].set_title("and what affine makes of it")
for name in ("one", "copies"):
    axes[name].set(xticks=[], yticks=[])
for name, scores in accuracy.items():
    style = "k--" if name == "raw pixels" else "o-"
    axes["curves"].plot(sizes, scores, style, label=name)
axes["curves"].set(
    title="The nearest of the training rows is of the same class",
    xlabel="rows to learn from",
    ylabel="share of 800 new digits",
    xticks=sizes,
)
axes["curves"].legend()
figure.savefig("cnn_tower.png", dpi=120)
