"""The AVSegFormer network (Gao et al., "AVSegFormer: Audio-Visual Segmentation with Transformer", AAAI 2024).

Every frame is segmented with its own second of sound, without a look at its neighbours.
"""

from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from avseg.models.avsegformer.head import MaskHead, Mixer
from avseg.models.avsegformer.pixel_encoder import PixelEncoder
from avseg.models.avsegformer.queries import AttentionQueries, RepeatedQueries
from avseg.nn.backbone import Backbone
from avseg.nn.cpu_kernels import use_fast_products
from avseg.nn.unused_weights import UnusedWeights
from avseg.utils.choices import check_choice

GENERATORS = ("attention", "repeat")


class AVSegFormerOutput(NamedTuple):
    """Logits (B, T, K, H, W), and the gated mask feature (B, T, C, h, w) at stride 4, which the mix loss reads."""

    logits: Tensor
    mask_feature: Tensor


class VisualFeatures(NamedTuple):
    """Features that do not depend on the sound, for N frames; `size` is (h, w) of stride 4."""

    memory: Tensor  # (N, S, C), tokens of strides 8, 16 and 32
    pixels: Tensor  # (N, h * w, C), the mask feature before the mixer
    size: tuple[int, int]
    frame_size: tuple[int, int]


class AVSegFormer(nn.Module):
    """Segment the sounding objects of each frame from one sound embedding per frame.

    Any number of frames of any size. The published model has the defaults.

    Raises:
        UserError: an unknown backbone or query generator, weights or packages that are not available.
    """

    def __init__(
        self,
        backbone: str = "resnet50",  # a timm model with strides 4 to 32
        num_classes: int = 1,  # sounding or not; 71 for AVSS
        query_generator: Literal["attention", "repeat"] = "attention",  # "repeat" for the files of 2023-05
        channels: int = 256,
        queries: int = 300,
        heads: int = 8,
        layers: int = 6,  # of pixel encoder, query generator and decoder
        dropout: float = 0.1,  # in pixel encoder and decoder
        pretrained: bool | str = False,  # weights of the backbone, see `Backbone`
        audio_channels: int = 128,  # length of a sound embedding, 128 for VGGish
    ) -> None:
        super().__init__()
        check_choice("query_generator", query_generator, GENERATORS)
        wide = 8 * channels  # of the feed-forward networks
        self.audio_proj = nn.Linear(audio_channels, channels)
        self.backbone = Backbone(backbone, pretrained)
        self.input_proj = nn.ModuleList()
        for stage_channels in self.backbone.channels:
            self.input_proj.append(nn.Sequential(nn.Conv2d(stage_channels, channels, 1), _norm(channels)))
        self.pixel_encoder = PixelEncoder(channels, heads, layers, wide, dropout)
        self.query_generator = (
            AttentionQueries(channels, heads, queries, layers)
            if query_generator == "attention"
            else RepeatedQueries(queries)
        )
        self.learnable_query = nn.Embedding(queries, channels)
        self.decoder = nn.ModuleList()
        for _ in range(layers):
            self.decoder.append(
                nn.TransformerDecoderLayer(channels, heads, wide, dropout, activation="gelu", batch_first=True)
            )
        self.lateral_conv = nn.Sequential(nn.Conv2d(channels, channels, 1), _norm(channels))
        self.out_conv = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), _norm(channels))
        self.mixer = Mixer(channels, heads)
        self.head = MaskHead(channels, queries, num_classes, wide)
        self.unused = UnusedWeights()
        self._initialise()
        use_fast_products(self)

    def _initialise(self) -> None:
        """Draw every matrix of the head as published, Xavier uniform, but for the deformable attention."""
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1 and not name.startswith(("backbone.", "audio_proj.")):
                nn.init.xavier_uniform_(parameter)
        self.pixel_encoder.initialise()

    def forward(
        self, frames: Tensor, audio: Tensor, valid: Tensor | None = None, decode_mask: Tensor | None = None
    ) -> AVSegFormerOutput:
        """Segment clips: frames (B, T, 3, H, W) normalised as by `avseg.nn.normalise`, audio (B, T, `audio_channels`).

        Args:
            frames: the frames.
            audio: sound embeddings.
            valid: (B, T), false for padded frames (AVSS), whose outputs are zeros.
            decode_mask: (B, T) bool, the frames to segment, None for all; the outputs of the others are zeros. The
                backbone sees all of them, as its batch norms do in training.
        """
        selected = decode_mask
        if valid is not None:
            selected = valid.bool() if selected is None else selected.bool() & valid.bool()
        return self.decode(self.encode(frames, selected), audio, selected)

    def encode(self, frames: Tensor, selected: Tensor | None = None) -> VisualFeatures:
        """Encode frames (B, T, 3, H, W), after the backbone only those `selected` (B, T)."""
        stages = self.backbone(frames.flatten(0, 1))  # four maps (B * T, C_stage, h, w)
        if selected is not None:
            stages = [stage[selected.flatten().bool()] for stage in stages]
        maps = [project(stage) for project, stage in zip(self.input_proj, stages, strict=True)]  # (N, C, h, w)
        memory = self.pixel_encoder(maps[1:])  # (N, S, C)
        height, width = maps[1].shape[-2:]
        stride_8 = memory[:, : height * width].transpose(1, 2).unflatten(-1, (height, width))
        size = (maps[0].shape[-2], maps[0].shape[-1])
        upsampled = F.interpolate(stride_8, size=size, mode="bilinear", align_corners=False)
        mask_feature = F.relu(self.out_conv(self.lateral_conv(maps[0]) + upsampled))  # (N, C, h, w) of stride 4
        pixels = mask_feature.flatten(2).transpose(1, 2)  # (N, h * w, C)
        return VisualFeatures(memory, pixels, size, (frames.shape[-2], frames.shape[-1]))

    def decode(self, features: VisualFeatures, audio: Tensor, selected: Tensor | None = None) -> AVSegFormerOutput:
        """Segment the `selected` frames with the sound (B, T, `audio_channels`) of all."""
        sound = self.audio_proj(audio.flatten(0, 1))[:, None]  # (B * T, 1, C)
        if selected is not None:
            sound = sound[selected.flatten().bool()]
        queries = self.query_generator(sound) + self.learnable_query.weight  # (N, Q, C)
        for layer in self.decoder:
            queries = layer(queries, features.memory)
        pixels = self.mixer(features.pixels, sound)  # (N, h * w, C)
        logits = self.head(queries, pixels, features.size)  # (N, K, 4h, 4w)
        if tuple(logits.shape[-2:]) != features.frame_size:  # sides that are no multiples of 4
            logits = F.interpolate(logits, size=features.frame_size, mode="bilinear", align_corners=False)
        mask_feature = pixels.transpose(1, 2).unflatten(-1, features.size)  # (N, C, h, w)
        batch = (audio.shape[0], audio.shape[1])
        return AVSegFormerOutput(_all_frames(logits, batch, selected), _all_frames(mask_feature, batch, selected))


def _norm(channels: int) -> nn.GroupNorm:
    """Groups of 8 channels: the published 32 groups at 256 channels."""
    return nn.GroupNorm(max(1, channels // 8), channels)


def _all_frames(values: Tensor, batch: tuple[int, int], selected: Tensor | None) -> Tensor:
    """Return (N, ...) of the selected frames as (B, T, ...), zeros elsewhere."""
    if selected is not None:
        everything = values.new_zeros(batch[0] * batch[1], *values.shape[1:])
        values = everything.index_put((selected.flatten().bool(),), values)
    return values.unflatten(0, batch)  # type: ignore[no-untyped-call, no-any-return]
