"""Configuration of Sphinx."""

import sys
import warnings
from pathlib import Path

import sksiamese

sys.path.append(str(Path(__file__).parent))  # For reference.py, an extension of our own.

project = "sksiamese"
author = "The sksiamese developers"
copyright = f"2026, {author}"
version = release = sksiamese.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
nitpicky = False

plot_formats = [("png", 110)]
plot_html_show_formats = plot_html_show_source_link = False
plot_include_source = True

html_theme = "pydata_sphinx_theme"
html_title = "sksiamese"
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_prev_next": False,
}
html_sidebars = {"changes": [], "contributing": [], "index": [], "results": []}
html_static_path = ["_static"]
html_css_files = ["sksiamese.css"]

autodoc_typehints = "none"  # The docstrings have types with shapes and units.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
templates_path = ["_templates"]
# Docstrings inherited from scikit-learn refer to its own user guide and glossary.
suppress_warnings = ["config.cache", "ref.ref", "ref.term"]
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": "sksiamese",
    "backreferences_dir": "generated",
    "download_all_examples": False,
    "show_memory": False,
    "thumbnail_size": (640, 448),
    "abort_on_example_error": True,
}

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive")
