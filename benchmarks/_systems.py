"""The systems that the package rebuilds: one row for each, from the results of all benchmarks."""

from _cells import cell, whole


def systems(fashion_mnist, omniglot, signatures, faces, two_cues, paraphrase):
    """Header and rows of published figures beside ours."""
    lab = "Fashion-MNIST: matches among the accepted test pairs"
    new_letters = "Omniglot: 20-way one-shot, alphabets never seen"
    registered = "SiameseEmbedder, log-volume of gradients, registered"
    new_writers = "SVC2004: new writers, one threshold"
    unseen_people = "AT&T faces: pairs of people never seen"
    unseen_digits = "multiple features: pairs of digits never seen"
    mrpc = "MRPC, official split"
    network = "SiameseEmbedder, time delays aligned"
    digits, halves = (
        [row for row in two_cues if (row["data"], row["model"]) == (data, "distances")][-1]
        for data in ("digits", "faces")
    )
    rows = [
        [f"the lab's {depth} layers", lab, figure, ours, "lab_figure", "fashion_mnist"]
        for depth, figure, ours in (
            (3, "90.48", of(fashion_mnist, model="SiameseEmbedder", depth=3)),
            (4, "80.00", of(fashion_mnist, model="SiameseEmbedder", depth=4)),
        )
    ]
    cnn = of(fashion_mnist, model="SiameseEmbedder, supcon, cnn")
    rows += [
        ["convolutions", "Fashion-MNIST: all test pairs", "", cnn, "accuracy", "fashion_mnist"],
        ["convolutions", "Fashion-MNIST: 5-NN", "89.9", cnn, "knn", "fashion_mnist"],
        ["Koch et al.", new_letters, "92.0", omniglot[-1], "one_shot", "omniglot"],
        [
            "Bromley et al.",
            f"{new_writers}; genuine accepted, 80 % of skilled forgeries detected",
            "95.5, other data",
            of(signatures, model=network),
            "accepted",
            "signatures",
        ],
        [
            "Bromley et al.",
            f"{new_writers}; equal error rate, skilled forgeries",
            "2.9, other writers",
            of(signatures, model=network),
            "eer_skilled",
            "signatures",
        ],
        [
            "contrastive faces",
            f"{unseen_people}; equal error rate",
            "",
            of(faces, split="five folds of eight", model=registered),
            "eer",
            "faces",
        ],
        ["Oh et al.", f"{unseen_digits}; AUC", "", digits, "auc", "two_cues"],
        ["Oh et al.", f"{unseen_people}, two halves; AUC", "", halves, "auc", "two_cues"],
        ["paraphrases", f"{mrpc}: accuracy", "75.6", paraphrase[-1], "accuracy", "paraphrase"],
        ["paraphrases", f"{mrpc}: F1", "83.0", paraphrase[-1], "f1", "paraphrase"],
    ]
    return ["system", "data and measure", "published", "ours", "seconds", "script"], [
        [*words, cell(row["summary"], measure), whole(row["summary"]["seconds"]), f"{script}.py"]
        for *words, row, measure, script in rows
    ]


def of(results, **values):
    """The one row of results that has these values."""
    (row,) = [row for row in results if all(row[key] == values[key] for key in values)]
    return row
