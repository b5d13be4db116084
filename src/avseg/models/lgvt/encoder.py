"""The Swin encoder of LGVT and its five taps, which lie before the blocks of a stage, not behind them."""

from collections.abc import Sequence
from typing import NamedTuple

from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

from avseg.nn.pretrained import create_encoder

# weights of ImageNet-1k at 384 pixels; timm's default is another training
SWIN_WEIGHTS = "swin_base_patch4_window12_384.ms_in1k"


class SwinSize(NamedTuple):
    """Sizes of a Swin transformer with patches of 4 pixels; the defaults are those of Swin-B."""

    dim: int = 128
    depths: tuple[int, ...] = (2, 2, 18, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 12

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Channels of the five taps."""
        return self.dim, 2 * self.dim, 4 * self.dim, 8 * self.dim, 8 * self.dim


class SwinTaps(nn.Module):
    """Swin transformer for square images of one size, which returns what goes into its stages.

    x1 is the output of the patch embedding, x2, x3 and x4 those of the patch mergings, x5 that of the last stage,
    without a norm. x4 and x5 have the same size.
    """

    def __init__(self, image_size: int, size: SwinSize, drop_path: float) -> None:
        super().__init__()
        swin = SwinTransformer(
            img_size=image_size,
            embed_dim=size.dim,
            depths=size.depths,
            num_heads=size.heads,
            window_size=size.window,
            drop_path_rate=drop_path,
            num_classes=0,
        )
        self.patch_embed = swin.patch_embed
        self.layers = swin.layers

    def forward(self, images: Tensor) -> list[Tensor]:
        """Encode (N, 3, H, H) into five maps (N, C, h, h) of strides 4, 8, 16, 32 and 32."""
        x = self.patch_embed(images)  # (N, h, h, C)
        taps: list[Tensor] = []
        for stage in self.layers:
            x = stage.downsample(x)  # the first stage has none: an identity
            taps.append(x)
            x = stage.blocks(x)
        taps.append(x)
        return [tap.permute(0, 3, 1, 2) for tap in taps]

    def load_pretrained(self, pretrained: bool | str) -> None:
        """Load ImageNet weights: True for timm's hub or the cache folder, or the path of a file; False loads none."""
        if pretrained is False:
            return
        weights: dict[str, Tensor] = {}
        for name, tensor in create_encoder(SWIN_WEIGHTS, pretrained).state_dict().items():
            weights[to_tap_name(name)] = tensor
        self.load_state_dict({name: weights[name] for name in self.state_dict()})


def to_tap_name(name: str) -> str:
    """Rename a parameter of timm's encoder of stage maps, whose stages are siblings."""
    return name.replace("layers_", "layers.", 1)


def attention_buffers(layers: Sequence[nn.Module]) -> dict[str, Tensor]:
    """Return the tables that the official files hold and timm computes, by name below `layers`."""
    buffers: dict[str, Tensor] = {}
    for stage_number, stage in enumerate(layers):
        for block_number, block in enumerate(stage.blocks):  # type: ignore[arg-type]
            prefix = f"{stage_number}.blocks.{block_number}."
            if block.attn_mask is not None:
                buffers[prefix + "attn_mask"] = block.attn_mask
            buffers[prefix + "attn.relative_position_index"] = block.attn.relative_position_index
    return buffers
