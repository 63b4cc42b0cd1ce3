"""Benchmarks: README.md says how to run them and what each script measures."""
