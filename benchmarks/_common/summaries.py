"""Build short tables from cells of the tables of the results."""


def cell(table, column, **labels):
    """Return the cell in a column of the only row of a table with some labels.

    Parameters
    ----------
    table : list of list of str
        The header, then the rows.

    column : str
        Header of the column.

    **labels : str
        Contents of other cells of the row by their header, with underscores for spaces.

    Returns
    -------
    cell : str
        The content of the cell.

    Raises
    ------
    ValueError
        If no row, or more than one, has the labels.
    """
    header, *rows = table
    wanted = {name.replace("_", " "): value for name, value in labels.items()}
    found = [row for row in rows if wanted.items() <= dict(zip(header, row, strict=True)).items()]
    if len(found) != 1:
        raise ValueError(f"{len(found)} rows have {wanted}")
    return found[0][header.index(column)]


def highlights(tables):
    """Return the figures of the landing page."""
    systems, epochs = tables["systems"], tables["peers_epochs"]
    koch, faces = {"system": "Koch et al."}, {"system": "contrastive faces"}
    return [
        ["measure", "compared with", "theirs", "sksiamese"],
        [
            "Characters of unseen alphabets recognized from one example, % ↑",
            "siamese network of Koch et al., published",
            cell(systems, "published", **koch).partition(",")[0],
            cell(systems, "ours", **koch),
        ],
        [
            "Equal error rate on faces of unseen people, % ↓",
            "network of contrastive loss, rebuilt",
            cell(systems, "named network, rebuilt", **faces),
            cell(systems, "ours", **faces),
        ],
        [
            "Seconds of an epoch of semi-hard triplets ↓",
            "pytorch-metric-learning",
            cell(epochs, "seconds an epoch", loss="semihard", trained_by="pytorch-metric-learning"),
            cell(epochs, "seconds an epoch", loss="semihard", trained_by="SiameseEmbedder"),
        ],
    ]


SYSTEMS = {
    "Fashion-MNIST: matches among accepted pairs, % ↑": {
        "system": "the lab's 3 layers",
        "data_and_measure": "Fashion-MNIST: matches among the accepted test pairs",
    },
    "Omniglot: 20-way one-shot accuracy, % ↑": {"system": "Koch et al."},
    "SVC2004: equal error rate of skilled forgeries, % ↓": {
        "system": "Bromley et al.",
        "data_and_measure": (
            "SVC2004: new writers, one threshold; equal error rate, skilled forgeries"
        ),
    },
    "AT&T faces: equal error rate of unseen people, % ↓": {"system": "contrastive faces"},
    "AT&T faces, two halves: AUC of unseen people ↑": {
        "system": "Oh et al.",
        "data_and_measure": "AT&T faces: pairs of people never seen, two halves; AUC",
    },
    "MRPC, paraphrases: accuracy, % ↑": {
        "system": "paraphrases",
        "data_and_measure": "MRPC, official split: accuracy",
    },
}
"""Rows of the table of systems by their measure in the summary, one for each data set."""


def published(tables):
    """Return one measure of systems of the literature for each data set."""
    columns = ("published", "named network, rebuilt", "ours")
    rows = [
        [measure, *(cell(tables["systems"], column, **labels) for column in columns)]
        for measure, labels in SYSTEMS.items()
    ]
    return [["measure", "published", "rebuilt by us", "sksiamese"], *rows]


MODELS = (
    "PCA, unscaled items",
    "LDA",
    "SiameseEmbedder",
    "SiameseVerifier",
)
"""Models of the summary on unseen identities."""


def unseen(tables):
    """Return the lead of models over the plain distance on unseen identities."""
    columns = ("mean lead", "lowest lead")
    leads = [
        [model, *(cell(tables["unseen_auc"], column, model=model) for column in columns)]
        for model in MODELS
    ]
    return [["model", *(f"{column} ↑" for column in columns)], *leads]


def packages(tables):
    """Return the failed checks and the seconds of an epoch of several packages."""
    estimators = {
        "SiameseEmbedder": "SiameseEmbedder",
        "skorch": "skorch NeuralNetClassifier",
        "pytorch-metric-learning": None,
    }
    lines = [["package", "checks failed ↓", "contrastive ↓", "supcon ↓", "semi-hard triplets ↓"]]
    for name, estimator in estimators.items():
        failed = (
            cell(tables["peers"], "failed", estimator=estimator) if estimator else "no estimator"
        )
        seconds = [
            cell(tables["peers_epochs"], "seconds an epoch", loss=loss, trained_by=name)
            for loss in ("contrastive", "supcon", "semihard")
        ]
        lines.append([name, failed, *seconds])
    return lines


SUMMARIES = {
    "highlights": highlights,
    "summary_packages": packages,
    "summary_published": published,
    "summary_unseen": unseen,
}
"""Functions of all tables by the name of the summary."""
