"""Tables of the page on performance."""


def inference_rows(results):
    """Header and rows of the time that many rows take."""
    header = ["tower", "rows", "way", "seconds", "throughput, times that of the tower in chunks"]
    return header, [
        [
            row["tower"],
            f"{row['rows']:,}",
            row["way"],
            f"{row['seconds']:.3f}",
            f"{row['throughput']:.2f}",
        ]
        for row in results["rows"]
    ]


def inference_pair(results):
    """Header and rows of the time that a single pair and the import take."""
    rows = [
        [row["way"], f"{row['milliseconds']:.2f}", f"{row['beside']:.2f}"]
        for row in results["pair"]
    ]
    imported = ["import sksiamese", f"{1e3 * results['import_seconds']:.0f}", ""]
    return ["one pair", "milliseconds", "beside tower and head"], [*rows, imported]
