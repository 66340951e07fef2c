"""Networks that torch compiles, where that is asked for (`deg_core.learn.device.compiles`)."""

import torch
from torch import Tensor, nn

from deg_core.progress import log


class Compiled(nn.Module):
    """A network that only answers, compiled for the largest shape of input that comes repeatedly.

    A shape that comes for the first time goes through the network as it is: it may be that of a
    stretch of frames shorter than a batch. So do shapes smaller than a compiled one, as that of a
    video's last batch, for compiling takes longer than they do. Where compiling fails, that is
    said, and it is not tried again.

    Parameters
    ----------
    network
        In eval mode.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: set[torch.Size] = set()
        self.compiled: set[torch.Size] = set()
        self.failed = False
        self.fast = torch.compile(network, dynamic=False)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Compute as the network does."""
        if x.shape in self.compiled:
            return self.fast(x)
        if self._pays(x.shape):
            try:
                answer = self.fast(x)
            except RuntimeError as error:  # what torch and its compilers raise
                log(f"not compiled ({str(error).splitlines()[0]}); computing without")
                self.failed = True
            else:
                self.compiled.add(x.shape)
                return answer
        self.seen.add(x.shape)
        return self.network(x)

    def _pays(self, shape: torch.Size) -> bool:
        """Tell whether a shape that is not compiled is worth the time that it takes."""
        largest = max((known.numel() for known in self.compiled), default=0)
        return not self.failed and shape in self.seen and shape.numel() > largest
