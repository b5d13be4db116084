"""TPAVI: temporal pixel-wise audio-visual interaction (AVS, ECCV 2022, section 4.2, equation 2), in linear time.

The published block is a non-local block in the dot-product mode: with theta and g of the visual map x and phi of the
sound, all (N, C') for N = T*H*W positions, it computes y = (theta phi^T / N) g, an (N, N) product. Without a softmax
the product is associative, and y = theta (phi^T g / N) is a (C', C') product: the same values up to rounding, with
memory and time linear in N.

What follows the sum is linear too, so the block is one (C, C) matrix of each clip, computed from its sound, times x.

The sum over all positions of the clip also makes the published block independent of *when* a sound occurs: y_t mixes
the sound of all frames equally. `scope="frame"` sums within each frame only, y_t = theta(x_t) (phi(a_t)^T g(x_t)) /
(H*W), with the same parameters and the same cost. A `window` of n frames is between the two: each n consecutive
frames are a clip of their own. The official AVSS model cuts its clips of 10 frames so, n = 5.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.nn.cpu_kernels import batched_linear, linear

MODES = ("audio", "visual", "both")
SCOPES = ("clip", "frame")


class PointwiseConv(nn.Linear):
    """A 1x1x1 convolution on channels-last data, as one matrix product; (..., in) to (..., out).

    The weight is (out, in), since `Module.to(memory_format=torch.channels_last)` refuses five dimensions; an official
    weight (out, in, 1, 1, 1) loads as well.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        return linear(x, self.weight, self.bias)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        key = f"{prefix}weight"
        if key in state_dict and state_dict[key].ndim == 5:
            state_dict[key] = state_dict[key].flatten(1)
        super()._load_from_state_dict(state_dict, prefix, *args)


class TPAVI(nn.Module):
    """Let every pixel of a clip attend to its sound, to the clip's pixels, or to both.

    Parameter names are the official ones, so that an official block's state dict loads as it is.
    """

    def __init__(
        self,
        channels: int,  # C of the visual map; the inner width C' is C/2
        mode: str = "audio",  # the paper's; "visual" (self-attention); or "both" (mean of the two, one shared block)
        scope: str = "clip",  # "clip" (the paper's) or "frame" (each frame attends to its own sound or pixels)
        audio_channels: int = 128,  # length of one second's sound embedding
        *,
        audio_bias: bool = True,  # the sound's projection has a bias (the AVSS variant has none)
        window: int | None = None,  # frames that see each other in the scope "clip"; None for all
    ) -> None:
        super().__init__()
        self.mode = mode
        self.scope = scope
        self.window = 1 if scope == "frame" else window
        inner = max(channels // 2, 1)
        self.align_channel = nn.Linear(audio_channels, channels, bias=audio_bias)
        self.norm_layer = nn.LayerNorm(channels)
        self.g = PointwiseConv(channels, inner)
        self.theta = PointwiseConv(channels, inner)
        self.phi = PointwiseConv(channels, inner)
        self.W_z = nn.Sequential(PointwiseConv(inner, channels), nn.BatchNorm3d(channels))
        for parameter in self.W_z[1].parameters():
            nn.init.zeros_(parameter)  # the block starts as LayerNorm(x)
        if mode == "visual":  # unused, kept only because official state dicts carry it
            self.align_channel.requires_grad_(False)

    def forward(self, x: Tensor, audio: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Fuse the sound (B, T, `audio_channels`), which the mode "visual" does not read, into x (B, C, T, H, W).

        Returns:
            the map (B, C, T, H, W), and the sound at the channels of the map (B, T, C), None in the mode "visual".
        """
        x = x.permute(0, 2, 3, 4, 1)  # (B, T, H, W, C)
        outputs: list[Tensor] = []
        projected = None
        if self.mode in ("visual", "both"):
            outputs.append(self._attend(x, self.phi(x), self.g(x)))
        if self.mode in ("audio", "both"):
            projected = self.align_channel(audio)  # (B, T, C)
            # phi(a) is the same for every pixel of a frame, so g may be averaged over the frame first: (B, T, 1, 1, C')
            keys = self.phi(projected)[:, :, None, None]
            outputs.append(self._attend(x, keys, self._frame_mean_of_g(x)))
        output = outputs[0] if len(outputs) == 1 else (outputs[0] + outputs[1]) / 2
        return output.permute(0, 4, 1, 2, 3), projected  # (B, C, T, H, W)

    def _frame_mean_of_g(self, x: Tensor) -> Tensor:
        """Average g(x) over each frame, (B, T, 1, 1, C'); g is linear, so it is applied to the mean of x."""
        with torch.autocast(x.device.type, enabled=False):
            mean = x.mean((2, 3), keepdim=True, dtype=_at_least_float32(x))  # (B, T, 1, 1, C)
            return F.linear(mean, self.g.weight.to(mean), self.g.bias.to(mean))

    def _attend(self, x: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """Compute Norm(x + BN(mu(theta(x) phi^T g / N))) for x, phi and g (B, T, H, W, C or C'), window by window."""
        updates: list[Tensor] = []
        for pixels, keys, values in zip(self._windows(x), self._windows(phi), self._windows(g), strict=True):
            update = self._read(pixels.flatten(1, 3), _context(keys, values))  # (windows, n * H * W, C)
            frames = len(pixels) * pixels.shape[1] // max(len(x), 1)
            updates.append(update.reshape(len(x), frames or x.shape[1], *x.shape[2:]))  # (B, frames, H, W, C)
        total = updates[0] if len(updates) == 1 else torch.cat(updates, dim=1)  # (B, T, H, W, C)
        total = self.W_z[1](total.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)  # BatchNorm3d wants (B, C, T, H, W)
        fused: Tensor = self.norm_layer(x + total)
        return fused

    def _windows(self, x: Tensor) -> list[Tensor]:
        """Cut (B, T, ...) into frames that see each other, (B * windows, n, ...); a shorter rest comes separately."""
        length = x.shape[1]
        window = min(self.window or length, length)
        remainder = length % window
        pieces = [x[:, : length - remainder].unflatten(1, (-1, window)).flatten(0, 1)]  # type: ignore[no-untyped-call]
        if remainder:
            pieces.append(x[:, length - remainder :])
        return pieces

    def _read(self, pixels: Tensor, context: Tensor) -> Tensor:
        """Compute mu(theta(x) context) of pixels (windows, N, C), with theta, context and mu as one matrix."""
        mu: Any = self.W_z[0]
        with torch.autocast(pixels.device.type, enabled=False):
            read = mu.weight.to(context) @ context.mT  # (windows, C, C')
            matrix = read @ self.theta.weight.to(context)  # (windows, C, C)
            bias = read @ self.theta.bias.to(context) + mu.bias.to(context)  # (windows, C)
        return batched_linear(pixels, matrix, bias)


def _context(phi: Tensor, g: Tensor) -> Tensor:
    """Compute phi^T g / N, (windows, C', C'), of all N positions of each window (windows, n, H, W, C')."""
    # 16-bit sums over thousands of positions would lose the small terms
    with torch.autocast(phi.device.type, enabled=False):
        keys = phi.flatten(1, 3).to(_at_least_float32(phi))  # (windows, N, C')
        values = g.flatten(1, 3).to(_at_least_float32(g))
        return keys.mT @ values / keys.shape[-2]


def _at_least_float32(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
