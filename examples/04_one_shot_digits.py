"""
One-shot digits
===============

Recognize a new digit from a single example. :class:`~sksiamese.SiameseEmbedder` is trained on
the digits 0 to 5 and tested on 6, 7, 8 and 9. Six classes are too few to learn features of
new ones, so this example constructs more classes from them.
"""

# %%
# Six digits are used for training, the other four only for testing.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits

from sksiamese import SiameseEmbedder
from sksiamese.augment import affine
from sksiamese.metrics import few_shot_accuracy
from sksiamese.towers import cnn

X, y = load_digits(return_X_y=True)
X = X.astype("float32")
known = y < 6
X_new, y_new = X[~known], y[~known]

# %%
# Six digits, 288 classes
# -----------------------
#
# An embedder needs many training classes to learn features of new classes, see
# :ref:`identities`. We therefore construct artificial signs: the upper half of one digit on the
# lower half of another. These are 36 classes. Rotated and mirrored in eight ways, each a class of
# its own, they are 288.

rng = np.random.default_rng(0)
upper, lower = rng.choice(np.flatnonzero(known), size=(2, 3000))
signs = np.hstack([X[upper, :32], X[lower, 32:]]).reshape(-1, 8, 8)
kinds = 6 * y[upper] + y[lower]
X_signs, y_signs = [], []
for turn in range(8):
    turned = np.rot90(signs if turn < 4 else signs.mT, turn, axes=(1, 2))
    X_signs.append(turned.reshape(-1, 64))
    y_signs.append(36 * turn + kinds)
X_signs, y_signs = np.concatenate(X_signs), np.concatenate(y_signs)

# %%
# Train twice
# -----------
#
# Train once on the six digits and once on the signs, with the same tower and loss. The embedding
# of a new image is the mean over the image and some distorted copies of it. This mean depends less
# on the handwriting.

embedder = SiameseEmbedder(
    128,
    tower=partial(cnn, width=32, pooling="flatten"),
    depth=2,
    input_shape=(8, 8),
    augment=partial(affine, rotation=15, translation=0.1),
    random_state=0,
)


def embed(embedder, n_copies=8):
    """Return the mean embedding of the new images and of distorted copies of them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.from_numpy(X_new).reshape(-1, 8, 8)
    copies = [affine(images, generator).reshape(-1, 64).numpy() for _ in range(n_copies)]
    return np.mean([embedder.transform(rows) for rows in (X_new, *copies)], axis=0)


Z_digits = embed(embedder.set_params(max_iter=20).fit(X[known], y[known]))
Z_signs = embed(embedder.set_params(max_iter=3, batch_size=512).fit(X_signs, y_signs))

# %%
# Recognize
# ---------
#
# Draw some examples of each new digit, represent the digit by their mean, and assign another image
# to the nearest mean. :func:`~sksiamese.metrics.few_shot_accuracy` averages over many draws.

views = {"raw pixels": X_new, "trained on six digits": Z_digits, "trained on signs": Z_signs}
n_shots = (1, 2, 5, 10)
recognised = partial(few_shot_accuracy, y_new, n_way=4, n_episodes=1000, random_state=0)
shares = {name: [recognised(Z, k_shot=n) for n in n_shots] for name, Z in views.items()}
for name, of_view in shares.items():
    print(f"{name:22s}", *(f"{n} shot {s:.3f}  " for n, s in zip(n_shots, of_view, strict=True)))

# %%
# Trained on six digits alone, the embedding is slightly better than raw pixels, as principal
# components of the images have most of the weight. Trained on signs, the learned part has more
# weight, and the embedding is better with one or two examples of each digit. With ten examples, all
# perform about equally well.

figure, ax = plt.subplots(layout="constrained")
shots = [str(n) for n in n_shots]
for name, of_view in shares.items():
    ax.plot(shots, of_view, "o-", label=name)
ax.set(title="Unseen digits", xlabel="examples of each digit", ylabel="share recognized")
ax.legend(loc="lower right")
figure.savefig("one_shot_digits.png", dpi=120)

# %%
# Each row of the next plot has the same six signs in another orientation.

_, ax = plt.subplots(layout="constrained")
tiles = np.pad(X_signs.reshape(8, -1, 8, 8)[::2, :6], ((0, 0), (0, 0), (1, 1), (1, 1)))
ax.imshow(tiles.swapaxes(1, 2).reshape(40, 60), cmap="gray_r")
ax.set(title="Six of the signs, in four of eight orientations", xticks=[], yticks=[])
