"""Test that the reference lists every public name and that docstrings are complete."""

import importlib.util
import inspect
import posixpath
import pydoc
import re
import zlib
from pathlib import Path

import pytest

import sksiamese

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = [*(DOCS / "guide").glob("*.rst")]
RECIPES = [path for path in (DOCS / "recipes").glob("*.rst") if path.stem != "index"]


def load(path):
    """Return a script of the docs as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load(DOCS / "reference.py")
BRIEFLY = {"max_iter": 1, "random_state": 0}
ESTIMATORS = {
    "PairTransformer": {},
    "neighbors.ApproximateNeighbors": {},
    "ReferenceVerifier": {},
    "SiameseEmbedder": BRIEFLY,
    "SiameseIdentifier": {},
    "SiameseRegressor": BRIEFLY,
    "SiameseVerifier": BRIEFLY,
}


def public_objects():
    """Return the public objects by their shortest name."""
    found, modules = {}, []
    for name in sksiamese.__all__:
        item = getattr(sksiamese, name)
        if inspect.ismodule(item):
            modules.append(item)
        elif not name.startswith("__"):
            found[name] = item
    for module in modules:
        for name in module.__all__:
            if name not in found:
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = getattr(module, name)
    return found


OBJECTS = public_objects()


def section(text, start, end):
    """Return the names that a section of a numpydoc text defines."""
    return re.findall(r"^(\w+) : ", text.partition(start)[2].partition(end)[0], flags=re.MULTILINE)


def test_the_reference_lists_the_public_names_and_no_others():
    # The page of a module is made from its __all__, so its name suffices here.
    reference = (DOCS / "api.rst").read_text()
    listed = re.findall(r"^   (\w+)$", reference, flags=re.MULTILINE)
    public = {name.partition(".")[0] for name in OBJECTS}
    assert sorted(listed) == sorted(public)


def test_every_public_module_is_a_public_name():
    package = Path(sksiamese.__file__).parent
    files = [*package.glob("[a-z]*.py"), *package.glob("[a-z]*/__init__.py")]
    names = {file.parent.name if file.stem == "__init__" else file.stem for file in files}
    assert len(names) == 17
    assert names <= set(sksiamese.__all__)


def test_every_public_object_has_an_example():
    functions = {name: item for name, item in OBJECTS.items() if callable(item)}
    assert len(functions) > 80
    assert [name for name in functions if ">>> " not in inspect.getdoc(functions[name])] == []


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_documents_its_parameters_in_the_order_of_its_signature(name):
    documented = section(inspect.getdoc(OBJECTS[name]), "Parameters\n", "Attributes\n")
    assert documented == list(inspect.signature(OBJECTS[name]).parameters)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_documents_exactly_its_fitted_attributes(name):
    X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]], [0, 0, 1, 1]
    fitted = OBJECTS[name](**ESTIMATORS[name]).fit(X, y)
    properties = {key for key, kind in vars(type(fitted)).items() if isinstance(kind, property)}
    names = vars(fitted).keys() | properties
    learned = {name for name in names if name.endswith("_") and not name.startswith("_")}
    documented = section(inspect.getdoc(OBJECTS[name]), "Attributes\n", "See Also\n")
    assert learned == set(documented) - {"feature_names_in_"}


def test_the_user_guide_links_to_every_class():
    guide = "\n".join(path.read_text("utf-8") for path in GUIDE)
    estimators = {name for name, item in OBJECTS.items() if hasattr(item, "get_params")}
    assert estimators == set(ESTIMATORS)
    classes = {name for name in sksiamese.__all__ if inspect.isclass(getattr(sksiamese, name))}
    assert classes == set(re.findall(r":class:`~sksiamese\.(\w+)`", guide))


def written_pages():
    """Return the text of each page by its path without suffix, except pages that are generated."""
    generated = ("_build", "auto_examples", "generated", "sg_execution_times.rst")
    paths = [path.relative_to(DOCS) for path in DOCS.rglob("*.rst")]
    return {
        path.with_suffix("").as_posix(): (DOCS / path).read_text("utf-8")
        for path in paths
        if path.parts[0] not in generated
    }


def roles():
    """Yield the targets of :ref: and :doc: by file; the target of :doc: is a path within docs."""
    files = [*(DOCS.parent / "examples").glob("*.py")]
    files += Path(sksiamese.__file__).parent.rglob("*.py")
    texts = written_pages() | {path.name: path.read_text("utf-8") for path in files}
    for name, text in texts.items():
        for role, content in re.findall(r":(ref|doc):`([^`]+)`", text):
            found = re.search(r"<([^>]+)>$", content)
            target = found[1] if found else content
            if role == "doc":
                folder = "" if target.startswith("/") else name.rpartition("/")[0]
                target = posixpath.normpath(posixpath.join(folder, target.lstrip("/")))
            yield name, role, target


def test_references_within_the_docs_have_targets():
    # Sphinx does not report them, as inherited docstrings refer to scikit-learn's guide.
    pages = written_pages()
    labels = re.findall(r"^\.\. _([^:]+):$", "\n".join(pages.values()), flags=re.MULTILINE)
    targets, found = {"ref": labels, "doc": [*pages]}, list(roles())
    assert {"ref", "doc"} == {role for _, role, _ in found}
    assert [where for where in found if where[2] not in targets[where[1]]] == []


def test_pages_of_the_guide_and_recipes_are_short():
    sizes = {path.name: len(path.read_text("utf-8").split()) for path in GUIDE + RECIPES}
    assert len(sizes) > 20
    assert {name: size for name, size in sizes.items() if size > 1200} == {}


def test_recipes_are_listed_end_with_hints_and_link_to_other_pages():
    questions, _, listed = (DOCS / "recipes" / "index.rst").read_text("utf-8").partition("toctree")
    names = sorted(path.stem for path in RECIPES)
    assert sorted(re.findall(r"^     - :doc:`(\w+)`$", questions, flags=re.MULTILINE)) == names
    assert sorted(re.findall(r"^   (\w+)$", listed, flags=re.MULTILINE)) == names
    for path in RECIPES:
        _, found, hints = path.read_text("utf-8").partition("\nWhat to change for your own data\n")
        assert found, path.name
        assert re.search(r":(doc|ref):`", hints), path.name


def test_the_map_of_estimators_is_up_to_date_and_links_to_pages():
    choose_map = load(DOCS / "pictures" / "choose_map.py")
    assert choose_map.TARGET.read_text("utf-8") == choose_map.svg()
    assert {step[-1] for step in choose_map.STEPS} <= {path.stem for path in GUIDE}


def test_the_inventories_of_other_packages_are_up_to_date():
    inventories = load(DOCS / "inventories.py")

    def entries(content):
        return zlib.decompress(content.split(b"zlib.\n", 1)[1])

    for package in inventories.SITES:
        stored = (inventories.FOLDER / f"{package}.inv").read_bytes()
        assert entries(stored) == entries(inventories.inventory(package))


def test_names_in_the_inventories_exist():
    inventories = load(DOCS / "inventories.py")
    names = [name for package in inventories.SITES for name in inventories.locations(package)]
    assert len(names) > 100
    missing = [name for name in names if pydoc.locate(name) is None and name != "None"]
    assert missing == []


def test_the_citation_has_the_version_of_the_package():
    text = (DOCS.parent / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {sksiamese.__version__}\n" in text


def test_public_methods_are_defined_here_or_in_scikit_learn():
    methods = {name: [one for _, one in reference.public_methods(f"sksiamese.{name}")] for name in (
        "SiameseEmbedder", "SiameseVerifier", "SiameseIdentifier", "PairKFold", "PairView",
        "plot.PairDisplay", "explain.Explanation", "towers.UnitLength",
    )}  # fmt: skip
    assert {"fit", "fit_transform", "get_params", "partial_fit", "set_output", "transform"} <= {
        *methods["SiameseEmbedder"]
    }
    assert {"fit", "predict_proba", "score", "set_callbacks"} <= {*methods["SiameseVerifier"]}
    assert {"verify", "forget", "score", "set_params"} <= {*methods["SiameseIdentifier"]}
    assert {"split", "get_n_splits"} <= {*methods["PairKFold"]}
    assert "left" in methods["PairView"]
    assert methods["plot.PairDisplay"] == ["from_estimator", "from_predictions", "plot"]
    assert methods["explain.Explanation"] == ["residual"]
    assert methods["towers.UnitLength"] == ["forward"]


def test_no_public_docstring_breaks_a_rule():
    checked = reference.documented_here()
    assert {"sksiamese.SiameseEmbedder.fit", "sksiamese.losses.triplet"} <= set(checked)
    assert "sksiamese.plot.PairDisplay.from_estimator" in checked
    assert [problem for name in checked for problem in reference.problems(name)] == []


BROKEN = {
    "no docstring": "def scale(X, factor):\n    return X\n",
    "a parameter that is not documented": (
        'def scale(X, factor):\n    """Multiply.\n\n    Parameters\n    ----------\n'
        '    X : ndarray\n        Rows.\n    """\n'
    ),
    "a section of another name": (
        'def scale():\n    """Multiply.\n\n    Yield\n    -----\n    X : ndarray\n    """\n'
    ),
    "a method": 'class scale:\n    """A class."""\n\n    def fit(self, X):\n        """Fit."""\n',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_docstring_is_reported(kind, tmp_path, monkeypatch):
    module = "broken_" + kind.replace(" ", "_")
    (tmp_path / f"{module}.py").write_text(BROKEN[kind])
    monkeypatch.syspath_prepend(tmp_path)
    name = f"{module}.scale" + ".fit" * (kind == "a method")
    assert reference.problems(name)


def test_the_docstring_lint_fails_on_a_broken_docstring(capsys):
    assert reference.main(["sksiamese.SiameseEmbedder.fit", "json.dump"])
    printed = capsys.readouterr().out
    assert "json.dump: PR01" in printed
    assert "SiameseEmbedder" not in printed
    assert not reference.main(["sksiamese.SiameseEmbedder.fit"])
