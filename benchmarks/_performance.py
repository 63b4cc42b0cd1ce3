"""Tables of the page on performance."""

from _cells import cell, whole


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


def search(results):
    """Header and rows of the time that a search takes."""
    header = ["search", "seconds, first", "seconds, least", "times as fast as one process"]
    return header, [
        [row["way"], f"{row['first']:.1f}", f"{row['seconds']:.1f}", f"{row['speedup']:.2f}"]
        for row in results
    ]


def memory(results):
    """Header and rows of what arrays take in memory."""
    header = ["rows", "columns", "type", "batch", "MB of data"]
    header += ["MB of fit beside the data", "MB of transform beside the data", "MB of the process"]
    rows = []
    for row in results["arrays"]:
        peaks = [row[step]["resident"] for step in ("fit", "transform")]
        beside = [peak - row["imports"] - row["data"] for peak in peaks]
        figures = [row["data"], *beside, max(peaks)]
        case = [f"{row['rows']:,}", f"{row['columns']:,}", row["dtype"], f"{row['batch_size']:,}"]
        rows.append([*case, *(f"{figure:.0f}" for figure in figures)])
    return header, rows


def memory_files(results):
    """Header and rows of what rows in files take in memory."""
    header = ["rows in a file", "GB", "step", "seconds", "MB, anonymous", "MB, pages of files too"]
    rows = []
    for row in results["files"]:
        for step in ("fit", "transform"):
            peak = row[step]
            figures = [peak[key] for key in ("seconds", "anonymous", "resident")]
            size = f"{row['data'] * 2**20 / 1e9:.1f}"
            rows.append([row["kind"], size, step, *(f"{figure:.0f}" for figure in figures)])
    return header, rows


def chunks(results):
    """Header and rows of what training on chunks reaches."""
    return ["training", "5-NN", "seconds"], [
        [row["way"], cell(row["summary"], "knn"), whole(row["summary"]["seconds"])]
        for row in results
    ]
