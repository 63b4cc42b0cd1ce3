"""Restoration of fitted attributes after a failed fit."""

from contextlib import contextmanager


@contextmanager
def restore_on_error(estimator):
    """Restore the fitted attributes of an estimator if an error is raised."""
    before = {name: value for name, value in vars(estimator).items() if name.endswith("_")}
    try:
        yield
    except BaseException:
        for name in [name for name in vars(estimator) if name.endswith("_")]:
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
