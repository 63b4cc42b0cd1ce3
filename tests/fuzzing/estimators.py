"""The targets among the estimators."""

import functools
import warnings

from sksiamese import (
    PairTransformer,
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
)

from . import laws as law
from .common import (
    ANYTHING,
    CALLBACKS,
    CLAIMS,
    EMBEDDER,
    EMBEDDERS,
    IDENTIFIER,
    IDENTIFIERS,
    NAMES,
    NET,
    OUTPUT,
    PAIR_TRANSFORMER,
    REFERENCE_VERIFIER,
    REFERENCE_VERIFIERS,
    REGRESSOR,
    REGRESSORS,
    REJECTING,
    TRANSFORMERS,
    VERIFIER,
    VERIFIERS,
    callbacks_then_fit,
    common,
    embedder,
    fit_of,
    fit_then_output,
    identifier,
    method,
    regressor,
    set_then_fit,
    target,
    unless_half_done,
    verifier,
)
from .engine import Kind
from .values import (
    ANY,
    CLASSES,
    GROUPS,
    MATCHES,
    PAIRS,
    ROWS,
    SAMPLE_WEIGHT,
    SCORES,
    Scene,
    constants,
    number,
)

TIMES = {"dates", "durations"}
"""Data that pandas or polars take in some resolutions only."""


def quiet(function):
    """Return a function that does not warn about claims of the cohort."""

    def call(*args, **options):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "claimed contains identities of the cohort")
            return function(*args, **options)

    return call


ESTIMATORS = {
    **common(embedder, "SiameseEmbedder"),
    **common(verifier, "SiameseVerifier"),
    **common(regressor, "SiameseRegressor"),
    **common(identifier, "SiameseIdentifier"),
    **common(PairTransformer, "PairTransformer"),
    **common(ReferenceVerifier, "ReferenceVerifier"),
    "ReferenceVerifier": target(
        ReferenceVerifier, law=law.parameters_kept, **REFERENCE_VERIFIER),
    "ReferenceVerifier.fit": target(
        fit_of(ReferenceVerifier, "X", "y"), "X y", law.fitted_reference_verifier, 4, X=ROWS,
        y=CLASSES, **REFERENCE_VERIFIER),
    "ReferenceVerifier.set_params": target(
        set_then_fit(ReferenceVerifier, "X", "y"), "X y", law.fitted_reference_verifier, 2,
        X=ROWS, y=CLASSES, **REFERENCE_VERIFIER),
    **{f"ReferenceVerifier.{name}": target(
        quiet(method(name)), "self X claimed", check, self=REFERENCE_VERIFIERS, X=ROWS,
        claimed=CLAIMS)
       for name, check in (
           ("claim_terms", law.rows_as_many), ("claim_scores", law.rows_as_many),
           ("verify", law.boolean))},
    "ReferenceVerifier.decision_function": target(
        method("decision_function"), "self X", law.rows_as_many, self=REFERENCE_VERIFIERS, X=ROWS),
    "ReferenceVerifier.predict": target(
        method("predict"), "self X", law.known_labels, self=REFERENCE_VERIFIERS, X=ROWS),
    "ReferenceVerifier.score": target(
        method("score"), "self X y", law.share, self=REFERENCE_VERIFIERS, X=ROWS, y=CLASSES,
        sample_weight=SAMPLE_WEIGHT, errors=(ValueError, TypeError)),
    "SiameseEmbedder": target(SiameseEmbedder, law=law.parameters_kept, **EMBEDDER),
    "SiameseEmbedder.fit": target(
        fit_of(embedder, "X", "y"), "X y", law.fitted_embedder, 8, X=ROWS, y=CLASSES, **EMBEDDER
    ),
    "SiameseEmbedder.fit with parts": target(
        lambda **options: embedder(**options).fit(Scene(4).rows, Scene(4).codes),
        law=law.finite_curve, times=4, **{name: EMBEDDER[name] for name in (
            "tower", "augment", "loss", "miner", "distance", "regularizer", "sampler")}),
    "SiameseEmbedder.fit with validation data": target(
        fit_of(functools.partial(embedder, early_stopping=True), "X", "y", "X_val", "y_val"),
        "X y X_val y_val", law.fitted_embedder, 2, X=ROWS, y=CLASSES, X_val=ROWS, y_val=CLASSES,
        scoring=EMBEDDER["scoring"], unlabeled_label=EMBEDDER["unlabeled_label"]),
    "SiameseEmbedder.set_params": target(
        set_then_fit(embedder, "X", "y"), "X y", law.fitted_embedder, 2, X=ROWS, y=CLASSES,
        **EMBEDDER),
    "SiameseEmbedder.fit_transform": target(
        lambda X, y, **options: embedder(**options).fit_transform(X, y), "X y", law.rows_as_many, 2,
        X=ROWS, y=CLASSES, **EMBEDDER),
    "SiameseEmbedder.partial_fit": target(
        method("partial_fit"), "self X y", law.partly_fitted, 3, self=EMBEDDERS, X=ROWS, y=CLASSES,
        classes=CLASSES),
    "SiameseEmbedder.transform": target(
        method("transform"), "self X", law.embedded_rows, 2, self=EMBEDDERS, X=ROWS),
    "SiameseEmbedder.score": target(
        method("score"), "self X y", law.share, 2, self=EMBEDDERS, X=ROWS, y=CLASSES),
    "SiameseEmbedder.get_feature_names_out": target(
        method("get_feature_names_out"), "self", self=EMBEDDERS, input_features=NAMES),
    "SiameseEmbedder.set_output": target(
        fit_then_output(embedder, "X", "y"), "transform X y", law.rows_as_many, transform=OUTPUT,
        X=ROWS, y=CLASSES),
    "SiameseEmbedder.set_callbacks": target(
        callbacks_then_fit(embedder), "callbacks", callbacks=CALLBACKS),
    "SiameseVerifier": target(SiameseVerifier, law=law.parameters_kept, **VERIFIER),
    "SiameseVerifier.fit": target(
        fit_of(verifier, "X", "y", "sample_weight", "groups"), "X y", law.fitted_verifier, 8,
        X=PAIRS, y=MATCHES, sample_weight=SAMPLE_WEIGHT, groups=GROUPS, **VERIFIER),
    "SiameseVerifier.fit with early stopping": target(
        fit_of(functools.partial(verifier, early_stopping=True), "X", "y", "groups"), "X y groups",
        law.fitted_verifier, 2, X=PAIRS, y=MATCHES, groups=GROUPS,
        validation_fraction=NET["validation_fraction"]),
    "SiameseVerifier.fit with validation data": target(
        fit_of(functools.partial(verifier, early_stopping=True), "X", "y", "X_val", "y_val",
               "sample_weight_val"),
        "X y X_val y_val", law.fitted_verifier, 2, X=PAIRS, y=MATCHES, X_val=PAIRS, y_val=MATCHES,
        sample_weight_val=SAMPLE_WEIGHT, scoring=VERIFIER["scoring"]),
    "SiameseVerifier.fit_rows": target(
        lambda X, y, **options: unless_half_done(
            verifier(**options), "fit_rows", {"X": X, "y": y}), "X y", law.finite_curve, 3, X=ROWS,
        y=CLASSES, sampler=VERIFIER["sampler"], head=VERIFIER["head"]),
    "SiameseVerifier.fit_rows with validation data": target(
        lambda **data: unless_half_done(verifier(early_stopping=True), "fit_rows", data),
        "X y X_val y_val", law.finite_curve, 2, X=ROWS, y=CLASSES, X_val=ROWS, y_val=CLASSES),
    "SiameseVerifier.partial_fit": target(
        method("partial_fit"), "self X y", law.finite_curve, 3, self=VERIFIERS, X=PAIRS, y=MATCHES,
        classes=MATCHES, sample_weight=SAMPLE_WEIGHT),
    "SiameseVerifier.decision_matrix": target(
        method("decision_matrix"), "self X_left", law.finite, 2, self=VERIFIERS, X_left=ROWS,
        X_right=ROWS),
    "SiameseVerifier.fit with parts": target(
        lambda **options: verifier(**options).fit(Scene(4).pairs, Scene(4).match),
        law=law.finite_curve, times=4,
        **{name: VERIFIER[name] for name in ("tower", "augment", "head", "distance")}),
    "SiameseVerifier.set_params": target(
        set_then_fit(verifier, "X", "y"), "X y", law.fitted_verifier, 2, X=PAIRS, y=MATCHES,
        **VERIFIER),
    "SiameseVerifier.decision_function": target(
        method("decision_function"), "self X", law.rows_as_many, 2, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.predict": target(
        method("predict"), "self X", law.known_labels, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.predict_proba": target(
        method("predict_proba"), "self X", law.probabilities, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.pair_distance": target(
        method("pair_distance"), "self X", law.distances, self=VERIFIERS, X=PAIRS),
    "SiameseVerifier.score": target(
        method("score"), "self X y", law.share, self=VERIFIERS, X=PAIRS,
        y=MATCHES,
        sample_weight=SAMPLE_WEIGHT, errors=(ValueError, TypeError)),
    "SiameseVerifier.transform_items": target(
        method("transform_items"), "self X_items", law.finite, 2, self=VERIFIERS, X_items=ROWS),
    "SiameseVerifier.set_callbacks": target(
        callbacks_then_fit(verifier), "callbacks", callbacks=CALLBACKS),
    "SiameseRegressor": target(SiameseRegressor, law=law.parameters_kept, **REGRESSOR),
    "SiameseRegressor.fit": target(
        fit_of(regressor, "X", "y", "sample_weight"), "X y", law.fitted_regressor, 6,
        X=PAIRS, y=SCORES, sample_weight=SAMPLE_WEIGHT, **REGRESSOR),
    "SiameseRegressor.fit with validation data": target(
        fit_of(functools.partial(regressor, early_stopping=True), "X", "y", "X_val", "y_val",
               "sample_weight_val"),
        "X y X_val y_val", law.fitted_regressor, 2, X=PAIRS, y=SCORES, X_val=PAIRS, y_val=SCORES,
        sample_weight_val=SAMPLE_WEIGHT, scoring=REGRESSOR["scoring"]),
    "SiameseRegressor.partial_fit": target(
        method("partial_fit"), "self X y", law.finite_curve, 3, self=REGRESSORS, X=PAIRS, y=SCORES,
        sample_weight=SAMPLE_WEIGHT),
    "SiameseRegressor.set_params": target(
        set_then_fit(regressor, "X", "y"), "X y", law.fitted_regressor, 2, X=PAIRS, y=SCORES,
        **REGRESSOR),
    "SiameseRegressor.predict": target(
        method("predict"), "self X", law.rows_as_many, 2, self=REGRESSORS, X=PAIRS),
    "SiameseRegressor.predict_matrix": target(
        method("predict_matrix"), "self X_left", law.finite, 2, self=REGRESSORS, X_left=ROWS,
        X_right=ROWS),
    "SiameseRegressor.pair_distance": target(
        method("pair_distance"), "self X", law.distances, self=REGRESSORS, X=PAIRS),
    "SiameseRegressor.transform_items": target(
        method("transform_items"), "self X_items", law.finite, self=REGRESSORS, X_items=ROWS),
    "SiameseRegressor.score": target(
        method("score"), "self X y", self=REGRESSORS, X=PAIRS, y=SCORES,
        sample_weight=SAMPLE_WEIGHT, errors=(ValueError, TypeError)),
    "SiameseRegressor.set_callbacks": target(
        callbacks_then_fit(regressor), "callbacks", callbacks=CALLBACKS),
    "SiameseIdentifier": target(SiameseIdentifier, law=law.parameters_kept, **IDENTIFIER),
    "SiameseIdentifier.fit": target(
        fit_of(identifier, "X", "y"), "X y", law.fitted_identifier, 8, X=ROWS, y=CLASSES,
        **IDENTIFIER),
    "SiameseIdentifier.set_params": target(
        set_then_fit(identifier, "X", "y"), "X y", law.fitted_identifier, 2, X=ROWS, y=CLASSES,
        **IDENTIFIER),
    "SiameseIdentifier.partial_fit": target(
        method("partial_fit"), "self X y", law.fitted_identifier, 3, self=IDENTIFIERS, X=ROWS,
        y=CLASSES, classes=CLASSES),
    "SiameseIdentifier.forget": target(
        method("forget"), "self labels", self=IDENTIFIERS, labels=Kind(
            constants(0, [0], [1, 2], "a", ["a", "b"]), ANY | CLASSES.odd)),
    "SiameseIdentifier.kneighbors": target(
        method("kneighbors"), "self X", law.finite, 2, self=IDENTIFIERS, X=ROWS,
        n_neighbors=number(1, 2)),
    "SiameseIdentifier.class_distances": target(
        method("class_distances"), "self X", law.distances, 2, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.decision_function": target(
        method("decision_function"), "self X", law.rows_as_many, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.predict": target(
        method("predict"), "self X", law.known_labels, 2, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.temperature_": target(
        lambda self: self.temperature_, "self", law.finite, self=IDENTIFIERS),
    "SiameseIdentifier.predict_proba": target(
        method("predict_proba"), "self X", law.probabilities, self=IDENTIFIERS, X=ROWS),
    "SiameseIdentifier.score": target(
        method("score"), "self X y", law.share, self=IDENTIFIERS, X=ROWS, y=CLASSES,
        sample_weight=SAMPLE_WEIGHT, errors=(ValueError, TypeError)),
    "SiameseIdentifier.verify": target(
        method("verify"), "self X claimed", law.boolean, 2, self=REJECTING, X=ROWS,
        claimed=CLAIMS),
    "PairTransformer": target(PairTransformer, law=law.parameters_kept, **PAIR_TRANSFORMER),
    "PairTransformer.fit": target(
        fit_of(PairTransformer, "X", "y"), "X", law.pair_transformer_works, 4, X=PAIRS, y=ANYTHING,
        **PAIR_TRANSFORMER),
    "PairTransformer.set_params": target(
        set_then_fit(PairTransformer, "X"), "X", law.pair_transformer_works, X=PAIRS,
        **PAIR_TRANSFORMER),
    "PairTransformer.fit_transform": target(
        lambda X, y=None, **options: PairTransformer(**options).fit_transform(X, y), "X",
        law.rows_as_many, X=PAIRS, y=ANYTHING, **PAIR_TRANSFORMER),
    "PairTransformer.transform": target(
        method("transform"), "self X", law.rows_as_many, self=TRANSFORMERS, X=PAIRS),
    "PairTransformer.get_feature_names_out": target(
        method("get_feature_names_out"), "self", self=TRANSFORMERS, input_features=NAMES),
    "PairTransformer.set_output": target(
        fit_then_output(PairTransformer, "X"), "transform X", law.rows_as_many, transform=OUTPUT,
        X=Kind(PAIRS.good, {k: v for k, v in PAIRS.odd.items() if k not in TIMES})),
}  # fmt: skip
