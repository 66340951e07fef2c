"""MotionNet: the flow generator of the paper's medium model."""

from torch import Tensor, nn

from deg_core.models.flow.blocks import (
    concat_cropped,
    conv_block,
    predictor,
    up_block,
    upsampler,
    widened,
)


class MotionNet(nn.Module):
    """Optic flow between neighboring frames of a clip, at 1/2, 1/4 and 1/8 of its size.

    After Zhu et al. 2018: an encoder of six levels, and a decoder that predicts flow at each level
    and refines it with what it sees there; 45,882,896 parameters at ``width`` 1 and 11 frames.

    Parameters
    ----------
    n_frames
        Frames per clip, T.
    width
        Factor on the numbers of channels.
    """

    kind = "flow"
    per_pair = 2
    pairwise = False
    # Small flow is left of large numbers that cancel here: in bfloat16 it would come out wrong.
    sensitive = ("xconv2", "predict_flow2")
    volume = False

    def __init__(self, n_frames: int = 11, *, width: float = 1.0) -> None:
        super().__init__()
        c64, c128, c256, c512, c1024 = widened(width, 64, 128, 256, 512, 1024)
        flow = self.per_pair * (n_frames - 1)
        self.n_frames, self.channels = n_frames, flow
        before = 3 * n_frames
        encoder = (c64, c128, c256, c512, c512, c1024)
        for level, after in enumerate(encoder, start=1):
            stride = 1 if level == 1 else 2
            self.add_module(f"conv{level}", conv_block(before, after, 3, stride=stride))
            self.add_module(f"conv{level}_1", conv_block(after, after, 3))
            before = after
        self.predict_flow6 = predictor(c1024, flow)
        joined = c1024  # channels of what the level below hands up
        for level, after in ((5, c512), (4, c256), (3, c128), (2, c64)):
            self.add_module(f"upsampled_flow{level + 1}_to_{level}", upsampler(flow))
            self.add_module(f"deconv{level}", up_block(joined, after))
            joined = encoder[level - 1] + after + flow
            self.add_module(f"xconv{level}", conv_block(joined, after, 3, active=False))
            self.add_module(f"predict_flow{level}", predictor(after, flow))
        self.apply(_initialise)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict flow.

        Parameters
        ----------
        clip
            (N, T, 3, H, W) float32, normalised.

        Returns
        -------
        tuple of Tensor
            (N, 2(T-1), h, w) at 1/2, 1/4, 1/8 of H and W; channels 2i and 2i+1 are dx and dy
            from frame i to frame i+1, in pixels of that map.
        """
        x = clip.flatten(1, 2)  # (N, 3T, H, W): frame by frame, RGB within
        seen = {}
        for level in range(1, 7):
            x = self._at("conv{}_1", level)(self._at("conv{}", level)(x))
            seen[level] = x
        flows = {6: self.predict_flow6(x)}
        for level in (5, 4, 3, 2):
            up = self._at(f"upsampled_flow{level + 1}_to_{{}}", level)(flows[level + 1]) * 2
            # The next level starts from everything joined here, not from what xconv makes of it.
            x = concat_cropped(seen[level], self._at("deconv{}", level)(x), up)
            flows[level] = self._at("predict_flow{}", level)(self._at("xconv{}", level)(x))
        return flows[2], flows[3], flows[4]

    def _at(self, name: str, level: int) -> nn.Module:
        return self.get_submodule(name.format(level))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.uniform_(module.bias)
