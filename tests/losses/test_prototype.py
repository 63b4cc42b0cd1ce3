"""Test the loss of prototypical networks."""

import pytest
import torch
from sklearn.datasets import load_digits

from sksiamese import SiameseEmbedder
from sksiamese.losses import prototypical
from sksiamese.metrics import few_shot_accuracy

RNG = torch.Generator().manual_seed(0)
Z = torch.randn(30, 4, generator=RNG, dtype=torch.float64)
Y = torch.cat([torch.arange(28) % 5, torch.tensor([7, 9])])  # Two rows alone in their class.


def by_hand(Z, y, temperature):
    """Return the loss in plain loops."""
    losses = []
    for row in range(len(Z)):
        if (y == y[row]).sum() < 2:
            continue
        logits = {}
        for label in y.unique().tolist():
            members = [k for k in range(len(Z)) if y[k] == label and k != row]
            prototype = torch.stack([Z[k] for k in members]).mean(dim=0)
            logits[label] = -((Z[row] - prototype) ** 2).sum() / temperature
        total = torch.logsumexp(torch.stack([*logits.values()]), dim=0)
        losses.append(total - logits[y[row].item()])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_value_and_gradient_equal_plain_loops(temperature):
    one, other = (Z.clone().requires_grad_() for _ in range(2))
    found, expected = prototypical(one, Y, temperature=temperature), by_hand(other, Y, temperature)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_rows_that_are_alone_give_a_loss_of_zero_with_a_gradient():
    leaf = Z.clone().requires_grad_()
    loss = prototypical(leaf, torch.arange(30))
    assert loss.item() == 0
    loss.backward()
    assert not leaf.grad.any()


def test_an_embedder_learns_prototypes():
    X, y = load_digits(return_X_y=True)
    options = {"learned_weight": 1.0, "random_state": 0}
    embedder = SiameseEmbedder(32, loss="prototypical", **options).fit(X[::2], y[::2])
    episodes = {"n_way": 10, "k_shot": 5, "random_state": 0}
    plain = few_shot_accuracy(y[1::2], X[1::2], **episodes)
    assert few_shot_accuracy(y[1::2], embedder.transform(X[1::2]), **episodes) > plain + 0.05
