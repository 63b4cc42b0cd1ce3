"""Data sets, figures, tables and reports of all benchmarks."""
