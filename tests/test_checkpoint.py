"""Test that interrupted fits resume from checkpoints to the same weights, to the last bit."""

import copy
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import textwrap
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sksiamese import SiameseEmbedder, SiameseIdentifier
from sksiamese._training import _checkpoints
from sksiamese.callbacks import Checkpoint
from tests._helpers.interrupted import FITS, N_EPOCHS, ROWS, Callback, fit, fit_and_save, results
from tests.test_distributed import ROOT, free_port, outputs, start

X, Y = ROWS
NAME = "dropout and augmentation"
HELPER = ROOT / "tests" / "_helpers" / "interrupted.py"
EMBEDDER = SiameseEmbedder(4, width=8, dropout=0.2, max_iter=3, random_state=0)


class InterruptionError(Exception):
    """An interruption by a callback."""


def interrupt_at(n_epochs, error=InterruptionError):
    """Return a callback that raises an error after some epochs."""

    def before_epoch(n_ended):
        if n_ended == n_epochs:
            raise error

    return Callback(before_epoch)


def interrupt(estimator, directory, n_epochs=2, data=ROWS, **settings):
    """Fit an estimator with checkpoints until it is interrupted after some epochs."""
    callbacks = Checkpoint(directory, **settings), interrupt_at(n_epochs)
    with pytest.raises(InterruptionError):
        clone(estimator).set_callbacks(*callbacks).fit(*data)


def epochs_of_fit(estimator, *callbacks, data=ROWS):
    """Return a fitted estimator, and the numbers of the epochs that were trained."""
    epochs = []
    fitted = estimator.set_callbacks(*callbacks, Callback(epochs.append)).fit(*data)
    return fitted, epochs


def files(directory):
    """Return the names of all files of a directory."""
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


def assert_equal(one, other):
    np.testing.assert_equal(results(one), results(other))


@pytest.mark.parametrize("name", FITS)
def test_a_fit_that_is_interrupted_after_every_epoch_has_the_same_result(name, tmp_path):
    expected = fit(name)
    for n_epochs in range(1, expected.n_iter_):
        with pytest.raises(InterruptionError):
            fit(name, Checkpoint(tmp_path), interrupt_at(n_epochs))
        assert files(tmp_path) == [f"epoch-{n_epochs:06d}.pt"]
    epochs = []
    resumed = fit(name, Checkpoint(tmp_path), Callback(epochs.append))
    assert epochs == [expected.n_iter_ - 1]
    assert_equal(resumed, expected)
    assert files(tmp_path) == []


def test_a_checkpoint_does_not_change_the_result(tmp_path):
    assert_equal(fit(NAME, Checkpoint(tmp_path)), fit(NAME))


def copied(directory, n_epochs):
    """Return a callback that copies a directory after some epochs."""

    def before_epoch(n_ended):
        if n_ended == n_epochs:
            shutil.copytree(directory, f"{directory}-copy")

    return Callback(before_epoch)


def test_a_fit_without_a_seed_resumes_with_the_seed_that_it_has_drawn(tmp_path):
    directory, state = tmp_path / "a", np.random.get_state()[1].copy()
    embedder = clone(EMBEDDER).set_params(random_state=None)
    expected = embedder.set_callbacks(Checkpoint(directory), copied(directory, 2)).fit(*ROWS)
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    resumed, epochs = epochs_of_fit(clone(embedder), Checkpoint(tmp_path / "a-copy"))
    assert epochs == [2]
    assert_equal(resumed, expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert not np.array_equal(state, before)


def test_a_random_state_instance_continues_as_without_interruption(tmp_path):
    embedder = clone(EMBEDDER).set_params(random_state=np.random.RandomState(1))
    interrupt(embedder, tmp_path)
    expected = clone(embedder).fit(*ROWS)
    other = clone(embedder).set_params(random_state=np.random.RandomState(2))
    resumed, epochs = epochs_of_fit(other, Checkpoint(tmp_path))
    assert epochs == [2]
    assert_equal(resumed, expected)
    assert resumed.random_state.randint(10**9) == expected.random_state.randint(10**9)


def test_a_fit_that_has_ended_is_not_resumed(tmp_path):
    embedder = clone(EMBEDDER).set_params(random_state=None)
    first, _ = epochs_of_fit(clone(embedder), Checkpoint(tmp_path))
    second, epochs = epochs_of_fit(clone(embedder), Checkpoint(tmp_path))
    assert epochs == [0, 1, 2]
    assert not np.array_equal(first.transform(X), second.transform(X))


class Stop(Callback):
    """A callback that ends the training, and interrupts the fit at its end if it is told so."""

    def __init__(self, n_epochs, error=None):
        super().__init__(lambda n_epochs: None)
        self.n_epochs, self.error = n_epochs, error

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "fit" and self.error:
            raise self.error
        return context.task_name == "epoch" and context.task_id + 1 == self.n_epochs


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True, "n_iter_no_change": 1}])
def test_a_fit_that_is_interrupted_after_its_training_trains_no_further(parameters, tmp_path):
    embedder = clone(EMBEDDER).set_params(max_iter=9, tol=1.0, **parameters)
    n_epochs = None if parameters else 2
    callbacks = Checkpoint(tmp_path), Stop(n_epochs, InterruptionError())
    with pytest.raises(InterruptionError):
        clone(embedder).set_callbacks(*callbacks).fit(*ROWS)
    resumed, epochs = epochs_of_fit(clone(embedder), Checkpoint(tmp_path))
    assert epochs == []
    assert_equal(resumed, clone(embedder).set_callbacks(Stop(n_epochs)).fit(*ROWS))


def test_checkpoints_are_written_every_n_epochs_and_the_last_k_are_kept(tmp_path):
    embedder = clone(EMBEDDER).set_params(max_iter=9)
    interrupt(embedder, tmp_path, 7, every_n_epochs=2, keep=2)
    assert files(tmp_path) == ["epoch-000004.pt", "epoch-000006.pt"]
    resumed, epochs = epochs_of_fit(clone(embedder), Checkpoint(tmp_path))
    assert epochs == [6, 7, 8]
    assert_equal(resumed, clone(embedder).fit(*ROWS))


def test_checkpoints_are_written_every_n_minutes(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_checkpoints.time, "monotonic", lambda: now[0])

    def before_epoch(n_ended):
        now[0] += 31
        if n_ended == 5:
            raise InterruptionError

    options = {"every_n_epochs": None, "every_n_minutes": 1, "keep": 9}
    callbacks = Checkpoint(tmp_path, **options), Callback(before_epoch)
    with pytest.raises(InterruptionError):
        clone(EMBEDDER).set_params(max_iter=9).set_callbacks(*callbacks).fit(*ROWS)
    assert files(tmp_path) == ["epoch-000002.pt", "epoch-000004.pt"]


def damage(path, kind):
    """Damage a file."""
    content = bytearray(path.read_bytes())
    if kind == "truncated":
        content = content[: len(content) // 2]
    elif kind == "changed":
        content[len(content) // 2] ^= 1
    path.write_bytes(b"" if kind == "empty" else content)


@pytest.mark.parametrize("kind", ["truncated", "changed", "empty"])
def test_a_damaged_checkpoint_is_never_used(kind, tmp_path):
    interrupt(EMBEDDER, tmp_path, keep=2)
    first, last = sorted(tmp_path.rglob("*.pt"))
    damage(last, kind)
    with pytest.warns(UserWarning, match=rf"{last.name} .*resumes from {first.name}"):
        resumed, epochs = epochs_of_fit(clone(EMBEDDER), Checkpoint(tmp_path))
    assert epochs == [1, 2]
    assert_equal(resumed, clone(EMBEDDER).fit(*ROWS))

    interrupt(EMBEDDER, tmp_path)
    damage(*tmp_path.rglob("*.pt"), kind)
    with pytest.raises(ValueError, match=r"Delete .* to start again"):
        clone(EMBEDDER).set_callbacks(Checkpoint(tmp_path)).fit(*ROWS)


def test_a_file_of_another_format_is_refused(tmp_path, monkeypatch):
    interrupt(EMBEDDER, tmp_path)
    monkeypatch.setattr(_checkpoints, "FORMAT", 2)
    with pytest.raises(ValueError, match="another version of sksiamese"):
        clone(EMBEDDER).set_callbacks(Checkpoint(tmp_path)).fit(*ROWS)


def changed_cell(X):
    X = X.copy()
    X[0, 0] += 1
    return X


CHANGES = [
    ({"learning_rate_init": 0.5}, ROWS, r"learning_rate_init was 0\.002, but is 0\.5\."),
    ({"max_iter": 9, "loss": "contrastive"}, ROWS, r"loss was .* max_iter was 3, but is 9\."),
    ({"optimizer": torch.optim.NAdam}, ROWS, r"optimizer was 'adamw', but is torch.*NAdam"),
    ({"random_state": 1}, ROWS, "random_state was 0, but is 1"),
    ({}, (changed_cell(X), Y), r"parameters: X was data of shape \(200, 64\)[^;]+\."),
    ({}, (X, Y[::-1].copy()), r"parameters: y was [^;]+\."),
    ({}, (X[:-1], Y[:-1]), r"X was .*\(199, 64\).*; y was"),
]


@pytest.mark.parametrize(("parameters", "data", "message"), CHANGES)
def test_other_data_or_parameters_are_refused_by_name(parameters, data, message, tmp_path):
    interrupt(EMBEDDER, tmp_path)
    embedder = clone(EMBEDDER).set_params(**parameters).set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=message):
        embedder.fit(*data)
    with pytest.raises(ValueError, match=r"Pass the same ones .* or use an empty directory"):
        embedder.fit(*data)
    assert files(tmp_path) == ["epoch-000002.pt"]


def test_parameters_without_effect_on_the_result_may_change(tmp_path, capsys):
    interrupt(EMBEDDER, tmp_path)
    embedder = clone(EMBEDDER).set_params(device="cpu", verbose=1)
    assert epochs_of_fit(embedder, Checkpoint(tmp_path))[1] == [2]
    assert capsys.readouterr().out.startswith("Epoch 3, ")


def test_a_warm_start_resumes_from_the_same_tower_only(tmp_path):
    fitted = clone(EMBEDDER).set_params(warm_start=True).fit(*ROWS)
    expected = copy.deepcopy(fitted).fit(*ROWS)
    callbacks = Checkpoint(tmp_path), interrupt_at(2)
    with pytest.raises(InterruptionError):
        copy.deepcopy(fitted).set_callbacks(*callbacks).fit(*ROWS)
    with pytest.raises(ValueError, match=r"the fitted tower was .*, but is"):
        copy.deepcopy(expected).set_callbacks(Checkpoint(tmp_path)).fit(*ROWS)
    resumed, epochs = epochs_of_fit(copy.deepcopy(fitted), Checkpoint(tmp_path))
    assert epochs == [2]
    assert_equal(resumed, expected)
    assert resumed.n_iter_ == 6


@pytest.mark.parametrize("where", ["save", "replace"])
def test_a_failure_to_write_leaves_the_previous_checkpoint(where, tmp_path, monkeypatch):
    interrupt(EMBEDDER, tmp_path, 1)

    def fail(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(*{"save": (torch, "save"), "replace": (os, "replace")}[where], fail)
    with pytest.raises(OSError, match="No space left"):
        clone(EMBEDDER).set_callbacks(Checkpoint(tmp_path)).fit(*ROWS)
    monkeypatch.undo()
    resumed, epochs = epochs_of_fit(clone(EMBEDDER), Checkpoint(tmp_path))
    assert epochs == [1, 2]
    assert_equal(resumed, clone(EMBEDDER).fit(*ROWS))


class Forgetful(torch.optim.SGD):
    """An optimizer with a state that is not a tensor."""

    def step(self):
        super().step()
        self.state[self.param_groups[0]["params"][0]]["seen"] = object()


def test_a_state_that_no_file_can_hold_is_refused_by_name(tmp_path):
    embedder = clone(EMBEDDER).set_params(optimizer=Forgetful)
    with pytest.raises(ValueError, match=r"\['seen'\] is a object, but a checkpoint holds"):
        embedder.set_callbacks(Checkpoint(tmp_path)).fit(*ROWS)


def test_a_tower_with_changed_code_is_refused(tmp_path):
    def of_width(width):
        def tower(n_components):
            return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.Linear(width, 4))

        return tower

    interrupt(clone(EMBEDDER).set_params(tower=of_width(5), dropout=0), tmp_path)
    embedder = clone(EMBEDDER).set_params(tower=of_width(6), dropout=0)
    with pytest.raises(ValueError, match=r"does not fit the modules .*empty directory"):
        embedder.set_callbacks(Checkpoint(tmp_path)).fit(*ROWS)


INVALID = [
    ({"every_n_epochs": 0}, "every_n_epochs"),
    ({"every_n_epochs": None}, "set one of them"),
    ({"every_n_minutes": 0}, "every_n_minutes"),
    ({"keep": 0}, "keep"),
    ({"on_interrupt": "stop"}, "on_interrupt"),
    ({"directory": 1}, "directory"),
]


@pytest.mark.parametrize(("options", "message"), INVALID)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Checkpoint(**{"directory": "run"} | options)


def test_unsuitable_estimators_and_methods_are_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    with pytest.raises(TypeError, match="Checkpoint cannot save a Pipeline; set it on the"):
        make_pipeline(clone(EMBEDDER), LogisticRegression()).set_callbacks(checkpoint).fit(*ROWS)
    with pytest.raises(ValueError, match="partial_fit trains for one epoch only"):
        clone(EMBEDDER).set_callbacks(checkpoint).partial_fit(*ROWS)
    with pytest.raises(ValueError, match="2 Checkpoint callbacks are set"):
        clone(EMBEDDER).set_callbacks(checkpoint, checkpoint).fit(*ROWS)


# Other estimators


def test_an_interrupted_search_resumes_the_fit_that_was_interrupted(tmp_path):
    grid = {"siameseembedder__margin": [0.1, 0.2]}
    n_ended = []

    def before_epoch(n_epochs):
        n_ended.append(n_epochs)
        if len(n_ended) == 8:  # The third of five fits, in its second epoch.
            raise KeyboardInterrupt

    def search(*callbacks):
        model = make_pipeline(clone(EMBEDDER).set_callbacks(*callbacks), LogisticRegression())
        return GridSearchCV(model, grid, cv=2).fit(*ROWS)

    with pytest.raises(KeyboardInterrupt):
        search(Checkpoint(tmp_path), Callback(before_epoch))
    n_ended.clear()
    resumed = search(Checkpoint(tmp_path), Callback(n_ended.append))
    assert n_ended == [0, 1, 2, 0, 1, 2, 1, 2, 0, 1, 2, 0, 1, 2]
    expected = search(Callback(lambda n_epochs: None))
    assert_equal(resumed.best_estimator_[0], expected.best_estimator_[0])
    np.testing.assert_array_equal(
        resumed.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


def test_fits_in_worker_processes_share_a_directory(tmp_path):
    embedder = clone(EMBEDDER).set_callbacks(Checkpoint(tmp_path))
    model = make_pipeline(embedder, LogisticRegression())
    expected = cross_val_score(make_pipeline(clone(EMBEDDER), LogisticRegression()), *ROWS, cv=4)
    scores = cross_val_score(model, *ROWS, cv=4, n_jobs=2)
    np.testing.assert_array_equal(scores, expected)
    assert len([*tmp_path.iterdir()]) == 4
    assert files(tmp_path) == []


def test_an_identifier_resumes_the_fit_of_its_embedder(tmp_path):
    callbacks = Checkpoint(tmp_path), interrupt_at(2)
    with pytest.raises(InterruptionError):
        SiameseIdentifier(clone(EMBEDDER).set_callbacks(*callbacks)).fit(*ROWS)
    epochs = []
    callbacks = Checkpoint(tmp_path), Callback(epochs.append)
    identifier = SiameseIdentifier(clone(EMBEDDER).set_callbacks(*callbacks)).fit(*ROWS)
    assert epochs == [2]
    assert_equal(identifier.embedder_, clone(EMBEDDER).fit(*ROWS))


def test_the_progress_bar_accepts_a_resumed_fit(tmp_path, capsys):
    interrupt(EMBEDDER, tmp_path)
    clone(EMBEDDER).set_callbacks(Checkpoint(tmp_path), ProgressBar()).fit(*ROWS)
    assert "SiameseEmbedder - fit" in capsys.readouterr().out


# Keyboard interrupts


@pytest.mark.parametrize("name", ["memory", "early stopping", "scorer", "verifier", "regressor"])
def test_an_interrupted_fit_keeps_the_last_complete_epoch_on_request(name, tmp_path):
    checkpoint = Checkpoint(tmp_path, on_interrupt="keep")
    message = "keyboard interrupt ended the training after epoch 2"
    with pytest.warns(ConvergenceWarning, match=message):
        kept = fit(name, checkpoint, interrupt_at(2, KeyboardInterrupt))
    assert_equal(kept, fit(name, Stop(2)))
    assert kept.n_iter_ == 2
    resumed = fit(name, checkpoint)
    assert_equal(resumed, fit(name))


def interrupted_score(estimator, X, y):
    """Score an embedder, and interrupt its fit in the second epoch."""
    if estimator.n_iter_ == 2:
        raise KeyboardInterrupt
    return estimator.score(X, y)


def test_an_interrupt_during_validation_keeps_the_epoch_before(tmp_path):
    embedder = clone(EMBEDDER).set_params(early_stopping=True, scoring=interrupted_score)
    embedder.set_callbacks(Checkpoint(tmp_path, on_interrupt="keep"))
    with pytest.warns(ConvergenceWarning, match="after epoch 1"):
        embedder.fit(*ROWS)
    assert embedder.n_iter_ == len(embedder.validation_scores_) == 1
    assert {len(values) for values in embedder.history_.values()} == {1}


def test_an_interrupt_in_the_first_epoch_or_by_default_leaves_the_estimator_unchanged(tmp_path):
    for settings, n_epochs in ({"on_interrupt": "keep"}, 0), ({}, 2):
        embedder = clone(EMBEDDER)
        callbacks = Checkpoint(tmp_path, **settings), interrupt_at(n_epochs, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            embedder.set_callbacks(*callbacks).fit(*ROWS)
        assert set(vars(embedder)) == {*embedder.get_params(), "_skl_callbacks"}


# The module in training


class Unfreeze(Callback):
    """A callback that trains the first layers of a tower from some epoch on."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_fit_task_begin(self, estimator, context):
        body = estimator.training_module["tower"][2]
        if context.task_name == "fit":
            body[:-1].requires_grad_(False)
        elif context.task_id == self.n_epochs:
            body.requires_grad_(True)


class Dump(Unfreeze):
    """A callback that also dumps the fitted estimator at the end of every epoch."""

    dumped = None

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.dumped = pickle.dumps(fitted_estimator)


def linear_layers(embedder):
    return [part for part in embedder.tower_[2].modules() if isinstance(part, torch.nn.Linear)]


def first_layer(embedder):
    return linear_layers(embedder)[0].weight


def test_a_callback_freezes_layers_of_the_tower_until_an_epoch(tmp_path):
    embedder = clone(EMBEDDER).set_params(loss="contrastive", distance="manhattan")
    barely = clone(embedder).set_params(learning_rate_init=1e-30).fit(*ROWS)
    frozen = clone(embedder).set_callbacks(Unfreeze(9)).fit(*ROWS)
    expected = clone(embedder).set_callbacks(Unfreeze(1)).fit(*ROWS)
    assert torch.equal(first_layer(frozen), first_layer(barely))
    assert not torch.equal(first_layer(expected), first_layer(barely))
    assert not torch.equal(linear_layers(frozen)[-1].weight, linear_layers(barely)[-1].weight)

    callbacks = Checkpoint(tmp_path), Unfreeze(1), interrupt_at(2)
    with pytest.raises(InterruptionError):
        clone(embedder).set_callbacks(*callbacks).fit(*ROWS)
    resumed = clone(embedder).set_callbacks(Checkpoint(tmp_path), Unfreeze(1)).fit(*ROWS)
    assert_equal(resumed, expected)


def test_the_module_in_training_exists_during_a_fit_only():
    dump = Dump(1)
    embedder = clone(EMBEDDER).set_params(loss="contrastive", distance="manhattan")
    embedder.set_callbacks(dump).fit(*ROWS)
    for estimator in (embedder, pickle.loads(dump.dumped)):
        with pytest.raises(AttributeError, match="exists during a fit only"):
            estimator.training_module  # noqa: B018
    assert "_training_module" not in vars(embedder)


# Killed processes


@pytest.fixture(scope="module")
def server():
    """Return a context of processes that have imported this package already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests._helpers.interrupted"])
    return context


def check_killed_fit(name, server, folder, rng, *, n_kills):
    """Kill a fit at random moments, resume it, and compare the result."""
    expected = results(fit(name, max_iter=12, n_iter_no_change=12))
    n_ended, path = server.Array("i", 1, lock=False), folder / "results.npz"
    target = partial(fit_and_save, name, folder / "checkpoints", path, n_ended)
    n_killed = 0
    while not path.exists():
        process = server.Process(target=target)
        process.start()
        # Most fits need about a second.
        process.join(rng.uniform(0, 1.0) if n_killed < n_kills else None)
        if process.is_alive():
            process.kill()
            n_killed += 1
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        for file in folder.rglob("*.pt"):
            _checkpoints.read(file)
    np.testing.assert_equal(dict(np.load(path)), expected)
    assert files(folder / "checkpoints") == []
    return n_killed


def test_a_fit_that_is_killed_at_random_moments_has_the_same_result(server, tmp_path):
    rng, n_killed = np.random.default_rng(), 0
    while n_killed < 5:
        folder = tmp_path / str(n_killed)
        n_killed += check_killed_fit(NAME, server, folder, rng, n_kills=5 - n_killed)


@pytest.mark.soak
@pytest.mark.parametrize("name", FITS)
def test_a_fit_of_any_kind_that_is_killed_has_the_same_result(name, server, tmp_path):
    rng, n_killed = np.random.default_rng(), 0
    while n_killed < 3:  # Of each kind of fit, thus 57 in total.
        folder = tmp_path / str(n_killed)
        n_killed += check_killed_fit(name, server, folder, rng, n_kills=3 - n_killed)


def die_while_writing(directory, where):
    """Kill this process while it writes the second checkpoint of a fit."""
    save, n_saved = torch.save, []

    def save_half(content, file):
        save(content, file)
        n_saved.append(1)
        if len(n_saved) == 2:
            if where == "half of the file":
                file.truncate(file.tell() // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = save_half
    clone(EMBEDDER).set_callbacks(Checkpoint(directory)).fit(*ROWS)


def test_equal_fits_that_write_at_the_same_time_publish_whole_files(tmp_path, monkeypatch):
    path, save = tmp_path / "epoch-000001.pt", torch.save

    def interrupted_save(content, file):
        monkeypatch.setattr(torch, "save", save)
        _checkpoints.write_atomically(path, {"fit": "second", "weights": torch.zeros(9999)})
        save(content, file)

    monkeypatch.setattr(torch, "save", interrupted_save)
    _checkpoints.write_atomically(path, {"fit": "first"})
    assert torch.load(path, weights_only=True) == {"fit": "first"}
    assert files(tmp_path) == [path.name]


@pytest.mark.parametrize("where", ["half of the file", "before the rename"])
def test_a_fit_that_is_killed_while_it_writes_resumes_from_the_checkpoint_before(
    where, server, tmp_path
):
    process = server.Process(target=die_while_writing, args=(tmp_path, where))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    first, partial_file = files(tmp_path)
    assert (first, partial_file[-4:]) == ("epoch-000001.pt", ".tmp")
    resumed, epochs = epochs_of_fit(clone(EMBEDDER), Checkpoint(tmp_path))
    assert epochs == [1, 2]
    assert_equal(resumed, clone(EMBEDDER).fit(*ROWS))
    assert files(tmp_path) == []


@pytest.mark.soak
def test_torchrun_restarts_killed_processes_and_they_have_the_same_result(tmp_path):
    port = free_port()
    options = f"--nproc-per-node 2 --max-restarts 3 --master-port {port}"
    (printed,) = outputs([start(f"torchrun {options} {HELPER} {tmp_path} 3", tmp_path)])
    resumed_at, n_restarts = map(int, printed.split())
    assert resumed_at >= 3
    assert n_restarts == 3


def test_several_processes_cannot_keep_an_interrupted_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(_checkpoints, "n_processes", lambda: 2)
    checkpoint = Checkpoint(tmp_path, on_interrupt="keep")
    with pytest.raises(ValueError, match="single process only"):
        clone(EMBEDDER).set_callbacks(checkpoint).fit(*ROWS)


def test_the_tensorboard_callback_of_the_guide_logs_every_epoch(tmp_path):
    pytest.importorskip("tensorboard")
    page = (ROOT / "docs" / "guide" / "long_training.rst").read_text()
    (block,) = re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", page)
    names = {}
    exec(textwrap.dedent(block).replace("runs/first", str(tmp_path)), names)
    assert names["embedder"].fit(*ROWS).n_iter_ > 1
    assert list(tmp_path.glob("events*"))


def test_the_table_has_short_fits():
    assert {estimator.max_iter for estimator, _, _ in FITS.values()} == {N_EPOCHS}
