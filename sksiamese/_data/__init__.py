"""Data: rows of arrays in memory, on disk and on devices."""
