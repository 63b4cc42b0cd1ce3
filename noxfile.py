"""The tasks of a developer: ``nox -l`` lists them, ``nox`` runs the usual ones.

``nox --no-venv --no-install`` runs them in the environment that is active, as ``.ci/run`` does.
"""

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "slow_tests", "docs", "build"]


def install(session, *extras):
    """Install the package with extras, at the versions that are tested."""
    session.install("-c", "constraints.txt", "-e", f".[{','.join(extras)}]")


@nox.session
def lint(session):
    """Check style, types and docstrings."""
    install(session, "docs", "dev")
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")
    session.run("python", "-m", "mypy")
    session.run("python", "docs/reference.py")


@nox.session
def tests(session):
    """Run tests and doctests."""
    install(session, "test")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def slow_tests(session):
    """Run the tests marked as slow, those of benchmarks, and the fuzzer."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "slow")
    session.run("python", "-m", "pytest", "tests/benchmarks")
    session.run("python", "-m", "tests.fuzz", "--rounds", "1")


@nox.session
def soak(session):
    """Repeat attacks, kills, exports and the fuzzer many times."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "soak")
    session.run("python", "-m", "tests.fuzz", "--rounds", "10")


@nox.session
def docs(session):
    """Build the docs, where a warning is an error, and test the pages in a browser."""
    install(session, "docs", "test")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-q", "docs", "docs/_build")
    session.run("python", "-m", "pytest", "tests/site")


@nox.session
def build(session):
    """Build the files of a release, check them, and use the wheel alone."""
    install(session, "dev")
    folder = Path(session.create_tmp(), "wheel")
    for old in (Path("dist"), folder):
        shutil.rmtree(old, ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("python", "-m", "twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    (wheel,) = Path("dist").glob("*.whl")
    session.run(
        "python", "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(wheel)
    )
    session.run("python", ".ci/smoke.py", str(folder))


@nox.session
def lowest(session):
    """Run the main tests with the lowest versions of the dependencies."""
    constraints = Path(session.create_tmp(), "lowest.txt")
    pins = session.run("python", ".ci/lowest.py", "test", silent=True)
    constraints.write_text(pins, "utf-8")
    session.install("-c", str(constraints), "-e", ".[test]")
    paths = session.posargs or ["tests/test_common.py", "tests/test_embedder.py"]
    session.run("python", "-m", "pytest", *paths)


@nox.session
def bench(session):
    """Run a benchmark, such as ``nox -s bench -- systems.fashion_mnist``."""
    install(session, "bench")
    name, *options = session.posargs
    session.run("python", "-m", f"benchmarks.{name}", *options)
