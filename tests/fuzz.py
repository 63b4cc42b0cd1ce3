"""Fuzz the package, and report what came of the calls.

Run ``python -m tests.fuzz --rounds 100``; a round makes the same calls at every run. Prints the
number of calls by target and outcome, then the findings, most frequent first, each with a call that
shows it: ``from tests.fuzz import repeat`` and make it. Fails if there is a finding.
"""

import argparse
import os
import re
from collections import Counter, defaultdict

os.environ["SCIPY_ARRAY_API"] = "1"

import matplotlib
import torch
from matplotlib import pyplot as plt

from tests.fuzzing import TARGETS, Call, Scene, limit_memory, run, values_of

N_CALLS = 10
"""Calls of a target in a round, times the target's factor."""

MEMORY = 12 * 2**30
"""Bytes beyond which allocations fail."""


def fuzz(names, rounds):
    """Return counts of outcomes by target, and the calls of each finding."""
    counts, findings = defaultdict(Counter), defaultdict(list)

    def report(call, outcome):
        counts[call.target][outcome.kind] += 1
        if outcome.is_finding:
            findings[call.target, outcome.kind, outcome.place].append((call, outcome.message))

    for number in rounds:
        for name in names:
            n_calls = round(N_CALLS * TARGETS[name].times)
            run(name, TARGETS[name], Scene, report, n_calls=n_calls, number=number)
            plt.close("all")
    return counts, findings


def repeat(target, seed, /, **labels):
    """Make a reported call again, without catching anything, and assert the law of its result."""
    made = TARGETS[target]
    arguments = values_of(Call(target, seed, labels), made, Scene(seed))
    made.law(made.call(**arguments), arguments)


def table(counts):
    """Return lines with the number of results, refusals and findings of each target."""
    yield f"{'target':50} {'results':>8} {'refusals':>8} {'findings':>8}"
    total = Counter()
    for name, outcomes in counts.items():
        row = Counter(
            {
                "result": outcomes["result"],
                "refusal": outcomes["refusal"],
                "finding": outcomes.total() - outcomes["result"] - outcomes["refusal"],
            }
        )
        total += row
        yield f"{name:50} {row['result']:8} {row['refusal']:8} {row['finding']:8}"
    yield f"{'total':50} {total['result']:8} {total['refusal']:8} {total['finding']:8}"


def described(findings):
    """Return lines about each finding, the most frequent first."""
    for (target, kind, place), found in sorted(findings.items(), key=lambda item: -len(item[1])):
        call, message = min(found, key=lambda pair: (len(pair[0].labels), len(str(pair[0]))))
        yield f"\n{len(found)} x {target}: {kind} at {place}"
        yield f"    {call}"
        yield f"    {' '.join(message.split())[:300]}"


def main():
    """Read the command line, fuzz, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="number of rounds")
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--match", default="", help="regular expression of targets")
    options = parser.parse_args()
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    limit_memory(MEMORY)
    names = [name for name in TARGETS if re.search(options.match, name)]
    counts, findings = fuzz(names, range(options.first, options.first + options.rounds))
    print(*table(counts), *described(findings), sep="\n")  # noqa: T201
    raise SystemExit(bool(findings))


if __name__ == "__main__":
    main()
