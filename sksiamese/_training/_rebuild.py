"""Rebuild fitted modules from the parameters of an estimator and their weights."""

from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .._combined import Combined, CombinedHead
from .._data._device import RandomStream
from ..distances import DISTANCES
from ..heads import HEADS
from ..towers import Standardize, ToType, UnitLength
from ._embedding_task import UNIT_LENGTH
from ._lookup import resolve
from ._numbers_task import NumbersObjective
from ._objective import Objective, ObjectiveSpec, reads_numbers, resolve_distance
from ._regression_task import PairPrediction
from ._tower import TowerSpec, build_body, item_shape, n_plain_components, tower_options
from ._user_parts import build_module

CALLS_PER_WEIGHT = 200
"""Maximum number of calls of PyTorch to build a module, for each of its weights and buffers."""

LAYOUT, WEIGHTS = "_layout", "_weights"
"""Entries of a state with arrays in place of modules."""


def describe_modules(estimator):
    """Describe properties of fitted modules that neither weights nor parameters determine."""
    standardize, *layers = estimator.tower_
    combined = layers[0] if isinstance(layers[0], Combined) else None
    layers = layers if combined is None else [*combined.learned]
    weights = [*layers[1].parameters(), *layers[1].buffers()]
    layout = {
        "n_item_features": len(standardize.mean),
        "dtype": str(standardize.output.dtype).removeprefix("torch."),
        "wide": standardize.wide,
        "has_origin": standardize.origin is not None,
        "n_plain": 0 if combined is None else len(combined.offset),
        "combines": combined is not None and combined.combines,
        "unit_length": any(isinstance(layer, UnitLength) for layer in layers[2:]),
        "converts": any(isinstance(layer, ToType) for layer in layers[2:]),
        "reduced": any(w.is_floating_point() and w.dtype.itemsize < 4 for w in weights),
    }
    if hasattr(estimator, "objective_"):
        return {**layout, "objective": dict(estimator.objective_.spec._asdict())}
    head = estimator.head_
    layout["predicts_numbers"] = isinstance(head, PairPrediction)
    if isinstance(head, CombinedHead):
        layout["head_combines"], layout["n_familiar"] = head.combines, len(head.items)
        head = head.learned
    margin = getattr(head, "margin", None)
    return {**layout, "margin": margin if isinstance(margin, float) else 1.0}


def module_weights(estimator):
    """Return the weights and buffers of fitted modules by name, such as ``tower_.0.mean``."""
    return {
        f"{name}_.{key}": weight
        for name in estimator._parts
        for key, weight in getattr(estimator, f"{name}_").state_dict().items()
    }


def rebuild_modules(estimator, layout, weights, *, foreign=False):
    """Build the modules of an estimator again, and load weights into them.

    They are first built on the device "meta" of PyTorch, without memory, so that sizes that
    disagree with the weights raise before memory is allocated.

    Parameters
    ----------
    estimator : estimator instance
        Estimator with parameters and all fitted attributes, except for modules.

    layout : dict
        Result of :func:`describe_modules`.

    weights : dict of Tensor
        Weights and buffers by name.

    foreign : bool, default=False
        Whether parts are of other packages, which may fail on the device "meta".

    Returns
    -------
    modules : dict of nn.Module
        Modules by the name of the attribute, in evaluation mode.

    Raises
    ------
    ValueError
        If names, shapes or dtypes differ, or a weight is NaN or infinite.
    """
    n_features = layout["n_item_features"]
    if weights["tower_.0.mean"].shape != (n_features,):
        raise ValueError(f"'tower_.0.mean' has no value for each of {n_features} features.")
    with building():
        limit = CallLimit(1000 + CALLS_PER_WEIGHT * len(weights))
        try:
            with torch.device("meta"), limit:
                planned = new_modules(estimator, layout)
        except Exception:
            if limit.exceeded or not foreign:
                raise
        else:
            check_weights(planned, weights)
        module = new_modules(estimator, layout)
        expected = check_weights(module, weights)
        with torch.no_grad():
            for name, weight in expected.items():
                weight.copy_(weights[name])
        check_finite_weights(module)
    return dict(module.eval().items())


@contextmanager
def building(seed=0):
    """Allow gradients, and leave the global random numbers of PyTorch unchanged."""
    stream = RandomStream(seed, torch.device("cpu"))
    with torch.inference_mode(False), torch.enable_grad(), stream.active():
        yield


class CallLimit(TorchFunctionMode):
    """Raise if building a module needs more calls of PyTorch than expected.

    Parameters
    ----------
    n_calls : int
        Maximum number of calls.
    """

    def __init__(self, n_calls):
        super().__init__()
        self.n_calls, self.exceeded = n_calls, False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call a function of PyTorch, or raise."""
        self.n_calls -= 1
        if self.n_calls < 0:
            self.exceeded = True
            raise ValueError("its parameters describe a larger network than its weights.")
        return function(*args, **(kwargs or {}))


def tower_spec(estimator, layout, feature_names):
    """Return the spec of the fitted tower of an estimator, or of a tower to fit."""
    architecture = getattr(estimator, "_architecture", {})
    fitted = SimpleNamespace(**estimator.get_params(deep=False) | architecture)
    return TowerSpec(
        fitted.tower,
        fitted.n_components - layout["n_plain"],
        layout["n_plain"],
        getattr(fitted, "learned_weight", 1.0),
        tower_options(fitted, feature_names),
        item_shape(fitted.input_shape, layout["n_item_features"]),
        fitted.scaling,
        getattr(torch, layout["dtype"]),
    )


def initial_tower(estimator, n_features, feature_names, seed):
    """Return the tower of an estimator that is not fitted, for items in float32.

    Parameters
    ----------
    estimator : estimator instance
        Estimator with valid parameters.

    n_features : int
        Number of columns of an item.

    feature_names : sequence of str or None
        Names of these columns.

    seed : int
        Seed of the initial weights.
    """
    n_plain = n_plain_components(estimator, n_features, single_label=True)
    layout = {
        "n_item_features": n_features,
        "dtype": "float32",
        "wide": False,
        "has_origin": False,
        "n_plain": n_plain,
        "combines": n_plain > 0,
        "unit_length": False,
        "converts": False,
        "reduced": True,
    }
    if hasattr(estimator, "loss") and hasattr(estimator, "miner"):
        distance = resolve_distance(estimator.distance, estimator.loss)
        layout["unit_length"] = distance in UNIT_LENGTH
    with building(seed):
        return new_tower(tower_spec(estimator, layout, feature_names), layout).eval()


def new_modules(estimator, layout):
    """Return the modules of an estimator, with initial weights."""
    spec = tower_spec(estimator, layout, estimator._item_names())
    modules = {"tower_": new_tower(spec, layout)}
    if "objective" in layout:
        modules["objective_"] = new_objective(estimator, spec, layout)
    else:
        modules["head_"] = new_head(estimator, spec, layout)
    return nn.ModuleDict(modules)


def new_tower(spec, layout):
    """Return a tower with the layers of a fitted one."""
    n_features, dtype = layout["n_item_features"], spec.dtype
    body = build_body(spec)
    if not layout["reduced"]:
        body.to(dtype)
    origin = torch.zeros(n_features, dtype=torch.int64) if layout["has_origin"] else None
    zeros, ones = (make(n_features, dtype=torch.float64) for make in (torch.zeros, torch.ones))
    standardize = Standardize(zeros, ones, origin, wide=layout["wide"])
    standardize.output = standardize.output.to(dtype)
    if not layout["wide"]:
        standardize.to(dtype)
    layers = [nn.Unflatten(1, spec.item_shape), body]
    layers += [ToType(dtype)] if layout["converts"] else []
    layers += [UnitLength()] if layout["unit_length"] else []
    if not spec.n_plain:
        return nn.Sequential(standardize, *layers)
    combined = Combined(
        nn.Sequential(*layers),
        torch.zeros(spec.n_plain, n_features),
        torch.zeros(spec.n_plain),
        1.0,
        unit_length=layout["unit_length"],
    ).to(dtype)
    combined.combines = layout["combines"]
    return nn.Sequential(standardize, combined)


def new_objective(estimator, spec, layout):
    """Return the objective of an embedder."""
    objective = ObjectiveSpec(**layout["objective"])
    kind = NumbersObjective if reads_numbers(objective.loss) else Objective
    return kind(objective, estimator.classes_).to(spec.dtype)


def new_head(estimator, spec, layout):
    """Return the head of an estimator of pairs."""
    factory = resolve(HEADS, estimator._architecture["head"])
    distance = resolve(DISTANCES, estimator._architecture["distance"])
    options = {"distance": distance, "margin": layout["margin"]}
    if layout["predicts_numbers"]:
        options = {"distance": distance, "detach": False}
    head = build_module("head", factory, {"n_components": spec.n_components}, **options)
    if layout["predicts_numbers"]:
        return PairPrediction(head.to(spec.dtype))
    if "n_familiar" in layout:
        head = CombinedHead(head)
        head.combines = layout["head_combines"]
        head.items = torch.empty(layout["n_familiar"], spec.n_plain)
    return head.to(spec.dtype)


def check_weights(module, weights):
    """Return the weights and buffers of a module, and raise unless all given ones fit."""
    expected = module.state_dict(keep_vars=True)
    if unknown := sorted(weights.keys() - expected.keys()):
        raise ValueError(f"it has weights that the network lacks, such as {unknown[0]!r}.")
    for name, weight in expected.items():
        if name not in weights:
            raise ValueError(f"it lacks the weight {name!r}.")
        given = weights[name]
        if (given.shape, given.dtype) != (weight.shape, weight.dtype):
            raise ValueError(
                f"{name!r} has shape {tuple(given.shape)} and dtype {given.dtype}, but the network "
                f"needs {tuple(weight.shape)} and {weight.dtype}."
            )
    return expected


def check_finite_weights(module):
    """Raise if a weight, or a buffer of this package, is NaN or infinite.

    The mean and the scale of columns without values may be NaN.
    """
    for prefix, part in module.named_modules():
        tensors = [*part.named_parameters(recurse=False)]
        if type(part).__module__.startswith("sksiamese.") and not isinstance(part, Standardize):
            tensors += part.named_buffers(recurse=False)
        for name, tensor in tensors:
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise ValueError(f"the weight {prefix}.{name} is NaN or infinite.")


def to_arrays(estimator, state):
    """Return the state of an estimator with arrays and a layout in place of modules.

    Parameters
    ----------
    estimator : estimator instance
        Estimator.

    state : dict
        Its state for pickle.

    Raises
    ------
    TypeError
        If a parameter holds a module.
    """
    for name in estimator.get_params(deep=False):
        if any(isinstance(part, nn.Module) for part in callables_in(getattr(estimator, name))):
            raise TypeError(
                f"{name} holds a module of PyTorch, which skops cannot store; use "
                "sksiamese.persistence.save, or pass a function that creates the module."
            )
    if "tower_" not in state:
        return state
    parts = {f"{name}_" for name in estimator._parts}
    weights = {name: to_array(weight) for name, weight in module_weights(estimator).items()}
    return {
        **{name: part for name, part in state.items() if name not in parts},
        LAYOUT: describe_modules(estimator),
        WEIGHTS: weights,
        "_optimizer_state": convert_moments(state["_optimizer_state"], torch.Tensor, to_array),
    }


def callables_in(value):
    """Yield the callables in a value, among them modules, also those that a partial binds."""
    if isinstance(value, dict):
        value = [*value.values()]
    elif isinstance(value, partial):
        value = [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, list | tuple):
        for part in value:
            yield from callables_in(part)
    elif callable(value):
        yield value


def from_arrays(estimator, layout, weights):
    """Set the modules of an estimator with a state of :func:`to_arrays`."""
    weights = {name: to_tensor(weight) for name, weight in weights.items()}
    estimator._optimizer_state = convert_moments(estimator._optimizer_state, tuple, to_tensor)
    foreign = any(callables_in([estimator._architecture, layout]))
    vars(estimator).update(rebuild_modules(estimator, layout, weights, foreign=foreign))


def convert_moments(state, kind, convert):
    """Return the state of an optimizer, with all values of a kind converted."""
    return {
        parameter: {name: convert(v) if isinstance(v, kind) else v for name, v in moments.items()}
        for parameter, moments in state.items()
    }


def to_array(tensor):
    """Return the array of a tensor, its dtype, as NumPy has no bfloat16, and its order of axes."""
    dtype, order = str(tensor.dtype).removeprefix("torch."), axis_order(tensor)
    tensor = tensor.detach().cpu().contiguous()
    array = (tensor.view(torch.int16) if dtype == "bfloat16" else tensor).numpy()
    return array.copy(), dtype, order


def to_tensor(content):
    """Return the tensor of a result of :func:`to_array`."""
    array, dtype, order = content
    tensor = torch.from_numpy(np.array(array))
    return with_axis_order(tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor, order)


def axis_order(tensor):
    """Return the order of the axes of a tensor in memory, or None for the usual order.

    Weights of convolutions may have their channels last. An optimizer needs the moments of a
    weight in the order of the weight.
    """
    if tensor.is_contiguous():
        return None
    return sorted(range(tensor.ndim), key=lambda axis: -tensor.stride(axis))


def with_axis_order(tensor, order):
    """Return a tensor in memory in an order of :func:`axis_order`."""
    if order is None:
        return tensor
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return tensor.permute(order).contiguous().permute(inverse)
