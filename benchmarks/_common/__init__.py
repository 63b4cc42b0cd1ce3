"""Load data sets, summarise runs, build tables and write reports, for all benchmarks."""
