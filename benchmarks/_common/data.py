"""Loaders for the original file layouts of the data sets."""

import gzip
import re
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np
from matplotlib.image import imread


def load_fashion_mnist(folder):
    """Load Fashion-MNIST from its four IDX files.

    Parameters
    ----------
    folder : Path
        The folder that holds ``fashion-mnist/``.

    Returns
    -------
    X_train, y_train, X_test, y_test : ndarrays of uint8
        60,000 and 10,000 images as rows of 784 grey values, and their classes 0 to 9.

    Raises
    ------
    ValueError
        If a file is not what it should be, or cut off.
    """
    folder = folder / "fashion-mnist"
    return (
        _read_idx(folder / "train-images-idx3-ubyte.gz", 2051).reshape(-1, 784),
        _read_idx(folder / "train-labels-idx1-ubyte.gz", 2049),
        _read_idx(folder / "t10k-images-idx3-ubyte.gz", 2051).reshape(-1, 784),
        _read_idx(folder / "t10k-labels-idx1-ubyte.gz", 2049),
    )


def _read_idx(path, magic):
    """Read an IDX file: magic number, dimensions and values, all big endian."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked ({error}); download it again.") from error
    found = int.from_bytes(content[:4], "big")
    if found != magic:
        raise ValueError(f"{path} begins with {found}, not with {magic}; is it an IDX file?")
    n_dims = magic % 256
    shape = np.frombuffer(content[4 : 4 * (n_dims + 1)].ljust(4 * n_dims, b"\0"), dtype=">i4")
    values = np.frombuffer(content[4 * (n_dims + 1) :], dtype=np.uint8)
    if values.size != shape.prod() or not values.size:
        raise ValueError(
            f"{path} holds {values.size} values, but its header says {shape.tolist()}; "
            "it is cut off: download it again."
        )
    return values.reshape(shape)


MFEAT_PARTS = {"fac": 216, "fou": 76, "kar": 64, "mor": 6, "pix": 240, "zer": 47}
"""The feature sets of the multiple features data, and their columns."""


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
        If a file has another shape, or other classes than the rest.
    """
    parts, classes = [], []
    for name, n_columns in MFEAT_PARTS.items():
        path = folder / "mfeat" / f"mfeat-{name}.csv.gz"
        table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float32)
        if table.shape != (2000, n_columns + 1):
            raise ValueError(
                f"{path} has {table.shape} values, but 2,000 rows of {n_columns + 1} were "
                "expected; download it again."
            )
        parts.append(table[:, :-1])
        classes.append(table[:, -1].astype(int))
    if any((found != classes[0]).any() for found in classes):
        raise ValueError(f"the files in {folder / 'mfeat'} have their rows in different orders.")
    return np.hstack(parts), classes[0]


def load_omniglot(folder, part="background", *, n_alphabets=None, block=3):
    """Load Omniglot characters from one of its zip archives, in a coarser grid.

    Parameters
    ----------
    folder : Path
        The folder that holds ``omniglot/``.

    part : {"background", "evaluation"}, default="background"
        Which archive.

    n_alphabets : int, default=None
        Read only so many alphabets, the first by name; by default all.

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
    with _unpacked(path) as archive:
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
        For each of them the position of its character among the known ones.

    Raises
    ------
    ValueError
        If the archive cannot be read, or does not hold 20 runs of 20 trials.
    """
    path = folder / "omniglot" / "all_runs.zip"
    known, new, answers = [], [], []
    with _unpacked(path) as archive:
        for run in range(1, 21):
            name = f"run{run:02}/class_labels.txt"
            if name not in archive.namelist():
                raise ValueError(f"{path} has no {name}; is it all_runs.zip of Omniglot?")
            trials = [line.split() for line in archive.read(name).decode().splitlines()]
            names = sorted({character for _, character in trials})
            if len(trials) != 20 or len(names) != 20:
                raise ValueError(f"{path}: {name} does not match 20 items with 20 characters.")
            known.append(_read_characters(archive, names, block))
            new.append(_read_characters(archive, [item for item, _ in trials], block))
            answers.append([names.index(character) for _, character in trials])
    return np.stack(known), np.stack(new), np.array(answers)


def _read_characters(archive, names, block):
    """Return the share of ink in blocks of pixels, a row for each image."""
    images = np.stack([imread(archive.open(name)) for name in names])
    if images.shape[1:] != (105, 105):
        raise ValueError(
            f"{archive.filename} has images of {images.shape[1:]}, but 105 x 105 was expected."
        )
    size = -(-105 // block)
    margin = size * block - 105
    sides = (margin // 2, margin - margin // 2)
    ink = np.pad(1 - images, ((0, 0), sides, sides))
    blocks = ink.reshape(-1, size, block, size, block).mean(axis=(2, 4), dtype=np.float32)
    return blocks.reshape(len(blocks), -1)


@contextmanager
def _unpacked(path):
    """Open a zip archive; raise with its path if it is broken."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked ({error}); download it again.") from error


def load_att_faces(folder):
    """Load the AT&T faces, formerly the ORL faces, from their zip archive.

    Parameters
    ----------
    folder : Path
        The folder that holds ``att-faces/att_faces.zip``.

    Returns
    -------
    X : ndarray of uint8 of shape (400, 112, 92)
        Grey images, ten of each person.

    y : ndarray of int of shape (400,)
        Number of the person, 1 to 40.

    Raises
    ------
    ValueError
        If the archive cannot be read, or holds other things than ``sN/M.pgm``.
    """
    path = folder / "att-faces" / "att_faces.zip"
    with _unpacked(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pgm")]
        images = {name: _read_pgm(archive.read(name), f"{path}: {name}") for name in names}
    people = [re.search(r"s(\d+)/\d+\.pgm$", name) for name in names]
    if not names or not all(people) or len({image.shape for image in images.values()}) > 1:
        raise ValueError(f"{path} does not hold images sN/M.pgm of one size; is it AT&T faces?")
    y = np.array([int(person[1]) for person in people])
    order = np.argsort(y, kind="stable")
    return np.stack(list(images.values()))[order], y[order]


def small_faces(folder):
    """Return AT&T faces as rows of 28 x 23 grey values, means of 4 x 4 pixels, and the people."""
    faces, y = load_att_faces(folder)
    n, height, width = faces.shape
    blocks = faces.reshape(n, height // 4, 4, width // 4, 4).astype(np.float32)
    return blocks.mean(axis=(2, 4)).reshape(n, -1), y


def _read_pgm(content, name):
    """Read a binary PGM file: header in words, then one byte a pixel."""
    header = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", content)
    if not header:
        raise ValueError(f"{name} begins with {content[:15]!r}; is it a binary PGM file?")
    width, height = int(header[1]), int(header[2])
    pixels = np.frombuffer(content[header.end() :], dtype=np.uint8)
    if pixels.size != width * height:
        raise ValueError(
            f"{name} holds {pixels.size} pixels, but its header says {height} x {width}; it is "
            "cut off: download it again."
        )
    return pixels.reshape(height, width)


def load_svc2004(folder):
    """Load SVC2004 Task 2, pen signatures of 40 writers, genuine and forged, from its archive.

    Parameters
    ----------
    folder : Path
        The folder that holds ``svc2004/Task2.zip``.

    Returns
    -------
    signatures : list of ndarray of int of shape (n_points, 7)
        1,600 signatures: for each point x, y, time stamp in ms, button, azimuth, altitude and
        pressure, as in the file. A point was taken every 10 ms or so, but there are gaps, and
        time stamps that step back by some ms.

    writer : ndarray of int of shape (1600,)
        Number of the writer whose signature it is or pretends to be, 1 to 40.

    number : ndarray of int of shape (1600,)
        1 to 20 are genuine, 21 to 40 skilled forgeries.

    Raises
    ------
    ValueError
        If the archive cannot be read, lacks a signature, or one of them is not a table of as many
        points as its first line says.
    """
    path = folder / "svc2004" / "Task2.zip"
    wanted = [(writer, number) for writer in range(1, 41) for number in range(1, 41)]
    with _unpacked(path) as archive:
        found = [(re.search(r"U(\d+)S(\d+)\.TXT$", name), name) for name in archive.namelist()]
        names = {(int(match[1]), int(match[2])): name for match, name in found if match}
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise ValueError(
                "{} lacks {} of 1,600 signatures, U{}S{}.TXT among them; is it Task2.zip of "
                "SVC2004?".format(path, len(missing), *missing[0])
            )
        signatures = [
            _read_signature(archive.read(names[key]), f"{path}: {names[key]}") for key in wanted
        ]
    writer, number = np.array(wanted).T
    return signatures, writer, number


def _read_signature(content, name):
    """Read the points of a signature: their number, then a line of seven integers for each."""
    header, *lines = content.decode("latin-1").strip().split("\n")
    try:
        n_points = int(header)
        points = np.array([line.split() for line in lines], dtype=int)
    except ValueError as error:
        raise ValueError(
            f"{name} is not a number of points and then lines of seven integers ({error}); "
            "download it again."
        ) from error
    if points.ndim != 2 or points.shape[1] != 7 or len(points) != n_points:
        raise ValueError(
            f"{name} holds a table of shape {points.shape}, but its first line says {n_points} "
            "points of seven values; it is cut off: download it again."
        )
    return points


MRPC_PAIRS = {"train": 4076, "test": 1725}
"""Pairs of the official split of the paraphrase corpus."""


def load_mrpc(folder, part="train"):
    """Load sentence pairs of the Microsoft Research Paraphrase Corpus.

    Parameters
    ----------
    folder : Path
        The folder that holds ``mrpc/``.

    part : {"train", "test"}, default="train"
        Which part of the official split.

    Returns
    -------
    left, right : ndarrays of object of shape (n_pairs,)
        Sentences, as they are.

    match : ndarray of bool of shape (n_pairs,)
        Whether they are paraphrases of each other.

    Raises
    ------
    ValueError
        If a line does not hold a pair, or pairs are missing.
    """
    path = folder / "mrpc" / f"msr_paraphrase_{part}.txt"
    header, *lines = path.read_text("utf-8-sig").rstrip("\n").split("\n")
    if header.split("\t")[:1] != ["Quality"]:
        raise ValueError(f"{path} begins with {header[:40]!r}, not with 'Quality'; is it MRPC?")
    rows = [line.split("\t") for line in lines]
    for number, row in enumerate(rows, 2):
        if len(row) != 5 or row[0] not in ("0", "1"):
            raise ValueError(
                f"{path}: line {number} is not 0 or 1, two numbers and two sentences, parted by "
                "tabs; download it again."
            )
    if len(rows) != MRPC_PAIRS[part]:
        raise ValueError(
            f"{path} holds {len(rows)} pairs, but {MRPC_PAIRS[part]} were expected; download it "
            "again."
        )
    quality, _, _, left, right = zip(*rows, strict=True)
    return np.array(left, dtype=object), np.array(right, dtype=object), np.array(quality) == "1"
