"""Tables of the results, written into README.md and the pages of docs from their JSON.

A table NAME stands in README.md between ``<!-- table:NAME -->`` and ``<!-- /table -->``, and in
a page of docs between ``.. table:NAME`` and ``.. end-table``.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from _cells import cell, figure, list_table, markdown, whole
from _cost import epoch_cost, epoch_growth, peers_accuracy, peers_epochs
from _performance import chunks, inference_pair, inference_rows, memory, memory_files, search
from _systems import systems
from _verification_tables import label_verification, unseen

ROOT = Path(__file__).resolve().parent.parent
IN_MARKDOWN = re.compile(r"(<!-- table:(\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)
IN_RST = re.compile(r"(\.\. table:(\w+)\n).*?(\.\. end-table)", re.DOTALL)
PLACES = {
    "README.md": (IN_MARKDOWN, markdown),
    "docs/benchmarks.rst": (IN_RST, list_table),
    "docs/false_accept_rate.rst": (IN_RST, list_table),
    "docs/performance.rst": (IN_RST, list_table),
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


def faces(results):
    """Header and rows of faces of people never seen."""
    rows = [
        [
            row["split"],
            row["model"],
            *(cell(row["summary"], column) for column in ("eer", "auc")),
            whole(row["summary"]["seconds"]),
        ]
        for row in results
    ]
    return ["test people", "model", "EER", "AUC", "seconds"], rows


def signatures(results):
    """Header and rows of pen signatures of new writers."""
    columns = {
        "eer_skilled": "skilled, EER",
        "eer_first_fold": "skilled, EER, first fold",
        "eer_writer": "skilled, EER per writer",
        "accepted": "genuine accepted, 80 % of skilled detected",
        "eer_random": "random, EER",
    }
    return ["model", *columns.values(), "seconds"], [
        [
            row["model"],
            *(figure(row, column) for column in columns),
            whole(row.get("summary", {}).get("seconds")),
        ]
        for row in results
    ]


def paraphrase(results):
    """Header and rows of sentences that say the same."""
    rows = [
        [
            row["model"],
            *(figure(row, column) for column in ("accuracy", "f1")),
            whole(row.get("summary", {}).get("seconds")),
        ]
        for row in results
    ]
    return ["model", "accuracy", "F1", "seconds"], rows


def sparse_memory(results):
    """Header and row of the memory that sparse rows take."""
    columns = {
        "dense": "as a dense array",
        "csr": "as CSR",
        "imports": "process, packages imported",
        "rows": "process, rows made",
        "peak": "process, trained and embedded",
    }
    row = [whole(results["summary"][column]) for column in columns]
    return ["rows", "columns", *columns.values()], [[f"{n:,}" for n in results["shape"]] + row]


def pair_view(results):
    """Header and rows of what many pairs of few items cost."""
    seconds, ratio = results["seconds"], results["ratio"]
    items, pairs = f"{results['items']:,}", f"{results['pairs']:,}"
    return ["measure", "figure"], [
        [f"seconds to embed {items} items", f"{seconds['transform_items']:.2f}"],
        [f"seconds of the head over {pairs} pairs", f"{seconds['head']:.2f}"],
        [f"seconds of predict_proba of {pairs} pairs", f"{seconds['predict_proba']:.2f}"],
        [
            "predict_proba / (embed + head)",
            "{median:.2f} ({min:.2f} to {max:.2f})".format(**ratio),
        ],
        ["megabytes at the peak, beside what was held before", f"{results['megabytes']:.0f}"],
    ]


def naive_split(results):
    """Header and rows of what splits promise of new people."""
    columns = {
        "auc": "AUC",
        "accuracy": "accuracy",
        "eer": "EER",
        "match_share": "matches",
        "dropped": "pairs dropped",
    }
    return ["pairs to test on", *columns.values()], [
        [row["split"], *(cell(row["summary"], column) for column in columns)] for row in results
    ]


def identifier(results):
    """Header and rows of who is identified, and who is unknown."""
    columns = {
        "auc": "AUC of unknown",
        "dir": "identified at 1 % false accepts",
        "accuracy": "named rightly without rejection",
    }
    return ["embedding", "strategy", *columns.values(), "seconds"], [
        [
            row["embedding"],
            row["strategy"],
            *(cell(row["summary"], column) for column in columns),
            whole(row["summary"]["seconds"]),
        ]
        for row in results["open_set"]
    ]


def identifier_rates(results):
    """Header and rows of rates of false accepts that were asked for, and came."""
    return ["characters", "enrolled", "asked for", "false accepts", "named rightly"], [
        [
            row["characters"],
            str(row["n_classes"]),
            f"{100 * row['target_far']:.0f}",
            *(cell(row["summary"], column) for column in ("far", "accuracy")),
        ]
        for row in results["rates"]
    ]


def false_accept_rate(results):
    """Header and rows of simulated rates of false accepts."""
    return ["data", "enrolled", "asked for", "false accepts, %", "interval at 95 %"], [
        [
            row["data"],
            str(row["n_classes"]),
            f"{100 * row['target_far']:.0f}",
            f"{100 * row['far']:.2f}",
            "{:.2f} to {:.2f}".format(*(100 * max(0, bound) for bound in row["interval"])),
        ]
        for row in results
    ]


def identifier_search(results):
    """Header and rows of the time of enrolling and identifying."""
    return ["templates", "queries", "search", "seconds", "ratio"], [
        [
            f"{row['templates']:,}",
            f"{row['queries']:,}",
            row["name"],
            f"{row['seconds']['median']:.2f}",
            "{median:.2f} ({min:.2f} to {max:.2f})".format(**row["ratio"])
            if "ratio" in row
            else "",
        ]
        for row in results["search"]
    ]


def two_cues(results):
    """Header and rows of single and fused cues, fold by fold."""
    folds = range(len(results[0]["folds"]))
    rows = [
        [
            row["data"],
            row["model"],
            " + ".join(row["cues"]),
            *(f"{row['folds'][fold]['auc']['mean']:.3f}" for fold in folds),
            *(cell(row["summary"], column) for column in ("auc", "eer")),
            gain(row, results),
        ]
        for row in results
    ]
    header = ["data", "model", "cues", *(f"fold {fold + 1}, AUC" for fold in folds), "AUC", "EER"]
    return [*header, "least gain over the best single cue"], rows


def gain(row, results):
    """Least difference over folds of the AUC of fused cues and of the best single one."""
    if len(row["cues"]) == 1:
        return ""
    single = [
        [fold["auc"]["mean"] for fold in other["folds"]]
        for other in results
        if (other["data"], other["model"]) == (row["data"], row["model"])
        if len(other["cues"]) == 1 and other["cues"][0] in row["cues"]
    ]
    best = map(max, zip(*single, strict=True))
    gains = [fold["auc"]["mean"] - most for fold, most in zip(row["folds"], best, strict=True)]
    return f"{min(gains):+.3f}"


LOSS_MEASURES = ("knn", "map_at_r", "auc")

TABLES = {
    "systems": (
        systems,
        "fashion_mnist.json",
        "omniglot.json",
        "signatures.json",
        "faces.json",
        "two_cues.json",
        "paraphrase.json",
    ),
    "omniglot": (omniglot, "omniglot.json"),
    "identifier": (identifier, "identifier.json"),
    "identifier_rates": (identifier_rates, "identifier.json"),
    "false_accept_rate": (false_accept_rate, "false_accept_rate.json"),
    "identifier_search": (identifier_search, "identifier.json"),
    "label_verification": (label_verification, "label_verification.json"),
    "unseen": (unseen, "unseen.json"),
    "two_cues": (two_cues, "two_cues.json"),
    "faces": (faces, "faces.json"),
    "signatures": (signatures, "signatures.json"),
    "sparse_memory": (sparse_memory, "sparse_memory.json"),
    "paraphrase": (paraphrase, "paraphrase.json"),
    "loss_table": (loss_table, "loss_table.json"),
    "losses_time": (losses_time, "losses.json"),
    "losses_memory": (losses_memory, "losses.json"),
    "fashion_mnist": (fashion_mnist, "fashion_mnist.json"),
    "verify_digits": (verify_digits, "verify_digits.json"),
    "unseen_identities": (unseen_identities, "verify_digits.json"),
    "epoch_cost": (epoch_cost, "epoch_cost.json"),
    "epoch_growth": (epoch_growth, "epoch_growth.json"),
    "peers_epochs": (peers_epochs, "peers_training.json"),
    "peers_accuracy": (peers_accuracy, "peers_training.json"),
    "naive_split": (naive_split, "naive_split.json"),
    "pair_view": (pair_view, "pair_view.json"),
    "peers": (peers, "peers.json"),
    "inference_rows": (inference_rows, "inference.json"),
    "inference_pair": (inference_pair, "inference.json"),
    "memory": (memory, "memory.json"),
    "memory_files": (memory_files, "memory.json"),
    "chunks": (chunks, "chunks.json"),
    "search": (search, "search.json"),
}


def filled(text, place, layout, folder):
    """The text of a document with its tables as the results are now."""

    def fill(found):
        begin, name, end = found.groups()
        function, *files = TABLES[name]
        results = [json.loads((folder / file).read_text("utf-8"))["results"] for file in files]
        return begin + layout(*function(*results)) + end

    return place.sub(fill, text)


def main(arguments=None):
    """Fill in the tables, or tell whether they are out of date."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing, exit 1 if outdated")
    options.add_argument("--root", type=Path, default=ROOT, help="folder of the project")
    args = options.parse_args(arguments)
    outdated = []
    for name, (place, layout) in PLACES.items():
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
