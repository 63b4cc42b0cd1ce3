"""The targets among losses, miners, distances, towers and other functions of torch."""

import inspect

import numpy as np
import torch
from torch import nn

from sksiamese import (
    alignment,
    augment,
    batches,
    distances,
    heads,
    losses,
    mining,
    regularizers,
    towers,
)

from . import laws as law
from .common import NET, POSITIVE, RATE, SHAPE, SWITCH, target
from .engine import Kind
from .parts import ODD_CALLABLES, Linear
from .values import (
    ANY,
    HUGE,
    NEIGHBORS,
    RANKS,
    SAMPLE_WEIGHT,
    constants,
    length,
    name_or_callable,
    number,
)


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
    "threshold": POSITIVE, "non_match_weight": number(1.0, 0.0, 4.0),
    "positive_scale": POSITIVE, "negative_scale": POSITIVE, "positive_margin": number(0.0, 0.1),
    "n_bins": number(10, 1), "limit": POSITIVE, "balance": RATE, "epsilon": number(0.1, 0.0),
    "angle_scale": POSITIVE, "detach": number(True, False),
    "angle": number(20.0, 0.0), "cutoff": number(0.5, 0.1), "n_components": number(3, 1, 64),
    "n_classes": number(4, 2), "n_centers": number(1, 3), "rotation": number(10.0, 0.0),
    "shear": number(0.1, 0), "translation": number(0.05, 0), "fill": number(0.0, -1),
    "deviation": number(0.1, 0, 1), "share": RATE, "strength": number(0.2, 0.0, 0.9),
    "n_knots": number(4, 2), "width": number(4, 64), "distance": Kind(constants(
        euclidean=distances.euclidean, manhattan=distances.manhattan),
        {k: v for k, v in ANY.items() if k not in ("class", "function")}),
}  # fmt: skip
SCALES["scale of affine"] = number(0.1, 0)


def options_of(function, skip=()):
    """Return the kinds of the options of a function, by their names."""
    names = inspect.signature(function).parameters
    return {name: SCALES[name] for name in names if name in SCALES and name not in skip}


def of_classes(make):
    """Return a function that builds a module for four classes and applies it."""
    return lambda Z, y: make(4, 3).to(Z)(Z, y[: len(Z)])


def of_numbers(loss):
    """Return a function that applies a loss to the distances of embeddings and to numbers."""

    def call(Z, y, **options):
        return loss((Z[:, None] - Z).abs().sum(dim=2), y[: len(Z)].to(Z), **options)

    return call


def built(make):
    """Return a function that builds a module for classes, or a head, and tries it."""

    def call(n_components, **options):
        module = make(n_components=n_components, **options)
        Z = torch.eye(5, int(n_components))
        return module(Z, Z.flip(0) if "n_classes" not in options else torch.zeros(5, dtype=int))

    return call


def of_scores(loss):
    """Return a function that applies a loss to scores, with embeddings if it reads them."""

    def call(score, y, weight, **options):
        Z = torch.stack([score, y, weight], dim=1)
        return loss(score, y, weight, *((Z, Z.flip(0)) if loss is losses.angle else ()), **options)

    return call


OF_PAIRS = {
    "score": Kind({"scores": lambda s: torch.from_numpy(s.score)}, {}),
    "y": Kind({"numbers": lambda s: torch.from_numpy(s.match).double()}, {}),
    "weight": Kind({"equal": lambda s: torch.ones(s.n_rows, dtype=torch.float64)}, {}),
}

Y = Kind({"classes": lambda s: s.y}, {})
SOME_ROWS = Kind({k: v for k, v in tensors("Z").good.items() if k != "no row"}, {})
LOSS_TARGETS, MINER_TARGETS = {}, {}
for _name in losses.__all__:
    _loss = getattr(losses, _name, None)
    _names = inspect.signature(_loss).parameters if callable(_loss) else ()
    if "n_classes" in _names:
        LOSS_TARGETS[f"losses.{_name}"] = target(
            built(_loss), "n_classes n_components", law.cost, **options_of(_loss)
        )
        LOSS_TARGETS[f"losses.{_name}.forward"] = target(
            of_classes(_loss), "Z y", law.cost, Z=SOME_ROWS, y=Y)  # fmt: skip
        LOSS_TARGETS[f"losses.{_name}.cosines"] = target(
            lambda Z, _loss=_loss: _loss(4, 3).to(Z).cosines(Z), "Z", law.tensor_finite,
            Z=tensors("Z"))  # fmt: skip
    elif _name == "matryoshka":
        LOSS_TARGETS["losses.matryoshka"] = target(
            lambda Z, y, **options: losses.matryoshka(Z, y[: len(Z)], **options),
            "Z y loss distance sizes", law.cost, Z=tensors("Z"), y=Y, sizes=Kind(
                constants((1, 2), [2], (1, 1)), ANY | constants((3, 10**6), (0, 1), (1.5,))),
            loss=Kind(constants(supcon=losses.supcon, triplet=losses.triplet), {}),
            distance=SCALES["distance"])  # fmt: skip
    elif _name == "logistic":
        LOSS_TARGETS["losses.logistic"] = target(
            lambda logit: losses.logistic(logit, (logit > 0).to(logit), (logit <= 0).to(logit)),
            "logit",
            law.cost,
            logit=Kind({"logits": lambda s: torch.from_numpy(s.score)}, {}),
        )
    elif _loss in losses.REGRESSION_LOSSES.values():
        LOSS_TARGETS[f"losses.{_name}"] = target(
            of_scores(_loss), "score y weight", law.cost, **OF_PAIRS, **options_of(_loss)
        )
    elif _loss in losses.NUMBER_LOSSES.values():
        LOSS_TARGETS[f"losses.{_name}"] = target(
            of_numbers(_loss), "Z y", law.cost, Z=SOME_ROWS, y=Y, **options_of(_loss))  # fmt: skip
    elif "y" in _names:
        LOSS_TARGETS[f"losses.{_name}"] = target(
            lambda Z, y, _loss=_loss, **options: _loss(Z, y[: len(Z)], **options),
            "Z y", law.cost, Z=SOME_ROWS, y=Y, **options_of(_loss))  # fmt: skip
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
        X=IMAGES if name in ("affine", "flip") else SERIES,
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
BY_CLASS = {
    "dict": lambda s: {number: 1 + number % 2 for number in range(s.n_classes)},
    "dict of names": lambda s: {name: 1 + number % 2 for number, name in enumerate("abcd")},
}
BY_CLASS_ODD = {
    "empty dict": lambda s: {}, "dict that lacks a class": lambda s: {0: 1},
    "dict of strings": lambda s: dict.fromkeys(range(4), "a"),
    "dict of None": lambda s: dict.fromkeys(range(4)),
    "dict of lists": lambda s: {number: [1, 2] for number in range(4)},
    "dict of NaN": lambda s: dict.fromkeys(range(4), float("nan")),
    "dict of arrays": lambda s: {number: np.ones(number) for number in range(4)},
}  # fmt: skip
ROW_GROUPS = Kind(ROW_GROUPS.good | BY_CLASS, ROW_GROUPS.odd | BY_CLASS_ODD)
CLASS_LABELS = Kind(
    {"None": lambda s: None, "names": lambda s: [*"abcd"], "numbers": lambda s: [0, 1, 2, 3],
     "array": lambda s: np.array([*"abcd"])},
    ANY | {"too few": lambda s: ["a"], "lists": lambda s: [[1, 0], [0, 1]]},
)  # fmt: skip
EMBED = Kind(
    {"embeddings": lambda s: lambda: torch.randn(s.n_rows, 3)},
    ANY | {"short": lambda s: lambda: torch.eye(2), "text": lambda s: lambda: "abc",
           "integers": lambda s: lambda: torch.ones(s.n_rows, 3, dtype=torch.int64)},
)  # fmt: skip
SAMPLERS = {
    f"batches.{name}": target(
        all_of(getattr(batches, name)),
        "y batch_size generator" + more, law.batches_of_rows, y=LABEL_TENSOR, batch_size=SIZE,
        generator=GENERATOR, **options)
    for name, more, options in (
        ("shuffled", "", {}),
        ("class_balanced", "", {}),
        ("hard_negatives", " embed", {
            "embed": EMBED, "n_negatives": number(2, 1), "ranks": RANKS,
            "relative_margin": number(None, 0, 0.5), "neighbors": NEIGHBORS}),
        ("hierarchical", " groups", {
            "groups": ROW_GROUPS, "n_groups": number(2, 1), "classes": CLASS_LABELS}),
        ("weighted", " weight", {"weight": Kind(
            {k: v for k, v in SAMPLE_WEIGHT.good.items() if k not in ("None", "series")} | BY_CLASS,
            SAMPLE_WEIGHT.odd | BY_CLASS_ODD), "classes": CLASS_LABELS}),
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
LAYERS = TOWER_SIZE | {
    "depth": length(1, 2),
    "width": number(4, 1),
    "shortcuts": NET["shortcuts"],
    "activation": name_or_callable(*towers.ACTIVATIONS, user=nn.Mish),
}
VECTORS = LAYERS | {"normalization": number(None, "batch", "layer")}
FLOATS = Kind(constants(torch.float32, torch.float64, torch.bfloat16), {})
RATES = {"learning_rate_factor": number(0.1, 0, 1)}
SIDES = {"A": tensors("Z"), "B": tensors("Z")}
TORCH = {
    **LOSS_TARGETS,
    **MINER_TARGETS,
    **AUGMENT,
    **SAMPLERS,
    "towers.mlp": target(towers.mlp, "input_shape n_components", law.module_works, **VECTORS),
    "towers.cnn": target(
        towers.cnn, "input_shape n_components width", law.module_works, **LAYERS,
        normalization=number(None, "batch", "group", "layer"), pooling=number("global", "flatten")),
    "towers.tdnn": target(
        towers.tdnn, "input_shape n_components width", law.module_works, **LAYERS,
        normalization=number(None, "layer")),
    "towers.multi_cue": target(
        towers.multi_cue, "input_shape n_components cues", law.module_works, **VECTORS, cues=CUES,
        towers=Kind(constants(None, {"a": Linear}), ANY | constants({"z": Linear}, {"a": len})),
        feature_names=Kind(constants(None, ["a", "b", "c", "d"]), ANY)),
    "towers.pretrained": target(
        towers.pretrained, "input_shape n_components backbone", law.module_works,
        input_shape=ITEMS, n_components=number(2, 1), backbone=BACKBONE, mean=number(0.0, 1),
        scale=number(1.0, 2), **RATES),
    "towers.Standardize": target(
        lambda mean, scale, **options: towers.Standardize(mean, scale, **options)(
            torch.zeros(3, 2, dtype=torch.int64)), "mean scale",
        law.tensor_finite, mean=Kind(constants([0.0, 1.0]), {}),
        scale=Kind(constants([1.0, 2.0]), {}), wide=SWITCH,
        origin=Kind({"zeros": lambda s: torch.zeros(2, dtype=torch.int64)}, {})),
    "towers.Standardize.forward": target(
        lambda X: towers.Standardize([0.0], [1.0])(X), "X", law.tensor_finite, X=tensors("Z")),
    "towers.Standardize.to_float": target(
        lambda X: towers.Standardize([0.0], [1.0]).to_float(X), "X", law.tensor_finite,
        X=Kind({"float64": lambda s: s.Z, "int64": lambda s: s.y[:, None], "uint8": lambda s: s.y[
            :, None].byte(), "bool": lambda s: s.same}, {})),
    "towers.ToType": target(towers.ToType, "dtype", dtype=FLOATS),
    "towers.ToType.forward": target(
        lambda Z, dtype: towers.ToType(dtype)(Z), "Z dtype", law.tensor_finite, Z=tensors("Z"),
        dtype=FLOATS),
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
    "alignment.time_warping": target(
        alignment.time_warping, "A B", law.tensor_distances, A=SOME_ROWS, B=SOME_ROWS,
        n_channels=number(1, 3), band=RATE, normalize=SWITCH),
    "alignment.pad_series": target(
        alignment.pad_series, "series", series=Kind(
            {"lists": lambda s: [[1.0, 2.0], [3.0]], "rows": lambda s: s.rows},
            {"no series": lambda s: [], "channels": lambda s: [s.rows, s.rows[:, :2]]})),
    "distances.paired": target(
        lambda Z, distance: distances.paired(distance, Z, Z.flip(0)), "Z distance",
        law.tensor_finite, Z=tensors("Z"), distance=name_or_callable(
            euclidean=distances.euclidean, cosine=distances.cosine), errors=(TypeError,)),
}  # fmt: skip
FEW_ROWS = Kind(
    {"float32": lambda s: s.Z.float(), "one": lambda s: s.Z[:1].float(),
     "none": lambda s: s.Z[:0].float()}, {},
)  # fmt: skip
for _name in heads.__all__:
    _head = getattr(heads, _name)
    if inspect.isclass(_head):
        _options = options_of(_head)
        TORCH[f"heads.{_name}"] = target(
            built(_head), "n_components", law.tensor_finite, **_options
        )
        TORCH[f"heads.{_name}.forward"] = target(
            lambda Z, _head=_head: _head(3)(Z, Z.flip(0)), "Z", law.tensor_finite, Z=FEW_ROWS
        )
        if hasattr(_head, "cross"):
            TORCH[f"heads.{_name}.cross"] = target(
                lambda Z, _head=_head: _head(3).cross(Z, Z[:2]), "Z", law.tensor_finite, Z=FEW_ROWS
            )
TORCH["heads.cross"] = target(
    lambda head, Z: heads.cross(heads.HEADS[head](3), Z, Z[:2]), "head Z", law.tensor_finite,
    head=Kind({name: lambda s, name=name: name for name in heads.HEADS}, {}), Z=FEW_ROWS,
)  # fmt: skip
