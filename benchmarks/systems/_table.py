"""Make the rows of the table of systems: published figures, rebuilt networks, and ours."""

from benchmarks._common.cells import figure


def system(name, task, measure, ours, model, script, *, rebuilt=None, published=""):
    """Return a row of the table of systems.

    Parameters
    ----------
    name, task : str
        Name of the system of the literature; data and measure.

    measure : str
        The figure that is shown.

    ours : dict
        The row of our model.

    model, script : str
        Name of our model in this table, and of the script.

    rebuilt : dict, default=None
        The row of the named network, rebuilt.

    published : str, default=""
        The published figure.
    """
    return {
        "system": name,
        "data and measure": task,
        "published": published,
        "named network, rebuilt": figure(rebuilt, measure),
        "ours": figure(ours, measure),
        "our model": model,
        "script": f"systems/{script}.py",
    }


def published_rows(figures):
    """Return the rows of published figures by model."""
    return [{"model": model, "published": found} for model, found in figures.items()]


def find(results, **values):
    """Return the last row of results with these values."""
    return [row for row in results if values.items() <= row.items()][-1]


def published_by(results, source, measure):
    """Return the published figure of the model with a name that starts with the source."""
    (row,) = [row for row in results if "published" in row and row["model"].startswith(source)]
    return figure(row, measure)


def cited(results, source, measure):
    """Return the published figure of a system, and the best one of the results if it is another."""
    published = published_by(results, source, measure)
    best = max((figure(row, measure) for row in results if "published" in row), key=float)
    return published if published == best else f"{published}, best cited {best}"
