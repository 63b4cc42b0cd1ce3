"""The walls of the package: who may import whom, and how long code may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sksiamese

PACKAGE = Path(sksiamese.__file__).parent
TREES = {path.stem: ast.parse(path.read_text()) for path in sorted(PACKAGE.glob("*.py"))}

# Module: (siblings, other packages) that it may import; a sibling stands further up.
ALLOWED = {
    "_distributed": ((), ("torch",)),
    "_engine": (("_distributed",), ("torch",)),
    "_selection": ((), ("torch",)),
    "_parameters": ((), ()),
    "batches": (("_parameters", "_selection"), ("torch",)),
    "distances": ((), ("torch",)),
    "augment": (("_parameters",), ("torch",)),
    "heads": (("_parameters", "distances"), ("torch",)),
    "mining": (("_parameters", "_selection"), ("torch",)),
    "regularizers": (("_parameters",), ("torch",)),
    "_towers_single": (("_parameters",), ("torch",)),
    "_towers_composed": (("_parameters", "_towers_single"), ("torch",)),
    "towers": (("_towers_composed", "_towers_single"), ("torch",)),
    "_losses_pair": (("_parameters", "_selection"), ("torch",)),
    "_losses_proxy": (("_parameters", "_selection"), ("torch",)),
    "_losses_ranking": (("_parameters", "_selection"), ("torch",)),
    "_losses_softmax": (("_parameters", "_selection"), ("torch",)),
    "_losses_triplet": (("_parameters", "_selection"), ("torch",)),
    "losses": (
        (
            "_losses_pair",
            "_losses_proxy",
            "_losses_ranking",
            "_losses_softmax",
            "_losses_triplet",
        ),
        (),
    ),
    "_atomic": ((), ()),
    "_labels": ((), ("numpy", "sklearn")),
    "_rows": ((), ("numpy", "scipy", "sklearn")),
    "_checks": (
        (
            "_labels",
            "_rows",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "_metrics_verification": (
        (
            "_checks",
            "_labels",
        ),
        (
            "numpy",
            "sklearn",
        ),
    ),
    "_metrics_retrieval": (
        (
            "_checks",
            "_metrics_verification",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "_metrics_identification": (
        (
            "_checks",
            "_labels",
            "_metrics_retrieval",
            "_metrics_verification",
        ),
        (
            "numpy",
            "sklearn",
        ),
    ),
    "_metrics_decision": (
        (
            "_checks",
            "_labels",
            "_metrics_verification",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "metrics": (
        (
            "_metrics_decision",
            "_metrics_identification",
            "_metrics_retrieval",
            "_metrics_verification",
        ),
        (),
    ),
    "_wrapped": ((), ("sklearn",)),
    "_gallery": (
        ("_checks", "_distributed", "_labels", "_wrapped"),
        ("numpy", "scipy", "sklearn"),
    ),
    "_template_distances": ((), ("numpy", "scipy", "sklearn")),
    "_template_search": (("_template_distances",), ("numpy", "scipy", "sklearn")),
    "_rejection": (("_template_search",), ("numpy",)),
    "_temperature": (("_template_distances", "_template_search"), ("numpy", "scipy")),
    "_pair_names": ((), ("numpy", "sklearn")),
    "_pair_items": (
        (
            "_checks",
            "_labels",
            "_pair_names",
        ),
        (
            "numpy",
            "pandas",
            "polars",
            "scipy",
            "sklearn",
        ),
    ),
    "_pair_view": (
        (
            "_checks",
            "_pair_items",
            "_rows",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "pairs": (
        (
            "_checks",
            "_labels",
            "_pair_items",
            "_pair_view",
            "_parameters",
            "_rows",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "_pair_split": (
        (
            "_checks",
            "_labels",
        ),
        (
            "numpy",
            "sklearn",
        ),
    ),
    "_pair_transformer": (
        (
            "_atomic",
            "_checks",
            "_labels",
            "_pair_names",
            "_pair_view",
            "pairs",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "_arrays": (("_engine", "towers"), ("numpy", "scipy", "sklearn", "torch")),
    "_run": ((), ("numpy", "sklearn")),
    "_user_parts": (("_run", "distances"), ("torch",)),
    "_base": (
        (
            "_arrays",
            "_checks",
            "_distributed",
            "_engine",
            "_labels",
            "_parameters",
            "_rows",
            "_run",
            "_user_parts",
            "distances",
            "towers",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
            "torch",
        ),
    ),
    "_embedding": (
        (
            "_arrays",
            "_labels",
            "_parameters",
            "_run",
            "_user_parts",
            "batches",
            "distances",
            "losses",
            "mining",
            "regularizers",
        ),
        ("numpy", "scipy", "torch"),
    ),
    "_verification": (
        (
            "_arrays",
            "_pair_split",
            "_parameters",
            "_run",
            "_user_parts",
            "batches",
            "distances",
            "heads",
            "losses",
        ),
        ("numpy", "scipy", "sklearn", "torch"),
    ),
    "_embedder": (
        (
            "_arrays",
            "_atomic",
            "_base",
            "_checks",
            "_embedding",
            "_labels",
            "_towers_single",
            "batches",
            "distances",
            "losses",
            "mining",
            "regularizers",
        ),
        (
            "numpy",
            "sklearn",
            "torch",
        ),
    ),
    "_verifier": (
        (
            "_arrays",
            "_atomic",
            "_base",
            "_checks",
            "_labels",
            "_pair_items",
            "_pair_names",
            "_pair_view",
            "_rows",
            "_run",
            "_towers_single",
            "_verification",
            "distances",
            "heads",
            "pairs",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "_identifier": (
        (
            "_atomic",
            "_base",
            "_checks",
            "_embedder",
            "_gallery",
            "_labels",
            "_rejection",
            "_temperature",
            "_template_distances",
            "_template_search",
        ),
        (
            "numpy",
            "scipy",
            "sklearn",
        ),
    ),
    "explain": (
        ("_arrays", "_checks", "_verifier", "_wrapped"),
        ("numpy", "sklearn", "torch"),
    ),
    "_plot_decisions": (("_labels", "_metrics_verification"), ("numpy", "sklearn")),
    "_plot_history": (("_checks", "_wrapped"), ("matplotlib", "numpy", "sklearn")),
    "_plot_scores": (
        (
            "_checks",
            "_metrics_verification",
            "_plot_decisions",
        ),
        (
            "matplotlib",
            "numpy",
            "sklearn",
        ),
    ),
    "_plot_sheet": (
        ("_checks",),
        (
            "matplotlib",
            "numpy",
        ),
    ),
    "_plot_neighbors": (
        (
            "_checks",
            "_labels",
            "_metrics_retrieval",
            "_metrics_verification",
            "_plot_sheet",
        ),
        (
            "matplotlib",
            "numpy",
            "sklearn",
        ),
    ),
    "_plot_pairs": (
        (
            "_checks",
            "_metrics_verification",
            "_plot_decisions",
            "_plot_sheet",
            "pairs",
        ),
        (
            "numpy",
            "sklearn",
        ),
    ),
    "plot": (("_plot_history", "_plot_neighbors", "_plot_pairs", "_plot_scores"), ()),
    "__init__": (
        (
            "_embedder",
            "_identifier",
            "_pair_split",
            "_pair_transformer",
            "_pair_view",
            "_verifier",
            "augment",
            "batches",
            "distances",
            "explain",
            "heads",
            "losses",
            "metrics",
            "mining",
            "pairs",
            "plot",
            "regularizers",
            "towers",
        ),
        (),
    ),
}


def imports(tree):
    """Siblings and top-level packages that a module imports, wherever in its code."""
    siblings, packages = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, "the package has no subpackages"
            siblings |= {node.module} if node.module else {alias.name for alias in node.names}
            continue
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        packages |= {name.split(".")[0] for name in names}
    return siblings, packages - sys.stdlib_module_names


def body_lines(function):
    """Lines of a function from the first statement after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def n_code_lines(path, tree):
    """Lines of a file without blank lines, comments and docstrings."""
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


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_the_table_names_every_module_and_no_other():
    assert set(ALLOWED) == set(TREES)
    assert not [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE]


def test_the_table_has_no_import_upwards():
    order = list(ALLOWED)
    upwards = [
        (module, sibling)
        for module, (siblings, _) in ALLOWED.items()
        for sibling in siblings
        if order.index(sibling) >= order.index(module)
    ]
    assert upwards == []


@pytest.mark.parametrize("module", TREES)
def test_a_module_imports_what_the_table_allows_and_nothing_else(module):
    siblings, packages = imports(TREES[module])
    assert siblings == set(ALLOWED[module][0])
    assert packages == set(ALLOWED[module][1])


@pytest.mark.parametrize("module", TREES)
def test_no_file_has_more_than_400_lines_of_code(module):
    assert n_code_lines(PACKAGE / f"{module}.py", TREES[module]) <= 400


@pytest.mark.parametrize("module", TREES)
def test_no_function_has_a_body_longer_than_50_lines(module):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    too_long = {
        node.name: body_lines(node)
        for node in ast.walk(TREES[module])
        if isinstance(node, functions) and body_lines(node) > 50
    }
    assert too_long == {}


def test_the_package_imports_where_the_optional_packages_are_missing():
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'pandas', 'polars', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "import sksiamese\n"
        "print(sksiamese.__version__)\n"
    )
    assert run_python(code).stdout.strip() == sksiamese.__version__


@pytest.fixture(scope="module")
def imported():
    """Seconds of the import after those of torch and scikit-learn, and what it loads.

    No garbage is collected meanwhile, as it would be by chance and is that of the others.
    """
    # scikit-learn itself loads pandas and rich where it finds them.
    code = (
        "import gc, sys, time\n"
        "import sklearn.callback, sklearn.frozen, sklearn.metrics, sklearn.model_selection\n"
        "import sklearn.neighbors, sklearn.preprocessing, torch\n"
        "before = set(sys.modules)\n"
        "gc.disable()\n"
        "start = time.process_time()\n"
        "import sksiamese\n"
        "print(time.process_time() - start)\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))\n"
    )
    seconds, loaded = run_python(code).stdout.splitlines()
    return float(seconds), set(loaded.split())


def test_importing_the_package_loads_no_optional_package(imported):
    _, loaded = imported
    assert "sksiamese" in loaded
    assert not loaded & {"matplotlib", "pandas", "polars", "rich"}


def test_importing_the_package_takes_little_beside_torch_and_scikit_learn(imported):
    seconds, _ = imported
    assert seconds < 0.15
