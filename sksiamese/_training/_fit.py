"""Create the optimizer of a fit, and the batches of its epochs."""

import copy

import torch


def new_optimizer(module, *, learning_rate, weight_decay, state):
    """Return AdamW for the weights of a module, with the state of a previous optimizer."""
    if not any(weight.requires_grad for weight in module["tower"].parameters()):
        raise ValueError("tower has no weights to train; pass another tower.")
    optimizer = torch.optim.AdamW(
        parameter_groups(module), lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    settings = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": copy.deepcopy(state), "param_groups": settings})
    return optimizer


def parameter_groups(module):
    """Return the weights to train, grouped by the factor of their learning rate."""
    factor_of = dict.fromkeys(module.parameters(), 1.0)
    for part in module.modules():
        if hasattr(part, "learning_rate_factor"):
            factor_of.update(dict.fromkeys(part.parameters(), part.learning_rate_factor))
    groups = {}
    for weight, factor in factor_of.items():
        if weight.requires_grad:
            groups.setdefault(factor, []).append(weight)
    return [{"params": weights, "factor": factor} for factor, weights in groups.items()]


def optimizer_state(optimizer):
    """Return a copy of the moments of an optimizer, on the CPU."""
    return {
        parameter: {name: value.detach().cpu().clone() for name, value in moments.items()}
        for parameter, moments in optimizer.state_dict()["state"].items()
    }


def schedule(task, rows, optimizer, *, learning_rate, max_iter, seed):
    """Yield the batches of each epoch, and decrease the learning rate linearly toward zero."""
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(max_iter):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * group["factor"] * (1 - epoch / max_iter)
        yield task.batches(rows, epoch, generator)
