"""
Predict the difference of two digits
====================================

:class:`~sksiamese.SiameseRegressor` learns from pairs with a number each. Here the pairs are images
of digits, and the number is the difference of the two digits. The model never sees which digit an
image shows.
"""

# %%
# Training pairs are drawn from a part of the images, test pairs from the others.

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.model_selection import train_test_split

from sksiamese import PairView, SiameseRegressor, split_pairs

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
rng = np.random.default_rng(0)


def draw_pairs(X, y, n_pairs):
    """Return random pairs of rows, and the differences of their digits."""
    index = rng.integers(len(X), size=(n_pairs, 2))
    return PairView(X, index), np.abs(y[index[:, 0]] - y[index[:, 1]])


pairs, difference = draw_pairs(X_train, y_train, 2000)
new_pairs, new_difference = draw_pairs(X_test, y_test, 2000)

# %%
# Learn
# -----
#
# The distance of the pixels has almost no relation to the difference of the digits. Both losses
# learn this difference from 2,000 pairs. ``"cosent"`` uses only the order of the numbers; a linear
# regression maps the scores to differences after training.

raw = paired_euclidean_distances(*split_pairs(np.asarray(new_pairs)))
print(f"distance of pixels  rank correlation {spearmanr(new_difference, raw).statistic:.2f}")
predictions = {}
for loss in ("squared_error", "cosent"):
    regressor = SiameseRegressor(loss=loss, max_iter=20, random_state=0).fit(pairs, difference)
    predictions[loss] = regressor.predict(new_pairs)
    rank = spearmanr(new_difference, predictions[loss]).statistic
    score = regressor.score(new_pairs, new_difference)
    print(f"{loss:18s}  rank correlation {rank:.2f}   R2 {score:.2f}")

# %%
# Look at predictions and embedding
# ---------------------------------
#
# The predictions for new pairs increase with the difference of the digits.

_, boxes = plt.subplots(layout="constrained")
boxes.boxplot(
    [predictions["cosent"][new_difference == d] for d in range(10)],
    tick_labels=range(10),
    showfliers=False,
)
boxes.set(title="New pairs", xlabel="difference of the digits", ylabel="prediction")

# %%
# The embedding, at length 1 as for the cosine, has the digits in their order.

figure, points = plt.subplots(layout="constrained")
Z = regressor.transform_items(X_test)
Z = PCA(2).fit_transform(Z / np.linalg.norm(Z, axis=1, keepdims=True))
drawn = points.scatter(*Z.T, c=y_test, cmap="viridis", s=12)
points.set(title="Two principal components of new images", xticks=[], yticks=[])
figure.colorbar(drawn, ax=points, label="digit")

# %%
# Compare with examples
# ---------------------
#
# ``predict_matrix`` predicts the difference of each new image from each training image. Its mean
# over the training images of a digit is the smallest for the digit itself, or for a neighbor.

matrix = regressor.predict_matrix(X_test, X_train)
means = np.array(
    [[matrix[y_test == i][:, y_train == j].mean() for j in range(10)] for i in range(10)]
)
figure, axes = plt.subplots(layout="constrained")
image = axes.imshow(means, cmap="viridis")
axes.set(xlabel="digit of the training images", ylabel="digit of the new images")
axes.set(xticks=range(10), yticks=range(10))
figure.colorbar(image, ax=axes, label="mean predicted difference")
