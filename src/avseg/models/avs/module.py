"""The AVS model in training, evaluation and prediction (ECCV 2022, section 4.3; the official recipe)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from avseg.data.clip import Clip
from avseg.models.avs.config import AVSConfig
from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.avs.network import AVSModel, AVSOutput, blank_padding
from avseg.models.avs.weights import load_official, to_official
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.nn.normalise import normalise


class AVSModule(AVSegModule):
    """Trains an `AVSModel` with the mask loss and L_AVM."""

    config: AVSConfig

    def __init__(self, config: AVSConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        assert self.frontend is not None
        self.net = build_network(config, context, self.frontend.dim)
        self.audio_encoder = self.make_audio_encoder()
        self.mask_loss = MaskLoss()
        loss = config.loss
        stages = None if loss.mapping_stages is None else list(loss.mapping_stages)
        self.mapping_loss = AudioVisualMappingLoss(stages, loss.mapping_form, loss.mapping_pairing)

    def encode(self, frames: Tensor) -> list[Tensor]:
        """Four stage maps (B, T, C, h, w) of frames (B, T, 3, H, W) uint8."""
        return self.net.encode(normalise(frames))

    def encode_clip(self, clip: Clip) -> list[Tensor]:
        """The same of a batch of clips, whose padded frames are zeros in the encoder instead of black."""
        return self.net.encode(blank_padding(normalise(clip.frames), self._valid(clip)))

    def decode(self, features: list[Tensor], clip: Clip) -> Prediction:
        """Segment with the sound of `clip`."""
        return self._decode(features, clip, None)

    def forward_training(self, clip: Clip) -> Prediction:
        """Decode only frames that a loss reads: the mask loss annotated ones (S4: one of five), L_AVM all of them."""
        needed = None if self.config.loss.mapping_weight else clip.annotated
        return self._decode(self.encode_clip(clip), clip, needed)

    def _decode(self, features: list[Tensor], clip: Clip, needed: Tensor | None) -> Prediction:
        size = (clip.frames.shape[-2], clip.frames.shape[-1])
        output: AVSOutput = self.net.decode(features, self.embed(clip.sound), size, self._valid(clip), needed)
        return Prediction(output.logits, output)

    def _valid(self, clip: Clip) -> Tensor | None:
        # only AVSS pads its clips; elsewhere the multiplication by one is spared
        return clip.valid if self.num_classes > 1 else None

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """Mask loss plus lambda times L_AVM."""
        mask = LossTerm(self.mask_loss(prediction.logits, clip.masks, clip.annotated))
        weight = self.config.loss.mapping_weight
        if not weight:
            return Losses({"mask_loss": mask})
        output: AVSOutput = prediction.extra
        value = self.mapping_loss(output.logits, output.visual_maps, output.audio_maps, clip.annotated)
        # the KL form is a sum over the batch (S4, MS3) or a mean over frames (AVSS); the other is a mean over clips
        over = "sum" if self.mapping_loss.form == "kl" else "clips"
        mapping = LossTerm(value, weight, "annotated" if self.num_classes > 1 else over)  # type: ignore[arg-type]
        return Losses({"mapping_loss": mapping, "mask_loss": mask})

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load official AVSBench weights."""
        load_official(self.net, official)

    def export_weights(self) -> dict[str, Tensor]:
        """The network's weights with official AVSBench names."""
        return to_official(self.net)


def build_network(config: AVSConfig, context: BuildContext, audio_channels: int = 128) -> AVSModel:
    """The network that the options describe, for embeddings of `audio_channels` numbers."""
    backbone = context.backbone
    fusion = context.fusion
    assert backbone is not None
    assert fusion is not None
    network = AVSModel(
        backbone=backbone.name,
        fusion_stages=fusion.stages,
        fusion_mode=fusion.mode,
        fusion_scope=fusion.scope,
        channels=config.channels,
        pretrained=backbone.pretrained if context.pretrained else False,
        num_classes=context.setting.num_classes,
        audio_channels=audio_channels,
        fusion_window=fusion.window,
    )
    memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
    return network.to(memory_format=memory_format)  # type: ignore[call-overload, no-any-return]
