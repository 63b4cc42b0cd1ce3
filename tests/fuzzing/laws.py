"""Laws that the results of generated calls obey."""

import pickle
from numbers import Real

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sksiamese import PairView


def anything(result, arguments):
    """Accept any result."""


def finite(result, arguments):
    """Assert that all numbers of a result are finite."""
    for part in result if isinstance(result, tuple | list) else [result]:
        array = _dense(part)
        if array.dtype.kind == "f":
            assert np.isfinite(array).all(), "not finite"


def share(result, arguments):
    """Assert that a result is a number in [0, 1]."""
    assert isinstance(result, Real), type(result)
    assert 0 <= result <= 1, result


def shares(result, arguments):
    """Assert that a result is a number in [0, 1], or an array of these with NaN for no number."""
    if np.ndim(result) == 0:
        share(result, arguments)
    else:
        assert isinstance(result, np.ndarray), type(result)
        assert ((result >= 0) & (result <= 1) | np.isnan(result)).all(), result


def order_free(metric, law, result, arguments):
    """Assert the law of a metric, and that the order of rows changes nothing."""
    law(result, arguments)
    names = arguments.keys() & {"y_true", "y_score", "y_prob", "Z", "groups"}
    rows = {name: arguments[name] for name in names}
    if all(type(value) is np.ndarray for value in rows.values()) and not are_coarse(rows):
        order = np.random.default_rng(0).permutation(len(rows["y_true"]))
        again = metric(**arguments | {name: value[order] for name, value in rows.items()})
        assert np.allclose(result, again, atol=1e-6, equal_nan=True), "depends on the order of rows"


def are_coarse(rows):
    """Return whether numbers are so large that rounding decides which of two is nearer."""
    numbers = [value for name, value in rows.items() if name in ("Z", "y_score")]
    return any(np.abs(value.astype(float)).max() > 1e4 for value in numbers)


def made_pairs(result, arguments):
    """Assert that pairs match if their labels are equal, for labels of numpy."""
    drawn_pairs(result, arguments)
    P, match, _ = result
    y = arguments["y"]
    if isinstance(P, PairView) and type(y) is np.ndarray and y.ndim == 1:
        left, right = y[P.index.T]
        assert ((left == right) == match).all(), "labels and matches differ"


def embedded_rows(result, arguments):
    """Assert that rows are embedded alone as they are together."""
    rows_as_many(result, arguments)
    Z = np.asarray(result)
    part = np.asarray(arguments["self"].transform(some_rows(arguments["X"])))
    assert np.allclose(part, Z[:2], rtol=1e-3, atol=1e-4 * abs(Z).max()), "subset differs"


def not_negative(result, arguments):
    """Assert that a result is a finite number >= 0."""
    assert isinstance(result, Real), type(result)
    assert 0 <= result < np.inf, result


def rows_as_many(result, arguments):
    """Assert that a result is finite, if X is, and has a row for each row of X."""
    if holds_finite_numbers(arguments["X"]):
        finite(result, arguments)
    n_rows = len(result) if not issparse(result) else result.shape[0]
    assert n_rows == n_rows_of(arguments["X"]), "another number of rows"


def distances(result, arguments):
    """Assert that a result holds distances, a row for each row of X."""
    rows_as_many(result, arguments)
    assert (np.asarray(result) >= 0).all(), "negative distance"


def probabilities(result, arguments):
    """Assert that a result holds probabilities, a row for each row of X."""
    distances(result, arguments)
    assert np.allclose(result.sum(axis=1), 1), "probabilities do not sum to 1"


def known_labels(result, arguments):
    """Assert that predicted labels are those of fit, or the one of the unknown."""
    estimator = arguments["self"]
    allowed = list(estimator.classes_)
    if getattr(estimator, "unknown_label_", None) is not None:
        allowed.append(estimator.unknown_label_)
    assert len(result) == n_rows_of(arguments["X"]), "another number of labels"
    assert set(result.tolist()) <= set(allowed), "unknown labels"


def boolean(result, arguments):
    """Assert that a result is an array of booleans, one for each row of X."""
    assert result.dtype == bool
    assert result.shape == (n_rows_of(arguments["X"]),)


def cost(result, arguments):
    """Assert that a loss is a finite scalar tensor."""
    assert isinstance(result, torch.Tensor)
    assert result.shape == (), tuple(result.shape)
    assert result.isfinite() or has_extreme(arguments), "not finite"


def has_extreme(arguments):
    """Return whether a number is so large or small that float32 does not hold its square."""
    numbers = [abs(value) for value in arguments.values() if isinstance(value, Real)]
    return any(not 1e-15 < number < 1e15 for number in numbers if number)


def tensor_finite(result, arguments):
    """Assert that a tensor, or each of several, is finite."""
    for part in result if isinstance(result, tuple) else (result,):
        assert part.isfinite().all() or has_extreme(arguments), "not finite"


def same_shape(result, arguments):
    """Assert that a tensor has the shape and dtype of X."""
    assert result.shape == arguments["X"].shape
    assert result.dtype == arguments["X"].dtype
    assert result.isfinite().all() or has_extreme(arguments), "not finite"


def tensor_distances(result, arguments):
    """Assert that a tensor holds distances between all rows of A and of B."""
    A, B = arguments["A"], arguments["B"]
    assert result.shape == (len(A), len(B))
    assert (result >= 0).all(), "negative distance"


def batches_of_rows(result, arguments):
    """Assert that batches hold distinct rows that have a class."""
    y = arguments["y"]
    for rows in result:
        assert rows.dtype == torch.int64
        assert len(rows.unique()) == len(rows), "a row twice in a batch"
        assert (y[rows] >= 0).all(), "a row without class"


def mined(result, arguments):
    """Assert that mined distances have masks of their shape that exclude each other."""
    D, same, different = result
    assert D.shape == same.shape == different.shape
    assert not (same & different).any(), "a pair both matches and does not"


def embedder_works(embedder, arguments):
    """Assert that a fitted transformer embeds its rows, alone as together, also once pickled."""
    X = arguments["X"]
    Z = np.asarray(embedder.transform(X))
    assert Z.shape == (n_rows_of(X), embedder.n_components), "another shape"
    assert Z.dtype in (np.float32, np.float64), Z.dtype
    assert np.isfinite(Z).all(), "not finite"
    part = embedder.transform(some_rows(X))
    assert np.allclose(part, Z[:2], rtol=1e-3, atol=1e-4 * abs(Z).max()), "subset differs"
    if is_picklable(embedder):
        again = pickle.loads(pickle.dumps(embedder)).transform(X)
        assert np.array_equal(Z, again), "pickle differs"


def partly_fitted(embedder, arguments):
    """Assert that an embedder works, if rows are not too far from those of its first chunk."""
    if np.abs(_dense(arguments["X"]).astype(float)).max() < 1e15:
        embedder_works(embedder, arguments)


FIT_ARGUMENTS = ("X", "y", "sample_weight", "groups", "X_val", "y_val", "sample_weight_val")
"""Names of the data that ``fit`` may receive."""


def refits_alike(estimator, arguments):
    """Assert that a clone that is fitted on the same data is the same, if its seed is a number."""
    if isinstance(estimator.random_state, int) and "warm_start" not in arguments:
        data = {name: arguments[name] for name in FIT_ARGUMENTS if name in arguments}
        again = clone(estimator).fit(**data)
        assert np.allclose(again.loss_curve_, estimator.loss_curve_, equal_nan=True)


def finite_curve(estimator, arguments):
    """Assert that the losses of a fit are finite."""
    assert np.isfinite(estimator.loss_curve_).all(), "loss is not finite"


def fitted_embedder(embedder, arguments):
    """Assert that a fitted embedder works, and that its clone is the same."""
    embedder_works(embedder, arguments)
    refits_alike(embedder, arguments)


def fitted_verifier(verifier, arguments):
    """Assert that a fitted verifier is symmetric, consistent, and the same once pickled."""
    X = arguments["X"]
    logit, proba = verifier.decision_function(X), verifier.predict_proba(X)
    assert logit.shape == (n_rows_of(X),), "another shape"
    assert np.isfinite(logit).all(), "not finite"
    assert np.allclose(proba.sum(axis=1), 1), "probabilities do not sum to 1"
    assert ((verifier.predict(X) == verifier.classes_[1]) == (logit > 0)).all(), "sign"
    assert (verifier.pair_distance(X) >= 0).all(), "negative distance"
    assert np.isin(verifier.predict(X), verifier.classes_).all()
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] % 2 == 0:
        half = X.shape[1] // 2
        swapped = verifier.decision_function(np.hstack([X[:, half:], X[:, :half]]))
        assert np.allclose(logit, swapped, rtol=1e-4, atol=1e-4), "not symmetric"
    if is_picklable(verifier):
        again = pickle.loads(pickle.dumps(verifier)).decision_function(X)
        assert np.array_equal(logit, again), "pickle differs"
    refits_alike(verifier, arguments)


def fitted_regressor(regressor, arguments):
    """Assert that a fitted regressor is symmetric, finite, and the same once pickled."""
    X = arguments["X"]
    predicted = regressor.predict(X)
    assert predicted.shape == (n_rows_of(X),), "another shape"
    assert np.isfinite(predicted).all(), "not finite"
    assert (regressor.pair_distance(X) >= 0).all(), "negative distance"
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] % 2 == 0:
        half = X.shape[1] // 2
        swapped = regressor.predict(np.hstack([X[:, half:], X[:, :half]]))
        tolerance = 1e-4 * (1 + np.abs(predicted).max())
        assert np.allclose(predicted, swapped, rtol=1e-4, atol=tolerance), "not symmetric"
    if is_picklable(regressor):
        again = pickle.loads(pickle.dumps(regressor)).predict(X)
        assert np.array_equal(predicted, again), "pickle differs"
    refits_alike(regressor, arguments)


def fitted_identifier(identifier, arguments):
    """Assert that a fitted identifier names, verifies and scores consistently."""
    X = arguments["X"]
    n_rows, n_classes = n_rows_of(X), len(identifier.classes_)
    D, proba = identifier.class_distances(X), identifier.predict_proba(X)
    known_labels(identifier.predict(X), {"self": identifier, "X": X})
    assert D.shape == proba.shape == (n_rows, n_classes), "another shape"
    assert (D >= 0).all(), "negative distance"
    assert np.isfinite(D).all(), "not finite"
    assert np.allclose(proba.sum(axis=1), 1), "probabilities do not sum to 1"
    if is_picklable(identifier):
        again = pickle.loads(pickle.dumps(identifier)).predict(X)
        assert (again == identifier.predict(X)).all(), "pickle differs"
    if identifier.unknown_label_ is not None:
        accepted = identifier.verify(X, np.full(n_rows, identifier.classes_[0]))
        named = identifier.predict(X) == identifier.classes_[0]
        assert accepted[named].all(), "verify rejects what predict names"


def fitted_reference_verifier(verifier, arguments):
    """Assert that a fitted reference verifier scores and names its references."""
    X = arguments["X"]
    known_labels(verifier.predict(X), {"self": verifier, "X": X})
    rows_as_many(verifier.decision_function(X), {"X": X})


def pair_transformer_works(transformer, arguments):
    """Assert that a fitted transformer of pairs gives a row for each."""
    result = transformer.transform(arguments["X"])
    assert result.shape[0] == n_rows_of(arguments["X"]), "another number of rows"
    if not isinstance(result, PairView):
        if holds_finite_numbers(arguments["X"]):
            finite(result, arguments)
        assert len(transformer.get_feature_names_out()) == result.shape[1], "names"


def holds_finite_numbers(X):
    """Return whether data of any container are finite numbers; others may lead to NaN."""
    try:
        return bool(np.isfinite(_dense(X).astype(float)).all())
    except (RuntimeError, TypeError, ValueError):
        return False


def folds(result, arguments):
    """Assert that folds have pairs on both sides and no identity on both."""
    groups = np.asarray(arguments["groups"], dtype=object)
    for train, test in result:
        assert len(train), "no training pair"
        assert len(test), "no test pair"
        assert not set(groups[train].ravel()) & set(groups[test].ravel()), "an identity twice"


def drawn_pairs(result, arguments):
    """Assert that pairs have as many labels and groups."""
    P, match, groups = result
    assert P.shape[0] == len(match) == len(groups)
    assert match.dtype == bool


def halves(result, arguments):
    """Assert that both halves of pairs have one shape."""
    left, right = result
    assert left.shape == right.shape


def module_works(result, arguments):
    """Assert that a tower maps a batch of items of its shape to finite embeddings."""
    Z = result(torch.zeros(3, *arguments["input_shape"]))
    assert Z.shape == (3, arguments["n_components"])
    assert Z.isfinite().all()


def parameters_kept(estimator, arguments):
    """Assert that a constructor keeps its arguments as they are, and that a clone has them."""
    given = estimator.get_params(deep=False)
    assert all(given[name] is value for name, value in arguments.items())
    repr(estimator)


def is_picklable(estimator):
    """Return whether the parameters of an estimator can be pickled, as those made here cannot."""
    try:
        pickle.dumps(estimator.get_params(deep=False))
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def n_rows_of(X):
    """Return the number of rows of any container."""
    return X.shape[0] if hasattr(X, "shape") else len(X)


def some_rows(X):
    """Return the first two rows of any container."""
    return X[:2] if isinstance(X, PairView | list | tuple) else _safe_indexing_of(X)


def _safe_indexing_of(X):
    if hasattr(X, "tocsr"):
        return X.tocsr()[:2]
    if isinstance(X, torch.Tensor) or not hasattr(X, "__array__"):
        return X[:2]
    return _safe_indexing(X, slice(0, 2))


def _dense(part):
    return part.toarray() if issparse(part) else np.asarray(part)
