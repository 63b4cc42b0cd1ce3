"""The reference lists every public name, and every public object shows itself at work."""

import inspect
import re
from pathlib import Path

import pytest

import sksiamese

DOCS = Path(__file__).parents[1] / "docs"
BRIEFLY = {"max_iter": 1, "random_state": 0}
ESTIMATORS = {
    "PairTransformer": {},
    "SiameseEmbedder": BRIEFLY,
    "SiameseIdentifier": {},
    "SiameseVerifier": BRIEFLY,
}


def public_objects():
    """What the package offers, by the shortest name under which it is found."""
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
    """Names that a section of a numpydoc text defines."""
    return re.findall(r"^(\w+) : ", text.partition(start)[2].partition(end)[0], flags=re.MULTILINE)


def test_the_reference_lists_the_public_names_and_no_others():
    # The page of a module is made from its __all__, so that here its name will do.
    reference = (DOCS / "api.rst").read_text()
    listed = re.findall(r"^   (\w+)$", reference, flags=re.MULTILINE)
    public = {name.partition(".")[0] for name in OBJECTS}
    assert sorted(listed) == sorted(public)


def test_every_public_module_is_a_public_name():
    files = Path(sksiamese.__file__).parent.glob("[a-z]*.py")
    assert {file.stem for file in files} <= set(sksiamese.__all__)


@pytest.mark.parametrize("name", [name for name in OBJECTS if callable(OBJECTS[name])])
def test_a_public_object_shows_itself_at_work(name):
    assert ">>> " in inspect.getdoc(OBJECTS[name])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_documents_its_parameters_in_the_order_of_its_signature(name):
    documented = section(inspect.getdoc(OBJECTS[name]), "Parameters\n", "Attributes\n")
    assert documented == list(inspect.signature(OBJECTS[name]).parameters)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_documents_what_it_learns_and_nothing_else(name):
    X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]], [0, 0, 1, 1]
    fitted = OBJECTS[name](**ESTIMATORS[name]).fit(X, y)
    learned = {key for key in vars(fitted) if key.endswith("_") and not key.startswith("_")}
    documented = section(inspect.getdoc(OBJECTS[name]), "Attributes\n", "See Also\n")
    assert learned == set(documented) - {"feature_names_in_"}


def test_the_user_guide_leads_to_every_class():
    guide = (DOCS / "user_guide.rst").read_text()
    estimators = {name for name, item in OBJECTS.items() if hasattr(item, "get_params")}
    assert estimators == set(ESTIMATORS)
    classes = {name for name in sksiamese.__all__ if inspect.isclass(getattr(sksiamese, name))}
    assert classes == set(re.findall(r":class:`~sksiamese\.(\w+)`", guide))


def roles():
    """Targets of :ref: and :doc: by file, but in what the gallery writes itself."""
    written = [path for path in DOCS.glob("*.rst") if not path.name.startswith("sg_")]
    pages = [*written, *(DOCS.parent / "examples").glob("*.py")]
    for path in [*pages, *Path(sksiamese.__file__).parent.glob("*.py")]:
        for role, text in re.findall(r":(ref|doc):`([^`]+)`", path.read_text("utf-8")):
            found = re.search(r"<([^>]+)>$", text)
            yield path.name, role, found[1] if found else text


def test_references_within_the_docs_have_targets():
    # Sphinx is told to be silent on them, as inherited docstrings refer to scikit-learn's guide.
    pages = {path.stem: path.read_text("utf-8") for path in DOCS.glob("*.rst")}
    labels = re.findall(r"^\.\. _([^:]+):$", "\n".join(pages.values()), flags=re.MULTILINE)
    targets, found = {"ref": labels, "doc": [*pages]}, list(roles())
    assert {"ref", "doc"} == {role for _, role, _ in found}
    assert [where for where in found if where[2] not in targets[where[1]]] == []


def test_what_cites_the_package_names_its_version():
    text = (DOCS.parent / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {sksiamese.__version__}\n" in text
