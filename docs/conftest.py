"""Mark the pages that take long, which the second step of CI tests."""

import pytest

SLOW = ("faq.rst", "metric_learn.rst", "tutorial.rst")


def pytest_collection_modifyitems(items):
    """Mark the examples of long pages as slow."""
    for item in items:
        if item.path.parent.name == "guide" or item.path.name in SLOW:
            item.add_marker(pytest.mark.slow)
