"""Tables of strings: cells, rows, and their layout as Markdown and as reStructuredText."""

RATIO = "{ratio[median]:.2f} ({ratio[min]:.2f} to {ratio[max]:.2f})"
"""The cell of a ratio: the median, the least and the greatest."""


def table(results, columns):
    """Return a table of results, a row for each.

    Parameters
    ----------
    results : list of dict
        Results.

    columns : dict
        For each header what its cells are made by: a function of the result, a format string
        of the keys of the result, or the name of a figure, see :func:`figure`.

    Returns
    -------
    table : list of list of str
        The header, then the rows.
    """
    return [[*columns]] + [[cell(row, made_by) for made_by in columns.values()] for row in results]


def cell(row, made_by):
    """Return one cell, see :func:`table`."""
    if callable(made_by):
        return made_by(row)
    return made_by.format(**row) if "{" in made_by else figure(row, made_by)


def figure(row, key):
    """Return the cell of a mean and a standard deviation of runs, or of a published figure.

    The cell is empty if neither the ``"summary"`` nor the ``"published"`` figures of the result
    have such a key. Areas under the curve are fractions and seconds are rounded; all others are
    in percent. Published figures have no standard deviation.
    """
    if "published" in row:
        value = row["published"].get(key)
        return "" if value is None else f"{100 * value:.1f}"
    if key not in row["summary"]:
        return ""
    mean, std = row["summary"][key]["mean"], row["summary"][key]["std"]
    if key == "seconds":
        return f"{mean:.0f}"
    if key == "auc":
        return f"{mean:.3f} ± {std:.3f}"
    return f"{100 * mean:.1f} ± {100 * std:.1f}"


def markdown(table):
    """Return a table in Markdown."""
    header, *rows = table
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def list_table(table):
    """Return a table in reStructuredText."""
    lines = [
        "   " + (("  - " if n else "* - ") + cell).rstrip()
        for row in table
        for n, cell in enumerate(row)
    ]
    return "\n".join(["", ".. list-table::", "   :header-rows: 1", "", *lines, "", ""])
