"""Values for generated calls, by label: parameters, callables, and data of every kind.

A value is a function of a :class:`Scene`, which holds clean data that belong together.
"""

import datetime
import fractions
import tempfile
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import torch
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from sksiamese import PairView

from .engine import Kind
from .parts import ODD_CALLABLES

N_FEATURES = 4


class Scene:
    """Clean data of one call, all of which belong together, made from a seed."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.n_rows = (12, 24, 40)[seed % 3]
        self.n_classes = (2, 3, 4)[seed // 3 % 3]
        self.codes = np.arange(self.n_rows) % self.n_classes
        self.rows = rng.normal(size=(self.n_rows, N_FEATURES)) + 2 * self.codes[:, None]
        self.index = rng.permuted(np.tile(np.arange(self.n_rows), (self.n_rows, 1)), axis=1)[:, :2]
        self.pairs = np.hstack([self.rows[self.index[:, 0]], self.rows[self.index[:, 1]]])
        self.match = self.codes[self.index[:, 0]] == self.codes[self.index[:, 1]]
        self.match[:4] = [True, True, False, False]
        self.groups = self.codes[self.index]
        self.score = rng.normal(size=self.n_rows) + self.match
        self.generator = torch.Generator().manual_seed(seed)
        self.Z = torch.from_numpy(rng.normal(size=(self.n_rows, 3)))
        self.y = torch.from_numpy(self.codes)
        self.D = torch.cdist(self.Z, self.Z)
        self.same = (self.y[:, None] == self.y) & ~torch.eye(self.n_rows, dtype=torch.bool)
        self.different = self.y[:, None] != self.y


class Source:
    """Rows that are read from elsewhere, like those of h5py."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]

    def __len__(self):
        return len(self.values)


def _memmap(A):
    with tempfile.NamedTemporaryFile() as file:
        mapped = np.memmap(file.name, dtype=A.dtype, mode="w+", shape=A.shape)
        mapped[:] = A
        return mapped


def _readonly(A):
    A = A.copy()
    A.flags.writeable = False
    return A


def _strided(A):
    return np.repeat(A, 2, axis=-1)[..., ::2]


def _frame(A, dtype=None):
    if A.ndim == 1:
        return pd.Series(A, dtype=dtype, name="v")
    return pd.DataFrame(A, columns=[f"c{i}" for i in range(A.shape[1])], dtype=dtype)


def _polars(A):
    if A.ndim == 1:
        return pl.Series("v", A)
    return pl.DataFrame({f"c{i}": column for i, column in enumerate(A.T)})


def _ints(A):
    return np.round(10 * A)


def _with(A, value, dtype=None):
    A = A.astype(A.dtype if dtype is None else dtype)
    A.flat[1] = value
    return A


def _structured(A):
    return np.zeros(len(A), dtype=[("a", float), ("b", int)])


DTYPES = ["float32", "float16", "int8", "int16", "int32", "int64", "bool", ">f8", "longdouble"]

ARRAYS = {
    "float64": lambda A: A,
    **{dtype: lambda A, dtype=dtype: _ints(A).astype(dtype) for dtype in DTYPES},
    **{
        dtype: lambda A, dtype=dtype: abs(_ints(A)).astype(dtype)
        for dtype in ("uint8", "uint16", "uint32", "uint64")
    },
    "list": lambda A: A.tolist(),
    "tuple": lambda A: tuple(map(tuple, A)) if A.ndim > 1 else tuple(A),
    "list of arrays": list,
    "fortran": np.asfortranarray,
    "read-only": _readonly,
    "strided": _strided,
    "reversed": lambda A: A[::-1],
    "memmap": _memmap,
    "object": lambda A: A.astype(object),
    "masked": np.ma.masked_array,
    "frame": _frame,
    "frame of float32": lambda A: _frame(A, "float32"),
    "frame of Float64": lambda A: _frame(A, "Float64"),
    "frame of Int64": lambda A: _frame(_ints(A).astype(int), "Int64"),
    "frame of UInt8": lambda A: _frame(abs(_ints(A)).astype(np.uint8), "UInt8"),
    "frame of boolean": lambda A: _frame(A > 0, "boolean"),
    "polars": _polars,
    "tensor": torch.from_numpy,
    "tensor of float32": lambda A: torch.from_numpy(A).float(),
    "far from the origin": lambda A: A + 1e7,
    "identical rows": lambda A: np.zeros_like(A) + A[:1],
    "all zero": np.zeros_like,
    "tiny": lambda A: A * 1e-300,
    "large": lambda A: A * 1e30,
}
"""Containers and dtypes that hold usable numbers."""

SPARSE = {
    name: lambda A, name=name: getattr(sparse, name)(A * (A > 0))
    for kind in ("array", "matrix")
    for name in (f"{f}_{kind}" for f in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"))
} | {"csr of int64": lambda A: sparse.csr_array(_ints(A).astype(np.int64))}
TABLES = {
    "source": Source,
    "frame of two dtypes": lambda A: _frame(A).assign(c0=_ints(A[:, 0]).astype(int)),
    "frame of sparse": lambda A: pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(A)),
}

ODD_ARRAYS = {
    "NaN": lambda A: _with(A, np.nan),
    "all NaN": lambda A: np.full_like(A, np.nan),
    "inf": lambda A: _with(A, np.inf),
    "minus inf": lambda A: _with(A, -np.inf),
    "1e39": lambda A: _with(A, 1e39),
    "1e200": lambda A: A * 1e200,
    "1e308": lambda A: _with(A, 1e308),
    "strings": lambda A: A.astype(str),
    "words": lambda A: np.full(A.shape, "a word"),
    "bytes": lambda A: A.astype("S"),
    "dates": lambda A: _ints(A).astype("datetime64[s]"),
    "durations": lambda A: _ints(A).astype("timedelta64[s]"),
    "complex": lambda A: A * (1 + 1j),
    "structured": _structured,
    "objects with None": lambda A: _with(A, None, object),
    "objects with NA": lambda A: _with(A, pd.NA, object),
    "objects of strings": lambda A: _with(A, "a", object),
    "objects of lists": lambda A: _with(A, None, object) * 0 if A.size == 0 else _lists(A),
    "objects of huge integers": lambda A: _with(A, 10**30, object),
    "huge integers": lambda A: np.full(A.shape, 2**63 + 5, dtype=np.uint64),
    "StringDType": lambda A: A.astype(str).astype(np.dtypes.StringDType()),
    "frame of strings": lambda A: _frame(A.astype(str)),
    "frame of categories": lambda A: _frame(A.astype(str), "category"),
    "frame of dates": lambda A: _frame(_ints(A).astype("datetime64[s]")),
    "frame with NA": lambda A: _frame(A, "Float64").mask(_frame(A) > 0),
    "polars of strings": lambda A: _polars(A.astype(str)),
    "polars with null": lambda A: pl.DataFrame({"c0": [None, *A.ravel()[1 : len(A)]]}),
    "tensor of bfloat16": lambda A: torch.from_numpy(A).bfloat16(),
    "tensor with gradient": lambda A: torch.from_numpy(A.copy()).requires_grad_(),
    "tensor on meta": lambda A: torch.from_numpy(A).to("meta"),
    "sparse tensor": lambda A: torch.from_numpy(A.copy()).to_sparse(),
    "empty list": lambda A: [],
    "no rows": lambda A: A[:0],
    "one row": lambda A: A[:1],
    "two rows": lambda A: A[:2],
    "one row less": lambda A: A[1:],
    "nested": lambda A: A[None],
    "one axis less": lambda A: A[..., 0],
    "column": lambda A: A.reshape(-1, 1),
    "0-d": lambda A: np.array(1.0),
    "scalar": lambda A: 1.5,
    "None": lambda A: None,
    "string": lambda A: "text",
    "dict": lambda A: {"a": A},
    "empty dict": lambda A: {},
    "set": lambda A: {1, 2},
    "generator": lambda A: (row for row in A),
    "ragged": lambda A: [[1.0]] + [[1.0, 2.0]] * (len(A) - 1),
    "list with None": lambda A: [None, *A.tolist()[1:]],
    "iterator": lambda A: iter(A.tolist()),
    "object": lambda A: object(),
    "class": lambda A: np.ndarray,
    "function": lambda A: len,
}
"""Containers and values that may not be usable."""

ODD_TABLES = {
    "no columns": lambda A: A[:, :0],
    "one column more": lambda A: np.hstack([A, A[:, :1]]),
    "one column less": lambda A: A[:, 1:],
    "np.matrix": np.asmatrix,
    "frame with equal names": lambda A: pd.DataFrame(A, columns=["a"] * A.shape[1]),
    "frame with a string column": lambda A: _frame(A).assign(c0="a"),
    "frame with number names": pd.DataFrame,
    "frame with mixed names": lambda A: pd.DataFrame(A, columns=[*range(A.shape[1] - 1), "a"]),
    "frame reversed": lambda A: _frame(A).iloc[:, ::-1],
    "csr with NaN": lambda A: sparse.csr_array(_with(A, np.nan)),
    "csr of complex": lambda A: sparse.csr_array(A * 1j),
    "empty csr": lambda A: sparse.csr_array(A.shape),
    "source of strings": lambda A: Source(A.astype(str)),
    "source with NaN": lambda A: Source(_with(A, np.nan)),
}


def _lists(A):
    made = np.empty(A.shape, dtype=object)
    made[...] = None
    for i in np.ndindex(A.shape):
        made[i] = [1, 2]
    return made


def _view(items, scene):
    return PairView(items, scene.index)


VIEWS = {
    "view": lambda s: _view(s.rows, s),
    "view of float32": lambda s: _view(s.rows.astype("f"), s),
    "view of bytes": lambda s: _view(abs(_ints(s.rows)).astype(np.uint8), s),
    "view of a frame": lambda s: _view(_frame(s.rows), s),
    "view of csr": lambda s: _view(sparse.csr_array(s.rows), s),
    "view of a source": lambda s: _view(Source(s.rows), s),
    "view of images": lambda s: _view(s.rows.reshape(-1, 2, 2), s),
}
ODD_VIEWS = {
    "view of no pair": lambda s: _view(s.rows, s)[:0],
    "view of one pair": lambda s: _view(s.rows, s)[:1],
    "view of strings": lambda s: _view(s.rows.astype(str), s),
    "view with NaN": lambda s: _view(_with(s.rows, np.nan), s),
    "view of complex": lambda s: _view(s.rows * 1j, s),
    "view of narrow items": lambda s: _view(s.rows[:, :2], s),
    "view of objects": lambda s: _view(_with(s.rows, None, object), s),
}

LABELS = {
    "int64": lambda c: c,
    "int32": lambda c: c.astype(np.int32),
    "uint8": lambda c: c.astype(np.uint8),
    "uint64": lambda c: c.astype(np.uint64) + np.uint64(2**63),
    "list": lambda c: c.tolist(),
    "tuple": lambda c: tuple(c.tolist()),
    "strings": lambda c: np.array([*"abcd"])[c],
    "list of strings": lambda c: [*np.array([*"abcd"])[c].tolist()],
    "objects": lambda c: np.array([*"abcd"], dtype=object)[c],
    "StringDType": lambda c: c.astype(str).astype(np.dtypes.StringDType()),
    "booleans": lambda c: c % 2 == 1,
    "floats": lambda c: c.astype(float),
    "negative": lambda c: -c,
    "series": pd.Series,
    "Int64": lambda c: pd.Series(c, dtype="Int64"),
    "pandas strings": lambda c: pd.Series(c.astype(str), dtype="string"),
    "categories": lambda c: pd.Series(c.astype(str), dtype="category"),
    "polars": pl.Series,
    "tensor": torch.from_numpy,
    "column": lambda c: c[:, None],
    "read-only": _readonly,
    "beyond 2**53": lambda c: c + 2**53,
}
ODD_LABELS = {
    "NaN": lambda c: _with(c.astype(float), np.nan),
    "list with None": lambda c: [None, *c.tolist()[1:]],
    "NA": lambda c: pd.Series([pd.NA, *c.tolist()[1:]], dtype="Int64"),
    "objects with NA": lambda c: _with(c, pd.NA, object),
    "mixed": lambda c: ["a", *c.tolist()[1:]],
    "mixed objects": lambda c: _with(c, "a", object),
    "booleans and integers": lambda c: [True, *c.tolist()[1:]],
    "floats and huge integers": lambda c: [0.5, 2**60, *c.tolist()[2:]],
    "fractions": lambda c: c + 0.25,
    "continuous": lambda c: np.linspace(0, 1, len(c)),
    "inf": lambda c: _with(c.astype(float), np.inf),
    "complex": lambda c: c * 1j,
    "dates": lambda c: c.astype("datetime64[s]"),
    "durations": lambda c: c.astype("timedelta64[s]"),
    "bytes": lambda c: c.astype("S"),
    "dict keys": lambda c: dict.fromkeys(range(len(c))).keys(),
    "two columns": lambda c: np.column_stack([c, c]),
    "indicator": lambda c: np.eye(4, dtype=int)[c],
    "sparse indicator": lambda c: sparse.csr_array(np.eye(4, dtype=int)[c]),
    "short": lambda c: c[1:],
    "long": lambda c: np.r_[c, 0],
    "one class": np.zeros_like,
    "all distinct": lambda c: np.arange(len(c)),
    "one single row": lambda c: np.r_[9, c[1:]],
    "empty": lambda c: c[:0],
    "empty list": lambda c: [],
    "scalar": lambda c: 1,
    "0-d": lambda c: np.array(1),
    "string": lambda c: "abc",
    "None": lambda c: None,
    "dict": lambda c: {"a": 1},
    "set": lambda c: {1, 2},
    "generator": lambda c: (label for label in c),
    "huge integers": lambda c: [int(label) + 2**70 for label in c],
    "decimals": lambda c: [Decimal(int(label)) for label in c],
    "structured": _structured,
    "ragged": lambda c: [[1], *[[1, 2]] * (len(c) - 1)],
    "frame": lambda c: pd.DataFrame({"a": c, "b": c}),
    "object": lambda c: object(),
    "masked": lambda c: np.ma.masked_array(c, c == 0),
    "float16": lambda c: c.astype(np.float16),
    "longdouble": lambda c: c.astype(np.longdouble),
}

WEIGHTS = {
    "None": lambda n: None,
    "ones": np.ones,
    "random": lambda n: np.random.default_rng(0).random(n),
    "list": lambda n: [1.0] * n,
    "integers": lambda n: np.arange(n) % 3 + 1,
    "series": lambda n: pd.Series(np.ones(n)),
    "some zeros": lambda n: np.arange(n) % 3 * 1.0,
    "float32": lambda n: np.ones(n, np.float32),
}
ODD_WEIGHTS = {
    "NaN": lambda n: _with(np.ones(n), np.nan),
    "inf": lambda n: _with(np.ones(n), np.inf),
    "negative": lambda n: _with(np.ones(n), -1),
    "huge": lambda n: np.full(n, 1e300),
    "tiny": lambda n: np.full(n, 1e-300),
    "zeros": np.zeros,
    "short": lambda n: np.ones(n - 1),
    "two columns": lambda n: np.ones((n, 2)),
    "strings": lambda n: ["a"] * n,
    "with None": lambda n: [None, *[1.0] * (n - 1)],
    "booleans": lambda n: np.arange(n) % 2 == 0,
    "complex": lambda n: np.ones(n) * 1j,
    "scalar": lambda n: 2.0,
    "string": lambda n: "balanced",
    "dict": lambda n: {0: 1},
    "empty": lambda n: [],
    "dates": lambda n: np.ones(n).astype("datetime64[s]"),
}

_plain = [
    None, True, False, 0, 1, -1, 2, 0.0, 0.5, 1.0, 1.5, -0.5, 1e300, 1e-300, float("nan"),
    float("inf"), float("-inf"), np.float32(0.5), np.int64(3), np.uint8(2), np.bool_(True),
    np.float16("nan"), np.float64(2), "", "auto", "an unknown name", b"bytes", (), (1, 2), 1j,
    Decimal("0.5"), fractions.Fraction(1, 2), pd.NA, np.datetime64("2020-01-01"), slice(None),
    range(3), datetime.date(2020, 1, 1), frozenset({1}), "1", "0.5",
]  # fmt: skip
HUGE = {"2**62": lambda s: 2**62, "10**30": lambda s: 10**30, "2**31": lambda s: 2**31}
ANY = {
    **{repr(value): lambda s, value=value: value for value in _plain},
    "[]": lambda s: [],
    "[1]": lambda s: [1],
    "['a']": lambda s: ["a"],
    "{}": lambda s: {},
    "{'a': 1}": lambda s: {"a": 1},
    "{1}": lambda s: {1},
    "0-d array": lambda s: np.array(1),
    "array": lambda s: np.array([1.0, 2.0]),
    "empty array": lambda s: np.array([]),
    "tensor": lambda s: torch.tensor(1.0),
    "object": lambda s: object(),
    "class": lambda s: int,
    "function": lambda s: len,
    "generator": lambda s: iter([1]),
    "series": lambda s: pd.Series([1]),
}
"""Values of a parameter that is to be a number, a name or an object of another kind."""


def constants(*values, **named):
    """Return values that are the same in every scene, by their text."""
    table = {repr(value): lambda s, value=value: value for value in values}
    return table | {name: lambda s, value=value: value for name, value in named.items()}


def number(*good):
    """Return the kind of a number, in which huge whole numbers end at once."""
    return Kind(constants(*good), ANY | HUGE)


def length(*good):
    """Return the kind of a number of steps, of which huge ones would be worked through."""
    return Kind(constants(*good), ANY)


def name_or_callable(*names, **good):
    """Return the kind of a name in a table, or a callable."""
    return Kind(constants(*names, **good), ANY | ODD_CALLABLES)


def of(attribute, good, odd):
    """Return the kind of data made of an attribute of the scene."""

    def lift(table):
        return {
            label: lambda s, make=make: make(getattr(s, attribute)) for label, make in table.items()
        }

    return Kind(lift(good), lift(odd))


ROWS = of("rows", ARRAYS | SPARSE | TABLES, ODD_ARRAYS | ODD_TABLES)
CLASSES = of("codes", LABELS, ODD_LABELS)
EMBEDDINGS = of("rows", ARRAYS | TABLES, ODD_ARRAYS | ODD_TABLES | SPARSE)
_pairs = of("pairs", ARRAYS | SPARSE | TABLES, ODD_ARRAYS | ODD_TABLES)
PAIRS = Kind(
    _pairs.good | VIEWS | {"3-d": lambda s: s.pairs.reshape(-1, 2, N_FEATURES)},
    _pairs.odd | ODD_VIEWS | {"4-d": lambda s: s.pairs.reshape(-1, 2, 2, 2)},
)
MATCHES = of("match", {k: lambda c, f=f: f(c.astype(int)) for k, f in LABELS.items()},
             {k: lambda c, f=f: f(c.astype(int)) for k, f in ODD_LABELS.items()})  # fmt: skip
SCORES = of("score", ARRAYS, ODD_ARRAYS)
SAMPLE_WEIGHT = of("n_rows", WEIGHTS, ODD_WEIGHTS)
_identities = {
    label: lambda g, make=make: _by_columns(make, g)
    for label, make in (LABELS | ODD_LABELS).items()
    if label not in ("column", "two columns", "indicator", "sparse indicator", "frame", "masked")
}


def _by_columns(make, groups):
    """Return labels of two columns, computed one after the other."""
    flat = make(groups.ravel())
    if isinstance(flat, np.ndarray) and flat.shape == (groups.size,):
        return flat.reshape(groups.shape)
    if isinstance(flat, list | tuple) and len(flat) == groups.size:
        return [flat[i : i + 2] for i in range(0, groups.size, 2)]
    if isinstance(flat, pd.Series):
        return pd.DataFrame({"a": flat[::2].array, "b": flat[1::2].array})
    return flat


GROUPS = of(
    "groups",
    {k: v for k, v in _identities.items() if k in LABELS},
    {k: v for k, v in _identities.items() if k in ODD_LABELS}
    | {"one column": lambda g: g[:, 0], "three columns": lambda g: g[:, [0, 1, 1]]},
)
RANKS = Kind(
    constants((0, 10), [1, 3]),
    ANY | constants((3, 3), (-1, 2), (0,), (0.5, 2), ("a", "b"), (0, 10**30)),
)
NEIGHBORS = Kind(
    {"None": lambda s: None, "NearestNeighbors": lambda s: NearestNeighbors()},
    ANY
    | {"class": lambda s: NearestNeighbors, "cosine": lambda s: NearestNeighbors(metric="cosine")},
)
RANDOM_STATE = Kind(constants(0, None) | {"RandomState": lambda s: np.random.RandomState(0)}, ANY)
