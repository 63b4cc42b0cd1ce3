"""Load data sets, summarize runs, build tables and write reports, for all benchmarks."""
