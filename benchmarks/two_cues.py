"""Several cues of one thing: does a fused tower verify better than the best of its cues?

Handwritten digits are seen through two and through six feature sets, faces through their upper
and their lower half. Each cue has a tower of its own, fully connected layers fuse them, and the
match head of Oh, Benenson, Fritz and Schiele decides. A single cue has the same estimator on its
columns alone.

Pairs are of digits, or of people, that are never seen in training: two of the ten digits and
eight of the forty people in each of five folds. The estimator has its defaults but for the number
of epochs, and faces have convolutions and distortions. The two cues are those that did best alone
on inner splits, six digits to learn from and two to verify; other folds test some of these digits.
"""

import sys
from functools import partial
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch
from faces import flat, smaller
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from sksiamese import SiameseVerifier, make_pairs
from sksiamese.augment import affine
from sksiamese.metrics import equal_error_rate
from sksiamese.towers import cnn, multi_cue

BLOCK, HEIGHT, WIDTH = 4, 14, 23
TWO = ("fac", "fou")
DIGITS = {"max_iter": 15}


def tower_of_half(input_shape, n_components):
    """Convolutions over one half of a face."""
    return cnn((HEIGHT, WIDTH), n_components, width=16, pooling="flatten")


def distorted(items, generator):
    """One half of a face, or both as one image, distorted."""
    return affine(items.unflatten(1, (-1, WIDTH)), generator).flatten(1)


FACES = {"max_iter": 15, "augment": distorted}


def columns_of(sizes):
    """Columns of cues that stand side by side: slices by name, of sizes by name."""
    stops = np.cumsum(list(sizes.values())).tolist()
    return {
        name: slice(stop - size, stop)
        for (name, size), stop in zip(sizes.items(), stops, strict=True)
    }


def folds_of(y, n_folds):
    """Masks of the rows of a fifth of the classes, fold by fold."""
    classes = np.random.default_rng(0).permutation(np.unique(y))
    return [np.isin(y, new) for new in np.split(classes, 5)[:n_folds]]


def one_fold(data, names, new, seed, epochs):
    """Figures of pairs of new classes, of an estimator that sees some of the cues.

    Parameters
    ----------
    data : dict
        Items ``"X"``, their classes ``"y"``, the columns of all ``"cues"``, the
        ``"parameters"`` of the estimator, the tower factory of a cue, ``"tower"``, if it is
        not the default one, and the numbers of training and test pairs, ``"n_pairs"``.

    names : sequence of str
        Cues to see.

    new : ndarray of bool of shape (n_items,)
        Items of classes to test on; the others are learned from.

    seed : int
        Chooses pairs and initial weights; the pairs do not depend on the cues.

    epochs : int or None
        Epochs of the fit, if not those of the parameters.
    """
    cues = {name: data["cues"][name] for name in names}
    X = np.hstack([data["X"][:, columns] for columns in cues.values()])
    X = StandardScaler().fit(X[~new]).transform(X)
    pairs, match = zip(
        *(
            make_pairs(X[rows], data["y"][rows], n_pairs=n_pairs, random_state=seed)[:2]
            for rows, n_pairs in zip((~new, new), data["n_pairs"], strict=True)
        ),
        strict=True,
    )
    tower = partial(
        multi_cue,
        cues=columns_of({name: columns.stop - columns.start for name, columns in cues.items()}),
        towers=dict.fromkeys(names, data["tower"]) if data["tower"] else None,
    )
    options = data["parameters"] | ({"max_iter": epochs} if epochs else {})
    start = perf_counter()
    verifier = SiameseVerifier(
        tower=tower, head="mlp", weight_decay=1e-4, random_state=seed, device="cpu", **options
    ).fit(pairs[0], match[0])
    seconds = perf_counter() - start
    score = verifier.decision_function(pairs[1])
    return {
        "auc": float(roc_auc_score(match[1], score)),
        "eer": equal_error_rate(match[1], score),
        "seconds": seconds,
    }


def data_sets(folder):
    """Digits with six cues and faces with two; what is fitted on them, and how it is tested."""
    X, y = _data.load_mfeat(folder)
    yield (
        "digits",
        {
            "X": X,
            "y": y,
            "cues": columns_of(_data.MFEAT_PARTS),
            "fused": [TWO, tuple(_data.MFEAT_PARTS)],
            "tower": None,
            "parameters": DIGITS,
            "n_pairs": (3000, 4000),
        },
    )
    faces, y = _data.load_att_faces(folder)
    half = HEIGHT * WIDTH
    yield (
        "faces",
        {
            "X": flat(smaller(faces, BLOCK)),
            "y": y,
            "cues": columns_of({"upper half": half, "lower half": half}),
            "fused": [("upper half", "lower half")],
            "tower": tower_of_half,
            "parameters": FACES,
            "n_pairs": (90 * 32, 90 * 8),
        },
    )


def run(folder, *, seeds, epochs, folds):
    """A row for each cue and each set of cues, with its figures fold by fold."""
    rows = []
    for name, data in data_sets(folder):
        for names in [*((cue,) for cue in data["cues"]), *data["fused"]]:
            runs = [
                [one_fold(data, names, new, seed, epochs) for seed in range(seeds)]
                for new in folds_of(data["y"], folds)
            ]
            rows.append(
                {
                    "data": name,
                    "cues": names,
                    "folds": [_report.summary(fold) for fold in runs],
                    "summary": _report.summary([run for fold in runs for run in fold]),
                    "runs": runs,
                }
            )
    return rows


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=3, help="runs of each fold")
    options.add_argument("--epochs", type=int, help="epochs of each fit")
    options.add_argument("--folds", type=int, default=5, help="folds of classes, at most 5")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    settings = {key: getattr(args, key) for key in ("seeds", "epochs", "folds")}
    results = run(args.data, **settings)
    _report.write(args.out / "two_cues.json", results, threads=args.threads, **settings)
    sys.stdout.write(tables.markdown(*tables.two_cues(results)))


if __name__ == "__main__":
    main()
