"""Configuration of Sphinx."""

import warnings

from sphinx_gallery.sorting import FileNameSortKey

import sksiamese

project = "sksiamese"
author = "The sksiamese developers"
copyright = f"2026, {author}"
version = release = sksiamese.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
nitpicky = False

html_theme = "pydata_sphinx_theme"
html_title = "sksiamese"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
html_sidebars = {"changes": [], "contributing": []}

autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
templates_path = ["_templates"]
# Docstrings inherited from scikit-learn refer to its own user guide.
suppress_warnings = ["config.cache", "ref.ref"]
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": FileNameSortKey,
    "doc_module": "sksiamese",
    "backreferences_dir": "generated",
    "download_all_examples": False,
    "show_memory": False,
    "abort_on_example_error": True,
}

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive")
