"""Files of fitted estimators, which run no code when they are loaded.

A file has the format safetensors: all arrays and weights are tensors with names such as
``tower_.0.mean``, and a description in JSON has the parameters, the fitted attributes, the names of
classes and functions, and the versions of packages. The functions need the packages safetensors
and skops, the extra ``persistence``.
"""

import json
from collections.abc import Callable, Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import nn

from .._base import BaseSiamese
from .._checks import check_path
from .._extras import MissingExtraError
from .._gallery._updates import NearestOthers
from .._parameters import check_count
from .._training._rebuild import initial_tower
from ._decode import Decoder, required_names
from ._encode import Encoder
from ._file import FileError, read_data, reading, warn_of_versions, write_file
from ._names import ESTIMATORS, allowed_names
from ._weights import load_into

__all__ = ["TRUSTED_TYPES", "build_tower", "load", "load_weights", "save"]

TRUSTED_TYPES = tuple(
    f"{kind.__module__}.{kind.__qualname__}" for kind in (*ESTIMATORS, NearestOthers)
)
"""Names to pass as ``trusted`` to ``skops.io.load``; add the names of parts of your own."""


def save(estimator: Any, path: str | PathLike[str]) -> None:
    """Save an estimator in a file that can be loaded without running code.

    Parameters
    ----------
    estimator : estimator instance
        Estimator of this package, or one of scikit-learn, such as a ``Pipeline`` with
        estimators of this package. Callbacks are not saved.

    path : str or path-like
        File to write, such as ``"model.safetensors"``.

    Raises
    ------
    ValueError
        If a part has no name, such as a lambda, or cannot be saved for another reason; no file is
        then written.

    ImportError
        If safetensors, or skops for steps of scikit-learn, is not installed.

    See Also
    --------
    load : Load the estimator.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.persistence import load, save
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]], ["a", "a", "b", "b"]
    >>> embedder = SiameseEmbedder(8, max_iter=1, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     save(embedder, f"{folder}/model.safetensors")
    ...     loaded = load(f"{folder}/model.safetensors")
    >>> loaded.classes_
    array(['a', 'b'], dtype='<U1')
    >>> print("largest difference:", abs(loaded.transform(X) - embedder.transform(X)).max())
    largest difference: 0.0
    """
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(f"estimator must be an estimator, got {estimator!r}.")
    check_path(path)
    try:
        encoder = Encoder()
        value = json.loads(json.dumps(encoder.encode(estimator, ()), allow_nan=False))
        decode(value, encoder.tensors, required_names(value, encoder.tensors))
    except MissingExtraError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{type(estimator).__name__} cannot be saved: {reason}") from error
    write_file(path, value, encoder.tensors)


def load(path: str | PathLike[str], *, trusted: Sequence[str | Callable] = ()) -> Any:
    """Load an estimator from a file of :func:`save`, without running code of the file.

    Parameters
    ----------
    path : str or path-like
        File.

    trusted : sequence of str or callable, default=()
        Classes and functions of your own, or of other packages, that the file may use: their
        names, such as ``"mypackage.towers:MyTower"``, or the objects themselves. Names are
        compared as text before any module is imported. Parts of this package, the activations and
        optimizers of PyTorch, and the types that skops trusts are always allowed.

    Returns
    -------
    estimator : estimator instance
        Estimator, with weights on the CPU.

    Raises
    ------
    ValueError
        If the file is damaged, is no file of :func:`save`, needs a newer version of this package,
        or uses a name that is not trusted.

    Warns
    -----
    InconsistentVersionWarning
        If the file was saved with other versions of this package, numpy, scikit-learn, scipy or
        torch.

    See Also
    --------
    save : Save an estimator.
    load_weights : Load the weights of a file into an estimator that is not fitted.

    Examples
    --------
    >>> from functools import partial
    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.persistence import load, save
    >>> embedder = SiameseEmbedder(activation=torch.nn.Softshrink)
    >>> with TemporaryDirectory() as folder:
    ...     save(embedder, f"{folder}/model.safetensors")
    ...     load(f"{folder}/model.safetensors", trusted=[torch.nn.Softshrink])
    SiameseEmbedder(activation=<class 'torch.nn.modules.activation.Softshrink'>)
    """
    allowed = allowed_names(trusted)
    data = Path(path).read_bytes()
    with reading(path):
        description, tensors = read_data(data)
        value = description["estimator"]
        if missing := sorted(required_names(value, tensors) - allowed):
            raise FileError(
                "it uses names that are not trusted. If you trust their code and the source of "
                f"the file, pass trusted={missing}."
            )
        saved = dict(description["versions"])
    warn_of_versions(path, saved)
    with reading(path):
        return decode(value, tensors, allowed)


def decode(value, tensors, allowed):
    """Return the estimator of a description, and raise unless all tensors are used."""
    decoder = Decoder(tensors, allowed)
    estimator = decoder.decode(value)
    if decoder.unused:
        raise ValueError(f"it has tensors without a use, such as {min(decoder.unused)!r}.")
    if not isinstance(estimator, BaseEstimator):
        raise ValueError("it has no estimator.")
    return estimator


def load_weights(estimator: Any, path: str | PathLike[str]) -> Any:
    """Load the weights and fitted attributes of a file into an estimator.

    Parameters, with their classes and functions, are not read from the file, so that none of its
    names is imported.

    Parameters
    ----------
    estimator : SiameseEmbedder, SiameseVerifier or SiameseRegressor
        Estimator, which need not be fitted, with the parameters of the network in the file.

    path : str or path-like
        File of :func:`save` with a fitted estimator of the same class.

    Returns
    -------
    estimator : estimator instance
        The same estimator, fitted; if an error is raised, it is not changed.

    Raises
    ------
    ValueError
        If the file is damaged, has another estimator, or has other parameters or weights of the
        network.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.persistence import load_weights, save
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]], ["a", "a", "b", "b"]
    >>> embedder = SiameseEmbedder(8, max_iter=1, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     save(embedder, f"{folder}/model.safetensors")
    ...     fitted = load_weights(SiameseEmbedder(8), f"{folder}/model.safetensors")
    >>> print("largest difference:", abs(fitted.transform(X) - embedder.transform(X)).max())
    largest difference: 0.0
    """
    check_has_tower(estimator)
    data = Path(path).read_bytes()
    with reading(path):
        description, tensors = read_data(data)
        saved = dict(description["versions"])
    warn_of_versions(path, saved)
    with reading(path):
        return load_into(estimator, description["estimator"], tensors)


def build_tower(
    estimator: Any, n_features: int, *, feature_names: Sequence[str] | None = None
) -> nn.Sequential:
    """Build the tower of an estimator from its parameters, with initial weights.

    It has the layers and the names of weights of ``tower_`` after a fit on rows in float32 with
    one class each. If the embedding combines principal components, see ``learned_weight``, their
    part is there as well, with zeros.

    Parameters
    ----------
    estimator : SiameseEmbedder, SiameseVerifier or SiameseRegressor
        Estimator; its parameters define the tower, and ``random_state`` its initial weights.

    n_features : int
        Number of columns of an item, which is half the number of columns of a pair.

    feature_names : sequence of str of length n_features, default=None
        Names of these columns, for towers that use them.

    Returns
    -------
    tower : nn.Sequential
        Tower in evaluation mode, on the CPU.

    Raises
    ------
    ValueError
        If a parameter is invalid.

    Examples
    --------
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.persistence import build_tower
    >>> tower = build_tower(SiameseEmbedder(8, depth=2, width=16), n_features=4)
    >>> for name, weight in tower.state_dict().items():
    ...     print(f"{name:10} {tuple(weight.shape)}")
    0.mean     (4,)
    0.scale    (4,)
    2.1.weight (16, 4)
    2.1.bias   (16,)
    2.4.weight (8, 16)
    2.4.bias   (8,)
    """
    check_has_tower(estimator)
    estimator._validate_params()
    random_state = estimator.random_state
    seed = random_state if isinstance(random_state, Integral) else None
    seed = check_random_state(seed).randint(2**31)
    return initial_tower(estimator, check_count("n_features", n_features), feature_names, seed)


def check_has_tower(estimator):
    """Raise unless an estimator trains a tower."""
    if not isinstance(estimator, BaseSiamese):
        raise ValueError(
            "estimator must be a SiameseEmbedder, SiameseVerifier or SiameseRegressor, got "
            f"{estimator!r}."
        )
