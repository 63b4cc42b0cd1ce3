"""Run scikit-learn's checks on all estimators in several settings; none is skipped."""

from unittest import SkipTest

import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import (
    check_estimator,
    estimator_checks_generator,
    parametrize_with_checks,
)
from torch import nn

from sksiamese import (
    PairTransformer,
    ReferenceVerifier,
    SiameseEmbedder,
    SiameseIdentifier,
    SiameseRegressor,
    SiameseVerifier,
)
from sksiamese.neighbors import ApproximateNeighbors
from sksiamese.towers import multi_cue


class TwoLayers(nn.Module):
    """A custom tower."""

    def __init__(self, input_shape, n_components, width):
        super().__init__()
        self.hidden = nn.Linear(input_shape[0], width)
        self.output = nn.Linear(width, n_components)

    def forward(self, X):
        return self.output(self.hidden(X).tanh())


class TwoCues(nn.Module):
    """A tower of two cues; a class, so that test names are the same in every process."""

    def __init__(self, input_shape, n_components):
        super().__init__()
        self.tower = multi_cue(input_shape, n_components, cues={"one": [0], "all": slice(None)})

    def forward(self, X):
        return self.tower(X)


class Product(nn.Module):
    """A custom head."""

    def __init__(self, n_components):
        super().__init__()
        self.linear = nn.Linear(2 * n_components, 1)

    def forward(self, A, B):
        return self.linear(nn.functional.relu(10 * (A - B).abs()).repeat(1, 2)).squeeze(-1)


SGD = {"optimizer": "sgd", "learning_rate_init": 0.1, "weight_decay": 1e-3, "max_grad_norm": 1.0}

EMBEDDERS = [
    SiameseEmbedder(max_iter=5),
    SiameseEmbedder(max_iter=5, loss="kernel_regression"),
    SiameseEmbedder(tower=TwoLayers, width=7, early_stopping=True, validation_fraction=0.4),
]
SLOW_EMBEDDERS = [
    SiameseEmbedder(),
    SiameseEmbedder(max_iter=10, n_components=3, depth=1, distance="cosine"),
    SiameseEmbedder(max_iter=10, loss="triplet", margin=0.2, miner="semihard"),
    SiameseEmbedder(max_iter=10, loss="triplet", miner="hardest", distance="sqeuclidean"),
    SiameseEmbedder(max_iter=10, distance="manhattan", batch_size=32, dropout=0.2),
    SiameseEmbedder(max_iter=10, tower="cnn", depth=2, width=8),
    SiameseEmbedder(max_iter=10, tower="tdnn", depth=2, width=16),
    SiameseEmbedder(max_iter=10, tower=TwoCues),
    SiameseEmbedder(max_iter=10, scaling=None),
    SiameseEmbedder(max_iter=10, loss="n_pairs", n_views=2),
    SiameseEmbedder(
        max_iter=10, loss="rank_n_contrast", early_stopping=True, validation_fraction=0.4
    ),
    SiameseEmbedder(max_iter=10, scaling="shared"),
    SiameseEmbedder(max_iter=10, activation="gelu", normalization="batch", shortcuts=True),
    SiameseEmbedder(max_iter=10, learning_rate="one_cycle", **SGD),
]

VERIFIERS = [
    SiameseVerifier(width=64, max_iter=12),
    SiameseVerifier(tower=TwoLayers, width=128, head=Product, max_iter=15),
]
SLOW_VERIFIERS = [
    SiameseVerifier(),
    SiameseVerifier(n_components=5, distance="cosine", width=64),
    SiameseVerifier(distance="manhattan", class_weight="balanced"),
    SiameseVerifier(width=64, head="mlp"),
    SiameseVerifier(margin=None, depth=3, width=128),
    SiameseVerifier(tower="cnn", depth=2, width=8),
    SiameseVerifier(tower="tdnn", depth=2, width=16),
    SiameseVerifier(head="weighted_l1"),
    SiameseVerifier(scaling=None),
    SiameseVerifier(scaling="shared"),
    SiameseVerifier(distance="sqeuclidean", margin=0.5, weight_decay=0.0, learning_rate_init=5e-3),
    SiameseVerifier(activation="gelu", normalization="batch", shortcuts=True),
    SiameseVerifier(learning_rate="cosine", **SGD),
]

REGRESSORS = [
    SiameseRegressor(width=64, max_iter=20, head="weighted_l1", loss="squared_error"),
]
SLOW_REGRESSORS = [
    SiameseRegressor(),
    SiameseRegressor(tower=TwoLayers, width=128, head=Product),
    SiameseRegressor(head="adaptive_distance", distance="euclidean", max_iter=100),
    SiameseRegressor(head="weighted_manhattan", loss="angle"),
    SiameseRegressor(tower="cnn", depth=2, width=16, head="mlp"),
]

PAIR_TRANSFORMERS = [
    PairTransformer(),
    PairTransformer(StandardScaler(), output="abs_diff"),
    PairTransformer(StandardScaler(), output="distance"),
]
SLOW_PAIR_TRANSFORMERS = [
    PairTransformer(PCA(1), output="product"),
    PairTransformer(MaxAbsScaler(), output="abs_diff_product"),
]

IDENTIFIERS = [
    SiameseIdentifier(SiameseEmbedder(max_iter=5, random_state=0), strategy="nearest"),
    SiameseIdentifier(
        NeighborhoodComponentsAnalysis(max_iter=5, random_state=0),
        strategy="nearest",
        n_neighbors=5,
    ),
    SiameseIdentifier(
        NeighborhoodComponentsAnalysis(max_iter=5, random_state=0), metric="manhattan"
    ),
]
SLOW_IDENTIFIERS = [SiameseIdentifier()]
INDEXES = [ApproximateNeighbors()]
REFERENCE_VERIFIERS = [ReferenceVerifier(), ReferenceVerifier(metric="precomputed")]

# With these heads identical items always match, but a check labels such pairs as different.
DISTANCE_HEADS = ("cosine", "distance")

# Checks that scikit-learn runs on its own estimators only.
SHARED_CHECKS = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
]
TRANSFORMER_CHECKS = [
    "check_get_feature_names_out_error",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
]

odd_columns = pytest.mark.filterwarnings("ignore:Pairs have an odd number of columns")

# The labels of some checks have nothing to do with distances, and some checks set no random_state.
reversed_labels = pytest.mark.filterwarnings("ignore:Pairs labeled")


# A check sets n_components=1; the cosine distance of one component depends on its sign only.
one_component = pytest.mark.filterwarnings("ignore:The embedding has collapsed")


def run_check(estimator, check):
    """Run a check of scikit-learn; fail if it skips itself."""
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.fail(f"skipped: {skipped}")


@odd_columns
@reversed_labels
@one_component
@parametrize_with_checks(
    [
        *EMBEDDERS,
        *VERIFIERS,
        *REGRESSORS,
        *PAIR_TRANSFORMERS,
        *IDENTIFIERS,
        *REFERENCE_VERIFIERS,
        *INDEXES,
    ]
)
def test_scikit_learn_check_passes(estimator, check):
    run_check(estimator, check)


@pytest.mark.slow
@odd_columns
@reversed_labels
@one_component
@parametrize_with_checks(
    [
        *SLOW_EMBEDDERS,
        *SLOW_VERIFIERS,
        *SLOW_REGRESSORS,
        *SLOW_PAIR_TRANSFORMERS,
        *SLOW_IDENTIFIERS,
    ]
)
def test_scikit_learn_check_passes_in_further_settings(estimator, check):
    run_check(estimator, check)


@pytest.mark.parametrize(
    ("estimator", "n_checks"),
    [
        (SiameseEmbedder(), 48),
        (SiameseVerifier(), 65),
        (SiameseRegressor(), 60),
        (PairTransformer(), 47),
        (SiameseIdentifier(), 55),
        (ReferenceVerifier(), 53),
        (ApproximateNeighbors(), 41),
    ],
)
def test_no_tag_switches_checks_off(estimator, n_checks):
    assert len(list(estimator_checks_generator(estimator))) >= n_checks


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("check", [*SHARED_CHECKS, *TRANSFORMER_CHECKS])
def test_embedder_passes_private_checks_of_scikit_learn(check):
    getattr(estimator_checks, check)("SiameseEmbedder", SiameseEmbedder(max_iter=3))


@odd_columns
@reversed_labels
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("check", [*SHARED_CHECKS, *TRANSFORMER_CHECKS])
def test_pair_transformer_passes_private_checks_of_scikit_learn(check):
    getattr(estimator_checks, check)("PairTransformer", PairTransformer(output="abs_diff"))


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("check", SHARED_CHECKS)
def test_identifier_passes_private_checks_of_scikit_learn(check):
    embedder = SiameseEmbedder(max_iter=3, random_state=0)
    getattr(estimator_checks, check)("SiameseIdentifier", SiameseIdentifier(embedder))


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("check", SHARED_CHECKS)
def test_reference_verifier_passes_private_checks_of_scikit_learn(check):
    getattr(estimator_checks, check)("ReferenceVerifier", ReferenceVerifier())


@pytest.mark.parametrize("check", SHARED_CHECKS)
def test_approximate_neighbors_pass_private_checks_of_scikit_learn(check):
    getattr(estimator_checks, check)("ApproximateNeighbors", ApproximateNeighbors())


@odd_columns
@reversed_labels
@pytest.mark.parametrize("check", SHARED_CHECKS)
def test_verifier_passes_private_checks_of_scikit_learn(check):
    getattr(estimator_checks, check)("SiameseVerifier", SiameseVerifier(max_iter=3))


@odd_columns
@pytest.mark.parametrize("check", SHARED_CHECKS)
def test_regressor_passes_private_checks_of_scikit_learn(check):
    getattr(estimator_checks, check)("SiameseRegressor", SiameseRegressor(max_iter=3))


@pytest.mark.slow
@pytest.mark.parametrize("head", DISTANCE_HEADS)
def test_distance_heads_fail_the_check_that_labels_identical_items_as_different(head):
    verifier = SiameseVerifier(head=head, max_iter=100)
    with pytest.raises(AssertionError):
        estimator_checks.check_classifiers_train("verifier", verifier)


@pytest.mark.slow
@odd_columns
@reversed_labels
@pytest.mark.parametrize("head", DISTANCE_HEADS)
def test_distance_heads_pass_all_other_checks(head):
    results = check_estimator(SiameseVerifier(head=head), on_fail=None, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] != "passed"}
    assert failed == {"check_classifiers_train"}
