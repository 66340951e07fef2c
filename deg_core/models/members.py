"""Several networks side by side in place of one: what they agree on holds for new videos, too."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Members(nn.Module):
    """Backbones that see the same, each with features of its own.

    Parameters
    ----------
    build
        Makes one backbone; called once for each, so that all start from other weights.
    number
        How many, M.
    """

    def __init__(self, build: Callable[[], nn.Module], number: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(build() for _ in range(number))
        self.length = sum(member.length for member in self.members)

    def forward(self, x: Tensor) -> Tensor:
        """Map what a backbone takes to the features of all, (N, M * D)."""
        return torch.cat([member(x) for member in self.members], dim=1)


class MeanHead(nn.Module):
    """A last layer for each member; the answer is their mean.

    Parameters
    ----------
    build
        Makes the last layer of one member, from D features to K logits.
    number
        How many members, M.
    """

    def __init__(self, build: Callable[[], nn.Module], number: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(build() for _ in range(number))

    def forward(self, x: Tensor) -> Tensor:
        """Map the features of all members, (N, M * D), to logits.

        Returns
        -------
        Tensor
            (N, K); in train mode (N, K, M), what each member says: each is to learn by itself, as
            together they would only mend each other's mistakes on the training videos.
        """
        parts = x.chunk(len(self.members), dim=1)
        said = [member(part) for member, part in zip(self.members, parts, strict=True)]
        answers = torch.stack(said, dim=-1)
        return answers if self.training else answers.mean(-1)
