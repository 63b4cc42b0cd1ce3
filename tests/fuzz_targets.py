"""The public objects that generated calls are made of: one line for each, in ``TARGETS``.

To add a target, add a line: its public name, then the callable with the kinds of its arguments
(:mod:`fuzz_values`), its law (:mod:`fuzz_laws`) and the arguments that are in every call.
"""

import copy
import functools
import inspect

import fuzz_laws as law
import numpy as np
import torch
from fuzz_values import (
    ANY,
    CLASSES,
    EMBEDDINGS,
    GROUPS,
    HUGE,
    MATCHES,
    ODD_CALLABLES,
    PAIRS,
    RANDOM_STATE,
    ROWS,
    SAMPLE_WEIGHT,
    SCORES,
    Scene,
    constants,
    length,
    name_or_callable,
    number,
    of,
)
from fuzzing import Kind, Target
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from sksiamese import (
    PairKFold,
    PairShuffleSplit,
    PairTransformer,
    PairView,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseVerifier,
    augment,
    batches,
    distances,
    explain,
    heads,
    losses,
    metrics,
    mining,
    pairs,
    plot,
    regularizers,
    towers,
)

FAST = {"n_components": 2, "width": 4, "depth": 2, "max_iter": 1, "batch_size": 16}
FAST |= {"random_state": 0, "device": "cpu"}


class Linear(nn.Module):
    """A tower, or a head, of a user."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.linear = nn.Linear(int(np.prod(input_shape)), n_components)

    def forward(self, X):
        return self.linear(X.flatten(1))


def loss_of_user(D, same, different):
    """A loss of a user."""
    return (D * same).mean() + (1 - D).relu().mean()


def target(call, required="", law=law.anything, times=1.0, errors=(), **arguments):
    """Return a target; arguments that lack a kind have that of any value."""
    return Target(call, arguments, law, tuple(required.split()), errors, times)


def fit_of(make, *data):
    """Return a function that builds an estimator of its arguments and fits it on the data."""

    def fit(**arguments):
        given = {name: arguments.pop(name) for name in data if name in arguments}
        return make(**arguments).fit(**given)

    return fit


def method(name):
    """Return a function that calls a method of ``self``."""
    return lambda self, **arguments: getattr(self, name)(**arguments)


def embedder(**parameters):
    return SiameseEmbedder(**FAST | parameters)


def verifier(**parameters):
    return SiameseVerifier(**FAST | parameters)


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
        "identifier": lambda: identifier().fit(s.rows, s.codes),
        "identifier of strings": lambda: identifier(frozen, target_far=0.4).fit(s.rows, names),
        "identifier of templates": lambda: identifier(
            frozen, strategy="nearest", target_far=0.4, metric="cosine"
        ).fit(s.rows, s.codes),
        "identifier with an index": lambda: identifier(
            frozen, neighbors=NearestNeighbors(n_neighbors=2)
        ).fit(s.rows, s.codes),
        "transformer": lambda: PairTransformer().fit(s.pairs),
        "transformer of a frame": lambda: PairTransformer(StandardScaler()).fit(pair_frame),
        "comparing transformer": lambda: PairTransformer(PCA(2), output="abs_diff").fit(view),
    }[name]()


def selves(unfitted, *names):
    """Return the kind of an estimator whose method is called: copies of fitted ones."""
    good = {name: lambda s, name=name: copy.deepcopy(fitted(name)) for name in names}
    return Kind(good, {"not fitted": lambda s: unfitted()})


EMBEDDERS = selves(embedder, "embedder", "embedder of a frame", "embedder of series")
VERIFIERS = selves(verifier, "verifier", "verifier of a frame", "verifier of a view")
IDENTIFIERS = selves(
    identifier,
    *("identifier", "identifier of strings", "identifier of templates", "identifier with an index"),
)
REJECTING = selves(identifier, "identifier of strings", "identifier of templates")
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
    "input_shape": SHAPE,
    "dropout": number(0.0, 0.5, 0, 0.99),
    "augment": name_or_callable(
        None,
        **{"jitter": augment.jitter, "mirror": augment.mirror, "rescale": augment.rescale},
        **{"time_warp": augment.time_warp, "affine": augment.affine},
    ),
    "batch_size": number(16, 4, 5, 1000),
    "max_iter": length(1, 2),
    "learning_rate_init": number(1e-3, 0.1, 10.0),
    "weight_decay": number(0.0, 1.0, 1),
    "tol": number(1e-4, 0, 1.0),
    "n_iter_no_change": number(1, 10),
    "early_stopping": BOOLEAN,
    "validation_fraction": number(0.4, 0.2, 0.9),
    "warm_start": BOOLEAN,
    "random_state": RANDOM_STATE,
    "device": Kind(constants("cpu", "auto"), ANY | constants("hpu", "cuda:99", "cpu:1", "meta")),
    "precision": number(None, "float32", "bfloat16"),
    "verbose": number(0, 1),
}  # fmt: skip
EMBEDDER = NET | {
    "loss": name_or_callable(*losses.LOSSES, user=loss_of_user, partial=functools.partial(
        losses.contrastive, margin=0.5), proxies=losses.ProxyNCA),
    "margin": number("auto", 0.2, 1),
    "miner": name_or_callable(*mining.MINERS),
    "distance": name_or_callable("auto", *distances.DISTANCES),
    "regularizer": name_or_callable(None, *regularizers.REGULARIZERS),
    "regularizer_weight": number(1.0, 0, 0.5),
    "memory_size": number(0, 8, 100),
    "sampler": name_or_callable("balanced", "shuffled"),
    "unlabeled_label": number(None, -1, 0, "a"),
}  # fmt: skip
VERIFIER = NET | {
    "depth": length(None, 1, 2),
    "width": number(None, 4),
    "head": name_or_callable(*heads.HEADS, user=heads.Match),
    "margin": number(1.0, None, 0.1),
    "distance": name_or_callable(*distances.DISTANCES),
    "class_weight": Kind(
        constants(None, "balanced", {0: 1, 1: 2}, {False: 1, True: 2.5}),
        ANY | constants({0: float("nan")}, {0: -1}, {"a": 1}, {0: "a"}, {1: 1e300}, {0: None}),
    ),
}
IDENTIFIER = {
    "embedder": Kind(
        {
            "default": lambda s: embedder(),
            "frozen": lambda s: FrozenEstimator(FunctionTransformer().fit(s.rows)),
            "scaler": lambda s: StandardScaler(),
            "pca": lambda s: PCA(2),
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
    "metric": METRIC,
    "neighbors": Kind(
        constants(None)
        | {
            "NearestNeighbors": lambda s: NearestNeighbors(n_neighbors=1),
            "KNeighborsTransformer": lambda s: KNeighborsTransformer(n_neighbors=1),
        },
        ANY
        | {
            "scaler": lambda s: StandardScaler(),
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
            "scaler": lambda s: StandardScaler(),
            "pca": lambda s: PCA(2),
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
SPLIT = {"n_splits": number(2, 3, 5), "random_state": RANDOM_STATE}
KFOLD = SPLIT | {"shuffle": BOOLEAN}
SHUFFLE = SPLIT | {"test_size": number(None, 0.3, 1), "train_size": number(None, 0.5, 2)}
ANYTHING = Kind(constants(None, 1, "a"), ANY)
NAMES = Kind(constants(None), constants(["a"], [], list("abcdefgh")))
CALLBACKS = Kind({"progress": lambda s: ProgressBar()}, ANY)
OUTPUT = Kind(constants(None, "default", "pandas", "polars"), {})
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
        return clone(make().set_params(**arguments)).fit(**given)

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
        data = (scene.pairs, scene.match) if make is verifier else (scene.rows, scene.codes)
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


ESTIMATORS = {
    **common(embedder, "SiameseEmbedder"),
    **common(verifier, "SiameseVerifier"),
    **common(identifier, "SiameseIdentifier"),
    **common(PairTransformer, "PairTransformer"),
    "SiameseEmbedder": target(SiameseEmbedder, law=law.parameters_kept, **EMBEDDER),
    "SiameseEmbedder.fit": target(
        fit_of(embedder, "X", "y"), "X y", law.fitted_embedder, 8, X=ROWS, y=CLASSES, **EMBEDDER
    ),
    "SiameseEmbedder.fit with parts": target(
        lambda **options: embedder(**options).fit(Scene(4).rows, Scene(4).codes),
        law=law.finite_curve, times=4, **{name: EMBEDDER[name] for name in (
            "tower", "augment", "loss", "miner", "distance", "regularizer", "sampler")}),
    "SiameseEmbedder.set_params": target(
        set_then_fit(embedder, "X", "y"), "X y", law.fitted_embedder, 2, X=ROWS, y=CLASSES,
        **EMBEDDER),
    "SiameseEmbedder.fit_transform": target(
        lambda X, y, **options: embedder(**options).fit_transform(X, y), "X y", law.rows_as_many, 2,
        X=ROWS, y=CLASSES, **EMBEDDER),
    "SiameseEmbedder.partial_fit": target(
        method("partial_fit"), "self X y", law.embedder_works, 3, self=EMBEDDERS, X=ROWS, y=CLASSES,
        classes=CLASSES),
    "SiameseEmbedder.transform": target(
        method("transform"), "self X", law.rows_as_many, 2, self=EMBEDDERS, X=ROWS),
    "SiameseEmbedder.get_feature_names_out": target(
        method("get_feature_names_out"), "self", self=EMBEDDERS, input_features=NAMES),
    "SiameseEmbedder.set_output": target(
        fit_then_output(embedder, "X", "y"), "transform X y", law.rows_as_many, transform=OUTPUT,
        X=ROWS, y=CLASSES),
    "SiameseEmbedder.set_callbacks": target(
        callbacks_then_fit(embedder), "callbacks", callbacks=CALLBACKS),
    "SiameseVerifier": target(SiameseVerifier, law=law.parameters_kept, **VERIFIER),
    "SiameseVerifier.fit": target(
        fit_of(verifier, "X", "y", "sample_weight"), "X y", law.fitted_verifier, 8, X=PAIRS,
        y=MATCHES, sample_weight=SAMPLE_WEIGHT, **VERIFIER),
    "SiameseVerifier.fit with parts": target(
        lambda **options: verifier(**options).fit(Scene(4).pairs, Scene(4).match),
        law=law.finite_curve, times=4,
        **{name: VERIFIER[name] for name in ("tower", "augment", "head", "distance")}),
    "SiameseVerifier.set_params": target(
        set_then_fit(verifier, "X", "y"), "X y", law.fitted_verifier, 2, X=PAIRS, y=MATCHES,
        **VERIFIER),
    "SiameseVerifier.decision_function": target(
        method("decision_function"), "self X", law.rows_as_many, 2, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.predict": target(
        method("predict"), "self X", law.known_labels, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.predict_proba": target(
        method("predict_proba"), "self X", law.probabilities, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.pair_distance": target(
        method("pair_distance"), "self X", law.distances, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.score": target(
        method("score"), "self X y", law.share, self=VERIFIERS, X=PAIRS, y=MATCHES,
        sample_weight=SAMPLE_WEIGHT, errors=(ValueError, TypeError)),
    "SiameseVerifier.transform_items": target(
        method("transform_items"), "self X_items", law.finite, 2, self=VERIFIERS, X_items=ROWS),
    "SiameseVerifier.set_callbacks": target(
        callbacks_then_fit(verifier), "callbacks", callbacks=CALLBACKS),
    "SiameseIdentifier": target(SiameseIdentifier, law=law.parameters_kept, **IDENTIFIER),
    "SiameseIdentifier.fit": target(
        fit_of(identifier, "X", "y"), "X y", law.fitted_identifier, 8, X=ROWS, y=CLASSES,
        **IDENTIFIER),
    "SiameseIdentifier.set_params": target(
        set_then_fit(identifier, "X", "y"), "X y", law.fitted_identifier, 2, X=ROWS, y=CLASSES,
        **IDENTIFIER),
    "SiameseIdentifier.partial_fit": target(
        method("partial_fit"), "self X y", law.fitted_identifier, 3, self=IDENTIFIERS, X=ROWS,
        y=CLASSES, classes=CLASSES),
    "SiameseIdentifier.forget": target(
        method("forget"), "self labels", self=IDENTIFIERS, labels=Kind(
            constants(0, [0], [1, 2], "a", ["a", "b"]), ANY | CLASSES.odd)),
    "SiameseIdentifier.kneighbors": target(
        method("kneighbors"), "self X", law.finite, 2, self=IDENTIFIERS, X=ROWS,
        n_neighbors=number(1, 2)),
    "SiameseIdentifier.class_distances": target(
        method("class_distances"), "self X", law.distances, 2, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.decision_function": target(
        method("decision_function"), "self X", law.rows_as_many, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.predict": target(
        method("predict"), "self X", law.known_labels, 2, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.predict_proba": target(
        method("predict_proba"), "self X", law.probabilities, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.score": target(
        method("score"), "self X y", law.share, self=IDENTIFIERS, X=ROWS, y=CLASSES,
        sample_weight=SAMPLE_WEIGHT, errors=(ValueError, TypeError)),
    "SiameseIdentifier.verify": target(
        method("verify"), "self X claimed", law.boolean, 2, self=REJECTING, X=ROWS,
        claimed=CLAIMS),
    "PairTransformer": target(PairTransformer, law=law.parameters_kept, **PAIR_TRANSFORMER),
    "PairTransformer.fit": target(
        fit_of(PairTransformer, "X", "y"), "X", law.pair_transformer_works, 4, X=PAIRS, y=ANYTHING,
        **PAIR_TRANSFORMER),
    "PairTransformer.set_params": target(
        set_then_fit(PairTransformer, "X"), "X", law.pair_transformer_works, X=PAIRS,
        **PAIR_TRANSFORMER),
    "PairTransformer.fit_transform": target(
        lambda X, **options: PairTransformer(**options).fit_transform(X), "X", law.rows_as_many,
        X=PAIRS, **PAIR_TRANSFORMER),
    "PairTransformer.transform": target(
        method("transform"), "self X", law.rows_as_many, self=TRANSFORMERS, X=PAIRS),
    "PairTransformer.get_feature_names_out": target(
        method("get_feature_names_out"), "self", self=TRANSFORMERS, input_features=NAMES),
    "PairTransformer.set_output": target(
        fit_then_output(PairTransformer, "X"), "transform X", law.rows_as_many, transform=OUTPUT,
        X=PAIRS),
}  # fmt: skip

INDEX = of(
    "index",
    {"array": lambda i: i, "list": lambda i: i.tolist(), "int32": lambda i: i.astype("i4"),
     "none": lambda i: i[:0], "uint64": lambda i: i.astype("u8")},
    {"negative": lambda i: i - 99, "far": lambda i: i + 99, "floats": lambda i: i * 1.0,
     "strings": lambda i: i.astype(str), "three": lambda i: i[:, [0, 1, 1]], "flat": np.ravel,
     "objects": lambda i: i.astype(object), "NaN": lambda i: i * np.nan, "None": lambda i: None,
     "booleans": lambda i: i > 3, "scalar": lambda i: 1, "dict": lambda i: {},
     "ragged": lambda i: [[0], [0, 1]], "empty": lambda i: [], "huge": lambda i: [[2**70, 0]]},
)  # fmt: skip
VIEW = Kind(
    {"view": PAIRS.good["view"], "frame": PAIRS.good["view of a frame"]},
    {"none": PAIRS.odd["view of no pair"]},
)
KEY = Kind(
    constants(slice(2, 4), 1, Ellipsis, (slice(None), slice(None)))
    | {"mask": lambda s: s.match, "rows": lambda s: np.array([1, 0, 1])},
    ANY | constants(99, -1, (0, 0), (slice(None), 0)),
)
TRIPLETS = Kind(
    {"items": lambda s: s.rows[:6].reshape(2, 3, 4), "images": lambda s: s.rows[:6].reshape(
        2, 3, 2, 2), "list": lambda s: s.rows[:6].reshape(2, 3, 4).tolist()},
    ANY | {k: lambda s, f=f: f(s) for k, f in ROWS.odd.items()} | {
        "row numbers": lambda s: np.arange(6).reshape(2, 3), "none": lambda s: np.empty((0, 3, 4))},
)  # fmt: skip
TRIPLET_NUMBERS = Kind(
    {"numbers": lambda s: np.arange(6).reshape(2, 3), "list": lambda s: [[0, 1, 2]]},
    ANY | {"far": lambda s: [[0, 1, 99]], "floats": lambda s: [[0.0, 1.0, 2.0]],
           "negative": lambda s: [[0, 1, -1]], "strings": lambda s: [["0", "1", "2"]]},
)  # fmt: skip
UNLABELED = number(None, -1, "a", float("nan"), 0)

PAIR_TOOLS = {
    "make_pairs": target(
        pairs.make_pairs, "X y n_pairs", law.drawn_pairs, 3, X=ROWS, y=CLASSES,
        n_pairs=number(4, 2, 7), n_groups=number(1, 2), unlabeled_label=UNLABELED,
        as_view=BOOLEAN, random_state=RANDOM_STATE),
    "pairs_from_triplets": target(
        pairs.pairs_from_triplets, "triplets", law.drawn_pairs, triplets=TRIPLETS),
    "pairs_from_triplets of items": target(
        pairs.pairs_from_triplets, "triplets items", law.drawn_pairs, triplets=TRIPLET_NUMBERS,
        items=ROWS),
    "split_pairs": target(pairs.split_pairs, "P", law.halves, 2, P=PAIRS),
    "stack_pairs": target(pairs.stack_pairs, "left right", times=2, left=ROWS, right=ROWS),
    "PairView": target(PairView, "items index", items=ROWS, index=INDEX, times=2),
    "PairView.distinct": target(method("distinct"), "self", self=VIEW),
    "PairView.left": target(lambda self: self.left, "self", self=VIEW),
    "PairView.right": target(lambda self: self.right, "self", self=VIEW),
    "PairView.dtype": target(lambda self: self.dtype, "self", self=VIEW),
    "PairView.shape": target(lambda self: self.shape, "self", self=VIEW),
    "PairView.__getitem__": target(
        lambda self, key: self[key], "self key", self=VIEW, key=KEY, errors=(IndexError,)),
}  # fmt: skip
for _name, _make, _kinds in (
    ("PairKFold", PairKFold, KFOLD),
    ("PairShuffleSplit", PairShuffleSplit, SHUFFLE),
):
    _data = {"X": PAIRS, "y": MATCHES, "groups": GROUPS}
    PAIR_TOOLS |= {
        _name: target(_make, **_kinds),
        f"{_name}.split": target(
            split_all(_make, "split"), "X groups", law.folds, 2, **_data, **_kinds
        ),
        f"{_name}.n_dropped": target(split_all(_make, "n_dropped"), "groups", **_data, **_kinds),
        f"{_name}.get_n_splits": target(split_all(_make, "get_n_splits"), **_kinds),
        f"{_name}.set_split_request": target(request(_make, "set_split_request"), groups=REQUEST),
        f"{_name}.get_metadata_routing": target(request(_make, "get_metadata_routing")),
    }

PROBABILITY = Kind(
    {f"{k} in [0, 1]": lambda s, f=f: f((s.score - s.score.min()) / np.ptp(s.score))
     for k, f in {"float64": lambda p: p, "float32": lambda p: p.astype("f"),
                 "list": list}.items()},
    SCORES.odd,
)  # fmt: skip
MATRIX = Kind(
    {"distances": lambda s: -np.abs(s.rows[:, :2]), "list": lambda s: s.rows[:, :2].tolist()},
    EMBEDDINGS.odd,
)
ENROLLED = Kind(constants([0, 1], [1, 0], np.array([0, 1])), ANY | CLASSES.odd)
METRICS = {
    "equal_error_rate": target(metrics.equal_error_rate, "y_true y_score", law.share, **PAIR_SCORE),
    "true_accept_rate": target(
        metrics.true_accept_rate, "y_true y_score", law.share, **PAIR_SCORE, far=RATE),
    "false_reject_rate": target(
        metrics.false_reject_rate, "y_true y_score", law.share, **PAIR_SCORE, far=RATE),
    "false_accept_rate": target(
        metrics.false_accept_rate, "y_true y_score", law.share, **PAIR_SCORE, frr=RATE),
    "pair_accuracy": target(
        metrics.pair_accuracy, "y_true y_score", law.share, **PAIR_SCORE, threshold=number(0, 0.5)),
    "detection_cost": target(
        metrics.detection_cost, "y_true y_score", law.not_negative, **PAIR_SCORE,
        threshold=number(0, 0.5), **COST),
    "min_dcf": target(metrics.min_dcf, "y_true y_score", law.share, **PAIR_SCORE, **COST),
    "threshold_at_far": target(
        metrics.threshold_at_far, "y_true y_score far", **PAIR_SCORE, far=RATE,
        confidence=number(0.9, 0.5), groups=GROUPS, times=2),
    "expected_calibration_error": target(
        metrics.expected_calibration_error, "y_true y_prob", law.share, y_true=MATCHES,
        y_prob=PROBABILITY, n_bins=number(10, 1)),
    "detection_identification_rate": target(
        metrics.detection_identification_rate, "y_true y_score labels", law.share, y_true=CLASSES,
        y_score=MATRIX, labels=ENROLLED, far=RATE),
    "few_shot_accuracy": target(
        metrics.few_shot_accuracy, "y_true Z n_episodes n_way", law.share, **RETRIEVAL | FEW_SHOT),
    "few_shot_score": target(
        metrics.few_shot_score, "estimator X y n_episodes n_way", law.share,
        estimator=EMBEDDERS, X=ROWS, y=CLASSES, **FEW_SHOT),
    "mean_average_precision_at_r": target(
        metrics.mean_average_precision_at_r, "y_true Z", law.share, 2, **RETRIEVAL),
    "recall_at_k": target(
        metrics.recall_at_k, "y_true Z", law.share, 2, **RETRIEVAL, k=number(1, 3)),
}  # fmt: skip


def tensors(attribute):
    """Return the kind of a clean tensor, also of another dtype and of few rows."""
    return Kind(
        {
            "float64": lambda s: getattr(s, attribute),
            "float32": lambda s: getattr(s, attribute).float(),
            "one row": lambda s: getattr(s, attribute)[:1],
            "no row": lambda s: getattr(s, attribute)[:0],
        },
        {},
    )


def of_batch(function):
    """Return a function of a batch: distances and masks of some rows."""

    def call(batch, **options):
        D, same, different = batch
        made = function(**options) if inspect.isclass(function) else None
        result = made(D, same, different) if made else function(D, same, different, **options)
        return result

    return call


def _parts(select):
    return lambda s: tuple(map(select, (s.D, s.same, s.different)))


BATCH = Kind(
    {
        "float64": _parts(lambda x: x),
        "float32": _parts(lambda x: x.float() if x.is_floating_point() else x),
        "one anchor": _parts(lambda x: x[:1]),
        "no anchor": _parts(lambda x: x[:0]),
        "few columns": _parts(lambda x: x[:, :3]),
        "equal distances": lambda s: (torch.zeros_like(s.D), s.same, s.different),
        "far": lambda s: (1e4 * s.D, s.same, s.different),
        "nothing matches": lambda s: (s.D, s.same & False, s.different),
        "all matches": lambda s: (s.D, s.same, s.different & False),
        "nothing selected": lambda s: (s.D, s.same & False, s.different & False),
    },
    {},
)
SQUARE = Kind({k: BATCH.good[k] for k in ("float64", "float32", "nothing matches")}, {})
SCALES = {
    "margin": number(0.2, 0.5), "temperature": POSITIVE, "scale": POSITIVE, "boundary": POSITIVE,
    "positive_scale": POSITIVE, "negative_scale": POSITIVE, "positive_margin": number(0.0, 0.1),
    "n_bins": number(10, 1), "limit": POSITIVE, "balance": RATE, "epsilon": number(0.1, 0.0),
    "angle": number(20.0, 0.0), "cutoff": number(0.5, 0.1), "n_components": number(3, 1, 64),
    "n_classes": number(4, 2), "n_centers": number(1, 3), "rotation": number(10.0, 0.0),
    "shear": number(0.1, 0), "translation": number(0.05, 0), "fill": number(0.0, -1),
    "deviation": number(0.1, 0, 1), "share": RATE, "strength": number(0.2, 0.0, 0.9),
    "n_knots": number(4, 2), "width": number(4, 64), "distance": name_or_callable(
        euclidean=distances.euclidean, manhattan=distances.manhattan),
}  # fmt: skip
SCALES["scale of affine"] = number(0.1, 0)


def options_of(function, skip=()):
    """Return the kinds of the options of a function, by their names."""
    names = inspect.signature(function).parameters
    return {name: SCALES[name] for name in names if name in SCALES and name not in skip}


def of_classes(make):
    """Return a function that builds a module for four classes and applies it."""
    return lambda Z, y: make(4, 3).to(Z)(Z, y[: len(Z)])


def built(make):
    """Return a function that builds a module for classes, or a head, and tries it."""

    def call(n_components, **options):
        module = make(n_components=n_components, **options)
        Z = torch.eye(5, int(n_components))
        return module(Z, Z.flip(0) if "n_classes" not in options else torch.zeros(5, dtype=int))

    return call


Y = Kind({"classes": lambda s: s.y}, {})
SOME_ROWS = Kind({k: v for k, v in tensors("Z").good.items() if k != "no row"}, {})
LOSS_TARGETS, MINER_TARGETS = {}, {}
for _name in losses.__all__:
    _loss = getattr(losses, _name, None)
    _names = inspect.signature(_loss).parameters if callable(_loss) else ()
    if "n_classes" in _names:
        LOSS_TARGETS[f"losses.{_name}"] = target(
            built(_loss), "n_classes n_components", law.cost, **options_of(_loss))
        LOSS_TARGETS[f"losses.{_name}.forward"] = target(
            of_classes(_loss), "Z y", law.cost, Z=SOME_ROWS, y=Y)  # fmt: skip
        LOSS_TARGETS[f"losses.{_name}.cosines"] = target(
            lambda Z, _loss=_loss: _loss(4, 3).to(Z).cosines(Z), "Z", law.tensor_finite,
            Z=tensors("Z"))  # fmt: skip
    elif _name == "logistic":
        LOSS_TARGETS["losses.logistic"] = target(
            lambda logit: losses.logistic(logit, (logit > 0).to(logit), (logit <= 0).to(logit)),
            "logit", law.cost, logit=Kind({"logits": lambda s: torch.from_numpy(s.score)}, {}))
    elif callable(_loss):
        LOSS_TARGETS[f"losses.{_name}"] = target(
            of_batch(_loss), "batch", law.cost, batch=BATCH, **options_of(_loss)
        )
        if inspect.isclass(_loss):
            LOSS_TARGETS[f"losses.{_name}.forward"] = target(
                of_batch(_loss), "batch", law.cost, batch=BATCH
            )
for _name in mining.__all__:
    _miner = getattr(mining, _name)
    if callable(_miner):
        _needs = "batch n_components" if _name == "distance_weighted" else "batch"
        MINER_TARGETS[f"mining.{_name}"] = target(
            of_batch(_miner), _needs, law.mined, batch=SQUARE if _name == "angular" else BATCH,
            **options_of(_miner))  # fmt: skip

IMAGES = Kind(
    {"images": lambda s: torch.from_numpy(s.rows).reshape(-1, 2, 2), "float32": lambda s:
     torch.from_numpy(s.rows).float().reshape(-1, 1, 2, 2)},
    {"rows": lambda s: torch.from_numpy(s.rows)},
)  # fmt: skip
SERIES = Kind(
    {"rows": lambda s: torch.from_numpy(s.rows), "channels": lambda s: torch.from_numpy(
        s.rows).reshape(-1, 2, 2), "none": lambda s: torch.empty(0, 4),
     "one step": lambda s: torch.from_numpy(s.rows[:, :1])},
    {"images": lambda s: torch.from_numpy(s.rows).reshape(-1, 1, 2, 2)},
)  # fmt: skip
GENERATOR = Kind({"generator": lambda s: s.generator}, {})
AUGMENT = {
    f"augment.{name}": target(
        getattr(augment, name), "X generator", law.same_shape, generator=GENERATOR,
        X=IMAGES if name in ("affine", "mirror") else SERIES,
        **options_of(getattr(augment, name)) | (
            {"scale": SCALES["scale of affine"]} if name == "affine" else {}))
    for name in augment.__all__
}  # fmt: skip



def all_of(sampler):
    """Return a function that draws all batches of a sampler."""
    return lambda **arguments: list(sampler(**arguments))


LABEL_TENSOR = Kind(
    {"all": lambda s: s.y, "some": lambda s: torch.where(torch.arange(s.n_rows) % 5 > 0, s.y, -1)},
    {"none": lambda s: torch.full_like(s.y, -1), "one class": lambda s: torch.zeros_like(s.y)},
)
SIZE = Kind(constants(4, 8, 1000), ANY | HUGE)
ROW_GROUPS = Kind(
    {"tensor": lambda s: s.y // 2, "zeros": lambda s: np.zeros(s.n_rows, int)},
    {"short": lambda s: s.y[:3], "NaN": lambda s: [float("nan")] * s.n_rows,
     "own": lambda s: s.y, "None": lambda s: None, "strings": lambda s: ["a"] * s.n_rows,
     "scalar": lambda s: 1},
)  # fmt: skip
SAMPLERS = {
    f"batches.{name}": target(
        all_of(getattr(batches, name)),
        "y batch_size generator" + more, law.batches_of_rows, y=LABEL_TENSOR, batch_size=SIZE,
        generator=GENERATOR, **options)
    for name, more, options in (
        ("shuffled", "", {}),
        ("class_balanced", "", {}),
        ("hierarchical", " groups", {"groups": ROW_GROUPS, "n_groups": number(2, 1)}),
        ("weighted", " weight", {"weight": Kind(
            {k: v for k, v in SAMPLE_WEIGHT.good.items() if k not in ("None", "series")},
            SAMPLE_WEIGHT.odd)}),
    )
}  # fmt: skip

ITEMS = Kind({"(4,)": lambda s: (4,), "(2, 2)": lambda s: (2, 2)}, SHAPE.odd)
BACKBONE = Kind(
    {"flat": lambda s: nn.Sequential(nn.Flatten(), nn.Linear(4, 3))},
    ANY | {"wrong": lambda s: nn.Linear(7, 3), "without forward": ODD_CALLABLES["module"]},
)
CUES = Kind(
    constants({"a": slice(0, 2), "b": [2, 3]}, {"a": [0]}),
    ANY | constants({}, {"a": []}, {"a": [9]}, {"a": ["x"]}, {"a": None}, {"a": 1}, {"a": [0.5]},
                    {1: [-1]}, {"a": [True]}, {"a": slice("b", None)}),
)  # fmt: skip
TOWER_SIZE = {"input_shape": ITEMS, "n_components": number(2, 1), "dropout": NET["dropout"]}
LAYERS = TOWER_SIZE | {"depth": length(1, 2), "width": number(4, 1)}
RATES = {"learning_rate_factor": number(0.1, 0, 1)}
SIDES = {"A": tensors("Z"), "B": tensors("Z")}
TORCH = {
    **LOSS_TARGETS,
    **MINER_TARGETS,
    **AUGMENT,
    **SAMPLERS,
    "towers.mlp": target(towers.mlp, "input_shape n_components", law.module_works, **LAYERS),
    "towers.cnn": target(
        towers.cnn, "input_shape n_components width", law.module_works, **LAYERS,
        pooling=number("global", "flatten")),
    "towers.tdnn": target(
        towers.tdnn, "input_shape n_components width", law.module_works, **LAYERS),
    "towers.multi_cue": target(
        towers.multi_cue, "input_shape n_components cues", law.module_works, **LAYERS, cues=CUES,
        towers=Kind(constants(None, {"a": Linear}), ANY | constants({"z": Linear}, {"a": len})),
        feature_names=Kind(constants(None, ["a", "b", "c", "d"]), ANY)),
    "towers.pretrained": target(
        towers.pretrained, "input_shape n_components backbone", law.module_works,
        input_shape=ITEMS, n_components=number(2, 1), backbone=BACKBONE, **RATES),
    "towers.Standardize": target(
        lambda mean, scale: towers.Standardize(mean, scale)(torch.zeros(3, 2)), "mean scale",
        law.tensor_finite, mean=Kind(constants([0.0, 1.0]), {}),
        scale=Kind(constants([1.0, 2.0]), {})),
    "towers.Standardize.forward": target(
        lambda X: towers.Standardize([0.0], [1.0])(X), "X", law.same_shape, X=tensors("Z")),
    "towers.UnitLength": target(towers.UnitLength),
    "towers.UnitLength.forward": target(
        lambda X: towers.UnitLength()(X), "X", law.same_shape, X=tensors("Z")),
    "regularizers.Center": target(
        built(regularizers.Center), "n_classes n_components", law.cost,
        **options_of(regularizers.Center)),
    "regularizers.Center.forward": target(
        of_classes(regularizers.Center), "Z y", law.cost, Z=SOME_ROWS, y=Y),
    **{f"regularizers.{name}": target(
        getattr(regularizers, name), "Z", law.cost, Z=Kind(
            {k: v for k, v in SOME_ROWS.good.items() if k != "one row"}, {}),
        **options_of(getattr(regularizers, name))) for name in ("covariance", "norm", "variance")},
    **{f"distances.{name}": target(
        getattr(distances, name), "A B", law.tensor_distances,
        A=Kind({k: v for k, v in SIDES["A"].good.items() if k != "float32"}, {}),
        B=Kind({k: v for k, v in SIDES["B"].good.items() if "row" not in k and k != "float32"}, {}))
       for name in distances.DISTANCES},
    "distances.paired": target(
        lambda Z, distance: distances.paired(distance, Z, Z.flip(0)), "Z distance",
        law.tensor_finite, Z=tensors("Z"), distance=name_or_callable(
            euclidean=distances.euclidean, cosine=distances.cosine)),
}  # fmt: skip
for _name in heads.__all__:
    _head = getattr(heads, _name)
    if inspect.isclass(_head):
        _options = options_of(_head)
        TORCH[f"heads.{_name}"] = target(
            built(_head), "n_components", law.tensor_finite, **_options)
        TORCH[f"heads.{_name}.forward"] = target(
            lambda Z, _head=_head: _head(3)(Z, Z.flip(0)), "Z", law.tensor_finite,
            Z=Kind({"float32": lambda s: s.Z.float(), "one": lambda s: s.Z[:1].float(),
                    "none": lambda s: s.Z[:0].float()}, {}))  # fmt: skip

NOT_DRAWN = Kind(constants(None), ANY)
IMAGE_SHAPE = Kind(constants((2, 2), (1, 2, 2), [2, 2]), SHAPE.odd)
HISTORY = Kind({"of an embedder": lambda s: fitted("embedder").history_}, {})
SEEN = Kind({"images": lambda s: abs(s.rows[:3]).reshape(3, 2, 2) / 9}, {})
THREE = Kind({"numbers": lambda s: np.array([0, 1, 1])}, {})
TRUE = Kind({"booleans": lambda s: np.array([False, True, True])}, {})
DRAWN_PAIRS = {
    "left": SEEN, "right": SEEN, "match": TRUE, "y_score": THREE, "accepted": TRUE,
    "threshold": Kind(constants(0.0, 0.5), {}),
}  # fmt: skip
STYLE = Kind(
    constants(None, {}, {"alpha": 0.5}), {k: v for k, v in ANY.items() if k != "{'a': 1}"}
)
ACCEPTED = Kind(
    {"None": lambda s: None, "array": lambda s: s.score > 0, "list": lambda s: [
        bool(x) for x in s.score > 0]},
    ANY | MATCHES.odd)  # fmt: skip
THRESHOLD = number(0.0, 0.5, None)


def drawn(make, *data):
    """Return a function that builds a display of some arguments and plots it with the rest."""

    def call(**arguments):
        given = {name: arguments.pop(name) for name in data if name in arguments}
        return make(**given).plot(**arguments)

    return call


PROJECTION = Kind(
    constants(None) | {"pca": lambda s: PCA(2), "three": lambda s: PCA(3)},
    ANY | {"one": lambda s: PCA(1), "class": lambda s: PCA, "scaler": lambda s: StandardScaler(
        ), "embedder": lambda s: embedder()})  # fmt: skip
POINTS = Kind({"points": lambda s: s.rows[:, :2]}, {})
SEEN_CLASSES = Kind({"codes": lambda s: s.codes, "strings": lambda s: s.codes.astype(str)}, {})
SEEN_MATCHES = Kind({"match": lambda s: s.match}, {})
SEEN_SCORES = Kind({"scores": lambda s: s.score}, {})
AX = Kind(constants(None), ANY)
PLOTS = {
    "plot.HistoryDisplay": target(plot.HistoryDisplay, "history", history=HISTORY),
    "plot.HistoryDisplay.plot": target(
        drawn(plot.HistoryDisplay, "history"), "history", history=HISTORY, axes=AX),
    "plot.HistoryDisplay.from_estimator": target(
        plot.HistoryDisplay.from_estimator, "estimator", axes=AX,
        estimator=Kind(EMBEDDERS.good | VERIFIERS.good, ANY | EMBEDDERS.odd | IDENTIFIERS.good)),
    "plot.EmbeddingDisplay": target(
        plot.EmbeddingDisplay, "points y", points=POINTS, y=SEEN_CLASSES, axis_name=number("a")),
    "plot.EmbeddingDisplay.plot": target(
        drawn(plot.EmbeddingDisplay, "points", "y", "axis_name"), "points y", points=POINTS,
        y=SEEN_CLASSES, axis_name=number("a"), ax=AX, scatter_kwargs=STYLE),
    "plot.EmbeddingDisplay.from_estimator": target(
        plot.EmbeddingDisplay.from_estimator, "estimator X y", estimator=EMBEDDERS, X=ROWS,
        y=CLASSES, projection=PROJECTION, ax=AX, scatter_kwargs=STYLE),
    "plot.EmbeddingDisplay.from_embeddings": target(
        plot.EmbeddingDisplay.from_embeddings, "Z y", Z=EMBEDDINGS, y=CLASSES,
        projection=PROJECTION, ax=AX),
    "plot.NeighborsDisplay": target(
        plot.NeighborsDisplay, "query_images query_labels images labels", query_images=SEEN,
        query_labels=THREE, images=SEEN, labels=THREE),
    "plot.NeighborsDisplay.plot": target(
        drawn(plot.NeighborsDisplay, "query_images", "query_labels", "images", "labels"),
        "query_images query_labels images labels", query_images=SEEN, query_labels=THREE,
        images=Kind({"images": lambda s: abs(s.rows[:6]).reshape(3, 2, 2, 2) / 9}, {}),
        labels=Kind({"labels": lambda s: np.arange(6).reshape(3, 2)}, {}), ax=AX,
        imshow_kwargs=STYLE),
    "plot.NeighborsDisplay.from_estimator": target(
        lambda X, y, X_gallery, y_gallery, **options: plot.NeighborsDisplay.from_estimator(
            X=X[:3], y=y[:3], X_gallery=X_gallery, y_gallery=y_gallery, **options),
        "estimator X y X_gallery y_gallery image_shape", estimator=EMBEDDERS,
        X=Kind({"rows": lambda s: s.rows}, {"list": lambda s: s.rows.tolist()}),
        y=Kind({"codes": lambda s: s.codes}, {"strings": lambda s: s.codes.astype(str)}),
        X_gallery=ROWS, y_gallery=CLASSES, n_neighbors=number(1, 3), metric=METRIC,
        image_shape=IMAGE_SHAPE, ax=AX, imshow_kwargs=STYLE),
    "plot.PairDisplay": target(
        plot.PairDisplay, "left right match y_score accepted", **DRAWN_PAIRS),
    "plot.PairDisplay.plot": target(
        drawn(plot.PairDisplay, *DRAWN_PAIRS), "left right match y_score accepted", **DRAWN_PAIRS,
        ax=AX, n_columns=number(4, 1), imshow_kwargs=STYLE),
    "plot.PairDisplay.from_estimator": target(
        plot.PairDisplay.from_estimator, "estimator X y image_shape", estimator=VERIFIERS, X=PAIRS,
        y=MATCHES, image_shape=IMAGE_SHAPE, threshold=THRESHOLD, n_pairs=number(4)),
    "plot.PairDisplay.from_predictions": target(
        plot.PairDisplay.from_predictions, "X y_true y_score image_shape", X=PAIRS, y_true=MATCHES,
        y_score=SCORES, image_shape=IMAGE_SHAPE, threshold=THRESHOLD, accepted=ACCEPTED,
        n_pairs=number(4, 1), order=number("worst", "given"), ax=AX),
    "plot.PairScoreDisplay": target(
        plot.PairScoreDisplay, "match y_score accepted", match=SEEN_MATCHES, y_score=SEEN_SCORES,
        accepted=SEEN_MATCHES),
    "plot.PairScoreDisplay.plot": target(
        drawn(plot.PairScoreDisplay, "match", "y_score", "accepted", "threshold", "score_name"),
        "match y_score accepted", match=SEEN_MATCHES, y_score=SEEN_SCORES,
        accepted=SEEN_MATCHES, threshold=DRAWN_PAIRS["threshold"], score_name=number("a"), ax=AX,
        bins=number(5), hist_kwargs=STYLE, line_kwargs=STYLE),
    "plot.PairScoreDisplay.from_estimator": target(
        plot.PairScoreDisplay.from_estimator, "estimator X y", estimator=VERIFIERS, X=PAIRS,
        y=MATCHES, threshold=THRESHOLD, ax=AX, bins=number(5)),
    "plot.PairScoreDisplay.from_predictions": target(
        plot.PairScoreDisplay.from_predictions, "y_true y_score", y_true=MATCHES, y_score=SCORES,
        threshold=number(0.0), accepted=ACCEPTED, score_name=number("a"), ax=AX),
}  # fmt: skip
EXPLAIN = {
    "explain.explain_pairs": target(
        explain.explain_pairs, "verifier X n_steps", law.anything, 2, verifier=Kind(
            VERIFIERS.good, VERIFIERS.odd | ANY), X=PAIRS, by=number("column", "component"),
        n_steps=length(2, 4)),
    "explain.Explanation": target(
        explain.Explanation, "contributions reference logit", contributions=ANYTHING,
        reference=ANYTHING, logit=ANYTHING),
    "explain.Explanation.residual": target(
        lambda X: explain.Explanation(X, X[:, 0], X[:, 0]).residual, "X", law.finite,
        X=Kind({"array": lambda s: s.rows}, {})),
}  # fmt: skip

TARGETS = {
    **ESTIMATORS,
    **PAIR_TOOLS,
    **{f"metrics.{name}": made for name, made in METRICS.items()},
    **TORCH,
    **PLOTS,
    **EXPLAIN,
}
"""The targets by public name; a word after the name tells several of one object apart."""

ALIASES = {"pairs.": ""}
"""Public modules whose functions are public at the top, too."""

