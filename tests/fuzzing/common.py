"""Targets and kinds of arguments that the tables share."""

import copy
import functools
import inspect

import numpy as np
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from torch import nn

from sksiamese import (
    PairTransformer,
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
    augment,
    distances,
    heads,
    losses,
    mining,
    regularizers,
    towers,
)

from . import laws as law
from .engine import Kind, Target
from .parts import Linear, loss_of_user, rate_of_user, score_of_user
from .values import (
    ANY,
    CLASSES,
    EMBEDDINGS,
    MATCHES,
    PAIRS,
    RANDOM_STATE,
    ROWS,
    SCORES,
    Scene,
    constants,
    length,
    name_or_callable,
    number,
    of,
)


class Scaler(StandardScaler):
    """A custom transformer that silences numpy's warnings."""

    def fit(self, X, y=None):
        with np.errstate(all="ignore"):
            return super().fit(X, y)

    def transform(self, X):
        with np.errstate(all="ignore"):
            return super().transform(X)


FAST = {"n_components": 2, "width": 4, "depth": 2, "max_iter": 1, "batch_size": 16}
FAST |= {"random_state": 0, "device": "cpu"}


def target(call, required="", law=law.anything, times=1.0, errors=(), **arguments):
    """Return a target; arguments that lack a kind have that of any value."""
    return Target(call, arguments, law, tuple(required.split()), errors, times)


def fit_of(make, *data):
    """Return a function that builds an estimator of its arguments and fits it on the data."""

    def fit(**arguments):
        given = {name: arguments.pop(name) for name in data if name in arguments}
        return unless_half_done(make(**arguments), "fit", given)

    return fit


def method(name):
    """Return a function that calls a method of ``self``."""
    return lambda self, **arguments: unless_half_done(self, name, arguments)


def unless_half_done(self, name, arguments):
    """Call a method; assert that one that fails leaves the object as it was."""
    before = dict(vars(self))
    try:
        return getattr(self, name)(**arguments)
    except Exception:
        after = vars(self)
        assert before.keys() == after.keys(), f"{name} failed and left {after.keys() - before}"
        assert all(after[key] is value for key, value in before.items()), f"{name} changed it"
        raise


def embedder(**parameters):
    return SiameseEmbedder(**FAST | parameters)


def verifier(**parameters):
    return SiameseVerifier(**FAST | parameters)


def regressor(**parameters):
    return SiameseRegressor(**FAST | parameters)


def identifier(embedder=None, **parameters):
    return SiameseIdentifier(
        SiameseEmbedder(**FAST) if embedder is None else embedder,
        **{"random_state": 0} | parameters,
    )


@functools.cache
def fitted(name):
    """Return one of some fitted estimators."""
    s = Scene(4)
    frozen = FrozenEstimator(FunctionTransformer().fit(s.rows))
    names = np.array([*"abcd"])[s.codes]
    frame = ROWS.good["frame"](s)
    view, pair_frame = PAIRS.good["view"](s), PAIRS.good["frame"](s)
    return {
        "embedder": lambda: embedder().fit(s.rows, s.codes),
        "embedder of a frame": lambda: embedder(distance="cosine").fit(frame, names),
        "embedder of series": lambda: embedder(tower="tdnn").fit(s.rows.astype("f"), s.codes),
        "embedder with early stopping": lambda: embedder(
            early_stopping=True, validation_fraction=0.4
        ).fit(s.rows, s.codes),
        "verifier": lambda: verifier().fit(s.pairs, s.match),
        "verifier of a frame": lambda: verifier(head="mlp").fit(pair_frame, s.match.astype(int)),
        "verifier of a view": lambda: verifier(head="distance").fit(view, s.match.astype(str)),
        "regressor": lambda: regressor().fit(s.pairs, s.score),
        "regressor of a frame": lambda: regressor(head="mlp").fit(pair_frame, s.score),
        "regressor of a view": lambda: regressor(head="distance").fit(view, s.match),
        "identifier": lambda: identifier().fit(s.rows, s.codes),
        "identifier of strings": lambda: identifier(frozen, target_far=0.4).fit(s.rows, names),
        "identifier of templates": lambda: identifier(
            frozen, strategy="nearest", target_far=0.4, metric="cosine"
        ).fit(s.rows, s.codes),
        "identifier by votes": lambda: identifier(
            frozen, strategy="nearest", n_neighbors=3, target_far=0.4
        ).fit(s.rows, s.codes),
        "identifier with an index": lambda: identifier(
            frozen, neighbors=NearestNeighbors(n_neighbors=2)
        ).fit(s.rows, s.codes),
        "reference verifier": lambda: ReferenceVerifier().fit(s.rows, s.codes),
        "reference verifier of strings": lambda: ReferenceVerifier(
            "cosine", cohort=["a", "b", "c"]
        ).fit(frame, names),
        "transformer": lambda: PairTransformer().fit(s.pairs),
        "transformer of a frame": lambda: PairTransformer(StandardScaler()).fit(pair_frame),
        "comparing transformer": lambda: PairTransformer(
            GaussianRandomProjection(2, random_state=0), output="abs_diff"
        ).fit(view),
    }[name]()


def selves(unfitted, *names):
    """Return the kind of an estimator whose method is called: copies of fitted ones."""
    good = {name: lambda s, name=name: copy.deepcopy(fitted(name)) for name in names}
    return Kind(good, {"not fitted": lambda s: unfitted()})


EMBEDDERS = selves(embedder, "embedder", "embedder of a frame", "embedder of series")
VERIFIERS = selves(verifier, "verifier", "verifier of a frame", "verifier of a view")
REGRESSORS = selves(regressor, "regressor", "regressor of a frame", "regressor of a view")
IDENTIFIERS = selves(
    identifier,
    *(
        "identifier",
        "identifier of strings",
        "identifier of templates",
        "identifier with an index",
        "identifier by votes",
    ),
)
REJECTING = selves(
    identifier, "identifier of strings", "identifier of templates", "identifier by votes"
)
REFERENCE_VERIFIERS = selves(
    ReferenceVerifier, "reference verifier", "reference verifier of strings"
)
TRANSFORMERS = selves(
    PairTransformer, "transformer", "transformer of a frame", "comparing transformer"
)

BOOLEAN = number(False, True)
SWITCH = Kind(constants(False, True), {})
RATE = number(0.5, 0.1, 0.0, 1.0)
POSITIVE = number(1.0, 0.1, 2, 100)
FRACTION = number(0.5, 0.25)
METRIC = name_or_callable("euclidean", "cosine", "manhattan", "l2", "correlation", "haversine")
SHAPE = Kind(
    constants(None, (4,), (2, 2), (1, 2, 2), [4]),
    ANY
    | constants(
        (True, 4), (2.0, 2), (0, 4), (-2, -2), (3,), (2, 3), ("2", 2), (np.int64(2), 2),
        (float("nan"),), (2**62, 2**62), (None,), ((2, 2),), (4, 1, 1, 1, 1),
    ),
)  # fmt: skip
NET = {
    "n_components": number(2, 1, 3, np.int64(2)),
    "tower": name_or_callable("mlp", "cnn", "tdnn", user=Linear, linear=functools.partial(
        towers.mlp, depth=1)),
    "depth": length(1, 2, 3),
    "width": number(4, 1, 16),
    "activation": name_or_callable(None, *towers.ACTIVATIONS, user=nn.Mish),
    "normalization": Kind(constants(None, "batch", "layer"), ANY),
    "shortcuts": BOOLEAN,
    "input_shape": SHAPE,
    "learned_weight": number("auto", 1.0, 0.5),
    "scaling": Kind(constants("auto", "columns", "shared", None), ANY),
    "dropout": number(0.0, 0.5, 0, 0.99),
    "augment": name_or_callable(
        None,
        **{"jitter": augment.jitter, "flip": augment.flip, "rescale": augment.rescale},
        **{"time_warp": augment.time_warp, "affine": augment.affine},
    ),
    "batch_size": number(16, 4, 5, 1000),
    "max_iter": length(1, 2),
    "optimizer": name_or_callable("adamw", "sgd", momentum=functools.partial(
        torch.optim.RMSprop, momentum=0.5), user=torch.optim.NAdam),
    "learning_rate_init": number(1e-3, 0.1, 10.0),
    "learning_rate": name_or_callable(
        "linear", "constant", "cosine", "one_cycle", user=rate_of_user),
    "weight_decay": number(0.0, 1.0, 1),
    "max_grad_norm": number(None, 1.0, 1e-3),
    "tol": number(1e-4, 0, 1.0),
    "n_iter_no_change": number(1, 10),
    "early_stopping": BOOLEAN,
    "scoring": name_or_callable(None, user=score_of_user),
    "validation_fraction": number(0.4, 0.2, 0.9),
    "warm_start": BOOLEAN,
    "random_state": RANDOM_STATE,
    "device": Kind(constants("cpu", "auto"), ANY | constants("hpu", "cuda:99", "cpu:1", "meta")),
    "precision": number(None, "float32", "bfloat16"),
    "verbose": number(0, 1),
}  # fmt: skip
EMBEDDER = NET | {
    "loss": name_or_callable(*losses.LOSSES, *losses.NUMBER_LOSSES, user=loss_of_user,
        partial=functools.partial(losses.contrastive, margin=0.5), proxies=losses.ProxyNCA),
    "margin": number("auto", 0.2, 1),
    "miner": name_or_callable(*mining.MINERS),
    "distance": name_or_callable("auto", *distances.DISTANCES),
    "regularizer": name_or_callable(None, *regularizers.REGULARIZERS),
    "regularizer_weight": number(1.0, 0, 0.5),
    "memory_size": number(0, 8, 100),
    "n_views": number(1, 2, 3),
    "n_neighbors": number(0, 1, 10),
    "sampler": name_or_callable("balanced", "shuffled"),
    "unlabeled_label": number(None, -1, 0, "a"),
    "validation": name_or_callable("rows", "classes"),
}  # fmt: skip
VERIFIER = NET | {
    "depth": length(None, 1, 2),
    "width": number(None, 4),
    "head": name_or_callable(*heads.HEADS, user=heads.MLP),
    "margin": number("auto", 1.0, None, 0.1),
    "distance": name_or_callable(*distances.DISTANCES),
    "sampler": name_or_callable(None, "balanced", "shuffled"),
    "scoring": name_or_callable(None, "accuracy", "roc_auc", "neg_log_loss", user=score_of_user),
    "class_weight": Kind(
        constants(None, "balanced", {0: 1, 1: 2}, {False: 1, True: 2.5}),
        ANY | constants({0: float("nan")}, {0: -1}, {"a": 1}, {0: "a"}, {1: 1e300}, {0: None}),
    ),
}
REGRESSOR = {name: kind for name, kind in VERIFIER.items() if name not in (
    "learned_weight", "margin", "sampler", "class_weight")} | {
    "loss": name_or_callable(*losses.REGRESSION_LOSSES, user=losses.squared_error,
                             partial=functools.partial(losses.cosent, scale=1.0)),
    "increasing": number("auto", True, False),
    "scoring": name_or_callable(None, "r2", "neg_mean_squared_error", user=score_of_user),
}  # fmt: skip
IDENTIFIER = {
    "embedder": Kind(
        {
            "default": lambda s: embedder(),
            "frozen": lambda s: FrozenEstimator(FunctionTransformer().fit(s.rows)),
            "scaler": lambda s: Scaler(),
            "projection": lambda s: GaussianRandomProjection(2, random_state=0),
        },
        ANY
        | {
            "embedder class": lambda s: SiameseEmbedder,
            "half as many rows": lambda s: FunctionTransformer(lambda X: X[::2]),
            "one number a row": lambda s: FunctionTransformer(lambda X: X[:, 0]),
            "strings": lambda s: FunctionTransformer(lambda X: np.asarray(X).astype(str)),
            "nothing": lambda s: FunctionTransformer(lambda X: None),
            "frozen, not fitted": lambda s: FrozenEstimator(embedder()),
            "verifier": lambda s: verifier(),
        },
    ),
    "strategy": number("prototype", "nearest"),
    "n_neighbors": number(1, 3, 100),
    "metric": METRIC,
    "neighbors": Kind(
        constants(None)
        | {
            "NearestNeighbors": lambda s: NearestNeighbors(n_neighbors=1),
            "KNeighborsTransformer": lambda s: KNeighborsTransformer(n_neighbors=1),
        },
        ANY
        | {
            "scaler": lambda s: Scaler(),
            "many": lambda s: NearestNeighbors(n_neighbors=100),
            "manhattan": lambda s: NearestNeighbors(metric="manhattan"),
            "class": lambda s: NearestNeighbors,
        },
    ),
    "target_far": number(None, 0.4, 0.1),
    "validation_fraction": number(0.3, 0.2),
    "unknown_label": number(None, -1, "unknown", 99),
    "random_state": RANDOM_STATE,
}
PAIR_TRANSFORMER = {
    "transformer": Kind(
        constants(None)
        | {
            "scaler": lambda s: Scaler(),
            "projection": lambda s: GaussianRandomProjection(2, random_state=0),
            "frozen embedder": lambda s: FrozenEstimator(fitted("embedder")),
        },
        ANY
        | {
            "embedder": lambda s: embedder(),
            "half as many rows": lambda s: FunctionTransformer(lambda X: X[::2]),
            "one number a row": lambda s: FunctionTransformer(lambda X: X[:, 0]),
            "nothing": lambda s: FunctionTransformer(lambda X: None),
            "strings": lambda s: FunctionTransformer(lambda X: np.asarray(X).astype(str)),
            "class": lambda s: StandardScaler,
        },
    ),
    "output": name_or_callable("pairs", "abs_diff", "abs_diff_product", "distance", "product"),
}
SPLIT = {"n_splits": length(2, 3, 5), "random_state": RANDOM_STATE}
KFOLD = SPLIT | {"shuffle": BOOLEAN, "stratify": BOOLEAN}
SHUFFLE = SPLIT | {"stratify": BOOLEAN}
SHUFFLE |= {"test_size": number(None, 0.3, 1), "train_size": number(None, 0.5, 2)}
ANYTHING = Kind(constants(None, 1, "a"), ANY)
NAMES = Kind(constants(None), constants(["a"], [], list("abcdefgh")))
CALLBACKS = Kind({"progress": lambda s: ProgressBar()}, ANY)
OUTPUT = Kind(constants(None, "default", "pandas", "polars"), {})
REFERENCE_VERIFIER = {
    "metric": METRIC,
    "term": name_or_callable("mean", "least", "mean_excess", "least_excess"),
    "cohort": Kind(constants(None, [0, 1, 2], ["a", "b", "c"]), ANY | CLASSES.odd),
    "threshold": number(0.0, -1, 2.5),
}
CLAIMS = of("codes", {"codes": lambda c: c, "one": np.zeros_like, "strings": lambda c: np.array(
    [*"abcd"])[c], "list": lambda c: c.tolist()}, {"unknown": lambda c: c + 9})  # fmt: skip
CLAIMS = Kind(CLAIMS.good, CLAIMS.odd | CLASSES.odd)
REQUEST = Kind(constants(True, False, None, "alias"), {})


def pairs_of_classes(scene):
    """Return what fits the arguments of metrics of pairs."""
    return scene.match


PAIR_SCORE = {"y_true": MATCHES, "y_score": SCORES}
COST = {"prior": RATE, "cost_false_accept": POSITIVE, "cost_false_reject": POSITIVE}
RETRIEVAL = {"y_true": CLASSES, "Z": EMBEDDINGS, "metric": METRIC}
FEW_SHOT = {"n_way": number(2, 3), "k_shot": number(1, 2), "n_episodes": length(1, 5),
            "metric": METRIC, "random_state": RANDOM_STATE}  # fmt: skip


def split_all(make, name):
    """Return a function that builds a splitter and calls one of its methods."""

    def call(**arguments):
        data = {n: arguments.pop(n) for n in ("X", "y", "groups") if n in arguments}
        result = getattr(make(**arguments), name)(**data)
        return list(result) if inspect.isgenerator(result) else result

    return call


def set_then_fit(make, *data):
    """Return a function that sets parameters of an estimator and fits it."""

    def call(**arguments):
        given = {name: arguments.pop(name) for name in data if name in arguments}
        return unless_half_done(clone(make().set_params(**arguments)), "fit", given)

    return call


def fit_then_output(make, *data):
    """Return a function that fits an estimator whose transform gives a chosen container."""

    def call(transform, **given):
        estimator = make().set_output(transform=transform).fit(**given)
        return estimator.transform(given["X"])

    return call


def request(make, name):
    """Return a function that calls a method of a new object, metadata being routed."""

    def call(**arguments):
        with config_context(enable_metadata_routing=True):
            return getattr(make(), name)(**arguments)

    return call


def callbacks_then_fit(make):
    """Return a function that sets callbacks and fits."""

    def call(callbacks):
        scene = Scene(0)
        of_pairs = make in (verifier, regressor)
        data = (scene.pairs, scene.match) if of_pairs else (scene.rows, scene.codes)
        return make().set_callbacks(callbacks).fit(*data)

    return call


def common(make, name, **arguments):
    """Return the targets that every estimator has by scikit-learn."""
    found = {
        f"{name}.get_params": target(request(make, "get_params"), deep=SWITCH),
        f"{name}.get_metadata_routing": target(request(make, "get_metadata_routing")),
    }
    for method_name in dir(make()):
        if method_name.startswith("set_") and method_name.endswith("_request"):
            names = [
                p
                for p, v in inspect.signature(getattr(make(), method_name)).parameters.items()
                if v.kind is v.KEYWORD_ONLY
            ]
            found[f"{name}.{method_name}"] = target(
                request(make, method_name), **dict.fromkeys(names, REQUEST)
            )
    return found
