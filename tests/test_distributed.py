"""Test fits in several processes, and the commands of the page about them."""

import os
import re
import shlex
import signal
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
HELPER = ROOT / "tests" / "_helpers" / "together.py"
PAGE = (ROOT / "docs" / "distributed.rst").read_text()


def commands(pattern):
    """Return the commands of the page that match a pattern, continued lines joined."""
    lines = PAGE.replace("\\\n", "").splitlines()
    return [line.strip() for line in lines if re.match(rf"   {pattern} ", line)]


def start(command, folder, **variables):
    """Start a process that runs a command in a folder, with one thread."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment |= variables
    return subprocess.Popen(
        shlex.split(command),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def outputs(processes):
    """Return the output of each process after it has succeeded; leave no process running."""
    printed = []
    try:
        for process in processes:
            printed.append(process.communicate(timeout=300)[0])
            assert process.returncode == 0
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return printed


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return the folder of the results of two processes."""
    folder = tmp_path_factory.mktemp("pair")
    command = f"python {HELPER} {folder}"
    outputs([start(command, folder, RANK=rank, WORLD_SIZE="2") for rank in "01"])
    return folder


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """Return the folder of the results of four processes, started as on two machines."""
    folder = tmp_path_factory.mktemp("four")
    script = ROOT / "docs" / "distributed" / "fit_together.py"
    (command,) = commands("torchrun")
    command = command.replace("29500", free_port())
    command = command.replace(script.name, f"{HELPER} {folder} {script}")
    outputs([start(command, folder) for _ in range(2)])
    return folder


@pytest.fixture(params=["pair", pytest.param("four", marks=pytest.mark.slow)])
def together(request):
    """Return the results of each of two or four processes."""
    paths = sorted(request.getfixturevalue(request.param).glob("*.npz"))
    assert len(paths) == {"pair": 2, "four": 4}[request.param]
    return [dict(np.load(path)) for path in paths]


@pytest.mark.parametrize("name", FITS)
def test_several_processes_learn_the_same_weights_as_one(together, name):
    alone = weights(fit(name, *few_digits()))
    for learned in together:
        np.testing.assert_allclose(learned[name], alone, rtol=0, atol=1e-5)


def test_training_changes_weights_by_more_than_the_tolerance():
    X, y = few_digits()
    barely = clone(FITS["pairs"]).set_params(learning_rate_init=1e-9).fit(X, y)
    assert np.abs(weights(fit("pairs", X, y)) - weights(barely)).max() > 0.01


def test_processes_without_a_seed_share_one(together):
    for learned in together:
        np.testing.assert_array_equal(learned["seedless"], together[0]["seedless"])


def test_the_first_process_stops_all_processes(together):
    assert {int(learned["n_iter"]) for learned in together} == {2}


def test_different_rows_are_refused_by_all_processes(together):
    assert all("give every process all rows" in str(learned["shared out"]) for learned in together)


def test_different_values_are_refused_by_all_processes(together):
    assert all("X differs between" in str(learned["other rows"]) for learned in together)


def test_processes_stop_by_validation_data_as_one_does_alone(together):
    expected = stopped(*few_digits())
    for learned in together:
        np.testing.assert_allclose(learned["stopped"], expected, rtol=0, atol=1e-5)


def test_different_validation_data_raises_in_all_processes(together):
    for learned in together:
        assert "y_val differs between" in str(learned["other validation rows"])


def test_processes_choose_the_same_threshold(together):
    for learned in together:
        np.testing.assert_array_equal(learned["threshold"], together[0]["threshold"])


def test_a_batch_with_fewer_rows_than_processes_is_refused(together):
    expected = f"{len(together)} processes cannot divide a batch of 1 rows"
    assert all(expected in str(learned["tiny"]) for learned in together)


@pytest.mark.slow
def test_the_documented_script_fits_the_same_weights_as_one_process(four):
    together = joblib.load(four / "embedder.joblib")
    alone = clone(together).fit(*load_digits(return_X_y=True))
    np.testing.assert_allclose(weights(together), weights(alone), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_search_on_a_cluster_equals_one_process(tmp_path):
    port = free_port()
    page = ROOT / "docs" / "distributed"
    lines = [*commands("dask"), *commands("python search.py")]
    scheduler, workers, script = (line.replace("8786", port) for line in lines)
    cluster = [start(f"{scheduler} --no-dashboard", tmp_path), start(workers, tmp_path)]
    try:
        (printed,) = outputs([start(script, page)])
    finally:
        for process in reversed(cluster):
            process.terminate()
            process.communicate(timeout=60)
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(SiameseEmbedder(8, max_iter=2, random_state=0), KNeighborsClassifier())
    search = GridSearchCV(model, {"siameseembedder__loss": ["contrastive", "triplet"]}, cv=2)
    search.fit(X, y)
    mean = search.best_estimator_[0].transform(X).mean()
    assert printed.splitlines() == [
        f"2 workers: {search.best_params_}, {search.best_score_:.4f}",
        f"mean of the embeddings: {mean:.4f}",
    ]
