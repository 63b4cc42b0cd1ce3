"""Mark the long pages, which the second step of CI tests."""

import pytest


def pytest_collection_modifyitems(items):
    """Mark the examples of long pages as slow."""
    for item in items:
        if item.path.name in ("metric_learn.rst", "user_guide.rst"):
            item.add_marker(pytest.mark.slow)
