"""Where scikit-learn and torch meet: what both siamese estimators have in common."""

import copy
import os
from functools import partial
from inspect import Parameter
from math import prod
from numbers import Integral, Real

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state, check_X_y
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data
from torch import nn

from ._arrays import (
    COMPACT_DTYPES,
    DTYPES,
    RandomStream,
    as_tensor,
    find_device,
    floating,
    global_generator,
    standardization,
)
from ._checks import Interval, as_rows, errors_named
from ._distributed import agreed, check_same, rank, share, whole
from ._engine import train
from ._labels import alike, kind_of
from ._parameters import check_shape
from ._rows import Rows, check_not_empty, checked, is_source
from ._run import Run, bind, named
from ._user_parts import build_module, call, parameters_of
from .distances import DISTANCES
from .towers import TOWERS, ToType, UnitLength

ROWS_WANTED = "must hold rows of real numbers, one row for each sample"
"""What is said of rows that scikit-learn refuses."""


class BaseSiamese(CallbackSupportMixin, BaseEstimator):
    """Parameters and training that embedder and verifier share."""

    _doc_link_module = "sksiamese"
    _doc_link_template = (
        "https://sksiamese.readthedocs.io/en/stable/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    _parts = ("tower",)
    """Names of the modules that are trained; fitted attributes with an underscore."""

    _architecture_names = (
        "n_components",
        "tower",
        "depth",
        "width",
        "input_shape",
        "dropout",
        "precision",
    )
    """Parameters that a fitted module cannot change any more."""

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "tower": [StrOptions(set(TOWERS)), callable],
        "depth": [Interval(Integral, 1, 1000, closed="both")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "input_shape": [tuple, list, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "augment": [callable, None],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "distance": [StrOptions(set(DISTANCES)), callable],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "device": [str],
        "precision": [StrOptions({"bfloat16", "float32"}), None],
        "verbose": ["verbose"],
    }

    def _encode(self, y, *, resume=False):
        """The classes of y, and y as numbers of classes."""
        axis = 0 if y.ndim > 1 else None
        classes, codes = np.unique(y, return_inverse=True, axis=axis)
        # Every class twice: scikit-learn warns of classes of few rows, which are usual here.
        check_classification_targets(y if y.ndim > 1 else classes.repeat(2))
        if len(classes) < 2:
            raise ValueError(
                "y has 1 class, so there is nothing to tell apart; pass data of two classes at "
                "least."
            )
        if resume and not same_classes(classes, self.classes_):
            raise ValueError(
                "warm_start=True continues with the classes of the first fit, but y has others; "
                "set warm_start=False to start anew."
            )
        return (self.classes_ if resume else classes), codes

    def _train(self, task, *, resume, incremental=False):
        """Train a new module, or the fitted one on, and only then set fitted attributes."""
        if isinstance(self.distance, nn.Module):
            raise ValueError(
                "distance is a module, which every fit would train on; pass a function, and give "
                "weights that are to be learned to the tower."
            )
        check_same("y", task.y)
        random_state = agreed(check_random_state(self.random_state))
        seed = random_state.randint(np.iinfo(np.int32).max)
        device = find_device(self.device)
        if resume:
            seed = int(np.random.SeedSequence([seed, self.n_iter_]).generate_state(1)[0])
        rows, held_out = (task.split or self._split)(task.y, random_state)
        max_iter = 1 if incremental else self.max_iter
        past = self.history_ if resume else {}
        momenta = self._momenta if resume and incremental else {}
        drawing = RandomStream(seed + rank(), device).drawing
        with torch.inference_mode(False), torch.enable_grad():
            with drawing():
                module = self._resumed() if resume else task.build(rows)
            check_same("X", *(buffer.numpy() for buffer in module["tower"][0].buffers()))
            module = agreed(module)
            optimizer = self._optimizer(module.to(device), momenta)
            task.check(module, rows)
            run = Run(
                self, module, task, rows, held_out, max_iter=max_iter, past=past, drawing=drawing
            )
            epochs = run.announce(self._epochs(task, rows, optimizer, max_iter, seed))
            loss = task.loss_on(device)
            train(module, epochs, loss, optimizer, on_epoch_end=run.end_epoch, drawing=drawing)
            run.end()
        vars(self).update(run.attributes(agreed(module.cpu().eval())))
        self._momenta = momenta_of(optimizer) if incremental and not run.diverged else momenta
        return self

    def _optimizer(self, module, momenta):
        """AdamW for the weights of a module, with what it remembers of former steps."""
        if not any(weight.requires_grad for weight in module["tower"].parameters()):
            raise ValueError("tower has no weights, so nothing can be trained; pass another.")
        optimizer = torch.optim.AdamW(
            parameter_groups(module),
            lr=self.learning_rate_init,
            weight_decay=self.weight_decay,
            fused=True,
        )
        settings = optimizer.state_dict()["param_groups"]
        memory = {"state": copy.deepcopy(momenta), "param_groups": settings}
        optimizer.load_state_dict(memory)
        return optimizer

    def _epochs(self, task, rows, optimizer, max_iter, seed):
        """The batches of each epoch; the learning rate falls linearly towards zero."""
        generator = torch.Generator().manual_seed(seed)
        for epoch in range(max_iter):
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate_init * group["factor"] * (1 - epoch / max_iter)
            yield task.batches(rows, epoch, generator)

    def _resumed(self):
        """A copy of the fitted module, so that a failed fit leaves the estimator as it was."""
        for name, value in self._architecture_parameters().items():
            if comparable(value) != comparable(self._architecture[name]):
                raise ValueError(
                    f"{name} has changed from {self._architecture[name]!r} to {value!r} since the "
                    "tower was built; set warm_start=False and call fit to build a new one."
                )
        parts = {name: getattr(self, f"{name}_") for name in self._parts}
        return copy.deepcopy(nn.ModuleDict(parts))

    def _architecture_parameters(self):
        return {name: getattr(self, name) for name in self._architecture_names}

    def _split(self, y, random_state):
        """Rows for training and, with early stopping, for validation."""
        rows = np.flatnonzero(y >= 0)
        if not self.early_stopping:
            return rows, None
        y = y[rows]
        n_held_out = int(np.ceil(self.validation_fraction * len(y)))
        n_classes = len(np.unique(y))
        if n_held_out < n_classes or len(y) - n_held_out < n_classes:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out {n_held_out} of "
                f"{len(y)} rows, but training and validation each need a row of all "
                f"{n_classes} classes; change validation_fraction or set early_stopping=False."
            )
        return train_test_split(rows, test_size=n_held_out, stratify=y, random_state=random_state)

    def _checks(self, X):
        """What X must be, for scikit-learn's validation."""
        finite = "allow-nan" if self._allows_nan() else True
        return {
            "dtype": [fallback_dtype(X), *(DTYPES if issparse(X) else COMPACT_DTYPES)],
            "order": "C",
            "accept_sparse": "csr",
            "ensure_all_finite": finite,
        }

    def _check(self, X, *y, reset, **options):
        """Rows, and labels if there are any, as scikit-learn validates them.

        Rows that are read from elsewhere are checked each time that they are read; here an
        array of zeros of as many rows stands for them.
        """
        if not is_source(X):
            X = as_rows(X, "X")
            with errors_named("X", ROWS_WANTED, "y"):
                found = validate_data(self, X, *y, reset=reset, **self._checks(X), **options)
            self._check_not_empty(found[0] if y else found)
            return found
        validate_data(self, X, *y, reset=reset, skip_check_array=True)
        refuse = self._check_not_empty
        rows = checked(Rows(X), refuse=refuse, input_name="X", estimator=self, **self._checks(X))
        zeros = np.zeros((X.shape[0], min(1, X.shape[1])), np.uint8)
        if y:
            return rows, check_X_y(zeros, *y, estimator=self, **options)[1]
        check_array(zeros, estimator=self, **options)
        return rows

    def _check_not_empty(self, X, **options):
        """Raise if rows for a tower that allows NaN hold nothing else."""
        if self._allows_nan():
            by_step = self._of_tower("shared_axes", None) is not None
            check_not_empty(X, self._item_shape(X), by_step=by_step, **options)

    def _allows_nan(self):
        """Whether the tower takes NaN for what is not there."""
        return self._of_tower("allow_nan", False)

    def _of_tower(self, name, default):
        """What a tower factory says of itself."""
        factory = TOWERS.get(self.tower) if isinstance(self.tower, str) else self.tower
        return getattr(getattr(factory, "func", factory), name, default)

    def _standardization(self, *parts, **options):
        """The layer that standardises items as the tower wants them."""
        shape = self._item_shape(parts[0])
        axes = self._of_tower("shared_axes", None)
        return standardization(*parts, shape=shape, shared_axes=axes, **options)

    def _item_shape(self, X):
        """Shape of an item, whose values are the columns of X."""
        if self.input_shape is None:
            return (X.shape[1],)
        shape = check_shape("input_shape", self.input_shape)
        if prod(shape) != X.shape[1]:
            raise ValueError(
                f"input_shape={shape} has {prod(shape)} values, but an item of X has "
                f"{X.shape[1]} features; pass the shape of one item."
            )
        return shape

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._allows_nan()
        return tags

    def _new_tower(self, X, standardize, *, unit_length=False):
        """Build the tower for rows like those of X and try it on them."""
        shape = self._item_shape(X)
        body = self._new_body(shape, self._item_names())
        dtype = floating(X.dtype) if self.precision is None else np.float32
        tower = nn.Sequential(standardize, nn.Unflatten(1, shape), body)
        Z = call("tower", try_on, tower, X, torch.from_numpy(np.empty(0, dtype)).dtype)
        if not isinstance(Z, torch.Tensor) or Z.shape != (X.shape[0], self.n_components):
            got = tuple(Z.shape) if isinstance(Z, torch.Tensor) else type(Z).__name__
            raise ValueError(
                f"tower must map {(X.shape[0], *shape)} to {(X.shape[0], self.n_components)}, but "
                f"gave {got}; change its last layer or n_components."
            )
        if not Z.is_floating_point():
            raise ValueError(
                f"tower must give real floating-point numbers, but gave {Z.dtype}; change its last "
                "layer, for instance to torch.view_as_real(Z).flatten(1) for complex numbers."
            )
        if not Z.isfinite().all():
            raise ValueError(
                "tower gave NaN or infinite values before any training; check its initial "
                "weights, and layers that divide or take logarithms."
            )
        if Z.dtype != standardize.output.dtype:
            tower.append(ToType(standardize.output.dtype))
        if unit_length:
            tower.append(UnitLength())
        return tower

    def _new_body(self, shape, feature_names):
        """Call the tower factory."""
        factory = named(TOWERS, self.tower)
        leading = {"input_shape": shape, "n_components": self.n_components}
        options = {**self._sizes(), "dropout": self.dropout, "feature_names": feature_names}
        if isinstance(self.tower, str):
            if fits_in_memory(factory, {**leading, **options}):
                return bind("tower", factory, leading, **options)()
            raise ValueError(
                f"tower={self.tower!r} with depth={self.depth}, width={self.width} and "
                f"n_components={self.n_components} would need more memory than there is; lower "
                "them."
            )
        body = build_module("tower", factory, leading, **options)
        for name, weight in (*body.named_parameters(), *body.named_buffers()):
            if weight.is_complex():
                raise ValueError(
                    f"tower has complex weights, {name!r} among them, which are not supported; "
                    "keep them as torch.view_as_real(weight), and call torch.view_as_complex "
                    "within forward."
                )
        return body

    def _item_names(self):
        """Return the names of the columns of an item, or None."""
        return getattr(self, "feature_names_in_", None)

    def _sizes(self):
        """Depth and width, without those that are left to the tower."""
        sizes = {"depth": self.depth, "width": self.width}
        parameters = parameters_of("tower", named(TOWERS, self.tower))
        for name, size in sizes.items():
            required = name in parameters and parameters[name].default is Parameter.empty
            if size is None and required:
                raise ValueError(
                    f"{name}=None leaves it to the tower, which has no default for it; set {name}."
                )
        return {name: size for name, size in sizes.items() if size is not None}

    def _embed_for_training(self, tower, items, rows, augment):
        """Embed the rows of a batch, augmented, in the precision that training asks for."""
        items = tower[0].to_float(items[rows[share(rows)]])
        items = augment(items, global_generator(items.device))
        reduced = self.precision == "bfloat16"
        with torch.autocast(items.device.type, torch.bfloat16, enabled=reduced):
            return whole(tower(items).to(tower[0].output.dtype), rows)


def has_no_validation_split(estimator):
    """Whether an estimator can be fitted in parts."""
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit sees one chunk at a time and has no validation split; set "
            "early_stopping=False."
        )
    return True


def fallback_dtype(X):
    """What values of a dtype that is not kept are converted to: float64 if they may need it.

    They may if they are of that size, or if their dtype shows only when they are read.
    """
    dtype = getattr(X, "dtype", None)
    short = getattr(dtype, "kind", "f") in "bui" or getattr(dtype, "itemsize", 8) < 8
    return np.float32 if short else np.float64


def same_classes(classes, known):
    """Return whether two arrays of classes are equal, compared without rounding."""
    if classes.ndim != 1 or known.ndim != 1:
        return np.array_equal(classes, known)
    return kind_of(classes) == kind_of(known) and np.array_equal(
        *alike(classes, known, "y", "classes_")
    )


def comparable(value):
    """What makes two values of a parameter the same."""
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    return tuple(value) if isinstance(value, list) else value


def parameter_groups(module):
    """Weights to train, in groups by the factor of their learning rate."""
    factor_of = dict.fromkeys(module.parameters(), 1.0)
    for part in module.modules():
        if hasattr(part, "learning_rate_factor"):
            factor_of.update(dict.fromkeys(part.parameters(), part.learning_rate_factor))
    groups = {}
    for weight, factor in factor_of.items():
        if weight.requires_grad:
            groups.setdefault(factor, []).append(weight)
    return [{"params": weights, "factor": factor} for factor, weights in groups.items()]


def fits_in_memory(factory, options):
    """Return whether weights, gradients and moments of a named tower fit into the memory.

    The tower is built on torch's device "meta", which allocates nothing and draws nothing.
    """
    if not hasattr(os, "sysconf"):  # Windows does not report the size of its memory.
        return True
    try:
        with torch.device("meta"):
            weights = bind("tower", factory, {}, **options)().parameters()
        n_bytes = 4 * sum(weight.nbytes for weight in weights)
    except (OverflowError, RuntimeError, TypeError):  # The sizes overflow.
        return False
    return n_bytes < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def try_on(tower, X, dtype):
    """Convert a new tower to the dtype of the computation, and return what it makes of X.

    Weights of less precision keep their types, with items in float32, if the tower takes
    these; otherwise all are converted.
    """
    standardize, *_, body = tower
    standardize.output = standardize.output.to(dtype)
    weights = [*body.parameters(), *body.buffers()]
    reduced = any(w.is_floating_point() and w.dtype.itemsize < 4 for w in weights)
    if reduced:
        standardize.output = standardize.output.to(torch.float32)
    if not standardize.wide:
        standardize.to(standardize.output.dtype)
    tower.eval()
    with torch.no_grad():
        items = as_tensor(X, standardize)
        if reduced:
            try:
                return tower(items)
            except RuntimeError:  # Torch multiplies no matrices of different types.
                pass
        body.to(standardize.output.dtype)
        return call("tower", tower, items)


def momenta_of(optimizer):
    """What an optimizer remembers of former steps, on the CPU."""
    return {
        parameter: {name: value.detach().cpu().clone() for name, value in memory.items()}
        for parameter, memory in optimizer.state_dict()["state"].items()
    }
