"""Test the files that a release and the services around the repository need."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml

import sksiamese
from tests.test_files import COMMANDS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
RECIPE = ROOT / ".ci" / "conda" / "recipe.yaml"
REQUIREMENT = re.compile(r"([\w-]+)(?:\[.*\])? ?>=([\d.]+)")
lowest = runpy.run_path(str(ROOT / ".ci" / "lowest.py"))["lowest"]


def read(path):
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


def bounds(requirements):
    """Return the lowest version by package."""
    return dict(REQUIREMENT.fullmatch(one).groups() for one in requirements)


def steps(workflow):
    """Return the steps of all jobs of a workflow."""
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_limits_and_uses_actions_of_one_major_version(workflow):
    content = read(workflow)
    assert content["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 45 for job in content["jobs"].values())
    for step in steps(workflow):
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step.get("uses", "a/b@v1"))


def test_workflows_run_sessions_of_nox():
    runs = [step["run"] for workflow in WORKFLOWS for step in steps(workflow) if "run" in step]
    sessions = {name for run in runs for name in re.findall(r"nox -s (\w+)", run)}
    assert sessions == {"build", "lowest", "soak", "tests"}
    assert sessions <= set(COMMANDS)
    assert "bash .ci/run" in runs


def test_the_tests_run_on_three_systems_and_all_versions_of_python():
    matrix = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert {one.partition("-")[0] for one in matrix["os"]} == {"macos", "ubuntu", "windows"}
    prefix = "Programming Language :: Python :: "
    versions = [one.removeprefix(prefix) for one in PROJECT["classifiers"] if prefix in one]
    assert matrix["python"] == [one for one in versions if "." in one]
    assert PROJECT["requires-python"] == f">={matrix['python'][0]}"


def test_forms_ask_for_the_versions():
    forms = {path.stem: read(path) for path in FORMS if path.stem != "config"}
    assert all(form["name"] and form["description"] and form["body"] for form in forms.values())
    assert "sksiamese.show_versions()" in str(forms["bug_report"])


def test_the_recipe_has_the_version_and_the_dependencies_of_the_package():
    recipe = read(RECIPE)
    assert str(recipe["context"]["version"]) == sksiamese.__version__
    required = bounds(PROJECT["dependencies"] + [f"python{PROJECT['requires-python']}"])
    required["pytorch"] = required.pop("torch")
    assert bounds(recipe["requirements"]["run"]) == required


def test_the_lowest_versions_are_those_of_the_bounds():
    pins = lowest("test")
    assert {"torch==2.6", "scikit-learn==1.9", "dask==2025.1"} <= set(pins)
    names = {re.split(r"[=<]=?", pin)[0] for pin in pins}
    extra = PROJECT["optional-dependencies"]["test"]
    assert names == set(bounds(PROJECT["dependencies"] + extra)) | {"pyparsing"}


def test_a_package_has_the_same_bound_in_every_extra():
    extras = [bounds(extra) for extra in PROJECT["optional-dependencies"].values()]
    found = {pair for extra in extras for pair in extra.items()}
    assert len(found) == len({name for name, _ in found})


def test_every_bound_is_at_most_the_constraint():
    text = (ROOT / "constraints.txt").read_text("utf-8").lower()
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)$", text, re.MULTILINE))
    extras = PROJECT["optional-dependencies"].values()
    for name, bound in bounds(sum(extras, PROJECT["dependencies"])).items():
        pin = [int(part) for part in pins[name].split(".")]
        assert [int(part) for part in bound.split(".")] <= pin, name


def test_the_requirements_of_the_install_page_are_those_of_the_package():
    page = (ROOT / "docs" / "install.rst").read_text("utf-8")
    found = bounds(PROJECT["dependencies"])
    core = ", ".join(found[name] for name in ("numpy", "scipy", "joblib"))
    assert f"{core} or later" in page
    assert f"{found['scikit-learn']} or later" in page
    assert f"{found['torch']} or later" in page


def test_the_changes_have_a_heading_for_the_version_and_the_readme_links_to_them():
    page = (ROOT / "docs" / "changes.rst").read_text("utf-8")
    (newest, *_) = re.findall(r"^(.+)\n-+$", page, re.MULTILINE)
    assert sksiamese.__version__.startswith(newest.partition(" ")[0])
    assert "(docs/changes.rst)" in (ROOT / "README.md").read_text("utf-8")
