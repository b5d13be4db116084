"""The AVS model: visual encoder, neck, TPAVI on chosen stages, decoder (AVS, ECCV 2022, section 4)."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from avseg.models.avs.decoder import Decoder
from avseg.models.avs.neck import Neck
from avseg.models.avs.tpavi import MODES, SCOPES, TPAVI
from avseg.nn.backbone import Backbone
from avseg.nn.cpu_kernels import use_fast_products
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

STAGES = (1, 2, 3, 4)
AVSS_WINDOW = 5  # frames that see each other in the official model of several classes


class AVSOutput(NamedTuple):
    """Logits (B, T, K, H, W), and the maps that the mapping loss reads, stage 1 first.

    `visual_maps` are four maps (B, T, C, h, w) after TPAVI and ReLU; `audio_maps` the sound at the channels of each map
    (B, T, C), None where no sound was read.
    """

    logits: Tensor
    visual_maps: list[Tensor]
    audio_maps: list[Tensor | None]


class AVSModel(nn.Module):
    """Segment the sounding objects of a clip from its frames and one sound embedding per frame.

    Any number of frames, any size that is a multiple of 32.

    Raises:
        UserError: an unknown backbone, stage, mode or scope, or weights that are not available.
    """

    def __init__(
        self,
        backbone: str = "resnet50",  # a timm model with strides 4 to 32
        fusion_stages: Sequence[int] = STAGES,  # that carry TPAVI, 1 (stride 4) to 4 (stride 32); empty for none
        fusion_mode: str = "audio",  # "audio" (the paper's), "visual" (self-attention), "both" (their mean)
        fusion_scope: str = "clip",  # the paper's, or "frame" (each frame attends only to its own sound)
        channels: int = 256,  # channels after the neck
        pretrained: bool | str = False,  # weights of the backbone, see `Backbone`
        num_classes: int = 1,  # sounding or not; 71 for AVSS, whose sound projection has no bias
        audio_channels: int = 128,  # length of a sound embedding, 128 for VGGish
        # frames that see each other in the scope "clip", None for all; "auto": 5 for several classes, as officially
        fusion_window: int | Literal["auto"] | None = "auto",
    ) -> None:
        super().__init__()
        self.fusion_stages = _checked_stages(fusion_stages)
        check_choice("fusion_mode", fusion_mode, MODES)
        check_choice("fusion_scope", fusion_scope, SCOPES)
        window = _checked_window(fusion_window, num_classes)
        self.backbone = Backbone(backbone, pretrained)
        use_fast_products(self.backbone)
        self.neck = nn.ModuleList(Neck(stage_channels, channels) for stage_channels in self.backbone.channels)
        self.tpavi = nn.ModuleDict()
        for stage in self.fusion_stages:
            self.tpavi[str(stage)] = TPAVI(
                channels, fusion_mode, fusion_scope, audio_channels, audio_bias=num_classes == 1, window=window
            )
        self.decoder = Decoder(channels, num_classes)

    def forward(
        self, frames: Tensor, audio: Tensor, valid: Tensor | None = None, decode_mask: Tensor | None = None
    ) -> AVSOutput:
        """Segment clips: frames (B, T, 3, H, W) normalised as by `avseg.nn.normalise`, audio (B, T, `audio_channels`).

        `valid` and `decode_mask` are those of `decode`. H or W that is not a multiple of 32 is a `UserError`.
        """
        features = self.encode(blank_padding(frames, valid))
        return self.decode(features, audio, valid=valid, decode_mask=decode_mask)

    def encode(self, frames: Tensor) -> list[Tensor]:
        """Encode frames (B, T, 3, H, W) into four maps (B, T, C, h, w), independent of the sound.

        Padded frames count in the encoder's batch norm: give them as zeros (`blank_padding`), as officially.
        """
        height, width = frames.shape[-2:]
        if height % 32 or width % 32:
            raise UserError(
                f"frames: height and width must be multiples of 32, got {height}x{width}; "
                f"resize to {max(32, round(height / 32) * 32)}x{max(32, round(width / 32) * 32)}"
            )
        stages = self.backbone(frames.flatten(0, 1))  # four maps (B * T, C_stage, h, w)
        return [neck(stage).unflatten(0, frames.shape[:2]) for neck, stage in zip(self.neck, stages, strict=True)]

    def decode(
        self,
        features: Sequence[Tensor],
        audio: Tensor,
        size: tuple[int, int] | None = None,
        valid: Tensor | None = None,
        decode_mask: Tensor | None = None,
    ) -> AVSOutput:
        """Fuse the sound and decode; `features` are not changed, so they can be decoded with several sounds.

        Args:
            features: the four maps of `encode`.
            audio: sound embeddings (B, T, `audio_channels`).
            size: height and width of the logits; None for the size of the frames.
            valid: (B, T), false for padded frames (AVSS: every map and the sound of such a frame are blanked), or None.
            decode_mask: (B, T) bool, the frames to decode; the logits of the others are zeros. None for all. S4's
                losses read the first frame only, and the decoder processes each frame alone: skip the rest.
        """
        audio = blank_padding(audio, valid)
        visual_maps: list[Tensor] = []
        audio_maps: list[Tensor | None] = []
        for stage, feature in zip(STAGES, features, strict=True):
            fused, audio_map = self._fuse(stage, blank_padding(feature, valid), audio)
            visual_maps.append(F.relu(blank_padding(fused, valid)))  # (B, T, C, h, w)
            audio_maps.append(audio_map)  # (B, T, C)
        logits = self._decode_frames([visual_map.flatten(0, 1) for visual_map in visual_maps], decode_mask)
        if size is not None and tuple(size) != tuple(logits.shape[-2:]):
            logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        logits = logits.unflatten(0, audio.shape[:2])  # type: ignore[no-untyped-call]  # (B, T, K, H, W)
        # the decoder processes each frame alone: blanking its output is the same as blanking after each of its paths
        return AVSOutput(blank_padding(logits, valid), visual_maps, audio_maps)

    def _decode_frames(self, maps: list[Tensor], decode_mask: Tensor | None) -> Tensor:
        """Decode four maps (B * T, C, h, w) into logits (B * T, K, H, W), zeros where `decode_mask` is false."""
        if decode_mask is None:
            logits: Tensor = self.decoder(maps)
            return logits
        selected = decode_mask.flatten().bool()
        decoded: Tensor = self.decoder([stage_map[selected] for stage_map in maps])  # (selected, K, H, W)
        return decoded.new_zeros(len(selected), *decoded.shape[1:]).index_put((selected,), decoded)

    def _fuse(self, stage: int, feature: Tensor, audio: Tensor) -> tuple[Tensor, Tensor | None]:
        if stage not in self.fusion_stages:
            return feature, None
        # TPAVI takes and returns (B, C, T, h, w)
        fused, audio_map = self.tpavi[str(stage)](feature.transpose(1, 2), audio)
        return fused.transpose(1, 2), audio_map


def blank_padding(x: Tensor, valid: Tensor | None) -> Tensor:
    """Set the frames of `x` (B, T, ...) that are not `valid`, B * T values, to zero; None leaves all."""
    return x if valid is None else x * valid.to(x.dtype).reshape(*x.shape[:2], *[1] * (x.ndim - 2))


def _checked_stages(stages: Sequence[int]) -> tuple[int, ...]:
    for stage in stages:
        if stage not in STAGES:
            raise UserError(
                f"fusion_stages: stage {stage!r} does not exist; allowed are 1 (stride 4), 2, 3 and 4 (stride 32), "
                "e.g. [3,4], or [] for no fusion"
            )
    return tuple(sorted(set(stages)))


def _checked_window(window: int | str | None, num_classes: int) -> int | None:
    if window == "auto":
        return AVSS_WINDOW if num_classes > 1 else None
    if window is None or (isinstance(window, int) and window >= 1):
        return window
    raise UserError(f"fusion_window: {window!r} is not a number of frames; give 1 or more, None for all, or 'auto'")
