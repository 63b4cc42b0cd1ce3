"""Tables of verification: by embedders, and of identities never seen."""

import numpy as np
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


def unseen(results):
    """Header and rows of what meets identities never seen, with the lead over raw distance."""
    rows = []
    for row in results:
        figures = row["data"].values()
        behind = sum(-figure["lead"] > figure["standard_error"] for figure in figures)
        raw = row["model"] == results[0]["model"]
        rows.append([row["model"], *map(area_and_lead, figures), "" if raw else str(behind)])
    return ["model", *results[0]["data"], "worse than raw on"], rows


def area_and_lead(figure):
    """Mean area under the curve, and the lead over raw distance with its standard error."""
    area = f"{np.mean(figure['auc']):.3f}"
    if not figure["standard_error"]:
        return area
    return f"{area} ({figure['lead']:+.3f} ± {figure['standard_error']:.3f})"
