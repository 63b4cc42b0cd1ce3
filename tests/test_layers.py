"""Test the layers of the package, and the length of files and functions."""

import ast
import os
import re
import subprocess
import sys
from math import inf
from pathlib import Path

import sksiamese
from sksiamese._extras import EXTRAS

PACKAGE = Path(sksiamese.__file__).parent
PATHS = sorted(PACKAGE.rglob("*.py"))
TREES = {path.relative_to(PACKAGE).with_suffix("").as_posix(): path for path in PATHS}
TREES = {name: ast.parse(path.read_text()) for name, path in TREES.items()}

# Files and folders of the package, from the lowest to the highest layer. Each may import from
# lower layers only, and the other packages of its layer.
LAYERS = [
    ({"_extras", "_parameters", "_rollback"}, set()),
    ({"_typing"}, {"numpy", "scipy"}),
    ({"_state"}, {"sklearn"}),
    ({"_show_versions"}, {"sklearn", "torch"}),
    ({"_distributed", "_hard_negatives", "alignment", "distances", "losses"}, {"torch"}),
    ({"augment", "batches", "heads", "mining", "regularizers", "towers"}, {"torch"}),
    ({"_combined"}, {"torch"}),
    ({"_labels", "_wrapped"}, {"numpy", "sklearn"}),
    ({"_data"}, {"numpy", "scipy", "sklearn", "torch"}),
    ({"_checks"}, {"numpy", "scipy", "sklearn"}),
    ({"metrics"}, {"numpy", "scipy", "sklearn"}),
    ({"neighbors"}, {"joblib", "numpy", "sklearn"}),
    ({"pairs", "_gallery"}, {"numpy", "pandas", "polars", "scipy", "sklearn"}),
    ({"_model_selection"}, {"numpy", "scipy", "sklearn"}),
    ({"_training"}, {"numpy", "scipy", "sklearn", "torch"}),
    ({"callbacks"}, {"sklearn"}),
    ({"_base"}, {"numpy", "scipy", "sklearn", "torch"}),
    ({"_pair_estimator"}, {"numpy", "sklearn", "torch"}),
    ({"_embedder", "_regressor", "_verifier"}, {"numpy", "scipy", "sklearn", "torch"}),
    ({"_identifier", "_reference_verifier"}, {"numpy", "scipy", "sklearn"}),
    ({"explain", "export", "plot"}, {"matplotlib", "numpy", "scipy", "sklearn", "torch"}),
    ({"persistence"}, {"numpy", "scipy", "sklearn", "torch"}),
    ({"__init__"}, set()),
]
LEVEL = {part: level for level, (parts, _) in enumerate(LAYERS) for part in parts}


def imports(name):
    """Return the files and folders of the package, and other packages, that a module imports."""
    folder = name.split("/")[:-1]
    parts, packages = set(), set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            packages.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) + 1 - node.level]
            path = above + (node.module.split(".") if node.module else [])
            parts |= {path[0]} if path else {alias.name for alias in node.names}
    return parts, packages - sys.stdlib_module_names


def body_lines(function):
    """Return the number of lines of a function, from the first statement after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def n_code_lines(path, tree):
    """Return the number of lines without blank lines, comments and docstrings."""
    docstrings = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    documented = {n for node in docstrings for n in range(node.lineno, node.end_lineno + 1)}
    lines = enumerate(path.read_text().splitlines(), start=1)
    return sum(n not in documented and line.strip()[:1] not in ("", "#") for n, line in lines)


def test_every_file_and_folder_has_a_layer():
    assert set(LEVEL) == {name.split("/")[0] for name in TREES}


def test_contributing_lists_every_file_and_folder_in_the_order_of_layers():
    page = (PACKAGE.parent / "docs" / "contributing.rst").read_text("utf-8")
    listed = re.findall(r"^- ``(\w+)``: .+\.$", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(LEVEL.keys() - {"__init__"})
    assert [LEVEL[part] for part in listed] == sorted(map(LEVEL.get, listed), reverse=True)


def test_a_module_imports_lower_layers_and_permitted_packages_only():
    for module in TREES:
        part = module.split("/")[0]
        parts, packages = imports(module)
        higher = {other for other in parts - {part} if LEVEL[other] >= LEVEL[part]}
        foreign = packages - LAYERS[LEVEL[part]][1]
        assert (higher, foreign) == (set(), set()), module


def test_no_file_has_more_than_400_lines_of_code():
    n_lines = {name: n_code_lines(PACKAGE / f"{name}.py", tree) for name, tree in TREES.items()}
    assert {name: n for name, n in n_lines.items() if n > 400} == {}


def test_no_function_has_a_body_longer_than_50_lines():
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    too_long = {
        f"{module}.{node.name}": body_lines(node)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, functions) and body_lines(node) > 50
    }
    assert too_long == {}


OPTIONAL = {"pandas", "polars", *(name for packages in EXTRAS.values() for name in packages)}

IMPORT = """
import gc, sys, time

class Missing:
    asked = []

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {optional}:
            cls.asked.append(name)
            raise ImportError(name)

sys.meta_path.insert(0, Missing)
import sklearn.callback, sklearn.frozen, sklearn.isotonic, sklearn.metrics
import sklearn.model_selection, sklearn.neighbors, sklearn.preprocessing, torch
Missing.asked.clear()
gc.disable()  # As garbage of the imports above would be collected by chance.
start = time.process_time()
import sksiamese
print(sksiamese.__version__, time.process_time() - start, *Missing.asked)
"""


def test_importing_the_package_is_fast_and_needs_no_optional_package():
    """Neither imports of torch and scikit-learn count, nor the compilation, nor a busy machine."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    fastest = inf
    for _ in range(3):
        command = [sys.executable, "-c", IMPORT.format(optional=OPTIONAL)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        version, seconds, *asked = done.stdout.split()
        assert version == sksiamese.__version__
        assert asked == []
        fastest = min(fastest, float(seconds))
        if fastest < 0.15:
            return
    raise AssertionError(f"The import needs {fastest} s.")
