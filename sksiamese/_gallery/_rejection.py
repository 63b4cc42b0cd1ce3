"""Rejection threshold: the greatest accepted distance for a false-accept rate."""

import numpy as np

from ._updates import class_starts

N_IMPOSTORS = 10_000
"""Maximum number of rows used to choose a threshold, except for one row of each class."""

ROUNDING = 1e-9
"""Tolerance for rounding errors of sums of rates."""


def impostor_rows(labels):
    """Select impostor rows: evenly spaced in each class, with the same limit for all classes.

    The selection in a class depends only on its size and on the number of classes. Labels must
    be sorted.
    """
    first = class_starts(labels)
    count = np.diff(first, append=len(labels))
    n_rows = np.minimum(count, max(1, N_IMPOSTORS // max(1, len(first))))
    number = np.arange(n_rows.sum()) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    return np.repeat(first, n_rows) + number * np.repeat(count, n_rows) // np.repeat(n_rows, n_rows)


def min_n_classes(target_far):
    """Return the minimum number of classes to choose a threshold for a false-accept rate."""
    return int(np.ceil(2 / target_far - 1 - ROUNDING))


def max_accepted_sum(target_far, n_classes):
    """Return the largest allowed sum of the false-accept rates of all classes, None if too few.

    Let B be the sum of the rates of ``n_classes`` classes, each at most 1, with
    B = u (u + 1) / 2. With one more class the sum is at most B + 2 + u. The result is the
    solution of B + 2 + u = target_far (n_classes + 1).
    """
    if n_classes < min_n_classes(target_far):
        return None
    total = max(2, target_far * (n_classes + 1))
    u = (np.sqrt(8 * total - 7) - 3) / 2
    return u * (u + 1) / 2


def rejection_threshold(distances, own_codes, target_far):
    """Return the greatest distance at which one more class is accepted at a rate of target_far.

    Parameters
    ----------
    distances : ndarray of shape (n_rows,)
        Distances of impostor rows to the nearest template of another class.

    own_codes : ndarray of int of shape (n_rows,)
        Integer codes of the classes of the rows, sorted.

    target_far : float
        False-accept rate, in (0, 1).

    Returns
    -------
    threshold : float
        Distance, or -inf if there are too few classes to guarantee the rate.
    """
    first = class_starts(own_codes)
    allowed = max_accepted_sum(target_far, len(first))
    if allowed is None:
        return -np.inf
    count = np.diff(first, append=len(own_codes))
    weights = np.repeat(1 / count, count)
    most = min(len(distances) - 1, int(allowed * count.max()) + 1)
    order = distances.argpartition(most)[: most + 1]
    order = order[distances[order].argsort()]
    accepted = np.cumsum(weights[order])
    first_rejected = order[np.searchsorted(accepted, allowed + ROUNDING, side="right")]
    return float(np.nextafter(distances[first_rejected], -np.inf))


def few_classes_message(target_far, n_classes, n_enrolled, *, trained):
    """Return the warning that every row is rejected, with those remedies that help.

    Parameters
    ----------
    target_far : float
        False-accept rate, in (0, 1).

    n_classes : int
        Number of enrolled classes that are new to the embedder.

    n_enrolled : int
        Number of all enrolled classes.

    trained : bool
        Whether the embedder was trained on some enrolled classes.
    """
    needed = min_n_classes(target_far)
    remedies = ["enroll more classes"]
    if trained and n_enrolled - needed >= 2:  # At least two classes are left for training.
        share = (needed - 0.5) / n_enrolled
        remedies.append(f"raise validation_fraction to {share:.4f} and call fit")
    if n_classes > 1:
        least = np.ceil(2e4 / (n_classes + 1)) / 1e4
        remedies.append(f"set target_far={least:.4f} and call fit")
    return (
        f"target_far={target_far} needs {needed} enrolled classes that are "
        f"new to the embedder, but there are {n_classes}, so that every row is rejected; "
        f"{', or '.join(remedies)}."
    )
