"""The targets among the functions of pairs, the splitters and the metrics."""

import functools

import numpy as np
import pandas as pd

from sksiamese import PairKFold, PairShuffleSplit, PairView, metrics, pairs

from . import laws as law
from .common import (
    BOOLEAN,
    COST,
    EMBEDDERS,
    FEW_SHOT,
    KFOLD,
    METRIC,
    PAIR_SCORE,
    RATE,
    REQUEST,
    RETRIEVAL,
    SHUFFLE,
    method,
    request,
    split_all,
    target,
)
from .engine import Kind
from .values import (
    ANY,
    CLASSES,
    EMBEDDINGS,
    GROUPS,
    MATCHES,
    NEIGHBORS,
    PAIRS,
    RANDOM_STATE,
    RANKS,
    ROWS,
    SCORES,
    constants,
    number,
    of,
)

INDEX = of(
    "index",
    {"array": lambda i: i, "list": lambda i: i.tolist(), "int32": lambda i: i.astype("i4"),
     "none": lambda i: i[:0], "uint64": lambda i: i.astype("u8")},
    {"negative": lambda i: i - 99, "far": lambda i: i + 99, "floats": lambda i: i * 1.0,
     "strings": lambda i: i.astype(str), "three": lambda i: i[:, [0, 1, 1]], "flat": np.ravel,
     "objects": lambda i: i.astype(object), "NaN": lambda i: i * np.nan, "None": lambda i: None,
     "booleans": lambda i: i > 3, "scalar": lambda i: 1, "dict": lambda i: {},
     "ragged": lambda i: [[0], [0, 1]], "empty": lambda i: [], "huge": lambda i: [[2**70, 0]]},
)  # fmt: skip
VIEW = Kind(
    {"view": PAIRS.good["view"], "frame": PAIRS.good["view of a frame"]},
    {"none": PAIRS.odd["view of no pair"]},
)
KEY = Kind(
    constants(slice(2, 4), 1, Ellipsis, (slice(None), slice(None)))
    | {"mask": lambda s: s.match, "rows": lambda s: np.array([1, 0, 1])},
    ANY | constants(99, -1, (0, 0), (slice(None), 0)),
)
TRIPLETS = Kind(
    {"items": lambda s: s.rows[:6].reshape(2, 3, 4), "images": lambda s: s.rows[:6].reshape(
        2, 3, 2, 2), "list": lambda s: s.rows[:6].reshape(2, 3, 4).tolist()},
    ANY | {k: lambda s, f=f: f(s) for k, f in ROWS.odd.items()} | {
        "row numbers": lambda s: np.arange(6).reshape(2, 3), "none": lambda s: np.empty((0, 3, 4))},
)  # fmt: skip
TRIPLET_NUMBERS = Kind(
    {"numbers": lambda s: np.arange(6).reshape(2, 3), "list": lambda s: [[0, 1, 2]]},
    ANY | {"far": lambda s: [[0, 1, 99]], "floats": lambda s: [[0.0, 1.0, 2.0]],
           "negative": lambda s: [[0, 1, -1]], "strings": lambda s: [["0", "1", "2"]]},
)  # fmt: skip
UNLABELED = number(None, -1, "a", float("nan"), 0)

PAIR_TOOLS = {
    "make_pairs": target(
        pairs.make_pairs, "X y n_pairs", law.made_pairs, 3, X=ROWS, y=CLASSES,
        n_pairs=number(4, 2, 7), match_share=RATE,
        balance=number("pair", "identity"), n_groups=number(1, 2), unlabeled_label=UNLABELED,
        Z=Kind({"None": lambda s: None} | EMBEDDINGS.good, EMBEDDINGS.odd), ranks=RANKS,
        neighbors=NEIGHBORS,
        as_view=BOOLEAN, random_state=RANDOM_STATE),
    "pairs_from_triplets": target(
        pairs.pairs_from_triplets, "triplets", law.drawn_pairs, triplets=TRIPLETS),
    "pairs_from_triplets of items": target(
        pairs.pairs_from_triplets, "triplets items", law.drawn_pairs, triplets=TRIPLET_NUMBERS,
        items=ROWS),
    "split_pairs": target(pairs.split_pairs, "P", law.halves, 2, P=PAIRS),
    "stack_pairs": target(pairs.stack_pairs, "left right", times=2, left=ROWS, right=ROWS),
    "PairView": target(PairView, "items index", items=ROWS, index=INDEX, times=2),
    "PairView.distinct": target(method("distinct"), "self", self=VIEW),
    "PairView.left": target(lambda self: self.left, "self", self=VIEW),
    "PairView.right": target(lambda self: self.right, "self", self=VIEW),
    "PairView.dtype": target(lambda self: self.dtype, "self", self=VIEW),
    "PairView.shape": target(lambda self: self.shape, "self", self=VIEW),
    "PairView.__getitem__": target(
        lambda self, key: self[key], "self key", self=VIEW, key=KEY, errors=(IndexError,)),
}  # fmt: skip
for _name, _make, _kinds in (
    ("PairKFold", PairKFold, KFOLD),
    ("PairShuffleSplit", PairShuffleSplit, SHUFFLE),
):
    _data = {"X": PAIRS, "y": MATCHES, "groups": GROUPS}
    PAIR_TOOLS |= {
        _name: target(_make, **_kinds),
        f"{_name}.split": target(
            split_all(_make, "split"), "X groups", law.folds, 2, **_data, **_kinds
        ),
        f"{_name}.n_dropped": target(split_all(_make, "n_dropped"), "groups", **_data, **_kinds),
        f"{_name}.get_n_splits": target(split_all(_make, "get_n_splits"), **_data, **_kinds),
        f"{_name}.set_split_request": target(request(_make, "set_split_request"), groups=REQUEST),
        f"{_name}.get_metadata_routing": target(request(_make, "get_metadata_routing")),
    }

PROBABILITY = Kind(
    {f"{k} in [0, 1]": lambda s, f=f: f((s.score - s.score.min()) / np.ptp(s.score))
     for k, f in {"float64": lambda p: p, "float32": lambda p: p.astype("f"),
                 "list": list}.items()},
    SCORES.odd,
)  # fmt: skip
MATRIX = Kind(
    {"distances": lambda s: -np.abs(s.rows[:, :2]), "list": lambda s: s.rows[:, :2].tolist()},
    EMBEDDINGS.odd,
)
ENROLLED = Kind(constants([0, 1], [1, 0], np.array([0, 1])), ANY | CLASSES.odd)
NOT_CALLABLE = {k: v for k, v in ANY.items() if k not in ("class", "function")}
DISTANCES = Kind(
    {"square": lambda s: s.D[:3, :3].numpy(), "list": lambda s: s.D[3:6, :3].tolist(),
     "frame": lambda s: pd.DataFrame(s.D[:3, :3].numpy()),
     "float32": lambda s: s.D[:3, :3].numpy().astype("f")},
    ANY | {k: lambda s, f=f: f(s) for k, f in ROWS.odd.items()},
)  # fmt: skip
RANKED = RETRIEVAL | {"average": Kind(constants("micro", "macro", None), ANY)}
IN_GALLERY = RANKED | {"y_gallery": CLASSES, "Z_gallery": EMBEDDINGS}
RANKED |= {"exclude_self": number(None, False, True)}
METRICS = {
    "equal_error_rate": target(metrics.equal_error_rate, "y_true y_score", law.share, **PAIR_SCORE),
    "true_accept_rate": target(
        metrics.true_accept_rate, "y_true y_score", law.share, **PAIR_SCORE, far=RATE),
    "false_reject_rate": target(
        metrics.false_reject_rate, "y_true y_score", law.share, **PAIR_SCORE, far=RATE),
    "false_accept_rate": target(
        metrics.false_accept_rate, "y_true y_score", law.share, **PAIR_SCORE, frr=RATE),
    "pair_accuracy": target(
        metrics.pair_accuracy, "y_true y_score", law.share, **PAIR_SCORE, threshold=number(0, 0.5)),
    "detection_cost": target(
        metrics.detection_cost, "y_true y_score", law.not_negative, **PAIR_SCORE,
        threshold=number(0, 0.5), **COST),
    "min_dcf": target(metrics.min_dcf, "y_true y_score", law.share, **PAIR_SCORE, **COST),
    "best_threshold": target(
        metrics.best_threshold, "y_true y_score", **PAIR_SCORE, **COST, criterion=Kind(
            constants("accuracy", "f1", "detection_cost", "equal_error"), ANY)),
    "threshold_at_far": target(
        metrics.threshold_at_far, "y_true y_score far", **PAIR_SCORE, far=RATE,
        confidence=number(0.9, 0.5), groups=GROUPS, times=2),
    "expected_calibration_error": target(
        metrics.expected_calibration_error, "y_true y_prob", law.share, y_true=MATCHES,
        y_prob=PROBABILITY, n_bins=number(10, 1)),
    "cllr": target(
        metrics.cllr, "y_true y_llr", law.not_negative, y_true=MATCHES,
        y_llr=PAIR_SCORE["y_score"]),
    "min_cllr": target(metrics.min_cllr, "y_true y_score", law.share, **PAIR_SCORE),
    "error_rate_by_identity": target(
        metrics.error_rate_by_identity, "y_true y_score identities", **PAIR_SCORE,
        identities=CLASSES, metric=Kind(
            constants(eer=metrics.equal_error_rate, dcf=metrics.min_dcf), NOT_CALLABLE)),
    "equal_error_interval": target(
        lambda random_state=0, **options: metrics.equal_error_interval(
            random_state=0 if random_state is None else random_state, **options),
        "y_true y_score groups n_resamples", law.finite, **PAIR_SCORE, groups=GROUPS,
        n_resamples=number(30, 50), confidence=number(0.9, 0.5),
        random_state=number(0, 1)),
    "normalize_scores": target(
        metrics.normalize_scores, "y_score probe_cohort", law.finite,
        y_score=PAIR_SCORE["y_score"], probe_cohort=ROWS, reference_cohort=ROWS,
        n_top=number(2, 3)),
    "reference_terms": target(
        metrics.reference_terms, "D D_references", law.finite, D=DISTANCES,
        D_references=DISTANCES),
    "detection_identification_rate": target(
        metrics.detection_identification_rate, "y_true y_score labels", law.share, y_true=CLASSES,
        y_score=MATRIX, labels=ENROLLED, far=RATE),
    "few_shot_accuracy": target(
        metrics.few_shot_accuracy, "y_true Z n_episodes n_way", law.share, **RETRIEVAL | FEW_SHOT),
    "few_shot_score": target(
        metrics.few_shot_score, "estimator X y n_episodes n_way", law.share,
        estimator=EMBEDDERS, X=ROWS, y=CLASSES, **FEW_SHOT),
    "cmc_curve": target(
        metrics.cmc_curve, "y_true Z k", law.shares, 2, **RANKED, k=number(1, 3)),
    "precision_at_k": target(
        metrics.precision_at_k, "y_true Z", law.shares, 2, **RANKED, k=number(1, 3)),
    "r_precision": target(metrics.r_precision, "y_true Z", law.shares, 2, **RANKED),
    "mean_average_precision_at_r": target(
        metrics.mean_average_precision_at_r, "y_true Z", law.shares, 2, **RANKED),
    "mean_average_precision_at_k": target(
        metrics.mean_average_precision_at_k, "y_true Z", law.shares, 2, **RANKED,
        k=number(None, 3)),
    "mean_reciprocal_rank": target(
        metrics.mean_reciprocal_rank, "y_true Z", law.shares, 2, **RANKED, k=number(None, 3)),
    "ndcg_at_k": target(
        metrics.ndcg_at_k, "y_true Z", law.shares, 2, **RANKED, k=number(None, 3)),
    "recall_at_k": target(
        metrics.recall_at_k, "y_true Z", law.shares, 2, **RANKED, k=number(1, 3)),
    "retrieval_score": target(
        metrics.retrieval_score, "estimator X y", law.share, estimator=EMBEDDERS, X=ROWS,
        y=CLASSES, measure=Kind(constants(mrr=metrics.mean_reciprocal_rank), NOT_CALLABLE),
        metric=METRIC),
}  # fmt: skip
METRICS |= {
    f"{name} in a gallery": target(
        getattr(metrics, name), f"y_true Z y_gallery Z_gallery {'k' * (name == 'cmc_curve')}",
        law.shares, **IN_GALLERY, **{"k": number(1, 3)} if "k" in made.arguments else {})
    for name, made in METRICS.items() if "exclude_self" in made.arguments
}  # fmt: skip


def ordered(made):
    """Return a target of a metric, the law of which is also that the order of rows is free."""
    names = made.arguments.keys() & {"y_score", "y_prob", "metric"}
    not_by_row = metrics.error_rate_by_identity, metrics.few_shot_accuracy, metrics.few_shot_score
    not_by_row += (metrics.retrieval_score,)
    is_random = "random_state" in made.arguments
    if not names or is_random or made.call in (*not_by_row, metrics.normalize_scores):
        return made
    return made._replace(law=functools.partial(law.order_free, made.call, made.law))


METRICS = {f"metrics.{name}": ordered(made) for name, made in METRICS.items()}
