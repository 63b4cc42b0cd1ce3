"""Write the inventories of other packages to which the docs link, as builds have no network.

Run ``python docs/inventories.py`` after a change of this file. The files ``_inventories/NAME.inv``
have only the names below. Every name must exist in the installed version of its package.
"""

import inspect
import pydoc
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent / "_inventories"
SITES = {
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "sklearn": "https://scikit-learn.org/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
"""Addresses of the sites by package."""

PAGES = {
    "matplotlib": "api/_as_gen/{name}.html",
    "numpy": "reference/generated/{name}.html",
    "python": "library/{module}.html",
    "scipy": "reference/generated/{name}.html",
    "sklearn": "modules/generated/{name}.html",
    "torch": "generated/{name}.html",
}
"""Pages of most names within the sites."""

NAMES = {
    "matplotlib": """
        axes.Axes pyplot.get_cmap pyplot.show pyplot.subplots
    """,
    "numpy": """
        abs allclose arange argsort array asarray column_stack concatenate fill_diagonal
        flatnonzero full hstack isfinite isin linalg.norm linspace log mean nanargmax nanmax ndarray
        pad prod quantile repeat rot90 setdiff1d sort stack subtract tile unique unravel_index where
        zeros
    """,
    "python": """
        functools.partial http.server.BaseHTTPRequestHandler http.server.ThreadingHTTPServer
        itertools.pairwise pathlib.Path tempfile.TemporaryDirectory tempfile.mkdtemp
        threading.Thread urllib.request.ProxyHandler urllib.request.Request
        urllib.request.build_opener
    """,
    "scipy": "sparse.csr_array spatial.distance.cdist stats.spearmanr",
    "sklearn": """
        calibration.CalibratedClassifierCV callback.ProgressBar callback.ScoringMonitor
        datasets.load_digits datasets.load_iris datasets.make_blobs datasets.make_friedman1
        decomposition.PCA feature_extraction.text.CountVectorizer
        feature_extraction.text.TfidfVectorizer frozen.FrozenEstimator impute.SimpleImputer
        linear_model.LogisticRegression manifold.TSNE metrics.DetCurveDisplay
        metrics.RocCurveDisplay metrics.fbeta_score metrics.log_loss metrics.make_scorer
        metrics.pairwise.paired_cosine_distances metrics.pairwise.paired_euclidean_distances
        metrics.roc_auc_score model_selection.FixedThresholdClassifier model_selection.GridSearchCV
        model_selection.GroupKFold model_selection.TunedThresholdClassifierCV
        model_selection.cross_val_score model_selection.train_test_split
        neighbors.KNeighborsClassifier neighbors.KNeighborsRegressor neighbors.NearestNeighbors
        pipeline.make_pipeline preprocessing.FunctionTransformer preprocessing.StandardScaler
        utils.check_array
    """,
    "torch": """
        Generator atan2 from_numpy nn.Conv2d nn.Embedding nn.Flatten nn.LazyLinear nn.Linear
        nn.MaxPool2d nn.Mish nn.Module nn.ReLU nn.Sequential nn.Softshrink nn.functional.relu
        nn.functional.softplus nn.functional.unfold optim.RMSprop zeros
    """,
}
"""Names to link to, without the package, except names of the standard library."""

ELSEWHERE = {
    "numpy": {
        "numpy.float32": "reference/arrays.scalars.html",
        "numpy.random.default_rng": "reference/random/generator.html",
        "numpy.random.Generator": "reference/random/generator.html",
        "numpy.random.RandomState": "reference/random/legacy.html",
    },
    "python": {
        **dict.fromkeys(("False", "None", "True"), "library/constants.html"),
        **dict.fromkeys(("bool", "callable", "float", "int", "object"), "library/functions.html"),
        **dict.fromkeys(("dict", "list", "set", "str", "tuple"), "library/stdtypes.html"),
    },
    "torch": {"torch.Tensor": "tensors.html"},
}
"""Pages of other names."""

TERMS = {
    "python": dict.fromkeys(("iterable", "sequence"), "glossary.html"),
    "sklearn": dict.fromkeys(("array-like", "estimator"), "glossary.html"),
}
"""Pages of glossaries by term."""


def locations(package):
    """Return the page of each name of a package."""
    prefix = "" if package == "python" else f"{package}."
    names = [f"{prefix}{name}" for name in NAMES[package].split()]
    pages = {
        name: PAGES[package].format(name=name, module=name.rpartition(".")[0]) for name in names
    }
    return pages | ELSEWHERE.get(package, {})


def inventory(package):
    """Return the content of the inventory of a package, in version 2 of the format."""
    lines = []
    for name, page in sorted(locations(package).items()):
        role = "class" if inspect.isclass(pydoc.locate(name)) else "function"
        role = "data" if page.endswith("constants.html") else role
        lines.append(f"{name} py:{role} 1 {page}#$ -\n")
    for term, page in TERMS.get(package, {}).items():
        lines.append(f"{term} std:term -1 {page}#term-{term} -\n")
    header = f"# Sphinx inventory version 2\n# Project: {package}\n# Version: \n"
    header += "# The remainder of this file is compressed using zlib.\n"
    return header.encode() + zlib.compress("".join(lines).encode(), 9)


def main():
    """Write all inventories."""
    for package in SITES:
        (FOLDER / f"{package}.inv").write_bytes(inventory(package))


if __name__ == "__main__":
    main()
