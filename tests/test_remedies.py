"""Test that the remedy of each error message works."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.preprocessing import MaxAbsScaler, MultiLabelBinarizer
from torch import nn

from sksiamese import (
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseRegressor,
    SiameseVerifier,
    make_pairs,
    unseen_class_curve,
)
from sksiamese.batches import hierarchical, weighted
from sksiamese.distances import euclidean
from sksiamese.losses import matryoshka, supcon
from sksiamese.metrics import few_shot_score, r_precision, recall_at_k

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 12))
Y = np.arange(60) % 6
VIEW, MATCH, _ = make_pairs(X, Y, n_pairs=80, as_view=True, random_state=0)
PAIRS, GROUPS = np.asarray(VIEW), Y[VIEW.index]
NET = nn.Sequential(nn.Flatten(), nn.Linear(12, 128))
IMAGES = rng.normal(size=(60, 6, 5, 3))


def embed(rows=X, labels=Y, **parameters):
    return SiameseEmbedder(max_iter=1, random_state=0, **parameters).fit(rows, labels)


def verify(groups=None, **parameters):
    verifier = SiameseVerifier(max_iter=1, random_state=0, **parameters)
    return verifier.fit(PAIRS, MATCH, groups=groups)


def verify_rows(rows=X, labels=Y, **parameters):
    return SiameseVerifier(max_iter=1, random_state=0, **parameters).fit_rows(rows, labels)


def regress(numbers=MATCH, weight=None, **parameters):
    regressor = SiameseRegressor(max_iter=1, random_state=0, **parameters)
    return regressor.fit(PAIRS, numbers, weight)


def refer(labels=Y, **parameters):
    return ReferenceVerifier(**parameters).fit(X, labels)


def curve(labels=Y, **options):
    scaler = MaxAbsScaler()
    return unseen_class_curve(scaler, X, labels, n_pairs=20, n_splits=2, n_way=2, **options)


def resume(labels=Y, **changed):
    """Fit, change parameters, and fit again with ``warm_start=True`` unless it is changed."""
    return embed(warm_start=True).set_params(**changed).fit(X, labels)


def chunks(*labels, classes=None, **parameters):
    embedder = SiameseEmbedder(max_iter=1, random_state=0, **parameters)
    for part in labels:
        embedder.partial_fit(X, part, classes=classes)


def chunks_of_pairs(*labels, classes=None, **parameters):
    verifier = SiameseVerifier(random_state=0, **parameters)
    for part in labels:
        verifier.partial_fit(PAIRS, part.astype(int), classes=classes)


def scaled(input_shape, n_components, *, power):
    return nn.Sequential(nn.Flatten(), nn.Linear(12, n_components))


class Wave(nn.Module):
    """A tower of complex numbers, stored as they are or as pairs of real ones."""

    def __init__(self, input_shape, n_components, *, real_weight, real_output):
        super().__init__()
        weight = torch.randn(12, 64, dtype=torch.complex64)
        self.weight = nn.Parameter(torch.view_as_real(weight) if real_weight else weight)
        self.real_output = real_output

    def forward(self, X):
        weight = self.weight if self.weight.is_complex() else torch.view_as_complex(self.weight)
        Z = X.flatten(1).to(weight.dtype) @ weight
        return torch.view_as_real(Z).flatten(1) if self.real_output else Z


prefixes = partial(matryoshka, loss=supcon, distance=euclidean, sizes=(8, 16))
wave = partial(Wave, real_weight=True, real_output=True)
one_each = np.arange(60)
two_each = np.arange(60) // 2
channels_first = np.moveaxis(IMAGES, -1, 1).reshape(60, -1)
flat = IMAGES.reshape(60, -1)
moved = np.moveaxis(flat.reshape(-1, *(6, 5, 3)), -1, 1).reshape(60, -1)
large = (np.arange(720).reshape(60, 12) % 7).astype(np.uint64) + np.uint64(2**63)
sets = [["a", "b"], ["b"], ["c"], ["a"]] * 15
cnn = {"tower": "cnn", "depth": 1, "width": 8}
stop = {"early_stopping": True}

SEARCHED = {"y_gallery": Y[:30], "Z_gallery": X[:30]}
REMEDIES = {
    "rows without labels to search": [
        (lambda: recall_at_k(Y, X, Z_gallery=X), "pass y_gallery, too"),
        lambda: recall_at_k(Y, X, Z_gallery=X, y_gallery=Y),
    ],
    "labels without rows to search": [
        (lambda: recall_at_k(Y, X, y_gallery=Y), "pass Z_gallery, too"),
        lambda: recall_at_k(Y, X, y_gallery=Y, Z_gallery=X),
    ],
    "a gallery that does not begin with the queries": [
        (
            lambda: recall_at_k(Y[3:9], X[3:9], exclude_self=True, **SEARCHED),
            "reorder the gallery, or set it to False",
        ),
        lambda: recall_at_k(Y[:6], X[:6], exclude_self=True, **SEARCHED),
        lambda: recall_at_k(Y[3:9], X[3:9], exclude_self=False, **SEARCHED),
    ],
    "a metric that depends on all rows": [
        (lambda: recall_at_k(Y, X, metric="seuclidean", **SEARCHED), "choose 'euclidean'"),
        lambda: recall_at_k(Y, X, metric="euclidean", **SEARCHED),
    ],
    "more neighbors than rows": [
        (lambda: recall_at_k(Y, X, k=31, **SEARCHED), "lower k"),
        lambda: recall_at_k(Y, X, k=30, **SEARCHED),
    ],
    "no class of the queries in the gallery": [
        (lambda: r_precision(Y + 6, X, **SEARCHED), "add rows of these classes to the gallery"),
        lambda: r_precision(Y + 6, X, y_gallery=[*Y[:29], 6], Z_gallery=X[:30]),
    ],
    "classes of other fits": [
        (lambda: resume(Y + 1), "set warm_start=False"),
        lambda: resume(Y + 1, warm_start=False),
    ],
    "no numbers": [
        (lambda: regress(MATCH.astype(str)), "pass a number for each pair"),
        lambda: regress(MATCH.astype(float)),
    ],
    "greatest number": [
        (lambda: regress(MATCH * 1e40), "divide it by a constant"),
        lambda: regress(MATCH * 1e40 / 1e30),
    ],
    "greatest weight": [
        (lambda: regress(weight=np.full(80, 1e12)), "divide the weights by their mean"),
        lambda: regress(weight=np.ones(80)),
    ],
    "too few pairs to hold out": [
        (lambda: regress(validation_fraction=0.01, **stop), "change validation_fraction or set"),
        lambda: regress(validation_fraction=0.1, **stop),
        lambda: regress(validation_fraction=0.01),
    ],
    "other architecture": [
        (lambda: resume(width=9), "set warm_start=False"),
        lambda: resume(width=9, warm_start=False),
    ],
    "one class": [(lambda: embed(labels=0 * Y), "pass data of at least two classes"), embed],
    "one row a class": [
        (lambda: embed(labels=one_each), "more rows of a class, or choose a loss of classes"),
        lambda: embed(labels=two_each),
        lambda: embed(labels=one_each, loss="normalized_softmax"),
    ],
    "only rows alone to hold out": [
        (lambda: embed(labels=one_each, loss="normalized_softmax", **stop), "set early_stopping"),
        lambda: embed(labels=one_each, loss="normalized_softmax"),
    ],
    "too few rows to hold out": [
        (lambda: embed(validation_fraction=0.01, **stop), "change validation_fraction or set"),
        lambda: embed(validation_fraction=0.2, **stop),
        lambda: embed(validation_fraction=0.01),
    ],
    "no pair left to learn from": [
        (lambda: embed(validation_fraction=0.9, **stop), "Lower it if some classes have three"),
        lambda: embed(validation_fraction=0.5, **stop),
        lambda: embed(validation_fraction=0.9),
    ],
    "parts without early stopping": [
        (lambda: chunks(Y, **stop), "partial_fit"),
        lambda: chunks(Y),
    ],
    "unknown class in a chunk": [
        (lambda: chunks(Y, Y + 1), "pass all labels in that call, as classes"),
        lambda: chunks(Y, Y + 1, classes=np.arange(7)),
    ],
    "indicator in a chunk": [
        (lambda: chunks(np.eye(6)[Y]), "needs one class per row; call fit"),
        lambda: embed(labels=np.eye(6)[Y]),
    ],
    "no indicator matrix": [
        (lambda: embed(labels=np.c_[Y, Y]), "see sklearn.preprocessing.MultiLabelBinarizer"),
        lambda: embed(labels=MultiLabelBinarizer().fit_transform(sets)),
    ],
    "several labels and a loss of classes": [
        (lambda: embed(labels=np.eye(6)[Y], loss="proxy_nca"), "choose a loss of pairs, or pass y"),
        lambda: embed(labels=np.eye(6)[Y], loss="contrastive"),
        lambda: embed(loss="proxy_nca"),
    ],
    "NaN as a mark": [
        (lambda: embed(unlabeled_label=np.nan), "mark them by a label such as -1"),
        lambda: embed(labels=np.where(Y == 5, -1, Y), unlabeled_label=-1),
    ],
    "mark of another kind": [
        (lambda: embed(unlabeled_label="none"), "give both one type"),
        lambda: embed(labels=Y.astype(str), unlabeled_label="none"),
    ],
    "nothing but marks": [
        (lambda: embed(labels=0 * Y, unlabeled_label=0), "pass labels of at least two classes"),
        lambda: embed(unlabeled_label=0),
    ],
    "tower that is a module": [
        (lambda: embed(tower=NET), r"functools.partial\(copy.deepcopy, module\)"),
        lambda: embed(tower=partial(copy.deepcopy, NET)),
        lambda: verify(tower=partial(copy.deepcopy, NET)),
    ],
    "tower that is no module": [
        (
            lambda: embed(tower=lambda shape, n: None),
            r"tower\(input_shape, n_components\) must return a module",
        ),
        lambda: embed(tower=lambda input_shape, n_components: copy.deepcopy(NET)),
    ],
    "tower without weights": [
        (lambda: embed(n_components=12, tower=lambda: nn.Flatten()), "pass another"),
        embed,
    ],
    "tower of another size": [
        (lambda: embed(n_components=8, tower=lambda: NET), "change its last layer or n_compo"),
        lambda: embed(n_components=128, tower=lambda: copy.deepcopy(NET)),
    ],
    "argument of a tower": [
        (lambda: embed(tower=scaled), r"functools.partial\(tower, power=...\)"),
        lambda: embed(tower=partial(scaled, power=2)),
    ],
    "complex weights": [
        (lambda: embed(tower=partial(wave, real_weight=False)), r"torch.view_as_real\(weight\)"),
        lambda: embed(tower=wave),
    ],
    "complex output": [
        (
            lambda: embed(n_components=64, tower=partial(wave, real_output=False)),
            r"torch.view_as_real\(Z\).flatten\(1\)",
        ),
        lambda: embed(tower=wave),
    ],
    "size beyond the memory": [
        (lambda: embed(width=10**9), "lower them"),
        lambda: embed(width=10),
    ],
    "distance that is a module": [
        (lambda: embed(distance=nn.PairwiseDistance()), "pass a function"),
        lambda: embed(distance=euclidean),
    ],
    "rows that are not flat": [
        (lambda: embed(X.reshape(60, 3, 4)), r"X.reshape\(len\(X\), -1\) and input_shape=\(3, 4\)"),
        lambda: embed(X.reshape(60, 3, 4).reshape(60, -1), input_shape=(3, 4)),
    ],
    "images with channels last": [
        (lambda: embed(IMAGES, **cnn), r"np.moveaxis\(X, -1, 1\).*input_shape=\(3, 6, 5\)"),
        lambda: embed(channels_first, input_shape=(3, 6, 5), **cnn),
    ],
    "shape with channels last": [
        (lambda: embed(flat, input_shape=(6, 5, 3), **cnn), r"set input_shape=\(3, 6, 5\)"),
        lambda: embed(moved, input_shape=(3, 6, 5), **cnn),
    ],
    "shape of another size": [
        (lambda: embed(input_shape=(5, 5)), "pass the shape of one item"),
        lambda: embed(input_shape=(3, 4)),
    ],
    "device": [
        (lambda: embed(device="hpu"), "pass 'auto', 'cpu'"),
        lambda: embed(device="auto"),
        lambda: embed(device="cpu"),
    ],
    "squares that overflow": [
        (lambda: embed(X * 1e200), "sklearn.preprocessing.MaxAbsScaler"),
        lambda: embed(MaxAbsScaler().fit_transform(X * 1e200)),
    ],
    "whole numbers beyond 63 bits": [
        (lambda: embed(large), r"subtract an offset or pass X.astype\(float\)"),
        lambda: embed(large - large.min()),
        lambda: embed(large.astype(float)),
    ],
    "row too far away": [
        (lambda: embed(X.astype("f")).transform(np.full((1, 12), 1e200)), "Leave such rows out"),
        lambda: embed(X.astype("f")).transform(np.full((1, 12), 1e2)),
    ],
    "nothing to score": [
        (lambda: embed().score(X[:6], Y[:6]), "score by sksiamese.metrics.few_shot_score"),
        lambda: embed().score(X[:12], Y[:12]),
        lambda: few_shot_score(embed(), X, Y, n_way=2, k_shot=2),
    ],
    "groups of one class": [
        (lambda: embed(sampler=partial(hierarchical, groups=Y)), "raise n_groups, or form groups"),
        lambda: embed(sampler=partial(hierarchical, groups=Y, n_groups=2)),
        lambda: embed(sampler=partial(hierarchical, groups=Y // 2)),
    ],
    "sampler without identities": [
        (lambda: verify(sampler="balanced"), "as groups, call fit_rows, or set sampler=None"),
        lambda: verify(GROUPS, sampler="balanced"),
        lambda: verify_rows(sampler="balanced"),
        verify,
    ],
    "identities that contradict the labels": [
        (lambda: verify(0 * GROUPS, sampler="balanced"), "Pass the identities that y compares, or"),
        lambda: verify(GROUPS, sampler="balanced"),
        lambda: verify(0 * GROUPS),
    ],
    "sampler of chunks of pairs": [
        (lambda: chunks_of_pairs(MATCH, sampler="balanced"), "set sampler=None"),
        lambda: chunks_of_pairs(MATCH, MATCH),
    ],
    "unknown label in a chunk of pairs": [
        (lambda: chunks_of_pairs(MATCH, MATCH + 1), "first call of partial_fit, .* remove their"),
        lambda: chunks_of_pairs(MATCH + 1, MATCH + 1),
    ],
    "three labels in a chunk of pairs": [
        (lambda: chunks_of_pairs(MATCH, classes=[0, 1, 2]), "pass y and classes with two labels"),
        lambda: chunks_of_pairs(MATCH, classes=[0, 1]),
    ],
    "chunks of pairs with early stopping": [
        (lambda: chunks_of_pairs(MATCH, **stop), "partial_fit"),
        lambda: chunks_of_pairs(MATCH),
    ],
    "rows without a match": [
        (lambda: verify_rows(X[:6], Y[:6]), "pass more rows"),
        lambda: verify_rows(X[:12], Y[:12]),
    ],
    "activation that is a module": [
        (lambda: embed(activation=nn.Mish()), "such as the class Mish"),
        lambda: embed(activation=nn.Mish),
    ],
    "batch normalization of series": [
        (lambda: embed(tower="tdnn", normalization="batch"), "set normalization='layer'"),
        lambda: embed(tower="tdnn", normalization="layer"),
        lambda: embed(tower="tdnn"),
    ],
    "one reference": [
        (lambda: refer(one_each), "enroll another one, or remove the identity"),
        lambda: refer(two_each),
    ],
    "cohort of two": [
        (lambda: refer(cohort=[0, 1]), "add identities, or pass None"),
        lambda: refer(cohort=[0, 1, 2]),
        refer,
    ],
    "too few classes to hold out": [
        (lambda: curve(Y % 4), "change test_size, or pass more classes"),
        lambda: curve(Y % 4, test_size=2),
        lambda: curve(Y, n_classes=[3]),
    ],
    "optimizer without a learning rate": [
        (lambda: embed(optimizer=lambda params: None), "such as functools.partial"),
        lambda: embed(optimizer=partial(torch.optim.RMSprop, alpha=0.9)),
    ],
    "optimizer with a closure": [
        (lambda: embed(optimizer=torch.optim.LBFGS), "choose another optimizer"),
        lambda: embed(optimizer=torch.optim.NAdam),
    ],
    "factor of the learning rate": [
        (lambda: embed(learning_rate=lambda progress: -1), "a finite number >= 0"),
        lambda: embed(learning_rate=lambda progress: 0.5),
    ],
    "prefix longer than the embedding": [
        (lambda: embed(n_components=8, loss=prefixes), "lower it, or raise n_components"),
        lambda: embed(n_components=16, loss=prefixes),
        lambda: embed(n_components=8, loss=partial(prefixes, sizes=(4, 8))),
    ],
    "weights of zero": [
        (
            lambda: embed(sampler=partial(weighted, weight=0 * Y)),
            "give such rows a positive weight",
        ),
        lambda: embed(sampler=partial(weighted, weight=1 + Y)),
    ],
}


@pytest.mark.filterwarnings("ignore:The embedding has collapsed")
@pytest.mark.parametrize("kind", REMEDIES)
def test_the_remedy_of_an_error_works(kind):
    (refused, advice), *remedies = REMEDIES[kind]
    with pytest.raises((AttributeError, ValueError), match=advice):
        refused()
    for remedy in remedies:
        remedy()
