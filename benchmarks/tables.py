"""Paste the tables of the results into README.md and the pages of docs.

A table NAME is placed in README.md between ``<!-- table:NAME -->`` and ``<!-- /table -->``, and in
a page of docs between ``.. table:NAME`` and ``.. end-table``.
"""

import argparse
import json
import re
import sys

from benchmarks._common.cells import list_table, markdown
from benchmarks._common.report import ROOT
from benchmarks._common.summaries import SUMMARIES

IN_MARKDOWN = re.compile(r"(<!-- table:(\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)
IN_RST = re.compile(r"(\.\. table:(\w+)\n).*?(\.\. end-table)", re.DOTALL)
PAGES = ("index", "results", "false_accept_rate", "performance", "guide/*", "benchmarks/**/*")
"""Pages of docs with tables."""

FIRST = ("fashion_mnist", "omniglot", "signature_claims", "faces", "two_cues", "paraphrase")
"""Results with rows that come first, in this order, in a table of several scripts."""


def collect(folder):
    """Return the tables of all results by name; rows of several scripts are joined."""
    paths = {path.stem: path for path in sorted(folder.glob("*.json"))}
    found = {}
    for name in dict.fromkeys([*FIRST, *paths]):
        if name in paths:
            tables = json.loads(paths[name].read_text("utf-8"))["tables"]
            for key, (header, *rows) in tables.items():
                found.setdefault(key, [header]).extend(rows)
    return found


def fill(text, place, layout, tables):
    """Return the text of a document with its tables as the results are now."""

    def content(name):
        return SUMMARIES[name](tables) if name in SUMMARIES else tables[name]

    return place.sub(lambda mark: mark[1] + layout(content(mark[2])) + mark[3], text)


def places(root):
    """Return the pattern and the layout of the tables of each document below a folder."""
    pages = [path for page in PAGES for path in sorted((root / "docs").glob(f"{page}.rst"))]
    return {root / "README.md": (IN_MARKDOWN, markdown)} | dict.fromkeys(
        pages, (IN_RST, list_table)
    )


def main(arguments=None):
    """Fill in the tables, or exit with 1 if they are out of date."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing, exit 1 if outdated")
    args = options.parse_args(arguments)
    tables = collect(ROOT / "benchmarks" / "results")
    outdated = []
    for path, (place, layout) in places(ROOT).items():
        old = path.read_text("utf-8")
        new = fill(old, place, layout, tables)
        if new != old:
            outdated.append(path.relative_to(ROOT).as_posix())
            if not args.check:
                path.write_text(new, "utf-8")
    if args.check and outdated:
        sys.exit(f"{', '.join(outdated)} out of date; run python -m benchmarks.tables")


if __name__ == "__main__":
    main()
