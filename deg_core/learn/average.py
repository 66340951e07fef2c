"""A running average of the weights, and weights that are taken for a while and given back."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def running_average(network: nn.Module, share: float) -> AveragedModel | None:
    """Keep an exponential moving average of weights and batch statistics.

    Parameters
    ----------
    network
        What is averaged, after each step.
    share
        Share of the average that a step keeps. After n steps it is (1 + n) / (10 + n) at most, or
        the first weights, which know nothing, would stay in it for long.

    Returns
    -------
    AveragedModel or None
        None if ``share`` is 0.
    """
    if share == 0:
        return None

    def blend(average: list[Tensor], weights: list[Tensor], n_steps: Tensor) -> None:
        get_ema_multi_avg_fn(share_after(int(n_steps), share))(average, weights, n_steps)

    return AveragedModel(network, multi_avg_fn=blend, use_buffers=True)


def share_after(n_steps: int, share: float) -> float:
    """Return which share of the average the next step keeps, after ``n_steps`` of them."""
    return min(share, (1 + n_steps) / (10 + n_steps))


@contextmanager
def given_back(network: nn.Module) -> Iterator[None]:
    """Give a network its present weights and batch statistics back at the end, come what may."""
    own = copy.deepcopy(network.state_dict())
    try:
        yield
    finally:
        network.load_state_dict(own)


@contextmanager
def averaged(network: nn.Module, average: AveragedModel | None) -> Iterator[None]:
    """Put the running average in the place of the weights, where there is one."""
    if average is None:
        yield
        return
    with given_back(network):
        network.load_state_dict(average.module.state_dict())
        yield
