"""Fit umap-learn or ivis in an environment of their own, which need not have this package.

Run as a script by :func:`fit_elsewhere`: read training rows, classes and other rows from a file,
fit a model, and write the seconds of the fit and the embeddings.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np


def fit_elsewhere(name, python, X, y, budget, X_other):
    """Return the seconds of a fit by another interpreter, both embeddings, and the version.

    Parameters
    ----------
    name : {"umap", "ivis"}
        Package.

    python : str
        Path of an interpreter that can import the package.

    X, X_other : ndarray of float32 of shape (n_rows, n_features)
        Training rows and other rows, standardized.

    y : ndarray of int of shape (n_rows,)
        Classes of the training rows.

    budget : int
        Number of epochs.

    Returns
    -------
    seconds : float
        Seconds of ``fit``, after a first fit of few rows that compiles functions.

    Z, Z_other : ndarray
        Embeddings.

    version : str
        Version of the package.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, X=X, y=y, X_other=X_other)
        # ivis 2 runs with Keras 2 only, which the package tf_keras provides.
        quiet = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [python, "-W", "ignore", __file__, name, str(budget), str(path)]
        subprocess.run(command, env=os.environ | quiet, check=True, capture_output=True)
        found = np.load(path)
        return float(found["seconds"]), found["Z"], found["Z_other"], str(found["version"])


def new_model(name, budget):
    """Return a new model of a package."""
    if name == "umap":
        from umap import UMAP

        return UMAP(n_components=10, n_epochs=budget, random_state=0)
    from ivis import Ivis

    return Ivis(embedding_dims=32, epochs=budget, verbose=0)


def main(name, budget, path):
    """Fit a model, and replace the file by its results."""
    rows = np.load(path)
    X, y, X_other = rows["X"], rows["y"], rows["X_other"]
    new_model(name, 2).fit(X[:500], y[:500])
    model = new_model(name, int(budget))
    begin = perf_counter()
    model.fit(X, y)
    seconds = perf_counter() - begin
    found = {"seconds": seconds, "Z": model.transform(X), "Z_other": model.transform(X_other)}
    np.savez(path, **found, version=version({"umap": "umap-learn"}.get(name, name)))


if __name__ == "__main__":
    main(*sys.argv[1:])
