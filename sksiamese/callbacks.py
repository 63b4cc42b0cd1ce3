"""Callbacks for long training, in the protocol of scikit-learn."""

from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from sklearn.utils._param_validation import StrOptions

from ._checks import Interval, validate_params

__all__ = ["Checkpoint"]


class Checkpoint:
    """Save checkpoints during ``fit``, and resume an interrupted ``fit`` from the last one.

    A fit that was interrupted, even by the loss of power, and is called again with the same data
    and parameters continues after the last checkpoint. The result has the same weights, to the
    last bit, as a fit without interruption.

    Parameters
    ----------
    directory : str or path
        Directory of the checkpoints. Each fit uses a folder in it, named by its data and
        parameters. It must be on a local disk or on a network disk with atomic renames.

    every_n_epochs : int or None, default=1
        Number of epochs between checkpoints, >= 1; None to use ``every_n_minutes`` only.

    every_n_minutes : float, default=None
        Minutes after which the next epoch ends with a checkpoint, > 0. By default the time does
        not matter.

    keep : int, default=1
        Number of checkpoints to keep, >= 1. If the last one is damaged, for instance by a
        defective disk, the previous one is used.

    on_interrupt : {"raise", "keep"}, default="raise"
        Effect of a keyboard interrupt: "raise" leaves the estimator unchanged, as without this
        callback; "keep" ends the fit with the weights after the last complete epoch, or the best
        ones with ``early_stopping``, and with a ``ConvergenceWarning``. The next ``fit`` resumes
        from the last checkpoint in both cases.

    See Also
    --------
    sklearn.callback.ProgressBar : Show the progress of a fit.
    sklearn.callback.ScoringMonitor : Score every epoch.

    Notes
    -----
    Pass it to ``set_callbacks`` of a :class:`~sksiamese.SiameseEmbedder`,
    :class:`~sksiamese.SiameseVerifier` or :class:`~sksiamese.SiameseRegressor`, also of one in a
    pipeline or a search. When a fit ends, its checkpoints are deleted, and an empty folder
    remains. If ``directory`` has a checkpoint of an interrupted fit of other data or parameters,
    ``fit`` raises a ValueError with the names of those that differ. It does not if a pipeline or a
    search calls it, or in a thread or a worker process, as other fits may then be in progress.

    A checkpoint contains the weights, the state of the optimizer, of all random number generators
    and of early stopping, the history and the memory of previous batches. It does not contain the
    state of other callbacks, nor variables that functions of your own keep between calls. Files
    are read by ``torch.load(..., weights_only=True)``, which does not execute code.

    Data are compared by their values, of arrays above 256 MiB by evenly spaced rows, and of rows
    read from a file by shape and dtype. Functions and classes are compared by name.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sksiamese import SiameseEmbedder
    >>> from sksiamese.callbacks import Checkpoint
    >>> X, y = load_digits(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     embedder = SiameseEmbedder(max_iter=2, random_state=0)
    ...     embedder = embedder.set_callbacks(Checkpoint(directory)).fit(X, y)
    >>> embedder.n_iter_
    2
    """

    @validate_params(
        {
            "directory": [str, Path],
            "every_n_epochs": [Interval(Integral, 1, None, closed="left"), None],
            "every_n_minutes": [Interval(Real, 0, None, closed="neither"), None],
            "keep": [Interval(Integral, 1, None, closed="left")],
            "on_interrupt": [StrOptions({"raise", "keep"})],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        every_n_epochs: int | None = 1,
        every_n_minutes: float | None = None,
        keep: int = 1,
        on_interrupt: Literal["raise", "keep"] = "raise",
    ) -> None:
        if every_n_epochs is None and every_n_minutes is None:
            raise ValueError(
                "every_n_epochs and every_n_minutes are both None, so that no checkpoint would be "
                "saved; set one of them."
            )
        self.directory = Path(directory).absolute()
        self.every_n_epochs = every_n_epochs
        self.every_n_minutes = every_n_minutes
        self.keep = keep
        self.on_interrupt = on_interrupt

    def setup(self, estimator: Any, context: Any) -> None:
        """Raise unless the estimator can save checkpoints.

        Parameters
        ----------
        estimator : estimator instance
            Estimator to fit.

        context : CallbackContext
            Context of the fit.

        Raises
        ------
        TypeError
            If the estimator is not an embedder, verifier or regressor of sksiamese.
        """
        if not hasattr(estimator, "_fit_task"):
            raise TypeError(
                f"Checkpoint cannot save a {type(estimator).__name__}; set it on the "
                "SiameseEmbedder, SiameseVerifier or SiameseRegressor inside."
            )

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing.

        Parameters
        ----------
        estimator : estimator instance
            Fitted estimator.

        context : CallbackContext
            Context of the fit.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing, as the estimator resumes before the first epoch begins.

        Parameters
        ----------
        estimator : estimator instance
            Estimator in training.

        context : CallbackContext
            Context of the fit or of an epoch.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing, as the estimator saves after the callbacks, which may end the training.

        Parameters
        ----------
        estimator : estimator instance
            Estimator in training.

        context : CallbackContext
            Context of the fit or of an epoch.
        """
