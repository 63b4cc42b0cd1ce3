"""Cells of the tables, and the tables as Markdown and as reStructuredText."""


def cell(summary, column):
    """Mean and standard deviation: of areas as they are, of shares in percent."""
    if column not in summary:
        return ""
    mean, std = summary[column]["mean"], summary[column]["std"]
    if column == "auc":
        return f"{mean:.3f} ± {std:.3f}"
    return f"{100 * mean:.1f} ± {100 * std:.1f}"


def figure(row, column):
    """Cell of a row of ours, or of a published one, which has no deviation."""
    if "summary" in row:
        return cell(row["summary"], column)
    value = row["published"].get(column)
    return "" if value is None else f"{100 * value:.1f}"


def whole(figure):
    """Mean without decimals."""
    return f"{figure['mean']:.0f}" if figure else ""


def markdown(header, rows):
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def list_table(header, rows):
    """A table in reStructuredText."""
    lines = [
        "   " + (("  - " if n else "* - ") + cell).rstrip()
        for row in [header, *rows]
        for n, cell in enumerate(row)
    ]
    return "\n".join(["", ".. list-table::", "   :header-rows: 1", "", *lines, "", ""])
