"""Test learning from several views of rows, with and without labels."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder
from sksiamese.augment import affine, feature_dropout
from sksiamese.metrics import recall_at_k

X, Y = load_digits(return_X_y=True)
ONE_OF_20 = np.where(np.arange(len(Y)) % 20 == 0, Y, -1)
WITHOUT_LABELS = SiameseEmbedder(64, loss="n_pairs", n_views=2, random_state=0)


def make_task(y, **parameters):
    """Return a task of learning from 40 rows, without a tower, and the classes."""
    embedder = SiameseEmbedder(n_views=2, unlabeled_label=-1, learned_weight=1.0, **parameters)
    classes, codes = embedder._encode(y, 40)
    return embedder._task(X[:40].astype(np.float32), codes, classes)


def prepared(task):
    """Return a task after its preparation for training, and its module."""
    rows, _ = task.split(np.random.RandomState(0))
    module = task.build(rows)
    task.check(module, rows)
    task.prepare(module, rows)
    return task, module, rows


def neighbors_accuracy(Z, n_labels=10):
    """Return the accuracy of nearest neighbors with a few labels of each class."""
    known = np.concatenate([np.flatnonzero(label == Y)[:n_labels] for label in range(10)])
    others = np.setdiff1d(np.arange(len(Y)), known)
    classifier = KNeighborsClassifier(3).fit(Z[known], Y[known])
    return classifier.score(Z[others], Y[others])


def test_embeddings_without_labels_need_fewer_labels_than_principal_components():
    plain, learned = neighbors_accuracy(PCA(32).fit_transform(X)), WITHOUT_LABELS.fit_transform(X)
    assert neighbors_accuracy(learned) > plain + 0.01
    assert len(WITHOUT_LABELS.classes_) == 0


def test_unlabeled_rows_improve_an_embedding_of_few_labels():
    known, unknown = np.arange(len(Y)) % 2 == 0, np.arange(len(Y)) % 2 == 1
    some = np.where(np.arange(len(Y)) % 60 == 0, Y, -1)
    embedder = clone(WITHOUT_LABELS).set_params(unlabeled_label=-1, learned_weight=1.0)
    found = embedder.fit(X[known], some[known]).score(X[unknown], Y[unknown])
    embedder.set_params(n_views=1)
    assert found > embedder.fit(X[known], some[known]).score(X[unknown], Y[unknown]) + 0.02
    np.testing.assert_array_equal(embedder.classes_, np.arange(10))


@pytest.mark.parametrize("labels", [None, np.full(len(Y), -1)])
def test_absent_labels_and_unlabeled_rows_are_the_same(labels):
    embedder = clone(WITHOUT_LABELS).set_params(max_iter=2, unlabeled_label=-1)
    expected = clone(embedder).fit(X).transform(X)
    np.testing.assert_array_equal(embedder.fit(X, labels).transform(X), expected)


def test_batches_hold_all_views_of_each_row():
    y = np.where(np.arange(40) < 30, Y[:40], -1)
    task, module, rows = prepared(make_task(y, batch_size=8, augment=affine, input_shape=(8, 8)))
    seen = []
    for drawn, views in task.batches(rows, 0, torch.Generator().manual_seed(0)):
        assert len(drawn) == len(views) == 2 * len(set((views % 40).tolist()))
        is_copy = (views < 40) | (task.labels[views % 40] >= 0)
        assert (drawn[is_copy] == views[is_copy] % 40).all()
        is_neighbor = (drawn[~is_copy, None] == task.neighbors[views[~is_copy] % 40]).any(dim=1)
        assert is_neighbor.all()
        classes = task.device_labels[views]
        assert (classes[:, None] == classes).sum(dim=1).min() >= 2
        assert torch.isfinite(task.loss(module, (drawn, views)))
        seen += (views % 40).tolist()
    assert set(seen) == set(range(40))


@pytest.mark.parametrize("memory_size", [0, 100])
def test_labeled_and_unlabeled_rows_form_no_pairs(memory_size):
    y = np.where(np.arange(40) < 20, Y[:40], -1)
    task, module, rows = prepared(make_task(y, batch_size=16, memory_size=memory_size))
    drawn, views = next(iter(task.batches(rows, 0, torch.Generator().manual_seed(0))))
    Z, codes = module["tower"](torch.from_numpy(task.X[drawn])), task.device_labels[views]
    objective = module["objective"]
    _, same, different = task.memory.pairs(Z, codes, views, objective.distance)
    labeled = views % 40 < 20
    distinct = ~torch.eye(len(views), dtype=torch.bool)
    of_one_row = views[:, None] % 40 == views % 40
    of_one_class = torch.from_numpy(y[views % 40])[:, None] == torch.from_numpy(y[views % 40])
    matches = of_one_row | (of_one_class & labeled[:, None] & labeled)
    assert (same == (matches & distinct)).all()
    assert (different == (~matches & (labeled[:, None] == labeled))).all()


def test_all_unlabeled_rows_are_drawn_in_an_epoch():
    y = np.where(np.arange(40) < 4, np.arange(40) % 2, -1)
    task, _, rows = prepared(make_task(y, batch_size=4))
    batches = [views for _, views in task.batches(rows, 0, torch.Generator().manual_seed(0))]
    drawn = torch.cat([views[views % 40 >= 4] % 40 for views in batches])
    assert sorted(drawn.tolist()) == sorted([*range(4, 40)] * 2)
    assert all((views % 40 < 4).any() for views in batches)


def test_neighbors_are_the_nearest_standardized_rows():
    task, module, rows = prepared(make_task(None, n_neighbors=3))
    items = module["tower"][0](torch.from_numpy(task.X)).detach()
    D = torch.cdist(items, items).fill_diagonal_(torch.inf)
    np.testing.assert_array_equal(
        task.neighbors.sort(dim=1).values, D.argsort(dim=1)[:, :3].sort(dim=1).values
    )
    assert task.diagnose(module, rows)["positive_distance"] > 0


def test_labeled_rows_may_have_several_augmented_views():
    embedder = SiameseEmbedder(n_views=3, augment=feature_dropout, max_iter=3, random_state=0)
    assert embedder.fit(X, Y).score(X, Y) > 0.98
    labels = np.eye(10, dtype=int)[Y]
    assert embedder.fit(X, labels).score(X, labels) > 0.98
    assert embedder.set_params(loss="proxy_anchor").fit(X, Y).score(X, Y) > 0.98


def test_validation_data_stops_the_training_without_labels():
    embedder = clone(WITHOUT_LABELS).set_params(early_stopping=True, learned_weight=1.0, max_iter=3)
    embedder.fit(X[:900], X_val=X[900:], y_val=Y[900:])
    assert max(embedder.validation_scores_) == embedder.score(X[900:], Y[900:])


def test_training_without_labels_can_be_continued_with_labels():
    embedder = clone(WITHOUT_LABELS).set_params(max_iter=3, warm_start=True, unlabeled_label=-1)
    embedder.fit(X).fit(X, ONE_OF_20)
    np.testing.assert_array_equal(embedder.classes_, np.arange(10))
    assert embedder.n_iter_ == 6
    embedder.partial_fit(X[:500])
    assert recall_at_k(Y, embedder.transform(X)) > 0.95


def test_a_loss_of_matching_pairs_alone_may_be_nan_without_them():
    one_of_each = np.where(np.isin(np.arange(len(Y)), np.unique(Y, return_index=True)[1]), Y, -1)
    embedder = clone(WITHOUT_LABELS).set_params(
        loss=lambda D, same, different: D[same].mean(),
        regularizer="variance",
        distance="sqeuclidean",
        unlabeled_label=-1,
        max_iter=2,
    )
    for labels in (None, one_of_each):
        assert np.isfinite(embedder.fit(X, labels).loss_curve_).all()


@pytest.mark.parametrize("labels", [None, ONE_OF_20])
def test_unlabeled_rows_give_both_parts_the_same_weight(labels):
    embedder = clone(WITHOUT_LABELS).set_params(max_iter=1, unlabeled_label=-1).fit(X, labels)
    assert embedder.tower_[1].weight.item() == 0.5
    embedder.set_params(learned_weight=0.3).fit(X, labels)
    assert embedder.tower_[1].weight.item() == pytest.approx(0.3)


def test_unlabeled_rows_are_standardized_by_all_rows():
    embedder = clone(WITHOUT_LABELS).set_params(max_iter=1, unlabeled_label=-1).fit(X, ONE_OF_20)
    np.testing.assert_allclose(embedder.tower_[0].mean, X.mean(axis=0), atol=1e-6)


def test_many_views_are_measured_too():
    embedder = clone(WITHOUT_LABELS).set_params(n_views=300, max_iter=1, batch_size=4)
    history = embedder.fit(X[:8]).history_
    assert np.isfinite([values[0] for values in history.values()]).all()


def test_pipelines_without_labels():
    embedder = clone(WITHOUT_LABELS).set_params(max_iter=2)
    Z = make_pipeline(PCA(16, random_state=0), embedder).fit_transform(X)
    assert Z.shape == (len(X), 64)


@pytest.mark.parametrize(
    ("y", "parameters", "message"),
    [
        (None, {"n_views": 1}, "requires y to be passed"),
        (None, {"loss": "proxy_anchor"}, r"loss='proxy_anchor' learns from classes.*'supcon'"),
        (None, {"early_stopping": True}, "early_stopping=True holds out rows"),
        (None, {"early_stopping": True, "validation": "classes"}, "pass X_val and y_val"),
        (None, {"n_neighbors": 0}, "n_neighbors=0 and augment=None"),
        (np.full((40, 2), -1), {}, "indicator matrix with unlabeled rows"),
        (None, {"n_views": 0}, "'n_views' parameter"),
    ],
)
def test_rows_without_labels_that_cannot_be_used_raise(y, parameters, message):
    embedder = clone(WITHOUT_LABELS).set_params(unlabeled_label=-1, **parameters)
    if y is not None:
        y = np.vstack([y[:20], np.eye(2)[np.arange(20) % 2]])
    with pytest.raises(ValueError, match=message):
        embedder.fit(X[:40], y)


def test_a_score_needs_labels():
    embedder = clone(WITHOUT_LABELS).set_params(max_iter=1).fit(X[:100])
    with pytest.raises(ValueError, match="requires y to be passed"):
        embedder.score(X[:100], None)
