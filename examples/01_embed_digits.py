"""
Embed digits
============

:class:`~sksiamese.SiameseEmbedder` learns an embedding in which digits of one class are
close to each other. This example uses the embedding as the input of two classifiers, and
plots the digits before and after.
"""

# %%
# The data are 1,797 digits of 8 x 8 pixels. A third of them is held out. All scores and plots
# below use the held-out digits.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseEmbedder
from sksiamese.metrics import mean_average_precision_at_r

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
)

# %%
# Learn
# -----
#
# An embedder is fitted like any supervised transformer. It standardizes the pixels itself.

embedder = SiameseEmbedder(n_components=8, random_state=0).fit(X_train, y_train)
Z_test = embedder.transform(X_test)
first, *_, last = embedder.loss_curve_
print(f"loss {first:.3f} in the first epoch, {last:.4f} in the last of {embedder.n_iter_}")

# %%
# Classify
# --------
#
# In a pipeline the embedding is the input of a classifier. Raw pixels are a strong baseline on
# digits. Eight learned components perform about as well as all 64 pixels, and far better than
# eight principal components, which do not use the classes.

for classifier in (LogisticRegression(max_iter=1000), KNeighborsClassifier()):
    for name, transformer in (
        ("64 scaled pixels", StandardScaler()),
        ("8 principal components", make_pipeline(StandardScaler(), PCA(8))),
        ("8 learned components", SiameseEmbedder(n_components=8, random_state=0)),
    ):
        model = make_pipeline(transformer, classifier).fit(X_train, y_train)
        score = model.score(X_test, y_test)
        print(f"{type(classifier).__name__:22s} on {name:24s} {score:.3f}")

# %%
# Plot
# ----
#
# The plots show two principal components of the pixels, and of the embedding, of the held-out
# digits. Mean average precision at R measures the purity of the neighborhoods in all
# dimensions, not only in the two of the plot.

pixels_train, pixels_test = X_train / 16, X_test / 16
views = {
    "Before: pixels": (pixels_train, pixels_test),
    "After: embedding": (embedder.transform(X_train), Z_test),
}
figure, axes = plt.subplots(1, 2, figsize=(6.4, 4.2), layout="constrained")
colors = plt.get_cmap("tab10")
for ax, (title, (train, test)) in zip(axes, views.items(), strict=True):
    points = PCA(2).fit(train).transform(test)
    for digit in range(10):
        rows = y_test == digit
        ax.scatter(*points[rows].T, s=14, alpha=0.7, color=colors(digit), label=str(digit))
    precision = mean_average_precision_at_r(y_test, test)
    ax.set(title=f"{title}\nMAP@R {precision:.2f}", xticks=[], yticks=[])
    ax.set(xlabel="first component", ylabel="second component")
figure.legend(*axes[1].get_legend_handles_labels(), loc="outside right", markerscale=2)
figure.savefig("digits.png", dpi=120)
