"""AT&T faces: verify whether two images show one person, of people unseen in training.

Tested on all pairs of the images of eight of the forty people, in five folds, and of the people
s5, s6 and s7, the test part of the tutorial on contrastive networks. No embedder is tested on a
person of its training. It learns from images and their mirror images and is tested on the sum of
the embeddings of both.

The contrastive network has two blocks of convolutions, contrastive loss and no further
augmentation. The embedder with supervised contrastive loss has its settings from inner splits of
the training people of the first two folds, 24 to learn from and eight to test on.

The models of gradients have their settings (registration, kinds and scales of gradients, moves,
loss, step size) from splits of the 32 training people of each fold in four parts: learned from 24,
tested on eight; the mean over up to 20 splits of all five folds was decisive. So every person took
part in the choice, as a training person of other folds, and pictures of all faces had been seen.
Registration, components and tower are learned anew in every fold, from its own training people
alone. The figures of the test people chose nothing.
"""

from functools import partial

import numpy as np
import torch
from scipy.spatial.distance import pdist
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer

from benchmarks._common.data import load_att_faces
from benchmarks._common.figures import mean_of, summary, timed, verification
from benchmarks._common.report import ALONE, benchmark, start
from benchmarks.systems._registration import Registration, gradients, warp
from benchmarks.systems._table import find, system
from sksiamese import SiameseEmbedder
from sksiamese.augment import affine
from sksiamese.losses import supcon
from sksiamese.towers import cnn

BLOCK, FINE = 4, 2
"""Pixels along each side that become one, for convolutions and for gradients."""

TUTORIAL = (5, 6, 7)
"""People that the tutorial tests on."""


def relit(images, generator, *, deviation=0.2, **options):
    """Distort images, and change their contrast and brightness at random."""
    contrast, light = deviation * torch.randn(2, len(images), 1, 1, generator=generator)
    return affine(images, generator, **options) * (1 + contrast) + light


TWO_BLOCKS = partial(cnn, depth=2, width=16, pooling="flatten")
CONTRASTIVE = {"loss": "contrastive", "tower": TWO_BLOCKS, "max_iter": 40}
SUPCON = {
    "loss": partial(supcon, temperature=0.1),
    "tower": partial(cnn, width=16, pooling="flatten"),
    "augment": relit,
    "max_iter": 40,
}
N_COPIES = 6
"""Moved copies of each image and its mirror image in training."""

MOVES = (0.04, 0.06, 0.03, 0.03)
"""Deviations of their moves: size, angle, place to the right and below."""


def log_volume(Z, y, *, ridge=1e-3):
    """Return the scatter of embeddings within classes, minus the log volume of all embeddings.

    The linear map of least loss makes the covariance within classes the unit matrix. It keeps
    every direction, also those in which the few classes that are learned from do not differ.

    Parameters
    ----------
    Z : Tensor of shape (n, n_components)
        Embeddings, more rows than components.

    y : Tensor of shape (n,)
        Classes.

    ridge : float, default=1e-3
        What is added to each variance of the volume, > 0.

    References
    ----------
    A. O. Hatch, S. Kajarekar, A. Stolcke, "Within-class covariance normalization for SVM-based
    speaker recognition", Interspeech 2006; volumes as losses: Y. Yu, K. H. R. Chan, C. You,
    C. Song, Y. Ma, "Learning diverse and discriminative representations via the principle of
    maximal coding rate reduction", NeurIPS 2020.
    """
    classes, codes, sizes = y.unique(return_inverse=True, return_counts=True)
    sums = Z.new_zeros(len(classes), Z.shape[1]).index_add(0, codes, Z)
    within = (Z - (sums / sizes[:, None])[codes]).square().sum() / (len(Z) - len(classes))
    mean = Z.mean(dim=0)
    covariance = (Z - mean).T @ (Z - mean) / len(Z)
    volume = torch.logdet(covariance + ridge * torch.eye(Z.shape[1], device=Z.device))
    return within + mean.square().sum() - volume


VOLUME = {
    "n_components": 200,
    "depth": 1,
    "loss": log_volume,
    "distance": "euclidean",
    "batch_size": 512,
    "max_iter": 30,
    "learning_rate_init": 1e-2,
    "weight_decay": 1e-2,
}


def smaller(faces, block):
    """Return means of ``block`` x ``block`` pixels, with mean zero and deviation one in an image.

    Parameters
    ----------
    faces : ndarray of shape (n_images, height, width)
        Images; rows and columns that fill no block are left out below and on the right.

    block : int
        Pixels along each side that become one.

    Returns
    -------
    images : ndarray of float32 of shape (n_images, height // block, width // block)
        Gray values in units of their deviation within the image.
    """
    height, width = (size // block for size in faces.shape[1:])
    cut = faces[:, : height * block, : width * block]
    blocks = cut.reshape(-1, height, block, width, block).mean(axis=(2, 4), dtype=np.float32)
    mean, deviation = (part(blocks, axis=(1, 2), keepdims=True) for part in (np.mean, np.std))
    return (blocks - mean) / deviation


def people_splits(y, n_folds):
    """Return people to test on and people to learn from, for each fold and the tutorial."""
    people = np.unique(y)
    folds = list(KFold(5, shuffle=True, random_state=0).split(people))[:n_folds]
    return {
        "five folds of eight": [(people[new], people[old]) for old, new in folds],
        "tutorial": [(np.array(TUTORIAL), np.setdiff1d(people, TUTORIAL))],
    }


def mirrored(images):
    """Exchange left and right of images."""
    return np.ascontiguousarray(images[:, :, ::-1])


def flat(images):
    """Return images as rows."""
    return images.reshape(len(images), -1)


def no_fit(train, y, test, seed):
    """Return the images themselves."""
    return flat(test)


def fit_embedders(parameters, n_towers, train, y, test, seed):
    """Embed test images: the sum for an image and its mirror image, by several towers."""
    options = ALONE | parameters | {"input_shape": train.shape[1:], "device": "cpu"}
    seeds = range(n_towers * seed, n_towers * (seed + 1))
    embedder = make_union(*(SiameseEmbedder(random_state=one, **options) for one in seeds))
    embedder.fit(flat(np.concatenate([train, mirrored(train)])), np.concatenate([y, y]))
    return embedder.transform(flat(test)) + embedder.transform(flat(mirrored(test)))


class WithinClasses(TransformerMixin, BaseEstimator):
    """Transformer to unit covariance within classes: least log-volume in closed form."""

    def fit(self, X, y):
        """Learn from rows and their classes."""
        classes, codes = np.unique(y, return_inverse=True)
        means = np.stack([X[y == one].mean(axis=0) for one in classes])
        self.whitening_ = PCA(whiten=True).fit(X - means[codes])
        return self

    def transform(self, X):
        """Whiten rows."""
        return self.whitening_.transform(X)


def with_copies(images, y, seed):
    """Return images, mirror images and randomly moved copies of both, and their classes."""
    rng = np.random.default_rng(seed)
    both = [images, mirrored(images)]
    copies = [
        warp(both[copy % 2], MOVES * rng.normal(size=(len(images), 4))) for copy in range(N_COPIES)
    ]
    return np.concatenate([*both, *copies]), np.tile(y, 2 + N_COPIES)


def fit_gradients(last, train, y, test, seed):
    """Embed slopes and curvatures of test images and their mirror images.

    ``last(seed)`` returns the transformer of whitened principal components.
    """
    model = make_union(
        *(
            make_pipeline(
                FunctionTransformer(partial(gradients, order=order, scale=order / 2)),
                FunctionTransformer(flat),
                PCA(VOLUME["n_components"], whiten=True, svd_solver="covariance_eigh"),
                last(seed),
                Normalizer(),
            )
            for order in (1, 2)
        )
    )
    model.fit(*with_copies(train, y, seed))
    return model.transform(test) + model.transform(mirrored(test))


def views_of(faces, learned):
    """Return views of faces by name, registered to the training faces, and the seconds."""
    fine = smaller(faces, FINE)
    registered, seconds = timed(lambda: Registration().fit(fine[learned]).transform(fine))
    return {
        "grey": (faces.astype(np.float32), 0),
        "normal": (smaller(faces, BLOCK), 0),
        "fine": (fine, 0),
        "registered": (registered, seconds),
        "registered, normal": (smaller(registered, BLOCK // FINE), seconds),
    }


CONTRASTIVE_TOWER = partial(fit_embedders, CONTRASTIVE, 1)
ONE_TOWER, THREE_TOWERS = partial(fit_embedders, SUPCON, 1), partial(fit_embedders, SUPCON, 3)
CLOSED = partial(fit_gradients, lambda seed: WithinClasses())
LEARNED = partial(
    fit_gradients, lambda seed: SiameseEmbedder(**VOLUME, random_state=seed, device="cpu")
)
MODELS = {
    "distance of pixels": (no_fit, "grey", "euclidean"),
    "distance of pixels, mean 0 and deviation 1": (no_fit, "normal", "euclidean"),
    "contrastive network": (CONTRASTIVE_TOWER, "normal", "euclidean"),
    "SiameseEmbedder, supcon": (ONE_TOWER, "normal", "cosine"),
    "SiameseEmbedder, supcon, three towers": (THREE_TOWERS, "normal", "cosine"),
    "SiameseEmbedder, supcon, registered": (ONE_TOWER, "registered, normal", "cosine"),
    "SiameseEmbedder, log-volume of gradients": (LEARNED, "fine", "cosine"),
    "whitened gradients, registered": (CLOSED, "registered", "cosine"),
    "SiameseEmbedder, log-volume of gradients, registered": (LEARNED, "registered", "cosine"),
}
"""Functions that embed test images, the views of the faces that they read, and distances."""


def one_fold(fit, images, y, people, others, metric, seed):
    """Return the figures on all pairs of images of some people, learned from others."""
    new, learned = np.isin(y, people), np.isin(y, others)
    Z, seconds = timed(fit, images[learned], y[learned], images[new], seed)
    left, right = np.triu_indices(new.sum(), 1)
    match = y[new][left] == y[new][right]
    figures = verification(match, -pdist(Z, metric))
    return {"EER": figures["EER"], "AUC": figures["AUC"], "seconds": seconds}


def over_folds(runs):
    """Return the summary over seeds of the means over folds, and the runs themselves."""
    return {"summary": summary([mean_of(folds) for folds in runs]), "runs": runs}


def contrastive(results):
    """Return the row of the table of systems."""
    folds = {"test people": "five folds of eight"}
    ours = "SiameseEmbedder, log-volume of gradients, registered"
    return [
        system(
            "contrastive faces",
            "AT&T faces: pairs of people never seen; equal error rate",
            "EER",
            find(results, model=ours, **folds),
            "embedder, linear tower, log-volume, registered gradients",
            "faces",
            rebuilt=find(results, model="contrastive network", **folds),
        )
    ]


@benchmark(faces=None, systems=contrastive)
def faces(data, *, seeds=5, folds=5):
    """Return a row for each split and model: means over all folds, for each seed."""
    images, y = load_att_faces(data)
    rows = []
    for split, groups in people_splits(y, folds).items():
        found = {name: [[] for _ in range(seeds)] for name in MODELS}
        for people, others in groups:
            views = views_of(images, np.isin(y, others))
            for name, (fit, view, metric) in MODELS.items():
                seen, seconds = views[view]
                for seed, runs in enumerate(found[name]):
                    figures = one_fold(fit, seen, y, people, others, metric, seed)
                    runs.append(figures | {"seconds": figures["seconds"] + seconds})
        for name, runs in found.items():
            rows.append({"test people": split, "model": name, **over_folds(runs)})
    return rows


if __name__ == "__main__":
    start(faces)
