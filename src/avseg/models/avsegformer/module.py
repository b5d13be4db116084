"""AVSegFormer in training, evaluation and prediction (the authors' recipe)."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from torch import Tensor, nn

from avseg.audio.vggish import VGGish
from avseg.data.clip import Clip
from avseg.models.avsegformer.config import AVSegFormerConfig
from avseg.models.avsegformer.loss import mask_loss, mix_loss
from avseg.models.avsegformer.network import AVSegFormer, AVSegFormerOutput, VisualFeatures
from avseg.models.avsegformer.weights import VGGISH, load_official, official_vggish, to_official
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.nn.normalise import normalise
from avseg.nn.state_dict import load_exactly
from avseg.utils.errors import UserError


class AVSegFormerModule(AVSegModule):
    """Trains an `AVSegFormer` with the mask loss and the mix loss."""

    config: AVSegFormerConfig
    official_audio: ClassVar[bool] = True

    def __init__(self, config: AVSegFormerConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        assert self.frontend is not None
        backbone = context.backbone
        assert backbone is not None
        self.net = AVSegFormer(
            backbone.name,
            context.setting.num_classes,
            config.query_generator,
            channels=config.channels,
            queries=config.queries,
            heads=config.heads,
            layers=config.layers,
            dropout=config.dropout,
            pretrained=backbone.pretrained if context.pretrained else False,
            audio_channels=self.frontend.dim,
        )
        self.audio_encoder = self.make_audio_encoder()

    def encode(self, frames: Tensor) -> VisualFeatures:
        """Compute memory and mask feature of frames (B, T, 3, H, W) uint8."""
        return self.net.encode(normalise(frames))

    def decode(self, features: VisualFeatures, clip: Clip) -> Prediction:
        """Segment with the sound of `clip`."""
        output = self.net.decode(features, self.embed(clip.sound))
        if self.num_classes > 1:  # only AVSS pads its clips
            valid = clip.valid.to(output.logits.dtype)[..., None, None, None]
            output = AVSegFormerOutput(output.logits * valid, output.mask_feature * valid)
        return Prediction(output.logits, output)

    def forward_training(self, clip: Clip) -> Prediction:
        """Segment the frames that the loss reads, the annotated ones (S4: one of five); the backbone sees all."""
        output: AVSegFormerOutput = self.net(normalise(clip.frames), self.embed(clip.sound), decode_mask=clip.annotated)
        return Prediction(output.logits, output)

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """Mask loss plus a tenth of the mix loss."""
        loss = self.config.loss
        output: AVSegFormerOutput = prediction.extra
        terms = {"mask_loss": LossTerm(mask_loss(output.logits, clip.masks, clip.annotated, loss.form))}
        if loss.mix_weight:
            value = mix_loss(output.mask_feature, clip.masks, clip.annotated, loss.form)
            terms["mix_loss"] = LossTerm(value, loss.mix_weight)
        return Losses(terms)

    def frozen_parameters(self, epoch: int) -> Iterable[nn.Parameter]:
        """The backbone in the first epochs; its batch norms keep counting, as published."""
        return self.net.backbone.parameters() if epoch < (self.config.frozen_epochs or 0) else ()

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load an official file: the network, and the VGGish that it was trained with."""
        if not isinstance(self.audio_encoder, VGGish):
            raise UserError(
                f"audio={self.context.audio.name if self.context.audio else None}: official AVSegFormer files hold "
                "VGGish; leave out audio=..."
            )
        vggish = official_vggish(official)
        names = {name: VGGISH + name for name in vggish}
        load_exactly(
            self.audio_encoder,
            vggish,
            subject="VGGish",
            advice="give a complete file of the authors",
            original_names=names,
        )
        load_official(self.net, {name: tensor for name, tensor in official.items() if not name.startswith(VGGISH)})

    def export_weights(self) -> dict[str, Tensor]:
        """Network and VGGish with the official names."""
        exported: dict[str, Tensor] = {}
        if isinstance(self.audio_encoder, VGGish):
            for name, tensor in self.audio_encoder.state_dict().items():
                exported[VGGISH + name] = tensor.detach().clone()
        return exported | to_official(self.net)
