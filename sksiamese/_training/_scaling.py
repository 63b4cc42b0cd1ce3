"""Choose how the items of a tower are scaled."""

from math import prod
from numbers import Integral

import numpy as np
from torch import nn

from .._data._standardization import Block
from .._parameters import part_attribute
from ..towers._composed import Fusion


def scaling_blocks(scaling, factory, body, shape, *, sparse):
    """Return the blocks of columns with a rule of their own for mean and scale.

    Parameters
    ----------
    scaling : {"auto", "columns", "shared"} or None
        Parameter of the estimator.

    factory : callable
        Factory of the tower.

    body : nn.Module
        Tower that the factory has returned.

    shape : tuple of int
        Shape of one item.

    sparse : bool
        Whether the items are sparse.

    Returns
    -------
    blocks : list of Block
        Blocks for :func:`~sksiamese._data._standardization.fit_standardize`.

    Raises
    ------
    ValueError
        If a tower declares an unknown scaling, or if cues scale the same column differently.
    """
    own = part_attribute(factory, "scaling", "auto")
    cues = [(slice(None), own, body, shape)]
    if isinstance(body, Fusion) and own == "auto":
        cues = [(columns, *cue, (len(columns),)) for columns, *cue in body.cues()]
    blocks = [
        Block(columns, size, scaling_axes(scaling, rule, part, size))
        for columns, rule, part, size in cues
    ]
    check_overlap(blocks, prod(shape))
    if sparse and scaling != "columns":
        return [block for block in blocks if block.axes is None]
    return blocks


def scaling_axes(scaling, rule, body, shape):
    """Return the axes of an item that share a mean and scale, () or None as in Block.

    Parameters
    ----------
    scaling : {"auto", "columns", "shared"} or None
        Parameter of the estimator.

    rule : {"auto", "columns", "shared"}, tuple of int or None
        Scaling that the tower declares.

    body : nn.Module
        Tower.

    shape : tuple of int
        Shape of one item of the tower.

    Returns
    -------
    axes : tuple of int or None
        Negative axes.
    """
    check_declared(rule)
    chosen = rule if scaling == "auto" else scaling
    if chosen == "auto":
        chosen = None if reads_codes(body) else "shared" if len(shape) > 2 else "columns"
    if chosen is None:
        return None
    if chosen == "columns":
        return ()
    axes = rule if isinstance(rule, tuple) else default_axes(shape)
    axes = tuple(axis for axis in axes if -axis <= len(shape))
    return (-1,) if chosen == "shared" and not axes else axes


def default_axes(shape):
    """Return the axes of time or space; the first of three or more axes holds the channels."""
    return tuple(range(-len(shape) + (len(shape) > 2), 0))


def reads_codes(body):
    """Return whether the first layer with weights of a tower looks up codes."""
    weighted = (
        part for part in body.modules() if next(part.parameters(recurse=False), None) is not None
    )
    return isinstance(next(weighted, None), nn.Embedding | nn.EmbeddingBag)


def check_declared(rule):
    """Raise unless a tower declares a scaling that exists."""
    if isinstance(rule, tuple):
        valid = all(isinstance(axis, Integral) and axis < 0 for axis in rule) and rule
    else:
        valid = rule is None or (isinstance(rule, str) and rule in ("auto", "columns", "shared"))
    if not valid:
        raise ValueError(
            f"tower declares scaling={rule!r}; set this attribute to 'auto', 'columns', 'shared', "
            "None, or a tuple of negative axes of input_shape."
        )


def check_overlap(blocks, n_features):
    """Raise if a column is in two blocks of different rules."""
    rule = np.full(n_features, -1)
    for number, block in enumerate(blocks):
        own = number if block.axes else -2 if block.axes is None else -3
        other = rule[block.columns]
        if ((other != -1) & (other != own)).any():
            raise ValueError(
                "tower has cues that share columns but scale them differently; set "
                "scaling='columns' or scaling=None."
            )
        rule[block.columns] = own
