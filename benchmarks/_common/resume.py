"""Keep the figures of a long benchmark in a file, so that an interrupted run can be resumed."""

import json
from pathlib import Path


def resume(path, cases, measure):
    """Return the figures of all cases; measure only those that a file lacks.

    Parameters
    ----------
    path : str
        File to read, and to append each new case to, as a line of JSON; "" for none.

    cases : list of tuple
        Arguments of ``measure``: strings and integers.

    measure : callable
        Returns the figures of a case, a dict.

    Returns
    -------
    found : dict of dict
        Figures by case.
    """
    lines = Path(path).read_text().splitlines() if path and Path(path).exists() else []
    found = {tuple(case): figures for case, figures in map(json.loads, lines)}
    for case in cases:
        if case not in found:
            found[case] = measure(*case)
            if path:
                with Path(path).open("a") as file:
                    file.write(json.dumps([case, found[case]]) + "\n")
    return {case: found[case] for case in cases}
