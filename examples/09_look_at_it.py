"""
Plot embeddings, errors and explanations
========================================

The displays of :mod:`sksiamese.plot` draw an embedding, the decisions of a verifier and its worst
errors. :func:`~sksiamese.explain.explain_pairs` computes the contribution of each pixel to the
logit of a match.
"""

# %%
# 1,000 digits are used for training. All plots show the other 797.

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.metrics import DetCurveDisplay, RocCurveDisplay
from sklearn.model_selection import train_test_split

from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese.explain import explain_pairs
from sksiamese.plot import (
    CmcCurveDisplay,
    EmbeddingDisplay,
    HistoryDisplay,
    NeighborsDisplay,
    PairDisplay,
    PairScoreDisplay,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype("float32"), y, train_size=1000, stratify=y, random_state=0
)
embedder = SiameseEmbedder(8, input_shape=(8, 8), random_state=0).fit(X_train, y_train)

# %%
# The training
# ------------
#
# Distances of matching rows decrease, those of non-matching rows stay large, and fewer and fewer
# pairs contribute to the gradient.

_, axes = plt.subplots(3, 1, figsize=(6.4, 9), layout="constrained")
HistoryDisplay.from_estimator(embedder, axes=axes)

# %%
# The embedding
# -------------
#
# Two principal components preserve large distances.

_, ax = plt.subplots(layout="constrained")
EmbeddingDisplay.from_estimator(embedder, X_test, y_test, ax=ax)

# %%
# t-SNE preserves neighbors.

_, ax = plt.subplots(layout="constrained")
tsne = TSNE(random_state=0)
EmbeddingDisplay.from_estimator(embedder, X_test, y_test, projection=tsne, ax=ax)

# %%
# Neighbors
# ---------
#
# The plot shows the five digits with the most nearest neighbors of another class.

order = np.linalg.norm(embedder.transform(X_test)[:, None] - embedder.transform(X_train), axis=2)
nearest = y_train[order.argsort(axis=1)[:, :8]]
hardest = np.argsort((nearest == y_test[:, None]).mean(axis=1))[:5]
_, ax = plt.subplots(figsize=(6.4, 6.4), layout="constrained")
NeighborsDisplay.from_estimator(
    embedder, X_test[hardest], y_test[hardest], X_train, y_train, n_neighbors=4, ax=ax
)

# %%
# The share of digits with a neighbor of their class, by the number of neighbors, compared with the
# pixels. Only 50 training digits are searched.

gallery = {"y_gallery": y_train[:50], "k": 10}
curve = CmcCurveDisplay.from_estimator(
    embedder, X_test, y_test, X_gallery=X_train[:50], name="embedding", **gallery
)
CmcCurveDisplay.from_embeddings(
    X_test, y_test, Z_gallery=X_train[:50], name="pixels", ax=curve.ax_, **gallery
)

# %%
# The decisions
# -------------
#
# The plots show the scores of matching and of non-matching pairs, and both error rates at every
# threshold. ``predict`` uses the threshold 0 on the logit.

P_train, match_train, _ = make_pairs(X_train, y_train, n_pairs=3000, as_view=True, random_state=0)
P_test, match_test, _ = make_pairs(X_test, y_test, n_pairs=3000, as_view=True, random_state=0)
verifier = SiameseVerifier(input_shape=(8, 8), random_state=0).fit(P_train, match_train)

_, axes = plt.subplots(3, 1, figsize=(6.4, 13), layout="constrained")
PairScoreDisplay.from_estimator(verifier, P_test, match_test, ax=axes[0])
RocCurveDisplay.from_estimator(verifier, P_test, match_test, ax=axes[1])
DetCurveDisplay.from_estimator(verifier, P_test, match_test, ax=axes[2])

# %%
# The next plot shows the worst errors.

_, ax = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
worst = PairDisplay.from_estimator(verifier, P_test, match_test, n_pairs=8, ax=ax)

# %%
# The explanation
# ---------------
#
# Plot the contribution of each pixel to the difference from the logit of two identical digits:
# red pixels reduce the logit of a match, blue pixels increase it. Each title has the logit as the
# logit of two identical digits plus the sum of all contributions.

pairs = P_test[np.flatnonzero(~match_test)[:4]]
explanation = explain_pairs(verifier, pairs)
figure, axes = plt.subplots(3, 4, figsize=(6.4, 5.6), layout="constrained")
limit = np.abs(explanation.contributions).max()
for column, contributions in enumerate(explanation.contributions):
    images = (pairs.left[column], pairs.right[column])
    for ax, image in zip(axes[:, column], images, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray")
    drawn = axes[2, column].imshow(
        contributions.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit
    )
    reference, logit = explanation.reference[column], explanation.logit[column]
    axes[0, column].set_title(f"{logit:.1f} =\n{reference:.1f} {logit - reference:+.1f}")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
figure.colorbar(drawn, ax=axes[2], label="logit")
figure.savefig("look_at_it.png", dpi=120)
