"""Test callbacks of scikit-learn in pipelines and other estimators."""

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseEmbedder, SiameseIdentifier, SiameseVerifier

BRIEFLY = {"max_iter": 3, "width": 8, "random_state": 0}


class Epochs:
    """A callback that counts the epochs of each estimator of a pipeline."""

    max_propagation_depth = None

    def __init__(self):
        self.counts = {}

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            name = context.estimator_name
            self.counts[name] = self.counts.get(name, 0) + 1


@pytest.fixture
def rows(digits):
    return digits[0][:200], digits[2][:200]


def pipeline_of_embedder():
    return make_pipeline(StandardScaler(), SiameseEmbedder(**BRIEFLY), LogisticRegression())


def test_a_callback_of_a_pipeline_gets_the_epochs_of_its_steps(rows):
    epochs = Epochs()
    pipeline_of_embedder().set_callbacks(epochs).fit(*rows)
    assert epochs.counts == {"SiameseEmbedder": 3}


def test_a_callback_of_a_search_gets_the_epochs_of_all_fits(rows):
    epochs = Epochs()
    search = GridSearchCV(pipeline_of_embedder(), {"siameseembedder__depth": [1, 2]}, cv=2)
    search.set_callbacks(epochs).fit(*rows)
    assert epochs.counts == {"SiameseEmbedder": 3 * (2 * 2 + 1)}


def test_the_progress_bar_of_a_pipeline_shows_training(rows, digit_pairs, capsys):
    pipeline_of_embedder().set_callbacks(ProgressBar()).fit(*rows)
    assert "SiameseEmbedder - fit" in capsys.readouterr().out
    model = make_pipeline("passthrough", SiameseVerifier(**BRIEFLY))
    model.set_callbacks(ProgressBar()).fit(digit_pairs[0][:200], digit_pairs[2][:200])
    assert "SiameseVerifier - fit" in capsys.readouterr().out


def test_estimators_without_callback_support_use_the_bar_of_their_estimator(
    rows, digit_pairs, capsys
):
    bar = ProgressBar()
    SiameseIdentifier(SiameseEmbedder(**BRIEFLY).set_callbacks(bar)).fit(*rows)
    assert "SiameseEmbedder - fit" in capsys.readouterr().out
    verifier = SiameseVerifier(**BRIEFLY).set_callbacks(ProgressBar())
    model = CalibratedClassifierCV(verifier, cv=2)
    model.fit(digit_pairs[0][:200], digit_pairs[2][:200])
    assert capsys.readouterr().out.count("SiameseVerifier - fit") >= 2


@pytest.mark.parametrize("step", [SiameseEmbedder(**BRIEFLY), LogisticRegression()])
def test_scikit_learn_refuses_a_progress_bar_of_a_step(rows, step):
    model = make_pipeline(step.set_callbacks(ProgressBar()))
    with pytest.raises(TypeError, match="Register them directly on the meta-estimator"):
        model.fit(*rows)
