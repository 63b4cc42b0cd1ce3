"""AT&T faces: are two images of one person, where neither has been seen in training?

Tested on all pairs of the images of eight of the forty people, in five folds, and of the people
s5, s6 and s7, the test part of the tutorial that the package grew out of. An embedder never meets
an image of a person that it is tested on. It learns from images and their mirror images and is
tested on the sum of the embeddings of both.

The contrastive network has two blocks of convolutions, contrastive loss and no augmentation
beyond that. The other embedder has its settings from inner splits of the training people
of the first two folds, 24 to learn from and eight to test on. Other folds test some of those
people; the tower itself is new in every fold.
"""

import sys
from functools import partial
from time import perf_counter

import _data
import _report
import numpy as np
import tables
import torch
from scipy.spatial.distance import pdist
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_union

from sksiamese import SiameseEmbedder
from sksiamese.augment import affine
from sksiamese.losses import supcon
from sksiamese.metrics import equal_error_rate
from sksiamese.towers import cnn

BLOCK = 4
TUTORIAL = (5, 6, 7)
"""People that the tutorial tests on."""


def relit(images, generator, *, deviation=0.2, **options):
    """Images under another light, distorted: contrast and brightness change at random."""
    contrast, light = deviation * torch.randn(2, len(images), 1, 1, generator=generator)
    return affine(images, generator, **options) * (1 + contrast) + light


CONTRASTIVE = {
    "loss": "contrastive",
    "tower": partial(cnn, depth=2, width=16, pooling="flatten"),
    "max_iter": 40,
}
SUPCON = {
    "loss": partial(supcon, temperature=0.1),
    "tower": partial(cnn, width=16, pooling="flatten"),
    "augment": relit,
    "max_iter": 40,
}


def smaller(faces, block):
    """Images of means of ``block`` x ``block`` pixels, each of mean zero and deviation one.

    Parameters
    ----------
    faces : ndarray of shape (n_images, height, width)
        Images; rows and columns that fill no block are left out below and on the right.

    block : int
        Pixels along each side that become one.

    Returns
    -------
    images : ndarray of float32 of shape (n_images, height // block, width // block)
        Grey values in units of their deviation within the image.
    """
    height, width = (size // block for size in faces.shape[1:])
    cut = faces[:, : height * block, : width * block]
    blocks = cut.reshape(-1, height, block, width, block).mean(axis=(2, 4), dtype=np.float32)
    mean, deviation = (part(blocks, axis=(1, 2), keepdims=True) for part in (np.mean, np.std))
    return (blocks - mean) / deviation


def people_splits(y, n_folds):
    """People to test on, in each fold and in the tutorial."""
    people = np.unique(y)
    folds = list(KFold(5, shuffle=True, random_state=0).split(people))[:n_folds]
    return {
        "five folds of eight": [people[new] for _, new in folds],
        "tutorial": [np.array(TUTORIAL)],
    }


def mirrored(images):
    """Images, left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def flat(images):
    """Images as rows."""
    return images.reshape(len(images), -1)


def no_fit(train, y, test, seed, epochs):
    """The images themselves."""
    return flat(test)


def fit_embedders(parameters, n_towers, train, y, test, seed, epochs):
    """Embeddings of test images: of each and of its mirror image, summed, by several towers."""
    options = parameters | ({"max_iter": epochs} if epochs else {})
    embedder = make_union(
        *(
            SiameseEmbedder(
                input_shape=train.shape[1:], random_state=random_state, device="cpu", **options
            )
            for random_state in range(n_towers * seed, n_towers * (seed + 1))
        )
    )
    embedder.fit(flat(np.concatenate([train, mirrored(train)])), np.concatenate([y, y]))
    return embedder.transform(flat(test)) + embedder.transform(flat(mirrored(test)))


def measure(Z, y, metric):
    """EER and AUC over all pairs of rows."""
    left, right = np.triu_indices(len(y), 1)
    match, distance = y[left] == y[right], pdist(Z, metric)
    return {
        "eer": equal_error_rate(match, -distance),
        "auc": float(roc_auc_score(match, -distance)),
    }


def models(faces):
    """What is fitted, on which images, and the distance between what it gives."""
    grey, normal = faces.astype(np.float32), smaller(faces, BLOCK)
    return {
        "distance of pixels": (no_fit, grey, "euclidean"),
        "distance of pixels, mean 0 and deviation 1": (no_fit, normal, "euclidean"),
        "contrastive network": (partial(fit_embedders, CONTRASTIVE, 1), normal, "euclidean"),
        "SiameseEmbedder, supcon": (partial(fit_embedders, SUPCON, 1), normal, "cosine"),
        "SiameseEmbedder, supcon, three towers": (
            partial(fit_embedders, SUPCON, 3),
            normal,
            "cosine",
        ),
    }


def run(faces, y, *, seeds, epochs, folds):
    """A row for each split and model, its figures those of all folds for each seed."""
    rows = []
    for split, groups in people_splits(y, folds).items():
        for name, (fit, images, metric) in models(faces).items():
            runs = [
                [one_fold(fit, images, y, people, metric, seed, epochs) for people in groups]
                for seed in range(seeds)
            ]
            rows.append({"split": split, "model": name, **over_folds(runs)})
    return rows


def one_fold(fit, images, y, people, metric, seed, epochs):
    """Figures on all pairs of images of some people, learned from all others."""
    new = np.isin(y, people)
    start = perf_counter()
    Z = fit(images[~new], y[~new], images[new], seed, epochs)
    return measure(Z, y[new], metric) | {"seconds": perf_counter() - start}


def over_folds(runs):
    """Mean and deviation over seeds of the means over folds; and the runs themselves."""
    means = [{key: part["mean"] for key, part in _report.summary(folds).items()} for folds in runs]
    return {"summary": _report.summary(means), "runs": runs}


def main(arguments=None):
    """Run, write the JSON, print the table."""
    options = _report.parser(__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5, help="runs of each model")
    options.add_argument("--epochs", type=int, help="epochs of each fit")
    options.add_argument("--folds", type=int, default=5, help="folds of people, at most 5")
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    settings = {key: getattr(args, key) for key in ("seeds", "epochs", "folds")}
    results = run(*_data.load_att_faces(args.data), **settings)
    _report.write(args.out / "faces.json", results, threads=args.threads, **settings)
    sys.stdout.write(tables.markdown(*tables.faces(results)))


if __name__ == "__main__":
    main()
