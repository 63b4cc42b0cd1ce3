"""Test retrieval metrics against plain loops, permutations, scikit-learn and a peer."""

from functools import partial
from itertools import permutations, product

import numpy as np
import pytest
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from scipy import sparse
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score, ndcg_score, pairwise_distances
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.preprocessing import FunctionTransformer

from sksiamese.metrics import (
    cmc_curve,
    mean_average_precision_at_k,
    mean_average_precision_at_r,
    mean_reciprocal_rank,
    ndcg_at_k,
    precision_at_k,
    r_precision,
    recall_at_k,
    retrieval_score,
)

WITH_K = {
    "precision_at_k": precision_at_k,
    "recall_at_k": recall_at_k,
    "mean_average_precision_at_k": mean_average_precision_at_k,
    "mean_reciprocal_rank": mean_reciprocal_rank,
    "ndcg_at_k": ndcg_at_k,
}
OF_R = {
    "mean_average_precision_at_r": mean_average_precision_at_r,
    "r_precision": r_precision,
}
ALL = WITH_K | OF_R | {"cmc_curve": partial(cmc_curve, k=1)}
each_metric = pytest.mark.parametrize("name", ALL)
DISCOUNT = 1 / np.log2(np.arange(2, 1000))


def of_hits(hits, k):
    """Return the metrics of one ranked list, computed by their definitions."""
    r = int(sum(hits))
    precision = [sum(hits[: i + 1]) / (i + 1) for i in range(len(hits))]
    found = {"recall_at_k": float(any(hits[:k]))}
    if r:
        gains = [DISCOUNT[i] for i in range(k) if hits[i]]
        found |= {
            "precision_at_k": sum(hits[:k]) / k,
            "r_precision": sum(hits[:r]) / r,
            "mean_average_precision_at_r": sum(precision[i] for i in range(r) if hits[i]) / r,
            "mean_average_precision_at_k": sum(precision[i] for i in range(k) if hits[i])
            / min(k, r),
            "mean_reciprocal_rank": next((1 / (i + 1) for i in range(k) if hits[i]), 0),
            "ndcg_at_k": sum(gains) / sum(DISCOUNT[: min(k, r)]),
        }
    return found


def by_query(y, D, y_gallery, k, exclude_self, orders):
    """Return the metrics of each query, as means over some orders of the gallery."""
    found = []
    for i, label in enumerate(y):
        rows = [j for j in range(len(y_gallery)) if not (exclude_self and i == j)]
        lists = []
        for order in orders(rows):
            nearest = np.array(order)[np.argsort(D[i, list(order)], kind="stable")]
            lists.append(of_hits((y_gallery[nearest] == label).tolist(), k))
        found.append({name: np.mean([one[name] for one in lists]) for name in lists[0]})
    return found


def mean_of(found, name, y, average="micro"):
    values = [(one[name], label) for one, label in zip(found, y, strict=True) if name in one]
    if average == "micro":
        return np.mean([value for value, _ in values])
    labels = sorted({label for _, label in values})
    return np.mean([np.mean([v for v, one in values if one == label]) for label in labels])


def apart(seed, n_queries=4, n_gallery=6, tied=True):
    rng = np.random.default_rng(seed)
    y, y_gallery = rng.integers(0, 3, n_queries), np.r_[0, rng.integers(0, 3, n_gallery - 1)]
    y[0] = 0
    make = partial(rng.integers, 0, 2 + seed % 3) if tied else rng.normal
    return y, make(size=(n_queries, 2)) / 3, y_gallery, make(size=(n_gallery, 2)) / 3


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["apart", "together", "contained", "found itself"])
def test_metrics_with_ties_are_the_mean_over_all_orders(seed, kind):
    y, Z, y_gallery, Z_gallery = apart(seed)
    options = {"y_gallery": y_gallery, "Z_gallery": Z_gallery}
    if kind in ("together", "found itself"):
        y = y_gallery = np.r_[y_gallery[:-1], 0]
        Z = Z_gallery
        options = {"exclude_self": False} if kind == "found itself" else {}
    elif kind == "contained":
        Z_gallery[:4], y_gallery[:4] = Z, y
        y_gallery[4] = 0
        options["exclude_self"] = True
    exclude_self = kind in ("together", "contained")
    k, D = 1 + seed % 5, pairwise_distances(Z, Z_gallery, metric="chebyshev")
    expected = by_query(y, D, y_gallery, k, exclude_self, permutations)
    for name, average in product(WITH_K | OF_R, ("micro", "macro")):
        with_k = {"k": k} if name in WITH_K else {}
        found = ALL[name](y, Z, metric="chebyshev", average=average, **with_k, **options)
        assert found == pytest.approx(mean_of(expected, name, y, average)), name


def large(seed, n_classes=12):
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(n_classes), rng.integers(0, n_classes, 200)]
    Z = rng.normal(size=(n_classes, 7))[y] + 1.5 * rng.normal(size=(len(y), 7))
    return y, Z


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("k", [1, 7, 150])
def test_metrics_equal_a_loop_over_ranked_lists(metric, k):
    y, Z = large(0)
    query, gallery = (y[:60], Z[:60]), (y[60:], Z[60:])
    D = pairwise_distances(query[1], gallery[1], metric=metric)
    expected = by_query(query[0], D, gallery[0], k, False, lambda rows: [rows])
    for name in WITH_K | OF_R:
        options = {"k": k} if name in WITH_K else {}
        options |= {"y_gallery": gallery[0], "metric": metric}
        found = ALL[name](*query, Z_gallery=gallery[1], **options)
        assert found == pytest.approx(mean_of(expected, name, query[0])), name
        precomputed = ALL[name](query[0], D, **options | {"metric": "precomputed"})
        assert precomputed == pytest.approx(found)


def exact_neighbors(query, k, reference, ref_includes_query):
    """Return nearest neighbors for the peer, which needs faiss otherwise."""
    D = torch.cdist(query.double(), reference.double())
    if ref_includes_query:
        D[range(len(query)), range(len(query))] = torch.inf
    return D.topk(k, largest=False)


PEER = {
    "precision_at_1": precision_at_k,
    "r_precision": r_precision,
    "mean_average_precision_at_r": mean_average_precision_at_r,
    "mean_average_precision": mean_average_precision_at_k,
    "mean_reciprocal_rank": mean_reciprocal_rank,
}


@pytest.mark.parametrize("average", ["micro", "macro", None])
@pytest.mark.parametrize("kind", ["together", "apart", "contained"])
def test_metrics_equal_pytorch_metric_learning(kind, average):
    y, Z = large(1)
    y, Z = np.r_[y, 99], np.r_[Z, Z[:1] + 0.01].astype("f").astype(float)  # 99 has one row.
    query, gallery = slice(None), {}
    if kind != "together":
        query = np.r_[0:80, 212] if kind == "apart" else slice(80)
        rows = slice(80, 212) if kind == "apart" else slice(None)
        gallery = {"y_gallery": y[rows], "Z_gallery": Z[rows]}
    theirs = AccuracyCalculator(
        include=tuple(PEER),
        avg_of_avgs=average == "macro",
        return_per_class=average is None,
        device=torch.device("cpu"),
        knn_func=exact_neighbors,
    ).get_accuracy(
        Z[query],
        y[query],
        gallery.get("Z_gallery"),
        gallery.get("y_gallery"),
        ref_includes_query=kind == "contained",
    )
    for name, metric in PEER.items():
        options = {"exclude_self": True} if kind == "contained" else {}
        found = metric(y[query], Z[query], average=average, **gallery, **options)
        if average is None and kind != "contained":
            assert np.isnan(found[-1])
            found = found[:-1]
        assert found == pytest.approx(theirs[name], rel=1e-6), name


def test_gain_and_precision_equal_scikit_learn():
    rng = np.random.default_rng(0)
    y, Z, y_gallery, Z_gallery = apart(0, 30, 50)
    Z, Z_gallery = (rng.integers(0, 3, size=(len(part), 2)) for part in (Z, Z_gallery))
    gallery = {"y_gallery": y_gallery, "Z_gallery": Z_gallery}
    D, relevance = pairwise_distances(Z, Z_gallery), y[:, None] == y_gallery
    for k in (1, 9, None):
        expected = ndcg_score(relevance.astype(int), -(D**2).round(), k=k)
        assert ndcg_at_k(y, Z, k=k, **gallery) == pytest.approx(expected)
    Z = Z + rng.normal(size=Z.shape)
    D = pairwise_distances(Z, Z_gallery + rng.normal(size=Z_gallery.shape))
    expected = [average_precision_score(*pair) for pair in zip(relevance, -D, strict=True)]
    found = mean_average_precision_at_k(y, D, y_gallery=y_gallery, metric="precomputed")
    assert found == pytest.approx(np.mean(expected))


def test_the_curve_is_the_recall_at_each_rank():
    y, Z = large(2)
    for average in ("micro", "macro", None):
        curve = cmc_curve(y, Z, k=30, average=average)
        recalls = [recall_at_k(y, Z, k=k, average=average) for k in range(1, 31)]
        np.testing.assert_allclose(curve, np.array(recalls).T, rtol=1e-14)
    assert curve.shape == (12, 30)


ROWS = {
    "normal": lambda rng: rng.normal(size=(150, 5)),
    "duplicates": lambda rng: rng.normal(size=(30, 5))[rng.integers(0, 30, 150)],
    "integers": lambda rng: rng.integers(0, 3, size=(150, 3)),
    "binary": lambda rng: rng.integers(0, 2, size=(150, 40)),
    "grid of thirds": lambda rng: rng.integers(0, 3, size=(150, 3)) / 3,
    "far from the origin": lambda rng: 1e6 + rng.integers(0, 3, size=(150, 3)),
    "outlier": lambda rng: np.r_[rng.integers(0, 3, size=(149, 3)), [[1e9, 0, 0]]],
    "equal": lambda rng: np.ones((150, 4)),
    "tiny differences": lambda rng: 1 + 1e-15 * rng.integers(0, 3, size=(150, 3)),
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_distances_by_matrix_products_have_exact_ties(kind, metric):
    """The oracle has the distances that are computed from differences of rows."""
    rng = np.random.default_rng(0)
    Z, y = ROWS[kind](rng).astype(float), rng.integers(0, 5, 150)
    rows = Z / np.linalg.norm(Z, axis=1).clip(1e-9)[:, None] if metric == "cosine" else Z
    if metric == "cosine":
        rows = np.column_stack([rows, ~Z.any(axis=1)])
    rows = np.ldexp(rows, -np.frexp(np.abs(rows).max())[1]) if metric != "cosine" else rows
    D = np.array([[np.square(a - b).sum() for b in rows] for a in rows])
    D[D < 1e-28] = 0 if kind in ("equal", "duplicates") else D[D < 1e-28]
    if kind == "binary" or metric == "cosine":
        D = pairwise_distances(rows, metric="sqeuclidean")
    for name, measure in ALL.items():
        options = {"k": 9} if name in WITH_K else {}
        expected = measure(y, D, metric="precomputed", **options)
        assert measure(y, Z, metric=metric, **options) == pytest.approx(expected), name


@pytest.mark.parametrize("name", [*WITH_K, *OF_R])
def test_blocks_of_queries_do_not_change_the_result(name):
    rng = np.random.default_rng(0)
    y, Z = np.arange(300) % 20, rng.integers(0, 4, size=(300, 3)).astype(float)
    for options in ({}, {"y_gallery": y[:90], "Z_gallery": Z[:90]}, {"metric": "manhattan"}):
        whole = ALL[name](y, Z, **options)
        with config_context(working_memory=0.01):
            assert ALL[name](y, Z, **options) == pytest.approx(whole, abs=1e-15)


def test_containers_and_kinds_of_labels_are_accepted():
    y, Z = large(3)
    names, gallery = y.astype(str), {"y_gallery": y[100:], "Z_gallery": Z[100:]}
    expected = mean_reciprocal_rank(y[:100], Z[:100], **gallery)
    for kind in (np.asarray, np.ndarray.tolist, sparse.csr_array):
        for other in (np.asarray, sparse.csr_array):
            found = mean_reciprocal_rank(
                names[:100], kind(Z[:100]), y_gallery=names[100:], Z_gallery=other(Z[100:])
            )
            assert found == pytest.approx(expected)


def test_classes_in_the_gallery_only_and_in_the_queries_only():
    Z, gallery = [[0.0], [1.0], [5.0]], {"y_gallery": [1, 3], "Z_gallery": [[0.1], [2.0]]}
    assert recall_at_k([1, 1, 0], Z, **gallery) == pytest.approx(2 / 3)
    assert precision_at_k([1, 1, 0], Z, **gallery) == 1
    np.testing.assert_array_equal(recall_at_k([1, 1, 0], Z, average=None, **gallery), [0, 1])
    np.testing.assert_array_equal(r_precision([1, 1, 0], Z, average=None, **gallery), [np.nan, 1])
    assert recall_at_k([1, 1, 0], Z, average="macro", **gallery) == 1 / 2
    assert r_precision([1, 1, 0], Z, average="macro", **gallery) == 1


@each_metric
def test_a_gallery_that_does_not_fit_is_refused_by_name(name):
    metric, y, Z = ALL[name], [0, 0, 1], np.eye(3)
    for options, message in (
        ({"y_gallery": y}, "y_gallery needs the rows .* pass Z_gallery"),
        ({"Z_gallery": Z}, "Z_gallery needs the labels .* pass y_gallery"),
        ({"y_gallery": y, "Z_gallery": Z[:2]}, "inconsistent numbers of samples"),
        ({"y_gallery": y, "Z_gallery": Z[:, :2]}, "Z_gallery has 2 components, but Z has 3"),
        ({"y_gallery": ["a", "b", "b"], "Z_gallery": Z}, "y_true .* y_gallery"),
        ({"y_gallery": [0, 1, np.nan], "Z_gallery": Z}, "y_gallery has 1 missing labels"),
        ({"y_gallery": y, "Z_gallery": Z * np.nan}, "Z_gallery contains NaN"),
        (
            {"y_gallery": [1, 0, 0], "Z_gallery": Z, "exclude_self": True},
            "exclude_self=True requires that the first rows",
        ),
        ({"y_gallery": [0], "Z_gallery": Z[:1], "exclude_self": True}, "exclude_self"),
        ({"y_gallery": y, "Z_gallery": Z, "metric": "precomputed"}, "Z_gallery must be None"),
        ({"y_gallery": [0, 1], "metric": "precomputed"}, "Z must be a square .* 2 labels"),
        ({"average": "weighted"}, "'average' parameter"),
        ({"exclude_self": 2}, "'exclude_self' parameter"),
        ({"metric": "seuclidean", "y_gallery": y, "Z_gallery": Z}, "metric='seuclidean' depends"),
    ):
        with pytest.raises(ValueError, match=message):
            metric(y, Z, **options)


@pytest.mark.parametrize("name", [*WITH_K, "cmc_curve"])
def test_k_is_at_most_the_number_of_rows_to_be_found(name):
    y, Z = [0, 0, 1], np.eye(3)
    gallery = {"y_gallery": y, "Z_gallery": Z}
    ALL[name](y, Z, k=2)
    ALL[name](y, Z, k=3, **gallery)
    for k, options in ((3, {}), (4, gallery), (3, {"exclude_self": True, **gallery})):
        with pytest.raises(ValueError, match=rf"k must be in \[1, {k - 1}\]"):
            ALL[name](y, Z, k=k, **options)


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("recall_at_k", "cmc_curve")])
def test_queries_without_any_relevant_row_are_refused(name):
    with pytest.raises(ValueError, match="y_gallery has no class of y_true"):
        ALL[name]([0, 1], np.eye(2), y_gallery=[2, 3], Z_gallery=np.eye(2))
    with pytest.raises(ValueError, match="y_true has no class of two rows"):
        ALL[name]([0, 1], np.eye(2))


def test_an_embedder_is_scored_on_unseen_classes_in_a_search():
    X, y = load_digits(return_X_y=True)
    scoring = partial(retrieval_score, measure=mean_average_precision_at_r, metric="cosine")
    search = GridSearchCV(PCA(), {"n_components": [1, 20]}, cv=GroupKFold(5), scoring=scoring)
    search.fit(X, y, groups=y)
    assert search.best_params_ == {"n_components": 20}
    recalls = cross_val_score(
        FunctionTransformer(), X, y, groups=y, cv=GroupKFold(5), scoring=retrieval_score
    )
    folds = [test for _, test in GroupKFold(5).split(X, y, y)]
    assert recalls.tolist() == [recall_at_k(y[test], X[test]) for test in folds]
    with pytest.raises(ValueError, match="measure"):
        retrieval_score(FunctionTransformer(), X, y, measure="recall")
    with pytest.raises(ValueError, match="estimator"):
        retrieval_score(3, X, y)
