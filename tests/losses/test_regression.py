"""Test losses of pairs with numbers against plain loops."""

import math
from functools import partial

import pytest
import torch

from sksiamese.losses import REGRESSION_LOSSES, angle, cosent, squared_error

torch.manual_seed(0)
SCORE, Y = torch.randn(9, dtype=torch.float64), torch.randint(4, (9,)).double()
WEIGHT = torch.rand(9, dtype=torch.float64)
A, B = torch.randn(2, 9, 6, dtype=torch.float64)


def ranking(score, y, weight, scale):
    """Return the CoSENT loss by a loop."""
    total = 1.0
    for i in range(len(y)):
        for j in range(len(y)):
            if y[i] < y[j]:
                total += weight[i] * weight[j] * math.exp(scale * (score[i] - score[j]))
    return math.log(total)


def angle_similarity(a, b):
    """Return the similarity of AnglE of two complex vectors of unit length, by a loop."""
    z, w = (torch.complex(*v.tensor_split(2)) / v.norm() for v in (a, b))
    quotients = [one * other.conj() for one, other in zip(z.tolist(), w, strict=True)]
    return abs(sum(q.real.item() + q.imag.item() for q in quotients))


def test_squared_error_is_the_weighted_mean():
    expected = sum(w * (s - t) ** 2 for s, t, w in zip(SCORE, Y, WEIGHT, strict=True))
    torch.testing.assert_close(squared_error(SCORE, Y, WEIGHT), expected / WEIGHT.sum())


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_cosent_equals_a_loop(scale):
    ours = cosent(SCORE, Y, WEIGHT, scale=scale).item()
    assert ours == pytest.approx(ranking(SCORE, Y, WEIGHT, scale))


def test_angle_equals_a_loop():
    both = [
        ranking([angle_similarity(a, b) for a, b in zip(*sides, strict=True)], Y, WEIGHT, 3.0)
        for sides in ((A, B), (B, A))
    ]
    expected = ranking(SCORE, Y, WEIGHT, 1.0) + sum(both) / 2
    assert angle(SCORE, Y, WEIGHT, A, B, angle_scale=3.0).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", REGRESSION_LOSSES)
def test_losses_have_correct_gradients_and_count_weights_as_copies(name):
    loss = REGRESSION_LOSSES[name]
    parts = (A, B) if name == "angle" else ()
    score, A_, B_ = (part.clone().requires_grad_() for part in (SCORE, A, B))
    inputs = (score, A_, B_) if parts else (score,)
    assert torch.autograd.gradcheck(lambda s, *Z: loss(s, Y, WEIGHT, *Z), inputs)
    copies = torch.randint(3, (9,))
    repeated = [part.repeat_interleave(copies, dim=0) for part in (SCORE, Y, *parts)]
    ones = torch.ones(len(repeated[0]), dtype=torch.float64)
    torch.testing.assert_close(
        loss(SCORE, Y, copies.double(), *parts), loss(*repeated[:2], ones, *repeated[2:])
    )


@pytest.mark.parametrize("loss", [cosent, partial(angle, A=A, B=B)])
def test_equal_targets_leave_nothing_to_rank(loss):
    score = SCORE.clone().requires_grad_()
    value = loss(score, torch.ones_like(Y), WEIGHT)
    assert value.item() == 0
    value.backward()
    assert (score.grad == 0).all()


@pytest.mark.parametrize(
    ("loss", "name"), [(cosent, "scale"), (partial(angle, A=A, B=B), "angle_scale")]
)
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "1"])
def test_scales_must_be_positive(loss, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number > 0"):
        loss(SCORE, Y, WEIGHT, **{name: value})


def test_angle_accepts_an_odd_number_of_components():
    padded = torch.nn.functional.pad(A[:, :5], (0, 1)), torch.nn.functional.pad(B[:, :5], (0, 1))
    expected = angle(SCORE, Y, WEIGHT, *padded)
    torch.testing.assert_close(angle(SCORE, Y, WEIGHT, A[:, :5], B[:, :5]), expected)
