"""Calls of a user with types, which ``mypy`` checks and ``tests.test_typing`` runs."""

from typing import assert_type

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from sksiamese import (
    PairKFold,
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    make_pairs,
)
from sksiamese.distances import euclidean
from sksiamese.heads import Distance
from sksiamese.losses import triplet
from sksiamese.metrics import equal_error_rate, threshold_at_far
from sksiamese.mining import hardest
from sksiamese.neighbors import ApproximateNeighbors
from sksiamese.persistence import build_tower


def soft_margin(D: Tensor, same: Tensor, different: Tensor) -> Tensor:
    """Return a loss of pairs."""
    return ((D - 1) * same).sum() + ((1 - D) * different).sum()


def embed_and_identify(X: np.ndarray, y: np.ndarray) -> float:
    """Embed and identify rows; return the accuracy."""
    embedder = SiameseEmbedder(2, loss=soft_margin, margin="auto", max_iter=1, random_state=0)
    assert_type(embedder.fit(X, y), SiameseEmbedder)
    assert_type(embedder.transform(csr_array(X)), np.ndarray)
    assert_type(embedder.score(X, y), float)
    assert_type(build_tower(embedder, X.shape[1]), nn.Sequential)
    identifier = SiameseIdentifier(embedder, target_far=None).fit(X.tolist(), y.tolist())
    assert_type(identifier, SiameseIdentifier)
    assert_type(identifier.predict(X), np.ndarray)
    index = ApproximateNeighbors(connectivity=8).fit(X)
    distances, numbers = index.kneighbors(X, n_neighbors=2)
    assert_type(distances, np.ndarray)
    assert_type(numbers, np.ndarray)
    return embedder.score(X, y)


def verify(X: np.ndarray, y: np.ndarray) -> float:
    """Verify pairs of rows; return the equal error rate."""
    pairs, match, _ = make_pairs(X, y, n_pairs=20, random_state=np.random.RandomState(0))
    view, _, _ = make_pairs(X, y, n_pairs=20, as_view=True, random_state=0)
    assert_type(match, np.ndarray)
    verifier = SiameseVerifier(2, head=Distance, class_weight={0: 2.0}, max_iter=1, random_state=0)
    assert_type(verifier.fit(pairs, match), SiameseVerifier)
    assert_type(verifier.predict_proba(PairView(X, view.index)), np.ndarray)
    assert_type(SiameseRegressor(2, max_iter=1).fit(pairs, match), SiameseRegressor)
    assert_type(PairTransformer(output="abs_diff").fit(pairs), PairTransformer)
    for train, test in PairKFold(2).split(view, groups=y[view.index]):
        assert_type(train, np.ndarray)
        assert_type(test, np.ndarray)
    scores = verifier.decision_function(pairs)
    assert_type(threshold_at_far(match, scores, 0.1), tuple[float, float, float])
    return equal_error_rate(match, scores)


def compute_loss(Z: Tensor, y: Tensor) -> Tensor:
    """Return the triplet loss of the hardest pairs of embeddings."""
    same = y[:, None] == y
    D = euclidean(Z, Z)
    assert_type(D, Tensor)
    return triplet(*hardest(D, same & ~torch.eye(len(Z), dtype=torch.bool), ~same), margin=0.5)


def wrong_arguments() -> None:
    """Pass arguments of a wrong type, which mypy reports."""
    SiameseEmbedder(depth="3")  # type: ignore[arg-type]
    SiameseEmbedder(validation="columns")  # type: ignore[arg-type]
    SiameseIdentifier().verify([[0.0]], claimed=None)  # type: ignore[arg-type]
    threshold_at_far([0, 1], [0.1, 0.2], "0.1")  # type: ignore[arg-type]
    triplet(torch.zeros(1), torch.zeros(1))  # type: ignore[call-arg]
    make_pairs([[0.0]], [0], pairs=3)  # type: ignore[call-arg]
