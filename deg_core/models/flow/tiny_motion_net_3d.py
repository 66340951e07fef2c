"""TinyMotionNet3D: the flow generator of the paper's slow model, convolving over time, too."""

from torch import Tensor, nn

from deg_core.models.flow.blocks import SLOPE, concat_cropped, widened

# Kernel, stride and padding as (t, y, x).
_DOUBLED = {"kernel_size": (1, 4, 4), "stride": (1, 2, 2), "padding": (0, 1, 1)}
_PAIRED = {"kernel_size": (2, 3, 3), "padding": (0, 1, 1)}  # two frames to what is between them


def _activated(convolution: nn.Module) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm3d(convolution.out_channels), nn.LeakyReLU(SLOPE))


def _encode(c_in: int, c_out: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    steps = (1, stride, stride)
    return _activated(nn.Conv3d(c_in, c_out, kernel, steps, kernel // 2, bias=False))


def _pair(c_in: int, c_out: int) -> nn.Sequential:
    return _activated(nn.Conv3d(c_in, c_out, **_PAIRED, bias=False))


def _double(c_in: int, c_out: int) -> nn.Sequential:
    return _activated(nn.ConvTranspose3d(c_in, c_out, **_DOUBLED, bias=False))


def _refine(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(c_in, c_out, 3, padding=1), nn.BatchNorm3d(c_out))


def _predict(c_in: int, flow: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(c_in, flow, 3, padding=1))


class TinyMotionNet3D(nn.Module):
    """Optic flow between neighboring frames of a clip, at 1/2, 1/4 and 1/8 of its size.

    437,738 parameters at ``width`` 1, whatever the number of frames.

    Parameters
    ----------
    n_frames
        Frames per clip, T; the weights do not depend on it.
    width
        Factor on the numbers of channels.
    """

    kind = "flow"
    per_pair = 2
    pairwise = False
    # Small flow is left of large numbers that cancel here: in bfloat16 it would come out wrong.
    sensitive = ("xconv2", "predict_flow2")
    volume = True

    def __init__(self, n_frames: int = 11, *, width: float = 1.0) -> None:
        super().__init__()
        c16, c32, c64 = widened(width, 16, 32, 64)
        flow = self.per_pair
        self.n_frames, self.channels = n_frames, flow * (n_frames - 1)
        self.conv1 = _encode(3, c16, 7)
        self.conv2 = _encode(c16, c32, 5, stride=2)
        self.conv3 = _encode(c32, c64, 3, stride=2)
        self.conv4 = _encode(c64, c32, 3, stride=2)
        self.conv5 = _pair(c32, c32)
        self.predict_flow4 = _predict(c32, flow)
        self.upsampled_flow4_to_3 = nn.ConvTranspose3d(flow, flow, **_DOUBLED)
        self.iconv3 = _pair(c64, c64)
        self.deconv3 = _double(c32, c32)
        self.xconv3 = _refine(c64 + c32 + flow, c32)
        self.predict_flow3 = _predict(c32, flow)
        self.upsampled_flow3_to_2 = nn.ConvTranspose3d(flow, flow, **_DOUBLED)
        self.iconv2 = _pair(c32, c32)
        self.deconv2 = _double(c32, c16)
        self.xconv2 = _refine(c32 + c16 + flow, c16)
        self.predict_flow2 = _predict(c16, flow)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict flow.

        Parameters
        ----------
        clip
            (N, T, 3, H, W) float32, normalised; T of 2 or more.

        Returns
        -------
        tuple of Tensor
            (N, 2(T-1), h, w) at 1/2, 1/4, 1/8 of H and W; channels 2i and 2i+1 are dx and dy
            from frame i to frame i+1, in pixels of that map.
        """
        conv2 = self.conv2(self.conv1(clip.transpose(1, 2)))  # (N, C, T, H/2, W/2)
        conv3 = self.conv3(conv2)
        x = self.conv5(self.conv4(conv3))  # (N, C, T-1, H/8, W/8)
        flow4 = self.predict_flow4(x)
        up = self.upsampled_flow4_to_3(flow4) * 2  # pixels of a map twice as large
        x = self.xconv3(concat_cropped(self.iconv3(conv3), self.deconv3(x), up))
        flow3 = self.predict_flow3(x)
        up = self.upsampled_flow3_to_2(flow3) * 2
        x = self.xconv2(concat_cropped(self.iconv2(conv2), self.deconv2(x), up))
        return _pair_by_pair(self.predict_flow2(x)), _pair_by_pair(flow3), _pair_by_pair(flow4)


def _pair_by_pair(flow: Tensor) -> Tensor:
    return flow.transpose(1, 2).flatten(1, 2)  # (N, 2, T-1, h, w) to (N, 2(T-1), h, w)
