"""Data: rows in memory, on disk and on devices."""
