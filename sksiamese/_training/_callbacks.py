"""Call scikit-learn's callbacks at the beginning and end of a fit and of its epochs."""


class FitCallbacks:
    """Callback contexts of a fit and of its epochs.

    Parameters
    ----------
    estimator : estimator instance
        Estimator to pass to the callbacks.

    context : CallbackContext
        Context of the fit.

    fit_data : dict
        ``X``, ``y`` and ``metadata``, as passed to ``fit``.

    attributes : callable
        ``attributes()`` returns the fitted attributes at the current state of the training.
    """

    def __init__(self, estimator, context, fit_data, attributes):
        self.estimator, self.context = estimator, context
        self.fit_data, self.attributes = fit_data, attributes
        self.epoch = None

    def begin(self):
        """Notify the callbacks that the fit begins."""
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.fit_data)

    def skip(self, n_epochs):
        """Skip the first epochs, which an interrupted fit has trained."""
        for _ in range(n_epochs):  # The numbers of the contexts are the numbers of the epochs.
            self.context.subcontext("epoch")

    def wrap_epochs(self, epochs):
        """Yield the epochs, and notify the callbacks that each of them begins."""
        for batches in epochs:
            self.epoch = self.context.subcontext("epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.fit_data)
            yield batches

    def end_epoch(self):
        """Notify the callbacks that an epoch ends, and return whether to stop."""
        return self._notify_end(self.epoch)

    def end(self):
        """Notify the callbacks that the fit ends."""
        self._notify_end(self.context)

    def _notify_end(self, context):
        return context.call_on_fit_task_end(
            estimator=self.estimator, **self.fit_data, reconstruction_attributes=self.attributes
        )
