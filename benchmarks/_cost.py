"""Tables of what training costs."""


def times(spread):
    """A ratio, with the least and the greatest."""
    return f"{spread['median']:.2f} ({spread['min']:.2f} to {spread['max']:.2f})"


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
        fixed = row.get("fixed_seconds")
        rows.append(
            [
                row["tower"],
                f"{row['rows']:,}",
                row["name"],
                f"{row['seconds']['median']:.2f}",
                times(row["ratio"]),
                f"{fixed['median']:.2f}" if fixed else "",
            ]
        )
    return header, rows


def epoch_growth(results):
    """Header and rows of the cost of an epoch by batch and embedding."""
    header = ["batch", "components", "cross-entropy, s", "contrastive", "semihard", "supcon"]
    rows = []
    for row in results:
        reference, *others = (row["figures"][name] for name in ("cross-entropy", *header[3:]))
        seconds = f"{reference['seconds']['median']:.2f}"
        ratios = [times(figures["ratio"]) for figures in others]
        size = (f"{row['batch_size']:,}", str(row["n_components"]))
        rows.append([*size, seconds, *ratios])
    return header, rows


def peers_epochs(results):
    """Header and rows of the seconds of an epoch next to peers."""
    rows = [
        [row["loss"], row["name"], f"{row['seconds']['median']:.2f}", times(row["ratio"])]
        for row in results["epochs"]
    ]
    return ["loss", "trained by", "seconds an epoch", "times ours"], rows


def peers_accuracy(results):
    """Header and rows of the seconds to an accuracy."""
    header = ["model", "rows", "seconds to 88 %", "best accuracy", "after seconds"]
    rows = []
    for row in results["accuracy"]:
        seconds, best = row["seconds_to_target"], row["best"]
        reached = "not reached" if seconds is None else f"{seconds:.1f}"
        figures = [reached, f"{100 * best['accuracy']:.1f} %", f"{best['seconds']:.1f}"]
        rows.append([row["name"], f"{row['rows']:,}", *figures])
    return header, rows
