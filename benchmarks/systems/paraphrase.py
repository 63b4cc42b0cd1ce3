"""Paraphrases: classify sentence pairs of the Microsoft Research Paraphrase Corpus.

Official split, 4,076 training and 1,725 test pairs. Sentences become sparse rows of TF-IDF: words,
pairs and triples of words, character n-grams, numbers and capitalized words, each kind in hashed
buckets of its own, so that a word that is unseen in training counts as well. ``SiameseVerifier``
reads pairs of such rows. Its tower gives every bucket a weight; its head is a logistic regression
on the absolute differences of all buckets, each kind of terms at length 1, and on the share of
either sentence, by weight, that is in the other, kind by kind.

The baselines read the same rows: a threshold on the cosine, chosen on the training pairs, and a
logistic regression on absolute differences and products of rows of length 1. They also read the
usual TF-IDF of words.

All settings, the C of the logistic regressions among them, were chosen on ten folds of the training
pairs. The test pairs only give the figures.
"""

import numpy as np
import torch
from scipy.sparse import hstack
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import normalize
from torch import nn
from torch.nn import functional as F

from benchmarks._common.data import load_mrpc
from benchmarks._common.figures import best_threshold, of_runs, timed
from benchmarks._common.report import benchmark, start
from benchmarks.systems._table import cited, find, published_rows, system
from sksiamese import SiameseVerifier, split_pairs, stack_pairs

N_BUCKETS = 4096
WORDS = {"token_pattern": r"\w+"}
KINDS = (
    WORDS,
    WORDS | {"ngram_range": (2, 2)},
    WORDS | {"ngram_range": (3, 3)},
    {"analyzer": "char_wb", "ngram_range": (3, 3)},
    {"analyzer": "char_wb", "ngram_range": (5, 5)},
    {"token_pattern": r"\d[\d.,]*"},
    {"token_pattern": r"[A-Z]\w+", "lowercase": False},
)
"""Kinds of terms in a sentence, as options of a vectorizer."""

DIFFERENCE = 2.0
"""Factor of the differences of columns: the smaller, the more slowly their weights learn."""


def kinds_of_terms():
    """Return a transformer of sentences to TF-IDF, N_BUCKETS columns for each kind of terms."""
    return make_union(
        *(
            make_pipeline(
                HashingVectorizer(
                    n_features=N_BUCKETS, norm=None, alternate_sign=False, dtype=np.float32, **kind
                ),
                TfidfTransformer(norm=None, sublinear_tf=True),
            )
            for kind in KINDS
        )
    )


def words():
    """Return the usual transformer of sentences to TF-IDF of words."""
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **WORDS)


class TermWeights(nn.Module):
    """A tower that multiplies every column by a positive weight, at first 1."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.log_weight = nn.Parameter(torch.zeros(n_components))

    def forward(self, X):
        """Return weighted rows."""
        return X * self.log_weight.exp()


class Overlap(nn.Module):
    """Logistic regression on differences of columns and on the overlap of each kind of terms.

    The overlap of two rows: the mass (sum of columns) that they have in common, the rest of the
    smaller and of the larger row, the common shares of both, and the cosine.
    """

    def __init__(self, n_components):
        super().__init__()
        n_overlaps = 6 * len(KINDS)
        self.standardize = nn.BatchNorm1d(n_overlaps, affine=False)
        self.linear = nn.Linear(n_components + n_overlaps, 1)
        nn.init.zeros_(self.linear.weight)

    def forward(self, A, B):
        """Return the logits of the pairs of rows of A and B."""
        A, B = (Z.unflatten(1, (len(KINDS), -1)) for Z in (A, B))
        differences = (F.normalize(A, dim=2) - F.normalize(B, dim=2)).abs().flatten(1)
        overlaps = self.standardize(overlaps_of(A, B))
        return self.linear(torch.cat([DIFFERENCE * differences, overlaps], dim=1)).squeeze(1)


def overlaps_of(A, B):
    """Return six measures of overlap, each for all kinds of terms (n, len(KINDS), n_buckets)."""
    common = torch.minimum(A, B).sum(dim=2)
    masses = torch.stack([A.sum(dim=2), B.sum(dim=2)])
    less, more = masses.amin(dim=0), masses.amax(dim=0)
    parts = [common, less - common, more - common]
    shares = [(common + 0.01) / (mass + 0.01) for mass in (less, more)]
    return torch.cat([*parts, *shares, F.cosine_similarity(A, B, dim=2)], dim=1)


def verifier_scores(train, match, test, seed):
    """Return the logits of test pairs."""
    n_features = train.shape[1] // 2
    verifier = SiameseVerifier(n_features, **VERIFIER, random_state=seed, device="cpu")
    return verifier.fit(train, match).decision_function(test)


def cosine_scores(train, match, test, seed):
    """Return the cosine of test pairs, minus the threshold that is best on training pairs."""
    threshold = best_threshold(match, cosine(train))
    return cosine(test) - threshold


def cosine(P):
    """Return the cosine of both rows of each pair."""
    left, right = map(normalize, split_pairs(P))
    return left.multiply(right).sum(axis=1)


def logistic_scores(train, match, test, seed):
    """Return logits of a regression on absolute differences and products of unit rows."""
    regression = LogisticRegression(C=LOGISTIC_C, max_iter=1000)
    return regression.fit(differences(train), match).decision_function(differences(test))


def differences(P):
    """Return absolute differences and products of both rows of each pair, at length 1."""
    left, right = map(normalize, split_pairs(P))
    return hstack([abs(left - right), left.multiply(right)], format="csr")


VERIFIER = {
    "tower": TermWeights,
    "head": Overlap,
    "margin": None,
    "weight_decay": 1e-4,
    "max_iter": 10,
}
LOGISTIC_C = 3.0
MODELS = {
    "cosine, TF-IDF of words": (words, cosine_scores),
    "cosine, all kinds of terms": (kinds_of_terms, cosine_scores),
    "logistic regression, TF-IDF of words": (words, logistic_scores),
    "logistic regression, all kinds of terms": (kinds_of_terms, logistic_scores),
    "SiameseVerifier, all kinds of terms": (kinds_of_terms, verifier_scores),
}
PUBLISHED = {
    "dependencies and n-grams (Wan et al. 2006)": {"accuracy": 0.756, "F1": 0.830},
    "TF-KLD, features of overlap (Ji and Eisenstein 2013)": {"accuracy": 0.804, "F1": 0.859},
}


def accept(vectorizer, score, train, test, seed):
    """Return whether a model accepts each test pair."""
    vectorizer.fit(np.concatenate(train[:2]))
    P_train, P_test = (
        stack_pairs(vectorizer.transform(left), vectorizer.transform(right))
        for left, right, _ in (train, test)
    )
    return score(P_train, train[2], P_test, seed) > 0


def paraphrases(results):
    """Return the rows of the table of systems."""
    return [
        system(
            "paraphrases",
            f"MRPC, official split: {measure}",
            measure,
            find(results, model="SiameseVerifier, all kinds of terms"),
            "verifier, seven kinds of terms",
            "paraphrase",
            published=cited(results, "dependencies and n-grams", measure),
        )
        for measure in ("accuracy", "F1")
    ]


@benchmark(paraphrase=None, systems=paraphrases)
def paraphrase(data, *, seeds=5, rows=None):
    """Return a row for each published figure and each model, with its figures."""
    train, test = ([part[:rows] for part in load_mrpc(data, name)] for name in ("train", "test"))
    results = published_rows(PUBLISHED)
    for name, (vectorize, score) in MODELS.items():
        runs = []
        for seed in range(seeds):
            accepted, seconds = timed(accept, vectorize(), score, train, test, seed)
            figures = {"accuracy": accuracy_score(test[2], accepted)}
            runs.append(figures | {"F1": f1_score(test[2], accepted), "seconds": seconds})
        results.append(of_runs(runs, model=name))
    return results


if __name__ == "__main__":
    start(paraphrase)
