"""Several cues: compare a verifier of fused cues with the best single cue.

Handwritten digits are described by two and by six feature sets, faces by their upper and their
lower half. Pairs are of digits, or of people, unseen in training: two of the ten digits and eight
of the forty people in each of five folds. A single cue has the same estimator on its columns.

"distances" fuses evidence: every cue has a fixed tower of its own, and the head adds the evidence
of the distance in each cue, by a falling curve for each. Only these curves and the units of the
distances are learned from pairs. The tower whitens the scatter within classes, of a feature set or
of the gradients of a half of a face, registered by itself, and of its mirror image. The towers of
faces are learned from three quarters of the people, the head from the others, and the logits of
the four such verifiers are averaged. "mlp" is the network of Oh, Benenson, Fritz and Schiele: fully
connected layers fuse the towers, all of it is learned from pairs. "mlp, all pairs" is the same
network, trained on all pairs of batches of rows.

Faces are preprocessed as in ``faces.py``; whitening and comparison by angles were chosen on inner
splits of training people, on most of which fused halves were better than the better half; the
ridge is the one of the digits. For digits, inner splits, six to learn from and two to verify, chose
the two cues with the greatest gain over the better of them. All other settings of the digits were
chosen with the folds of the table in view: the fusion of distances, by curves, their measure, and
the ridge; inner splits would have chosen a greater ridge.
"""

from functools import partial
from itertools import product

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks._common.cells import figure
from benchmarks._common.data import MFEAT_PARTS, load_att_faces, load_mfeat
from benchmarks._common.figures import summary, timed, verification
from benchmarks._common.report import benchmark, start
from benchmarks._common.resume import resume
from benchmarks.systems._evidence import Evidence, SideBySide, whitened_directions, whitening
from benchmarks.systems._registration import Registration, gradients
from benchmarks.systems._table import find, system
from benchmarks.systems.faces import BLOCK, FINE, flat, mirrored, smaller
from sksiamese import SiameseVerifier, make_pairs
from sksiamese.augment import affine
from sksiamese.towers import cnn, multi_cue

HEIGHT, WIDTH = 14, 23
"""Size of half a face for convolutions."""

TWO = ("mor", "zer")
DISTANCES = {
    "margin": None,
    "max_iter": 15,
    "batch_size": 128,
    "learning_rate_init": 0.02,
    "weight_decay": 1e-3,
}
MATCH_NETWORK = {"n_components": 32, "head": "mlp", "weight_decay": 1e-4, "max_iter": 15}
ALL_PAIRS = {"digits": {"max_iter": 25}, "faces": {"max_iter": 45}}
"""Parameters of the match network that is trained on all pairs of batches of rows.

The number of epochs has the greatest mean AUC on inner splits of training classes: six splits of
the digits with 25, 75 and 225 epochs, and four of the faces with 45 and 135.
"""


def registered_gradients(images, learned):
    """Return gradients of registered images, summed with those of their mirror images.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        One half of faces.

    learned : ndarray of bool of shape (n_images,)
        Images to register the others to, by their mean.
    """
    registered = Registration().fit(images[learned]).transform(images)
    return sum(
        np.hstack([flat(gradients(seen, order=order, scale=order / 2)) for order in (1, 2)])
        for seen in (registered, mirrored(registered))
    )


def fused_distances(X, y, columns, data, seed):
    """Fit verifiers that learn curves of distances, one for each held-out part of the classes.

    Parameters
    ----------
    X : ndarray of shape (n_items, n_columns)
        Standardized items.

    y : ndarray of shape (n_items,)
        Their classes.

    columns : dict of slice
        Columns of each cue.

    data : dict
        Settings of the data, as in :func:`one_fold`.

    seed : int
        Seed of pairs, parts and initial weights.
    """
    verifiers = []
    for learned, held_out in parts_of(y, data["n_parts"], seed):
        towers = [data["tower"](X[learned, part], y[learned]) for part in columns.values()]
        verifier = SiameseVerifier(
            X.shape[1],
            tower=partial(SideBySide, cues=columns, towers=towers),
            head=partial(Evidence, sizes=[part.stop - part.start for part in columns.values()]),
            random_state=seed,
            device="cpu",
            **DISTANCES,
        )
        n_pairs = data["n_pairs"][0] // data["n_parts"]
        pairs = make_pairs(X[held_out], y[held_out], n_pairs=n_pairs, random_state=seed)
        verifiers.append(verifier.fit(*pairs[:2]))
    return verifiers


def parts_of(y, n_parts, seed):
    """Return masks of rows for towers and for heads: all rows, or all parts in turn."""
    if n_parts == 1:
        every = np.ones(len(y), dtype=bool)
        return [(every, every)]
    classes = np.random.default_rng(seed).permutation(np.unique(y))
    return [(~np.isin(y, part), np.isin(y, part)) for part in np.array_split(classes, n_parts)]


def match_network(X, y, columns, data, seed):
    """Fit the verifier of Oh et al. on pairs; parameters as in :func:`fused_distances`."""
    pairs = make_pairs(X, y, n_pairs=data["n_pairs"][0], random_state=seed)
    return [unfitted_match_network(columns, data, seed).fit(*pairs[:2])]


def match_network_of_rows(X, y, columns, data, seed):
    """Fit the same verifier on all pairs of batches of rows."""
    verifier = unfitted_match_network(columns, data, seed).set_params(**data["all_pairs"])
    return [verifier.fit_rows(X, y)]


def unfitted_match_network(columns, data, seed):
    """Return the verifier of Oh et al."""
    towers = dict.fromkeys(columns, data["tower"]) if data["tower"] else None
    return SiameseVerifier(
        tower=partial(multi_cue, cues=columns, towers=towers),
        augment=data["augment"],
        random_state=seed,
        device="cpu",
        **MATCH_NETWORK,
    )


MODELS = {
    "distances": fused_distances,
    "mlp": match_network,
    "mlp, all pairs": match_network_of_rows,
}


def tower_of_half(input_shape, n_components):
    """Return convolutions over one half of a face."""
    return cnn((HEIGHT, WIDTH), n_components, width=16, pooling="flatten")


def distorted(items, generator):
    """Distort one half of a face, or both as one image."""
    return affine(items.unflatten(1, (-1, WIDTH)), generator).flatten(1)


def columns_of(sizes):
    """Return the slices of adjacent cues by name, from their sizes by name."""
    stops = np.cumsum(list(sizes.values())).tolist()
    return {
        name: slice(stop - size, stop)
        for (name, size), stop in zip(sizes.items(), stops, strict=True)
    }


def folds_of(y, n_folds):
    """Return masks of the rows of a fifth of the classes, fold by fold."""
    classes = np.random.default_rng(0).permutation(np.unique(y))
    return [np.isin(y, new) for new in np.split(classes, 5)[:n_folds]]


def one_fold(model, data, X, y, new, seed):
    """Return the figures on pairs of new classes, for an estimator of some of the cues.

    Parameters
    ----------
    model : str
        Name in ``MODELS``.

    data : dict
        The numbers of training and test pairs, ``"n_pairs"``. For "distances" a function of rows
        and classes that returns a ``"tower"``, and ``"n_parts"``: the classes are split so that
        towers learn from all parts but one and the head from this part; 1 for both from all. For
        both "mlp" the factory of the ``"tower"`` of a cue, None for the default, ``"augment"``,
        and the parameters for ``"all_pairs"``.

    X : dict of ndarray of shape (n_items, n_columns)
        All items in each cue.

    y : ndarray of shape (n_items,)
        Their classes.

    new : ndarray of bool of shape (n_items,)
        Items of classes to test on; the others are learned from.

    seed : int
        Seed of pairs and initial weights; the pairs do not depend on the cues.
    """
    (X, verifiers), seconds = timed(fitted, model, data, X, y, new, seed)
    n_pairs = data["n_pairs"][1]
    pairs, match, _ = make_pairs(X[new], y[new], n_pairs=n_pairs, random_state=seed)
    score = np.mean([verifier.decision_function(pairs) for verifier in verifiers], axis=0)
    return verification(match, score) | {"seconds": seconds}


def fitted(model, data, X, y, new, seed):
    """Return all items standardized, and the verifiers; parameters as in :func:`one_fold`."""
    columns = columns_of({name: part.shape[1] for name, part in X.items()})
    X = np.hstack(list(X.values()))
    X = StandardScaler().fit(X[~new]).transform(X)
    return X, MODELS[model](X[~new], y[~new], columns, data, seed)


def rows_of(items, learned):
    """Return items as rows."""
    return flat(items)


def digits(folder):
    """Return digits by feature sets: classes, sets of fused cues, and data of each model."""
    X, y = load_mfeat(folder)
    cues = {name: X[:, part] for name, part in columns_of(MFEAT_PARTS).items()}
    common = {"items": cues, "look": rows_of, "n_pairs": (8000, 4000)}
    network = {"tower": None, "augment": None}
    models = {
        "distances": common | {"tower": whitening, "n_parts": 1},
        "mlp": common | network,
        "mlp, all pairs": common | network | {"all_pairs": ALL_PAIRS["digits"]},
    }
    return y, [TWO, tuple(cues)], models


def halves(folder):
    """Return faces by halves: classes, sets of fused cues, and data of each model."""
    faces, y = load_att_faces(folder)

    def cut(block):
        upper, lower = np.split(smaller(faces, block), 2, axis=1)
        return {"upper half": upper, "lower half": lower}

    n_pairs = (90 * 32, 90 * 8)
    network = {"items": cut(BLOCK), "look": rows_of, "n_pairs": n_pairs}
    network |= {"tower": tower_of_half, "augment": distorted}
    models = {
        "distances": {"items": cut(FINE), "look": registered_gradients, "n_pairs": n_pairs}
        | {"tower": whitened_directions, "n_parts": 4},
        "mlp": network,
        "mlp, all pairs": network | {"all_pairs": ALL_PAIRS["faces"]},
    }
    return y, [("upper half", "lower half")], models


DATA = {"digits": digits, "faces": halves}


def cue_rows(results):
    """Return the rows of the table of single and fused cues, fold by fold."""
    return [
        {
            "data": row["data"],
            "model": row["model"],
            "cues": " + ".join(row["cues"]),
            **{
                f"fold {number}, AUC": f"{fold['AUC']['mean']:.3f}"
                for number, fold in enumerate(row["folds"], start=1)
            },
            "AUC": figure(row, "AUC"),
            "EER": figure(row, "EER"),
            "least gain over the best single cue": gain(row, results),
        }
        for row in results
    ]


def gain(row, results):
    """Return the least gain over folds, in AUC, of fused cues over the best single one."""
    if len(row["cues"]) == 1:
        return ""
    single = [
        [fold["AUC"]["mean"] for fold in other["folds"]]
        for other in results
        if (other["data"], other["model"]) == (row["data"], row["model"])
        if len(other["cues"]) == 1 and other["cues"][0] in row["cues"]
    ]
    best = map(max, zip(*single, strict=True))
    gains = [fold["AUC"]["mean"] - most for fold, most in zip(row["folds"], best, strict=True)]
    return f"{min(gains):+.3f}"


def fused_cues(results):
    """Return the rows of the table of systems: of all cues, the last rows of their model."""
    return [
        system(
            "Oh et al.",
            task,
            "AUC",
            find(results, data=data, model="distances"),
            f"verifier, fused distances of {n_cues} cues",
            "two_cues",
            rebuilt=find(results, data=data, model="mlp"),
        )
        for data, n_cues, task in (
            ("digits", 6, "multiple features: pairs of digits never seen; AUC"),
            ("faces", 2, "AT&T faces: pairs of people never seen, two halves; AUC"),
        )
    ]


def all_cues(data, model, fold, *, loaded, n_runs):
    """Return the figures of all sets of cues in one fold, by names of cues and for each seed."""
    y, fused, models = loaded[data]
    new, settings = folds_of(y, fold + 1)[fold], models[model]
    items = settings["items"]
    views = {cue: timed(settings["look"], items[cue], ~new) for cue in items}
    found = {}
    for cues in [*((cue,) for cue in items), *fused]:
        X = {cue: views[cue][0] for cue in cues}
        runs = [one_fold(model, settings, X, y, new, seed) for seed in range(n_runs[model])]
        for figures in runs:
            figures["seconds"] += sum(views[cue][1] for cue in cues)
        found[" + ".join(cues)] = runs
    return found


@benchmark(two_cues=cue_rows, systems=fused_cues)
def two_cues(data, *, seeds=3, mlp_seeds=1, folds=5, partial_file=""):
    """Return a row for each model and each cue or set of cues, with its figures fold by fold."""
    n_runs = dict.fromkeys(MODELS, mlp_seeds) | {"distances": seeds}
    loaded = {name: load(data) for name, load in DATA.items()}
    measured = partial(all_cues, loaded=loaded, n_runs=n_runs)
    rows = []
    for case in product(DATA, MODELS):
        found = resume(partial_file, [(*case, fold) for fold in range(folds)], measured)
        for cues in found[*case, 0]:
            runs = [found[*case, fold][cues] for fold in range(folds)]
            all_runs = [run for fold in runs for run in fold]
            figures = {"folds": [summary(fold) for fold in runs], "summary": summary(all_runs)}
            labels = {"data": case[0], "model": case[1], "cues": cues.split(" + ")}
            rows.append(labels | figures | {"runs": runs})
    return rows


if __name__ == "__main__":
    start(two_cues)
