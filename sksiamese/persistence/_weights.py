"""Load the weights of a file into an estimator with parameters of its own."""

from .._training._objective import ObjectiveSpec
from .._training._rebuild import rebuild_modules
from ._decode import Decoder, check_attributes
from ._encode import is_fitted
from ._names import name_of


def load_into(estimator, value, tensors):
    """Load fitted attributes and weights into an estimator, and return it.

    Parameters
    ----------
    estimator : estimator instance
        Estimator that trains a tower.

    value : dict
        Description of a fitted estimator of the same class.

    tensors : dict of Tensor
        Tensors by name.
    """
    kind = type(estimator)
    content = value.get("object") or {}
    if content.get("class") != name_of(kind) or "layout" not in content:
        raise ValueError(f"it has no fitted {kind.__name__}.")
    decoder, state = Decoder(tensors, set()), dict(content["state"])
    check_same_parameters(estimator, dict(state["_architecture"]["dict"]))
    attributes = {name: decoder.decode(part) for name, part in content["state"] if is_fitted(name)}
    check_attributes(kind, attributes, ())
    layout = {
        name: decoder.decode(part)
        for name, part in content["layout"]["dict"]
        if name != "objective"
    }
    fitted = kind(**estimator.get_params(deep=False))
    vars(fitted).update(attributes)
    fitted._architecture = fitted._architecture_parameters()
    fitted._optimizer = fitted.optimizer
    if "objective" in dict(content["layout"]["dict"]):
        n_components = fitted.n_components - layout["n_plain"]
        layout["objective"] = ObjectiveSpec.of(fitted, n_components)._asdict()
    weights = {name: decoder.tensor(key) for name, key in content["weights"]}
    modules = rebuild_modules(fitted, layout, weights, foreign=True)
    vars(estimator).update(vars(fitted) | modules)
    return estimator


def check_same_parameters(estimator, saved):
    """Raise if a number, text or boolean among the parameters of the network differs."""
    for name, value in saved.items():
        own = getattr(estimator, name, None)
        plain = (bool, float, int, str, type(None))
        if isinstance(own, plain) and type(value) in plain and own != value:
            raise ValueError(
                f"it has a network with {name}={value!r}, but the estimator has {name}={own!r}."
            )
