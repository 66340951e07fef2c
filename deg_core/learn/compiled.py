"""Networks that torch compiles, where that is asked for (`deg_core.learn.device.compiles`)."""

import torch
from torch import Tensor, nn

from deg_core.progress import log


class Compiled(nn.Module):
    """A network that only answers, compiled for the first shape of input that it gets.

    Other shapes, as that of a video's last batch, go through the network as it is, for compiling
    takes longer than they do; so does everything where compiling fails, and that is said.

    Parameters
    ----------
    network
        In eval mode.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.shape: torch.Size | None = None
        self.fast = torch.compile(network, dynamic=False)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Compute as the network does."""
        if self.shape is None:
            self.shape = x.shape
            try:
                return self.fast(x)
            except RuntimeError as error:  # what torch and its compilers raise
                log(f"not compiled ({str(error).splitlines()[0]}); computing without")
                self.fast = self.network
        return self.fast(x) if x.shape == self.shape else self.network(x)
