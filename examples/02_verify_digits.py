"""
Verify pairs of digits
======================

:class:`~sksiamese.SiameseVerifier` predicts whether two images show the same digit. This
example first verifies new images of the training digits, then images of unseen digits.
"""

# %%
# Pairs of new images
# -------------------
#
# Training pairs are drawn from 1,000 images, test pairs from the others.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, train_test_split

from sksiamese import SiameseVerifier, make_pairs, split_pairs
from sksiamese.metrics import equal_error_rate, threshold_at_far, true_accept_rate

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1000, stratify=y, random_state=0
)
P_train, match_train, _ = make_pairs(X_train, y_train, n_pairs=3000, random_state=0)
P_test, match_test, _ = make_pairs(X_test, y_test, n_pairs=3000, random_state=0)


def closeness(P):
    """Return the negative distance between the pixels, the baseline."""
    left, right = split_pairs(P)
    return -np.linalg.norm(left - right, axis=1)


verifier = SiameseVerifier(random_state=0).fit(P_train, match_train)
logit = verifier.decision_function(P_test)
for name, score in (("raw distance", closeness(P_test)), ("SiameseVerifier", logit)):
    auc, eer = roc_auc_score(match_test, score), equal_error_rate(match_test, score)
    tar = true_accept_rate(match_test, score, far=0.01)
    print(f"{name:16s} AUC {auc:.3f}   EER {eer:.3f}   TAR at FAR 1 % {tar:.3f}")

# %%
# Choose a threshold
# ------------------
#
# ``predict`` accepts pairs with a probability above one half, that is, with a logit above 0. If
# a false reject costs more than a false accept, a lower threshold is better. Here the threshold
# has a false-accept rate of 5 %. It is chosen on half of the test pairs and evaluated on the
# other half.

chosen, tried = np.arange(3000) < 1500, np.arange(3000) >= 1500
threshold = threshold_at_far(match_test[chosen], logit[chosen], far=0.05).threshold
lenient = FixedThresholdClassifier(
    FrozenEstimator(verifier), threshold=threshold, response_method="decision_function"
).fit(P_test[chosen], match_test[chosen])
for name, model in (("logit > 0", verifier), (f"logit > {threshold:.1f}", lenient)):
    accepted = model.predict(P_test[tried])
    false_accepts = accepted[~match_test[tried]].mean()
    false_rejects = 1 - accepted[match_test[tried]].mean()
    print(f"{name:12s} false accepts {false_accepts:.3f}   false rejects {false_rejects:.3f}")

# %%
# Unseen digits
# -------------
#
# Now the verifier is trained on eight digits and tested on pairs of the other two. Eight
# identities are too few to learn features of other digits: the learned embedding alone
# (``learned_weight=1.0``) is worse than the raw distance. The default also uses principal
# components of the images, and is about as good as the raw distance. Before you verify unseen
# identities, make this comparison on held-out identities. :ref:`identities` explains the weights
# of both parts.

known = ~np.isin(y, (8, 9))
P_known, match_known, _ = make_pairs(X[known], y[known], n_pairs=3000, random_state=0)
P_new, match_new, _ = make_pairs(X[~known], y[~known], n_pairs=3000, random_state=0)
trained_on_eight = SiameseVerifier(random_state=0).fit(P_known, match_known)
learned = SiameseVerifier(learned_weight=1.0, random_state=0).fit(P_known, match_known)
for name, score in (
    ("raw distance", closeness(P_new)),
    ("learned alone", learned.decision_function(P_new)),
    ("SiameseVerifier", trained_on_eight.decision_function(P_new)),
):
    print(f"{name:16s} AUC on unseen digits {roc_auc_score(match_new, score):.3f}")

# %%
# Most scores of matching and non-matching pairs of new images are apart. The lenient threshold
# accepts more of both.

figure, ax = plt.subplots(layout="constrained")
bins = np.linspace(*np.quantile(logit, [0.001, 0.999]), 50)
ax.hist(logit[~match_test], bins, alpha=0.6, label="different digits")
ax.hist(logit[match_test], bins, alpha=0.6, label="same digit")
ax.axvline(0, color="black", label="threshold of predict")
ax.axvline(threshold, color="black", linestyle="--", label="5 % false accepts")
ax.set(title="Scores of new images", xlabel="logit of a match", ylabel="pairs")
ax.legend()
figure.savefig("pairs_of_digits.png", dpi=120)

# %%
# On pairs of new images of training digits, the ROC curve of the verifier is far above the curve of
# the raw distance. On pairs of unseen digits, the two curves are about the same.

figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 9), layout="constrained")
for ax, title, P, match, model in (
    (top, "New images of training digits", P_test, match_test, verifier),
    (bottom, "Unseen digits (8 and 9)", P_new, match_new, trained_on_eight),
):
    RocCurveDisplay.from_predictions(match, closeness(P), name="raw distance", ax=ax)
    RocCurveDisplay.from_estimator(model, P, match, name="SiameseVerifier", ax=ax)
    ax.set(title=title, xlabel="false-accept rate", ylabel="true-accept rate")
