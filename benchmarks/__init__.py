"""Benchmarks, see README.md."""
