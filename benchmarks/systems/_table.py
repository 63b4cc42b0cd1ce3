"""Build the table of systems: published figures, the named networks rebuilt, and ours."""

from benchmarks._common.cells import figure

HEADER = [
    "system",
    "data and measure",
    "published",
    "named network, rebuilt",
    "ours",
    "our model",
    "script",
]


def systems(script, *lines):
    """Return the table of systems of a script, without models that were not run.

    Parameters
    ----------
    script : str
        Name of the script.

    *lines : dict
        Each has ``"system"``, ``"task"``, ``"measure"``, ``"model"``, the row ``"ours"`` or None
        and, if there are any, the row ``"rebuilt"`` and the ``"published"`` figure.
    """
    return [HEADER] + [
        [
            line["system"],
            line["task"],
            line.get("published", ""),
            figure(line["rebuilt"], line["measure"]) if line.get("rebuilt") else "",
            figure(line["ours"], line["measure"]),
            line["model"],
            f"systems/{script}.py",
        ]
        for line in lines
        if line["ours"]
    ]


def published_rows(figures):
    """Return the rows of published figures by model."""
    return [{"model": model, "published": found} for model, found in figures.items()]


def find(results, **values):
    """Return the last row of results with these values, or None."""
    rows = [row for row in results if all(row.get(key) == values[key] for key in values)]
    return rows[-1] if rows else None


def published_by(results, source, measure):
    """Return the published figure of the model with a name that starts with the source."""
    (row,) = [row for row in results if "published" in row and row["model"].startswith(source)]
    return figure(row, measure)


def cited(results, source, measure):
    """Return the published figure of a system, and the best one of the results if it is another."""
    published = published_by(results, source, measure)
    best = max((figure(row, measure) for row in results if "published" in row), key=float)
    return published if published == best else f"{published}, best cited {best}"
