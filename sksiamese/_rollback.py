"""Fits that reach their end or change nothing."""

from contextlib import contextmanager


@contextmanager
def restore_on_error(estimator):
    """Take back what a fit has set on the estimator if it does not reach its end."""
    before = {name: value for name, value in vars(estimator).items() if name.endswith("_")}
    try:
        yield
    except BaseException:
        for name in [name for name in vars(estimator) if name.endswith("_")]:
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
