"""Load the data sets from the files that their authors publish."""

import gzip
import re
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.image import imread


@contextmanager
def _readable(path):
    """Raise an error that names the file if its content cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error}); download it again.") from error


def load_fashion_mnist(folder, n_rows=None):
    """Load Fashion-MNIST from its four IDX files.

    Parameters
    ----------
    folder : Path
        The folder that holds ``fashion-mnist/``.

    n_rows : int, default=None
        Number of training images and of test images, the first ones; by default all.

    Returns
    -------
    X_train, y_train, X_test, y_test : ndarrays of uint8
        60,000 and 10,000 images as rows of 784 gray values, and their classes 0 to 9.

    Raises
    ------
    ValueError
        If a file is of another kind, or incomplete.
    """
    folder = folder / "fashion-mnist"
    parts = (
        _read_idx(folder / "train-images-idx3-ubyte.gz", 2051).reshape(-1, 784),
        _read_idx(folder / "train-labels-idx1-ubyte.gz", 2049),
        _read_idx(folder / "t10k-images-idx3-ubyte.gz", 2051).reshape(-1, 784),
        _read_idx(folder / "t10k-labels-idx1-ubyte.gz", 2049),
    )
    return [part[:n_rows] for part in parts]


def _read_idx(path, magic):
    """Read an IDX file: magic number, dimensions and values of one byte, all big endian."""
    with _readable(path), gzip.open(path) as file:
        content = file.read()
        found, n_dims = int.from_bytes(content[:4], "big"), magic % 256
        if found != magic:
            raise ValueError(f"it begins with {found}, not with {magic}")
        shape = np.frombuffer(content, ">i4", n_dims, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 * (n_dims + 1)).reshape(shape)


MFEAT_PARTS = {"fac": 216, "fou": 76, "kar": 64, "mor": 6, "pix": 240, "zer": 47}
"""The feature sets of the multiple features data, and their numbers of columns."""


def load_mfeat(folder):
    """Load the UCI multiple features: handwritten digits described by six feature sets.

    Parameters
    ----------
    folder : Path
        The folder that holds ``mfeat/``.

    Returns
    -------
    X : ndarray of float32 of shape (2000, 649)
        All feature sets side by side.

    y : ndarray of int of shape (2000,)
        Digits.

    Raises
    ------
    ValueError
        If a file has another shape, or classes that differ from those of the other files.
    """
    folder = folder / "mfeat"
    with _readable(folder):
        tables = [
            np.loadtxt(folder / f"mfeat-{name}.csv.gz", np.float32, delimiter=",", skiprows=1)
            for name in MFEAT_PARTS
        ]
        X = np.hstack([table[:, :-1] for table in tables])
        y = np.stack([table[:, -1] for table in tables]).astype(int)
        if X.shape != (2000, sum(MFEAT_PARTS.values())) or (y != y[0]).any():
            raise ValueError(f"shape {X.shape}, or different classes")
    return X, y[0]


UCI = {
    "letter": (("letter-recognition.data.gz",), ",", (20000, 17)),
    "pendigits": (("pendigits.tra.gz", "pendigits.tes.gz"), ",", (10992, 17)),
    "satimage": (("sat.trn.gz", "sat.tst.gz"), None, (6435, 37)),
}
"""Files, delimiter and shape, with the class, of data sets of the UCI repository."""


def load_uci(folder, name):
    """Load a data set of the UCI repository.

    Parameters
    ----------
    folder : Path
        The folder that holds ``uci/``.

    name : {"letter", "pendigits", "satimage"}
        Letter Recognition, Pen-Based Digits or Statlog Landsat.

    Returns
    -------
    X : ndarray of float32 of shape (n_rows, n_features)
        Rows of all files, those of the training file first.

    y : ndarray of int of shape (n_rows,)
        Number of the class in ascending order: 0 to 25, 0 to 9 or 0 to 5.

    Raises
    ------
    ValueError
        If a file cannot be read, or rows are missing.
    """
    files, delimiter, shape = UCI[name]
    with _readable(folder / "uci" / files[0]):
        rows = np.vstack([np.loadtxt(folder / "uci" / f, str, delimiter=delimiter) for f in files])
        if rows.shape != shape:
            raise ValueError(f"shape {rows.shape}")
        column = 0 if name == "letter" else -1
        X = np.delete(rows, column, axis=1).astype(np.float32)
    return X, np.unique(np.char.strip(rows[:, column]), return_inverse=True)[1]


def load_omniglot(folder, part="background", *, n_alphabets=None, block=3):
    """Load Omniglot characters from one of its zip archives, at a lower resolution.

    Parameters
    ----------
    folder : Path
        The folder that holds ``omniglot/``.

    part : {"background", "evaluation"}, default="background"
        The archive.

    n_alphabets : int, default=None
        Number of alphabets, the first by name; by default all.

    block : int, default=3
        Pixels of 105 x 105 along each side that become one: 3 gives images of 35 x 35, 4 of
        27 x 27.

    Returns
    -------
    X : ndarray of float32 of shape (n_images, size * size)
        Share of ink in each block of pixels.

    y : ndarray of int of shape (n_images,)
        Number of the character.

    alphabet : ndarray of int of shape (n_images,)
        Number of the alphabet.

    Raises
    ------
    ValueError
        If the archive cannot be read, or an image has another size.
    """
    path = folder / "omniglot" / f"images_{part}.zip"
    with _readable(path), zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        chosen = sorted({name.split("/")[-3] for name in names})[:n_alphabets]
        names = [name for name in names if name.split("/")[-3] in chosen]
        X = _read_characters(archive, names, block)
    folders = [name.split("/")[-3:-1] for name in names]
    alphabet = np.unique([alphabet for alphabet, _ in folders], return_inverse=True)[1]
    y = np.unique(["/".join(names) for names in folders], return_inverse=True)[1]
    return X, y, alphabet


def load_omniglot_runs(folder, *, block=3):
    """Load the 20 runs of one-shot classification of Lake, 20 characters of one alphabet each.

    Parameters
    ----------
    folder : Path
        The folder that holds ``omniglot/all_runs.zip``.

    block : int, default=3
        As in :func:`load_omniglot`.

    Returns
    -------
    X_known : ndarray of float32 of shape (20, 20, size * size)
        One image of each character, run by run.

    X : ndarray of float32 of shape (20, 20, size * size)
        The images to classify.

    y : ndarray of int of shape (20, 20)
        The position of the character of each image among the known ones.

    Raises
    ------
    ValueError
        If the archive cannot be read, or does not hold 20 runs of 20 trials.
    """
    path = folder / "omniglot" / "all_runs.zip"
    known, new, answers = [], [], []
    with _readable(path), zipfile.ZipFile(path) as archive:
        for run in range(1, 21):
            name = f"run{run:02}/class_labels.txt"
            trials = [line.split() for line in archive.read(name).decode().splitlines()]
            names = sorted({character for _, character in trials})
            if len(trials) != 20 or len(names) != 20:
                raise ValueError(f"{name} does not match 20 items with 20 characters")
            known.append(_read_characters(archive, names, block))
            new.append(_read_characters(archive, [item for item, _ in trials], block))
            answers.append([names.index(character) for _, character in trials])
    return np.stack(known), np.stack(new), np.array(answers)


def _read_characters(archive, names, block):
    """Return the share of ink in blocks of pixels, a row for each image."""
    images = np.stack([imread(archive.open(name)) for name in names])
    size = -(-105 // block)
    margin = size * block - 105
    sides = (margin // 2, margin - margin // 2)
    ink = np.pad(1 - images, ((0, 0), sides, sides))
    blocks = ink.reshape(len(names), size, block, size, block)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(len(names), -1)


def load_att_faces(folder):
    """Load the AT&T faces, formerly the ORL faces, from their zip archive.

    Parameters
    ----------
    folder : Path
        The folder that holds ``att-faces/att_faces.zip``.

    Returns
    -------
    X : ndarray of uint8 of shape (400, 112, 92)
        Gray images, ten of each person.

    y : ndarray of int of shape (400,)
        Number of the person, 1 to 40.

    Raises
    ------
    ValueError
        If the archive cannot be read, or holds images with other names than ``sN/M.pgm``.
    """
    path = folder / "att-faces" / "att_faces.zip"
    with _readable(path), zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pgm")]
        people = [re.search(r"s(\d+)/\d+\.pgm$", name) for name in names]
        if not names or not all(people):
            raise ValueError("it does not hold images sN/M.pgm")
        images = np.stack([imread(archive.open(name), format="pgm") for name in names])
    y = np.array([int(person[1]) for person in people])
    order = np.argsort(y, kind="stable")
    return images[order], y[order]


def small_faces(folder):
    """Return AT&T faces as rows of 28 x 23 gray values, means of 4 x 4 pixels, and the people."""
    faces, y = load_att_faces(folder)
    n, height, width = faces.shape
    blocks = faces.reshape(n, height // 4, 4, width // 4, 4).astype(np.float32)
    return blocks.mean(axis=(2, 4)).reshape(n, -1), y


def load_svc2004(folder):
    """Load SVC2004 Task 2, pen signatures of 40 writers, genuine and forged, from its archive.

    Parameters
    ----------
    folder : Path
        The folder that holds ``svc2004/Task2.zip``.

    Returns
    -------
    signatures : list of ndarray of int of shape (n_points, 7)
        1,600 signatures: x, y, time stamp in ms, button, azimuth, altitude and pressure of each
        point, as in the file. Points are about 10 ms apart, but there are gaps, and time stamps
        that step back by some ms.

    writer : ndarray of int of shape (1600,)
        Number of the genuine or imitated writer, 1 to 40.

    number : ndarray of int of shape (1600,)
        1 to 20 are genuine, 21 to 40 skilled forgeries.

    Raises
    ------
    ValueError
        If the archive cannot be read, lacks a signature, or the number of points of a signature
        differs from its first line.
    """
    path = folder / "svc2004" / "Task2.zip"
    with _readable(path), zipfile.ZipFile(path) as archive:
        contents = {Path(name).name: archive.read(name) for name in archive.namelist()}
    writer, number = (grid.ravel() for grid in np.mgrid[1:41, 1:41])
    signatures = []
    for name in (f"U{who}S{which}.TXT" for who, which in zip(writer, number, strict=True)):
        with _readable(f"{path}: {name}"):
            n_points, *values = contents[name].split()
            if not values:
                raise ValueError("it has no points")
            signatures.append(np.array(values, dtype=int).reshape(int(n_points), 7))
    return signatures, writer, number


MRPC_PAIRS = {"train": 4076, "test": 1725}
"""Numbers of pairs of the official split of the paraphrase corpus."""


def load_mrpc(folder, part="train"):
    """Load sentence pairs of the Microsoft Research Paraphrase Corpus.

    Parameters
    ----------
    folder : Path
        The folder that holds ``mrpc/``.

    part : {"train", "test"}, default="train"
        The part of the official split.

    Returns
    -------
    left, right : ndarrays of object of shape (n_pairs,)
        Sentences, unchanged.

    match : ndarray of bool of shape (n_pairs,)
        Whether they are paraphrases of each other.

    Raises
    ------
    ValueError
        If a line does not hold a pair, or pairs are missing.
    """
    path = folder / "mrpc" / f"msr_paraphrase_{part}.txt"
    with _readable(path), path.open(encoding="utf-8-sig") as file:
        if not next(file).startswith("Quality"):
            raise ValueError("it does not begin with 'Quality'")
        rows = np.loadtxt(file, str, delimiter="\t", comments=None, ndmin=2)
        quality, _, _, left, right = rows.astype(object).T
        if len(rows) != MRPC_PAIRS[part] or not np.isin(quality, ("0", "1")).all():
            raise ValueError(f"{len(rows)} pairs, or qualities other than 0 and 1")
    return left, right, quality == "1"


STS_PAIRS = {"train": 5749, "dev": 1500, "test": 1379}
"""Numbers of pairs of the parts of the STS Benchmark."""


def load_sts(folder, part="train", *, without=()):
    """Load sentence pairs of the STS Benchmark with their similarity.

    Parameters
    ----------
    folder : Path
        The folder that holds ``sts-benchmark/``.

    part : {"train", "dev", "test"}, default="train"
        The part of the official split.

    without : iterable of str, default=()
        Names of source files to leave out, such as "MSRpar", which are pairs of the corpus of
        :func:`load_mrpc`.

    Returns
    -------
    left, right : ndarrays of object of shape (n_pairs,)
        Sentences, unchanged.

    score : ndarray of float64 of shape (n_pairs,)
        Similarity from 0, other topics, to 5, the same meaning.

    Raises
    ------
    ValueError
        If a line does not hold a pair, or pairs are missing.
    """
    path = folder / "sts-benchmark" / f"sts-{part}.csv.gz"
    with _readable(path), gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
        if len(rows) != STS_PAIRS[part] or min(map(len, rows)) < 7:
            raise ValueError(f"{len(rows)} pairs, or lines of fewer than 7 columns")
        rows = [row for row in rows if row[1] not in without]
        score = np.array([float(row[4]) for row in rows])
        if score.min() < 0 or score.max() > 5:
            raise ValueError("similarities out of [0, 5]")
    left, right = (np.array([row[column] for row in rows], dtype=object) for column in (5, 6))
    return left, right, score
