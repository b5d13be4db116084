"""LVS in training, evaluation and prediction."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from avseg.audio.frontend import FrontEnd
from avseg.config.schema import AudioConfig, ModelConfig
from avseg.data.clip import Clip
from avseg.models.base import BuildContext, Losses, LossTerm, Prediction
from avseg.models.localisation.base import LocalisationModule, no_prediction
from avseg.models.localisation.scores import map_logits, stretch, upper_half
from avseg.models.lvs.config import LVSConfig
from avseg.models.lvs.frontend import Spectrogram
from avseg.models.lvs.loss import contrastive_loss, supervised_loss
from avseg.models.lvs.network import LVS
from avseg.models.lvs.weights import load_official, to_official

ENLARGE = 1.1  # before a random crop


class LVSTraining(NamedTuple):
    """Inputs of the losses of a training step."""

    logits: Tensor  # (P, P + 2), of the pairs
    similarity: Tensor  # (N, h, w), of the annotated frames; none if self-supervised
    masks: Tensor  # (N, H, W)


class LVSModule(LocalisationModule):
    """Trains an `LVS` by its own loss, or with masks too (`supervised`)."""

    config: LVSConfig
    net: LVS
    rule_name = "upper half of the pixels"

    def __init__(self, config: LVSConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.net = LVS(config.width, trimap=config.trimap, hard_negatives=config.hard_negatives)
        if config.pretrained is not False and context.pretrained:
            self.net.image_encoder.load_imagenet(config.pretrained)

    @staticmethod
    def rule(maps: Tensor) -> Tensor:
        """Mark the upper half of the pixels."""
        return upper_half(maps)

    @classmethod
    def make_frontend(cls, config: ModelConfig, audio: AudioConfig | None) -> FrontEnd:
        """The spectrogram of several seconds."""
        assert isinstance(config, LVSConfig)
        return Spectrogram(config.sound_scope, config.sound_seconds)

    def localise(self, image_map: Tensor, audio_map: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute logits (N, H, W) of heat maps."""
        return map_logits(heat_map(self.net.localise(image_map, audio_map), size))

    def forward_training(self, clip: Clip) -> Prediction:
        """Encode the frames that the losses read, and compare one of each clip with all sounds."""
        encoded = self.encode_training(clip, ENLARGE)
        image_map, masks = encoded.image_map, encoded.masks
        logits = self.net.compare(image_map[encoded.chosen.paired], encoded.audio_map).logits
        if self.config.supervised:
            similarity = self.net.localise(image_map, self.sound_of_frames(clip, encoded))  # (N, h, w)
        else:
            similarity, masks = image_map[:0, 0], masks[:0]
        return Prediction(no_prediction(clip), LVSTraining(logits, similarity, masks))

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """The contrastive loss, and the supervised one."""
        training = prediction.extra or self.forward_training(clip).extra
        terms = {"contrastive_loss": LossTerm(contrastive_loss(training.logits), over="clips")}
        if self.config.supervised:
            value = supervised_loss(training.similarity, training.masks)
            terms["mask_loss"] = LossTerm(value, self.config.mask_weight)
        return Losses(terms)

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load official LVS weights."""
        load_official(self.net, official)

    def export_weights(self) -> dict[str, Tensor]:
        """The network's weights with official names."""
        return to_official(self.net)


def heat_map(similarity: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge similarities (N, h, w) and stretch each to [0, 1], (N, H, W), as in the official test.

    A constant map is not stretched; it is clipped to [0, 1].
    """
    return stretch(functional.interpolate(similarity[:, None], size, mode="bilinear", align_corners=False)[:, 0])
