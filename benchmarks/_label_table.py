"""The table of verifiers that are made of embedders."""

from _cells import cell, whole


def label_verification(results):
    """Header and rows of verifiers made of embedders, each rate of false accepts by itself."""
    columns = {
        "eer": "EER",
        "ece": "calibration error",
        "far": "false accepts",
        "accepted": "matches accepted",
        "pairs": "held by the interval of pairs",
        "shared": "held by the interval of groups",
    }
    return ["data", "asked for", *columns.values(), "seconds"], [
        [
            row["task"],
            f"{100 * row['rate']:.0f}",
            *(cell(row["summary"], column) for column in columns),
            whole(row["summary"]["seconds"]),
        ]
        for row in results
    ]
