"""The systems that the package rebuilds: one row for each, from the results of all benchmarks."""

from _cells import cell, figure

HEADER = [
    "system",
    "data and measure",
    "published",
    "named network, rebuilt",
    "ours",
    "our model",
    "script",
]


def systems(fashion_mnist, omniglot, signatures, faces, two_cues, paraphrase):
    """Header and rows of published figures, of the named networks rebuilt, and of ours."""
    parts = (
        lab(fashion_mnist),
        convolutions(fashion_mnist),
        koch(omniglot),
        bromley(signatures),
        contrastive_faces(faces),
        oh(two_cues),
        paraphrases(paraphrase),
    )
    return HEADER, [row for rows in parts for row in rows]


def lab(results):
    """Towers of the lab: its own figures, its replica and the embedder."""
    task = "Fashion-MNIST: matches among the accepted test pairs"
    for depth, published in (3, "90.48"), (4, "80.00"):
        yield line(
            (f"the lab's {depth} layers", task, published, "embedder of the same size"),
            of(results, model="SiameseEmbedder", depth=depth),
            "lab_figure",
            "fashion_mnist",
            rebuilt=of(results, model="lab, pairs in file order", depth=depth),
        )


def convolutions(results):
    """The convolutional embedder on Fashion-MNIST, beside which no figure was published."""
    row = of(results, model="SiameseEmbedder, supcon, cnn")
    model = "embedder, supcon, cnn, mean with the mirror image"
    for task, measure in ("all test pairs", "accuracy"), ("5-NN", "knn"):
        words = ("convolutions", f"Fashion-MNIST: {task}", "", model)
        yield line(words, row, measure, "fashion_mnist")


def koch(results):
    """One-shot characters."""
    measure = "one_shot"
    yield line(
        (
            "Koch et al.",
            "Omniglot: 20-way one-shot, alphabets never seen",
            cited(results, "siamese network", measure),
            "embedder, supcon, mean of 8 distorted copies",
        ),
        of(results, model="SiameseEmbedder, supcon, mean of 8 distorted copies"),
        measure,
        "omniglot",
        rebuilt=of(results, model="SiameseVerifier, weighted L1"),
    )


def bromley(results):
    """Signatures, of which only other data or other writers have published figures."""
    task = "SVC2004: new writers, one threshold"
    for measure, words, source, whose in (
        ("accepted", "genuine accepted, 80 % of skilled forgeries detected", "siamese", "data"),
        ("eer_skilled", "equal error rate, skilled forgeries", "best of", "writers"),
    ):
        published = figure(published_by(results, source), measure)
        model = "embedder, aligned by time warping"
        yield line(
            ("Bromley et al.", f"{task}; {words}", f"{published}, other {whose}", model),
            of(results, model="SiameseEmbedder, time delays aligned"),
            measure,
            "signatures",
            rebuilt=of(results, model="SiameseEmbedder, tdnn"),
        )


def contrastive_faces(results):
    """Faces of people never seen."""
    task = "AT&T faces: pairs of people never seen; equal error rate"
    model = "embedder, linear tower, log-volume, registered gradients"
    split = {"split": "five folds of eight"}
    registered = "SiameseEmbedder, log-volume of gradients, registered"
    yield line(
        ("contrastive faces", task, "", model),
        of(results, model=registered, **split),
        "eer",
        "faces",
        rebuilt=of(results, model="contrastive network", **split),
    )


def oh(results):
    """Several cues fused, all of them at once."""
    for data, task in (
        ("digits", "multiple features: pairs of digits never seen; AUC"),
        ("faces", "AT&T faces: pairs of people never seen, two halves; AUC"),
    ):
        ours, rebuilt = (
            [row for row in results if (row["data"], row["model"]) == (data, model)][-1]
            for model in ("distances", "mlp")
        )
        words = ("Oh et al.", task, "", f"verifier, fused distances of {len(ours['cues'])} cues")
        yield line(words, ours, "auc", "two_cues", rebuilt=rebuilt)


def paraphrases(results):
    """Paraphrases by words alone."""
    row = of(results, model="SiameseVerifier, all kinds of terms")
    for name, measure in ("accuracy", "accuracy"), ("F1", "f1"):
        published = cited(results, "dependencies and n-grams", measure)
        words = ("paraphrases", f"MRPC, official split: {name}", published)
        model = "verifier, seven kinds of terms"
        yield line((*words, model), row, measure, "paraphrase")


def line(words, ours, measure, script, rebuilt=None):
    """One row of the table."""
    *words, model = words
    named = cell(rebuilt["summary"], measure) if rebuilt else ""
    return [*words, named, cell(ours["summary"], measure), model, f"{script}.py"]


def cited(results, source, measure):
    """The published figure of a system, and the best one that the results cite where it is not."""
    figures = [figure(row, measure) for row in results if "published" in row]
    published = figure(published_by(results, source), measure)
    best = max(figures, key=float)
    return published if published == best else f"{published}, best cited {best}"


def published_by(results, source):
    """The one published row whose model begins like this."""
    (row,) = [row for row in results if "published" in row and row["model"].startswith(source)]
    return row


def of(results, **values):
    """The one row of results that has these values."""
    (row,) = [row for row in results if all(row.get(key) == values[key] for key in values)]
    return row
