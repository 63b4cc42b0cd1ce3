"""Mark the pages that take long, which the second step of CI tests, and close their figures."""

import matplotlib.pyplot as plt
import pytest

FOLDERS = ("guide", "recipes")
SLOW = ("faq.rst", "metric_learn.rst", "tutorial.rst")


def pytest_collection_modifyitems(items):
    """Mark the examples of the guide, of the recipes and of other long pages as slow."""
    for item in items:
        if item.path.parent.name in FOLDERS or item.path.name in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def close_figures():
    """Close the figures of a page after its examples."""
    yield
    plt.close("all")
