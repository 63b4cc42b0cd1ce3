"""Print the lowest permitted version of each dependency, as constraints of pip."""

import re
import sys
import tomllib
from pathlib import Path

INDIRECT = ["pyparsing<3.3"]
"""Constraints of indirect dependencies: later versions warn of calls by the lowest matplotlib."""

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest(*extras):
    """Return ``name==version`` of the dependencies and of extras."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    found = list(project["dependencies"])
    for extra in extras:
        found += project["optional-dependencies"][extra]
    pins = {re.sub(r"\[.*\]", "", requirement).replace(">=", "==") for requirement in found}
    return sorted(pins) + INDIRECT


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(*sys.argv[1:])) + "\n")
