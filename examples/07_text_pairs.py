"""
Pairs of sentences
==================

Predict whether two sentences have the same meaning. The cosine of bags of words measures common
words only, and does not account for synonyms such as *physician* and *doctor*.
:class:`~sksiamese.SiameseVerifier` learns synonyms from labeled pairs of sentences. The data are
artificial: each sentence combines a person, an action, an object and a manner.
"""

# %%
# Each word has two synonyms, and there are four sentence patterns.

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import cdist
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.metrics.pairwise import paired_cosine_distances

from sksiamese import SiameseVerifier, stack_pairs

WORDS = {
    "who": "doctor physician medic, child kid youngster, teacher tutor instructor, "
    "thief burglar robber, sailor seaman mariner, farmer grower planter",
    "did": "bought purchased acquired, repaired fixed mended, found discovered located, "
    "cleaned washed scrubbed, smashed shattered wrecked, pulled hauled dragged",
    "what": "car automobile vehicle, picture painting portrait, stone rock boulder, "
    "boat ship vessel, sofa couch settee, coat jacket anorak",
    "how": "quickly rapidly swiftly, quietly silently noiselessly, happily gladly cheerfully, "
    "angrily furiously crossly",
}
MEANINGS = {part: [words.split() for words in text.split(", ")] for part, text in WORDS.items()}
SENTENCES = (
    "the {who} {how} {did} the {what}",
    "the {what} was {how} {did} by the {who}",
    "{how} a {who} {did} this {what}",
    "it was a {who} that {did} the {what} {how}",
)

# %%
# Two matching sentences have the same meaning, with randomly drawn synonyms. Two non-matching
# sentences differ in one of the four parts only, so the number of common words is a weak
# criterion. The left sentences of test pairs have meanings that no left sentence of a training
# pair has.

rng = np.random.default_rng(0)
sizes = [len(groups) for groups in MEANINGS.values()]
facts = rng.permutation(np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1))


def sentence(fact):
    """Return a sentence for a fact, with random synonyms and a random pattern."""
    words = {part: rng.choice(MEANINGS[part][i]) for part, i in zip(MEANINGS, fact, strict=True)}
    return rng.choice(SENTENCES).format(**words)


def sentence_pairs(facts, n_pairs):
    """Return left sentences, right sentences, and whether they match."""
    left = facts[rng.integers(len(facts), size=n_pairs)]
    right, match = left.copy(), np.arange(n_pairs) % 2 == 0
    for row in np.flatnonzero(~match):
        part = rng.integers(len(sizes))
        right[row, part] = (right[row, part] + rng.integers(1, sizes[part])) % sizes[part]
    return [sentence(fact) for fact in left], [sentence(fact) for fact in right], match


left, right, match = sentence_pairs(facts[:600], 1000)
left_test, right_test, match_test = sentence_pairs(facts[600:], 2000)
for row in range(2):
    print(f"{'match' if match[row] else 'differ'}:\n    {left[row]}\n    {right[row]}")

# %%
# Train on sparse pairs
# ---------------------
#
# :func:`~sksiamese.stack_pairs` accepts the sparse output of the vectorizer and returns sparse
# pairs. A tower of one layer (``depth=1``) is sufficient, as each word has a meaning of its own.
# The baseline is the cosine of the two bags of words.

vectorizer = TfidfVectorizer().fit(left + right)
P = stack_pairs(vectorizer.transform(left), vectorizer.transform(right))
A, B = vectorizer.transform(left_test), vectorizer.transform(right_test)
P_test = stack_pairs(A, B)
cosine = 1 - paired_cosine_distances(A, B)
print(f"{P.shape[0]} pairs of {P.shape[1] // 2} words, {P.nnz / P.shape[0]:.0f} of them not zero")
print(f"cosine of bags of words  AUC {roc_auc_score(match_test, cosine):.3f}")
scores = {"cosine of bags of words": cosine}
for n_pairs in (125, 250, 1000):
    verifier = SiameseVerifier(depth=1, random_state=0).fit(P[:n_pairs], match[:n_pairs])
    logit = verifier.decision_function(P_test)
    scores[f"trained on {n_pairs} pairs"] = logit
    auc, accuracy = roc_auc_score(match_test, logit), verifier.score(P_test, match_test)
    print(f"trained on {n_pairs:4d} pairs    AUC {auc:.3f}   accuracy {accuracy:.3f}")

# %%
# With 125 training pairs, few synonyms occur in matching pairs, and the verifier is no better than
# the cosine. With 1,000 pairs it learns all synonyms: the embeddings of single words are close to
# those of their synonyms, although words have no labels.

figure, curves = plt.subplots(layout="constrained")
for name, score in scores.items():
    RocCurveDisplay.from_predictions(match_test, score, name=name, ax=curves)
curves.set(title="New pairs of sentences", xlabel="false-accept rate", ylabel="true-accept rate")
figure.savefig("text_pairs.png", dpi=120)

# %%
# The three words for each person are the dark blocks along the diagonal.

who = [word for group in MEANINGS["who"] for word in group]
Z = verifier.transform_items(vectorizer.transform(who))
figure, words = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
image = words.imshow(cdist(Z, Z), cmap="viridis")
words.set_title("Distances of words, learned from sentences")
words.set_xticks(range(len(who)), who, rotation=90)
words.set_yticks(range(len(who)), who)
figure.colorbar(image, ax=words, label="distance of the embeddings")
