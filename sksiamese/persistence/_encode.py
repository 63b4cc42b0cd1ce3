"""Describe estimators and their parts in JSON, with arrays and weights as tensors."""

from functools import partial
from math import isfinite

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from torch import nn

from .._base import BaseSiamese
from .._state import VERSION_KEY
from .._training._rebuild import axis_order, describe_modules, module_weights
from ._arrays import array_to_tensor
from ._foreign import dump_estimator
from ._names import ESTIMATORS, known_classes, name_of

MAX_DEPTH = 100
"""Maximum depth of nested values."""

NOT_SAVED = ("_skl_callbacks", "_callback_fit_ctx", "_skl_callbacks_to_teardown")
"""Attributes that belong to a fit: callbacks."""

GENERATORS = ("PCG64", "PCG64DXSM", "SFC64")
"""Bit generators of NumPy with a state that is valid for all numbers."""

EMPTY_MODULE = frozenset(vars(nn.Module()))
"""Attributes of a module without anything."""


class Encoder:
    """Convert values to JSON, and collect tensors.

    Each value becomes itself, for None, booleans, integers, finite floats and texts, or a dict with
    one entry: the kind of the value and its content. An object that occurs twice is stored once.

    Attributes
    ----------
    tensors : dict of Tensor
        Tensors by name.
    """

    def __init__(self):
        self.tensors, self.numbers, self.kept, self.open = {}, {}, [], set()

    def encode(self, value, path):
        """Return a value for JSON; ``path`` names its tensors."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if isfinite(value) else {"float": str(value)}
        if len(path) > MAX_DEPTH:
            raise ValueError(f"{named(path)} has values that are nested too deeply.")
        for kinds, method in METHODS:
            if isinstance(value, kinds):
                return getattr(self, method)(value, path)
        if type(value) in known_classes().values():
            return self.encode_object(value, path)
        if callable(value):
            return {"name": naming(value, path)}
        raise ValueError(f"{named(path)} is of {type(value)}, which cannot be saved.")

    def add(self, tensor, path):
        """Add a tensor and return its name."""
        tensor = tensor.detach().cpu().contiguous()
        if tensor.layout != torch.strided or tensor.is_complex():
            raise ValueError(f"{named(path)} is a tensor of an unsupported layout or dtype.")
        name = ".".join(path)
        while name in self.tensors:
            name += "_"
        self.tensors[name] = tensor
        return name

    def once(self, value, path, encode):
        """Encode an object, or refer to it if it has been encoded before."""
        if id(value) in self.numbers:
            return {"same": self.numbers[id(value)]}
        if id(value) in self.open:
            raise ValueError(f"{named(path)} contains itself.")
        self.open.add(id(value))
        content = encode(value, path)
        self.open.remove(id(value))
        self.numbers[id(value)] = len(self.kept)
        self.kept.append(value)  # The identity of a value that is gone might be used again.
        return content

    def encode_list(self, value, path):
        """Encode a list, tuple, set, or named tuple."""
        parts = [self.encode(part, (*path, str(n))) for n, part in enumerate(value)]
        kind = type(value)
        if kind in (list, tuple, set, frozenset):
            return {kind.__name__: parts}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {"namedtuple": [naming(kind, path), parts]}
        raise ValueError(f"{named(path)} is of {kind}, which cannot be saved.")

    def encode_dict(self, value, path):
        """Encode a dict, or a ``Bunch`` of scikit-learn."""
        if type(value) not in (dict, Bunch):
            raise ValueError(f"{named(path)} is of {type(value)}, which cannot be saved.")
        return {
            type(value).__name__.lower(): [
                [self.encode(key, path), self.encode(part, (*path, str(key)))]
                for key, part in value.items()
            ]
        }

    def encode_array(self, value, path):
        """Encode an array, a scalar of NumPy, or an array with a mask."""
        if isinstance(value, np.generic):
            return {"scalar": self._array_content(np.asarray(value), path)}
        if isinstance(value, np.ma.MaskedArray):
            parts = np.ma.getdata(value), np.ma.getmaskarray(value)
            return {"masked": [self.encode(part, path) for part in parts]}
        return self.once(value, path, lambda array, path: self._new_array(np.asarray(array), path))

    def _new_array(self, value, path):
        if value.dtype == object:
            items = [self.encode(item, (*path, str(n))) for n, item in enumerate(value.flat)]
            return {"objects": [list(value.shape), items]}
        return {"array": self._array_content(value, path)}

    def _array_content(self, value, path):
        try:
            tensor, dtype = array_to_tensor(value)
        except ValueError as error:
            raise ValueError(f"{named(path)}: {error}") from error
        is_f = value.flags.f_contiguous and not value.flags.c_contiguous
        return [self.add(tensor, path), dtype, list(value.shape), "F" if is_f else "C"]

    def encode_tensor(self, value, path):
        """Encode a tensor of PyTorch, without gradient."""
        return self.once(
            value,
            path,
            lambda tensor, path: {"tensor": [self.add(tensor, path), axis_order(tensor)]},
        )

    def encode_parameter(self, value, path):
        """Encode a weight of a module."""
        return self.once(
            value,
            path,
            lambda weight, path: {
                "parameter": [self.add(weight, path), axis_order(weight), weight.requires_grad]
            },
        )

    def encode_dtype(self, value, path):
        """Encode a dtype of PyTorch."""
        return {"torch_dtype": str(value).removeprefix("torch.")}

    def encode_slice(self, value, path):
        """Encode a slice."""
        return {
            "slice": [self.encode(part, path) for part in (value.start, value.stop, value.step)]
        }

    def encode_bytes(self, value, path):
        """Encode bytes."""
        data = np.frombuffer(bytearray(value), dtype=np.uint8)
        return {"bytes": self.add(torch.from_numpy(data), path)}

    def encode_partial(self, value, path):
        """Encode a ``functools.partial``, which is compared by its parts."""
        if type(value) is not partial or vars(value):
            raise ValueError(f"{named(path)} is a partial with attributes, which cannot be saved.")
        parts = value.func, value.args, value.keywords
        return {"partial": [self.encode(part, path) for part in parts]}

    def encode_random_state(self, value, path):
        """Encode a ``RandomState`` or a ``Generator``, with its state."""
        return self.once(value, path, self._new_random_state)

    def _new_random_state(self, value, path):
        if isinstance(value, np.random.RandomState):
            return {"random_state": self.encode(value.get_state(legacy=False), path)}
        if value.bit_generator.state["bit_generator"] not in GENERATORS:
            raise ValueError(f"{named(path)} has a bit generator that is not in {GENERATORS}.")
        return {"generator": self.encode(value.bit_generator.state, path)}

    def encode_module(self, value, path):
        """Encode a module that is a parameter, such as a pretrained backbone."""
        return self.once(value, path, self._new_module)

    def _new_module(self, value, path):
        state = vars(value)
        hooks = [name for name in EMPTY_MODULE if "hooks" in name and state[name]]
        if hooks:
            raise ValueError(f"{named(path)} is a module with hooks, which cannot be saved.")
        plain = {name: part for name, part in state.items() if name not in EMPTY_MODULE}
        kind = type(value)
        transient = value._non_persistent_buffers_set
        return {
            "module": {
                "class": naming(kind, path),
                "training": value.training,
                "attributes": self.encode(plain, path),
                "parameters": [
                    [key, self.encode(one, (*path, key))] for key, one in value._parameters.items()
                ],
                "buffers": [
                    [key, self.encode(one, (*path, key)), key in transient]
                    for key, one in value._buffers.items()
                ],
                "modules": [
                    [key, self.encode(one, (*path, key))] for key, one in value._modules.items()
                ],
            }
        }

    def encode_object(self, value, path):
        """Encode an estimator, or an object of scikit-learn that containers need."""
        return self.once(value, path, self._new_object)

    def _new_object(self, value, path):
        kind = type(value)
        if kind not in known_classes().values() and not contains_ours(value):
            return {"skops": self.add(dump_estimator(value, named(path)), path)}
        state = value.__getstate__() if isinstance(value, BaseEstimator) else dict(vars(value))
        state.pop(VERSION_KEY, None)
        state = {name: part for name, part in state.items() if name not in NOT_SAVED}
        trained = isinstance(value, BaseSiamese) and hasattr(value, "tower_")
        if trained:
            state = {name: part for name, part in state.items() if name[:-1] not in value._parts}
        # Parameters come last, so that fitted attributes can be read without them.
        state = dict(sorted(state.items(), key=lambda item: not is_fitted(item[0])))
        content = {
            "class": naming(kind, path),
            "state": [[name, self.encode(part, (*path, name))] for name, part in state.items()],
        }
        if trained:
            content["layout"] = self.encode(describe_modules(value), (*path, "layout"))
            content["weights"] = [
                [name, self.add(weight, (*path, name))]
                for name, weight in module_weights(value).items()
            ]
        return {"object": content}


METHODS = [
    ((list, tuple, set, frozenset), "encode_list"),
    (dict, "encode_dict"),
    ((np.ndarray, np.generic), "encode_array"),
    (nn.Parameter, "encode_parameter"),
    (torch.Tensor, "encode_tensor"),
    (torch.dtype, "encode_dtype"),
    (slice, "encode_slice"),
    (bytes, "encode_bytes"),
    (partial, "encode_partial"),
    ((np.random.RandomState, np.random.Generator), "encode_random_state"),
    (nn.Module, "encode_module"),
    (BaseEstimator, "encode_object"),
]
"""Methods of :class:`Encoder` by types; the first one is used."""


def is_fitted(name):
    """Return whether an attribute depends on the training only, not on parameters."""
    return name.endswith("_") or name == "_optimizer_state"


def named(path):
    """Return the name of a part in messages."""
    return ".".join(path) or "The estimator"


def naming(item, path):
    """Return the name of a class or function, and raise with the name of the part."""
    try:
        return name_of(item)
    except ValueError as error:
        raise ValueError(f"{named(path)}: {error}") from error


def contains_ours(value, depth=0):
    """Return whether a value is, or contains, an estimator of this package or a module."""
    if isinstance(value, ESTIMATORS) or depth > MAX_DEPTH:
        return True
    if isinstance(value, nn.Module | torch.Tensor):
        return True
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        parts = value.flat
    elif isinstance(value, BaseEstimator):
        parts = vars(value).values()
    else:
        return False
    return any(contains_ours(part, depth + 1) for part in parts)
