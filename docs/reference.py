"""The public names of the package, for the reference and for the lint of its docstrings.

As an extension of Sphinx it tells the template of a class which methods the class has. Run as a
script, it checks every public docstring and exits with an error if one breaks a rule.
"""

import inspect
import pydoc
import sys
import warnings

import sksiamese

IGNORED = {"ES01", "EX01", "GL01", "RT01", "RT02", "SA01", "SA04", "SS05", "YD01"}
"""Rules of ``numpydoc.validate`` that do not apply: sections that need not be there, and style."""


def public_names():
    """Return the shortest full names of the public functions, classes and constants."""
    top = [name for name in sksiamese.__all__ if not name.startswith("__")]
    names = [name for name in top if not inspect.ismodule(getattr(sksiamese, name))]
    for module in sorted(set(top) - set(names)):
        inner = getattr(sksiamese, module).__all__
        names += [f"{module}.{name}" for name in inner if name not in top]
    return [f"sksiamese.{name}" for name in names]


def public_methods(name):
    """Return the public methods and properties of a class, inherited ones included.

    Methods that PyTorch and Python define are left to their own reference.

    Parameters
    ----------
    name : str
        Full name of the class.

    Returns
    -------
    methods : list of tuple of (str, str)
        Directive of autodoc, and name of the method or property.
    """
    found = []
    for method, kind, owner, item in inspect.classify_class_attrs(pydoc.locate(name)):
        is_member = kind == "property" or callable(getattr(pydoc.locate(name), method, None))
        ours = owner.__module__.partition(".")[0] in ("sksiamese", "sklearn")
        if is_member and ours and not method.startswith("_"):
            found.append(("autoproperty" if isinstance(item, property) else "automethod", method))
    return found


def documented_here():
    """Return the full names of all public functions, classes and methods defined here."""
    names = []
    for name in public_names():
        item = pydoc.locate(name)
        names += [name] if callable(item) else []
        if inspect.isclass(item):
            names += [f"{name}.{one}" for _, one in public_methods(name) if is_ours(item, one)]
    return names


def is_ours(item, method):
    """Return whether this package defines a method, other than those that modules call."""
    function = inspect.getattr_static(item, method)
    function = inspect.unwrap(getattr(function, "fget", None) or getattr(item, method))
    return function.__module__.startswith("sksiamese") and method not in ("cross", "forward")


def problems(name):
    """Return what is wrong with the docstring of an object, found by its full name."""
    from numpydoc.validate import validate

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        errors = validate(name)["errors"]
    errors += [("warning", str(one.message)) for one in warned]
    return [f"{name}: {code} {text}" for code, text in errors if code not in IGNORED]


def setup(app):
    """Tell the templates of autosummary about methods."""
    app.connect(
        "config-inited",
        lambda app, config: config.autosummary_context.update(public_methods=public_methods),
    )
    return {"parallel_read_safe": True}


def main(names):
    """Print what is wrong with docstrings, by default with all; return whether anything is."""
    names = names or documented_here()
    found = [problem for name in names for problem in problems(name)]
    print(*found, f"{len(found)} problems in {len(names)} docstrings", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
