"""
Claims and references
=====================

A claim is a probe and the identity that it claims. It is compared with a *set of references* of
that identity. Here the identities are the ten digits, with five references each, and an embedding
learned from other images.

Identities differ in how far their references are from each other, and probes in how far they are
from everything. There are several scores of a claim that allow for this. Which one is best depends
on the data, so they are compared first.
"""

# %%
# Learn an embedding of the digits 5 to 9, and enroll five references of every digit. The digits 5
# to 9 serve as a cohort; claims are of the digits 0 to 4, which the embedder has never seen.

# sphinx_gallery_thumbnail_number = 1
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import DetCurveDisplay

from sksiamese import ReferenceVerifier, SiameseEmbedder
from sksiamese.metrics import (
    equal_error_interval,
    equal_error_rate,
    error_rate_by_identity,
    min_cllr,
    threshold_at_far,
)
from sksiamese.plot import IdentityErrorDisplay

X, y = load_digits(return_X_y=True)
seen = y >= 5
embedder = SiameseEmbedder(random_state=0).fit(X[seen][:400], y[seen][:400])
Z = embedder.transform(X)
rng = np.random.default_rng(0)
references = np.concatenate(
    [rng.choice(np.flatnonzero(y == digit), 5, replace=False) for digit in range(10)]
)
probes = np.setdiff1d(np.flatnonzero(y < 5), references)

# %%
# Every probe claims each of the five digits once.

claimed = np.tile(np.arange(5), len(probes))
rows = np.repeat(probes, 5)
match = y[rows] == claimed
plain = ReferenceVerifier().fit(Z[references], y[references])
normalized = ReferenceVerifier(cohort=[5, 6, 7, 8, 9]).fit(Z[references], y[references])
scores = {
    "mean distance": -plain.claim_terms(Z[rows], claimed)[:, 0],
    "minus the same among references": plain.claim_scores(Z[rows], claimed),
    "normalized by a cohort": normalized.claim_scores(Z[rows], claimed),
}
for name, score in scores.items():
    by_digit = error_rate_by_identity(match, score, claimed)
    print(
        f"{name}: EER {equal_error_rate(match, score):.3f}, by digit {by_digit.mean:.3f}, "
        f"at most {by_digit.max:.3f}, minimum Cllr {min_cllr(match, score):.3f} bits"
    )

# %%
# The plain mean distance is best here. For signatures of unseen writers, the subtraction
# reduces the error with one threshold for all; see the benchmarks.
#
# Five identities remain five independent samples, however many claims there are: the interval of
# the equal error rate by a bootstrap over identities is wide.

best = scores["mean distance"]
found = equal_error_interval(match, best, claimed, random_state=0)
print(f"EER {found.rate:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}")

# %%
# Choose a threshold for a false-accept rate and verify claims by it; in an application, choose it
# on claims of other identities.

threshold = threshold_at_far(match, best, 0.05).threshold
verifier = ReferenceVerifier(term="mean", threshold=threshold).fit(Z[references], y[references])
accepted = verifier.verify(Z[rows], claimed)
print(f"accepted: {accepted[match].mean():.3f} of genuine, {accepted[~match].mean():.3f} of others")

# %%
# The error rates at all thresholds:

_, ax = plt.subplots(layout="constrained")
for name, score in scores.items():
    DetCurveDisplay.from_predictions(match, score, name=name, ax=ax)
ax.set_title("Claims of unseen digits, five references each")

# %%
# The equal error rate of each digit. The mean is lower than the rate with one threshold for all, as
# each digit has a threshold of its own.

IdentityErrorDisplay.from_predictions(match, best, claimed)
plt.show()
