"""Votes of the nearest templates."""

import numpy as np


def winners(labels):
    """Return the column of the nearest template of the class with the most votes in each row.

    Ties between classes are broken by their nearest template.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_neighbors)
        Labels of the nearest templates, nearest first.

    Returns
    -------
    columns : ndarray of int of shape (n_rows,)
        Columns.
    """
    n_votes = (labels[:, :, None] == labels[:, None]).sum(axis=2)
    return n_votes.argmax(axis=1)


def count_votes(codes, n_classes):
    """Count the votes for each class in each row, (n_rows, n_classes)."""
    n_votes = np.zeros((len(codes), n_classes))
    np.add.at(n_votes, (np.arange(len(codes))[:, None], codes), 1)
    return n_votes


def vote_scores(n_votes, D):
    """Return votes minus a rank in [0, 1) by the distances to classes, so that scores differ."""
    rank = D.argsort(axis=1, kind="stable").argsort(axis=1)
    return n_votes - rank / D.shape[1]
