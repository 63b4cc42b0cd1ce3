"""Print the lowest version of each dependency that pyproject.toml permits, as constraints of pip."""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest(*extras):
    """Return a sorted list of ``name==version`` of the dependencies, and of those of extras."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    found = list(project["dependencies"])
    for extra in extras:
        found += project["optional-dependencies"][extra]
    pins = {re.sub(r"\[.*\]", "", requirement).replace(">=", "==") for requirement in found}
    return sorted(pins)


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(*sys.argv[1:])) + "\n")
