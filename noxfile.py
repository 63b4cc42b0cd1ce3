"""The tasks of a developer: ``nox -l`` lists them, ``nox`` runs all but benchmarks.

``nox --no-venv --no-install`` runs them in the environment that is active, as ``.ci/run`` does.
"""

import nox

nox.options.sessions = ["lint", "tests", "slow_tests", "docs"]


def install(session, *extras):
    """Install the package with extras, at the versions that are tested."""
    session.install("-c", "constraints.txt", "-e", f".[{','.join(extras)}]")


@nox.session
def lint(session):
    """Check style and docstrings."""
    install(session, "docs", "dev")
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")
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
    session.run("python", "-m", "tests.fuzz", "--rounds", "2")


@nox.session
def docs(session):
    """Build the docs, where a warning is an error, and test the pages in a browser."""
    install(session, "docs", "test")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-q", "docs", "docs/_build")
    session.run("python", "-m", "pytest", "tests/site")


@nox.session
def bench(session):
    """Run a benchmark, such as ``nox -s bench -- systems.fashion_mnist``."""
    install(session, "bench")
    name, *options = session.posargs
    session.run("python", "-m", f"benchmarks.{name}", *options)
