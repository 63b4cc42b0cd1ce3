"""Graded similarity: predict how similar two sentences are, on the STS Benchmark.

Official split, 5,749 training, 1,500 development and 1,379 test pairs with a similarity of 0 to 5.
Sentences become sparse rows of TF-IDF of nine kinds of terms in hashed buckets: words, stems
without stop words and with them, pairs of words, character n-grams, numbers and capitalized words.
``SiameseRegressor`` reads pairs of such rows. Its tower gives every bucket a weight; its head is a
small network of eight measures of overlap of each kind. Nothing is downloaded; no vectors of words
that were learned elsewhere are used.

The baselines read the same text: the cosine of TF-IDF of words and of character trigrams, the share
of common words, and a ridge regression and gradient boosting on the measures of overlap, without
learned weights of buckets.

All settings were chosen on the development pairs. The test pairs only give the figures. For the
figures on the paraphrase corpus (MRPC), models are trained without the pairs of MSRpar, which are
pairs of this corpus; its training pairs give the threshold of the accuracy.
"""

import re
from functools import partial

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import (
    ENGLISH_STOP_WORDS,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_cosine_distances
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from benchmarks._common.data import load_mrpc, load_sts
from benchmarks._common.figures import best_threshold, of_runs, timed
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.systems._table import published_rows
from sksiamese import SiameseRegressor, split_pairs, stack_pairs

SUFFIXES = ("ing", "ies", "ed", "es", "s", "ly")


def stem(word):
    """Return a word without a common suffix, and without a final e."""
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def stems(sentence):
    """Return the stems of the words of a sentence."""
    return [stem(word) for word in re.findall(r"\w+", sentence.lower())]


def content_stems(sentence):
    """Return the stems of the words that are no stop words, or of all if there are no others."""
    words = re.findall(r"\w+", sentence.lower())
    return [stem(word) for word in words if word not in ENGLISH_STOP_WORDS] or stems(sentence)


WORDS = {"token_pattern": r"\w+"}
KINDS = (
    (2048, WORDS),
    (4096, {"analyzer": stems}),
    (4096, {"analyzer": content_stems}),
    (2048, WORDS | {"ngram_range": (2, 2)}),
    (1024, {"analyzer": "char_wb", "ngram_range": (2, 2)}),
    (4096, {"analyzer": "char_wb", "ngram_range": (3, 3)}),
    (4096, {"analyzer": "char_wb", "ngram_range": (4, 4)}),
    (256, {"token_pattern": r"\d[\d.,]*"}),
    (1024, {"token_pattern": r"[A-Z]\w+", "lowercase": False}),
)
"""Kinds of terms in a sentence: number of buckets, and options of a vectorizer."""

SIZES = [size for size, _ in KINDS]
N_OVERLAPS = 8 * len(KINDS)


def kinds_of_terms():
    """Return a transformer of sentences to TF-IDF, with columns of their own for each kind."""
    options = {"norm": None, "alternate_sign": False, "dtype": np.float32}
    return make_union(
        *(
            make_pipeline(
                HashingVectorizer(n_features=size, **options, **kind),
                TfidfTransformer(norm=None, sublinear_tf=True),
            )
            for size, kind in KINDS
        )
    )


class TermWeights(nn.Module):
    """A tower that multiplies every column by a positive weight, at first 1."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.log_weight = nn.Parameter(torch.zeros(n_components))

    def forward(self, X):
        """Return weighted rows."""
        return X * self.log_weight.exp()


class Overlap(nn.Module):
    """A network of two hidden layers on the overlap of each kind of terms."""

    def __init__(self, n_components, width=64, dropout=0.2):
        super().__init__()
        self.standardize = nn.BatchNorm1d(N_OVERLAPS, affine=False)
        self.layers = nn.Sequential(
            *(nn.Linear(N_OVERLAPS, width), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(width, 1),
        )

    def forward(self, A, B):
        """Return the scores of the pairs of rows of A and B."""
        return self.layers(self.standardize(overlaps_of(A, B))).squeeze(1)


def overlaps_of(A, B):
    """Return eight measures of overlap for each kind of terms, symmetric in both rows.

    With the mass (sum of columns) that both rows have in common: its shares of the smaller and of
    the larger row, and the logarithms of all three masses; the same shares of the numbers of
    terms; and the cosine.
    """
    found = []
    for a, b in zip(A.split(SIZES, dim=1), B.split(SIZES, dim=1), strict=True):
        both = torch.minimum(a, b)
        common, masses = both.sum(dim=1), torch.stack([a.sum(dim=1), b.sum(dim=1)])
        n_common = (both > 0).sum(dim=1)
        counts = torch.stack([(a > 0).sum(dim=1), (b > 0).sum(dim=1)])
        for part, whole in ((common, masses), (n_common, counts)):
            found += [(part + 0.01) / (whole.amin(dim=0) + 0.01)]
            found += [(part + 0.01) / (whole.amax(dim=0) + 0.01)]
        found += [(mass + 1).log() for mass in (masses.amin(dim=0), masses.amax(dim=0), common)]
        found.append(F.cosine_similarity(a, b, dim=1))
    return torch.stack(found, dim=1)


def overlap_columns(P):
    """Return the measures of overlap of pairs of sparse rows as an array."""
    left, right = split_pairs(P)
    parts = (
        overlaps_of(*(torch.from_numpy(side[i : i + 500].toarray()) for side in (left, right)))
        for i in range(0, P.shape[0], 500)
    )
    return torch.cat(list(parts)).numpy()


def of_terms(make_model, columns):
    """Return a fit of a model on pairs of rows of kinds of terms, or on columns of these pairs."""

    def fit(left, right, score, seed):
        vectorizer = kinds_of_terms().fit(np.concatenate([left, right]))

        def pairs(left, right):
            return columns(stack_pairs(vectorizer.transform(left), vectorizer.transform(right)))

        model = make_model(random_state=seed).fit(pairs(left, right), score)
        return lambda left, right: model.predict(pairs(left, right))

    return fit


def cosine(left, right, score, seed, **options):
    """Return a function that computes the cosine of TF-IDF, which has no use for the scores."""
    vectorizer = TfidfVectorizer(**options).fit(np.concatenate([left, right]))
    return lambda *sides: 1 - paired_cosine_distances(*map(vectorizer.transform, sides))


def common_words(left, right, score, seed):
    """Return a function that computes the number of common words over the mean number of words."""

    def overlap(one, other):
        one, other = ({*re.findall(WORDS["token_pattern"], text.lower())} for text in (one, other))
        return 2 * len(one & other) / (len(one) + len(other))

    return lambda left, right: np.array(list(map(overlap, left, right)))


def ridge(random_state):
    """Return a ridge regression on standardized columns."""
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13)))


boosting = partial(
    HistGradientBoostingRegressor,
    **{"max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 12, "min_samples_leaf": 40},
    l2_regularization=5.0,
)
regressor = partial(
    SiameseRegressor,
    sum(SIZES),
    **{"tower": TermWeights, "scaling": None, "head": Overlap, "loss": "squared_error"},
    **{"weight_decay": 0.01, "max_iter": 8, "learning_rate_init": 2e-3, "device": "cpu"},
)
MODELS = {
    "share of common words": common_words,
    "cosine, TF-IDF of words": partial(cosine, **WORDS),
    "cosine, TF-IDF of character trigrams": partial(cosine, analyzer="char_wb", ngram_range=(3, 3)),
    "ridge regression on overlaps": of_terms(ridge, overlap_columns),
    "gradient boosting on overlaps": of_terms(boosting, overlap_columns),
    "SiameseRegressor": of_terms(regressor, lambda P: P),
}
PUBLISHED = {
    f"{name} (Reimers and Gurevych 2019)": {"test, Spearman": value}
    for name, value in {
        "mean of GloVe vectors": 0.5802,
        "InferSent": 0.6803,
        "Universal Sentence Encoder": 0.7492,
    }.items()
}
"""Figures of vectors that were learned elsewhere, without the training pairs."""


def measure(model, seed, *, folder, rows):
    """Return the rank correlations of a model, and its figures on paraphrases."""
    part = {
        name: [side[:rows] for side in load_sts(folder, name)] for name in ("train", "dev", "test")
    }
    predict, seconds = timed(MODELS[model], *part["train"], seed)
    figures = {}
    for name in ("dev", "test"):
        left, right, score = part[name]
        predicted = predict(left, right)
        figures[f"{name}, Spearman"] = float(spearmanr(score, predicted).statistic)
        figures[f"{name}, Pearson"] = float(pearsonr(score, predicted).statistic)
    others = [side[:rows] for side in load_sts(folder, without=("MSRpar",))]
    predict = MODELS[model](*others, seed)
    known, new = ([side[:rows] for side in load_mrpc(folder, name)] for name in ("train", "test"))
    threshold = best_threshold(known[2], predict(*known[:2]))
    scores = predict(*new[:2])
    figures["MRPC accuracy"] = float(((scores >= threshold) == new[2]).mean())
    figures["MRPC AUC"] = float(roc_auc_score(new[2], scores))
    return figures | {"seconds": seconds}


FIGURES = ("dev, Spearman", "test, Spearman", "test, Pearson", "MRPC accuracy", "MRPC AUC")


@benchmark(graded_similarity={name: name for name in ("model", *FIGURES)})
def graded_similarity(data, *, seeds=3, rows=None, partial_file=""):
    """Return a row for each published figure and each model, with its figures."""
    cases = [(model, seed) for model in MODELS for seed in range(seeds if "S" in model[0] else 1)]
    found = resume(partial_file, cases, partial(measure, folder=data, rows=rows))
    results = published_rows(PUBLISHED)
    for model in MODELS:
        runs = [figures for (name, _), figures in found.items() if name == model]
        results.append(of_runs(runs, model=model))
    return results


if __name__ == "__main__":
    start(graded_similarity)
