"""Build towers from parameters, and embed batches during training."""

import os
from inspect import Parameter
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse
from torch import nn

from .._combined import Combined
from .._data._device import global_generator
from .._data._items import as_tensor, float_dtype
from .._data._standardization import fit_standardize
from .._distributed import gather_embeddings, shard_slice
from .._parameters import check_shape, part_attribute
from ..heads import HEADS
from ..losses import LOSSES
from ..towers import TOWERS, ToType, UnitLength
from ..towers._hidden import row_weights
from ._lookup import bind, comparison_key, resolve
from ._scaling import scaling_blocks
from ._user_parts import build_module, call_part, signature_parameters

MIN_COMPONENTS = 32
"""Minimum size of an embedding that has principal components of items by default."""

CHANGEABLE = ("learning_rate_factor",)
"""Arguments of a tower factory that may change for a fitted tower."""

SIZES = ("depth", "width")
"""Parameters of an estimator that are sizes of its tower."""

UNSET = {"activation": None, "normalization": None, "shortcuts": False}
"""Parameters of an estimator that only some towers have, and their defaults."""


class TowerSpec(NamedTuple):
    """Parameters of an estimator that define its tower."""

    tower: object
    """Name or factory."""

    n_components: int
    """Number of learned components."""

    n_plain: int
    """Number of principal components of items, which come before."""

    learned_weight: float | str
    """Weight of the learned components, or "auto"."""

    options: dict
    """Optional arguments of the tower, without those left to its defaults."""

    item_shape: tuple
    """Shape of one item."""

    scaling: str | None
    """Parameter ``scaling``."""

    dtype: torch.dtype
    """Dtype of the computation."""

    @classmethod
    def of(cls, estimator, X, feature_names, *, single_label=True):
        """Return the spec of an estimator for items like the rows of X.

        By default, items with several labels are not combined with principal components.
        """
        dtype = float_dtype(X.dtype) if estimator.precision is None else np.float32
        n_plain = n_plain_components(estimator, X.shape[1], single_label=single_label)
        return cls(
            estimator.tower,
            estimator.n_components - n_plain,
            n_plain,
            getattr(estimator, "learned_weight", 1.0),
            tower_options(estimator, feature_names),
            item_shape(estimator.input_shape, X.shape[1]),
            estimator.scaling,
            torch.from_numpy(np.empty(0, dtype)).dtype,
        )


def is_built_in(choice, table):
    """Return whether a part is a name or an entry of a table, possibly in a partial."""
    return isinstance(choice, str) or getattr(choice, "func", choice) in table.values()


def n_plain_components(estimator, n_features, *, single_label):
    """Return the number of principal components of items to combine with an embedding."""
    weight, n_components = getattr(estimator, "learned_weight", 1.0), estimator.n_components
    is_default = (
        single_label
        and n_components >= MIN_COMPONENTS
        and tower_attribute(estimator.tower, "plain_items", False)
        and isinstance(estimator.distance, str)
        and is_built_in(getattr(estimator, "loss", "triplet"), LOSSES)
        and is_built_in(getattr(estimator, "head", "distance"), HEADS)
    )
    if weight == 1 or (weight == "auto" and not is_default):
        return 0
    return min(n_components // 2, n_features)


def tower_options(estimator, feature_names):
    """Return optional arguments of a tower, without those left to its defaults.

    Parameters
    ----------
    estimator : estimator instance
        Its parameters are the options; None is the default of the tower.

    feature_names : ndarray of shape (n_features,) or None
        Names of the columns of an item.

    Returns
    -------
    options : dict
        Options by name.

    Raises
    ------
    ValueError
        If an option is None and the tower has no default, or the tower cannot receive an option.
    """
    tower = resolve(TOWERS, estimator.tower)
    parameters = signature_parameters("tower", tower)
    options = {name: getattr(estimator, name) for name in (*SIZES, *UNSET)}
    options["shortcuts"] = bool(options["shortcuts"])  # It may be a boolean of NumPy.
    for name, value in options.items():
        required = name in parameters and parameters[name].default is Parameter.empty
        if value is None and required:
            raise ValueError(
                f"{name}=None uses the default of the tower, but this tower has none; set {name}."
            )
    free = parameters.keys() - getattr(tower, "keywords", {}).keys()
    for name, unset in UNSET.items():
        if options[name] not in (unset, None) and name not in free:
            raise ValueError(
                f"{name}={options[name]!r} has no effect, as the signature of this tower has no "
                f"argument {name!r}, or functools.partial has bound it; set {name}={unset!r}."
            )
    options = {name: value for name, value in options.items() if value is not None}
    return options | {"dropout": estimator.dropout, "feature_names": feature_names}


def item_shape(input_shape, n_features):
    """Return the shape of an item, and raise unless it has ``n_features`` values."""
    if input_shape is None:
        return (n_features,)
    shape = check_shape("input_shape", input_shape)
    if prod(shape) != n_features:
        raise ValueError(
            f"input_shape={shape} has {prod(shape)} values, but an item of X has {n_features} "
            "features; pass the shape of one item."
        )
    return shape


def tower_attribute(tower, name, default):
    """Return an attribute of a tower factory, such as ``allow_nan``."""
    factory = TOWERS.get(tower) if isinstance(tower, str) else tower
    return part_attribute(factory, name, default)


def new_standardize(spec, body, *parts, **options):
    """Return a layer that standardizes items for a network, fitted to all parts."""
    factory, sparse = resolve(TOWERS, spec.tower), issparse(parts[0])
    blocks = scaling_blocks(spec.scaling, factory, body, spec.item_shape, sparse=sparse)
    return fit_standardize(*parts, blocks=blocks, **options)


def build_tower(spec, body, X, standardize, *, unit_length=False):
    """Build a tower of a network, and raise unless it maps some rows to finite embeddings."""
    tower = nn.Sequential(standardize, nn.Unflatten(1, spec.item_shape), body)
    Z = call_part("tower", convert_and_embed, tower, X, spec.dtype)
    expected = (X.shape[0], spec.n_components)
    if not isinstance(Z, torch.Tensor) or Z.shape != expected:
        got = tuple(Z.shape) if isinstance(Z, torch.Tensor) else type(Z).__name__
        raise ValueError(
            f"tower must map {(X.shape[0], *spec.item_shape)} to {expected}, but returned {got}; "
            "change its last layer or n_components."
        )
    if not Z.is_floating_point():
        raise ValueError(
            f"tower must return real floating-point numbers, but returned {Z.dtype}; change its "
            "last layer, for instance to torch.view_as_real(Z).flatten(1) for complex numbers."
        )
    if not Z.isfinite().all():
        raise ValueError(
            "tower returned NaN or infinite values before any training; check its initial "
            "weights, and layers that divide or take logarithms."
        )
    if Z.dtype != standardize.output.dtype:
        tower.append(ToType(standardize.output.dtype))
    if unit_length:
        tower.append(UnitLength())
    return tower


def build_body(spec):
    """Return the network of a tower from its factory."""
    factory = resolve(TOWERS, spec.tower)
    leading = {"input_shape": spec.item_shape, "n_components": spec.n_components}
    if isinstance(spec.tower, str):
        if fits_in_memory(factory, {**leading, **spec.options}):
            return bind("tower", factory, leading, **spec.options)()
        sizes = ", ".join(f"{name}={spec.options[name]}" for name in SIZES if name in spec.options)
        raise ValueError(
            f"tower={spec.tower!r} with {sizes} and n_components={spec.n_components} would need "
            "more memory than available; lower them."
        )
    body = build_module("tower", factory, leading, **spec.options)
    for part in body.modules():
        if isinstance(part, nn.Embedding | nn.EmbeddingBag):
            part.register_forward_pre_hook(codes_to_integers)
    for name, weight in (*body.named_parameters(), *body.named_buffers()):
        if weight.is_complex():
            raise ValueError(
                f"tower has complex weights, {name!r} among them, which are not supported; "
                "keep them as torch.view_as_real(weight), and call torch.view_as_complex "
                "within forward."
            )
    return body


def codes_to_integers(layer, arguments):
    """Convert the codes of an embedding layer, which are floats in items, to integers."""
    codes, *others = arguments
    return (codes if codes.dtype == torch.int32 else codes.long(), *others)


def fits_in_memory(factory, options):
    """Return whether weights, gradients and optimizer moments of a built-in tower fit in memory.

    The tower is built on the device "meta" of PyTorch, without memory and random numbers.
    """
    if not hasattr(os, "sysconf"):  # Windows does not report its memory size.
        return True
    try:
        with torch.device("meta"):
            weights = bind("tower", factory, {}, **options)().parameters()
        n_bytes = 4 * sum(weight.nbytes for weight in weights)
    except (OverflowError, RuntimeError, TypeError):  # The sizes overflow.
        return False
    return n_bytes < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def convert_and_embed(tower, X, dtype):
    """Convert a new tower to the dtype of the computation, and return its embeddings of X.

    Weights of lower precision keep their dtypes if the tower accepts float32 items; otherwise
    all weights are converted.
    """
    standardize, *_, body = tower
    standardize.output = standardize.output.to(dtype)
    weights = [*body.parameters(), *body.buffers()]
    is_reduced = any(w.is_floating_point() and w.dtype.itemsize < 4 for w in weights)
    if is_reduced:
        standardize.output = standardize.output.to(torch.float32)
    if not standardize.wide:
        standardize.to(standardize.output.dtype)
    tower.eval()
    with torch.no_grad():
        items = as_tensor(X, standardize)
        if is_reduced:
            try:
                return tower(items)
            except RuntimeError:  # PyTorch cannot multiply matrices of different dtypes.
                pass
        body.to(standardize.output.dtype)
        return tower(items)


def update_learning_rate_factors(tower, spec, previous):
    """Set the learning rate factors of a fitted tower to those of its factory.

    Parameters
    ----------
    tower : nn.Sequential
        Fitted tower.

    spec : TowerSpec
        Parameters of the tower; the factory may differ from the previous one in
        ``learning_rate_factor``.

    previous : object
        Name or factory that built the tower.

    Returns
    -------
    changed : bool
        Whether the factory differs.
    """
    if comparison_key(spec.tower) == comparison_key(previous):
        return False
    body = tower[1].learned[1] if isinstance(tower[1], Combined) else tower[2]
    new = build_body(spec)
    for part, fitted in zip(new.modules(), body.modules(), strict=True):
        if hasattr(part, "learning_rate_factor"):
            fitted.learning_rate_factor = part.learning_rate_factor
    for weight, fitted in zip(new.parameters(), body.parameters(), strict=True):
        fitted.requires_grad_(weight.requires_grad)
    items = np.zeros((2, len(tower[0].mean)), np.float32)
    call_part("tower", convert_and_embed, tower, items, tower[0].output.dtype)
    return True


def embed_batch(tower, items, rows, *, augment, precision, weight=None):
    """Augment and embed the rows of a batch, in the precision of the training.

    The weights of the rows, by default equal, are used by batch normalization.
    """
    own = shard_slice(rows)
    batch = tower[0].to_float(items[rows[own]])
    batch = augment(batch, global_generator(batch.device))
    is_reduced = precision == "bfloat16"
    with (
        torch.autocast(batch.device.type, torch.bfloat16, enabled=is_reduced),
        row_weights(None if weight is None else weight[own]),
    ):
        return gather_embeddings(tower(batch).to(tower[0].output.dtype), rows)
