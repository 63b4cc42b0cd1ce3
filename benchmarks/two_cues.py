"""Several cues of one thing: does a fused verifier do better than the best of its cues?

Handwritten digits are seen through two and through six feature sets, faces through their upper
and their lower half. Pairs are of digits, or of people, that are never seen in training: two of
the ten digits and eight of the forty people in each of five folds. A single cue has the same
estimator on its columns alone.

"distances" fuses evidence: every cue has a tower of its own that stays as it is, and the head adds
up what the distance in each cue says, by a curve of its own that falls. Only these curves and the
units of the distances are learned from pairs. The tower of a feature set whitens the scatter within
digits; a half of a face has convolutions that are learned from three quarters of the people, the
head from the others, and the logits of the four such verifiers are averaged. "mlp" is the network
of Oh, Benenson, Fritz and Schiele: fully connected layers fuse the towers, all of it is learned
from pairs.

Inner splits, six digits to learn from and two to verify, chose the two cues, those that gain most
over the better of them, the distance and, of 0.1, 0.3 and 1, the ridge of the whitening; a ridge of
3, tried later, gained more there for six cues. Other folds test some of these digits. Curves
without steps or without their line did about as well there. That distances are fused, by curves,
was decided with the folds of the table in view. Convolutions are those of faces.py.
"""

import sys
from functools import partial
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch
from faces import SUPCON, flat, mirrored, smaller
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch import nn

from sksiamese import SiameseEmbedder, SiameseVerifier, make_pairs
from sksiamese.augment import affine
from sksiamese.metrics import equal_error_rate
from sksiamese.towers import cnn, multi_cue

BLOCK, HEIGHT, WIDTH = 4, 14, 23
TWO = ("mor", "zer")
RIDGE = 1.0
"""Added to the variances within classes, in units of their mean, before whitening."""

DISTANCES = {
    "margin": None,
    "max_iter": 15,
    "batch_size": 128,
    "learning_rate_init": 0.02,
    "weight_decay": 1e-3,
}


class SideBySide(nn.Module):
    """Towers of several cues that stay as they are, their embeddings side by side.

    All that is learned is the unit of each cue, by which its embeddings are multiplied.
    """

    def __init__(self, input_shape, n_components, *, cues, towers):
        super().__init__()
        self.columns = list(cues.values())
        self.towers = nn.ModuleList(towers).requires_grad_(False)
        self.units = nn.Parameter(torch.ones(len(towers)))

    def forward(self, X):
        """Embeddings of items of shape (n, n_columns)."""
        cues = zip(self.units, self.towers, self.columns, strict=True)
        return torch.cat([unit * tower(X[:, columns]) for unit, tower, columns in cues], dim=1)


class Evidence(nn.Module):
    """A logit that adds up what the distance in each cue says.

    A distance is the mean over components of ``log(1 + difference**2)``, so that one component
    far off, such as a hole that is missed, cannot outweigh all the others. Its logarithm goes
    through a curve that never rises: eight steps and a straight line of slope -0.5 at least, so
    that a greater distance always counts, however far beyond those of training.

    Parameters
    ----------
    n_components : int
        Size of the embedding, the sum of ``sizes``.

    sizes : list of int
        Components of each cue.
    """

    def __init__(self, n_components, *, sizes):
        super().__init__()
        self.sizes = sizes
        self.places = nn.Parameter(torch.linspace(-1.5, 3, 8).repeat(len(sizes), 1))
        self.sharpness = nn.Parameter(torch.zeros(len(sizes), 8))
        self.heights = nn.Parameter(torch.full((len(sizes), 8), -2.0))
        self.slopes = nn.Parameter(torch.full((len(sizes),), -2.0))
        self.bias = nn.Parameter(torch.tensor(0.0))

    def forward(self, A, B):
        """Logits of the pairs of rows of A and B."""
        parts = (A - B).square().log1p().split(self.sizes, dim=1)
        D = torch.stack([part.mean(dim=1) for part in parts], dim=1).clamp_min(1e-6).log()
        positive = nn.functional.softplus
        steps = torch.tanh(2 * positive(self.sharpness) * (D.unsqueeze(2) - self.places))
        line = (0.5 + positive(self.slopes)) * D
        return self.bias - (positive(self.heights) * steps).sum(dim=(1, 2)) - line.sum(dim=1)


def whitening(X, y, seed, epochs):
    """A linear tower in whose embedding classes scatter alike in all directions, and its size.

    Parameters
    ----------
    X : ndarray of shape (n_items, n_columns)
        One cue of items.

    y : ndarray of shape (n_items,)
        Their classes.

    seed, epochs : int
        As every factory of towers gets them; nothing here is random or repeated.
    """
    deviations = X.astype(np.float64)
    for label in np.unique(y):
        deviations[y == label] -= deviations[y == label].mean(axis=0)
    values, vectors = np.linalg.eigh(deviations.T @ deviations / len(X))
    weight = (vectors / np.sqrt(values + RIDGE * values.mean())).T
    tower = nn.Linear(X.shape[1], X.shape[1], bias=False)
    tower.weight = nn.Parameter(torch.from_numpy(weight).float())
    return tower, X.shape[1]


class OfMirrorImages(nn.Module):
    """The mean of the embeddings of a half of a face and of its mirror image."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, X):
        """Embeddings whose components have a mean square of one."""
        Z = self.tower(X) + self.tower(X.unflatten(1, (-1, WIDTH)).flip(2).flatten(1))
        return nn.functional.normalize(Z) * Z.shape[1] ** 0.5


def convolutions(X, y, seed, epochs):
    """A tower learned from one half of faces, and the size of its embedding."""
    options = SUPCON | ({"max_iter": epochs} if epochs else {})
    images = X.reshape(len(X), HEIGHT, WIDTH)
    embedder = SiameseEmbedder(
        input_shape=(HEIGHT, WIDTH), random_state=seed, device="cpu", **options
    ).fit(flat(np.concatenate([images, mirrored(images)])), np.concatenate([y, y]))
    return OfMirrorImages(embedder.tower_), embedder.n_components


def fused_distances(X, y, columns, data, seed, epochs):
    """Verifiers that learn curves of distances, one for each part of the classes held out.

    Parameters
    ----------
    X : ndarray of shape (n_items, n_columns)
        Standardised items.

    y : ndarray of shape (n_items,)
        Their classes.

    columns : dict of slice
        Columns of each cue.

    data : dict
        What is fitted, as in :func:`one_fold`.

    seed : int
        Chooses pairs, parts and initial weights.

    epochs : int or None
        Epochs of every fit, if not those of the parameters.
    """
    verifiers = []
    for learned, held_out in parts_of(y, data["n_parts"], seed):
        towers, sizes = zip(
            *(
                data["tower"](X[learned, part], y[learned], seed, epochs)
                for part in columns.values()
            ),
            strict=True,
        )
        verifier = SiameseVerifier(
            sum(sizes),
            tower=partial(SideBySide, cues=columns, towers=towers),
            head=partial(Evidence, sizes=list(sizes)),
            random_state=seed,
            device="cpu",
            **DISTANCES | ({"max_iter": epochs} if epochs else {}),
        )
        n_pairs = data["n_pairs"][0] // data["n_parts"]
        pairs = make_pairs(X[held_out], y[held_out], n_pairs=n_pairs, random_state=seed)
        verifiers.append(verifier.fit(*pairs[:2]))
    return verifiers


def parts_of(y, n_parts, seed):
    """Masks of the rows that towers and that heads learn from: all, or all parts in turn."""
    if n_parts == 1:
        every = np.ones(len(y), dtype=bool)
        return [(every, every)]
    classes = np.random.default_rng(seed).permutation(np.unique(y))
    return [(~np.isin(y, part), np.isin(y, part)) for part in np.array_split(classes, n_parts)]


def match_network(X, y, columns, data, seed, epochs):
    """The verifier of Oh et al., learned from pairs; parameters as of the other."""
    factory = data["trained_tower"]
    verifier = SiameseVerifier(
        tower=partial(
            multi_cue, cues=columns, towers=dict.fromkeys(columns, factory) if factory else None
        ),
        head="mlp",
        weight_decay=1e-4,
        max_iter=epochs or 15,
        augment=data["augment"],
        random_state=seed,
        device="cpu",
    )
    pairs = make_pairs(X, y, n_pairs=data["n_pairs"][0], random_state=seed)
    return [verifier.fit(*pairs[:2])]


MODELS = {"distances": fused_distances, "mlp": match_network}


def tower_of_half(input_shape, n_components):
    """Convolutions over one half of a face."""
    return cnn((HEIGHT, WIDTH), n_components, width=16, pooling="flatten")


def distorted(items, generator):
    """One half of a face, or both as one image, distorted."""
    return affine(items.unflatten(1, (-1, WIDTH)), generator).flatten(1)


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


def one_fold(model, data, names, new, seed, epochs):
    """Figures of pairs of new classes, of an estimator that sees some of the cues.

    Parameters
    ----------
    model : str
        Name in ``MODELS``.

    data : dict
        Items ``"X"``, their classes ``"y"``, the columns of all ``"cues"``, the numbers of
        training and test pairs, ``"n_pairs"``. For "distances" what makes a ``"tower"``, and
        ``"n_parts"``, into which classes are cut to learn towers from all but one and the head
        from that, or 1 for both from all. For "mlp" its ``"trained_tower"``, None for the
        default, and ``"augment"``.

    names : sequence of str
        Cues to see.

    new : ndarray of bool of shape (n_items,)
        Items of classes to test on; the others are learned from.

    seed : int
        Chooses pairs and initial weights; the pairs do not depend on the cues.

    epochs : int or None
        Epochs of every fit, if not those of the parameters.
    """
    cues = {name: data["cues"][name] for name in names}
    X = np.hstack([data["X"][:, columns] for columns in cues.values()])
    X = StandardScaler().fit(X[~new]).transform(X)
    columns = columns_of({name: part.stop - part.start for name, part in cues.items()})
    start = perf_counter()
    verifiers = MODELS[model](X[~new], data["y"][~new], columns, data, seed, epochs)
    seconds = perf_counter() - start
    n_pairs = data["n_pairs"][1]
    pairs, match, _ = make_pairs(X[new], data["y"][new], n_pairs=n_pairs, random_state=seed)
    score = np.mean([verifier.decision_function(pairs) for verifier in verifiers], axis=0)
    return {
        "auc": float(roc_auc_score(match, score)),
        "eer": equal_error_rate(match, score),
        "seconds": seconds,
    }


def data_sets(folder):
    """Digits with six cues and faces with two; what is fitted on them, and how it is tested."""
    X, y = _data.load_mfeat(folder)
    digits = {
        "X": X,
        "y": y,
        "cues": columns_of(_data.MFEAT_PARTS),
        "fused": [TWO, tuple(_data.MFEAT_PARTS)],
        "tower": whitening,
        "n_parts": 1,
        "trained_tower": None,
        "augment": None,
        "n_pairs": (8000, 4000),
    }
    faces, y = _data.load_att_faces(folder)
    halves = {
        "X": flat(smaller(faces, BLOCK)),
        "y": y,
        "cues": columns_of(dict.fromkeys(("upper half", "lower half"), HEIGHT * WIDTH)),
        "fused": [("upper half", "lower half")],
        "tower": convolutions,
        "n_parts": 4,
        "trained_tower": tower_of_half,
        "augment": distorted,
        "n_pairs": (90 * 32, 90 * 8),
    }
    return {"digits": digits, "faces": halves}


def run(folder, *, seeds, mlp_seeds, epochs, folds):
    """A row for each model and each cue or set of cues, with its figures fold by fold."""
    rows = []
    for name, data in data_sets(folder).items():
        sets = [*((cue,) for cue in data["cues"]), *data["fused"]]
        for model, n_runs in zip(MODELS, (seeds, mlp_seeds), strict=True):
            for names in sets if n_runs else ():
                runs = [
                    [one_fold(model, data, names, new, seed, epochs) for seed in range(n_runs)]
                    for new in folds_of(data["y"], folds)
                ]
                rows.append(
                    {
                        "data": name,
                        "model": model,
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
    options.add_argument(
        "--mlp-seeds", type=int, default=1, help="those of the network of Oh et al."
    )
    options.add_argument("--epochs", type=int, help="epochs of each fit")
    options.add_argument("--folds", type=int, default=5, help="folds of classes, at most 5")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    settings = {key: getattr(args, key) for key in ("seeds", "mlp_seeds", "epochs", "folds")}
    results = run(args.data, **settings)
    _report.write(args.out / "two_cues.json", results, threads=args.threads, **settings)
    sys.stdout.write(tables.markdown(*tables.two_cues(results)))


if __name__ == "__main__":
    main()
