"""Test that damaged and malicious files raise a ValueError, and run no code."""

import copy
import json
import pickle
import resource
import struct
import sys
import time
import warnings
from collections import Counter
from functools import partial
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import safetensors.torch
import skops.io
import torch
from scipy.sparse import csr_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sksiamese import SiameseEmbedder, SiameseIdentifier, SiameseVerifier, persistence, towers
from sksiamese.persistence import load, load_weights, save
from sksiamese.persistence._file import DIGEST, ENTRY, digest
from tests.persistence.models import BRIEFLY, MATCH, PAIRS, X, Y
from tests.test_common import TwoLayers

STEP = "neighbors_"
"""Tensor with the archive of skops in the file of an identifier."""

CUES = {"left": [0, 1], "right": slice(2, 6)}
MODELS = [
    SiameseEmbedder(**BRIEFLY),
    SiameseEmbedder(8, tower="cnn", input_shape=(2, 3), width=4, loss="proxy_nca", **BRIEFLY),
    SiameseEmbedder(8, tower=partial(towers.multi_cue, cues=CUES), random_state=0, max_iter=1),
    SiameseEmbedder(8, tower=TwoLayers, width=4, **BRIEFLY),
    SiameseVerifier(32, **BRIEFLY),
    SiameseIdentifier(SiameseEmbedder(8, **BRIEFLY), strategy="nearest"),
]

PLANTED = """
from pathlib import Path
Path({marker!r}).touch()

def run(*args, **kwargs):
    return None

class Tower:
    pass
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the data of the files of all models."""
    folder, found = tmp_path_factory.mktemp("files"), []
    for model in MODELS:
        data = (PAIRS, MATCH) if isinstance(model, SiameseVerifier) else (X, Y)
        model = copy.copy(model).fit(*data)
        save(model, folder / "model")
        found.append((folder / "model").read_bytes())
    return found


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Return the marker that a planted module writes once it is imported."""
    marker = tmp_path / "marker"
    (tmp_path / "planted.py").write_text(PLANTED.format(marker=str(marker)))
    monkeypatch.syspath_prepend(tmp_path)
    yield marker
    sys.modules.pop("planted", None)


def unpack(data):
    """Return the description and the tensors in the data of a file."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    return json.loads(header["__metadata__"][ENTRY]), safetensors.torch.load(data)


def pack(description, tensors):
    """Return the data of a file, with a valid digest, as an attacker would compute it."""
    text = json.dumps(description)
    return safetensors.torch.save(tensors, {ENTRY: text, DIGEST: digest(text, tensors)})


def load_data(data, folder, **options):
    """Load the data of a file."""
    (folder / "attack").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(folder / "attack", **options)


def is_refused(data, folder, **options):
    """Return whether the data of a file is refused, by an error that names the file."""
    try:
        load_data(data, folder, **options)
    except ValueError as error:
        message = str(error)
    else:
        return False
    assert message.startswith(f"{str(folder / 'attack')!r} cannot be loaded: ")
    return True


def state_of(description):
    """Return the state of the estimator in a description, which may be changed."""
    return description["estimator"]["object"]["state"]


def with_value(data, name, value):
    """Return data in which an attribute or parameter has another value."""
    description, tensors = unpack(data)
    for entry in state_of(description):
        if entry[0] == name:
            entry[1] = value
    return pack(description, tensors)


def with_architecture(data, **values):
    """Return data of a network with other parameters."""
    description, tensors = unpack(data)
    for name, value in state_of(description):
        if name == "_architecture":
            for entry in value["dict"]:
                entry[1] = values.get(entry[0], entry[1])
    return pack(description, tensors)


def call(name, *arguments, **options):
    """Return the description of a ``functools.partial``."""
    return {
        "partial": [
            {"name": name},
            {"tuple": [*arguments]},
            {"dict": [[key, value] for key, value in options.items()]},
        ]
    }


def nested(depth):
    """Return lists within lists."""
    value = {"list": []}
    for _ in range(depth):
        value = {"list": [value]}
    return value


EVIL = [
    *(None, True, -1, 0, 3, 10**12, 2**63, 10**400, -0.5, 1e308, "", "mlp", "cnn", "x" * 1000),
    *([], {}, [[]], {"kind": 1}, {"float": "nan"}, {"float": "x"}, {"same": 0}, {"same": 10**9}),
    *({"name": "os:system"}, {"name": "builtins:eval"}, {"name": "planted:run"}, {"name": 3}),
    *({"name": "sksiamese.towers:mlp"}, {"name": "sksiamese.metrics:equal_error_interval"}),
    *({"name": "sklearn.metrics:accuracy_score"}, {"name": "copy:deepcopy"}),
    call("os:system", "touch planted"),
    call("planted:run"),
    call("sksiamese.towers:mlp", depth=10**9),
    call("sksiamese.towers:mlp", depth=900, width=10**6),
    call("sksiamese.towers:multi_cue", cues={"dict": [["a", {"slice": [0, 10**12, None]}]]}),
    call("sksiamese.heads:MLP", width=10**10),
    call("sksiamese.losses:SoftTriple", n_centers=10**9),
    call("torch.nn:Mish"),
    call("torch.optim:SGD"),
    {"array": ["classes_", None, [10**9, 10**9], "C"]},
    {"array": ["classes_", "<U1000000", [1], "C"]},
    {"array": ["tower_.0.mean", None, [6], "F"]},
    {"array": ["../../etc/passwd", None, [1], "C"]},
    {"objects": [[10**9], []]},
    {"bytes": "classes_"},
    {"skops": "classes_"},
    {"tensor": ["classes_", [0]]},
    {"tensor": ["classes_", [5, 5]]},
    {"namedtuple": ["sksiamese:NearestOthers", [None, None]]},
    {"namedtuple": ["planted:Tower", []]},
    {"object": {"class": "planted:Tower", "state": []}},
    {"object": {"class": "sksiamese:SiameseEmbedder", "state": []}},
    {"object": {"class": "sklearn.pipeline:Pipeline", "state": [["steps", {"list": []}]]}},
    {"module": {"class": "planted:Tower"}},
    {"random_state": {"dict": [["bit_generator", "MT19937"], ["state", {"dict": []}]]}},
    {"generator": {"dict": [["bit_generator", "seed"]]}},
    {"list": [0] * 10_000},
    {"dict": [[{"list": []}, 1]]},
    {"slice": [0, 1]},
    {"torch_dtype": "load"},
    nested(50),
    nested(450),
]


def nodes(value):
    """Return the places in a description as pairs of a container and a key."""
    found, pending = [], [value]
    while pending:
        part = pending.pop()
        keys = part.keys() if isinstance(part, dict) else range(len(part))
        for key in keys:
            found.append((part, key))
            if isinstance(part[key], dict | list):
                pending.append(part[key])
    return found


def mutate_description(data, rng):
    """Return data in which one to three parts of the description are replaced or removed."""
    description, tensors = unpack(data)
    for _ in range(rng.integers(1, 4)):
        places = nodes(description)
        if not places:
            break
        part, key = places[rng.integers(len(places))]
        kind = rng.integers(4)
        if kind == 0:
            del part[key]
        elif kind == 1:
            other, other_key = places[rng.integers(len(places))]
            part[key] = copy.deepcopy(other[other_key])
        else:
            part[key] = copy.deepcopy(EVIL[rng.integers(len(EVIL))])
    return pack(description, tensors)


def mutate_tensors(data, rng):
    """Return data in which a tensor is swapped, converted, reshaped, removed or not finite."""
    description, tensors = unpack(data)
    names = sorted(tensors)
    one, other = rng.choice(names, 2, replace=False)
    tensor, kind = tensors[one], rng.integers(7)
    if kind == 0:
        tensors[one], tensors[other] = tensors[other], tensor
    elif kind == 1:
        dtypes = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool]
        tensors[one] = tensor.to(dtypes[rng.integers(len(dtypes))])
    elif kind == 2:
        tensors[one] = tensor.flatten()[: rng.integers(tensor.numel() + 1)].clone()
    elif kind == 3:
        del tensors[one]
    elif kind == 4:
        tensors[f"{one}.more"] = tensor.clone()
    elif kind == 5:
        tensors[one] = tensor.unsqueeze(0)
    elif tensor.is_floating_point() and tensor.numel():
        tensor.view(-1)[rng.integers(tensor.numel())] = [np.nan, np.inf][rng.integers(2)]
    else:
        tensor.fill_(-1)
    return pack(description, tensors)


def mutate_bytes(data, rng):
    """Return data with other bytes, more bytes or fewer bytes; a half of them in the header."""
    data, size = bytearray(data), int.from_bytes(data[:8], "little") + 8
    end = size if rng.integers(2) else len(data)
    start, kind = int(rng.integers(end)), rng.integers(5)
    length = int(rng.integers(1, 9))
    if kind == 0:
        return bytes(data[:start])
    if kind == 1:
        data[start : start + length] = rng.bytes(length)
    elif kind == 2:
        data[start:start] = rng.bytes(length)
    elif kind == 3:
        del data[start : start + length]
    else:
        values = (0, 1, size, len(data), 2**31, 2**63 - 1, 2**64 - 1)
        data[:8] = struct.pack("<Q", values[rng.integers(len(values))])
    return bytes(data)


def mutate_archive(data, rng):
    """Return data in which bytes of an archive of skops are changed."""
    description, tensors = unpack(data)
    if STEP not in tensors:
        return mutate_tensors(data, rng)
    archive = tensors[STEP]
    for _ in range(rng.integers(1, 5)):
        archive[rng.integers(len(archive))] = int(rng.integers(256))
    return pack(description, tensors)


def attack(files, folder, n_files, seed):
    """Load mutated files, count the results, and return them with the longest time."""
    rng, outcomes, longest = np.random.default_rng(seed), Counter(), 0.0
    mutations = (mutate_description, mutate_tensors, mutate_bytes, mutate_archive)
    for n in range(n_files):
        data = files[n % len(files)]
        mutation = mutations[rng.choice(4, p=[0.4, 0.2, 0.3, 0.1])]
        try:
            mutated = mutation(data, rng)
        except RecursionError:  # Deep values within each other; JSON cannot write them.
            continue
        start = time.perf_counter()
        outcomes[is_refused(mutated, folder, trusted=[TwoLayers])] += 1
        longest = max(longest, time.perf_counter() - start)
    return outcomes, longest


def peak_memory():
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def check_attack(files, folder, planted, n_files, seed):
    """Assert that mutated files run nothing, and need little time and memory."""
    for data in files:
        load_data(data, folder, trusted=[TwoLayers])
    before = peak_memory()
    outcomes, longest = attack(files, folder, n_files, seed)
    assert not planted.exists()
    assert "planted" not in sys.modules
    assert outcomes[True] > 0.7 * n_files
    assert longest < 5
    assert peak_memory() - before < 300


def test_mutated_files_raise_by_name(files, tmp_path, planted):
    check_attack(files, tmp_path, planted, 500, seed=0)


@pytest.mark.soak
def test_ten_thousand_mutated_files_raise_by_name(files, tmp_path, planted):
    check_attack(files, tmp_path, planted, 12_000, seed=1)


def test_every_truncated_file_is_refused(files, tmp_path):
    data = files[0]
    for end in range(0, len(data), max(1, len(data) // 300)):
        with pytest.raises(ValueError, match="cannot be loaded"):
            load_data(data[:end], tmp_path)


@pytest.mark.parametrize("value", EVIL, ids=range(len(EVIL)))
def test_no_value_of_a_parameter_runs_code(value, files, tmp_path, planted):
    for name in ("_architecture", "tower", "loss", "random_state", "classes_", "history_"):
        for data in (with_value(files[0], name, value), with_architecture(files[0], tower=value)):
            is_refused(data, tmp_path)
    assert not planted.exists()


PLANTED_VALUES = {
    "name": "planted:run",
    "namedtuple": ["planted:run", []],
    "module": {"class": "planted:run"},
    "object": {"class": "planted:run", "state": []},
    "partial": [{"name": "planted:run"}, {"tuple": []}, {"dict": []}],
}
"""Values that would import the planted module, by kind."""


@pytest.mark.parametrize("kind", PLANTED_VALUES)
def test_planted_code_does_not_run_unless_it_is_trusted(kind, files, tmp_path, planted):
    data = with_value(files[0], "scoring", {kind: PLANTED_VALUES[kind]})
    with pytest.raises(ValueError, match=r"not trusted.*pass trusted=\['planted:run'\]"):
        load_data(data, tmp_path)
    assert not planted.exists()
    if kind in ("name", "partial"):
        load_data(data, tmp_path, trusted=["planted:run"])
        assert planted.exists()


@pytest.mark.parametrize("kind", PLANTED_VALUES)
def test_a_name_that_the_first_check_overlooks_is_not_imported(
    kind, files, tmp_path, planted, monkeypatch
):
    data = with_value(files[0], "scoring", {kind: PLANTED_VALUES[kind]})
    monkeypatch.setattr(persistence, "required_names", lambda value, tensors: set())
    with pytest.raises(ValueError, match="'planted:run' is not trusted"):
        load_data(data, tmp_path)
    assert not planted.exists()


def test_weights_never_import_names_of_the_file(files, tmp_path, planted):
    data = with_value(files[0], "scoring", {"name": "planted:run"})
    (tmp_path / "attack").write_bytes(data)
    load_weights(SiameseEmbedder(), tmp_path / "attack")
    assert not planted.exists()


class Planted:
    """Object whose pickle runs code."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def test_a_pickle_within_a_file_or_instead_of_it_does_not_run(files, tmp_path):
    marker = tmp_path / "marker"
    payload = pickle.dumps(Planted(marker))
    pickle.loads(payload).close()
    assert marker.exists()  # The payload works.
    marker.unlink()
    description, tensors = unpack(files[5])
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", payload)
    objects = BytesIO()
    np.save(objects, np.array([Planted(marker)], dtype=object), allow_pickle=True)
    for content in (payload, buffer.getvalue(), objects.getvalue()):
        with pytest.raises(ValueError, match="cannot be loaded"):
            load_data(content, tmp_path)
        tensors[STEP] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        with pytest.raises(ValueError, match="cannot be loaded"):
            load_data(pack(description, tensors), tmp_path)
    assert not marker.exists()


def with_step(data, content):
    """Return the data of an identifier in which the archive of a step is replaced."""
    description, tensors = unpack(data)
    tensors[STEP] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return pack(description, tensors)


def rewrite(content, change, **options):
    """Return an archive whose members are changed."""
    buffer = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(buffer, "w", **options) as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return buffer.getvalue()


def huge_array():
    """Return the data of an array that declares 2 ** 50 values."""
    stream = BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + bytes(64)


def compressed_zeros(n_bytes):
    """Return an archive with many zeros in few bytes."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(n_bytes))
    return buffer.getvalue()


def test_bombs_in_a_step_of_scikit_learn_are_refused(files, tmp_path):
    archive = skops.io.dumps(StandardScaler().fit(X))
    bomb = compressed_zeros(2**29)
    attacks = {
        "compressed|more data": rewrite(archive, lambda *member: member, compression=ZIP_DEFLATED),
        "more data": bomb,
        "another size": rewrite(
            archive, lambda name, data: (name, huge_array() if name.endswith("npy") else data)
        ),
        "more data than": rewrite(
            archive, lambda name, data: (name, bomb if name.endswith("npy") else data)
        ),
        "cannot be loaded": rewrite(archive, lambda name, data: (f"../../{name}", data)),
        "zip file": b"PK" + bytes(100),
    }
    before = peak_memory()
    for message, content in attacks.items():
        with pytest.raises(ValueError, match=message):
            load_data(with_step(files[5], content), tmp_path)
    assert peak_memory() - before < 300


def test_a_sparse_step_that_compresses_well_is_saved(tmp_path):
    rows = csr_matrix(np.ones((1000, 50)))
    neighbors = KNeighborsClassifier(algorithm="brute").fit(rows, np.arange(1000) % 2)
    model = Pipeline([("embedder", SiameseEmbedder(8)), ("neighbors", neighbors)])
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model", trusted=["scipy.sparse._csr:csr_matrix"])
    assert (loaded[1].predict(rows) == neighbors.predict(rows)).all()


def test_a_function_in_a_step_of_scikit_learn_needs_permission(files, tmp_path):
    archive = skops.io.dumps(StandardScaler().fit(X))
    schema = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    schema |= {"protocol": json.loads(ZipFile(BytesIO(archive)).read("schema.json"))["protocol"]}
    content = rewrite(
        archive,
        lambda name, data: (name, json.dumps(schema) if name == "schema.json" else data),
    )
    with pytest.raises(ValueError, match=r"not trusted.*\['os:system'\]"):
        load_data(with_step(files[5], content), tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 10**9}, "more memory than available"),
        ({"width": 10**4}, "has shape"),
        ({"depth": 10**9}, "depth must be at most 1000"),
        ({"depth": 900}, "larger network than its weights"),
        ({"depth": 5}, "has shape"),
        ({"tower": "tdnn"}, "weights that the network lacks"),
        ({"n_components": 10**12}, "whole number"),
        ({"input_shape": {"tuple": [10**9, 10**9]}}, "values, but an item of X has"),
        ({"tower": call("sksiamese.towers:mlp", depth=10**9)}, "at most 1000"),
        ({"tower": {"name": "sksiamese.metrics:few_shot_accuracy"}}, "no part of a network"),
        ({"activation": {"name": "sklearn.metrics:get_scorer_names"}}, "no part of a network"),
    ],
)
def test_a_network_larger_than_its_weights_is_not_built(values, message, files, tmp_path):
    before, start = peak_memory(), time.perf_counter()
    with pytest.raises(ValueError, match=message):
        load_data(with_architecture(files[0], **values), tmp_path)
    assert peak_memory() - before < 100
    assert time.perf_counter() - start < 5


def test_many_small_networks_are_not_built(files, tmp_path):
    cues = {"dict": [[str(n), {"list": [0]}] for n in range(1000)]}
    tower = call("sksiamese.towers:multi_cue", cues=cues, depth=1000, width=1)
    with pytest.raises(ValueError, match="larger network than its weights"):
        load_data(with_architecture(files[0], tower=tower), tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("tower_.1.learned.1.4.bias", lambda w: w.fill_(torch.nan), "NaN or infinite"),
        ("tower_.1.weight", lambda w: w.fill_(torch.inf), "NaN or infinite"),
        ("tower_.1.learned.1.1.weight", lambda w: w.float(), "dtype torch.float32.*needs"),
        ("tower_.1.learned.1.1.weight", lambda w: w.mT.contiguous(), "has shape .*needs"),
        ("classes_", lambda w: w[:2].clone(), "has shape .* values"),
    ],
)
def test_a_wrong_tensor_is_named(name, change, message, files, tmp_path):
    description, tensors = unpack(files[0])
    tensors[name] = change(tensors[name])
    with pytest.raises(ValueError, match=message):
        load_data(pack(description, tensors), tmp_path)


def test_a_weight_that_is_missing_or_has_no_use_is_named(files, tmp_path):
    description, tensors = unpack(files[0])
    removed = description["estimator"]["object"]["weights"].pop()
    with pytest.raises(ValueError, match=rf"lacks the weight '{removed[0]}'"):
        load_data(pack(description, tensors), tmp_path)
    description, tensors = unpack(files[0])
    tensors["more"] = torch.ones(1)
    with pytest.raises(ValueError, match="tensors without a use, such as 'more'"):
        load_data(pack(description, tensors), tmp_path)


def test_swapped_tensors_are_noticed(files, tmp_path):
    data = files[0]
    tensors = unpack(data)[1]
    one, other = "tower_.1.learned.1.1.bias", "tower_.1.learned.1.4.bias"
    assert tensors[one].shape == tensors[other].shape
    tensors[one], tensors[other] = tensors[other], tensors[one]
    size = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + size])["__metadata__"]
    with pytest.raises(ValueError, match="has been changed since it was saved"):
        load_data(safetensors.torch.save(tensors, metadata), tmp_path)


def test_a_file_of_another_program_is_refused(tmp_path):
    data = safetensors.torch.save({"weight": torch.ones(2)}, {"format": "pt"})
    with pytest.raises(ValueError, match="sksiamese has not saved it"):
        load_data(data, tmp_path)
    with pytest.raises(ValueError, match="no safetensors file"):
        load_data(b"PK\x03\x04", tmp_path)


def test_attributes_must_not_replace_methods(files, tmp_path):
    description, tensors = unpack(files[0])
    state_of(description).append(["transform", {"name": "sksiamese.towers:mlp"}])
    with pytest.raises(ValueError, match="sets the attribute 'transform'"):
        load_data(pack(description, tensors), tmp_path)


def test_a_module_of_a_file_is_built_without_its_constructor(files, tmp_path):
    content = {
        "class": "torch.nn:Linear",
        "training": False,
        "attributes": {"dict": [["forward", {"name": "copy:deepcopy"}]]},
        "parameters": [],
        "buffers": [],
        "modules": [],
    }
    data = with_value(files[0], "augment", {"module": content})
    with pytest.raises(ValueError, match=r"trusted=\['torch.nn:Linear'\]"):
        load_data(data, tmp_path)
    with pytest.raises(ValueError, match="sets the attribute 'forward'"):
        load_data(data, tmp_path, trusted=[nn.Linear])
