"""TinyMotionNet: the small flow generator."""

from torch import Tensor, nn

from deg_core.models.flow.blocks import (
    concat_cropped,
    conv_block,
    predictor,
    up_block,
    upsampler,
    widened,
)


class TinyMotionNet(nn.Module):
    """Optic flow between neighboring frames of a clip, at 1/2, 1/4 and 1/8 of its size.

    Layer sizes follow the paper's small flow generator (Bohnslav et al. 2021, after Zhu et
    al. 2018): 1,951,784 parameters at ``width`` 1 and 11 frames.

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
        c64, c128, c256 = widened(width, 64, 128, 256)
        flow = self.per_pair * (n_frames - 1)
        self.n_frames, self.channels = n_frames, flow
        self.conv1 = conv_block(3 * n_frames, c64, 7)
        self.conv2 = conv_block(c64, c128, 5, stride=2)
        self.conv3 = conv_block(c128, c256, 3, stride=2)
        self.conv4 = conv_block(c256, c128, 3, stride=2)
        self.predict_flow4 = predictor(c128, flow)
        self.upsampled_flow4_to_3 = upsampler(flow)
        self.deconv3 = up_block(c128, c128)
        self.xconv3 = conv_block(c256 + c128 + flow, c128, 3, active=False)
        self.predict_flow3 = predictor(c128, flow)
        self.upsampled_flow3_to_2 = upsampler(flow)
        self.deconv2 = up_block(c128, c64)
        self.xconv2 = conv_block(c128 + c64 + flow, c64, 3, active=False)
        self.predict_flow2 = predictor(c64, flow)

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
        x = self.conv1(clip.flatten(1, 2))  # (N, 3T, H, W): frame by frame, RGB within
        conv2 = self.conv2(x)
        conv3 = self.conv3(conv2)
        conv4 = self.conv4(conv3)
        flow4 = self.predict_flow4(conv4)
        up = self.upsampled_flow4_to_3(flow4) * 2  # pixels of a map twice as large
        x = self.xconv3(concat_cropped(conv3, self.deconv3(conv4), up))
        flow3 = self.predict_flow3(x)
        up = self.upsampled_flow3_to_2(flow3) * 2
        x = self.xconv2(concat_cropped(conv2, self.deconv2(x), up))
        return self.predict_flow2(x), flow3, flow4
