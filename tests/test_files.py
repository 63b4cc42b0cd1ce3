"""Every file is linted, tested and documented, and CI runs the sessions of nox."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePath
from types import ModuleType

import pytest

import sksiamese
from tests.test_docs import reference

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["benchmarks", "docs", "examples", "sksiamese", "tests"]
BUILT = {"_build", "auto_examples", "generated"}
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
PYTEST = SETTINGS["pytest"]["ini_options"]


def files(pattern, *folders):
    """Return the files of some folders that match a pattern, without built documentation."""
    found = {path for folder in folders for path in (ROOT / folder).rglob(pattern)}
    paths = {path.relative_to(ROOT) for path in found}
    return {path.as_posix() for path in paths if not BUILT & set(path.parts)}


def nox_commands():
    """Return the commands of each session of ``noxfile.py``, without options of the caller."""
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    return {
        function.name: [
            " ".join(part.value for part in node.args if isinstance(part, ast.Constant))
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.run"
        ]
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.decorator_list
    }


COMMANDS = nox_commands()


def test_ci_runs_the_readme_command_and_all_sessions_of_nox():
    readme = (ROOT / "README.md").read_text("utf-8")
    (command,) = re.findall(r"<!-- test -->\n```bash\n(.*)\n```", readme)
    assert command.endswith(f"/{COMMANDS['tests'][0]}")
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "sed -n '/<!-- test -->/" in ci
    (sessions,) = re.findall(r"^nox --no-venv --no-install -s (.*)$", ci, re.MULTILINE)
    assert set(sessions.split()) == set(COMMANDS) - {"tests", "bench", "lowest", "soak"}
    workflows = [
        (ROOT / ".github/workflows" / f"{one}.yml").read_text() for one in ("ci", "weekly")
    ]
    assert ["nox -s lowest" in workflows[0], "nox -s soak" in workflows[1]] == [True, True]


def test_nox_runs_every_kind_of_check():
    assert COMMANDS["tests"] == ["python -m pytest"]
    assert {"python -m ruff check .", "python -m ruff format --check ."} < {*COMMANDS["lint"]}
    assert {"python docs/reference.py", "python -m mypy"} < {*COMMANDS["lint"]}
    assert COMMANDS["slow_tests"][:2] == [
        "python -m pytest -m slow",
        "python -m pytest tests/benchmarks",
    ]
    assert any(command.startswith("python -m tests.fuzz ") for command in COMMANDS["slow_tests"])
    assert COMMANDS["soak"] == ["python -m pytest -m soak", "python -m tests.fuzz --rounds 10"]
    assert {"python -m build", "python .ci/smoke.py"} < {*COMMANDS["build"]}
    assert COMMANDS["docs"] == [
        "python -m sphinx -W --keep-going -q docs docs/_build",
        "python -m pytest tests/site",
    ]


def test_ruff_checks_every_file():
    command = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    linted = {Path(line).relative_to(ROOT).as_posix() for line in shown.stdout.split("\n") if line}
    assert files("*.py", *FOLDERS) | {"noxfile.py"} <= linted


def test_no_ruff_rule_is_ignored_in_the_package():
    ignored = SETTINGS["ruff"]["lint"]["per-file-ignores"]
    for pattern in ignored:
        matched = [name for name in files("*.py", *FOLDERS) if PurePath(name).match(pattern)]
        assert matched, f"{pattern} matches no file"
        assert not [name for name in matched if name.startswith("sksiamese/")]


COLLECT = """
import json, sys
import pytest

class Recorder:
    found = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path, parent):
        collectors = yield
        name = file_path.relative_to(parent.config.rootpath).as_posix()
        self.found[name] = [type(collector).__name__ for collector in collectors]
        for collector in collectors:
            collector.collect = list  # Nothing is imported.
        return collectors

arguments = ["--collect-only", "-qq", "-n0", "--noconftest", "-p", "no:cacheprovider"]
pytest.main([*arguments, *sys.argv[1:]], plugins=[Recorder()])
print(json.dumps(Recorder.found))
"""


def collected(*arguments):
    """Return the kinds of collectors by the name of each file that pytest finds."""
    command = [sys.executable, "-c", COLLECT, *arguments]
    environment = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(printed.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def by_default():
    """Return the files that the default command collects."""
    return collected()


def test_doctests_of_every_module_and_page_are_collected(by_default):
    for name in files("*.py", "sksiamese"):
        assert "DoctestModule" in by_default[name]
    for name in files("*.rst", "docs") - files("*", "docs/_templates") | {"README.md"}:
        assert "DoctestTextfile" in by_default[name]


def test_every_test_file_is_collected(by_default):
    others = files("test_*.py", *FOLDERS)
    for folder in ("tests/benchmarks", "tests/site"):
        inside, second = files("test_*.py", folder), collected(folder)
        assert inside
        assert [name for name in inside if "Module" not in second.get(name, [])] == []
        others -= inside
    assert [name for name in others if "Module" not in by_default.get(name, [])] == []


def test_every_test_function_is_in_a_test_file():
    for name in files("*.py", *FOLDERS) - files("test_*.py", "tests"):
        assert not re.search(r"^\s*def test_", (ROOT / name).read_text("utf-8"), re.MULTILINE), name


def test_folders_of_tests_mirror_folders_of_the_package_and_of_benchmarks():
    def folders(of):
        names = files("*.py", of)
        return {PurePath(name).parent.relative_to(of).as_posix() for name in names}

    tests = folders("tests") - {"_helpers", "benchmarks", "fuzzing", "site", "typing"}
    of_benchmarks = {f"benchmarks/{name}" for name in folders("benchmarks") - {"."}}
    assert tests == folders("sksiamese") | of_benchmarks
    assert all((ROOT / "tests" / name / "__init__.py").exists() for name in tests)


def test_every_public_name_is_linted_and_in_the_reference():
    checked = {name.rpartition(".")[2] for name in reference.documented_here()}
    listed = {name.rpartition(".")[2] for name in reference.public_names()}
    for name in files("*.py", "sksiamese"):
        module = ".".join(PurePath(name).with_suffix("").parts).removesuffix(".__init__")
        exported = getattr(importlib.import_module(module), "__all__", [])
        modules = {one for one in exported if isinstance(getattr(sksiamese, one, None), ModuleType)}
        public = {one for one in exported if not one.startswith("__")} - modules
        assert public <= listed, module
        functions = {one for one in public if callable(getattr(sys.modules[module], one))}
        assert functions <= checked, module


def test_every_benchmark_has_a_test_in_the_same_folder():
    scripts = {path.relative_to(ROOT) for path in (ROOT / "benchmarks").glob("[a-z]*/[a-z]*.py")}
    assert len(scripts) >= 17
    for script in scripts:
        tests = [path.read_text("utf-8") for path in (ROOT / "tests" / script.parent).glob("*.py")]
        name = ".".join(script.with_suffix("").parts[1:])
        assert f'load_script("{name}")' in "".join(tests)


def test_every_example_is_run_by_the_gallery():
    configuration = (ROOT / "docs" / "conf.py").read_text("utf-8")
    (pattern,) = re.findall(r'"filename_pattern": r"(.+)"', configuration)
    examples = files("*.py", "examples")
    assert len(examples) >= 9
    assert all(re.search(pattern, f"/{name}") for name in examples)


def test_every_script_of_the_docs_is_on_the_tested_page():
    page = (ROOT / "docs" / "distributed.rst").read_text("utf-8")
    scripts = files("*.py", "docs/distributed")
    assert len(scripts) == 2
    assert all(PurePath(name).name in page for name in scripts)
