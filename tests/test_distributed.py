"""Several processes: what they learn together, and the commands of the page about them."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder
from tests._helpers.together import FITS, few_digits, fit, stopped, weights

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "distributed.rst").read_text()


def commands(pattern):
    """The commands of the page that match a pattern, in their order."""
    return [line.strip() for line in PAGE.splitlines() if re.match(rf"   {pattern} ", line)]


def start(command, folder):
    """A process that runs a command of the page in a folder, with one thread."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        shlex.split(command), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )


def output(process):
    """What a process has printed, once it has ended well."""
    printed, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return printed


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where four processes, two on either of two machines, have left what they learned."""
    folder = tmp_path_factory.mktemp("together")
    script = ROOT / "docs" / "distributed" / "fit_together.py"
    (command,) = commands("torchrun")
    command = command.replace("29500", free_port())
    command = command.replace(script.name, f"{ROOT}/tests/_helpers/together.py {script} {folder}")
    for process in [start(command, folder) for _ in range(2)]:
        output(process)
    return folder


@pytest.fixture(params=[2, 4])
def together(folder, request):
    """What each of so many processes has learned."""
    size = request.param
    return [dict(np.load(folder / f"{rank}_of_{size}.npz")) for rank in range(size)]


@pytest.mark.parametrize("name", FITS)
def test_processes_learn_together_what_one_learns_alone(together, name):
    alone = weights(fit(name, *few_digits()))
    for learned in together:
        np.testing.assert_allclose(learned[name], alone, rtol=0, atol=1e-5)


def test_training_changes_the_weights_by_far_more_than_that():
    X, y = few_digits()
    barely = clone(FITS["pairs"]).set_params(learning_rate_init=1e-9).fit(X, y)
    assert np.abs(weights(fit("pairs", X, y)) - weights(barely)).max() > 0.01


def test_processes_without_a_seed_agree_on_one_although_each_drops_other_units(together):
    for learned in together:
        np.testing.assert_array_equal(learned["seedless"], together[0]["seedless"])


def test_the_first_process_ends_the_training_of_all(together):
    assert {int(learned["n_iter"]) for learned in together} == {2}


def test_processes_that_were_given_different_rows_all_refuse(together):
    assert all("give every process all rows" in str(learned["shared out"]) for learned in together)


def test_processes_that_were_given_other_rows_of_the_same_classes_all_refuse(together):
    assert all("X differs between" in str(learned["other rows"]) for learned in together)


def test_processes_stop_by_validation_data_as_one_does_alone(together):
    for learned in together:
        expected = stopped(*few_digits())
        np.testing.assert_allclose(learned["stopped"], expected, rtol=0, atol=1e-5)


def test_different_validation_data_raises_in_all_processes(together):
    for learned in together:
        assert "y_val differs between" in str(learned["other validation rows"])


def test_processes_hold_out_the_same_classes_for_a_threshold(together):
    for learned in together:
        np.testing.assert_array_equal(learned["threshold"], together[0]["threshold"])


def test_processes_refuse_a_batch_with_fewer_rows_than_they_are(together):
    expected = f"{len(together)} processes cannot share a batch of 1 rows"
    assert all(expected in str(learned["tiny"]) for learned in together)


def test_the_script_of_the_page_fits_what_one_process_fits(folder):
    together = joblib.load(folder / "embedder.joblib")
    alone = clone(together).fit(*load_digits(return_X_y=True))
    np.testing.assert_allclose(weights(together), weights(alone), rtol=0, atol=1e-5)


def test_a_search_on_a_cluster_finds_what_it_finds_in_one_process(tmp_path):
    port = free_port()
    page = ROOT / "docs" / "distributed"
    lines = [*commands("dask"), *commands("python search.py")]
    scheduler, workers, script = (line.replace("8786", port) for line in lines)
    cluster = [start(f"{scheduler} --no-dashboard", tmp_path), start(workers, tmp_path)]
    try:
        printed = output(start(script, page)).splitlines()
    finally:
        for process in reversed(cluster):
            process.terminate()
            process.communicate(timeout=60)
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(SiameseEmbedder(8, max_iter=2, random_state=0), KNeighborsClassifier())
    search = GridSearchCV(model, {"siameseembedder__loss": ["contrastive", "triplet"]}, cv=2)
    search.fit(X, y)
    mean = search.best_estimator_[0].transform(X).mean()
    assert printed == [
        f"2 workers: {search.best_params_}, {search.best_score_:.4f}",
        f"mean of the embeddings: {mean:.4f}",
    ]
