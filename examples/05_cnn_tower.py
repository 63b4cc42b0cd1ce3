"""
A convolutional tower
=====================

The default tower ignores the positions of pixels. The tower ``"cnn"`` uses convolutions, and
``augment`` adds changes that keep the class of a digit. With few training rows, both are needed.
"""

# %%
# A few images of each digit are used for training, 800 others for testing. ``input_shape`` is the
# shape of the image in a row of 64 numbers.

# sphinx_gallery_thumbnail_number = 2
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
# Set the options of a tower
# --------------------------
#
# Select the tower by ``tower="cnn"``, or set its other options by ``functools.partial``. In images
# of 8 x 8 pixels the position of a stroke matters, so features keep their position
# (``pooling="flatten"``) instead of being averaged over the image.

convolutional = {
    "tower": partial(cnn, width=32, pooling="flatten"),
    "depth": 2,
    "input_shape": (8, 8),
}

# %%
# Check the augmentation
# ----------------------
#
# An augmentation changes the items of every training batch at random. Apply
# :func:`~sksiamese.augment.affine` to one digit to check that the results are still of its class: a
# 6 that is rotated too far is a 9.

distorted = partial(affine, rotation=15, translation=0.1)
one_digit = torch.from_numpy(X_train[y_train == 6][:1]).reshape(1, 8, 8).repeat(5, 1, 1)
copies = distorted(one_digit, torch.Generator().manual_seed(0))
_, ax = plt.subplots(figsize=(6.4, 1.7), layout="constrained")
ax.imshow(np.concatenate([*one_digit[:1], *copies], axis=1), cmap="gray_r")
ax.set(title="A training digit, and five copies made by affine", xticks=[], yticks=[])

# %%
# Train on few rows
# -----------------
#
# With so few rows an epoch has one or two batches, and the loss soon stops improving. With
# ``n_iter_no_change`` equal to ``max_iter``, all towers are trained for the same 60 epochs.

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
# The distance of raw pixels is a strong baseline, as all digits are centered. The convolutional
# tower with augmentation is better with 50 rows already. The default tower is not, with or without
# augmentation.

figure, ax = plt.subplots(layout="constrained")
for name, scores in accuracy.items():
    style = "k--" if name == "raw pixels" else "o-"
    ax.plot(sizes, scores, style, label=name)
ax.set(
    title="Nearest training row is of the same class",
    xlabel="training rows",
    ylabel="share of 800 new digits",
    xticks=sizes,
)
ax.legend()
figure.savefig("cnn_tower.png", dpi=120)
