"""SiameseVerifier: a classifier that says of a pair of rows whether they match."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import expit
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import nn

from ._base import (
    DTYPES,
    BaseSiamese,
    Task,
    all_or_nothing,
    as_tensor,
    embed_rows,
    find_device,
    named,
    on_device,
    standardization,
)
from ._batches import shuffled
from .distances import DISTANCES, paired
from .heads import HEADS
from .losses import contrastive
from .pairs import flatten_pairs, split_pairs


class SiameseVerifier(ClassifierMixin, BaseSiamese):
    _parameter_constraints: dict = {
        **BaseSiamese._parameter_constraints,
        "head": [StrOptions(set(HEADS)), callable],
        "margin": [*BaseSiamese._parameter_constraints["margin"], None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_components=32,
        *,
        tower="mlp",
        depth=3,
        width=128,
        input_shape=None,
        dropout=0.0,
        head="weighted_l1",
        margin=1.0,
        distance="euclidean",
        batch_size=64,
        max_iter=30,
        learning_rate_init=2e-3,
        weight_decay=1e-4,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        class_weight=None,
        warm_start=False,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        self.n_components = n_components
        self.tower = tower
        self.depth = depth
        self.width = width
        self.input_shape = input_shape
        self.dropout = dropout
        self.head = head
        self.margin = margin
        self.distance = distance
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn to tell matching pairs from others.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs, two at least: left item, then right item.

        y : array-like of shape (n_pairs,)
            Two labels; the greater one means that both items match.

        sample_weight : array-like of shape (n_pairs,), default=None
            Weight of each pair, >= 0; a weight of 2 counts as the pair twice.

        Returns
        -------
        self : SiameseVerifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is unfit; the estimator then is as it was before.
        """
        with all_or_nothing(self):
            resume = self.warm_start and hasattr(self, "tower_")
            pairs, labels = validate_data(
                self,
                flatten_pairs(X),
                y,
                dtype=DTYPES,
                order="C",
                ensure_min_samples=2,
                ensure_min_features=2,
                reset=not resume,
            )
            classes, match = self._validate_labels(labels)
            if resume and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "warm_start=True continues with the labels of the first fit, but y has "
                    "others; set warm_start=False to start anew."
                )
            weight = _check_sample_weight(
                sample_weight, pairs, dtype=np.float64, ensure_non_negative=True
            )
            weight *= compute_sample_weight(self.class_weight, labels)
            if not all(weight[match == side].any() for side in (0, 1)):
                raise ValueError(
                    "sample_weight and class_weight leave only one class of pairs with weight; "
                    "give pairs of both classes a weight above zero."
                )
            given = {"X": X, "y": y}
            if sample_weight is not None:
                given["metadata"] = {"sample_weight": sample_weight}
            task = self._task(pairs, match, weight, classes)
            return self._train(task, y=match, given=given, resume=resume)

    def decision_function(self, X):
        """Logit of a match.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        logit : ndarray of float64 of shape (n_pairs,)
            Logarithm of the odds of a match; above 0 for ``classes_[1]``.
        """
        A, B = self._embed_sides(X)
        return logits(self.head_, A, B)

    def predict(self, X):
        """Label of each pair.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            ``classes_[1]`` where the logit is above 0, else ``classes_[0]``.
        """
        match = self.decision_function(X) > 0
        return self.classes_[match.astype(int)]

    def predict_proba(self, X):
        """Probability of both labels.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        proba : ndarray of float64 of shape (n_pairs, 2)
            Probabilities in the order of ``classes_``, the logistic function of the
            logit.
        """
        logit = self.decision_function(X)
        return np.column_stack([expit(-logit), expit(logit)])

    def pair_distance(self, X):
        """Distance between the embeddings of both items of a pair.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2 * n_features) or (n_pairs, 2, ...)
            Pairs.

        Returns
        -------
        distance : ndarray of float64 of shape (n_pairs,)
            Distances >= 0, in the unit of the embedding.
        """
        A, B = self._embed_sides(X)
        return paired(named(DISTANCES, self.distance), A, B).numpy().astype(np.float64)

    def transform_items(self, X_items):
        """Embed single items, of which pairs are made.

        Parameters
        ----------
        X_items : array-like of shape (n_items, n_features)
            Items, half as wide as a pair.

        Returns
        -------
        Z : ndarray of shape (n_items, n_components)
            Embeddings, in the dtype of the items if that is float32 or float64, else
            float32.
        """
        check_is_fitted(self)
        X_items = check_array(X_items, dtype=DTYPES, order="C", input_name="X_items")
        n_features = (self.n_features_in_ + 1) // 2
        if X_items.shape[1] != n_features:
            raise ValueError(
                f"X_items has {X_items.shape[1]} features, but an item of the pairs that "
                f"SiameseVerifier was fitted on has {n_features}; pass items, not pairs."
            )
        tower = on_device(self.tower_, find_device(self.device))
        return embed_rows(tower, X_items).numpy().astype(X_items.dtype, copy=False)

    def _validate_labels(self, y):
        check_classification_targets(y)
        classes, match = np.unique(y, return_inverse=True)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}; give y two labels, the greater one for a match."
            )
        if len(classes) < 2:
            raise ValueError(
                "y has 1 class, but a verifier learns from matching and from other pairs; pass "
                "pairs of both classes."
            )
        return classes, match

    def _task(self, pairs, match, weight, classes):
        left, right = split_pairs(pairs)
        distance = named(DISTANCES, self.distance)
        targets = torch.from_numpy(np.stack([match * weight, (1 - match) * weight], axis=1))

        def build(rows):
            standardize = standardization(left, right, rows=rows, sample_weight=weight)
            tower = self._new_tower(left[rows[:2]], standardize)
            head = named(HEADS, self.head)(self.n_components).to(standardize.mean)
            return nn.ModuleDict({"tower": tower, "head": head})

        def batches(rows, epoch, generator):
            attraction = 2 * (1 - epoch / self.max_iter)
            for batch in shuffled(len(rows), self.batch_size, generator=generator):
                yield rows[batch], attraction

        def loss(module, batch):
            rows, attraction = batch
            tower = module["tower"]
            both = tower(as_tensor(np.concatenate([left[rows], right[rows]]), tower[0]))
            A, B = both.tensor_split(2)
            same, different = targets[rows].to(both).unbind(1)
            logit = module["head"](A, B)
            logistic = F.softplus(-logit) @ same + F.softplus(logit) @ different
            logistic = logistic / (same.sum() + different.sum())
            if self.margin is None:
                return logistic
            D = paired(distance, A, B)
            return logistic + attraction * contrastive(D, same, different, margin=self.margin)

        def score(module, rows):
            A, B = (embed_rows(module["tower"], side[rows]) for side in (left, right))
            accepted = logits(module["head"], A, B) > 0
            return accuracy_score(match[rows], accepted, sample_weight=weight[rows])

        return Task(
            items=left,
            build=build,
            module=lambda fitted: nn.ModuleDict({"tower": fitted.tower_, "head": fitted.head_}),
            attributes=lambda module: {
                "tower_": module["tower"],
                "head_": module["head"],
                "classes_": classes,
            },
            batches=batches,
            loss=loss,
            score=score,
        )

    def _embed_sides(self, X):
        check_is_fitted(self)
        X = validate_data(self, flatten_pairs(X), dtype=DTYPES, order="C", reset=False)
        tower = on_device(self.tower_, find_device(self.device))
        return tuple(embed_rows(tower, side) for side in split_pairs(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@torch.inference_mode()
def logits(head, A, B):
    """What a head makes of two batches of embeddings, as an array."""
    device = next(head.parameters()).device
    return head(A.to(device), B.to(device)).cpu().numpy().astype(np.float64)
