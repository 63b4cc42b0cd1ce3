"""The tasks of a developer: ``nox -l`` lists them, ``nox`` runs all."""

import nox

nox.options.sessions = ["lint", "tests", "test_benchmarks", "docs"]


def install(session, *extras):
    """Install the package with extras, at the versions that are tested."""
    session.install("-c", "constraints.txt", "-e", f".[{','.join(extras)}]")


@nox.session
def lint(session):
    """Check style and docstrings."""
    install(session, "docs", "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "docs/reference.py")


@nox.session
def tests(session):
    """Run tests and doctests."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def test_benchmarks(session):
    """Run the tests of benchmarks."""
    install(session, "test")
    session.run("pytest", "tests/benchmarks", *session.posargs)


@nox.session
def docs(session):
    """Build the docs; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "docs", "docs/_build")


@nox.session
def bench(session):
    """Run a benchmark, say ``nox -s bench -- systems.fashion_mnist``."""
    install(session, "bench")
    name, *options = session.posargs
    session.run("python", "-m", f"benchmarks.{name}", *options)
