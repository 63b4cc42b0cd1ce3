"""The loaders of the data sets read the published files and reject broken ones."""

import gzip
import zipfile

import numpy as np
import pytest

from tests._helpers.benchmarks import DATA, needs_data


@needs_data
def test_multiple_features_and_characters_are_read_completely(load_script):
    data = load_script("_common.data")
    X, y = data.load_mfeat(DATA)
    assert X.shape == (2000, 649)
    assert np.bincount(y).tolist() == [200] * 10
    X, y, alphabet = data.load_omniglot(DATA)
    assert X.shape == (964 * 20, 35 * 35)
    assert 0.02 < X.mean() < 0.1
    assert set(np.bincount(y)) == {20}
    assert len(np.unique(alphabet)) == 30


@needs_data
@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("letter", (20000, 16), {0: 789, 25: 734}),
        ("pendigits", (10992, 16), {0: 1143, 9: 1055}),
        ("satimage", (6435, 36), {0: 1533, 5: 1508}),
    ],
)
def test_the_published_tables_are_read_whole(load_script, name, shape, counts):
    X, y = load_script("_common.data").load_uci(DATA, name)
    assert X.shape == shape
    assert X.dtype == np.float32
    assert X.min() >= 0
    assert {label: int((y == label).sum()) for label in counts} == counts


def test_a_table_without_all_rows_is_named(load_script, tmp_path):
    path = tmp_path / "uci" / "letter-recognition.data.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b"T,2,8\nI,5,12\n"))
    with pytest.raises(ValueError, match=r"letter-recognition.*shape \(2, 3\)"):
        load_script("_common.data").load_uci(tmp_path, "letter")


IDX = (2051).to_bytes(4, "big") + np.array([2, 28, 28], ">i4").tobytes() + bytes(2 * 784)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not gzip at all", "Not a gzipped file"),
        (gzip.compress(IDX)[:30], "file ended before"),
        (gzip.compress(b"\0\0\x08\x01" + IDX[4:]), "begins with 2049, not with 2051"),
        (gzip.compress(IDX[:-1]), r"size 1567 into shape \(2,28,28\)"),
        (gzip.compress(IDX[:7]), "buffer is smaller"),
    ],
    ids=["not gzip", "gzip cut off", "labels", "pixel missing", "header cut off"],
)
def test_a_bad_idx_file_is_refused_by_name(load_script, tmp_path, content, message):
    path = tmp_path / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"train-images-idx3-ubyte\.gz cannot be read .*{message}"
    ):
        load_script("_common.data").load_fashion_mnist(tmp_path)


PGM = b"P5\n3 2\n255\n" + bytes(range(6))


def write_faces(folder, files):
    path = folder / "att-faces" / "att_faces.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_faces_are_read_in_the_order_of_people(load_script, tmp_path):
    write_faces(tmp_path, {"s10/1.pgm": PGM, "README": "", "s2/1.pgm": PGM[:-1] + b"\x09"})
    faces, y = load_script("_common.data").load_att_faces(tmp_path)
    assert y.tolist() == [2, 10]
    assert faces[0].tolist() == [[0, 1, 2], [3, 4, 9]]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "does not hold images"),
        ({"face.pgm": PGM}, "does not hold images"),
        ({"s1/1.pgm": PGM, "s1/2.pgm": b"P5\n1 1\n255\n\0"}, "same shape"),
        ({"s1/1.pgm": PGM[1:]}, "cannot identify image file .*s1/1.pgm"),
        ({"s1/1.pgm": PGM[:-1]}, "cannot be read"),
    ],
)
def test_a_bad_face_is_refused_by_name(load_script, tmp_path, files, message):
    write_faces(tmp_path, files)
    with pytest.raises(ValueError, match=message):
        load_script("_common.data").load_att_faces(tmp_path)


def test_a_broken_archive_of_faces_is_refused_by_name(load_script, tmp_path):
    path = write_faces(tmp_path, {"s1/1.pgm": PGM})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"att_faces.zip cannot be read"):
        load_script("_common.data").load_att_faces(tmp_path)


@needs_data
def test_published_faces_are_read_completely(load_script):
    faces, y = load_script("_common.data").load_att_faces(DATA)
    assert faces.shape == (400, 112, 92)
    assert np.bincount(y).tolist() == [0] + [10] * 40
