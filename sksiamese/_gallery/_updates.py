"""Updates of a gallery: rows, prototypes and distances between classes, at the cost of new rows."""

from typing import NamedTuple

import numpy as np

from ._search import nearest_others


def class_starts(labels):
    """Return the number of the first row of each class; labels must be sorted."""
    return np.flatnonzero(np.append(len(labels) > 0, labels[1:] != labels[:-1])[: len(labels)])


def class_codes(labels):
    """Return the integer code of the class of each row; labels must be sorted."""
    first = class_starts(labels)
    return np.repeat(np.arange(len(first)), np.diff(first, append=len(labels)))


def insert_rows(Z, labels, new_Z, new_labels):
    """Insert rows into rows sorted by label, after all rows of the same label.

    Returns
    -------
    Z : ndarray of shape (n_enrolled, n_components)
        All rows.

    labels : ndarray of shape (n_enrolled,)
        Their labels, sorted.

    source : ndarray of int of shape (n_enrolled,)
        Numbers of the rows before the insertion, and -1 for inserted rows.
    """
    order = np.argsort(new_labels, kind="stable")
    places = np.searchsorted(labels, new_labels[order], side="right")
    pairs = (Z, new_Z[order]), (labels, new_labels[order]), (np.arange(len(Z)), -1)
    Z, labels, source = (
        np.insert(old.astype(np.result_type(old, new), copy=False), places, new, axis=0)
        for old, new in pairs
    )
    return Z, labels, source


def class_sources(is_new, first, source, old_codes):
    """Return the previous code of each class with its templates unchanged, and -1 for others.

    Parameters
    ----------
    is_new : ndarray of bool of shape (n_classes,)
        Mask of classes with templates that replace previous ones, or without previous ones.

    first : ndarray of int of shape (n_classes,)
        Number of the first row of each class.

    source : ndarray of int of shape (n_enrolled,)
        Previous numbers of the rows, and -1 for new rows.

    old_codes : ndarray of int of shape (n_enrolled_before,)
        Previous codes of the classes of the rows.
    """
    codes = np.full(len(first), -1)
    codes[~is_new] = old_codes[source[first[~is_new]]]
    return codes


def prototypes(Z, labels):
    """Compute the mean of each class; labels must be sorted."""
    first = class_starts(labels)
    total = np.add.reduceat(Z, first, axis=0, dtype=np.float64)
    return (total / np.diff(first, append=len(labels))[:, None]).astype(Z.dtype)


def update_prototypes(Z, codes, sources, old_templates):
    """Return the mean of each class: a previous one if it has a source, otherwise a new one."""
    is_new = sources < 0
    if is_new.all():
        return prototypes(Z, codes)
    templates, rows = old_templates[sources], is_new[codes]
    if is_new.any():
        templates[is_new] = prototypes(Z[rows], codes[rows])
    return templates


class NearestOthers(NamedTuple):
    """Distance of enrolled rows to the nearest template of another class, and this class."""

    distances: np.ndarray
    """Distances, (n_enrolled,); NaN if not computed."""

    codes: np.ndarray
    """Integer codes of the classes of these templates, (n_enrolled,)."""

    @classmethod
    def unknown(cls, n_rows):
        """Return no distances of a number of rows."""
        return cls(np.full(n_rows, np.nan), np.zeros(n_rows, dtype=np.intp))

    def keep(self, source, sources):
        """Return the distances that remain valid after an update, except for new templates.

        Parameters
        ----------
        source : ndarray of int of shape (n_enrolled,)
            Previous numbers of the rows, and -1 for new rows.

        sources : ndarray of int of shape (n_classes,)
            Previous codes of the classes with their templates unchanged, and -1 for others.
        """
        kept = self.unknown(len(source))
        is_old = source >= 0
        now = np.full(len(self.codes) + 1, -1)
        now[sources[sources >= 0]] = np.flatnonzero(sources >= 0)
        kept.distances[is_old] = self.distances[source[is_old]]
        kept.codes[is_old] = now[self.codes[source[is_old]]]
        kept.distances[kept.codes < 0] = np.nan
        return kept

    def update(self, rows, Z, own_codes, templates, codes, is_new, metric):
        """Return exact distances of some rows, and none of others.

        Parameters
        ----------
        rows : ndarray of int of shape (n_rows,)
            Numbers of these rows.

        Z : ndarray of shape (n_enrolled, n_components)
            Embeddings of all rows.

        own_codes : ndarray of int of shape (n_enrolled,)
            Integer codes of the classes of all rows.

        templates : ndarray of shape (n_templates, n_components)
            Templates.

        codes : ndarray of int of shape (n_templates,)
            Integer codes of the classes of the templates, sorted.

        is_new : ndarray of bool of shape (n_templates,)
            Mask of templates that known distances do not include.

        metric : str or callable
            Metric.
        """
        updated = self.unknown(len(Z))
        is_known = ~np.isnan(self.distances[rows])
        known, others = rows[is_known], rows[~is_known]
        updated.distances[known], updated.codes[known] = self.distances[known], self.codes[known]
        if len(known) and is_new.any():
            new = templates[is_new], codes[is_new]
            distances, nearest = nearest_others(Z[known], own_codes[known], *new, metric)
            closer = distances < updated.distances[known]
            updated.distances[known[closer]] = distances[closer]
            updated.codes[known[closer]] = nearest[closer]
        if len(others):
            found = nearest_others(Z[others], own_codes[others], templates, codes, metric)
            updated.distances[others], updated.codes[others] = found
        return updated
