"""Build tables of strings, and lay them out as Markdown and as reStructuredText."""


def table(rows, columns=None):
    """Return a table of results.

    Parameters
    ----------
    rows : list of dict
        Results, see :func:`of_runs`.

    columns : dict, default=None
        The content of each column by its header: a function of the row, a format string of the
        keys of the row, or the name of a label or figure. By default all labels and figures.

    Returns
    -------
    table : list of list of str
        The header, then the rows.
    """
    columns = columns or {name: name for name in names(rows)}
    return [[*columns]] + [[cell(row, content) for content in columns.values()] for row in rows]


def names(rows):
    """Return the names of the labels of the first row, and of the figures of the longest row."""
    labels = [key for key, value in rows[0].items() if not isinstance(value, dict | list)]
    return labels + max((list(row.get("summary", {})) for row in rows), key=len)


def cell(row, content):
    """Return one cell, see :func:`table`."""
    if callable(content):
        return content(row)
    if "{" in content:
        return content.format(**row)
    if content in row:
        return "" if row[content] is None else str(row[content])
    return figure(row, content)


def figure(row, key):
    """Return the cell of the mean and standard deviation of runs, or of a published figure.

    The cell is empty if the row is None or has no such figure. Areas under the curve are
    fractions and seconds are rounded; all others are in percent. Published figures have no
    standard deviation.
    """
    if row is None:
        return ""
    if key in row.get("published", {}):
        return f"{100 * row['published'][key]:.1f}"
    if key not in row.get("summary", {}):
        return ""
    mean, std = row["summary"][key]["mean"], row["summary"][key]["std"]
    if key == "seconds":
        return f"{mean:.0f}"
    if "auc" in key.lower():
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
