"""Load data sets, summarise runs, build tables and write reports, for all benchmarks."""

# ruff: noqa: F401
from benchmarks._common.cells import RATIO, figure, table
from benchmarks._common.figures import (
    best_threshold,
    by_turns,
    mean_of,
    of_runs,
    seconds_of,
    spread,
    summary,
    timed,
    verification,
)
from benchmarks._common.report import main, main_by_name, with_options
