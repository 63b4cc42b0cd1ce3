"""Rebuild estimators from their description in JSON and from tensors, without running code."""

from functools import partial

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from torch import nn

from .._base import BaseSiamese
from .._state import VERSION_KEY, VersionedState, package_version
from .._training._rebuild import callables_in, rebuild_modules, with_axis_order
from ._arrays import check_shape, tensor_to_array
from ._encode import EMPTY_MODULE, GENERATORS, MAX_DEPTH
from ._foreign import load_estimator, untrusted_names
from ._names import find, known_classes, known_names, known_objects

FACTORIES = (
    *("copy:", "sksiamese.distances:", "sksiamese.heads:", "sksiamese.losses:"),
    *("sksiamese.mining:", "sksiamese.regularizers:", "sksiamese.towers:", "torch.nn:"),
    "torch.optim:",
)
"""Beginnings of the names that parameters of a module may have without permission."""

N_WORDS = 624
"""Size of the state of a ``RandomState``."""

NAMED = ("name", "namedtuple", "module", "object")
"""Kinds of values with a name."""


def required_names(value, tensors):
    """Return all names in a description, and the types that skops does not trust, as a set."""
    names, pending = set(), [value]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            pending += part.values()
            for kind in NAMED:
                if kind in part:
                    names.add(own_name(kind, part[kind]))
            if "skops" in part:
                names |= untrusted_names(find_tensor(tensors, part["skops"]))
    return names - known_objects().keys()


def own_name(kind, content):
    """Return the name in the content of a value."""
    name = content
    if kind == "namedtuple":
        name = content[0]
    elif kind in ("module", "object"):
        name = content["class"]
    if not isinstance(name, str) or name.count(":") != 1:
        raise ValueError(f"it has {name!r} as a name.")
    return name


def find_tensor(tensors, name):
    """Return a tensor of the file."""
    if not isinstance(name, str) or name not in tensors:
        raise ValueError(f"it lacks the tensor {name!r}.")
    return tensors[name]


class Decoder:
    """Convert a description to an estimator.

    Parameters
    ----------
    tensors : dict of Tensor
        Tensors by name.

    allowed : set of str
        Names that the caller allows.

    Attributes
    ----------
    unused : set of str
        Names of tensors that no part has used.
    """

    def __init__(self, tensors, allowed):
        self.tensors, self.allowed = tensors, allowed
        self.unused, self.kept = set(tensors), []

    def decode(self, value, depth=0):
        """Return the value of a description."""
        if value is None or type(value) in (bool, int, float, str):
            return value
        if depth > 4 * MAX_DEPTH:
            raise ValueError("it has values that are nested too deeply.")
        if type(value) is not dict or len(value) != 1:
            raise ValueError("it has a value of no kind.")
        ((kind, content),) = value.items()
        method = getattr(self, f"decode_{kind}", None)
        if method is None:
            raise ValueError(f"it has a value of the unknown kind {kind!r}.")
        return method(content, depth + 1)

    def tensor(self, name):
        """Return a tensor and mark it as used."""
        tensor = find_tensor(self.tensors, name)
        self.unused.discard(name)
        return tensor

    def keep(self, value):
        """Return an object, and keep it for later references."""
        self.kept.append(value)
        return value

    def decode_same(self, content, depth):
        """Return an object that occurred before."""
        if type(content) is not int or not 0 <= content < len(self.kept):
            raise ValueError("it refers to a value that does not precede.")
        return self.kept[content]

    def decode_float(self, content, depth):
        """Return a float that JSON lacks."""
        return {"inf": np.inf, "-inf": -np.inf, "nan": np.nan}[content]

    def decode_list(self, content, depth):
        """Return a list."""
        return [self.decode(part, depth) for part in content]

    def decode_tuple(self, content, depth):
        """Return a tuple."""
        return tuple(self.decode_list(content, depth))

    def decode_set(self, content, depth):
        """Return a set."""
        return set(self.decode_list(content, depth))

    def decode_frozenset(self, content, depth):
        """Return a frozen set."""
        return frozenset(self.decode_list(content, depth))

    def decode_namedtuple(self, content, depth):
        """Return a named tuple."""
        kind = find(content[0], self.allowed)
        if not (isinstance(kind, type) and issubclass(kind, tuple)):
            raise ValueError(f"{content[0]!r} is no named tuple.")
        return kind(*self.decode_list(content[1], depth))

    def decode_dict(self, content, depth):
        """Return a dict."""
        return {self.decode(key, depth): self.decode(part, depth) for key, part in content}

    def decode_bunch(self, content, depth):
        """Return a ``Bunch`` of scikit-learn."""
        return Bunch(**self.decode_dict(content, depth))

    def decode_name(self, content, depth):
        """Return a class or function."""
        return find(content, self.allowed)

    def decode_array(self, content, depth):
        """Return an array."""
        return self.keep(self._array(content))

    def _array(self, content):
        name, dtype, shape, order = content
        return tensor_to_array(self.tensor(name), dtype, shape, order)

    def decode_scalar(self, content, depth):
        """Return a scalar of NumPy."""
        return self._array(content)[()]

    def decode_objects(self, content, depth):
        """Return an array of objects."""
        shape, items = content
        check_shape(shape, len(items))
        array = np.empty(len(items), dtype=object)
        for n, item in enumerate(items):
            array[n] = self.decode(item, depth)
        return self.keep(array.reshape(shape))

    def decode_masked(self, content, depth):
        """Return an array with a mask."""
        data, mask = self.decode_list(content, depth)
        return np.ma.MaskedArray(data, mask=mask)

    def decode_tensor(self, content, depth):
        """Return a tensor."""
        return self.keep(self._tensor(*content))

    def _tensor(self, name, order):
        return with_axis_order(self.tensor(name).clone(), order)

    def decode_parameter(self, content, depth):
        """Return a weight of a module."""
        name, order, requires_grad = content
        return self.keep(nn.Parameter(self._tensor(name, order), bool(requires_grad)))

    def decode_torch_dtype(self, content, depth):
        """Return a dtype of PyTorch."""
        dtype = getattr(torch, content, None)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"it has the dtype {content!r}.")
        return dtype

    def decode_slice(self, content, depth):
        """Return a slice."""
        return slice(*self.decode_list(content, depth))

    def decode_bytes(self, content, depth):
        """Return bytes."""
        return self.tensor(content).numpy().tobytes()

    def decode_partial(self, content, depth):
        """Return a ``functools.partial``."""
        function, arguments, keywords = self.decode_list(content, depth)
        return partial(function, *arguments, **keywords)

    def decode_random_state(self, content, depth):
        """Return a ``RandomState``."""
        state, generator = self.decode(content, depth), np.random.RandomState()
        key, position = state["state"]["key"], state["state"]["pos"]
        if (key.dtype, key.shape) != (np.uint32, (N_WORDS,)) or position not in range(N_WORDS + 1):
            raise ValueError("it has an invalid RandomState.")
        generator.set_state(state)
        return self.keep(generator)

    def decode_generator(self, content, depth):
        """Return a ``Generator``."""
        state = self.decode(content, depth)
        name = state["bit_generator"]
        if name not in GENERATORS:
            raise ValueError(f"it has the bit generator {name!r}.")
        generator = np.random.Generator(getattr(np.random, name)(0))
        generator.bit_generator.state = state
        return self.keep(generator)

    def decode_skops(self, content, depth):
        """Return an estimator that skops has saved."""
        return self.keep(load_estimator(self.tensor(content), self.allowed))

    def decode_module(self, content, depth):
        """Return a module that is a parameter, without calling its constructor."""
        kind = find(content["class"], self.allowed)
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise ValueError(f"{content['class']!r} is no module.")
        module = kind.__new__(kind)
        nn.Module.__init__(module)
        attributes = self.decode(content["attributes"], depth)
        check_attributes(kind, attributes, EMPTY_MODULE)
        vars(module).update(attributes)
        module.training = bool(content["training"])
        for name, weight in content["parameters"]:
            module.register_parameter(name, self.decode(weight, depth))
        for name, buffer, transient in content["buffers"]:
            module.register_buffer(name, self.decode(buffer, depth), persistent=not transient)
        for name, part in content["modules"]:
            module.register_module(name, self.decode(part, depth))
        return self.keep(module)

    def decode_object(self, content, depth):
        """Return an estimator, or an object of scikit-learn."""
        name = content["class"]
        kind = find(name, self.allowed)
        is_estimator = isinstance(kind, type) and issubclass(kind, BaseEstimator)
        if not (is_estimator or name in known_classes()):
            raise ValueError(f"{name!r} is no estimator.")
        item = kind.__new__(kind)
        state = {key: self.decode(part, depth) for key, part in content["state"]}
        check_attributes(kind, state, ())
        if is_estimator and not state.keys() >= set(kind._get_param_names()):
            raise ValueError(f"{name!r} lacks parameters.")
        if isinstance(item, VersionedState):
            state[VERSION_KEY] = package_version()
        if is_estimator:
            item.__setstate__(state)
        else:
            vars(item).update(state)
        if "layout" in content:
            self._add_modules(item, content, depth)
        return self.keep(item)

    def _add_modules(self, estimator, content, depth):
        """Build the modules of an estimator again, with their weights."""
        if not isinstance(estimator, BaseSiamese):
            raise ValueError(f"{type(estimator).__name__} has no modules.")
        layout = self.decode(content["layout"], depth)
        weights = {name: self.tensor(key) for name, key in content["weights"]}
        foreign = check_factories([estimator._architecture, layout], self.allowed)
        modules = rebuild_modules(estimator, layout, weights, foreign=foreign)
        vars(estimator).update(modules)


def check_attributes(kind, attributes, reserved):
    """Raise unless attributes have names that replace no method of a class."""
    for name in attributes:
        is_name = isinstance(name, str) and name.isidentifier() and not name.startswith("__")
        if not is_name or name in reserved or callable(getattr(kind, name, None)):
            raise ValueError(f"it sets the attribute {name!r} of {kind.__name__}.")


def check_factories(values, allowed):
    """Raise if building modules would call other functions than factories.

    Parameters
    ----------
    values : list
        Parameters of the modules.

    allowed : set of str
        Names that the caller allows.

    Returns
    -------
    foreign : bool
        Whether a factory is not of this package.
    """
    foreign = False
    for part in callables_in(values):
        name = known_names().get(id(part))
        if name is None or name.startswith("copy:"):
            foreign = True
        elif not name.startswith(FACTORIES) and name not in allowed:
            raise ValueError(f"{name!r} is no part of a network.")
    return foreign
