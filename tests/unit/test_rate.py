"""The learning rate over a training; what a plateau does to one is in test_fit."""

import pytest
import torch

from deg_core.learn.rate import cosine, is_at_bottom, plateau
from deg_core.settings import TrainSettings


def test_a_cosine_rises_and_falls():
    # A twentieth of 4000 steps would be 200; the rise is 100 long at most.
    assert cosine(0, 4000) == pytest.approx(0.01)
    assert cosine(49, 4000) == pytest.approx(0.5)
    assert cosine(2000, 4000) == pytest.approx(0.5)
    assert cosine(1000, 4000) == pytest.approx(0.5 * (1 + 0.5**0.5))
    assert cosine(3999, 4000) == 1e-3  # it does not end at nothing


def test_a_cosine_over_a_single_step_is_the_whole_rate():
    assert cosine(0, 1) == 1.0


@pytest.mark.parametrize(("direction", "metrics"), [("higher", (2, 1, 1)), ("lower", (1, 2, 2))])
def test_a_plateau_ends_at_the_bottom(direction, metrics):
    settings = TrainSettings(lr=1e-3, patience=1, reduction_factor=0.1, min_lr=1e-4)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.lr)
    schedule, rates = plateau(optimizer, settings, direction), []
    for metric in metrics:
        optimizer.step()
        schedule.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4])
    assert [is_at_bottom(rate, settings) for rate in rates] == [False, False, True]
