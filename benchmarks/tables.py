"""Tables of the results, written into README.md and docs/benchmarks.rst from their JSON.

A table NAME stands in README.md between ``<!-- table:NAME -->`` and ``<!-- /table -->``, and in
docs/benchmarks.rst between ``.. table:NAME`` and ``.. end-table``.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "README.md": re.compile(r"(<!-- table:(\w+) -->\n).*?(<!-- /table -->)", re.DOTALL),
    "docs/benchmarks.rst": re.compile(r"(\.\. table:(\w+)\n).*?(\.\. end-table)", re.DOTALL),
}


def fashion_mnist(results):
    """Header and rows of the lab run again."""
    columns = {
        "lab_figure": "lab's figure",
        "accuracy_at_lab_threshold": "accuracy at 0.5",
        "accuracy": "accuracy",
        "auc": "AUC",
        "eer": "EER",
        "knn": "5-NN",
        "logistic": "logistic",
    }
    rows = [
        [
            row["model"],
            str(row["depth"] or ""),
            *(cell(row["summary"], column) for column in columns),
            whole(row["summary"].get("seconds")),
        ]
        for row in results
    ]
    return ["model", "depth", *columns.values(), "seconds"], rows


def epoch_cost(results):
    """Header and rows of the seconds of an epoch."""
    header = [
        "tower",
        "rows",
        "training",
        "seconds an epoch",
        "times cross-entropy",
        "seconds beside the epochs",
    ]
    rows = []
    for row in results:
        ratio, fixed = row["ratio"], row.get("fixed_seconds")
        rows.append(
            [
                row["tower"],
                f"{row['rows']:,}",
                row["name"],
                f"{row['seconds']['median']:.2f}",
                f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})",
                f"{fixed['median']:.2f}" if fixed else "",
            ]
        )
    return header, rows


def verify_digits(results):
    """Header and rows of new rows of known digits."""
    header = ["model", "AUC", "accuracy", "EER", "TAR at FAR 1 %"]
    return header, [[row["model"], *verification(row)] for row in results["known"]]


def unseen_identities(results):
    """Header and rows of identities never seen in training."""
    header = ["test pairs", "identities learned from", "model"]
    rows = [
        [row["task"], str(row["n_identities"]), row["model"], *verification(row)]
        for row in results["unseen"]
    ]
    return [*header, "AUC", "accuracy", "EER", "TAR at FAR 1 %"], rows


def verification(row):
    """Cells of one model that verifies."""
    return [cell(row["summary"], column) for column in ("auc", "accuracy", "eer", "tar")]


def peers(results):
    """Header and rows of scikit-learn's checks."""
    rows = [
        [
            row["name"],
            *(str(row["counts"].get(status, 0)) for status in ("passed", "failed", "skipped")),
            row["stopped"] or "",
            row["digits"],
        ]
        for row in results
    ]
    return ["estimator", "passed", "failed", "skipped", "stopped by", "fits digits"], rows


def losses_time(results):
    """Header and rows of the milliseconds of losses and miners."""
    rows = [
        [
            row["loss"],
            row["miner"],
            f"{row['ours_ms']:.1f}",
            f"{row['peer_ms']:.1f}",
            "{median:.1f} ({min:.1f} to {max:.1f})".format(**row["ratio"]),
        ]
        for row in results["time"]
    ]
    return ["loss", "miner", "ours, ms", "peer, ms", "peer / ours"], rows


def losses_memory(results):
    """Header and rows of the memory of losses and miners."""
    rows = [[row["loss"], row["miner"], f"{row['megabytes']:.0f}"] for row in results["memory"]]
    return ["loss", "miner", "megabytes"], rows


def loss_table(results):
    """Header and rows of all losses on all data sets, best first."""
    names = list(results[0]["data"])
    rows = [
        [
            row["loss"],
            row["miner"],
            f"{row['rank']:.1f}" if row["rank"] else "",
            *(
                " / ".join(f"{100 * row['data'][name][key]['mean']:.1f}" for key in LOSS_MEASURES)
                for name in names
            ),
        ]
        for row in sorted(results, key=lambda row: row["rank"] or float("inf"))
    ]
    return ["loss", "miner", "mean rank", *names], rows


def omniglot(results):
    """Header and rows of characters of new alphabets."""
    header = ["model", "20-way one-shot", "pairs, accuracy", "pairs, AUC", "seconds"]
    return header, [
        [
            row["model"],
            *(figure(row, column) for column in ("one_shot", "accuracy", "auc")),
            whole(row.get("summary", {}).get("seconds")),
        ]
        for row in results
    ]


LOSS_MEASURES = ("knn", "map_at_r", "auc")

TABLES = {
    "loss_table": (loss_table, "loss_table.json"),
    "losses_time": (losses_time, "losses.json"),
    "losses_memory": (losses_memory, "losses.json"),
    "fashion_mnist": (fashion_mnist, "fashion_mnist.json"),
    "verify_digits": (verify_digits, "verify_digits.json"),
    "unseen_identities": (unseen_identities, "verify_digits.json"),
    "epoch_cost": (epoch_cost, "epoch_cost.json"),
    "peers": (peers, "peers.json"),
}


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


def filled(text, place, layout, folder):
    """The text of a document with its tables as the results are now."""

    def fill(found):
        begin, name, end = found.groups()
        function, file = TABLES[name]
        results = json.loads((folder / file).read_text("utf-8"))["results"]
        return begin + layout(*function(results)) + end

    return place.sub(fill, text)


def main(arguments=None):
    """Fill in the tables, or tell whether they are out of date."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing, exit 1 if outdated")
    options.add_argument("--root", type=Path, default=ROOT, help="folder of the project")
    args = options.parse_args(arguments)
    outdated = []
    for (name, place), layout in zip(PLACES.items(), (markdown, list_table), strict=True):
        path = args.root / name
        old = path.read_text("utf-8")
        new = filled(old, place, layout, args.root / "benchmarks" / "results")
        if new != old:
            outdated.append(name)
            if not args.check:
                path.write_text(new, "utf-8")
    if args.check and outdated:
        sys.exit(f"{', '.join(outdated)} out of date; run python benchmarks/tables.py")


if __name__ == "__main__":
    main()
