"""Configuration of Sphinx."""

import sys
import warnings
from pathlib import Path

import matplotlib

import sksiamese

sys.path.append(str(Path(__file__).parent))  # For modules of our own.
from inventories import SITES

project = "sksiamese"
author = "The sksiamese developers"
copyright = f"2026, {author}"
version = release = sksiamese.__version__

FIGURES = {
    "figure.constrained_layout.use": True,
    "figure.figsize": (6.4, 4.5),
    "font.size": 12,
    "savefig.dpi": 110,
}
"""Settings of figures that are readable on a phone, shown at half of their size."""


def set_figures(gallery_conf, file):
    """Apply the settings of figures to an example."""
    matplotlib.rcParams.update(FIGURES)


extensions = [
    "mathml",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
nitpicky = False

plot_formats = [("png", 110)]
plot_rcparams = FIGURES
plot_apply_rcparams = True
plot_html_show_formats = plot_html_show_source_link = False
plot_include_source = True

html_domain_indices = False
html_math_renderer = "mathml"
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
html_js_files = [("tables.js", {"defer": "defer"})]

autodoc_typehints = "none"  # The docstrings have types with shapes and units.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
templates_path = ["_templates"]
# Docstrings inherited from scikit-learn refer to its own user guide and glossary.
suppress_warnings = ["config.cache", "ref.ref", "ref.term"]
intersphinx_mapping = {name: (site, f"_inventories/{name}.inv") for name, site in SITES.items()}
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "Axes": "matplotlib.axes.Axes",
    "Generator": "torch.Generator",
    "Tensor": "torch.Tensor",
    "array-like": ":term:`sklearn:array-like`",
    "estimator": ":term:`sklearn:estimator`",
    "ndarray": "numpy.ndarray",
    "torch.Generator": "torch.Generator",
}
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": "sksiamese",
    "backreferences_dir": "generated",
    "reference_url": {"sksiamese": None},
    "download_all_examples": False,
    "show_memory": False,
    "thumbnail_size": (640, 448),
    "abort_on_example_error": True,
    "capture_repr": (),
    "write_computation_times": False,
    "reset_modules": ("matplotlib", set_figures),
}

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive")
