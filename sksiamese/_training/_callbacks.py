"""scikit-learn's callbacks around a fit and its epochs."""


class FitCallbacks:
    """The contexts of a fit and of its epochs.

    Parameters
    ----------
    estimator : estimator instance
        Passed on to the callbacks.

    context : CallbackContext
        scikit-learn's context of the fit.

    fit_data : dict
        ``X``, ``y`` and ``metadata`` as passed to fit.

    attributes : callable
        ``attributes()`` returns the fitted attributes of the estimator if it stopped now.
    """

    def __init__(self, estimator, context, fit_data, attributes):
        self.estimator, self.context = estimator, context
        self.fit_data, self.attributes = fit_data, attributes
        self.epoch = None

    def begin(self):
        """Notify the callbacks that the fit begins."""
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.fit_data)

    def wrap_epochs(self, epochs):
        """Pass on the epochs, and notify the callbacks of the beginning of each."""
        for batches in epochs:
            self.epoch = self.context.subcontext("epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.fit_data)
            yield batches

    def end_epoch(self):
        """Notify the callbacks that an epoch ends, and return whether one asks to stop."""
        return self._notify_end(self.epoch)

    def end(self):
        """Notify the callbacks that the fit ends."""
        self._notify_end(self.context)

    def _notify_end(self, context):
        return context.call_on_fit_task_end(
            estimator=self.estimator, **self.fit_data, reconstruction_attributes=self.attributes
        )
