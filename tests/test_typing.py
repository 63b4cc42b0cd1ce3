"""Test that public signatures have types, which agree with the docstrings."""

import inspect
import pydoc
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpydoc.docscrape import ClassDoc, FunctionDoc

import sksiamese
from tests.test_docs import reference
from tests.typing import use

PLAIN = {"bool": bool, "dict": dict, "float": float, "int": int, "str": str}


def public_functions():
    """Return the functions of all public names defined here, and their docstrings, by name."""
    found = {}
    for name in reference.documented_here():
        item = pydoc.locate(name)
        if not inspect.isclass(item):
            function = inspect.unwrap(getattr(item, "fget", None) or item)
            found[name] = function, FunctionDoc(function)
        elif "__init__" in vars(item):
            found[name] = inspect.unwrap(item.__init__), ClassDoc(item)
    return found


FUNCTIONS = public_functions()


def parameters(function):
    """Return the parameters of a function by name, without self and cls."""
    found = dict(inspect.signature(function).parameters)
    return {name: one for name, one in found.items() if name not in ("self", "cls")}


def documented_types(doc):
    """Return the documented type of each parameter by name."""
    pairs = [(one.name, one.type) for one in doc["Parameters"]]
    return {name.strip(" *"): kind for names, kind in pairs for name in names.split(",")}


def allows_none(annotation):
    """Return whether an annotation includes None or any value."""
    return bool(re.search(r"\b(None|NoneType|Optional|Any)\b", str(annotation)))


def test_the_package_declares_that_it_has_types():
    assert (Path(sksiamese.__file__).parent / "py.typed").exists()


def test_every_public_signature_has_types():
    assert len(FUNCTIONS) > 200
    lacking = [
        f"{name}({parameter})"
        for name, (function, _) in FUNCTIONS.items()
        for parameter, one in parameters(function).items()
        if one.annotation is inspect.Parameter.empty
    ]
    lacking += [
        f"{name} -> ?"
        for name, (function, _) in FUNCTIONS.items()
        if inspect.signature(function).return_annotation is inspect.Signature.empty
    ]
    assert lacking == []


def test_modules_of_torch_have_types():
    names = [name for name in reference.public_names() if inspect.isclass(pydoc.locate(name))]
    modules = [pydoc.locate(name) for name in names]
    modules = [one for one in modules if issubclass(one, torch.nn.Module)]
    assert len(modules) > 10
    for module in modules:
        annotations = inspect.get_annotations(module.forward)
        assert annotations.pop("return") is torch.Tensor
        assert set(annotations.values()) == {torch.Tensor}


def test_types_of_parameters_agree_with_the_docstrings():
    wrong = []
    for name, (function, doc) in FUNCTIONS.items():
        for parameter, kind in documented_types(doc).items():
            annotation = parameters(function)[parameter].annotation
            if parameters(function)[parameter].kind is inspect.Parameter.VAR_KEYWORD:
                continue  # The docstring has the type of all together, a dict.
            base = kind.partition(", default=")[0]
            agrees = True
            if base in PLAIN and not kind.endswith("default=None"):
                agrees = annotation is PLAIN[base]
            elif base in PLAIN:
                agrees = annotation == PLAIN[base] | None
            elif base.startswith("Tensor"):
                agrees = annotation is torch.Tensor
            elif base.startswith("array-like") and kind.endswith("default=None"):
                kinds = {"_SupportsArray", "Sequence[Axes]"}
                agrees = allows_none(annotation) and any(one in str(annotation) for one in kinds)
            elif base.endswith(" or None"):
                agrees = allows_none(annotation)
            wrong += [f"{name}({parameter}: {annotation}) {kind}"] * (not agrees)
    assert wrong == []


def test_a_default_of_none_is_allowed_by_the_type():
    assert [
        f"{name}({parameter})"
        for name, (function, _) in FUNCTIONS.items()
        for parameter, one in parameters(function).items()
        if one.default is None and not allows_none(one.annotation)
    ] == []


def test_types_of_results_agree_with_the_docstrings():
    plain = PLAIN | {"Tensor of shape ()": torch.Tensor}
    checked = 0
    for name, (function, doc) in FUNCTIONS.items():
        returned = inspect.signature(function).return_annotation
        if len(doc["Returns"]) == 1 and doc["Returns"][0].type in plain:
            assert returned is plain[doc["Returns"][0].type], name
            checked += 1
    assert checked > 40


@pytest.fixture
def rows():
    """Return four rows of each of five classes, and the classes."""
    y = np.repeat(np.arange(5), 4)
    return y[:, None] + np.random.default_rng(0).normal(size=(20, 3)), y


def test_calls_of_a_user_run(rows):
    X, y = rows
    assert 0 <= use.embed_and_identify(X, y) <= 1
    assert 0 <= use.verify(X, y) <= 1
    loss = use.compute_loss(torch.tensor(X), torch.tensor(y))
    assert loss >= 0
