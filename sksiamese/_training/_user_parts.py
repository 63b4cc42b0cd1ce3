"""Check user-defined parts by calling each of them once, before any training.

Errors name the parameter and its expected form. Built-in parts are called as well, as users
set their options.
"""

import copy
import inspect
from itertools import islice

import torch
from torch import nn

from .._parameters import part_attribute
from ..distances import DISTANCES, paired
from ..heads import cross
from ._lookup import bind

CLASS_ARGUMENTS = ("y", "labels", "target")
"""Names of the argument for classes in a loss here, in pytorch-metric-learning and in torch."""

FORMS = {
    "augment": "augment(items, generator) must return items of the same shape, dtype and "
    "device as its input; see sksiamese.augment.",
    "distance": "distance(A, B) must map embeddings of shapes (n, k) and (m, k) to dissimilarities "
    "of shape (n, m), non-negative and smaller for closer rows; see sksiamese.distances.",
    "head": "head(n_components) must return a module that maps two batches of embeddings of "
    "shape (n, n_components) to logits of shape (n,); see sksiamese.heads.",
    "learning_rate": "learning_rate(progress) of the share of the epochs that are over, in [0, 1), "
    "must return a factor of learning_rate_init, a finite number >= 0.",
    "optimizer": "optimizer(params, lr=...) of groups of weights must return a "
    "torch.optim.Optimizer of these groups with a method step(), such as "
    "functools.partial(torch.optim.RMSprop, alpha=0.9).",
    "loss": "loss(D, same, different) of distances and boolean masks, loss(Z, y) of embeddings "
    "and classes, with inputs='classes' or an argument named y, or loss(D, y) of distances and "
    "numbers, with inputs='numbers', must return a scalar tensor; see sksiamese.losses.",
    "miner": "miner(D, same, different) must return three tensors of equal shape (n, m): distances "
    "from D and two boolean masks; see sksiamese.mining.",
    "pair_loss": "loss(score, y, weight) of three tensors of shape (n,), or "
    "loss(score, y, weight, A, B) with inputs='embeddings', must return a scalar tensor; see "
    "sksiamese.losses.",
    "regularizer": "regularizer(Z) of embeddings, or regularizer(Z, y) of embeddings and "
    "classes, must return a scalar tensor; see sksiamese.regularizers.",
    "sampler": "sampler(y, batch_size, generator=generator) must yield the batches of one epoch, "
    "each with the numbers of rows with y >= 0; see sksiamese.batches.",
    "tower": "tower(input_shape, n_components) must return a module that maps items of shape "
    "(n, *input_shape) to embeddings of shape (n, n_components); see sksiamese.towers.",
}
"""Expected form of each part, for messages; "pair_loss" is the ``loss`` of a regressor."""


def part_error(name, problem):
    """Return an error about a part that does not have the expected form."""
    return ValueError(f"{name.removeprefix('pair_')} {problem}. {FORMS[name]}")


def call_part(name, part, *arguments, **options):
    """Call a part and return its result; raise a ValueError that names the part if it fails."""
    try:
        return part(*arguments, **options)
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise part_error(name, f"failed: {reason}") from error


def call_factory(name, factory, leading, **options):
    """Call a factory with the arguments that its signature accepts."""
    try:
        make = bind(name, factory, leading, **options)
    except ValueError as error:
        raise ValueError(f"{error} {FORMS[name]}") from error
    return call_part(name, make)


def signature_parameters(name, function):
    """Return the parameters of a function, or of the forward method of a module."""
    function = function.forward if isinstance(function, nn.Module) else function
    return call_part(name, inspect.signature, function).parameters


def declared_inputs(name, part, default):
    """Return the inputs of a loss or a regularizer.

    Parameters
    ----------
    name : {"loss", "regularizer"}
        Parameter of the estimator, for messages.

    part : callable
        Function, partial, module, or class of a module.

    default : {"pairs", "embeddings"}
        Inputs of a part that declares none and has no argument for classes.

    Returns
    -------
    inputs : {"classes", "numbers", "pairs", "embeddings"}
        Attribute ``inputs`` of the part if it has one, else "classes" if an argument is named
        ``y``, ``labels`` or ``target``.
    """
    inputs = part_attribute(part, "inputs", None)
    if inputs is None:
        target = getattr(part, "func", part)
        callee = getattr(target, "forward", target) if isinstance(target, type) else part
        names = signature_parameters(name, callee).keys()
        inputs = default if names.isdisjoint(CLASS_ARGUMENTS) else "classes"
    allowed = (default, "classes", *(["numbers"] if name == "loss" else []))
    if inputs not in allowed:
        wanted = " or ".join(map(repr, allowed))
        raise ValueError(f"{name} has inputs={inputs!r}; set it to {wanted}.")
    return inputs


def build_module(name, factory, leading, **options):
    """Return a tower or head from its factory.

    Parameters
    ----------
    name : {"head", "tower"}
        Parameter of the estimator, for messages.

    factory : callable
        User-defined or built-in factory.

    leading : dict
        Arguments by name; see :func:`~sksiamese._training._lookup.bind`.

    **options : object
        Arguments that are passed only if they are in the signature.

    Returns
    -------
    module : nn.Module
        New module.

    Raises
    ------
    ValueError
        If the factory is a module, fails, or does not return a module.
    """
    if isinstance(factory, nn.Module):
        raise ValueError(
            f"{name} is a module, which every fit would modify; pass a callable that returns a "
            "new one, for instance functools.partial(copy.deepcopy, module)."
        )
    module = call_factory(name, factory, leading, **options)
    if not isinstance(module, nn.Module):
        raise part_error(name, f"returned {describe(module)} instead of an nn.Module")
    return module


def check_scalar(name, value):
    """Raise unless a loss or regularizer has returned a finite scalar with a gradient."""
    if not (isinstance(value, torch.Tensor) and value.numel() == 1 and value.is_floating_point()):
        raise part_error(name, f"returned {describe(value)}")
    if not value.requires_grad:
        raise part_error(name, "returned a tensor without a gradient, so it cannot train the tower")
    if not value.isfinite().all():
        raise part_error(name, f"returned {value.item()} for embeddings of the untrained tower")


def check_distance(distance, Z):
    """Raise unless a distance is a dissimilarity of embeddings of shape (n, n_components)."""
    if isinstance(distance, nn.Module):
        raise ValueError(
            "distance is a module, which every fit would modify; pass a function, and move "
            "trainable weights to the tower."
        )
    few = Z[: (len(Z) + 1) // 2]
    D = call_part("distance", distance, few, Z)
    shape = (len(few), len(Z))
    if not (isinstance(D, torch.Tensor) and D.shape == shape and D.dtype == Z.dtype):
        raise part_error("distance", f"returned {describe(D)} instead of {shape} in {Z.dtype}")
    if not D.requires_grad:
        raise part_error("distance", "returned a tensor without a gradient")
    if distance in DISTANCES.values():
        return
    if not D.isfinite().all():
        raise part_error("distance", "returned NaN or infinite values")
    if D.min() < -1e-3 * D.abs().max():
        raise part_error("distance", f"returned a negative value, {D.min().item():.4g}")
    to_others = D.masked_fill(torch.eye(*shape, dtype=torch.bool, device=D.device), torch.nan)
    if D.diagonal().mean() > to_others.nanmean():
        raise part_error(
            "distance", "returned a larger value for a row and itself than for two different rows"
        )


def check_paired(distance, A, B):
    """Raise unless a distance is symmetric, and works on batches of single rows."""
    D = call_part("distance", paired, distance, A, B)
    if D.shape != (len(A),):
        raise part_error("distance", f"returned {describe(D)} for two batches of shape (n, 1, k)")
    if not nearly_equal(D, paired(distance, B, A)):
        raise part_error("distance", "changed when A and B were swapped")


def check_miner(miner, D, same, different):
    """Return the result of a miner, and raise unless it is a selection of pairs of D."""
    mined = call_part("miner", miner, D, same, different)
    if not (
        isinstance(mined, tuple | list)
        and len(mined) == 3
        and all(isinstance(part, torch.Tensor) for part in mined)
    ):
        raise part_error("miner", f"returned {describe(mined)}")
    distances, *masks = mined
    if distances.ndim != 2 or any(mask.shape != distances.shape for mask in masks):
        raise part_error("miner", f"returned tensors of shapes {[tuple(x.shape) for x in mined]}")
    if distances.dtype != D.dtype or any(mask.dtype != torch.bool for mask in masks):
        raise part_error("miner", f"returned tensors of {', '.join(str(x.dtype) for x in mined)}")
    if distances.numel() and not distances.requires_grad:
        raise part_error("miner", "returned distances without a gradient")
    if (masks[0] & masks[1]).any():
        raise part_error("miner", "returned a pair that is in both masks")
    return mined


def check_order(cost, Z, distance):
    """Raise unless a loss of pairs is lower if the rows of each class are close.

    Parameters
    ----------
    cost : callable
        Function that maps embeddings and classes to the loss.

    Z : Tensor of shape (n, n_components)
        Embeddings; only the two most distant ones are used.

    distance : callable
        Distance between embeddings.
    """
    one, other = divmod(distance(Z, Z).argmax().item(), len(Z))
    half = max(2, len(Z) // 2)
    y = torch.arange(2 * half, device=Z.device) // half
    close = cost(Z[[one] * half + [other] * half], y)
    apart = cost(Z[[one, other] * half], y)
    if close > apart:
        raise part_error(
            "loss",
            f"is {close.item():.4g} if the rows of each class are close, but {apart.item():.4g} if "
            "they are far apart, so that training would not bring them closer",
        )


def check_head(head, A, B, margin):
    """Raise unless a head maps two batches of embeddings to logits, symmetrically."""
    head = copy.deepcopy(head).train()
    logit = call_part("head", head, A, B)
    if not (isinstance(logit, torch.Tensor) and logit.shape == (len(A),)):
        raise ValueError(
            f"head must map two batches of shape {tuple(A.shape)} to logits of shape "
            f"({len(A)},), but returned {describe(logit)}; change its last layer."
        )
    if logit.dtype != A.dtype:
        raise part_error("head", f"returned logits in {logit.dtype} for embeddings in {A.dtype}")
    if not logit.isfinite().all():
        raise part_error("head", "returned NaN or infinite logits before any training")
    trains_tower = (
        logit.requires_grad
        and torch.autograd.grad(logit.sum(), A, allow_unused=True)[0] is not None
    )
    if margin is None and not trains_tower:
        raise ValueError(
            "head passes no gradient to the tower, and with margin=None no other loss trains the "
            "tower; set a margin or choose another head."
        )
    head.eval()
    if not nearly_equal(head(A, B), head(B, A)):
        raise part_error(
            "head",
            "returned different logits for swapped items; compute them from "
            "(A - B).abs() and A * B, for instance",
        )
    if hasattr(head, "cross") and not nearly_equal(cross(head, A, B).diagonal(), head(A, B)):
        raise part_error(
            "head", "returned other logits in its method cross than for the same pairs"
        )


def draw_batches(sampler, y, batch_size, generator):
    """Return the batches of one epoch as a list of tensors of row numbers.

    Parameters
    ----------
    sampler : callable
        Sampler of batches; see :mod:`sksiamese.batches`.

    y : Tensor of int64 of shape (n_rows,)
        Classes; rows of class -1 must not be drawn.

    batch_size : int
        Maximum size of a batch.

    generator : torch.Generator
        Random number generator.

    Returns
    -------
    batches : list of Tensor of int64
        At least one batch; no batch is empty.
    """
    most = 1000 + 10 * len(y)
    drawn = call_part(
        "sampler",
        lambda: list(islice(sampler(y, batch_size, generator=generator), most)),
    )
    if not 0 < len(drawn) < most:
        n_drawn = "no batch" if not drawn else f"{most} batches or more"
        raise part_error("sampler", f"yielded {n_drawn} for an epoch of {len(y)} rows")
    batches = [as_row_numbers(batch) for batch in drawn]
    rows = torch.cat(batches)
    if rows.min() < 0 or rows.max() >= len(y):
        raise part_error(
            "sampler",
            f"yielded row numbers from {rows.min()} to {rows.max()}, but X has {len(y)} rows",
        )
    if (y[rows] < 0).any():
        raise part_error(
            "sampler",
            f"yielded rows such as {rows[y[rows] < 0][:5].tolist()}, which are held out or "
            "unlabeled",
        )
    return batches


def as_row_numbers(batch):
    """Return a batch of row numbers as a tensor of int64 on the CPU."""
    rows = call_part("sampler", torch.as_tensor, batch)
    if rows.ndim != 1 or not rows.numel():
        raise part_error("sampler", f"yielded {describe(batch)} instead of a batch of row numbers")
    if rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool:
        raise part_error("sampler", f"yielded {rows.dtype} instead of integers")
    return rows.to("cpu", torch.int64)


def augment_items(items, generator, *, augment, input_shape):
    """Return items of shape (n, n_features) after augmentation, if there is one.

    Parameters
    ----------
    items : Tensor of shape (n, n_features)
        Items.

    generator : torch.Generator
        Random number generator.

    augment : callable or None
        Function that changes items; None for no augmentation.

    input_shape : tuple of int or None
        Shape of an item for ``augment``.

    Returns
    -------
    changed : Tensor of shape (n, n_features)
        Augmented items.
    """
    if augment is None:
        return items
    shaped = items.unflatten(1, items.shape[1:] if input_shape is None else tuple(input_shape))
    changed = call_part("augment", augment, shaped, generator)
    if not isinstance(changed, torch.Tensor) or changed.shape != shaped.shape:
        raise ValueError(
            f"augment must return items of the shape of its input, {tuple(shaped.shape)}, but "
            f"returned {describe(changed)}."
        )
    if changed.dtype != shaped.dtype or changed.device != shaped.device:
        raise part_error("augment", f"returned {changed.dtype} on {changed.device}")
    return changed.flatten(1)


def check_augment(augment, items, generator):
    """Raise if an augmentation returns NaN or infinite values for finite items."""
    changed = copy.deepcopy(augment)(items, generator)
    if items.isfinite().all() and not changed.isfinite().all():
        raise part_error("augment", "returned NaN or infinite values for finite items")


def nearly_equal(one, other):
    """Return whether two tensors are equal up to rounding."""
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5 * (1 + one.detach().abs().max().item()))


def describe(value):
    """Return the shape and dtype of a tensor, or the type of another value."""
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} in {value.dtype}"
    return type(value).__name__
